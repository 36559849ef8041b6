"""Search spaces: a plain dict from the name of a hyperparameter to what draws its values."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Generator

from .._arguments import check_at_least

Config = dict[str, Any]  # one value for each name


def log_uniform(low: float, high: float, *, generator: Generator | None = None) -> float:
    r"""Draws a number whose logarithm is uniform: for learning rates and strengths, whose order of magnitude counts.

    With the bounds :math:`a` = ``low`` and :math:`b` = ``high``,

    .. math:: x = e^u, \quad u \sim U[\log a, \log b], \qquad p(x) = \frac{1}{x\log(b/a)}.

    Args:
        low: The smallest value, above zero.
        high: The largest value.
        generator: Where it is drawn from.

    Returns:
        A number from ``low`` to ``high``.

    Raises:
        ValueError: If ``low`` is not positive, or ``high`` is less than ``low``.

    Example:
        >>> g = torch.Generator().manual_seed(0)
        >>> draws = [log_uniform(1e-6, 1e-3, generator=g) for _ in range(1000)]
        >>> round(sum(x < 1e-5 for x in draws) / 1000, 1)  # a third of the draws for each of the three decades
        0.3

    Reference:
        Bergstra and Bengio, *Random Search for Hyper-Parameter Optimization*, 2012.

    Note:
        A lecture writes ``lr = 10**uniform(-3, -6)``: the same, with its bounds the wrong way round.
    """
    _check_range(low, high, positive=True)
    u = torch.empty((), dtype=torch.float64).uniform_(math.log(low), math.log(high), generator=generator)
    return min(max(math.exp(u.item()), low), high)  # the exponential may round past a bound


def _check_range(low: float, high: float, positive: bool = False) -> None:
    if positive and not low > 0:
        raise ValueError(f"low must be positive, got {low}")
    if not low <= high < math.inf:
        raise ValueError(f"high must be finite and at least low, got low={low} and high={high}")


@dataclass(frozen=True)
class LogUniform:
    """:func:`log_uniform` as a part of a search space.

    Args:
        low: The smallest value, above zero.
        high: The largest value.

    Raises:
        ValueError: If ``low`` is not positive, or ``high`` is less than ``low``.

    Example:
        >>> LogUniform(1e-4, 1e-1).grid(4)
        [0.0001, 0.001, 0.01, 0.1]
    """

    low: float
    high: float

    def __post_init__(self) -> None:
        _check_range(self.low, self.high, positive=True)

    def __call__(self, *, generator: Generator | None = None) -> float:
        return log_uniform(self.low, self.high, generator=generator)

    def grid(self, points: int) -> list[float]:
        """So many values at equal ratios, both bounds among them; the geometric middle for one."""
        if points == 1:
            return [math.sqrt(self.low * self.high)]
        return [float(x) for x in np.geomspace(self.low, self.high, points)]

    def narrow(self, values: Sequence[float]) -> LogUniform:
        """The range that these values span."""
        return LogUniform(min(values), max(values))


@dataclass(frozen=True)
class Uniform:
    """A uniform number as a part of a search space, where :class:`LogUniform` will not do: a dropout rate, say.

    Args:
        low: The smallest value.
        high: The largest value.

    Raises:
        ValueError: If ``high`` is less than ``low``.

    Example:
        >>> Uniform(0.0, 0.5).grid(3)
        [0.0, 0.25, 0.5]
    """

    low: float
    high: float

    def __post_init__(self) -> None:
        _check_range(self.low, self.high)

    def __call__(self, *, generator: Generator | None = None) -> float:
        return torch.empty((), dtype=torch.float64).uniform_(self.low, self.high, generator=generator).item()

    def grid(self, points: int) -> list[float]:
        """So many values at equal distances, both bounds among them; the middle for one."""
        if points == 1:
            return [(self.low + self.high) / 2]
        return [float(x) for x in np.linspace(self.low, self.high, points)]

    def narrow(self, values: Sequence[float]) -> Uniform:
        """The range that these values span."""
        return Uniform(min(values), max(values))


@dataclass(frozen=True)
class Choice:
    """One of some values as a part of a search space, each as likely; the third kind beside :class:`LogUniform`.

    Args:
        values: What there is to choose from: numbers, names, flags.

    Raises:
        ValueError: If there are none.

    Example:
        >>> Choice([32, 64])(generator=torch.Generator().manual_seed(0))
        32
    """

    values: Sequence[Any]

    def __post_init__(self) -> None:
        if not self.values:
            raise ValueError("values must hold at least one value, got none")

    def __call__(self, *, generator: Generator | None = None) -> Any:
        return self.values[int(torch.randint(len(self.values), (), generator=generator))]

    def grid(self, points: int) -> list[Any]:
        """All the values, however many points the other ranges get."""
        return list(self.values)

    def narrow(self, values: Sequence[Any]) -> Choice:
        """The values that occur among these."""
        return Choice([value for value in self.values if value in values])


Sampler = LogUniform | Uniform | Choice
Space = Mapping[str, Sampler]


def _check_space(space: Space) -> None:
    """Raises ValueError unless each entry is a sampler."""
    for name, sampler in space.items():
        if not isinstance(sampler, Sampler):
            raise ValueError(
                f"space[{name!r}] must be a sampler: LogUniform(low, high), Uniform(low, high) or Choice(values), "
                f"got {sampler!r}"
            )


def sample(space: Space, *, generator: Generator | None = None) -> Config:
    """Draws one configuration, each of its values by itself, as in :func:`random_search`.

    Args:
        space: What draws the values, by name.
        generator: Where they are drawn from, in the order of the dict.

    Returns:
        One value for each name.

    Raises:
        ValueError: If an entry of ``space`` is no sampler, but a list for instance.

    Example:
        >>> space = {"lr": LogUniform(1e-4, 1e-1), "width": Choice([32, 64])}
        >>> sorted(sample(space))
        ['lr', 'width']
    """
    _check_space(space)
    return {name: sampler(generator=generator) for name, sampler in space.items()}


def grid(space: Space, points: int = 3) -> list[Config]:
    """All combinations of some values of each hyperparameter, as in :func:`grid_search`.

    Args:
        space: What there is to search, by name.
        points: How many values each range gets; a :class:`Choice` gives all of its values.

    Returns:
        The configurations; the last name varies fastest.

    Raises:
        ValueError: If ``points`` is less than 1, or an entry of ``space`` is no sampler.

    Example:
        >>> grid({"lr": LogUniform(1e-3, 1e-1), "width": Choice([32, 64])}, points=2)
        [{'lr': 0.001, 'width': 32}, {'lr': 0.001, 'width': 64}, {'lr': 0.1, 'width': 32}, {'lr': 0.1, 'width': 64}]
    """
    check_at_least("points", points, 1)
    _check_space(space)
    values = (sampler.grid(points) for sampler in space.values())
    return [dict(zip(space, combination, strict=True)) for combination in itertools.product(*values)]
