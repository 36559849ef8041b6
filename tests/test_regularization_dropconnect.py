"""DropConnect, against loops written from the paper."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from trainwell.regularization import DropConnect, dropconnect

X = torch.randn(4, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
WEIGHT = torch.randn(2, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
BIAS = torch.tensor([10.0, 20.0], dtype=torch.float64)


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def by_loops(x, weight, bias, mask, p):
    y = torch.zeros(len(x), len(weight), dtype=x.dtype)
    for n in range(len(x)):
        for o in range(len(weight)):
            kept = sum(x[n, i] * weight[o, i] for i in range(x.shape[1]) if mask[n, o, i])
            y[n, o] = kept / (1 - p) + bias[o]
    return y


@pytest.mark.parametrize("p", [0.2, 0.5, 0.9])
def test_is_the_loops(p):
    mask = torch.empty(4, 2, 3, dtype=torch.float64).bernoulli_(1 - p, generator=seeded(0))
    expected = by_loops(X, WEIGHT, BIAS, mask, p)
    torch.testing.assert_close(dropconnect(X, WEIGHT, BIAS, p, generator=seeded(0)), expected)


def test_more_leading_dimensions_are_more_examples():
    x = torch.randn(2, 5, 3, dtype=torch.float64)
    y = dropconnect(x, WEIGHT, BIAS, 0.4, generator=seeded(0))
    flat = dropconnect(x.flatten(0, 1), WEIGHT, BIAS, 0.4, generator=seeded(0))
    torch.testing.assert_close(y.flatten(0, 1), flat)


def test_limits():
    linear = F.linear(X, WEIGHT, BIAS)
    assert torch.equal(dropconnect(X, WEIGHT, BIAS, 0.0), linear)
    assert torch.equal(dropconnect(X, WEIGHT, BIAS, 0.7, training=False), linear)
    assert torch.equal(dropconnect(X, WEIGHT, BIAS, 1.0), BIAS.expand(4, 2))
    assert torch.equal(dropconnect(X, WEIGHT, None, 0.0), F.linear(X, WEIGHT))
    assert not dropconnect(X, WEIGHT, None, 1.0).any()


def test_every_example_has_its_own_mask_of_the_right_density():
    n, p = 20_000, 0.3
    y = dropconnect(torch.eye(1).expand(n, 1), torch.ones(3, 1), None, p, generator=seeded(0))
    dropped = (y == 0).sum().item()
    assert abs(dropped - 3 * n * p) < 5 * (3 * n * p * (1 - p)) ** 0.5
    patterns = y.unique(dim=0)
    assert len(patterns) == 8, "the weights of one example are dropped apart"


def test_gradients_reach_the_weights():
    weight, bias = WEIGHT.clone().requires_grad_(), BIAS.clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda w, b: dropconnect(X, w, b, 0.4, generator=seeded(0)), (weight, bias))


def test_the_layer_is_a_linear_layer_with_another_forward():
    torch.manual_seed(0)
    linear = nn.Linear(3, 2)
    torch.manual_seed(0)
    layer = DropConnect(3, 2)
    assert torch.equal(layer.weight, linear.weight)
    layer.load_state_dict(linear.state_dict())
    assert torch.equal(layer.eval()(X.float()), linear(X.float()))
    assert DropConnect(3, 2, bias=False).bias is None


def test_refuses_what_is_no_probability():
    with pytest.raises(ValueError, match="p must be between 0 and 1, got -1"):
        dropconnect(X, WEIGHT, p=-1)
    with pytest.raises(ValueError, match="p must be between 0 and 1, got 2"):
        DropConnect(3, 2, p=2)


def test_the_probability_is_a_half_where_none_is_given():
    assert torch.equal(dropconnect(X, WEIGHT, generator=seeded(0)), dropconnect(X, WEIGHT, p=0.5, generator=seeded(0)))


def test_nothing_is_drawn_to_drop_nothing():
    generator = seeded(0)
    dropconnect(X, WEIGHT, p=0.0, generator=generator)
    assert torch.equal(generator.get_state(), seeded(0).get_state())
