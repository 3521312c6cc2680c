"""`./dev bench pages`: how long the dashboard's pages take on a large store: 1,000 versions of one model and 20 small ones, 10,000 regions
with scores on the last 12 versions, 2,000 jobs, 300 waivers, 5,000 audit rows.

  ./dev bench pages                every page: median and p95 of 30 requests, each on a connection of its own
  ./dev bench pages --rows FILE    one JSON object a line as well
  ./dev bench pages --keep         leave the filled folder for the next run (it takes a minute to make)
  ./dev bench pages --shots FOLDER a screenshot of each page as well (needs Chromium, its driver and selenium)

A missed target is marked and leaves exit status 0; a page that does not answer 200 does not.
"""
import argparse
import http.client
import os
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from speed.common import Bench, Row, show, show_head  # noqa: E402
from speed.daemon_world import World, until  # noqa: E402

SCREENSHOTS = Path(__file__).resolve().parents[1] / "browser/screenshots.py"
REQUESTS, TARGET = 30, 100.0   # milliseconds
PAGES = {
    "home": "/",
    "releases_first": "/models/digits", "releases_middle": "/models/digits?page=20", "releases_last": "/models/digits?page=39",
    "version": "/models/digits/versions/1000",
    "regions_impact": "/models/digits/regions", "regions_newest": "/models/digits/regions?sort=newest",
    "regions_unlabelled_page_100": "/models/digits/regions?show=unlabelled&page=100", "regions_fixed": "/models/digits/regions?show=fixed",
    "region": "/regions/r-000000000007",
    "queue": "/queue", "model_queue": "/models/digits/queue", "second_opinion": "/queue?show=second",
    "waivers": "/waivers", "waivers_unused": "/waivers?state=unused", "waiver_new": "/waivers/new?model=digits&finding=r-000000000007",
    "jobs": "/jobs", "jobs_last": "/jobs?page=39", "audit": "/audit", "audit_old": "/audit?before=2000",
    "v1_versions": "/v1/models/digits/versions?limit=100&offset=500", "v1_regions": "/v1/models/digits/regions?limit=100&offset=5000",
    "v1_models": "/v1/models",
}


class Large(World):
    """One line of many versions and small ones beside it."""

    def configure(self, **settings):
        super().configure(**settings)
        text = self.config.read_text()
        line = text[text.index("  digits:"):]
        self.config.write_text(text + "".join(line.replace("  digits:", f"  small-{index:02}:", 1) for index in range(1, 21)))


def filled(bench, keep):
    """A world on the filled folder, which is made once and copied: a daemon changes what it runs on."""
    world = Large(bench, "pages")
    kept = bench.work / "pages-filled"
    if not (kept / "state").exists():
        shutil.rmtree(kept, ignore_errors=True)
        (kept / "state").mkdir(parents=True)
        subprocess.run([bench.build / "bin/pages-store", kept / "registry", kept / "state"], check=True, stdout=subprocess.DEVNULL)
    shutil.rmtree(world.registry)
    world.registry.symlink_to(kept / "registry")   # the same files, for fingerprints know their inodes
    shutil.copytree(kept / "state", world.state, dirs_exist_ok=True)
    return world, kept


def ask(world, path):
    """Milliseconds until the whole answer is here."""
    begun = time.perf_counter()
    connection = http.client.HTTPConnection(world.address, timeout=120)
    connection.request("GET", path)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    taken = 1000 * (time.perf_counter() - begun)
    if answer.status != 200:
        sys.exit(f"pages: {path} answered {answer.status}: {body[:400]!r}")
    return taken, len(body)


def idle_worker(world):
    script = world.root / "waiting-worker"
    script.write_text("#!/bin/sh\nexec sleep 100000\n")
    script.chmod(0o755)
    return script


def rows(bench, keep, shots):
    world, kept = filled(bench, keep)
    with world:
        worker = idle_worker(world)
        world.start(worker)   # writes what the verdicts' files say, once
        until(lambda: world.get("/readyz")[0] == 200, "the daemon to be ready")
        world.stop()
        ready = [1000 * world.start(worker)]
        for _ in range(4):
            world.stop()
            ready.append(1000 * world.start(worker))
        if "new, digest" in world.log() or "replaced in place" in world.log():
            sys.exit("pages: the daemon hashed versions that the store knew")
        yield Row("pages/ready", statistics.median(ready), "ms", "<=", 200, f"start to READY=1, median of {len(ready)}")
        for name, path in PAGES.items():
            ask(world, path)   # a thread's first question opens its connection to the store
            taken = sorted(ask(world, path)[0] for _ in range(REQUESTS))
            size = ask(world, path)[1]
            note = f"{path}, {size / 1024:.0f} KiB"
            yield Row(f"pages/{name}", statistics.median(taken), "ms", "<=", TARGET, f"median of {REQUESTS}; {note}")
            yield Row(f"pages/{name}_p95", taken[int(0.95 * REQUESTS)], "ms", "<=", TARGET)
        yield Row("pages/rss", world.resident_mib(), "MiB", note="after all of them")
        if shots:
            subprocess.run(["/usr/bin/python3", SCREENSHOTS, shots, *(f"{name}={path}" for name, path in PAGES.items() if not path.startswith("/v1"))],
                           check=True, env={**os.environ, "DEFUSED_URL": f"http://{world.address}"})
    world.remove()
    if not keep:
        shutil.rmtree(kept)


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--build", type=Path, required=True, help=argparse.SUPPRESS)
    options.add_argument("--rows", type=Path, help="where to write the rows as JSON lines")
    options.add_argument("--keep", action="store_true", help="keep the filled folder")
    options.add_argument("--shots", type=Path, help="where to put screenshots")
    options = options.parse_args()
    work = options.build.resolve() / "speed"
    work.mkdir(parents=True, exist_ok=True)
    if options.rows:
        options.rows.write_text("")
    show_head()
    for row in rows(Bench(options.build.resolve(), work, None), options.keep, options.shots):
        show(row, options.rows)


if __name__ == "__main__":
    main()
