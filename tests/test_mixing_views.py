"""Predictions averaged over views: against a loop in float64, and torchvision's recipe for ten crops."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.utils.data import TensorDataset
from torchvision.transforms import v2

from trainwell.augmentation import AveragedViews, TenCrop, average_views, resnet_views
from trainwell.training import evaluate

WAYS = ["probabilities", "logits"]
VIEWS = [nn.Identity(), lambda x: x.flip(-1), lambda x: 2 * x]


def model(size: int = 6) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(4 * (size - 2) ** 2, 5)).double()


def images(n: int = 4, size: int = 6) -> torch.Tensor:
    return torch.randn(n, 3, size, size, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


class Counted(nn.Module):
    """Remembers what it was shown."""

    def __init__(self, net: nn.Module, seen: list[torch.Tensor]) -> None:
        super().__init__()
        self.net, self.seen = net, seen

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.seen.append(x)
        return self.net(x)


def loop(net: nn.Module, x: torch.Tensor, views: list, of: str) -> torch.Tensor:
    rows = []
    for example in x:
        logits = [net(view(example[None]))[0] for view in views]
        if of == "probabilities":
            rows.append(sum(z.exp() / z.exp().sum() for z in logits) / len(views))
        else:
            mean = sum(logits) / len(views)
            rows.append(mean.exp() / mean.exp().sum())
    return torch.stack(rows)


@pytest.mark.parametrize("of", WAYS)
def test_is_a_loop(of):
    net, x = model(), images()
    expected = loop(net, x, VIEWS, of)
    torch.testing.assert_close(average_views(net, x, VIEWS, of=of), expected)
    torch.testing.assert_close(AveragedViews(net, VIEWS, of=of)(x).exp(), expected)
    torch.testing.assert_close(AveragedViews(net, VIEWS, of=of)(x).softmax(1), expected)


def test_averages_probabilities_unless_told():
    net, x = model(), images()
    expected = loop(net, x, VIEWS, "probabilities")
    torch.testing.assert_close(average_views(net, x, VIEWS), expected)
    torch.testing.assert_close(AveragedViews(net, VIEWS)(x).exp(), expected)


@pytest.mark.parametrize("crops", [v2.TenCrop(6), v2.FiveCrop(6), TenCrop(6)], ids=["ten", "five", "our ten"])
def test_ten_crops_are_torchvisions_recipe(crops):
    """Its documentation stacks the crops, folds them into the batch and averages over them."""
    net, x = model(), images(size=8)
    stacked = torch.stack(crops(x), dim=1)
    n, count = stacked.shape[:2]
    logits = net(stacked.flatten(0, 1)).view(n, count, -1)
    torch.testing.assert_close(average_views(net, x, [crops]), logits.softmax(-1).mean(1))
    torch.testing.assert_close(average_views(net, x, [crops], of="logits"), logits.mean(1).softmax(-1))
    both = average_views(net, x, [crops, v2.CenterCrop(6)])
    expected = (logits.softmax(-1).sum(1) + net(v2.CenterCrop(6)(x)).softmax(-1)) / (count + 1)
    torch.testing.assert_close(both, expected)  # a view of ten counts tenfold


def test_the_residual_networks_test_is_fifty_crops():
    net, x, seen = model(), images(size=8), []
    expected = [net(batch).softmax(1) for view in resnet_views(6, (6, 7, 8, 9, 10)) for batch in view(x)]
    average = average_views(Counted(net, seen), x, resnet_views(6, (6, 7, 8, 9, 10)))
    assert len(seen) == 50
    torch.testing.assert_close(average, sum(expected) / 50)


@pytest.mark.parametrize("of", WAYS)
def test_one_view_is_the_model(of):
    net, x = model(), images()
    torch.testing.assert_close(average_views(net, x, [nn.Identity()], of=of), net(x).softmax(1))
    torch.testing.assert_close(average_views(net, x, [nn.Identity()] * 3, of=of), net(x).softmax(1))


@settings(max_examples=6, deadline=None)
@given(st.permutations([0, 1, 2]))
def test_the_order_of_the_views_does_not_matter(order):
    net, x = model(), images()
    for of in WAYS:
        expected = average_views(net, x, VIEWS, of=of)
        torch.testing.assert_close(average_views(net, x, (VIEWS[k] for k in order), of=of), expected)


@pytest.mark.parametrize("of", WAYS)
def test_views_of_a_symmetry_make_any_model_invariant(of):
    net, x = model(), images()
    turns = [lambda x, k=k: x.rot90(k, (-2, -1)) for k in range(4)]
    torch.testing.assert_close(
        average_views(net, x.rot90(1, (-2, -1)), turns, of=of), average_views(net, x, turns, of=of)
    )


@pytest.mark.parametrize("of", WAYS)
def test_survives_probabilities_that_are_tiny(of):
    layer = AveragedViews(nn.Identity(), [nn.Identity(), nn.Identity()], of=of)
    torch.testing.assert_close(layer(torch.tensor([[0.0, 400.0]]).double()), torch.tensor([[-400.0, 0.0]]).double())


def test_the_function_evaluates_and_puts_the_mode_back():
    net = nn.Sequential(model(), nn.Dropout(0.9)).train()
    probabilities = average_views(net, images(), VIEWS)
    torch.testing.assert_close(probabilities, loop(net[0], images(), VIEWS, "probabilities").detach())
    assert not probabilities.requires_grad
    assert all(module.training for module in net.modules())


@pytest.mark.parametrize("of", WAYS)
def test_the_layer_has_a_gradient(of):
    layer = AveragedViews(model(), VIEWS, of=of)
    assert torch.autograd.gradcheck(layer, (images(n=1).requires_grad_(),))


def test_the_layer_is_evaluated_like_a_model():
    x, net = images(), model()
    y = net(x).argmax(1)
    assert evaluate(AveragedViews(net, [nn.Identity()]), TensorDataset(x, y))[1] == 1
    assert sum(p.numel() for p in AveragedViews(net, VIEWS).parameters()) == sum(p.numel() for p in net.parameters())


@pytest.mark.parametrize(
    "call", [lambda **k: average_views(model(), images(), **k), lambda **k: AveragedViews(model(), **k)]
)
def test_refuses(call):
    with pytest.raises(ValueError, match="of must be one of 'probabilities', 'logits', got 'votes'"):
        call(views=VIEWS, of="votes")


@pytest.mark.parametrize("views", [[], [lambda x: ()]])
def test_refuses_no_views(views):
    with pytest.raises(ValueError, match="views must hold at least one view, got none"):
        average_views(model(), images(), views)
    with pytest.raises(ValueError, match="views must hold at least one view, got none"):
        AveragedViews(model(), views)(images())
