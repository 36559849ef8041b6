"""The data sets: the same for the same seed, in three parts with nothing in common, and truly offline."""

from __future__ import annotations

import gzip
import pickle

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_digits
from torch.utils.data import TensorDataset

from trainwell import data


def numbered(n: int) -> TensorDataset:
    return TensorDataset(torch.arange(n, dtype=torch.float32), torch.arange(n) % 10)


@given(n=st.integers(8, 60), seed=st.integers(0, 5), first=st.sampled_from([0.25, 0.5, 0.7]))
def test_split_parts_are_disjoint_and_lose_nothing(n, seed, first):
    parts = data.split(numbered(n), (first, 0.2, 0.8 - first), generator=torch.Generator().manual_seed(seed))
    assert torch.equal(torch.cat([part.tensors[0] for part in parts]).sort().values, torch.arange(float(n)))


@pytest.mark.parametrize("shares", [(0.5, 0.5), (0.25, 0.25, 0.25, 0.25), (0.5, 0.5, 0.5), (1.0, 0.5, -0.5)])
def test_split_refuses_shares_that_are_none(shares):
    with pytest.raises(ValueError, match=r"shares must be three positive numbers that sum to 1, got \("):
        data.split(numbered(8), shares)


@pytest.mark.parametrize("make", [data.digits, data.mnist1d])
def test_same_seed_same_data_and_no_global_randomness(make):
    torch.manual_seed(5)
    state = torch.get_rng_state()
    first, again, other = make(seed=1), make(seed=1), make(seed=2)
    assert torch.equal(state, torch.get_rng_state())
    for a, b in zip(first, again, strict=True):
        assert all(torch.equal(s, t) for s, t in zip(a.tensors, b.tensors, strict=True))
    assert not torch.equal(first.train.tensors[0], other.train.tensors[0])


def test_digits_are_scikit_learns():
    x = torch.cat([part.tensors[0] for part in data.digits()])
    y = torch.cat([part.tensors[1] for part in data.digits()])
    raw = load_digits()
    assert x.shape == (1797, 1, 8, 8)
    assert x.min() == 0
    assert x.max() == 1
    ours = sorted(
        (tuple(image.flatten().mul(16).int().tolist()), int(label)) for image, label in zip(x, y, strict=True)
    )
    theirs = sorted(
        (tuple(image.flatten().astype(int)), int(t)) for image, t in zip(raw.images, raw.target, strict=True)
    )
    assert ours == theirs


def test_mnist1d_has_ten_balanced_classes_that_a_line_does_not_separate():
    train, _, test = data.mnist1d()
    assert train.tensors[0].shape == (2000, 40)
    assert torch.bincount(train.tensors[1], minlength=10).min() > 150
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import KNeighborsClassifier

    arrays = [t.numpy() for t in (*train.tensors, *test.tensors)]
    line = LogisticRegression(max_iter=1000).fit(*arrays[:2]).score(*arrays[2:])
    neighbours = KNeighborsClassifier(5).fit(*arrays[:2]).score(*arrays[2:])
    assert 0.3 < line < 0.7
    assert neighbours > line  # there is structure that a line misses


def test_mnist1d_refuses_too_few():
    with pytest.raises(ValueError, match="n must be at least 40, got 39"):
        data.mnist1d(39)


@given(share=st.floats(0, 1), seed=st.integers(0, 5))
def test_noisy_labels_change_exactly_that_share(share, seed):
    clean = numbered(200)
    noisy = data.noisy_labels(clean, share, generator=torch.Generator().manual_seed(seed))
    changed = clean.tensors[1] != noisy.tensors[1]
    assert changed.sum() == round(share * 200)
    assert torch.equal(clean.tensors[0], noisy.tensors[0])
    assert noisy.tensors[1].min() >= 0
    assert noisy.tensors[1].max() < 10


def test_noisy_labels_spread_evenly_over_the_other_classes():
    labels = TensorDataset(torch.zeros(9000), torch.zeros(9000, dtype=torch.long))
    noisy = data.noisy_labels(labels, 1.0, generator=torch.Generator().manual_seed(0)).tensors[1]
    counts = torch.bincount(noisy, minlength=10)
    assert counts[0] == 0
    assert counts[1:].min() > 1000 - 5 * 30  # five standard deviations of a binomial(9000, 1/9)
    assert counts[1:].max() < 1000 + 5 * 30


def test_noisy_labels_refuse_a_share_that_is_none():
    with pytest.raises(ValueError, match=r"share must be between 0 and 1, got 30"):
        data.noisy_labels(numbered(8), 30)


@pytest.mark.parametrize("load", [data.cifar10, data.fashion_mnist])
def test_absent_data_says_what_to_do(load, tmp_path, monkeypatch):
    def refuse(*args, **kwargs):
        raise OSError("no network")

    monkeypatch.setattr("urllib.request.urlopen", refuse)
    with pytest.raises(FileNotFoundError, match=r"could not be downloaded .* or use trainwell.data.digits\(\)"):
        load(tmp_path)


def test_fashion_mnist_reads_a_copy_on_disk(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (3, 28, 28), dtype=np.uint8)
    folder = tmp_path / "FashionMNIST" / "raw"
    folder.mkdir(parents=True)
    for prefix in ("train", "t10k"):
        header = (0x0803).to_bytes(4, "big") + b"".join(n.to_bytes(4, "big") for n in images.shape)
        (folder / f"{prefix}-images-idx3-ubyte").write_bytes(header + images.tobytes())
        labels = (0x0801).to_bytes(4, "big") + (3).to_bytes(4, "big") + bytes([7, 1, 0])
        (folder / f"{prefix}-labels-idx1-ubyte").write_bytes(labels)
        for name in folder.glob(f"{prefix}*ubyte"):  # torchvision looks for the archives beside them
            (name.with_suffix(".gz")).write_bytes(gzip.compress(name.read_bytes()))
    image, label = data.fashion_mnist(tmp_path)[0]
    assert label == 7
    torch.testing.assert_close(image, torch.from_numpy(images[0] / 255).float()[None])


def test_cifar10_reads_a_copy_on_disk(tmp_path, monkeypatch):
    import torchvision

    monkeypatch.setattr(torchvision.datasets.CIFAR10, "_check_integrity", lambda self: True)  # ours is a small one
    monkeypatch.setattr("torchvision.datasets.cifar.check_integrity", lambda *args: True)
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (2, 3072), dtype=np.uint8)
    for name in [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]:
        (folder / name).write_bytes(pickle.dumps({"data": pixels, "labels": [3, 9]}))
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": list("abcdefghij")}))
    dataset = data.cifar10(tmp_path, train=False)
    image, label = dataset[1]
    assert len(dataset) == 2
    assert label == 9
    torch.testing.assert_close(image, torch.from_numpy(pixels[1].reshape(3, 32, 32) / 255).float())


def test_mnist1d_is_what_its_description_says():
    """By NumPy, from the same draws: smoothed noise, interpolated where an example stretches and shifts it."""
    g = torch.Generator().manual_seed(0)
    y = torch.randint(10, (50,), generator=g)
    curves = smoothed(torch.randn(10, 14, generator=torch.Generator().manual_seed(1998)), [1, 2, 3, 2, 1])
    width, shift, scale, tilt = (
        (low + (high - low) * torch.rand(50, 1, generator=g)).numpy()
        for low, high in ((0.4, 0.7), (-0.3, 0.3), (0.6, 1.4), (-0.5, 0.5))
    )
    noise = smoothed(torch.randn(50, 40, generator=g), [1, 2, 3, 4, 3, 2, 1])
    white = torch.randn(50, 40, generator=g).numpy()
    t = np.linspace(-1, 1, 40)
    place = ((t - shift) / width + 1) / 2 * 13  # from 0 to 13 along the curve, which falls to zero one step beyond
    shapes = [np.interp(at, np.arange(-1, 15), [0, *curves[k], 0]) for at, k in zip(place, y, strict=True)]
    x = scale * shapes + tilt * t + 0.3 * noise + 0.1 * white
    x = (x - x.mean()) / x.std(ddof=1)
    order = torch.randperm(50, generator=g)
    ours = data.mnist1d(50)
    np.testing.assert_allclose(torch.cat([part.tensors[0] for part in ours]), x[order], atol=1e-4)
    assert torch.equal(torch.cat([part.tensors[1] for part in ours]), y[order])


def smoothed(noise, weights):
    weights = np.array(weights) / np.linalg.norm(weights)
    return np.stack([np.convolve(row, weights, mode="same") for row in noise.double().numpy()])


def test_forty_examples_are_enough():
    assert [len(part) for part in data.mnist1d(40)] == [20, 10, 10]


@pytest.mark.parametrize("make", [data.digits, data.mnist1d])
def test_the_seed_is_zero_where_none_is_given(make):
    assert torch.equal(make().train.tensors[0], make(seed=0).train.tensors[0])


def test_a_share_of_nothing_is_refused_and_rounding_is_not():
    with pytest.raises(ValueError, match="positive"):
        data.split(numbered(8), (0.5, 0.5, 0.0))
    with pytest.raises(ValueError, match="sum to 1"):
        data.split(numbered(8), (0.5, 0.25, 0.2499))
    assert len(data.split(numbered(8), (0.5, 0.25, 0.25 + 1e-9)).train) == 4


@pytest.mark.parametrize("share", [-0.1, 1.1])
def test_noisy_labels_refuse_shares_beyond_all(share):
    with pytest.raises(ValueError, match="share must be between 0 and 1"):
        data.noisy_labels(numbered(8), share)


@pytest.mark.parametrize(("load", "name"), [(data.cifar10, "CIFAR10"), (data.fashion_mnist, "FashionMNIST")])
def test_torchvision_is_asked_for_the_training_images_and_may_download(load, name, monkeypatch):
    import torchvision

    asked = []
    monkeypatch.setattr(
        torchvision.datasets, name, lambda root, **options: asked.append((root, options)) or numbered(8)
    )
    load()
    load("there", train=False)
    assert [root for root, _ in asked] == ["data", "there"]
    assert [(options["train"], options["download"]) for _, options in asked] == [(True, True), (False, True)]
    with pytest.raises(TypeError, match="positional"):
        load("there", False)


def test_a_broken_download_says_what_to_do(monkeypatch):
    import torchvision

    def broken(*args, **options):
        raise RuntimeError("File not found or corrupted.")

    monkeypatch.setattr(torchvision.datasets, "CIFAR10", broken)
    with pytest.raises(FileNotFoundError, match=r"CIFAR10 is not in 'data' .*corrupted"):
        data.cifar10()
