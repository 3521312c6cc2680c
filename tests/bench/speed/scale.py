"""How a warm gate's time and memory grow: with test images, perturbations of each, latent width and components of the mixture.

The test split is MNIST's, repeated with noise. One gate fills the cache (its candidate is the incumbent itself, so that one model's answers are made),
then a candidate that is new to the cache is timed. Slopes are those of a straight line through log time against log size, over the sizes named in the
note; 1 is linear. The generator is trained for one epoch: what is timed does not train it.
"""
import shutil

from . import mnist
from .common import Row, skipped, slope

DEFAULTS = {"latent": 16, "draws": 2, "components": 20}
IMAGES = [1_000, 10_000, 100_000, 1_000_000]
CURVES = {"draws": [1, 2, 5, 10, 20], "latent": [8, 16, 32, 64], "components": [10, 20, 40, 80]}
CURVE_IMAGES = 10_000


class Scale:
    def __init__(self, bench):
        self.bench = bench
        self.work = bench.work / "scale"
        mnist.prepare(bench, self.work)
        self.made = None

    def gate(self, images, **settings):
        """Seconds and peak MiB of one warm gate."""
        data = self.work / "data"
        if self.made != images:
            shutil.rmtree(data, ignore_errors=True)
            self.bench.peer("make_scale_data.py", self.bench.mnist, data, images)
            self.made = images
        wanted = {**DEFAULTS, **settings}
        mnist.configure(self.bench, self.work, test=(data / "images-idx3-ubyte", data / "labels-idx1-ubyte"),
                        generator={"epochs": 1, "latent": wanted["latent"]},
                        regions={"draws": wanted["draws"], "components": wanted["components"], "train_seeds": 2000, "train_perturbed": 1000})
        cache = self.work / "cache"
        mnist.evaluate(self.bench, self.work, "incumbent", cache, "report-first")
        warm = mnist.evaluate(self.bench, self.work, "planted", cache)
        for station in ("probes", "answers", "evaluation", "generated"):  # of this size; the generator and the data stay
            shutil.rmtree(cache / station, ignore_errors=True)
        report = warm["report"]
        search = sum(s["seconds"] for s in mnist.stations(report) if s["station"] in ("regions", "spotlight"))
        return {"seconds": warm["seconds"], "peak": mnist.peak(report), "search": search, "verdict": report["verdict"]["verdict"]}


def rows(bench):
    if bench.mnist is None:
        skipped("scale", "no MNIST in DEFUSED_MNIST")
        return
    scale = Scale(bench)
    curve = []
    for images in IMAGES:
        curve.append(scale.gate(images))
        note = f"peak {curve[-1]['peak']:.0f} MiB, search {curve[-1]['search']:.2f} s, verdict {curve[-1]['verdict']}"
        yield Row(f"scale/images_{images}", curve[-1]["seconds"], "s", note=note)
    yield Row("scale/images_1000000/peak_memory", curve[-1]["peak"], "MiB", "<=", 2048, "resident, mapped files included")
    few = list(zip(IMAGES, curve))[1:]
    sizes = [images for images, _ in few]
    over = f"over {sizes[0]} to {sizes[-1]} images"
    yield Row("scale/images_slope", slope(sizes, [one["seconds"] for _, one in few]), "power", "<=", 1.05, over)
    yield Row("scale/images_search_slope", slope(sizes, [one["search"] for _, one in few]), "power", note=over)
    yield Row("scale/images_memory_slope", slope(sizes, [one["peak"] for _, one in few]), "power", note=over)
    for name, values in CURVES.items():
        found = [scale.gate(CURVE_IMAGES, **{name: value}) for value in values]
        for value, one in zip(values, found):
            yield Row(f"scale/{name}_{value}", one["seconds"], "s", note=f"peak {one['peak']:.0f} MiB, search {one['search']:.2f} s")
        yield Row(f"scale/{name}_slope", slope(values, [one["seconds"] for one in found]), "power", note=f"{CURVE_IMAGES} images")
    shutil.rmtree(scale.work / "data", ignore_errors=True)
