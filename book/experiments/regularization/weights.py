"""Penalties on the weights, weight decay, early stopping."""

from __future__ import annotations

from dataclasses import replace

import torch
from sklearn.datasets import load_diabetes
from sklearn.linear_model import ElasticNet, Lasso, Ridge
from torch import Tensor, nn

from trainwell.regularization import (
    EarlyStopping,
    coupled_decay_,
    decay_groups,
    decoupled_decay_,
    elastic_net_strengths,
    l1,
    l2,
    proximal_l1_,
    soft_threshold,
)
from trainwell.training import Callback, evaluate, seed_everything

from ..measure import Arm, Claim, Size, Trial, arm, tune
from .common import NOISY_RATES, mlp, scores, strokes, train, trial, unregularized


def overfitting(size: Size) -> Claim:
    """With 30% of the labels wrong, training accuracy goes on rising after validation accuracy has turned."""
    reports, curves = [], []
    for seed in range(size.seeds):
        sets = strokes(seed, size.train, noise=0.3)
        seed_everything(seed)
        model = mlp()
        history = train(model, sets, seed, 2 * size.epochs, validation=sets.validation)
        curves.append(history)
        best = max(history.validation_accuracy)
        reports.append({
            "train_accuracy": evaluate(model, sets.train)[1],
            "last_accuracy": history.validation_accuracy[-1],
            "best_accuracy": best,
            "best_epoch": 1.0 + history.validation_accuracy.index(best),
        })  # fmt: skip
    return {"plain": arm(reports, {"lr": 1e-3, "noise": 0.3})}


class Proximal(Callback):
    """The proximal step of l1 after each step of gradient descent."""

    def __init__(self, lr: float, strength: float) -> None:
        self.threshold = lr * strength

    def on_step(self, model: nn.Module, step: int) -> None:
        proximal_l1_(weights(model), self.threshold)


def weights(model: nn.Module) -> list[Tensor]:
    """The weight matrices, without the biases."""
    return [w for w in model.parameters() if w.ndim > 1]


def sparsity(size: Size) -> Claim:
    """The proximal step makes weights exactly zero; at the same strength the subgradient makes none, nor does l2."""
    lr, strength = 0.3, 5e-4
    times = 5  # the squares are that much stronger
    penalties = {
        "none": None,
        "proximal": None,
        "subgradient": lambda model: l1(weights(model), strength),
        "l2": lambda model: l2(weights(model), times * strength),
    }

    def once(kind: str, seed: int) -> dict[str, float]:
        sets = strokes(seed, size.train)
        seed_everything(seed)
        model = mlp()
        optimizer = torch.optim.SGD(model.parameters(), lr)
        step = [Proximal(lr, strength)] if kind == "proximal" else []
        train(model, sets, seed, size.epochs, penalty=penalties[kind], optimizer=optimizer, callbacks=step)
        flat = torch.cat([w.detach().abs().flatten() for w in weights(model)])
        return {
            "accuracy": scores(model, sets)["accuracy"],
            "zeros": (flat == 0).double().mean().item(),
            "small_share": (flat < 1e-3).double().mean().item(),
        }

    settings = {"l2": {"times": times}}
    return {kind: arm([once(kind, s) for s in range(size.seeds)], settings.get(kind)) for kind in penalties}


def regression() -> tuple[Tensor, Tensor]:
    """Scikit-learn's diabetes data with columns and targets of mean 0 and variance 1."""
    x, y = (torch.tensor(a) for a in load_diabetes(return_X_y=True))
    return (x - x.mean(0)) / x.std(0), (y - y.mean()) / y.std()


def descend(x: Tensor, y: Tensor, l1: Tensor, l2: Tensor, steps: int) -> Tensor:
    """Minimises half the mean squared error plus penalties by proximal gradient descent, one column a strength."""
    n, lr = len(y), 1 / torch.linalg.eigvalsh(x.T @ x / len(y))[-1].item()
    w = torch.zeros(x.shape[1], len(l1), dtype=x.dtype)
    for _ in range(steps):
        v = w - lr * x.T @ (x @ w - y.unsqueeze(1)) / n
        w = lr * l1 * soft_threshold(v / (lr * l1), 1.0) / (1 + lr * l2)  # each column has a threshold of its own
    return w.T


def coefficient_paths(size: Size) -> Claim:
    """Proximal gradient descent ends at the coefficients of scikit-learn's ridge, lasso and elastic net."""
    x, y = regression()
    strengths, tiny = torch.logspace(-3, 0, 8, dtype=torch.float64), torch.full((8,), 1e-300, dtype=torch.float64)
    both = torch.tensor([elastic_net_strengths(a, l1_ratio=0.5) for a in strengths.tolist()], dtype=torch.float64).T
    exact = {"fit_intercept": False, "tol": 1e-12, "max_iter": 10**6}
    penalties = {
        "ridge": (tiny, strengths, lambda a: Ridge(len(y) * a, fit_intercept=False)),
        "lasso": (strengths, 0 * strengths, lambda a: Lasso(a, **exact)),
        "elastic": (*both, lambda a: ElasticNet(a, l1_ratio=0.5, **exact)),
    }
    claim = {}
    for name, (first, second, model) in penalties.items():
        theirs = torch.stack([torch.tensor(model(a).fit(x, y).coef_) for a in strengths.tolist()])
        ours = descend(x, y, first, second, steps=250 * size.epochs)
        claim[name] = Arm({"deviation": [(ours - theirs).abs().max().item()]})
    return claim


def shrinkage(size: Size) -> Claim:
    """Under Adam coupled decay spares weights with large gradients; decoupled decay shrinks all by one factor."""

    def ends(optimizer: type[torch.optim.Optimizer], coupled: bool, seed: int) -> dict[str, float]:
        lr, strength, steps = 1e-3, 0.5, 1000
        g = torch.Generator().manual_seed(seed)
        noise = torch.randn(steps, 2, generator=g, dtype=torch.float64) * torch.tensor([10.0, 0.1])
        w = torch.ones(2, dtype=torch.float64, requires_grad=True)
        bare = torch.ones(
            2, dtype=torch.float64, requires_grad=True
        )  # the same noise and no decay: what the noise alone does
        runs = [(w, optimizer([w], lr)), (bare, optimizer([bare], lr))]
        for gradient in noise:
            for weight, rule in runs:
                weight.grad = gradient.clone()
                if weight is w:
                    (coupled_decay_([w], strength) if coupled else decoupled_decay_([w], lr, strength))
                rule.step()
        lost = bare - w
        return {"loud_loss": lost[0].item(), "quiet_loss": lost[1].item()}

    def both(optimizer: type[torch.optim.Optimizer], coupled: bool) -> Arm:
        return arm([ends(optimizer, coupled, seed) for seed in range(size.seeds)])

    return {
        "adam_coupled": both(torch.optim.Adam, True),
        "adam_decoupled": both(torch.optim.Adam, False),
        "sgd_coupled": both(torch.optim.SGD, True),
        "sgd_decoupled": both(torch.optim.SGD, False),
    }


def weight_decay(size: Size) -> Claim:
    """Weight decay on the network under Adam, coupled and decoupled, against none (30% wrong labels)."""

    def decayed(kind: type[torch.optim.Optimizer], seed: int, lr: float, strength: float) -> Trial:
        sets = strokes(seed, size.train, noise=0.3)
        seed_everything(seed)
        model = mlp()
        train(model, sets, seed, 2 * size.epochs, optimizer=kind(decay_groups(model, strength), lr))
        return trial(model, sets)

    def arms(kind: type[torch.optim.Optimizer], strengths: tuple[float, ...]) -> Arm:
        grid = [{"lr": 1e-3, "strength": s} for s in strengths]
        return tune(lambda seed, **setting: decayed(kind, seed, **setting), grid, size)

    return {
        "none": unregularized(size, noise=0.3),
        "fixed": unregularized(replace(size, trials=1), noise=0.3),  # at the rate of the other two
        "coupled": arms(torch.optim.Adam, (1e-2, 3e-2, 3e-3, 1e-3)),
        "decoupled": arms(torch.optim.AdamW, (3.0, 1.0, 10.0, 0.3)),
    }


def early_stopping(size: Size) -> Claim:
    """With 30% wrong labels the weights of the best epoch against those of the last."""

    def run(seed: int, lr: float) -> Trial:
        sets = strokes(seed, size.train, noise=0.3)
        seed_everything(seed)
        model, watch = mlp(), EarlyStopping(patience=10)
        history = train(model, sets, seed, 2 * size.epochs, lr=lr, validation=sets.validation, callbacks=[watch])
        return trial(model, sets, epochs=float(history.epochs), best_epoch=float(watch.best_epoch or 0))

    fixed = tune(run, NOISY_RATES[:1], size)  # at the rate where one would have begun
    return {"last": unregularized(size, noise=0.3), "best": tune(run, NOISY_RATES, size), "fixed": fixed}


def stopping_as_l2(size: Size) -> Claim:
    """On least squares, t steps of gradient descent shrink each direction about as ridge with strength 1/(eta t)."""
    x, y = regression()
    curvatures, directions = torch.linalg.eigh(x.T @ x / len(y))
    solution = directions.T @ torch.linalg.lstsq(x, y).solution
    eta = 0.1 / curvatures[-1].item()
    t = torch.logspace(0, 6, 200, dtype=torch.float64).round().unsqueeze(1)
    stopped, ridge = 1 - (1 - eta * curvatures) ** t, curvatures / (curvatures + 1 / (eta * t))
    apart = (stopped - ridge).abs().amax(1)
    explained = [
        1 - (curvatures * ((f - 1) * solution) ** 2).sum(1) / (curvatures * solution**2).sum() for f in (stopped, ridge)
    ]
    return {
        "matched": Arm(
            {"factor_gap": [apart.max().item()], "fit_gap": [(explained[0] - explained[1]).abs().max().item()]}
        )
    }


CLAIMS = [
    overfitting, sparsity, coefficient_paths, shrinkage, weight_decay, early_stopping, stopping_as_l2,
]  # fmt: skip
