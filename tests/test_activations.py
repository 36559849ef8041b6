"""Every activation: its value against torch's or SciPy's, its hand-written derivative against autograd, its ends."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from tests.registries import parametrize
from tests.registries.activations import ACTIVATIONS, LEARNED
from trainwell import activations as A

every_activation = parametrize(ACTIVATIONS)
GRID = torch.cat([torch.linspace(-8, 8, 321), torch.tensor([0.0, -0.0])]).double()
LARGE = torch.tensor([-1e6, -1e4, -1e3, -100.0, 100.0, 1e3, 1e4, 1e6], dtype=torch.float64)
TINY = 1e-6 * torch.linspace(-1, 1, 7).double()


def gradient(f, x):
    leaf = x.clone().requires_grad_()
    return torch.autograd.grad(f(leaf).sum(), leaf)[0]


def test_the_registry_holds_every_activation():
    functions = {name.removesuffix("_derivative") for name in A.__all__ if name.endswith("_derivative")}
    assert {entry.factory.__name__ for entry in ACTIVATIONS} | LEARNED == functions
    layers = {name for name in A.__all__ if isinstance(getattr(A, name), type)} - {"Activity"}
    assert {entry.layer.__name__ for entry in ACTIVATIONS} | {"PReLU", "Maxout"} == layers


@every_activation
@pytest.mark.parametrize("x", [GRID, LARGE, TINY], ids=["grid", "large", "tiny"])
def test_values_are_the_references(entry, x):
    torch.testing.assert_close(entry.make(x), entry.oracle(x), atol=1e-14, rtol=1e-7)


@parametrize(ACTIVATIONS, having="gradient")
@pytest.mark.parametrize("x", [GRID, LARGE, TINY], ids=["grid", "large", "tiny"])
def test_derivatives_by_hand_are_autograds_of_ours_and_of_torchs(entry, x):
    torch.testing.assert_close(entry.slope(x), gradient(entry.make, x), rtol=1e-9, atol=1e-12)
    if entry.twin is not None:
        torch.testing.assert_close(entry.slope(x), gradient(entry.twin(**entry.arguments), x), rtol=1e-7, atol=1e-8)


@every_activation
def test_derivatives_by_hand_are_differences(entry):
    x = GRID[(GRID.abs() > 1e-3)]
    h = 1e-6
    torch.testing.assert_close(entry.slope(x), (entry.make(x + h) - entry.make(x - h)) / (2 * h), atol=1e-8, rtol=1e-8)


@parametrize(ACTIVATIONS, having="gradient")
def test_gradcheck(entry):
    x = GRID[(GRID.abs() > 1e-3)][::16].clone().requires_grad_()
    assert torch.autograd.gradcheck(entry.make, x)


@every_activation
def test_it_saturates_at_the_ends_where_it_says_so(entry):
    for end, x in (("left", -1e3), ("right", 1e3)):
        slope = entry.slope(torch.tensor([x, 1e3 * x], dtype=torch.float64))
        assert A.saturated(slope, 1e-5).tolist() == [end in entry.abilities] * 2, end


@every_activation
@pytest.mark.parametrize("shape", [(), (7,), (3, 4), (2, 3, 4, 5), (0,)], ids=str)
def test_any_shape(entry, shape):
    x = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    for y in (entry.make(x), entry.slope(x), entry.layer(**entry.arguments)(x)):
        assert y.shape == x.shape
    torch.testing.assert_close(entry.make(x), entry.oracle(x))


@every_activation
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64], ids=str)
def test_keeps_dtype_and_device_and_leaves_its_input_alone(entry, dtype):
    x = GRID.to(dtype)
    before = x.clone()
    for f in (entry.make, entry.slope):
        assert f(x).dtype == dtype
        there = f(x.to("meta"))
        assert there.is_meta
        assert there.dtype == dtype
    assert torch.equal(x, before)
    torch.testing.assert_close(entry.make(x), entry.oracle(x), rtol=0.02, atol=0.01)


@every_activation
def test_values_at_the_ends_are_finite_numbers_and_nan_stays(entry):
    for f in (entry.make, entry.slope):
        assert f(torch.tensor([-3e38, 3e38])).isfinite().all()
    if "gradient" in entry.abilities:
        assert entry.make(torch.tensor([math.nan])).isnan().all()


@parametrize(ACTIVATIONS, having="torch")
@pytest.mark.parametrize("autocast", [False, True])
def test_the_layer_is_torchs_twin(entry, autocast):
    ours, theirs = entry.layer(**entry.arguments), entry.twin(**entry.arguments)
    theirs.load_state_dict(ours.state_dict())
    x = GRID.float()
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast):
        for value in (x, x.bfloat16()):
            assert ours(value).dtype == theirs(value).dtype
            half = value.dtype != x.dtype  # torch's GELU rounds to it once, ours at each operation
            tolerances = {"rtol": 0.02, "atol": 5e-3} if half else {"rtol": 1e-5, "atol": 1e-6}
            torch.testing.assert_close(ours(value), theirs(value), **tolerances)


@every_activation
def test_the_layer_is_the_function(entry):
    layer = entry.layer(**entry.arguments)
    assert torch.equal(layer(GRID), entry.make(GRID))
    assert not list(layer.parameters())
    text = ", ".join(f"{name}={value}" for name, value in entry.arguments.items())
    assert text in repr(layer)


@parametrize(ACTIVATIONS, having="torch")
def test_the_defaults_are_torchs(entry):
    assert torch.allclose(entry.layer()(GRID), entry.twin()(GRID))


def test_the_defaults_of_functions():
    x = torch.tensor([-1.0])
    assert A.leaky_relu(x).item() == A.LeakyReLU()(x).item() == pytest.approx(-0.01)
    assert A.leaky_relu_derivative(x).item() == pytest.approx(0.01)
    assert A.elu(x).item() == A.ELU()(x).item() == pytest.approx(math.exp(-1) - 1)
    assert A.elu_derivative(x).item() == pytest.approx(math.exp(-1))


def test_the_conventions_at_zero():
    zero = torch.zeros(1, dtype=torch.float64)
    at_zero = {name: getattr(A, f"{name}_derivative")(zero).item() for name in ("relu", "leaky_relu", "elu", "step")}
    assert at_zero == {"relu": 0, "leaky_relu": 0.01, "elu": 1, "step": 0}
    assert A.step(zero).item() == 1
    assert A.step(-1e-300 + zero).item() == 0
    assert not A.step(zero.requires_grad_()).requires_grad


def test_what_the_lectures_say_of_the_curves():
    x = GRID
    assert A.sigmoid_derivative(x).max().item() == pytest.approx(0.25)
    torch.testing.assert_close(A.tanh(x), 2 / (1 + torch.exp(-2 * x)) - 1)
    torch.testing.assert_close(A.tanh(x), 2 * A.sigmoid(2 * x) - 1)
    torch.testing.assert_close(A.softplus_derivative(x), A.sigmoid(x))
    torch.testing.assert_close(A.softplus(x) - A.softplus(-x), x)
    torch.testing.assert_close(A.relu(x) - A.relu(-x), A.identity(x))
    torch.testing.assert_close(A.leaky_relu(x, 0.1), torch.maximum(0.1 * x, x))
    assert A.elu(torch.tensor(-1e4), 0.7).item() == pytest.approx(-0.7)
    assert A.gelu(x).min().item() == pytest.approx(-0.17, abs=0.001)


# PReLU.


@pytest.mark.parametrize("shape", [(4,), (5, 3), (2, 3, 4), (2, 3, 4, 5)], ids=str)
@pytest.mark.parametrize("channels", [1, 3])
def test_prelu_is_torchs_with_its_gradients(shape, channels):
    if len(shape) == 1 and channels > 1:
        pytest.skip("no channels")
    g = torch.Generator().manual_seed(0)
    x, w = torch.randn(shape, generator=g).double(), torch.rand(channels, generator=g).double()
    x.view(-1)[0] = 0
    results = []
    for f in (A.prelu, F.prelu):
        leaves = x.clone().requires_grad_(), w.clone().requires_grad_()
        y = f(*leaves)
        results.append((y.detach(), *torch.autograd.grad((y * y.detach().cos()).sum(), leaves)))
    torch.testing.assert_close(results[0], results[1])
    torch.testing.assert_close(A.prelu_derivative(x, w), gradient(lambda x: F.prelu(x, w), x))
    nudged = x + (x == 0)
    assert torch.autograd.gradcheck(A.prelu, (nudged.requires_grad_(), w.requires_grad_()))


def test_the_layer_prelu_is_torchs_and_learns():
    for arguments in ({}, {"num_parameters": 3}, {"num_parameters": 3, "init": 0.1}):
        ours, theirs = A.PReLU(**arguments), nn.PReLU(**arguments)
        assert torch.equal(ours.weight, theirs.weight)
        theirs.load_state_dict(ours.state_dict())
        x = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))
        torch.testing.assert_close(ours(x), theirs(x))
        assert repr(ours) == repr(theirs)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            assert ours(x.bfloat16()).dtype == theirs(x.bfloat16()).dtype
    ours(x).sum().backward()
    assert (ours.weight.grad != 0).all()
    assert A.PReLU().to("meta")(torch.ones(2, device="meta")).is_meta
    with pytest.raises(ValueError, match="num_parameters must be at least 1, got 0"):
        A.PReLU(0)


# Maxout.


def pieces(k: int = 3, outputs: int = 4, inputs: int = 5):
    g = torch.Generator().manual_seed(0)
    return torch.randn(k, outputs, inputs, generator=g).double(), torch.randn(k, outputs, generator=g).double()


@pytest.mark.parametrize("shape", [(5,), (7, 5), (2, 3, 5)], ids=str)
@pytest.mark.parametrize("k", [1, 2, 3])
@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_maxout_is_the_largest_of_its_lines_with_autograds_derivative(shape, k, scale):
    """The reference is a loop over outputs and pieces, from the formula."""
    weight, bias = pieces(k)
    x = scale * torch.randn(shape, generator=torch.Generator().manual_seed(1)).double()
    rows = x.reshape(-1, 5)
    expected = torch.stack(
        [torch.stack([max(weight[i, o] @ row + bias[i, o] for i in range(k)) for o in range(4)]) for row in rows]
    )
    torch.testing.assert_close(A.maxout(x, weight, bias), expected.view(*shape[:-1], 4))
    derivative = A.maxout_derivative(x, weight, bias)
    assert derivative.shape == (*shape[:-1], 4, 5)
    for row, matrix in zip(rows, derivative.view(-1, 4, 5), strict=True):
        autograds = torch.autograd.functional.jacobian(lambda x: A.maxout(x, weight, bias), row)
        torch.testing.assert_close(matrix, autograds)


def test_maxout_gradcheck_and_ties():
    weight, bias = pieces()
    x = torch.randn(2, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    assert torch.autograd.gradcheck(A.maxout, [v.requires_grad_() for v in (x, weight, bias)])
    twice = torch.tensor([[[1.0]], [[3.0]], [[-9.0]]])
    assert A.maxout_derivative(torch.zeros(1), twice, torch.tensor([[0.0], [0.0], [-1.0]])).item() == 2
    tied = gradient(lambda x: A.maxout(x, twice, torch.tensor([[0.0], [0.0], [-1.0]])), torch.zeros(1))
    assert tied.item() == 2


def test_two_pieces_of_which_one_is_zero_are_relu_and_a_mirrored_one_the_absolute_value():
    x = GRID[:, None]
    zero = torch.zeros(2, 1, dtype=torch.float64)
    one = torch.tensor([[[1.0]], [[0.0]]], dtype=torch.float64)
    torch.testing.assert_close(A.maxout(x, one, zero), A.relu(x))
    mirrored = torch.tensor([[[1.0]], [[-1.0]]], dtype=torch.float64)
    torch.testing.assert_close(A.maxout(x, mirrored, zero), x.abs())


def test_the_layer_maxout():
    torch.manual_seed(0)
    layer = A.Maxout(100, 50, 4)
    x = torch.randn(3, 100)
    torch.testing.assert_close(layer(x), A.maxout(x, layer.weight, layer.bias))
    for values in layer.parameters():
        n = values.numel()
        assert values.abs().max() <= 0.1
        assert values.abs().max() > 0.1 * (1 - 20 / n)
        assert abs(values.mean()) < 5 * 0.1 / (3 * n) ** 0.5
    assert layer.weight.shape == (4, 50, 100)
    assert A.Maxout(2, 3).bias.shape == (2, 3)
    assert repr(layer) == "Maxout(in_features=100, out_features=50, pieces=4)"
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert layer(x).dtype == nn.Linear(100, 50)(x).dtype == torch.bfloat16
    assert copy.deepcopy(layer).to("meta")(x.to("meta")).shape == (3, 50)
    for arguments, name in (((0, 1), "in_features"), ((1, 0), "out_features"), ((1, 1, 0), "pieces")):
        with pytest.raises(ValueError, match=f"{name} must be at least 1, got 0"):
            A.Maxout(*arguments)


# What is dead, what is saturated.


def relu_network(kind=nn.ReLU) -> nn.Module:
    """Ten units: three dead, two of them always on, the others on for half of the inputs, -1 to 1."""
    model = nn.Sequential(nn.Linear(1, 10), kind(), nn.Linear(10, 2))
    with torch.no_grad():
        model[0].weight.fill_(1)
        model[0].bias.copy_(torch.tensor([-5.0] * 3 + [5.0] * 2 + [0.0] * 5))
    return model


X = torch.linspace(-1, 1, 20)[:, None]  # ten below zero, ten above


@pytest.mark.parametrize("kind", [nn.ReLU, A.ReLU, lambda: nn.ReLU(inplace=True)])
def test_dead_and_saturated_shares_of_a_network_that_was_built_to_have_them(kind):
    with A.watch_activations(relu_network(kind)) as layers:
        relu_network(kind)(X)
        assert layers == {}, "another network ran"
    model = relu_network(kind)
    with A.watch_activations(model) as layers:
        model(X)
    assert set(layers) == {"1"}
    assert layers["1"].dead == pytest.approx(0.3)
    assert layers["1"].saturated == pytest.approx(0.3 + 0.5 * 0.5)
    assert layers["1"].count == 200


def test_a_unit_is_dead_only_when_no_batch_wakes_it():
    model = relu_network()
    with A.watch_activations(model) as layers:
        model(X[:10])
        assert layers["1"].dead == pytest.approx(0.8)
        model(X[10:])
    assert layers["1"].dead == pytest.approx(0.3)
    assert layers["1"].saturated == pytest.approx(0.55)
    with A.watch_activations(model) as layers:
        model(X[10:])
        model(X[:10])
    assert layers["1"].dead == pytest.approx(0.3)


@pytest.mark.parametrize("kind", [nn.LeakyReLU, A.LeakyReLU, A.PReLU, nn.ELU, A.ELU, A.Softplus, nn.GELU])
def test_variants_of_relu_do_not_die(kind):
    model = relu_network(kind)
    with A.watch_activations(model) as layers:
        model(X)
    assert layers["1"].dead == 0


@pytest.mark.parametrize("kind", [nn.Sigmoid, A.Sigmoid, nn.Tanh, A.Tanh, A.Arctan])
@pytest.mark.parametrize(("scale", "share"), [(1e-3, 0.0), (1e4, 1.0)])
def test_large_weights_saturate_s_shaped_curves(kind, scale, share):
    model = nn.Sequential(nn.Linear(1, 10, bias=False), kind())
    nn.init.constant_(model[0].weight, scale)
    with A.watch_activations(model) as layers:
        model(X)
    assert layers["1"].saturated == share


def test_steps_are_dead_and_flat_everywhere():
    model = nn.Sequential(A.Step())
    with A.watch_activations(model) as layers:
        model(X)
    assert (layers["0"].dead, layers["0"].saturated) == (1, 1)


def test_the_tolerance_decides_what_is_flat():
    model = nn.Sequential(nn.LeakyReLU(0.05))
    shares = {}
    for tolerance in (0.0, 0.01, 0.05, 0.1):
        with A.watch_activations(model, tolerance=tolerance) as layers:
            model(X)
        shares[tolerance] = layers["0"].saturated
    assert shares == {0.0: 0, 0.01: 0, 0.05: 0.5, 0.1: 0.5}
    slopes = torch.tensor([-0.02, -0.01, 0.0, 0.01, 0.02])
    assert A.saturated(slopes).tolist() == [False, True, True, True, False]
    for call in (lambda: A.saturated(slopes, -1.0), lambda: A.watch_activations(model, tolerance=-1.0).__enter__()):
        with pytest.raises(ValueError, match="tolerance must not be negative, got -1"):
            call()


def test_channels_of_images_are_units_and_images_may_have_any_size():
    model = nn.Sequential(nn.Conv2d(1, 3, 1), nn.ReLU())
    with torch.no_grad():
        model[0].weight.fill_(1)
        model[0].bias.copy_(torch.tensor([-5.0, 0.0, 5.0]))
    with A.watch_activations(model) as layers:
        for size in (4, 6):
            model(torch.linspace(-1, 1, size * size).view(1, 1, size, size))
    assert layers["1"].dead == pytest.approx(1 / 3)
    assert layers["1"].saturated == pytest.approx(0.5)
    assert layers["1"].count == 3 * (16 + 36)
    with A.watch_activations(nn.ReLU()) as layers, pytest.raises(KeyError):
        layers["1"]


def test_one_example_without_a_batch():
    model = nn.Sequential(nn.ReLU())
    with A.watch_activations(model) as layers:
        model(torch.tensor([-1.0, 1.0, 2.0, 3.0]))
    assert layers["0"].dead == 0.25


def test_a_layer_that_is_used_twice_is_counted_apart():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.relu = nn.ReLU()

        def forward(self, x):
            return self.relu(self.relu(x + 0.5).repeat(1, 3) - 9)

    model = Twice()
    with A.watch_activations(model) as layers:
        for _ in range(3):
            model(X)
    assert {name: activity.dead for name, activity in layers.items()} == {"relu": 0, "relu (2)": 1}
    assert [activity.count for activity in layers.values()] == [60, 180]


@pytest.mark.parametrize("inside", ["no_grad", "training", "inference"])
def test_watching_changes_nothing_and_leaves_no_hooks(inside):
    model, plain = relu_network(lambda: A.PReLU(10)), None
    plain = copy.deepcopy(model)
    results = []
    for network in (model, plain):
        watching = A.watch_activations(network) if network is model else torch.enable_grad()
        with watching:
            if inside == "training":
                y = network(X)
                y.square().sum().backward()
                results.append([y.detach(), *(p.grad for p in network.parameters())])
            else:
                with torch.no_grad() if inside == "no_grad" else torch.inference_mode():
                    results.append([network(X.clone())])
    torch.testing.assert_close(results[0], results[1], rtol=0, atol=0)
    assert not any(module._forward_pre_hooks or module._forward_hooks for module in model.modules())
    assert all(module.training for module in model.modules())


def test_the_hooks_go_when_the_network_fails():
    model = relu_network()
    with pytest.raises(RuntimeError), A.watch_activations(model):
        model(torch.ones(3, 7))
    assert not any(module._forward_pre_hooks for module in model.modules())


NOT_ELEMENTWISE = {"GLU", "MultiheadAttention", "Softmin", "Softmax", "Softmax2d", "LogSoftmax"}
TORCHS = set(nn.modules.activation.__all__) - NOT_ELEMENTWISE - {"RReLU"}  # which draws


@pytest.mark.parametrize("name", sorted(TORCHS))
def test_every_elementwise_activation_of_torch_is_watched(name):
    layer = getattr(nn, name)(*([0.1, 0.0] if name == "Threshold" else []))
    x = torch.linspace(-4, 4, 90, dtype=torch.float64).view(30, 3).requires_grad_()
    slope = torch.autograd.grad(layer.double()(x).sum(), x)[0]
    with A.watch_activations(model := nn.Sequential(layer)) as layers:
        model(x)
    assert layers["0"].saturated == (slope.abs() <= 0.01).double().mean()
    assert layers["0"].count == 90


def test_layers_that_mix_or_draw_or_do_nothing_are_not_watched():
    model = nn.Sequential(nn.RReLU(), nn.Softmax(1), nn.Identity(), A.Identity(), A.Maxout(3, 2), nn.GLU())
    with A.watch_activations(model) as layers:
        model(torch.ones(2, 3))
    assert layers == {}
