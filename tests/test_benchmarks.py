"""The race is fair and its line says what it measured; the times themselves are for `make bench`."""

from __future__ import annotations

import json
import platform

import pytest

from benchmarks import run
from benchmarks.race import Benchmark, race


class Track:
    """Two runners and a clock that only they move."""

    def __init__(self, ours: float, peer: float):
        self.now, self.calls = 0.0, []
        self.ours, self.peer = (lambda: self.pass_by("ours", ours)), (lambda: self.pass_by("peer", peer))

    def pass_by(self, name: str, seconds: float) -> None:
        self.now += seconds
        self.calls.append(name)

    def clock(self) -> float:
        return self.now


@pytest.mark.parametrize(("ours", "ratio", "holds"), [(0.02, 1.0, True), (0.022, 1.1, True), (0.03, 1.5, False)])
def test_the_ratio_is_ours_by_the_peers(ours, ratio, holds):
    track = Track(ours, 0.02)
    result = race(Benchmark("x", track.ours, track.peer, bar=1.2, clock=track.clock))
    assert result["ratio"] == pytest.approx(ratio)
    assert result["quartiles"] == pytest.approx([ratio, ratio])
    assert (result["ours"], result["peer"]) == pytest.approx((ours, 0.02))
    assert result["holds"] == holds


def test_the_two_take_turns_and_change_who_starts():
    track = Track(0.02, 0.02)
    race(Benchmark("x", track.ours, track.peer, bar=1.2, rounds=4, clock=track.clock))
    assert track.calls[-8:] == ["ours", "peer", "peer", "ours"] * 2


@pytest.mark.parametrize(("bar", "holds"), [(3.0, True), (1.0, False)])
def test_without_a_peer_the_bar_is_in_seconds(bar, holds):
    track = Track(2.0, 0.0)
    result = race(Benchmark("build", track.ours, None, bar=bar, rounds=1, calls=1, clock=track.clock))
    assert track.calls == ["ours"]
    assert result["holds"] == holds
    assert run.line(result).split() == ["build", "2", "s", "-", "-", f"{bar:.3g}", "s", "yes" if holds else "NO"]


def test_times_are_those_of_one_item():
    track = Track(6.0, 3.0)
    result = race(Benchmark("x", track.ours, track.peer, bar=3, rounds=2, calls=1, items=3, clock=track.clock))
    assert (result["ours"], result["peer"], result["ratio"]) == pytest.approx((2.0, 1.0, 2.0))


def test_a_line_says_it_all():
    result = {"name": "x", "ours": 0.00011, "peer": 0.0001, "ratio": 1.1, "bar": 1.2, "holds": True}
    assert run.line(result).split() == ["x", "110", "us", "100", "us", "1.10", "1.20", "yes"]


def test_an_unknown_topic_is_refused():
    assert "regularization" in run.topics()
    with pytest.raises(SystemExit, match=r"no benchmarks for speed; there are .*regularization"):
        run.main(["speed"])


def test_results_name_the_machines_kind_and_not_the_machine():
    assert {"cores", "torch", "python"} <= set(run.machine())
    assert platform.node() not in json.dumps(run.machine())
    saved = json.loads(run.RESULTS.read_text())
    assert set(saved) <= set(run.topics())
    assert all({"name", "ours", "bar", "holds"} <= set(r) for topic in saved.values() for r in topic["results"])
