"""What the loop measures of targets that are no class numbers, and what it refuses with a word on what to do."""

from __future__ import annotations

import math

import pytest
import torch
from sklearn.metrics import accuracy_score
from test_training import data, network, run, sgd
from torch import nn
from torch.nn import functional as F
from torch.utils.data import BatchSampler, DataLoader, TensorDataset
from torch.utils.data.distributed import DistributedSampler

from trainwell import losses, optimizers, training
from trainwell.hyperparameters import range_test
from trainwell.scores import accuracy

X = torch.randn(40, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
YES = (X[:, 0] + 0.5 * X[:, 1] > 0).double()


def one_logit(flat: bool = False) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 1), *[nn.Flatten(0)] * flat).double()


@pytest.mark.parametrize("flat", [False, True])
def test_one_logit_is_right_on_its_side_of_zero(flat):
    """Against scikit-learn, over batches of several sizes."""
    model, targets = one_logit(flat), YES if flat else YES[:, None]
    train = TensorDataset(X, targets)
    options = {"loss": F.binary_cross_entropy_with_logits, "optimizer": torch.optim.SGD(model.parameters(), lr=0.0)}
    history = run(model, train, epochs=1, validation=train, **options)
    expected = accuracy_score(YES, (model(X).flatten() > 0).double())
    assert 0 < expected < 1
    assert history.train_accuracy == history.validation_accuracy == [pytest.approx(expected)]
    loss, share = training.evaluate(model, train, loss=F.binary_cross_entropy_with_logits, batch_size=7)
    assert (loss, share) == (pytest.approx(history.train_loss[0]), pytest.approx(expected))


@pytest.mark.parametrize("targets", [YES, YES[:, None], YES.long(), YES.bool()], ids=str)
def test_yes_and_no_in_any_form(targets):
    z = X[:, :1]
    expected = ((X[:, 0] > 0) == YES.bool()).double().mean().item()
    assert accuracy(z, targets) == accuracy(z[:, 0], targets) == pytest.approx(expected)
    assert accuracy(torch.zeros(2), torch.tensor([0, 0])) == 1, "zero is not above zero"


def test_targets_that_are_no_classes_are_found_once(monkeypatch):
    asked = []

    def counted(outputs, targets):
        asked.append(len(targets))
        return accuracy(outputs, targets)

    monkeypatch.setattr("trainwell.training.evaluation.accuracy", counted)
    targets = YES.clone()
    targets[-1] = 0.5
    model = one_logit(flat=True)
    _, share = training.evaluate(model, TensorDataset(X, targets), loss=F.mse_loss, batch_size=10)
    assert math.isnan(share), "one batch without classes is enough"
    assert asked == [10, 10, 10, 10]
    training.evaluate(model, TensorDataset(X, targets.flip(0)), loss=F.mse_loss, batch_size=10)
    assert asked[4:] == [10]


NO_CLASSES = {
    "real": X[:, :1],
    "flat": X[:, 0],
    "several": X[:, :3],
    "negative rows": torch.tensor([[2.0, -1.0, 0.0]]).double().expand(40, 3),
    "signs": 2 * YES - 1,
}


@pytest.mark.parametrize("name", NO_CLASSES)
def test_real_targets_have_no_accuracy(name):
    y = NO_CLASSES[name]
    torch.manual_seed(0)
    width = y.shape[1] if y.dim() == 2 else 1
    model = nn.Sequential(nn.Linear(4, width), *[nn.Flatten(0)] * (y.dim() == 1)).double()
    history = run(model, TensorDataset(X, y), loss=F.mse_loss, validation=TensorDataset(X, y))
    assert all(math.isnan(share) for share in history.train_accuracy + history.validation_accuracy)
    assert history.train_loss[-1] < history.train_loss[0]


def test_shares_of_classes_and_maps_of_classes_still_count():
    rows = torch.tensor([[0.3, 0.7, 0.0], [0.9, 0.05, 0.05]])
    assert accuracy(rows, rows) == 1
    assert accuracy(rows, rows.flip(0)) == 0
    maps = torch.randn(5, 3, 4, 6)
    assert accuracy(maps, maps.argmax(1)) == 1


def test_mixed_labels_are_validated_on_class_numbers():
    model = network()
    history = run(model, loss=losses.mixed_label_cross_entropy, validation=data(seed=1))
    x, y = data(seed=1).tensors
    expected = F.binary_cross_entropy_with_logits(model.eval()(x), F.one_hot(y, 3).double())
    assert history.validation_loss[-1] == pytest.approx(expected.item())


def test_predict_takes_tensors_data_sets_and_loaders():
    model = network().eval()
    expected = model(data().tensors[0]).detach()
    for inputs in (data().tensors[0], data(), DataLoader(data(), 7)):
        torch.testing.assert_close(training.predict(model, inputs, batch_size=9), expected)


@pytest.mark.parametrize("inner", ["batch_sampler.sampler", "batch_sampler", "sampler"])
def test_a_sampler_is_told_the_epoch_wherever_it_is(inner):
    told = []

    class Sampler(DistributedSampler):
        def set_epoch(self, epoch):
            told.append(epoch)

    class Batches(BatchSampler):
        pass

    sampler = Sampler(data(), num_replicas=2, rank=0)
    if inner == "sampler":
        loader = DataLoader(data(), 5, sampler=sampler)  # it is that of the batches, too
    elif inner == "batch_sampler":
        batches = Batches(range(50), 5, False)
        batches.set_epoch = told.append
        loader = DataLoader(data(), batch_sampler=batches)
    else:
        loader = DataLoader(data(), batch_sampler=BatchSampler(sampler, 5, False))
    run(network(), loader, epochs=3)
    assert told == [1, 2, 3]


def test_a_schedule_belongs_to_the_optimizer():
    model, other = network(), sgd(network())
    schedule = torch.optim.lr_scheduler.LambdaLR(other, lambda step: 1.0)
    with pytest.raises(ValueError, match="schedule must be one of this optimizer, got one of another"):
        run(model, schedule=schedule)
    lookahead = optimizers.Lookahead(sgd(model))
    schedule = torch.optim.lr_scheduler.LambdaLR(lookahead.optimizer, lambda step: 0.5)
    run(model, optimizer=lookahead, schedule=schedule, epochs=1)


def test_optimizers_that_need_a_closure_are_refused():
    for factory in (torch.optim.LBFGS, optimizers.LBFGS, optimizers.Newton, optimizers.VSGD):
        model = one_logit()
        message = f"optimizer must do without a closure, got {factory.__name__}: step it in a loop of your own"
        optimizer = factory(model.parameters())
        with pytest.raises(ValueError, match=message):
            run(model, TensorDataset(X, YES[:, None]), loss=F.mse_loss, optimizer=optimizer)
        torch.optim.lr_scheduler.ConstantLR(optimizer)  # it wraps the step
        with pytest.raises(ValueError, match=message):
            range_test(model, optimizer, TensorDataset(X, YES[:, None]), loss=F.mse_loss)


@pytest.mark.parametrize("error", [ValueError, TypeError])
def test_other_errors_of_an_optimizer_stay_what_they_are(error):
    class Broken(torch.optim.SGD):
        def step(self, closure=None):
            raise error("of its own")

    model = network()
    with pytest.raises(error, match=r"^of its own$"):
        run(model, optimizer=Broken(model.parameters(), lr=0.1))


def test_the_example_of_fit_runs():
    import doctest

    example = doctest.DocTestParser().get_doctest(training.fit.__doc__, {}, "fit", None, None)
    names = {"torch": torch, "nn": nn, "fit": training.fit, "Callback": training.Callback}
    example.globs.update(names)
    torch.manual_seed(0)
    report: list[str] = []
    doctest.DocTestRunner().run(example, out=report.append)
    assert not report, "".join(report)
