#!/usr/bin/python3
"""Writes tests/golden/dp_gmm_*.json: what scikit-learn's BayesianGaussianMixture makes of fixed small data from fixed start labels.

Run with Debian's python3-sklearn (1.2.1):  /usr/bin/python3 tests/baselines/bayesian_gaussian_mixture.py

The random streams of two languages cannot be matched, so the start is handed over instead: a subclass overrides
_initialize_parameters, which scikit-learn calls once per start, and passes one-hot responsibilities of the given labels to
_initialize, exactly as its own k-means start does. The bound of every iteration is recorded by wrapping _compute_lower_bound.
Points are rounded to 1e-6 so that the JSON holds them exactly as the reader will parse them.
"""

import json
import pathlib
import warnings

import numpy as np
import sklearn
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import BayesianGaussianMixture

GOLDEN = pathlib.Path(__file__).resolve().parents[1] / "golden"


class FromLabels(BayesianGaussianMixture):
    """Starts from the labels in `start`; keeps the bound of every iteration in `bounds`."""

    start = None

    def _initialize_parameters(self, X, random_state):
        self.bounds = []
        responsibilities = np.zeros((len(X), self.n_components))
        responsibilities[np.arange(len(X)), self.start] = 1
        self._initialize(X, responsibilities)

    def _compute_lower_bound(self, log_resp, log_prob_norm):
        bound = super()._compute_lower_bound(log_resp, log_prob_norm)
        self.bounds.append(float(bound))
        return bound


def blobs(rng, n, d, groups, spread):
    """Gaussian groups with random full covariances; the last group is small."""
    centres = rng.normal(scale=spread, size=(groups, d))
    shapes = [rng.normal(size=(d, d)) / np.sqrt(d) + 0.3 * np.eye(d) for _ in range(groups)]
    share = np.ones(groups)
    share[-1] = 0.3
    which = rng.choice(groups, size=n, p=share / share.sum())
    return np.stack([centres[g] + shapes[g] @ rng.normal(size=d) for g in which])


def banana(rng, n):
    """One curved group: many components overlap, so convergence is slow."""
    t = rng.normal(size=n)
    return np.stack([t, t * t + 0.3 * rng.normal(size=n)], axis=1)


def data_sets():
    rng = np.random.RandomState(20210212)
    yield "blobs_2d", blobs(rng, 200, 2, 4, 4.0), 6
    yield "banana_2d", banana(rng, 300), 8
    yield "blobs_4d", blobs(rng, 300, 4, 5, 2.5), 7
    shifted = blobs(rng, 250, 6, 4, 2.0) * np.array([1, 10, 0.1, 1, 1, 3]) + np.array([50, 0, 0, -20, 0, 0])
    yield "scaled_6d", shifted, 5


def main():
    for name, points, components in data_sets():
        points = np.round(points, 6)
        kmeans = KMeans(n_clusters=components, n_init=1, random_state=3).fit(points)
        cases = []
        for covariance in ("full", "diag", "tied"):
            model = FromLabels(n_components=components, covariance_type=covariance, tol=1e-5, max_iter=400,
                               weight_concentration_prior_type="dirichlet_process")
            model.start = kmeans.labels_
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                model.fit(points)
            responsibilities = model.predict_proba(points)
            cases.append({
                "covariance": covariance,
                "tolerance": 1e-5,
                "max_iterations": 400,
                "converged": bool(model.converged_),
                "bounds": model.bounds,
                "weights": model.weights_.tolist(),
                "counts": (model.weight_concentration_[0] - 1).tolist(),
                "means": model.means_.ravel().tolist(),
                "covariances": model.covariances_.ravel().tolist(),
                "labels": responsibilities.argmax(axis=1).tolist(),
                "first_responsibilities": responsibilities[:5].ravel().tolist(),
            })
        document = {
            "made_by": "tests/baselines/bayesian_gaussian_mixture.py with scikit-learn " + sklearn.__version__,
            "n": len(points),
            "d": points.shape[1],
            "components": components,
            "points": points.ravel().tolist(),
            "start": kmeans.labels_.tolist(),
            "cases": cases,
        }
        path = GOLDEN / f"dp_gmm_{name}.json"
        path.write_text(json.dumps(document, separators=(",", ":")) + "\n")
        print(path.name, [(c["covariance"], len(c["bounds"]), c["converged"],
                           float(np.diff(c["bounds"]).min() if len(c["bounds"]) > 1 else 0)) for c in cases])


if __name__ == "__main__":
    main()
