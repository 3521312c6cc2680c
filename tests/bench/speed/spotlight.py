"""Rows spotlight/*: the search for one spotlight against the same search in PyTorch, with the same points, start, schedule and steps.

Both must end in a state as good: the objective to 1e-3, or the row fails. (Thousands of steps on a kinked objective part two arithmetics; the walks
differ, where they end does not.)
"""
import sys

from .common import PEERS, PYTHON, Row, run

POINTS, SHARE, STEPS = 10_000, 0.02, 5000  # as in spotlight_bench.cc
LEAST_SLACK, SAME = 0.05, 1e-3


def rows(bench):
    run([PYTHON, PEERS / "make_spotlight_data.py"], env=bench.environment())
    for name, dimensions in (("spotlight/search", 64), ("spotlight/search_16", 16)):
        last = {}

        def ours():
            last["ours"] = bench.ours(name)
            return last["ours"]

        def theirs():
            last["theirs"] = bench.peer("spotlight.py", dimensions, SHARE, STEPS)
            return last["theirs"]

        pairs = bench.alternate(ours, theirs)
        mine, peers = objective(last["ours"]), objective(last["theirs"])
        apart = abs(mine - peers) / abs(peers)
        if not apart <= SAME:
            sys.exit(f"{name}: the objectives differ by {apart:.2g} of them ({mine:.6g} against {peers:.6g}): the two did not find as much")
        yield Row(name, pairs.ratio(), relation="<=", target=0.2,
                  note=f"{pairs.note('PyTorch')}; d = {dimensions}, objectives {mine:.6g} and {peers:.6g}, apart by {apart:.1g} of them")


def objective(end):
    """With the slack of the last step, from the mass and the mean loss that each side measured in double precision."""
    size = SHARE * POINTS
    slack = LEAST_SLACK * size
    short = max(0.0, size + slack - end["mass"])
    return end["mean_loss"] - (short / slack) ** 2
