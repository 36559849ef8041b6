"""The range test against a loop by hand, what it leaves as it was, and runs that explode."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from trainwell import data, plots, training
from trainwell.hyperparameters import RangeTest, StopAtExplosion, range_test
from trainwell.training import Callback, History


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def examples(n=50):
    g = seeded(5)
    return TensorDataset(torch.randn(n, 6, generator=g), torch.randint(3, (n,), generator=g))


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Linear(8, 3))


RULES = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.5, momentum=0.9),
    "adam": lambda p: torch.optim.Adam(p, lr=0.5),
    "two groups": lambda p: torch.optim.SGD([{"params": p[:2], "lr": 0.1}, {"params": p[2:]}], lr=0.2),
}
every_rule = pytest.mark.parametrize("rule", RULES.values(), ids=RULES)


@every_rule
def test_is_the_loop_by_hand(rule):
    """The rates by their formula, batches of a shuffled epoch, an epoch anew when it is through."""
    dataset, model, steps = examples(), network(), 12
    result = range_test(model, rule(list(model.parameters())), dataset, low=1e-4, high=0.1, steps=steps,
                        batch_size=16, generator=seeded(1))  # fmt: skip
    expected = [1e-4 * 1000 ** (t / (steps - 1)) for t in range(steps)]
    np.testing.assert_allclose(result.lrs, expected, rtol=1e-12)
    twin, g, losses = network().train(), seeded(1), []
    optimizer = rule(list(twin.parameters()))
    while len(losses) < steps:
        for part in torch.randperm(50, generator=g).split(16):
            x, y = dataset[part]
            loss = F.cross_entropy(twin(x), y)
            losses.append(loss.item())
            for group in optimizer.param_groups:
                group["lr"] = expected[len(losses) - 1] if len(losses) <= steps else 0
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    assert result.losses == pytest.approx(losses[:steps], rel=1e-9)


def snapshot(model, optimizer):
    return copy.deepcopy(
        {
            "state": model.state_dict(),
            "gradients": [p.grad for p in model.parameters()],
            "modes": [m.training for m in model.modules()],
            "optimizer": optimizer.state_dict(),
        }
    )


def same(a, b):
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    return torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b


@every_rule
@pytest.mark.parametrize("used", [False, True])
def test_leaves_everything_as_found(rule, used):
    model = network().eval()
    model[0].train()
    optimizer = rule(list(model.parameters()))
    if used:  # momentum, a step count and gradients that somebody still needs
        model(torch.ones(4, 6)).sum().backward()
        optimizer.step()
    pointers = [p.data_ptr() for p in model.parameters()]
    before = snapshot(model, optimizer)
    range_test(model, optimizer, examples(), steps=8, generator=seeded())
    assert same(snapshot(model, optimizer), before)
    assert [p.data_ptr() for p in model.parameters()] == pointers
    assert all(p.requires_grad for p in model.parameters())


def test_leaves_everything_as_found_when_it_fails():
    model = network().eval()
    optimizer = RULES["adam"](list(model.parameters()))
    before = snapshot(model, optimizer)
    calls = iter(range(3))

    def loss(outputs, y):
        if next(calls) == 2:
            raise RuntimeError("out of memory")
        return F.cross_entropy(outputs, y)

    with pytest.raises(RuntimeError, match="out of memory"):
        range_test(model, optimizer, examples(), steps=8, loss=loss)
    assert same(snapshot(model, optimizer), before)


def test_training_goes_on_as_if_there_had_been_no_test():
    results = []
    for tested in (False, True):
        model = network()
        optimizer = RULES["adam"](list(model.parameters()))
        settings = {"epochs": 2, "optimizer": optimizer, "device": "cpu", "progress": False}
        training.fit(model, examples(), generator=seeded(), **settings)
        if tested:
            range_test(model, optimizer, examples(), steps=10, generator=seeded(8))
        history = training.fit(model, examples(), generator=seeded(1), **settings)
        results.append((history.train_loss, model[0].weight.detach()))
    assert results[0][0] == results[1][0]
    assert torch.equal(results[0][1], results[1][1])


def test_ends_before_a_loss_that_exceeds_three_times_the_first():
    model = nn.Linear(6, 1, bias=False)
    nn.init.ones_(model.weight)
    values = iter([1.0, 2.9, 3.0, 3.1, 1.0])
    dataset = TensorDataset(torch.ones(8, 6), torch.ones(8, 1))
    result = range_test(
        model, torch.optim.SGD(model.parameters()), dataset, steps=5, loss=lambda o, y: 0 * o.sum() + next(values)
    )
    assert result.losses == pytest.approx([1.0, 2.9, 3.0])
    assert len(result.lrs) == 3


def test_ends_before_a_loss_that_is_no_number():
    model = nn.Linear(6, 3)
    values = iter([1.0, math.nan, 1.0])
    optimizer = torch.optim.SGD(model.parameters())
    result = range_test(model, optimizer, examples(), loss=lambda o, y: o.sum() * 0 + next(values))
    assert result.losses == [1.0]
    assert result.lowest == 1e-6
    with pytest.raises(ValueError, match="loss must be finite at the start, got nan"):
        range_test(model, optimizer, examples(), loss=lambda o, y: o.sum() * math.nan)


@pytest.mark.parametrize("empty", [lambda data: data, lambda data: DataLoader(data, 10)], ids=["data set", "loader"])
def test_nothing_to_train_on_is_refused_instead_of_waited_for(empty):
    model = network()
    with pytest.raises(ValueError, match="train must hold at least one example, got none"):
        range_test(model, torch.optim.SGD(model.parameters()), empty(TensorDataset(*examples()[:0])))


def test_takes_a_loader():
    model, loader = network(), DataLoader(examples(), 10)
    result = range_test(model, torch.optim.SGD(model.parameters()), loader, steps=7, low=1e-3, high=1e-2)
    assert len(result.losses) == 7
    with torch.no_grad():
        x, y = examples()[:10]
        assert result.losses[0] == pytest.approx(F.cross_entropy(model.train()(x), y).item())


def test_finds_a_rate_that_trains_the_digits():
    parts = data.digits()
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    result = range_test(model, optimizer, parts.train, generator=seeded())
    assert (len(result.lrs), result.lrs[0]) == (len(result.losses), 1e-6)
    assert 80 < len(result.lrs) <= 100
    assert result.lrs[50] == pytest.approx(1e-6 * 1e7 ** (50 / 99))
    assert 0.05 < result.suggestion < result.lowest < 2
    optimizer = torch.optim.SGD(model.parameters(), lr=result.suggestion)
    settings = {"epochs": 20, "optimizer": optimizer, "device": "cpu", "progress": False}
    training.fit(model, parts.train, generator=seeded(), **settings)
    assert training.evaluate(model, parts.validation)[1] > 0.85


def test_the_result_is_ready_to_be_drawn():
    result = RangeTest([1e-3, 1e-2, 1e-1], [3.0, 1.0, 2.0])
    (axes,) = plots.curves({"loss": (result.lrs, result.losses)}, xscale="log").axes
    assert axes.get_xscale() == "log"
    assert axes.lines[0].get_xydata().tolist() == [[1e-3, 3.0], [1e-2, 1.0], [1e-1, 2.0]]


def test_smoothing_is_the_mean_over_eleven_neighbours():
    losses = torch.randn(30, dtype=torch.float64, generator=seeded()).tolist()
    smoothed = RangeTest([10.0**-i for i in range(30)], losses).smoothed
    for i in range(30):
        assert smoothed[i] == pytest.approx(np.mean([x for j, x in enumerate(losses) if abs(i - j) <= 5]))


def test_the_suggestion_is_a_third_of_the_lowest():
    valley = RangeTest([10.0 ** (i - 9) for i in range(19)], [abs(i - 9.0) for i in range(19)])
    assert valley.lowest == 1.0
    assert valley.suggestion == pytest.approx(1 / 3)


@pytest.mark.parametrize("least", [1.801, 2.0, 7.0])
def test_where_no_loss_falls_nothing_is_suggested(least):
    """The mean over eleven of a plateau is the plateau; a tenth less than the first is enough."""
    rates = [10.0 ** (i - 20) for i in range(40)]
    with pytest.raises(
        ValueError, match=rf"losses must fall by 10% .*, got 2 at first and {min(least, 2):.3g} at the lowest"
    ):
        RangeTest(rates, [2.0] * 20 + [least] * 20).suggestion  # noqa: B018
    assert RangeTest(rates, [2.0] * 20 + [1.799] * 20).suggestion > 0
    assert RangeTest(rates, [-2.0] * 20 + [-2.3] * 20).suggestion > 0
    with pytest.raises(ValueError, match="losses must fall"):
        RangeTest(rates, [-2.0] * 20 + [-2.1] * 20).suggestion  # noqa: B018


def test_an_optimizer_of_another_model_is_refused():
    with pytest.raises(ValueError, match="optimizer must hold parameters of the model, got one that holds none"):
        range_test(network(), torch.optim.SGD(network().parameters()), examples())


def test_bad_settings_are_refused():
    model = network()
    optimizer = torch.optim.SGD(model.parameters())
    with pytest.raises(ValueError, match="steps must be at least 2, got 1"):
        range_test(model, optimizer, examples(), steps=1)
    for low, high in ((0.0, 1.0), (-1.0, 1.0), (1.0, 1.0), (2.0, 1.0)):
        with pytest.raises(ValueError, match=f"low and high must be positive and in this order, got low={low}"):
            range_test(model, optimizer, examples(), low=low, high=high)
    assert len(range_test(model, optimizer, examples(), steps=2, low=1e-9, high=1e-8).lrs) == 2


# Explosions.


@given(losses=st.lists(st.floats(0.1, 100), min_size=1, max_size=20))
def test_stops_at_the_first_cost_above_three_times_the_first(losses):
    stop, model = StopAtExplosion(), nn.Linear(1, 1)
    end = next((e for e, loss in enumerate(losses, 1) if loss > 3 * losses[0]), None)
    for epoch in range(1, len(losses) + 1):
        told = stop.on_epoch(model, epoch, History(train_loss=losses[:epoch]))
        assert told == stop.stopped == (epoch == end)
        if told:
            break


@pytest.mark.parametrize(
    ("stop", "losses", "told"),
    [
        (StopAtExplosion(), [2.0, 6.0], False),
        (StopAtExplosion(), [2.0, 6.001], True),
        (StopAtExplosion(), [2.0, math.nan], True),
        (StopAtExplosion(), [math.nan], True),
        (StopAtExplosion(), [2.0, math.inf], True),
        (StopAtExplosion(1.5), [2.0, 3.1], True),
        (StopAtExplosion(first=math.log(10)), [6.9], False),
        (StopAtExplosion(first=math.log(10)), [7.0], True),
    ],
)
def test_what_counts_as_an_explosion(stop, losses, told):
    assert stop.on_epoch(nn.Linear(1, 1), len(losses), History(train_loss=losses)) == told
    assert isinstance(stop, Callback)


def test_a_run_that_explodes_is_stopped():
    model, stop = nn.Linear(6, 3), StopAtExplosion(first=math.log(3))
    optimizer = torch.optim.SGD(model.parameters(), lr=1e4)
    history = training.fit(
        model, examples(), epochs=10, optimizer=optimizer, callbacks=[stop], device="cpu", progress=False
    )
    assert history.epochs < 10
    assert stop.stopped
    model, fine = nn.Linear(6, 3), StopAtExplosion()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    settings = {"epochs": 4, "optimizer": optimizer, "callbacks": [fine], "device": "cpu", "progress": False}
    assert training.fit(model, examples(), **settings).epochs == 4
    assert not fine.stopped


def test_a_factor_below_one_is_refused():
    with pytest.raises(ValueError, match=r"factor must be at least 1, got 0\.9"):
        StopAtExplosion(0.9)
    assert not StopAtExplosion(1.0).stopped
