"""What a library adds to the wire: how its values cross, which requests it answers, what rides along."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nbjudge.wire.values import Buffers, Form


class Extension:
    """Carries some kinds of values. Those that it leaves out carry nothing more."""

    encoders: dict[type, Callable[[Any, Any, Buffers], Form]] = {}  # noqa: RUF012  by exact type; tried before `encode`
    kinds: dict[str, Callable[[Any, list[Form], Buffers], Any]] = {}  # noqa: RUF012  (peer, after the kind, buffers)
    operations: dict[str, Callable[..., Any]] = {}  # noqa: RUF012  requests it honours at this end: (peer, *arguments)

    def encode(self, peer: Any, value: Any, buffers: Buffers) -> Form:
        """The form of a value, or NotImplemented; asked in the order in which they stand in `Codec.extensions`."""
        return NotImplemented

    def agree(self) -> None:
        """Both ends have just set their random states alike."""

    def before_send(self, peer: Any, message: dict[str, Any], buffers: Buffers) -> None:
        """Adds to a message, under a key of its own, what rides along; its values are encoded already."""

    def after_receive(self, peer: Any, message: dict[str, Any], buffers: Buffers) -> None:
        """Takes what rode along, before the message's values are decoded."""
