"""Drives the real programs for end-to-end and fault tests: a registry, a state folder and a daemon of its own per test.

Models come from `make-digit-models`, made once per build (ctest fixture `digit_models`); a generator that was trained once is put into each
test's cache, so that a test takes seconds. Nothing here mocks anything.
"""
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.error
import urllib.request
from pathlib import Path

BUILD = Path(os.environ["DEFUSED_BUILD"])
BIN = BUILD / "bin"
MADE = BUILD / "e2e"          # what make-digit-models wrote
WARM = MADE / "warm-cache"    # a trained generator, filled by the first test that needs one
PATIENCE = int(os.environ.get("DEFUSED_PATIENCE", "1"))   # how much slower the programs may be: 10 under sanitizers
DEADLINE = 240 * PATIENCE     # seconds no single wait may exceed; reached only when something hangs

CONFIG = """\
api_version: defused/v1
state_dir: {state}
registry: {{ path: {registry}, readiness: {readiness}, settle: 300ms, rescan: 2s }}
http: {{ listen: "127.0.0.1:0" }}
worker: {{ memory: 4GiB, timeout: {timeout}, retries: 2, backoff: 100ms }}
models:
  digits:
    input: {{ shape: [1, 20, 20], scale: 255 }}
    data:
      train: {{ idx: {{ images: {data}/train-images-idx3-ubyte, labels: {data}/train-labels-idx1-ubyte }} }}
      test:  {{ idx: {{ images: {data}/test-images-idx3-ubyte,  labels: {data}/test-labels-idx1-ubyte }} }}
    generator: {{ kind: vae, latent: 16, epochs: 40 }}
    checks:
      accuracy: {{ mode: block, max_drop: 1% }}
      negative_flips: {{ mode: block, max_rate: 4% }}
      misclassification_regions: {{ mode: block, draws: 4, min_support: 10, min_increase: 20% }}
{extra}"""


def until(condition, what, deadline=DEADLINE):
    """Polls until `condition()` gives something true and returns it. Time only ends a wait that would never end."""
    end = time.monotonic() + deadline
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited {deadline} s in vain for {what}")
        time.sleep(0.03)


class Gate(unittest.TestCase):
    """One registry, one state folder, at most one daemon."""

    warm = True   # start with a generator already trained

    def setUp(self):
        self.root = Path(tempfile.mkdtemp(prefix="defused-e2e-"))
        self.addCleanup(shutil.rmtree, self.root, ignore_errors=True)
        self.registry = self.root / "registry"
        (self.registry / "digits").mkdir(parents=True)
        self.state = self.root / "state"
        self.state.mkdir()
        self.data = MADE / "data"
        self.config = self.root / "defused.yaml"
        self.daemon = None
        self.token = None
        self.environment = {}
        self.configure()
        if self.warm and WARM.exists():
            shutil.copytree(WARM, self.state / "cache")
        self.addCleanup(self.stop)

    def configure(self, readiness="auto", timeout=f"{5 * PATIENCE}min", extra="", data=None):
        self.config.write_text(CONFIG.format(state=self.state, registry=self.registry, data=data or self.data,
                                             readiness=readiness, timeout=timeout, extra=extra))

    # -- the programs
    def start(self):
        if self.token is None:
            self.token = self.ctl("token", "create", "test", "--scope", "operate", "--config", self.config).stdout.strip()
        (self.state / "address").unlink(missing_ok=True)
        log = open(self.root / "daemon.log", "a", encoding="utf-8")
        self.daemon = subprocess.Popen([BIN / "defused", "--config", self.config], stdout=log, stderr=log,
                                       env={**os.environ, **self.environment})
        log.close()

        def listening():
            if self.daemon.poll() is not None:
                raise AssertionError("the daemon ended: " + (self.root / "daemon.log").read_text())
            address = self.state / "address"
            return address.exists() and address.read_text().strip()

        self.url = "http://" + until(listening, "the daemon to listen", 30 * PATIENCE)

    def stop(self, how=signal.SIGTERM):
        if self.daemon is None:
            return
        if self.daemon.poll() is None:
            self.daemon.send_signal(how)
        self.daemon.wait(timeout=60 * PATIENCE)
        self.daemon = None

    def ctl(self, *words, check=False, **more):
        environment = {**os.environ, "DEFUSED_URL": getattr(self, "url", "http://127.0.0.1:9"), "NO_COLOR": "1"}
        if self.token:
            environment["DEFUSED_TOKEN"] = self.token
        done = subprocess.run([BIN / "defusectl", *map(str, words)], capture_output=True, text=True, env=environment,
                              timeout=DEADLINE, **more)
        if check and done.returncode != 0:
            raise AssertionError(f"defusectl {words}: exit {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done

    def http(self, path, method="GET", body=None, token=None):
        """Status, headers and body; JSON bodies decoded."""
        request = urllib.request.Request(self.url + path, method=method,
                                         data=None if body is None else json.dumps(body).encode())
        if body is not None:
            request.add_header("Content-Type", "application/json")
        if token:
            request.add_header("Authorization", "Bearer " + token)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                status, headers, raw = answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as refused:
            status, headers, raw = refused.code, refused.headers, refused.read()
        kind = headers.get("Content-Type", "")
        return status, headers, json.loads(raw) if "json" in kind else raw

    # -- the registry
    def release(self, version, model, labels=None):
        hidden = self.registry / "digits" / f".incoming-{version}"
        hidden.mkdir()
        shutil.copy(MADE / "models" / model if isinstance(model, str) else model, hidden / "model.pt")
        if labels:
            (hidden / "labels.txt").write_text("\n".join(labels) + "\n")
        hidden.rename(self.registry / "digits" / str(version))

    def judged(self, version, deadline=DEADLINE):
        """Waits for a verdict and returns its document."""
        def verdict():
            status, _, body = self.http(f"/v1/models/digits/versions/{version}/verdict")
            return body if status == 200 and body["verdict"] else None
        body = until(verdict, f"a verdict on version {version}", deadline)
        if self.warm and not WARM.exists() and (self.state / "cache" / "generator").exists():
            scratch = MADE / f"warm-{os.getpid()}"
            shutil.copytree(self.state / "cache" / "generator", scratch / "generator")
            try:
                scratch.rename(WARM)
            except OSError:   # another test was faster
                shutil.rmtree(scratch)
        return body

    def gate(self, version):
        return self.http(f"/v1/models/digits/versions/{version}/gate")[0]

    def report(self, version, form="json"):
        status, _, body = self.http(f"/v1/models/digits/versions/{version}/report?format={form}")
        self.assertEqual(status, 200, body)
        return body

    def with_incumbent(self, model="incumbent.pt"):
        """A running daemon whose version 1 was judged and promoted."""
        self.start()
        self.release(1, model)
        self.judged(1)
        self.ctl("promote", "digits", 1, "--reason", "first of its line", check=True)


def main():
    if not (MADE / "models" / "planted.pt").exists():
        print(f"SKIPPED: {MADE} holds no models; the sheet of digits (Debian package opencv-doc) is not installed")
        sys.exit(77)
    unittest.main(verbosity=2)
