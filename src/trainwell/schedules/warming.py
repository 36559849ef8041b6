"""Up first, before any other schedule."""

from __future__ import annotations

from .._arguments import check_not_negative
from ._kind import Schedule


def warmup(schedule: Schedule, steps: int, start: float = 0.0) -> Schedule:
    r"""A straight way up, then any schedule.

    With :math:`w` = ``steps``, :math:`a` = ``start`` and :math:`f` the ``schedule``,

    .. math:: \bigl(a + (1 - a)\, t / w\bigr)\, f(0) \text{ before } w, \text{ then } f(t - w).

    Args:
        schedule: What comes after.
        steps: How many steps the way up takes; 0 is none.
        start: The share of the rate at step 0.

    Returns:
        The schedule.

    Raises:
        ValueError: If ``steps`` or ``start`` is negative.

    Example:
        >>> from trainwell.schedules import cosine
        >>> f = warmup(cosine(steps=100), steps=4)
        >>> [round(f(t), 3) for t in (0, 2, 4, 54, 104)]
        [0.0, 0.5, 1.0, 0.5, 0.0]

        In training, where every batch is a step: 5 epochs of 10 batches, of which the first goes up.

        >>> from torch.optim.lr_scheduler import LambdaLR
        >>> from trainwell import data, training
        >>> train = torch.utils.data.Subset(data.digits().train, range(640))
        >>> model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 10))
        >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        >>> schedule = LambdaLR(optimizer, warmup(cosine(steps=40), steps=10))
        >>> history = training.fit(model, train, epochs=5, optimizer=optimizer, schedule=schedule, progress=False)
        >>> schedule.last_epoch, schedule.get_last_lr()  # 50 steps were taken; the rate is down to zero
        (50, [0.0])

    Reference:
        Goyal et al., *Accurate, Large Minibatch SGD: Training ImageNet in 1 Hour*, 2017.

    Note:
        From 0 the very first step does not move; ``start=1 / steps`` spares it.
    """
    check_not_negative("steps", steps)
    check_not_negative("start", start)
    return lambda t: (start + (1 - start) * t / steps) * schedule(0) if t < steps else schedule(t - steps)
