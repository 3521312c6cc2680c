"""Rows job/*: the whole Defuse job through defusectl against the same job in PyTorch and scikit-learn: MNIST, same model, same seed images,
as many perturbations.

Ours is timed as users meet it, the start of the program and the reading of files included, and does more: plausibility of every
perturbation, the incumbent's answers, the search for regions with confirmation, the other checks, the report. Warm: generator, probe set
and the incumbent's answers are cached, the candidate is new; the peer is given the generator's weights. Cold: nothing is cached; the peer
trains the generator first.
"""
import json
import shutil
import subprocess
import sys
import time

from .common import PEERS, PYTHON, Row, run, skipped

TRAIN_SEEDS, TRAIN_PERTURBED = 10_000, 2_000
EPOCHS, STEPS = 2, 2 * -(-60_000 // 128)

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
    generator: {{ epochs: {epochs} }}
    checks: {{ misclassification_regions: {{ train_seeds: {train_seeds}, train_perturbed: {train_perturbed} }} }}
"""


def rows(bench):
    if bench.mnist is None:
        return skipped("job/whole_warm, job/whole_cold", "no MNIST in DEFUSED_MNIST")
    missing = [name for name in ("defusectl", "defuse-worker", "make-mnist-models") if not (bench.build / "bin" / name).exists()]
    if missing:
        return skipped("job/whole_warm, job/whole_cold", f"not built: {', '.join(missing)}")
    job = Job(bench)
    yield job.row("job/whole_warm", "warm", 0.2)
    yield job.row("job/whole_cold", "cold", 0.8)


class Job:
    def __init__(self, bench):
        self.bench = bench
        self.work = bench.work / "job"
        self.work.mkdir(exist_ok=True)
        self.said = {}
        if not (self.work / "models/planted.pt").exists():
            run([bench.build / "bin/make-mnist-models", bench.mnist, self.work / "models"], env=bench.environment())
        for name, file, n in (("test", "t10k", 10_000), ("train", "train", 60_000)):
            if not (self.work / f"{name}.npy").exists():
                run([PYTHON, PEERS / "make_images.py", self.work / f"{name}.npy", n, "--idx", bench.mnist / f"{file}-images-idx3-ubyte.gz"])
        (self.work / "defused.yaml").write_text(CONFIG.format(work=self.work, mnist=bench.mnist, epochs=EPOCHS, train_seeds=TRAIN_SEEDS,
                                                              train_perturbed=TRAIN_PERTURBED))
        # What a warm gate finds: all that an earlier version's gate left, and nothing of this candidate's.
        shutil.rmtree(self.work / "warm", ignore_errors=True)
        self.gate("retrain", self.work / "warm")

    def gate(self, candidate, cache):
        report = self.work / "report"
        shutil.rmtree(report, ignore_errors=True)
        started = time.monotonic()
        done = subprocess.run([self.bench.build / "bin/defusectl", "evaluate", "--config", self.work / "defused.yaml", "--model", "mnist",
                               "--candidate", self.work / f"models/{candidate}.pt", "--incumbent", self.work / "models/incumbent.pt",
                               "--report", report, "--cache", cache], capture_output=True, text=True)
        seconds = time.monotonic() - started
        if not (report / "report.json").exists():
            sys.exit(f"job: no report (status {done.returncode})\n{done.stderr[-2000:]}")
        stations = json.loads((report / "report.json").read_text())["run"]["stations"]
        return {"seconds": seconds, "stations": {station["station"]: station["seconds"] for station in stations},
                "cached": [station["station"] for station in stations if station["cached"]]}

    def ours(self, kind):
        cache = self.work / "cache"
        shutil.rmtree(cache, ignore_errors=True)
        if kind == "warm":
            shutil.copytree(self.work / "warm", cache, copy_function=shutil.copy)
        self.said["ours"] = self.gate("planted", cache)
        wanted = ["generator", "probes"] if kind == "warm" else []
        if sorted(set(self.said["ours"]["cached"]) & {"generator", "probes"}) != wanted:
            sys.exit(f"job: a {kind} gate had {self.said['ours']['cached']} from the cache")
        return self.said["ours"]

    def theirs(self, kind):
        words = ["--steps", STEPS] if kind == "cold" else ["--weights", self.entry("generator") / "weights.pt"]
        self.said["theirs"] = self.bench.peer("defuse_job.py", self.work / "models/planted.pt", self.work / "test.npy",
                                              self.work / "train.npy", self.entry("probes"), *words)
        return self.said["theirs"]

    def entry(self, station):
        entries = [entry for entry in (self.work / "warm" / station).iterdir() if entry.is_dir() and not entry.name.startswith(".")]
        if len(entries) != 1:
            sys.exit(f"job: {len(entries)} entries of the station {station} in the warm cache, not one")
        return entries[0]

    def row(self, name, kind, target):
        pairs = self.bench.alternate(lambda: self.ours(kind), lambda: self.theirs(kind))
        longest = sorted(self.said["ours"]["stations"].items(), key=lambda item: -item[1])[:3]
        note = (f"{pairs.note('PyTorch and scikit-learn')}; {self.said['theirs']['generated']} generated images, "
                f"{self.said['theirs']['failed']} failed; ours longest: " + ", ".join(f"{key} {value:.1f} s" for key, value in longest))
        return Row(name, pairs.ratio(), relation="<=", target=target, note=note)
