"""Test cells as a torch lab has them, unchanged under the judge and in one process: the same verdicts.

Each task has a right solution, which passes, and wrong ones, which are found, each by the same message.
"""

from __future__ import annotations

import textwrap
from typing import Any, NamedTuple

import pytest
import torch
from pairs import pair

IMPORTS = """
import copy
import math
import torch
from torch import nn
from torch.nn import functional as F
"""
LOCKED = """
from trainwell import checks

def seeded(seed):
    return torch.Generator().manual_seed(seed)
"""


class Task(NamedTuple):
    """A solution, the test cell, and what turns the solution into a wrong one: (from, to, what the verdict says)."""

    solution: str
    test: str
    wrong: list[tuple[str, str, str]]


LAB = {
    "batch norm": Task(
        """
        class BatchNorm(nn.Module):
            def __init__(self, features, momentum=0.1, eps=1e-5):
                super().__init__()
                self.momentum, self.eps = momentum, eps
                self.weight, self.bias = nn.Parameter(torch.ones(features)), nn.Parameter(torch.zeros(features))
                self.register_buffer("running_mean", torch.zeros(features))
                self.register_buffer("running_var", torch.ones(features))
            def forward(self, x):
                if self.training:
                    mean, var = x.mean(0), x.var(0, unbiased=False)
                    n = len(x)
                    with torch.no_grad():
                        self.running_mean += self.momentum * (mean - self.running_mean)
                        self.running_var += self.momentum * (var * n / (n - 1) - self.running_var)
                else:
                    mean, var = self.running_mean, self.running_var
                return (x - mean) / (var + self.eps).sqrt() * self.weight + self.bias
        """,
        """
        ours, theirs = BatchNorm(3), nn.BatchNorm1d(3)
        assert isinstance(ours, nn.Module)
        checks.expect(sorted(n for n, _ in ours.named_parameters()), ["bias", "weight"], name="the parameters")
        with torch.no_grad():
            for model in (ours, theirs):
                model.weight.copy_(torch.tensor([1.0, 2.0, -1.0]))
                model.bias.fill_(0.5)
        g = seeded(0)
        for step in range(3):
            x = torch.randn(8, 3, generator=g) * 2 + 1
            a, b = x.clone().requires_grad_(), x.clone().requires_grad_()
            with checks.forbid("batch_norm"):
                y = ours(a)
            checks.expect(y, theirs(b), name="the output")
            (y**3).sum().backward()
            z = F.batch_norm(b, None, None, theirs.weight, theirs.bias, True)
            (z**3).sum().backward()
            checks.expect(a.grad, b.grad, rtol=1e-3, atol=1e-4, name="the gradient of x")
            checks.expect(ours.running_mean, theirs.running_mean, name="the running mean")
            checks.expect(ours.running_var, theirs.running_var, name="the running variance")
        checks.expect(ours.weight.grad, theirs.weight.grad, rtol=1e-3, atol=1e-3, name="the gradient of weight")
        ours.eval(), theirs.eval()
        checks.expect(ours(x), theirs(x), name="the output in evaluation")
        checks.expect(ours.running_mean, theirs.running_mean, name="the running mean after evaluation")
        ours.load_state_dict({n: v for n, v in theirs.state_dict().items() if "num" not in n})
        """,
        [
            ("var * n / (n - 1)", "var", "the running variance"),
            ("if self.training:", "if True:", "the output in evaluation"),
            ("mean, var = x.mean(0)", "mean, var = x.mean(0).detach()", "the gradient of x"),
            ("return (x", "F.batch_norm(x, None, None, training=True)\n        return (x", "calls torch's batch_norm"),
        ],
    ),
    "adam": Task(
        """
        class Adam:
            def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8):
                self.params, self.lr, self.betas, self.eps = list(params), lr, betas, eps
                self.m = [torch.zeros_like(p) for p in self.params]
                self.v = [torch.zeros_like(p) for p in self.params]
                self.t = 0
            def zero_grad(self):
                for p in self.params:
                    p.grad = None
            @torch.no_grad()
            def step(self):
                self.t += 1
                for p, m, v in zip(self.params, self.m, self.v):
                    m.lerp_(p.grad, 1 - self.betas[0])
                    v.lerp_(p.grad**2, 1 - self.betas[1])
                    first, second = m / (1 - self.betas[0]**self.t), v / (1 - self.betas[1]**self.t)
                    p -= self.lr * first / (second.sqrt() + self.eps)
        """,
        """
        def trained(make, steps=5):
            torch.manual_seed(3)
            model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
            x = torch.randn(6, 3, generator=seeded(1))
            optimizer = make(model.parameters(), lr=0.05)
            for _ in range(steps):
                optimizer.zero_grad()
                model(x).square().mean().backward()
                optimizer.step()
            return [p.detach() for p in model.parameters()]
        with checks.forbid("adam", "Adam"):
            ours = trained(Adam)
        checks.expect(ours, trained(torch.optim.Adam), rtol=1e-4, atol=1e-5, name="the weights after five steps")
        """,
        [
            ("m / (1 - self.betas[0]**self.t)", "m", "the weights after five steps"),
            ("p.grad = None", "pass", "the weights after five steps"),
            ("p.grad**2", "p.grad", "the weights after five steps"),
        ],
    ),
    "an optimizer class": Task(
        """
        class Decayed(torch.optim.Optimizer):
            def __init__(self, params, lr, decay):
                super().__init__(params, {"lr": lr, "decay": decay})
            @torch.no_grad()
            def step(self, closure=None):
                loss = None
                if closure is not None:
                    with torch.enable_grad():
                        loss = closure()
                for group in self.param_groups:
                    for p in group["params"]:
                        p.mul_(1 - group["lr"] * group["decay"]).sub_(group["lr"] * p.grad)
                return loss
        """,
        """
        w, b = nn.Parameter(torch.ones(2, 2)), nn.Parameter(torch.ones(2))
        optimizer = Decayed([{"params": [w]}, {"params": [b], "decay": 0.0}], lr=0.1, decay=0.5)
        scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
        def closure():
            optimizer.zero_grad()
            loss = (w.sum() + 2 * b.sum())
            loss.backward()
            return loss
        first = optimizer.step(closure)
        checks.expect(float(first or 0.0), 8.0, name="the loss before the step")
        checks.expect(w.detach(), torch.full((2, 2), 0.85), name="the weights")
        mistakes = {"decays all groups": torch.full((2,), 0.75)}
        checks.expect(b.detach(), torch.full((2,), 0.8), unless=mistakes, name="the biases")
        scheduler.step()
        optimizer.step(closure)
        checks.expect(b.detach(), torch.full((2,), 0.7), name="the biases after a smaller step")
        """,
        [
            ('group["lr"] * group["decay"]', 'group["lr"] * 0.5', "decays all groups"),
            ("return loss", "return None", "the loss before the step"),
        ],
    ),
    "mixup": Task(
        """
        def mixup(x, y, alpha, generator=None):
            a = torch._sample_dirichlet(torch.full((len(x), 2), alpha), generator=generator)[:, 0]
            order = torch.randperm(len(x), generator=generator)
            a = a.reshape(-1, *[1] * (x.dim() - 1)).to(x)
            return a * x + (1 - a) * x[order], (a.flatten(), order)
        """,
        """
        checks.draws(lambda g: mixup(torch.randn(20, 3, generator=seeded(0)), None, 0.4, g))
        x = torch.randn(9, 2, 3, generator=seeded(1), dtype=torch.float64)
        before = x.clone()
        mixed, (a, order) = mixup(x, None, 1.0, seeded(5))
        checks.unchanged(x, before)
        checks.expect(sorted(order.tolist()), list(range(9)), name="the order")
        checks.expect(mixed, a[:, None, None] * x + (1 - a)[:, None, None] * x[order], name="the mixed inputs")
        checks.expect(mixed.dtype == x.dtype, True, name="data type kept")
        """,
        [
            ("randperm(len(x), generator=generator)", "randperm(len(x))", "ignores the generator"),
            ("return a * x", "x *= a\n    return x", "changes its input"),
            ("(1 - a) * x[order]", "a * x[order]", "the mixed inputs"),
        ],
    ),
    "early stopping": Task(
        """
        def train_until_worse(model, loss, train, validation, lr, patience, epochs):
            optimizer = torch.optim.SGD(model.parameters(), lr=lr)
            best, state, losses = math.inf, None, []
            for epoch in range(1, epochs + 1):
                model.train()
                optimizer.zero_grad()
                loss(model(train[0]), train[1]).backward()
                optimizer.step()
                model.eval()
                with torch.no_grad():
                    losses.append(loss(model(validation[0]), validation[1]).item())
                if losses[-1] < best:
                    best, best_epoch, state = losses[-1], epoch, copy.deepcopy(model.state_dict())
                if epoch - best_epoch >= patience:
                    break
            model.load_state_dict(state)
            return state, best_epoch, losses
        """,
        """
        def line(weight=0.0):
            model = nn.Linear(1, 1, bias=False)
            nn.init.constant_(model.weight, weight)
            return model
        def pair(x, y):
            return torch.tensor([[x]]), torch.tensor([[y]])
        model = line()
        state, best_epoch, losses = train_until_worse(
            model, F.mse_loss, pair(1.0, 2.0), pair(1.0, 1.0), lr=0.1, patience=2, epochs=10
        )
        checks.expect(best_epoch, 3, name="best_epoch")
        checks.expect(len(losses), 5, name="the number of epochs")
        mistakes = {"keeps the last": torch.tensor([[2 * (1 - 0.8**5)]])}
        checks.expect(state["weight"], torch.tensor([[0.976]]), unless=mistakes, name="the weight in state")
        checks.expect(model.weight.detach(), torch.tensor([[0.976]]), name="the weight in the model")
        model = nn.Sequential(nn.Dropout(1.0), line(0.5))
        losses = train_until_worse(model, nn.MSELoss(), pair(1.0, 2.0), pair(1.0, 1.0), lr=0.1, patience=3, epochs=3)[2]
        checks.expect(losses, [0.25] * 3, unless={"validates in training mode": [1.0] * 3}, name="the losses")
        """,
        [
            ("copy.deepcopy(model.state_dict())", "model.state_dict()", "keeps the last"),
            ("model.eval()", "pass", "validates in training mode"),
            ("model.load_state_dict(state)", "pass", "the weight in the model"),
        ],
    ),
    "callbacks with autograd": Task(
        """
        def newton(f, x, steps):
            for _ in range(steps):
                x = x.detach().requires_grad_()
                value = f(x)
                (slope,) = torch.autograd.grad(value, x)
                x = x - value / slope
            return x.detach()
        def sharpened(loss, w, radius):
            w = w.detach().requires_grad_()
            (g,) = torch.autograd.grad(loss(w), w)
            return loss(w + radius * g / g.norm())
        """,
        """
        checks.expect(newton(lambda x: x**2 - 2, torch.tensor(1.0), 6), torch.tensor(2.0).sqrt(), name="the root of 2")
        calls = []
        newton(lambda x: calls.append(x.item()) or x**2 - 2, torch.tensor(1.0), 3)
        checks.expect(len(calls), 3, name="calls of the function")
        scale = torch.tensor([1.0, 4.0], requires_grad=True)
        value = sharpened(lambda w: (scale * w**2).sum(), torch.tensor([3.0, 1.0]), 0.5)
        value.backward()
        w, g = torch.tensor([3.0, 1.0]), torch.tensor([6.0, 8.0])
        moved = w + 0.5 * g / g.norm()
        checks.expect(value.detach(), (torch.tensor([1.0, 4.0]) * moved**2).sum(), name="the sharpened loss")
        checks.expect(scale.grad, moved**2, name="the gradient with respect to the scale")
        """,
        [
            ("x - value / slope", "x - value * slope", "the root of 2"),
            ("return loss(w + radius", "f = loss(w)\n    return loss(w.detach() + 2 * radius", "the sharpened loss"),
            ("value = f(x)", "value = f(x) + 0 * f(x)", "calls of the function"),
        ],
    ),
    "in-place functions": Task(
        """
        def clip_(x, most):
            return x.clamp_(max=most)
        def clip(x, most):
            return x.clamp(max=most)
        def ema_(average, new, decay):
            for name in average:
                average[name].mul_(decay).add_(new[name], alpha=1 - decay)
        """,
        """
        x = torch.tensor([1.0, 5.0])
        clip_(x, 2.0)
        checks.expect(x, torch.tensor([1.0, 2.0]), name="x after clip_")
        x = torch.tensor([1.0, 5.0])
        checks.expect(clip(x, 2.0), torch.tensor([1.0, 2.0]), name="clip(x)")
        checks.unchanged(x, torch.tensor([1.0, 5.0]))
        average, new = {"w": torch.ones(2)}, {"w": torch.tensor([3.0, 5.0])}
        ema_(average, new, 0.5)
        checks.expect(average["w"], torch.tensor([2.0, 3.0]), name="the average")
        checks.unchanged(new["w"], torch.tensor([3.0, 5.0]), name="the new weights")
        """,
        [
            ("x.clamp_(max=most)", "x.clamp(max=most)", "x after clip_"),
            ("return x.clamp(max=most)", "return x.clamp_(max=most)", "changes its input"),
            (".mul_(decay)", ".mul(decay)", "the average"),
        ],
    ),
    "a backward by hand": Task(
        """
        class Softplus(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x, beta):
                ctx.save_for_backward(x)
                ctx.beta = beta
                return (1 + (beta * x).exp()).log() / beta
            @staticmethod
            def backward(ctx, gradient):
                (x,) = ctx.saved_tensors
                return gradient * (ctx.beta * x).sigmoid(), None
        def softplus(x, beta=1.0):
            return Softplus.apply(x, beta)
        """,
        """
        x = torch.randn(5, generator=seeded(0), dtype=torch.float64, requires_grad=True)
        checks.expect(softplus(x, 2.0), F.softplus(x, 2.0), name="softplus(x, 2)")
        good = torch.autograd.gradcheck(lambda x: softplus(x, 3.0), (x,), raise_exception=False)
        checks.rule_out("wrong gradient", not good, "Compare with finite differences.")
        """,
        [
            ("(ctx.beta * x).sigmoid()", "x.sigmoid()", "wrong gradient"),
            (".log() / beta", ".log()", "softplus"),
        ],
    ),
    "a state that is saved": Task(
        """
        class Ema:
            def __init__(self, model, decay):
                self.decay = decay
                self.shadow = {n: p.detach().clone() for n, p in model.named_parameters()}
            @torch.no_grad()
            def update(self, model):
                for n, p in model.named_parameters():
                    self.shadow[n] = self.decay * self.shadow[n] + (1 - self.decay) * p
            def state_dict(self):
                return {"decay": self.decay, "shadow": {n: v.clone() for n, v in self.shadow.items()}}
            def load_state_dict(self, state):
                self.decay, self.shadow = state["decay"], {n: v.clone() for n, v in state["shadow"].items()}
            @torch.no_grad()
            def copy_to(self, model):
                for n, p in model.named_parameters():
                    p.copy_(self.shadow[n])
        """,
        """
        model = nn.Linear(2, 1)
        nn.init.ones_(model.weight), nn.init.zeros_(model.bias)
        ema = Ema(model, 0.5)
        with torch.no_grad():
            model.weight.mul_(3)
        ema.update(model)
        checks.expect(ema.shadow["weight"], torch.full((1, 2), 2.0), name="the average")
        saved = ema.state_dict()
        ema.update(model)
        checks.expect(saved["shadow"]["weight"], torch.full((1, 2), 2.0), name="the saved average after another update")
        other = Ema(nn.Linear(2, 1), 0.9)
        other.load_state_dict(saved)
        checks.expect(other.decay, 0.5, name="the decay that was loaded")
        other.copy_to(model)
        checks.expect(model.weight.detach(), torch.full((1, 2), 2.0), name="the weights of the model")
        """,
        [
            ("n: p.detach().clone() for", "n: p for", "the average"),
            ("(1 - self.decay) * p", "self.decay * p * 0", "the average"),
            ("self.decay, self.shadow = state", "_, self.shadow = state", "the decay that was loaded"),
        ],
    ),
    "batches": Task(
        """
        def batches(x, y, size, generator=None):
            order = torch.randperm(len(x), generator=generator)
            for start in range(0, len(x), size):
                rows = order[start : start + size]
                yield x[rows], y[rows]
        """,
        """
        x, y = torch.arange(10.0)[:, None], torch.arange(10)
        seen = list(batches(x, y, 4, seeded(0)))
        checks.expect([len(a) for a, b in seen], [4, 4, 2], name="the sizes")
        checks.expect(sorted(torch.cat([b for a, b in seen]).tolist()), list(range(10)), name="the rows seen")
        for a, b in seen:
            checks.expect(a[:, 0], b.float(), name="inputs and targets belong together")
        again = [b for a, b in batches(x, y, 4, seeded(0))]
        checks.expect(again, [b for a, b in seen], name="the order for the same seed")
        g = seeded(1)
        first, second = ([b for a, b in batches(x, y, 10, g)][0] for _ in range(2))
        checks.rule_out("the same order in each epoch", torch.equal(first, second), "Draw anew.")
        model, optimizer = nn.Linear(1, 1), None
        for a, b in batches(x, y, 5, seeded(2)):
            F.mse_loss(model(a)[:, 0], b.float()).backward()
        """,
        [
            ("yield x[rows], y[rows]", "yield x[rows], y[start : start + size]", "inputs and targets"),
            ("range(0, len(x), size)", "range(0, len(x) - size + 1, size)", "the sizes"),
            ("generator=generator)", "generator=torch.Generator().manual_seed(0))", "the same order in each epoch"),
        ],
    ),
    "by hand, batched, on any device": Task(
        """
        def dropout(x, p, generator=None):
            keep = torch.rand(x.shape, generator=generator, device=x.device) >= p
            return x * keep / (1 - p)
        """,
        """
        with checks.forbid("dropout", "bernoulli"):
            y = dropout(torch.ones(2000), 0.25, seeded(0))
        checks.expect(y.unique(), torch.tensor([0.0, 4 / 3]), name="the values")
        checks.expect(y.mean(), torch.tensor(1.0), rtol=0, atol=0.05, name="the mean")
        checks.draws(lambda g: dropout(torch.ones(30), 0.5, g))
        checks.batched(lambda n: dropout(torch.ones(n, 3), 0.5, seeded(0)))
        checks.on_meta(lambda x: dropout(x, 0.5), torch.ones(3))
        """,
        [
            ("return x * keep / (1 - p)", "return F.dropout(x, p)", "calls torch's dropout"),
            (", device=x.device", "", "forgets the device"),
            ("generator=generator, ", "", "ignores the generator"),
            (
                "return x * keep / (1 - p)",
                "return torch.stack([row * k / (1 - p) for row, k in zip(x, keep)])",
                "loops over the examples",
            ),
        ],
    ),
}


def in_one_process(solution: str, test: str) -> str:
    namespace: dict[str, Any] = {"__name__": "__main__"}
    for source in (IMPORTS, LOCKED, solution):
        exec(source, namespace)
    return verdict(lambda: exec(test, namespace))


def under_the_judge(solution: str, test: str) -> str:
    with pair(IMPORTS, solution) as both:
        both.run(IMPORTS + LOCKED)
        return verdict(lambda: both.run(test))


def verdict(run: Any) -> str:
    try:
        run()
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return "holds"


CASES = [pytest.param(name, None, id=name) for name in LAB] + [
    pytest.param(name, number, id=f"{name}, mistake {number}")
    for name, task in LAB.items()
    for number in range(len(task.wrong))
]


@pytest.mark.parametrize(("name", "number"), CASES)
def test_the_judge_says_what_one_process_says(name, number):
    task = LAB[name]
    solution, test, says = textwrap.dedent(task.solution), textwrap.dedent(task.test), "holds"
    if number is not None:
        old, new, says = task.wrong[number]
        assert old in solution
        solution = solution.replace(old, new)
    torch.manual_seed(0)
    theirs = in_one_process(solution, test)
    torch.manual_seed(0)
    ours = under_the_judge(solution, test)
    assert says in theirs
    assert _first(ours) == _first(theirs)


def _first(said: str) -> str:
    """What is said without the numbers of one run."""
    return "\n".join(said.splitlines()[:2]) if "not what was expected" in said else said.splitlines()[0]
