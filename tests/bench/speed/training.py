"""Rows training/*: the generator's training against PyTorch's: same images, architecture, batch, Adam and number of steps."""
import sys

from .common import PEERS, PYTHON, Row, run

IMAGES, EPOCHS, BATCH = 6_400, 3, 128  # 150 steps; EPOCHS and the weight 1 of the KL term as in training_bench.cc


def rows(bench):
    images = bench.work / "training_images.npy"
    words = [PYTHON, PEERS / "make_images.py", images, IMAGES]
    run(words + (["--idx", bench.mnist / "train-images-idx3-ubyte.gz"] if bench.mnist else []))
    yield training(bench, "training/vae", [], "<=", 0.8, images)
    yield training(bench, "training/vae_over_tuned_peer", ["--threads", 2, "--channels-last"], None, None, images)


def training(bench, name, words, relation, target, images):
    last = {}
    steps = EPOCHS * -(-IMAGES // BATCH)

    def ours():
        last["ours"] = bench.ours("training/vae")
        if last["ours"]["steps"] != steps:
            sys.exit(f"{name}: ours takes {last['ours']['steps']} steps, the peer {steps}")
        return last["ours"]

    def theirs():
        last["theirs"] = bench.peer("vae_training.py", images, "--steps", steps, "--batch", BATCH, "--latent", 32, *words)
        return last["theirs"]

    pairs = bench.alternate(ours, theirs)
    bounds = last["ours"]["bound"], last["theirs"]["bound"]
    if abs(bounds[0] - bounds[1]) > 0.1 * bounds[1]:
        sys.exit(f"{name}: the last epoch's bounds are {bounds[0]:.1f} and {bounds[1]:.1f}: the two did not train the same thing")
    note = (f"{pairs.note('PyTorch, ' + str(last['theirs']['threads']) + ' thread(s)')}; {steps} steps each, "
            f"bounds {bounds[0]:.1f} and {bounds[1]:.1f} nats an image")
    return Row(name, pairs.ratio(), relation=relation, target=target, note=note)
