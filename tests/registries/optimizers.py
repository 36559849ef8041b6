"""The optimizers: abilities say what a step needs, and what the reference can be compared in.

- ``twin``: the reference is torch's optimizer of the same arguments, and a state moves between the two.
- ``closure``: a step needs one; ``loss-only``: one that does not call backward.
- ``noiseless``: needs the same loss at every step; ``one-group``: takes no others.
- ``wrapper``: compared over 2,000 steps; ``decays``: has ``weight_decay``; ``counts``: the state has ``step``.
- ``plain``: any gradients, missing ones too, one step a call; ``jumps``: compares, so that rounding can change a lot.
- ``compiles``: a whole step as one graph; ``breaks``: not so, as it calls the closure; once for each rule.
- ``whole``: the reference needs every gradient, as it counts no steps of a parameter without, or all as one.
- ``diagonal``: takes the Hessian for diagonal, and leaves a curved valley.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import pytorch_optimizer
import timm.optim
import torch
import torch_optimizer
from torch import Tensor

from trainwell import optimizers as O

from . import Entry, abilities
from .optimizer_references import (
    AdamUncorrected,
    AdaSecantByHand,
    Ahead,
    BFGSByScipy,
    NewtonByJax,
    Optax,
    OptaxLookahead,
    VSGDByHand,
    optax,
)


def lookahead(params: Any, rule: type = O.SGD, lr: float = 0.05, k: int = 5, alpha: float = 0.5) -> O.Lookahead:
    return O.Lookahead(rule(params, lr=lr), k=k, alpha=alpha)


def lookahead_elsewhere(params: list[Tensor], rule: type, lr: float, k: int, alpha: float) -> Any:
    inner = getattr(torch.optim, rule.__name__)(params, lr=lr)
    return pytorch_optimizer.Lookahead(inner, k=k, alpha=alpha)


def lookahead_in_optax(params: list[Tensor], lr: float, k: int, alpha: float) -> Any:
    return OptaxLookahead(params, optax.lookahead(optax.sgd(lr), k, alpha))


def rmsprop_in_optax(params: list[Tensor], lr: float, alpha: float, eps: float, eps_in_root: bool) -> Any:
    return Optax(params, optax.rmsprop(lr, decay=alpha, eps=eps, eps_in_sqrt=eps_in_root))


def radam_in_optax(params: list[Tensor], lr: float, eps: float, threshold: float) -> Any:
    return Optax(params, optax.radam(lr, eps=eps, threshold=threshold))


def lamb_in_optax(params: list[Tensor], lr: float, weight_decay: float, eps: float) -> Any:
    return Optax(params, optax.lamb(lr, weight_decay=weight_decay, eps=eps))


def lars_in_timm(params: list[Tensor], trust_coefficient: float, **more: Any) -> Any:
    return timm.optim.Lars(params, trust_coeff=trust_coefficient, always_adapt=True, **more)


def ranger_elsewhere(params: list[Tensor], threshold: int = 5, **more: Any) -> Any:
    return pytorch_optimizer.Ranger(params, n_sma_threshold=threshold, degenerated_to_sgd=True, **more)


lamb_in_timm = partial(timm.optim.Lamb, max_grad_norm=None, always_adapt=True)
velocity = partial(torch.optim.SGD, nesterov=False)
framework = partial(torch.optim.SGD, nesterov=True)

_plain = "plain compiles "
_twin = _plain + "twin decays "
_adam = _twin + "counts"
_more = _adam.replace("compiles", "")  # once for each rule is enough
_lecture = {"lr": 0.02, "momentum": 0.9}
_search = {"line_search_fn": "strong_wolfe"}
_never = {"tolerance_grad": 0.0, "tolerance_change": 0.0}
_whole = "closure noiseless one-group"
_first = _whole + " breaks"  # of each rule
_wolfe = {"max_iter": 4, "max_eval": 12, **_search}
OPTIMIZERS = [
    Entry("sgd", O.SGD, {"lr": 0.05}, torch.optim.SGD, abilities(_twin)),
    Entry("sgd momentum", O.SGD, _lecture, torch.optim.SGD, abilities(_twin)),
    Entry("sgd nesterov", O.SGD, _lecture | {"nesterov": True}, torch.optim.SGD, abilities(_twin)),
    Entry("sgd decay", O.SGD, _lecture | {"weight_decay": 0.1}, torch.optim.SGD, abilities("plain twin decays")),
    Entry("momentum", O.Momentum, _lecture | {"weight_decay": 0.1}, velocity, abilities(_plain + "decays")),
    Entry("nesterov", O.Nesterov, _lecture | {"weight_decay": 0.1}, framework, abilities(_plain + "decays")),
    Entry("nesterov ahead", O.NesterovAhead, _lecture, Ahead, abilities("closure decays breaks")),
    Entry("adagrad", O.Adagrad, {"lr": 0.5}, torch.optim.Adagrad, abilities(_adam)),
    Entry(
        "adagrad with all",
        O.Adagrad,
        {"lr": 0.5, "lr_decay": 0.01, "weight_decay": 0.1, "initial_accumulator_value": 0.2, "eps": 1e-3},
        torch.optim.Adagrad,
        abilities(_more),
    ),
    Entry("rmsprop", O.RMSprop, {"lr": 0.02}, torch.optim.RMSprop, abilities(_adam)),
    Entry(
        "rmsprop with all",
        O.RMSprop,
        {"lr": 0.02, "alpha": 0.9, "eps": 1e-2, "weight_decay": 0.1},
        torch.optim.RMSprop,
        abilities(_more),
    ),
    Entry(
        "rmsprop, eps in the root",
        O.RMSprop,
        {"lr": 0.02, "alpha": 0.9, "eps": 1e-2, "eps_in_root": True},
        rmsprop_in_optax,
        abilities("plain " + "decays counts"),
    ),
    Entry("adadelta", O.Adadelta, {"lr": 0.3, "eps": 1e-2}, torch.optim.Adadelta, abilities(_adam)),
    Entry(
        "adadelta with all",
        O.Adadelta,
        {"lr": 0.2, "rho": 0.8, "eps": 0.1, "weight_decay": 0.1},
        torch.optim.Adadelta,
        abilities(_more),
    ),
    Entry("adam", O.Adam, {"lr": 0.05}, torch.optim.Adam, abilities(_adam)),
    Entry(
        "adam with all",
        O.Adam,
        {"lr": 0.05, "betas": (0.8, 0.95), "eps": 1e-2, "weight_decay": 0.1},
        torch.optim.Adam,
        abilities(_more),
    ),
    Entry(
        "adam uncorrected",
        O.Adam,
        {"lr": 0.02, "betas": (0.8, 0.95), "bias_correction": False},
        AdamUncorrected,
        abilities("plain " + "decays counts"),
    ),
    Entry("adamw", O.AdamW, {"lr": 0.05}, torch.optim.AdamW, abilities(_adam)),
    Entry(
        "adamw with all",
        O.AdamW,
        {"lr": 0.05, "betas": (0.8, 0.95), "eps": 1e-2, "weight_decay": 0.1},
        torch.optim.AdamW,
        abilities(_more),
    ),
    Entry("nadam", O.NAdam, {"lr": 0.05}, torch.optim.NAdam, abilities(_adam)),
    Entry(
        "nadam with all",
        O.NAdam,
        {"lr": 0.05, "betas": (0.8, 0.95), "eps": 1e-2, "weight_decay": 0.1, "momentum_decay": 0.1},
        torch.optim.NAdam,
        abilities(_more),
    ),
    Entry("radam", O.RAdam, {"lr": 0.05}, torch.optim.RAdam, abilities(_adam)),
    Entry(
        "radam with all",
        O.RAdam,
        {"lr": 0.05, "betas": (0.8, 0.95), "eps": 1e-2, "weight_decay": 0.1},
        torch.optim.RAdam,
        abilities(_more),
    ),
    Entry(
        "radam, the paper's threshold",
        O.RAdam,
        {"lr": 0.05, "eps": 1e-16, "threshold": 4},
        radam_in_optax,
        abilities(_plain + "decays counts"),
    ),
    Entry("adasecant", O.AdaSecant, {}, AdaSecantByHand, abilities("jumps compiles")),
    Entry(
        "adasecant with all",
        O.AdaSecant,
        {"lr": 0.5, "decay": 0.9, "gamma_clip": 1.1, "eps": 1e-3},
        AdaSecantByHand,
        abilities("jumps"),
    ),
    Entry("vsgd", O.VSGD, {}, VSGDByHand, abilities("closure counts diagonal breaks")),
    Entry(
        "vsgd with all",
        O.VSGD,
        {"lr": 0.5, "init_samples": 3, "slow_constant": 5.0, "eps": 0.1},
        VSGDByHand,
        abilities("closure counts diagonal"),
    ),
    Entry(
        "lookahead",
        lookahead,
        {"rule": O.Adam, "lr": 0.02, "k": 7, "alpha": 0.3},
        lookahead_elsewhere,
        abilities("wrapper compiles whole"),
    ),
    Entry(
        "lookahead, optax",
        lookahead,
        {"lr": 0.05, "k": 5, "alpha": 0.5},
        lookahead_in_optax,
        abilities("wrapper whole"),
    ),
    Entry("ranger", O.Ranger, {"lr": 0.05}, ranger_elsewhere, abilities("wrapper decays compiles whole")),
    Entry(
        "ranger with all",
        O.Ranger,
        {"lr": 0.05, "betas": (0.9, 0.99), "eps": 1e-3, "weight_decay": 0.1, "k": 4, "alpha": 0.3},
        ranger_elsewhere,
        abilities("wrapper decays whole"),
    ),
    Entry(
        "lars",
        O.LARS,
        {"lr": 1.0, "momentum": 0.9, "trust_coefficient": 0.02},
        lars_in_timm,
        abilities(_plain + "decays"),
    ),
    Entry(
        "lars with decay",
        O.LARS,
        {"lr": 1.0, "momentum": 0.8, "weight_decay": 0.1, "trust_coefficient": 0.02, "eps": 0.1},
        torch_optimizer.LARS,
        abilities("plain " + "decays"),
    ),
    Entry("lamb", O.LAMB, {"lr": 0.02}, lamb_in_timm, abilities(_plain + "decays counts")),
    Entry(
        "lamb with all",
        O.LAMB,
        {"lr": 0.02, "betas": (0.8, 0.95), "weight_decay": 0.1, "eps": 1e-2},
        lamb_in_timm,
        abilities("plain " + "decays counts"),
    ),
    Entry(
        "lamb, optax",
        O.LAMB,
        {"lr": 0.02, "weight_decay": 0.1, "eps": 1e-3},
        lamb_in_optax,
        abilities("plain " + "decays counts"),
    ),
    Entry("newton", O.Newton, {"damping": 3.0}, NewtonByJax, abilities(_first + " loss-only")),
    Entry("newton, small steps", O.Newton, {"lr": 0.3, "damping": 2.0}, NewtonByJax, abilities(_whole + " loss-only")),
    Entry("bfgs", O.BFGS, {"lr": 0.5, "max_iter": 1, **_never}, BFGSByScipy, abilities(_first)),
    Entry("lbfgs", O.LBFGS, {"lr": 0.5, "max_iter": 2}, torch.optim.LBFGS, abilities(_first + " twin")),
    Entry(
        "lbfgs, short memory",
        O.LBFGS,
        {"lr": 0.5, "max_iter": 3, "history_size": 3},
        torch.optim.LBFGS,
        abilities(_whole + " twin"),
    ),
    Entry("lbfgs, wolfe", O.LBFGS, _wolfe, torch.optim.LBFGS, abilities(_whole + " twin")),
    Entry("lbfgs, too far", O.LBFGS, _wolfe | {"lr": 3.0}, torch.optim.LBFGS, abilities(_whole + " twin")),
    Entry("lbfgs, too short", O.LBFGS, _wolfe | {"lr": 0.01}, torch.optim.LBFGS, abilities(_whole + " twin")),
]
NO_OPTIMIZERS = {
    *("ClipNorm", "ClipValue", "clip_grad_norm_", "clip_grad_value_", "UpdateRatio", "update_ratio"),
    *("centralize", "rectification", "trust_ratio"),
}
