"""Which examples a batch is made of: repeated augmentation puts several versions of one example into it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sized

import torch
from torch import distributed
from torch.utils.data import Sampler

from .._arguments import check_at_least


class RepeatedAugmentationSampler(Sampler[int]):
    r"""Every example several times in a row, each time to be augmented anew.

    With :math:`n` = ``len(dataset)``, :math:`m` = ``num_repeats``, :math:`R` = ``num_replicas``, :math:`r` = ``rank``,
    :math:`s` = ``selected_round`` and :math:`\pi` an order of the data set drawn for the epoch, the :math:`k`-th of a
    process's :math:`N` examples is

    .. math:: i_k = \pi\Bigl(\Bigl\lfloor\frac{r + R\,k}{m}\Bigr\rfloor \bmod n\Bigr), \qquad
        N = \begin{cases} \lfloor s \lfloor n/s \rfloor / R \rfloor & 0 < s \le n \\
        \lceil n/R \rceil & \text{otherwise.} \end{cases}

    So an epoch is about as long as without repeats, but sees only every :math:`m`-th example; over the epochs all get
    their turn. With several processes the versions of one example go to different ones.

    Args:
        dataset: What to sample from; only its length matters.
        num_replicas: How many processes share the epoch. By default the process group's, or 1 without one.
        rank: Which of them this is. By default the process group's, or 0 where there is one process.
        shuffle: Whether to draw an order for every epoch.
        num_repeats: How often an example comes; a batch is best a multiple of it.
        selected_round: The epoch is rounded down to a multiple of so many examples, over all processes, where the
            data set is as large; 0 for no rounding.
        seed: Where the orders are drawn from; the same in all processes.

    Raises:
        ValueError: If the data set is empty, ``num_repeats`` or ``num_replicas`` is less than 1, or ``rank`` is not
            one of the processes, or not known.

    Example:
        >>> list(RepeatedAugmentationSampler(range(6), num_repeats=3, shuffle=False))
        [0, 0, 0, 1, 1, 1]

    Reference:
        Hoffer, Ben-Nun, Hubara, Giladi, Hoefler and Soudry, *Augment Your Batch: Improving Generalization Through
        Instance Repetition*, 2020 (first 2019), which makes the batch larger; Berman, Jégou, Vedaldi, Kokkinos and
        Douze, *MultiGrain: a Unified Image Embedding for Classes and Instances*, 2019, which keeps its size, as here.

    Note:
        The order is that of timm's ``RepeatAugSampler``, which needs a process group. Call :meth:`set_epoch` before
        each epoch, as with :class:`torch.utils.data.DistributedSampler`: :func:`trainwell.training.fit` does.
    """

    def __init__(
        self,
        dataset: Sized,
        num_replicas: int | None = None,
        rank: int | None = None,
        shuffle: bool = True,
        num_repeats: int = 3,
        selected_round: int = 256,
        *,
        seed: int = 0,
    ) -> None:
        grouped = distributed.is_available() and distributed.is_initialized()
        self.num_replicas = num_replicas if num_replicas is not None else distributed.get_world_size() if grouped else 1
        self.rank = rank if rank is not None else distributed.get_rank() if grouped else 0
        if rank is None and not grouped and self.num_replicas > 1:
            raise ValueError(f"rank must be given where there is no process group, got None of {num_replicas}")
        check_at_least("len(dataset)", len(dataset), 1)
        check_at_least("num_replicas", self.num_replicas, 1)
        check_at_least("num_repeats", num_repeats, 1)
        check_at_least("selected_round", selected_round, 0)
        if not 0 <= self.rank < self.num_replicas:
            raise ValueError(f"rank must be from 0 to {self.num_replicas - 1}, got {self.rank}")
        self.dataset, self.shuffle, self.num_repeats, self.seed = dataset, shuffle, num_repeats, seed
        self.selected_round, self.epoch = selected_round, 0

    def __iter__(self) -> Iterator[int]:
        n = len(self.dataset)
        generator = torch.Generator().manual_seed(self.seed + self.epoch)
        order = torch.randperm(n, generator=generator) if self.shuffle else torch.arange(n)
        mine = torch.arange(self.rank, self.num_replicas * len(self), self.num_replicas)
        return iter(order[mine // self.num_repeats % n].tolist())

    def __len__(self) -> int:
        n = len(self.dataset)
        if self.selected_round and n >= self.selected_round:
            return n // self.selected_round * self.selected_round // self.num_replicas
        return math.ceil(n / self.num_replicas)

    def set_epoch(self, epoch: int) -> None:
        """Has the next pass draw the order of this epoch."""
        self.epoch = epoch
