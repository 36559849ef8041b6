"""The initialisers: abilities say what they draw from, and the variance is the one that their formula promises.

- ``twin``: equal to the oracle bit for bit from the same seed; ``namesake``: its arguments and defaults, too.
- ``normal``, ``uniform``, ``signs``, ``matrix``: what is drawn; ``fans``: scaled to the layer, so a matrix at least.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from torch.nn import init

from tests.registries import Entry, abilities
from trainwell import initialization as I

N, U, M = ("twin namesake " + words for words in ("normal", "uniform", "matrix fans"))


@dataclass(frozen=True)
class Initialiser(Entry):
    variance: Callable[[int, int], float] = field(default=lambda d_in, d_out: 1.0)  # from the fans
    mean: float = 0.0


def entry(name, ours, twin, words, variance, centre=0.0, **arguments):
    return Initialiser(name, ours, arguments, twin and partial(twin, **arguments), abilities(words), variance, centre)


SLOPE = 0.2
LEAKY = 2 / (1 + SLOPE**2)

INITIALISERS = [
    entry("normal", I.normal_, init.normal_, N, lambda d, e: 1.0),
    entry("normal 0.01", I.normal_, init.normal_, N, lambda d, e: 1e-4, std=0.01),
    entry("normal, shifted", I.normal_, init.normal_, N, lambda d, e: 4.0, 3.0, mean=3.0, std=2.0),
    entry("uniform", I.uniform_, init.uniform_, U, lambda d, e: 1 / 12, 0.5),
    entry("uniform 0.1", I.uniform_, init.uniform_, U, lambda d, e: 0.01 / 3, a=-0.1, b=0.1),
    entry("xavier normal", I.xavier_normal_, init.xavier_normal_, N + " fans", lambda d, e: 2 / (d + e)),
    entry("xavier uniform", I.xavier_uniform_, init.xavier_uniform_, U + " fans", lambda d, e: 2 / (d + e)),
    entry(
        "xavier normal, gain 3", I.xavier_normal_, init.xavier_normal_, N + " fans", lambda d, e: 18 / (d + e), gain=3.0
    ),
    entry(
        "xavier uniform for a sigmoid",
        I.xavier_uniform_,
        init.xavier_uniform_,
        U + " fans",
        lambda d, e: 32 / (d + e),
        gain=4.0,
    ),
    *(
        entry(f"kaiming {kind}, {label}", ours, twin, f"twin namesake {kind} fans", variance, **arguments)
        for kind, ours, twin in (
            ("normal", I.kaiming_normal_, init.kaiming_normal_),
            ("uniform", I.kaiming_uniform_, init.kaiming_uniform_),
        )
        for label, variance, arguments in (
            ("fan-in", lambda d, e: 2 / d, {}),
            ("fan-out", lambda d, e: 2 / e, {"mode": "fan_out"}),
            ("relu", lambda d, e: 2 / d, {"nonlinearity": "relu", "a": 0.7}),
            ("leaky, fan-in", lambda d, e: LEAKY / d, {"a": SLOPE}),
            ("leaky, fan-out", lambda d, e: LEAKY / e, {"a": SLOPE, "mode": "fan_out", "nonlinearity": "leaky_relu"}),
            ("linear", lambda d, e: 1 / d, {"nonlinearity": "linear", "a": 0.7}),
        )
    ),
    Initialiser(
        "variance-preserving",
        I.variance_preserving_,
        {},
        partial(init.kaiming_normal_, nonlinearity="linear"),
        abilities("twin normal fans"),
        lambda d, e: 1 / d,
    ),
    Initialiser(
        "variance-preserving, gain 3, fan-out",
        I.variance_preserving_,
        {"gain": 3.0, "mode": "fan_out"},
        None,  # torch has no gain of one's own
        abilities("normal fans"),
        lambda d, e: 9 / e,
    ),
    entry("orthogonal", I.orthogonal_, init.orthogonal_, M, lambda d, e: 1 / max(d, e)),
    entry("orthogonal, gain 2", I.orthogonal_, init.orthogonal_, M, lambda d, e: 4 / max(d, e), gain=2),
    entry("signed constant", I.signed_constant_, None, "signs fans", lambda d, e: 2 / d),
    entry("signed constant, gain 2", I.signed_constant_, None, "signs fans", lambda d, e: 4 / d, gain=2.0),
]
