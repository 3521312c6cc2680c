"""Writes what the rows mixture/* read into the folder DEFUSED_SPEED_DATA: points, start labels and centres, codes for nearest neighbours.

  mixture_points.npy   [10000, 16] float32   40 Gaussian groups of unequal size with full covariances, half of them overlapping
  mixture_labels.npy   [10000] int32         where both mixtures start: nearest of 100 centres after a few rounds of k-means
  mixture_centers.npy  [100, 16] float32     where both k-means start: 100 of the points
  neighbours_references.npy, neighbours_queries.npy   [20000, 32] float32
  neighbours_labels.npy, neighbours_wanted.npy        [20000] int32, ten classes
"""
import os
from pathlib import Path

import numpy as np
from sklearn.cluster import KMeans

POINTS, DIMENSIONS, COMPONENTS, GROUPS = 10_000, 16, 100, 40


def groups(rng):
    centres = rng.normal(scale=np.repeat([1.5, 4.0], GROUPS // 2)[:, None], size=(GROUPS, DIMENSIONS))
    shapes = rng.normal(size=(GROUPS, DIMENSIONS, DIMENSIONS)) / np.sqrt(DIMENSIONS) + 0.3 * np.eye(DIMENSIONS)
    share = rng.uniform(0.2, 1.0, size=GROUPS)
    which = rng.choice(GROUPS, size=POINTS, p=share / share.sum())
    noise = rng.normal(size=(POINTS, DIMENSIONS))
    return centres[which] + np.einsum("nij,nj->ni", shapes[which], noise)


def main():
    folder = Path(os.environ["DEFUSED_SPEED_DATA"])
    rng = np.random.default_rng(41)
    # Whole multiples of 1/1024: both sides compute in float64 what float32 holds exactly.
    points = np.round(groups(rng) * 1024) / 1024
    centers = points[rng.choice(POINTS, size=COMPONENTS, replace=False)]
    start = KMeans(n_clusters=COMPONENTS, init=centers, n_init=1, max_iter=10).fit(points)
    np.save(folder / "mixture_points.npy", points.astype(np.float32))
    np.save(folder / "mixture_labels.npy", start.labels_.astype(np.int32))
    np.save(folder / "mixture_centers.npy", centers.astype(np.float32))
    for name in ("references", "queries"):
        np.save(folder / f"neighbours_{name}.npy", rng.normal(size=(20_000, 32)).astype(np.float32))
    for name in ("labels", "wanted"):
        np.save(folder / f"neighbours_{name}.npy", rng.integers(10, size=20_000).astype(np.int32))


if __name__ == "__main__":
    main()
