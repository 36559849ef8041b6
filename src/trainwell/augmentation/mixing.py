"""Mixing the examples of a batch: blended, or a box of one pasted into another; across classes, or within one."""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor

from .._arguments import check_floating, check_probability
from .._shapes import Float, Int, Shaped


def mixup(
    x: Float[Tensor, "n ..."], labels: Float[Tensor, "n classes"], lam: float, partners: Int[Tensor, " n"]
) -> tuple[Float[Tensor, "n ..."], Float[Tensor, "n classes"]]:
    r"""Blends each example with its partner, and their labels alike.

    With :math:`x_i` an example of ``x``, :math:`y_i` its row of ``labels``, :math:`\pi(i)` its number in ``partners``
    and :math:`\lambda` = ``lam``,

    .. math::

        \tilde x_i = \lambda\,x_i + (1-\lambda)\,x_{\pi(i)}, \qquad \tilde y_i = \lambda\,y_i + (1-\lambda)\,y_{\pi(i)}.

    Args:
        x: A batch of any shape, the examples first.
        labels: Class probabilities, one row an example; class numbers go through
            :func:`torch.nn.functional.one_hot` first.
        lam: The share of the example itself, usually drawn from Beta(alpha, alpha).
        partners: For each example the number of its partner, such as a :func:`torch.randperm` or
            :func:`in_class_partners`.

    Returns:
        The blended examples and their labels.

    Raises:
        ValueError: If ``lam`` does not lie in [0, 1], ``x`` is not floating, or ``labels`` are class numbers.

    Example:
        >>> x, labels = torch.tensor([[0.0], [10.0]]), torch.eye(2)
        >>> mixup(x, labels, lam=0.75, partners=torch.tensor([1, 0]))
        (tensor([[2.5000],
                [7.5000]]), tensor([[0.7500, 0.2500],
                [0.2500, 0.7500]]))

    Reference:
        Zhang, Cisse, Dauphin and Lopez-Paz, *mixup: Beyond Empirical Risk Minimization*, 2018.
    """
    check_probability("lam", lam)
    check_floating("x", x)
    _check_rows(labels)
    return _blend(x, lam, partners), _blend(labels, lam, partners)


def _check_rows(labels: Tensor) -> None:
    if not labels.is_floating_point():
        advice = "one_hot(labels, num_classes).float() makes class numbers so"
        raise ValueError(f"labels must be rows of probabilities, got {labels.dtype}: {advice}")


def _blend(x: Tensor, lam: float, partners: Tensor) -> Tensor:
    return x.index_select(0, partners).lerp_(x, lam)  # lam x + (1 - lam) x[partners], in the partners' memory


def cutmix(
    x: Shaped[Tensor, "n *shape height width"],
    labels: Float[Tensor, "n classes"],
    box: tuple[int, int, int, int],
    partners: Int[Tensor, " n"],
) -> tuple[Shaped[Tensor, "n *shape height width"], Float[Tensor, "n classes"]]:
    r"""Pastes a box of each image's partner into the image; labels are mixed by the areas.

    With :math:`M` the mask that is 0 inside ``box`` and 1 outside, :math:`W` and :math:`H` the sides of the images,
    :math:`\pi(i)` the number of the partner in ``partners`` and :math:`y_i` a row of ``labels``,

    .. math::

        \tilde x_i = M \odot x_i + (1-M) \odot x_{\pi(i)}, \qquad
        \tilde y_i = \lambda\,y_i + (1-\lambda)\,y_{\pi(i)}, \qquad
        \lambda = 1 - \frac{(\text{right}-\text{left})\,(\text{bottom}-\text{top})}{W H}.

    Args:
        x: A batch of images of any dtype, height and width last.
        labels: Class probabilities, one row an image.
        box: Left, top, right and bottom edge in pixels, the last two not included: see :func:`random_box`.
        partners: For each image the number of its partner.

    Returns:
        The images with a box of their partners, and their labels.

    Raises:
        ValueError: If ``box`` does not lie in the images, or ``labels`` are class numbers.

    Example:
        >>> x, labels = torch.tensor([[[0, 0, 0]], [[1, 1, 1]]]), torch.eye(2)
        >>> x, labels = cutmix(x, labels, box=(2, 0, 3, 1), partners=torch.tensor([1, 0]))
        >>> x[0]
        tensor([[0, 0, 1]])
        >>> labels[0]
        tensor([0.6667, 0.3333])

    Reference:
        Yun, Han, Oh, Chun, Choe and Yoo, *CutMix: Regularization Strategy to Train Strong Classifiers with
        Localizable Features*, 2019.

    Note:
        The labels follow the box that was pasted, not the share it was drawn for: at the border the two differ.
    """
    _check_rows(labels)
    height, width = x.shape[-2:]
    left, top, right, bottom = box
    if not (0 <= left <= right <= width and 0 <= top <= bottom <= height):
        raise ValueError(f"box must lie in images of width {width} and height {height}, got {box}")
    mixed = x.clone()
    mixed[..., top:bottom, left:right] = x[..., top:bottom, left:right].index_select(0, partners)
    lam = 1 - (right - left) * (bottom - top) / (width * height)
    return mixed, _blend(labels, lam, partners)


def random_box(height: int, width: int, lam: float, *, generator: Generator | None = None) -> tuple[int, int, int, int]:
    r"""CutMix's box: a share 1 - ``lam`` of the image, its centre anywhere, what sticks out cut off.

    With :math:`H` = ``height``, :math:`W` = ``width`` and :math:`\lambda` = ``lam``, the box has the sides
    :math:`W\sqrt{1-\lambda}` and :math:`H\sqrt{1-\lambda}` before it is cut, and the centre

    .. math:: c_x \sim \mathrm{Uniform}\{0, \dots, W-1\}, \qquad c_y \sim \mathrm{Uniform}\{0, \dots, H-1\}.

    Args:
        height: The images' height in pixels.
        width: The images' width in pixels.
        lam: The share of the image that is to stay.
        generator: Where the centre is drawn from.

    Returns:
        Left, top, right and bottom edge in pixels, the last two not included.

    Raises:
        ValueError: If ``lam`` does not lie in [0, 1].

    Example:
        >>> random_box(32, 32, lam=0.75, generator=torch.Generator().manual_seed(0))
        (4, 7, 20, 23)

    Reference:
        Yun, Han, Oh, Chun, Choe and Yoo, *CutMix: Regularization Strategy to Train Strong Classifiers with
        Localizable Features*, 2019, section 3.1.

    Note:
        Half a side is rounded down, as in the authors' code and in torchvision: the box is never too large.
    """
    check_probability("lam", lam)
    device = generator.device if generator else None
    x, y = (int(torch.randint(side, (1,), generator=generator, device=device)) for side in (width, height))
    half_side = math.sqrt(1 - lam) / 2
    dx, dy = int(half_side * width), int(half_side * height)
    return max(x - dx, 0), max(y - dy, 0), min(x + dx, width), min(y + dy, height)


def in_class_partners(labels: Int[Tensor, " n"], *, generator: Generator | None = None) -> Int[Tensor, " n"]:
    r"""Partners of the same class: each class is permuted within itself, so that a mixed label is the old label.

    With :math:`c_i` an entry of ``labels``, :math:`\pi` is drawn uniformly from the permutations with

    .. math:: c_{\pi(i)} = c_i \quad\text{for all } i, \qquad\text{so that}\qquad
        \lambda\,y_i + (1-\lambda)\,y_{\pi(i)} = y_i.

    Args:
        labels: Class numbers.
        generator: Where the permutation is drawn from.

    Returns:
        For each example the number of its partner, for :func:`mixup` and :func:`cutmix`.

    Example:
        >>> labels = torch.tensor([0, 1, 0, 1, 2])
        >>> partners = in_class_partners(labels)
        >>> labels[partners]
        tensor([0, 1, 0, 1, 2])

    Reference:
        Sun, *Advanced Deep Learning, Lecture 7: Tricks of the Trade*, undated slides, on in-class mixing (SAMOSA).

    Note:
        The slides show what becomes of the labels, not how SAMOSA makes its images: mixing by :func:`mixup` or
        :func:`cutmix` is ours.
    """
    device = generator.device if generator else None
    shuffled = torch.randperm(len(labels), generator=generator, device=device).to(labels.device)
    partners = torch.empty_like(shuffled)
    # Both sides list the examples class by class, one in the batch's order, one shuffled.
    partners[labels.argsort()] = shuffled[labels[shuffled].argsort()]
    return partners
