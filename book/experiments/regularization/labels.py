"""Softer labels, and inputs chosen against the model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial

from torch import Tensor, nn
from torch.nn import functional as F

from trainwell.regularization import adversarial_loss, fgsm, gradient_penalty, label_smoothing, pgd
from trainwell.scores import accuracy
from trainwell.training import predict, seed_everything

from ..measure import Claim, Size, Trial, tune
from .common import RATES, descend, epochs, generator, mlp, scores, strokes, train, trial, unregularized

EPSILON = 0.1  # a tenth of the inputs' standard deviation


def smoothing_clean(size: Size) -> Claim:
    """Label smoothing on clean labels: calibration and accuracy."""
    return _smoothing(size, noise=0.0)


def smoothing_noisy(size: Size) -> Claim:
    """Label smoothing with 30% of the training labels wrong."""
    return _smoothing(size, noise=0.3)


def _smoothing(size: Size, noise: float) -> Claim:
    """Both arms are chosen by validation loss, which asks for good probabilities and not only for the right class."""
    grid = [{"smoothing": s, "lr": lr} for s, lr in ((0.1, 1e-3), (0.1, 3e-4), (0.05, 1e-3), (0.3, 3e-4))]
    run = partial(_smoothed, size, noise)
    return {"without": unregularized(size, noise, by="loss"), "with": tune(run, grid, size)}


def smoothing_strengths(size: Size) -> Claim:
    """Calibration against the strength of label smoothing: too little is over-confident, too much not sure enough."""
    few = replace(size, trials=1)
    strengths = (0.0, 0.05, 0.1, 0.2, 0.4)
    return {f"s{100 * s:g}": tune(partial(_smoothed, size, 0.0), [{"smoothing": s}], few) for s in strengths}


@cache
def _smoothed(size: Size, noise: float, seed: int, smoothing: float, lr: float = 1e-3) -> Trial:
    sets = strokes(seed, size.train, noise)
    seed_everything(seed)
    model = mlp()
    train(model, sets, seed, epochs(size, noise), lr=lr, loss=partial(label_smoothing, smoothing=smoothing))
    p = predict(model, sets.test.tensors[0]).softmax(1)
    return trial(model, sets, by="loss", confidence_share=p.amax(1).mean().item())


def attack(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """The attack that all models are judged by: ten steps of PGD."""
    return pgd(model, x, y, EPSILON, step_size=EPSILON / 4, steps=10, generator=generator(0))


def attacked_accuracy(model: nn.Module, x: Tensor, y: Tensor) -> float:
    model.eval()
    return accuracy(predict(model, attack(model, x, y)), y)


def robustness(size: Size) -> Claim:
    """Clean and attacked accuracy of plain training, a gradient penalty, and training on FGSM and on PGD examples."""

    def run(kind: str) -> Callable[..., Trial]:
        def once(seed: int, **setting: float) -> Trial:
            sets = strokes(seed, size.train)
            seed_everything(seed)
            model = mlp()
            lr = setting.pop("lr", 1e-3)
            loss = partial(LOSSES[kind], model, **setting)
            descend(model, sets, seed, size.epochs // 2, lr, lambda x, y: loss(x, y).backward())
            return Trial(
                attacked_accuracy(model, *sets.validation.tensors),
                lambda: scores(model, sets) | {"attacked": attacked_accuracy(model, *sets.test.tensors)},
            )

        return once

    grids = {
        "plain": RATES,
        "penalty": [{"strength": s} for s in (0.3, 0.1, 1.0, 0.03)],
        "fgsm": [{"epsilon": e} for e in (0.2, 0.1, 0.3, 0.05)],
        "pgd": [{"epsilon": e} for e in (0.2, 0.1, 0.3, 0.05)],
    }
    return {kind: tune(run(kind), grid, size) for kind, grid in grids.items()}


def _plain(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    return F.cross_entropy(model(x), y)


def _penalised(model: nn.Module, x: Tensor, y: Tensor, strength: float) -> Tensor:
    return F.cross_entropy(model(x), y) + strength * gradient_penalty(model, x, y)


def _fgsm(model: nn.Module, x: Tensor, y: Tensor, epsilon: float) -> Tensor:
    return adversarial_loss(model, x, y, partial(fgsm, epsilon=epsilon))


def _pgd(model: nn.Module, x: Tensor, y: Tensor, epsilon: float) -> Tensor:
    return adversarial_loss(model, x, y, partial(pgd, epsilon=epsilon, step_size=epsilon / 2, steps=3))


LOSSES: dict[str, Callable[..., Tensor]] = {"plain": _plain, "penalty": _penalised, "fgsm": _fgsm, "pgd": _pgd}

CLAIMS = [smoothing_clean, smoothing_noisy, smoothing_strengths, robustness]
