"""Edge-popup. There is no packaged reference: a float64 loop derived from the paper, in NumPy, stands in for one."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import parametrize

from trainwell import data, training
from trainwell.initialization import TopK, edge_popup, initialise_, kaiming_uniform_, signed_constant_, top_k_mask


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def network():
    model = nn.Sequential(nn.Linear(6, 20, bias=False), nn.ReLU(), nn.Linear(20, 3, bias=False)).double()
    return edge_popup(initialise_(model, signed_constant_, generator=seeded(1)), k=0.3, generator=seeded(2))


def numpy_mask(scores, k):
    """Sort all of a layer's |s|; ones from the (1 - k)-quantile on."""
    order = np.argsort(np.abs(scores), axis=None)
    mask = np.zeros(scores.size)
    mask[order[scores.size - round(k * scores.size) :]] = 1
    return mask.reshape(scores.shape)


def papers_loop(weights, scores, x, t, k, lr, steps):
    """The paper's section 3 by hand for squared error: forward with w h(|s|), backward dL/ds = dL/dI Z w sign(s)."""
    (w1, w2), (s1, s2), losses = weights, [s.copy() for s in scores], []
    for _ in range(steps):
        u1, u2 = w1 * numpy_mask(s1, k), w2 * numpy_mask(s2, k)
        a = x @ u1.T
        z = np.maximum(a, 0)
        out = z @ u2.T
        losses.append(((out - t) ** 2).mean())
        d_out = 2 * (out - t) / out.size
        d_a = (d_out @ u2) * (a > 0)
        s2 = s2 - lr * (d_out.T @ z) * w2 * np.sign(s2)
        s1 = s1 - lr * (d_a.T @ x) * w1 * np.sign(s1)
    return s1, s2, losses


def test_training_is_the_papers_loop():
    model, g = network(), seeded(3)
    x = torch.randn(40, 6, dtype=torch.float64, generator=g)
    t = torch.randn(40, 3, dtype=torch.float64, generator=g)
    tops = [model[i].parametrizations.weight[0] for i in (0, 2)]
    weights = [model[i].parametrizations.weight.original.numpy().copy() for i in (0, 2)]
    scores = [top.scores.detach().numpy().copy() for top in tops]
    *expected, losses = papers_loop(weights, scores, x.numpy(), t.numpy(), k=0.3, lr=0.3, steps=60)
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.3)
    for loss in losses:
        ours = F.mse_loss(model(x), t)
        assert ours.item() == pytest.approx(loss, rel=1e-9)
        optimizer.zero_grad()
        ours.backward()
        optimizer.step()
    for top, theirs, start in zip(tops, expected, scores, strict=True):
        np.testing.assert_allclose(top.scores.detach().numpy(), theirs, rtol=1e-9)
        assert (numpy_mask(theirs, 0.3) != numpy_mask(start, 0.3)).any()  # the subnetwork did change
    assert losses[-1] < losses[0]
    for i, w in zip((0, 2), weights, strict=True):
        np.testing.assert_array_equal(model[i].parametrizations.weight.original.numpy(), w)


def test_the_gradient_is_the_masked_weights_gradient_times_weight_and_sign():
    w = torch.randn(4, 5, dtype=torch.float64, generator=seeded())
    top = TopK(w, 0.5, generator=seeded(1))
    c = torch.randn(4, 5, dtype=torch.float64, generator=seeded(2))
    (c * top(w)).sum().backward()
    torch.testing.assert_close(top.scores.grad, c * w * top.scores.detach().sign())
    assert top.scores.detach().lt(0).any()


@given(
    scores=st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=40, unique=True),
    k=st.floats(0, 1),
)
def test_the_mask_keeps_the_largest(scores, k):
    s = torch.tensor(scores, dtype=torch.float64)
    mask = top_k_mask(s, k)
    assert mask.sum().item() == round(k * len(s))
    kept, dropped = s[mask == 1], s[mask == 0]
    assert len(kept) + len(dropped) == len(s)
    assert not len(kept) or not len(dropped) or kept.min() >= dropped.max()


@pytest.mark.parametrize(("k", "kept"), [(0.0, 0), (0.24, 1), (0.5, 3), (1.0, 6)])
def test_shares_and_limits(k, kept):
    scores = torch.arange(6.0).view(2, 3).requires_grad_()
    mask = top_k_mask(scores, k)
    assert torch.equal(mask, (scores.detach() >= 6 - kept).float())
    mask.backward(torch.full((2, 3), 2.0))
    assert torch.equal(scores.grad, torch.full((2, 3), 2.0))  # straight through, for the dropped ones, too


def test_equal_scores_keep_the_share():
    assert top_k_mask(torch.ones(10), 0.3).sum() == 3


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64], ids=str)
def test_keeps_dtype_and_device(dtype):
    mask = top_k_mask(torch.arange(4.0, dtype=dtype), 0.5)
    assert (mask.dtype, mask.tolist()) == (dtype, [0, 0, 1, 1])
    assert top_k_mask(torch.empty(4, 5, device="meta", dtype=dtype), 0.5).shape == (4, 5)
    assert TopK(torch.ones(2, 3, dtype=dtype)).scores.dtype == dtype


def test_scores_start_as_kaiming_uniform_and_all_else_is_frozen():
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(16, 2))
    before = {name: p.clone() for name, p in model.named_parameters()}
    assert edge_popup(model, generator=seeded()) is model
    g = seeded()
    for layer, shape in ((model[0], (4, 1, 3, 3)), (model[3], (2, 16))):
        expected = nn.init.kaiming_uniform_(torch.empty(shape), a=math.sqrt(5), generator=g)
        assert torch.equal(layer.parametrizations.weight[0].scores, expected)
        assert layer.parametrizations.weight[0].k == 0.5
    trained = [name for name, p in model.named_parameters() if p.requires_grad]
    assert trained == [f"{i}.parametrizations.weight.0.scores" for i in (0, 3)]
    assert torch.equal(model[0].parametrizations.weight.original, before["0.weight"])
    assert torch.equal(model[3].bias, before["3.bias"])


def test_the_subnetwork_can_be_kept():
    model = network()
    x = torch.ones(2, 6, dtype=torch.float64)
    expected = model(x)
    for i in (0, 2):
        parametrize.remove_parametrizations(model[i], "weight")
    torch.testing.assert_close(model(x), expected)
    assert (model[0].weight != 0).sum() == round(0.3 * 120)


def test_state_dict_brings_the_subnetwork_back():
    model, other = network(), network()
    for p in model.parameters():
        p.data.copy_(torch.randn(p.shape, generator=seeded(9)))
    other.load_state_dict(model.state_dict())
    x = torch.ones(2, 6, dtype=torch.float64)
    assert torch.equal(model(x), other(x))
    assert torch.equal(copy.deepcopy(model)(x), other(x))


def test_an_untrained_network_holds_a_good_subnetwork():
    """Digits: chance is 10%; the subnetwork gets far above it with every weight as it was drawn."""
    parts = data.digits(seed=0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 256, bias=False), nn.ReLU(), nn.Linear(256, 10, bias=False))
    edge_popup(initialise_(model, signed_constant_, generator=seeded()), k=0.5, generator=seeded())
    frozen = model[1].parametrizations.weight.original.clone()
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=1.0, momentum=0.9)
    g = seeded()
    training.fit(model, parts.train, epochs=15, optimizer=optimizer, generator=g, device="cpu", progress=False)
    assert training.evaluate(model, parts.validation)[1] > 0.85
    assert torch.equal(model[1].parametrizations.weight.original, frozen)


def test_refuses_shares_outside():
    for k in (-0.1, 1.1):
        for make in (lambda k: top_k_mask(torch.ones(3), k), lambda k: TopK(torch.ones(2, 2), k)):
            with pytest.raises(ValueError, match=r"k must be between 0 and 1, got"):
                make(k)
        with pytest.raises(ValueError, match=r"k must be between 0 and 1, got"):
            edge_popup(nn.Linear(2, 2), k)
    assert "k=0.25" in repr(TopK(torch.ones(2, 2), 0.25))


def test_the_scores_are_drawn_from_the_generator_alone():
    before = torch.get_rng_state()
    scores = TopK(torch.ones(3, 4), generator=seeded()).scores
    assert torch.equal(scores, kaiming_uniform_(torch.empty(3, 4), a=5**0.5, generator=seeded()))
    assert torch.equal(torch.get_rng_state(), before)


def test_gradcheck_of_the_weight():
    """The mask is constant in the weight; its own straight-through gradient is none that differences could check."""
    top = TopK(torch.ones(3, 4, dtype=torch.float64), 0.5, generator=seeded())
    w = torch.randn(3, 4, dtype=torch.float64, generator=seeded(1), requires_grad=True)
    assert torch.autograd.gradcheck(top, w)
