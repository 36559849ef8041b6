"""Samplers of three parts: torch's, over the parts of a split, without copying the data."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from test_training import network, sgd
from torch.utils.data import DataLoader, SubsetRandomSampler, TensorDataset

from trainwell import data, training


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@given(n=st.integers(4, 80), seed=st.integers(0, 5), first=st.sampled_from([0.25, 0.5, 0.7]))
def test_the_parts_are_disjoint_lose_nothing_and_are_those_of_split(n, seed, first):
    shares = (first, 0.2, 0.8 - first)
    samplers = data.split_samplers(n, shares, generator=seeded(seed))
    assert sorted(i for sampler in samplers for i in sampler) == list(range(n))
    parts = data.split(TensorDataset(torch.arange(n)), shares, generator=seeded(seed))
    for sampler, part in zip(samplers, parts, strict=True):
        assert isinstance(sampler, SubsetRandomSampler)
        assert sorted(sampler) == sorted(part.tensors[0].tolist())


def test_half_is_for_training_and_a_quarter_each_for_the_others():
    samplers = data.split_samplers(100)
    assert [len(sampler) for sampler in samplers] == [50, 25, 25]
    assert [len(sampler) for sampler in data.split_samplers(100, (0.5, 0.3, 0.2))] == [50, 30, 20]
    assert samplers.train is samplers[0]
    assert samplers.validation is samplers[1]
    assert samplers.test is samplers[2]


def test_each_epoch_has_a_new_order_from_the_generator_alone():
    state = torch.get_rng_state()
    epochs = []
    for _ in range(2):
        sampler = data.split_samplers(100, generator=seeded()).train
        epochs.append([list(sampler), list(sampler)])
    assert epochs[0] == epochs[1]
    assert epochs[0][0] != epochs[0][1]
    assert sorted(epochs[0][0]) == sorted(epochs[0][1])
    assert torch.equal(torch.get_rng_state(), state)


def test_a_run_trains_on_one_part_and_measures_on_another():
    g = seeded()
    dataset = TensorDataset(torch.randn(40, 4, generator=g, dtype=torch.float64), torch.randint(3, (40,), generator=g))
    samplers = data.split_samplers(40, generator=g)
    train, validation, _ = (DataLoader(dataset, 10, sampler=sampler) for sampler in samplers)
    model = network()
    options = {"epochs": 2, "optimizer": sgd(model), "device": "cpu", "progress": False}
    history = training.fit(model, train, validation=validation, **options)
    expected = training.evaluate(model, TensorDataset(*dataset[samplers.validation.indices]))
    assert history.validation_loss[-1] == pytest.approx(expected[0])
    assert history.validation_accuracy[-1] == pytest.approx(expected[1])


@pytest.mark.parametrize("shares", [(0.5, 0.5), (0.5, 0.5, 0.5), (1.0, 0.5, -0.5)])
def test_shares_that_are_none_are_refused(shares):
    with pytest.raises(ValueError, match=r"shares must be three positive numbers that sum to 1, got \("):
        data.split_samplers(8, shares)
