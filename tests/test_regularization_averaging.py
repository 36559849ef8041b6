"""Averages of weights, against timm and torch."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn, update_bn

from trainwell import data, training
from trainwell.regularization import EMA, SWA, PolyakAverage, update_batch_norm
from trainwell.training import History

KINDS = {
    "EMA": lambda model: EMA(model, decay=0.9),
    "PolyakAverage": PolyakAverage,
    "SWA": lambda model: SWA(model, start=1),
}
every_kind = pytest.mark.parametrize("make", KINDS.values(), ids=KINDS.keys())


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Tanh(), nn.Linear(6, 3)).double()


def walk(model: nn.Module, steps: int, seed: int = 1):
    """A run of steps: weights move, running statistics too."""
    generator = torch.Generator().manual_seed(seed)
    for step in range(1, steps + 1):
        with torch.no_grad():
            for w in model.parameters():
                w.add_(torch.randn(w.shape, dtype=w.dtype, generator=generator))
            model(torch.randn(8, 4, dtype=torch.float64, generator=generator))
        yield step


def assert_same(ours: nn.Module, theirs: nn.Module, *, buffers: bool = True) -> None:
    torch.testing.assert_close(list(ours.parameters()), list(theirs.parameters()))
    if buffers:
        torch.testing.assert_close(list(ours.buffers()), list(theirs.buffers()))


@pytest.mark.parametrize("decay", [0.0, 0.9, 0.995, 1.0])
def test_ema_is_timms(decay):
    from timm.utils import ModelEmaV3

    model = network()
    ours, theirs = EMA(model, decay), ModelEmaV3(model, decay=decay, exclude_buffers=True)
    for step in walk(model, 300):
        ours.on_step(model, step)
        theirs.update(model)
    assert_same(ours.model, theirs.module)


@pytest.mark.parametrize("decay", [0.9, 0.995])
def test_ema_is_torchs(decay):
    model = network()
    ours, theirs = EMA(model, decay), AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(decay))
    theirs.update_parameters(model)  # torch's first update only copies
    for step in walk(model, 2000):
        ours.on_step(model, step)
        theirs.update_parameters(model)
    assert_same(ours.model, theirs.module)


def test_polyak_average_is_torchs():
    model = network()
    ours, theirs = PolyakAverage(model), AveragedModel(model)
    for step in walk(model, 2000):
        ours.on_step(model, step)
        theirs.update_parameters(model)
    assert_same(ours.model, theirs.module)
    assert int(ours.updates) == 2000


@pytest.mark.parametrize(("start", "every"), [(1, 1), (5, 1), (3, 4), (20, 1)])
def test_swa_is_the_mean_of_the_epochs_that_are_due(start, every):
    model = network()
    ours, kept = SWA(model, start=start, every=every), []
    for epoch in walk(model, 20):
        ours.on_epoch(model, epoch, History())
        if epoch in range(start, 21, every):
            kept.append([w.detach().clone() for w in model.parameters()])
    expected = [torch.stack(ws).mean(0) for ws in zip(*kept, strict=True)]
    torch.testing.assert_close(list(ours.model.parameters()), expected, rtol=1e-9, atol=1e-9)


def test_ema_by_hand():
    model = nn.Linear(1, 1, bias=False)
    nn.init.constant_(model.weight, 1.0)
    ema = EMA(model, decay=0.75)
    for value in (2.0, 3.0):
        nn.init.constant_(model.weight, value)
        ema.update(model)
    assert ema.model.weight.item() == 0.75 * (0.75 * 1 + 0.25 * 2) + 0.25 * 3


@every_kind
def test_saved_and_resumed_it_goes_on(make):
    model = network()
    straight, average = make(model), make(model)
    for step in walk(model, 20):
        if step == 11:  # a new process: a new model, a new average, the state of the old
            saved = copy.deepcopy(average.state_dict())
            average = make(network())
            average.load_state_dict(saved)
        for one in (straight, average):
            one.update(model)
    assert_same(straight.model, average.model)
    assert straight.updates == average.updates


@every_kind
def test_the_average_is_a_copy_for_use(make):
    model = network()
    average = make(model)
    before = [w.clone() for w in model.parameters()]
    average.update(model)
    average.train()
    assert not average.model.training
    assert not any(w.requires_grad for w in average.model.parameters())
    assert all(w.requires_grad for w in model.parameters())
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), before, strict=True))
    x = torch.randn(5, 4, dtype=torch.float64)
    assert torch.equal(average(x), average.model(x))


@every_kind
def test_one_update_with_the_model_as_it_is_changes_nothing(make):
    model = network()
    average = make(model)
    average.update(model)
    assert_same(average.model, model)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32], ids=str)
@every_kind
def test_keeps_the_dtype(make, dtype):
    model = network().to(dtype)
    average = make(model)
    average.update(model)
    assert all(w.dtype == dtype for w in average.model.parameters())


def test_follows_the_model_to_its_device():
    model = network()
    ema = EMA(model)
    ema.update(model.to("meta"))
    assert all(w.device.type == "meta" for w in ema.parameters())


def test_in_a_real_run_it_averages_every_step():
    split = data.mnist1d(400)
    torch.manual_seed(0)
    model = nn.Linear(40, 10)
    first = copy.deepcopy(model)
    ema, mean, swa = EMA(model, decay=0.9), PolyakAverage(model), SWA(model, start=2, every=2)
    training.fit(
        model,
        split.train,
        epochs=4,
        optimizer=torch.optim.SGD(model.parameters(), lr=0.5),
        callbacks=[ema, mean, swa],
        progress=False,
    )
    assert int(ema.updates) == int(mean.updates) == 4 * 4  # 200 examples, 64 a step
    assert int(swa.updates) == 2
    assert len({m.weight.sum().item() for m in (first, model, ema.model, mean.model, swa.model)}) == 5


def test_running_statistics_are_torchs():
    model = network()
    assert list(walk(model, 3)) == [1, 2, 3], "the statistics of other weights, to be forgotten"
    twin = copy.deepcopy(model)
    batches = [torch.randn(16, 4, dtype=torch.float64) for _ in range(7)]
    update_batch_norm(model, batches)
    update_bn(batches, twin)
    assert_same(model, twin)
    update_batch_norm(model, [(x, torch.zeros(16)) for x in batches])
    assert_same(model, twin, buffers=False)
    torch.testing.assert_close(model[1].running_mean, twin[1].running_mean)


def test_running_statistics_are_measured_without_dropout():
    model = nn.Sequential(nn.Dropout(0.9), nn.BatchNorm1d(4))
    x = torch.randn(1000, 4)
    update_batch_norm(model, [x])
    torch.testing.assert_close(model[1].running_var, x.var(0))


def test_modes_and_momenta_come_back_even_after_an_error():
    model = network()
    model[0].eval()
    with pytest.raises(RuntimeError):
        update_batch_norm(model, [torch.randn(2, 99, dtype=torch.float64)])
    assert [module.training for module in model] == [False, True, True, True]
    assert model[1].momentum == 0.1


def test_refuses_bad_settings():
    model = network()
    with pytest.raises(ValueError, match="decay must be between 0 and 1, got 2"):
        EMA(model, decay=2)
    with pytest.raises(ValueError, match="start must be at least 1, got 0"):
        SWA(model, start=0)
    with pytest.raises(ValueError, match="every must be at least 1, got 0"):
        SWA(model, start=1, every=0)
