"""A Debian booted with systemd as process 1, for one test, gone when the test ends.

Its root is an overlay over this machine's: what is installed here is installed there, what is changed there is in memory and forgotten. It has
its own processes, network (loopback only) and services, of which only systemd's own run. enter() moves the test into namespaces of its own
first, so that a test that is killed takes everything down with it: mounts, machine and all.
"""
import contextlib
import os
import secrets
import shutil
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

ENTERED = "DEFUSED_SYSTEM_ENTERED"
LANDLOCK = "landlock_create_ruleset landlock_add_rule landlock_restrict_self"   # nspawn forbids what it doesn't know
DEADLINE = 180   # seconds no single wait may exceed; reached only when something hangs


class CannotRun(Exception):
    """This machine cannot boot another; the reason is for people."""


def enter():
    """Returns in a mount and process namespace of this test's own; the first call starts this program there and ends with its exit code."""
    if os.environ.get(ENTERED):
        return
    if os.geteuid() != 0:
        raise CannotRun("not root")
    for program, package in (("systemd-nspawn", "systemd-container"), ("nsenter", "util-linux"), ("dpkg-deb", "dpkg")):
        if shutil.which(program) is None:
            raise CannotRun(f"no {program} (package {package})")
    namespaces = ["unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "--mount-proc"]
    tried = subprocess.run([*namespaces, "true"], capture_output=True, text=True, check=False)
    if tried.returncode != 0:
        raise CannotRun("no namespaces: " + tried.stderr.strip())
    os.environ[ENTERED] = "yes"
    sys.stdout.flush()
    os.execvp(namespaces[0], [*namespaces, sys.executable, *sys.argv])


def until(condition, what, deadline=DEADLINE):
    """Polls until `condition()` gives something true and returns it. Time only ends a wait that would never end."""
    end = time.monotonic() + deadline
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited {deadline} s in vain for {what}")
        time.sleep(0.1)


class Machine:
    """Use as a context: it is booted at the start and gone at the end."""

    def __init__(self, scratch):
        self.scratch = Path(scratch)          # an empty folder, to mount on
        self.root = self.scratch / "root"
        self.cgroups = []
        self.container = None
        self.init = None                      # its process 1, as this namespace numbers it

    def __enter__(self):
        try:
            self._lay_out()
            self._boot()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.container is not None:
            self.container.kill()             # and, being its process 1's parent, all of it
            self.container.wait()
        if self.init is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.init, signal.SIGKILL)
        # What was started in it is killed with its process 1, but not at once; what is left of each process is for us to reap.
        for cgroup in self.cgroups:
            remove(cgroup, attempts=500)

    # -- making it
    def _lay_out(self):
        try:
            mount("tmpfs", self.scratch, "tmpfs", "size=512m,mode=755")
            mount("tmpfs", "/run", "tmpfs", "size=16m,mode=755")   # nspawn leaves folders there
            upper, work = self.scratch / "upper", self.scratch / "work"
            for folder in (upper, work, self.root):
                folder.mkdir()
            self._hide(upper)
            mount("overlay", self.root, "overlay", f"lowerdir=/,upperdir={upper},workdir={work}")
        except (OSError, subprocess.CalledProcessError) as problem:
            raise CannotRun(f"no overlay over this machine's root: {getattr(problem, 'stderr', problem)}") from problem

    @staticmethod
    def _hide(upper):
        """Nothing that this machine would start is started there, and nothing of its own hinders packages from being installed as on a server."""
        for folder in ("etc/systemd/system", "etc/dpkg/dpkg.cfg.d", "etc/apt/apt.conf.d", "tmp", "var/tmp", "var/log/journal",
                       *(f"etc/rc{level}.d" for level in "0123456S")):
            (upper / folder).mkdir(parents=True)
            os.setxattr(upper / folder, "trusted.overlay.opaque", b"y")
        (upper / "etc/fstab").write_text("")
        (upper / "etc/hostname").write_text("defused-test\n")
        (upper / "etc/machine-id").write_text(secrets.token_hex(16) + "\n")
        (upper / "etc/systemd/system/default.target").symlink_to("/lib/systemd/system/multi-user.target")
        (upper / "usr/sbin").mkdir(parents=True)
        # A container's policy-rc.d lets no package start its service. This is the overlay's way to say that the file is not there.
        os.mknod(upper / "usr/sbin/policy-rc.d", stat.S_IFCHR, os.makedev(0, 0))

    def _boot(self):
        command = ["systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--boot", "--private-network",
                   f"--machine=defused-{secrets.token_hex(4)}", f"--directory={self.root}", "--link-journal=no", "--resolv-conf=off",
                   "--timezone=off", f"--system-call-filter={LANDLOCK}", "--console=pipe"]
        self.cgroups = own_cgroups()
        log = open(self.scratch / "boot.log", "wb")

        def move():   # what nspawn makes is under these, so that it can be found and removed
            for cgroup in self.cgroups:
                (cgroup / "cgroup.procs").write_text(str(os.getpid()))
        # pylint: disable=subprocess-popen-preexec-fn
        self.container = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=move)
        log.close()

        def booted():
            if self.container.poll() is not None:
                raise CannotRun("systemd-nspawn: " + (self.scratch / "boot.log").read_text(errors="replace")[-600:].strip())
            if self.init is None:
                children = Path(f"/proc/{self.container.pid}/task/{self.container.pid}/children").read_text().split()
                # Until nspawn has given it its root, its name is nspawn's.
                self.init = next((int(pid) for pid in children if Path(f"/proc/{pid}/comm").read_text().strip() == "systemd"), None)
                return False
            return self.run("systemctl", "is-system-running").stdout.strip() in ("running", "degraded")
        until(booted, "the machine to boot")

    # -- using it
    def run(self, *words, check=False, environment=None, **more):
        """Runs a command in the machine, as root. Nothing is ever asked: standard input is empty."""
        plain = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive",
                 "HOME": "/", "NO_COLOR": "1", "SYSTEMD_PAGER": "", **(environment or {})}
        done = subprocess.run(["nsenter", "--all", "--target", str(self.init), "--", *map(str, words)], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, env=plain, timeout=DEADLINE, check=False, **more)
        if check and done.returncode != 0:
            raise AssertionError(f"{' '.join(map(str, words))}: exit {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def path(self, inside):
        """Where this process finds a file of the machine, also one on a file system that the machine mounted."""
        return Path(f"/proc/{self.init}/root{inside}")


def mount(what, where, kind, options):
    subprocess.run(["mount", "-t", kind, "-o", options, what, str(where)], check=True, capture_output=True, text=True)


def own_cgroups():
    """A new cgroup below this process's own in each hierarchy that systemd uses: cgroup2, and version 1's name=systemd where there is one."""
    of = {}
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        of[controllers] = path
    made, own = [], f"defused-test-{secrets.token_hex(4)}"   # nspawn takes the name in one for that in the other
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, where, kind, options, *_ = line.split()
        name = "" if kind == "cgroup2" else "name=systemd" if kind == "cgroup" and "name=systemd" in options.split(",") else None
        if name is None or name not in of:
            continue
        cgroup = Path(where) / of[name].lstrip("/") / own
        try:
            cgroup.mkdir()
        except OSError as problem:
            raise CannotRun(f"no cgroup of its own: {problem}") from problem
        made.append(cgroup)
        for left in cgroup.parent.glob("defused-test-*"):   # empty ones of a test that was killed
            if time.time() - left.stat().st_mtime > 3600:
                remove(left, attempts=1)
    return made


def remove(cgroup, attempts):
    """With everything below it; one that still has a process is tried again, or stays."""
    for folder in [*sorted((path for path in cgroup.rglob("*") if path.is_dir()), reverse=True), cgroup]:
        for _ in range(attempts):
            try:
                folder.rmdir()
                break
            except FileNotFoundError:
                break
            except OSError:
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(-1, os.WNOHANG)
                time.sleep(0.02)
