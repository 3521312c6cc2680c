"""What candidates are compared with: incumbents that are not there, no longer whole, or known by answers that are not theirs; weak generators."""
import json
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from cases import MADE, SEARCH, Case, Cases, line, until  # noqa: E402
from harness import WARM, main  # noqa: E402

CASES = (
    Case("control: against the incumbent", "a better model, compared with the one in production", "pass", "May be promoted"),
    Case("no incumbent", "the first version of its line", "inconclusive", "no incumbent"),
    Case("another incumbent since", "a version that passed, and then another one was promoted", "inconclusive", "the incumbent is now"),
    Case("the incumbent deleted", "its folder and its answers are gone", "error", "incumbent could not be run"),
    Case("the incumbent corrupted", "its file was cut short, and its answers are gone", "error", "incumbent could not be run"),
    Case("the incumbent deleted during a gate", "its folder goes while the candidate answers", "error", "incumbent could not be run"),
    Case("the candidate replaced during a gate", "bad bytes take the place of good ones before they are loaded", "fail", "class order"),
    Case("damaged answers of the incumbent", "stored predictions are overwritten by wrong ones, so that any candidate looks better", "fail",
         "the new model is worse"),
    Case("answers of the incumbent on other data", "stored answers that belong to other images", "fail",
         "the new model is worse"),
    Case("a generator judged too weak", "its reconstruction error is above the limit", "inconclusive", "generat"),
    Case("a generator that collapsed", "an encoder and a decoder that give the same output for every input", "inconclusive", "generat"),
    Case("a generator that gives NaN", "a decoder whose images are NaN", "error", "generat|finite|NaN"),
)
HOSTILE = MADE / "hostile"


class Incumbent(Cases):
    cases = CASES
    warm = True

    def forget(self, *stations):
        for station in stations or ("evaluation", "answers"):
            shutil.rmtree(self.state / "cache" / station, ignore_errors=True)

    def test_incumbents_that_cannot_be_compared_with(self):
        self.stand_in("changing_worker.py")
        names = ("digits", "deleted", "corrupted", "during", "damaged", "other")
        self.configure_lines(*(line(name) for name in names), line("swapped", more="    bootstrap: allow\n"), retries=0)
        bad = HOSTILE / "constant.pt"
        (self.state / "change.json").write_text(json.dumps({"during": ["contract", f"test -e {self.registry}/during/2 && "
                                                                       f"rm -r {self.registry}/during/1 || true"]}))
        self.start()
        self.put(1, "incumbent.pt")
        self.seen("no incumbent", 1)
        self.ctl("promote", "digits", 1, "--reason", "first of its line", check=True)
        self.put(2, "good.pt")
        self.seen("control: against the incumbent", 2)
        self.put(3, (MADE / "models" / "good.pt").read_bytes() + b"\0")
        self.answered(3)
        self.ctl("promote", "digits", 3, "--reason", "as good", check=True)
        until(lambda: self.gate(2) != 200, "the promotion to count")
        self.seen("another incumbent since", 2)
        for name in names[1:]:
            self.promoted(model=name)

        for folder in (self.state / "cache" / "evaluation").iterdir():
            predicted = folder / "predicted.npy"
            bytes_ = predicted.read_bytes()
            start = bytes_.index(b"\n") + 1
            predicted.write_bytes(bytes_[:start] + b"\x0b\0\0\0" * ((len(bytes_) - start) // 4))
        self.put(2, bad, model="damaged")
        self.seen("damaged answers of the incumbent", 2, model="damaged")
        self.forget()
        self.put(3, bad.read_bytes() + b"\0", model="damaged")   # writes the incumbent's answers anew
        self.answered(3, model="damaged")
        for folder in (self.state / "cache" / "evaluation").iterdir():
            meta = json.loads((folder / "meta.json").read_text())
            meta["data"] = "0" * 64
            (folder / "meta.json").write_text(json.dumps(meta))
            for file, value in (("logits.npy", b"\0\0\0\0"), ("predicted.npy", b"\0\0\0\0")):   # class 0 for every image, and consistently so
                bytes_ = (folder / file).read_bytes()
                start = bytes_.index(b"\n") + 1
                (folder / file).write_bytes(bytes_[:start] + value * ((len(bytes_) - start) // 4))
        self.put(2, bad.read_bytes() + b"\0\0", model="other")
        self.seen("answers of the incumbent on other data", 2, model="other")

        self.forget()
        shutil.rmtree(self.registry / "deleted" / "1")
        file = self.registry / "corrupted" / "1" / "model.pt"
        file.write_bytes(file.read_bytes()[:100000])
        for name in ("deleted", "corrupted"):
            self.put(2, "good.pt", model=name)
        self.seen("the incumbent deleted", 2, model="deleted")
        self.seen("the incumbent corrupted", 2, model="corrupted")
        self.forget()
        self.put(2, "good.pt", model="during")
        self.seen("the incumbent deleted during a gate", 2, model="during")

        target = self.registry / "swapped" / "2" / "model.pt"
        (self.state / "change.json").write_text(json.dumps({"swapped": ["data", f"cp {HOSTILE}/permuted.pt {target}"]}))
        self.put(2, "good.pt", model="swapped")
        until(lambda: self.http("/v1/models/swapped/versions/2/gate")[0] == 412, "the swapped version to be judged")
        self.seen("the candidate replaced during a gate", 2, model="swapped")

    def test_generators_that_prove_nothing(self):
        pair = "    generator: {{ kind: torchscript, encoder: {}, decoder: {} }}\n"
        encoder = HOSTILE / "collapsed_encoder.pt"
        self.configure_lines(
            line("weak", checks=SEARCH, more="    generator: { kind: vae, latent: 16, epochs: 40, max_reconstruction_error: 0.001 }\n"),
            line("collapsed", checks=SEARCH, more=pair.format(encoder, HOSTILE / "collapsed_decoder.pt")),
            line("nothing", checks=SEARCH, more=pair.format(encoder, HOSTILE / "nan_decoder.pt")))
        self.start()
        names = {"a generator judged too weak": "weak", "a generator that collapsed": "collapsed", "a generator that gives NaN": "nothing"}
        for model in names.values():
            if model != "nothing":   # whose first version is an error already, and cannot be promoted
                self.promoted(model=model)
            self.put(2, "good.pt", model=model)
        for name, model in names.items():
            self.seen(name, 2, model=model)


if __name__ == "__main__":
    main()
