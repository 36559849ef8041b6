"""The in-place rule: a tensor that the student's code changed is not to be used again by the test.

The judge keeps its copy as it was, and remembers its memory. The first later use of the values raises the mistake; a
temporary that is never used again costs nothing, as in one process.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.multiprocessing.reductions import StorageWeakRef
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

from nbjudge.wire.mistakes import Mistake
from nbjudge.wire.modes import put_outermost, take_out

GIVEN = "The test handed a tensor of shape {shape} to your code, and your code changed it; it should have made a copy."
RETURNED = "Your code returned a tensor of shape {shape} and changed it later; it should have returned a copy."
OVERWRITES = ("copy_", "zero_", "fill_", "normal_", "uniform_")
ABOUT = {
    *("dim", "ndimension", "size", "numel", "nelement", "stride", "element_size", "storage_offset", "__len__", "type"),
    *("is_contiguous", "is_floating_point", "is_complex", "is_signed", "get_device", "data_ptr", "untyped_storage"),
    *("requires_grad_", "register_hook", "retain_grad", "backward", "__hash__", "__get__", "__set__"),
}  # what asks for no value


class Tainted(TorchFunctionMode):
    """Open while the student's code has changed a tensor of the test's."""

    def __init__(self) -> None:
        super().__init__()
        self._storages: dict[int, tuple[StorageWeakRef, str]] = {}
        self._open = False

    def add(self, tensor: Tensor, returned: bool) -> None:
        """Remembers a tensor's memory as changed."""
        if tensor.is_meta or not tensor.numel():
            return
        if not self._open:
            put_outermost(self)
            self._open = True
        storage = tensor.untyped_storage()
        text = (RETURNED if returned else GIVEN).format(shape=tuple(tensor.shape))
        self._storages[storage._cdata] = StorageWeakRef(storage), text

    def check(self, tensor: Tensor) -> None:
        """Raises the mistake where a tensor's memory was changed."""
        found = self._storages.get(_storage(tensor)) if self._storages else None
        if found is not None:
            raise Mistake("changes what it returned" if found[1].startswith("Your") else "changes its input", found[1])

    def tidy(self) -> None:
        """Forgets memory that nothing uses any more, and closes when nothing is left."""
        if self._storages:
            self._storages = {key: kept for key, kept in self._storages.items() if not kept[0].expired()}
        if self._open and not self._storages:
            take_out(self)
            self._open = False

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = getattr(func, "__name__", "")
        if name in OVERWRITES and args and isinstance(args[0], Tensor) and _whole(args[0]):
            self._storages.pop(_storage(args[0]), None)
        if name not in ABOUT:
            for value in tree_leaves((args, kwargs)):
                if isinstance(value, Tensor):
                    self.check(value)
        return func(*args, **(kwargs or {}))


def _storage(tensor: Tensor) -> int:
    """Which memory a tensor has; 0 for one that has none, such as a sparse one or one inside of torch.func."""
    with torch._C.DisableTorchFunction():
        try:
            return tensor.untyped_storage()._cdata
        except (NotImplementedError, RuntimeError):
            return 0


def _whole(tensor: Tensor) -> bool:
    return tensor.nbytes == tensor.untyped_storage().nbytes()
