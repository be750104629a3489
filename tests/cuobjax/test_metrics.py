"""Metrics, against scikit-learn and by hand."""

import copy
import pickle

import ml_dtypes  # noqa: F401 (NumPy knows bfloat16)
import numpy as np
import pytest

import cuobjax as objax
import cuobjax.numpy as jn
from autograd.backend import local_devices
from cuobjax import metrics
from cuobjax.metrics import (
    AUC,
    F1,
    Accuracy,
    ConfusionMatrix,
    Mean,
    Metric,
    Perplexity,
    Precision,
    Recall,
    TopK,
)

LABELS = np.array([0, 2, 1, 2, 2, 0, 1, 2])
CLASSES = np.array([0, 2, 2, 2, 0, 0, 1, 4])  # class 3 occurs nowhere, class 4 among the predictions alone
SCORES = np.eye(5, dtype="float32")[CLASSES] * 2
RANKED = np.array([0.1, 0.4, 0.35, 0.8, 0.8, 0.1, 0.6, 0.5], "float32")
BINARY = np.array([0, 0, 1, 1, 0, 1, 1, 0])
WEIGHTS = np.array([1, 2, 0, 1, 3, 1, 0.5, 1], "float32")


def sklearn():
    return pytest.importorskip("sklearn.metrics", reason="scikit-learn comes with the extra examples")


def updated(metric, *columns, size=3):
    """A metric after batches of rows."""
    for i in range(0, len(columns[0]), size):
        metric.update(*[jn.array(x[i : i + size]) for x in columns])
    return metric


CASES = [
    (Mean(), [RANKED], np.mean(RANKED, dtype="float64")),
    (Mean(), [RANKED, WEIGHTS], np.average(RANKED, weights=WEIGHTS)),
    (Accuracy(), [SCORES, LABELS], 5 / 8),
    (Accuracy(), [CLASSES, LABELS], 5 / 8),
    (Accuracy(), [CLASSES, LABELS, WEIGHTS], 5.5 / 9.5),
    (Accuracy(0.5), [RANKED, BINARY], 5 / 8),
    (Accuracy(0.5), [RANKED, BINARY, WEIGHTS], 5.5 / 9.5),
    (TopK(1), [SCORES, LABELS], 5 / 8),
    (TopK(5), [SCORES, LABELS], 1.0),
    (AUC(20, 0, 1), [RANKED, BINARY], 8 / 16),
    (Perplexity(), [SCORES, LABELS], np.exp(np.mean(np.log(np.exp(2) + 4) - 2 * (CLASSES == LABELS)))),
]


@pytest.mark.parametrize(("metric", "columns", "expected"), CASES)
def test_figures_of_batches(metric, columns, expected):
    metric = copy.deepcopy(metric)
    assert np.isnan(float(metric.value))
    value = updated(metric, *columns).value
    assert (value.shape, value.dtype) == ((), "float32")
    np.testing.assert_allclose(value, expected, rtol=1e-6)
    metric.reset()
    assert np.isnan(float(metric.value))


@pytest.mark.parametrize("kind", [Precision, Recall, F1])
@pytest.mark.parametrize("average", ["macro", "micro", "weighted", None])
@pytest.mark.parametrize("weights", [[], [WEIGHTS]])
def test_figures_of_classes_are_those_of_scikit_learn(kind, average, weights):
    name = {Precision: "precision_score", Recall: "recall_score", F1: "f1_score"}[kind]
    given = {"sample_weight": weights[0]} if weights else {}
    labels = None if average else range(5)
    expected = getattr(sklearn(), name)(LABELS, CLASSES, average=average, zero_division=0, labels=labels, **given)
    np.testing.assert_allclose(updated(kind(5, average), SCORES, LABELS, *weights).value, expected, rtol=1e-6)


@pytest.mark.parametrize(("kind", "expected"), [(Precision, 2 / 4), (Recall, 2 / 4), (F1, 2 / 4)])
def test_figures_of_two_classes(kind, expected):
    assert float(updated(kind(threshold=0.45), RANKED, BINARY).value) == expected
    assert float(updated(kind(), (RANKED > 0.45).astype(int), BINARY).value) == expected
    assert float(updated(kind(), RANKED > 0.45, BINARY).value) == expected


def test_the_confusion_matrix_is_that_of_scikit_learn():
    for extra, given in ((), {}), ((WEIGHTS,), {"sample_weight": WEIGHTS}):
        found = updated(ConfusionMatrix(5), SCORES, LABELS, *extra).value
        assert found.dtype == "float64"
        expected = sklearn().confusion_matrix(LABELS, CLASSES, labels=range(5), **given)
        np.testing.assert_allclose(found, expected)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "uint16", "int64", "uint64"])
def test_labels_of_any_integers_are_counted(dtype):
    rng = np.random.default_rng(0)
    labels, classes = rng.integers(0, 50, 300), rng.integers(0, 50, 300)  # 50 * 50 does not fit into a byte
    expected = sklearn().confusion_matrix(labels, classes)
    scores = np.eye(50, dtype="float32")[classes]
    for outputs in (scores, classes.astype(dtype)):
        np.testing.assert_array_equal(updated(ConfusionMatrix(50), outputs, labels.astype(dtype)).value, expected)


def test_integer_scores_have_a_threshold():
    scores = np.array([5, -3, 2, -1])
    for metric in (Accuracy(0), Precision(threshold=0)):
        assert float(updated(metric, scores, np.array([1, 0, 1, 0])).value) == 1


@pytest.mark.parametrize("k", [1, 2, 3])
def test_top_k_with_equal_scores_is_that_of_scikit_learn(k):
    scores = np.random.default_rng(0).integers(0, 3, (50, 4)).astype("float32")
    labels = np.random.default_rng(1).integers(0, 4, 50)
    expected = sklearn().top_k_accuracy_score(labels, scores, k=k, labels=range(4))
    np.testing.assert_allclose(updated(TopK(k), scores, labels).value, expected, rtol=1e-6)


def test_areas_are_those_of_scikit_learn():
    rng = np.random.default_rng(0)
    scores, labels = rng.integers(0, 30, 200).astype("float32") / 30, rng.integers(0, 2, 200)
    weights = rng.random(200)
    for given in ([], [weights]):
        expected = sklearn().roc_auc_score(labels, scores, sample_weight=given[0] if given else None)
        np.testing.assert_allclose(metrics.roc_auc(scores, labels, *given), expected, rtol=1e-6)
        np.testing.assert_allclose(updated(AUC(), scores, labels, *given, size=64).value, expected, rtol=1e-6)


def test_what_cannot_be_ordered_has_no_area():
    assert np.isnan(float(metrics.roc_auc(RANKED, np.ones(8, int))))
    broken = np.where(np.arange(8) == 2, np.nan, RANKED)
    assert np.isnan(float(metrics.roc_auc(broken, BINARY)))
    assert np.isnan(float(updated(AUC(), broken, BINARY).value))
    assert np.isfinite(float(metrics.roc_auc(broken, BINARY, WEIGHTS)))  # the row has no weight
    assert np.isfinite(float(updated(AUC(), broken, BINARY, WEIGHTS).value))


def test_a_row_with_nan_is_wrong():
    scores = np.where(np.arange(8)[:, None] == 0, np.nan, SCORES)
    assert float(updated(Accuracy(), scores, LABELS).value) == 4 / 8
    assert float(updated(TopK(5), scores, LABELS).value) == 7 / 8
    assert float(updated(ConfusionMatrix(5), scores, LABELS).value.sum()) == 7
    np.testing.assert_allclose(updated(Recall(5, None), scores, LABELS).value[0], 1 / 2)
    assert float(updated(Precision(5, None), scores, LABELS).value[0]) == 1 / 2
    assert np.isnan(float(updated(Mean(), scores).value))
    assert float(updated(Accuracy(0.5), np.full(8, np.nan, "float32"), BINARY).value) == 0


def test_rows_without_weight_do_not_count():
    scores, padding = np.where(WEIGHTS[:, None] == 0, np.nan, SCORES), (WEIGHTS > 0).astype("float32")
    for metric in (Accuracy(), TopK(2), Precision(5, "macro"), Perplexity()):
        rows = padding > 0
        expected = updated(copy.deepcopy(metric), SCORES[rows], LABELS[rows]).value
        np.testing.assert_allclose(updated(metric, scores, LABELS, padding).value, expected, rtol=1e-6)


def test_many_axes():
    scores, labels = np.stack([SCORES] * 3), np.stack([LABELS] * 3)
    for metric in (Accuracy(), TopK(1), Recall(5, "micro"), Perplexity()):
        expected = updated(copy.deepcopy(metric), SCORES, LABELS).value
        np.testing.assert_allclose(updated(metric, scores, labels, size=1).value, expected, rtol=1e-6)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_other_dtypes_lose_no_digits(dtype):
    metric = Mean()
    for _ in range(3):
        metric.update(jn.ones(5000, dtype=dtype))
        metric.update(jn.zeros(1, dtype=dtype))
    np.testing.assert_allclose(metric.value, 15000 / 15003, rtol=1e-6)


ALL = [(Mean(), [RANKED]), (Accuracy(), [SCORES, LABELS]), (TopK(2), [SCORES, LABELS]), (F1(5, None), [SCORES, LABELS]),
       (ConfusionMatrix(5), [SCORES, LABELS]), (AUC(), [RANKED, BINARY]), (Perplexity(), [SCORES, LABELS])]  # fmt: skip


@pytest.mark.parametrize(("metric", "columns"), ALL)
def test_programs_lanes_and_copies_give_the_same(metric, columns):
    expected = updated(copy.deepcopy(metric), *columns).value
    arrays = [jn.array(x) for x in columns]
    compiled = copy.deepcopy(metric)
    step = objax.Jit(compiled.update, compiled.vars())
    for i in range(0, 8, 2):
        step(*[x[i : i + 2] for x in arrays])
    lanes = copy.deepcopy(metric)
    f = (lambda x: lanes.update(x)) if len(arrays) == 1 else (lambda x, y: lanes.update(x, y))
    objax.Vectorize(f, lanes.vars(), (0,) * len(arrays))(*arrays)
    halves = [updated(copy.deepcopy(metric), *[x[part] for x in columns]) for part in (slice(3), slice(3, None))]
    halves[0].merge(halves[1])
    for found in (compiled, lanes, halves[0], pickle.loads(pickle.dumps(halves[0]))):
        np.testing.assert_allclose(found.value, expected, rtol=1e-6)


@pytest.mark.parametrize(("metric", "columns"), ALL)
def test_devices_add_to_the_totals(metric, columns, monkeypatch):
    if objax.default_device().kind == "cpu":
        monkeypatch.setenv("CUOBJAX_CPU_DEVICES", "2")
    metric, expected = copy.deepcopy(metric), updated(copy.deepcopy(metric), *columns, *[], size=8)
    arrays = [jn.array(x) for x in columns]
    update = objax.Parallel(metric.update, metric.vars(), reduce=lambda x: x[0])
    if 8 % update.ndevices:
        pytest.skip("the devices do not divide the batch")
    for _ in range(2):
        update(*arrays)
        np.testing.assert_allclose(metric.value, expected.value * (2 if type(metric) is ConfusionMatrix and _ else 1))
    metric.reset()
    with metric.vars().replicate():
        update(*arrays)
        update(*arrays)
    np.testing.assert_allclose(metric.value, expected.value * (2 if type(metric) is ConfusionMatrix else 1))


@pytest.mark.parametrize(("metric", "columns"), ALL)
def test_totals_of_another_device_than_the_default_one(metric, columns):
    last, expected = local_devices()[-1], updated(copy.deepcopy(metric), *columns).value
    arrays = [objax.device_put(jn.array(x), last) for x in columns]
    with objax.device(last):
        there = eval(repr(metric), {"cuobjax": objax})
    there.update(*arrays)
    assert there.value.device == last
    np.testing.assert_allclose(np.asarray(there.value), np.asarray(expected), rtol=1e-6)


def test_metrics_in_a_step_of_training():
    net, accuracy, losses = objax.nn.Linear(5, 5), Accuracy(), Mean()

    def loss(x, y):
        logits = net(x)
        each = objax.functional.loss.cross_entropy_logits_sparse(logits, y)
        accuracy.update(logits, y)
        losses.update(each)
        return each.mean()

    gradients = objax.GradValues(loss, net.vars())
    g, v = gradients(jn.array(SCORES), jn.array(LABELS))
    np.testing.assert_allclose(losses.value, v[0], rtol=1e-6)
    with pytest.raises(ZeroDivisionError):
        objax.GradValues(lambda x, y: loss(x, y) / 0 if 1 // 0 else 0, net.vars())(jn.array(SCORES), jn.array(LABELS))
    assert float(accuracy.count.value) == 8
    assert all(jn.isfinite(x).all() for x in g)


@pytest.mark.parametrize(("call", "message"), [
    (lambda: Accuracy().update(RANKED, BINARY), r"Write Accuracy\(threshold=0.5\) for probabilities of class 1"),
    (lambda: Accuracy().update(SCORES, LABELS[:3]), r"expected outputs of shape \(3, classes\).*one more axis"),
    (lambda: Accuracy(0.5).update(SCORES, LABELS), "Accuracy: expected scores and labels of shape"),
    (lambda: Accuracy().update(SCORES, SCORES), "expected labels of integers, got dtype float32.*labels.argmax"),
    (lambda: Accuracy().update(SCORES, LABELS, WEIGHTS[:3]), r"expected weights of shape \(8,\), got \(3,\)"),
    (lambda: TopK(0), "TopK: expected k of at least 1, got 0"),
    (lambda: TopK(2).update(CLASSES, LABELS), r"TopK: expected scores of shape \(..., classes\), got int"),
    (lambda: TopK(2).update(SCORES, LABELS[:3]), r"TopK: expected labels of shape \(8,\), got \(3,\)"),
    (lambda: ConfusionMatrix(4).update(SCORES, LABELS), "ConfusionMatrix: expected scores of 4 classes, got outputs"),
    (lambda: ConfusionMatrix(3, 0.5), "ConfusionMatrix: expected 2 classes with a threshold, got 3"),
    (lambda: F1(5), "F1: expected average='macro', 'micro', 'weighted' or None for 5 classes"),
    (lambda: F1(5, "mean"), "F1: expected average as one of 'binary', 'macro'"),
    (lambda: TopK(6).update(SCORES, LABELS), "TopK: expected scores of at least 6 classes, got 5"),
    (lambda: Accuracy("0.5"), "Accuracy: expected threshold as a number, got '0.5'"),
    (lambda: F1(threshold="0.5"), "F1: expected threshold as a number, got '0.5'"),
    (lambda: Accuracy().merge(TopK(2)), "Accuracy.merge: expected another Accuracy, got TopK"),
    (lambda: TopK(2.5), "TopK: expected k as an integer, got 2.5"),
    (lambda: ConfusionMatrix(0), "ConfusionMatrix: expected classes of at least 1, got 0"),
    (lambda: AUC(0), "AUC: expected bins of at least 1, got 0"),
    (lambda: AUC(5, 1, 1), "AUC: expected low less than high, got 1 and 1"),
    (lambda: AUC().update(SCORES, LABELS % 2), r"AUC: expected scores and labels of one shape.*take x\[..., 1\]"),
    (lambda: Mean().update(RANKED * 1j), "Mean: expected real numbers"),
    (lambda: Accuracy().merge(Mean()), "Accuracy.merge: expected another Accuracy, got Mean"),
    (lambda: F1(5, None).merge(F1(4, None)), r"F1.merge: expected a metric with the same arguments, .*F1\(classes=5"),
    (lambda: TopK(1).merge(TopK(2)), "TopK.merge: expected a metric with the same arguments"),
    (lambda: Metric().update(), "Metric: has no update. Define update"),
    (lambda: Metric().value, "Metric: has no value. Define it as a property"),
    (lambda: Accuracy().compute(), "Read metric.value"),
    (lambda: Accuracy().reset_state(), r"Write metric.reset\(\)"),
])  # fmt: skip
def test_wrong_arguments(call, message):
    with pytest.raises((ValueError, TypeError, NotImplementedError, AttributeError), match=message):
        call()


@pytest.mark.skipif(objax.default_device().kind != "cpu", reason="numbers on a GPU are not looked at")
def test_negative_weights():
    with pytest.raises(ValueError, match="Accuracy: expected weights of at least 0, got -3"):
        Accuracy().update(SCORES, LABELS, -WEIGHTS)


@pytest.mark.parametrize("wrong", [-1, 5])
def test_labels_that_are_no_classes(wrong):
    labels = np.where(np.arange(8) == 3, wrong, LABELS)
    for metric in (Accuracy(), TopK(2), ConfusionMatrix(5), F1(5, "macro")):
        if objax.default_device().kind == "cpu":
            with pytest.raises(ValueError, match=f"expected labels from 0 to 4, got {wrong}"):
                metric.update(SCORES, labels)
            assert all(not v.value.any() for v in metric.vars())
        objax.Jit(metric.update, metric.vars())(jn.array(SCORES), jn.array(labels))  # nobody can look at traced ones
        assert np.isnan(np.asarray(metric.value)).any()


@pytest.mark.parametrize("area", [metrics.roc_auc, lambda scores, labels: updated(AUC(), scores, labels).value])
def test_a_traced_label_that_is_no_class_gives_no_area(area):
    assert np.isnan(float(objax.Jit(area, {})(jn.array(RANKED), jn.array(np.where(RANKED > 0.7, 2, BINARY)))))


def test_arguments_are_shown():
    assert repr(TopK(3)).endswith("TopK(k=3)")

    class Renamed(Metric):
        def __init__(self, size):
            self.width = size

    assert repr(Renamed(3)).endswith("Renamed()")
    assert repr(F1(3, "macro")).endswith("F1(classes=3, average='macro', threshold=None)")


def test_a_metric_is_no_function():
    with pytest.raises(TypeError, match=r"Accuracy: a metric cannot be called. Write metric.update\(outputs, labels\)"):
        Accuracy()(np.eye(2), [0, 1])
