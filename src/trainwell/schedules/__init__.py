"""Learning-rate schedules: functions from the step to what the learning rate is multiplied with.

Give one to :class:`torch.optim.lr_scheduler.LambdaLR`. Its step 0 is the first step of the optimizer; steps are
whatever it is stepped by, batches in :func:`trainwell.training.fit`.

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
