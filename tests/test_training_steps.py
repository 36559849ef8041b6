"""What a step of the loop may be: of any batch size, watched, in mixed precision, with a sampler told the epochs."""

from __future__ import annotations

import pytest
import torch
from test_training import data, network, run, sgd
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset, Subset, TensorDataset
from torch.utils.data.distributed import DistributedSampler

from trainwell import training


class Gradients(training.Callback):
    """Copies what on_backward sees."""

    def __init__(self) -> None:
        self.seen: list[torch.Tensor] = []
        self.steps: list[tuple[str, int]] = []

    def on_backward(self, model, step):
        self.seen.append(torch.cat([p.grad.flatten() for p in model.parameters()]).clone())
        self.steps.append(("backward", step))

    def on_step(self, model, step):
        self.steps.append(("step", step))


class Clip(training.Callback):
    def on_backward(self, model, step):
        torch.nn.utils.clip_grad_norm_(model.parameters(), 0.01)


# The three batch forms.


def regression(n: int = 60) -> TensorDataset:
    g = torch.Generator().manual_seed(3)
    x = torch.randn(n, 4, generator=g, dtype=torch.float64)
    return TensorDataset(x, x.sum(1, keepdim=True) + torch.randn(n, 1, generator=g, dtype=torch.float64))


def gradients(batch_size: int | None, epochs: int = 1) -> torch.Tensor:
    """The gradients of an epoch's batches, at weights that stay where they are."""
    torch.manual_seed(0)
    model, watch = nn.Linear(4, 1).double(), Gradients()
    still, g = torch.optim.SGD(model.parameters(), lr=0.0), torch.Generator().manual_seed(0)
    options = {"loss": F.mse_loss, "optimizer": still, "generator": g, "callbacks": [watch], "epochs": epochs}
    run(model, regression(), batch_size=batch_size, **options)
    return torch.stack(watch.seen)


@pytest.mark.parametrize(("batch_size", "steps"), [(None, 1), (60, 1), (61, 1), (16, 4), (1, 60)])
def test_an_epoch_costs_as_many_steps_as_there_are_batches(batch_size, steps):
    assert len(gradients(batch_size)) == steps


def test_the_full_batch_gradient_is_the_mean_of_the_examples_gradients():
    full, examples, batches = gradients(None)[0], gradients(1), gradients(12)
    torch.testing.assert_close(examples.mean(0), full)
    torch.testing.assert_close(batches.mean(0), full)


def test_the_variance_of_the_gradient_falls_with_the_batch_as_sampling_without_replacement_says():
    n, full = 60, gradients(None)[0]
    scatter = (gradients(1) - full).square().sum(1).mean()  # of single examples
    assert scatter > 1
    for b in (2, 4, 12, 30):
        measured = (gradients(b, epochs=60) - full).square().sum(1).mean()
        assert measured.item() == pytest.approx((scatter / b * (n - b) / (n - 1)).item(), rel=0.15)
    assert (gradients(None, epochs=3) - full).abs().max() < 1e-12  # the full batch has none


class Numbers(Dataset):
    def __len__(self) -> int:
        return 5

    def __getitem__(self, i: int):
        return torch.tensor([float(i)]), i


@pytest.mark.parametrize(
    "dataset", [Numbers(), Subset(regression(), range(5)), TensorDataset(torch.ones(5), torch.ones(5))]
)
def test_the_full_batch_of_any_data_set(dataset):
    ((x, y),) = training.batches(dataset, None, "cpu")
    assert len(x) == len(y) == 5


def test_a_loader_keeps_its_own_batches():
    assert [len(y) for _, y in training.batches(DataLoader(Numbers(), 2), None, "cpu")] == [2, 2, 1]


@pytest.mark.parametrize("batch_size", [0, -1])
def test_a_batch_holds_at_least_one_example(batch_size):
    for dataset in (regression(), Numbers()):
        with pytest.raises(ValueError, match=f"batch_size must be at least 1, got {batch_size}"):
            list(training.batches(dataset, batch_size, "cpu"))


def test_the_full_batch_of_an_empty_data_set_is_none():
    empty = TensorDataset(torch.zeros(0, 4), torch.zeros(0, dtype=torch.long))
    assert list(training.batches(empty, None, "cpu")) == []


# on_backward.


def test_on_backward_comes_before_the_step_it_belongs_to():
    watch = Gradients()
    run(network(), callbacks=[watch], batch_size=25, epochs=1)
    assert watch.steps == [("backward", 1), ("step", 1), ("backward", 2), ("step", 2)]


def test_what_on_backward_does_to_gradients_the_optimizer_sees():
    model = network()
    start = [p.detach().clone() for p in model.parameters()]
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    run(model, optimizer=optimizer, callbacks=[Clip()], batch_size=None, epochs=1)
    moved = torch.cat([(p - before).flatten() for p, before in zip(model.parameters(), start, strict=True)])
    assert moved.norm().item() == pytest.approx(0.01, rel=1e-3)  # clip_grad_norm_ adds 1e-6 to the norm


def test_a_callback_that_overrides_nothing_changes_nothing():
    plain, watched = network(), network()
    assert run(plain, generator=torch.Generator().manual_seed(1)) == run(
        watched, generator=torch.Generator().manual_seed(1), callbacks=[training.Callback()]
    )


# Mixed precision.


def float32(scale: float = 1.0) -> tuple[nn.Module, TensorDataset]:
    x, y = data().tensors
    return network().float(), TensorDataset(scale * x.float(), y)


def watched_loss(dtypes: list[torch.dtype], factor: float = 1.0):
    def loss(outputs, targets):
        dtypes.append(outputs.dtype)
        return factor * F.cross_entropy(outputs, targets)

    return loss


@pytest.mark.parametrize("precision", [torch.bfloat16, torch.float16], ids=str)
def test_mixed_precision_is_close_to_full_precision_and_keeps_the_parameters_in_it(precision):
    histories = []
    for wanted in (None, precision):
        model, train = float32()
        dtypes: list[torch.dtype] = []
        options = {"loss": watched_loss(dtypes), "generator": torch.Generator().manual_seed(1), "epochs": 5}
        histories.append(run(model, train, precision=wanted, validation=train, **options))
        assert {p.dtype for p in model.parameters()} == {torch.float32}
        assert set(dtypes[:4]) == {wanted or torch.float32}  # the first epoch's batches
        assert dtypes[4] == torch.float32  # the validation
    full, mixed = histories
    assert mixed.train_loss == pytest.approx(full.train_loss, rel=0.02)
    assert mixed.train_loss != full.train_loss


def test_the_penalty_is_computed_in_full_precision_and_the_loss_in_mixed():
    seen = []

    def penalty(model):
        seen.append(torch.is_autocast_enabled("cpu"))
        return 0 * model[0].weight.sum()

    def loss(outputs, targets):
        seen.append(torch.is_autocast_enabled("cpu"))
        return F.cross_entropy(outputs, targets)

    model, train = float32()
    run(model, train, precision=torch.bfloat16, penalty=penalty, loss=loss, batch_size=None, epochs=1)
    assert seen == [True, False]


def test_without_precision_the_callers_autocast_stays_in_force():
    dtypes: list[torch.dtype] = []
    model, train = float32()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        run(model, train, loss=watched_loss(dtypes), epochs=1)
    assert set(dtypes) == {torch.bfloat16}


def tiny_gradients(precision: torch.dtype | None) -> torch.Tensor:
    """Gradients of a loss so small that float16 cannot hold those of its outputs."""
    model, train = float32()
    watch = Gradients()
    options = {"loss": watched_loss([], factor=1e-7), "callbacks": [watch], "epochs": 1, "batch_size": None}
    run(model, train, precision=precision, **options)
    return watch.seen[0]


def test_the_scaled_loss_saves_small_gradients_in_float16_and_callbacks_see_them_unscaled():
    full, mixed = tiny_gradients(None), tiny_gradients(torch.float16)
    assert full.abs().max() < 6e-8  # the least number of float16: unscaled they would be zero
    torch.testing.assert_close(mixed, full, rtol=0.02, atol=1e-2 * full.abs().max().item())


def steps_taken(precision: torch.dtype, factor: float) -> tuple[list[tuple[str, int]], torch.Tensor]:
    model, train = float32()
    before = model[0].weight.detach().clone()
    watch = Gradients()
    optimizer = torch.optim.SGD(model.parameters(), lr=1 / factor)
    options = {"loss": watched_loss([], factor), "callbacks": [watch], "epochs": 1, "batch_size": None}
    run(model, train, precision=precision, optimizer=optimizer, **options)
    return watch.steps, model[0].weight.detach() - before


def test_a_step_whose_scaled_gradients_overflow_is_left_out_in_float16_only():
    steps, moved = steps_taken(torch.float16, factor=1e35)  # times 65,536 it is more than float32 holds
    assert steps == [("backward", 1), ("step", 1)]
    assert moved.abs().max() == 0
    assert steps_taken(torch.bfloat16, factor=1e35)[1].abs().max() > 0
    assert steps_taken(torch.float16, factor=1.0)[1].abs().max() > 0


class Movements(training.Callback):
    """Whether each step moved the first weight."""

    def __init__(self, model: nn.Module) -> None:
        self.last, self.moved = model[0].weight.detach().clone(), []

    def on_step(self, model, step):
        self.moved.append(not torch.equal(model[0].weight, self.last))
        self.last = model[0].weight.detach().clone()


def test_the_scale_is_halved_after_an_overflow_until_the_steps_go_through():
    model, train = float32()
    watch, optimizer = Movements(model), torch.optim.SGD(model.parameters(), lr=1e-3)
    options = {"loss": watched_loss([], factor=100.0), "callbacks": [watch], "epochs": 12, "batch_size": None}
    run(model, train, precision=torch.float16, optimizer=optimizer, **options)
    left_out = watch.moved.index(True)
    assert 1 <= left_out <= 8
    assert all(watch.moved[left_out:])


@pytest.mark.filterwarnings("error")  # torch warns of a schedule that goes before the optimizer
@pytest.mark.parametrize(("factor", "left_out"), [(1e35, True), (1.0, False)])
@pytest.mark.parametrize("precision", [torch.float16, torch.bfloat16], ids=str)
def test_the_schedule_waits_for_a_step_that_was_left_out(factor, left_out, precision):
    model, train = float32()
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.5)
    options = {"loss": watched_loss([], factor), "epochs": 1, "batch_size": None, "schedule": schedule}
    run(model, train, precision=precision, optimizer=optimizer, **options)
    assert optimizer.param_groups[0]["lr"] == (1.0 if left_out and precision == torch.float16 else 0.5)


@pytest.mark.parametrize("precision", [torch.float32, torch.int8, torch.float64], ids=str)
def test_other_precisions_are_refused(precision):
    with pytest.raises(ValueError, match=rf"precision must be torch.bfloat16, torch.float16 or None, got {precision}"):
        run(network(), precision=precision)


# Samplers of several processes.


def test_a_sampler_that_has_set_epoch_is_told_each_epoch():
    told = []

    class Sampler(DistributedSampler):
        def set_epoch(self, epoch):
            told.append(epoch)
            super().set_epoch(epoch)

    run(network(), DataLoader(data(), 16, sampler=Sampler(data(), num_replicas=2, rank=0)), epochs=3)
    assert told == [1, 2, 3]


def test_the_processes_of_a_distributed_sampler_see_other_examples_in_each_epoch():
    class Watch(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear, self.seen = nn.Linear(4, 3).double(), []

        def forward(self, x):
            self.seen.append(x)
            return self.linear(x)

    models = [Watch(), Watch()]
    for rank, model in enumerate(models):
        loader = DataLoader(data(), 25, sampler=DistributedSampler(data(), num_replicas=2, rank=rank))
        run(model, loader, epochs=2, optimizer=sgd(model))
    first, second = models
    assert not torch.equal(first.seen[0], first.seen[1])
    everything = torch.cat([first.seen[0], second.seen[0]])
    assert torch.equal(everything.sort(0).values, data().tensors[0].sort(0).values)
