"""Names for shapes in type hints: ``Float[Tensor, "n classes"]`` is a floating tensor of two dimensions.

The hints are checked while the tests run. jaxtyping is not needed to use the library, so that it
installs beside whatever torch is there; without it the hints are words for people.
"""

from __future__ import annotations

try:
    from jaxtyping import Bool, Float, Int, Shaped
except ImportError:
    from typing import Any

    Bool = Float = Int = Shaped = Any  # type: ignore[assignment]

__all__ = ["Bool", "Float", "Int", "Shaped"]
