"""Artifacts and versions that are not what they seem: empty, cut short, replaced, still growing, vouched for wrongly."""
import os
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from cases import MADE, Case, Cases, line, until  # noqa: E402
from harness import main  # noqa: E402

NOT_WHOLE = "not a whole TorchScript file"
CASES = (
    Case("control: a manifest with the right digest", "a good model; the manifest has its correct sha256", "pass", "May be promoted"),
    Case("an empty artifact", "model.pt has no bytes", "error", NOT_WHOLE),
    Case("text for an artifact", "model.pt is a text file", "error", NOT_WHOLE),
    Case("a truncated artifact", "the last third of model.pt is missing", "error", NOT_WHOLE),
    Case("a damaged artifact", "weights in the middle of model.pt are overwritten", "fail", "NaN or infinity"),
    Case("a zip file without a model", "model.pt is an archive of something else", "error", "does not load"),
    Case("a growing artifact", "model.pt grows between all scans", "not judged", "not complete yet|being written"),
    Case("a grown artifact", "the same, after its writer stopped half-way", "error", NOT_WHOLE),
    Case("no artifact", "an empty folder", "not judged", "no model.pt yet"),
    Case("a manifest with the wrong digest", "sha256 names other bytes", "error", "sha256"),
    Case("a manifest that is no JSON", "manifest.json was cut short", "not judged", "manifest"),
    Case("a manifest without its artifact's end", "the manifest has the digest of the whole file, but only a part of the file is there", "error", "sha256"),
    Case("a marker older than its artifact", "READY was there before model.pt was replaced", "not judged", "READY is older"),
    Case("a link that leaves the registry", "the version folder is a link to elsewhere", "error", "link that leaves the registry"),
    Case("an artifact that is a pipe", "model.pt is a named pipe", "error", "no regular file"),
    Case("an artifact that is a folder", "model.pt is a folder", "error", "no regular file"),
    Case("replaced after it passed", "the bytes of a version that passed are replaced by those of a bad one", "fail", "class order|accuracy"),
    Case("replaced after it passed, half-way", "the new bytes are still being written", "not judged", "not complete yet|written"),
    Case("deleted after it passed", "the folder of a version that passed is removed", "unknown", "deleted"),
    Case("a second name for a bad version", "version 007 with the bytes of version 7, which failed", "fail", "class order|accuracy"),
    Case("other class names", "labels.txt lists the classes in another order", "fail", "same names stand in another order"),
    Case("a version nobody brought", "the gate is asked for a version that was never there", "unknown", "no version 99"),
    Case("a model nobody watches", "the gate is asked for a model that is not configured", "unknown", "no model named letters"),
)


class Artifact(Cases):
    cases = CASES

    def folder(self, version):
        made = self.registry / "digits" / str(version)
        made.mkdir()
        return made

    def test_files_that_are_not_whole(self):
        import hashlib
        import zipfile
        self.configure_lines()
        self.start()
        self.promoted()
        good = (MADE / "models" / "good.pt").read_bytes()
        self.put(10, b"")
        self.put(11, b"this is no model\n" * 50)
        self.put(12, "truncated.pt")
        self.put(13, good[:60000] + b"\xff" * 40000 + good[100000:])
        with zipfile.ZipFile(self.root / "other.zip", "w") as archive:
            archive.writestr("readme.txt", "no model")
        self.put(14, self.root / "other.zip")
        self.folder(15)
        for number, sha256, bytes_ in ((16, "0" * 64, good), (17, hashlib.sha256(good).hexdigest(), good[:90000]),
                                       (2, hashlib.sha256(good).hexdigest(), good)):
            hidden = self.registry / "digits" / f".m-{number}"
            hidden.mkdir()
            (hidden / "manifest.json").write_text(f'{{"sha256": "{sha256}"}}')
            (hidden / "model.pt").write_bytes(bytes_)
            hidden.rename(self.registry / "digits" / str(number))
        broken = self.registry / "digits" / ".m-18"
        broken.mkdir()
        (broken / "manifest.json").write_text('{"sha256": "0')
        (broken / "model.pt").write_bytes(good)
        broken.rename(self.registry / "digits" / "18")
        outside = self.root / "outside"
        outside.mkdir()
        (outside / "model.pt").write_bytes(good)
        os.symlink(outside, self.registry / "digits" / "19")
        os.mkfifo(self.folder(20) / "model.pt")
        (self.folder(21) / "model.pt").mkdir()
        self.seen("control: a manifest with the right digest", 2)
        for number, name in ((10, "an empty artifact"), (11, "text for an artifact"), (12, "a truncated artifact"), (13, "a damaged artifact"),
                             (14, "a zip file without a model"), (16, "a manifest with the wrong digest"),
                             (17, "a manifest without its artifact's end"), (19, "a link that leaves the registry"),
                             (20, "an artifact that is a pipe"), (21, "an artifact that is a folder")):
            self.seen(name, number)
        for number, name in ((15, "no artifact"), (18, "a manifest that is no JSON")):
            self.waits(name, number)
        self.seen("a version nobody brought", 99)
        self.seen("a model nobody watches", 1, model="letters")

    def waits(self, name, version):
        until(lambda: "complete" in self.http(f"/v1/models/digits/versions/{version}/gate")[2].get("reason", ""), f"{version} to be seen")
        self.seen(name, version)

    def test_files_that_change(self):
        self.configure_lines(settle="1s", rescan="500ms")
        self.start()
        self.promoted()
        digits, good = self.registry / "digits", (MADE / "models" / "good.pt").read_bytes()
        bad = (MADE / "hostile" / "permuted.pt").read_bytes()
        self.put(2, "good.pt")
        self.put(3, good + b"\0")
        self.put(4, good + b"\0\0")
        self.put(7, bad)
        self.put("007", bad)
        self.put(8, good + b"\0\0\0", labels=list("0123546789"))
        for version in (2, 3, 4):
            self.assertEqual(self.answered(version)["verdict"], "pass")

        growing = self.folder(5) / "model.pt"
        with open(growing, "wb") as slow:
            def grow():
                slow.write(good[slow.tell():slow.tell() + 64])
                slow.flush()
                return "changing" in self.http("/v1/models/digits/versions/5/gate")[2].get("reason", "")
            until(grow, "the growing version to be seen")
            # Written to while every face is asked, as a slow copy would.
            import threading
            end = threading.Event()
            writer = threading.Thread(target=lambda: [grow_once(slow, good) for _ in iter(lambda: end.wait(0.05), True)])
            writer.start()
            self.seen("a growing artifact", 5)
            end.set()
            writer.join()
        self.seen("a grown artifact", 5)

        folder = self.folder(6)
        (folder / "READY").touch()
        os.utime(folder / "READY", (1, 1))
        (folder / "model.pt").write_bytes(good)
        until(lambda: "READY" in self.http("/v1/models/digits/versions/6/gate")[2].get("reason", ""), "the old marker to be seen")
        self.seen("a marker older than its artifact", 6)

        (digits / "2" / "model.pt").write_bytes(bad + b"\0")
        until(lambda: self.gate(2) == 412, "the replaced artifact to be judged anew")
        self.seen("replaced after it passed", 2)
        with open(digits / "3" / "model.pt", "r+b") as slow:
            slow.write(bad[:5000])
            slow.flush()
            until(lambda: self.gate(3) == 503, "the change to be seen")
            end = threading.Event()
            writer = threading.Thread(target=lambda: [grow_once(slow, bad) for _ in iter(lambda: end.wait(0.05), True)])
            writer.start()
            self.seen("replaced after it passed, half-way", 3)
            end.set()
            writer.join()
        shutil.rmtree(digits / "4")
        until(lambda: self.gate(4) != 200, "the deletion to be seen")
        self.seen("deleted after it passed", 4)
        self.seen("a second name for a bad version", "007")
        self.seen("other class names", 8)


def grow_once(file, source):
    file.write(source[file.tell():file.tell() + 16])
    file.flush()


if __name__ == "__main__":
    main()
