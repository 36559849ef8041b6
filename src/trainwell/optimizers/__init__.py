"""Optimizers: rules that read like their formulas, with torch's arguments and torch's state.

- ``sgd``: gradient descent, momentum in both forms, Nesterov's in its three.
- ``adaptive``: AdaGrad, RMSProp, Adadelta; ``adam``: Adam, AdamW, NAdam; ``radam``: RAdam.
- ``pesky``: vSGD; ``secant``: AdaSecant: no learning rate to choose.
- ``lookahead``: Lookahead around any other, and Ranger; ``layerwise``: LARS and LAMB, for large batches.
- ``newton``, ``bfgs``: second order, for small problems and full batches.
- ``clipping``: gradients cut; ``ratios``: steps measured.
"""

from .adam import Adam, AdamW, NAdam
from .adaptive import Adadelta, Adagrad, RMSprop
from .bfgs import BFGS, LBFGS
from .clipping import ClipNorm, ClipValue, clip_grad_norm_, clip_grad_value_
from .layerwise import LAMB, LARS, trust_ratio
from .lookahead import Lookahead, Ranger, centralize
from .newton import Newton
from .pesky import VSGD
from .radam import RAdam, rectification
from .ratios import UpdateRatio, update_ratio
from .secant import AdaSecant
from .sgd import SGD, Momentum, Nesterov, NesterovAhead

__all__ = [
    "BFGS",
    "LAMB",
    "LARS",
    "LBFGS",
    "SGD",
    "VSGD",
    "AdaSecant",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "ClipNorm",
    "ClipValue",
    "Lookahead",
    "Momentum",
    "NAdam",
    "Nesterov",
    "NesterovAhead",
    "Newton",
    "RAdam",
    "RMSprop",
    "Ranger",
    "UpdateRatio",
    "centralize",
    "clip_grad_norm_",
    "clip_grad_value_",
    "rectification",
    "trust_ratio",
    "update_ratio",
]
