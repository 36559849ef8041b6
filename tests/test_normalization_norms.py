"""Batch, layer, instance and group norm: one function, running statistics, and the backward derived by hand."""

from __future__ import annotations

import copy
import inspect
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from trainwell import normalization as N

IMAGES = torch.randn(4, 6, 5, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
AXES = {"batch": (0, 2, 3), "layer": (1, 2, 3), "instance": (2, 3)}
SHAPES = {"batch": (1, 6, 1, 1), "layer": (6, 5, 3), "instance": (6, 1, 1)}  # of the affine part
TORCHS = {
    "batch": lambda x, w, b, eps: F.batch_norm(x, None, None, w.flatten(), b.flatten(), True, 0.1, eps),
    "layer": lambda x, w, b, eps: F.layer_norm(x, (6, 5, 3), w, b, eps),
    "instance": lambda x, w, b, eps: F.instance_norm(x, weight=w.flatten(), bias=b.flatten(), eps=eps),
}
every_norm = pytest.mark.parametrize("norm", AXES)


def leaves(norm):
    g = torch.Generator().manual_seed(1)
    affine = [torch.randn(SHAPES[norm], dtype=torch.float64, generator=g).requires_grad_() for _ in range(2)]
    return IMAGES.clone().requires_grad_(), *affine


@every_norm
def test_the_axes_make_the_norm(norm):
    ones, zeros = (torch.full(SHAPES[norm], v, dtype=torch.float64) for v in (1.0, 0.0))
    expected = TORCHS[norm](IMAGES, ones, zeros, 1e-5)
    torch.testing.assert_close(N.normalize(IMAGES, AXES[norm]), expected)
    assert N.normalize(IMAGES, AXES[norm]).mean(AXES[norm]).abs().max() < 1e-14


@every_norm
@pytest.mark.parametrize("eps", [1e-5, 0.5])
def test_the_backward_by_hand_is_autograds_of_torchs_norm(norm, eps):
    x, weight, bias = leaves(norm)
    upstream = torch.randn(IMAGES.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    ours, theirs = N.normalize_by_hand(x, weight, bias, AXES[norm], eps), TORCHS[norm](x, weight, bias, eps)
    torch.testing.assert_close(ours, theirs)
    gradients = (torch.autograd.grad(y, (x, weight, bias), upstream) for y in (ours, theirs))
    torch.testing.assert_close(*gradients)


@every_norm
def test_the_backward_by_hand_has_a_gradient_itself(norm):
    def f(*tensors):
        return N.normalize_by_hand(*tensors, AXES[norm])

    small = [v[..., :2].detach().requires_grad_() if v.shape[-1] > 1 else v for v in leaves(norm)]
    assert torch.autograd.gradcheck(f, small)
    assert torch.autograd.gradgradcheck(f, small)


def test_the_default_eps_by_hand():
    x, weight, bias = leaves("batch")
    torch.testing.assert_close(
        N.normalize_by_hand(x * 1e-3, weight, bias, (0, 2, 3)), TORCHS["batch"](x * 1e-3, weight, bias, 1e-5)
    )
    assert N.normalize_by_hand(x.half(), weight.half(), bias.half(), (0, 2, 3)).dtype == torch.float16


@pytest.mark.parametrize("make", [lambda: N.BatchNorm2d(6), lambda: N.LayerNorm((6, 5, 3)), lambda: N.GroupNorm(2, 6)])
def test_the_layers_have_second_derivatives(make):
    layer = make().double()
    assert torch.autograd.gradgradcheck(layer, IMAGES[:2].clone().requires_grad_(), fast_mode=True)


@given(seed=st.integers(0, 2**31))
def test_the_gradient_is_orthogonal_to_mean_and_output(seed):
    """The two directions that the output does not depend on: with eps 0, adding a constant and scaling."""
    g = torch.Generator().manual_seed(seed)
    x, grad = torch.randn(2, 3, 8, dtype=torch.float64, generator=g)
    x_hat = N.normalize(x, [1], eps=0)
    inverse_std = x.var(1, correction=0, keepdim=True).rsqrt()
    result = N.normalize_backward(grad, x_hat, inverse_std, [1])
    assert result.sum(1).abs().max() < 1e-11
    assert (result * x_hat).sum(1).abs().max() < 1e-11


@given(scale=st.floats(0.01, 100), offset=st.floats(-100, 100))
def test_scale_and_offset_go(scale, offset):
    y = N.normalize(scale * IMAGES + offset, (0, 2, 3), eps=0)
    torch.testing.assert_close(y, N.normalize(IMAGES, (0, 2, 3), eps=0))


def test_a_constant_input_gives_zero():
    assert not N.normalize(torch.full((3, 4), 7.0), [1]).any()


def test_group_norm_has_layer_and_instance_norm_at_its_ends():
    whole, single = N.group_norm(IMAGES, 1), N.group_norm(IMAGES, 6)
    torch.testing.assert_close(whole, N.layer_norm(IMAGES, (6, 5, 3)))
    torch.testing.assert_close(single, N.instance_norm(IMAGES))


def test_batch_norm_of_one_example_is_instance_norm():
    torch.testing.assert_close(N.batch_norm(IMAGES[:1], training=True), N.instance_norm(IMAGES[:1]))


@pytest.mark.parametrize("sequence", [True, False])
def test_one_example_alone(sequence):
    layer, x = (N.InstanceNorm1d(6), IMAGES[0, :, 0]) if sequence else (N.InstanceNorm2d(6), IMAGES[0])
    torch.testing.assert_close(layer(x), layer(x.unsqueeze(0))[0])


@pytest.mark.parametrize("groups", [0, -1, 4, 12])
def test_groups_must_divide_the_channels(groups):
    with pytest.raises(ValueError, match=rf"num_groups must divide the 6 channels of x, got {groups}"):
        N.group_norm(IMAGES, groups)


@pytest.mark.parametrize("shape", [(3, 5), (2, 5, 3), (), (5, 4, 6, 5, 3)])
def test_the_normalized_shape_must_fit(shape):
    with pytest.raises(ValueError, match="normalized_shape must be the last sizes of x"):
        N.layer_norm(IMAGES, shape)


def test_one_place_has_no_variance():
    with pytest.raises(ValueError, match=r"x must have two places a channel or more, got the shape \(4, 6, 1, 1\)"):
        N.instance_norm(IMAGES[:, :, :1, :1])
    assert N.instance_norm(IMAGES[:, :, :2, :1]).isfinite().all()


def test_one_value_a_channel_has_no_variance():
    for x in (IMAGES[:1, :, 0, 0], IMAGES[:1, :, :1, :1], IMAGES[:0]):
        with pytest.raises(ValueError, match="x must have two values a channel or more in training"):
            N.batch_norm(x, training=True)
    assert N.batch_norm(IMAGES[:2, :, 0, 0], training=True).isfinite().all()


@pytest.mark.parametrize("given", ["running_mean", "running_var"])
def test_at_test_time_running_statistics_are_needed(given):
    with pytest.raises(ValueError, match="running_mean and running_var must be given at test time"):
        N.batch_norm(IMAGES, **{given: torch.ones(6, dtype=torch.float64)})


@pytest.mark.parametrize("layer", [N.BatchNorm1d(6), N.BatchNorm2d(6), N.InstanceNorm1d(6), N.InstanceNorm2d(6)])
def test_another_number_of_dimensions_is_refused(layer):
    with pytest.raises(ValueError, match=r"expected .*D input"):
        layer(torch.ones(2, 6, 2, 2, 2))


def test_recovers_the_identity():
    """With the deviation as weight and the mean as bias the layer does nothing."""
    layer = N.BatchNorm2d(6).double()
    with torch.no_grad():
        layer.weight.copy_((IMAGES.var((0, 2, 3), correction=0) + layer.eps).sqrt())
        layer.bias.copy_(IMAGES.mean((0, 2, 3)))
    torch.testing.assert_close(layer(IMAGES), IMAGES)


def test_the_running_variance_is_unbiased_and_the_normaliser_is_not():
    x = torch.tensor([[1.0], [3.0]])
    running_mean, running_var = torch.zeros(1), torch.zeros(1)
    y = N.batch_norm(x, running_mean, running_var, training=True, momentum=1.0, eps=0.0)
    torch.testing.assert_close(y, torch.tensor([[-1.0], [1.0]]))  # divided by the biased deviation, 1
    assert (running_mean.item(), running_var.item()) == (2.0, 2.0)


def test_the_functions_default_momentum_and_eps_are_torchs():
    ours, theirs = [[torch.zeros(6).double(), torch.ones(6).double()] for _ in range(2)]
    x = 1e-3 * IMAGES
    torch.testing.assert_close(
        N.batch_norm(x, *ours, training=True), F.batch_norm(x, *theirs, training=True), rtol=1e-12, atol=0
    )
    torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(N.batch_norm(x, *ours), F.batch_norm(x, *theirs), rtol=1e-12, atol=0)
    torch.testing.assert_close(N.group_norm(x, 2), F.group_norm(x, 2), rtol=1e-12, atol=0)
    torch.testing.assert_close(N.instance_norm(x), F.instance_norm(x), rtol=1e-12, atol=0)
    torch.testing.assert_close(N.layer_norm(x, (3,)), F.layer_norm(x, (3,)), rtol=1e-12, atol=0)


def test_cumulative_statistics_are_the_means_over_the_batches():
    layer, batches = N.BatchNorm2d(6, momentum=None).double(), IMAGES.split(1)
    for batch in batches:
        layer(batch)
    torch.testing.assert_close(layer.running_mean, torch.stack([b.mean((0, 2, 3)) for b in batches]).mean(0))
    torch.testing.assert_close(layer.running_var, torch.stack([b.var((0, 2, 3)) for b in batches]).mean(0))
    assert layer.num_batches_tracked == 4


def test_running_statistics_come_to_those_of_the_data():
    g = torch.Generator().manual_seed(0)
    layer = N.BatchNorm1d(1, momentum=0.02)
    for _ in range(1000):
        layer(3 * torch.randn(32, 1, generator=g) + 5)
    assert math.isclose(layer.running_mean.item(), 5, abs_tol=0.3)
    assert math.isclose(layer.running_var.item(), 9, abs_tol=1)


@pytest.mark.parametrize("training", [True, False])
def test_tracking_switched_off_later_freezes_the_statistics_as_torchs(training):
    ours, theirs = N.BatchNorm2d(6).double(), nn.BatchNorm2d(6).double()
    for layer in (ours, theirs):
        layer(IMAGES)
        layer.track_running_stats = False
        layer.train(training)
    torch.testing.assert_close(ours(IMAGES + 1), theirs(IMAGES + 1))
    torch.testing.assert_close(ours.state_dict(), theirs.state_dict())


def test_a_frozen_layer_does_not_see_the_batch():
    layer = N.BatchNorm2d(6).double().eval()
    torch.testing.assert_close(layer(IMAGES)[:1], layer(IMAGES[:1]))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_half_precision_is_torchs_mixed_form(dtype):
    """Half inputs beside float32 parameters: what autocast hands to a norm after a convolution."""
    x = IMAGES.to(dtype)
    for ours, theirs in (
        (N.BatchNorm2d(6), nn.BatchNorm2d(6)),
        (N.GroupNorm(2, 6), nn.GroupNorm(2, 6)),
        (N.LayerNorm(3), nn.LayerNorm(3)),
        (N.InstanceNorm2d(6, affine=True), nn.InstanceNorm2d(6, affine=True)),
    ):
        y = ours(x)
        assert y.dtype == dtype
        torch.testing.assert_close(y, theirs(x))
        torch.testing.assert_close(list(ours.buffers()), list(theirs.buffers()))


def test_a_mean_that_half_precision_cannot_hold():
    x = torch.full((64, 1, 64, 64), 8.0, dtype=torch.float16)  # the sum is beyond the largest half
    x[::2] = -6
    layer = N.BatchNorm2d(1)
    assert layer(x).isfinite().all()
    torch.testing.assert_close(layer.running_mean, torch.tensor([0.1]))


@pytest.mark.parametrize("name", ["BatchNorm1d", "BatchNorm2d", "SyncBatchNorm", "InstanceNorm1d", "InstanceNorm2d"])
def test_a_weight_without_a_bias(name):
    ours, theirs = (getattr(library, name)(6, affine=True, bias=False) for library in (N, nn))
    assert ours.state_dict().keys() == theirs.state_dict().keys()
    x = IMAGES[..., 0] if name.endswith("1d") else IMAGES
    nn.init.constant_(ours.weight, 3.0)
    theirs.load_state_dict(ours.state_dict())
    torch.testing.assert_close(ours.double()(x), theirs.double()(x))


@pytest.mark.parametrize("name", [name for name in N.__all__ if hasattr(nn, name)])
def test_defaults_are_torchs(name):
    ours, theirs = (inspect.signature(getattr(library, name)).parameters for library in (N, nn))
    shared = [argument for argument in ours if argument in theirs]
    assert {"eps", "affine"} & {*shared}
    assert [ours[argument].default for argument in shared] == [theirs[argument].default for argument in shared]


def test_a_copy_of_a_model_keeps_its_own_statistics():
    layer = N.BatchNorm2d(6).double()
    twin = copy.deepcopy(layer)
    layer(IMAGES + 1)
    assert not twin.running_mean.any()
