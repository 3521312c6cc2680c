"""Candidates in a long row over several lines: no verdict is missing, and the daemon is at the end as it was in the middle.

    soak_test.py [--candidates N]     ./dev soak

After every batch, when nothing runs, the daemon is measured. From the first batch after the warming-up to the last:
  descriptors, threads   the very same numbers, and descriptors of the same things (a moment after the last answer: connections close)
  resident memory        grows by at most ROOM over the second half, and PER_CANDIDATE for each candidate of it. What the daemon holds of a
                         version is its entry in the last scan of the registry: names, paths and a fingerprint, below a kilobyte, and as much
                         again in the allocator's slack. All else is bounded: the page caches of SQLite (2 MB a connection), the ring of events.
  disk but the cache     a candidate leaves a report, rows and a job's record; a later one leaves no more than an earlier one (MORE for chance
                         and for B-trees whose pages split)
  cache                  within cache.size soon after a job has ended
  workers                the most that one takes does not grow
"""
import argparse
import os
import sys
import time
from collections import Counter

import invariants
from tiny import Tiny, available, until, variant

LINES = ("a", "b", "c")
MODELS = (("good", "pass"), ("planted", "fail"), ("again", "pass"), ("planted_again", "fail"))
BATCH = 10
CACHE = 64 << 20
ROOM = 6 << 20
PER_CANDIDATE = 4 << 10
MORE = 1.15


def size_of(folder):
    """Of a folder from which things go away meanwhile."""
    total = 0
    for path, folders, files in os.walk(folder):
        for name in folders + files:
            try:
                total += os.lstat(os.path.join(path, name)).st_blocks * 512
            except FileNotFoundError:
                pass
    return total


def descriptors_of(pid):
    """What a process has open, without the numbers that differ from one socket or pipe to the next."""
    names = Counter()
    for entry in os.scandir(f"/proc/{pid}/fd"):
        try:
            names[os.readlink(entry.path).split(":[")[0]] += 1
        except FileNotFoundError:   # closed meanwhile
            pass
    return names


def settled_descriptors(pid):
    """The fewest descriptors of half a second: the connection of the last answer closes after the answer. What leaks stays."""
    samples = []
    for _ in range(10):
        samples.append(descriptors_of(pid))
        time.sleep(0.05)
    return min(samples, key=lambda names: names.total())


class Soak(Tiny):
    lines = LINES
    cache = "64MiB"

    def measure(self):
        status = dict(line.split(":", 1) for line in open(f"/proc/{self.daemon.pid}/status"))
        cpu = open(f"/proc/{self.daemon.pid}/stat").read().rsplit(")", 1)[1].split()
        until(lambda: self.cached() <= CACHE, "the cache to be within its size again", 10)
        cache = size_of(self.state / "cache")
        return {"memory": int(status["VmRSS"].split()[0]) << 10, "threads": int(status["Threads"]),
                "descriptors": settled_descriptors(self.daemon.pid), "cache": cache,
                "disk": size_of(self.state) - cache - (self.state / "defused.db-wal").stat().st_size,
                "cpu": (int(cpu[11]) + int(cpu[12])) / os.sysconf("SC_CLK_TCK")}

    def cached(self):
        """What cache.size bounds: the entries, without the few folders that they lie in."""
        folders = [path.lstat().st_blocks * 512 for path in (self.state / "cache").iterdir()]
        return size_of(self.state / "cache") - sum(folders)

    def idle(self):
        return not invariants.rows(self.state, "SELECT 1 FROM jobs WHERE state IN ('queued', 'running')") \
            and self.worker_of(self.daemon.pid) is None

    def ask_everything(self):
        """Every thread of the HTTP server opens its connection to the store at its first request."""
        for _ in range(100):
            for page in ("/v1/models", "/", "/v1/jobs", "/v1/audit"):
                self.ask(page)

    def worker_peak(self, line, version):
        _, report = self.ask(f"/v1/models/{line}/versions/{version}/report")
        return max(station["peak_memory"] for station in report["run"]["stations"])

    def begin(self):
        self.start()
        for line in LINES:
            self.release(line, 1, variant("incumbent", f"{line} 1"))
            self.wait_for(line, 1)
            status, _ = self.ask(f"/v1/models/{line}/versions/1/promote", "POST", {"reason": "first"})
            assert status == 200, status

    def batch(self, numbers):
        """Those candidates released at once and judged; what came of each."""
        released = {}
        for number in numbers:
            line, (model, wanted) = LINES[number % len(LINES)], MODELS[number // len(LINES) % len(MODELS)]
            version = number // len(LINES) + 2
            self.release(line, version, variant(model, f"{line} {version}"))
            released[line, version] = wanted
        verdicts = {key: self.wait_for(*key) for key in released}
        until(self.idle, "the daemon to have nothing to do")
        for key, wanted in released.items():
            if verdicts[key]["verdict"] != wanted:
                raise AssertionError(f"{key}: {verdicts[key]['verdict']}, not {wanted}: {verdicts[key]['reason']}")
        return Counter(released.values()), self.worker_peak(*next(reversed(released)))


def grown(samples):
    """What grew that must not; the bounds are argued above. `samples`: (candidates so far, figures), the first after warming up."""
    middle, (last_count, last) = samples[len(samples) // 2], samples[-1]
    first_count, first = samples[0]
    broken = []
    for count, figures in samples:
        if figures["threads"] != first["threads"]:
            broken.append(f"{figures['threads']} threads after {count} candidates, {first['threads']} after {first_count}")
        if figures["descriptors"] != first["descriptors"]:
            more, fewer = figures["descriptors"] - first["descriptors"], first["descriptors"] - figures["descriptors"]
            broken.append(f"after {count} candidates other descriptors than after {first_count}: more {dict(more)}, fewer {dict(fewer)}")
    allowed = ROOM + PER_CANDIDATE * (last_count - middle[0])
    if last["memory"] - middle[1]["memory"] > allowed:
        broken.append(f"memory grew by {last['memory'] - middle[1]['memory']} bytes over the second half; {allowed} are allowed")
    early = (middle[1]["disk"] - first["disk"]) / (middle[0] - first_count)
    late = (last["disk"] - middle[1]["disk"]) / (last_count - middle[0])
    if late > MORE * early:
        broken.append(f"a candidate left {late:.0f} bytes in the second half and {early:.0f} in the first")
    early_peak, late_peak = (max(figures["worker"] for _, figures in part)
                             for part in (samples[:len(samples) // 2], samples[len(samples) // 2:]))
    if late_peak > 1.1 * early_peak:
        broken.append(f"a worker took {late_peak} bytes, in the first half {early_peak}")
    return broken


def show(count, figures, seconds):
    print(f"{count:5} candidates {seconds:6.0f} s   memory {figures['memory'] / 2**20:6.1f} MiB   worker {figures['worker'] / 2**20:5.0f} MiB   "
          f"descriptors {figures['descriptors'].total():3}   threads {figures['threads']:2}   disk {figures['disk'] / 2**20:6.1f} MiB   "
          f"cache {figures['cache'] / 2**20:5.1f} MiB   daemon's CPU {1000 * figures['cpu'] / count:5.1f} ms each", flush=True)


def main():
    words = argparse.ArgumentParser()
    words.add_argument("--candidates", type=int, default=40)
    asked = words.parse_args()
    if reason := available():
        print("SKIPPED:", reason)
        sys.exit(77)
    world = Soak()
    try:
        began = time.monotonic()
        world.begin()
        world.ask_everything()
        samples, verdicts = [], Counter()
        for first in range(0, asked.candidates, BATCH):
            count = min(first + BATCH, asked.candidates)
            told, peak = world.batch(range(first, count))
            verdicts += told
            samples.append((count, {**world.measure(), "worker": peak}))
            if count % 100 == 0 or count == asked.candidates:
                show(count, samples[-1][1], time.monotonic() - began)
        broken = grown(samples)
        until(lambda: not invariants.of_leftovers(world.state), "the last job to be tidied up")
        broken += invariants.at_rest(world.state)
        judged = invariants.rows(world.state, "SELECT count(DISTINCT digest), count(*) FROM verdicts")[0]
        if judged != (asked.candidates + len(LINES),) * 2:
            broken.append(f"{judged} verdicts of {asked.candidates + len(LINES)} versions")
        print(f"verdicts {dict(verdicts)}, as they should be; {time.monotonic() - began:.0f} s")
        if broken:
            raise AssertionError("\n".join(broken))
    finally:
        world.stop()
        world.doCleanups()


if __name__ == "__main__":
    main()
