"""The lectures' networks, against torchvision's with the same weights and the papers' figures."""

from __future__ import annotations

import re

import pytest
import torch
import torchvision
from torch import nn
from torch.nn import functional as F

from trainwell import data, networks, training
from trainwell.networks import VGG16, AlexNet, BasicBlock, LeNet5, PaddedShortcut, ResNet18, SmallResNet


def count(model: nn.Module) -> int:
    return sum(w.numel() for w in model.parameters())


def images(*shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64).to(dtype)


def on_meta(factory, *arguments, **more) -> nn.Module:
    with torch.device("meta"):
        return factory(*arguments, **more)


TWINS = {
    "AlexNet": (AlexNet, torchvision.models.alexnet, (3, 63, 65)),
    "VGG16": (VGG16, torchvision.models.vgg16, (3, 32, 40)),
    "ResNet18": (ResNet18, torchvision.models.resnet18, (3, 40, 33)),
}
every_twin = pytest.mark.parametrize(("factory", "theirs", "shape"), TWINS.values(), ids=TWINS.keys())


@every_twin
def test_weights_move_to_torchvision_and_back(factory, theirs, shape):
    """Names, shapes and order are the same, so a checkpoint and an optimizer's state fit both ways."""
    ours, twin = on_meta(factory), on_meta(theirs)
    assert [(name, w.shape) for name, w in ours.state_dict().items()] == [
        (name, w.shape) for name, w in twin.state_dict().items()
    ]
    assert [name for name, _ in ours.named_parameters()] == [name for name, _ in twin.named_parameters()]
    ours.load_state_dict(twin.state_dict(), assign=True)
    twin.load_state_dict(ours.state_dict(), assign=True)


@every_twin
def test_outputs_are_torchvisions(factory, theirs, shape):
    """At sizes that are not the usual one as well; in float32, as the linear layers are large."""
    x = images(2, *shape)
    twin = theirs().eval()
    ours = on_meta(factory).eval()
    ours.load_state_dict(twin.state_dict(), assign=True)
    with torch.no_grad():
        torch.testing.assert_close(ours(x), twin(x), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("training_mode", [True, False])
def test_resnet18_learns_as_torchvisions(training_mode):
    """Gradients and running statistics in float64."""
    torch.manual_seed(0)
    twin = torchvision.models.resnet18(num_classes=7).double()
    ours = ResNet18(num_classes=7).double()
    ours.load_state_dict(twin.state_dict())
    x = images(3, 3, 40, 33, dtype=torch.float64)
    for model in (ours, twin):
        F.cross_entropy(model.train(training_mode)(x), torch.tensor([0, 3, 6])).backward()
    for (name, w), v in zip(ours.named_parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(w.grad, v.grad, msg=name)
    for (name, b), c in zip(ours.named_buffers(), twin.buffers(), strict=True):
        torch.testing.assert_close(b, c, msg=name)


@pytest.mark.parametrize(
    ("factory", "parameters"),
    [(LeNet5, 61_706), (AlexNet, 61_100_840), (VGG16, 138_357_544), (ResNet18, 11_689_512)],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_has_exactly_so_many_parameters(factory, parameters):
    assert count(on_meta(factory)) == parameters


@pytest.mark.parametrize("factory", [LeNet5, AlexNet, VGG16, ResNet18, SmallResNet])
def test_tells_as_many_classes_apart_as_asked(factory):
    x = torch.empty(2, 1, 32, 32) if factory is LeNet5 else torch.empty(2, 3, 64, 64)
    assert on_meta(factory, num_classes=7)(x.to("meta")).shape == (2, 7)


@pytest.mark.parametrize("factory", [AlexNet, VGG16])
def test_drops_where_torchvision_drops(factory):
    """The same seed gives the same output in training mode, for each drops the same units with its own p."""
    theirs = {AlexNet: torchvision.models.alexnet, VGG16: torchvision.models.vgg16}[factory]
    names = [(name, m.p) for name, m in on_meta(factory, dropout=0.2).named_modules() if isinstance(m, nn.Dropout)]
    twins = [(name, m.p) for name, m in on_meta(theirs, dropout=0.2).named_modules() if isinstance(m, nn.Dropout)]
    assert names == twins
    assert {m.p for m in on_meta(factory).modules() if isinstance(m, nn.Dropout)} == {0.5}
    with pytest.raises(ValueError, match=r"dropout must be between 0 and 1, got 1\.5"):
        on_meta(factory, dropout=1.5)


def test_lenet5_is_the_papers_row_of_layers():
    """A naive forward by torch's functions, from the lecture's table."""
    torch.manual_seed(0)
    model, x = LeNet5().double(), images(3, 1, 32, 32, dtype=torch.float64)
    w = list(model.parameters())
    y = F.max_pool2d(F.conv2d(x, w[0], w[1]).relu(), 2)
    y = F.max_pool2d(F.conv2d(y, w[2], w[3]).relu(), 2).reshape(3, 400)
    y = F.linear(F.linear(F.linear(y, w[4], w[5]).relu(), w[6], w[7]).relu(), w[8], w[9])
    torch.testing.assert_close(model(x), y)


@pytest.mark.parametrize("shape", [(2, 1, 28, 28), (2, 3, 32, 32), (2, 1, 32, 28)])
def test_lenet5_says_which_images_it_takes(shape):
    with pytest.raises(ValueError, match=re.escape(f"x must be grey images of 32 × 32, got the shape {shape} (pad")):
        LeNet5()(torch.zeros(shape))


@pytest.mark.parametrize("n", [1, 3])
@pytest.mark.parametrize("shortcuts", [True, False])
def test_the_small_network_is_made_of_torchvisions_blocks(n, shortcuts):
    """The same weights in torchvision's BasicBlock, whose shortcut is given by hand, or cancelled by hand."""
    from torchvision.models.resnet import BasicBlock as Twin

    class Pad(nn.Module):
        def forward(self, x):
            return torch.cat([x[:, :, ::2, ::2], torch.zeros_like(x[:, :, ::2, ::2])], 1) * float(shortcuts)

    class Gone(nn.Module):
        def forward(self, x):
            return 0 * x

    def stage(inputs, outputs, stride):
        same = None if shortcuts else Gone()
        first = Twin(inputs, outputs, stride, Pad() if stride == 2 else same)
        return nn.Sequential(first, *[Twin(outputs, outputs, downsample=same) for _ in range(n - 1)])

    torch.manual_seed(0)
    ours = SmallResNet(n, in_channels=2, shortcuts=shortcuts).double()
    twin = nn.ModuleDict(
        {
            "conv1": nn.Conv2d(2, 16, 3, padding=1, bias=False),
            "bn1": nn.BatchNorm2d(16),
            "layer1": stage(16, 16, 1),
            "layer2": stage(16, 32, 2),
            "layer3": stage(32, 64, 2),
            "fc": nn.Linear(64, 10),
        }
    ).double()
    twin.load_state_dict(ours.state_dict())
    x = images(4, 2, 9, 12, dtype=torch.float64)
    y = twin["bn1"](twin["conv1"](x)).relu()
    for name in ("layer1", "layer2", "layer3"):
        y = twin[name](y)
    torch.testing.assert_close(ours(x), twin["fc"](y.mean((2, 3))))


@pytest.mark.parametrize(("n", "millions"), [(3, 0.27), (5, 0.46), (7, 0.66), (9, 0.85), (18, 1.7)])
def test_the_small_networks_have_the_papers_sizes(n, millions):
    """Table 6 of the paper; the plain network has as many, which makes the comparison fair."""
    sizes = [count(on_meta(SmallResNet, n, shortcuts=shortcuts)) for shortcuts in (True, False)]
    assert sizes[0] == sizes[1]
    assert round(sizes[0] / 1e6, 2 if n < 18 else 1) == millions


@pytest.mark.parametrize("n", [1, 3])
def test_the_small_network_has_so_many_layers(n):
    layers = [m for m in on_meta(SmallResNet, n).modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    assert len(layers) == 6 * n + 2


def test_shortcuts_are_there_unless_told_otherwise():
    assert SmallResNet().layer1[2].shortcut
    assert not SmallResNet(shortcuts=False).layer1[2].shortcut
    assert SmallResNet().conv1.in_channels == 3


def test_the_plain_network_has_no_projections():
    plain, residual = on_meta(ResNet18, shortcuts=False), on_meta(ResNet18)
    gone = set(residual.state_dict()) - set(plain.state_dict())
    assert gone
    assert all(".downsample." in name for name in gone)
    assert set(plain.state_dict()) < set(residual.state_dict())
    assert count(residual) - count(plain) == sum(a * b + 2 * b for a, b in ((64, 128), (128, 256), (256, 512)))


def test_a_block_whose_branch_is_zero_is_the_identity_with_its_shortcut_only():
    """What the shortcut is for: where batch normalisation scales by zero, what comes in goes out."""
    x = images(2, 4, 5, 5).relu()
    for shortcut, expected in ((True, x), (False, torch.zeros_like(x))):
        block = BasicBlock(4, 4, shortcut=shortcut)
        nn.init.zeros_(block.bn2.weight)
        torch.testing.assert_close(block(x), expected)


def test_shortcuts_carry_the_gradient_through_many_layers():
    """At the first weights a plain network of 56 layers scrambles the gradient; shortcuts keep neighbours alike.

    Balduzzi and others (2017): the correlation of gradients at nearby inputs decays much faster without shortcuts.
    """
    similarity = {}
    for shortcuts in (True, False):
        torch.manual_seed(0)
        model = SmallResNet(9, in_channels=1, shortcuts=shortcuts)
        x = images(8, 1, 8, 8)
        x = torch.cat([x, x + 0.1 * images(8, 1, 8, 8).flip(0)]).requires_grad_()
        model(x)[:, 0].sum().backward()
        similarity[shortcuts] = F.cosine_similarity(*x.grad.flatten(1).chunk(2)).mean().item()
    assert similarity[True] > similarity[False] + 0.2


def test_the_padded_shortcut():
    x = images(2, 3, 5, 6)
    y = PaddedShortcut(3, 5, stride=2)(x)
    assert torch.equal(y[:, :3], x[:, :, ::2, ::2])
    assert y.shape == (2, 5, 3, 3)
    assert not y[:, 3:].any()
    assert torch.equal(PaddedShortcut(3, 3)(x), x)
    assert not list(PaddedShortcut(3, 5).parameters())
    with pytest.raises(ValueError, match="planes must be at least 4, got 3"):
        PaddedShortcut(4, 3)


def test_refuses_networks_without_blocks():
    with pytest.raises(ValueError, match="n must be at least 1, got 0"):
        SmallResNet(0)


def test_vggs_first_weights_are_torchvisions():
    """Drawn alike from the same seed, layer by layer, where the layers are small enough to be quick."""
    models = []
    for factory in (lambda: VGG16(num_classes=3), lambda: torchvision.models.vgg16(num_classes=3)):
        torch.manual_seed(0)
        models.append(factory())
    for (name, w), v in zip(models[0].named_parameters(), models[1].parameters(), strict=True):
        assert torch.equal(w, v), name


@pytest.mark.parametrize(("factory", "theirs"), [(ResNet18, torchvision.models.resnet18)])
def test_the_residual_networks_first_weights_are_drawn_alike(factory, theirs):
    """torchvision builds the shortcut's projection at another moment, so only the distribution can be compared."""
    torch.manual_seed(0)
    ours, twin = factory(), theirs()
    for (name, w), v in zip(ours.named_parameters(), twin.named_parameters(), strict=True):
        if w.numel() > 1000:
            assert w.std().item() == pytest.approx(v[1].std().item(), rel=0.1), name
            assert abs(w.mean().item()) < 5 * w.std().item() / w.numel() ** 0.5, name
        elif "bn" in name:
            assert torch.equal(w, v[1]), name


def test_the_small_networks_first_weights_keep_the_gradients_variance():
    torch.manual_seed(0)
    for name, layer in SmallResNet(1).named_modules():
        if isinstance(layer, nn.Conv2d):
            assert layer.weight.std().item() == pytest.approx((2 / (9 * layer.out_channels)) ** 0.5, rel=0.1), name


SMALL = {
    "LeNet5": (LeNet5, (2, 1, 32, 32)),
    "SmallResNet": (lambda: SmallResNet(1), (2, 3, 8, 8)),
    "PlainNet": (lambda: SmallResNet(1, shortcuts=False), (2, 3, 8, 8)),
    "ResNet18": (lambda: ResNet18(3), (2, 3, 32, 32)),
}
every_small = pytest.mark.parametrize(("factory", "shape"), SMALL.values(), ids=SMALL.keys())


@every_small
def test_autocast_dtype_and_device(factory, shape):
    model = factory()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert model(images(*shape)).dtype == torch.bfloat16
    assert model.double()(images(*shape).double()).dtype == torch.float64
    assert model.float().to("meta")(images(*shape).to("meta")).device.type == "meta"


@pytest.mark.parametrize("shortcuts", [True, False])
def test_a_small_residual_network_learns_the_digits(shortcuts):
    """Three epochs of momentum, and it reads digits that it has not seen."""
    split = data.digits()
    torch.manual_seed(0)
    model = SmallResNet(1, in_channels=1, shortcuts=shortcuts)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    generator = torch.Generator().manual_seed(0)
    training.fit(model, split.train, epochs=3, optimizer=optimizer, generator=generator, device="cpu", progress=False)
    assert training.evaluate(model, split.validation)[1] > 0.85


def test_the_topic_holds_what_the_lectures_show():
    assert {"LeNet5", "AlexNet", "VGG16", "SmallResNet", "ResNet18", "layer_table"} <= set(networks.__all__)
