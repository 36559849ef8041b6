"""Modules and optimizers across the wire: parameters, buffers, flags and steps are as in one process."""

from __future__ import annotations

import textwrap
from typing import Any

import pytest
import torch
from pairs import pair

from nbjudge.wire import Refused, WireError

STUDENT = """
    import copy
    import torch
    from torch import nn
    import torch.nn.functional as F

    class Norm(nn.Module):
        def __init__(self, features, momentum=0.1):
            super().__init__()
            self.momentum = momentum
            self.scale = nn.Parameter(torch.ones(features))
            self.shift = nn.Parameter(torch.zeros(features))
            self.register_buffer("mean", torch.zeros(features))
            self.register_buffer("seen", torch.zeros((), dtype=torch.int64), persistent=False)
        def forward(self, x):
            if self.training:
                self.seen += 1
                mean = x.mean(0)
                self.mean = (1 - self.momentum) * self.mean + self.momentum * mean.detach()
            else:
                mean = self.mean
            return (x - mean) * self.scale + self.shift
        def double_momentum(self):
            self.momentum *= 2
            return self.momentum
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 4))
            self.norm = Norm(4)
            self.tied = self.layers[2]
        def forward(self, x): return self.tied(self.norm(self.layers(x)))
    class Frozen(Net):
        def train(self, mode=True):
            super().train(mode)
            self.norm.eval()
            return self
    class Lazy(nn.Module):
        def forward(self, x):
            if not hasattr(self, "weight"):
                self.weight = nn.Parameter(torch.ones(x.shape[-1]))
            return x * self.weight
    class Mine(nn.Linear):
        pass

    def train(model, loss, x, y, steps=3, lr=0.1):
        optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9)
        model.train()
        for _ in range(steps):
            optimizer.zero_grad()
            loss(model(x), y).backward()
            optimizer.step()
        model.eval()
    def freeze(model):
        for p in model.parameters(): p.requires_grad_(False)
    def best(model):
        state = copy.deepcopy(model.state_dict())
        with torch.no_grad():
            for p in model.parameters(): p.zero_()
        model.load_state_dict(state)
        return state
    def new_head(model): model[1] = nn.Linear(4, 2)
    def replace(model): model.weight = nn.Parameter(torch.full_like(model.weight, 3.0))
    def halve(model): model.weight.data *= 0.5
    def forward_of(model, x): return model(x)
    def kinds(model): return [type(m).__name__ for m in model.modules()], [n for n, _ in model.named_parameters()]
    def steps(optimizer, model, x, count):
        for _ in range(count):
            optimizer.zero_grad()
            model(x).sum().backward()
            optimizer.step()
    def schedule(optimizer): optimizer.param_groups[0]["lr"] *= 0.1

    class Momentum(torch.optim.Optimizer):
        def __init__(self, params, lr=0.1, beta=0.9):
            super().__init__(params, {"lr": lr, "beta": beta})
        @torch.no_grad()
        def step(self, closure=None):
            loss = None
            if closure is not None:
                with torch.enable_grad():
                    loss = closure()
            for group in self.param_groups:
                for p in group["params"]:
                    if p.grad is None: continue
                    state = self.state[p]
                    m = state["m"] = group["beta"] * state.get("m", 0) + p.grad
                    p -= group["lr"] * m
            return loss
    class Plain:
        def __init__(self, params, lr=0.1):
            self.params, self.lr = list(params), lr
        def step(self):
            for p in self.params: p.data -= self.lr * p.grad
        def zero_grad(self):
            for p in self.params: p.grad = None
    def pick(model): return torch.optim.Adam(model.parameters(), lr=0.01)
"""
IMPORTS = "import torch\nfrom torch import nn\nfrom torch.nn import functional as F\n"


@pytest.fixture
def both():
    with pair(STUDENT) as both:
        both.run(IMPORTS)
        yield both


CASES = {
    "parameters and buffers": """
        net = Net()
        result = [[(n, p.shape) for n, p in net.named_parameters()], [(n, b.dtype) for n, b in net.named_buffers()]]
        result += [sorted(net.state_dict()), [n for n, _ in net.named_modules()], [n for n, _ in net.named_children()]]
        result += [len(list(net.parameters())), net.tied is net.layers[2], isinstance(net, nn.Module), net.training]
        result += [isinstance(net.layers[0], nn.Linear), isinstance(net.layers, nn.Sequential), len(net.layers)]
        result += [net.layers[0].in_features, net.norm.momentum, sum(isinstance(m, nn.Linear) for m in net.modules())]
        result += [isinstance(Mine(2, 2), nn.Linear), Mine(2, 3).out_features]
    """,
    "forward and backward": """
        x, net = torch.randn(5, 3), Net()
        net(x).square().sum().backward()
        result = [[p.grad for p in net.parameters()], net.norm.mean, int(net.norm.seen)]
        net.zero_grad()
        result += [all(p.grad is None for p in net.parameters())]
        net(x).sum().backward()
        net(x).sum().backward()
        result += [net.norm.scale.grad, int(net.norm.seen)]
    """,
    "training and evaluation": """
        x, net = torch.randn(5, 3), Net()
        result = [net(x)]
        net.eval()
        result += [net.training, net.norm.training, net(x), net(x), int(net.norm.seen)]
        net.train()
        net.norm.train(False)
        result += [net(x), int(net.norm.seen)]
    """,
    "a train of the student's own": """
        net = Frozen()
        net.train()
        result = [net.training, net.norm.training, net.layers.training]
    """,
    "the judge writes into parameters": """
        x, net = torch.randn(5, 3), Net()
        nn.init.constant_(net.layers[0].weight, 0.5)
        with torch.no_grad():
            net.norm.scale.copy_(torch.arange(4.0))
        net.layers[2].weight.data.fill_(0.1)
        net.norm.shift = nn.Parameter(torch.full((4,), 7.0))
        result = [net(x), net.layers[0].weight, net.norm.shift]
    """,
    "apply": """
        x, net = torch.randn(5, 3), Net()
        net.apply(lambda m: nn.init.ones_(m.weight) if isinstance(m, nn.Linear) else None)
        result = [net.layers[0].weight, net(x)]
    """,
    "state_dict there and back": """
        x, one, two = torch.randn(5, 3), Net(), Net()
        one(x)
        two.load_state_dict(one.state_dict())
        one.eval(), two.eval()
        result = [one(x), two(x), one.state_dict()]
        try:
            two.load_state_dict({})
        except RuntimeError as error:
            result += ["Missing key" in str(error)]
    """,
    "torch's optimizer steps the student's module": """
        x, net = torch.randn(5, 3), Net()
        optimizer = torch.optim.Adam(net.parameters(), lr=0.1)
        for _ in range(3):
            optimizer.zero_grad()
            net(x).square().mean().backward()
            optimizer.step()
        result = [net.state_dict()]
    """,
    "double precision": """
        x, net = torch.randn(5, 3).double(), Net().double()
        result = [net(x), net.norm.mean.dtype, net.layers[0].weight.dtype]
    """,
    "gradcheck of a module": """
        norm = Norm(3).double()
        norm.eval()
        x = torch.randn(2, 3, dtype=torch.float64, requires_grad=True)
        result = [torch.autograd.gradcheck(norm, (x,))]
    """,
    "methods and attributes": """
        norm = Norm(3)
        result = [norm.double_momentum(), norm.momentum]
        norm.momentum = 1.0
        norm(torch.full((2, 3), 5.0))
        result += [norm.mean, hasattr(norm, "nothing")]
    """,
    "parameters that come later": """
        lazy, x = Lazy(), torch.randn(2, 3)
        result = [len(list(lazy.parameters()))]
        lazy(x).sum().backward()
        result += [[(n, p.grad) for n, p in lazy.named_parameters()]]
    """,
    "hooks": """
        x, net, seen = torch.randn(5, 3), Net(), []
        handle = net.layers[0].register_forward_hook(lambda m, i, o: seen.append(o.detach()))
        net(x)
        handle.remove()
        net(x)
        result = [seen, len(seen)]
    """,
    "no_grad": """
        x, net = torch.randn(5, 3), Net()
        with torch.no_grad():
            y = net(x)
        result = [y, y.requires_grad]
    """,
    "the student trains the judge's module": """
        model, x, y = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1)), torch.randn(6, 3), torch.randn(6, 1)
        train(model, F.mse_loss, x, y)
        result = [model.state_dict(), model.training, model[0].training, [p.grad for p in model.parameters()]]
    """,
    "with dropout and batch norm": """
        model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(1.0))
        x, y = torch.randn(6, 3), torch.randn(6, 4)
        train(model, nn.MSELoss(), x, y)
        result = [model.state_dict(), model(x)]
    """,
    "by the judge's loss": """
        model, x, y = nn.Linear(3, 1), torch.randn(6, 3), torch.randn(6, 1)
        train(model, lambda a, b: ((a - b) ** 2).mean() + model.weight.abs().sum(), x, y)
        result = [model.state_dict()]
    """,
    "a module that the test defines": """
        class Scale(nn.Module):
            def __init__(self):
                super().__init__()
                self.w = nn.Parameter(torch.tensor(2.0))
                self.register_buffer("calls", torch.zeros(()))
                self.inner = nn.Linear(3, 1)
            def forward(self, x):
                self.calls += 1
                return self.inner(self.w * x) if self.training else x
        model, x, y = Scale(), torch.randn(6, 3), torch.randn(6, 1)
        train(model, F.mse_loss, x, y)
        result = [model.state_dict(), model.training, model.inner.training, forward_of(model, x)]
    """,
    "a module of the test's among torch's": """
        class Square(nn.Module):
            def forward(self, x): return x * x
        model, x, y = nn.Sequential(nn.Linear(3, 2), Square()), torch.randn(6, 3), torch.randn(6, 2)
        train(model, F.mse_loss, x, y)
        result = [model.state_dict(), forward_of(model, x)]
    """,
    "a recurrent layer": """
        model, x = nn.LSTM(3, 2), torch.randn(4, 1, 3)
        out, _ = forward_of(model, x)
        out.sum().backward()
        result = [out, [p.grad for p in model.parameters()]]
    """,
    "attention": """
        model, x = nn.TransformerEncoderLayer(4, 2, 8, dropout=0.0), torch.randn(3, 2, 4)
        forward_of(model, x).sum().backward()
        result = [[p.grad for p in model.parameters()]]
    """,
    "what a student sees of it": """
        model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(2, 2, bias=False))
        result = [kinds(model)]
    """,
    "frozen": """
        model = nn.Linear(2, 2)
        freeze(model)
        result = [[p.requires_grad for p in model.parameters()]]
    """,
    "saved and loaded": """
        model = nn.Linear(2, 2)
        state = best(model)
        result = [state, model.state_dict()]
    """,
    "a new part": """
        model, x = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 1)), torch.randn(2, 3)
        new_head(model)
        result = [model(x), model[1].weight.shape, len(list(model.parameters()))]
        model(x).sum().backward()
        result += [model[1].weight.grad]
    """,
    "a new parameter": """
        model = nn.Linear(2, 2)
        replace(model)
        result = [model.weight.detach(), model(torch.ones(2))]
    """,
    "through .data": """
        model = nn.Linear(2, 2)
        nn.init.ones_(model.weight)
        halve(model)
        result = [model.weight.detach()]
    """,
    "the student's optimizer": """
        model, x = nn.Linear(3, 1), torch.randn(5, 3)
        optimizer = Momentum(model.parameters(), lr=0.2)
        for _ in range(3):
            optimizer.zero_grad()
            model(x).square().mean().backward()
            optimizer.step()
        result = [model.state_dict(), isinstance(optimizer, torch.optim.Optimizer), optimizer.param_groups[0]["lr"]]
        result += [optimizer.param_groups[0]["params"][0] is model.weight, optimizer.state[model.weight]["m"]]
        result += [sorted(optimizer.state_dict())]
    """,
    "its groups": """
        model, x = nn.Linear(3, 1), torch.randn(5, 3)
        optimizer = Momentum([{"params": [model.weight], "lr": 0.5}, {"params": [model.bias]}], lr=0.1, beta=0.0)
        model(x).sum().backward()
        optimizer.step()
        optimizer.param_groups[1]["lr"] = 10.0
        optimizer.step()
        schedule(optimizer)
        result = [model.state_dict(), [g["lr"] for g in optimizer.param_groups]]
    """,
    "its schedule and closure": """
        model, x = nn.Linear(3, 1), torch.randn(5, 3)
        optimizer = Momentum(model.parameters(), lr=1.0)
        scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1, 0.1)
        def closure():
            optimizer.zero_grad()
            loss = model(x).square().mean()
            loss.backward()
            return loss
        result = []
        for _ in range(3):
            result += [optimizer.step(closure).detach()]
            scheduler.step()
        result += [model.state_dict(), optimizer.param_groups[0]["lr"]]
    """,
    "its state there and back": """
        w = nn.Parameter(torch.ones(3))
        one, two = Momentum([w], lr=0.1), Momentum([w], lr=0.3)
        w.grad = torch.ones(3)
        one.step()
        two.load_state_dict(one.state_dict())
        two.step()
        result = [w.detach(), two.param_groups[0]["lr"]]
    """,
    "a plain class": """
        model, x = nn.Linear(3, 1), torch.randn(5, 3)
        optimizer = Plain(model.parameters())
        for _ in range(3):
            optimizer.zero_grad()
            model(x).square().mean().backward()
            optimizer.step()
        result = [model.state_dict(), [p.grad for p in model.parameters()]]
    """,
    "torch's optimizer, made by the student": """
        model, x = nn.Linear(3, 1), torch.randn(5, 3)
        optimizer = pick(model)
        for _ in range(3):
            optimizer.zero_grad()
            model(x).square().mean().backward()
            optimizer.step()
        result = [model.state_dict(), optimizer.param_groups[0]["betas"]]
    """,
    "torch's optimizer, handed over": """
        model, x = nn.Linear(3, 1), torch.randn(5, 3)
        optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
        steps(optimizer, model, x, 3)
        result = [model.state_dict(), optimizer.state_dict()]
        schedule(optimizer)
        result += [optimizer.param_groups[0]["lr"]]
    """,
}


@pytest.mark.parametrize("case", CASES)
def test_it_is_as_in_one_process(both, case):
    namespace: dict[str, Any] = {}
    exec(textwrap.dedent(STUDENT), namespace)
    seeded = "torch.manual_seed(1)\n" + textwrap.dedent(CASES[case])
    theirs = exec(seeded, namespace) or namespace["result"]
    ours = both.run(seeded)["result"]
    torch.testing.assert_close(_plain(ours), _plain(theirs))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, str | torch.dtype | type(None)):
        return sum(map(ord, str(value)))
    return value.detach() if isinstance(value, torch.Tensor) else value


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("import copy\ncopy.deepcopy(Net())", "deepcopy"),
        ("import pickle\npickle.dumps(Net())", "pickling"),
    ],
)
def test_what_cannot_be_carried_is_refused(both, source, says):
    with pytest.raises(Refused, match=f"<test>, line 2.*{says}"):
        both.run(source)


def test_a_module_dies_at_both_ends(both):
    with pair(
        STUDENT,
        "import gc",
        "def alive(): return gc.collect() * 0 + sum(issubclass(type(o), nn.Module) for o in gc.get_objects())",
    ) as own:
        own.run(IMPORTS + "before = alive()")
        own.run("""
            for _ in range(50):
                net = Net()
                net(torch.ones(1, 3))
                forward_of(nn.Sequential(nn.Linear(3, 3), nn.ReLU()), torch.ones(3))
            del net
            import gc
            gc.collect()
            alive()
            assert alive() <= before + 8, (alive(), before)
        """)


# what a contestant can put into a message

STATE = [True, [], [], [], []]


@pytest.mark.parametrize(
    "form",
    [
        ["recipe", 1, "nn.Linear", STATE, {}],
        ["module", 1, "Net", None, STATE],
        ["module", "1", "Net", None, STATE, []],
        ["module", 1, 5, None, STATE, []],
        ["module", 1, "Net", "nn.Nothing", STATE, []],
        ["module", 1, "Net", "torch.relu", STATE, []],
        ["module", 1, "Net", "__class__", STATE, []],
        ["module", 1, "Net", None, [1, [], [], [], []], []],
        ["module", 1, "Net", None, [True, None, [], [], []], []],
        ["module", 1, "Net", None, [True, [["w", 5]], [], [], []], []],
        ["module", 1, "Net", None, [True, [[5, None]], [], [], []], []],
        ["module", 1, "Net", None, [True, [], [["b", "text"]], [], []], []],
        ["module", 1, "Net", None, [True, [], [], [["m", ["torch", "nn.Linear"]]], []], []],
        ["module", 1, "Net", None, [True, [], [], [], [5]], []],
        ["torch", "torch.relu"],
        ["torch", "init.zeros_"],
        ["torch", "os.system"],
        ["torch", "torch.load"],
        ["torch", "torch.save"],
        ["torch", "torch.from_file"],
        ["torch", "torch.manual_seed"],
        ["torch", "torch.set_default_dtype"],
        ["torch", 5],
        ["twin", 5],
        ["twin", "a"],
        ["graph", 1000],
        ["device", "cuda"],
        ["device", []],
        ["size", -1],
        ["dtype", "qint8"],
        ["generator", -1, 0],
        ["generator", 0, 0],
        ["optimizer", 1, "Adam", 5, []],
        ["optimizer", 1, "Adam", [[[], {"lr": 1}], [[5], {}]], []],
        ["optimizer", 1, "Adam", [[[], {"params": 1}]], []],
        ["optimizer", 1, "Adam", [[[], {"lr": {}}]], []],
    ],
)
def test_a_forged_form_is_a_wire_error(both, form):
    with pytest.raises(WireError):
        both.judge.decode(form, [bytearray(8)])


@pytest.mark.parametrize(
    "ride",
    [
        5,
        {"changed": [[1]]},
        {"changed": [["a", 0, 0, True, False]]},
        {"dropped": b"1234567"},
        {"dropped": "text"},
        {"lent": [[-5, 5, None]]},
        {"lent": [[-5, -6, None]]},
        {"graph": 5},
        {"graph": [-5, [], None, 7]},
        {"graph": ["a", [], []]},
        {"generators": [["a", 0]]},
        {"generators": [5]},
        {"modules": [[1, 1, None]]},
        {"modules": [[True, "a", None]]},
        {"calls": 5},
    ],
)
def test_forged_rides_are_wire_errors(both, ride):
    torches = next(extension for extension in both.judge.extensions if hasattr(extension, "twins"))
    with pytest.raises(WireError):
        torches.after_receive(both.judge, {"number": 1, "torch": ride}, [bytearray(8)])


def test_values_of_a_leaf_that_never_came_are_a_wire_error(both):
    torches = next(extension for extension in both.judge.extensions if hasattr(extension, "twins"))
    torches.graphs.receive(-7, [[-8, [2], "float32", "cpu", True]], lambda: [torch.ones(2)])
    forged = {"changed": [[-8, [[2], "float32", "cpu", 0], 0, True, False]]}
    with pytest.raises(WireError):
        torches.after_receive(both.judge, {"number": 1, "torch": forged}, [bytearray(8)])
