"""Every loss against torch's (timm's for mixed labels): values, gradients, precisions; then what each one promises."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import hinge_loss as sklearn_hinge_loss
from sklearn.metrics import log_loss, mean_absolute_error, mean_squared_error
from sklearn.metrics.pairwise import cosine_similarity as sklearn_cosine_similarity
from torch import nn
from torch.nn import functional as F

from tests.registries import parametrize
from tests.registries.losses import LOSSES, NO_LOSSES, inputs
from trainwell import losses, training

reductions = pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
every_loss = parametrize(LOSSES)
TIGHT = {"rtol": 1e-7, "atol": 0.0}  # torch's 1e-7 is more than the squares of tiny values


def value_and_gradients(loss, arguments, **options):
    leaves = [x.clone().requires_grad_() if x.is_floating_point() else x for x in arguments]
    value = loss(*leaves, **options)
    floats = [x for x in leaves if x.is_floating_point()]
    return value.detach(), torch.autograd.grad(value.sum(), floats, materialize_grads=True)  # a threshold passes none


def assert_same(entry, arguments, tolerance=None, **options):
    ours = value_and_gradients(entry.make, arguments, **options)
    theirs = value_and_gradients(entry.oracle, arguments, **options)
    torch.testing.assert_close(ours, theirs, **(tolerance or {}))


def test_the_registry_holds_every_loss():
    assert {entry.factory.__name__ for entry in LOSSES} == set(losses.__all__) - NO_LOSSES


@every_loss
@reductions
@pytest.mark.parametrize("shape", [(1, 2), (9, 5), (40, 1)], ids=str)
@pytest.mark.parametrize("seed", range(2))
def test_values_and_gradients_are_the_references(entry, reduction, shape, seed):
    if entry.abilities & {"rows", "triplets", "pairs"} and shape[-1] == 1:
        shape = (40, 3)  # one class leaves no gradient, one coordinate only kinks
    assert_same(entry, inputs(entry, *shape, seed=seed), reduction=reduction)


@every_loss
@reductions
@pytest.mark.parametrize("scale", [10.0, 1e3, 1e6])
def test_large_values_are_the_references(entry, reduction, scale):
    assert_same(entry, inputs(entry, 9, 5, scale=scale), reduction=reduction)


@parametrize(LOSSES, lacking="scale-free")
@reductions
def test_tiny_values_are_the_references(entry, reduction):
    assert_same(entry, inputs(entry, 9, 5, scale=1e-6), TIGHT, reduction=reduction)


@parametrize(LOSSES, having="scale-free")
@pytest.mark.parametrize("scale", [1e-6, 1e-3, 1e3, 1e6])
def test_the_lengths_of_the_inputs_do_not_matter(entry, scale):
    x1, x2, y = inputs(entry, 9, 5)
    torch.testing.assert_close(entry.make(scale * x1, x2 / scale, y), entry.make(x1, x2, y))


@parametrize(LOSSES, having="any-shape")
@pytest.mark.parametrize("shape", [(), (7,), (2, 3, 4)], ids=str)
def test_any_shape(entry, shape):
    assert_same(entry, inputs(entry, *shape))


@every_loss
def test_float32_is_close_to_float64(entry):
    single, double = inputs(entry, 9, 5, dtype=torch.float32), inputs(entry, 9, 5)
    torch.testing.assert_close(entry.make(*single).double(), entry.make(*double), rtol=1e-5, atol=1e-6)


@every_loss
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64], ids=str)
def test_keeps_dtype_and_device(entry, dtype):
    arguments = inputs(entry, 4, 3, dtype=dtype)
    assert entry.make(*arguments).dtype == dtype
    there = entry.make(*(x.to("meta") for x in arguments), reduction="none")
    assert there.is_meta
    assert there.dtype == dtype
    assert there.shape == entry.make(*arguments, reduction="none").shape


@parametrize(LOSSES, having="half")
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_half_precision_is_near_the_references(entry, dtype):
    arguments = inputs(entry, 9, 5, dtype=dtype)
    torch.testing.assert_close(entry.make(*arguments), entry.oracle(*arguments), rtol=0.03, atol=0.03)


@every_loss
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64], ids=str)
def test_under_autocast_it_computes_in_float32_as_torch_does(entry, dtype):
    arguments = inputs(entry, 9, 5, dtype=dtype)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        ours, theirs = entry.make(*arguments), entry.oracle(*arguments)
    assert ours.dtype == theirs.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    torch.testing.assert_close(ours, theirs)


@every_loss
def test_gradcheck(entry):
    arguments = [x.requires_grad_() if x.is_floating_point() else x for x in inputs(entry, 4, 3)]
    if entry.arguments.get("threshold"):
        arguments[1].requires_grad_(False)  # a step has no gradient
    assert torch.autograd.gradcheck(entry.make, arguments)


@every_loss
def test_leaves_its_inputs_alone(entry):
    arguments = inputs(entry, 4, 3)
    copies = [x.clone() for x in arguments]
    entry.make(*arguments)
    assert all(torch.equal(x, copy) for x, copy in zip(arguments, copies, strict=True))


@every_loss
def test_the_mean_is_what_is_computed_where_nothing_is_said(entry):
    arguments = inputs(entry, 4, 3)
    each = entry.make(*arguments, reduction="none")
    torch.testing.assert_close(entry.make(*arguments), each.mean())
    torch.testing.assert_close(entry.make(*arguments, reduction="sum"), each.sum())


@every_loss
def test_other_reductions_are_refused(entry):
    with pytest.raises(ValueError, match="reduction must be one of 'mean', 'sum', 'none', got 'max'"):
        entry.make(*inputs(entry, 4, 3), reduction="max")


@parametrize(LOSSES, having="classes")
@pytest.mark.parametrize("dtype", [torch.int8, torch.int32, torch.int64], ids=str)
def test_class_numbers_of_any_whole_type(entry, dtype):
    scores, target = inputs(entry, 6, 3)
    torch.testing.assert_close(entry.make(scores, target.to(dtype)), entry.oracle(scores, target))


@parametrize(LOSSES, having="classes")
def test_training_takes_the_same_steps_with_the_twin(entry):
    models = []
    for loss in (entry.make, entry.oracle):
        torch.manual_seed(0)
        model = nn.Linear(4, 3).double()
        data = torch.utils.data.TensorDataset(torch.randn(20, 4).double(), torch.arange(20) % 3)
        sgd, g = torch.optim.SGD(model.parameters(), lr=0.5), torch.Generator().manual_seed(0)
        options = {"batch_size": 5, "generator": g, "device": "cpu", "progress": False}
        training.fit(model, data, epochs=13, optimizer=sgd, loss=loss, **options)  # 52 steps
        models.append(model)
    torch.testing.assert_close(models[0].weight, models[1].weight)


# Cross-entropy.


def test_cross_entropies_are_scikit_learns():
    g = torch.Generator().manual_seed(0)
    logits, y = torch.randn(50, 4, generator=g, dtype=torch.float64), torch.arange(50) % 4
    assert losses.cross_entropy(logits, y).item() == pytest.approx(log_loss(y, logits.softmax(1)))
    z, yes = logits[:, 0], (y > 1).double()
    ours = losses.binary_cross_entropy_with_logits(z, yes).item()
    assert ours == pytest.approx(log_loss(yes, z.sigmoid()))


def test_binary_cross_entropy_is_exact_far_out():
    """For a right answer the loss is exp(-z) to rounding; a probability would have been 1, its logarithm 0."""
    z = torch.tensor([40.0, 100.0, 700.0], dtype=torch.float64)
    ours = losses.binary_cross_entropy_with_logits(z, torch.ones(3, dtype=torch.float64), reduction="none")
    torch.testing.assert_close(ours, (-z).exp(), rtol=1e-12, atol=0)
    wrong = losses.binary_cross_entropy_with_logits(z, torch.zeros(3, dtype=torch.float64), reduction="none")
    torch.testing.assert_close(wrong, z)


@given(z=st.floats(-1e6, 1e6), y=st.floats(0, 1))
def test_binary_cross_entropy_looks_the_same_from_the_other_class(z, y):
    z, y = torch.tensor(z, dtype=torch.float64), torch.tensor(y, dtype=torch.float64)
    bce = losses.binary_cross_entropy_with_logits
    torch.testing.assert_close(bce(z, y), bce(-z, 1 - y))
    two = torch.stack([torch.zeros_like(z), z])[None]
    torch.testing.assert_close(bce(z, y), losses.cross_entropy(two, torch.stack([1 - y, y])[None]))


@pytest.mark.parametrize("classes", [2, 10, 1000])
def test_knowing_nothing_costs_the_logarithm_of_the_number_of_classes(classes):
    loss = losses.cross_entropy(torch.zeros(3, classes), torch.tensor([0, 1, 1]))
    assert loss.item() == pytest.approx(math.log(classes), rel=1e-6)


@given(seed=st.integers(0, 20), shift=st.floats(-1e3, 1e3))
def test_cross_entropy_does_not_see_a_constant_added_to_all_logits(seed, shift):
    logits, y = torch.randn(4, 3, generator=torch.Generator().manual_seed(seed)).double(), torch.tensor([0, 1, 2, 0])
    torch.testing.assert_close(losses.cross_entropy(logits + shift, y), losses.cross_entropy(logits, y))


def test_cross_entropy_takes_one_hot_rows_for_class_numbers_and_maps_of_classes():
    g = torch.Generator().manual_seed(0)
    logits, y = torch.randn(2, 3, 4, 5, generator=g), torch.randint(3, (2, 4, 5), generator=g)
    rows = F.one_hot(y, 3).permute(0, 3, 1, 2).float()
    for reduction in ("mean", "sum", "none"):
        expected = F.cross_entropy(logits, y, reduction=reduction)
        torch.testing.assert_close(losses.cross_entropy(logits, y, reduction=reduction), expected)
        torch.testing.assert_close(losses.cross_entropy(logits, rows, reduction=reduction), expected)


def test_cross_entropy_of_huge_logits_is_finite_and_its_gradient_is_p_minus_q():
    logits = torch.tensor([[1e6, 0.0], [-1e6, 0.0]], requires_grad=True)
    loss = losses.cross_entropy(logits, torch.tensor([1, 1]), reduction="none")
    loss.sum().backward()
    assert loss.tolist() == [1e6, 0]
    assert logits.grad.tolist() == [[1, -1], [0, 0]]


# Mixed labels.


@pytest.mark.parametrize("threshold", [0.0, 0.2, 0.5])
def test_a_class_above_the_threshold_is_asked_for_with_certainty(threshold):
    shares = torch.tensor([[0.0, 0.2, 0.5, 0.3], [0.0, 0.0, 1.0, 0.0]])
    logits = torch.randn(2, 4, generator=torch.Generator().manual_seed(0))
    ours = losses.mixed_label_cross_entropy(logits, shares, threshold=threshold)
    torch.testing.assert_close(ours, F.binary_cross_entropy_with_logits(logits, (shares > threshold).float()))


def test_an_unmixed_label_is_the_same_with_and_without_a_threshold():
    logits, rows = torch.randn(5, 4), torch.eye(5, 4)
    ours = [losses.mixed_label_cross_entropy(logits, rows, threshold=t) for t in (None, 0.0, 0.2)]
    assert ours[0] == ours[1] == ours[2]


def test_the_whole_of_mixup_and_mixed_labels():
    """Both classes of a mixed picture are right at once, which softmax does not allow."""
    shares = torch.tensor([[0.6, 0.4, 0.0]])
    logits = torch.tensor([[50.0, 50.0, -50.0]])
    assert losses.mixed_label_cross_entropy(logits, shares, threshold=0.2) < 1e-20
    assert losses.cross_entropy(logits, shares) > math.log(2) - 1e-6


# Hinges.


@given(f=st.floats(-10, 10), y=st.sampled_from([-1, 1]))
def test_the_hinge_is_nowhere_below_the_zero_one_loss(f, y):
    loss = losses.hinge_loss(torch.tensor(f), torch.tensor(y)).item()
    assert loss >= float(f * y <= 0)
    assert (loss == 0) == (torch.tensor(f) * y >= 1)


def test_the_hinge_is_scikit_learns():
    g = torch.Generator().manual_seed(0)
    f, y = torch.randn(50, generator=g, dtype=torch.float64), 2 * torch.randint(2, (50,), generator=g) - 1
    assert losses.hinge_loss(f, y).item() == pytest.approx(sklearn_hinge_loss(y, f))
    torch.testing.assert_close(losses.hinge_loss(f, y.double()), losses.hinge_loss(f, y))


def test_hinges_are_flat_at_their_kink():
    f = torch.ones(1, requires_grad=True)
    losses.hinge_loss(f, torch.tensor([1])).backward()
    assert f.grad.item() == 0
    scores = torch.tensor([[2.0, 1.0]], requires_grad=True)
    losses.multi_margin_loss(scores, torch.tensor([0])).backward()
    assert scores.grad.tolist() == [[0, 0]]


def test_several_hinges_by_hand():
    scores = torch.tensor([[3.2, 5.1, -1.7], [1.3, 4.9, 2.0], [2.2, 2.5, -3.1]], dtype=torch.float64)
    ours = losses.multi_margin_loss(scores, torch.tensor([0, 1, 2]), reduction="none")
    torch.testing.assert_close(3 * ours, torch.tensor([2.9, 0.0, 12.9], dtype=torch.float64))


def test_one_row_of_scores():
    scores, y = torch.tensor([0.5, 0.2, -1.0]), torch.tensor(1)
    torch.testing.assert_close(losses.multi_margin_loss(scores, y), F.multi_margin_loss(scores, y))


# Regression.


def test_squares_and_absolute_values_are_scikit_learns_and_so_are_their_best_constants():
    y = torch.tensor([1.0, 2.0, 3.0, 4.0, 100.0], dtype=torch.float64)
    guess = torch.full_like(y, 7.0)
    assert losses.mse_loss(guess, y).item() == pytest.approx(mean_squared_error(y, guess))
    assert losses.l1_loss(guess, y).item() == pytest.approx(mean_absolute_error(y, guess))
    constants = torch.arange(0.0, 100.0, 0.5, dtype=torch.float64)
    for loss, best in ((losses.mse_loss, y.mean()), (losses.l1_loss, y.median())):
        values = torch.stack([loss(c.expand(5), y) for c in constants])
        assert constants[values.argmin()] == best


# Similarity.


@pytest.mark.parametrize("dim", [0, 1, 2, -1])
@pytest.mark.parametrize("scale", [1e-20, 1e-6, 1.0, 1e30])
def test_cosine_similarity_is_torchs(dim, scale):
    g = torch.Generator().manual_seed(0)
    x1, x2 = torch.randn(2, 3, 4, 5, generator=g, dtype=torch.float64)
    ours, theirs = losses.cosine_similarity(scale * x1, x2, dim), F.cosine_similarity(scale * x1, x2, dim)
    torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(losses.cosine_similarity(x1[0], x2[0]), F.cosine_similarity(x1[0], x2[0]))


def test_cosine_similarity_is_scikit_learns_and_gradcheck():
    x1, x2 = torch.randn(2, 6, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    expected = np.diag(sklearn_cosine_similarity(x1, x2))
    np.testing.assert_allclose(losses.cosine_similarity(x1, x2), expected)
    assert torch.autograd.gradcheck(losses.cosine_similarity, (x1.requires_grad_(), x2.requires_grad_()))


def test_the_cosine_with_nothing_is_zero_and_eps_is_the_least_length():
    x, nothing = torch.tensor([[3.0, 4.0]]), torch.zeros(1, 2, requires_grad=True)
    assert losses.cosine_similarity(x, nothing).item() == 0
    losses.cosine_similarity(x, nothing).backward()
    assert nothing.grad.isfinite().all()
    assert losses.cosine_similarity(x, x / 5, eps=10.0).item() == pytest.approx(0.05)
    assert losses.cosine_similarity(torch.tensor([[1e-9]]), torch.tensor([[1.0]])).item() == pytest.approx(0.1)


def test_cosines_of_known_angles():
    x = torch.tensor([[1.0, 0.0]]).expand(4, 2)
    other = torch.tensor([[2.0, 0.0], [0.0, 3.0], [-5.0, 0.0], [1.0, 1.0]])
    torch.testing.assert_close(losses.cosine_similarity(x, other), torch.tensor([1.0, 0.0, -1.0, 0.5**0.5]))
    alike = losses.cosine_embedding_loss(x, other, torch.ones(4), reduction="none")
    torch.testing.assert_close(alike, torch.tensor([0.0, 1.0, 2.0, 1 - 0.5**0.5]))
    unlike = losses.cosine_embedding_loss(x, other, -torch.ones(4), margin=0.5, reduction="none")
    torch.testing.assert_close(unlike, torch.tensor([0.5, 0.0, 0.0, 0.5**0.5 - 0.5]))


def test_a_triplet_costs_nothing_once_the_negative_is_a_margin_farther():
    a, p = torch.zeros(3, 2), torch.tensor([[0.0, 1.0]]).expand(3, 2)
    n = torch.tensor([[1.9, 0.0], [2.1, 0.0], [0.0, 0.0]])
    ours = losses.triplet_margin_loss(a, p, n, reduction="none")
    torch.testing.assert_close(ours, torch.tensor([0.1, 0.0, 2.0]), atol=1e-5, rtol=0)
    ours = losses.triplet_margin_loss(a, p, n, 0.0, reduction="none")
    torch.testing.assert_close(ours, torch.tensor([0.0, 0.0, 1.0]), atol=1e-5, rtol=0)


def test_equal_points_have_finite_gradients_and_eps_is_added_to_each_coordinate():
    a = torch.ones(1, 4, requires_grad=True)
    losses.triplet_margin_loss(a, torch.ones(1, 4), torch.zeros(1, 4)).backward()
    assert a.grad.isfinite().all()
    far = torch.full((1, 4), -5.0)
    ours = losses.triplet_margin_loss(torch.ones(1, 4), torch.ones(1, 4), far, margin=12.0, eps=0.1)
    assert ours.item() == pytest.approx(0.2 - 12.2 + 12.0, abs=1e-5)


def test_a_triplet_of_single_points():
    a, p, n = torch.randn(3, 5, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(losses.triplet_margin_loss(a, p, n), F.triplet_margin_loss(a, p, n))


@pytest.mark.parametrize("wrong", [0, 2])
def test_losses_of_signs_refuse_other_numbers(wrong):
    x, y = torch.ones(3), torch.tensor([1, -1, wrong])
    for call in (lambda: losses.hinge_loss(x, y), lambda: losses.cosine_embedding_loss(x[:, None], x[:, None], y)):
        with pytest.raises(ValueError, match=f"target must be -1 or 1, got {wrong}"):
            call()


@pytest.mark.parametrize("threshold", [None, 0.2])
def test_mixed_labels_take_class_numbers_where_nothing_was_mixed(threshold):
    z, y = torch.randn(5, 4, dtype=torch.float64), torch.tensor([0, 3, 1, 1, 2])
    expected = F.binary_cross_entropy_with_logits(z, F.one_hot(y, 4).double())
    torch.testing.assert_close(losses.mixed_label_cross_entropy(z, y, threshold=threshold), expected)
