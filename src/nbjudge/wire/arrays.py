"""Numpy's arrays and numbers, by copy: dtype, shape and bytes; of number kinds, and plain arrays only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from nbjudge.wire.extension import Extension
from nbjudge.wire.frames import WireError
from nbjudge.wire.values import Buffers, Form, given, taken

NAMES = (
    *("float64", "float32", "float16", "complex128", "complex64", "bool"),
    *("int64", "int32", "int16", "int8", "uint64", "uint32", "uint16", "uint8"),
)
DTYPES = {name: np.dtype(name) for name in NAMES}
NAME_OF = {dtype: name for name, dtype in DTYPES.items()}
DIMENSIONS = 64  # of numpy
LARGEST = 1 << 30  # bytes of one array; a stride of 0 makes an array of any size out of nothing


class Arrays(Extension):
    """The extension of a peer for numpy."""

    def __init__(self, peer: Any, judging: bool) -> None:
        self._judging = judging
        self.kinds: dict[str, Callable[[Any, list[Form], Buffers], Any]] = {
            "array": lambda peer, form, buffers: _array(form, buffers),
            "number": lambda peer, form, buffers: _number(form, buffers),
            "array type": lambda peer, form, buffers: _dtype(form[0] if len(form) == 1 else None),
        }
        self.encoders = {np.ndarray: self.encode}

    def encode(self, peer: Any, value: Any, buffers: Buffers) -> Form:
        """The form of an array, a number or a dtype of numpy's, else NotImplemented.

        Raises:
            TypeError: If it is an array that cannot cross; of the judge's also for subclasses, whose meaning a copy
                would change.
        """
        if isinstance(value, np.ndarray):
            if self._judging and type(value) is not np.ndarray:
                raise TypeError(f"an array of class {type(value).__name__} cannot be handed over; use np.asarray")
            return ["array", *_pack(np.asarray(value), buffers)]
        if isinstance(value, np.generic):
            return ["number", *_pack(np.asarray(value), buffers)]
        if isinstance(value, np.dtype) and value in NAME_OF:
            return ["array type", NAME_OF[value]]
        return NotImplemented


def _pack(value: np.ndarray[Any, Any], buffers: Buffers) -> list[Any]:
    dtype = value.dtype.newbyteorder("=")
    if dtype not in NAME_OF:
        raise TypeError(f"an array of dtype {value.dtype} cannot be handed over; numbers and truth values can")
    if value.nbytes > LARGEST:
        raise TypeError(f"an array of shape {value.shape} is too large to be handed over")
    content = np.ascontiguousarray(value, dtype=dtype).reshape(-1).view(np.uint8)
    return [NAME_OF[dtype], list(value.shape), given(buffers, content)]


def _array(form: list[Form], buffers: Buffers) -> np.ndarray[Any, Any]:
    if len(form) != 3 or type(form[1]) is not list or len(form[1]) > DIMENSIONS:
        raise WireError("an array without dtype, shape and buffer")
    dtype, shape, buffer = _dtype(form[0]), form[1], taken(buffers, form[2])
    if not all(type(size) is int and 0 <= size < 1 << 62 for size in shape):
        raise WireError("a size in a shape is a whole number that is not negative")
    count = 1
    for size in shape:
        count *= size
    if count * dtype.itemsize != len(buffer):
        raise WireError(f"an array of {count} {form[0]} in a buffer of {len(buffer)} bytes")
    try:
        flat = np.frombuffer(buffer, np.uint8) != 0 if dtype.kind == "b" else np.frombuffer(buffer, dtype)
        return flat.reshape(shape)
    except ValueError as error:
        raise WireError(f"an impossible array: {error}") from None


def _number(form: list[Form], buffers: Buffers) -> Any:
    array = _array(form, buffers)
    if array.ndim:
        raise WireError("a number that is an array")
    number: Any = array[()]
    return number


def _dtype(name: Any) -> np.dtype[Any]:
    if type(name) is not str or name not in DTYPES:
        raise WireError(f"no dtype: {str(name)[:40]!r}")
    return DTYPES[name]
