"""Two TorchScript classifiers as users export them, for the speed rows of the engine: engine_small.pt (two convolutions, 1x28x28, the kind
that make-mnist-models trains) and engine_large.pt (residual, batch norm, 3x32x32); images of both as engine_*_images.npy. Written once.

  make_models.py FOLDER SMALL_IMAGES LARGE_IMAGES
"""
import argparse
from pathlib import Path

import numpy
import torch
from torch import nn

from make_images import synthetic


class Small(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(1, 16, 3, padding=1)
        self.second = nn.Conv2d(16, 32, 3, padding=1)
        self.hidden = nn.Linear(32 * 49, 64)
        self.out = nn.Linear(64, 10)

    def forward(self, x):
        x = torch.max_pool2d(torch.relu(self.first(x)), 2)
        x = torch.max_pool2d(torch.relu(self.second(x)), 2)
        return self.out(torch.relu(self.hidden(torch.flatten(x, 1))))


class Block(nn.Module):
    def __init__(self, before, after, stride):
        super().__init__()
        self.one = nn.Conv2d(before, after, 3, stride, 1, bias=False)
        self.norm_one = nn.BatchNorm2d(after)
        self.two = nn.Conv2d(after, after, 3, 1, 1, bias=False)
        self.norm_two = nn.BatchNorm2d(after)
        self.short = nn.Sequential(nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after))

    def forward(self, x):
        y = torch.relu(self.norm_one(self.one(x)))
        return torch.relu(self.norm_two(self.two(y)) + self.short(x))


class Large(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU())
        self.blocks = nn.Sequential(Block(16, 16, 1), Block(16, 32, 2), Block(32, 64, 2))
        self.out = nn.Linear(64, 10)

    def forward(self, x):
        x = self.blocks(self.stem(x))
        return self.out(torch.flatten(torch.nn.functional.adaptive_avg_pool2d(x, [1, 1]), 1))


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("folder", type=Path)
    options.add_argument("small", type=int)
    options.add_argument("large", type=int)
    options = options.parse_args()
    torch.manual_seed(1)
    for name, module, shape, n in (("small", Small(), (1, 28, 28), options.small), ("large", Large(), (3, 32, 32), options.large)):
        torch.jit.script(module.eval()).save(str(options.folder / f"engine_{name}.pt"))
        numpy.save(options.folder / f"engine_{name}_images.npy", synthetic(n, shape))


if __name__ == "__main__":
    main()
