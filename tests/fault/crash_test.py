"""Daemon and worker are killed at random moments, hundreds of times, while versions come, people act and corrections run.

After each restart the invariants of invariants.py hold and whatever was answered is there; at the end of each world every report equals that
of a run that nobody disturbed. With --power-loss what was not synced is lost as well (power_loss.py).

    crash_test.py [--kills N] [--power-losses N] [--seed S]     ./dev crash
"""
import argparse
import json
import os
import random
import shutil
import signal
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import invariants
from crash_script import SCRIPTS
from power_loss import Disk
from tiny import BIN, Tiny, available, until

PATIENCE = 600   # seconds for one world; reached only when something never ends


def comparable(report):
    """What must not depend on when and how often it was tried. Waivers have names of their own in each world."""
    names = {waiver["id"]: f"waiver {number}" for number, waiver in enumerate(sorted(report["waivers"], key=lambda one: one["ticket"]))}
    kept = {key: value for key, value in report.items() if key not in ("run", "waivers")}
    text = json.dumps(kept, indent=1)
    for name, plain in names.items():
        text = text.replace(name, plain)
    return text


def correction_in_short(body):
    def timeless(value):
        if isinstance(value, dict):
            return {key: timeless(inner) for key, inner in value.items() if key != "seconds"}
        return [timeless(inner) for inner in value] if isinstance(value, list) else value
    return json.dumps([body["sha256"], timeless(body["result"])], indent=1)


class World(Tiny):
    """One registry and state folder, from the first release to the last verdict."""

    def __init__(self, power):
        super().__init__()
        self.power = power
        self.log = self.root / "power.log"
        self.acknowledged, self.asked, self.corrections = {}, {}, {}
        self.disk = None
        if power:
            worker = self.root / "worker"
            worker.write_text(f"#!/bin/sh\nexec env LD_PRELOAD={BIN}/power-loss.so POWER_LOSS_LOG={self.log} POWER_LOSS_ROOT={self.state} "
                              f"{BIN}/defuse-worker \"$@\"\n")
            worker.chmod(0o755)
            self.environment = {"DEFUSED_WORKER": str(worker), "LD_PRELOAD": str(BIN / "power-loss.so"),
                                "POWER_LOSS_LOG": str(self.log), "POWER_LOSS_ROOT": str(self.state)}

    def rows(self, query, *values):
        return invariants.rows(self.state, query, *values)

    def acknowledge(self, key, value):
        self.acknowledged[key] = value

    def start(self, stop_at=None):
        if self.power and self.token:   # what the token's maker wrote counts as written long ago
            self.log.unlink(missing_ok=True)
            self.disk = Disk(self.state)
            self.environment.pop("POWER_LOSS_STOP_AT", None)
            if stop_at:
                self.environment["POWER_LOSS_STOP_AT"] = str(stop_at)
        elif self.power:
            self.token = self.ctl("token", "create", "test", "--scope", "operate", "--config", self.config).stdout.strip()
            return self.start(stop_at)
        super().start()

    def reports(self):
        found = {}
        for model, version in self.rows("SELECT model, version FROM versions WHERE current = 1"):
            status, report = self.ask(f"/v1/models/{model}/versions/{version}/report")
            assert status == 200, (model, version, status, report)
            found[f"{model}/{version}"] = comparable(report)
        for (line, version), body in self.corrections.items():
            found[f"correction of {line}/{version}"] = correction_in_short(body)
        return found

    # -- what must hold

    def half_written(self):
        """But in the folders of jobs, which are emptied when their turn comes. By name and last change: a name may be used again, and its
        inode with it."""
        found = set()
        for root in ("reports", "verdicts", "regions", "corrections"):
            for folder, folders, files in os.walk(self.state / root):   # which takes no offence at what goes away meanwhile
                for path in (Path(folder) / name for name in folders + files if name.startswith("tmp-") or name.endswith(".tmp")):
                    if path.exists():
                        found.add((path, path.stat().st_ctime_ns))
        return found

    def broken_promises(self):
        broken = []
        def check(key, found):
            allowed = [self.acknowledged[key]] + ([self.asked[key]] if key in self.asked else [])
            if found not in allowed:
                broken.append(f"{key} was answered with success as {self.acknowledged[key]!r}, and is {found!r}")
        for key in list(self.acknowledged):
            kind, name = key
            if kind == "incumbent":
                found = self.rows("SELECT version FROM promotions WHERE model = ? ORDER BY id DESC LIMIT 1", name)
            elif kind == "label":
                found = self.rows("SELECT human_label FROM regions WHERE id = ?", name)
            elif kind == "waiver":
                found = [(True,)] if self.rows("SELECT 1 FROM waivers WHERE ticket = ? AND removed IS NULL", name) else []
            else:
                found = [(True,)] if self.rows("SELECT 1 FROM jobs WHERE id = ? AND state = 'cancelled'", name) else []
            check(key, found[0][0] if found else None)
        return broken

    def broken_files(self):
        """A verdict file never says more than the daemon does."""
        broken = []
        for model, version in self.rows("SELECT model, version FROM versions WHERE current = 1"):
            status, body = self.ask(f"/v1/models/{model}/versions/{version}/verdict")
            file = self.state / "verdicts" / model / f"{version}.json"
            written = json.loads(file.read_text()) if file.exists() else None
            if written is None or (written["verdict"], written["ok"]) != (body["verdict"], body["ok"]):
                broken.append(f"{file}: {written and written['verdict']}, and the daemon says {status} {body['verdict']}")
        return broken


class Blows(threading.Thread):
    """Strikes at random moments; the world's own thread sees the daemon gone and starts it again."""

    def __init__(self, seed, pace, wanted):
        super().__init__(daemon=True)
        self.random = random.Random(seed)
        self.pace = pace          # seconds that a gate takes
        self.wanted = wanted
        self.world = None
        self.fire = threading.Event()
        self.over = threading.Event()
        self.falling = threading.Lock()
        self.fallen = Counter()
        self.at = Counter()

    def total(self):
        return sum(count for whom, count in self.fallen.items() if whom != "reload")

    def count(self, whom):
        self.fallen[whom] += 1
        try:
            running = self.world.rows("SELECT kind, station FROM jobs WHERE state = 'running'")
        except Exception:   # no database yet
            running = []
        self.at[(running[0][1] or "starting") + (" (correction)" if running[0][0] == "correction" else "") if running else "no job running"] += 1

    def run(self):
        while not self.over.is_set():
            long = self.random.random() < 0.15
            self.over.wait(self.random.uniform(0, self.pace * (6 if long else 1.5)))
            if self.random.random() < 0.3:
                self.await_stations()
            whom = self.random.choices(("worker", "daemon", "both", "reload"), (4, 4, 2, 1))[0]
            with self.falling:
                if self.fire.is_set() and self.total() < self.wanted:
                    self.strike(whom)

    def await_stations(self):
        """Most of a small gate's time is the worker's start. Some blows wait until it is over, and then fall at a moment of the rest."""
        end = time.monotonic() + 2 * self.pace
        while self.fire.is_set() and not self.over.is_set() and time.monotonic() < end:
            try:
                begun = self.world.rows("SELECT 1 FROM jobs WHERE state = 'running' AND station <> ''")
            except Exception:   # no database yet
                begun = False
            if begun:
                self.over.wait(self.random.uniform(0, 0.4 * self.pace))
                return
            self.over.wait(0.01)

    def strike(self, whom):
        daemon = self.world.daemon
        if daemon is None or daemon.poll() is not None:
            return
        try:
            # The limit of attempts is a promise too, and is not what is tested here.
            if any(attempt >= 8 for attempt, in self.world.rows("SELECT attempt FROM jobs WHERE state IN ('queued', 'running')")):
                return
        except Exception:   # no database yet
            pass
        worker = self.world.worker_of(daemon.pid)
        if whom == "worker" and worker is None:
            return
        if whom == "reload":
            if (self.world.state / "address").exists():   # until then it would end of it
                daemon.send_signal(signal.SIGHUP)
                self.fallen[whom] += 1
            return
        self.count(whom)
        for process in ([worker] if whom != "daemon" and worker else []) + ([daemon.pid] if whom != "worker" else []):
            try:
                os.kill(process, signal.SIGKILL)
            except ProcessLookupError:
                pass


def start_under_fire(world, blows, stop_at):
    try:
        world.start(stop_at)
    except AssertionError:
        if world.daemon is None or world.daemon.poll() != -signal.SIGKILL:
            raise


def restart(world, blows):
    """After the daemon was killed: nothing of it lives on, and what must hold does."""
    with blows.falling:
        if world.daemon.poll() != -signal.SIGKILL:
            raise AssertionError(f"the daemon ended by itself, {world.daemon.poll()}: " + (world.root / "daemon.log").read_text()[-3000:])
        if world.power and blows.fallen["daemon"] + blows.fallen["both"] == blows.seen:
            blows.count("daemon")   # it fell at a record of its own
        blows.seen = blows.fallen["daemon"] + blows.fallen["both"]
        until(lambda: not invariants.stray_workers(world.state), "the worker of a dead daemon to be gone", 30)
        left = world.half_written()
        if world.power:
            world.disk.replay(world.log)
            if blows.random.random() < 0.5:
                world.disk.tear(blows.random)
                blows.torn += 1
            shutil.rmtree(world.state)
            world.disk.write(world.state)
            left = set()
        stop_at = blows.random.randrange(1, 1200) if world.power and blows.fire.is_set() and blows.total() < blows.wanted \
            and blows.random.random() < 0.5 else None
    start_under_fire(world, blows, stop_at)
    blows.restarts += 1
    if world.daemon.poll() is None and invariants.rows(world.state, "SELECT 1"):
        broken = invariants.of_store(world.state) + invariants.of_rows_without_files(world.state) + world.broken_promises()
        ready = world.ask("/readyz")[0] == 200
        broken += [f"{path} outlived a restart" for path, _ in left & world.half_written()] if ready else []
        if broken:
            raise AssertionError("after a restart:\n" + "\n".join(broken[:20]))


def live(world, blows):
    """One world from its beginning to its end; what its reports say."""
    blows.world = world
    start_under_fire(world, blows, None)
    lines = [script(world) for script in SCRIPTS]
    end = time.monotonic() + PATIENCE
    def step():
        for line in list(lines):
            try:
                next(line)
            except StopIteration:
                lines.remove(line)
    while lines or world.daemon.poll() is not None:
        if world.daemon.poll() is not None:
            restart(world, blows)
            continue
        step()
        if time.monotonic() > end:
            raise AssertionError(f"{len(lines)} lines never came to their end; jobs: "
                                 f"{world.rows('SELECT id, kind, model, version, state, attempt, error FROM jobs ORDER BY id DESC LIMIT 5')}\n"
                                 + (world.root / "daemon.log").read_text()[-3000:])
        time.sleep(0.05)
    with blows.falling:
        blows.fire.clear()
    if world.daemon.poll() is not None:
        restart(world, blows)
    rest(world)
    return world.reports()


def rest(world):
    broken = []
    def quiet():
        broken[:] = invariants.at_rest(world.state) + world.broken_files() + world.broken_promises()
        broken.extend(f"a worker lives on as process {pid}" for pid in invariants.stray_workers(world.state))
        return not broken
    verified = world.ctl("audit", "verify", "--state-dir", world.state)
    if verified.returncode != 0:
        raise AssertionError("defusectl audit verify: " + verified.stdout + verified.stderr)
    try:
        until(quiet, "the state folder to come to rest", 60)
    except AssertionError:
        raise AssertionError("at rest:\n" + "\n".join(broken[:20])) from None


def differences(found, wanted):
    for name in sorted(set(found) | set(wanted)):
        one, other = found.get(name, "").splitlines(), wanted.get(name, "").splitlines()
        if one != other:
            yield f"{name} differs from the undisturbed run:"
            yield from [f"  {a!r} instead of {b!r}" for a, b in zip(one, other) if a != b][:5] or [f"  {len(one)} lines, not {len(other)}"]


def ended(world):
    world.stop(signal.SIGKILL)
    world.doCleanups()


def under_fire(kills, seed, power, wanted, pace, warm):
    """Worlds until that many blows have fallen."""
    blows = Blows(seed, pace, kills)
    blows.restarts = blows.torn = blows.seen = 0
    blows.start()
    worlds = compared = 0
    began = time.monotonic()
    while blows.total() < kills:
        world = World(power)
        if worlds % 4 != 3:   # every fourth trains its generator anew
            shutil.copytree(warm, world.state / "cache")
        blows.seen = blows.fallen["daemon"] + blows.fallen["both"]
        blows.world = world
        blows.fire.set()
        try:
            found = live(world, blows)
            broken = list(differences(found, wanted))
            if broken:
                raise AssertionError("\n".join(broken))
        except BaseException:
            blows.over.set()
            keep = world.root.with_name(world.root.name + "-failed")
            world.stop(signal.SIGKILL)
            shutil.copytree(world.root, keep)
            print(f"seed {seed}, after {blows.total()} kills; the world is kept in {keep}", file=sys.stderr)
            raise
        finally:
            ended(world)
        worlds += 1
        compared += len(found)
        print(f"{blows.total():4} of {kills} kills, {blows.restarts} restarts, {worlds} worlds, {compared} reports as undisturbed, "
              f"{time.monotonic() - began:.0f} s", flush=True)
    blows.over.set()
    blows.join()
    print(f"{'power losses' if power else 'kills'}: {dict(blows.fallen)}; restarts {blows.restarts}; torn {blows.torn}; "
          f"reports compared {compared}; {time.monotonic() - began:.0f} s; seed {seed}")
    for station, count in blows.at.most_common():
        print(f"  {count:4} at {station}")


def main():
    words = argparse.ArgumentParser()
    words.add_argument("--kills", type=int, default=25, help="of daemon and worker (default 25)")
    words.add_argument("--power-losses", type=int, default=10, help="kills after which what was not synced is gone (default 10)")
    words.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    asked = words.parse_args()
    if reason := available():
        print("SKIPPED:", reason)
        sys.exit(77)
    print(f"seed {asked.seed}", flush=True)
    calm = Blows(asked.seed, 1, 0)
    calm.restarts = calm.torn = calm.seen = 0
    world = World(power=False)
    try:
        wanted = live(world, calm)
        times = sorted(ms for ms, in world.rows("SELECT finished - started FROM jobs WHERE kind = 'gate' AND state = 'done'"))
        pace = times[len(times) // 2] / 1000
        print(f"undisturbed: {len(wanted)} reports, {pace:.1f} s each; verdicts "
              f"{dict(Counter(state for state, in world.rows('SELECT state FROM verdicts')))}", flush=True)
        warm = world.root.with_name(world.root.name + "-warm")
        shutil.copytree(world.state / "cache", warm)
    finally:
        ended(world)
    try:
        if asked.kills:
            under_fire(asked.kills, asked.seed, False, wanted, pace, warm)
        if asked.power_losses:
            under_fire(asked.power_losses, asked.seed + 1, True, wanted, pace, warm)
    finally:
        shutil.rmtree(warm)


if __name__ == "__main__":
    main()
