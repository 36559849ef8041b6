"""Convolutional networks that are one layer after another: convolutions and pooling, then linear layers.

They end in logits, for :func:`torch.nn.functional.cross_entropy`; the softmax that the lectures' tables end in
belongs to that loss.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional as F

from .._arguments import check_probability
from .._shapes import Float
from ._weights import kaiming_convolutions_

VGG16_STAGES = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))


class LeNet5(nn.Module):
    """LeNet-5: two convolutions and three linear layers that read a digit; 61,706 parameters.

    Args:
        num_classes: How many classes to tell apart.

    Raises:
        ValueError: If the images that it is given are not grey, or not 32 × 32.

    Example:
        >>> LeNet5()(torch.zeros(2, 1, 32, 32)).shape
        torch.Size([2, 10])
        >>> sum(w.numel() for w in LeNet5().parameters())
        61706

    Reference:
        LeCun, Bottou, Bengio and Haffner, *Gradient-Based Learning Applied to Document Recognition*, 1998.

    Note:
        This is the lecture's form: ReLU, max pooling and a full second convolution. The paper has scaled
        tanh, averages with a learned factor, a second convolution that sees only some maps, and distances to
        fixed patterns at the end, in all about 60,000 parameters. Images are 32 × 32, as in the paper: pad
        MNIST's 28 × 28 by two on each side.
    """

    def __init__(self, num_classes: int = 10) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 6, kernel_size=5),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(6, 16, kernel_size=5),
            nn.ReLU(),
            nn.MaxPool2d(2),
        )
        self.classifier = nn.Sequential(
            nn.Linear(16 * 5 * 5, 120),
            nn.ReLU(),
            nn.Linear(120, 84),
            nn.ReLU(),
            nn.Linear(84, num_classes),
        )

    def forward(self, x: Float[Tensor, "n channels height width"]) -> Float[Tensor, "n classes"]:
        if x.shape[1:] != (1, 32, 32):
            raise ValueError(f"x must be grey images of 32 × 32, got the shape {tuple(x.shape)} (pad MNIST's by 2)")
        return self.classifier(self.features(x).flatten(1))


class AlexNet(nn.Module):
    """AlexNet: five convolutions and three linear layers; 61,100,840 parameters for ImageNet's 1,000 classes.

    Args:
        num_classes: How many classes to tell apart.
        dropout: The probability with which the two hidden linear layers' inputs are dropped.

    Raises:
        ValueError: If ``dropout`` does not lie in [0, 1].

    Example:
        >>> with torch.device("meta"):  # shapes without numbers, at no cost
        ...     AlexNet()(torch.zeros(2, 3, 224, 224)).shape
        torch.Size([2, 1000])

    Reference:
        Krizhevsky, Sutskever and Hinton, *ImageNet Classification with Deep Convolutional Neural Networks*, 2012;
        in the form of Krizhevsky, *One Weird Trick for Parallelizing Convolutional Neural Networks*, 2014.

    Note:
        The weights are :func:`torchvision.models.alexnet`'s, name by name. The network of 2012 was cut in two for
        two graphics cards (96, 256, 384, 384 and 256 maps, of which some layers see half: 60,965,224 parameters)
        and normalised its first maps across channels.
    """

    def __init__(self, num_classes: int = 1000, dropout: float = 0.5) -> None:
        super().__init__()
        check_probability("dropout", dropout)
        self.features = nn.Sequential(
            nn.Conv2d(3, 64, kernel_size=11, stride=4, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(kernel_size=3, stride=2),
            nn.Conv2d(64, 192, kernel_size=5, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(kernel_size=3, stride=2),
            nn.Conv2d(192, 384, kernel_size=3, padding=1),
            nn.ReLU(),
            nn.Conv2d(384, 256, kernel_size=3, padding=1),
            nn.ReLU(),
            nn.Conv2d(256, 256, kernel_size=3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(kernel_size=3, stride=2),
        )
        self.classifier = nn.Sequential(
            nn.Dropout(dropout),
            nn.Linear(256 * 6 * 6, 4096),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(4096, 4096),
            nn.ReLU(),
            nn.Linear(4096, num_classes),
        )

    def forward(self, x: Float[Tensor, "n 3 height width"]) -> Float[Tensor, "n classes"]:
        x = F.adaptive_avg_pool2d(self.features(x), 6)  # for other sizes: at 224 × 224 it is 6 × 6 already
        return self.classifier(x.flatten(1))


class VGG16(nn.Module):
    """VGG-16: thirteen small convolutions in five stages and three linear layers; 138,357,544 parameters.

    Each stage halves the map and, up to 512, doubles its channels; every convolution is 3 × 3.

    Args:
        num_classes: How many classes to tell apart.
        dropout: The probability with which the hidden linear layers' outputs are dropped.

    Raises:
        ValueError: If ``dropout`` does not lie in [0, 1].

    Example:
        >>> with torch.device("meta"):  # shapes without numbers, at no cost
        ...     model = VGG16()
        >>> f"{sum(w.numel() for w in model.parameters()):,}"
        '138,357,544'

    Reference:
        Simonyan and Zisserman, *Very Deep Convolutional Networks for Large-Scale Image Recognition*, 2015;
        the convolutions' first weights after He, Zhang, Ren and Sun, *Delving Deep into Rectifiers*, 2015.

    Note:
        The weights are :func:`torchvision.models.vgg16`'s, name by name and in distribution. The paper grew the
        network out of a trained shallower one; with He's first weights that is not needed.
    """

    def __init__(self, num_classes: int = 1000, dropout: float = 0.5) -> None:
        super().__init__()
        check_probability("dropout", dropout)
        self.features = nn.Sequential(*_vgg_stages(VGG16_STAGES))
        self.classifier = nn.Sequential(
            nn.Linear(512 * 7 * 7, 4096),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(4096, 4096),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(4096, num_classes),
        )
        kaiming_convolutions_(self)
        for layer in self.classifier:
            if isinstance(layer, nn.Linear):
                nn.init.normal_(layer.weight, std=0.01)
                nn.init.zeros_(layer.bias)

    def forward(self, x: Float[Tensor, "n 3 height width"]) -> Float[Tensor, "n classes"]:
        x = F.adaptive_avg_pool2d(self.features(x), 7)  # for other sizes: at 224 × 224 it is 7 × 7 already
        return self.classifier(x.flatten(1))


def _vgg_stages(stages: Sequence[Sequence[int]], channels: int = 3) -> list[nn.Module]:
    """The layers of all stages in a row: convolutions of the widths given, each with a ReLU, then pooling."""
    layers: list[nn.Module] = []
    for widths in stages:
        for width in widths:
            layers += [nn.Conv2d(channels, width, kernel_size=3, padding=1), nn.ReLU()]
            channels = width
        layers.append(nn.MaxPool2d(2))
    return layers
