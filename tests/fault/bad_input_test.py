"""Bad input: what goes wrong, which verdict it gives, and what the user reads. None may end in pass."""
import os
import shutil
import stat
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))
from harness import Gate, MADE, main, until  # noqa: E402


class BadInput(Gate):
    def held_back(self, version, *statuses):
        """Why a version is not judged, once /gate answers one of the statuses."""
        status, _, body = self.http(f"/v1/models/digits/versions/{version}/gate")
        return status in statuses and body["reason"]

    def tell(self, what, verdict):
        print(f"BAD INPUT | {what} | {verdict['verdict']} | {verdict['reason']}", file=sys.stderr)

    def test_models_that_are_broken(self):
        self.with_incumbent()
        cases = {
            "empty file": (b"", "error"),
            "text instead of a model": (b"this is no model\n" * 50, "error"),
            "truncated": ((MADE / "models" / "truncated.pt").read_bytes(), "error"),
        }
        hostile = MADE / "hostile"
        for name, want in (("throws", "error"), ("nan", "fail"), ("wrong_classes", "fail"), ("wrong_shape", "fail"),
                           ("random", "fail"), ("permuted", "fail")):
            cases[name] = ((hostile / f"{name}.pt").read_bytes(), want)
        for number, (what, (content, want)) in enumerate(cases.items(), start=10):
            with self.subTest(what):
                file = self.root / "model.pt"
                file.write_bytes(content)
                self.release(number, file)
                verdict = self.judged(number)
                self.tell(what, verdict)
                self.assertEqual(verdict["verdict"], want, verdict["reason"])
                self.assertFalse(verdict["ok"])
                self.assertNotEqual(self.gate(number), 200)

    def test_a_model_that_never_ends_and_one_that_eats_all_memory(self):
        self.configure(timeout="20s")
        self.with_incumbent()
        for number, (name, word) in enumerate((("endless", "time"), ("greedy", "memory")), start=2):
            with self.subTest(name):
                self.release(number, MADE / "hostile" / f"{name}.pt")
                verdict = self.judged(number)
                self.tell(name, verdict)
                self.assertEqual(verdict["verdict"], "error")
                self.assertIn(word, verdict["reason"])
        self.release(9, "good.pt")
        self.assertEqual(self.judged(9)["verdict"], "pass", "the next job runs")

    def test_data_that_cannot_be_read(self):
        data = self.root / "data"
        shutil.copytree(self.data, data)
        self.configure(data=data)
        self.with_incumbent()
        images = data / "test-images-idx3-ubyte"
        images.write_bytes(images.read_bytes()[:5000])
        self.release(2, "good.pt")
        verdict = self.judged(2)
        self.tell("test images cut short", verdict)
        self.assertEqual(verdict["verdict"], "error")
        self.assertIn("test-images-idx3-ubyte", verdict["reason"])

    def test_versions_that_are_not_whole(self):
        self.with_incumbent()
        digits = self.registry / "digits"
        (digits / "2").mkdir()
        until(lambda: self.held_back(2, 503), "the empty folder to be seen")
        whole = (MADE / "models" / "good.pt").read_bytes()
        with open(digits / "2" / "model.pt", "wb") as slow:   # a copy that takes its time
            for start in range(0, len(whole), len(whole) // 8 + 1):
                slow.write(whole[start:start + len(whole) // 8 + 1])
                slow.flush()
                self.http("/livez")
        self.assertEqual(self.judged(2)["verdict"], "pass")

        (digits / "3").mkdir()
        (digits / "3" / "manifest.json").write_text('{"sha256": "' + "0" * 64 + '"}')
        shutil.copy(MADE / "models" / "good.pt", digits / "3" / "model.pt")
        reason = until(lambda: self.held_back(3, 422), "the manifest to be refused")
        self.assertIn("sha256", reason)
        self.tell("manifest promises another digest", {"verdict": "error", "reason": reason})

        outside = self.root / "outside"
        outside.mkdir()
        shutil.copy(MADE / "models" / "good.pt", outside / "model.pt")
        os.symlink(outside, digits / "4")
        reason = until(lambda: self.held_back(4, 422), "the link to be refused")
        self.tell("a link that leaves the registry", {"verdict": "error", "reason": reason})

    def test_versions_that_are_replaced_or_deleted(self):
        self.with_incumbent()
        self.release(2, "good.pt")
        self.assertEqual(self.judged(2)["verdict"], "pass")
        shutil.copy(MADE / "models" / "planted.pt", self.registry / "digits" / "2" / "model.pt")
        until(lambda: self.gate(2) == 412, "the replaced artifact to be judged anew")
        self.assertTrue(any("replaced" in row["action"] for row in self.http("/v1/audit")[2]["rows"]))
        shutil.rmtree(self.registry / "digits" / "2")
        until(lambda: self.gate(2) != 412 or self.http("/v1/models/digits/versions/2")[0] != 200
              or self.http("/v1/models/digits/versions/2")[2].get("presence") == "deleted", "the deletion to be seen")

    def test_a_registry_that_goes_away_comes_back_by_itself(self):
        self.with_incumbent()
        self.registry.rename(self.root / "gone")
        def problem():
            status, _, body = self.http("/readyz?verbose")
            return "registry" in str(body) and status
        until(problem, "the registry to be missed", 30)
        self.assertIn(self.gate(1), (200, 409), "nothing is forgotten")
        (self.root / "gone").rename(self.registry)
        self.release(2, "good.pt")
        self.assertEqual(self.judged(2)["verdict"], "pass")

    def test_a_state_folder_serves_one_daemon(self):
        self.start()
        import subprocess
        from harness import BIN
        second = subprocess.run([BIN / "defused", "--config", self.config], capture_output=True, text=True, timeout=60)
        self.assertNotEqual(second.returncode, 0)
        self.assertIn(str(self.state), second.stderr)


if __name__ == "__main__":
    main()
