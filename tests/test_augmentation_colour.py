"""Brightness, contrast and noise, against torchvision; PCA lighting, against scikit-learn, loops, albumentations."""

from __future__ import annotations

import math

import albumentations
import numpy as np
import pytest
import torch
from scipy import stats
from sklearn.decomposition import PCA
from torchvision.transforms.v2 import functional as F

from trainwell.augmentation import (
    IMAGENET_COMPONENTS,
    ColorJitter,
    GaussianNoise,
    PCALighting,
    add_noise,
    adjust_brightness,
    adjust_contrast,
    pca_lighting,
    principal_components,
)

DTYPES = [torch.uint8, torch.float32, torch.float64]
FACTORS = [0.0, 1e-6, 0.3, 1.0, 1.7, 4.0, 1e6]


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def picture(*shape: int, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    x = torch.rand(shape, dtype=torch.float64, generator=seeded(0))
    return (x * 256).to(dtype) if dtype == torch.uint8 else x.to(dtype)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("shape", [(3, 5, 6), (1, 5, 6), (2, 3, 5, 6)], ids=str)
@pytest.mark.parametrize("factor", FACTORS)
def test_brightness_and_contrast_are_torchvisions(factor, shape, dtype):
    x = picture(*shape, dtype=dtype)
    assert torch.equal(adjust_brightness(x, factor), F.adjust_brightness(x, factor))
    atol = 1 if dtype == torch.uint8 and factor == 1e6 else 1e-6 * max(factor, 1)
    torch.testing.assert_close(adjust_contrast(x, factor), F.adjust_contrast(x, factor), atol=atol, rtol=0)


def test_contrast_is_the_formula():
    x = picture(3, 4, 5)
    grey = sum(share * channel.mean() for share, channel in zip((0.2989, 0.587, 0.114), x, strict=True))
    expected = (0.6 * x + 0.4 * grey).clamp(0, 1)
    torch.testing.assert_close(adjust_contrast(x, 0.6), expected, atol=1e-12, rtol=0)
    batch = picture(2, 3, 4, 5)
    for image, result in zip(batch, adjust_contrast(batch, 0.6), strict=True):
        torch.testing.assert_close(result, adjust_contrast(image, 0.6))  # each image has its own mean


def test_gradients():
    x = (0.2 + 0.2 * picture(3, 3, 4)).requires_grad_()  # nothing is cut
    assert torch.autograd.gradcheck(lambda x: adjust_brightness(x, 1.5), x)
    assert torch.autograd.gradcheck(lambda x: adjust_contrast(x, 1.2), x)
    assert torch.autograd.gradcheck(lambda x: pca_lighting(x, torch.tensor([0.1, 0.2, 0.3]).double()), x)


@pytest.mark.parametrize(
    ("given", "expected"),
    [(0.4, (0.6, 1.4)), (2, (0.0, 3.0)), (0, (1.0, 1.0)), ((0.5, 0.7), (0.5, 0.7)), ([0, 0], (0, 0)), (None, None)],
    ids=str,
)
def test_one_number_is_around_one(given, expected):
    for name in ("brightness", "contrast"):
        factors = getattr(ColorJitter(**{name: given}), name)
        assert factors == (expected and pytest.approx(expected))


def test_jitter_takes_the_steps_in_their_order():
    x = picture(3, 5, 6)
    transform = ColorJitter(0.5, (0.2, 0.8), generator=seeded(0))
    orders = []
    for _ in range(40):
        params = transform.make_params([x])
        expected = x
        for adjust, factor in params["steps"]:
            expected = (F.adjust_brightness if adjust is adjust_brightness else F.adjust_contrast)(expected, factor)
        torch.testing.assert_close(transform.transform(x, params), expected)
        orders.append(params["steps"][0][0] is adjust_brightness)
    assert 8 < sum(orders) < 32
    assert ColorJitter().make_params([x]) == {"steps": []}
    ((adjust, factor),) = ColorJitter(contrast=(0.3, 0.3)).make_params([x])["steps"]
    assert adjust is adjust_contrast
    assert factor == pytest.approx(0.3)


def test_the_law_of_the_jitter():
    transform = ColorJitter(0.5, (0.2, 0.8), generator=seeded(0))
    drawn = [dict(transform.make_params([])["steps"]) for _ in range(1000)]
    assert stats.kstest([d[adjust_brightness] for d in drawn], stats.uniform(0.5, 1).cdf).pvalue > 1e-3
    assert stats.kstest([d[adjust_contrast] for d in drawn], stats.uniform(0.2, 0.6).cdf).pvalue > 1e-3


def test_noise_is_the_formula():
    x, noise = picture(3, 4, 5), 0.5 * torch.randn(3, 4, 5, dtype=torch.float64)
    assert torch.equal(add_noise(x, noise), (x + noise).clamp(0, 1))
    assert torch.equal(add_noise(x, noise, clip=False), x + noise)
    x = picture(3, 4, 5, dtype=torch.uint8)
    assert torch.equal(add_noise(x, noise), (x + 255 * noise).round().clamp(0, 255).to(torch.uint8))
    assert torch.equal(add_noise(x, noise, clip=False), add_noise(x, noise))
    assert add_noise(picture(3, 4, 5, dtype=torch.float32), noise).dtype == torch.float32
    assert torch.equal(add_noise(picture(2, 2), torch.tensor(0.0)), picture(2, 2))


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_the_law_of_the_noise(dtype):
    x = torch.full((1, 100, 100), 127 if dtype == torch.uint8 else 0.5, dtype=dtype)
    white = 255 if dtype == torch.uint8 else 1
    noise = (GaussianNoise(0.05, 0.1, generator=seeded(0))(x).double() - x.double()) / white
    assert noise.mean().item() == pytest.approx(0.05, abs=5 * 0.1 / 100)
    assert noise.std().item() == pytest.approx(0.1, rel=5 / 2**0.5 / 100)
    if dtype != torch.uint8:
        assert stats.kstest(noise.flatten(), stats.norm(0.05, 0.1).cdf).pvalue > 1e-3


def test_noise_defaults_and_clip():
    transform = GaussianNoise()
    assert (transform.mean, transform.sigma, transform.clip) == (0.0, 0.1, True)
    white = torch.ones(1, 50, 50)
    assert GaussianNoise(generator=seeded(0))(white).max() == 1
    assert GaussianNoise(clip=False, generator=seeded(0))(white).max() > 1.2
    assert torch.equal(GaussianNoise(sigma=0.0)(white), white)


def test_components_are_scikit_learns():
    x = picture(6, 3, 7, 8) @ torch.rand(8, 8, dtype=torch.float64) / 8
    x[:, 1] += x[:, 0]
    values, vectors = principal_components(x)
    reference = PCA().fit(x.movedim(1, -1).reshape(-1, 3).numpy())
    np.testing.assert_allclose(values, reference.explained_variance_, rtol=1e-9)
    cosines = (vectors.T.numpy() * reference.components_).sum(1)  # the sign of a component is anybody's
    np.testing.assert_allclose(np.abs(cosines), 1, rtol=1e-9)
    as_bytes = (x.clamp(0, 1) * 255).round().to(torch.uint8)
    for a, b in zip(principal_components(as_bytes), principal_components(as_bytes.float() / 255), strict=True):
        torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-4)


def test_imagenets_components():
    values, vectors = IMAGENET_COMPONENTS
    assert values.tolist() == pytest.approx([0.2175, 0.0188, 0.0045])
    torch.testing.assert_close(vectors.T @ vectors, torch.eye(3), atol=2e-3, rtol=0)
    assert (vectors[:, 0] < -0.5).all()  # the first is light: all three together


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_lighting_is_the_loop(dtype):
    values, vectors = IMAGENET_COMPONENTS
    alpha = torch.tensor([0.3, -1.0, 2.0])
    x = picture(2, 3, 4, 5, dtype=dtype)
    white = 255 if dtype == torch.uint8 else 1
    for image, result in zip(x, pca_lighting(x, alpha), strict=True):
        for channel in range(3):
            offset = sum(vectors[channel, k].item() * alpha[k].item() * values[k].item() for k in range(3))
            expected = (image[channel].double() + white * offset).clamp(0, white)
            difference = (result[channel].double() - expected).abs().max()
            assert difference < (1 if dtype == torch.uint8 else 1e-6)
    assert pca_lighting(x, alpha).dtype == dtype
    assert torch.equal(pca_lighting(x, torch.zeros(3)), x)


def test_lighting_has_fancy_pcas_matrix():
    """albumentations multiplies, by P diag(alpha lambda), what sets a pixel apart from the image's mean; a pixel that
    is (1, 1, 1) away from it gets the colour that we add to all."""
    rng = np.random.default_rng(0)
    image = (0.5 + 0.02 * rng.standard_normal((8, 9, 3))).astype(np.float32)
    image[0, 0] = image.reshape(-1, 3)[1:].mean(0) + 0.05
    apart = float((image[0, 0] - image.reshape(-1, 3).mean(0)).mean())
    np.testing.assert_allclose(image[0, 0] - image.reshape(-1, 3).mean(0), apart, atol=1e-6)
    alpha = np.array([300.0, -200.0, 100.0], dtype=np.float32)
    transform = albumentations.FancyPCA(p=1.0)
    theirs = transform.apply(image, alpha_vector=alpha)[0, 0] - image[0, 0]
    components = principal_components(torch.from_numpy(image).movedim(-1, 0)[None].double())
    grey = torch.full((3, 1, 1), 0.5, dtype=torch.float64)
    candidates = [  # the sign of an eigenvector is anybody's, and theirs cancels: P diag(alpha lambda) has one
        (pca_lighting(grey, torch.from_numpy(alpha * np.array(signs)).double(), components) - grey).flatten() * apart
        for signs in ((a, b, c) for a in (1, -1) for b in (1, -1) for c in (1, -1))
    ]
    assert min(np.abs(c.numpy() - theirs).max() for c in candidates) < 1e-5


def test_the_law_of_the_lighting():
    transform = PCALighting(0.2, generator=seeded(0))
    drawn = torch.stack([transform.make_params([])["alpha"] for _ in range(500)])
    assert drawn.shape == (500, 3)
    assert stats.kstest(drawn.flatten(), stats.norm(0, 0.2).cdf).pvalue > 1e-3
    assert PCALighting().std == 0.1
    assert PCALighting().components is IMAGENET_COMPONENTS


def test_lighting_takes_other_components():
    components = (torch.tensor([0.5, 0.25]), torch.tensor([[0.0, 1.0], [1.0, 0.0]]))
    x = torch.full((2, 1, 1), 0.25)
    assert pca_lighting(x, torch.tensor([1.0, 2.0]), components).flatten().tolist() == [0.75, 0.75]
    transform = PCALighting(components=components)
    assert transform.make_params([x])["alpha"].shape == (2,)
    params = {"alpha": torch.tensor([1.0, 0.0])}
    assert transform.transform(x, params).flatten().tolist() == [0.25, 0.75]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: adjust_brightness(torch.ones(1, 2, 2), -0.1), "brightness_factor must not be negative, got -0.1"),
        (lambda: adjust_contrast(torch.ones(1, 2, 2), -0.1), "contrast_factor must not be negative, got -0.1"),
        (lambda: adjust_contrast(torch.ones(2, 2, 2), 1), "image must have one channel or three, got 2"),
        (lambda: adjust_brightness(torch.ones(1, 2, 2).int(), 1), "image must be of uint8 or a floating point dtype"),
        (lambda: add_noise(torch.ones(1, 2, 2).long(), torch.ones(1, 2, 2)), "image must be of uint8 or a floating"),
        (lambda: principal_components(torch.ones(1, 3, 2, 2).int()), "image must be of uint8 or a floating"),
        (lambda: ColorJitter(-1), "brightness must not be negative, got -1"),
        (lambda: ColorJitter(contrast=-0.1), "contrast must not be negative, got -0.1"),
        (lambda: ColorJitter((0.5, 0.4)), "brightness must be one number or a range of numbers"),
        (lambda: ColorJitter((-0.5, 0.4)), "brightness must be one number or a range of numbers"),
        (lambda: ColorJitter(contrast=(1, 2, 3)), r"contrast must be one number or a range .*, got \(1, 2, 3\)"),
        (lambda: GaussianNoise(sigma=-1), "sigma must not be negative, got -1"),
        (lambda: PCALighting(-1), "std must not be negative, got -1"),
    ],
)
def test_refuses(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_noise_needs_an_image():
    from torchvision import tv_tensors

    with pytest.raises(ValueError, match="the inputs must hold an image, got none"):
        GaussianNoise()(tv_tensors.Mask(torch.ones(2, 2)))


def test_half_a_grey_level_is_dropped_as_torchvision_does():
    x = torch.tensor([[[101]]], dtype=torch.uint8)
    assert adjust_brightness(x, 1.5).item() == math.floor(151.5)
