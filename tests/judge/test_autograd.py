"""Gradients across the wire, both ways: what torch does in one process is what the judge gets."""

from __future__ import annotations

import gc

import pytest
import torch
from pairs import pair

from nbjudge.wire import WireError
from nbjudge.wire.autograd import Gradients, Graphs
from nbjudge.wire.twins import Twins

STUDENT = """
    import torch
    from torch import nn

    scale = nn.Parameter(torch.tensor(2.0))

    def same(x): return x
    def product(x, w): return x * w
    def sums(x): return x.sum(), (x**2).sum(), x.shape[0]
    def scaled(x): return scale * x
    def apply(f, x): return 3 * f(2 * x)
    def twice(f, x): return f(f(x))
    def mean_of(f, x):
        with torch.no_grad():
            return f(x)
    def descend(loss): loss.backward()
    def train(loss_of, w, steps):
        for _ in range(steps):
            w.grad = None
            loss_of(w).backward()
            with torch.no_grad():
                w -= 0.1 * w.grad
    def inner_grad(f, x):
        x = x.detach().requires_grad_()
        return torch.autograd.grad(f(x).sum(), x)[0]
    def square_grad_wrong(x): return x * x.detach()
    class Cube(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x**3
        @staticmethod
        def backward(ctx, g):
            return 3 * g * ctx.saved_tensors[0] ** 2
    def cube(x): return Cube.apply(x)
    def broken(x): return Broken.apply(x)
    class Broken(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x): return x.clone()
        @staticmethod
        def backward(ctx, g): raise ValueError("my backward")
    held = []
    def hold(x): held.append(2 * x)
    def release(): return held.pop() * 5
    def grow_(x): return x.mul_(3)
"""


@pytest.fixture(scope="module")
def both():
    with pair(STUDENT) as both:
        both.run("import torch\nfrom torch import nn")
        yield both


CASES = {
    "leaves get their gradients": """
        x, w = torch.randn(4, requires_grad=True), torch.randn(4, requires_grad=True)
        product(x, w).sum().backward()
        result = [x.grad, w.grad]
    """,
    "gradients add up": """
        x, w = torch.ones(4, requires_grad=True), torch.randn(4, requires_grad=True)
        for _ in range(3):
            product(x, w).sum().backward()
        result = [x.grad, w.grad]
    """,
    "inner tensors": """
        x = torch.randn(4, requires_grad=True)
        h = x.exp()
        h.retain_grad()
        y = product(h, x).sin()
        y.sum().backward()
        result = [h.grad, x.grad]
    """,
    "several results": """
        x = torch.randn(4, requires_grad=True)
        a, b, n = sums(x)
        (a * b * n).backward()
        result = [x.grad]
    """,
    "one of several results": """
        x = torch.randn(4, requires_grad=True)
        a, b, n = sums(x)
        b.backward()
        result = [x.grad, a.detach()]
    """,
    "autograd.grad": """
        x, w = torch.randn(4, requires_grad=True), torch.randn(4)
        y = product(x, w).sum()
        result = [*torch.autograd.grad(y, [x]), x.grad is None]
    """,
    "unused": """
        x, w = torch.randn(4, requires_grad=True), torch.randn(4, requires_grad=True)
        result = [torch.autograd.grad(same([x * 2, w])[0].sum(), [x, w], allow_unused=True)]
    """,
    "retain_graph twice": """
        x = torch.randn(4, requires_grad=True)
        y = cube(x).sum()
        y.backward(retain_graph=True)
        y.backward()
        result = [x.grad]
    """,
    "the student's parameters": """
        x = torch.randn(4)
        scaled(x).sum().backward()
        scaled(x).sum().backward()
        result = [scale.grad, scale.detach()]
        scale.grad = None
    """,
    "callbacks": """
        x, w = torch.randn(4, requires_grad=True), torch.randn(4, requires_grad=True)
        apply(lambda t: w * t.sin(), x).sum().backward()
        result = [x.grad, w.grad]
    """,
    "callbacks within callbacks": """
        x, w = torch.randn(4, requires_grad=True), torch.randn(4, requires_grad=True)
        twice(lambda t: w * cube(t), x).sum().backward()
        result = [x.grad, w.grad]
    """,
    "no_grad of the judge": """
        x = torch.randn(4, requires_grad=True)
        with torch.no_grad():
            y = product(x, x)
        result = [y, y.requires_grad]
    """,
    "no_grad of the student": """
        seen = []
        w = torch.ones(3, requires_grad=True)
        y = mean_of(lambda t: seen.append(torch.is_grad_enabled()) or (w * t).mean(), torch.ones(3))
        result = [y, y.requires_grad, seen, torch.is_grad_enabled()]
    """,
    "the student goes back through the judge's graph": """
        w = torch.randn(3, requires_grad=True)
        descend((w**2).sum())
        result = [w.grad]
    """,
    "the student trains by the judge's loss": """
        w, target = torch.zeros(3, requires_grad=True), torch.tensor([1.0, 2.0, 3.0])
        w = nn.Parameter(w.detach())
        train(lambda w: ((w - target) ** 2).sum(), w, 5)
        result = [w.detach()]
    """,
    "the student differentiates the judge's function": """
        x = torch.randn(4)
        result = [inner_grad(lambda t: t.sin() * t, x)]
    """,
    "an argument handed back": """
        x = torch.randn(4, requires_grad=True)
        h = x * 2
        result = [same(x) is x, same(h) is h]
    """,
    "what the student keeps": """
        x = torch.randn(4, requires_grad=True)
        hold(x.exp())
        release().sum().backward()
        result = [x.grad]
    """,
    "in place on what has a graph": """
        x = torch.randn(4, requires_grad=True)
        grow_(x * 1).sum().backward()
        result = [x.grad]
    """,
    "hooks": """
        x, seen = torch.randn(4, requires_grad=True), []
        y = cube(x)
        y.register_hook(lambda g: seen.append(g))
        y.sum().backward()
        result = [x.grad, seen]
    """,
    "complex": """
        x = torch.randn(3, dtype=torch.complex64, requires_grad=True)
        product(x, x).abs().sum().backward()
        result = [x.grad]
    """,
    "meta": """
        x = torch.empty(3, device="meta", requires_grad=True)
        product(x, x).sum().backward()
        result = [x.grad.shape, x.grad.is_meta]
    """,
    "gradcheck": """
        x = torch.randn(4, dtype=torch.float64, requires_grad=True)
        result = [torch.autograd.gradcheck(cube, (x,)), torch.autograd.gradcheck(product, (x, x.detach() + 1))]
    """,
}


def one_process(source: str) -> dict:
    import textwrap

    namespace: dict = {}
    exec(textwrap.dedent(STUDENT), namespace)
    exec(textwrap.dedent(source), namespace)
    return namespace


@pytest.mark.parametrize("case", CASES)
def test_it_is_as_in_one_process(both, case):
    torch.manual_seed(0)
    ours = both.run(CASES[case])["result"]
    torch.manual_seed(0)
    theirs = one_process(CASES[case])["result"]
    torch.testing.assert_close(ours, theirs)


def test_gradcheck_finds_a_wrong_gradient(both):
    with pytest.raises(RuntimeError, match="Jacobian mismatch"):
        both.run("""
            x = torch.randn(4, dtype=torch.float64, requires_grad=True)
            torch.autograd.gradcheck(square_grad_wrong, (x,))
        """)


def test_second_derivatives_are_refused(both):
    with pytest.raises(RuntimeError, match="second derivatives"):
        both.run("""
            x = torch.randn(4, requires_grad=True)
            torch.autograd.grad(cube(x).sum(), x, create_graph=True)
        """)
    with pytest.raises(RuntimeError, match="second derivatives"):
        both.run("""
            x = torch.randn(4, requires_grad=True)
            torch.autograd.functional.hessian(lambda x: cube(x).sum(), x)
        """)


def test_a_second_pass_needs_retain_graph(both):
    with pytest.raises(RuntimeError, match="a second time"):
        both.run("""
            x = torch.randn(4, requires_grad=True)
            y = cube(x).sum()
            y.backward()
            y.backward()
        """)


def test_an_error_in_the_student_backward_arrives(both):
    with pytest.raises(ValueError, match="my backward"):
        both.run("broken(torch.ones(2, requires_grad=True)).sum().backward()")
    both.run("assert same(1) == 1")


def test_graphs_are_kept_as_long_as_the_judge_needs_them():
    with pair(STUDENT, "import gc\ndef graphs(): return gc.collect() * 0 + count()") as both:
        both.student("""
            import sys
            def count():
                peers = [o for o in gc.get_objects() if type(o).__name__ == "Graphs" and o.twins.sign < 0]
                return len(peers[0].kept)
        """)
        both.run("""
            import torch
            x = torch.ones(3, requires_grad=True)
            y = product(x, x)
            z = product(x, x)
            assert graphs() == 2
            del y
            graphs()
            assert graphs() == 1
            z.sum().backward()
            assert graphs() == 0, "after a pass that does not retain it"
        """)
        gc.collect()


# what a contestant can put into a message


def forged(asks=lambda *request: None) -> Graphs:
    return Graphs(asks, Twins(1))


@pytest.mark.parametrize(
    "specs",
    [
        None,
        [None],
        [[]],
        [["a"]],
        [[0]],
        [[-1]],
        [[-1, [2], "int64", "cpu", False]],
        [[-1, [2], "float32", "cuda", False]],
        [[-1, [-2], "float32", "cpu", False]],
        [[-1, [1 << 62], "float32", "cpu", False]],
    ],
)
def test_forged_leaves_are_wire_errors(specs):
    with pytest.raises(WireError):
        forged().receive(-3, specs, lambda: [torch.ones(2)])


@pytest.mark.parametrize(
    "reply",
    [
        None,
        [torch.ones(2)],
        Gradients([]),
        Gradients([torch.ones(3)]),
        Gradients([torch.ones(2, dtype=torch.float64)]),
        Gradients([torch.ones(2), torch.ones(2)]),
    ],
)
def test_a_forged_product_is_a_wire_error(reply):
    graphs = forged(lambda *request: reply)
    x = torch.ones(2, requires_grad=True)
    graphs.twins.bind(1, x, "leaf")
    (y,) = graphs.receive(-3, [[1]], lambda: [torch.ones(2)])
    with pytest.raises(WireError):
        y.sum().backward()


def test_a_leaf_of_any_size_costs_nothing_until_it_has_a_gradient():
    graphs = forged()
    (y,) = graphs.receive(-3, [[-1, [1 << 30, 1 << 30], "float32", "cpu", True]], lambda: [torch.ones(2)])
    assert y.requires_grad


@pytest.mark.parametrize(
    ("number", "gradients"), [(9, Gradients([None])), ("a", Gradients([])), (1, None), (1, [torch.ones(2)])]
)
def test_a_forged_request_for_a_product_is_a_wire_error(number, gradients):
    graphs = forged()
    x = torch.ones(2, requires_grad=True)
    graphs.keep([x * 2])
    for operation in (graphs.product, graphs.backward):
        with pytest.raises(WireError):
            operation(number, gradients, False)
