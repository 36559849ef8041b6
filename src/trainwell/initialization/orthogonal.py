"""Orthogonal initialisation: a layer that turns its input without stretching it."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from .._shapes import Float
from .scaled import fans


@torch.no_grad()
def orthogonal_(
    tensor: Float[Tensor, "*shape"], gain: float = 1, generator: Generator | None = None
) -> Float[Tensor, "*shape"]:
    r"""Fills a weight, in place, with a random orthogonal matrix: all its singular values are one.

    The weight as a matrix of :math:`m` rows, one an output, and :math:`n` columns comes from the QR
    decomposition of a matrix of standard normal numbers, :math:`A = QR`, and :math:`g` = ``gain``:

    .. math:: W = g\,Q\operatorname{sign}(\operatorname{diag} R), \qquad
              W^\top W = g^2 I \;(m \ge n), \qquad WW^\top = g^2 I \;(m \le n).

    The signs make every orthogonal matrix equally likely.

    Args:
        tensor: The weight to fill; a kernel counts as inputs.
        gain: A factor on the matrix, see :func:`gain`.
        generator: Where the numbers are drawn from.

    Returns:
        The same tensor.

    Raises:
        ValueError: If the weight has fewer than two dimensions, or no entries.

    Example:
        >>> w = orthogonal_(torch.empty(3, 5), generator=torch.Generator().manual_seed(0))
        >>> torch.linalg.svdvals(w)
        tensor([1.0000, 1.0000, 1.0000])

    Reference:
        Saxe, McClelland and Ganguli, *Exact Solutions to the Nonlinear Dynamics of Learning in Deep Linear Neural
        Networks*, 2014; Mezzadri, *How to Generate Random Matrices from the Classical Compact Groups*, 2007, for
        the signs.

    Note:
        Its singular values are one, and if it is square its eigenvalues have absolute value one; a lecture says
        that the eigenvalues are one, which holds for the identity alone.
    """
    fans(tensor)  # refuses what is no weight
    flat = tensor.new_empty(tensor.shape[0], tensor[0].numel(), dtype=_precise(tensor.dtype))
    flat.normal_(generator=generator)
    wide = flat.shape[0] < flat.shape[1]
    q, r = torch.linalg.qr(flat.T if wide else flat)
    q *= r.diagonal().sign()
    return tensor.copy_((q.T if wide else q).reshape(tensor.shape)).mul_(gain)


def _precise(dtype: torch.dtype) -> torch.dtype:
    """There is no QR decomposition in half precision."""
    return torch.float32 if dtype in (torch.float16, torch.bfloat16) else dtype
