"""Import and warm up once, with one thread, what each contestant would otherwise pay for."""

from __future__ import annotations

import gc
import importlib
import os
import sys
from collections.abc import Sequence
from contextlib import suppress

# A library that starts threads when it is imported must not: a forked child would wait for them for ever.
ONE_THREAD = {
    f"{library}_NUM_THREADS": "1" for library in ("OMP", "MKL", "OPENBLAS", "NUMEXPR", "BLIS", "VECLIB_MAXIMUM")
}

# glibc's memory in pages of 2 MB, where the kernel has them for who asks: a fork takes half of its time.
HUGE_PAGES = {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}


def warm(imports: Sequence[str]) -> None:
    """Raises `ImportError` for a module that is missing, `RuntimeError` if one of them started a thread."""
    gc.disable()  # it takes a quarter of the time of all imports, and finds next to nothing
    for name in imports:
        importlib.import_module(name)
    if "torch" in sys.modules:
        _torch()
    if "matplotlib" in sys.modules:
        importlib.import_module("matplotlib.font_manager")  # reads the fonts: seconds without the instructor's cache
    for name in imports:
        if name.startswith("nbjudge.") and (own := getattr(sys.modules[name], "warm", None)):
            own()
    threads = len(os.listdir("/proc/self/task"))
    if threads > 1:
        raise RuntimeError(f"{threads - 1} threads were started by importing {', '.join(imports)}: expected none")
    gc.freeze()  # the collector of a child leaves these pages shared
    gc.enable()


def _torch() -> None:
    import torch

    torch.set_num_threads(1)  # before the first operation: after one with two threads, children hang
    for name in ("_dynamo", "utils.data", "testing", "optim", "nn.functional", "_functorch.autograd_function"):
        importlib.import_module(f"torch.{name}")
    weight = torch.nn.Parameter(torch.ones(3))
    optimizer = torch.optim.Adam([weight])
    loss = (weight * 2).sum()
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    torch.nn.functional.cross_entropy(torch.ones(2, 2), torch.tensor([0, 1]))
    torch.nn.BatchNorm1d(2)(torch.ones(4, 2))
    _torch_testing()


def _torch_testing() -> None:
    import torch

    point = torch.ones(2, dtype=torch.double, requires_grad=True)
    torch.autograd.gradcheck(lambda x: (x * x).sum(), (point,))
    torch.testing.assert_close(torch.ones(2), torch.ones(2))
    with suppress(AssertionError):
        torch.testing.assert_close(torch.ones(2), torch.zeros(2))
