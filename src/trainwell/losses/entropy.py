"""Cross-entropy: minus the logarithm of the probability that the right answer got."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from .._arguments import check_same_shape, check_shape
from .._losses import full_precision, reduce
from .._shapes import Float, Int


def binary_cross_entropy_with_logits(
    input: Float[Tensor, "*shape"], target: Float[Tensor, "*shape"], *, reduction: str = "mean"
) -> Float[Tensor, ""] | Float[Tensor, "*shape"]:
    r"""Cross-entropy of yes-or-no questions, from logits: for two classes, or for several labels an example.

    With logits :math:`z` = ``input``, :math:`p = \sigma(z)` and :math:`y` = ``target``, a loss and its gradient are

    .. math:: -\bigl(y \log p + (1-y) \log(1-p)\bigr), \qquad \frac{\partial}{\partial z} = p - y.

    Args:
        input: Logits of any shape.
        target: The probabilities of yes, usually 0 or 1, of the same shape.
        reduction: ``"mean"`` or ``"sum"`` over all entries, or ``"none"``.

    Returns:
        A scalar, or one loss an entry with ``"none"``.

    Raises:
        ValueError: If the shapes differ, or ``reduction`` is none of the three.

    Example:
        >>> binary_cross_entropy_with_logits(torch.tensor([0.0, 100.0]), torch.tensor([1.0, 0.0]), reduction="none")
        tensor([  0.6931, 100.0000])

    Reference:
        Cox, *The Regression Analysis of Binary Sequences*, 1958.

    Note:
        Logits, because a probability that rounds to 0 or 1 has lost the loss: since :math:`1-p = \sigma(-z)`, both
        logarithms are :func:`torch.nn.functional.logsigmoid`, which is exact far out. Torch's weights are left out.
        A lecture calls this loss cross-entropy, which here is that of classes: :func:`cross_entropy`.
    """
    check_same_shape(input=input, target=target)
    input, target = full_precision(input), full_precision(target)
    losses = -(target * F.logsigmoid(input) + (1 - target) * F.logsigmoid(-input))
    return reduce(losses, reduction)


def cross_entropy(
    input: Float[Tensor, "n classes *rest"],
    target: Int[Tensor, " n *rest"] | Float[Tensor, "n classes *rest"],
    *,
    reduction: str = "mean",
) -> Float[Tensor, ""] | Float[Tensor, " n *rest"]:
    r"""Cross-entropy of several classes of which one is right, from logits.

    With logits :math:`z` = ``input``, :math:`p = \mathrm{softmax}(z)` and :math:`q` = ``target``, for a class number
    :math:`y` one at :math:`y` and zero elsewhere, a loss and its gradient are

    .. math:: -\sum_k q_k \log p_k, \quad\text{or}\quad -\log p_y, \qquad \nabla_z = p - q.

    Args:
        input: Logits, the classes in the second dimension.
        target: Class numbers, of the same shape without the classes, or a probability for each class.
        reduction: ``"mean"`` or ``"sum"`` over the examples (and what else there is but classes), or ``"none"``.

    Returns:
        A scalar, or one loss an example with ``"none"``.

    Raises:
        ValueError: If the target's shape is none of the two, or ``reduction`` none of the three.

    Example:
        >>> cross_entropy(torch.tensor([[2.0, 0.0], [0.0, 1000.0]]), torch.tensor([0, 0]), reduction="none")
        tensor([1.2693e-01, 1.0000e+03])

    Reference:
        Bridle, *Probabilistic Interpretation of Feedforward Classification Network Outputs*, 1990.

    Note:
        Torch's class weights, ignored class numbers and label smoothing are left out; the last is
        :func:`trainwell.regularization.label_smoothing`.
    """
    log_p = full_precision(input).log_softmax(dim=1)
    if target.is_floating_point():
        check_same_shape(input=input, target=target)
        losses = -(full_precision(target) * log_p).sum(dim=1)
    else:
        check_shape("target", target, (*input.shape[:1], *input.shape[2:]))
        losses = -log_p.gather(1, target.long().unsqueeze(1)).squeeze(1)
    return reduce(losses, reduction)


def mixed_label_cross_entropy(
    input: Float[Tensor, "n classes"],
    target: Float[Tensor, "n classes"] | Int[Tensor, " n"],
    *,
    threshold: float | None = None,
    reduction: str = "mean",
) -> Float[Tensor, ""] | Float[Tensor, "n classes"]:
    r"""Binary cross-entropy on the mixed labels of mixup and CutMix: is this class in the picture, for each class.

    With :math:`z` = ``input``, the share :math:`q_k` of class :math:`k` in the picture = ``target``, and
    :math:`\tau` = ``threshold``, the answers asked for are

    .. math:: y_k = [q_k > \tau], \quad\text{or without a threshold}\quad y_k = q_k,

    and the loss is :func:`binary_cross_entropy_with_logits` of :math:`z` and :math:`y`.

    Args:
        input: Logits, one row an example.
        target: Shares of the classes, as a mixing augmentation returns them, or class numbers where nothing was
            mixed, as in a validation set.
        threshold: The share above which a class counts as there; without one, a share is asked for as it is.
        reduction: ``"mean"`` or ``"sum"`` over examples and classes, or ``"none"``.

    Returns:
        A scalar, or one loss an example and class with ``"none"``.

    Raises:
        ValueError: If the shapes differ, or ``reduction`` is none of the three.

    Example:
        >>> mixed = torch.tensor([[0.7, 0.3, 0.0]])  # 70% dog, 30% cat: both are there
        >>> mixed_label_cross_entropy(torch.tensor([[9.0, 9.0, -9.0]]), mixed, threshold=0.2)
        tensor(0.0001)

    Reference:
        Wightman, Touvron and Jégou, *ResNet Strikes Back: An Improved Training Procedure in timm*, 2021, section 3.

    Note:
        The paper asks for 1 wherever a class was mixed in, which is ``threshold=0.0``. The threshold is the
        ``target_threshold`` of timm's ``BinaryCrossEntropy``.
    """
    if not target.is_floating_point():
        target = F.one_hot(target.long(), input.shape[1]).to(input.dtype)
    if threshold is not None:
        target = (target > threshold).to(input.dtype)
    return binary_cross_entropy_with_logits(input, target, reduction=reduction)
