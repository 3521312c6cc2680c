"""What the daemon's rows need: a registry and a state folder on disk, a real daemon, and a store filled as a long life would fill it.

Versions of large registries are made without running a gate on each: their rows are written by SQL while no daemon runs, with the
fingerprints that the daemon would take of the files that are really there.
"""
import hashlib
import http.client
import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
import time
from pathlib import Path

CONFIG = """\
api_version: defused/v1
state_dir: {state}
registry: {{ path: {registry}, readiness: {readiness}, settle: {settle}, rescan: {rescan} }}
http: {{ listen: "127.0.0.1:0" }}
worker: {{ memory: 4GiB, timeout: 60min, retries: 1, backoff: 100ms }}
seed: {seed}
models:
  digits:
    input: {{ shape: [1, 20, 20], scale: 255 }}
    data:
      train: {{ idx: {{ images: {data}/train-images-idx3-ubyte, labels: {data}/train-labels-idx1-ubyte }} }}
      test:  {{ idx: {{ images: {data}/test-images-idx3-ubyte,  labels: {data}/test-labels-idx1-ubyte }} }}
    generator: {{ kind: vae, latent: 16, epochs: {epochs} }}
    checks:
      accuracy: {{ mode: block, max_drop: 1% }}
      negative_flips: {{ mode: block, max_rate: 4% }}
      misclassification_regions: {{ mode: block, draws: 10, min_support: 10, min_increase: 20% }}
"""
SHEET = Path("/usr/share/doc/opencv-doc/examples/data/digits.png")


def digits(bench):
    """Where models and data are, made once per build; None where the sheet of digits is not installed."""
    made = bench.work / "digits"
    if (made / "models" / "planted.pt").exists():
        return made
    if not SHEET.exists():
        return None
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir()
    subprocess.run([bench.build / "bin/make-digit-models", made, SHEET], check=True, stdout=subprocess.DEVNULL,
                   env={**os.environ, "OPENBLAS_NUM_THREADS": "1"})
    return made


def until(condition, what, seconds=300, pause=0.002):
    end = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > end:
            sys.exit(f"daemon rows: waited {seconds} s in vain for {what}")
        time.sleep(pause)
    return value


class World:
    """One registry, one state folder, at most one daemon."""

    def __init__(self, bench, name, data="/nowhere", **settings):
        self.bin = bench.build / "bin"
        self.root = bench.work / "daemon" / name
        shutil.rmtree(self.root, ignore_errors=True)
        self.registry, self.state = self.root / "registry", self.root / "state"
        (self.registry / "digits").mkdir(parents=True)
        self.state.mkdir()
        self.config = self.root / "defused.yaml"
        self.settings = {"readiness": "auto", "settle": "300ms", "rescan": "30s", "epochs": 2, "seed": 1, "data": data, **settings}
        self.configure()
        self.process = self.token = self.address = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def remove(self):
        self.stop()
        shutil.rmtree(self.root, ignore_errors=True)

    def configure(self, **settings):
        self.settings |= settings
        self.config.write_text(CONFIG.format(state=self.state, registry=self.registry, **self.settings))

    # -- the daemon
    def start(self, worker=None):
        """Starts the daemon and returns the seconds until it said READY=1, as systemd would hear it."""
        if self.token is None:
            self.token = subprocess.run([self.bin / "defusectl", "token", "create", "bench", "--scope", "operate", "--config", self.config],
                                        check=True, capture_output=True, text=True).stdout.strip()
        told = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        path = f"/tmp/defused-bench-{os.getpid()}"   # the path of a socket is short by law
        Path(path).unlink(missing_ok=True)
        told.bind(path)
        told.settimeout(5)
        environment = {**os.environ, "NOTIFY_SOCKET": path}
        if worker:
            environment["DEFUSED_WORKER"] = str(worker)
        with open(self.root / "daemon.log", "a", encoding="utf-8") as log:
            begun = time.perf_counter()
            self.process = subprocess.Popen([self.bin / "defused", "--config", self.config], stdout=log, stderr=log, env=environment)
            said = b""
            while b"READY=1" not in said:
                try:
                    said = told.recv(4096)
                except TimeoutError:
                    if self.process.poll() is not None or time.perf_counter() - begun > 600:
                        sys.exit(f"daemon rows: the daemon did not start:\n{self.log()[-2000:]}")
            took = time.perf_counter() - begun
        told.close()
        Path(path).unlink()
        self.address = (self.state / "address").read_text().strip()
        return took

    def stop(self):
        if self.process is None:
            return
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=60)
        self.process = None

    def log(self):
        return (self.root / "daemon.log").read_text()

    # -- asking it
    def get(self, path, method="GET", body=None):
        connection = http.client.HTTPConnection(self.address, timeout=120)
        headers = {"Authorization": f"Bearer {self.token}"} | ({"Content-Type": "application/json"} if body is not None else {})
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = connection.getresponse()
        raw = answer.read()
        connection.close()
        return answer.status, json.loads(raw) if "json" in (answer.getheader("Content-Type") or "") else raw.decode()

    def metric(self, name):
        found = re.search(rf"^{name} ([-+.e\d]+)", self.get("/metrics")[1], re.M)
        return float(found[1]) if found else None

    def judged(self, version):
        path = f"/v1/models/digits/versions/{version}/verdict"
        return until(lambda: (answer := self.get(path))[0] == 200 and answer[1]["verdict"] and answer[1], f"a verdict on {version}",
                     900, 0.1)

    def resident_mib(self):
        return int(re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{self.process.pid}/status").read_text())[1]) / 1024

    def cpu_seconds(self):
        """Of all threads, to the nanosecond (the ticks of /proc/<pid>/stat are too coarse for a process that rests)."""
        tasks = Path(f"/proc/{self.process.pid}/task").iterdir()
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9

    def worker(self):
        """The process id of the worker, or None."""
        for entry in Path("/proc").iterdir():
            try:
                if entry.name.isdigit() and f"PPid:\t{self.process.pid}\n" in (entry / "status").read_text():
                    return int(entry.name)
            except OSError:   # ended while we looked
                continue
        return None

    # -- the registry
    def release(self, version, model):
        hidden = self.registry / "digits" / f".incoming-{version}"
        hidden.mkdir()
        if isinstance(model, bytes):
            (hidden / "model.pt").write_bytes(model)
        else:
            shutil.copy(model, hidden / "model.pt")
        hidden.rename(self.registry / "digits" / str(version))

    def fill(self, count):
        """`count` small versions, long complete: marked READY, so that no clock decides."""
        for index in range(count):
            folder = self.registry / "digits" / str(1000 + index)
            folder.mkdir()
            (folder / "model.pt").write_bytes(b"%d" % index)
            (folder / "READY").touch()

    def remember(self):
        """Writes every version that lies in the registry into the store, as seen, queued and judged; the daemon must not run."""
        database = sqlite3.connect(self.state / "defused.db")
        database.execute("PRAGMA synchronous = OFF")
        now = int(time.time() * 1000)
        versions, jobs, verdicts = [], [], []
        (self.state / "verdicts" / "digits").mkdir(parents=True, exist_ok=True)
        for index, folder in enumerate(sorted((self.registry / "digits").iterdir())):
            digest = hashlib.sha256((folder / "model.pt").read_bytes()).hexdigest()
            number, report = 10_000_000 + index, f"reports/{folder.name}"
            versions.append((number, "digits", folder.name, digest, str((folder / "model.pt").resolve()), fingerprint(folder), now))
            jobs.append((number, "digits", folder.name, digest, now, now, now, now))
            verdicts.append((number, number, "digits", folder.name, digest, now, json.dumps(VERDICT), report))
            document = json.dumps(VERDICT | {"model": "digits", "version": folder.name, "digest": digest, "report": None}, indent=2)
            (self.state / report).mkdir(parents=True)
            (self.state / report / "verdict.json").write_text(document)
            (self.state / "verdicts" / "digits" / f"{folder.name}.json").write_text(document)
        write_history(database, versions, jobs, verdicts)
        database.commit()
        database.close()


CHECKS = ["contract", "accuracy", "negative_flips", "known_regions", "misclassification_regions", "spotlight"]
WHY = "there is no incumbent to compare with"
VERDICT = {"verdict": "inconclusive", "ok": False, "reason": WHY, "reasons": [], "warnings": [], "findings": [],
           "checks": [{"check": name, "mode": "block", "state": "inconclusive", "reason": WHY} for name in CHECKS]}


def write_history(database, versions, jobs, verdicts):
    database.executemany("INSERT INTO versions (id, model, version, digest, artifact, fingerprint, labels_json, presence, current, "
                         "replaced, first_seen, last_seen) VALUES (?1, ?2, ?3, ?4, ?5, ?6, '[]', 'present', 1, 0, ?7, ?7)", versions)
    database.executemany("INSERT INTO jobs (id, model, version, digest, state, attempt, priority, created, not_before, started, finished, "
                         "station, progress, error, incumbent_version, incumbent_digest) VALUES (?, ?, ?, ?, 'done', 1, 0, ?, ?, ?, ?, "
                         "'done', 1, '', '', '')", jobs)
    database.executemany("INSERT INTO verdicts (id, job, model, version, digest, created, incumbent_version, incumbent_digest, state, "
                         "verdict_json, report) VALUES (?, ?, ?, ?, ?, ?, '', '', 'inconclusive', ?, ?)", verdicts)


def fingerprint(folder):
    """What core/registry/version_files.cc makes of a folder's files; a daemon that finds another takes the version in anew."""
    kinds = {stat.S_IFREG: 0, stat.S_IFDIR: 1}
    whole = hashlib.sha256()
    for file in sorted(folder.iterdir(), key=lambda path: path.name.encode()):
        facts = file.stat()
        parts = [kinds[stat.S_IFMT(facts.st_mode)], facts.st_size, facts.st_ino, 0, facts.st_mtime_ns, facts.st_ctime_ns]
        text = f"{len(file.name)}:{file.name}" + "".join(f" {part}" for part in parts)
        whole.update(f"{len(text)}:{text}".encode())
    return whole.hexdigest()


def real_region(world):
    """A region as a gate left it, in the store's form: label, prediction, region_json, frozen_cluster_json, as one JSON list."""
    database = sqlite3.connect(f"file:{world.state / 'defused.db'}?mode=ro", uri=True)
    row = database.execute("SELECT label, predicted_as, region_json, frozen_cluster_json FROM regions "
                           "ORDER BY length(region_json) LIMIT 1").fetchone()
    database.close()
    return json.dumps(row)


def fill_store(empty, target, rows, region):
    """A store with `rows` versions that were each queued, run and judged once, and a hundredth as many regions."""
    shutil.copy(empty, target)
    database = sqlite3.connect(target)
    database.execute("PRAGMA synchronous = OFF")
    digest = lambda index: f"{index:064x}"
    batch = 50_000
    for first in range(0, rows, batch):
        indices = range(first, min(first + batch, rows))
        write_history(database,
                      [(i + 1, "digits", str(i), digest(i), f"/registry/digits/{i}/model.pt", digest(i), i) for i in indices],
                      [(i + 1, "digits", str(i), digest(i), i, i, i, i) for i in indices],
                      [(i + 1, i + 1, "digits", str(i), digest(i), i, json.dumps(VERDICT), f"reports/{i}") for i in indices])
    if region is not None:
        label, predicted_as, body, clusters = json.loads(region)
        database.executemany("INSERT INTO regions (id, model, label, predicted_as, first_version, last_version, human_label, confirmed, "
                             "region_json, frozen, frozen_cluster_json, first_seen) "
                             "VALUES (?, 'digits', ?, ?, '1', '1', '', 1, ?, '', ?, ?)",
                             [(f"r-{i:012x}", label, predicted_as, body, clusters, i) for i in range(rows // 100)])
    database.commit()
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
