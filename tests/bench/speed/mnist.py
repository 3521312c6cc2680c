"""MNIST through `defusectl evaluate`, as the rows job/*, gate/* and scale/* time it: the models, the configuration, and one gate."""
import json
import shutil
import subprocess
import time

from .common import run

CONFIG = """\
api_version: defused/v1
state_dir: {work}/state
registry: {{ path: {work} }}
worker: {{ memory: 12GiB, timeout: 3h }}
models:
  mnist:
    input: {{ shape: [1, 28, 28], scale: 255 }}
    data:
      train: {{ idx: {{ images: {mnist}/train-images-idx3-ubyte.gz, labels: {mnist}/train-labels-idx1-ubyte.gz }} }}
      test:  {{ idx: {{ images: {images}, labels: {labels} }} }}
    generator: {generator}
    checks: {{ misclassification_regions: {regions} }}
"""


def prepare(bench, work):
    """The models incumbent, retrain (an honest one) and planted (with a bug) under work/models, trained once."""
    work.mkdir(parents=True, exist_ok=True)
    if not (work / "models/planted.pt").exists():
        run([bench.build / "bin/make-mnist-models", bench.mnist, work / "models"], env=bench.environment())


def configure(bench, work, test=None, generator=None, regions=None):
    """Writes the configuration: defaults, but for the settings given, and for the test split if `test` names its two files."""
    images, labels = test or (bench.mnist / "t10k-images-idx3-ubyte.gz", bench.mnist / "t10k-labels-idx1-ubyte.gz")
    (work / "defused.yaml").write_text(CONFIG.format(work=work, mnist=bench.mnist, images=images, labels=labels,
                                                     generator=json.dumps(generator or {}), regions=json.dumps(regions or {})))


def evaluate(bench, work, candidate, cache, report="report"):
    """One `defusectl evaluate`, from the program's start to the report: its seconds and what it reports."""
    out = work / report
    shutil.rmtree(out, ignore_errors=True)
    words = [bench.build / "bin/defusectl", "evaluate", "--config", work / "defused.yaml", "--model", "mnist", "--candidate", work / f"models/{candidate}.pt",
             "--incumbent", work / "models/incumbent.pt", "--report", out, "--cache", cache]
    started = time.monotonic()
    done = subprocess.run(words, capture_output=True, text=True)
    seconds = time.monotonic() - started
    if not (out / "report.json").exists():
        raise SystemExit(f"defusectl evaluate: exit status {done.returncode}, no report\n{done.stderr[-4000:]}")
    report = json.loads((out / "report.json").read_text())
    if report["verdict"]["verdict"] == "error":
        raise SystemExit(f"defusectl evaluate: {report['verdict']['reason']}")
    return {"seconds": seconds, "report": report}


def stations(report):
    return report["run"]["stations"]


def cached(report):
    return [station["station"] for station in stations(report) if station["cached"]]


def peak(report):
    """MiB resident at most, mapped files included."""
    return max(station["peak_memory"] for station in stations(report)) / 2**20
