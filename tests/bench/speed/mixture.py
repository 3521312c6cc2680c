"""Rows mixture/*: the Gaussian mixture, its k-means and the latent neighbours against scikit-learn on the same arrays, from the same start.

Both sides must end at the same answer, or the row fails: the same bound to 1e-6, the same inertia, the same neighbours.
"""
import sys

from .common import PEERS, PYTHON, Row, run

MOST_ITERATIONS, TOLERANCE = 100, 1e-3  # as in mixture_bench.cc


def rows(bench):
    run([PYTHON, PEERS / "make_mixture_data.py"], env=bench.environment())
    yield mixture(bench, "mixture/dp_gmm", "<=", 0.1)
    yield mixture(bench, "mixture/dp_gmm_1_thread")
    yield kmeans(bench)
    yield neighbours(bench)


def both(bench, name, script, *words):
    """Pairs of runs, and what the last run of each side said."""
    last = {}

    def ours():
        last["ours"] = bench.ours(name)
        return last["ours"]

    def theirs():
        last["theirs"] = bench.peer(script, *words)
        return last["theirs"]

    return bench.alternate(ours, theirs), last["ours"], last["theirs"]


def same(name, what, ours, theirs, tolerance):
    apart = abs(ours - theirs) / max(abs(theirs), 1e-300)
    if not apart <= tolerance:
        sys.exit(f"{name}: {what} differs by {apart:.2g} of it ({ours!r} against {theirs!r}): the two did not do the same work")
    return apart


def mixture(bench, name, relation=None, target=None):
    pairs, ours, theirs = both(bench, name, "dp_gmm.py", MOST_ITERATIONS, TOLERANCE)
    same(name, "the number of iterations", ours["iterations"], theirs["iterations"], 0)
    apart = same(name, "the final bound", ours["bound"], theirs["bound"], 1e-6)
    note = f"{pairs.note('scikit-learn')}; {theirs['iterations']} iterations each, bounds apart by {apart:.1g} of them"
    return Row(name, pairs.ratio(), relation=relation, target=target, note=note)


def kmeans(bench):
    name = "mixture/kmeans"
    pairs, ours, theirs = both(bench, name, "kmeans.py")
    apart = same(name, "the inertia", ours["inertia"], theirs["inertia"], 1e-6)
    note = f"{pairs.note('scikit-learn')}; {ours['iterations']:.0f} and {theirs['iterations']} rounds, inertias apart by {apart:.1g} of them"
    return Row(name, pairs.ratio(), note=note)


def neighbours(bench):
    name = "mixture/neighbours"
    pairs, ours, theirs = both(bench, name, "neighbours.py")
    # Ties aside, both are exact; a handful of pairs closer than float32's rounding may change places.
    same(name, "the number of agreeing neighbours", ours["agreeing"], theirs["agreeing"], 1e-4)
    return Row(name, pairs.ratio(), note=f"{pairs.note('scikit-learn')}; 20 of 20,000 for 20,000 queries, 1 thread of ours")
