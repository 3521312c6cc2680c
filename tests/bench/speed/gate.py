"""The whole warm gate on MNIST against its floor: the candidate's forward passes over the test split and the probe set, and nothing else.

A cold gate fills a cache; each warm one gets that cache as it was then (hard links), so that nothing of its candidate is known. The floor is timed
without the start of its process, the reading of its model and of the cache; the gate is the whole command, from start to report.
"""
import json
import os
import shutil
import statistics
import subprocess
import time

from .common import Row, run, skipped

CONFIG = """\
api_version: defused/v1
state_dir: {work}/state
registry: {{ path: {work} }}
worker: {{ memory: 8GiB, timeout: 1h }}
models:
  mnist:
    input: {{ shape: [1, 28, 28], scale: 255 }}
    data:
      train: {{ idx: {{ images: {mnist}/train-images-idx3-ubyte.gz, labels: {mnist}/train-labels-idx1-ubyte.gz }} }}
      test:  {{ idx: {{ images: {mnist}/t10k-images-idx3-ubyte.gz,  labels: {mnist}/t10k-labels-idx1-ubyte.gz }} }}
"""


def evaluate(bench, work, candidate, cache, report="report"):
    """One `defusectl evaluate`: its seconds and its report."""
    out = work / report
    shutil.rmtree(out, ignore_errors=True)
    started = time.monotonic()
    done = subprocess.run([bench.build / "bin/defusectl", "evaluate", "--config", work / "defused.yaml", "--model", "mnist", "--candidate",
                           work / f"models/{candidate}.pt", "--incumbent", work / "models/incumbent.pt", "--report", out, "--cache", cache],
                          capture_output=True, text=True)
    seconds = time.monotonic() - started
    if not (out / "report.json").exists():
        raise SystemExit(f"defusectl evaluate: exit status {done.returncode}, no report\n{done.stderr[-4000:]}")
    report = json.loads((out / "report.json").read_text())
    if report["verdict"]["verdict"] == "error":
        raise SystemExit(f"defusectl evaluate: {report['verdict']['reason']}")
    return {"seconds": seconds, "report": report}


def peak(report):
    return max(station["peak_memory"] for station in report["run"]["stations"]) / 2**20


def prepare(bench):
    """The folder of the MNIST gate, with models and a cache that a cold gate has filled; and that gate, or None if it ran in an earlier run."""
    work = bench.work / "gate"
    work.mkdir(parents=True, exist_ok=True)
    if not (work / "models/planted.pt").exists():
        run([bench.build / "bin/make-mnist-models", bench.mnist, work / "models"], env=bench.environment())
    (work / "defused.yaml").write_text(CONFIG.format(work=work, mnist=bench.mnist))
    shutil.rmtree(work / "cache", ignore_errors=True)
    return work, evaluate(bench, work, "retrain", work / "cache", "report-cold")


def rows(bench):
    if bench.mnist is None:
        skipped("gate", "no MNIST in DEFUSED_MNIST")
        return
    work, cold = prepare(bench)
    warm_runs = []

    def warm():
        cache = work / "cache-warm"
        shutil.rmtree(cache, ignore_errors=True)
        shutil.copytree(work / "cache", cache, copy_function=os.link)
        warm_runs.append(evaluate(bench, work, "planted", cache, "report-warm"))
        return warm_runs[-1]

    counted = {}

    def floor():
        counted.update(bench.ours("gate/forward_passes", DEFUSED_SPEED_GATE=str(work), DEFUSED_SPEED_CANDIDATE=str(work / "models/planted.pt")))
        return counted

    pairs = bench.alternate(warm, floor)
    images = f"{counted['seeds']:.0f} seeds, {counted['generated']:.0f} generated images, mapped" if counted["kept"] else "images decoded each time"
    yield Row("gate/warm_over_forward_passes", pairs.ratio(), "ratio", "<=", 1.15, f"{pairs.note('forward passes alone')}; {images}")
    stations = [run["report"]["run"]["stations"] for run in warm_runs[1:]]
    for name in dict.fromkeys(s["station"] for s in stations[0]):
        seconds = [sum(s["seconds"] for s in one if s["station"] == name) for one in stations]
        yield Row(f"gate/warm/{name}", statistics.median(seconds), "s")
    yield Row("gate/warm/peak_memory", peak(warm_runs[-1]["report"]), "MiB")
    yield Row("gate/cold", cold["seconds"], "s", note=f"peak {peak(cold['report']):.0f} MiB; generator and probe set made anew")
    cached = [evaluate(bench, work, "planted", work / "cache-warm", "report-cached")["seconds"] for _ in range(bench.pairs)]
    yield Row("gate/cached", statistics.median(cached), "s", note="the same gate once more")
    shutil.rmtree(work / "cache-warm", ignore_errors=True)
