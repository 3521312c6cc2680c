"""The sandbox of a worker: what a model that reaches out gets, and that gates work with every layer in force."""
import hashlib
import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))
from harness import BIN, Gate, MADE, main, until  # noqa: E402


def png(pixels, width):
    """A grey picture."""
    rows = b"".join(b"\0" + pixels[start:start + width] for start in range(0, len(pixels), width))
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    head = struct.pack(">IIBBBBB", width, len(pixels) // width, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def tree_of(folder):
    """Every file below, by content."""
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(folder.rglob("*")) if path.is_file()}


class Sandbox(Gate):
    def require(self):
        text = self.config.read_text()
        self.config.write_text(text.replace("worker: {", "worker: { sandbox: require,"))

    def sandbox(self):
        return until(lambda: self.http("/v1/models")[2]["sandbox"], "a worker to say what sandbox it has")

    def sealed_whole(self):
        self.start()
        lacks = self.sandbox()["missing"]
        if lacks:
            self.skipTest(f"this machine lacks {lacks}")

    def test_native_code_in_the_seal(self):
        """Table: attempt | expected | seen."""
        here = {**os.environ, "TMPDIR": str(self.root)}
        tried = subprocess.run([BIN / "sandbox-probe"], capture_output=True, text=True, timeout=60, env=here)
        print(tried.stdout, file=sys.stderr)
        if tried.returncode == 77:
            self.skipTest(tried.stdout.splitlines()[0])
        self.assertEqual(tried.returncode, 0, tried.stdout + tried.stderr)
        # The attempts can fail: most of what is refused inside is done outside, or refused for another reason.
        free = subprocess.run([BIN / "sandbox-probe", "--open"], capture_output=True, text=True, timeout=60, env=here)
        self.assertGreater(free.stdout.count("not as expected"), 40, free.stdout)

    def test_models_that_reach_for_files(self):
        made = self.root / "intruders"
        made.mkdir()
        target = self.root / "outside"
        target.write_bytes(b"untouched" * 100)
        subprocess.run([BIN / "make-intruder-models", MADE / "models" / "good.pt", made, target], check=True, timeout=120)
        before = tree_of(self.root / "registry") | {"": hashlib.sha256(target.read_bytes()).hexdigest()}
        self.with_incumbent()
        cache = tree_of(self.state / "cache")
        cases = {"saves": "aten::save", "saves_by_another_name": "aten::save", "saves_in_a_corner": "aten::save",
                 "maps": "aten::from_file", "points_anywhere": "aten::_sparse_coo_tensor_unsafe",
                 "saves_while_it_loads": "while it loads"}
        for number, (name, words) in enumerate(cases.items(), start=10):
            with self.subTest(name):
                self.release(number, made / f"{name}.pt")
                verdict = self.judged(number)
                print(f"INTRUDER | {name} | {verdict['verdict']} | {verdict['reason']}", file=sys.stderr)
                self.assertEqual(verdict["verdict"], "error", verdict["reason"])
                self.assertIn(words, verdict["reason"])
                self.assertNotEqual(self.gate(number), 200)
                self.assertEqual(hashlib.sha256(target.read_bytes()).hexdigest(), before[""], "the file was touched")
        now = tree_of(self.state / "cache")
        self.assertEqual({name: now.get(name) for name in cache}, cache, "what the cache held is what it holds")
        self.release(30, "good.pt")
        self.assertEqual(self.judged(30)["verdict"], "pass", "the next gate is none the worse")

    def test_the_state_is_told_and_required(self):
        self.require()
        self.environment = {"DEFUSED_WORKER": str(BIN / "worker-without-landlock")}
        self.start()
        state = self.sandbox()
        self.assertEqual([layer.split()[0] for layer in state["missing"]], ["landlock"], state)
        self.assertIn("seccomp", state["in_force"])
        said = self.ctl("status").stdout
        self.assertIn("missing landlock", said)
        self.assertIn("defused_sandbox_missing_layers 1", self.http("/metrics")[2].decode())
        self.assertIn("nothing will be judged", (self.root / "daemon.log").read_text())
        self.release(1, "good.pt")
        verdict = self.judged(1)
        print(f"REQUIRED | {verdict['verdict']} | {verdict['reason']}", file=sys.stderr)
        self.assertEqual(verdict["verdict"], "error")
        self.assertIn("landlock", verdict["reason"])
        self.assertEqual(list((self.state / "cache").glob("evaluation/*")), [], "nothing was run")

        self.stop()
        self.environment = {}
        self.sealed_whole()
        self.release(2, "incumbent.pt")
        self.assertNotEqual(self.judged(2)["verdict"], "error", "with every layer in force it is judged")
        self.assertIn("in_force", self.ctl("status", "--output", "json").stdout)

    def test_pictures_are_decoded_inside(self):
        self.require()
        data = self.root / "pictures"
        for split in ("train", "test"):
            images = (MADE / "data" / f"{split}-images-idx3-ubyte").read_bytes()[16:]
            labels = (MADE / "data" / f"{split}-labels-idx1-ubyte").read_bytes()[8:]
            for i in range(0, len(labels), 2):   # they are sorted by class
                folder = data / split / str(labels[i])
                folder.mkdir(parents=True, exist_ok=True)
                (folder / f"{i}.png").write_bytes(png(images[400 * i:400 * (i + 1)], 20))
        text = self.config.read_text()
        lines = [line for line in text.splitlines() if "idx:" not in line]
        where = next(i for i, line in enumerate(lines) if line.strip() == "data:")
        lines[where + 1:where + 1] = [f"      {split}: {{ folder: {{ path: {data / split} }} }}" for split in ("train", "test")]
        self.config.write_text("\n".join(lines).replace("epochs: 40", "epochs: 1") + "\n")
        out = self.root / "report"
        done = self.ctl("evaluate", "--config", self.config, "--model", "digits", "--candidate", MADE / "models" / "good.pt",
                        "--incumbent", MADE / "models" / "incumbent.pt", "--report", out, "--cache", self.state / "cache")
        if "this machine lacks" in done.stdout:
            self.skipTest(done.stdout)
        self.assertIn(done.returncode, (0, 1, 3), done.stdout + done.stderr)
        self.assertTrue(list((self.state / "cache" / "data").glob("*.raw")))


if __name__ == "__main__":
    main()
