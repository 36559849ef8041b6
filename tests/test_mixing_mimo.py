"""MIMO: no package here has it, so its batches and its answers are compared with loops derived from the paper."""

from __future__ import annotations

import math
from collections import Counter

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset, default_collate

from trainwell.augmentation import MIMO, mimo_batch
from trainwell.training import evaluate, fit


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def numbered(n: int, *shape: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Examples that tell their number, which is their target, too."""
    numbers = torch.arange(n)
    return numbers.view(-1, *[1] * len(shape)).expand(n, *shape).clone(), numbers


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 9), st.integers(1, 4), st.integers(1, 4), st.floats(0, 1), st.integers(0, 99))
def test_each_member_sees_every_example_as_often(n, members, repetitions, same, seed):
    x, targets = numbered(n, 2, 3)
    inputs, answers = mimo_batch(
        x, targets, members, batch_repetitions=repetitions, input_repetition=same, generator=seeded(seed)
    )
    assert inputs.shape == (n * repetitions, members, 2, 3)
    seen = inputs[..., 0, 0]
    assert torch.equal(seen.flatten(), answers)  # each answer is asked for the input that was given
    for member in range(members):
        assert Counter(seen[:, member].tolist()) == dict.fromkeys(range(n), repetitions)
    places = n * repetitions
    alike = (seen == seen[:, :1]).all(1)
    assert alike[places - round(same * places) :].all()
    assert torch.equal(inputs, x[seen])


def test_is_the_papers_loop():
    """From the same draws: an order, then for each member its places before the last ones shuffled anew."""
    x, targets = torch.randn(5, 3, generator=seeded(1), dtype=torch.float64), torch.tensor([3, 1, 4, 1, 5])
    inputs, answers = mimo_batch(x, targets, 3, batch_repetitions=2, input_repetition=0.3, generator=seeded(2))
    g = seeded(2)
    order = [k % 5 for k in torch.randperm(10, generator=g).tolist()]
    members = [[order[k] for k in torch.randperm(7, generator=g).tolist()] + order[7:] for _ in range(3)]
    for place in range(10):
        for member in range(3):
            which = members[member][place]
            assert torch.equal(inputs[place, member], x[which])
            assert answers[3 * place + member] == targets[which]


def test_members_are_shuffled_apart_from_each_other():
    x, targets = numbered(4, 1)
    g, n = seeded(0), 3000
    pairs = Counter(tuple(mimo_batch(x, targets, 2, generator=g)[1][:2].tolist()) for _ in range(n))
    assert len(pairs) == 16
    spread = 5 * math.sqrt(n * 1 / 16 * 15 / 16)
    assert all(abs(count - n / 16) < spread for count in pairs.values())


def test_limits():
    x, targets = numbered(50, 1)
    inputs, answers = mimo_batch(x, targets, 1)
    assert inputs.shape == (50, 1, 1)
    inputs, answers = mimo_batch(x, targets, 3, input_repetition=1.0)
    assert (inputs == inputs[:, :1]).all()
    assert torch.equal(answers.view(50, 3), inputs[..., 0])
    inputs, _ = mimo_batch(x, targets, 3)
    assert (inputs[:, 0] != inputs[:, 1]).float().mean() > 0.8  # one in fifty is alike by chance


def test_targets_may_be_probabilities():
    x, targets = numbered(4, 2)
    inputs, rows = mimo_batch(x, F.one_hot(targets, 4).float(), 3)
    assert rows.shape == (12, 4)
    assert torch.equal(rows.argmax(1), inputs[..., 0].flatten())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"members": 0}, "members must be at least 1, got 0"),
        ({"members": 2, "batch_repetitions": 0}, "batch_repetitions must be at least 1, got 0"),
        ({"members": 2, "input_repetition": 1.1}, "input_repetition must be between 0 and 1, got 1.1"),
    ],
)
def test_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        mimo_batch(*numbered(4, 2), **arguments)


def test_draws_come_from_the_generator_alone():
    state = torch.get_rng_state()
    draws = [mimo_batch(*numbered(20, 1), 2, generator=seeded(seed))[1] for seed in (0, 0, 1)]
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])
    assert torch.equal(torch.get_rng_state(), state)


def linear(members: int, features: int, classes: int) -> MIMO:
    torch.manual_seed(0)
    return MIMO(nn.Linear(members * features, members * classes), members).double()


def test_answers_are_the_heads_of_the_joined_inputs():
    model, x = linear(3, 4, 5), torch.randn(6, 3, 4, dtype=torch.float64)
    w, b = model.network.weight, model.network.bias
    answers = model(x)
    for i in range(6):
        for m in range(3):
            head = slice(5 * m, 5 * m + 5)
            expected = b[head] + sum(w[head, 4 * k : 4 * k + 4] @ x[i, k] for k in range(3))
            torch.testing.assert_close(answers[3 * i + m], expected)


def test_at_test_time_the_members_see_one_input_and_are_averaged():
    model, x = linear(3, 4, 5).eval(), torch.randn(6, 4, dtype=torch.float64)
    heads = model.network(torch.cat([x, x, x], dim=1)).view(6, 3, 5)
    expected = sum(heads[:, m].softmax(1) for m in range(3)) / 3
    torch.testing.assert_close(model(x).softmax(1), expected)
    torch.testing.assert_close(model(x).exp(), expected)


def test_one_member_is_the_network_itself():
    model, x = linear(1, 4, 5), torch.randn(6, 4, dtype=torch.float64)
    torch.testing.assert_close(model(x.unsqueeze(1)), model.network(x))
    torch.testing.assert_close(model.eval()(x), model.network(x).log_softmax(1))


def test_images_are_joined_along_their_channels():
    network = nn.Sequential(nn.Conv2d(2 * 3, 8, 3), nn.Flatten(), nn.Linear(8 * 4 * 4, 2 * 10))
    model = MIMO(network, members=2)
    assert model(torch.rand(5, 2, 3, 6, 6)).shape == (10, 10)
    assert model.eval()(torch.rand(5, 3, 6, 6)).shape == (5, 10)


def test_survives_probabilities_that_are_tiny():
    model = MIMO(nn.Identity(), members=2).eval()
    log_p = model(torch.tensor([[0.0, 400.0]]).double())
    torch.testing.assert_close(log_p, torch.tensor([[-400.0, 0.0]]).double())


def test_gradient():
    model = linear(2, 3, 4)
    for mode, shape in ((True, (2, 2, 3)), (False, (2, 3))):
        x = torch.randn(shape, dtype=torch.float64, requires_grad=True)
        assert torch.autograd.gradcheck(model.train(mode), (x,))


def test_refuses_what_does_not_fit_the_members():
    with pytest.raises(ValueError, match="members must be at least 1, got 0"):
        MIMO(nn.Identity(), 0)
    with pytest.raises(ValueError, match=r"x must hold 3 inputs side by side, got shape \(6, 4, 2\)"):
        linear(3, 4, 5)(torch.rand(6, 4, 2).double())
    with pytest.raises(ValueError, match=r"x must hold 3 inputs side by side, got shape \(6, 3\)"):
        linear(3, 4, 5)(torch.rand(6, 3).double())
    with pytest.raises(ValueError, match="network must return a multiple of 3 logits, got 10"):
        MIMO(nn.Linear(12, 10), 3)(torch.rand(6, 3, 4))
    assert "members=3" in repr(linear(3, 4, 5))


def test_autocast_and_the_meta_device():
    model = MIMO(nn.Linear(8, 6), 2)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert model(torch.rand(3, 2, 4)).dtype == torch.bfloat16
    assert model.to("meta")(torch.rand(3, 2, 4, device="meta")).shape == (6, 3)
    inputs, targets = mimo_batch(torch.rand(4, 3, device="meta"), torch.arange(4, device="meta"), 2)
    assert (inputs.device.type, inputs.shape, targets.shape) == ("meta", (4, 2, 3), (8,))


def test_a_tiny_one_trains():
    """Every member learns to answer for its own input, and the average is right."""
    g, n, classes = seeded(0), 240, 3
    y = torch.arange(n) % classes
    data = TensorDataset(torch.eye(classes)[y] + 0.2 * torch.randn(n, classes, generator=g), y)
    loader = DataLoader(
        data,
        60,
        shuffle=True,
        generator=seeded(1),
        collate_fn=lambda items: mimo_batch(*default_collate(items), 2, batch_repetitions=2, generator=g),
    )
    torch.manual_seed(0)
    model = MIMO(nn.Sequential(nn.Linear(2 * classes, 32), nn.ReLU(), nn.Linear(32, 2 * classes)), members=2)
    history = fit(model, loader, epochs=10, optimizer=torch.optim.Adam(model.parameters(), lr=0.02), validation=data)
    assert history.train_accuracy[-1] > 0.95  # on different inputs side by side
    assert evaluate(model, data)[1] > 0.98
