"""Times the Spotlight's search (d'Eon et al., FAccT 2022) in PyTorch on the points of make_spotlight_data.py: one spotlight, Adam on its
centre and the logarithm of its precision, ReduceLROnPlateau, the slack of the barrier falling geometrically; float32 and autograd, default
threads.

  spotlight.py DIMENSIONS SHARE STEPS

Everything that the gradient can do without is left out: one matrix product for the distances, no copies, set_to_none. Prints seconds, and
the mass and weighted mean loss of the last state, measured in double precision.
"""
import json
import math
import os
import sys
import time
from pathlib import Path

import numpy as np
import torch

LEARNING_RATE, PATIENCE, FACTOR, FIRST_TAU, END, SCALE = 1e-2, 10, 0.5, 1e-4, 0.05, 1.0


class Plateau(torch.optim.lr_scheduler.ReduceLROnPlateau):
    """Keeps the rate while -objective is below best + 1e-4 max(|best|, typical loss), and forgets the best after a cut: our search's rule."""

    def __init__(self, optimizer, typical):
        self.typical = typical
        super().__init__(optimizer, factor=FACTOR, patience=PATIENCE)

    def is_better(self, a, best):
        return a < best if math.isinf(best) else a < best + 1e-4 * max(abs(best), self.typical)

    def _reduce_lr(self, epoch):
        super()._reduce_lr(epoch)
        self.best = self.mode_worse


def main():
    d, share, steps = int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
    folder = Path(os.environ["DEFUSED_SPEED_DATA"])
    points = torch.from_numpy(np.load(folder / f"spotlight_{d}_points.npy"))
    losses = torch.from_numpy(np.load(folder / f"spotlight_{d}_losses.npy"))[:, 0].contiguous()
    began = time.perf_counter()
    result = search(points, losses, share * len(points), steps)
    print(json.dumps({"seconds": time.perf_counter() - began} | result))


def search(points, losses, size, steps):
    n = len(points)
    center = torch.zeros(points.shape[1], requires_grad=True)
    log_tau = torch.tensor(math.log(FIRST_TAU), requires_grad=True)
    adam = torch.optim.Adam([center, log_tau], lr=LEARNING_RATE)
    typical = float(losses.abs().mean())
    plateau = Plateau(adam, typical)
    squares = (points * points).sum(1)
    widest, narrowest = n - size, END * size
    for step in range(steps):
        slack = widest * (narrowest / widest) ** (step / (steps - 1))
        distances = squares - 2 * (points @ center) + center @ center
        weights = torch.relu(1 - log_tau.exp() * distances)
        mass = weights.sum()
        mean = weights @ losses / mass
        short = torch.relu(size + slack - mass)
        objective = mean - SCALE * short * short / (slack * slack)
        adam.zero_grad(set_to_none=True)
        (-objective).backward()
        adam.step()
        plateau.step(-objective.item())
    with torch.no_grad():
        weights = torch.relu(1 - log_tau.exp().double() * (points.double() - center.double()).square().sum(1))
        mass = weights.sum()
        mean = float(weights @ losses.double() / mass)
    return {"mass": float(mass), "mean_loss": mean, "rate": adam.param_groups[0]["lr"]}


if __name__ == "__main__":
    main()
