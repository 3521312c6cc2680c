"""Times scikit-learn's k-means (Lloyd) on the points and from the start centres of make_mixture_data.py. Prints seconds, inertia and rounds."""
import json
import os
import time
from pathlib import Path

import numpy as np
from sklearn.cluster import KMeans


def main():
    folder = Path(os.environ["DEFUSED_SPEED_DATA"])
    points, centers = (np.load(folder / f"mixture_{name}.npy").astype(np.float64) for name in ("points", "centers"))
    model = KMeans(n_clusters=len(centers), init=centers, n_init=1, algorithm="lloyd")
    began = time.perf_counter()
    model.fit(points)
    seconds = time.perf_counter() - began
    print(json.dumps({"seconds": seconds, "inertia": float(model.inertia_), "iterations": model.n_iter_}))


if __name__ == "__main__":
    main()
