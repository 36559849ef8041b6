"""What fits and what is fitted: ``fit(x, y)`` returns ``predict``, ``predict(x)`` the predictions."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

Predict = Callable[[Tensor], Tensor]
Fit = Callable[[Tensor, Tensor], Predict]
Score = Callable[[Tensor, Tensor], float]
