"""Label smoothing, against torch's cross-entropy."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from trainwell.regularization import label_smoothing, smooth_labels

LOGITS = 5 * torch.randn(11, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
TARGETS = torch.arange(11) % 4
smoothings = pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.5, 1.0])


@smoothings
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_is_torchs(reduction, smoothing):
    logits = LOGITS.clone().requires_grad_()
    ours = label_smoothing(logits, TARGETS, smoothing, reduction=reduction)
    theirs = F.cross_entropy(logits, TARGETS, label_smoothing=smoothing, reduction=reduction)
    torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(*(torch.autograd.grad(y.sum(), logits)[0] for y in (ours, theirs)))


@smoothings
def test_is_the_cross_entropy_against_the_smoothed_labels(smoothing):
    q = smooth_labels(TARGETS, 4, smoothing).double()
    torch.testing.assert_close(
        label_smoothing(LOGITS, TARGETS, smoothing), F.cross_entropy(LOGITS, q), rtol=1e-6, atol=0
    )


@smoothings
def test_the_gradient_is_p_minus_q(smoothing):
    logits = LOGITS.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(label_smoothing(logits, TARGETS, smoothing, reduction="sum"), logits)
    q = (1 - smoothing) * torch.eye(4, dtype=torch.float64)[TARGETS] + smoothing / 4
    torch.testing.assert_close(gradient, LOGITS.softmax(1) - q)


def test_gradcheck():
    assert torch.autograd.gradcheck(lambda z: label_smoothing(z, TARGETS, 0.2), LOGITS.clone().requires_grad_())


@given(classes=st.integers(1, 20), smoothing=st.floats(0, 1), target=st.integers(0, 19))
def test_smoothed_labels_are_probabilities_with_the_right_class_on_top(classes, smoothing, target):
    q = smooth_labels(torch.tensor([target % classes]), classes, smoothing)[0]
    assert (q >= 0).all()
    assert q.sum().item() == pytest.approx(1, abs=1e-5)
    assert q.max() == q[target % classes]


def test_labels_by_hand():
    torch.testing.assert_close(smooth_labels(torch.tensor([2]), 4, 0.2), torch.tensor([[0.05, 0.05, 0.85, 0.05]]))
    assert torch.equal(smooth_labels(TARGETS, 4, 0.0), F.one_hot(TARGETS).float())
    torch.testing.assert_close(smooth_labels(TARGETS, 4, 1.0), torch.full((11, 4), 0.25))
    assert smooth_labels(torch.zeros(2, 3, dtype=torch.long), 5, 0.1).shape == (2, 3, 5)
    assert smooth_labels(torch.zeros(2, dtype=torch.int32), 5, 0.1).shape == (2, 5)


def test_huge_logits_stay_finite():
    logits = torch.tensor([[1e4, -1e4]], dtype=torch.float64)
    expected = F.cross_entropy(logits, torch.tensor([0]), label_smoothing=0.1)
    torch.testing.assert_close(label_smoothing(logits, torch.tensor([0]), 0.1), expected)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64], ids=str)
def test_keeps_dtype_and_device(dtype):
    ours = label_smoothing(LOGITS.to(dtype), TARGETS)
    assert ours.dtype == dtype
    assert label_smoothing(LOGITS.to("meta", dtype), TARGETS.to("meta")).device.type == "meta"
    assert smooth_labels(TARGETS.to("meta"), 4, 0.1).device.type == "meta"


def test_under_autocast_it_computes_in_float32_as_torch_does():
    logits = LOGITS.bfloat16()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        ours, theirs = label_smoothing(logits, TARGETS), F.cross_entropy(logits, TARGETS, label_smoothing=0.1)
    assert ours.dtype == theirs.dtype == torch.float32
    torch.testing.assert_close(ours, theirs)


def test_leaves_its_input_alone():
    logits, targets = LOGITS.clone(), TARGETS.clone()
    label_smoothing(logits, targets)
    assert torch.equal(logits, LOGITS)
    assert torch.equal(targets, TARGETS)


def test_refuses_bad_settings():
    with pytest.raises(ValueError, match="smoothing must be between 0 and 1, got -1"):
        smooth_labels(TARGETS, 4, -1)
    with pytest.raises(ValueError, match="smoothing must be between 0 and 1, got 2"):
        label_smoothing(LOGITS, TARGETS, 2)
    with pytest.raises(ValueError, match="reduction must be one of 'mean', 'sum', 'none', got 'max'"):
        label_smoothing(LOGITS, TARGETS, reduction="max")
