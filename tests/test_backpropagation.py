"""Gates and graphs against the lecture's numbers and against autograd; the two-layer network against autograd."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

from trainwell import backpropagation as B

ORACLES = {  # the same functions, differentiated by autograd
    B.Add: torch.add,
    B.Multiply: torch.mul,
    B.Max: torch.maximum,
    B.Exp: torch.exp,
    B.Reciprocal: torch.reciprocal,
    B.Sigmoid: torch.sigmoid,
}
gates = pytest.mark.parametrize(("gate", "oracle"), ORACLES.items(), ids=lambda x: getattr(x, "__name__", ""))


def inputs(gate: type, *shape: int, scale: float = 1.0, dtype=torch.float64) -> list[Tensor]:
    g = torch.Generator().manual_seed(0)
    count = 2 if gate in (B.Add, B.Multiply, B.Max) else 1
    return [scale * torch.randn(shape, generator=g, dtype=torch.float64).to(dtype) for _ in range(count)]


# Gates.


def test_every_gate_has_an_oracle():
    assert set(ORACLES) == {
        thing for thing in vars(B).values() if isinstance(thing, type) and B.Gate in thing.__bases__
    }


@gates
@pytest.mark.parametrize("shape", [(), (5,), (3, 4)], ids=str)
@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e3])
def test_values_and_gradients_are_autograds(gate, oracle, shape, scale):
    xs = [x.requires_grad_() for x in inputs(gate, *shape, scale=1.0 if gate is B.Exp else scale)]
    upstream = torch.randn(shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    node = gate()
    expected = oracle(*xs)
    torch.testing.assert_close(node.forward(*(x.detach() for x in xs)), expected.detach(), rtol=1e-12, atol=0)
    gradients = torch.autograd.grad(expected, xs, upstream)
    for ours, theirs in zip(node.backward(upstream), gradients, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=0)


@gates
def test_a_gate_remembers_its_last_forward_and_can_go_back_more_than_once(gate, oracle):
    first, second = inputs(gate, 4), [x + 1 for x in inputs(gate, 4)]
    node, one = gate(), torch.ones(4, dtype=torch.float64)
    node.forward(*first)
    before = node.backward(one)
    assert all(torch.equal(a, b) for a, b in zip(before, node.backward(one), strict=True))
    node.forward(*second)
    fresh = gate()
    fresh.forward(*second)
    assert all(torch.equal(a, b) for a, b in zip(node.backward(one), fresh.backward(one), strict=True))


@gates
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64], ids=str)
def test_gates_keep_dtype_and_device_and_leave_inputs_alone(gate, oracle, dtype):
    xs = inputs(gate, 3, dtype=dtype)
    copies = [x.clone() for x in xs]
    node = gate()
    assert node.forward(*xs).dtype == dtype
    assert all(gradient.dtype == dtype for gradient in node.backward(torch.ones(3, dtype=dtype)))
    assert all(torch.equal(x, copy) for x, copy in zip(xs, copies, strict=True))
    assert node.forward(*(x.to("meta") for x in xs)).is_meta
    assert all(gradient.is_meta for gradient in node.backward(torch.ones(3, dtype=dtype, device="meta")))


def test_the_sigmoid_gate_saturates_without_overflow():
    gate = B.Sigmoid()
    assert gate.forward(torch.tensor([-1e4, 1e4])).tolist() == [0, 1]
    assert gate.backward(torch.ones(2))[0].tolist() == [0, 0]


def test_a_gate_without_methods_does_nothing():
    with pytest.raises(AttributeError):
        B.Gate().forward(torch.ones(1))


# Graphs.


def test_the_lectures_x_plus_y_times_z_number_by_number():
    graph = B.Graph({"q": (B.Add, "x", "y"), "f": (B.Multiply, "q", "z")})
    values = graph.forward(x=-2.0, y=5.0, z=-4.0)
    assert {name: value.item() for name, value in values.items()} == {"x": -2, "y": 5, "z": -4, "q": 3, "f": -12}
    gradients = {name: gradient.item() for name, gradient in graph.backward("f").items()}
    assert gradients == {"f": 1, "q": -4, "z": 3, "x": -4, "y": -4}


SIGMOID_NEURON = {
    "a": (B.Multiply, "w0", "x0"),
    "b": (B.Multiply, "w1", "x1"),
    "c": (B.Add, "a", "b"),
    "d": (B.Add, "c", "w2"),
    "e": (B.Multiply, "d", "minus_one"),
    "f": (B.Exp, "e"),
    "g": (B.Add, "f", "one"),
    "h": (B.Reciprocal, "g"),
}
NEURON = {"w0": 2.0, "x0": -1.0, "w1": -3.0, "x1": -2.0, "w2": -3.0}


def test_the_lectures_sigmoid_neuron_number_by_number():
    graph = B.Graph(SIGMOID_NEURON)
    values = graph.forward(**NEURON, one=1.0, minus_one=-1.0)
    seen = [round(values[name].item(), 2) for name in "abcdefgh"]
    assert seen == [-2, 6, 4, 1, -1, 0.37, 1.37, 0.73]
    gradients = graph.backward("h")
    assert [round(gradients[name].item(), 2) for name in "hgfedcba"] == [1, -0.53, -0.53, -0.2, 0.2, 0.2, 0.2, 0.2]
    by_hand = {"w0": -0.2, "x0": 0.39, "w1": -0.39, "x1": -0.59, "w2": 0.2}
    assert {name: round(gradients[name].item(), 2) for name in by_hand} == by_hand


def test_the_sigmoid_gate_stands_for_the_last_four():
    parts, whole = (
        B.Graph(SIGMOID_NEURON),
        B.Graph({name: SIGMOID_NEURON[name] for name in "abcd"} | {"h": (B.Sigmoid, "d")}),
    )
    parts.forward(**NEURON, one=1.0, minus_one=-1.0)
    whole.forward(**NEURON)
    first, second = parts.backward("h"), whole.backward("h")
    for name in (*NEURON, *"abcd"):
        torch.testing.assert_close(first[name], second[name])


@given(order=st.permutations(sorted(SIGMOID_NEURON)))
def test_the_gates_may_be_named_in_any_order(order):
    graph = B.Graph({name: SIGMOID_NEURON[name] for name in order})
    known = set(graph.inputs)
    for name in graph.order:
        assert set(SIGMOID_NEURON[name][1:]) <= known, "a gate ran before one that it depends on"
        known.add(name)
    assert known == set(SIGMOID_NEURON) | set(NEURON) | {"one", "minus_one"}
    assert graph.forward(**NEURON, one=1.0, minus_one=-1.0)["h"].item() == pytest.approx(1 / (1 + math.exp(-1)))


def test_gradients_of_a_value_that_is_used_twice_add_up():
    x = torch.tensor([0.5, -2.0, 3.0], dtype=torch.float64)
    graph = B.Graph({"square": (B.Multiply, "x", "x"), "e": (B.Exp, "x"), "sum": (B.Add, "square", "e")})
    graph.forward(x=x)
    torch.testing.assert_close(graph.backward("sum")["x"], 2 * x + x.exp())


def test_gradients_are_of_the_output_that_was_asked_for():
    graph = B.Graph({"q": (B.Add, "x", "y"), "f": (B.Multiply, "q", "z")})
    graph.forward(x=-2.0, y=5.0, z=-4.0)
    assert {name: g.item() for name, g in graph.backward("q").items()} == {"q": 1, "x": 1, "y": 1}
    assert graph.backward("f")["x"] == -4, "and a pass back leaves nothing behind"


@given(seed=st.integers(0, 200))
def test_random_graphs_have_autograds_gradients(seed):
    g = torch.Generator().manual_seed(seed)
    names, nodes = ["x", "y", "z"], {}
    for i in range(8):
        gate = list(ORACLES)[int(torch.randint(6, (), generator=g))]
        count = 2 if gate in (B.Add, B.Multiply, B.Max) else 1
        nodes[f"n{i}"] = (gate, *(names[int(torch.randint(len(names), (), generator=g))] for _ in range(count)))
        names.append(f"n{i}")
    nodes["end"] = (B.Add, "n7", "rest")
    nodes["rest"] = (B.Add, "most", "z")
    nodes["most"] = (B.Add, "x", "y")
    start = {name: torch.rand(4, generator=g, dtype=torch.float64) + 0.5 for name in "xyz"}
    graph = B.Graph(nodes)
    graph.forward(**start)
    gradients = graph.backward("end")
    values = {name: value.clone().requires_grad_() for name, value in start.items()}
    for name in graph.order:
        gate, *sources = nodes[name]
        values[name] = ORACLES[gate](*(values[source] for source in sources))
    expected = torch.autograd.grad(values["end"].sum(), [values[name] for name in "xyz"])
    for name, gradient in zip("xyz", expected, strict=True):
        torch.testing.assert_close(gradients[name], gradient, equal_nan=True)


def test_a_graph_keeps_the_values_of_two_gates_of_one_kind_apart():
    graph = B.Graph({"p": (B.Multiply, "x", "y"), "q": (B.Multiply, "p", "z")})
    graph.forward(x=2.0, y=3.0, z=5.0)
    assert {name: g.item() for name, g in graph.backward("q").items() if name in "xyz"} == {"x": 15, "y": 10, "z": 6}


def test_a_gate_has_to_give_a_gradient_for_each_input():
    class Half(B.Add):
        def backward(self, dz):
            return (dz,)

    graph = B.Graph({"f": (Half, "x", "y")})
    graph.forward(x=1.0, y=1.0)
    with pytest.raises(ValueError, match="zip"):
        graph.backward("f")


def test_graphs_refuse():
    with pytest.raises(ValueError, match="cycle"):
        B.Graph({"a": (B.Exp, "b"), "b": (B.Exp, "a")})
    graph = B.Graph({"f": (B.Add, "x", "y")})
    with pytest.raises(ValueError, match=r"inputs must be \['x', 'y'\], got \['x'\]"):
        graph.forward(x=1.0)
    with pytest.raises(ValueError, match=r"inputs must be \['x', 'y'\], got \['x', 'y', 'z'\]"):
        graph.forward(x=1.0, y=1.0, z=1.0)
    with pytest.raises(ValueError, match=r"output must be a gate that was run forward, one of \['f'\], got 'f'"):
        graph.backward("f")
    graph.forward(x=1.0, y=1.0)
    with pytest.raises(ValueError, match=r"output must be a gate that was run forward, one of \['f'\], got 'x'"):
        graph.backward("x")


# The two-layer network.


def problem(n: int = 7, dtype=torch.float64):
    g = torch.Generator().manual_seed(0)
    model = B.init_two_layer_model(4, 6, 3, std=1.0, generator=g)
    model["b1"], model["b2"] = torch.randn(6, generator=g), torch.randn(3, generator=g)
    X, y = torch.randn(n, 4, generator=g), torch.randint(3, (n,), generator=g)
    return X.to(dtype), {name: values.to(dtype) for name, values in model.items()}, y


def by_autograd(X, model, y, reg):
    W1, b1, W2, b2 = (model[name].clone().requires_grad_() for name in ("W1", "b1", "W2", "b2"))
    loss = F.cross_entropy(F.linear(F.relu(F.linear(X, W1.T, b1)), W2.T, b2), y)
    loss = loss + reg * (W1.norm() ** 2 + W2.norm() ** 2) / 2
    return loss.detach(), dict(zip(("W1", "b1", "W2", "b2"), torch.autograd.grad(loss, [W1, b1, W2, b2]), strict=True))


@pytest.mark.parametrize("reg", [0.0, 0.3, 1e3])
@pytest.mark.parametrize("n", [1, 7])
@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e4])
def test_the_two_layer_networks_loss_and_gradients_are_autograds(reg, n, scale):
    X, model, y = problem(n)
    loss, gradients = B.two_layer_net(scale * X, model, y, reg)
    expected, theirs = by_autograd(scale * X, model, y, reg)
    torch.testing.assert_close(loss, expected)
    assert gradients.keys() == model.keys()
    for name, gradient in gradients.items():
        close = {"rtol": 1e-9, "atol": 1e-12 * min(scale, 1)}
        torch.testing.assert_close(gradient, theirs[name], **close, msg=lambda text, name=name: f"{name}: {text}")


def test_the_two_layer_network_in_float32_and_on_the_meta_device():
    X, model, y = problem(dtype=torch.float32)
    loss, gradients = B.two_layer_net(X, model, y)
    expected, theirs = by_autograd(X, model, y, 0.0)
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(gradients, theirs)
    there = {name: values.to("meta") for name, values in model.items()}
    loss, gradients = B.two_layer_net(X.to("meta"), there, y.to("meta"), 0.1)
    assert loss.is_meta
    assert all(gradient.is_meta for gradient in gradients.values())


def test_the_two_layer_networks_gradients_pass_the_numerical_check():
    X, model, y = problem()
    _, gradients = B.two_layer_net(X, model, y, 0.1)
    for name, gradient in gradients.items():
        f = lambda w, name=name: B.two_layer_net(X, model | {name: w}, y, 0.1)[0]  # noqa: E731
        assert B.check_gradient(f, model[name], gradient, atol=1e-8, rtol=1e-6) < 1e-7


def test_a_step_against_the_gradient_lowers_the_loss():
    X, model, y = problem(40)
    loss, gradients = B.two_layer_net(X, model, y)
    stepped = {name: values - 1e-3 * gradients[name] for name, values in model.items()}
    assert B.two_layer_net(X, stepped, y)[0] < loss


def test_the_lectures_first_losses():
    """At small weights log 10, and with a strength of 1e3 the lecture's 3.07 (sizes of CIFAR-10, factor one half)."""
    g = torch.Generator().manual_seed(0)
    model = B.init_two_layer_model(32 * 32 * 3, 50, 10, generator=g)
    X, y = torch.randn(20, 32 * 32 * 3, generator=g), torch.arange(20) % 10
    assert B.two_layer_net(X, model, y, 0.0)[0].item() == pytest.approx(2.302612, abs=1e-4)
    assert B.two_layer_net(X, model, y, 1e3)[0].item() == pytest.approx(3.068597, abs=0.01)


def test_first_weights_have_their_scale_and_biases_are_zero():
    model = B.init_two_layer_model(300, 200, 100, std=0.5, generator=torch.Generator().manual_seed(0))
    for name, shape in {"W1": (300, 200), "W2": (200, 100)}.items():
        n = model[name].numel()
        assert model[name].shape == shape
        assert abs(model[name].mean()) < 5 * 0.5 / n**0.5
        assert abs(model[name].std() / 0.5 - 1) < 5 / (2 * n) ** 0.5
    assert model["b1"].shape == (200,)
    assert model["b2"].shape == (100,)
    assert not any(model[name].any() for name in ("b1", "b2"))
    state = torch.get_rng_state()
    again = B.init_two_layer_model(300, 200, 100, std=0.5, generator=torch.Generator().manual_seed(0))
    assert all(torch.equal(model[name], again[name]) for name in model)
    assert torch.equal(torch.get_rng_state(), state)
    assert B.init_two_layer_model(300, 200, 100)["W1"].std().item() == pytest.approx(1e-4, rel=0.05)


def test_the_two_layer_network_refuses_a_negative_penalty():
    X, model, y = problem()
    with pytest.raises(ValueError, match="strength must not be negative, got -1"):
        B.two_layer_net(X, model, y, -1.0)


def test_centred_differences_are_autograds_gradient():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 1)).double()
    x = torch.randn(2, 3, dtype=torch.float64)
    f = lambda x: model(x.flatten()).sum()  # noqa: E731
    leaf = x.clone().requires_grad_()
    (expected,) = torch.autograd.grad(f(leaf), leaf)
    torch.testing.assert_close(B.numerical_gradient(f, x), expected, rtol=1e-6, atol=1e-8)


def test_the_differences_are_centred():
    """On a cubic the error is exactly eps squared; one-sided differences would be off by 3 x eps."""
    x = torch.tensor(2.0)
    assert B.numerical_gradient(lambda x: x**3, x, eps=0.1).item() == pytest.approx(12 + 0.1**2, rel=1e-10)


def test_differences_in_float64_of_a_float32_point_and_nothing_is_changed():
    x = torch.tensor([1.0, 2.0, 3.0])
    copy = x.clone()
    gradient = B.numerical_gradient(lambda x: x.prod(), x)
    assert gradient.dtype == torch.float64
    torch.testing.assert_close(gradient, torch.tensor([6.0, 3.0, 2.0], dtype=torch.float64))
    assert torch.equal(x, copy)


def test_a_right_gradient_passes_and_says_how_far_off_it_is():
    x = torch.tensor([[1.0, -2.0], [3.0, 0.5]], dtype=torch.float64)
    assert B.check_gradient(lambda x: (x**3).sum(), x, 3 * x**2) < 1e-8
    off = 3 * x**2
    off[1, 0] += 4e-6
    assert B.check_gradient(lambda x: (x**3).sum(), x, off) == pytest.approx(4e-6, rel=1e-2)


@given(row=st.integers(0, 1), column=st.integers(0, 2), by=st.sampled_from([-1.0, 0.1, 5.0]))
def test_a_wrong_entry_is_named(row, column, by):
    x = torch.arange(6, dtype=torch.float64).reshape(2, 3)
    wrong = 2 * x
    wrong[row, column] += by
    message = rf"gradient is wrong in 1 of 6 entries, worst in \({row}, {column}\): got [-\d.]+, expected [-\d.e]+"
    with pytest.raises(ValueError, match=message):
        B.check_gradient(lambda x: (x**2).sum(), x, wrong)


def test_the_worst_of_several_wrong_entries_is_named_with_its_values():
    x = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)
    with pytest.raises(ValueError, match=r"wrong in 2 of 3 entries, worst in \(2,\): got 8, expected 6"):
        B.check_gradient(lambda x: (x**2).sum(), x, torch.tensor([2.0, 5.0, 8.0]))
    with pytest.raises(ValueError, match=r"wrong in 2 of 3 entries, worst in \(0,\): got nan, expected 2"):
        B.check_gradient(lambda x: (x**2).sum(), x, torch.tensor([math.nan, 5.0, 6.0]))


def test_the_tolerances_add_up():
    x = torch.tensor([10.0], dtype=torch.float64)  # gradient 20
    check = lambda by, **kw: B.check_gradient(lambda x: (x**2).sum(), x, 20 + torch.tensor([by]).double(), **kw)  # noqa: E731
    assert check(0.29, atol=0.1, rtol=0.01) == pytest.approx(0.29, rel=1e-4)
    assert check(-0.29, atol=0.1, rtol=0.01) == pytest.approx(0.29, rel=1e-4)
    for by in (0.31, -0.31):
        with pytest.raises(ValueError, match="gradient is wrong"):
            check(by, atol=0.1, rtol=0.01)
    assert check(0.019) > 0  # by default a thousandth
    with pytest.raises(ValueError, match="gradient is wrong"):
        check(0.021)
    with pytest.raises(ValueError, match=r"worst in \(\): got 1, expected 0"):  # a scalar has one entry
        B.check_gradient(lambda x: 0 * x, torch.tensor(3.0), torch.tensor(1.0))


def test_the_check_refuses_what_it_cannot_measure():
    with pytest.raises(ValueError, match=r"f must return a float64 scalar, got torch.float64 of shape \(2,\)"):
        B.numerical_gradient(lambda x: x, torch.ones(2))
    with pytest.raises(ValueError, match=r"f must return a float64 scalar, got torch.float32 of shape \(\)"):
        B.numerical_gradient(lambda x: x.sum().float(), torch.ones(2))
    for eps in (0.0, -1e-6):
        with pytest.raises(ValueError, match=f"eps must be positive, got {eps}"):
            B.numerical_gradient(lambda x: x.sum(), torch.ones(2), eps=eps)
