"""Logistic regression on tumours by Newton's method: `python -m examples.logistic`.

Thirty measurements each of 569 tumours; which of these are benign? The loss is convex, so that a few steps with the
inverse of its `Hessian` reach the only minimum to the last digits. scikit-learn's solver finds the same one.
"""

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression

import cuobjax
import cuobjax.numpy as jn
from cuobjax.functional.loss import sigmoid_cross_entropy_logits
from examples.shared import example


@example(steps=(10, "steps of Newton's method"), penalty=(1.0, "half of it times the squares of weights is added"))
def main(options):
    data: Any = load_breast_cancer()
    features = (data.data - data.data.mean(0)) / data.data.std(0)
    test = np.arange(len(features)) % 4 == 0
    x = jn.array(np.insert(features, 0, 1, axis=1), "float64")  # the weight of the first column is the bias
    y = jn.array(data.target, "float64")
    w = cuobjax.TrainVar(jn.zeros(x.shape[1], "float64"))

    def loss():
        misfit = sigmoid_cross_entropy_logits(x[~test] @ w, y[~test]).sum()
        return misfit + options.penalty / 2 * (w[1:] ** 2).sum()

    gradients, hessian = cuobjax.GradValues(loss, {"w": w}), cuobjax.Hessian(loss, {"w": w})
    for i in range(options.steps):
        (g,), (value,) = gradients()
        w.assign(w - jn.linalg.solve(hessian()[0][0], g))
        print(f"step {i}: loss {value:.10f}, length of its gradient {jn.linalg.norm(g):.1e}")

    theirs = LogisticRegression(C=1 / options.penalty, tol=1e-10, max_iter=10_000)
    theirs.fit(features[~test], data.target[~test])
    difference = np.abs(np.insert(theirs.coef_, 0, theirs.intercept_) - np.asarray(w)).max()
    right = ((x[test] @ w > 0) == (y[test] > 0)).mean()
    print(f"test accuracy {right:.2%}; largest difference from scikit-learn's weights {difference:.1e}")
    return drawn(np.asarray(w)[1:], data.feature_names)


def drawn(weights, names):
    """A bar for each weight, the largest on top."""
    order = np.argsort(weights)
    figure = Figure(figsize=(7, 6), layout="constrained")
    axes = figure.subplots()
    axes.barh(names[order], weights[order], color=np.where(weights[order] > 0, "#2a6fbb", "#d1495b"))
    axes.set(xlabel="weight: to the right, larger values speak for benign", ylim=(-1, len(weights)))
    axes.tick_params(axis="y", labelsize=8)
    return figure


if __name__ == "__main__":
    main()
