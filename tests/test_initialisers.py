"""Every initialiser of the registry, against torch's bit for bit, against its variance, and against misuse."""

from __future__ import annotations

import inspect
import math

import pytest
import torch
from torch import nn

from tests.registries import parametrize
from tests.registries.initialisers import INITIALISERS
from trainwell import initialization

SHAPES = {"linear": (40, 60), "tall": (70, 20), "conv": (24, 16, 3, 3), "conv1d": (8, 30, 5), "wide conv": (4, 6, 5, 5)}
every_shape = pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def fans(shape):
    """By hand: (out, in, *kernel)."""
    kernel = math.prod(shape[2:])
    return shape[1] * kernel, shape[0] * kernel


def test_every_initialiser_is_registered():
    public = {name for name in initialization.__all__ if name.endswith("_") and name not in ("initialise_", "lsuv_")}
    assert public == {entry.factory.__name__ for entry in INITIALISERS}


@parametrize(INITIALISERS, "twin")
@every_shape
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_is_torchs_bit_for_bit(entry, shape, dtype):
    ours = entry.make(torch.empty(shape, dtype=dtype), generator=seeded())
    theirs = entry.oracle(torch.empty(shape, dtype=dtype), generator=seeded())
    assert torch.equal(ours, theirs)


@parametrize(INITIALISERS, "twin")
def test_is_torchs_from_the_global_generator_and_the_twins_swap(entry):
    torch.manual_seed(3)
    ours = [entry.make(torch.empty(5, 6)), entry.oracle(torch.empty(5, 6))]
    torch.manual_seed(3)
    theirs = [entry.oracle(torch.empty(5, 6)), entry.make(torch.empty(5, 6))]
    assert torch.equal(torch.stack(ours), torch.stack(theirs))


@parametrize(INITIALISERS, "namesake")
def test_the_arguments_are_torchs(entry):
    ours, theirs = (inspect.signature(f).parameters for f in (entry.factory, entry.oracle.func))
    assert list(ours) == list(theirs)
    assert [p.default for p in ours.values()] == [p.default for p in theirs.values()]


@parametrize(INITIALISERS)
@pytest.mark.parametrize("shape", [(300, 500), (50, 60, 3, 5)], ids=["linear", "conv"])
def test_mean_and_variance(entry, shape):
    """Of n numbers: the mean within 5 standard errors, the variance within 5 of a normal's (others vary less)."""
    w = entry.make(torch.empty(shape, dtype=torch.float64), generator=seeded(1))
    variance, n = entry.variance(*fans(shape)), w.numel()
    assert abs(w.mean().item() - entry.mean) < 5 * math.sqrt(variance / n)
    assert abs(w.var(correction=0).item() / variance - 1) < 5 * math.sqrt(2 / n)


@parametrize(INITIALISERS, "uniform")
@every_shape
def test_uniform_numbers_fill_their_bounds(entry, shape):
    w = entry.make(torch.empty(shape, dtype=torch.float64), generator=seeded(2)) - entry.mean
    bound = math.sqrt(3 * entry.variance(*fans(shape)))
    assert w.min() >= -bound
    assert w.max() <= bound
    assert w.min() < -0.97 * bound  # of 600 numbers none beyond: a chance of 1e-4
    assert w.max() > 0.97 * bound
    share = (w < 0.3 * bound).double().mean().item()
    assert abs(share - 0.65) < 5 * math.sqrt(0.65 * 0.35 / w.numel())


@parametrize(INITIALISERS, "normal")
def test_normal_numbers_have_a_normals_tails(entry):
    w = entry.make(torch.empty(200, 300, dtype=torch.float64), generator=seeded(3)) - entry.mean
    z = w / math.sqrt(entry.variance(300, 200))
    for bound, share in ((1, 0.3173), (2, 0.0455), (3, 0.0027)):
        seen = (z.abs() > bound).double().mean().item()
        assert abs(seen - share) < 5 * math.sqrt(share / w.numel())


@parametrize(INITIALISERS, "signs")
@every_shape
def test_signs_have_one_size(entry, shape):
    w = entry.make(torch.empty(shape, dtype=torch.float64), generator=seeded())
    size = math.sqrt(entry.variance(*fans(shape)))
    torch.testing.assert_close(w.unique(), torch.tensor([-size, size], dtype=torch.float64))
    assert abs((w > 0).double().mean().item() - 0.5) < 5 * 0.5 / math.sqrt(w.numel())


@parametrize(INITIALISERS, "matrix")
@every_shape
def test_singular_values_are_the_gain(entry, shape):
    w = entry.make(torch.empty(shape, dtype=torch.float64), generator=seeded()).flatten(1)
    values = torch.linalg.svdvals(w)
    torch.testing.assert_close(values, torch.full_like(values, float(entry.arguments.get("gain", 1))))


@parametrize(INITIALISERS)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64], ids=str)
def test_fills_in_place_and_keeps_the_dtype(entry, dtype):
    w = nn.Parameter(torch.full((30, 40), torch.nan, dtype=dtype))
    result = entry.make(w, generator=seeded())
    assert result.data_ptr() == w.data_ptr()
    assert (w.dtype, w.requires_grad, w.grad_fn) == (dtype, True, None)
    assert w.isfinite().all()
    spread = math.sqrt(entry.variance(40, 30))
    assert w.detach().double().std().item() == pytest.approx(spread, rel=0.12)


@parametrize(INITIALISERS)
def test_a_part_of_a_tensor_is_filled_alone(entry):
    whole = torch.zeros(6, 10)
    entry.make(whole[1:5, ::2], generator=seeded())  # not contiguous
    assert whole[1:5, ::2].count_nonzero() == 20
    assert whole.count_nonzero() == 20


@parametrize(INITIALISERS)
def test_meta(entry):
    w = entry.make(torch.empty(4, 5, device="meta"))
    assert (w.device.type, w.shape) == ("meta", (4, 5))


@parametrize(INITIALISERS)
def test_a_generator_decides_alone(entry):
    before = torch.get_rng_state()
    first, again, other = (entry.make(torch.empty(9, 9), generator=seeded(s)) for s in (5, 5, 6))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(torch.get_rng_state(), before)


@parametrize(INITIALISERS)
@pytest.mark.parametrize("scale", [1e-6, 1e6])
def test_what_was_there_does_not_matter(entry, scale):
    w = entry.make(torch.full((7, 8), scale), generator=seeded())
    assert torch.equal(w, entry.make(torch.empty(7, 8), generator=seeded()))


@parametrize(INITIALISERS, "fans")
@pytest.mark.parametrize("shape", [(), (5,), (0, 5), (5, 0), (4, 3, 0)], ids=str)
def test_refuses_what_has_no_fans(entry, shape):
    with pytest.raises(ValueError, match=r"tensor must have two or more dimensions, none of them empty, got the shape"):
        entry.make(torch.empty(shape))


@parametrize(INITIALISERS, lacking="fans")
@pytest.mark.parametrize("shape", [(), (5,), (0,)], ids=str)
def test_takes_any_shape(entry, shape):
    assert entry.make(torch.empty(shape)).shape == shape
