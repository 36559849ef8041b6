"""The data, the networks and the training that the claims share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import TensorDataset

from trainwell import data
from trainwell.data import Split
from trainwell.scores import accuracy, calibration_error
from trainwell.training import batches, evaluate, fit, predict, seed_everything

from ..measure import Arm, Size, Trial, tune

RATES = [{"lr": lr} for lr in (1e-3, 3e-4, 3e-3, 1e-4)]
NOISY_RATES = [{"lr": lr} for lr in (1e-3, 3e-4, 1e-4, 3e-5)]  # with wrong labels slower is better


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@cache
def strokes(seed: int, train: int, noise: float = 0.0) -> Split:
    """MNIST-1D-like data: ``train`` examples, some with wrong labels; 1,000 clean ones each to choose and to report."""
    sets = data.mnist1d(4000, seed=seed)
    few = TensorDataset(*sets.train[:train])
    return sets._replace(train=data.noisy_labels(few, noise, generator=generator(seed)))


def mlp(width: int = 256, after: Callable[[], nn.Module] = nn.Identity, before: Sequence[nn.Module] = ()) -> nn.Module:
    """Two hidden layers of ReLU; ``after`` makes what follows each of them."""
    hidden = [nn.Linear(40, width), nn.ReLU(), after(), nn.Linear(width, width), nn.ReLU(), after()]
    return nn.Sequential(*before, *hidden, nn.Linear(width, 10))


def train(model: nn.Module, sets: Split, seed: int, epochs: int, *, lr: float = 1e-3, **settings: Any) -> Any:
    """Trains by Adam unless told otherwise; the history of the run."""
    optimizer = settings.pop("optimizer", None) or torch.optim.Adam(model.parameters(), lr)
    settings = {"batch_size": 100, "device": "cpu", "progress": False, "generator": generator(seed)} | settings
    return fit(model, sets.train, epochs=epochs, optimizer=optimizer, **settings)


def scores(model: nn.Module, sets: Split) -> dict[str, float]:
    """Test accuracy, test loss and calibration error."""
    x, y = sets.test.tensors
    logits = predict(model, x)
    return {
        "accuracy": accuracy(logits, y),
        "loss": F.cross_entropy(logits, y).item(),
        "calibration_error": calibration_error(logits.softmax(1), y),
    }


def trial(model: nn.Module, sets: Split, by: str = "accuracy", **more: float) -> Trial:
    """A trained model, judged by its validation accuracy or by its validation loss."""
    loss, share = evaluate(model, sets.validation)
    return Trial(share if by == "accuracy" else -loss, lambda: scores(model, sets) | more)


@cache
def unregularized(size: Size, noise: float = 0.0, by: str = "accuracy") -> Arm:
    """What others are compared with: no regularization, the learning rate tuned; twice the epochs with wrong labels."""

    def run(seed: int, lr: float) -> Trial:
        sets = strokes(seed, size.train, noise)
        seed_everything(seed)
        model = mlp()
        train(model, sets, seed, epochs(size, noise), lr=lr)
        return trial(model, sets, by)

    return tune(run, NOISY_RATES if noise else RATES, size)


def epochs(size: Size, noise: float) -> int:
    """Wrong labels take longer to learn by heart."""
    return 2 * size.epochs if noise else size.epochs


def descend(model: nn.Module, sets: Split, seed: int, epochs: int, lr: float, backward: Callable[..., None]) -> None:
    """The loop for methods that need the inputs: ``backward(x, y)`` computes the loss and its gradient."""
    optimizer = torch.optim.Adam(model.parameters(), lr)
    shuffles = generator(seed)
    model.train()
    for _ in range(epochs):
        for x, y in batches(sets.train, 100, "cpu", shuffle=True, generator=shuffles):
            optimizer.zero_grad()
            backward(x, y)
            optimizer.step()
