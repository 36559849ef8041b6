"""Data that a lesson can use anywhere: small sets made or shipped offline, and the usual ones where they exist."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Generator, Tensor
from torch.nn import functional as F
from torch.utils.data import Dataset, SubsetRandomSampler, TensorDataset

from ._arguments import check_probability
from ._shapes import Float
from ._torchvision import declare_missing_operators

SHARES = (0.5, 0.25, 0.25)


class Split(NamedTuple):
    """Three sets with nothing in common: to learn from, to choose with, to report on once."""

    train: TensorDataset
    validation: TensorDataset
    test: TensorDataset


def split(dataset: TensorDataset, shares: Sequence[float] = SHARES, *, generator: Generator | None = None) -> Split:
    """Splits a data set at random into training, validation and test sets.

    Args:
        dataset: Tensors of one length.
        shares: The share of each of the three, (0.5, 0.25, 0.25) when not given; they sum to one.
        generator: Where the shuffle is drawn from.

    Raises:
        ValueError: If the shares are not three positive numbers that sum to one.
    """
    return Split(*(TensorDataset(*dataset[part]) for part in _parts(len(dataset), shares, generator)))


class Samplers(NamedTuple):
    """Samplers of three parts of one data set with nothing in common."""

    train: SubsetRandomSampler
    validation: SubsetRandomSampler
    test: SubsetRandomSampler


def split_samplers(n: int, shares: Sequence[float] = SHARES, *, generator: Generator | None = None) -> Samplers:
    """Splits a data set of any kind, without copying it: each loader of it gets a sampler of its own part.

    The parts are those of :func:`split` from the same seed. Each epoch goes through its part in a new order.

    Args:
        n: The number of examples.
        shares: The share of each of the three, (0.5, 0.25, 0.25) when not given; they sum to one.
        generator: Where the split is drawn from, and later the orders.

    Raises:
        ValueError: If the shares are not three positive numbers that sum to one.

    Example:
        >>> from torch.utils.data import DataLoader
        >>> images = TensorDataset(torch.randn(100, 3, 8, 8), torch.arange(100) % 10)
        >>> samplers = split_samplers(len(images))
        >>> loader = DataLoader(images, batch_size=25, sampler=samplers.train)
        >>> len(loader), len(samplers.validation), len(samplers.test)
        (2, 25, 25)
    """
    return Samplers(*(SubsetRandomSampler(part.tolist(), generator) for part in _parts(n, shares, generator)))


def _parts(n: int, shares: Sequence[float], generator: Generator | None) -> tuple[Tensor, ...]:
    """The numbers of the examples of each of the three parts."""
    if len(shares) != 3 or min(shares) <= 0 or abs(sum(shares) - 1) > 1e-6:
        raise ValueError(f"shares must be three positive numbers that sum to 1, got {tuple(shares)}")
    order = torch.randperm(n, generator=generator)
    first, second = int(shares[0] * n), int((shares[0] + shares[1]) * n)
    return order.tensor_split((first, second))


def digits(*, seed: int = 0) -> Split:
    """The 1,797 handwritten digits that ship with scikit-learn, split at random.

    Images have shape (n, 1, 8, 8) and values in [0, 1]; labels are 0 to 9. A small network gets about
    97% of them right, so differences between methods are small here; :func:`mnist1d` is harder.

    Reference:
        Alpaydin and Kaynak, *Optical Recognition of Handwritten Digits*, UCI repository, 1998.
    """
    from sklearn.datasets import load_digits

    raw = load_digits()
    images = torch.tensor(raw.images, dtype=torch.float32).unsqueeze(1) / 16
    dataset = TensorDataset(images, torch.tensor(raw.target))
    return split(dataset, generator=torch.Generator().manual_seed(seed))


def mnist1d(n: int = 4000, *, seed: int = 0) -> Split:
    """Ten classes of noisy one-dimensional strokes: small enough for seconds, hard enough to overfit.

    Each class is one smooth curve, the same for every seed. An example stretches, shifts, tilts and
    scales its class's curve and adds smooth and white noise. Inputs have shape (n, 40) and unit
    variance over the set, labels are 0 to 9.

    Args:
        n: The number of examples in the three sets together.
        seed: Seeds the examples and the split.

    Raises:
        ValueError: If ``n`` is too small for three sets.

    Reference:
        After Greydanus, *Scaling Down Deep Learning*, 2020; the curves here are others.
    """
    if n < 40:
        raise ValueError(f"n must be at least 40, got {n}")
    g = torch.Generator().manual_seed(seed)
    y = torch.randint(10, (n,), generator=g)
    x = _strokes(_curves()[y], g)
    return split(TensorDataset((x - x.mean()) / x.std(), y), generator=g)


def _curves(length: int = 14) -> Float[Tensor, "10 length"]:
    """The ten classes' curves: white noise smoothed, from a seed of their own."""
    g = torch.Generator().manual_seed(1998)
    return _smooth(torch.randn(10, length, generator=g), width=3)


def _strokes(curves: Float[Tensor, "n length"], g: Generator, size: int = 40) -> Float[Tensor, "n size"]:
    """One stretched, shifted, tilted, scaled and noisy version of each curve."""
    n = len(curves)

    def uniform(low: float, high: float) -> Float[Tensor, "n 1"]:
        return low + (high - low) * torch.rand(n, 1, generator=g)

    t = torch.linspace(-1, 1, size).expand(n, size)
    width, shift = uniform(0.4, 0.7), uniform(-0.3, 0.3)
    place = (t - shift) / width  # the curve fills [-1, 1] of this axis
    x = uniform(0.6, 1.4) * _interpolate(curves, place) + uniform(-0.5, 0.5) * t
    smooth_noise = _smooth(torch.randn(n, size, generator=g), width=4)
    return x + 0.3 * smooth_noise + 0.1 * torch.randn(n, size, generator=g)


def _interpolate(curves: Float[Tensor, "n length"], place: Float[Tensor, "n size"]) -> Float[Tensor, "n size"]:
    """Values of the curves at the places given, linear in between and zero outside [-1, 1]."""
    grid = torch.stack([place, torch.zeros_like(place)], dim=-1).unsqueeze(1)
    image = curves[:, None, None, :]
    return F.grid_sample(image, grid, padding_mode="zeros", align_corners=True)[:, 0, 0]


def _smooth(noise: Float[Tensor, "n length"], width: int) -> Float[Tensor, "n length"]:
    """A moving average of odd length ``2 width - 1`` with triangular weights, scaled to unit variance."""
    weights = torch.cat([torch.arange(1, width + 1), torch.arange(width - 1, 0, -1)]).to(noise)
    smoothed = F.conv1d(noise[:, None], (weights / weights.norm())[None, None], padding="same")
    return smoothed[:, 0]


def noisy_labels(
    dataset: TensorDataset, share: float, *, num_classes: int = 10, generator: Generator | None = None
) -> TensorDataset:
    """A copy of the data set in which a share of the labels is replaced by another class.

    Args:
        dataset: Inputs and labels.
        share: The share of examples whose label becomes wrong, in [0, 1].
        num_classes: The number of classes; each wrong one is as likely as another.
        generator: Where the choice of examples and of classes is drawn from.

    Raises:
        ValueError: If ``share`` lies outside [0, 1].
    """
    check_probability("share", share)
    x, y = dataset.tensors
    wrong = torch.randperm(len(y), generator=generator)[: round(share * len(y))]
    shift = torch.randint(1, num_classes, wrong.shape, generator=generator)
    return TensorDataset(x, y.index_put((wrong,), (y[wrong] + shift) % num_classes))


def cifar10(root: str | Path = "data", *, train: bool = True) -> Dataset[tuple[Tensor, int]]:
    """CIFAR-10 by torchvision: 60,000 colour images, 3×32×32, in ten classes (Krizhevsky 2009).

    Args:
        root: The folder that holds the data, or into which it is downloaded.
        train: The 50,000 training images, or else the 10,000 test images.

    Raises:
        FileNotFoundError: If the data is not there and cannot be downloaded.
    """
    return _torchvision_dataset("CIFAR10", root, train)


def fashion_mnist(root: str | Path = "data", *, train: bool = True) -> Dataset[tuple[Tensor, int]]:
    """FashionMNIST by torchvision: 70,000 grey images, 1×28×28, in ten classes (Xiao and others 2017).

    Args:
        root: The folder that holds the data, or into which it is downloaded.
        train: The 60,000 training images, or else the 10,000 test images.

    Raises:
        FileNotFoundError: If the data is not there and cannot be downloaded.
    """
    return _torchvision_dataset("FashionMNIST", root, train)


def _torchvision_dataset(name: str, root: str | Path, train: bool) -> Dataset[tuple[Tensor, int]]:
    declare_missing_operators()
    from torchvision import datasets
    from torchvision.transforms import v2

    transform = v2.Compose([v2.ToImage(), v2.ToDtype(torch.float32, scale=True)])
    try:
        return getattr(datasets, name)(root, train=train, transform=transform, download=True)
    except (OSError, RuntimeError) as error:  # no network, or a broken download
        raise FileNotFoundError(
            f"{name} is not in {str(root)!r} and could not be downloaded ({error}). Copy the data set there from a "
            "machine with a network, or use trainwell.data.digits() or mnist1d(), which need none."
        ) from error
