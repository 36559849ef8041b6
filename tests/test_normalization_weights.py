"""Weight norm against torch's, standardised weights against timm's, folded batch norm against torch's fusion."""

from __future__ import annotations

import copy

import pytest
import torch
from timm.layers import StdConv2d as TimmStdConv2d
from torch import nn
from torch.nn.utils import fusion, parametrizations, parametrize

from trainwell import normalization as N

X = torch.randn(5, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
MAPS = torch.randn(3, 4, 7, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("make", [lambda: nn.Linear(4, 3), lambda: nn.Conv2d(4, 6, 3, groups=2)])
@pytest.mark.parametrize("dim", [0, 1, None, -2])
def test_weight_norm_is_torchs_through_training(make, dim):
    """Fifty steps: the length and the direction each move as torch's do."""
    torch.manual_seed(0)
    ours = make().double()
    theirs = parametrizations.weight_norm(copy.deepcopy(ours), dim=dim % ours.weight.ndim if dim else dim)
    ours = N.weight_norm(ours, dim=dim)
    x = X if isinstance(ours, nn.Linear) else MAPS
    for layer in (ours, theirs):
        optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
        for _ in range(50):
            optimizer.zero_grad()
            layer(x).sin().mean().backward()
            optimizer.step()
    torch.testing.assert_close(ours.state_dict(), theirs.state_dict())
    torch.testing.assert_close(ours(x), theirs(x))


def test_weight_norm_starts_where_the_layer_was():
    layer = nn.Linear(4, 3).double()
    expected, weight = layer(X), layer.weight.detach().clone()
    torch.testing.assert_close(N.weight_norm(layer)(X), expected)
    torch.testing.assert_close(layer.parametrizations.weight.original0.squeeze(1), weight.norm(dim=1))
    parametrize.remove_parametrizations(layer, "weight")
    torch.testing.assert_close(layer.weight, weight)
    assert sorted(layer.state_dict()) == ["bias", "weight"]


def test_weight_norm_of_a_vector_has_a_length_for_each_entry():
    layer = N.weight_norm(nn.Linear(4, 3), "bias")
    assert layer.parametrizations.bias.original0.shape == (3,)
    assert "weight" in layer.state_dict()


def test_the_directions_gradient_is_at_right_angles_to_it():
    layer = N.weight_norm(nn.Linear(4, 3).double())
    layer(X).sin().sum().backward()
    length, direction = layer.parametrizations.weight.original0, layer.parametrizations.weight.original1
    assert (direction * direction.grad).sum(1).abs().max() < 1e-12
    assert length.grad.abs().min() > 0


def test_weight_norm_is_shown_and_refuses_what_is_no_parameter():
    with pytest.raises(ValueError, match=r"name must be a parameter of Sequential, got '0\.weight'"):
        N.weight_norm(nn.Sequential(nn.Linear(3, 2)), "0.weight")
    assert "WeightNorm(dim=1)" in repr(N.weight_norm(nn.Linear(4, 3), dim=1))
    assert "WeightNorm(dim=0)" in repr(N.weight_norm(nn.Linear(4, 3)))
    for name in ("weights", "training", ""):
        with pytest.raises(ValueError, match=f"name must be a parameter of Linear, got '{name}'"):
            N.weight_norm(nn.Linear(4, 3), name)


@pytest.mark.parametrize("shape", [(4, 3), (4, 3, 2), (4, 3, 2, 5)])
@pytest.mark.parametrize("scale", [1e-4, 1, 1e3])
def test_standardised_weights_have_zero_mean_and_unit_variance(shape, scale):
    weight = scale * torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) + scale
    mean, variance = weight.flatten(1).mean(1), weight.flatten(1).var(1, correction=0)
    y = N.standardize_weight(weight).flatten(1)
    expected = (weight.flatten(1) - mean[:, None]) / (variance[:, None] + 1e-6).sqrt()
    torch.testing.assert_close(y, expected)


def test_std_conv_is_timms_with_torchs_arguments():
    ours = N.StdConv2d(4, 6, 3, 2, 1, 1, 2, eps=0.1).double()
    theirs = TimmStdConv2d(4, 6, 3, 2, 1, 1, 2, bias=True, eps=0.1).double()
    theirs.load_state_dict(ours.state_dict())
    torch.testing.assert_close(ours(MAPS), theirs(MAPS))
    assert N.StdConv2d(4, 6, 3).bias is not None
    assert N.StdConv2d(4, 6, 3, bias=False).bias is None
    small, its_twin = N.StdConv2d(4, 6, 3).double(), TimmStdConv2d(4, 6, 3, padding=0, bias=True).double()
    with torch.no_grad():
        small.weight.mul_(1e-3)
    its_twin.load_state_dict(small.state_dict())
    torch.testing.assert_close(small(MAPS), its_twin(MAPS), rtol=1e-10, atol=0)


def test_std_conv_pads_as_a_convolution_does():
    ours, plain = N.StdConv2d(4, 6, 3, padding="same", padding_mode="reflect", dilation=2), nn.Conv2d(4, 6, 3)
    plain = nn.Conv2d(4, 6, 3, padding="same", padding_mode="reflect", dilation=2)
    plain.load_state_dict(ours.state_dict())
    plain.weight.data = N.standardize_weight(plain.weight.data)
    torch.testing.assert_close(ours(MAPS.float()), plain(MAPS.float()))


def trained(norm, x):
    """A batch norm with running statistics and parameters of its own."""
    norm = norm.double()
    for w in norm.parameters():
        nn.init.normal_(w, 1.0, generator=torch.Generator().manual_seed(2))
    norm(3 * x + 1)
    return norm.eval()


LAYERS = {
    "linear": (lambda: nn.Linear(4, 3), nn.BatchNorm1d, X),
    "linear, no bias": (lambda: nn.Linear(4, 3, bias=False), N.BatchNorm1d, X),
    "conv1d": (lambda: nn.Conv1d(4, 3, 3), nn.BatchNorm1d, MAPS[..., 0]),
    "conv2d": (lambda: nn.Conv2d(4, 3, 3, padding=1), N.BatchNorm2d, MAPS),
    "conv2d, groups": (lambda: nn.Conv2d(4, 6, 3, groups=2, bias=False), nn.BatchNorm2d, MAPS),
    "conv3d": (lambda: nn.Conv3d(4, 3, 2), nn.BatchNorm3d, MAPS.unsqueeze(-1).expand(-1, -1, -1, -1, 3)),
}


@pytest.mark.parametrize(
    "settings", [{}, {"affine": False}, {"eps": 0.3}, {"bias": False}], ids=lambda s: str(s or "plain")
)
@pytest.mark.parametrize("kind", LAYERS)
def test_folding_is_torchs_and_changes_nothing(kind, settings):
    make, norm, x = LAYERS[kind]
    torch.manual_seed(0)
    layer = make().double().eval()
    norm = trained(norm(len(layer.weight), **settings), layer(x).detach())
    before = copy.deepcopy(layer.state_dict())
    folded = N.fold_batch_norm(layer, norm)
    torch.testing.assert_close(folded(x), norm(layer(x)))
    torch.testing.assert_close(layer.state_dict(), before)
    assert type(folded) is type(layer)
    assert not folded.training
    if "linear" not in kind:
        torch.testing.assert_close(folded.state_dict(), fusion.fuse_conv_bn_eval(layer, norm).state_dict())
    elif not settings:
        torch.testing.assert_close(folded.state_dict(), fusion.fuse_linear_bn_eval(layer, norm).state_dict())


def test_folding_keeps_the_dtype_and_what_is_learned():
    folded = N.fold_batch_norm(nn.Linear(4, 3).half().eval(), nn.BatchNorm1d(3).eval())
    assert {w.dtype for w in folded.parameters()} == {torch.float16}
    assert all(w.requires_grad for w in folded.parameters())


@pytest.mark.parametrize(
    ("layer", "norm", "words"),
    [
        (nn.Linear(4, 3), nn.BatchNorm1d(3).eval(), "layer and norm must be in evaluation mode"),
        (nn.Linear(4, 3).eval(), nn.BatchNorm1d(3), "layer and norm must be in evaluation mode"),
        (
            nn.ConvTranspose2d(4, 3, 2).eval(),
            nn.BatchNorm2d(3).eval(),
            "layer must be linear or a convolution, got Conv",
        ),
        (nn.Linear(4, 3).eval(), nn.BatchNorm1d(3, track_running_stats=False).eval(), "norm must have running stat"),
        (nn.Linear(4, 3).eval(), nn.BatchNorm1d(4).eval(), "norm must have 3 channels, as layer puts out, got 4"),
        (nn.Linear(4, 3).eval(), nn.BatchNorm1d(1).eval(), "norm must have 3 channels, as layer puts out, got 1"),
    ],
)
def test_folding_refuses(layer, norm, words):
    with pytest.raises(ValueError, match=words):
        N.fold_batch_norm(layer, norm)
