"""Rows job/*: the whole Defuse job through defusectl against the same job in PyTorch and scikit-learn: MNIST, same model, same seed images,
as many perturbations.

Ours is timed as users meet it, the start of the program and the reading of files included, and does more: plausibility of every
perturbation, the incumbent's answers, the search for regions with confirmation, the other checks, the report. Warm: generator, probe set
and the incumbent's answers are cached, the candidate is new; the peer is given the generator's weights. Cold: nothing is cached; the peer
trains the generator first.
"""
import os
import shutil
import sys

from . import mnist
from .common import PEERS, PYTHON, Row, run, skipped

TRAIN_SEEDS, TRAIN_PERTURBED = 10_000, 2_000
EPOCHS, STEPS = 1, -(-60_000 // 128)


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
        self.said = {}
        mnist.prepare(bench, self.work)
        for name, file, n in (("test", "t10k", 10_000), ("train", "train", 60_000)):
            if not (self.work / f"{name}.npy").exists():
                run([PYTHON, PEERS / "make_images.py", self.work / f"{name}.npy", n, "--idx", bench.mnist / f"{file}-images-idx3-ubyte.gz"])
        mnist.configure(bench, self.work, generator={"epochs": EPOCHS}, regions={"train_seeds": TRAIN_SEEDS, "train_perturbed": TRAIN_PERTURBED})
        # What a warm gate finds: all that an earlier version's gate left, and nothing of this candidate's.
        shutil.rmtree(self.work / "warm", ignore_errors=True)
        mnist.evaluate(bench, self.work, "retrain", self.work / "warm")

    def ours(self, kind):
        cache = self.work / "cache"
        shutil.rmtree(cache, ignore_errors=True)
        if kind == "warm":
            shutil.copytree(self.work / "warm", cache, copy_function=os.link)
        self.said["ours"] = mnist.evaluate(self.bench, self.work, "planted", cache)
        wanted = {"generator", "probes", "generated_images", "answers_incumbent"} if kind == "warm" else set()
        cached = set(mnist.cached(self.said["ours"]["report"]))
        if not wanted <= cached or "answers" in cached or (cached and not wanted):
            sys.exit(f"job: a {kind} gate had {', '.join(sorted(cached))} from the cache")
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
        longest = sorted(mnist.stations(self.said["ours"]["report"]), key=lambda station: -station["seconds"])[:3]
        note = (f"{pairs.note('PyTorch and scikit-learn')}; {self.said['theirs']['generated']} generated images, "
                f"{self.said['theirs']['failed']} failed; ours longest: " + ", ".join(f"{station['station']} {station['seconds']:.1f} s" for station in longest))
        return Row(name, pairs.ratio(), relation="<=", target=target, note=note)
