"""`./dev bench gate`: how many planted regressions the gate finds, how many honest retrains it blocks, and what its rivals do.

Drives gate-bench, which makes the pairs and judges them: one JSON row per pair, appended to build/bench/gate/rows/<source>-<pool>.jsonl.
A pair whose row exists is not judged again, so a run that was stopped goes on where it was. Then writes the table and the plots. A
missed target is a measurement, not a failure; a program that fails is one.
"""
import argparse
import json
import os
import subprocess
import sys
import time
from collections import deque
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from pathlib import Path

from gate_page import page
from gate_plots import all_plots
from gate_table import chosen, columns_of, read_rows, summarise

SOURCES = ("mnist", "synthetic", "digits")  # the longest first, so that it does not run on alone at the end
FULL = {"null": 66, "logic": 20, "training": 12, "beyond": 12, "reopened": 12, "unseen": 10}   # logic, unseen: per band of mass
FULL_OF = {"mnist": {"training": 6}}                                            # training on MNIST is the dearest part
QUICK = {"null": 20, "logic": 6, "training": 3, "beyond": 3, "reopened": 3}
FULL_COLUMNS, QUICK_COLUMNS = "all", "gate,regions,known_regions,rivals"         # nine parts cost four more searches a pair
FULL_COLUMNS_OF = {"mnist": QUICK_COLUMNS}
FULL_DEAR = {"mnist": 4, "synthetic": 6}                                         # first pairs of a kind or band with parts and published searches
FULL_BOOTSTRAPS_OF = {"mnist": 0}
FULL_BOOTSTRAPS = 10                                                            # searches again, for the first four pairs of each band


class Source:
    """One data source's runs of gate-bench, in order. Never two at a time: they share its models on disk."""

    def __init__(self, name, options):
        counts = {**FULL, **FULL_OF.get(name, {})} if options.full else QUICK
        self.name, self.options = name, options
        self.jobs = deque(counts.items())
        self.skipped, self.failed = "", ""

    @property
    def rows(self):
        return self.options.work / f"rows/{self.name}-{self.options.pool}.jsonl"

    def run(self, kind, pairs, threads):
        log = self.options.work / f"logs/{self.name}-{self.options.pool}-{kind}.log"
        command = [self.options.build / "bin/gate-bench", "--source", self.name, "--pool", self.options.pool, "--kinds", kind,
                   "--pairs", str(pairs), "--work", self.options.work / "work", "--rows", self.rows,
                   "--columns", self.options.columns or (FULL_COLUMNS_OF.get(self.name, FULL_COLUMNS) if self.options.full else QUICK_COLUMNS),
                   "--bootstraps", str(FULL_BOOTSTRAPS_OF.get(self.name, FULL_BOOTSTRAPS) if self.options.full else 0), "--threads", str(threads)]
        if self.options.full and self.name in FULL_DEAR:
            command += ["--dear-pairs", str(FULL_DEAR[self.name])]
        started = time.monotonic()
        with open(log, "w") as kept:
            program = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                                       env={**os.environ, "OPENBLAS_NUM_THREADS": "1"})
            last = ""
            for said in program.stdout:
                kept.write(said)
                kept.flush()
                print(f"  {self.name}/{kind}: {said.rstrip()}", file=sys.stderr, flush=True)
                last = said.strip() or last
                if said.startswith("SKIPPED"):
                    self.skipped = said.strip()
            status = program.wait()
        print(f"== {self.name}/{kind}: {time.monotonic() - started:.0f} s, exit {status}", file=sys.stderr, flush=True)
        if status != 0:
            self.failed = f"{self.name}/{kind}: gate-bench ended with {status}: {last or 'no word'} (log: {log})"
        if status != 0 or self.skipped:
            self.jobs.clear()


def drive(sources, cores):
    """Two sources side by side with one thread each while two remain; the last one gets every core."""
    waiting, running = deque(sources), {}
    with ThreadPoolExecutor(max_workers=2) as pool:
        while waiting or running:
            while waiting and len(running) < min(2, cores):
                source = waiting.popleft()
                if source.jobs:
                    alone = not waiting and not running
                    kind, pairs = source.jobs.popleft()
                    running[pool.submit(source.run, kind, pairs, cores if alone else max(1, cores // 2))] = source
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                source = running.pop(future)
                future.result()
                if source.jobs:
                    waiting.appendleft(source)


def render(sources, options, remarks):
    rows, unread = read_rows([s.rows for s in sources if s.rows.exists()])
    if not rows:
        print(f"no rows yet under {options.work / 'rows'}: " + ("; ".join(remarks) or "run without --only-table first"))
        return
    summary = summarise(rows, chosen(columns_of(rows), options.columns or "all"), [s.name for s in sources])
    remarks = [*remarks, *unread]
    options.out.mkdir(parents=True, exist_ok=True)
    text = page(summary, remarks)
    (options.out / "table.md").write_text(text)
    (options.out / "table.json").write_text(json.dumps({**summary, "remarks": remarks}, indent=1, ensure_ascii=False, allow_nan=False) + "\n")
    for name, svg in all_plots(rows, summary).items():
        (options.out / name).write_text(svg)
    print(text)
    print(f"written to {options.out}", file=sys.stderr)


def main():
    options = argparse.ArgumentParser(prog="./dev bench gate", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--build", type=Path, required=True, help=argparse.SUPPRESS)
    options.add_argument("--full", action="store_true", help="all three sources with the full number of pairs: hours")
    options.add_argument("--pool", choices=("tuning", "final"), default="final", help="constants are set on the first, shown on the second")
    options.add_argument("--source", help="comma-separated: synthetic, digits, mnist (default: digits, with --full all)")
    options.add_argument("--columns", help="comma-separated names of columns; parts, rivals or all for many (default: all but the parts, with --full"
                         " all)")
    options.add_argument("--out", type=Path, help="folder for the table and the plots")
    options.add_argument("--only-table", action="store_true", help="from the rows there are; judges nothing")
    options = options.parse_args()
    options.build = options.build.resolve()
    options.work = options.build / "gate"
    options.out = options.out or options.work / "report"
    every = options.full or options.only_table
    names = options.source.split(",") if options.source else SOURCES if every else ("digits",)
    if unknown := set(names) - set(SOURCES):
        sys.exit(f"no such source: {', '.join(sorted(unknown))} (there are: {', '.join(SOURCES)})")
    for folder in ("rows", "logs", "work"):
        (options.work / folder).mkdir(parents=True, exist_ok=True)

    sources = [Source(name, options) for name in SOURCES if name in names]
    if not options.only_table:
        drive(sources, os.cpu_count() or 1)
    remarks = [f"{s.name}: {s.skipped}" for s in sources if s.skipped] + [s.failed for s in sources if s.failed]
    render(sources, options, remarks)
    if any(s.failed for s in sources):
        sys.exit("gate-bench failed: " + "; ".join(s.failed for s in sources if s.failed))


if __name__ == "__main__":
    main()
