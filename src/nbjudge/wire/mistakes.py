"""What the judge itself finds wrong with a student's code."""

from __future__ import annotations


class Mistake(AssertionError):  # noqa: N818  (what it is called in the reports)
    """A known wrong way to do a task. The message's first line names it; class reports count these names."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"{name}\n{why}")

    def _render_traceback_(self) -> list[str]:  # read by IPython
        return [f"Mistake: {self}"]
