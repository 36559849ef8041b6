"""Fractional max pooling: shrink a map by any factor, at random places."""

from __future__ import annotations

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from .._arguments import check_at_least
from .._shapes import Float, Int


def fractional_max_pool2d(
    x: Float[Tensor, "n channels height width"],
    kernel_size: int,
    output_ratio: float,
    *,
    generator: Generator | None = None,
) -> Float[Tensor, "n channels rows columns"]:
    r"""Max pooling to a given share of the size, with windows at random, evenly spread places.

    With :math:`k` = ``kernel_size``, :math:`N` the height (or width) of ``x`` and
    :math:`M = \lfloor N \cdot \texttt{output\_ratio} \rfloor` of the output, window :math:`i` of
    :math:`0, \dots, M-1` starts at

    .. math::

        s_i = \lfloor \alpha(i+u) \rfloor - \lfloor \alpha u \rfloor, \quad s_{M-1} = N-k,
        \qquad \alpha = \frac{N-k}{M-1}, \quad u \sim \mathrm{Uniform}(0, 1),

    with one :math:`u` for the rows and one for the columns of each map. Each output is the largest entry of its
    :math:`k \times k` window.

    Args:
        x: Feature maps.
        kernel_size: The side of the windows.
        output_ratio: The size of the output as a share of the input's, between 0 and 1.
        generator: Where the places are drawn from.

    Returns:
        Smaller feature maps.

    Raises:
        ValueError: If ``kernel_size`` is less than 1, ``output_ratio`` does not lie between 0 and 1, or the
            windows do not fit into the map.

    Example:
        >>> x = torch.arange(25.0).reshape(1, 1, 5, 5)
        >>> fractional_max_pool2d(x, 2, output_ratio=0.6, generator=torch.Generator().manual_seed(0))
        tensor([[[[ 6.,  8.,  9.],
                  [11., 13., 14.],
                  [21., 23., 24.]]]])

    Reference:
        Graham, *Fractional Max-Pooling*, 2014.

    Note:
        These are the paper's pseudorandom, overlapping regions, as in
        :func:`torch.nn.functional.fractional_max_pool2d`, which gives the same from the same seed.
    """
    _check(kernel_size, output_ratio)
    height, width = (int(size * output_ratio) for size in x.shape[2:])
    u = x.new_empty(*x.shape[:2], 2, dtype=torch.promote_types(x.dtype, torch.float32)).uniform_(generator=generator)
    columns = _starts(u[..., 0], x.shape[3], width, kernel_size)
    rows = _starts(u[..., 1], x.shape[2], height, kernel_size)
    windows = F.max_pool2d(x, kernel_size, stride=1)  # the maximum at every place; then pick the places drawn
    windows = windows.gather(2, rows.unsqueeze(3).expand(-1, -1, -1, windows.shape[3]))
    return windows.gather(3, columns.unsqueeze(2).expand(-1, -1, height, -1))


def _check(kernel_size: int, output_ratio: float) -> None:
    check_at_least("kernel_size", kernel_size, 1)
    if not 0 < output_ratio < 1:
        raise ValueError(f"output_ratio must lie between 0 and 1, got {output_ratio}")


def _starts(u: Float[Tensor, "n channels"], size: int, outputs: int, kernel: int) -> Int[Tensor, "n channels outputs"]:
    """Where the windows start along one side."""
    if outputs < 1 or outputs + kernel - 1 > size:
        raise ValueError(
            f"kernel_size and output_ratio must fit the map: {outputs} windows of {kernel} on a side of {size}"
        )
    alpha = (size - kernel) / max(outputs - 1, 1)
    i, u = torch.arange(outputs - 1, device=u.device), u.unsqueeze(-1)
    starts = ((i + u) * alpha).floor() - (u * alpha).floor()
    return F.pad(starts.long(), (0, 1), value=size - kernel)


class FractionalMaxPool2d(nn.Module):
    """:func:`fractional_max_pool2d` as a layer: at random places in training and in evaluation mode alike.

    Args:
        kernel_size: The side of the windows.
        output_ratio: The size of the output as a share of the input's, between 0 and 1.
        generator: Where the places are drawn from.

    Example:
        >>> FractionalMaxPool2d(2, output_ratio=0.7)(torch.rand(1, 3, 10, 10)).shape
        torch.Size([1, 3, 7, 7])

    Note:
        The paper averages several runs over one input at test time.
    """

    def __init__(self, kernel_size: int, output_ratio: float, *, generator: Generator | None = None) -> None:
        super().__init__()
        _check(kernel_size, output_ratio)
        self.kernel_size, self.output_ratio, self.generator = kernel_size, output_ratio, generator

    def forward(self, x: Float[Tensor, "n channels height width"]) -> Float[Tensor, "n channels rows columns"]:
        return fractional_max_pool2d(x, self.kernel_size, self.output_ratio, generator=self.generator)

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, output_ratio={self.output_ratio}"
