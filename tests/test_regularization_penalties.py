"""Penalties: their minimisers against scikit-learn, their gradients against algebra."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.linear_model import ElasticNet, Lasso, Ridge

from trainwell.regularization import (
    elastic_net,
    elastic_net_strengths,
    l1,
    l2,
    proximal_l1_,
)

PENALTIES = {
    "l2": lambda parameters, strength: l2(parameters, strength),
    "l1": lambda parameters, strength: l1(parameters, strength),
    "elastic_net": lambda parameters, strength: elastic_net(parameters, l1=strength, l2=strength),
}
every_penalty = pytest.mark.parametrize("penalty", PENALTIES.values(), ids=PENALTIES.keys())


def regression(n: int = 60, inputs: int = 8) -> tuple[torch.Tensor, torch.Tensor]:
    """A linear problem with correlated inputs, half of which do not matter."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, inputs)) + rng.normal(size=(n, 1))
    y = x @ np.r_[np.linspace(1, 3, inputs // 2), np.zeros(inputs - inputs // 2)] + rng.normal(size=n)
    return torch.tensor(x), torch.tensor(y)


def minimise(loss, inputs: int) -> torch.Tensor:
    w = torch.zeros(inputs, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([w], max_iter=500, tolerance_grad=1e-12, tolerance_change=0)

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        value = loss(w)
        value.backward()
        return value

    optimizer.step(closure)
    return w.detach()


def proximal_descent(loss, lipschitz: float, strength: float, inputs: int, steps: int = 4000) -> torch.Tensor:
    w = torch.zeros(inputs, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.SGD([w], lr=1 / lipschitz)
    for _ in range(steps):
        optimizer.zero_grad()
        loss(w).backward()
        optimizer.step()
        proximal_l1_([w], strength / lipschitz)
    return w.detach()


@pytest.mark.parametrize("strength", [0.1, 10.0, 1000.0])
def test_l2_has_the_minimum_of_ridge(strength):
    x, y = regression()
    ours = minimise(lambda w: (x @ w - y).square().sum() / 2 + l2([w], strength), x.shape[1])
    theirs = Ridge(alpha=strength, fit_intercept=False, tol=1e-12).fit(x.numpy(), y.numpy()).coef_
    np.testing.assert_allclose(ours.numpy(), theirs, rtol=1e-6)


@pytest.mark.parametrize("strength", [0.01, 0.3, 2.0])
def test_l1_by_proximal_steps_has_the_minimum_of_the_lasso(strength):
    x, y = regression()
    lipschitz = torch.linalg.eigvalsh(x.T @ x / len(x)).max().item()
    ours = proximal_descent(lambda w: (x @ w - y).square().mean() / 2, lipschitz, strength, x.shape[1])
    lasso = Lasso(alpha=strength, fit_intercept=False, tol=1e-12, max_iter=100_000).fit(x.numpy(), y.numpy())
    np.testing.assert_allclose(ours.numpy(), lasso.coef_, atol=1e-7)
    assert np.array_equal(ours.numpy() == 0, lasso.coef_ == 0), "the same weights are exactly zero"


@pytest.mark.parametrize("ratio", [0.1, 0.5, 0.9])
def test_the_elastic_net_has_scikit_learns_minimum(ratio):
    x, y = regression()
    first, second = elastic_net_strengths(0.5, ratio)
    lipschitz = torch.linalg.eigvalsh(x.T @ x / len(x)).max().item() + second
    ours = proximal_descent(
        lambda w: (x @ w - y).square().mean() / 2 + elastic_net([w], l1=0.0, l2=second), lipschitz, first, x.shape[1]
    )
    net = ElasticNet(alpha=0.5, l1_ratio=ratio, fit_intercept=False, tol=1e-12, max_iter=100_000)
    np.testing.assert_allclose(ours.numpy(), net.fit(x.numpy(), y.numpy()).coef_, atol=1e-7)


def test_the_lasso_has_zeros_and_the_subgradient_has_none():
    x, y = regression()
    lipschitz = torch.linalg.eigvalsh(x.T @ x / len(x)).max().item()
    proximal = proximal_descent(lambda w: (x @ w - y).square().mean() / 2, lipschitz, 0.3, x.shape[1])
    subgradient = proximal_descent(
        lambda w: (x @ w - y).square().mean() / 2 + l1([w], 0.3), lipschitz, 0.0, x.shape[1], steps=500
    )
    assert (proximal == 0).sum() >= 3
    assert (subgradient == 0).sum() == 0


def test_values_and_gradients_by_hand():
    w, v = (torch.tensor(values, dtype=torch.float64, requires_grad=True) for values in ([[3.0, -4.0]], [2.0]))
    for value, expected, gradient in [
        (l2([w, v], 0.1), 0.05 * 29, 0.1 * w),
        (l1([w, v], 0.1), 0.1 * 9, 0.1 * w.sign()),
        (elastic_net([w, v], l1=0.2, l2=0.1), 0.2 * 9 + 0.05 * 29, 0.2 * w.sign() + 0.1 * w),
    ]:
        torch.testing.assert_close(value, torch.tensor(expected, dtype=torch.float64))
        torch.testing.assert_close(torch.autograd.grad(value, w)[0], gradient.detach())


def test_the_elastic_net_is_its_parts():
    w = [torch.randn(3, 4, dtype=torch.float64), torch.randn(5, dtype=torch.float64)]
    torch.testing.assert_close(elastic_net(w, l1=0.3, l2=0.0), l1(w, 0.3))
    torch.testing.assert_close(elastic_net(w, l1=0.0, l2=0.7), l2(w, 0.7))
    torch.testing.assert_close(elastic_net(w, l1=0.3, l2=0.7), l1(w, 0.3) + l2(w, 0.7))


def test_scikit_learns_limits():
    assert elastic_net_strengths(3.0, 0.0) == (0.0, 3.0), "ridge"
    assert elastic_net_strengths(3.0, 1.0) == (3.0, 0.0), "lasso"


@every_penalty
def test_takes_any_iterable_of_parameters(penalty):
    model = torch.nn.Linear(3, 2)
    assert penalty(model.parameters(), 0.5) == penalty(list(model.parameters()), 0.5)


@every_penalty
def test_nothing_costs_nothing(penalty):
    assert penalty([torch.randn(3)], 0.0) == 0
    assert penalty([torch.zeros(3)], 1.0) == 0


@every_penalty
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64], ids=str)
def test_keeps_dtype_and_device(penalty, dtype):
    assert penalty([torch.ones(3, dtype=dtype)], 0.5).dtype == dtype
    assert penalty([torch.ones(3, dtype=dtype, device="meta")], 0.5).device.type == "meta"


@every_penalty
def test_gradcheck(penalty):
    w = torch.tensor([0.5, -2.0, 3.0], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda w: penalty([w], 0.3), w)


@every_penalty
def test_refuses_an_iterator_that_was_used_up(penalty):
    parameters = torch.nn.Linear(2, 2).parameters()
    penalty(parameters, 0.1)
    with pytest.raises(ValueError, match="parameters must hold at least one tensor, got none"):
        penalty(parameters, 0.1)


def test_refuses_bad_strengths():
    w = [torch.ones(2)]
    for call in (lambda: l2(w, -1), lambda: l1(w, -1), lambda: elastic_net_strengths(-1, 0.5)):
        with pytest.raises(ValueError, match="strength must not be negative, got -1"):
            call()
    with pytest.raises(ValueError, match="l1 must not be negative, got -1"):
        elastic_net(w, l1=-1, l2=0)
    with pytest.raises(ValueError, match="l2 must not be negative, got -2"):
        elastic_net(w, l1=0, l2=-2)
    with pytest.raises(ValueError, match="l1_ratio must be between 0 and 1, got 2"):
        elastic_net_strengths(1, 2)
