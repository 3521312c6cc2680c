"""Trains the convolutional variational autoencoder that a model line's generator is, in PyTorch, as a practitioner would: the images in
memory as one tensor, a shuffled index per epoch, Adam, binary cross-entropy with logits plus the KL term, default threads.

  vae_training.py IMAGES.npy --steps N [--batch 128] [--latent 32] [--rate 1e-3] [--threads T] [--channels-last]

IMAGES.npy: [n, C, H, W] uint8. Prints the seconds of N steps, the first (which prepares the kernels) included on both sides of the row.
"""
import argparse
import json
import time

import numpy
import torch
from torch import nn
from torch.nn import functional


class Vae(nn.Module):
    """Stages of stride-2 convolutions down to a side of at most 7, and back."""

    def __init__(self, channels, side, latent):
        super().__init__()
        widths, sides = [channels], [side]
        while sides[-1] > 7 and sides[-1] >= 4:
            widths.append(32 if len(widths) == 1 else 64)
            sides.append(sides[-1] // 2)
        down, up = [], []
        for before, after in zip(widths, widths[1:]):
            down += [nn.Conv2d(before, after, 4, 2, 1), nn.ReLU()]
        for index in reversed(range(len(widths) - 1)):
            up += [nn.ConvTranspose2d(widths[index + 1], widths[index], 4, 2, 1, output_padding=sides[index] % 2), nn.ReLU()]
        self.inner = (widths[-1], sides[-1], sides[-1])
        features = widths[-1] * sides[-1] ** 2
        self.down = nn.Sequential(*down, nn.Flatten(), nn.Linear(features, 2 * latent))
        self.back = nn.Sequential(nn.Linear(latent, features), nn.ReLU())
        self.up = nn.Sequential(*up[:-1])

    def encode(self, images):
        mean, log_var = self.down(images).chunk(2, 1)
        return mean, log_var.clamp(-12, 12)

    def decode(self, codes):
        return self.up(self.back(codes).view(-1, *self.inner))


def loss_of(vae, images, weight):
    mean, log_var = vae.encode(images)
    codes = mean + (0.5 * log_var).exp() * torch.randn_like(mean)
    reconstruction = functional.binary_cross_entropy_with_logits(vae.decode(codes), images, reduction="sum")
    divergence = 0.5 * (mean.square() + log_var.exp() - 1 - log_var).sum()
    return (reconstruction + weight * divergence) / len(images), (reconstruction + divergence).detach()


def train(images, steps, batch, latent, rate, seed=1, layout=torch.contiguous_format):
    """images: float tensor [n, C, H, W] in [0, 1]. The trained module, and the last epoch's bound per image."""
    torch.manual_seed(seed)
    vae = Vae(images.shape[1], images.shape[2], latent).to(memory_format=layout)
    optimizer = torch.optim.Adam(vae.parameters(), lr=rate)
    per_epoch = -(-len(images) // batch)
    done, bound = 0, float("nan")
    while done < steps:
        order = torch.randperm(len(images))
        bounds, seen = [], 0
        for chosen in order.split(batch)[:steps - done]:
            warm_up = min(1.0, (done + 1) / per_epoch)
            loss, term = loss_of(vae, images[chosen], warm_up)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            bounds.append(term)
            seen += len(chosen)
            done += 1
        bound = float(torch.stack(bounds).sum()) / seen
    return vae, bound


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("images")
    options.add_argument("--steps", type=int, required=True)
    options.add_argument("--batch", type=int, default=128)
    options.add_argument("--latent", type=int, default=32)
    options.add_argument("--rate", type=float, default=1e-3)
    options.add_argument("--threads", type=int, help="Torch's intra-op threads (default: Torch's default)")
    options.add_argument("--channels-last", action="store_true")
    options = options.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    stored = numpy.load(options.images)
    started = time.perf_counter()
    images = torch.from_numpy(stored).float().div_(255)
    _, bound = train(images, options.steps, options.batch, options.latent, options.rate,
                     layout=torch.channels_last if options.channels_last else torch.contiguous_format)
    print(json.dumps({"seconds": time.perf_counter() - started, "bound": bound, "threads": torch.get_num_threads()}))


if __name__ == "__main__":
    main()
