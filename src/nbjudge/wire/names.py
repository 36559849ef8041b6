"""Torch's own functions and classes, which the judge hands over by name; nothing is looked up that is not on the list.

Those of the contestant come as handles, as its other functions do: what is called by a test runs there, and changes
the judge's tensors by the in-place rule alone.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional, init
from torch.optim import lr_scheduler

from nbjudge.wire.frames import WireError

UNWANTED = {
    *("from_file", "from_numpy", "frombuffer", "get_device", "set_flush_denormal", "use_deterministic_algorithms"),
    *("handle_torch_function", "has_torch_function", "has_torch_function_unary", "has_torch_function_variadic"),
    *("assert_int_or_pair", "boolean_dispatch"),
}


def _public(module: Any, prefix: str, home: tuple[str, ...]) -> dict[str, Any]:
    """The functions and classes of a module that are its own."""
    return {
        prefix + name: value
        for name, value in vars(module).items()
        if name[0] != "_" and name not in UNWANTED and callable(value) and _home(value).startswith(home)
    }


def _home(value: Any) -> str:
    return str(getattr(value, "__module__", None) or "torch._C")


_tensor_functions = {
    f"torch.{name}": getattr(torch, name)
    for name in dir(torch._C._VariableFunctions)
    if name[0] != "_" and name not in UNWANTED and hasattr(torch, name)
}
NN = {
    f"nn.{name}": value
    for name, value in vars(nn).items()
    if isinstance(value, type) and _home(value)[:9] == "torch.nn."
}
OPTIMIZERS = {
    f"optim.{name}": value
    for name, value in vars(torch.optim).items()
    if isinstance(value, type) and issubclass(value, torch.optim.Optimizer)
}
NAMED: dict[str, Any] = {
    **_tensor_functions,
    **_public(functional, "F.", ("torch.nn.functional", "torch._C", "torch._jit_internal")),
    **_public(init, "init.", ("torch.nn.init",)),
    **_public(lr_scheduler, "lr_scheduler.", ("torch.optim.lr_scheduler",)),
    **NN,
    **OPTIMIZERS,
    "Tensor": torch.Tensor,
    "Generator": torch.Generator,
    "Parameter": nn.Parameter,
    "no_grad": torch.no_grad,
    "enable_grad": torch.enable_grad,
}
NAMES = {id(value): name for name, value in reversed(NAMED.items())}  # by identity; the first name counts


def name_of(value: Any) -> str | None:
    """The name of one of torch's functions or classes; None if it is not on the list."""
    return NAMES.get(id(value))


def named(name: object) -> Any:
    """What has this name; WireError if nothing has."""
    if type(name) is not str or name not in NAMED:
        raise WireError(f"not on the list of torch's functions: {str(name)[:40]!r}")
    return NAMED[name]
