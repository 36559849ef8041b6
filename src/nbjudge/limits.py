"""How much a submission may use; every field has a default that honest labs stay far below."""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Limits:
    """What one submission may use, its test cells included. Raises `ValueError` for a number that is not above zero."""

    cell_seconds: float = 30.0  # of wall clock, a cell; then the contestant is interrupted
    seconds: float = 600.0  # of wall clock, the submission; then its judge is killed
    cpu_seconds: int = 1200  # of a process of the contestant, all its threads together
    memory_mb: int = 4096  # above what the warm zygote holds
    processes: int = 64  # processes and threads of the contestant
    disk_mb: int = 256  # its scratch folder, and as much again of shared memory
    open_files: int = 1024
    output_bytes: int = 1_000_000  # of a cell

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not value > 0:
                raise ValueError(f"limits.{field.name}: expected a number above zero, got {value!r}")
