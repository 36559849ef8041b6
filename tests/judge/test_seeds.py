"""Python's and numpy's own random numbers across the wire."""

from __future__ import annotations

import random
from array import array

import numpy as np
import pytest
from pairs import pair

from nbjudge.wire import WireError
from nbjudge.wire.seeds import Python, Seeds

STUDENT = """
    import random
    import numpy as np
    def python(n): return [random.random() for _ in range(n)]
    def gauss(n): return [random.gauss(0, 1) for _ in range(n)]
    def array(n): return np.random.rand(n)
    def none(): return None
"""


@pytest.fixture
def both():
    with pair(STUDENT) as both:
        both.run("import random\nimport numpy as np\nnone()")
        yield both


def test_a_seed_reaches_the_student(both):
    both.run("""
        for seed in (0, 1):
            random.seed(seed), np.random.seed(seed)
            ours = python(3) + python(2), np.concatenate([array(3), array(2)]).tolist()
            random.seed(seed), np.random.seed(seed)
            theirs = [random.random() for _ in range(5)], np.random.rand(5).tolist()
            assert ours == theirs
        random.seed(3)
        ours = gauss(4)
        random.seed(3)
        assert ours == [random.gauss(0, 1) for _ in range(4)]
    """)


def test_a_seed_of_the_judge_s_is_told_as_a_number_and_what_it_draws_after_it_as_a_state(both):
    for early in (0, 2):
        both.judge.seed(5)
        seeded = [random.random() for _ in range(5)], np.random.rand(5).tolist()
        both.judge.seed(5)
        both.run(f"""
            ours = [random.random() for _ in range({early})], np.random.rand({early}).tolist()
            theirs = python(5 - {early}), array(5 - {early}).tolist()
        """)
        ours, theirs = (both.judge.namespace[name] for name in ("ours", "theirs"))
        assert (ours[0] + theirs[0], ours[1] + theirs[1]) == seeded


def test_the_state_of_random_lies_where_it_is_read():
    random.seed(3)
    position, *words = array("I", Python().get())
    assert (*words, position) == random.getstate()[1]


def test_draws_of_the_student_can_be_told_and_none_is_drawn_twice(both):
    both.run("""
        states = random.getstate(), np.random.get_state()[1].tolist()
        none()
        assert states == (random.getstate(), np.random.get_state()[1].tolist())
        python(1), array(1)
        assert states[0] != random.getstate() and states[1] != np.random.get_state()[1].tolist()
        drawn = []
        for _ in range(50):
            drawn += [random.random(), *python(3), *array(3), *np.random.rand(3)]
        assert len(set(drawn)) == len(drawn)
    """)


def test_where_numpy_has_another_generator_nothing_is_told(both):
    both.run("""
        kept = np.random.get_bit_generator()
        np.random.set_bit_generator(np.random.PCG64(5))
        try:
            first = np.random.get_bit_generator().state
            array(1), np.random.rand(1), none()
            np.random.get_bit_generator().state = first
            assert array(1).tolist() != np.random.rand(1).tolist()
        finally:
            np.random.set_bit_generator(kept)
        np.random.seed(3)
        ours = array(2).tolist()
        np.random.seed(3)
        assert ours == np.random.rand(2).tolist()
    """)


@pytest.mark.parametrize("news", [5, ["os"], [5], [[]], ["random"] * 3])
def test_forged_news_are_wire_errors(news):
    before = random.getstate(), np.random.get_state()[1].tolist()
    with pytest.raises(WireError):
        Seeds(None, True).after_receive(None, {"seeds": news}, [])
    assert before == (random.getstate(), np.random.get_state()[1].tolist())


def test_a_contestant_cannot_set_the_state_of_the_judge():
    Seeds(None, True).after_receive(None, {"seeds": ["random"]}, [])
    state = random.getstate()
    with pytest.raises(WireError):
        Seeds(None, True).after_receive(None, {"seeds": [["random", 0]]}, [bytearray(4 * 625)])
    assert random.getstate() == state
