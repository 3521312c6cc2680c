"""Signatures and the digest at promotion, with the real programs and the openssl command line: what was not signed, was signed
for another place, or is not the file that was judged any more is never green."""
import base64
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))
from harness import Gate, MADE, main, until  # noqa: E402


def openssl(*words):
    return subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True).stdout


class Signature(Gate):
    def setUp(self):
        super().setUp()
        for name in ("ci", "thief"):
            key = self.root / f"{name}.pem"
            openssl("genpkey", "-algorithm", "ed25519", "-out", key)
            openssl("pkey", "-in", key, "-pubout", "-out", self.root / f"{name}.pub")

    def ask(self, mode, *names):
        keys = ", ".join(f"{{ name: {name}, file: {name}.pub }}" for name in names)
        self.configure(extra=f"signature: {{ mode: {mode}, keys: [{keys}] }}\n")

    def sign(self, folder, version, key="ci", text=False):
        """As a pipeline would that has nothing but openssl."""
        model = (folder / "model.pt").read_bytes()
        manifest = {"model": "digits", "version": str(version), "sha256": hashlib.sha256(model).hexdigest()}
        labels = folder / "labels.txt"
        if labels.exists():
            manifest["files"] = {"labels.txt": hashlib.sha256(labels.read_bytes()).hexdigest()}
        (folder / "manifest.json").write_text(json.dumps(manifest))
        openssl("pkeyutl", "-sign", "-rawin", "-inkey", self.root / f"{key}.pem", "-in", folder / "manifest.json",
                "-out", folder / "manifest.json.sig")
        if text:
            signature = folder / "manifest.json.sig"
            signature.write_bytes(base64.encodebytes(signature.read_bytes()))

    def release_signed(self, version, model, signed_as=None, **more):
        hidden = self.registry / "digits" / f".incoming-{version}"
        hidden.mkdir()
        shutil.copy(MADE / "models" / model, hidden / "model.pt")
        self.sign(hidden, signed_as or version, **more)
        hidden.rename(self.registry / "digits" / str(version))

    def refused(self, version, words):
        """Nowhere green: gate, verdict, defusectl, the verdict file, promotion."""
        def reason():
            status, _, body = self.http(f"/v1/models/digits/versions/{version}/gate")
            return status == 422 and body["reason"]
        self.assertIn(words, until(reason, f"version {version} to be refused"))
        self.assertIn(words, self.http(f"/v1/models/digits/versions/{version}/verdict")[2]["reason"])
        done = self.ctl("wait", "digits", version, "--timeout", "60s")
        self.assertEqual(done.returncode, 4, done.stdout + done.stderr)
        self.assertEqual(self.ctl("verdict", "digits", version).returncode, 4)
        file = self.state / "verdicts" / "digits" / f"{version}.json"
        until(lambda: not file.exists() or not json.loads(file.read_text())["ok"], "the verdict file")
        for override in ([], ["--override"]):
            done = self.ctl("promote", "digits", version, "--reason", "now", *override)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn(words, done.stderr)
        print(f"SIGNATURE | {version} | {words}", file=sys.stderr)

    def reload(self):
        self.daemon.send_signal(signal.SIGHUP)

    def test_enforced(self):
        self.ask("enforce", "ci")
        self.start()
        self.release_signed(1, "incumbent.pt")
        self.judged(1)
        self.ctl("promote", "digits", 1, "--reason", "first of its line", check=True)
        self.release_signed(2, "good.pt", text=True)
        self.assertEqual(self.judged(2)["verdict"], "pass")
        self.assertEqual(self.gate(2), 200)
        self.assertEqual(self.report(2)["signature"], {"mode": "enforce", "state": "valid", "key": "ci", "problem": None})
        self.assertIn("signed by ci", self.ctl("verdict", "digits", 2, check=True).stdout)

        self.release(3, "good.pt")                                # nobody signed it
        self.refused(3, "there is no manifest.json")
        self.release_signed(4, "good.pt", key="thief")            # somebody else did
        self.refused(4, "none of the configured keys")
        self.release_signed(5, "good.pt", signed_as=2)            # a manifest of another version
        self.refused(5, "is of version 2, not 5")
        self.release_signed(6, "good.pt")                         # another file under a signed manifest
        until(lambda: self.gate(6) == 200, "a signed copy to share the verdict of its bytes")
        shutil.copy(MADE / "models" / "planted.pt", self.registry / "digits" / "6" / "model.pt")
        until(lambda: self.gate(6) != 200, "the swapped file to be seen")
        (self.registry / "digits" / "2" / "labels.txt").write_text("1\n0\n")   # class names that were not signed
        self.refused(2, "labels.txt")
        (self.registry / "digits" / "2" / "labels.txt").unlink()
        until(lambda: self.gate(2) == 200, "version 2 to be as it was")

        self.ask("enforce", "thief")                              # ci's key is taken away
        self.reload()
        self.refused(2, "ci, which is no longer configured")
        self.ask("enforce", "absent")                             # a key that is not there: the old file stays in force
        self.reload()
        until(lambda: "absent" in (self.http("/v1/models")[2]["config_problem"] or ""), "the reload to be refused")
        self.assertEqual(self.gate(2), 422)
        self.ask("enforce", "ci")
        self.reload()
        until(lambda: self.gate(2) == 200, "version 2 to be trusted again")
        self.ctl("promote", "digits", 2, check=True)
        rows = self.http("/v1/audit?limit=100")[2]["rows"]
        promoted = [row for row in rows if row["action"] == "promote" and row["subject"] == "digits/2"]
        self.assertIn('"signed_by":"ci"', json.dumps(promoted[0]).replace(" ", "").replace("\\", ""))

    def test_warned_and_replaced_at_promotion(self):
        self.ask("warn", "ci")
        self.config.write_text(self.config.read_text().replace("rescan: 2s", "rescan: 1h"))
        self.with_incumbent()
        self.release(2, "good.pt")
        verdict = self.judged(2)
        self.assertEqual(verdict["verdict"], "pass")
        self.assertTrue(any("Signature missing" in words for words in verdict["warnings"]), verdict["warnings"])
        self.assertIn("SIGNATURE missing", self.ctl("verdict", "digits", 2).stdout)
        self.assertIn("Signature missing", self.report(2, "markdown").decode())

        # Behind a link that stays in the registry nothing tells of changes, and the next scan is an hour away.
        hidden = self.registry / ".store" / "3"
        hidden.mkdir(parents=True)
        model = hidden / "model.pt"
        shutil.copy(MADE / "models" / "good.pt", model)
        os.symlink(hidden, self.registry / "digits" / "3")
        until(lambda: self.gate(3) == 200, "the copy behind the link to share the verdict of its bytes")
        whole = model.read_bytes()
        for what, spoil in (("replaced", lambda: model.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))),
                            ("gone", model.unlink)):
            with self.subTest(what):
                spoil()
                self.assertEqual(self.gate(3), 200, "nobody has looked yet")
                for override in ([], ["--override"]):
                    done = self.ctl("promote", "digits", 3, "--reason", "now", *override)
                    self.assertNotEqual(done.returncode, 0, done.stdout)
                    self.assertIn("changed since it was listed", done.stderr)
                print(f"PROMOTION | {what} |", done.stderr.strip(), file=sys.stderr)
                self.assertEqual(self.http("/v1/models/digits")[2]["incumbent"]["version"], "1")
        refusals = [row["action"] for row in self.http("/v1/audit?limit=100")[2]["rows"] if "refused" in row["action"]]
        self.assertEqual(sorted(set(refusals)), ["override.refused", "promote.refused"])
        self.assertEqual(len(refusals), 4)
        self.ctl("promote", "digits", 2, check=True)

if __name__ == "__main__":
    main()
