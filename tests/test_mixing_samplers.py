"""Repeated augmentation, against timm's sampler."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from timm.data.distributed_sampler import RepeatAugSampler
from torch import distributed
from torch.utils.data import DataLoader, TensorDataset

from trainwell.augmentation import RepeatedAugmentationSampler

SIZES = [1, 2, 7, 255, 256, 257, 600]


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("replicas", [1, 2, 3, 8])
def test_is_timms(replicas, shuffle, n):
    for rank in range(replicas):
        for repeats in (1, 2, 3):
            ours = RepeatedAugmentationSampler(range(n), replicas, rank, shuffle, repeats)
            theirs = RepeatAugSampler(range(n), replicas, rank, shuffle, repeats)
            assert len(ours) == len(theirs)
            for epoch in (0, 3):
                ours.set_epoch(epoch)
                theirs.set_epoch(epoch)
                assert list(ours) == list(theirs)


@pytest.mark.parametrize("selected_round", [0, 1, 10, 64])
@pytest.mark.parametrize("n", SIZES)
def test_rounds_as_timm(n, selected_round):
    for replicas in (1, 3):
        ours = RepeatedAugmentationSampler(range(n), replicas, 0, selected_round=selected_round)
        theirs = RepeatAugSampler(range(n), replicas, 0, selected_round=selected_round)
        assert list(ours) == list(theirs)
        assert len(list(ours)) == len(ours)


def test_the_defaults_are_timms():
    ours, theirs = RepeatedAugmentationSampler(range(300)), RepeatAugSampler(range(300), 1, 0)
    assert list(ours) == list(theirs)
    assert len(ours) == 256
    assert ours.epoch == 0


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 300), st.integers(1, 5), st.integers(0, 99))
def test_an_epoch_is_as_long_and_each_example_comes_in_a_row(n, repeats, seed):
    drawn = list(RepeatedAugmentationSampler(range(n), num_repeats=repeats, selected_round=0, seed=seed))
    assert len(drawn) == n
    whole = n // repeats
    runs = [drawn[k * repeats : (k + 1) * repeats] for k in range(whole)]
    assert all(len(set(run)) == 1 for run in runs)
    assert len({run[0] for run in runs}) == whole  # no example has two turns


def test_versions_of_one_example_go_to_different_processes():
    ranks = [list(RepeatedAugmentationSampler(range(12), 3, rank, num_repeats=3)) for rank in range(3)]
    assert ranks[0] == ranks[1] == ranks[2]
    assert len(set(ranks[0])) == 4


def test_over_the_epochs_all_get_their_turn():
    sampler, seen = RepeatedAugmentationSampler(range(20)), set()
    for epoch in range(30):
        sampler.set_epoch(epoch)
        seen |= set(sampler)
    assert seen == set(range(20))


def test_the_seed_and_the_epoch_draw_the_order():
    def order(seed, epoch):
        sampler = RepeatedAugmentationSampler(range(100), num_repeats=1, seed=seed)
        sampler.set_epoch(epoch)
        return list(sampler)

    state = torch.get_rng_state()
    assert order(3, 0) == order(3, 0)
    assert order(3, 0) != order(4, 0)
    assert order(3, 0) != order(3, 1)
    assert order(3, 1) == order(4, 0), "as in torch's DistributedSampler, the two are added"
    assert torch.equal(torch.get_rng_state(), state)


def test_asks_the_process_group_where_there_is_one(monkeypatch):
    monkeypatch.setattr(distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(distributed, "get_world_size", lambda: 4)
    monkeypatch.setattr(distributed, "get_rank", lambda: 2)
    sampler = RepeatedAugmentationSampler(range(100))
    assert (sampler.num_replicas, sampler.rank) == (4, 2)
    assert list(sampler) == list(RepeatedAugmentationSampler(range(100), 4, 2))
    told = RepeatedAugmentationSampler(range(100), 3, 0)
    assert (told.num_replicas, told.rank) == (3, 0)


def test_needs_no_process_group(monkeypatch):
    for available in (True, False):
        monkeypatch.setattr(distributed, "is_available", lambda available=available: available)
        sampler = RepeatedAugmentationSampler(range(100))
        assert (sampler.num_replicas, sampler.rank) == (1, 0)


def test_in_a_loader():
    data = TensorDataset(torch.arange(12))
    loader = DataLoader(data, batch_size=6, sampler=RepeatedAugmentationSampler(data, shuffle=False))
    assert [batch.tolist() for (batch,) in loader] == [[0, 0, 0, 1, 1, 1], [2, 2, 2, 3, 3, 3]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"dataset": []}, r"len\(dataset\) must be at least 1, got 0"),
        ({"num_replicas": 0}, "num_replicas must be at least 1, got 0"),
        ({"num_replicas": 2}, "rank must be given where there is no process group, got None of 2"),
        ({"num_repeats": 0}, "num_repeats must be at least 1, got 0"),
        ({"selected_round": -1}, "selected_round must be at least 0, got -1"),
        ({"num_replicas": 2, "rank": 2}, "rank must be from 0 to 1, got 2"),
        ({"num_replicas": 2, "rank": 3}, "rank must be from 0 to 1, got 3"),
        ({"num_replicas": 2, "rank": -1}, "rank must be from 0 to 1, got -1"),
    ],
)
def test_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        RepeatedAugmentationSampler(**{"dataset": range(5), **arguments})
