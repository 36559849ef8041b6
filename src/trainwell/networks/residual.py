"""Residual networks: blocks that add what they compute to what came in; and the same networks without that."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn
from torch.nn import functional as F

from .._arguments import check_at_least
from .._shapes import Float
from ._weights import kaiming_convolutions_

Downsample = Callable[[int, int, int], nn.Module]


class PaddedShortcut(nn.Module):
    r"""A shortcut without parameters into fewer pixels and more channels.

    With :math:`s` = ``stride``, and :math:`C` channels of the input :math:`x` against ``planes`` of the output,

    .. math:: y_{c,i,j} = \begin{cases} x_{c,\,si,\,sj} & c < C \\ 0 & c \ge C. \end{cases}

    Args:
        inplanes: Channels that come in.
        planes: Channels that go out; those that are new hold zeros.
        stride: Which pixels are kept: every one, every second one, and so on.

    Raises:
        ValueError: If ``planes`` is less than ``inplanes``.

    Example:
        >>> PaddedShortcut(1, 2, stride=2)(torch.arange(16.0).reshape(1, 1, 4, 4))
        tensor([[[[ 0.,  2.],
                  [ 8., 10.]],
                 [[ 0.,  0.],
                  [ 0.,  0.]]]])

    Reference:
        He, Zhang, Ren and Sun, *Deep Residual Learning for Image Recognition*, 2016, option A.
    """

    def __init__(self, inplanes: int, planes: int, stride: int = 1) -> None:
        super().__init__()
        check_at_least("planes", planes, inplanes)
        self.new, self.stride = planes - inplanes, stride

    def forward(self, x: Float[Tensor, "n channels height width"]) -> Float[Tensor, "n planes rows columns"]:
        return F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.new))


class BasicBlock(nn.Module):
    r"""The residual block of two 3 × 3 convolutions, each followed by batch normalisation.

    With :math:`f` the two convolutions and :math:`S` the shortcut, the identity where the shapes allow it,

    .. math:: y = \operatorname{relu}\bigl(f(x) + S(x)\bigr).

    Without the shortcut a block that should change nothing must learn the identity; with it, :math:`f = 0` does.

    Args:
        inplanes: Channels that come in.
        planes: Channels that go out.
        stride: The stride of the first convolution.
        downsample: The shortcut, where the identity does not fit.
        shortcut: Whether there is a shortcut at all; without it the block is :math:`\operatorname{relu}(f(x))`.

    Example:
        >>> BasicBlock(4, 8, stride=2, downsample=PaddedShortcut(4, 8, stride=2))(torch.zeros(1, 4, 6, 6)).shape
        torch.Size([1, 8, 3, 3])

    Reference:
        He, Zhang, Ren and Sun, *Deep Residual Learning for Image Recognition*, 2016.
    """

    def __init__(
        self, inplanes: int, planes: int, stride: int = 1, downsample: nn.Module | None = None, *, shortcut: bool = True
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inplanes, planes, kernel_size=3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.relu = nn.ReLU()
        self.conv2 = nn.Conv2d(planes, planes, kernel_size=3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.downsample, self.shortcut = downsample, shortcut

    def forward(self, x: Float[Tensor, "n channels height width"]) -> Float[Tensor, "n planes rows columns"]:
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        if self.shortcut:
            y += x if self.downsample is None else self.downsample(x)
        return self.relu(y)


class SmallResNet(nn.Module):
    """The residual network for small images: three stages of n blocks, 6n + 2 layers in all.

    The stages have 16, 32 and 64 channels; the second and the third halve the image. Shortcuts have no
    parameters, so that the network without them has as many, and the two can be compared.

    Args:
        n: Blocks a stage: 3 for 20 layers, 9 for 56, 18 for 110.
        num_classes: How many classes to tell apart.
        in_channels: Channels of the images.
        shortcuts: Whether the blocks have shortcuts; without them this is the paper's plain network.

    Raises:
        ValueError: If ``n`` is less than 1.

    Example:
        >>> SmallResNet(n=3)(torch.zeros(2, 3, 32, 32)).shape
        torch.Size([2, 10])

    Reference:
        He, Zhang, Ren and Sun, *Deep Residual Learning for Image Recognition*, 2016, section 4.2.
    """

    def __init__(self, n: int = 3, num_classes: int = 10, *, in_channels: int = 3, shortcuts: bool = True) -> None:
        super().__init__()
        check_at_least("n", n, 1)
        self.conv1 = nn.Conv2d(in_channels, 16, kernel_size=3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.relu = nn.ReLU()
        self.layer1 = _stage(16, 16, n, 1, PaddedShortcut, shortcuts)
        self.layer2 = _stage(16, 32, n, 2, PaddedShortcut, shortcuts)
        self.layer3 = _stage(32, 64, n, 2, PaddedShortcut, shortcuts)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(64, num_classes)
        kaiming_convolutions_(self)

    def forward(self, x: Float[Tensor, "n channels height width"]) -> Float[Tensor, "n classes"]:
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.fc(self.avgpool(x).flatten(1))


class ResNet18(nn.Module):
    """The residual network of 18 layers for ImageNet: four stages of two blocks; 11,689,512 parameters.

    Args:
        num_classes: How many classes to tell apart.
        shortcuts: Whether the blocks have shortcuts; without them this is the paper's plain network.

    Example:
        >>> with torch.device("meta"):  # shapes without numbers, at no cost
        ...     ResNet18()(torch.zeros(2, 3, 224, 224)).shape
        torch.Size([2, 1000])

    Reference:
        He, Zhang, Ren and Sun, *Deep Residual Learning for Image Recognition*, 2016, with option B: a 1 × 1
        convolution where the shapes change.

    Note:
        The weights are :func:`torchvision.models.resnet18`'s, name by name and in distribution.
    """

    def __init__(self, num_classes: int = 1000, *, shortcuts: bool = True) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, kernel_size=7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU()
        self.maxpool = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)
        self.layer1 = _stage(64, 64, 2, 1, _projection, shortcuts)
        self.layer2 = _stage(64, 128, 2, 2, _projection, shortcuts)
        self.layer3 = _stage(128, 256, 2, 2, _projection, shortcuts)
        self.layer4 = _stage(256, 512, 2, 2, _projection, shortcuts)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(512, num_classes)
        kaiming_convolutions_(self)

    def forward(self, x: Float[Tensor, "n 3 height width"]) -> Float[Tensor, "n classes"]:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(self.avgpool(x).flatten(1))


def _stage(
    inplanes: int, planes: int, blocks: int, stride: int, downsample: Downsample, shortcuts: bool
) -> nn.Sequential:
    """Blocks of one width; the first takes the step in size, and needs another shortcut for it."""
    changes = shortcuts and (stride != 1 or inplanes != planes)
    across = downsample(inplanes, planes, stride) if changes else None
    first = BasicBlock(inplanes, planes, stride, across, shortcut=shortcuts)
    return nn.Sequential(first, *[BasicBlock(planes, planes, shortcut=shortcuts) for _ in range(blocks - 1)])


def _projection(inplanes: int, planes: int, stride: int) -> nn.Sequential:
    """Option B: a 1 × 1 convolution, normalised."""
    conv = nn.Conv2d(inplanes, planes, kernel_size=1, stride=stride, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(planes))
