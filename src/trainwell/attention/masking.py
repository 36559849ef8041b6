"""Masked prediction: hide some tokens, and ask for those. Here True means masked."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from .._arguments import check_probability
from .._shapes import Bool, Float, Shaped


def masked_positions(
    n: int,
    length: int,
    share: float = 0.15,
    *,
    device: torch.device | str | None = None,
    generator: Generator | None = None,
) -> Bool[Tensor, "n length"]:
    r"""Draws which tokens are masked: in every sequence the same number, every choice of them as likely.

    With :math:`L` = ``length`` and :math:`s` = ``share``, :math:`\operatorname{round}(sL)` of each row are True.

    Args:
        n: The number of sequences.
        length: The number of tokens in each.
        share: The share to mask: 0.15 for text as in BERT; images need far more, 0.4 in BEiT and 0.75 in masked
            auto-encoders.
        device: Where to make it; the generator's device has to be the same.
        generator: Where the choice is drawn from.

    Returns:
        True where a token is masked.

    Raises:
        ValueError: If ``share`` does not lie in [0, 1].

    Example:
        >>> masked_positions(2, 4, share=0.5, generator=torch.Generator().manual_seed(0)).sum(1)
        tensor([2, 2])

    Reference:
        He and others, *Masked Autoencoders Are Scalable Vision Learners*, 2022; Devlin and others, *BERT*, 2019;
        Bao, Dong, Piao and Wei, *BEiT*, 2022.

    Note:
        BEiT masks blocks of neighbouring patches.
    """
    check_probability("share", share)
    order = torch.rand(n, length, generator=generator, device=device).argsort(dim=1).argsort(dim=1)
    return order < round(share * length)


def mask_tokens(
    x: Shaped[Tensor, "n length *width"], masked: Bool[Tensor, "n length"], mask_token: Tensor | int
) -> Shaped[Tensor, "n length *width"]:
    r"""Puts the mask token in the place of those that are masked.

    With :math:`m` = ``masked`` and :math:`t` = ``mask_token``,

    .. math:: y_i = \begin{cases} t & m_i \\ x_i & \text{otherwise.} \end{cases}

    Args:
        x: Token numbers, or embedded tokens.
        masked: True where a token is masked.
        mask_token: A number that stands for no other token, or an embedding, which may be learned.

    Returns:
        A tensor of the same shape.

    Example:
        >>> mask_tokens(torch.tensor([[5, 6, 7]]), torch.tensor([[False, True, False]]), mask_token=0)
        tensor([[5, 0, 7]])

    Reference:
        Devlin and others, *BERT: Pre-training of Deep Bidirectional Transformers*, 2019.

    Note:
        BERT leaves a tenth of the chosen tokens as they are and puts a random token for another tenth.
    """
    places = masked.reshape(*masked.shape, *[1] * (x.ndim - 2))
    return torch.where(places, mask_token, x)


def masked_mean(losses: Float[Tensor, "n length"], masked: Bool[Tensor, "n length"]) -> Float[Tensor, ""]:
    r"""The loss of masked prediction: the mean over the masked tokens alone.

    With :math:`\ell` = ``losses`` and :math:`m` = ``masked``,

    .. math:: \frac{\sum_i m_i\, \ell_i}{\sum_i m_i}.

    Args:
        losses: A loss a token: the cross-entropy of a predicted token (``reduction="none"``), the squared error of
            a predicted patch.
        masked: True where a token is masked.

    Returns:
        A scalar; zero where nothing is masked.

    Example:
        >>> masked_mean(torch.tensor([[1.0, 2.0, 6.0]]), torch.tensor([[True, False, True]]))
        tensor(3.5000)

    Reference:
        Devlin and others, *BERT*, 2019, for text; He and others, *Masked Autoencoders Are Scalable Vision
        Learners*, 2022, for patches.
    """
    return losses.where(masked, 0).sum() / masked.sum().clamp(min=1)
