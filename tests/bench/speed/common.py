"""What all speed rows share: programs that time themselves, pairs that take turns, and the row that is printed.

A row compares what we run with a peer or a floor measured in the same minutes: the two take turns, at least five times each, and the row's value
is the median of the pairs' ratios. Programs time the work alone (not their start, not the reading of files) and print seconds.
"""
import json
import math
import os
import statistics
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
PEERS = HERE.parent / "peers"
PYTHON = os.environ.get("DEFUSED_PEER_PYTHON", "/usr/bin/python3")  # the one that Debian's python3-torch belongs to


@dataclass
class Row:
    name: str
    value: float
    unit: str = "ratio"
    relation: str | None = None  # "<=" or ">="
    target: float | None = None
    note: str = ""

    def holds(self):
        if self.relation is None:
            return None
        return self.value <= self.target if self.relation == "<=" else self.value >= self.target

    def json(self):
        out = {key: value for key, value in asdict(self).items() if value is not None}
        if self.relation is not None:
            out["holds"] = self.holds()
        return json.dumps(out)


def show_head(width=44):
    print(f"{'row':{width}} {'value':>10} {'unit':8} {'target':>10}", flush=True)


def show(row, rows_file=None, width=44):
    """Prints a row, and appends it to the file of rows if there is one."""
    target = f"{row.relation} {row.target:g}" if row.relation else ""
    mark = {True: "", False: "  MISSED", None: ""}[row.holds()]
    print(f"{row.name:{width}} {row.value:10.4g} {row.unit:8} {target:>10}{mark}  {row.note}", flush=True)
    if rows_file:
        with rows_file.open("a") as out:
            out.write(row.json() + "\n")


@dataclass
class Pairs:
    ours: list
    theirs: list

    def ratio(self):
        return statistics.median(a / b for a, b in zip(self.ours, self.theirs))

    def note(self, theirs="peer"):
        return f"{statistics.median(self.ours):.4g} s against {statistics.median(self.theirs):.4g} s ({theirs}), {len(self.ours)} pairs"


@dataclass
class Bench:
    build: Path          # with bin/ below it
    work: Path           # data, caches and what the programs print
    mnist: Path | None   # None: rows that need it are skipped, and say so
    pairs: int = 5

    def environment(self, **more):
        # Two BLAS threads in one of our two workers would be counted as ours, or starve the peer of the next turn.
        return {**os.environ, "OPENBLAS_NUM_THREADS": "1", "DEFUSED_SPEED_DATA": str(self.work), **more}

    def ours(self, name, **environment):
        """One run of a google-benchmark of the program speed-bench: its JSON entry, with `seconds`."""
        out = self.work / "benchmark.json"
        run([self.build / "bin/speed-bench", f"--benchmark_filter=^{name}(/iterations:[0-9]+)?(/real_time)?$", f"--benchmark_out={out}", "--benchmark_out_format=json"],
            env=self.environment(**environment))
        entries = json.loads(out.read_text())["benchmarks"]
        if not entries or entries[0].get("error_occurred"):
            sys.exit(f"speed-bench: {name}: {entries[0]['error_message'] if entries else 'there is no such benchmark'}")
        entry = entries[0]
        scale = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0}[entry["time_unit"]]
        return {**entry, "seconds": entry["real_time"] * scale}

    def peer(self, script, *words, threads=None):
        """One run of a script under tests/bench/peers, which prints one JSON object with `seconds` as its last line. Peers run with the
        defaults of their libraries (all cores); `threads` limits both BLAS and OpenMP where a row says so."""
        environment = {**os.environ, "DEFUSED_SPEED_DATA": str(self.work)}
        environment.pop("OPENBLAS_NUM_THREADS", None)
        environment.pop("OMP_NUM_THREADS", None)
        if threads is not None:
            environment |= {"OPENBLAS_NUM_THREADS": str(threads), "OMP_NUM_THREADS": str(threads)}
        return json.loads(run([PYTHON, PEERS / script, *words], env=environment).splitlines()[-1])

    def alternate(self, ours, theirs, pairs=None):
        """Runs both in turn, the first of a pair changing, and keeps their seconds. The first run of each is not counted."""
        ours(), theirs()
        kept = Pairs([], [])
        for index in range(pairs or self.pairs):
            order = [(ours, kept.ours), (theirs, kept.theirs)]
            for function, seconds in order if index % 2 == 0 else reversed(order):
                seconds.append(function()["seconds"])
        return kept


def run(words, **options):
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, **options)
    if done.returncode != 0:
        sys.exit(f"{' '.join(str(word) for word in words)} failed with status {done.returncode}:\n{done.stderr[-4000:]}")
    return done.stdout


def slope(sizes, values):
    """Of log value over log size, by least squares: 1 is linear."""
    x, y = [math.log(size) for size in sizes], [math.log(value) for value in values]
    mean_x, mean_y = statistics.mean(x), statistics.mean(y)
    return sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y)) / sum((a - mean_x) ** 2 for a in x)


def skipped(name, why):
    print(f"SKIPPED {name}: {why}", file=sys.stderr)
