"""`./dev bench mnist`: MNIST through the whole gate, cold and warm; seconds and peak memory of each station.

Prints a table, and with --rows FILE one JSON object a line. The floor is the candidate's forward passes over the test split and the probe set,
measured in the same run: the stations "evaluate" and "answers".
"""
import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

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


def gate(build, work, name, candidate):
    out = work / f"report-{name}"
    started = time.monotonic()
    done = subprocess.run([build / "bin/defusectl", "evaluate", "--config", work / "defused.yaml", "--model", "mnist",
                           "--candidate", work / f"models/{candidate}.pt", "--incumbent", work / "models/incumbent.pt",
                           "--report", out, "--cache", work / "cache"], capture_output=True, text=True)
    seconds = time.monotonic() - started
    if not (out / "report.json").exists():
        sys.exit(f"{name}: no report\n{done.stderr}")
    report = json.loads((out / "report.json").read_text())
    return {"name": name, "exit": done.returncode, "seconds": seconds, "report": report}


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--build", type=Path, required=True)
    options.add_argument("--rows", type=Path)
    options = options.parse_args()
    mnist = Path(os.environ.get("DEFUSED_MNIST", ""))
    if not (mnist / "train-images-idx3-ubyte.gz").exists():
        print(f"SKIPPED: no MNIST in DEFUSED_MNIST='{mnist}'")
        return
    work = options.build.resolve() / "bench-mnist"
    if not (work / "models/planted.pt").exists():
        subprocess.run([options.build / "bin/make-mnist-models", mnist, work / "models"], check=True,
                       env={**os.environ, "OPENBLAS_NUM_THREADS": "1"})
    shutil.rmtree(work / "cache", ignore_errors=True)
    (work / "defused.yaml").write_text(CONFIG.format(work=work, mnist=mnist.resolve()))

    runs = [gate(options.build.resolve(), work, *pair) for pair in
            (("cold", "retrain"), ("warm", "planted"), ("cached", "planted"))]
    rows = []
    for run in runs:
        report = run["report"]
        stations = report["run"]["stations"]
        floor = sum(s["seconds"] for s in stations if s["station"] in ("evaluate", "answers"))
        whole = sum(s["seconds"] for s in stations)
        print(f"\n{run['name']} gate: verdict {report['verdict']['verdict']}, {run['seconds']:.1f} s in all")
        print(f"  {report['verdict']['reason']}")
        print(f"  {'station':20} {'seconds':>9} {'peak MiB':>9}  from the cache")
        for s in stations:
            print(f"  {s['station']:20} {s['seconds']:9.2f} {s['peak_memory'] / 2**20:9.0f}  {'yes' if s['cached'] else ''}")
            rows.append({"name": f"mnist/{run['name']}/{s['station']}", "value": s["seconds"], "unit": "s", "note":
                         f"peak {s['peak_memory'] / 2**20:.0f} MiB"})
        if floor > 0 and run["name"] == "warm":
            print(f"  whole gate over its forward passes: {whole / floor:.2f} (target 1.15)")
            rows.append({"name": "mnist/warm/over_floor", "value": whole / floor, "unit": "ratio", "relation": "<=",
                         "target": 1.15, "holds": whole / floor <= 1.15, "note": "forward passes measured in the same run"})
        for key in ("error_rates", "generator"):
            print(f"  {key}: {json.dumps(report[key])}")
    if options.rows:
        options.rows.write_text("".join(json.dumps(row) + "\n" for row in rows))


if __name__ == "__main__":
    main()
