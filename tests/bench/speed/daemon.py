"""The daemon's rows: a real process on a real registry, state folder and SQLite file, judging real models.

`daemon/gate_*` ask the daemon the pipelines' question (GET …/versions/<v>/gate) while its worker runs a real gate on the same two cores, from
a process on the same two cores. The floor takes turns with it: the same load on /livez while the worker is held still (SIGSTOP). The rest
need no models: starting, resting, seeing versions come, listing large registries, answering from large stores.
"""
import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path

from speed.common import Row, skipped, slope
from speed.daemon_world import SHEET, World, digits, fill_store, real_region, until

LOAD = Path(__file__).with_name("daemon_load.py")
RATE, WINDOW = 500, 4          # requests a second, seconds
ROWS = [1_000, 10_000, 100_000, 1_000_000]   # in the store: of versions, jobs and verdicts each, and a hundredth as many regions
SIZES = [10, 100, 1_000, 10_000, 100_000]
GATE = "/v1/models/digits/versions/{}/gate"


def rows(bench):
    yield from start_and_rest(bench)
    yield from detection(bench)
    yield from registries(bench)
    yield from load(bench)
    yield from stores(bench)


def median_note(values, unit, digits=3):
    return f"median of {len(values)}, {min(values):.{digits}g} to {max(values):.{digits}g} {unit}"


def idle_worker(world):
    """A worker that waits, where what a job does is not the matter."""
    script = world.root / "waiting-worker"
    script.write_text("#!/bin/sh\nexec sleep 100000\n")
    script.chmod(0o755)
    return script


# -- start-up and rest

def ready_times(world, times, worker):
    taken = []
    for _ in range(times):
        taken.append(1000 * world.start(worker))
        world.stop()
    return taken


def start_and_rest(bench):
    times = max(5, bench.pairs)
    taken = []
    for index in range(times):   # empty, so that the database is made each time
        world = World(bench, f"empty-{index}")
        taken += ready_times(world, 1, idle_worker(world))
        world.remove()
    yield Row("daemon/ready", statistics.median(taken), "ms", "<=", 200, median_note(taken, "ms") + ", empty state, database created")

    with World(bench, "thousand") as world:
        worker = idle_worker(world)
        world.start(worker)
        world.stop()
        world.fill(1000)
        world.remember()
        taken = ready_times(world, times, worker)
        refuse_hashing(world)
        yield Row("daemon/ready_1000", statistics.median(taken), "ms", "<=", 200, median_note(taken, "ms") + ", 1,000 judged versions")

        world.start(worker)
        seconds = 60 if bench.pairs >= 5 else 20
        at_start = world.resident_mib()
        ask(world, RATE, 2, GATE.format(1000), GATE.format(1999))
        asked = world.resident_mib()
        before = world.cpu_seconds()
        time.sleep(seconds)
        used = world.cpu_seconds() - before
        yield Row("daemon/idle_rss", asked, "MiB", "<=", 40,
                  f"{at_start:.1f} MiB after the start with 1,000 versions; this after 1,000 requests")
        yield Row("daemon/idle_cpu", 100 * used / seconds, "%", note=f"{used:.4f} s of CPU in {seconds} s, 1,000 versions, rescan 30 s")


def refuse_hashing(world):
    if "new, digest" in world.log() or "replaced in place" in world.log():
        sys.exit("daemon rows: the daemon hashed versions that the store knew: the fingerprints of daemon_world.py no longer fit")


# -- detection

def detect(world, versions, marker):
    """Milliseconds from the rename (or the marker) until the version's job stands in the queue, as the daemon's events tell."""
    taken = []
    for version in versions:
        folder = world.registry / "digits" / str(version)
        world.release(version, b"version %d" % version)
        if marker:
            time.sleep(0.5)   # the folder is known by then, and waits for its marker
        begun = time.perf_counter()
        if marker:
            (folder / "READY").touch()
        path = f"/v1/models/digits/versions/{version}"
        until(lambda: (answer := world.get(path))[0] == 200 and answer[1]["job"], f"version {version} to be seen", 60, 0.001)
        taken.append(1000 * (time.perf_counter() - begun))
        time.sleep(0.1)
    return taken


def detection(bench):
    times = max(5, bench.pairs)
    with World(bench, "detect", readiness="marker") as world:
        world.start(idle_worker(world))
        taken = detect(world, range(1, times + 1), marker=True)
        yield Row("daemon/detect_ms", statistics.median(taken), "ms", "<=", 200,
                  median_note(taken, "ms") + ", from `touch READY` to the job in the queue; no settle time in it")
    settle = 2500   # no multiple of anything that the daemon waits for
    with World(bench, "settle", readiness="settle", settle=f"{settle}ms") as world:
        world.start(idle_worker(world))
        taken = [each - settle for each in detect(world, range(1, times + 1), marker=False)]
        yield Row("daemon/detect_settled_ms", statistics.median(taken), "ms", "<=", 200,
                  median_note(taken, "ms") + f", from the rename, less the configured settle time of {settle} ms")


# -- registries of many versions

def registries(bench):
    seconds = {}
    for size in SIZES:
        with World(bench, f"registry-{size}", rescan="1s") as world:
            worker = idle_worker(world)
            world.start(worker)
            world.stop()
            world.fill(size)
            world.remember()
            ready = world.start(worker)
            if world.metric("defused_registry_scan_seconds") is None:
                skipped("daemon/rescan_s", "this daemon does not say how long a scan took")
                return
            taken = scans(world, max(5, bench.pairs))
            refuse_hashing(world)
            seconds[size] = statistics.median(taken)
            note = f"{median_note(taken, 's')}; ready after {ready:.2f} s, {world.resident_mib():.0f} MiB"
            yield Row(f"scale/versions_{size}", seconds[size], "s", note=note)
            if size == 10_000:
                yield Row("daemon/rescan_s", seconds[size], "s", "<=", 1, note)
            world.remove()
    large = SIZES[1:]   # below, what every scan costs counts for more than the versions
    yield Row("scale/versions_slope", slope(large, [seconds[size] for size in large]), "",
              note=f"of log s over log versions, {large[0]} to {large[-1]:,}")


def scans(world, count):
    """Durations of `count` scans, as the daemon's own metric tells: from its start to the end of what was made of it."""
    taken, last = [], None
    while len(taken) < count:
        polled = world.metric("defused_last_successful_poll_timestamp_seconds")
        if polled != last:
            last = polled
            taken.append(world.metric("defused_registry_scan_seconds"))
        time.sleep(0.2)
    return taken


# -- under load

def ask(world, rate, seconds, *paths):
    done = subprocess.run([sys.executable, LOAD, world.address, str(rate), str(seconds), *paths], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"daemon rows: {done.stderr}")
    return json.loads(done.stdout)


def wrk(world, seconds, path):
    text = subprocess.run(["wrk", "-t1", "-c16", f"-d{seconds}s", "--latency", f"http://{world.address}{path}"], check=True,
                          capture_output=True, text=True).stdout
    number, unit = re.search(r"99%\s+([\d.]+)(us|ms|s)", text).groups()
    return float(re.search(r"Requests/sec:\s+([\d.]+)", text)[1]), float(number) * {"us": 0.001, "ms": 1, "s": 1000}[unit]


def hold(world, still):
    """Stops the worker and its threads, or lets it go on; a worker that has just ended is nobody's matter."""
    worker = world.worker()
    if worker:
        os.killpg(os.getpgid(worker), signal.SIGSTOP if still else signal.SIGCONT)
    return worker is not None


def load(bench):
    made = digits(bench)
    if made is None:
        return skipped("daemon/gate_p99", f"{SHEET} is absent; it comes with the Debian package opencv-doc")
    with World(bench, "load", data=made / "data", settle="100ms") as world:
        world.start()
        world.release(1, made / "models/incumbent.pt")
        world.judged(1)
        world.get("/v1/models/digits/versions/1/promote", "POST", {"reason": "first of its line"})
        world.release(2, made / "models/planted.pt")
        world.judged(2)
        world.configure(epochs=3000, seed=2)   # a gate with nothing to find in the cache, and long enough
        world.process.send_signal(signal.SIGHUP)
        until(lambda: "configuration reloaded" in world.log(), "the reload")
        world.release(3, made / "models/good.pt")
        job_of = lambda version: world.get(f"/v1/models/digits/versions/{version}")[1].get("job")
        until(lambda: (job := job_of(3)) and job["station"] == "generator", "the job to train")
        busy, floor, stations = [], [], set()
        for index in range(max(5, bench.pairs)):
            for still in ((False, True) if index % 2 == 0 else (True, False)):
                hold(world, still)
                if still:
                    floor.append(ask(world, RATE, WINDOW, "/livez"))
                else:
                    busy.append(ask(world, RATE, WINDOW, GATE.format(2), GATE.format(3)))
                hold(world, False)
            job = job_of(3)
            if job["state"] != "running":
                sys.exit(f"daemon rows: the gate that was to run during the load is {job['state']}: {job['error']}")
            stations.add(job["station"])
        p99 = [window["p99"] for window in busy]
        quiet = [window["p99"] for window in floor]
        statuses = {status for window in busy for status in window["statuses"]}
        yield Row("daemon/gate_p99", statistics.median(p99), "ms", "<=", 20,
                  f"open loop, {RATE}/s for {WINDOW} s, {median_note(p99, 'ms')}, worst answer {max(w['max'] for w in busy):.3g} ms, p50 "
                  f"{statistics.median(w['p50'] for w in busy):.2g} ms; of it sent late by the asking program (p99) "
                  f"{statistics.median(w['sent_late_p99'] for w in busy):.2g} ms; statuses {'/'.join(sorted(statuses))}; stations "
                  f"{', '.join(sorted(stations))}")
        yield Row("daemon/gate_p99_floor", statistics.median(quiet), "ms",
                  note=f"/livez, same load, worker held still, {median_note(quiet, 'ms')}")
        if shutil.which("wrk") is None:
            return skipped("daemon/gate_throughput", "wrk is not installed")
        taken = [wrk(world, WINDOW, GATE.format(2)) for _ in range(max(5, bench.pairs))]
        (bench.work / "region.json").write_text(real_region(world))
        yield Row("daemon/gate_throughput", statistics.median(rate for rate, _ in taken), "1/s",
                  note=f"wrk, 16 connections (a closed loop) while the gate runs; p99 {statistics.median(late for _, late in taken):.3g} ms")


# -- large stores

def stores(bench):
    if not (bench.build / "bin/speed-bench").exists():
        return skipped("scale/store", "speed-bench is not built (DEFUSED_BENCH)")
    region = bench.work / "region.json"
    with World(bench, "schema") as world:
        world.start(idle_worker(world))
    queries = {"gate": "what GET …/gate reads", "versions": "all versions of a line, what a page of them reads",
               "insert": "a version taken in, its job queued, begun and ended with a verdict: four synced transactions"}
    if region.exists():
        queries["regions"] = "all regions of a line, what a page of them reads"
    else:
        skipped("scale/store_regions", "no gate of this build has left a region yet")
    taken = {query: [] for query in queries}
    for rows in ROWS:
        store = bench.work / f"store_{rows}.db"
        fill_store(world.state / "defused.db", store, rows, region.read_text() if region.exists() else None)
        for query in queries:
            taken[query].append(statistics.median(bench.ours(f"store/{query}_{rows}")["seconds"] for _ in range(3)))
        for left in bench.work.glob(store.name + "*"):
            left.unlink()
    world.remove()
    for query, what in queries.items():
        for rows, seconds in zip(ROWS, taken[query]):
            yield Row(f"scale/store_{query}_{rows}", 1e6 * seconds, "us", note=what)
        yield Row(f"scale/store_{query}_slope", slope(ROWS, taken[query]), "", note=f"of log s over log rows, {ROWS[0]:,} to {ROWS[-1]:,}")
