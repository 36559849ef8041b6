"""What each technique is named for: limiting cases, equivalences, defaults, and the functions beside the optimizers."""

from __future__ import annotations

import inspect
from itertools import pairwise

import numpy as np
import pytest
import pytorch_optimizer
import scipy.optimize
import torch
from torch import nn
from torch.utils.data import TensorDataset

from trainwell import optimizers as O
from trainwell.training import fit


def weight(*values):
    return nn.Parameter(torch.tensor(values, dtype=torch.double))


def one_step(make, w, g):
    optimizer = make([w])
    w.grad = torch.as_tensor(g, dtype=w.dtype).expand_as(w).clone()
    optimizer.step()
    return w.detach()


@pytest.mark.parametrize("name", ["SGD", "Adagrad", "Adadelta", "RMSprop", "Adam", "AdamW", "NAdam", "RAdam", "LBFGS"])
def test_arguments_and_defaults_are_torchs(name):
    ours, theirs = (inspect.signature(getattr(library, name)).parameters for library in (O, torch.optim))
    extra = {"eps_in_root", "bias_correction", "threshold", "options"}
    shared = [p for p in ours if p not in extra]
    assert shared == list(theirs)[: len(shared)]
    assert all(ours[p].default == theirs[p].default for p in shared)
    made, twin = (getattr(library, name)([weight(1.0)]).defaults for library in (O, torch.optim))
    assert {p: made[p] for p in shared if p != "params"} == {p: twin[p] for p in shared if p != "params"}


def test_the_other_defaults():
    assert O.Momentum([weight(1.0)]).defaults == {"lr": 1e-3, "momentum": 0.9, "weight_decay": 0.0}
    lars = {"lr": 1.0, "momentum": 0.9, "weight_decay": 0.0, "trust_coefficient": 1e-3, "eps": 1e-8}
    assert O.LARS([weight(1.0)]).defaults == lars
    assert O.LAMB([weight(1.0)]).defaults == {"lr": 1e-3, "betas": (0.9, 0.999), "eps": 1e-6, "weight_decay": 0.01}
    vsgd = {"lr": 1.0, "init_samples": 10, "slow_constant": 2.0, "eps": 1e-8}
    assert O.VSGD([weight(1.0)]).defaults == vsgd
    secant = {"lr": 1.0, "decay": 0.95, "gamma_clip": 1.8, "eps": 1e-7}
    assert O.AdaSecant([weight(1.0)]).defaults == secant
    assert O.Newton([weight(1.0)]).defaults == {"lr": 1.0, "damping": 0.0}
    ranger = O.Ranger([weight(1.0)])
    assert (ranger.k, ranger.alpha, ranger.defaults["betas"], ranger.defaults["eps"]) == (6, 0.5, (0.95, 0.999), 1e-5)
    around = O.Lookahead(O.SGD([weight(1.0)]))
    assert (around.k, around.alpha) == (5, 0.5)
    assert O.BFGS([weight(1.0)]).defaults["max_eval"] == 25


def test_the_velocity_is_the_weighted_sum_of_past_gradients():
    w = weight(0.0)
    optimizer = O.Momentum([w], lr=0.5, momentum=0.8)
    gradients = [1.0, -2.0, 3.0]
    for g in gradients:
        w.grad = torch.full_like(w, g)
        optimizer.step()
    expected = -0.5 * sum(0.8 ** (2 - i) * g for i, g in enumerate(gradients))
    assert optimizer.state[w]["velocity"].item() == pytest.approx(expected)


def test_the_two_forms_of_momentum_part_when_the_rate_changes():
    ends = []
    for form in (O.SGD, O.Momentum):
        w = weight(0.0)
        optimizer = form([w], lr=1.0, momentum=0.5)
        for lr in (1.0, 0.1):
            optimizer.param_groups[0]["lr"] = lr
            w.grad = torch.ones_like(w)
            optimizer.step()
        ends.append(w.item())
    assert ends == pytest.approx([-1.15, -1.6])  # the old velocity at the new rate, and at its own


def test_the_look_ahead_form_is_the_other_one_shifted():
    ahead, shifted = weight(1.0, -2.0), weight(1.0, -2.0)
    first, second = O.NesterovAhead([ahead], lr=0.05), O.Nesterov([shifted], lr=0.05)

    def closure(w, optimizer):
        optimizer.zero_grad()
        loss = (torch.tensor([1.0, 5.0]) * w.square()).sum()
        loss.backward()
        return loss

    for _ in range(30):
        first.step(lambda: closure(ahead, first))
        closure(shifted, second)
        second.step()
        torch.testing.assert_close(ahead + 0.9 * first.state[ahead]["velocity"], shifted, rtol=1e-10, atol=1e-12)


def test_adams_first_step_is_of_size_lr_whatever_the_gradient():
    for g in (1e-3, 1.0, 1e6):
        assert one_step(lambda p: O.Adam(p, lr=0.1), weight(0.0), g).item() == pytest.approx(-0.1, rel=1e-4)
        raw = one_step(lambda p: O.Adam(p, lr=0.1, bias_correction=False), weight(0.0), g).item()
        assert raw == pytest.approx(-0.1 * 0.1 / 0.001**0.5, rel=1e-3)


def test_adagrads_steps_decay_like_the_inverse_root():
    w, moves = weight(0.0), []
    optimizer = O.Adagrad([w], lr=1.0)
    for _ in range(9):
        before = w.item()
        w.grad = torch.full_like(w, 7.0)
        optimizer.step()
        moves.append(before - w.item())
    assert moves == pytest.approx([t**-0.5 for t in range(1, 10)])


def test_eps_damps_far_more_inside_the_root():
    outside, inside = (
        one_step(lambda p, e=e: O.RMSprop(p, lr=1.0, alpha=0.0, eps=1e-2, eps_in_root=e), weight(0.0), 0.01).item()
        for e in (False, True)
    )
    assert (outside, inside) == pytest.approx((-0.01 / 0.02, -0.01 / (1e-4 + 1e-2) ** 0.5))


def test_l2_and_decoupled_decay_differ_under_adam():
    coupled = one_step(lambda p: O.Adam(p, lr=0.1, weight_decay=0.5), weight(1.0, 10.0), 0.0)
    decoupled = one_step(lambda p: O.AdamW(p, lr=0.1, weight_decay=0.5), weight(1.0, 10.0), 0.0)
    assert coupled.tolist() == pytest.approx([0.9, 9.9])
    assert decoupled.tolist() == pytest.approx([0.95, 9.5])


def test_rectification():
    assert [O.rectification(t, 0.999) for t in range(1, 6)] == [0.0] * 5
    assert O.rectification(5, 0.999, threshold=4) > 0 == O.rectification(4, 0.999, threshold=4)
    factors = [O.rectification(t, 0.99) for t in range(6, 2000)]
    assert all(0 < a <= b <= 1 for a, b in pairwise(factors))
    assert factors[-1] == pytest.approx(1, abs=1e-3)
    assert [O.rectification(t, beta2) for t in (1, 9) for beta2 in (0.0, 1 / 3, 0.6)] == [0.0] * 6  # never told
    assert O.rectification(torch.tensor(9.0), 0.6).item() == 0
    assert isinstance(O.rectification(torch.tensor(7.0), 0.99), torch.Tensor)
    assert O.rectification(torch.tensor(7.0), 0.99).item() == pytest.approx(O.rectification(7, 0.99), rel=1e-4)
    assert O.rectification(torch.tensor(3.0), 0.99).item() == 0
    with pytest.raises(ValueError, match="threshold must be at least 4, got 3"):
        O.rectification(1, 0.9, threshold=3)


def test_radam_without_eps_is_torchs_also_where_no_gradient_ever_was():
    ours, theirs = weight(1.0, 2.0), weight(1.0, 2.0)
    pairs = [(rule([w], lr=0.1, eps=0.0), w) for rule, w in ((O.RAdam, ours), (torch.optim.RAdam, theirs))]
    for t in range(1, 7):
        for optimizer, w in pairs:
            w.grad = torch.tensor([0.0, 1.0], dtype=torch.double)
            optimizer.step()
        torch.testing.assert_close(ours, theirs, equal_nan=True)
        assert bool(ours.isnan().any()) == (t == 6)  # 0 / 0 once steps are adaptive, there as here


def test_lookahead_with_alpha_one_or_k_one():
    plain, wrapped, half = weight(1.0), weight(1.0), weight(1.0)
    optimizers = [
        O.SGD([plain], lr=0.1),
        O.Lookahead(O.SGD([wrapped], lr=0.1), k=3, alpha=1.0),
        O.Lookahead(O.SGD([half], lr=0.2), k=1, alpha=0.5),
    ]
    for _ in range(7):
        for w, optimizer in zip((plain, wrapped, half), optimizers, strict=True):
            w.grad = w.detach().clone()
            optimizer.step()
    assert plain.item() == pytest.approx(wrapped.item()) == pytest.approx(half.item())


def test_lookaheads_slow_steps_come_with_or_without_a_gradient():
    w, slow = weight(1.0), 1.0
    optimizer = O.Lookahead(O.SGD([w], lr=0.1), k=2, alpha=0.25)
    for t, g in enumerate([1.0, None, None, 3.0, 2.0, None], 1):
        expected = w.item() - 0.1 * (g or 0.0)
        if t % 2 == 0:
            slow = expected = 0.75 * slow + 0.25 * expected
        w.grad = None if g is None else torch.full_like(w, g)
        optimizer.step()
        assert w.item() == pytest.approx(expected)


def test_lookahead_refuses():
    inner = O.SGD([weight(1.0)])
    with pytest.raises(ValueError, match="k must be at least 1, got 0"):
        O.Lookahead(inner, k=0)
    with pytest.raises(ValueError, match=r"alpha must be between 0 and 1, got 1\.5"):
        O.Lookahead(inner, alpha=1.5)
    with pytest.raises(ValueError, match=r"state_dict must be a Lookahead's, .* got only .'state', 'param_groups'"):
        O.Lookahead(inner).load_state_dict(inner.state_dict())


@pytest.mark.parametrize("shape", [(), (3,), (4, 3), (4, 3, 2, 2)])
def test_centralize(shape):
    g = torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.double)
    expected = g.clone()
    pytorch_optimizer.centralize_gradient(expected)
    torch.testing.assert_close(O.centralize(g), expected)


def test_the_trust_ratio_is_one_where_a_norm_is_zero():
    zero, two = torch.tensor(0.0), torch.tensor(2.0)
    assert [O.trust_ratio(a, b).item() for a, b in ((two, two * 2), (zero, two), (two, zero))] == [0.5, 1, 1]
    for rule in (O.LARS, O.LAMB):
        w = nn.Parameter(torch.zeros(3))
        one_step(lambda p, rule=rule: rule(p, lr=0.1), w, 1.0)
        assert w.tolist() == pytest.approx([-0.1] * 3, rel=1e-4)  # zero weights still leave zero


def test_the_ratio_of_lars_is_one_where_the_gradient_is_zero():
    decayed = one_step(lambda p: O.LARS(p, lr=0.1, weight_decay=0.5), weight(3.0, 4.0), 0.0)
    assert decayed.tolist() == pytest.approx([0.95 * 3, 0.95 * 4])


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e4])
def test_large_batch_rules_move_by_a_share_of_the_weights(scale):
    for make in (lambda p: O.LAMB(p, lr=0.01), lambda p: O.LARS(p, lr=0.1, trust_coefficient=0.1)):
        w = weight(3.0, 4.0)
        before = w.detach().clone()
        one_step(make, w, scale)
        assert O.update_ratio(before, w.detach()).item() == pytest.approx(0.01, rel=1e-3)


def test_vsgd_only_measures_at_first_and_slows_in_noise():
    w = weight(1.0)
    optimizer = O.VSGD([w], init_samples=4)
    generator = torch.Generator().manual_seed(0)
    moves = []
    for _ in range(60):
        noise = 30 * torch.randn((), generator=generator, dtype=torch.double)

        def closure(noise=noise):
            optimizer.zero_grad()
            loss = (w.square() / 2 + noise * w).sum()
            loss.backward()
            return loss

        before = w.item()
        optimizer.step(closure)
        moves.append(abs(w.item() - before))
    assert moves[:4] == [0] * 4
    assert moves[4] > 0
    assert optimizer.state[w]["memory"].item() > 20


def test_a_newton_step_solves_a_quadratic_and_damping_shortens_it():
    a = torch.tensor([[2.0, 1.0], [1.0, 3.0]], dtype=torch.double)
    for damping in (0.0, 4.0):
        w = weight(5.0, -7.0)
        expected = w.detach() - torch.linalg.inv(a + damping * torch.eye(2)) @ (a @ w.detach())
        loss = O.Newton([w], damping=damping).step(lambda w=w: w @ a @ w / 2)
        assert loss.item() == pytest.approx(
            (torch.tensor([5.0, -7.0]).double() @ a @ torch.tensor([5.0, -7.0]).double()).item() / 2
        )
        torch.testing.assert_close(w.detach(), expected)


def test_newton_goes_to_saddles_and_needs_curvature():
    w = weight(1.0, 1.0)
    O.Newton([w]).step(lambda: w[0].square() - w[1].square())
    assert w.tolist() == [0.0, 0.0]
    with pytest.raises(RuntimeError):
        O.Newton([w]).step(lambda: w.sum())
    O.Newton([w], damping=2.0).step(lambda: w.sum())
    assert w.tolist() == [-0.5, -0.5]


def rosenbrock(x):
    return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()


@pytest.mark.parametrize("rule", [O.BFGS, O.LBFGS])
def test_the_minimum_is_scipys(rule):
    start = np.array([1.3, 0.7, 0.8, 1.9])
    w = nn.Parameter(torch.tensor(start))
    optimizer, calls = rule([w], max_iter=200, max_eval=1000, line_search_fn="strong_wolfe"), []

    def closure():
        calls.append(1)
        optimizer.zero_grad()
        loss = rosenbrock(w)
        loss.backward()
        return loss

    optimizer.step(closure)
    best = scipy.optimize.minimize(
        scipy.optimize.rosen,
        start,
        jac=scipy.optimize.rosen_der,
        method=rule.__name__.replace("LBFGS", "L-BFGS-B"),
        tol=1e-9,
    )
    assert w.tolist() == pytest.approx(best.x.tolist(), abs=1e-5)
    assert optimizer.state[w]["func_evals"] == len(calls) < 150


@pytest.mark.parametrize("dtype", [torch.float, torch.double])
def test_bfgs_stays_at_the_minimum(dtype):
    """Steps shrink until their products are too small to divide by."""
    w = nn.Parameter(torch.tensor([3.0, -2.0, 1.0], dtype=dtype))
    optimizer = O.BFGS([w], lr=0.5, max_iter=1, tolerance_grad=0.0, tolerance_change=0.0)

    def closure():
        optimizer.zero_grad()
        loss = (torch.tensor([1.0, 2.0, 5.0], dtype=dtype) * w.square()).sum() / 2
        loss.backward()
        return loss

    for _ in range(1200):
        optimizer.step(closure)
    assert w.abs().max() < 1e-10


def test_evaluations_are_counted_and_bounded():
    for most in (2, 5, 9):
        w = weight(-1.2, 1.0)
        optimizer, calls = O.LBFGS([w], max_eval=most, line_search_fn="strong_wolfe"), []

        def closure(w=w, optimizer=optimizer, calls=calls):
            calls.append(1)
            optimizer.zero_grad()
            loss = rosenbrock(w)
            loss.backward()
            return loss

        optimizer.step(closure)
        assert len(calls) <= most + 1


BAD = {
    "SGD": {"momentum": -0.1, "weight_decay": -0.1, "dampening": 0.5},
    "Momentum": {"momentum": -0.1, "weight_decay": -0.1},
    "Adagrad": {"lr_decay": -0.1, "initial_accumulator_value": -0.1, "eps": -0.1, "weight_decay": -0.1},
    "RMSprop": {"alpha": 1.1, "eps": -0.1, "momentum": 0.9, "centered": True},
    "Adadelta": {"rho": 1.1, "eps": -0.1},
    "Adam": {"betas": (0.9, 1.0), "eps": -0.1, "amsgrad": True, "decoupled_weight_decay": True},
    "AdamW": {"betas": (-0.1, 0.9), "amsgrad": True},
    "NAdam": {"betas": (1.0, 0.9), "momentum_decay": -0.1, "decoupled_weight_decay": True},
    "RAdam": {"betas": (0.9, -0.5), "threshold": 3.9, "decoupled_weight_decay": True},
    "LARS": {"trust_coefficient": -0.1, "eps": -0.1},
    "LAMB": {"betas": (0.9, 1.0), "weight_decay": -0.1},
    "VSGD": {"init_samples": 0, "slow_constant": 0.9, "eps": -0.1},
    "AdaSecant": {"decay": 1.1, "gamma_clip": -0.1, "eps": -0.1},
    "Newton": {"damping": -0.1},
    "BFGS": {
        "max_iter": 0,
        "max_eval": 0,
        "tolerance_grad": -1.0,
        "tolerance_change": -1.0,
        "line_search_fn": "armijo",
    },
    "LBFGS": {"history_size": 0, "max_iter": 0, "line_search_fn": "armijo"},
}
CASES = [(rule, name, value) for rule, bad in BAD.items() for name, value in bad.items()]


@pytest.mark.parametrize(("rule", "name", "value"), CASES)
def test_bad_arguments_are_named_with_what_came(rule, name, value):
    with pytest.raises(ValueError, match=rf"{name}.*{str(value).replace('(', '.').replace(')', '.')}"):
        getattr(O, rule)([weight(1.0)], **{name: value})
    if name not in ("dampening", "threshold", "line_search_fn", "amsgrad", "centered", "decoupled_weight_decay"):
        group = {"params": [weight(1.0)], name: value}
        if not (rule == "RMSprop" and name == "momentum"):
            with pytest.raises(ValueError, match=name):
                getattr(O, rule)([group])


def test_nesterov_needs_momentum():
    with pytest.raises(ValueError, match=r"nesterov needs a momentum above 0, got 0\.0"):
        O.SGD([weight(1.0)], nesterov=True)


def gradients(*shapes, scale=1.0):
    generator = torch.Generator().manual_seed(0)
    params = [nn.Parameter(torch.zeros(shape)) for shape in shapes]
    for theta in params:
        theta.grad = scale * torch.randn(theta.shape, generator=generator)
    return [*params, nn.Parameter(torch.zeros(2))]  # the last has none


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e4])
@pytest.mark.parametrize("norm_type", [1.0, 2.0, 3.0, float("inf")])
@pytest.mark.parametrize("max_norm", [0.0, 0.5, 100.0])
def test_clipping_by_norm(scale, norm_type, max_norm):
    ours, theirs = gradients((3, 4), (5,), scale=scale), gradients((3, 4), (5,), scale=scale)
    norms = [
        O.clip_grad_norm_(ours, max_norm, norm_type),
        nn.utils.clip_grad_norm_(theirs, max_norm, norm_type),
    ]
    torch.testing.assert_close(*norms)
    torch.testing.assert_close([p.grad for p in ours[:2]], [p.grad for p in theirs[:2]])


@pytest.mark.parametrize("clip_value", [0.0, 0.5, 100.0])
def test_clipping_by_value(clip_value):
    ours, theirs = gradients((3, 4), (5,)), gradients((3, 4), (5,))
    O.clip_grad_value_(ours, clip_value)
    nn.utils.clip_grad_value_(theirs, clip_value)
    torch.testing.assert_close([p.grad for p in ours[:2]], [p.grad for p in theirs[:2]])


def test_clipping_takes_one_tensor_or_none_and_refuses_negative_bounds():
    w = gradients((3,))[0]
    assert O.clip_grad_norm_(w, 0.5).item() > 0.5
    assert w.grad.norm().item() == pytest.approx(0.5, rel=1e-4)
    assert O.clip_grad_norm_([nn.Parameter(torch.zeros(2))], 1.0).item() == 0
    for call, name in (
        (lambda: O.clip_grad_norm_(w, -1.0), "max_norm"),
        (lambda: O.ClipNorm(-1.0), "max_norm"),
        (lambda: O.clip_grad_value_(w, -1.0), "clip_value"),
        (lambda: O.ClipValue(-1.0), "clip_value"),
    ):
        with pytest.raises(ValueError, match=f"{name} must not be negative, got -1.0"):
            call()


def trained(callbacks, optimizer=lambda p: O.SGD(p, lr=1.0)):
    torch.manual_seed(0)
    model = nn.Linear(4, 3)
    data = TensorDataset(100 * torch.randn(12, 4), torch.randint(3, (12,)))
    before = {name: w.detach().clone() for name, w in model.named_parameters()}
    fit(
        model,
        data,
        epochs=1,
        optimizer=optimizer(model.parameters()),
        batch_size=12,
        callbacks=callbacks,
        progress=False,
    )
    return before, dict(model.named_parameters())


def test_callbacks_clip_between_backward_and_step():
    clip = O.ClipNorm(0.25)
    before, after = trained([clip])
    moved = torch.cat([(after[n] - before[n]).flatten() for n in before]).norm().item()
    assert moved == pytest.approx(0.25, rel=1e-3)
    assert len(clip.norms) == 1
    assert clip.norms[0] > 1
    before, after = trained([O.ClipValue(0.25)])
    assert (after["weight"] - before["weight"]).abs().max().item() == pytest.approx(0.25, rel=1e-4)


def test_the_update_ratio_is_recorded_for_weights_not_biases():
    watch = O.UpdateRatio()
    before, after = trained([watch], lambda p: O.Adam(p, lr=1e-3))
    expected = (after["weight"] - before["weight"]).norm() / before["weight"].norm()
    assert watch.steps == [1]
    assert watch.ratios == {"weight": [pytest.approx(expected.item(), rel=1e-5)]}
    assert 1e-3 < watch.ratios["weight"][0] < 1e-2


def test_the_update_ratio_every_so_often():
    model, watch = nn.Linear(2, 2), O.UpdateRatio(every=3)
    for step in range(1, 8):
        watch.on_backward(model, step)
        with torch.no_grad():
            model.weight.mul_(1.5)
        watch.on_step(model, step)
    assert watch.steps == [3, 6]
    assert watch.ratios["weight"] == pytest.approx([0.5, 0.5])
    with pytest.raises(ValueError, match="every must be at least 1, got 0"):
        O.UpdateRatio(every=0)
