"""Data that cannot judge anything: empty, missing, mislabelled, too little, or changed between two gates and during one."""
import json
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from cases import MADE, Case, Cases, line  # noqa: E402
from harness import main  # noqa: E402

DATA = MADE / "data"
CASES = (
    Case("control: good data", "the same model line with complete data", "pass", "May be promoted"),
    Case("an empty data set", "both files exist and contain no image", "error", "test-images-idx3-ubyte holds no image"),
    Case("an empty file", "the file of images has no bytes", "error", "test-images-idx3-ubyte"),
    Case("a missing test split", "the file of test images is not there", "error", "test-images-idx3-ubyte"),
    Case("a missing train split", "the file of training labels is not there", "error", "train-labels-idx1-ubyte"),
    Case("labels out of range", "one label is 12 and there are ten classes", "error", "label 12 of item 5"),
    Case("fewer labels than images", "the last ten labels are missing", "error", "2490 labels"),
    Case("images cut short", "the file of images ends half-way", "error", "test-images-idx3-ubyte"),
    Case("another format", "the file of images is a PNG", "error", "test-images-idx3-ubyte"),
    Case("other images than configured", "images of 20 by 20; 28 by 28 are configured", "error", "28"),
    Case("NaN in the test images", "one pixel of a float array is NaN", "error", "NaN at pixel"),
    Case("an empty image folder", "classes without images", "error", "no image|empty"),
    Case("data that may not be read", "the file is a folder", "error", "test-images-idx3-ubyte"),
    Case("too few test images", "only 60 test images, all answered correctly", "inconclusive", "more test image"),
    Case("a missing class", "the test split has no image of class 9", "inconclusive", "class 9"),
    Case("a class under minimum support", "two test images of class 9", "inconclusive", "class 9"),
    Case("a never-break image that is not there", "index 99999 of a split of 2,500", "error", "99999"),
    Case("changed between two gates", "the test split is replaced by one of 60 images after the incumbent was judged", "inconclusive",
         "more test image"),
    Case("relabelled between two gates", "3 and 5 change places in the test labels, and the candidate knows only the old ones", "fail",
         "worse"),
    Case("gone between two gates", "the file of images is removed after the incumbent was judged", "error", "test-images-idx3-ubyte"),
    Case("rewritten during a gate", "the mapped file of images is written to while the model answers", "error", "changed while it was used"),
    Case("cut short during a gate", "the mapped file of images is truncated while the model answers", "error", "signal 7|changed"),
)


def edited(folder, file, change):
    shutil.copytree(DATA, folder)
    path = folder / file
    path.write_bytes(change(path.read_bytes()))
    return folder


def cut(folder, keep):
    """A test split of those images whose number and label `keep` accepts."""
    shutil.copytree(DATA, folder)
    images, labels = folder / "test-images-idx3-ubyte", folder / "test-labels-idx1-ubyte"
    pixels, classes = images.read_bytes(), labels.read_bytes()
    kept = [i for i, label in enumerate(classes[8:]) if keep(i, label)]
    count = len(kept).to_bytes(4, "big")
    images.write_bytes(pixels[:4] + count + pixels[8:16] + b"".join(pixels[16 + 400 * i:416 + 400 * i] for i in kept))
    labels.write_bytes(classes[:4] + count + bytes(classes[8 + i] for i in kept))
    return folder


def replace_in_place(target, source):
    for file in ("test-images-idx3-ubyte", "test-labels-idx1-ubyte"):
        shutil.copy(source / file, target / ".new")
        (target / ".new").rename(target / file)


class Data(Cases):
    cases = CASES

    def test_data_that_cannot_be_used(self):
        root = self.root
        zero = (0).to_bytes(4, "big")
        empty = edited(root / "empty", "test-images-idx3-ubyte", lambda b: b[:4] + zero + b[8:16])
        (empty / "test-labels-idx1-ubyte").write_bytes((DATA / "test-labels-idx1-ubyte").read_bytes()[:4] + zero)
        no_test = edited(root / "no-test", "test-images-idx3-ubyte", lambda b: b)
        (no_test / "test-images-idx3-ubyte").unlink()
        no_train = edited(root / "no-train", "train-labels-idx1-ubyte", lambda b: b)
        (no_train / "train-labels-idx1-ubyte").unlink()
        a_folder = edited(root / "a-folder", "test-images-idx3-ubyte", lambda b: b)
        (a_folder / "test-images-idx3-ubyte").unlink()
        (a_folder / "test-images-idx3-ubyte").mkdir()
        labels = "test-labels-idx1-ubyte"
        (root / "folders" / "0").mkdir(parents=True)
        (root / "folders" / "1").mkdir()
        header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (1, 1, 20, 20), }"
        header += b" " * (64 - (10 + len(header) + 1) % 64) + b"\n"
        (root / "x.npy").write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + b"\0" * 8 + b"\0\0\xc0\x7f" + b"\0" * 1588)
        header = header.replace(b"<f4", b"<i4").replace(b"(1, 1, 20, 20)", b"(1,)          ")
        (root / "y.npy").write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + b"\0" * 4)
        classes = "    classes: [" + ", ".join(f'"{c}"' for c in range(10)) + "]\n"
        allow = "    bootstrap: allow\n"
        lines = {
            "control: good data": dict(),
            "an empty data set": dict(data=empty),
            "an empty file": dict(data=edited(root / "nothing", "test-images-idx3-ubyte", lambda b: b"")),
            "a missing test split": dict(data=no_test),
            "a missing train split": dict(data=no_train),
            "labels out of range": dict(data=edited(root / "range", labels, lambda b: b[:13] + b"\x0c" + b[14:]), more=classes + allow),
            "fewer labels than images": dict(data=edited(root / "fewer", labels, lambda b: b[:4] + (2490).to_bytes(4, "big") + b[8:-10])),
            "images cut short": dict(data=edited(root / "short", "test-images-idx3-ubyte", lambda b: b[:len(b) // 2])),
            "another format": dict(data=edited(root / "png", "test-images-idx3-ubyte", lambda b: b"\x89PNG\r\n\x1a\n" + b[8:])),
            "other images than configured": dict(shape="[1, 28, 28]"),
            "NaN in the test images": dict(test=f"{{ npy: {{ images: {root}/x.npy, labels: {root}/y.npy }} }}"),
            "an empty image folder": dict(test=f"{{ folder: {{ path: {root}/folders }} }}"),
            "data that may not be read": dict(data=a_folder),
            "a never-break image that is not there": dict(checks=None),
        }
        made = []
        for number, (name, about) in enumerate(lines.items()):
            about.setdefault("more", allow)
            if about.get("checks", "") is None:
                about["checks"] = "      misclassification_regions: { mode: off }\n      spotlight: { mode: off }\n"
                made.append(line(f"line{number}", **about).replace("max_rate: 4%", "max_rate: 4%, never_break: [1, 99999]"))
            else:
                made.append(line(f"line{number}", **about))
        self.configure_lines(*made)
        self.start()
        for number, name in enumerate(lines):
            if "never-break" in name:
                self.promoted(model=f"line{number}")
            self.put(2, "good.pt", model=f"line{number}")
        for number, name in enumerate(lines):
            self.seen(name, 2, model=f"line{number}")

    def test_data_that_says_too_little(self):
        few = cut(self.root / "few", lambda i, label: i % 42 == 0)
        lines = {"few": few, "none": cut(self.root / "none", lambda i, label: label != 9),
                 "two": cut(self.root / "two", lambda i, label: label != 9 or i in self.two_nines())}
        shared = self.root / "shared"
        relabelled = self.root / "relabelled"
        gone = self.root / "gone"
        for folder in (shared, relabelled, gone):
            shutil.copytree(DATA, folder)
        classes = "    classes: [" + ", ".join(f'"{c}"' for c in range(10)) + "]\n"
        self.configure_lines(*(line(name, data=folder, more=classes) for name, folder in lines.items()), line("shared", data=shared),
                             line("relabelled", data=relabelled), line("gone", data=gone))
        self.start()
        for model in (*lines, "shared", "relabelled", "gone"):
            self.promoted(model=model)
        replace_in_place(shared, few)
        path = relabelled / "test-labels-idx1-ubyte"
        bytes_ = path.read_bytes()
        path.write_bytes(bytes_[:8] + bytes_[8:].translate(bytes.maketrans(b"\3\5", b"\5\3")))
        (gone / "test-images-idx3-ubyte").unlink()
        for model in (*lines, "shared", "gone"):
            self.put(2, "good.pt", model=model)
        self.put(2, MADE / "hostile" / "constant.pt", model="relabelled")
        for name, model in (("too few test images", "few"), ("a missing class", "none"), ("a class under minimum support", "two"),
                            ("changed between two gates", "shared"), ("relabelled between two gates", "relabelled"),
                            ("gone between two gates", "gone")):
            self.seen(name, 2, model=model)

    @staticmethod
    def two_nines():
        labels = (DATA / "test-labels-idx1-ubyte").read_bytes()[8:]
        return [i for i, label in enumerate(labels) if label == 9][:2]

    def test_data_that_changes_during_a_gate(self):
        """The stand-in stops the worker at the station `evaluate`, changes the data, and lets it go on."""
        self.stand_in("changing_worker.py")
        rewritten, shortened = self.root / "rewritten", self.root / "shortened"
        for folder in (rewritten, shortened):
            shutil.copytree(DATA, folder)
        self.configure_lines(line("rewritten", data=rewritten, more="    bootstrap: allow\n"),
                             line("shortened", data=shortened, more="    bootstrap: allow\n"), retries=0)
        images = "test-images-idx3-ubyte"
        (self.state / "change.json").write_text(json.dumps({
            "rewritten": ["evaluate", f"dd if=/dev/zero of={rewritten / images} bs=400 seek=1000 count=500 conv=notrunc status=none"],
            "shortened": ["evaluate", f"truncate --size 5000 {shortened / images}"]}))
        self.start()
        self.put(2, "good.pt", model="rewritten")
        self.seen("rewritten during a gate", 2, model="rewritten")
        self.put(2, "good.pt", model="shortened")
        self.seen("cut short during a gate", 2, model="shortened")


if __name__ == "__main__":
    main()
