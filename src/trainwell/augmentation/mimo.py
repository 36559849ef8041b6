"""MIMO: one network answers for several inputs at once, and so holds an ensemble of subnetworks."""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor, nn

from .._arguments import check_at_least, check_probability
from .._shapes import Float, Int, Shaped


def mimo_batch(
    x: Shaped[Tensor, "n ..."],
    targets: Shaped[Tensor, "n ..."],
    members: int,
    *,
    batch_repetitions: int = 1,
    input_repetition: float = 0.0,
    generator: Generator | None = None,
) -> tuple[Shaped[Tensor, "examples members ..."], Shaped[Tensor, "answers ..."]]:
    r"""A batch to train a :class:`MIMO` network on: each member gets its own shuffle of the examples.

    With :math:`n` examples in ``x``, :math:`M` = ``members``, :math:`r` = ``batch_repetitions``, :math:`\rho` =
    ``input_repetition`` and an order :math:`\pi` of the examples in which each comes :math:`r` times,

    .. math::

        \tilde x_i = \bigl(x_{\pi_1(i)}, \dots, x_{\pi_M(i)}\bigr), \qquad
        \tilde y_i = \bigl(y_{\pi_1(i)}, \dots, y_{\pi_M(i)}\bigr), \qquad i = 1, \dots, rn,

    where every member's :math:`\pi_m` is :math:`\pi` with all but its last :math:`\rho r n` places shuffled anew: at
    those, all members see one example.

    Args:
        x: Examples of any shape.
        targets: One class number, or one row of probabilities, an example.
        members: How many inputs the network has.
        batch_repetitions: How often each example is in the batch. Repeating makes gradients less noisy.
        input_repetition: The share of places at which all members see one example, as at test time.
        generator: Where the shuffles are drawn from.

    Returns:
        The inputs side by side, and the targets one below the other, as the network's answers are.

    Raises:
        ValueError: If ``members`` or ``batch_repetitions`` is less than 1, or ``input_repetition`` does not lie in
            [0, 1].

    Example:
        >>> x, targets = mimo_batch(torch.rand(4, 1, 8, 8), torch.arange(4), members=3)
        >>> x.shape, targets.shape
        (torch.Size([4, 3, 1, 8, 8]), torch.Size([12]))

    Reference:
        Havasi, Jenatton, Fort, Liu, Snoek, Lakshminarayanan, Dai and Tran, *Training Independent Subnetworks for
        Robust Prediction*, 2021.
    """
    chosen = _shuffles(len(x), members, batch_repetitions, input_repetition, generator).to(x.device)
    return x[chosen], targets[chosen].flatten(0, 1)


def _shuffles(
    n: int, members: int, batch_repetitions: int, input_repetition: float, generator: Generator | None
) -> Int[Tensor, "examples members"]:
    """Which example each member sees at each place."""
    check_at_least("members", members, 1)
    check_at_least("batch_repetitions", batch_repetitions, 1)
    check_probability("input_repetition", input_repetition)
    order = _shuffled(torch.arange(n).repeat(batch_repetitions), generator)
    own, same = order.tensor_split([len(order) - round(input_repetition * len(order))])
    return torch.stack([torch.cat([_shuffled(own, generator), same]) for _ in range(members)], dim=1)


def _shuffled(x: Tensor, generator: Generator | None) -> Tensor:
    device = generator.device if generator else None
    return x[torch.randperm(len(x), generator=generator, device=device).to(x.device)]


class MIMO(nn.Module):
    r"""A network with several inputs and several outputs, one of each a member of an ensemble.

    With :math:`M` = ``members`` and :math:`f` = ``network``, which takes the members' inputs joined along their first
    dimension (an image's channels) and returns the members' logits one after the other,

    .. math::

        (z_1, \dots, z_M) = f(x_1, \dots, x_M) \quad\text{in training}, \qquad
        p(x) = \frac1M \sum_{m=1}^M \operatorname{softmax}(z_m),\ (z_1, \dots, z_M) = f(x, \dots, x)
        \quad\text{at test time}.

    In training mode it takes what :func:`mimo_batch` gives, inputs side by side, and returns one row of logits a
    member and example, in the order of its targets. In evaluation mode it takes a plain batch and returns the
    logarithm of :math:`p`, a set of logits like any other.

    Args:
        network: Takes ``members`` times as many channels as an example has, and returns ``members`` times as many
            logits as there are classes.
        members: How many inputs the network has.

    Raises:
        ValueError: If ``members`` is less than 1, or, when called, the inputs or the logits do not fit it.

    Example:
        >>> model = MIMO(nn.Sequential(nn.Flatten(), nn.Linear(3 * 64, 3 * 10)), members=3)
        >>> x, targets = mimo_batch(torch.rand(4, 1, 8, 8), torch.arange(4), members=3)
        >>> model(x).shape
        torch.Size([12, 10])
        >>> model.eval()(torch.rand(4, 1, 8, 8)).shape
        torch.Size([4, 10])

    Reference:
        Havasi, Jenatton, Fort, Liu, Snoek, Lakshminarayanan, Dai and Tran, *Training Independent Subnetworks for
        Robust Prediction*, 2021.
    """

    def __init__(self, network: nn.Module, members: int) -> None:
        super().__init__()
        check_at_least("members", members, 1)
        self.network, self.members = network, members

    def forward(self, x: Float[Tensor, "n ..."]) -> Float[Tensor, "answers classes"]:
        if self.training:
            return self.answers(x).flatten(0, 1)
        repeated = x.unsqueeze(1).expand(-1, self.members, *x.shape[1:])
        log_p = self.answers(repeated).log_softmax(dim=2)
        return log_p.logsumexp(dim=1) - math.log(self.members)  # the log of the mean, safe for tiny probabilities

    def answers(self, x: Float[Tensor, "n members ..."]) -> Float[Tensor, "n members classes"]:
        """One row of logits for each example and member."""
        if x.ndim < 3 or x.shape[1] != self.members:
            raise ValueError(f"x must hold {self.members} inputs side by side, got shape {tuple(x.shape)}")
        logits = self.network(x.flatten(1, 2))
        if logits.shape[1] % self.members:
            raise ValueError(f"network must return a multiple of {self.members} logits, got {logits.shape[1]}")
        return logits.unflatten(1, (self.members, -1))

    def extra_repr(self) -> str:
        return f"members={self.members}"
