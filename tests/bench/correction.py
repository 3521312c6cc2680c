"""`./dev bench correction`: bug regions repaired by tuning, on MNIST: the planted bug of a candidate, and natural bugs of an honest retrain.

Each case is gated, repaired from the gate's report, and gated again. What is repaired is measured on region images of test seeds, which nothing was tuned or
chosen on; what it costs, on the untouched test split. Baselines take as many steps from the same weights on the same batches. Prints a table, and with
--rows FILE one JSON object a line; the tables of every run and the pictures of the sweep stay under build/bench/correction.
"""
import argparse
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from speed import mnist  # noqa: E402
from speed.common import Bench, Row, show, show_head  # noqa: E402

NATURAL = 3            # bugs of a model that nothing was planted in
BUGS = ("new", "worse", "inherited")


def correct(bench, work, candidate, name, regions, more):
    """Mends it; its correction.json. The tuned model becomes work/models/<name>.pt."""
    out = work / name
    shutil.rmtree(out, ignore_errors=True)
    words = [bench.build / "bin/defusectl", "correct", "--config", work / "defused.yaml", "--model", "mnist", "--candidate", work / f"models/{candidate}.pt",
             "--incumbent", work / "models/incumbent.pt", "--gate", work / f"gate-{candidate}", "--cache", work / "cache", "--out", out]
    for region in regions:
        words += ["--region", region]
    words += more
    done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode not in (0, 1) or not (out / "correction.json").exists():
        sys.exit(f"defusectl correct: exit status {done.returncode}\n{done.stderr[-4000:]}")
    if (out / "model.pt").exists():
        shutil.copy(out / "model.pt", work / f"models/{name}.pt")
    return json.loads((out / "correction.json").read_text())


def flip_rate(counts):
    return counts["negative_flips"] / sum(counts[key] for key in ("both_right", "negative_flips", "positive_flips", "both_wrong"))


def rows_of(bench, work, case, candidate, regions, more):
    result = correct(bench, work, candidate, f"repaired-{case}", regions, more)
    before = result["before"]
    if result["chosen"] is None:
        yield Row(f"correction/{case}/regions_after", before["regions"], "share", ">=", 0.95, f"nothing was chosen: {result['reason']}")
        return
    chosen = result["runs"][result["chosen"]]
    score = chosen["score"]
    seeds = sum(region["seeds"] for region in score["by_region"])
    yield Row(f"correction/{case}/regions_before", before["regions"], "share", note=f"of {seeds} test seeds in {len(regions) or 'all new and worse'} regions")
    yield Row(f"correction/{case}/regions_after", score["regions"], "share", ">=", 0.95, f"lambda {chosen['lambda']:.3g}")
    yield Row(f"correction/{case}/accuracy_lost", 100 * (before["test"] - score["test"]), "points", "<=", 0.3,
              f"{100 * before['test']:.2f} % before, {100 * score['test']:.2f} % after")
    yield Row(f"correction/{case}/flips", flip_rate(chosen["flips"]), "share", note="negative flips against the version before")
    for run in result["runs"]:
        if run["kind"] == "sweep":
            continue
        name = run["name"].replace(",", "").replace(" ", "_")
        if run["problem"]:
            yield Row(f"correction/{case}/{name}", float("nan"), "share", note=run["problem"])
            continue
        note = (f"accuracy lost {100 * (before['test'] - run['score']['test']):+.2f} points, negative flips {flip_rate(run['flips']):.4f} "
                "against the version before")
        yield Row(f"correction/{case}/{name}/regions_after", run["score"]["regions"], "share", note=note)
    again = mnist.evaluate(bench, work, f"repaired-{case}", work / "cache", f"gate-repaired-{case}")["report"]["verdict"]
    yield Row(f"correction/{case}/passes_the_gate", float(again["verdict"] == "pass"), "", ">=", 1, again["reason"])


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--build", type=Path, required=True, help=argparse.SUPPRESS)
    options.add_argument("--rows", type=Path, help="where to write the rows as JSON lines")
    options = options.parse_args()
    data = Path(os.environ.get("DEFUSED_MNIST", "/nowhere"))
    if not (data / "train-images-idx3-ubyte.gz").exists():
        print(f"SKIPPED: no MNIST in DEFUSED_MNIST='{data}'")
        return
    build = options.build.resolve()
    work = build / "correction"
    bench = Bench(build, work, data.resolve())
    mnist.prepare(bench, work)
    mnist.configure(bench, work)
    reports = {name: mnist.evaluate(bench, work, name, work / "cache", f"gate-{name}")["report"] for name in ("planted", "retrain")}
    natural = [region for region in reports["retrain"]["regions"] if region["status"] in BUGS + ("suspected",) and region["predicted_as"] >= 0]
    natural.sort(key=lambda region: -region["confirm"]["candidate_error"] * region["confirm"]["seeds"])
    three = [region["id"] for region in natural[:NATURAL]]
    cases = [("planted", "planted", [], []), ("natural", "retrain", three, []), ("natural_longer", "retrain", three, ["--steps", "1800"])]
    show_head(64)
    if options.rows:
        options.rows.write_text("")
    for case in cases:
        for row in rows_of(bench, work, *case):
            show(row, options.rows, 64)


if __name__ == "__main__":
    main()
