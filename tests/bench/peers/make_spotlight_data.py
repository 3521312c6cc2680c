"""Writes what the rows spotlight/* read into the folder DEFUSED_SPEED_DATA: for d = 16 and 64

  spotlight_<d>_points.npy   [10000, d] float32   embeddings: ten groups that overlap, one corner of one of them far out
  spotlight_<d>_losses.npy   [10000, 1] float32   heavy-tailed losses, high in that corner
"""
import os
from pathlib import Path

import numpy as np

POINTS, GROUPS, CORNER = 10_000, 10, 300


def main():
    folder = Path(os.environ["DEFUSED_SPEED_DATA"])
    for d in (16, 64):
        rng = np.random.default_rng(d)
        centres = rng.normal(scale=3.0, size=(GROUPS, d))
        points = centres[rng.integers(GROUPS, size=POINTS)] + rng.normal(size=(POINTS, d))
        points[:CORNER] = centres[0] + 0.6 * rng.normal(size=(CORNER, d))
        points[:CORNER, :8] += 2.0
        losses = rng.exponential(0.1, size=POINTS) ** 2
        losses[:CORNER] += rng.exponential(1.0, size=CORNER)
        order = rng.permutation(POINTS)
        np.save(folder / f"spotlight_{d}_points.npy", points[order].astype(np.float32))
        np.save(folder / f"spotlight_{d}_losses.npy", losses[order].astype(np.float32)[:, None])


if __name__ == "__main__":
    main()
