"""The machine under the daemon: a full disk, a read-only one, a registry that is unmounted, no inotify, a clock that jumps.

All of it happens in namespaces of the daemon's own, or to its process alone; the machine is left as it is.
"""
import os
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from cases import BIN, MADE, Case, Cases, line, until  # noqa: E402
from harness import main  # noqa: E402

CASES = (
    Case("control: a machine that is well", "a good model on the same machine", "pass", "May be promoted"),
    Case("full disk", "the state folder's file system is full when a bad version arrives", "not judged", "."),
    Case("room again", "the same version once there is room", "fail", "class order"),
    Case("read-only state folder", "the daemon is started on a file system that is mounted read-only", "refused", "read-only"),
    Case("registry unmounted", "an empty folder is left where the registry was: what failed stays known", "fail", "class order"),
    Case("registry unmounted, and a new version asked for", "it cannot be known whether this version exists", "not judged", "registry"),
    Case("registry mounted again", "a bad version that arrived in the meantime is judged", "fail", "class order"),
    Case("inotify limit reached", "the daemon may have no inotify instance; it scans", "fail", "class order"),
    Case("clock set back an hour", "the clock jumps back while versions arrive", "fail", "class order"),
    Case("clock set back a day while a worker is to be tried again", "a retry that is due must not wait a day", "error", "signal 9"),
    Case("clock set forward a day", "the clock jumps ahead while versions arrive", "fail", "class order"),
)
BAD = MADE / "hostile" / "permuted.pt"


def allowed(*words):
    try:
        return subprocess.run([*words, "true"], capture_output=True, timeout=30).returncode == 0
    except OSError:
        return False


class Machine(Cases):
    cases = CASES

    def start_in(self, unshare, before):
        """The daemon behind `unshare`; its files are then seen through its own root."""
        program = self.root / "program"
        program.mkdir()
        (program / "defused").write_text(f"#!/bin/sh\nset -e\nexec {' '.join(unshare)} sh -c '{before} && exec {BIN}/defused \"$@\"' defused \"$@\"\n")
        (program / "defused").chmod(0o755)
        return program / "defused"

    def launch(self, program):
        log = open(self.root / "daemon.log", "a", encoding="utf-8")
        self.daemon = subprocess.Popen([program, "--config", self.config], stdout=log, stderr=log, env={**os.environ, **self.environment})
        log.close()
        own = Path(f"/proc/{self.daemon.pid}/root")

        def address():
            self.assertIsNone(self.daemon.poll(), (self.root / "daemon.log").read_text())
            try:
                return (own / str(self.state).lstrip("/") / "address").read_text().strip()
            except OSError:
                return None
        self.url = "http://" + until(address, "the daemon to listen", 60)
        self.state, self.registry = own / str(self.state).lstrip("/"), own / str(self.registry).lstrip("/")

    def inside(self, *words):
        subprocess.run(["nsenter", "-t", str(self.daemon.pid), "-m", *map(str, words)], check=True)

    def withheld(self, name, version):
        """Nothing can be stored, so that nothing can be known: no verdict, whatever else."""
        with self.subTest(name):
            status, _, body = self.http(f"/v1/models/digits/versions/{version}/gate")
            waited = self.ctl("wait", "digits", version, "--timeout", "1s").returncode
            self.assertFalse((self.state / "verdicts" / "digits" / f"{version}.json").exists())
            self.assertIsNone(self.daemon.poll())
            self.met_with(name, "not judged" if status in (404, 503) and waited != 0 else str(status), body.get("reason") or body.get("detail"))

    def test_disks(self):
        if not allowed("unshare", "-m"):
            self.skipTest("no mount namespaces here")
        outer_state, outer_registry = self.state, self.registry
        (outer_registry / "digits").rmdir()   # an empty folder is what a mount leaves behind
        self.configure_lines()
        program = self.start_in(["unshare", "-m"],
                                f"mount -t tmpfs -o size=24m none {outer_state} && mount -t tmpfs -o size=16m none {outer_registry} "
                                f"&& mkdir {outer_registry}/digits")
        self.launch(program)
        self.token = self.ctl_inside("token", "create", "test", "--scope", "operate", "--config", self.config)
        self.promoted()
        self.put(2, "good.pt")
        self.put(3, BAD)
        self.answered(2)
        self.seen("control: a machine that is well", 2)
        self.answered(3)

        # Filled to the last page, the database's own files included.
        with open(self.state / "ballast", "wb", buffering=0) as ballast:
            try:
                while ballast.write(b"\0" * 65536):
                    pass
            except OSError:
                pass
        self.put(4, BAD.read_bytes() + b"\0")
        log = self.root / "daemon.log"
        until(lambda: "full" in log.read_text() or "No space left" in log.read_text(), "the full disk to be met", 60)
        self.withheld("full disk", 4)
        (self.state / "ballast").unlink()
        self.seen("room again", 4)

        self.inside("umount", "-l", outer_registry)
        until(lambda: "was it unmounted" in log.read_text(), "the registry to be missed", 60)
        self.seen("registry unmounted", 3)
        self.seen("registry unmounted, and a new version asked for", 8)
        self.inside("mount", "-t", "tmpfs", "-o", "size=16m", "none", outer_registry)
        (self.registry / "digits").mkdir()
        for version, artifact in ((1, "incumbent.pt"), (2, "good.pt"), (3, BAD), (8, BAD.read_bytes() + b"\0\0\0\0")):
            self.put(version, artifact)
        until(lambda: self.gate(8) == 412, "the version that came meanwhile to be judged")
        self.seen("registry mounted again", 8)

    def test_a_state_that_is_read_only(self):
        if not allowed("unshare", "-m"):
            self.skipTest("no mount namespaces here")
        self.configure_lines()
        program = self.start_in(["unshare", "-m"], f"mount -t tmpfs -o ro,size=1m none {self.state}")
        self.refused("read-only state folder", subprocess.run([program, "--config", self.config], capture_output=True, text=True, timeout=60))

    def ctl_inside(self, *words):
        return subprocess.run(["nsenter", "-t", str(self.daemon.pid), "-m", BIN / "defusectl", *map(str, words)], capture_output=True, text=True,
                              check=True).stdout.strip()

    def test_no_inotify(self):
        if not allowed("unshare", "-U", "-r"):
            self.skipTest("no user namespaces here")
        self.configure_lines(more="log_level: debug\n")
        self.token = self.ctl("token", "create", "test", "--scope", "operate", "--config", self.config).stdout.strip()
        self.launch(self.start_in(["unshare", "-U", "-r"], "echo 0 > /proc/sys/user/max_inotify_instances"))
        self.promoted()
        self.put(2, BAD)
        self.seen("inotify limit reached", 2)
        self.assertIn("no change notification", (self.root / "daemon.log").read_text())

    def test_clocks(self):
        clock = self.root / "clock"
        clock.write_text("0")
        self.environment = {"LD_PRELOAD": str(BIN / "clock_shim.so"), "CLOCK_SHIM": str(clock)}
        self.stand_in("forging_worker.py")
        self.configure_lines(retries=2)
        self.start()
        self.promoted()
        bad = BAD.read_bytes()
        clock.write_text("-3600")
        self.put(2, bad)
        self.seen("clock set back an hour", 2)
        clock.write_text("86400")
        self.put(3, bad + b"\0")
        self.seen("clock set forward a day", 3)
        (self.state / "plan.json").write_text('{"4": "kill"}')
        self.put(4, bad + b"\0\0")
        log = self.root / "daemon.log"
        until(lambda: "trying again" in log.read_text(), "the first attempt to fail", 60)
        clock.write_text("0")
        self.seen("clock set back a day while a worker is to be tried again", 4)


if __name__ == "__main__":
    main()
