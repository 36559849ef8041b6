"""Adversarial inputs and the gradient penalty, against loops written from the papers."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from trainwell.regularization import adversarial_loss, fgsm, gradient_penalty, pgd

X = torch.randn(6, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
Y = torch.arange(6) % 3


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3)).double()


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def one_gradient(model: nn.Module, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """The gradient of one example's loss with respect to it."""
    x = x.clone().requires_grad_()
    F.cross_entropy(model(x.unsqueeze(0)), y.unsqueeze(0)).backward()
    return x.grad


ATTACKS = {
    "fgsm": partial(fgsm, epsilon=0.2),
    "pgd": partial(pgd, epsilon=0.2, step_size=0.08, steps=4),
}
every_attack = pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS.keys())


def test_gradient_penalty_is_the_loop_over_examples():
    model = network()
    norms = [one_gradient(model, x, y).square().sum() for x, y in zip(X, Y, strict=True)]
    torch.testing.assert_close(gradient_penalty(model, X, Y).detach(), torch.stack(norms).mean())


def test_gradient_penalty_does_not_depend_on_the_batch_size():
    model = network()
    torch.testing.assert_close(gradient_penalty(model, X.repeat(3, 1), Y.repeat(3)), gradient_penalty(model, X, Y))


def test_gradient_penalty_of_a_linear_model():
    """For squared error the input gradient is 2 (w x - y) w."""
    model = nn.Linear(4, 1, bias=False).double()
    w, y = model.weight.detach()[0], torch.zeros(6, 1, dtype=torch.float64)
    expected = (2 * X @ w).square().mean() * w.square().sum()
    torch.testing.assert_close(gradient_penalty(model, X, y, loss=F.mse_loss).detach(), expected)


def test_the_gradient_of_the_penalty_reaches_the_weights():
    w = torch.randn(3, 4, dtype=torch.float64, requires_grad=True)

    class Linear(nn.Module):
        def __init__(self, w):
            super().__init__()
            self.w = w  # a plain tensor that gradcheck moves

        def forward(self, x):
            return F.linear(x, self.w).tanh()

    assert torch.autograd.gradcheck(lambda w: gradient_penalty(Linear(w), X, Y), w)


def test_fgsm_is_the_loop_over_examples():
    model = network()
    expected = torch.stack([x + 0.1 * one_gradient(model, x, y).sign() for x, y in zip(X, Y, strict=True)])
    torch.testing.assert_close(fgsm(model, X, Y, 0.1), expected)


def test_pgd_is_the_loop_over_examples():
    model, epsilon, step = network(), 0.3, 0.1
    expected = X + torch.empty_like(X).uniform_(-epsilon, epsilon, generator=seeded(0))
    for _ in range(5):
        moved = torch.stack([x + step * one_gradient(model, x, y).sign() for x, y in zip(expected, Y, strict=True)])
        expected = X + (moved - X).clamp(-epsilon, epsilon)
    attacked = pgd(model, X, Y, epsilon, step_size=step, steps=5, generator=seeded(0))
    torch.testing.assert_close(attacked, expected)


@given(seed=st.integers(0, 2**31), epsilon=st.floats(0, 2))
def test_no_change_in_the_box_raises_a_linear_loss_more_than_fgsm(seed, epsilon):
    model = nn.Linear(4, 1, bias=False).double()

    def loss(y: torch.Tensor, _: torch.Tensor) -> torch.Tensor:
        return y.sum()

    other = X + torch.empty_like(X).uniform_(-epsilon, epsilon, generator=seeded(seed))
    assert loss(model(fgsm(model, X, Y, epsilon, loss=loss)), Y) >= loss(model(other), Y) - 1e-12


def test_pgd_finds_at_least_what_fgsm_finds():
    model = network()
    losses = [
        F.cross_entropy(model(attacked), Y)
        for attacked in (
            X,
            fgsm(model, X, Y, 0.5),
            pgd(model, X, Y, 0.5, step_size=0.1, steps=40, generator=seeded(0)),
        )
    ]
    assert losses[0] < losses[1] <= losses[2] + 1e-6


@every_attack
def test_stays_in_the_box_and_in_bounds(attack):
    x = X.sigmoid()
    attacked = attack(network(), x, Y, bounds=(0.1, 0.9))
    inside = attack(network(), x, Y)
    assert (inside - x).abs().max() <= 0.2 + 1e-12
    assert attacked.min() >= 0.1
    assert attacked.max() <= 0.9


@every_attack
def test_a_box_of_nothing_changes_nothing(attack):
    torch.testing.assert_close(attack(network(), X, Y, epsilon=0.0), X, rtol=0, atol=1e-15)


@every_attack
@pytest.mark.parametrize("training", [True, False])
def test_leaves_model_and_inputs_alone(attack, training):
    model, x = network().train(training), X.clone()
    before = {name: w.clone() for name, w in model.state_dict().items()}
    attacked = attack(model, x, Y)
    assert torch.equal(x, X)
    assert not x.requires_grad
    assert not attacked.requires_grad
    assert all(w.grad is None for w in model.parameters())
    assert all(torch.equal(w, before[name]) for name, w in model.state_dict().items())
    assert model.training == training


@every_attack
def test_works_on_inputs_with_gradients_and_where_gradients_are_off(attack):
    model, expected = network(), fgsm(network(), X, Y, 0.2)
    with torch.no_grad():
        attacked = attack(model, X, Y)
    assert (attacked != X).all()
    assert not attack(model, X.clone().requires_grad_(), Y).requires_grad
    torch.testing.assert_close(fgsm(model, X.clone().requires_grad_(), Y, 0.2), expected)


@every_attack
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64], ids=str)
def test_keeps_dtype_and_device(attack, dtype):
    model = network()
    assert attack(model.to(dtype), X.to(dtype), Y).dtype == dtype
    assert attack(model.to("meta"), X.to("meta", dtype), Y.to("meta")).device.type == "meta"
    assert gradient_penalty(model, X.to("meta", dtype), Y.to("meta")).device.type == "meta"


def test_pgd_starts_from_its_generator_alone():
    model, state = network(), torch.random.get_rng_state()
    settings = {"step_size": 0.01, "steps": 1}
    first, again, other = (pgd(model, X, Y, 0.3, **settings, generator=seeded(s)) for s in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(torch.random.get_rng_state(), state)


def test_adversarial_loss_weighs_the_two_parts():
    model, attack = network(), partial(fgsm, epsilon=0.3)
    clean, attacked = F.cross_entropy(model(X), Y), F.cross_entropy(model(fgsm(model, X, Y, 0.3)), Y)
    torch.testing.assert_close(adversarial_loss(model, X, Y, attack, 0.0), clean)
    torch.testing.assert_close(adversarial_loss(model, X, Y, attack, 1.0), attacked)
    torch.testing.assert_close(adversarial_loss(model, X, Y, attack, 0.25), 0.75 * clean + 0.25 * attacked)
    torch.testing.assert_close(adversarial_loss(model, X, Y, attack), (clean + attacked) / 2)


def test_adversarial_training_makes_a_model_harder_to_attack():
    """On two classes a distance of 1 apart in one input and of 0.1 in fifty others, a box of 0.2 spoils the others."""
    targets = torch.arange(400) % 2
    sign = 2.0 * targets.unsqueeze(1) - 1
    x = torch.cat([0.5 * sign, 0.1 * sign.expand(-1, 50)], 1) + 0.1 * torch.randn(400, 51, generator=seeded(0))
    attack, hit = partial(fgsm, epsilon=0.2), {}
    for weight in (0.0, 1.0):
        torch.manual_seed(0)
        model = nn.Linear(51, 2)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
        for _ in range(200):
            optimizer.zero_grad()
            adversarial_loss(model, x, targets, attack, weight).backward()
            optimizer.step()
        hit[weight] = (model(attack(model, x, targets)).argmax(1) == targets).float().mean().item()
    assert hit[1.0] > hit[0.0] + 0.3


def test_refuses_bad_settings():
    model = network()
    with pytest.raises(ValueError, match="epsilon must not be negative, got -1"):
        fgsm(model, X, Y, -1)
    with pytest.raises(ValueError, match="epsilon must not be negative, got -1"):
        pgd(model, X, Y, -1, step_size=0.1, steps=1)
    with pytest.raises(ValueError, match="step_size must not be negative, got -1"):
        pgd(model, X, Y, 0.1, step_size=-1, steps=1)
    with pytest.raises(ValueError, match="steps must be at least 1, got 0"):
        pgd(model, X, Y, 0.1, step_size=0.1, steps=0)
    with pytest.raises(ValueError, match="weight must be between 0 and 1, got 2"):
        adversarial_loss(model, X, Y, ATTACKS["fgsm"], 2)
