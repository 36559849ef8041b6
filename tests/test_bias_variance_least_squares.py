"""Least squares against numpy and scikit-learn; random features, their width and the peak of double descent."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Ridge

from trainwell import data
from trainwell.bias_variance import (
    RandomFeatures,
    WidthCurve,
    fit_polynomial,
    fit_random_features,
    least_squares,
    polynomial_features,
    width_curve,
)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=seeded(seed), dtype=torch.float64)


SHAPES = {
    "tall": draw(9, 4),
    "square": draw(5, 5),
    "wide": draw(4, 9),
    "one column": draw(5, 1),
    "rank two": draw(7, 2) @ draw(2, 5, seed=1),
    "nearly rank two": draw(7, 2) @ draw(2, 5, seed=1) + 1e-17 * draw(7, 5),
    "zero": torch.zeros(4, 3, dtype=torch.float64),
}
every_shape = pytest.mark.parametrize("x", SHAPES.values(), ids=SHAPES.keys())


@every_shape
@pytest.mark.parametrize("outputs", [(), (3,)], ids=str)
@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_is_numpys(x, outputs, scale):
    y = draw(len(x), *outputs, seed=5)
    expected = np.linalg.lstsq(scale * x.numpy(), y.numpy())[0]
    np.testing.assert_allclose(least_squares(scale * x, y), expected, rtol=1e-9, atol=1e-10 / scale)
    pseudoinverse = np.linalg.pinv(scale * x.numpy(), rcond=1e-14) @ y.numpy()
    np.testing.assert_allclose(least_squares(scale * x, y), pseudoinverse, rtol=1e-9, atol=1e-10 / scale)


@every_shape
@pytest.mark.parametrize("strength", [1e-3, 2.0])
def test_with_a_penalty_is_scikit_learns_ridge(x, strength):
    y = draw(len(x), 2, seed=5)
    expected = Ridge(alpha=strength, fit_intercept=False, solver="svd").fit(x.numpy(), y.numpy()).coef_.T
    np.testing.assert_allclose(least_squares(x, y, strength), expected, rtol=1e-8, atol=1e-12)


def test_in_single_precision():
    x, y = draw(30, 8).float(), draw(30).float()
    w = least_squares(x, y)
    assert w.dtype == torch.float32
    torch.testing.assert_close(w, torch.linalg.lstsq(x, y).solution)
    assert least_squares(x.to("meta"), y.to("meta")).device.type == "meta"


@given(n=st.integers(1, 6), features=st.integers(1, 6), seed=st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_is_the_smallest_of_the_best(n, features, seed):
    """Adding anything that changes no prediction makes the weights longer; anything else makes the error larger."""
    x, y, other = draw(n, features, seed=seed), draw(n, seed=seed + 1), draw(features, seed=seed + 2)
    w = least_squares(x, y)
    assert (x @ w - y).norm() <= (x @ (w + other) - y).norm() + 1e-9
    unseen = other - torch.linalg.pinv(x) @ x @ other
    assert w.norm() <= (w + unseen).norm() + 1e-9


def test_gradient_descent_from_zero_ends_there():
    x, y, w = draw(4, 9), draw(4, seed=1), torch.zeros(9, dtype=torch.float64)
    for _ in range(3000):
        w -= 0.05 * x.T @ (x @ w - y)
    torch.testing.assert_close(w, least_squares(x, y), atol=1e-6, rtol=1e-6)


def test_has_a_gradient():
    y = draw(6, seed=1).requires_grad_()
    assert torch.autograd.gradcheck(lambda x, y: least_squares(x, y, 0.5), (draw(6, 3).requires_grad_(), y))


@pytest.mark.parametrize("degree", [0, 1, 4])
def test_powers_are_numpys(degree):
    x = draw(7)
    expected = np.vander(x.numpy(), degree + 1, increasing=True)
    np.testing.assert_allclose(polynomial_features(x, degree), expected)


@pytest.mark.parametrize("degree", [0, 1, 3, 5])
def test_polynomials_are_numpys(degree):
    x, y, points = draw(12).tanh(), draw(12, seed=1), torch.linspace(-1, 1, 9, dtype=torch.float64)
    expected = np.polyval(np.polyfit(x.numpy(), y.numpy(), degree), points.numpy())
    np.testing.assert_allclose(fit_polynomial(x, y, degree)(points), expected, rtol=1e-8)


def test_a_penalty_flattens_the_polynomial():
    x, y = draw(12).tanh(), draw(12, seed=1)
    sizes = [fit_polynomial(x, y, 5, strength)(x).norm().item() for strength in (0.0, 1.0, 100.0)]
    assert sizes == sorted(sizes, reverse=True)
    weights = least_squares(polynomial_features(x, 5), y, 1.0)
    torch.testing.assert_close(fit_polynomial(x, y, 5, 1.0)(x), polynomial_features(x, 5) @ weights)


def test_refuses_negative_settings():
    x = draw(3)
    with pytest.raises(ValueError, match="strength must not be negative, got -1"):
        least_squares(x[:, None], x, -1)
    with pytest.raises(ValueError, match="degree must not be negative, got -1"):
        fit_polynomial(x, x, -1)
    with pytest.raises(ValueError, match="width must be at least 1, got 0"):
        RandomFeatures(2, 0)
    with pytest.raises(ValueError, match="width must be at least 1, got 0"):
        width_curve((x[:, None], x), (x[:, None], x), [3, 0])


def test_random_features_are_drawn_once_and_never_trained():
    """The rows are normal with variance 1/d: mean and variance within five standard errors."""
    features = RandomFeatures(4, 5000, generator=seeded())
    assert not list(features.parameters())
    assert list(features.state_dict()) == ["weight"]
    entries = features.weight.flatten()
    assert abs(entries.mean().item()) < 5 * (0.25 / 20_000) ** 0.5
    assert abs(entries.var().item() - 0.25) < 5 * 0.25 * (2 / 20_000) ** 0.5
    assert torch.equal(features.weight, RandomFeatures(4, 5000, generator=seeded()).weight)
    x = torch.randn(6, 4, generator=seeded(1))
    expected = np.maximum(x.numpy() @ features.weight.numpy().T, 0) / 5000**0.5
    torch.testing.assert_close(features(x), torch.from_numpy(expected))


def test_wide_random_features_are_the_arc_cosine_kernel():
    """Cho and Saul (2009): E[relu(v.a) relu(v.b)] = |a||b| (sin t + (pi - t) cos t) / (2 pi d), t the angle."""
    a, b = draw(2, 5, seed=2)
    features = RandomFeatures(5, 400_000, generator=seeded()).double()
    phi_a, phi_b = features(torch.stack([a, b]))
    t = torch.arccos(a @ b / (a.norm() * b.norm()))
    kernel = a.norm() * b.norm() * (t.sin() + (torch.pi - t) * t.cos()) / (2 * torch.pi * 5)
    torch.testing.assert_close(phi_a @ phi_b, kernel, rtol=0.02, atol=0)


@pytest.mark.parametrize("strength", [0.0, 0.1])
def test_fits_by_least_squares_over_the_features(strength):
    x, y, points = draw(12, 3), draw(12, 2, seed=1), draw(4, 3, seed=2)
    features = RandomFeatures(3, 20, generator=seeded(3)).double()
    weights = Ridge(alpha=strength, fit_intercept=False, solver="svd").fit(features(x).numpy(), y.numpy()).coef_.T
    predict = fit_random_features(x, y, 20, strength, generator=seeded(3))
    np.testing.assert_allclose(predict(points), features(points).numpy() @ weights, rtol=1e-7)


def noisy(n: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    x = draw(n, 15, seed=seed)
    return x, x[:, 0] + 0.5 * draw(n, seed=seed + 100)


N = 40
WIDTHS = [5, 10, 20, 30, 36, 40, 44, 60, 100, 400, 1000]


def test_double_descent_peaks_where_the_model_just_fits():
    """Down, up to p = n, down again; the median of seven draws, whose training error is zero from there on."""
    curves = [width_curve(noisy(N, seed), noisy(500, seed + 50), WIDTHS, generator=seeded(seed)) for seed in range(7)]
    test = torch.tensor([curve.test for curve in curves]).median(0).values.tolist()
    train = torch.tensor([curve.train for curve in curves])
    assert WIDTHS[test.index(max(test))] == N
    assert max(test) > 10 * test[-1]
    assert max(test) > 10 * min(test[:3])
    assert test[-1] < test[WIDTHS.index(60)], "it goes on falling"
    fits = torch.tensor(WIDTHS) >= N
    assert (train[:, fits] < 1e-12).all()
    assert (train[:, ~fits] > 1e-4).all()


def test_a_penalty_removes_the_peak():
    plain, ridge = (
        width_curve(noisy(N, 0), noisy(500, 50), WIDTHS, strength=strength, generator=seeded())
        for strength in (0.0, 0.3)
    )
    assert max(ridge.test) < max(plain.test) / 10
    assert plain.peak == N != ridge.peak
    assert ridge.test[WIDTHS.index(N)] < min(ridge.test[:2]), "it keeps falling"
    assert ridge.train[-1] > 1e-3


def test_the_width_curve_is_a_row_of_fits():
    train, test, generator = noisy(12, 0), noisy(30, 1), seeded(2)
    expected = [fit_random_features(*train, p, generator=generator) for p in (3, 30)]
    found = width_curve(train, test, [3, 30], generator=seeded(2))
    assert found.widths == [3, 30]
    assert found.train == pytest.approx([(f(train[0]) - train[1]).square().mean().item() for f in expected])
    assert found.test == pytest.approx([(f(test[0]) - test[1]).square().mean().item() for f in expected])
    assert WidthCurve([1, 2, 3], [0.0] * 3, [1.0, 4.0, 2.0]).peak == 2


def test_the_error_is_the_users_choice():
    """Ten classes as ten outputs, scored by the share of wrong digits."""
    split = data.digits()
    (x, y), (x_test, y_test) = split.train.tensors, split.test.tensors
    (x, y), one_hot = (x[:100].flatten(1), y[:100]), torch.eye(10)

    def wrong(predictions, targets):
        return (predictions.argmax(1) != targets.argmax(1)).float().mean().item()

    found = width_curve(
        (x, one_hot[y]), (x_test.flatten(1), one_hot[y_test]), [20, 100, 1000], error=wrong, generator=seeded()
    )
    assert found.peak == 100
    assert found.test[2] < 0.2
