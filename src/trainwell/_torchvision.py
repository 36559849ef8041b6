"""Lets torchvision import beside a torch build whose compiled operators it was not made for.

torchvision's wheels are built for one torch. Beside another build of it (a CPU wheel, say) their
compiled operators do not load, and the import stops because it looks for two of them by name.
Declaring the two by hand is enough: data sets, transforms, models and the operators written in
Python then work, and only the compiled ones (``torchvision.ops.nms``) stay unavailable.

Call :func:`declare_missing_operators` before the first import of torchvision. Where the builds match, it does nothing.
"""

from __future__ import annotations

import torch

_SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
_library: torch.library.Library | None = None  # the operators live as long as this object


def declare_missing_operators() -> bool:
    """Declares the operators that torchvision looks for, if its import fails without them; says whether it had to."""
    global _library
    try:
        import torchvision  # noqa: F401
    except RuntimeError as error:
        if "torchvision::nms does not exist" not in str(error):
            raise
        _library = torch.library.Library("torchvision", "DEF")
        for schema in _SCHEMAS:
            _library.define(schema)
        return True
    return False
