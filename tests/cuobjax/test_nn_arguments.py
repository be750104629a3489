"""What constructors of layers and initial values refuse."""

import re

import numpy as np
import pytest

import cuobjax as objax
import cuobjax.numpy as jn
from cuobjax import nn
from cuobjax.nn import init
from cuobjax.zoo import WideResNet, WideResNetGeneral


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nn.Linear(-1, 2), "Linear: expected nin of at least 0, got -1"),
        (lambda: nn.Linear(2, -1), "Linear: expected nout of at least 0, got -1"),
        (lambda: nn.Linear(2.5, 3), "Linear: expected nin as an integer, got 2.5"),
        (
            lambda: nn.Linear(2, 3, w_init=lambda shape: jn.zeros(shape, int)),
            "Linear: expected w_init to return floating-",
        ),
        (
            lambda: nn.ConvTranspose1D(2, 3),
            "ConvTranspose1D: missing 1 required positional argument: 'k'. Write ConvTranspose1D(nin, nout, k)",
        ),
        (
            lambda: nn.SeparableConv2D(2, 3),
            "SeparableConv2D: missing 1 required positional argument: 'k'. Write SeparableConv2D(nin, nout, k)",
        ),
        (lambda: init.identity(3), "identity: expected a shape of at least one axis, got 3"),
        (lambda: init.kaiming_normal((2, 3), "2"), "kaiming_normal: expected gain as a number, got '2'"),
        (lambda: init.xavier_uniform((2, 3), None), "xavier_uniform: expected gain as a number, got None"),
        (lambda: init.truncated_normal((2, 3), None), "truncated_normal: expected lower as a number, got None"),
        (lambda: init.gain_leaky_relu("a"), "gain_leaky_relu: expected relu_slope as a number, got 'a'"),
        (lambda: WideResNet(3, 10, depth="a"), "WideResNet: expected depth as an integer, got 'a'"),
        (lambda: WideResNet(3, 10, width=0), "WideResNetGeneral: expected width greater than 0, got 0"),
        (
            lambda: WideResNetGeneral(3, 10, None, 1),
            "WideResNetGeneral: expected blocks_per_group of integers, got None",
        ),
        (lambda: nn.Conv2D(0, 3, 3), "Conv2D: expected nin of at least 1, got 0"),
        (lambda: nn.Conv2D(3, -4, 3), "Conv2D: expected nout of at least 0, got -4"),
        (lambda: nn.Conv2D(3, 4, (1, 0)), "Conv2D: expected k of at least 1, got (1, 0)"),
        (lambda: nn.Conv2D(3, 4, 3, strides=0), "Conv2D: expected strides of at least 1, got 0"),
        (lambda: nn.Conv2D(3, 4, 3, strides=1.5), "Conv2D: expected strides of integers, got 1.5"),
        (lambda: nn.Conv2D(3, 4, 3, dilations=-1), "Conv2D: expected dilations of at least 1, got -1"),
        (lambda: nn.Conv2D(4, 4, 3, groups=2.0), "Conv2D: expected groups as an integer, got 2.0"),
        (lambda: nn.BatchNorm((1, -3), (0,)), "BatchNorm: expected dims of at least 0, got (1, -3)"),
        (lambda: nn.BatchNorm(3, (0,)), "BatchNorm: expected dims as a tuple of lengths, got 3"),
        (lambda: nn.BatchNorm((1, 3), 0), "BatchNorm: expected redux as a tuple of axes, got 0"),
        (lambda: nn.BatchNorm((1, 3), (5,)), "axis 5 is out of bounds"),
        (lambda: nn.BatchNorm0D(3, momentum=2), "BatchNorm0D: expected momentum of at least 0 and at most 1, got 2"),
        (lambda: nn.BatchNorm0D(3, momentum="a"), "BatchNorm0D: expected a number as momentum, got 'a'"),
        (lambda: nn.BatchNorm0D(3, eps=-1), "BatchNorm0D: expected eps of at least 0, got -1"),
        (lambda: nn.BatchNorm2D(-1), "BatchNorm2D: expected nin of at least 0, got -1"),
        (lambda: nn.SyncedBatchNorm1D(2.5), "SyncedBatchNorm1D: expected nin as an integer, got 2.5"),
        (lambda: nn.LayerNorm(()), "LayerNorm: expected one or more lengths as nin, got ()"),
        (lambda: nn.Dropout(1.5), "Dropout: expected a probability to keep above 0 and at most 1, got 1.5"),
        (lambda: nn.Dropout("half"), "Dropout: expected a number as probability to keep, got 'half'"),
        (lambda: init.kaiming_normal((0, 3)), "kaiming_normal_gain: expected a shape with inputs, got (0, 3)"),
        (lambda: init.kaiming_normal((-3, 3)), "kaiming_normal_gain: expected shape of at least 0, got (-3, 3)"),
        (lambda: init.kaiming_normal(3), "kaiming_normal_gain: expected a shape of at least one axis, got 3"),
        (lambda: init.xavier_normal(()), "xavier_normal_gain: expected a shape of at least one axis, got ()"),
        (lambda: init.xavier_normal((0, 0)), "xavier_normal_gain: expected a shape with inputs or outputs, got (0, 0)"),
        (lambda: init.identity((3, -1)), "identity: expected shape of at least 0, got (3, -1)"),
        (lambda: init.orthogonal(()), "orthogonal: expected a shape of at least one axis, got ()"),
        (lambda: init.orthogonal((3, 3), axis=5), "axis 5 is out of bounds"),
        (lambda: init.kaiming_truncated_normal((2, 3), lower=1, upper=1), "truncated_normal: expected lower < upper"),
        (lambda: init.xavier_truncated_normal((2, 3), lower=30, upper=40), "truncated_normal: expected bounds within"),
        (lambda: objax.functional.one_hot(jn.array([1]), -1), "one_hot: expected num_classes of at least 0, got -1"),
        (
            lambda: objax.functional.conv(jn.ones((1, 1, 4, 4)), jn.ones((3, 3, 1, 1)), 0),
            "conv: expected strides of at least 1",
        ),
    ],
)
def test_sizes_that_cannot_be_meant_are_refused_by_name(make, message):
    with pytest.raises((ValueError, TypeError), match=rf"^(padding SAME: )?{re.escape(message)}"):
        make()


def test_layers_and_initial_values_without_elements():
    assert nn.Linear(0, 3)(jn.ones((2, 0))).shape == (2, 3)
    for shape in ((3, 0), (0, 3)):
        assert init.orthogonal(shape).shape == shape
        assert init.xavier_normal(shape).shape == shape


@pytest.mark.parametrize("dtype", ["uint8", "int32", "int64", "bool"])
def test_batch_norm_of_integers_is_that_of_default_numbers_in_training_too(dtype):
    x = np.array([[0, 1], [1, 1], [1, 0], [1, 1]])
    integers, real = nn.BatchNorm0D(2), nn.BatchNorm0D(2)
    y = integers(x.astype(dtype), training=True)
    assert y.dtype == "float32"
    np.testing.assert_array_equal(y, real(x.astype("float32"), training=True))
    np.testing.assert_array_equal(integers.running_var.value, real.running_var.value)
