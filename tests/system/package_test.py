"""The Debian package on a booted Debian: what an operator does with it, and what systemd does when the service misbehaves, in this order.

Each step prints what it saw. Where a step fails, the journal and the workers' last words are printed, and nothing after it is tried.
"""
import ctypes
import json
import os
import re
import shutil
import subprocess
import sys
import traceback
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))
from harness import BUILD, CONFIG, MADE, WARM  # noqa: E402
from machine import CannotRun, Machine, enter, until  # noqa: E402

UNIT = "/lib/systemd/system/defused.service"
ETC = "/etc/defused/defused.yaml"
STATE = "/var/lib/private/defused"   # where DynamicUser= puts what StateDirectory= names
DROP_IN = "/run/systemd/system/defused.service.d/test.conf"


class Story:
    def __init__(self, machine):
        self.machine = machine
        self.token = None
        self.upgrade = None

    # -- words
    @staticmethod
    def saw(what, seen):
        print(f"SYSTEM | {what} | {seen}", flush=True)

    @staticmethod
    def expect(condition, words):
        if not condition:
            raise AssertionError(words)

    def same(self, have, want, what):
        self.expect(have == want, f"{what}: expected {want!r}, got {have!r}")

    # -- the machine's service
    def show(self, name):
        return self.machine.run("systemctl", "show", "--value", "--property", name, "defused.service", check=True).stdout.strip()

    def journal(self):
        return self.machine.run("journalctl", "--unit=defused.service", "--output=cat", "--no-pager").stdout

    def systemctl(self, *words):
        return self.machine.run("systemctl", *words, check=True)

    def new_main(self, before):
        """Waits for the service to run as another process than `before`, and gives that."""
        return until(lambda: self.show("ActiveState") == "active" and self.show("MainPID") not in ("0", before) and self.show("MainPID"),
                     f"systemd to start the service anew after process {before}")

    def drop_in(self, *settings):
        file = self.machine.path(DROP_IN)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("\n".join(["[Service]", *settings, ""]))
        self.systemctl("daemon-reload")

    def no_drop_in(self):
        self.machine.path(DROP_IN).unlink()
        self.systemctl("daemon-reload")

    # -- the daemon
    def ctl(self, *words, **more):
        return self.machine.run("defusectl", *words, environment={"DEFUSED_TOKEN": self.token or ""}, **more)

    def http(self, path):
        done = self.machine.run("curl", "--silent", "--write-out", "\n%{http_code}", f"http://127.0.0.1:8470{path}")
        body, _, status = done.stdout.rpartition("\n")
        return int(status), body

    def release(self, version, model):
        hidden = self.machine.path(f"/srv/models/digits/.incoming-{version}")
        hidden.mkdir()
        shutil.copy(MADE / model, hidden / "model.pt")
        hidden.rename(hidden.with_name(str(version)))

    def judged(self, version):
        def verdict():
            status, body = self.http(f"/v1/models/digits/versions/{version}/verdict")
            document = json.loads(body) if status == 200 else {}
            return document if document.get("verdict") else None
        return until(verdict, f"a verdict on version {version}")

    def gate(self, version):
        return self.http(f"/v1/models/digits/versions/{version}/gate")[0]

    def worker(self):
        """Waits for a worker; its process as the machine numbers it."""
        return until(lambda: self.machine.run("pgrep", "--exact", "defuse-worker").stdout.strip(), "a worker").split()[0]

    def verdicts(self):
        return {row["version"]: row["verdict"] for row in json.loads(self.ctl("versions", "digits", "--output", "json", check=True).stdout)["versions"]}

    # -- what is done
    def install(self):
        self.machine.run("dpkg", "--install", "/srv/defused.deb", check=True)
        self.same(self.show("UnitFileState"), "enabled", "the unit after the installation")
        self.same(self.show("ActiveState"), "active", "the service after the installation")
        self.saw("dpkg --install", f"enabled and {self.show('ActiveState')}; STATUS={self.show('StatusText')!r}")
        wrong = [line for line in self.machine.run("systemd-analyze", "verify", UNIT).stderr.splitlines() if "defused" in line]
        self.expect(not wrong, f"systemd-analyze verify: {wrong}")
        score = self.machine.run("systemd-analyze", "security", "--no-pager", "defused.service", check=True).stdout.splitlines()[-1]
        self.saw("systemd-analyze verify, security", score.strip("→ "))

    def configure(self):
        data, registry = self.machine.path("/srv/data"), self.machine.path("/srv/models/digits")
        shutil.copytree(MADE / "data", data)
        registry.mkdir(parents=True)
        self.write_config()
        create = f"umask 077; defusectl token create test --scope operate --config {ETC}"   # as root often has it
        self.token = self.machine.run("sh", "-c", create, check=True).stdout.strip()
        self.systemctl("restart", "defused.service")
        status, body = self.http("/readyz?verbose")   # systemctl came back, so the daemon has said READY=1
        self.same(status, 200, f"/readyz right after `systemctl restart`: {body}")
        if WARM.exists():   # a generator that was trained before
            cache = self.machine.path(STATE + "/cache")
            shutil.copytree(WARM, cache, dirs_exist_ok=True)
            self.machine.run("chown", "--recursive", "--reference", STATE, STATE + "/cache", check=True)
        self.saw("configured, restarted", f"/readyz answers {status}; STATUS={self.show('StatusText')!r}")

    def write_config(self, alpha="5%", worker_retries=3):
        text = CONFIG.format(state="/var/lib/defused", registry="/srv/models", data="/srv/data", readiness="auto", timeout="5min", extra="")
        text = text.replace("127.0.0.1:0", "127.0.0.1:8470").replace("retries: 3", f"retries: {worker_retries}") + f"alpha: {alpha}\n"
        self.machine.path(ETC).write_text(text)

    def is_hardened(self):
        main = self.show("MainPID")
        status = dict(line.split(":\t", 1) for line in self.machine.run("cat", f"/proc/{main}/status", check=True).stdout.splitlines() if ":\t" in line)
        user = self.machine.run("stat", "--format=%U", f"/proc/{main}", check=True).stdout.strip()
        self.same((user, status["NoNewPrivs"], status["Seccomp"], status["CapEff"].strip("0"), status["CapBnd"].strip("0")),
                  ("defused", "1", "2", "", ""), "user, no_new_privs, seccomp, effective and bounding capabilities of the daemon")
        for folder in ("/", "/usr", "/usr/lib", "/etc", "/srv", "/var/lib"):
            tried = self.machine.run("nsenter", "--mount", "--target", main, "--", "touch", f"{folder}/touched")
            self.expect("Read-only" in tried.stderr, f"{folder} can be written to: {tried.stderr}")
        self.saw("the daemon", f"user {user}, no capabilities, no new privileges, seccomp, everything but its state read-only")

    def gates(self):
        self.release(1, "models/incumbent.pt")
        self.same(self.judged(1)["verdict"], "inconclusive", "the first version")
        self.ctl("promote", "digits", "1", "--reason", "first of its line", check=True)
        self.release(2, "models/good.pt")
        waited = self.ctl("wait", "digits", "2", "--timeout", "3m")
        self.same(waited.returncode, 0, f"defusectl wait on a good version: {waited.stdout}{waited.stderr}")
        self.same(self.gate(2), 200, "/gate of a good version")
        self.saw("a good version", "pass: " + waited.stdout.splitlines()[0])
        self.release(3, "models/truncated.pt")
        waited = self.ctl("wait", "digits", "3", "--timeout", "3m")
        self.same((waited.returncode, self.gate(3)), (4, 422), f"a version cut short: {waited.stdout}{waited.stderr}")
        self.saw("a version cut short", "error: exit code 4, /gate 422")

    def is_sandboxed(self):
        layers = set(re.findall(r"^sandbox: .*$", self.last_words(), re.MULTILINE))
        self.expect(layers, "no worker said what its sandbox is")
        landlock = ctypes.CDLL(None, use_errno=True).syscall(444, None, 0, 1) > 0   # the kernel's version of it
        for line in layers:
            force = line.partition("missing")[0]
            self.expect("seccomp" in force and "no_new_privs" in force, line)
            self.expect("landlock" in force or not landlock, f"the kernel has Landlock, the worker does not: {line}")
        self.saw("the workers, in the unit's own sandbox", "; ".join(sorted(layers)))

    def worker_killed(self):
        self.release(4, "models/planted.pt")
        worker = self.worker()
        self.machine.run("kill", "-KILL", worker, check=True)
        verdict = self.judged(4)
        self.same((verdict["verdict"], self.gate(4)), ("fail", 412), f"a bad version whose worker was killed: {verdict['reason']}")
        tried = [line for line in self.journal().splitlines() if "attempt 1 failed" in line]
        self.expect(tried, "the blow did not fall: no attempt failed")
        self.saw("kill -9 of the worker", f"{tried[-1]} → {verdict['verdict']}")

    def daemon_killed(self):
        main, restarts = self.show("MainPID"), int(self.show("NRestarts"))
        self.release(5, "models/planted_again.pt")
        self.worker()
        self.machine.run("kill", "-KILL", main, check=True)
        after = self.new_main(main)
        self.same(int(self.show("NRestarts")), restarts + 1, "restarts by systemd")
        verdict = self.judged(5)
        self.same((verdict["verdict"], self.gate(5)), ("fail", 412), f"a bad version whose daemon was killed: {verdict['reason']}")
        resumed = [line for line in self.journal().splitlines() if "after a restart" in line or "before the restart" in line]
        self.expect(resumed, "the blow did not fall: no job was resumed")
        self.saw("kill -9 of the daemon", f"process {main} → {after}; {resumed[-1]} → {verdict['verdict']}")

    def reload(self):
        main = self.show("MainPID")
        self.write_config(alpha="4%")
        self.systemctl("reload", "defused.service")
        until(lambda: "configuration reloaded" in self.journal(), "the configuration to be reloaded")
        self.machine.path(ETC).write_text("api_version: defused/v1\nregistri: {}\n")
        self.systemctl("reload", "defused.service")
        refused = until(lambda: [line for line in self.journal().splitlines() if line.startswith("reload refused")], "the reload to be refused")
        _, body = self.http("/readyz?verbose")
        self.expect("registri" in body, f"/readyz?verbose does not name the mistake: {body}")
        self.same((self.show("ActiveState"), self.show("MainPID")), ("active", main), "the service after a reload that was refused")
        self.same(self.gate(2), 200, "/gate under the old configuration")
        self.write_config()
        self.systemctl("reload", "defused.service")
        until(lambda: "registri" not in self.http("/readyz?verbose")[1], "the repaired configuration to be taken over")
        self.saw("systemctl reload", f"taken over; broken: {refused[-1].splitlines()[0]}; same process {main}")

    def watchdog(self):
        self.drop_in("WatchdogSec=3")
        self.systemctl("reset-failed", "defused.service")
        self.systemctl("restart", "defused.service")
        main = self.show("MainPID")
        self.machine.run("kill", "-STOP", main, check=True)
        after = self.new_main(main)
        acted = [line for line in self.journal().splitlines() if "Watchdog timeout" in line]
        self.expect(acted, "the service was restarted, but not by the watchdog")
        self.no_drop_in()
        self.systemctl("restart", "defused.service")
        self.saw("SIGSTOP of the daemon", f"{acted[-1]} process {main} → {after}")

    def limits_of_restarts(self):
        good = self.machine.path(ETC).read_text()
        self.machine.path(ETC).write_text("api_version: defused/v1\nregistri: {}\n")
        self.systemctl("reset-failed", "defused.service")
        self.expect(self.machine.run("systemctl", "restart", "defused.service").returncode != 0, "a broken configuration lets the service start")
        self.same((self.show("ActiveState"), self.show("ExecMainStatus"), self.show("NRestarts")), ("failed", "2", "0"),
                  "state, exit code and restarts with a broken configuration")
        self.saw("start with a broken configuration", f"failed with exit code 2, not tried again: {self.journal_tail('registri')}")
        self.machine.path(ETC).write_text(good)
        # Killed as often as it starts. The pause between restarts is cut short; their limit is the unit's own.
        self.drop_in("RestartSec=100ms")
        self.systemctl("reset-failed", "defused.service")
        self.systemctl("start", "defused.service")
        kills = 0
        while self.show("ActiveState") != "failed":
            main = self.show("MainPID")
            if main != "0" and self.machine.run("kill", "-KILL", main).returncode == 0:
                kills += 1
            self.expect(kills <= 20, "systemd restarts the service for ever")
        gave_up = [line for line in self.journal().splitlines() if "Start request repeated too quickly" in line]
        self.expect(gave_up, f"the service failed, but not by too many restarts: {self.show('Result')}")
        self.no_drop_in()
        self.systemctl("reset-failed", "defused.service")
        self.systemctl("start", "defused.service")
        self.saw("killed again and again", f"{kills} times: {gave_up[-1]} Started by hand it serves again")

    def upgrade_while_it_works(self):
        before, main, state = self.verdicts(), self.show("MainPID"), self.machine.path(ETC).read_text()
        self.release(6, "hostile/random.pt")
        self.worker()
        done = self.machine.run("dpkg", "--install", "/srv/defused-next.deb", check=True)
        self.expect("Configuration file" not in done.stdout + done.stderr, f"dpkg asked: {done.stdout}{done.stderr}")
        self.same(self.machine.path(ETC).read_text(), state, "the configuration after the upgrade")
        self.expect(self.show("MainPID") not in ("0", main), "the service was not restarted")
        self.expect("upgraded" in self.machine.path("/usr/share/doc/defused/README.md").read_text(), "the files are the old ones")
        verdict = self.judged(6)
        self.same(verdict["verdict"], "fail", f"a bad version that was being judged: {verdict['reason']}")
        after = self.verdicts()
        self.same({version: after[version] for version in before}, before, "verdicts after the upgrade")
        version = self.machine.run("dpkg-query", "--showformat=${Version}", "--show", "defused", check=True).stdout
        self.saw("upgrade in the middle of a gate", f"now {version}, process {main} → {self.show('MainPID')}, {len(before)} verdicts kept, the "
                 f"configuration not asked about; version 6 → {verdict['verdict']}")

    def upgrade_of_a_stopped_service(self):
        self.systemctl("stop", "defused.service")
        self.machine.run("dpkg", "--install", "/srv/defused-next.deb", check=True)
        self.same(self.show("ActiveState"), "inactive", "a service that stood still before the upgrade")
        self.systemctl("start", "defused.service")
        self.saw("upgrade while the service is stopped", "still stopped")

    def remove(self):
        self.machine.run("dpkg", "--remove", "defused", check=True)
        self.same((self.show("ActiveState"), self.show("LoadState")), ("inactive", "not-found"), "the unit after removal")
        for path in (ETC, STATE + "/defused.db", "/var/lib/defused"):
            self.expect(self.machine.run("test", "-e", path).returncode == 0, f"{path} is gone")
        self.expect(self.machine.run("test", "-e", "/usr/bin/defusectl").returncode != 0, "a program is left")
        self.expect(not self.machine.run("pgrep", "^defuse").stdout, "a process is left")
        self.machine.run("dpkg", "--install", "/srv/defused-next.deb", check=True)
        self.same(self.gate(2), 200, "/gate after removal and installation")
        self.saw("remove, install again", "stopped and gone, configuration and state kept; installed again it knows its verdicts")

    def purge(self):
        self.machine.run("dpkg", "--purge", "defused", check=True)
        for path in ("/etc/defused", STATE, "/var/lib/defused", UNIT, "/etc/systemd/system/multi-user.target.wants/defused.service"):
            left = self.machine.path(path)
            self.expect(not left.exists() and not left.is_symlink(), f"{path} is left")
        self.expect(self.machine.path("/srv/models/digits/2/model.pt").exists(), "the registry was touched")
        self.saw("purge", "configuration and state gone, registry untouched")

    # -- for whoever reads a failure
    def last_words(self):
        logs = sorted(self.machine.path(STATE + "/jobs").glob("*/worker.log"))
        return "\n".join(f"--- {log.parent.name}/worker.log\n{log.read_text(errors='replace')[-3000:]}" for log in logs)

    def journal_tail(self, word):
        return [line for line in self.journal().splitlines() if word in line][-1]


STEPS = (Story.install, Story.configure, Story.is_hardened, Story.gates, Story.is_sandboxed, Story.worker_killed, Story.daemon_killed, Story.reload,
         Story.watchdog, Story.limits_of_restarts, Story.upgrade_while_it_works, Story.upgrade_of_a_stopped_service, Story.remove, Story.purge)


def next_version(deb, scratch):
    """The same package as the next release would bring it: a higher version, and one file that differs."""
    tree, made = scratch / "tree", scratch / "defused-next.deb"
    subprocess.run(["dpkg-deb", "--raw-extract", deb, tree], check=True)
    control = tree / "DEBIAN/control"
    control.write_text(re.sub(r"(?m)^(Version: .*)$", r"\1+next", control.read_text()))
    with open(tree / "usr/share/doc/defused/README.md", "a", encoding="utf-8") as readme:
        readme.write("upgraded\n")
    subprocess.run(["dpkg-deb", "--root-owner-group", "-Znone", "--build", tree, made], check=True, stdout=subprocess.DEVNULL)
    shutil.rmtree(tree)
    return made


def main():
    debs = sorted((BUILD / "system").glob("defused_*.deb"))
    if not (MADE / "models" / "planted.pt").exists():
        print(f"SKIPPED: {MADE} holds no models; the sheet of digits (Debian package opencv-doc) is not installed")
        return 77
    if len(debs) != 1:   # where it could not be made, ctest does not come here
        print(f"SKIPPED: {BUILD}/system holds {len(debs)} packages instead of the one that system.make_package makes")
        return 77
    try:
        enter()
        os.umask(0o022)
        scratch = BUILD / "system" / "machine"
        scratch.mkdir(exist_ok=True)
        with Machine(scratch) as machine:
            story = Story(machine)
            shutil.copy(debs[0], machine.path("/srv/defused.deb"))
            shutil.copy(next_version(debs[0], machine.scratch), machine.path("/srv/defused-next.deb"))
            for step in STEPS:
                try:
                    step(story)
                except Exception:   # whatever it was, the machine's own words are what explains it
                    traceback.print_exc()
                    print(f"--- journal\n{story.journal()[-6000:]}\n{story.last_words()}", flush=True)
                    return 1
    except CannotRun as reason:
        print(f"SKIPPED: {reason}")
        return 77
    return 0


if __name__ == "__main__":
    sys.exit(main())
