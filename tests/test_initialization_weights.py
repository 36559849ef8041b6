"""Fans, gains and variances: closed forms, and signals that keep their size through deep networks."""

from __future__ import annotations

import itertools
import math
from functools import partial

import pytest
import torch
from scipy import integrate, stats
from torch import nn
from torch.nn import functional as F

from trainwell.initialization import (
    backward_gain,
    fans,
    gain,
    initialise_,
    kaiming_normal_,
    kaiming_uniform_,
    normal_,
    orthogonal_,
    slope_gain,
    uniform_,
    variance_preserving_,
    xavier_normal_,
    xavier_uniform_,
)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (nn.Linear(3, 5), (3, 5)),
        (nn.Conv1d(3, 5, 4), (12, 20)),
        (nn.Conv2d(3, 64, 7), (147, 3136)),
        (nn.Conv2d(3, 5, (2, 1)), (6, 10)),
        (nn.Conv3d(2, 3, 2), (16, 24)),
        (nn.Conv2d(8, 6, 3, groups=2), (36, 54)),
    ],
    ids=str,
)
def test_fans(layer, expected):
    assert fans(layer.weight) == expected == nn.init._calculate_fan_in_and_fan_out(layer.weight)


def scipys_gain(f) -> float:
    """The integral by scipy's adaptive quadrature, cut at the kinks."""

    def integrand(z):
        return f(torch.tensor(z, dtype=torch.float64)).item() ** 2 * stats.norm.pdf(z)

    pieces = [-12, -3, -1, 0, 1, 3, 6, 12]
    moment = sum(integrate.quad(integrand, a, b, epsabs=1e-13)[0] for a, b in itertools.pairwise(pieces))
    return 1 / math.sqrt(moment)


@pytest.mark.parametrize(
    ("f", "closed"),
    [
        (lambda z: z, 1.0),
        (lambda z: 3 * z, 1 / 3),
        (torch.ones_like, 1.0),
        (F.relu, math.sqrt(2)),
        (nn.ReLU(), math.sqrt(2)),
        (partial(F.leaky_relu, negative_slope=0.2), math.sqrt(2 / 1.04)),
        (torch.abs, 1.0),
        (torch.square, 1 / math.sqrt(3)),
        (torch.exp, math.exp(-1)),
        (torch.sin, math.sqrt(2 / (1 - math.exp(-2)))),
        (torch.heaviside, None),
        (F.selu, 1.0),
    ],
)
def test_gain_is_the_closed_form(f, closed):
    if closed is None:
        f, closed = (lambda z: (z > 0).double()), math.sqrt(2)
    assert gain(f) == pytest.approx(closed, rel=1e-10 if f is not F.selu else 1e-6)


@pytest.mark.parametrize(
    "f", [torch.tanh, torch.sigmoid, F.elu, F.gelu, F.silu, F.softplus, F.hardtanh, F.hardswish, F.relu6, torch.atan]
)
def test_gain_is_scipys_quadrature(f):
    assert gain(f) == pytest.approx(scipys_gain(f), rel=1e-10)


def test_gain_of_a_kink_off_the_panels_ends():
    assert gain(lambda z: (z - 0.337).relu()) == pytest.approx(scipys_gain(lambda z: (z - 0.337).relu()), rel=1e-5)


@pytest.mark.parametrize("name", ["linear", "relu", "leaky_relu"])
def test_gain_is_torchs_where_torchs_is_of_the_second_moment(name):
    f = {"linear": lambda z: z, "relu": F.relu, "leaky_relu": F.leaky_relu}[name]
    assert gain(f) == pytest.approx(nn.init.calculate_gain(name), rel=1e-12)
    assert backward_gain(f) == pytest.approx(nn.init.calculate_gain(name), rel=1e-12)


@pytest.mark.parametrize(("name", "f"), [("tanh", torch.tanh), ("selu", F.selu), ("sigmoid", torch.sigmoid)])
def test_gain_is_not_torchs_elsewhere(name, f):
    assert abs(gain(f) - nn.init.calculate_gain(name)) > 0.05


def test_gain_against_a_million_draws():
    z = torch.randn(1_000_000, dtype=torch.float64, generator=seeded())
    for f in (torch.tanh, torch.sigmoid, F.gelu):
        assert gain(f) == pytest.approx(1 / f(z).square().mean().sqrt().item(), rel=5e-3)


def test_backward_gain_is_the_derivatives():
    assert backward_gain(torch.square) == pytest.approx(0.5, rel=1e-12)  # E[4 z^2] = 4
    assert backward_gain(torch.sin) == pytest.approx(math.sqrt(2 / (1 + math.exp(-2))), rel=1e-12)
    derivative = lambda z: 1 - torch.tanh(z) ** 2  # noqa: E731
    assert backward_gain(torch.tanh) == pytest.approx(scipys_gain(derivative), rel=1e-10)
    with torch.no_grad():
        assert backward_gain(torch.tanh) == pytest.approx(1.4677, abs=1e-3)


def test_the_sigmoids_factor_four():
    assert slope_gain(torch.sigmoid) == 4
    assert slope_gain(torch.tanh) == slope_gain(torch.sin) == slope_gain(lambda z: -z) == 1
    assert slope_gain(lambda z: z / 3) == pytest.approx(3)
    w = xavier_uniform_(torch.empty(300, 500), slope_gain(torch.sigmoid), generator=seeded())
    bound = 4 * math.sqrt(6 / 800)  # as the lecture writes it
    assert 0.999 * bound < w.abs().max() <= bound


def test_a_sigmoid_network_with_four_times_the_weights_is_the_tanh_network():
    """tanh(a) = 2 sigmoid(2a) - 1, three layers: the identity that the factor 4 comes from."""
    g = seeded()
    x = torch.randn(5, 4, dtype=torch.float64, generator=g)
    weights = [torch.randn(4, 4, dtype=torch.float64, generator=g) for _ in range(3)]
    biases = [torch.randn(4, dtype=torch.float64, generator=g) for _ in range(3)]
    tanh, sigmoid = x, x
    for layer, (w, b) in enumerate(zip(weights, biases, strict=True)):
        tanh = torch.tanh(tanh @ w.T + b)
        factor, bias = (2, 2 * b) if layer == 0 else (4, 2 * b - 2 * w.sum(1))
        sigmoid = torch.sigmoid(factor * sigmoid @ w.T + bias)
    torch.testing.assert_close(tanh, 2 * sigmoid - 1)


def test_for_a_small_signal_the_factor_keeps_the_standard_deviation():
    a = 0.01 * torch.randn(100_000, dtype=torch.float64, generator=seeded())
    assert 4 * torch.sigmoid(a).std() == pytest.approx(a.std().item(), rel=1e-3)


@pytest.mark.parametrize("f", [torch.zeros_like, lambda z: z / 0, lambda z: z * torch.nan])
def test_refuses_a_function_without_a_moment(f):
    with pytest.raises(ValueError, match="f must have a second moment that is positive and finite, got"):
        gain(f)


@pytest.mark.parametrize("f", [lambda z: z.square().exp(), lambda z: (z.square() / 4).exp(), lambda z: (6 * z).exp()])
def test_refuses_a_function_whose_moment_comes_from_far_out(f):
    for side in (1, -1):
        with pytest.raises(ValueError, match="f must not grow so fast that its mean comes from beyond 12 standard dev"):
            gain(lambda z, side=side: f(side * z))


@pytest.mark.parametrize("a", [1, 3, -3])
def test_takes_a_function_that_grows_fast_but_not_too_fast(a):
    r"""Against the closed form :math:`\mathbb{E}[e^{2az}] = e^{2a^2}`."""
    assert gain(lambda z: (a * z).exp()) == pytest.approx(math.exp(-(a**2)), rel=1e-7)


def test_refuses_a_function_without_a_slope():
    with pytest.raises(ValueError, match=r"f must have a derivative at zero that is positive and finite, got 0\.0"):
        slope_gain(torch.square)
    with pytest.raises(ValueError, match="f must have a derivative with a second moment"):
        backward_gain(torch.sign)


DEPTH, WIDTH = 30, 256


def deep(initialiser, f, seed=0):
    """The second moments of the signal behind `DEPTH` layers and of the gradient behind as many back."""
    g = seeded(seed)
    x = torch.randn(512, WIDTH, generator=g, dtype=torch.float64).requires_grad_()
    h = x
    for _ in range(DEPTH):
        h = f(h @ initialiser(torch.empty(WIDTH, WIDTH, dtype=torch.float64), generator=g).T)
    (gradient,) = torch.autograd.grad(h, x, torch.randn(h.shape, generator=g, dtype=torch.float64))
    return h.square().mean().item(), gradient.square().mean().item()


def test_relu_networks_live_with_kaiming_and_die_or_blow_up_without():
    """Over 30 layers: 2/d keeps, Xavier's 1/d loses a half a layer, 0.01 and 1 are off by 2^-40 and 2^210."""
    signal, gradient = deep(kaiming_normal_, F.relu)
    assert 0.1 < signal < 2
    assert 0.1 < gradient < 4
    signal, gradient = deep(kaiming_uniform_, F.relu)
    assert 0.1 < signal < 2
    assert deep(xavier_normal_, F.relu)[0] < 1e-7
    assert deep(partial(normal_, std=0.01), F.relu)[0] < 1e-40
    assert deep(partial(uniform_, a=-1.0, b=1.0), F.relu)[0] > 1e30


def test_linear_networks_live_with_one_over_d():
    for initialiser in (variance_preserving_, orthogonal_, xavier_normal_):
        signal, gradient = deep(initialiser, lambda z: z)
        assert 0.3 < signal < 3
        assert 0.3 < gradient < 3


@pytest.mark.parametrize("f", [torch.tanh, torch.sigmoid, F.gelu, F.silu, F.elu], ids=lambda f: f.__name__)
def test_the_gain_keeps_any_activations_signal(f):
    """Behind one layer E[a^2] is one again, and behind ten still near it."""
    g = seeded()
    a = torch.randn(1000, 500, dtype=torch.float64, generator=g)
    moments = []
    for _ in range(10):
        w = variance_preserving_(torch.empty(500, 500, dtype=torch.float64), gain(f), generator=g)
        a = f(a) @ w.T
        moments.append(a.square().mean().item())
    assert moments[0] == pytest.approx(1, abs=0.03)
    assert moments[-1] == pytest.approx(1, abs=0.35)


@pytest.mark.parametrize(
    ("f", "factor"), [(torch.tanh, 0.46), (F.elu, 0.89), (F.relu, 1), (F.gelu, 1.14), (F.silu, 1.17)]
)
def test_what_a_layer_does_to_a_variance_that_is_off(f, factor):
    """The derivative of q -> g^2 E[f(sqrt(q) z)^2] at 1, as the docstring of `gain` states it."""
    above, below = (gain(f) ** 2 / gain(lambda z, q=q: f(q**0.5 * z)) ** 2 for q in (1.001, 0.999))
    assert (above - below) / 0.002 == pytest.approx(factor, abs=0.005)


def test_fan_out_keeps_the_gradient_and_fan_in_the_signal():
    """From 400 units to 100: forward E[a^2] = E[x^2] with 1/400, backward E[dx^2] = E[da^2] with 1/100."""
    g = seeded()
    x = torch.randn(2000, 400, dtype=torch.float64, generator=g)
    da = torch.randn(2000, 100, dtype=torch.float64, generator=g)
    forward = variance_preserving_(torch.empty(100, 400, dtype=torch.float64), generator=g)
    backward = variance_preserving_(torch.empty(100, 400, dtype=torch.float64), mode="fan_out", generator=g)
    assert (x @ forward.T).square().mean().item() == pytest.approx(1, rel=0.05)
    assert (da @ backward).square().mean().item() == pytest.approx(1, rel=0.05)
    assert (da @ forward).square().mean().item() == pytest.approx(0.25, rel=0.05)


def test_refuses_bad_arguments():
    w = torch.empty(3, 4)
    with pytest.raises(ValueError, match=r"std must not be negative, got -0\.1"):
        normal_(w, std=-0.1)
    for initialiser in (xavier_normal_, xavier_uniform_, variance_preserving_):
        with pytest.raises(ValueError, match=r"gain must not be negative, got -1"):
            initialiser(w, gain=-1)
    with pytest.raises(ValueError, match="b must be at least a, got a=1 and b=0"):
        uniform_(w, 1, 0)
    for initialiser in (kaiming_normal_, kaiming_uniform_, variance_preserving_):
        with pytest.raises(ValueError, match="mode must be one of 'fan_in', 'fan_out', got 'fan_avg'"):
            initialiser(w, mode="fan_avg")
    for initialiser in (kaiming_normal_, kaiming_uniform_):
        with pytest.raises(ValueError, match="nonlinearity must be one of 'linear', 'relu', 'leaky_relu', got 'tanh'"):
            initialiser(w, nonlinearity="tanh")


def test_limits_are_taken():
    assert normal_(torch.empty(5), 2.0, 0.0).eq(2).all()
    assert uniform_(torch.empty(5), 2.0, 2.0).eq(2).all()
    assert xavier_uniform_(torch.empty(2, 2), gain=0).eq(0).all()


class Branches(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4)
        self.head = nn.Sequential(nn.Flatten(), nn.Linear(16, 3, bias=False))
        self.embedding = nn.Embedding(4, 4)


def test_initialise_takes_linear_and_convolutional_layers_in_order():
    model, g = Branches(), seeded()
    others = [w.clone() for w in (model.norm.weight, model.embedding.weight)]
    assert initialise_(model, xavier_normal_, generator=seeded()) is model
    assert torch.equal(model.conv.weight, nn.init.xavier_normal_(torch.empty(4, 1, 3, 3), generator=g))
    assert torch.equal(model.head[1].weight, nn.init.xavier_normal_(torch.empty(3, 16), generator=g))
    assert model.conv.bias.eq(0).all()
    assert torch.equal(model.norm.weight, others[0])
    assert torch.equal(model.embedding.weight, others[1])
    assert all(w.requires_grad for w in model.parameters())


def test_initialise_takes_torchs_initialisers():
    ours, theirs = Branches(), Branches()
    initialise_(ours, kaiming_uniform_, generator=seeded())
    initialise_(theirs, nn.init.kaiming_uniform_, generator=seeded())
    assert torch.equal(ours.head[1].weight, theirs.head[1].weight)
