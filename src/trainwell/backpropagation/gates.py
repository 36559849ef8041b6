"""Gates: each computes a value, keeps what its derivative needs, and passes gradients back."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from .._arguments import check_same_shape
from .._shapes import Float


class Gate:
    r"""A node of a computational graph, which knows its own derivative and nothing of the rest.

    For a gate :math:`z = f(x_1, \dots, x_k)` somewhere on the way to a loss :math:`L`, ``backward`` takes the
    upstream gradient :math:`\partial L / \partial z` and multiplies it by the local one,

    .. math:: \frac{\partial L}{\partial x_i} = \frac{\partial z}{\partial x_i}\,\frac{\partial L}{\partial z}.

    A gate is made by writing the two methods. Inputs are tensors of one shape, and it works entry by entry.

    Example:
        >>> class Square(Gate):
        ...     def forward(self, x):
        ...         self.x = x  # backward needs it
        ...         return x**2
        ...     def backward(self, dz):
        ...         return (2 * self.x * dz,)
        >>> square = Square()
        >>> square.forward(torch.tensor(3.0)), square.backward(torch.tensor(1.0))
        (tensor(9.), (tensor(6.),))

    Reference:
        Rumelhart, Hinton and Williams, *Learning Representations by Back-propagating Errors*, 1986.
    """

    forward: Callable[..., Tensor]  # one argument an input; keeps what the derivative needs
    backward: Callable[[Tensor], tuple[Tensor, ...]]  # a gradient for each input of the last forward


class Add(Gate):
    r""":class:`Gate` of a sum, which hands the upstream gradient to both inputs.

    .. math::

        z = x + y, \qquad \frac{\partial L}{\partial x} = \frac{\partial L}{\partial y} = \frac{\partial L}{\partial z}

    Example:
        >>> gate = Add()
        >>> gate.forward(torch.tensor(-2.0), torch.tensor(5.0))
        tensor(3.)
        >>> gate.backward(torch.tensor(-4.0))
        (tensor(-4.), tensor(-4.))
    """

    def forward(self, x: Float[Tensor, "*shape"], y: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        check_same_shape(x=x, y=y)
        return x + y

    def backward(self, dz: Float[Tensor, "*shape"]) -> tuple[Float[Tensor, "*shape"], Float[Tensor, "*shape"]]:
        return dz, dz


class Multiply(Gate):
    r""":class:`Gate` of a product, where each input's gradient is the upstream one times the other input.

    .. math::

        z = xy, \qquad \frac{\partial L}{\partial x} = y\,\frac{\partial L}{\partial z}, \quad
        \frac{\partial L}{\partial y} = x\,\frac{\partial L}{\partial z}

    Example:
        >>> gate = Multiply()
        >>> gate.forward(torch.tensor(3.0), torch.tensor(-4.0))
        tensor(-12.)
        >>> gate.backward(torch.tensor(1.0))
        (tensor(-4.), tensor(3.))
    """

    def forward(self, x: Float[Tensor, "*shape"], y: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        check_same_shape(x=x, y=y)
        self.x, self.y = x, y
        return x * y

    def backward(self, dz: Float[Tensor, "*shape"]) -> tuple[Float[Tensor, "*shape"], Float[Tensor, "*shape"]]:
        return self.y * dz, self.x * dz


class Max(Gate):
    r""":class:`Gate` of the larger of two inputs, which alone gets the upstream gradient.

    .. math::

        z = \max(x, y), \qquad \frac{\partial L}{\partial x} = [x > y]\,\frac{\partial L}{\partial z}, \quad
        \frac{\partial L}{\partial y} = [y > x]\,\frac{\partial L}{\partial z}

    Example:
        >>> gate = Max()
        >>> gate.forward(torch.tensor([2.0, 3.0]), torch.tensor([-1.0, 3.0]))
        tensor([2., 3.])
        >>> gate.backward(torch.tensor([1.0, 1.0]))
        (tensor([1.0000, 0.5000]), tensor([0.0000, 0.5000]))

    Note:
        Equal inputs share the gradient, as in :func:`torch.maximum`.
    """

    def forward(self, x: Float[Tensor, "*shape"], y: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        check_same_shape(x=x, y=y)
        self.share = torch.heaviside(x - y, x.new_tensor(0.5))  # of x: 1 where it is larger, 1/2 where they are equal
        return torch.maximum(x, y)

    def backward(self, dz: Float[Tensor, "*shape"]) -> tuple[Float[Tensor, "*shape"], Float[Tensor, "*shape"]]:
        return self.share * dz, (1 - self.share) * dz


class Exp(Gate):
    r""":class:`Gate` of the exponential function, whose derivative is its value.

    .. math:: z = e^x, \qquad \frac{\partial L}{\partial x} = z\,\frac{\partial L}{\partial z}

    Example:
        >>> gate = Exp()
        >>> gate.forward(torch.tensor(-1.0))
        tensor(0.3679)
        >>> gate.backward(torch.tensor(-0.53))
        (tensor(-0.1950),)
    """

    def forward(self, x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        self.z = x.exp()
        return self.z

    def backward(self, dz: Float[Tensor, "*shape"]) -> tuple[Float[Tensor, "*shape"]]:
        return (self.z * dz,)


class Reciprocal(Gate):
    r""":class:`Gate` of one over the input.

    .. math::

        z = \frac1x, \qquad \frac{\partial L}{\partial x}
        = -\frac1{x^2}\,\frac{\partial L}{\partial z} = -z^2\,\frac{\partial L}{\partial z}

    Example:
        >>> gate = Reciprocal()
        >>> gate.forward(torch.tensor(1.37))
        tensor(0.7299)
        >>> gate.backward(torch.tensor(1.0))
        (tensor(-0.5328),)
    """

    def forward(self, x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        self.z = 1 / x
        return self.z

    def backward(self, dz: Float[Tensor, "*shape"]) -> tuple[Float[Tensor, "*shape"]]:
        return (-(self.z**2) * dz,)


class Sigmoid(Gate):
    r""":class:`Gate` of the logistic function: four gates in one, with a short derivative.

    .. math::

        z = \sigma(x) = \frac1{1 + e^{-x}}, \qquad \frac{\partial L}{\partial x} = z(1-z)\,\frac{\partial L}{\partial z}

    Example:
        >>> gate = Sigmoid()
        >>> gate.forward(torch.tensor(1.0))
        tensor(0.7311)
        >>> gate.backward(torch.tensor(1.0))
        (tensor(0.1966),)
    """

    def forward(self, x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        self.z = 1 / (1 + torch.exp(-x))
        return self.z

    def backward(self, dz: Float[Tensor, "*shape"]) -> tuple[Float[Tensor, "*shape"]]:
        return (self.z * (1 - self.z) * dz,)
