"""Tensors that both ends hold a copy of, each under a number: the judge's are positive, the contestant's negative.

A *twin* is one entry of that table. Its kind says what becomes of changes:

* `PLAIN`: a value. Either end forgets it when its own copy dies.
* `LEAF`: requires a gradient; its gradient is kept equal on both ends.
* `STATE`: a parameter, or a buffer of a module; data and gradient are kept equal on both ends.
* `HIDDEN`: a leaf of the contestant whose values never came; only gradients are exchanged.

Of the last three, the end that made the tensor decides how long it lives, and the other holds it as long.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from nbjudge.wire.frames import WireError
from nbjudge.wire.tensors import content, same

PLAIN, LEAF, STATE, HIDDEN = "plain", "leaf", "state", "hidden"
MOST = 100_000  # twins in one table


class Mark:
    """What a tensor held when both ends last agreed.

    An exact mark keeps the bytes, because `.data` and numpy change a tensor behind its version's back. A quick one
    keeps the version.
    """

    __slots__ = ("bytes", "kind", "pointer", "version")

    def __init__(self, tensor: Tensor, exact: bool) -> None:
        self.kind = (tensor.shape, tensor.dtype)
        self.version = _version(tensor)
        self.pointer = tensor.data_ptr()
        self.bytes = bytearray(content(tensor)) if exact and not tensor.is_meta else None  # quick to compare

    def quiet(self, tensor: Tensor) -> bool:
        """Whether it changed, if it did, behind its version's back and in its own memory."""
        same = (tensor.shape, tensor.dtype) == self.kind and tensor.data_ptr() == self.pointer
        return same and _version(tensor) == self.version

    def holds(self, tensor: Tensor) -> bool:
        """Whether the tensor is still what it was."""
        if (tensor.shape, tensor.dtype) != self.kind:
            return False
        if self.bytes is not None:
            return self.bytes == content(tensor)
        return tensor.data_ptr() == self.pointer and self.version == (0 if tensor.is_inference() else tensor._version)


class Twin(weakref.ref[Tensor]):
    """One tensor of the table, held weakly unless `held` holds it; its end is told to `died`."""

    __slots__ = ("exact", "gradient", "held", "key", "kind", "mark", "name", "required", "spoiled")

    def __new__(cls, name: int, tensor: Tensor, died: Callable[[Any], None], kind: str, exact: bool) -> Twin:
        return super().__new__(cls, tensor, died)

    def __init__(self, name: int, tensor: Tensor, died: Callable[[Any], None], kind: str, exact: bool) -> None:
        super().__init__(tensor, died)  # type: ignore[call-arg]
        self.name, self.key, self.kind, self.exact = name, id(tensor), kind, exact
        self.held: object = None
        self.mark: Mark | None = None
        self.gradient: Mark | None = None
        self.required = False
        self.spoiled = False  # changed here, and the other end did not take it

    def tensor(self) -> Tensor | None:
        tensor = self()
        if tensor is not None:
            tensor._fix_weakref()  # type: ignore[attr-defined]  # its Python half may have been left to C++
        return tensor

    def agree(self, tensor: Tensor) -> None:
        """Both ends now hold these values and this gradient."""
        gradient = gradient_of(tensor)
        self.mark = None if self.kind == HIDDEN else Mark(tensor, self.exact)
        self.gradient = None if gradient is None else Mark(gradient, True)
        self.required = tensor.requires_grad

    def news(self, tensor: Tensor) -> tuple[bool, bool]:
        """Whether the data, and whether the gradient, is other than both ends last agreed."""
        data = self.mark is not None and not self.mark.holds(tensor)
        gradient = tensor.grad if tensor.is_leaf else None
        if gradient is None or self.gradient is None:
            return data, gradient is not None or self.gradient is not None
        return data, not self.gradient.holds(gradient)


class Twins:
    """The table of one end; `sign` is that end's."""

    def __init__(self, sign: int) -> None:
        self.sign = sign
        self.dropped: set[int] = set()
        self._by_name: dict[int, Twin] = {}
        self._by_id: dict[int, Twin] = {}
        self._count = 0

    def __len__(self) -> int:
        return len(self._by_name)

    def mine(self, name: int) -> bool:
        return name * self.sign > 0

    def fresh(self) -> int:
        """A number for a tensor of this end."""
        self._count += 1
        return self.sign * self._count

    def of(self, tensor: Tensor) -> Twin | None:
        """The entry of a tensor."""
        twin = self._by_id.get(id(tensor))
        return twin if twin is not None and twin() is tensor else None

    def named(self, name: object) -> Twin | None:
        """The entry of a number; WireError for what is no number of a tensor."""
        if type(name) is not int or not name:
            raise WireError("tensors are numbered by whole numbers")
        return self._by_name.get(name)

    def bind(self, name: int, tensor: Tensor, kind: str) -> Twin:
        """Enters a tensor under a number; what stood there is forgotten."""
        if name in self._by_name:
            self.forget([name])
        if len(self._by_name) >= MOST:
            raise WireError(f"more than {MOST} tensors are held")
        twin = Twin(name, tensor, self._died, kind, kind != PLAIN or self.sign < 0 < name)
        twin.held = tensor if kind != PLAIN and not self.mine(name) else None
        twin.agree(tensor)
        if (before := self._by_id.get(id(tensor))) is not None:
            self._by_name.pop(before.name, None)
        self._by_name[name] = self._by_id[id(tensor)] = twin
        self.dropped.discard(name)
        return twin

    def _died(self, twin: Twin) -> None:
        if self._by_name.get(twin.name) is twin:
            self.forget([twin.name])
            self.dropped.add(twin.name)

    def forget(self, names: Any) -> None:
        for name in names:
            twin = self._by_name.pop(name, None)
            if twin is not None and self._by_id.get(twin.key) is twin:
                del self._by_id[twin.key]

    def take_dropped(self) -> list[int]:
        """The numbers of tensors that died here, once."""
        names = list(self.dropped)
        self.dropped.difference_update(names)
        return names

    def changed(self) -> Iterator[tuple[Twin, Tensor, bool, bool]]:
        """The twins of which data or gradient changed here, or whether they require one."""
        for twin in list(self._by_name.values()):
            if (tensor := twin.tensor()) is None:
                continue
            data, gradient = twin.news(tensor)
            if data or gradient or (twin.kind == STATE and twin.required != tensor.requires_grad):
                yield twin, tensor, data, gradient


def gradient_of(tensor: Tensor) -> Tensor | None:
    """Its gradient, where it is a leaf."""
    return tensor.grad if tensor.is_leaf else None


def write(tensor: Tensor, value: Tensor) -> None:
    """Gives a tensor these values, in its own memory where they fit."""
    fits = (tensor.shape, tensor.dtype, tensor.device) == (value.shape, value.dtype, value.device)
    if not fits or 0 in tensor.stride():  # a placeholder, for one
        tensor.data = value
        return
    if not tensor.is_meta and same(tensor, value):
        return  # what a graph saved stays valid
    with torch.no_grad():
        tensor.copy_(value)


def write_gradient(tensor: Tensor, value: Tensor | None) -> None:
    """Gives a leaf this gradient; WireError where it does not fit."""
    if not tensor.is_leaf:
        raise WireError("a gradient of a tensor that is no leaf")
    if value is not None and (value.shape, value.dtype, value.device) != (tensor.shape, tensor.dtype, tensor.device):
        raise WireError("a gradient of another shape, dtype or device than its tensor")
    if value is None or tensor.grad is None or tensor.grad.shape != value.shape or tensor.grad.dtype != value.dtype:
        tensor.grad = value
        return
    with torch.no_grad():
        tensor.grad.copy_(value)


def _version(tensor: Tensor) -> int:
    return 0 if tensor.is_inference() else tensor._version
