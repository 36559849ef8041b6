"""Sanity checks before training in earnest: the first loss, the penalty, twenty examples, the learning rate."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.modules.dropout import _DropoutNd
from torch.optim import Optimizer
from torch.utils.data import DataLoader, Dataset

from .._arguments import check_at_least
from ..scores import accuracy
from ..training import Loss, batches
from .curves import diagnose_learning_rate
from .explosions import _exploded

MakeOptimizer = Callable[[Iterable[nn.Parameter]], Optimizer]
Batch = tuple[Tensor, Tensor]

BATCH = 256  # examples that the first loss is measured on
NEAR = 0.2  # how far the first loss may be from log C, as a share of it
SOLVED = 0.05  # a loss that counts as zero

ADVICE = {
    "nan": "lower the learning rate by powers of ten; then look for a logarithm or a division of zero",
    "too high": "lower the learning rate by a factor of 3 to 10, or check the initialisation",
    "too low": "raise the learning rate by a factor of 3 to 10, or check the initialisation",
    "fine": "allow more steps, a higher learning rate or a larger model, or check the labels and the loss",
}


@dataclass(frozen=True)
class Check:
    """One line of a :class:`SanityReport`.

    Args:
        name: What was checked.
        expected: What should be.
        found: What is.
        passed: Whether that is as it should be.
        advice: What to do if it is not.

    Example:
        >>> print(Check("first loss", "2.30", "7.91", passed=False, advice="draw smaller weights"))
        first loss           expected 2.30              found 7.91                 FAILED: draw smaller weights
    """

    name: str
    expected: str
    found: str
    passed: bool
    advice: str = ""

    def __str__(self) -> str:
        verdict = "ok" if self.passed else f"FAILED: {self.advice}"
        return f"{self.name:<20} expected {self.expected:<17} found {self.found:<20} {verdict}"


@dataclass(frozen=True)
class SanityReport:
    """What :func:`sanity_report` found: print it.

    Args:
        checks: The checks, in the order in which they were made.

    Example:
        >>> SanityReport([Check("first loss", "2.30", "2.31", passed=True)]).passed
        True
    """

    checks: list[Check]

    @property
    def passed(self) -> bool:
        """Whether all of them passed."""
        return all(check.passed for check in self.checks)

    def __str__(self) -> str:
        return "\n".join(map(str, self.checks))


def sanity_report(
    model: nn.Module,
    train: Dataset[Any] | DataLoader[Any],
    make_optimizer: MakeOptimizer,
    *,
    loss: Loss = F.cross_entropy,
    penalty: Callable[[nn.Module], Tensor] | None = None,
    examples: int = 20,
    steps: int = 200,
) -> SanityReport:
    r"""Checks a classifier before it is trained in earnest; the model is left as it is.

    - The first loss, without regularisation, is that of guessing among :math:`C` classes,
      :math:`-\log\frac1C = \log C`, within 20%; it and its gradients are finite.
    - The penalty raises the loss.
    - Without penalty and dropout the model learns ``examples`` examples by heart: all right, and a loss of at
      most 0.05, within ``steps`` steps on all of them.
    - The learning rate with which it did so is neither too low nor too high, see :func:`diagnose_learning_rate`.

    Args:
        model: A classifier as it is before training; its outputs are logits, one a class.
        train: The training data; the first 256 examples are used.
        make_optimizer: Makes an optimizer from parameters: ``partial(torch.optim.Adam, lr=1e-3)``.
        loss: ``loss(outputs, labels)``, a scalar; log C is the cross-entropy's.
        penalty: ``penalty(model)``, which will be added to the loss; not checked when there is none.
        examples: How many examples to learn by heart.
        steps: How many steps it may take.

    Returns:
        A report that prints as a table, with what to do where a check failed.

    Raises:
        ValueError: If ``examples`` or ``steps`` is less than 1, ``make_optimizer`` is an optimizer made already, or
            ``train`` is a tuple of tensors.

    Example:
        >>> from functools import partial
        >>> from trainwell import data
        >>> model = nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
        >>> report = sanity_report(model, data.digits().train, partial(torch.optim.Adam, lr=0.01))
        >>> report.passed
        True

    Reference:
        Karpathy and Johnson, lecture notes of Stanford's course CS231n, 2016, on sanity checks.
    """
    _check_maker("make_optimizer", make_optimizer, "a class, or a partial of one")
    check_at_least("examples", examples, 1)
    check_at_least("steps", steps, 1)
    x, y = _first_examples(model, train, BATCH)
    checks = [_check_first_loss(model, x, y, loss=loss)]
    if penalty is not None:
        checks.append(_check_penalty(model, penalty))
    losses, share = _learn_by_heart(model, x[:examples], y[:examples], make_optimizer, loss, steps)
    return SanityReport([*checks, _check_learned(losses, share, examples), _check_learning_rate(losses)])


def _check_maker(name: str, make: Callable[..., Any], expected: str) -> None:
    """Raises ValueError if something is made already that is to be made anew for each run."""
    if isinstance(make, (Optimizer, nn.Module)) or not callable(make):
        raise ValueError(f"{name} must make a new one when it is called ({expected}), got {type(make).__name__}")


def _first_examples(model: nn.Module, train: Dataset[Any] | DataLoader[Any], n: int) -> Batch:
    """The first examples of a data set, or of the first batch of a loader, on the model's device."""
    x, y = next(iter(batches(train, n, next(model.parameters()).device)))
    return x[:n], y[:n]


def _check_first_loss(model: nn.Module, x: Tensor, y: Tensor, *, loss: Loss = F.cross_entropy) -> Check:
    """Whether a classifier starts by guessing, and the loss and its gradients are finite."""
    model = _without_dropout(model)
    outputs = model(x)
    value, guess = loss(outputs, y), math.log(outputs.shape[1])
    value.backward()
    finite = all(g.isfinite().all() for p in model.parameters() if (g := p.grad) is not None)
    near = abs(value.item() - guess) <= NEAR * guess
    found = f"{value.item():.3f}" + ("" if finite else ", gradients not finite")
    advice = "draw the last layer's weights smaller, normalise the inputs, count the classes"
    return Check("first loss", f"{guess:.3f} ± {NEAR:.0%}", found, near and finite, advice)


def _check_penalty(model: nn.Module, penalty: Callable[[nn.Module], Tensor]) -> Check:
    """Whether regularisation raises the loss."""
    with torch.no_grad():
        value = float(penalty(model))
    advice = "check the penalty's sign, its strength and the parameters that it is given"
    return Check("penalty", "loss goes up", f"by {value:.3g}", 0 < value < math.inf, advice)


def _check_learning_rate(losses: list[float]) -> Check:
    verdict = diagnose_learning_rate(losses)
    return Check("learning rate", "fine", verdict, verdict == "fine", ADVICE[verdict])


def _check_learned(losses: list[float], share: float, examples: int) -> Check:
    found = f"{losses[-1]:.3g}, {share:.0%} right"
    solved = losses[-1] <= SOLVED and share == 1
    advice = ADVICE[diagnose_learning_rate(losses)]
    return Check(f"{examples} examples", f"≤ {SOLVED}, all right", found, solved, advice)


def _learn_by_heart(
    model: nn.Module, x: Tensor, y: Tensor, make_optimizer: MakeOptimizer, loss: Loss, steps: int
) -> tuple[list[float], float]:
    """Full-batch steps on a copy until the loss counts as zero; the losses, one more than steps, and the accuracy."""
    model = _without_dropout(model)
    optimizer, losses = make_optimizer(model.parameters()), []
    while True:
        outputs = model(x)
        value, share = loss(outputs, y), accuracy(outputs.detach(), y)
        losses.append(value.item())
        solved = len(losses) > 1 and losses[-1] <= SOLVED and share == 1
        if solved or len(losses) > steps or _exploded(losses):
            return losses, share
        optimizer.zero_grad()
        value.backward()
        optimizer.step()


def _without_dropout(model: nn.Module) -> nn.Module:
    """A copy in training mode whose dropout is off."""
    model = copy.deepcopy(model).train()
    model.zero_grad()
    for module in model.modules():
        if isinstance(module, _DropoutNd):
            module.eval()
    return model
