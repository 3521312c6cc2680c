"""Times scikit-learn's BayesianGaussianMixture on the points of make_mixture_data.py, from the start labels written there.

The start is handed over as in tests/baselines/bayesian_gaussian_mixture.py: one-hot responsibilities take the place of k-means. Prints seconds,
the lower bound that the last iteration reached, and the number of iterations.

  dp_gmm.py MAX_ITERATIONS TOLERANCE
"""
import json
import os
import sys
import time
import warnings
from pathlib import Path

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import BayesianGaussianMixture

COMPONENTS = 100


class FromLabels(BayesianGaussianMixture):
    """Starts from the labels in `start`."""

    start = None

    def _initialize_parameters(self, X, random_state):
        responsibilities = np.zeros((len(X), self.n_components))
        responsibilities[np.arange(len(X)), self.start] = 1
        self._initialize(X, responsibilities)


def main():
    iterations, tolerance = int(sys.argv[1]), float(sys.argv[2])
    folder = Path(os.environ["DEFUSED_SPEED_DATA"])
    points = np.load(folder / "mixture_points.npy").astype(np.float64)
    model = FromLabels(n_components=COMPONENTS, covariance_type="full", weight_concentration_prior_type="dirichlet_process",
                       tol=tolerance, max_iter=iterations)
    model.start = np.load(folder / "mixture_labels.npy")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        began = time.perf_counter()
        model.fit_predict(points)  # as ours: labels and responsibilities of a last E step are part of the fit
        seconds = time.perf_counter() - began
    print(json.dumps({"seconds": seconds, "bound": float(model.lower_bound_), "iterations": model.n_iter_,
                      "converged": bool(model.converged_), "used": int((model.weight_concentration_[0] - 1 > 1).sum())}))


if __name__ == "__main__":
    main()
