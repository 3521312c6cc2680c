"""The whole warm gate on MNIST against its floor: the candidate's forward passes over the test split and the probe set, and nothing else.

A cold gate fills a cache; each warm one gets that cache (hard links) without what it says of the candidate. Two candidates are timed, since what the
search costs depends on what there is to be found: one with a planted bug, and an honest retrain. The floor is timed
without the start of its process, the reading of its model and of the cache; the gate is the whole command, from start to report.
"""
import os
import shutil
import statistics

from . import mnist
from .common import Row, skipped


def prepare(bench):
    """The folder of the MNIST gate, with models and a cache that a cold gate has filled; and that gate."""
    work = bench.work / "gate"
    mnist.prepare(bench, work)
    mnist.configure(bench, work)
    shutil.rmtree(work / "cache", ignore_errors=True)
    return work, mnist.evaluate(bench, work, "retrain", work / "cache", "report-cold")


def forget_candidate(cache):
    """Takes the candidate's answers out of the cache that a cold gate has left: of the two entries the one that was made first."""
    for station in ("answers", "evaluation"):
        entries = sorted((cache / station).iterdir(), key=lambda entry: entry.stat().st_mtime_ns)
        if len(entries) != 2:
            raise SystemExit(f"{station}: a cold gate left {len(entries)} entries, not those of two models")
        shutil.rmtree(entries[0])


def timed(bench, work, candidate):
    """Pairs of the warm gate and its floor, the gates' reports, and what the floor counted."""
    reports, counted = [], {}

    def warm():
        cache = work / "cache-warm"
        shutil.rmtree(cache, ignore_errors=True)
        shutil.copytree(work / "cache", cache, copy_function=os.link)
        run = mnist.evaluate(bench, work, candidate, cache, "report-warm")
        again = mnist.cached(run["report"])
        if "answers" in again or "answers_incumbent" not in again:
            raise SystemExit(f"this gate is not warm: from the cache came {', '.join(again)}")
        reports.append(run["report"])
        return run

    def floor():
        counted.update(bench.ours("gate/forward_passes", DEFUSED_SPEED_GATE=str(work), DEFUSED_SPEED_CANDIDATE=str(work / f"models/{candidate}.pt")))
        return counted

    return bench.alternate(warm, floor), reports[1:], counted


def rows(bench):
    if bench.mnist is None:
        skipped("gate", "no MNIST in DEFUSED_MNIST")
        return
    work, cold = prepare(bench)
    forget_candidate(work / "cache")
    for name, candidate in (("gate/warm", "planted"), ("gate/warm_retrain", "retrain")):
        pairs, reports, counted = timed(bench, work, candidate)
        images = f"{counted['seeds']:.0f} seeds, {counted['generated']:.0f} generated images, mapped" if counted["kept"] else "images decoded each time"
        yield Row(f"{name}_over_forward_passes", pairs.ratio(), "ratio", "<=", 1.15, f"{pairs.note('forward passes alone')}; {images}")
        runs = [mnist.stations(report) for report in reports]
        for station in dict.fromkeys(s["station"] for s in runs[0]):
            seconds = [sum(s["seconds"] for s in one if s["station"] == station) for one in runs]
            if (median := statistics.median(seconds)) >= 0.01:
                yield Row(f"{name}/{station}", median, "s")
        yield Row(f"{name}/peak_memory", mnist.peak(reports[-1]), "MiB")
    yield Row("gate/cold", cold["seconds"], "s", note=f"peak {mnist.peak(cold['report']):.0f} MiB; generator and probe set made anew")
    again = [mnist.evaluate(bench, work, "retrain", work / "cache-warm", "report-cached")["seconds"] for _ in range(bench.pairs)]
    yield Row("gate/cached", statistics.median(again), "s", note="the retrain's gate once more")
    shutil.rmtree(work / "cache-warm", ignore_errors=True)
