"""A small vision transformer: an image is a sequence of patches, and one more token asks for its class."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .._arguments import check_at_least
from .._shapes import Float
from .encoder import EncoderBlock


def patches(images: Float[Tensor, "n channels height width"], patch_size: int) -> Float[Tensor, "n tokens numbers"]:
    r"""Images cut into square patches, each a row of numbers: what tokens are made from, or have to predict.

    With :math:`P` = ``patch_size``, :math:`C` channels and :math:`H \times W` pixels there are
    :math:`HW / P^2` tokens, row after row of the image, of :math:`C P^2` numbers each.

    Args:
        images: Images whose sides ``patch_size`` divides.
        patch_size: The side of a patch.

    Returns:
        One row for each patch, all of its first channel, then all of the next.

    Raises:
        ValueError: If ``patch_size`` does not divide the sides.

    Example:
        >>> patches(torch.arange(8.0).reshape(1, 1, 2, 4), patch_size=2)
        tensor([[[0., 1., 4., 5.],
                 [2., 3., 6., 7.]]])

    Reference:
        Dosovitskiy and others, *An Image Is Worth 16×16 Words*, 2021.
    """
    _check_sides(images, patch_size)
    return F.unfold(images, kernel_size=patch_size, stride=patch_size).transpose(1, 2)


def _check_sides(images: Tensor, patch_size: int) -> None:
    check_at_least("patch_size", patch_size, 1)
    height, width = images.shape[-2:]
    if height % patch_size or width % patch_size:
        raise ValueError(f"patch_size must divide the images' sides, got {patch_size} for {height} × {width}")


class VisionTransformer(nn.Module):
    r"""A transformer that classifies images: patches as tokens, positions learned, the class read off one token.

    With the patches' embeddings :math:`E` (a linear map of each patch), the class token :math:`c` and positions
    :math:`p`, the blocks :math:`B_1, \dots, B_L` and layer normalisation :math:`N`,

    .. math:: z = [c, E] + p, \qquad z \leftarrow B_l(z), \qquad \text{logits} = W N(z)_0 + b.

    Args:
        image_size: The side of the square images.
        patch_size: The side of a patch, a divisor of it.
        num_layers: How many encoder blocks.
        num_heads: Heads in each.
        hidden_dim: The width of a token.
        mlp_dim: The hidden width of the blocks' two-layer networks.
        dropout: The probability of dropping, in training, after the positions and inside the blocks.
        num_classes: How many classes to tell apart.
        in_channels: Channels of the images.

    Raises:
        ValueError: If ``patch_size`` does not divide ``image_size``, a block's setting is wrong, or images have
            another shape.

    Example:
        >>> model = VisionTransformer(8, 2, num_layers=2, num_heads=2, hidden_dim=16, mlp_dim=32, num_classes=10,
        ...                           in_channels=1)
        >>> model(torch.randn(3, 1, 8, 8)).shape, model.tokens(torch.randn(3, 1, 8, 8)).shape
        (torch.Size([3, 10]), torch.Size([3, 17, 16]))

    Reference:
        Dosovitskiy and others, *An Image Is Worth 16×16 Words*, 2021.

    Note:
        With torchvision's ``VisionTransformer`` and the same weights it gives the same outputs; the blocks'
        weights are named as torch's own encoder layer names them. Here ``dropout`` drops attention weights too,
        for which torchvision has an argument of its own.
    """

    def __init__(
        self,
        image_size: int,
        patch_size: int,
        num_layers: int,
        num_heads: int,
        hidden_dim: int,
        mlp_dim: int,
        dropout: float = 0.0,
        num_classes: int = 1000,
        *,
        in_channels: int = 3,
    ) -> None:
        super().__init__()
        check_at_least("patch_size", patch_size, 1)
        if image_size % patch_size:
            raise ValueError(f"patch_size must divide image_size, got {patch_size} for {image_size}")
        self.image_size = image_size
        self.conv_proj = nn.Conv2d(in_channels, hidden_dim, kernel_size=patch_size, stride=patch_size)
        self.class_token = nn.Parameter(torch.zeros(1, 1, hidden_dim))
        tokens = (image_size // patch_size) ** 2 + 1
        self.pos_embedding = nn.Parameter(torch.empty(1, tokens, hidden_dim).normal_(std=0.02))
        self.dropout = nn.Dropout(dropout)
        self.layers = nn.Sequential(
            *[
                EncoderBlock(hidden_dim, num_heads, mlp_dim, dropout, F.gelu, layer_norm_eps=1e-6, norm_first=True)
                for _ in range(num_layers)
            ]
        )
        self.norm = nn.LayerNorm(hidden_dim, eps=1e-6)
        self.head = nn.Linear(hidden_dim, num_classes)

    def forward(self, images: Float[Tensor, "n channels height width"]) -> Float[Tensor, "n classes"]:
        return self.head(self.tokens(images)[:, 0])

    def tokens(self, images: Float[Tensor, "n channels height width"]) -> Float[Tensor, "n tokens features"]:
        """What the blocks make of each token: the class token, then the patches."""
        sizes = (self.conv_proj.in_channels, self.image_size, self.image_size)
        if images.shape[1:] != sizes:
            raise ValueError(f"images must be (n, {', '.join(map(str, sizes))}), got {tuple(images.shape)}")
        embedded = self.conv_proj(images).flatten(2).transpose(1, 2)  # a linear map of every patch
        class_token = self.class_token.expand(len(images), -1, -1)
        z = torch.cat([class_token, embedded], dim=1) + self.pos_embedding
        return self.norm(self.layers(self.dropout(z)))
