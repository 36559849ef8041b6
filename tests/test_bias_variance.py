"""The decomposition against mlxtend and closed forms; which fit is best; random labels."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import mlxtend.evaluate
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LinearRegression
from sklearn.tree import DecisionTreeRegressor
from torch import nn
from torch.utils.data import TensorDataset

from trainwell import data, training
from trainwell.bias_variance import (
    bootstrap,
    decompose,
    fit_polynomial,
    fit_random_features,
    least_squares,
    randomize_labels,
    resample,
)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=seeded(seed), dtype=torch.float64)


@pytest.mark.parametrize("model", [LinearRegression(), DecisionTreeRegressor(max_depth=3, random_state=0)], ids=str)
def test_is_mlxtends(model):
    """The same bootstrap samples: mlxtend knows targets only, so that their noise counts as bias."""
    x, x_test = draw(40, 3), draw(15, 3, seed=1)
    y, y_test = x[:, 0].sin() + draw(40, seed=2) / 5, x_test[:, 0].sin() + draw(15, seed=3) / 5
    arrays = [t.numpy() for t in (x, y, x_test, y_test)]
    expected = mlxtend.evaluate.bias_variance_decomp(model, *arrays, loss="mse", num_rounds=30, random_seed=7)
    random = np.random.RandomState(7)

    def sample():
        chosen = random.choice(40, size=40, replace=True)
        return x[chosen], y[chosen]

    def fit(x, y):
        fitted = model.fit(x.numpy(), y.numpy())
        return lambda x: torch.from_numpy(fitted.predict(x.numpy()))

    parts = decompose(resample(fit, sample, x_test, models=30), y_test)
    means = [part.mean().item() for part in (parts.error, parts.bias_squared, parts.variance)]
    assert means == pytest.approx(expected, rel=1e-10)
    assert not parts.noise.any()


@given(models=st.integers(1, 8), points=st.integers(1, 5), noise=st.floats(0, 10), seed=st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_the_parts_sum_to_the_error(models, points, noise, seed):
    predictions, truth = draw(models, points, seed=seed), draw(points, seed=seed + 1)
    parts = decompose(predictions, truth, noise)
    torch.testing.assert_close(parts.error, (predictions - truth).square().mean(0) + noise)
    torch.testing.assert_close(parts.bias_squared + parts.variance + parts.noise, parts.error)
    assert all((part >= 0).all() for part in (parts.bias_squared, parts.variance, parts.noise))


@given(shift=st.floats(-5, 5), scale=st.floats(0.1, 5))
@settings(max_examples=20, deadline=None)
def test_a_shift_is_bias_and_a_scale_is_variance(shift, scale):
    predictions = draw(6, 4) - draw(6, 4).mean(0)
    parts = decompose(scale * predictions + shift, torch.zeros(4, dtype=torch.float64))
    torch.testing.assert_close(parts.bias_squared, torch.full((4,), shift**2, dtype=torch.float64))
    torch.testing.assert_close(parts.variance, scale**2 * predictions.square().mean(0))


@pytest.mark.parametrize("strength", [0.0, 4.0])
@pytest.mark.parametrize("features", [3, 5])
def test_is_the_closed_form_of_linear_regression(strength, features):
    r"""On fixed inputs with noise of variance s²: w = H y with H = (X'X + λ)^-1 X'.

    So the bias at x is x'(H X_full - I_full) beta, and the variance s² |x'H|²; with three of five features the
    model is too small and biased without a penalty too. 4,000 training sets; both within five standard errors.
    """
    n, models, noise = 30, 4000, 0.5
    full, beta, points = draw(n, 5), draw(5, seed=1), draw(8, 5, seed=2)
    x, test = full[:, :features], points[:, :features]
    h = torch.linalg.solve(x.T @ x + strength * torch.eye(features), x.T)
    bias = (test @ h @ full - points) @ beta
    variance = noise * (test @ h).square().sum(1)

    generator = seeded(3)

    def sample():
        return x, full @ beta + noise**0.5 * torch.randn(n, generator=generator, dtype=torch.float64)

    def fit(x, y):
        weights = least_squares(x, y, strength)
        return lambda x: x @ weights

    parts = decompose(resample(fit, sample, test, models=models), points @ beta, noise)
    spread = (variance / models).sqrt()
    assert ((parts.bias_squared.sqrt() - bias.abs()).abs() < 5 * spread).all()
    assert ((parts.variance - variance).abs() < 5 * variance * (2 / models) ** 0.5).all()
    assert (parts.noise == noise).all()
    if features == 5 and strength == 0:
        assert (bias.abs() < 1e-9).all(), "the right model is unbiased"


def curve(x: torch.Tensor) -> torch.Tensor:
    return torch.sin(torch.pi * x)


def polynomials(degree: int):
    generator, points = seeded(), torch.linspace(-0.9, 0.9, 50, dtype=torch.float64)

    def sample():
        x = torch.rand(15, generator=generator, dtype=torch.float64) * 2 - 1
        return x, curve(x) + 0.3 * torch.randn(15, generator=generator, dtype=torch.float64)

    predictions = resample(lambda x, y: fit_polynomial(x, y, degree), sample, points, models=100)
    return decompose(predictions, curve(points), noise=0.3**2)


def test_which_fit_is_best():
    """Stiff polynomials are biased, supple ones vary; the error is least in between."""
    parts = [polynomials(degree) for degree in (1, 3, 9)]
    bias, variance, error = ([getattr(p, name).mean() for p in parts] for name in ("bias_squared", "variance", "error"))
    assert bias[0] > 10 * bias[1]
    assert variance[0] < variance[1] < variance[2]
    assert error[1] < min(error[0], error[2])


def test_resampling_asks_every_model_about_the_same_points():
    calls = []

    def fit(x, y):
        calls.append((x, y))
        return lambda points: points * y

    predictions = resample(fit, lambda: (torch.zeros(1), torch.tensor(float(len(calls)))), torch.ones(3), models=4)
    assert predictions.tolist() == [[0.0] * 3, [1.0] * 3, [2.0] * 3, [3.0] * 3]
    assert len(resample(fit, lambda: (torch.zeros(1), torch.zeros(1)), torch.ones(2))) == 200
    with pytest.raises(ValueError, match="models must be at least 2, got 1"):
        resample(fit, lambda: (torch.zeros(1), torch.zeros(1)), torch.ones(2), models=1)


def test_bootstrap_draws_pairs_with_replacement():
    """Each example is left out with probability (1 - 1/n)^n, about 1/e; 400 samples, five standard deviations."""
    n, samples = 50, 400
    x, generator = torch.arange(n), seeded()
    counts = torch.zeros(samples, n)
    for r in range(samples):
        drawn, y = bootstrap(x, x * 10, generator=generator)
        assert torch.equal(y, drawn * 10)
        counts[r] = drawn.bincount(minlength=n)
    assert (counts.sum(1) == n).all()
    assert ((counts.mean(0) - 1).abs() < 5 * ((1 - 1 / n) / samples) ** 0.5).all()
    share, left_out = (1 - 1 / n) ** n, (counts == 0).float().mean().item()
    assert abs(left_out - share) < 5 * (share * (1 - share) / (n * samples)) ** 0.5
    first, again = (bootstrap(x, x, generator=seeded(3)) for _ in range(2))
    assert torch.equal(first[0], again[0])


def test_a_decomposition_stays_as_it_was_found():
    parts = decompose(torch.zeros(2, 1), torch.zeros(1))
    with pytest.raises(FrozenInstanceError):
        parts.noise = torch.ones(1)


def test_refuses_negative_noise():
    with pytest.raises(ValueError, match=r"noise must not be negative, got -0\.5"):
        decompose(torch.zeros(2, 1), torch.zeros(1), -0.5)


def labels(n: int = 20_000, classes: int = 10) -> TensorDataset:
    y = torch.randint(classes, (n,), generator=seeded(9))
    return TensorDataset(torch.arange(n).float()[:, None], y)


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("classes", [2, 10])
def test_random_labels_are_right_by_chance(share, classes):
    """Of the labels drawn one in k is right; each class is drawn as often. Five standard deviations."""
    dataset = labels(classes=classes)
    random = randomize_labels(dataset, share, num_classes=classes, generator=seeded())
    (x, y), (same, drawn) = dataset.tensors, random.tensors
    assert torch.equal(x, same)
    wrong = share * (1 - 1 / classes)
    assert abs((drawn != y).double().mean().item() - wrong) <= 5 * (wrong * (1 - wrong) / len(y)) ** 0.5
    frequencies = drawn.bincount(minlength=classes).double() / len(y)
    assert len(frequencies) == classes
    assert ((frequencies - 1 / classes).abs() < 5 * (1 / classes / len(y)) ** 0.5).all()


def test_random_labels_say_nothing_and_wrong_labels_something():
    """Where every label is drawn anew, one in ten stays right; where every label is made wrong, none does."""
    dataset = labels()
    y = dataset.tensors[1]
    agreement = [
        (changed.tensors[1] == y).double().mean().item()
        for changed in (
            randomize_labels(dataset, generator=seeded()),
            data.noisy_labels(dataset, 1.0, generator=seeded()),
        )
    ]
    assert agreement[0] == pytest.approx(0.1, abs=5 * (0.09 / len(y)) ** 0.5)
    assert agreement[1] == 0


def test_exactly_a_share_of_the_labels_is_drawn():
    """With one class only, every label that is drawn becomes 0."""
    y = torch.ones(100, dtype=torch.long)
    dataset = TensorDataset(torch.zeros(100, 1), y)
    random = randomize_labels(dataset, 0.35, num_classes=1, generator=seeded())
    assert (random.tensors[1] == 0).sum() == 35
    assert torch.equal(y, torch.ones(100, dtype=torch.long)), "the data set given is left alone"
    with pytest.raises(ValueError, match=r"share must be between 0 and 1, got 1\.5"):
        randomize_labels(dataset, 1.5)
    with pytest.raises(TypeError, match="positional"):
        randomize_labels(dataset, 1.0, 10)  # the number of classes goes by name
    with pytest.raises(ValueError, match="num_classes must be at least 1, got 0"):
        randomize_labels(dataset, 1.0, num_classes=0)


def test_a_wide_model_learns_random_labels_and_nothing_else():
    """The randomisation test: every training label right, new ones right by chance."""
    split = data.digits()
    random = randomize_labels(split.train, generator=seeded())
    x, y = random.tensors[0].flatten(1).double(), nn.functional.one_hot(random.tensors[1], 10).double()
    predict = fit_random_features(x, y, width=2000, generator=seeded(1))
    test = randomize_labels(split.test, generator=seeded(2))
    assert (predict(x).argmax(1) == random.tensors[1]).all()
    right = (predict(test.tensors[0].flatten(1).double()).argmax(1) == test.tensors[1]).double().mean().item()
    assert abs(right - 0.1) < 5 * (0.09 / len(test)) ** 0.5


def test_a_network_learns_random_labels():
    split = data.digits()
    random = TensorDataset(*randomize_labels(split.train, generator=seeded())[:100])
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 10))
    adam = torch.optim.Adam(model.parameters(), lr=1e-2)
    training.fit(model, random, epochs=80, optimizer=adam, generator=seeded(), device="cpu", progress=False)
    assert training.evaluate(model, random)[1] == 1
