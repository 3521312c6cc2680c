"""Times scikit-learn's exact nearest neighbours on the codes of make_mixture_data.py: how many of the 20 nearest references carry the wanted
label, for every query. Prints seconds and the sum of all counts."""
import json
import os
import time
from pathlib import Path

import numpy as np
from sklearn.neighbors import NearestNeighbors

NEAREST = 20


def main():
    folder = Path(os.environ["DEFUSED_SPEED_DATA"])
    references, queries = (np.load(folder / f"neighbours_{name}.npy") for name in ("references", "queries"))
    labels, wanted = (np.load(folder / f"neighbours_{name}.npy") for name in ("labels", "wanted"))
    began = time.perf_counter()
    nearest = NearestNeighbors(n_neighbors=NEAREST, algorithm="brute").fit(references).kneighbors(queries, return_distance=False)
    agreeing = (labels[nearest] == wanted[:, None]).sum(axis=1)
    seconds = time.perf_counter() - began
    print(json.dumps({"seconds": seconds, "agreeing": int(agreeing.sum())}))


if __name__ == "__main__":
    main()
