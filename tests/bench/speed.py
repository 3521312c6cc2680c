"""`./dev bench speed`: how long the parts and the whole take, each row against a peer or a floor of the same run.

  ./dev bench speed                        every row (docs/benchmarks.md says how long that takes)
  ./dev bench speed --only mixture,engine  rows of some modules under tests/bench/speed/
  ./dev bench speed --rows FILE            one JSON object a line as well

A missed target is marked and leaves exit status 0; a program that fails does not.
"""
import argparse
import importlib
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from speed.common import Bench, show, show_head  # noqa: E402

MODULES = ["mixture", "spotlight", "engine", "training", "job", "gate", "daemon", "scale"]


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--build", type=Path, required=True, help=argparse.SUPPRESS)
    options.add_argument("--only", default=",".join(MODULES), help="modules, separated by commas")
    options.add_argument("--pairs", type=int, default=5, help="turns of each side (default 5)")
    options.add_argument("--rows", type=Path, help="where to write the rows as JSON lines")
    options = options.parse_args()
    mnist = Path(os.environ.get("DEFUSED_MNIST", "/nowhere"))
    build = options.build.resolve()
    work = build / "speed"
    work.mkdir(parents=True, exist_ok=True)
    bench = Bench(build, work, mnist.resolve() if (mnist / "train-images-idx3-ubyte.gz").exists() else None, options.pairs)
    if options.rows:
        options.rows.write_text("")
    show_head()
    for name in options.only.split(","):
        if name not in MODULES:
            sys.exit(f"no such module: {name} (there are: {', '.join(MODULES)})")
        for row in importlib.import_module(f"speed.{name}").rows(bench):
            show(row, options.rows)


if __name__ == "__main__":
    main()
