"""Input statistics against numpy and scikit-learn, whitening against scikit-learn and scipy, conditioning by hand."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler
from torch.utils.data import DataLoader, TensorDataset
from torchvision.transforms import v2

from trainwell import normalization as N

IMAGES = torch.rand(23, 3, 5, 4, generator=torch.Generator().manual_seed(0)) * torch.tensor([1, 10, 0.1]).view(3, 1, 1)
SKEWED = torch.tensor([[3.0, 1.0, 0.0, 0.0], [0.0, 2.0, 0.5, 0.0], [0.0, 0.0, 1.0, 1.0], [0.0, 0.0, 0.0, 0.3]])
ROWS = torch.randn(200, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1)) @ SKEWED.double() + 5


def test_imagenets_statistics():
    assert N.IMAGENET_MEAN == (0.485, 0.456, 0.406)
    assert N.IMAGENET_STD == (0.229, 0.224, 0.225)  # the lectures' .226 is a slip


@pytest.mark.parametrize("batch_size", [1, 7, 23])
def test_statistics_of_images_are_numpys(batch_size):
    labels = torch.arange(23)
    mean, std = N.input_statistics(DataLoader(TensorDataset(IMAGES, labels), batch_size))
    assert mean.dtype == std.dtype == torch.float64
    np.testing.assert_allclose(mean, IMAGES.double().numpy().mean((0, 2, 3)), rtol=1e-13)
    np.testing.assert_allclose(std, IMAGES.double().numpy().std((0, 2, 3)), rtol=1e-12)


def test_statistics_of_features_are_scikit_learns():
    scaler = StandardScaler().fit(ROWS)
    mean, std = N.input_statistics(ROWS.split(32), dim=-1)
    np.testing.assert_allclose(mean, scaler.mean_)
    np.testing.assert_allclose(std, scaler.scale_)


def test_statistics_of_whole_numbers_and_of_lists():
    pixels = torch.randint(0, 256, (6, 3, 4, 4), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    mean, std = N.input_statistics([[pixels[:4], None], [pixels[4:], None]])
    np.testing.assert_allclose(mean, pixels.numpy().mean((0, 2, 3)))
    np.testing.assert_allclose(std, pixels.numpy().std((0, 2, 3)))


@given(
    offset=st.floats(-1e6, 1e6),
    sizes=st.lists(st.integers(1, 9), min_size=1, max_size=6),
    seed=st.integers(0, 2**31),
)
def test_statistics_do_not_depend_on_the_batches(offset, sizes, seed):
    rows = torch.randn(sum(sizes), 2, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)) + offset
    mean, std = N.input_statistics(rows.split(sizes), dim=-1)
    torch.testing.assert_close(mean, rows.mean(0))
    torch.testing.assert_close(std, rows.std(0, correction=0), rtol=1e-6, atol=1e-8)


def test_a_large_mean_costs_no_digits():
    """The mean of the squares less the square of the mean would be off by hundreds here."""
    rows = torch.tensor([[1e9 + 1], [1e9 + 3]], dtype=torch.float64)
    assert N.input_statistics(rows.split(1), dim=-1)[1].item() == 1.0


def test_an_empty_loader_is_refused():
    with pytest.raises(ValueError, match="loader must give at least one batch"):
        N.input_statistics([])


def test_normalize_is_torchvisions():
    ours, theirs = N.Normalize(N.IMAGENET_MEAN, N.IMAGENET_STD), v2.Normalize(N.IMAGENET_MEAN, N.IMAGENET_STD)
    for images in (IMAGES, IMAGES[0]):
        torch.testing.assert_close(ours(images), theirs(images))


def test_normalized_inputs_have_zero_mean_and_unit_variance():
    for x, dim, axes in ((IMAGES.double(), -3, (0, 2, 3)), (ROWS, -1, (0,))):
        z = N.Normalize(*N.input_statistics([x], dim), dim=dim)(x)
        assert z.mean(axes).abs().max() < 1e-12
        torch.testing.assert_close(z.var(axes, correction=0), torch.ones_like(z.mean(axes)))


def test_normalize_and_back():
    layer = N.Normalize(*N.input_statistics([ROWS], -1), dim=-1)
    torch.testing.assert_close(layer.inverse(layer(ROWS)), ROWS)
    assert layer.inverse(layer(ROWS[0].float())).dtype == torch.float32


def test_a_constant_channel_is_only_centred():
    rows = torch.tensor([[1.0, 5.0], [3.0, 5.0]])
    layer = N.Normalize(*N.input_statistics([rows], -1), dim=-1)
    np.testing.assert_allclose(layer(rows), StandardScaler().fit_transform(rows))
    torch.testing.assert_close(layer.inverse(layer(rows)), rows)


def test_normalize_keeps_its_own_statistics():
    mean = torch.zeros(3)
    layer = N.Normalize(mean, mean + 1)
    mean += 1
    assert not layer.mean.any()
    assert list(layer.state_dict()) == ["mean", "std"]


def covariance(z: torch.Tensor) -> torch.Tensor:
    return z.mT.cov()


def test_pca_whitening_is_scikit_learns():
    z, expected = N.pca_whitening(ROWS)(ROWS), PCA(whiten=True).fit_transform(ROWS)
    np.testing.assert_allclose(z.abs(), abs(expected))
    np.testing.assert_allclose((z * torch.from_numpy(expected)).sum(0).abs(), (expected**2).sum(0))  # a sign an axis


def test_zca_whitening_is_the_inverse_root_of_the_covariance():
    matrix = scipy.linalg.inv(scipy.linalg.sqrtm(np.cov(ROWS.T)))
    np.testing.assert_allclose(N.zca_whitening(ROWS).matrix, matrix.real, rtol=1e-9)


@pytest.mark.parametrize("whiten", [N.pca_whitening, N.zca_whitening])
def test_whitened_inputs_are_white(whiten):
    layer = whiten(ROWS)
    torch.testing.assert_close(covariance(layer(ROWS)), torch.eye(4, dtype=torch.float64))
    torch.testing.assert_close(layer.inverse(layer(ROWS)), ROWS)
    torch.testing.assert_close(layer.inverse(layer(ROWS[0].float())), ROWS[0].float(), rtol=1e-4, atol=1e-4)


def test_pca_puts_the_largest_axis_first():
    x = torch.tensor([[0.0, 3.0], [0.0, -3.0], [1.0, 0.0], [-1.0, 0.0]])
    torch.testing.assert_close(N.pca_whitening(x).matrix[0].abs(), torch.tensor([0.0, 1 / 6**0.5]))


def test_zca_changes_the_inputs_least():
    centred = ROWS - ROWS.mean(0)
    pca, zca = ((whiten(ROWS)(ROWS) - centred).square().sum() for whiten in (N.pca_whitening, N.zca_whitening))
    assert zca < pca


@pytest.mark.parametrize("whiten", [N.pca_whitening, N.zca_whitening])
def test_eps_is_added_to_the_eigenvalues(whiten):
    z = covariance(whiten(ROWS, eps=2.0)(ROWS))
    eigenvalues = torch.linalg.eigvalsh(covariance(ROWS))
    torch.testing.assert_close(torch.linalg.eigvalsh(z), eigenvalues / (eigenvalues + 2))
    flat = torch.tensor([[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]])
    assert whiten(flat, eps=0.1)(flat).isfinite().all()
    with pytest.raises(ValueError, match=r"eps must not be negative, got -1"):
        whiten(ROWS, eps=-1.0)


@pytest.mark.parametrize("whiten", [N.pca_whitening, N.zca_whitening])
def test_whitening_without_eps_wants_more_rows_than_features_and_all_independent(whiten):
    dependent = torch.cat([ROWS, ROWS[:, :1] + ROWS[:, 1:2]], 1)
    for x, said in [(ROWS[:3], "3 rows of 4"), (ROWS[:4], "4 rows of 4"), (dependent, f"{len(ROWS)} rows of 5")]:
        for scale in (1e-6, 1, 1e6):
            with pytest.raises(ValueError, match=f"eps must be positive where x has no more rows .* got 0 for {said}"):
                whiten(scale * x)
        assert whiten(x, eps=1e-9)(x).isfinite().all()
    for scale in (1e-6, 1, 1e6):
        assert whiten(scale * ROWS[:5])(scale * ROWS[:5]).isfinite().all()


def test_condition_number_is_the_ratio_of_the_covariances_eigenvalues():
    eigenvalues = np.linalg.eigvalsh(np.cov(ROWS.T))
    np.testing.assert_allclose(N.condition_number(ROWS), eigenvalues[-1] / eigenvalues[0])
    eigenvalues = np.linalg.eigvalsh(ROWS.T @ ROWS)
    np.testing.assert_allclose(N.condition_number(ROWS, centred=False), eigenvalues[-1] / eigenvalues[0])


def test_every_step_of_normalising_makes_conditioning_better():
    """A mean, scales and correlations each cost steps: subtract, divide, whiten."""
    raw = N.condition_number(ROWS, centred=False)
    centred = N.condition_number(ROWS - ROWS.mean(0), centred=False)
    scaled = N.condition_number(N.Normalize(*N.input_statistics([ROWS], -1), dim=-1)(ROWS), centred=False)
    white = N.condition_number(N.pca_whitening(ROWS)(ROWS), centred=False)
    assert raw > 2 * centred > 2 * scaled > 2 * white
    torch.testing.assert_close(white, torch.ones_like(white))


def test_the_condition_number_sets_the_pace_of_gradient_descent():
    x = ROWS - ROWS.mean(0)
    hessian = x.mT @ x / len(x)
    eigenvalues, kappa = torch.linalg.eigvalsh(hessian), N.condition_number(x)
    error = torch.linalg.eigh(hessian)[1][:, 0]  # along the flattest direction
    after = error - 2 / (eigenvalues[0] + eigenvalues[-1]) * hessian @ error
    torch.testing.assert_close(after.norm() / error.norm(), (kappa - 1) / (kappa + 1))
