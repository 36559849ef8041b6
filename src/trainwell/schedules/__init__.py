"""Learning-rate schedules: functions from the step to what the learning rate is multiplied with.

Give one to :class:`torch.optim.lr_scheduler.LambdaLR`, which multiplies the optimizer's learning rate with it::

    from torch.optim.lr_scheduler import LambdaLR
    from trainwell.schedules import cosine, warmup

    schedule = LambdaLR(optimizer, warmup(cosine(steps=900), steps=100))
    fit(model, train, epochs=10, optimizer=optimizer, schedule=schedule)  # 10 epochs of 100 batches

A schedule's step 0 is the optimizer's first; steps are whatever it is stepped by, batches in
:func:`trainwell.training.fit`.

- ``steps``: constant, step and multi-step, exponential.
- ``curves``: linear, inverse square root, cosine, cosine with restarts.
- ``warming``: warmup before any of them.
"""

from .curves import cosine, inverse_sqrt, linear, restarts
from .steps import constant, exponential, multi_step, step
from .warming import warmup

__all__ = [
    "constant",
    "cosine",
    "exponential",
    "inverse_sqrt",
    "linear",
    "multi_step",
    "restarts",
    "step",
    "warmup",
]
