"""Modes of the judge's test see what the contestant calls: it writes down torch's functions, the judge replays them.

A test says `with forbid("dropout"): student(x)`, and `forbid` is a `TorchFunctionMode` of the judge's process. So the
contestant records each function of torch that it calls: its name and, in the arguments' structure, the device and the
number of dimensions of each tensor. The judge then calls stubs of those names, with stand-ins for the tensors, under
the same modes. Whoever seals the modes off in the contestant is not seen: this is advice, not a lock.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode, _pop_mode, _push_mode, handle_torch_function

from nbjudge.wire.frames import WireError
from nbjudge.wire.tensors import DIMENSIONS, parts
from nbjudge.wire.values import Buffers, taken

KINDS = 10_000  # different calls in one record
CALLS = 200_000  # calls in one record
DEPTH = 8  # of lists in lists among the arguments
SIZE = 64  # of such a list, as far as it is looked at
NAME = 80  # characters of a function's name


class Recorder(TorchFunctionMode):
    """Writes down the calls of torch's functions while it is open."""

    def __init__(self) -> None:
        super().__init__()
        self._numbers: dict[Any, int] = {}
        self._kinds: list[Any] = []
        self._calls = array("I")

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if len(self._calls) < CALLS and len(self._kinds) < KINDS:
            self._note(func, args, kwargs or {})
        return func(*args, **(kwargs or {}))

    def _note(self, func: Any, args: Any, kwargs: Any) -> None:
        with torch._C.DisableTorchFunction():
            call = [str(getattr(func, "__name__", func))[:NAME], outline(tuple(args)), outline(kwargs)]
        key = repr(call)
        if key not in self._numbers:
            self._numbers[key] = len(self._kinds)
            self._kinds.append(call)
        self._calls.append(self._numbers[key])

    def take(self, buffers: Buffers) -> list[Any]:
        """The calls since it was last asked: the different ones, and their order in a buffer."""
        kinds, calls = self._kinds, self._calls
        self._numbers, self._kinds, self._calls = {}, [], array("I")
        buffers.append(memoryview(calls.tobytes()))
        return [kinds, len(buffers) - 1]


def outline(value: Any, depth: int = DEPTH) -> Any:
    """The structure of arguments: `[device, dimensions]` for a tensor, None for what is none."""
    if isinstance(value, Tensor):
        return [value.device.type, value.dim()]
    if type(value) in (tuple, list) and depth:
        inner = [outline(item, depth - 1) for item in value[:SIZE]]
        return {"tuple" if type(value) is tuple else "list": inner} if any(inner) or depth == DEPTH else None
    if type(value) is dict and depth:
        pairs = {key: outline(item, depth - 1) for key, item in list(value.items())[:SIZE] if type(key) is str}
        return {"dict": pairs} if pairs else None
    return None


def replay(form: Any, buffers: Buffers) -> None:
    """Lets the open modes see recorded calls; raises what they raise.

    Raises:
        WireError: If the record is none.
    """
    kinds, number = parts(form, 2)
    calls = _numbers(taken(buffers, number))
    if type(kinds) is not list or len(kinds) > KINDS:
        raise WireError("a record of too many different calls")
    stubs = [_checked(parts(kind, 3)) for kind in kinds]
    for call in calls:
        if call >= len(stubs):
            raise WireError("a recorded call of no kind")
        name, args, kwargs = stubs[call]
        with torch._C.DisableTorchFunction():
            given, named = stand_in(args), stand_in(kwargs)
        stub(name)(*given, **named)


def _numbers(buffer: bytearray) -> array[int]:
    if len(buffer) % 4 or len(buffer) > 4 * CALLS:
        raise WireError("a record of calls that is too long")
    return array("I", bytes(buffer))


def _checked(kind: list[Any]) -> list[Any]:
    name, args, kwargs = kind
    if type(name) is not str or len(name) > NAME or type(args) is not dict or set(args) != {"tuple"}:
        raise WireError("a recorded call without name and arguments")
    if kwargs is not None and (type(kwargs) is not dict or set(kwargs) != {"dict"}):
        raise WireError("a recorded call without arguments")
    return [name, args, {"dict": {}} if kwargs is None else kwargs]


def stand_in(form: Any, depth: int = DEPTH) -> Any:
    """Arguments of the recorded structure; what was no tensor is None."""
    if form is None:
        return None
    if type(form) is list and len(form) == 2:
        return _tensor(*form)
    if type(form) is not dict or len(form) != 1 or depth < 0:
        raise WireError("arguments of no structure")
    ((kind, inner),) = form.items()
    if kind == "dict" and type(inner) is dict and all(type(key) is str for key in inner):
        return {key: stand_in(item, depth - 1) for key, item in inner.items()}
    if kind not in ("tuple", "list") or type(inner) is not list or len(inner) > SIZE:
        raise WireError("arguments of no structure")
    items = [stand_in(item, depth - 1) for item in inner]
    return tuple(items) if kind == "tuple" else items


def _tensor(device: Any, dimensions: Any) -> Tensor:
    if type(device) is not str or type(dimensions) is not int or not 0 <= dimensions <= DIMENSIONS:
        raise WireError("a tensor of no device and dimensions")
    return torch.empty((0,) * dimensions, device="cpu" if device == "cpu" else "meta")


def stub(name: str) -> Callable[..., None]:
    """A function that is called as torch's of this name, and does nothing but let the open modes see it."""

    def called(*args: Any, **kwargs: Any) -> None:
        if torch._C._is_torch_function_mode_enabled():
            handle_torch_function(called, (), *args, **kwargs)

    called.__name__ = called.__qualname__ = name
    called.replayed = True  # type: ignore[attr-defined]  # tells the contestant's calls from the test's own
    return called


def open_modes() -> list[TorchFunctionMode]:
    """The modes that are open, outermost first."""
    return [torch._C._get_function_stack_at(i) for i in range(torch._C._len_torch_function_stack())]


def put_outermost(mode: TorchFunctionMode) -> None:
    """Opens a mode around those that are open, so that they still close in their order."""
    inner = [_pop_mode() for _ in open_modes()]
    for each in (mode, *reversed(inner)):
        _push_mode(each)


def take_out(mode: TorchFunctionMode) -> None:
    """Closes a mode wherever it stands; nothing if it is closed."""
    inner = [_pop_mode() for _ in open_modes()]
    for each in reversed(inner):
        if each is not mode:
            _push_mode(each)
