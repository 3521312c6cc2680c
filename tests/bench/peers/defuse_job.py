"""The Defuse job in PyTorch and scikit-learn, as the paper's steps go: encode the seed images, perturb their codes, decode, classify,
cluster the codes of the misclassified by a Bayesian Gaussian mixture, score the clusters.

  defuse_job.py MODEL.pt TEST.npy TRAIN.npy PROBES (--weights WEIGHTS.pt | --steps N) [--components 20] [--noise 0.3]

TEST.npy, TRAIN.npy: uint8 [n, C, H, W]. PROBES: the folder of a probe set in the station cache (seeds.npy says which images are seeds,
plausible.npy which perturbations count, so that as many images of each kind go through). WEIGHTS: a generator's weights.pt; without it the
autoencoder is trained for N steps first. Default threads. Reading files is not timed.
"""
import argparse
import json
import time
from pathlib import Path

import numpy
import torch
from sklearn.mixture import BayesianGaussianMixture

from vae_training import Vae, train

BATCH = 256
RARE = 5  # a cluster of fewer misclassified images is none


def load_weights(file, channels, side):
    """The weights that the generator saved, in our modules: its linear layers see features by place, PyTorch's flatten by channel."""
    stored = dict(torch.jit.load(str(file)).named_parameters())
    stored |= dict(torch.jit.load(str(file)).named_buffers())
    weights = [stored[name] for name in sorted(stored, key=int)]
    stages = (len(weights) - 4) // 4
    latent = weights[2 * stages].shape[0] // 2
    vae = Vae(channels, side, latent)
    width, height, _ = vae.inner
    by_channel = torch.arange(width * height * height).view(height, height, width).permute(2, 0, 1).flatten()
    layers = [layer for part in (vae.down, vae.back, vae.up) for layer in part if hasattr(layer, "weight")]
    with torch.no_grad():
        for index, layer in enumerate(layers):
            weight, bias = weights[2 * index], weights[2 * index + 1]
            if index == stages:
                weight = weight[:, by_channel]
            if index == stages + 1:
                weight, bias = weight[by_channel], bias[by_channel]
            layer.weight.copy_(weight)
            layer.bias.copy_(bias)
    return vae


def classify(model, images):
    return torch.cat([model(batch).argmax(1) for batch in images.split(BATCH)])


def job(model, vae, test, images, labels, mask, components, noise):
    """test, images: float [n, C, H, W]; labels of images; mask [p, draws]: which perturbations of the first p images count."""
    times = {}

    def lap(name, started=[time.perf_counter()]):  # noqa: B006 (one clock for the whole job)
        now = time.perf_counter()
        times[name] = now - started[0]
        started[0] = now

    with torch.inference_mode():
        classify(model, test)
        real = classify(model, images)
        lap("classify real")
        codes = torch.cat([vae.encode(batch)[0] for batch in images.split(BATCH)])
        lap("encode")
        seeds, _ = mask.nonzero(as_tuple=True)
        owners = torch.cat([torch.arange(len(mask)), seeds])
        moved = torch.cat([codes[:len(mask)], codes[seeds] + noise * torch.randn(len(seeds), codes.shape[1])])
        answers = torch.cat([model(torch.sigmoid(vae.decode(batch))).argmax(1) for batch in moved.split(BATCH)])
        lap("decode and classify")
    wrong = answers != labels[owners]
    failed = moved[wrong].numpy()
    result = {"real accuracy": float((real == labels).float().mean()), "generated": len(moved), "failed": len(failed)}
    if len(failed) > components:
        mixture = BayesianGaussianMixture(n_components=components, max_iter=500, tol=1e-3, random_state=1).fit(failed)
        lap("mixture")
        inside = mixture.predict(moved.numpy())
        scores = []
        for cluster in range(components):
            members = inside == cluster
            hit = members & wrong.numpy()
            if hit.sum() < RARE:
                continue
            label = int(labels[owners][torch.from_numpy(hit)].mode().values)
            scores.append((float(hit.sum() / members.sum()), label, int(hit.sum())))
        lap("region scores")
        result["regions"] = len(scores)
    return result, times


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("model")
    options.add_argument("test")
    options.add_argument("train")
    options.add_argument("probes", type=Path)
    options.add_argument("--weights")
    options.add_argument("--steps", type=int)
    options.add_argument("--components", type=int, default=20)
    options.add_argument("--noise", type=float, default=0.3, help="standard deviation in latent units")
    options = options.parse_args()
    seeds = torch.from_numpy(numpy.load(options.probes / "seeds.npy")).view(-1, 4).long()
    perturbed = json.loads((options.probes / "meta.json").read_text())["perturbed"]
    mask = torch.from_numpy(numpy.load(options.probes / "plausible.npy")).view(len(seeds), -1)[:perturbed] != 0
    stored = [torch.from_numpy(numpy.load(file)) for file in (options.test, options.train)]
    model = torch.jit.load(options.model).eval()
    torch.manual_seed(1)

    started = time.perf_counter()
    test, training = (split.float().div_(255) for split in stored)
    images = torch.empty(len(seeds), *test.shape[1:])
    for split, source in enumerate((test, training)):
        rows = seeds[:, 0] == split
        images[rows] = source[seeds[rows, 1]]
    if options.weights:
        vae = load_weights(options.weights, test.shape[1], test.shape[2])
    else:
        vae, _ = train(training, options.steps, batch=128, latent=32, rate=1e-3)
    trained = time.perf_counter() - started
    result, times = job(model, vae.eval(), test, images, seeds[:, 2], mask, options.components, options.noise)
    print(json.dumps({"seconds": time.perf_counter() - started, "until the generator is there": trained, **result, "times": times}))


if __name__ == "__main__":
    main()
