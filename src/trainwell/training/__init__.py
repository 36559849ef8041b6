"""The training loop: one epoch after another, a history, callbacks, a progress bar.

- ``loop``: the loop itself; ``history``: what it measures and whom it tells.
- ``loading``: batches on a device; ``evaluation``: a model as it stands.
- ``machine``: devices and seeds; ``tensorboard``: curves to watch while a run goes on.
"""

from .evaluation import evaluate, evaluating, predict
from .history import Callback, History
from .loading import Batches, batches
from .loop import Loss, fit
from .machine import pick_device, seed_everything
from .tensorboard import TensorBoard

__all__ = [
    "Batches",
    "Callback",
    "History",
    "Loss",
    "TensorBoard",
    "batches",
    "evaluate",
    "evaluating",
    "fit",
    "pick_device",
    "predict",
    "seed_everything",
]
