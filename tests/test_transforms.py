"""What every transform of images must keep, driven by the registry: it never asks for one by its name."""

from __future__ import annotations

import copy
import math
import pickle
import warnings
from itertools import pairwise

import pytest
import torch
from torch import Tensor
from torch.utils._pytree import tree_flatten
from torch.utils.data import DataLoader, Dataset
from torchvision import tv_tensors
from torchvision.transforms import v2

from tests.registries import parametrize
from tests.registries.transforms import TRANSFORMS
from trainwell import augmentation as A
from trainwell.augmentation._batch import BatchTransform

HEIGHT, WIDTH = 13, 17
SEEDS = range(8)


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def picture(*batch: int, dtype: torch.dtype = torch.float32, channels: int = 3, size=(HEIGHT, WIDTH)) -> Tensor:
    x = torch.rand(*batch, channels, *size, generator=seeded(len(batch)))
    return (x * 256).to(dtype) if dtype == torch.uint8 else x.to(dtype)


def tensors(result) -> list[Tensor]:
    return [leaf for leaf in tree_flatten(result)[0] if isinstance(leaf, Tensor)]


def same(first, second, atol: float = 0.0, ties: float = 0.0) -> None:
    """The same tensors to ``atol``, but for a share ``ties`` of the pixels."""
    ours, theirs = tensors(first), tensors(second)
    assert len(ours) == len(theirs) > 0
    for a, b in zip(ours, theirs, strict=True):
        assert (type(a), a.dtype, a.shape) == (type(b), b.dtype, b.shape)
        apart = (a.as_subclass(Tensor).double() - b.as_subclass(Tensor).double()).abs() > atol
        assert apart.double().mean() <= ties


def ties(entry) -> float:
    return 0.07 if "ties" in entry.abilities else 0.0


def from_seed(seed: int, transform, *inputs):
    """What a transform gives when it draws from torch's own generator."""
    with torch.random.fork_rng(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torchvision says that it leaves boxes alone
        torch.manual_seed(seed)
        return transform(*inputs)


def sample_with_boxes():
    mask = tv_tensors.Mask(torch.arange(HEIGHT * WIDTH).reshape(1, HEIGHT, WIDTH) % 5)
    boxes = tv_tensors.BoundingBoxes(
        torch.tensor([[1.0, 2.0, 6.0, 7.0], [4.0, 0.0, 16.0, 12.0]]), format="XYXY", canvas_size=(HEIGHT, WIDTH)
    )
    return {"image": tv_tensors.Image(picture()), "mask": mask, "boxes": boxes, "label": 3}


def test_the_registry_holds_every_transform_of_images():
    classes = {thing for thing in map(A.__dict__.get, A.__all__) if isinstance(thing, type)}
    of_images = {c for c in classes if issubclass(c, v2.Transform) and not issubclass(c, BatchTransform)}
    assert of_images == {entry.factory for entry in TRANSFORMS}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("batch", [(), (2,), (2, 3)], ids=str)
@parametrize(TRANSFORMS, "image same_draws")
def test_gives_what_its_twin_gives_from_the_same_seed(entry, batch, dtype):
    ours, theirs, x = entry.make(), entry.oracle(**entry.arguments), picture(*batch, dtype=dtype)
    for seed in SEEDS:
        same(from_seed(seed, ours, x), from_seed(seed, theirs, x), 1e-5, ties(entry))


@parametrize(TRANSFORMS, "image bytes same_draws")
def test_gives_what_its_twin_gives_on_bytes(entry):
    ours, theirs, x = entry.make(), entry.oracle(**entry.arguments), picture(2, dtype=torch.uint8)
    for seed in SEEDS:
        same(from_seed(seed, ours, x), from_seed(seed, theirs, x), 1, ties(entry))


@parametrize(TRANSFORMS, "image gray same_draws")
def test_gives_what_its_twin_gives_on_one_channel(entry):
    ours, theirs, x = entry.make(), entry.oracle(**entry.arguments), picture(2, channels=1)
    for seed in SEEDS:
        same(from_seed(seed, ours, x), from_seed(seed, theirs, x), 1e-5, ties(entry))


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (40, 3)], ids=str)
@parametrize(TRANSFORMS, "image any_size same_draws")
def test_gives_what_its_twin_gives_at_odd_sizes(entry, size):
    ours, theirs, x = entry.make(), entry.oracle(**entry.arguments), picture(size=size)
    for seed in SEEDS:
        same(from_seed(seed, ours, x), from_seed(seed, theirs, x), 1e-5, ties(entry))


@parametrize(TRANSFORMS, "image carries")
def test_carries_masks_boxes_and_labels_as_its_twin_does(entry):
    ours, theirs = entry.make(), entry.oracle(**entry.arguments)
    for seed in SEEDS:
        first, second = (from_seed(seed, transform, sample_with_boxes()) for transform in (ours, theirs))
        same(first, second, 1e-5)
        assert first["label"] == second["label"] == 3
        assert first["boxes"].canvas_size == second["boxes"].canvas_size
        assert first["boxes"].format == second["boxes"].format


@pytest.mark.parametrize("format", ["XYWH", "CXCYWH"])
@pytest.mark.parametrize("dtype", [torch.int64, torch.float64], ids=str)
@parametrize(TRANSFORMS, "image carries")
def test_carries_boxes_of_other_formats(entry, format, dtype):
    numbers = torch.tensor([[5, 6, 4, 5], [8, 5, 3, 8]], dtype=dtype)
    boxes = tv_tensors.BoundingBoxes(numbers, format=format, canvas_size=(HEIGHT, WIDTH))
    ours, theirs = entry.make(), entry.oracle(**entry.arguments)
    for seed in SEEDS:
        first, second = (from_seed(seed, transform, picture(), boxes) for transform in (ours, theirs))
        same(first, second, 1 if dtype == torch.int64 else 1e-4)


@pytest.mark.skipif(not hasattr(tv_tensors, "KeyPoints"), reason="torchvision has points since 0.23")
@parametrize(TRANSFORMS, "image carries")
def test_carries_points(entry):
    points = tv_tensors.KeyPoints(torch.tensor([[2.0, 3.0], [16.0, 1.0], [8.5, 6.5]]), canvas_size=(HEIGHT, WIDTH))
    ours, theirs = entry.make(), entry.oracle(**entry.arguments)
    for seed in SEEDS:
        first, second = (from_seed(seed, transform, picture(), points) for transform in (ours, theirs))
        same(first, second, 1e-4)
        assert first[1].canvas_size == second[1].canvas_size


@parametrize(TRANSFORMS, "image leaves")
def test_leaves_masks_and_boxes_alone(entry):
    before, after = sample_with_boxes(), entry.make(generator=seeded(0))(sample_with_boxes())
    same([after["mask"], after["boxes"]], [before["mask"], before["boxes"]])


@parametrize(TRANSFORMS, "image images_only")
def test_refuses_masks_and_boxes(entry):
    sample = sample_with_boxes()
    for name in ("mask", "boxes"):
        with pytest.raises(ValueError, match=f"{entry.factory.__name__} takes images, got boxes, points or masks"):
            entry.make()(sample["image"], sample[name])


@parametrize(TRANSFORMS, "image")
def test_keeps_dtype_kind_and_input(entry):
    for dtype in (torch.float32, torch.float64, *([torch.uint8] if "bytes" in entry.abilities else [])):
        x = picture(2, dtype=dtype)
        before, image = x.clone(), tv_tensors.Image(x)
        plain, wrapped = from_seed(1, entry.make(), x), from_seed(1, entry.make(), image)
        assert torch.equal(x, before), "the input was changed"
        assert all(type(y) is Tensor and y.dtype == dtype for y in tensors(plain))
        assert all(type(y) is tv_tensors.Image for y in tensors(wrapped))
        same([y.as_subclass(Tensor) for y in tensors(wrapped)], plain)


@parametrize(TRANSFORMS, "image keeps_shape")
def test_keeps_the_shape(entry):
    for batch in ((), (2,), (2, 3)):
        assert entry.make()(picture(*batch)).shape == picture(*batch).shape


@parametrize(TRANSFORMS, "image")
def test_a_batch_is_changed_together(entry):
    """One draw for all, as torchvision's; noise alone is drawn for every pixel."""
    x = picture().expand(3, -1, -1, -1)
    for y in tensors(from_seed(2, entry.make(), x)):
        if entry.factory is not A.GaussianNoise:
            torch.testing.assert_close(y, y[:1].expand_as(y))


@parametrize(TRANSFORMS, "image random")
def test_its_generator_alone_decides(entry):
    x, before = picture(2), torch.get_rng_state()
    first = [entry.make(generator=seeded(s))(x) for s in SEEDS]
    assert torch.equal(torch.get_rng_state(), before), "it drew from torch's own generator"
    torch.rand(3)
    same(first, [entry.make(generator=seeded(s))(x) for s in SEEDS])
    same(first, [from_seed(s, entry.make(), x) for s in SEEDS])
    different = [not torch.equal(a, b) for a, b in pairwise(first) if a.shape == b.shape]
    assert any(different) or len({y.shape for y in first}) > 1, "it never changes anything"


@parametrize(TRANSFORMS, "image random")
def test_a_generator_goes_on_from_call_to_call(entry):
    transform, x = entry.make(generator=seeded(0)), picture(2)
    results = [transform(x) for _ in SEEDS]
    assert any(a.shape != b.shape or not torch.equal(a, b) for a, b in pairwise(results))


@parametrize(TRANSFORMS, "image")
def test_draws_apart_from_applying(entry):
    """From the same parameters comes the same image, whatever is drawn in between."""
    transform, x = entry.make(), picture(2)
    params = transform.make_params([x])
    first = transform.transform(x, params)
    torch.rand(5)
    same(first, transform.transform(x, params))


@parametrize(TRANSFORMS, "image p")
def test_p_is_how_often_it_changes_an_image(entry):
    x = torch.ones(3, 32, 33).cumsum(-1).cumsum(-2)  # no two rows or columns alike
    for p in (0.0, 0.3, 1.0):
        transform = entry.make(p=p, generator=seeded(3))
        changed = sum(not torch.equal(transform(x), x) for _ in range(600))
        assert abs(changed - 600 * p) <= 5 * math.sqrt(600 * p * (1 - p))  # five standard deviations of a binomial


@parametrize(TRANSFORMS, "image p")
def test_without_p_all_inputs_come_back_as_they_are(entry):
    sample, transform = sample_with_boxes(), entry.make(p=0.0)
    assert transform(sample) is sample
    x = picture()
    assert transform(x) is x
    assert transform(x, 7)[0] is x
    assert transform(x, 7)[1] == 7


@pytest.mark.parametrize("p", [-0.1, 1.1])
@parametrize(TRANSFORMS, "image p")
def test_refuses_a_p_that_is_none(entry, p):
    with pytest.raises(ValueError, match=f"p must be between 0 and 1, got {p}"):
        entry.make(p=p)


@parametrize(TRANSFORMS, "image")
def test_refuses_pictures_that_are_no_tensors(entry):
    from PIL import Image

    always = {"p": 1.0} if "p" in entry.abilities else {}
    with pytest.raises(ValueError, match=rf"{entry.factory.__name__} takes tensors, got a PIL image: put v2.PILToT"):
        entry.make(**always)(Image.new("RGB", (WIDTH, HEIGHT)))


@parametrize(TRANSFORMS, "image")
def test_pickles_and_copies(entry):
    x = picture(2)
    transform = entry.make(generator=seeded(4)) if "random" in entry.abilities else entry.make()
    copies = [pickle.loads(pickle.dumps(transform)), copy.deepcopy(transform)]
    expected = transform(x)
    for twin in copies:
        same(twin(x), expected)
    assert type(transform).__name__ in repr(transform)


@parametrize(TRANSFORMS, "image reads")
def test_takes_torchvisions_names_of_interpolations(entry):
    x = picture(2)
    for name in ("nearest", "bilinear"):
        first, second = (entry.make(interpolation=i, generator=seeded(0)) for i in (name, v2.InterpolationMode(name)))
        assert first.interpolation == second.interpolation == name
        same(first(x), second(x))
    with pytest.raises(ValueError, match=r"interpolation must be one of 'nearest',.* 'bilinear',.* got 'box'"):
        entry.make(interpolation=v2.InterpolationMode.BOX)


@parametrize(TRANSFORMS, "image keeps_shape")
def test_goes_into_a_pipeline_of_torchvisions(entry):
    pipeline = v2.Compose([v2.ToImage(), entry.make(), v2.ToDtype(torch.float32, scale=True)])
    assert pipeline(picture(2)).shape == picture(2).shape


class Pictures(Dataset):
    """Grey squares, each through the transform."""

    def __init__(self, transform) -> None:
        self.transform = transform

    def __len__(self) -> int:
        return 8

    def __getitem__(self, number: int) -> Tensor:
        return self.transform(torch.full((3, 4, 4), 0.5))


def epochs(generator: torch.Generator | None, workers: int, seed: int) -> list[Tensor]:
    loader = DataLoader(
        Pictures(A.GaussianNoise(generator=generator)), batch_size=2, num_workers=workers, generator=seeded(seed)
    )
    return [torch.cat(list(loader)) for _ in range(2)]


def test_the_workers_of_a_loader_draw_different_things():
    """Each worker holds a copy of the generator: equal copies would give equal pictures."""
    first, second = epochs(seeded(0), workers=2, seed=1)
    pictures = torch.cat([first, second]).flatten(1)
    assert len(pictures.unique(dim=0)) == 16
    again = torch.cat(epochs(seeded(0), workers=2, seed=1)).flatten(1)
    assert torch.equal(pictures, again), "the loader's seed decides"
    other = torch.cat(epochs(seeded(0), workers=2, seed=2)).flatten(1)
    assert not torch.equal(pictures, other)


def test_without_workers_the_generator_decides():
    first, again = (torch.cat(epochs(seeded(0), workers=0, seed=seed)) for seed in (1, 2))
    assert torch.equal(first, again)
    assert len(first.flatten(1).unique(dim=0)) == 16
