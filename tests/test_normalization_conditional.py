"""What the affine part can depend on: another image, a class, a map, the image itself.

No package has these: the layers are compared with the loops of `tests/registries/loops.py` in `tests/test_layers.py`;
here are adaptive instance norm against such a loop, and what each one promises.
"""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from tests.registries.layers import spread
from trainwell import normalization as N

CONTENT = torch.randn(2, 3, 5, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
STYLE = 7 * torch.rand(2, 3, 4, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(1)) + 3


@pytest.mark.parametrize("eps", [1e-5, 0.5])
@pytest.mark.parametrize("scale", [1e-3, 1, 1e4])
def test_adaptive_instance_norm_is_the_loop(eps, scale):
    """Against a loop over channels derived from equation 8 of the paper, with biased variances."""
    expected = torch.empty_like(CONTENT)
    for n in range(2):
        for c in range(3):
            x, s = scale * CONTENT[n, c], scale * STYLE[n, c]
            mean, style_mean = sum(x.flatten()) / 20, sum(s.flatten()) / 24
            std = (sum((v - mean) ** 2 for v in x.flatten()) / 20 + eps) ** 0.5
            style_std = (sum((v - style_mean) ** 2 for v in s.flatten()) / 24 + eps) ** 0.5
            expected[n, c] = style_std * (x - mean) / std + style_mean
    torch.testing.assert_close(N.adaptive_instance_norm(scale * CONTENT, scale * STYLE, eps), expected)
    if eps == 1e-5:
        torch.testing.assert_close(N.adaptive_instance_norm(scale * CONTENT, scale * STYLE), expected)


@pytest.mark.parametrize("layer", [N.ConditionalBatchNorm2d, N.ConditionalInstanceNorm2d])
@pytest.mark.parametrize("labels", [[-1, 0], [0, 3], [-2, 5]])
def test_conditional_norms_refuse_classes_that_there_are_not(layer, labels):
    message = f"labels must be from 0 to 2, got {min(labels)} to {max(labels)}"
    with pytest.raises(ValueError, match=message):
        layer(3, num_classes=3)(CONTENT.float(), torch.tensor(labels))
    assert layer(3, num_classes=3)(CONTENT.float(), torch.tensor([0, 2])).isfinite().all()


def test_content_styled_by_itself_stays():
    torch.testing.assert_close(N.adaptive_instance_norm(CONTENT, CONTENT), CONTENT)


def test_the_result_has_the_styles_means_and_deviations():
    y = N.adaptive_instance_norm(CONTENT, STYLE)
    torch.testing.assert_close(y.mean((2, 3)), STYLE.mean((2, 3)))
    torch.testing.assert_close(y.std((2, 3), correction=0), STYLE.std((2, 3), correction=0), rtol=1e-4, atol=0)


def test_the_styles_arrangement_does_not_matter():
    torch.testing.assert_close(
        N.adaptive_instance_norm(CONTENT, STYLE.flip(2, 3)), N.adaptive_instance_norm(CONTENT, STYLE)
    )


def test_adaptive_instance_norm_has_both_gradients_and_keeps_the_dtype():
    inputs = [CONTENT.clone().requires_grad_(), STYLE.clone().requires_grad_()]
    assert torch.autograd.gradcheck(N.adaptive_instance_norm, inputs, fast_mode=True)
    assert N.adaptive_instance_norm(CONTENT.half(), STYLE.half()).dtype == torch.float16
    assert N.adaptive_instance_norm(CONTENT.to("meta"), STYLE.to("meta")).device.type == "meta"
    with pytest.raises(ValueError, match="x must have two places"):
        N.adaptive_instance_norm(CONTENT[..., :1, :1], STYLE)


@pytest.mark.parametrize(
    ("layer", "plain"),
    [
        (N.ConditionalBatchNorm2d(3, 4), lambda x: F.batch_norm(x, None, None, training=True)),
        (N.ConditionalInstanceNorm2d(3, 4), F.instance_norm),
    ],
)
def test_a_class_starts_as_the_plain_norm(layer, plain):
    torch.testing.assert_close(layer.double()(CONTENT, torch.tensor([3, 0])), plain(CONTENT))
    assert "num_features=3, num_classes=4" in repr(layer)


def test_conditional_batch_norm_takes_torchs_settings():
    layer = N.ConditionalBatchNorm2d(3, 4, eps=0.5, momentum=0.3).double()
    y = layer(CONTENT, torch.tensor([0, 0]))
    running = torch.zeros(3).double(), torch.ones(3).double()
    torch.testing.assert_close(y, F.batch_norm(CONTENT, *running, training=True, momentum=0.3, eps=0.5))
    torch.testing.assert_close((layer.norm.running_mean, layer.norm.running_var), running)
    assert (N.ConditionalBatchNorm2d(3, 4).norm.momentum, N.ConditionalBatchNorm2d(3, 4).norm.eps) == (0.1, 1e-5)
    layer = N.ConditionalInstanceNorm2d(3, 4, eps=0.5).double()
    torch.testing.assert_close(layer(CONTENT, torch.tensor([0, 0])), F.instance_norm(CONTENT, eps=0.5))
    assert N.ConditionalInstanceNorm2d(3, 4).norm.eps == 1e-5


@pytest.mark.parametrize("make", [N.ConditionalBatchNorm2d, N.ConditionalInstanceNorm2d])
def test_only_the_classes_of_the_batch_learn(make):
    layer = make(3, 4).double()
    layer(CONTENT, torch.tensor([2, 0])).square().sum().backward()
    assert layer.bias.grad.any(1).tolist() == layer.weight.grad.any(1).tolist() == [True, False, True, False]
    assert {w.dtype for w in make(3, 4, dtype=torch.float16).parameters()} == {torch.float16}
    assert {w.device.type for w in make(3, 4, device="meta").parameters()} == {"meta"}


def test_spade_is_the_same_within_a_region_and_differs_between():
    torch.manual_seed(0)
    layer = N.SPADE(3, label_channels=2, hidden=8).double()
    flat = torch.ones(2, 3, 6, 12, dtype=torch.float64)
    flat[:, :, ::2] = -1  # the normalised map: every column the same
    segmentation = torch.zeros(2, 2, 6, 12, dtype=torch.float64)
    segmentation[:, 0, :, :6], segmentation[:, 1, :, 6:] = 1, 1
    y = layer(flat, segmentation)
    torch.testing.assert_close(y[:, :, 2:4, 3], y[:, :, 2:4, 2])  # away from the edges of the region
    assert not torch.allclose(y[:, :, 2:4, 3], y[:, :, 2:4, 9], rtol=1e-2)


def test_spade_with_small_networks_is_batch_norm():
    layer = N.SPADE(3, label_channels=2).double()
    for w in [*layer.mlp_gamma.parameters(), *layer.mlp_beta.parameters()]:
        torch.nn.init.zeros_(w)
    segmentation = torch.rand(2, 2, 5, 4, dtype=torch.float64)
    torch.testing.assert_close(layer(CONTENT, segmentation), F.batch_norm(CONTENT, None, None, training=True))


def test_spades_networks_are_the_papers():
    layer = N.SPADE(3, label_channels=2)
    shapes = {name: tuple(w.shape) for name, w in layer.named_parameters() if name.endswith("weight")}
    assert shapes == {
        "mlp_shared.0.weight": (128, 2, 3, 3),
        "mlp_gamma.weight": (3, 128, 3, 3),
        "mlp_beta.weight": (3, 128, 3, 3),
    }
    wide = N.SPADE(3, label_channels=2, hidden=4, kernel_size=5).double()
    assert wide(CONTENT, CONTENT[:, :2]).shape == CONTENT.shape
    assert wide.mlp_beta.weight.shape == (3, 4, 5, 5)
    assert N.SPADE(3, 2, kernel_size=1).mlp_beta.padding == (0, 0)


def test_context_encoding_scales_channels_between_0_and_1():
    torch.manual_seed(0)
    layer = spread(N.ContextEncoding(3, num_codewords=5)).double()
    ratio = layer(CONTENT) / CONTENT
    torch.testing.assert_close(ratio, ratio[:, :, :1, :1].expand_as(ratio))
    assert ((ratio > 0) & (ratio < 1)).all()
    assert len(ratio[:, :, 0, 0].unique()) == 6  # another scale for every channel of every image


def test_context_encodings_start():
    torch.manual_seed(0)
    layer = N.ContextEncoding(8)
    bound = (8 * 32) ** -0.5
    assert layer.codewords.shape == (32, 8)
    assert 0.9 * bound < layer.codewords.abs().max() <= bound
    assert layer.codewords.min() < -0.9 * bound
    assert 0 <= layer.smoothing.min() < 0.2 < 0.8 < layer.smoothing.max() <= 1


def test_a_place_on_a_codeword_far_from_the_others_leaves_no_residual():
    layer = N.ContextEncoding(3, num_codewords=2).double()
    with torch.no_grad():
        layer.codewords.copy_(torch.tensor([[0.0, 0, 0], [100, 0, 0]]))
        layer.smoothing.fill_(1)
    x = torch.tensor([100.0, 0, 0], dtype=torch.float64).view(1, 3, 1, 1).expand(1, 3, 4, 4)
    assert not layer.encode(x).any()
    codes = layer.encode(x + 0.5)
    torch.testing.assert_close(codes, torch.tensor([[[0.0] * 3, [8.0] * 3]], dtype=torch.float64))  # 16 places
