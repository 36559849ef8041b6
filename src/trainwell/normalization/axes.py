"""Zero mean and unit variance, over which axes? Layer, instance and group norm are one function."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from .._shapes import Float
from ._parts import check_channels, scale_and_shift, scale_and_shift_channels, widened


def normalize(x: Float[Tensor, "*shape"], axes: Sequence[int], eps: float = 1e-5) -> Float[Tensor, "*shape"]:
    r"""Zero mean and unit variance over the axes: the one function behind all the norms.

    With the mean :math:`\mu` and the biased variance :math:`\sigma^2` of ``x`` over ``axes`` and
    :math:`\varepsilon` = ``eps``,

    .. math:: \hat x = \frac{x - \mu}{\sqrt{\sigma^2 + \varepsilon}}.

    For images (example, channel, row, column) the axes are (0, 2, 3) in batch norm, (1, 2, 3) in layer norm and
    (2, 3) in instance norm; group norm splits the channels in two dimensions and takes the last three of five.

    Args:
        x: A tensor of any shape.
        axes: What is averaged over; every other index has its own mean and variance.
        eps: Added to the variance, so that a constant input gives 0 and not 0/0.

    Returns:
        A tensor of the same shape.

    Raises:
        ValueError: If ``x`` is not floating.

    Example:
        >>> normalize(torch.tensor([[1.0, 2.0, 3.0], [10.0, 20.0, 30.0]]), axes=[1])
        tensor([[-1.2247,  0.0000,  1.2247],
                [-1.2247,  0.0000,  1.2247]])

    Reference:
        Wu and He, *Group Normalization*, 2018, section 3.1, who write the norms as one formula.

    Note:
        Half precision is computed in float32 and given back in half precision, as torch does.
    """
    wide = widened(x)
    centred = wide - wide.mean(tuple(axes), keepdim=True)
    variance = centred.square().mean(tuple(axes), keepdim=True)
    return (centred * (variance + eps).rsqrt()).to(x.dtype)


def layer_norm(
    x: Float[Tensor, "*shape"],
    normalized_shape: Sequence[int],
    weight: Float[Tensor, "*normalized"] | None = None,
    bias: Float[Tensor, "*normalized"] | None = None,
    eps: float = 1e-5,
) -> Float[Tensor, "*shape"]:
    r"""Layer norm: every example by itself, over its last dimensions, with a weight for every entry.

    With :math:`\hat x` = :func:`normalize` of ``x`` over as many last axes as ``normalized_shape`` has,
    :math:`\gamma` = ``weight`` and :math:`\beta` = ``bias``,

    .. math:: y = \gamma \odot \hat x + \beta.

    Args:
        x: A tensor that ends in ``normalized_shape``.
        normalized_shape: The sizes of the last dimensions.
        weight: One scale for each entry of them, or none.
        bias: One shift for each entry of them, or none.
        eps: Added to the variance.

    Returns:
        A tensor of the same shape.

    Raises:
        ValueError: If ``x`` does not end in ``normalized_shape``, or is not floating, or the weight or the bias is of
            another shape.

    Example:
        >>> layer_norm(torch.tensor([[1.0, 2.0, 3.0]]), [3], bias=torch.ones(3))
        tensor([[-0.2247,  1.0000,  2.2247]])

    Reference:
        Ba, Kiros and Hinton, *Layer Normalization*, 2016.
    """
    shape = tuple(normalized_shape)
    if not shape or tuple(x.shape[-len(shape) :]) != shape:
        raise ValueError(f"normalized_shape must be the last sizes of x, {tuple(x.shape)}, got {shape}")
    for name, v in (("weight", weight), ("bias", bias)):
        if v is not None and v.shape != shape:
            raise ValueError(f"{name} must have the shape {shape}, as normalized_shape, got {tuple(v.shape)}")
    x_hat = normalize(widened(x), range(-len(shape), 0), eps)
    return scale_and_shift(x_hat, weight, bias).to(x.dtype)


def group_norm(
    x: Float[Tensor, "n channels *places"],
    num_groups: int,
    weight: Float[Tensor, " channels"] | None = None,
    bias: Float[Tensor, " channels"] | None = None,
    eps: float = 1e-5,
) -> Float[Tensor, "n channels *places"]:
    r"""Group norm: every example by itself, over the channels of a group and all places.

    With :math:`\hat x` = :func:`normalize` of ``x``, whose :math:`C` channels are split in :math:`G` =
    ``num_groups`` of :math:`C/G` neighbours, over the channels of a group and all places, and for channel
    :math:`c` :math:`\gamma_c` = ``weight[c]`` and :math:`\beta_c` = ``bias[c]``,

    .. math:: y_c = \gamma_c \hat x_c + \beta_c.

    Args:
        x: Examples, channels, and any number of dimensions of places.
        num_groups: 1 takes all channels together, as many as there are channels is instance norm.
        weight: One scale a channel, or none.
        bias: One shift a channel, or none.
        eps: Added to the variance.

    Returns:
        A tensor of the same shape.

    Raises:
        ValueError: If ``num_groups`` does not divide the number of channels, ``x`` is not floating, or the weight or
            the bias is for another number of channels.

    Example:
        >>> group_norm(torch.tensor([[1.0, 3.0, 10.0, 30.0]]), num_groups=2)
        tensor([[-1.0000,  1.0000, -1.0000,  1.0000]])

    Reference:
        Wu and He, *Group Normalization*, 2018.
    """
    check_channels(x, weight=weight, bias=bias)
    if num_groups < 1 or x.shape[1] % num_groups:
        raise ValueError(f"num_groups must divide the {x.shape[1]} channels of x, got {num_groups}")
    groups = widened(x).unflatten(1, (num_groups, x.shape[1] // num_groups))
    x_hat = normalize(groups, range(2, groups.ndim), eps).flatten(1, 2)
    return scale_and_shift_channels(x_hat, weight, bias).to(x.dtype)


def instance_norm(
    x: Float[Tensor, "n channels *places"],
    weight: Float[Tensor, " channels"] | None = None,
    bias: Float[Tensor, " channels"] | None = None,
    eps: float = 1e-5,
) -> Float[Tensor, "n channels *places"]:
    r"""Instance norm: every channel of every example by itself, over all places.

    With :math:`\hat x` = :func:`normalize` of ``x`` over the places and for channel :math:`c`
    :math:`\gamma_c` = ``weight[c]`` and :math:`\beta_c` = ``bias[c]``,

    .. math:: y_c = \gamma_c \hat x_c + \beta_c.

    Args:
        x: Examples, channels, and one or more dimensions of places.
        weight: One scale a channel, or none.
        bias: One shift a channel, or none.
        eps: Added to the variance.

    Returns:
        A tensor of the same shape.

    Raises:
        ValueError: If a channel has fewer than two places (its variance is 0), ``x`` is not floating, or the weight
            or the bias is for another number of channels.

    Example:
        >>> instance_norm(torch.tensor([[[1.0, 3.0], [10.0, 30.0]]]))
        tensor([[[-1.0000,  1.0000],
                 [-1.0000,  1.0000]]])

    Reference:
        Ulyanov, Vedaldi and Lempitsky, *Instance Normalization: The Missing Ingredient for Fast Stylization*, 2016.

    Note:
        :func:`torch.nn.functional.instance_norm` can also keep running statistics, which the paper does not.
    """
    check_channels(x, weight=weight, bias=bias)
    if x.shape[2:].numel() < 2:
        raise ValueError(f"x must have two places a channel or more, got the shape {tuple(x.shape)}")
    x_hat = normalize(widened(x), range(2, x.ndim), eps)
    return scale_and_shift_channels(x_hat, weight, bias).to(x.dtype)
