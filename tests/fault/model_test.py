"""Models that misbehave: what they give, when they change their minds, and what they do to the process that runs them."""
import json
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from cases import MADE, Case, Cases, line  # noqa: E402
from harness import main  # noqa: E402

CASES = (
    Case("control: a good model", "a better model of the same recipe", "pass", "May be promoted"),
    Case("NaN in one image of 10,000", "the model gives NaN for a single test image", "fail", "NaN or infinity for 1 of 10000 images"),
    Case("infinity in one image of 10,000", "the model gives infinity for a single test image", "fail", "NaN or infinity for 1 of 10000 images"),
    Case("NaN in some images", "the model gives NaN for one kind of images", "fail", "NaN or infinity"),
    Case("throws on one image of 10,000", "the model raises an exception for a single test image", "error", "this image is not for me"),
    Case("throws", "the model raises an exception for every input", "error", "exported without its tokenizer"),
    Case("other answers at random", "noise is added to the answers", "fail", "changes its answer"),
    Case("other answers at every second call", "a counter inside the model turns every second call wrong", "fail", "changes its answer"),
    Case("other answers after 70 calls", "the model is right while it is tried out, and wrong after that", "fail", "class order|changes its answer"),
    Case("right at the first call only", "the model is right on the first call, then wrong", "fail", "class order looks mixed up"),
    Case("wrong for an image alone", "right in batches, wrong for one image at a time", "fail", "depends on what else is in the batch"),
    Case("right in large batches only", "wrong in batches of 64 and below, right in those of an evaluation", "fail", "changes its answer|depends on"),
    Case("too few classes", "seven outputs for ten classes", "fail", r"\[64, 7\]; \[64, 10\] was expected"),
    Case("outputs of another shape", "a map of logits for each image", "fail", r"\[64, 10, 4, 4\]"),
    Case("an answer too few", "the first image of each batch gets no answer", "fail", r"\[63, 10\]"),
    Case("permuted classes", "classes 3 and 5 have changed places", "fail", "class order looks mixed up"),
    Case("always the same class", "every image gets the same logits", "fail", "accuracy"),
    Case("class numbers for logits", "argmax was exported with the model", "fail", r"has shape \[64\]"),
    Case("whole numbers for logits", "logits of an integer type", "error", "not floating-point logits"),
    Case("words for logits", "the model returns the text 'pass'", "error", "not a tensor of logits"),
    Case("expects other images", "the model was made for images of 28 by 28", "error", "28"),
    Case("expects a second input", "forward takes two arguments", "error", "forward"),
    Case("has no forward", "a module without that method", "error", "forward"),
    Case("prints 1 GB", "the model prints without end", "error", "time limit"),
    Case("prints the worker's protocol and a verdict", "progress lines and a passing verdict on standard output, from a model that is wrong",
         "fail", "class order looks mixed up"),
    Case("never ends", "a loop in forward, as TorchScript has no sleep", "error", "time limit"),
    Case("allocates without end", "forward allocates memory without limit", "error", "memory"),
)
HOSTILE = {
    "NaN in some images": "nan", "throws": "throws", "other answers at random": "random", "other answers at every second call": "alternates",
    "other answers after 70 calls": "tires", "right at the first call only": "right_at_first_call_only",
    "wrong for an image alone": "wrong_alone", "right in large batches only": "wrong_in_small_batches", "too few classes": "wrong_classes",
    "outputs of another shape": "wrong_shape", "an answer too few": "forgets_images", "permuted classes": "permuted",
    "always the same class": "constant", "class numbers for logits": "class_numbers", "whole numbers for logits": "whole_numbers",
    "words for logits": "words", "expects other images": "wants_other_images", "expects a second input": "two_images_as_input",
    "has no forward": "without_forward", "prints the worker's protocol and a verdict": "prints_protocol",
}
ENDLESS = {"prints 1 GB": "prints", "never ends": "endless"}
ONE_IMAGE = {"NaN in one image of 10,000": "nan_in_one", "infinity in one image of 10,000": "inf_in_one",
             "throws on one image of 10,000": "throws_on_one"}


def ten_thousand(folder):
    """The test images four times over, one of them marked in a corner."""
    shutil.copytree(MADE / "data", folder)
    images, labels = folder / "test-images-idx3-ubyte", folder / "test-labels-idx1-ubyte"
    pixels, classes = bytearray(images.read_bytes()[16:] * 4), labels.read_bytes()[8:] * 4
    pixels[7777 * 400] = 255
    count = len(classes).to_bytes(4, "big")
    images.write_bytes(images.read_bytes()[:4] + count + images.read_bytes()[8:16] + pixels)
    labels.write_bytes(labels.read_bytes()[:4] + count + classes)


class Model(Cases):
    cases = CASES

    def test_answers_that_are_no_answers(self):
        ten_thousand(self.root / "data")
        self.configure_lines(line(), line("many", data=self.root / "data", more="    bootstrap: allow\n"))
        self.start()
        self.promoted()
        self.put(2, "good.pt")
        for number, model in enumerate(HOSTILE.values(), start=10):
            self.put(number, MADE / "hostile" / f"{model}.pt")
        for number, model in enumerate(ONE_IMAGE.values(), start=1):
            self.put(number, MADE / "hostile" / f"{model}.pt", model="many")
        self.seen("control: a good model", 2)
        for number, name in enumerate(HOSTILE, start=10):
            self.seen(name, number)
        for number, name in enumerate(ONE_IMAGE, start=1):
            self.seen(name, number, model="many")

    def test_models_that_do_not_come_to_an_end(self):
        self.configure_lines(timeout="12s", memory="1GiB")
        self.start()
        self.promoted()
        for number, (name, model) in enumerate(ENDLESS.items(), start=2):
            self.put(number, MADE / "hostile" / f"{model}.pt")
        for number, name in enumerate(ENDLESS, start=2):
            self.seen(name, number)

    def test_a_model_that_takes_all_memory(self):
        """Beside the others, a busy machine may reach the time limit first."""
        self.configure_lines(memory="1GiB")
        self.start()
        self.promoted()
        self.put(2, MADE / "hostile" / "greedy.pt")
        self.seen("allocates without end", 2)


if __name__ == "__main__":
    main()
