"""The training loop against a loop written by hand, and what it promises its callbacks."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset, TensorDataset

from trainwell import training


def data(n: int = 50, seed: int = 0) -> TensorDataset:
    g = torch.Generator().manual_seed(seed)
    return TensorDataset(torch.randn(n, 4, generator=g, dtype=torch.float64), torch.randint(3, (n,), generator=g))


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3)).double()


def sgd(model: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)


def run(model: nn.Module, train=None, **options) -> training.History:
    options = {"epochs": 3, "optimizer": sgd(model), "batch_size": 16, "progress": False, "device": "cpu"} | options
    return training.fit(model, train if train is not None else data(), **options)


def test_a_step_takes_64_examples_unless_told():
    sizes = []

    class Sizes(nn.Linear):
        def forward(self, x):
            sizes.append(len(x))
            return super().forward(x)

    model = Sizes(4, 3).double()
    training.fit(model, data(150), epochs=1, optimizer=sgd(model), device="cpu", progress=False)
    assert sizes == [64, 64, 22]


def test_fit_takes_the_steps_of_a_loop_written_by_hand():
    ours, reference = network(), network()
    history = run(ours, generator=torch.Generator().manual_seed(1), penalty=lambda m: 0.01 * m[0].weight.square().sum())
    (x, y), g, optimizer = data().tensors, torch.Generator().manual_seed(1), sgd(reference)
    for epoch in range(3):
        total = 0.0
        order = torch.randperm(50, generator=g)
        for start in range(0, 50, 16):
            rows = order[start : start + 16]
            loss = F.cross_entropy(reference(x[rows]), y[rows])
            total += loss.item() * len(rows)
            optimizer.zero_grad()
            (loss + 0.01 * (reference[0].weight ** 2).sum()).backward()
            optimizer.step()
        assert history.train_loss[epoch] == pytest.approx(total / 50, rel=1e-12)
    for a, b in zip(ours.state_dict().values(), reference.state_dict().values(), strict=True):
        assert torch.equal(a, b)


class Examples(Dataset):
    """The same examples, one at a time."""

    def __len__(self) -> int:
        return 50

    def __getitem__(self, i: int):
        return data()[i]


def test_tensors_data_sets_and_loaders_are_walked_through_alike():
    paths = [data(), Examples(), DataLoader(data(), 16)]
    seen = [list(training.batches(path, 16, "cpu")) for path in paths]
    for walk in seen[1:]:
        for (x, y), (u, v) in zip(seen[0], walk, strict=True):
            assert torch.equal(x, u)
            assert torch.equal(y, v)


def test_shuffling_visits_every_example_once_an_epoch_in_a_new_order():
    g = torch.Generator().manual_seed(0)
    epochs = [torch.cat([x for x, _ in training.batches(data(), 16, "cpu", shuffle=True, generator=g)]) for _ in "ab"]
    assert not torch.equal(*epochs)
    assert torch.equal(epochs[0].sort(0).values, epochs[1].sort(0).values)


def test_evaluate_is_the_mean_over_examples_in_evaluation_mode_and_puts_modes_back():
    model = network()
    model[1].eval()  # a module frozen by hand stays frozen
    modes = [module.training for module in model.modules()]
    loss, accuracy = training.evaluate(model, data(), batch_size=7)
    assert [module.training for module in model.modules()] == modes
    outputs = model.eval()(data().tensors[0])
    assert loss == pytest.approx(F.cross_entropy(outputs, data().tensors[1]).item(), rel=1e-12)
    assert accuracy == pytest.approx((outputs.argmax(1) == data().tensors[1]).double().mean().item())
    torch.testing.assert_close(training.predict(model, data().tensors[0], batch_size=7), outputs.detach())


class Recorder(training.Callback):
    def __init__(self, stop_at: int = 0) -> None:
        self.calls: list[tuple[str, int]] = []
        self.stop_at = stop_at

    def on_step(self, model, step):
        assert model.training
        self.calls.append(("step", step))

    def on_epoch(self, model, epoch, history):
        assert history.epochs == epoch == len(history.validation_loss)
        self.calls.append(("epoch", epoch))
        return epoch == self.stop_at

    def on_end(self, model):
        self.calls.append(("end", 0))


def test_callbacks_hear_of_everything_in_order_and_can_stop_the_run():
    stops, listens = Recorder(stop_at=2), Recorder()
    history = run(network(), callbacks=[stops, listens], validation=data(seed=1), batch_size=25, epochs=9)
    expected = [("step", 1), ("step", 2), ("epoch", 1), ("step", 3), ("step", 4), ("epoch", 2), ("end", 0)]
    assert stops.calls == listens.calls == expected
    assert history.epochs == 2


def test_schedule_steps_once_a_batch():
    model = network()
    optimizer = sgd(model)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, step_size=4, gamma=0.5)
    run(model, epochs=2, optimizer=optimizer, schedule=schedule)  # 4 batches an epoch
    assert optimizer.param_groups[0]["lr"] == 0.1 * 0.5**2


def test_without_validation_its_lists_stay_empty():
    history = run(network())
    assert history.validation_loss == history.validation_accuracy == []
    assert len(history.train_accuracy) == history.epochs == 3


def test_progress_shows_only_when_wanted(capsys):
    run(network())
    assert capsys.readouterr().err == ""
    run(network(), progress=True)
    assert "train_loss=" in capsys.readouterr().err


def test_seed_everything_repeats_all_three_generators():
    import random

    import numpy as np

    draws = []
    for _ in range(2):
        training.seed_everything(7)
        draws.append((random.random(), np.random.rand(), torch.rand(1).item()))
    assert draws[0] == draws[1]


def test_pick_device_is_one_that_works():
    assert torch.ones(2, device=training.pick_device()).sum() == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epochs": 0}, "epochs must be at least 1, got 0"),
        ({"optimizer": sgd(network())}, "optimizer must hold parameters of the model"),
        ({"train": TensorDataset(torch.zeros(0, 4), torch.zeros(0))}, "the data set is empty"),
    ],
)
def test_fit_refuses(options, message):
    with pytest.raises(ValueError, match=message):
        run(network(), **options)
