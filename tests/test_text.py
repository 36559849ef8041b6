"""The edits of a text: against nlpaug where it has them, and by the laws that each of them keeps.

nlpaug's swap takes neighbours only and its deletion a fixed number of words, so the two are compared with it where
they say the same. It has no insertion from a table: that one is compared with a loop.
"""

from __future__ import annotations

import math
import random
import re
from collections import Counter
from collections.abc import Callable
from itertools import combinations

import nlpaug.augmenter.word as naw
import numpy as np
import pytest
import torch
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

from trainwell.augmentation import (
    back_translation,
    eda,
    random_deletion,
    random_insertion,
    random_swap,
    synonym_replacement,
)

SYNONYMS = {"quick": ["fast", "rapid"], "lazy": ["idle"], "dog": ["hound", "pooch", "mutt"], "over": ["above"]}
TEXT = "The quick brown fox jumps over the lazy dog."
WORD = re.compile(r"\w+(?:['’-]\w+)*")
TEXTS = st.text(st.sampled_from("abC é1'-.,! \n(\u4e2d"), max_size=40) | st.text(max_size=20)
EDITS: dict[str, Callable[..., str]] = {
    "synonyms": lambda text, **k: synonym_replacement(text, 2, SYNONYMS, **k),
    "insertion": lambda text, **k: random_insertion(text, 2, SYNONYMS, **k),
    "swap": lambda text, **k: random_swap(text, 2, **k),
    "deletion": lambda text, **k: random_deletion(text, 0.5, **k),
    "eda": lambda text, **k: eda(text, SYNONYMS, 0.3, **k),
}
every_edit = pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)


@pytest.fixture(autouse=True)
def _nlpaug_draws_from_the_global_generators():
    random.seed(0)
    np.random.seed(0)


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def words(text: str) -> list[str]:
    return WORD.findall(text)


def frequencies(draw: Callable[[], str], n: int = 2000) -> dict[str, float]:
    return {text: count / n for text, count in Counter(draw() for _ in range(n)).items()}


def alike(ours: dict[str, float], theirs: dict[str, float], n: int = 2000) -> None:
    """The same texts, each as often up to chance: five standard deviations of a difference of shares."""
    assert set(ours) == set(theirs)
    for text, p in ours.items():
        assert abs(p - theirs[text]) < 5 * math.sqrt(2 * 0.25 / n), text


@pytest.mark.parametrize("n", [1, 2, 4])
def test_synonyms_are_nlpaugs(n):
    """With the same table: nlpaug's groups, and here each word of a group with the others as its synonyms."""
    groups = [["quick", "fast", "rapid"], ["lazy", "idle"], ["dog", "hound"]]
    table = {word: [other for other in group if other != word] for group in groups for word in group}
    theirs, g = naw.ReservedAug(groups, aug_min=n, aug_max=n), seeded(0)
    alike(
        frequencies(lambda: synonym_replacement(TEXT, n, table, generator=g)),
        frequencies(lambda: theirs.augment(TEXT)[0]),
    )


def test_swapping_two_words_is_nlpaugs():
    theirs = naw.RandomWordAug("swap", aug_min=1, aug_max=1)
    assert {random_swap("alpha beta") for _ in range(20)} == {"beta alpha"}
    assert "beta alpha" in {text.lower() for _ in range(20) for text in theirs.augment("alpha beta")}


def test_swapping_reaches_all_that_nlpaugs_neighbours_reach():
    text, g = "we saw an old red barn", seeded(0)
    theirs, found = naw.RandomWordAug("swap", aug_min=1, aug_max=1), set()
    for _ in range(300):
        found.add(theirs.augment(text)[0].lower())
    ours = {random_swap(text, generator=g) for _ in range(600)}
    assert found <= ours
    expected = set()
    for i, j in combinations(range(6), 2):
        swapped = words(text)
        swapped[i], swapped[j] = swapped[j], swapped[i]
        expected.add(" ".join(swapped))
    assert ours == expected


def test_deleting_one_word_is_nlpaugs():
    text, g = "we saw an old barn", seeded(0)
    theirs = naw.RandomWordAug("delete", aug_min=1, aug_max=1)

    def ours():
        while len(words(found := random_deletion(text, 0.2, generator=g))) != 4:
            pass
        return found

    alike(frequencies(ours), frequencies(lambda: theirs.augment(text)[0].lower()))


@settings(max_examples=50, deadline=None)
@given(TEXTS, st.integers(0, 5), st.integers(0, 99))
@example("one-two's (three), four!", 3, 0)
def test_swapping_keeps_the_words_and_all_between_them(text, n, seed):
    swapped = random_swap(text, n, generator=seeded(seed))
    assert Counter(words(swapped)) == Counter(words(text))
    assert WORD.split(swapped) == WORD.split(text)


@settings(max_examples=50, deadline=None)
@given(st.integers(2, 9), st.integers(0, 8), st.integers(0, 99))
def test_a_swap_is_a_transposition(count, n, seed):
    """n of them make a permutation of the parity of n that moves at most 2n words."""
    text = " ".join(f"w{k}" for k in range(count))
    order = [int(word[1:]) for word in words(random_swap(text, n, generator=seeded(seed)))]
    inversions = sum(a > b for a, b in combinations(order, 2))
    assert inversions % 2 == n % 2
    assert sum(k != place for place, k in enumerate(order)) <= 2 * n


def test_a_swap_is_of_any_two_words_alike():
    g, n = seeded(0), 6000
    found = frequencies(lambda: random_swap("a b c d", generator=g), n)
    assert len(found) == 6
    assert all(abs(p - 1 / 6) < 5 * math.sqrt(5 / 36 / n) for p in found.values())


@settings(max_examples=50, deadline=None)
@given(TEXTS, st.floats(0, 1), st.integers(0, 99))
@example("one, two. (three)", 1.0, 0)
def test_deleting_keeps_the_order_and_a_word(text, p, seed):
    left, before = words(random_deletion(text, p, generator=seeded(seed))), iter(words(text))
    assert all(word in before for word in left)  # a subsequence: each is found behind the one before
    assert bool(left) == bool(words(text))


@settings(max_examples=50, deadline=None)
@given(TEXTS, st.integers(0, 99))
def test_deleting_keeps_the_ends(text, seed):
    kept = random_deletion(text, 0.5, generator=seeded(seed))
    before, after = WORD.split(text), WORD.split(kept)
    assert (before[0], before[-1]) == (after[0], after[-1])
    assert Counter(after[1:-1]) <= Counter(before[1:-1])


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_deletes_the_share_that_it_is_told(p):
    n = 20_000
    kept = len(words(random_deletion("word " * n, p, generator=seeded(0))))
    assert abs(kept - n * (1 - p)) < 5 * math.sqrt(n * p * (1 - p))


def test_the_word_that_survives_is_any_alike():
    g, n = seeded(0), 3000
    found = frequencies(lambda: random_deletion("a b c", 1.0, generator=g), n)
    assert sorted(found) == ["a", "b", "c"]
    assert all(abs(p - 1 / 3) < 5 * math.sqrt(2 / 9 / n) for p in found.values())


@pytest.mark.parametrize(
    ("text", "kept", "expected"),
    [
        ("Hello, big world.", "Hello world", "Hello, world."),
        ("Hello, big world.", "Hello big", "Hello, big."),
        ("Hello, big world.", "big world", "big world."),
        ("a, b, c", "a c", "a, c"),
        ("It works. Try it!", "It works it", "It works. it!"),
        ("one  two\nthree", "one three", "one  three"),
        ("one, two ... three", "one three", "one ... three"),
        ('"Well," he said.', "he said", '"he said.'),
    ],
)
def test_deleting_keeps_the_stronger_punctuation(text, kept, expected):
    found = {random_deletion(text, 0.5, generator=seeded(seed)) for seed in range(200)}
    assert [t for t in found if words(t) == kept.split()] == [expected]


@settings(max_examples=50, deadline=None)
@given(TEXTS, st.integers(0, 4), st.integers(0, 99))
def test_synonyms_change_n_words_and_nothing_between(text, n, seed):
    table = {word.lower(): ["ZZZ"] for word in words(text)}
    replaced = synonym_replacement(text, n, table, generator=seeded(seed))
    assert WORD.split(replaced) == WORD.split(text)
    pairs = list(zip(words(text), words(replaced), strict=True))
    assert sum(new == "ZZZ" != old for old, new in pairs) == min(n, len(pairs))
    assert all(new in (old, "ZZZ") for old, new in pairs)


def test_words_without_synonyms_and_stop_words_are_left_alone():
    for seed in range(30):
        g = seeded(seed)
        text = synonym_replacement(TEXT, 9, SYNONYMS, stop_words=ENGLISH_STOP_WORDS | {"quick"}, generator=g)
        assert re.fullmatch(r"The quick brown fox jumps over the idle (hound|pooch|mutt)\.", text)
        assert random_insertion(TEXT, 3, SYNONYMS, stop_words=SYNONYMS, generator=g) == TEXT


@pytest.mark.parametrize(
    ("word", "expected"),
    [("quick", "fast"), ("Quick", "Fast"), ("QUICK", "FAST"), ("qUICK", "fast"), ("QuIck", "Fast")],
)
def test_a_synonym_takes_the_capitals(word, expected):
    assert synonym_replacement(f"A {word}!", 1, {"quick": ["fast"]}) == f"A {expected}!"


def test_a_synonym_keeps_capitals_of_its_own():
    assert synonym_replacement("the web", 1, {"web": ["WWW"]}) == "the WWW"
    assert synonym_replacement("Web", 1, {"web": ["wWW"]}) == "WWW"
    assert synonym_replacement("I", 1, {"i": ["myself and I"]}) == "Myself and I"
    assert synonym_replacement("A b", 1, {"a": ["one"]}) == "One b"
    assert synonym_replacement("go UP", 1, {"up": ["aloft"]}) == "go ALOFT"


@settings(max_examples=50, deadline=None)
@given(TEXTS, st.integers(0, 4), st.integers(0, 99))
def test_inserting_adds_n_words_and_keeps_the_others_in_order(text, n, seed):
    table = {word.lower(): ["ZZZ"] for word in words(text)}
    assume("ZZZ" not in text)
    longer = words(random_insertion(text, n, table, generator=seeded(seed)))
    assert [word for word in longer if word != "ZZZ"] == words(text)
    assert longer.count("ZZZ") == (n if words(text) else 0)


def test_insertion_is_a_loop():
    """A word with synonyms, one of them, a place, each drawn alike."""
    g, n, table = seeded(0), 9000, {"b": ["x", "y"], "c": ["z"]}
    found = frequencies(lambda: random_insertion("a, b c!", 1, table, generator=g), n)
    expected = {}
    for new, p in (("x", 1 / 4), ("y", 1 / 4), ("z", 1 / 2)):
        for text in (f"{new} a, b c!", f"a, {new} b c!", f"a, b {new} c!", f"a, b c {new}!"):
            expected[text] = p / 4
    assert set(found) == set(expected)
    assert all(abs(found[t] - p) < 5 * math.sqrt(p * (1 - p) / n) for t, p in expected.items())


def test_what_was_inserted_has_no_synonyms_inserted():
    text = random_insertion("a", 50, {"a": ["b"], "b": ["c"]}, generator=seeded(0))
    assert Counter(words(text)) == {"a": 1, "b": 50}


@every_edit
@pytest.mark.parametrize("text", ["", " ", "?!", "...\n"])
def test_a_text_without_words_stays(edit, text):
    assert edit(text) == text


@every_edit
@settings(max_examples=50, deadline=None)
@given(text=TEXTS, seed=st.integers(0, 99))
def test_never_empties_a_text(edit, text, seed):
    assert bool(words(edit(text, generator=seeded(seed)))) == bool(words(text))


@pytest.mark.parametrize("text", ["word", "one-word", "don't", "café", "o’clock!"])
def test_a_single_word_is_neither_swapped_nor_deleted(text):
    assert random_swap(text, 3) == text
    assert random_deletion(text, 1.0) == text


def test_no_edits_change_nothing():
    assert random_swap(TEXT, 0) == TEXT
    assert random_deletion(TEXT, 0.0) == TEXT
    assert synonym_replacement(TEXT, 0, SYNONYMS) == TEXT
    assert random_insertion(TEXT, 0, SYNONYMS) == TEXT
    assert synonym_replacement(TEXT, 3, {"quick": []}) == TEXT


def test_the_defaults_are_one_swap_and_a_tenth():
    assert random_swap("a b") == "b a"
    kept = len(words(random_deletion("word " * 10_000, generator=seeded(0))))
    assert abs(kept - 9000) < 5 * math.sqrt(10_000 * 0.09)


@every_edit
def test_draws_come_from_the_generator_alone(edit):
    state = torch.get_rng_state()
    assert edit(TEXT, generator=seeded(3)) == edit(TEXT, generator=seeded(3))
    assert len({edit(TEXT, generator=seeded(seed)) for seed in range(20)}) > 3
    assert torch.equal(torch.get_rng_state(), state)


def kind(text: str, edited: str) -> str:
    """Which of the four edits was made, of a text of different words without synonyms among them."""
    before, after = words(text), words(edited)
    if len(after) == len(before):
        return "swap" if sorted(after) == sorted(before) else "replacement"
    return "insertion" if len(after) > len(before) else "deletion"


def test_eda_makes_one_edit_each_as_often():
    text, g, n = " ".join(f"w{k}" for k in range(40)), seeded(0), 1600
    table = {f"w{k}": [f"s{k}"] for k in range(40)}
    edited = [eda(text, table, 0.2, generator=g) for _ in range(n)]
    found = Counter(kind(text, t) for t in edited)
    assert all(abs(count - n / 4) < 5 * math.sqrt(n * 3 / 16) for count in found.values())
    assert len(found) == 4
    new = {name: {sum(w[0] == "s" for w in words(t)) for t in edited if kind(text, t) == name} for name in found}
    assert new["replacement"] == new["insertion"] == {8}  # a fifth of 40
    moved = max(
        sum(a != b for a, b in zip(words(t), words(text), strict=False)) for t in edited if kind(text, t) == "swap"
    )
    assert 8 < moved <= 16
    deleted = [40 - len(words(t)) for t in edited if kind(text, t) == "deletion"]
    spread = 5 * math.sqrt(40 * 0.2 * 0.8 / len(deleted))
    assert abs(sum(deleted) / len(deleted) - 8) < spread


def test_eda_edits_a_tenth_and_at_least_one_word():
    table = {"w": ["s"]}
    for count, n in ((9, 1), (10, 1), (19, 1), (20, 2)):
        text, found = "w " * count, set()
        for seed in range(60):
            found.add(words(eda(text, table, generator=seeded(seed))).count("s"))
        assert found == {0, n}
    short = {eda("w w", table, 0.0, generator=seeded(seed)) for seed in range(60)}
    assert {words(t).count("s") for t in short} == {0, 1}


def test_eda_leaves_stop_words_alone():
    table = {"w": ["s"], "v": ["t"]}
    found = {word for k in range(60) for word in words(eda("w v", table, stop_words={"v"}, generator=seeded(k)))}
    assert found == {"w", "v", "s"}


def test_translation_goes_through_every_translator_in_turn():
    assert back_translation("ab", str.upper) == "AB"
    assert back_translation("ab", lambda t: t + "c", str.upper, lambda t: t[::-1]) == "CBA"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: synonym_replacement(TEXT, -1, SYNONYMS), "n must not be negative, got -1"),
        (lambda: random_insertion(TEXT, -1, SYNONYMS), "n must not be negative, got -1"),
        (lambda: random_swap(TEXT, -1), "n must not be negative, got -1"),
        (lambda: random_deletion(TEXT, 1.1), "p must be between 0 and 1, got 1.1"),
        (lambda: random_deletion("", -0.1), "p must be between 0 and 1, got -0.1"),
        (lambda: eda(TEXT, SYNONYMS, 1.1), "alpha must be between 0 and 1, got 1.1"),
        (
            lambda: synonym_replacement("Quick!", 1, {"quick": "fast"}),
            "synonyms of 'quick' must be a list of words, got the string 'fast'",
        ),
        (lambda: back_translation(TEXT), r"len\(translators\) must be at least 1, got 0"),
        (lambda: back_translation(TEXT, lambda t: None), "translators must return a text, got NoneType from <function"),
    ],
)
def test_refuses(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_the_tables_capitals_do_not_matter():
    for key in ("quick", "Quick", "QUICK"):
        assert synonym_replacement("A quick test.", 1, {key: ["fast"]}) == "A fast test."
        assert synonym_replacement("A Quick test.", 1, {key: ["fast"]}) == "A Fast test."
    assert synonym_replacement("My iPhone", 1, {"iPhone": ["telephone"]}) == "My telephone"


@pytest.mark.parametrize("edit", [synonym_replacement, random_insertion])
def test_stop_words_are_no_string(edit):
    with pytest.raises(ValueError, match="stop_words must be a collection of words, got the string 'quick'"):
        edit("A quick test.", 1, SYNONYMS, stop_words="quick")
