"""A world in which a gate takes a moment: several model lines over 8 x 8 images, made once per build by `make-tiny-world`.

Several lines live on the same handful of models: a copy under another digest is the same zip file with one more entry in it.
"""
import http.client
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))
from harness import BIN, BUILD, Gate, until  # noqa: E402

TINY = BUILD / "tiny"
UNREACHABLE = (OSError, http.client.HTTPException, json.JSONDecodeError)   # the daemon died while it was asked

CONFIG = """\
api_version: defused/v1
state_dir: {state}
registry: {{ path: {registry}, readiness: {readiness}, settle: 300ms, rescan: 1s }}
http: {{ listen: "127.0.0.1:0" }}
worker: {{ memory: 4GiB, timeout: 5min, retries: 10, backoff: 100ms }}
cache: {{ size: {cache} }}
models:
"""
LINE = """\
  {name}:
    input: {{ shape: [1, 8, 8], scale: 255 }}
    data:
      train: {{ idx: {{ images: {data}/train-images-idx3-ubyte, labels: {data}/train-labels-idx1-ubyte }} }}
      test:  {{ idx: {{ images: {data}/test-images-idx3-ubyte,  labels: {data}/test-labels-idx1-ubyte }} }}
    generator: {{ kind: vae, latent: 8, epochs: 150, beta: 0.05 }}
    checks:
      accuracy: {{ mode: block, max_drop: 3%, max_class_drop: 10% }}
      negative_flips: {{ mode: block, max_rate: 5%, max_class_rate: 15% }}
      misclassification_regions: {{ mode: block, draws: 2, min_support: 5 }}
"""


def make_models():
    if (TINY / "made").exists():
        return
    scratch = Path(tempfile.mkdtemp(prefix="tiny-", dir=BUILD))
    subprocess.run([BIN / "make-tiny-world", scratch], check=True, env={**os.environ, "OPENBLAS_NUM_THREADS": "1"})
    (scratch / "made").touch()
    try:
        scratch.rename(TINY)
    except OSError:   # another test was faster
        shutil.rmtree(scratch)


def configuration(state, registry, lines, readiness="marker", cache="20GiB"):
    return CONFIG.format(state=state, registry=registry, readiness=readiness, cache=cache) + \
        "".join(LINE.format(name=name, data=TINY / "data") for name in lines)


def variant(model, words):
    """The bytes of a model that computes the same under another digest."""
    source = TINY / "models" / f"{model}.pt"
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "model.pt"
        shutil.copy(source, copy)
        with zipfile.ZipFile(copy, "a") as archive:
            archive.writestr(zipfile.ZipInfo(archive.namelist()[0].split("/")[0] + "/extra/copy"), words)
        return copy.read_bytes()


class Tiny(Gate):
    """Registry, state folder and daemon of a few lines. Not a test case of its own; used as a harness."""

    warm = False
    lines = ("a", "b", "c")
    cache = "20GiB"

    def __init__(self):
        super().__init__("run")
        make_models()
        self.setUp()

    def configure(self, readiness="auto", timeout="5min", extra="", data=None):
        self.config.write_text(configuration(self.state, self.registry, self.lines, cache=self.cache))
        for name in self.lines:
            (self.registry / name).mkdir(exist_ok=True)

    def release(self, line, version, bytes_of_model):
        hidden = self.registry / line / f".incoming-{version}"
        hidden.mkdir(exist_ok=True)
        (hidden / "model.pt").write_bytes(bytes_of_model)
        (hidden / "READY").touch()
        if (self.registry / line / str(version)).exists():
            shutil.rmtree(self.registry / line / str(version))
        hidden.rename(self.registry / line / str(version))

    def ask(self, path, method="GET", body=None):
        """(status, body); (0, None) if no daemon answered."""
        try:
            status, _, answer = self.http(path, method, body, self.token)
            return status, answer
        except UNREACHABLE:
            return 0, None

    def worker_of(self, daemon):
        """The process id of the daemon's worker, or none."""
        try:
            children = Path(f"/proc/{daemon}/task/{daemon}/children").read_text().split()
        except OSError:
            return None
        return int(children[0]) if children else None

    def wait_for(self, line, version):
        def verdict():
            status, body = self.ask(f"/v1/models/{line}/versions/{version}/verdict")
            return body if status == 200 and body["verdict"] else None
        return until(verdict, f"a verdict on {line}/{version}")


def available():
    """Why these tests cannot run, or nothing."""
    for name in ("defused", "defuse-worker", "defusectl", "make-tiny-world", "power-loss.so"):
        if not (BIN / name).exists():
            return f"{BIN / name} was not built"
    return None
