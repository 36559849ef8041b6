"""Tensors by copy: shape, dtype, device and bytes go out; a plain strided tensor on the CPU comes in.

A form is `[shape, dtype, device, buffer]`, where `buffer` is the number of the message's buffer, or -1 on the meta
device, which has no values. What arrives is of exact type `torch.Tensor`, whatever the other end claims.
"""

from __future__ import annotations

import ctypes
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import UninitializedBuffer, UninitializedParameter

from nbjudge.wire.frames import WireError
from nbjudge.wire.values import Buffers, taken

NAMES = (
    *("float64", "float32", "float16", "bfloat16", "float8_e4m3fn", "float8_e5m2"),
    *("int64", "int32", "int16", "int8", "uint64", "uint32", "uint16", "uint8", "bool"),
    *("complex128", "complex64"),
)
DTYPES: dict[str, torch.dtype] = {name: getattr(torch, name) for name in NAMES}
NAME_OF = {dtype: name for name, dtype in DTYPES.items()}
DEVICES = ("cpu", "meta")
FEW = 1 << 14  # bytes; to copy them is quicker than to make a view of them
LARGEST = 1 << 30  # bytes of one tensor; a stride of 0 makes a tensor of any size out of nothing
FUNC = "torch.func (vmap, grad, …) cannot look into the student's functions; call them on plain tensors"
DIMENSIONS = 64  # of torch
COMMON = (Tensor, nn.Parameter)
LAZY = (UninitializedParameter, UninitializedBuffer)
REFUSALS = (RuntimeError, TypeError, ValueError, IndexError, OverflowError)

Form = list[Any]


def plain(tensor: Tensor, *, strict: bool) -> Tensor:
    """The same values as a contiguous tensor of torch's own class, without its graph.

    Args:
        tensor: Any tensor.
        strict: Refuse subclasses too, as the judge does with its own: making them plain would change what they mean.

    Raises:
        TypeError: If a copy of its values would not be the same tensor; the message says what would be.
    """
    _refuse(tensor, strict)
    tensor = tensor.detach()
    if type(tensor) is not Tensor:
        tensor = tensor.as_subclass(Tensor)
    if tensor.is_meta:
        return tensor
    if tensor.is_conj() or tensor.is_neg():
        tensor = tensor.resolve_conj().resolve_neg()
    return tensor.contiguous()


def _refuse(tensor: Tensor, strict: bool) -> None:
    if torch._C._functorch.is_functorch_wrapped_tensor(tensor):
        raise TypeError(FUNC)
    if type(tensor) not in COMMON and isinstance(tensor, LAZY):
        raise TypeError("a lazy parameter has no values yet; run the module once before it is handed over")
    if tensor.layout is not torch.strided or tensor.is_nested:
        raise TypeError(f"a tensor of layout {tensor.layout} cannot be handed over; use to_dense() first")
    if tensor.dtype not in NAME_OF:
        raise TypeError(f"a tensor of {tensor.dtype} cannot be handed over")
    if tensor.device.type not in DEVICES:
        raise TypeError(f"a tensor on {tensor.device} cannot be handed over; use cpu() first")
    if tensor.numel() * tensor.itemsize > LARGEST and not tensor.is_meta:
        shape = "×".join(map(str, tensor.shape))
        raise TypeError(f"a tensor of shape {shape} is too large to be handed over; the limit is {LARGEST >> 20} MiB")
    if strict and type(tensor) not in (*COMMON, nn.Buffer):
        raise TypeError(
            f"a tensor of class {type(tensor).__name__} cannot be handed over; use as_subclass(torch.Tensor)"
        )


def content(tensor: Tensor) -> memoryview:
    """The bytes of a tensor on the CPU: of a few a copy; many stay where they are, and keep their memory alive."""
    if not lies_flat(tensor):
        tensor = plain(tensor, strict=False)
    size = tensor.nbytes
    if size <= FEW:
        return memoryview(ctypes.string_at(tensor.data_ptr(), size) if size else b"")
    array = (ctypes.c_ubyte * size).from_address(tensor.data_ptr())
    array.owner = tensor.detach()  # type: ignore[attr-defined]  # any attribute may be set
    return memoryview(array).cast("B")


def lies_flat(tensor: Tensor) -> bool:
    """Whether its memory holds its values in their order and nothing else."""
    return type(tensor) in COMMON and tensor.is_contiguous() and not (tensor.is_conj() or tensor.is_neg())


def pack(tensor: Tensor, buffers: Buffers, *, strict: bool = False) -> Form:
    """The form of a tensor; its bytes are added to the buffers. Raises what `plain` raises."""
    _refuse(tensor, strict)
    shape = list(tensor.shape)
    if tensor.is_meta:
        return [shape, NAME_OF[tensor.dtype], "meta", -1]
    buffers.append(content(tensor))
    return [shape, NAME_OF[tensor.dtype], "cpu", len(buffers) - 1]


def unpack(form: Any, buffers: Buffers) -> Tensor:
    """The tensor of a form. It shares the buffer's memory.

    Raises:
        WireError: If shape, dtype and buffer do not fit together.
    """
    shape, dtype, device, number = parts(form, 4)
    kind = dtype_of(dtype)
    numel = count(shape)
    if device == "meta" and number == -1:
        return _made(lambda: torch.empty(shape, dtype=kind, device="meta"))
    if device != "cpu":
        raise WireError(f"a tensor on the device {str(device)[:40]!r}")
    buffer = taken(buffers, number)
    if numel * kind.itemsize != len(buffer):
        raise WireError(f"a tensor of {numel} {dtype} in a buffer of {len(buffer)} bytes")
    return _made(_view, buffer, kind, shape, numel)


def _view(buffer: bytearray, kind: torch.dtype, shape: list[int], numel: int) -> Tensor:
    if not numel:
        return torch.empty(shape, dtype=kind)
    if kind is torch.bool:  # a byte other than 0 and 1 is no truth value, and torch's functions count on it
        return torch.frombuffer(buffer, dtype=torch.uint8).reshape(shape) != 0
    flat = torch.frombuffer(buffer, dtype=kind)
    return flat if len(shape) == 1 else flat.resize_(shape)  # no view, which autograd would take amiss


def _made(make: Any, *arguments: Any) -> Tensor:
    try:
        tensor: Tensor = make(*arguments)
        return tensor
    except (RuntimeError, TypeError, OverflowError, ValueError) as error:
        raise WireError(f"an impossible tensor: {error}") from None


def differentiable(tensor: Tensor) -> Tensor:
    """The tensor, if it can have a gradient; else WireError."""
    if not (tensor.is_floating_point() or tensor.is_complex()):
        raise WireError(f"a gradient of {tensor.dtype}")
    return tensor


def same(a: Tensor, b: Tensor) -> bool:
    """Whether two tensors on the CPU hold the same bytes, whatever they stand for; NaN is NaN."""
    return torch.equal(*(plain(t, strict=False).reshape(-1).view(torch.uint8) for t in (a, b)))


def placeholder(shape: list[int], dtype: str) -> Tensor:
    """A tensor of this shape that takes no memory: a leaf to hang gradients on."""
    count(shape)
    return _made(lambda: torch.zeros((), dtype=dtype_of(dtype)).expand(shape).detach())


def dtype_of(name: object) -> torch.dtype:
    """The dtype of this name; WireError for anything else."""
    if type(name) is not str or name not in DTYPES:
        raise WireError(f"no dtype: {str(name)[:40]!r}")
    return DTYPES[name]


def count(shape: object) -> int:
    """How many entries a shape has; WireError where it is none."""
    if type(shape) is not list or len(shape) > DIMENSIONS:
        raise WireError("a shape is a list of at most 64 sizes")
    number = 1
    for size in shape:
        if type(size) is not int or not 0 <= size < 1 << 62:
            raise WireError("a size in a shape is a whole number that is not negative")
        number *= size
    return number


class Faults:
    """What torch refuses to make of a message is the message's fault."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: object) -> None:
        if isinstance(error, REFUSALS):
            raise WireError(f"values that torch cannot take: {error}"[:300]) from None


def parts(form: object, number: int) -> Any:
    """The parts of a form; WireError where they are not as many."""
    if type(form) is not list or len(form) != number:
        raise WireError(f"a form of {number} parts was expected")
    return form
