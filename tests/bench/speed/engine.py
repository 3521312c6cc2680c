"""Rows engine/*: images per second through TorchModel on two workers over a plain loop of forward in one thread; same model and images."""
import os
import sys

from .common import PEERS, PYTHON, Row, run

SMALL, LARGE = 20_000, 1_024  # images: a second or so of each


def rows(bench):
    if not (bench.work / f"engine_{SMALL}_{LARGE}").exists():
        run([PYTHON, PEERS / "make_models.py", bench.work, SMALL, LARGE], env=bench.environment())
        (bench.work / f"engine_{SMALL}_{LARGE}").touch()
    yield against_plain(bench, "engine/images_per_second", "small", ">=", 1.8)
    yield against_plain(bench, "engine/images_per_second_large", "large")
    yield against_python(bench, "engine/over_python", "small")


def against_plain(bench, name, which, relation=None, target=None):
    return compare(bench, name, which, lambda: plain(bench, which), "LibTorch, plain loop of 256", relation, target)


def against_python(bench, name, which):
    def theirs():
        return bench.peer("forward.py", bench.work / f"engine_{which}.pt", bench.work / f"engine_{which}_images.npy")
    return compare(bench, name, which, theirs, "python3-torch, plain loop of 256")


def plain(bench, which):
    """bench.ours, but in a process that leaves Torch and malloc as they come."""
    os.environ["DEFUSED_SPEED_PLAIN"] = "1"
    try:
        return bench.ours(f"engine/plain_{which}")
    finally:
        del os.environ["DEFUSED_SPEED_PLAIN"]


def compare(bench, name, which, theirs, peer, relation=None, target=None):
    last = {}

    def one(side, function):
        last[side] = function()
        return last[side]

    pairs = bench.alternate(lambda: one("theirs", theirs), lambda: one("ours", lambda: bench.ours(f"engine/{which}")))
    ours = last["ours"]
    if abs(ours["sum"] - last["theirs"]["sum"]) > 1e-4 * max(1.0, abs(last["theirs"]["sum"])):
        sys.exit(f"{name}: the sums of all logits differ ({ours['sum']!r} against {last['theirs']['sum']!r}): not the same work")
    way = f"batch {ours['batch']:.0f}" + (", channels-last" if ours["channels_last"] else "") + (", frozen" if ours["frozen"] else "")
    note = f"{pairs.note('2 workers')}; the first is {peer}; ours: {way}, {ours['images']:.0f} images"
    return Row(name, pairs.ratio(), unit="times", relation=relation, target=target, note=note)
