#!/usr/bin/python3
"""Writes tests/golden/tsne_*.json: what scikit-learn's t-SNE makes of fixed small data from a fixed start.

Run with Debian's python3-sklearn (1.2.1):  /usr/bin/python3 tests/baselines/tsne.py

Kept are the symmetric affinities of scikit-learn and, of its final layout, the exact Kullback-Leibler divergence by numpy (what
scikit-learn reports itself is the tree's approximation). Points and starts are multiples of 1/1024, so float32 and JSON hold them exactly.
"""

import json
import pathlib

import numpy as np
import sklearn
from sklearn.manifold import TSNE
from sklearn.manifold._t_sne import _joint_probabilities_nn
from sklearn.neighbors import NearestNeighbors

GOLDEN = pathlib.Path(__file__).resolve().parents[1] / "golden"


def exact(values):
    return np.round(np.asarray(values) * 1024) / 1024


def affinities(points, perplexity):
    neighbours = min(len(points) - 1, int(3 * perplexity + 1))
    graph = NearestNeighbors(n_neighbors=neighbours, algorithm="brute").fit(points).kneighbors_graph(mode="distance")
    graph.data **= 2
    return _joint_probabilities_nn(graph, perplexity, 0).tocsr()


def divergence(p, layout):
    w = 1 / (1 + ((layout[:, None] - layout[None]) ** 2).sum(-1))
    np.fill_diagonal(w, 0)
    q = w / w.sum()
    p = p.toarray()
    some = p > 0
    return float((p[some] * np.log(p[some] / q[some])).sum())


def write(name, points, perplexity, start, theta):
    p = affinities(points, perplexity)
    model = TSNE(n_components=2, perplexity=perplexity, init=start, angle=theta, learning_rate="auto", n_iter=1000, method="barnes_hut")
    layout = model.fit_transform(points).astype(np.float64)
    rows = []
    for i in range(len(points)):
        row = p.getrow(i)
        rows.append(sorted([int(j), round(float(v), 11)] for j, v in zip(row.indices, row.data) if v > 0))
    document = {"made_with": f"scikit-learn {sklearn.__version__}, tests/baselines/tsne.py", "perplexity": perplexity, "theta": theta,
                "points": points.tolist(), "start": start.tolist(), "affinities": rows, "divergence": divergence(p, layout)}
    (GOLDEN / f"tsne_{name}.json").write_text(json.dumps(document) + "\n")
    print(name, document["divergence"], model.kl_divergence_)


def main():
    random = np.random.default_rng(11)
    middles = random.normal(size=(4, 5)) * 2.5
    blobs = exact(np.concatenate([random.normal(size=(30, 5)) * (0.6 + 0.2 * c) + middles[c] for c in range(4)]))
    write("blobs_5d", blobs, 15, exact(random.normal(size=(len(blobs), 2)) * 0.01), 0.5)
    turn = np.sort(random.uniform(1.5, 4.5, 100)) * np.pi
    roll = exact(np.stack([turn * np.cos(turn) / 5, turn * np.sin(turn) / 5, random.uniform(0, 1, len(turn))], axis=1))
    write("roll_3d", roll, 10, exact(roll[:, :2] * 0.01), 0.5)


if __name__ == "__main__":
    main()
