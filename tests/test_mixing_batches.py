"""The transforms of a whole batch, through one registry: what they draw, what they take, what they give back."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
from PIL import Image
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset, default_collate
from torchvision import tv_tensors
from torchvision.transforms import v2

from tests.registries import parametrize
from tests.registries.mixing import CLASSES, MIXING
from trainwell import augmentation
from trainwell.augmentation import InClassMix, MixUp, batches
from trainwell.training import fit

N = 8
every = parametrize(MIXING)
with_twin = parametrize(MIXING, "probabilities")


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def batch(dtype: torch.dtype = torch.float64) -> tuple[torch.Tensor, torch.Tensor]:
    """A batch with each class in it, and some twice."""
    return torch.rand(N, 3, 6, 9, generator=seeded(0), dtype=torch.float64).to(dtype), torch.arange(N) % CLASSES


def one_hot(labels: torch.Tensor) -> torch.Tensor:
    return F.one_hot(labels, CLASSES).double()


def test_the_registry_lists_every_transform_of_a_batch():
    assert {entry.factory for entry in MIXING} == {getattr(augmentation, n) for n in ("MixUp", "CutMix", "InClassMix")}
    public = {name for name in vars(batches) if name in augmentation.__all__ and name[0].isupper()}
    assert public == {entry.name for entry in MIXING}


@with_twin
@pytest.mark.parametrize("alpha", [0.01, 0.2, 1.0, 4.0])
def test_mixes_as_torchvision_from_the_same_seed(entry, alpha):
    """The same share, the same box; the pairing, which torchvision does not draw, is set to its own."""
    x, labels = batch()
    ours, theirs = entry.make(alpha=alpha), entry.oracle(alpha=alpha, num_classes=CLASSES)
    for seed in range(20):
        torch.manual_seed(seed)
        expected = theirs(x, labels)
        torch.manual_seed(seed)
        params = ours.make_params([x, labels]) | {"partners": torch.arange(N).roll(1)}
        mixed, mixed_labels = ours.mix(x, labels, **params)
        torch.testing.assert_close(mixed, expected[0], rtol=0, atol=1e-12)
        torch.testing.assert_close(mixed_labels, expected[1], rtol=0, atol=1e-6)


@every
def test_draws_once_and_applies_what_it_drew(entry):
    x, labels = batch()
    params = entry.make(generator=seeded(5)).make_params([x, labels])
    mixed, mixed_labels = entry.make().mix(x, labels, **params)
    result = entry.make(generator=seeded(5))(x, labels)
    assert torch.equal(result[0], mixed)
    assert torch.equal(result[1], mixed_labels)
    assert not torch.equal(mixed, x)


@every
def test_the_partners_are_a_permutation_that_is_drawn(entry):
    transform, found = entry.make(generator=seeded(0)), set()
    labels = torch.zeros(4).long()
    for _ in range(300):
        partners = transform.make_params([torch.rand(4, 3, 2, 2), labels])["partners"]
        found.add(tuple(partners.tolist()))
    assert len(found) == 24
    assert all(sorted(partners) == [0, 1, 2, 3] for partners in found)


@parametrize(MIXING, "blends")
@pytest.mark.parametrize("alpha", [0.1, 1.0, 5.0])
def test_the_share_is_drawn_from_a_beta_distribution(entry, alpha):
    transform, n = entry.make(alpha=alpha, generator=seeded(0)), 4000
    draws = torch.tensor([transform.make_params(list(batch()))["lam"] for _ in range(n)], dtype=torch.float64)
    variance = 1 / (4 * (2 * alpha + 1))
    assert abs(draws.mean() - 0.5) < 5 * (variance / n) ** 0.5
    assert abs(draws.var() - variance) < 5 * variance * (2 / n) ** 0.5
    assert draws.min() >= 0
    assert draws.max() <= 1


def test_alpha_is_one_unless_told():
    assert MixUp(num_classes=2).alpha == 1
    assert InClassMix().alpha == 1


@every
def test_draws_come_from_the_generator_alone(entry):
    state = torch.get_rng_state()
    first, second = (entry.make(generator=seeded(3))(*batch()) for _ in range(2))
    assert torch.equal(first[0], second[0])
    assert torch.equal(torch.get_rng_state(), state)


@every
def test_leaves_its_inputs_alone(entry):
    x, labels = batch()
    before = x.clone(), labels.clone()
    entry.make(generator=seeded(1))(x, labels)
    assert torch.equal(x, before[0])
    assert torch.equal(labels, before[1])


@parametrize(MIXING, "keeps_labels")
def test_labels_are_kept(entry):
    x, labels = batch()
    mixed, kept = entry.make(generator=seeded(0))(x, labels)
    assert torch.equal(kept, labels)
    alone = [i for i in range(N) if (labels == labels[i]).sum() == 1]
    assert alone
    torch.testing.assert_close(mixed[alone], x[alone])
    together = [i for i in range(N) if i not in alone]
    torch.testing.assert_close(mixed[together].sum(0), x[together].sum(0))


@with_twin
def test_labels_are_probabilities(entry):
    _, labels = entry.make(generator=seeded(0))(*batch())
    assert labels.shape == (N, CLASSES)
    assert labels.dtype == torch.float32
    torch.testing.assert_close(labels.sum(1), torch.ones(N))
    torch.testing.assert_close(labels.sum(0), one_hot(batch()[1]).sum(0).float())


@with_twin
@pytest.mark.parametrize("num_classes", [None, CLASSES])
def test_labels_of_other_kinds_say_the_same(entry, num_classes):
    x, labels = batch()
    expected = entry.make(generator=seeded(0))(x, labels)[1]
    for kind in (one_hot(labels), one_hot(labels).long()):
        found = entry.make(num_classes=num_classes, generator=seeded(0))(x, kind)[1]
        assert found.dtype == (torch.float64 if kind.is_floating_point() else torch.float32)
        torch.testing.assert_close(found.float(), expected)
    torch.testing.assert_close(entry.make(generator=seeded(0))(x, labels.int())[1], expected)


@every
def test_takes_any_structure(entry):
    x, labels = batch()
    expected = entry.make(generator=seeded(0))(x, labels)

    def mixed(*inputs, **more):
        return entry.make(generator=seeded(0), **more)(*inputs)

    extra = torch.arange(3)
    for result in (mixed((x, labels)), mixed([x, labels]), mixed(x, labels, extra), mixed(x, labels, "name")):
        assert torch.equal(result[0], expected[0])
        assert torch.equal(result[1], expected[1])
    assert mixed(x, labels, extra)[2] is extra
    assert mixed(x, labels, "name")[2] == "name"
    assert isinstance(mixed([x, labels]), list)
    for found in (mixed({"images": x, "label": labels}), mixed(x, {"labels": labels, "label": 3})):
        found = found if isinstance(found, dict) else found[1]
        assert torch.equal(found["labels" if "labels" in found else "label"], expected[1])
    found = mixed(labels, x, labels_getter=lambda batch: batch[0])
    assert torch.equal(found[1], expected[0])
    assert torch.equal(found[0], expected[1])


@every
@pytest.mark.parametrize("kind", [tv_tensors.Image, tv_tensors.Video])
def test_a_marked_tensor_is_the_image_and_stays_marked(entry, kind):
    x, labels = batch()
    other = torch.zeros(N, 1)
    images, _, left = entry.make(generator=seeded(0))(kind(x), labels, other)
    assert type(images) is kind
    assert left is other
    assert torch.equal(images.as_subclass(torch.Tensor), entry.make(generator=seeded(0))(x, labels)[0])
    images, _, left = entry.make(generator=seeded(0))(other, labels, kind(x))[::-1]
    assert type(images) is kind
    assert left is other


@parametrize(MIXING, "blends")
def test_blends_batches_that_are_not_images(entry):
    x, labels = torch.rand(N, 40), batch()[1]
    assert entry.make(generator=seeded(0))(x, labels)[0].shape == (N, 40)


@parametrize(MIXING, "pastes")
def test_pastes_images_of_integers(entry):
    x, labels = (batch()[0] * 255).byte(), batch()[1]
    assert entry.make(generator=seeded(0))(x, labels)[0].dtype == torch.uint8
    assert entry.make(generator=seeded(0))(x[:, 0], labels)[0].shape == (N, 6, 9)


@parametrize(MIXING, "pastes")
def test_refuses_what_has_no_height(entry):
    with pytest.raises(ValueError, match=r"images must end in height and width, got a batch of shape \(8, 40\)"):
        entry.make()(torch.rand(N, 40), batch()[1])


@parametrize(MIXING, "blends")
def test_refuses_to_blend_integers(entry):
    with pytest.raises(ValueError, match=r"images must be floating to be blended, got torch.uint8: v2.ToDtype"):
        entry.make()(batch()[0].byte(), batch()[1])


@every
@pytest.mark.parametrize("alpha", [0, -1.0, float("nan")])
def test_refuses_an_alpha_that_is_not_positive(entry, alpha):
    with pytest.raises(ValueError, match=f"alpha must be positive, got {alpha}"):
        entry.make(alpha=alpha)


@every
def test_refuses_a_batch_that_it_cannot_read(entry):
    x, labels = batch()
    boxes = tv_tensors.BoundingBoxes(torch.zeros(N, 4), format="XYXY", canvas_size=(6, 9))
    transform = entry.make()
    with pytest.raises(ValueError, match="labels must be a tensor that labels_getter finds in the batch, got str"):
        transform(x, "cat")
    with pytest.raises(ValueError, match="labels must be a tensor that labels_getter finds in the batch, got NoneType"):
        transform({"images": x, "target": labels})
    with pytest.raises(ValueError, match="must hold tensors of images and labels, got BoundingBoxes"):
        transform(x, labels, boxes)
    with pytest.raises(ValueError, match="must hold tensors of images and labels, got Mask"):
        transform(x, labels, tv_tensors.Mask(torch.zeros(N, 6, 9)))
    with pytest.raises(ValueError, match="must hold tensors of images and labels, got Image"):
        transform(Image.new("RGB", (4, 4)), labels)
    with pytest.raises(ValueError, match="must hold one tensor of images beside its labels, got 2"):
        transform(tv_tensors.Image(x), labels, tv_tensors.Image(x.clone()))
    with pytest.raises(ValueError, match="must hold one tensor of images beside its labels, got 0"):
        transform(x)
    with pytest.raises(ValueError, match="images and labels must be as many, got 8 and 7"):
        transform(x, labels[:7])
    with pytest.raises(ValueError, match="images and labels must be as many, got 7 and 8"):
        transform(x[:7], labels)
    with pytest.raises(ValueError, match="labels_getter must be 'default' or a function, got 'second'"):
        entry.make(labels_getter="second")


@every
def test_refuses_labels_of_another_kind(entry):
    with pytest.raises(ValueError, match=r"labels must be class numbers, got torch.float64 of shape \(8,\)"):
        entry.make()(batch()[0], batch()[1].double())
    with pytest.raises(ValueError, match=r"labels must be class numbers, got torch.int64 of shape \(8, 1, 1\)"):
        entry.make()(batch()[0], batch()[1][:, None, None])


@with_twin
def test_refuses_labels_that_do_not_fit_the_classes(entry):
    x, labels = batch()
    with pytest.raises(ValueError, match="num_classes must be given where labels are class numbers, got None"):
        entry.make(num_classes=None)(x, labels)
    for low, high in ((0, 3), (-1, 2)):
        with pytest.raises(ValueError, match=f"labels must be from 0 to 2, got {low} to {high}"):
            entry.make(num_classes=3)(x[:2], torch.tensor([low, high]))
    with pytest.raises(ValueError, match="num_classes must be the labels' number of columns, 5, got 4"):
        entry.make(num_classes=4)(x, one_hot(labels))


@parametrize(MIXING, "keeps_labels")
def test_refuses_rows_where_it_needs_numbers(entry):
    with pytest.raises(ValueError, match=r"labels must be class numbers, got torch.float64 of shape \(8, 5\)"):
        entry.make()(batch()[0], one_hot(batch()[1]))


@every
def test_is_copied_and_sent_to_workers(entry):
    transform = entry.make(alpha=0.3)
    for other in (copy.deepcopy(transform), pickle.loads(pickle.dumps(transform))):
        assert other.alpha == 0.3
        other(*batch())
    assert "alpha=0.3" in repr(transform)


@with_twin
def test_stands_where_the_twin_stands(entry):
    """In a composition, in a choice, and in the loader."""
    x, labels = batch(torch.float32)
    both = v2.RandomChoice([entry.make(), entry.oracle(num_classes=CLASSES)])
    mixed = v2.Compose([both, v2.Normalize([0.5] * 3, [0.5] * 3)])
    images, rows = mixed(x, labels)
    assert (images.shape, rows.shape) == (x.shape, (N, CLASSES))
    transform = entry.make()
    data = TensorDataset(x, labels)
    loader = DataLoader(data, batch_size=4, collate_fn=lambda items: transform(*default_collate(items)))
    assert [rows.shape for _, rows in loader] == [(4, CLASSES)] * 2


@every
def test_trains_a_model(entry):
    g = seeded(0)
    labels = torch.arange(120) % CLASSES
    x = F.one_hot(labels, CLASSES).float().view(-1, 1, 1, CLASSES) + 0.3 * torch.randn(120, 1, 1, CLASSES, generator=g)
    transform = entry.make(generator=seeded(1))
    data = TensorDataset(x, labels)
    loader = DataLoader(
        data, 30, shuffle=True, generator=seeded(2), collate_fn=lambda items: transform(*default_collate(items))
    )
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(CLASSES, CLASSES))
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    history = fit(model, loader, validation=data, epochs=15, optimizer=optimizer)
    assert history.validation_accuracy[-1] > 0.95
