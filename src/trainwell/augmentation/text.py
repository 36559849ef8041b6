"""Text: EDA's four edits, over synonyms and stop words that are handed in, and translation there and back.

A word is a run of letters, digits and inner hyphens or apostrophes. Words are edited; the punctuation and the
spaces between them stay.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial
from itertools import pairwise
from typing import Any

import torch
from torch import Generator

from .._arguments import check_at_least, check_not_negative, check_probability
from ._words import WORD, Synonyms, below, capitals_of, join, lookup, marks, one_of, replaceable, some_of, split


def synonym_replacement(
    text: str, n: int, synonyms: Synonyms, *, stop_words: Collection[str] = (), generator: Generator | None = None
) -> str:
    """Replaces ``n`` words, chosen at random, by one of their synonyms each.

    Args:
        text: What to edit.
        n: How many words to replace; all that have synonyms where they are fewer.
        synonyms: From a word, in small letters or capitals, to the words that can stand for it: a thesaurus of your
            own or one read from WordNet. A synonym takes the capitals of the word that it replaces.
        stop_words: Words in lower case to leave alone, such as scikit-learn's ``ENGLISH_STOP_WORDS``.
        generator: Where to draw from.

    Returns:
        The text with other words in it.

    Raises:
        ValueError: If ``n`` is negative, or ``stop_words`` or a word's synonyms are a string.

    Example:
        >>> synonym_replacement("A quick test.", 1, {"quick": ["fast"]})
        'A fast test.'

    Reference:
        Wei and Zou, *EDA: Easy Data Augmentation Techniques for Boosting Performance on Text Classification Tasks*,
        2019.

    Note:
        As the paper writes it. The authors' code replaces all occurrences of a chosen word.
    """
    check_not_negative("n", n)
    gaps, words = split(text)
    known = replaceable(words, synonyms, stop_words)
    for i in some_of(known, n, generator):
        words[i] = capitals_of(words[i], one_of(lookup(words[i], synonyms), generator))
    return join(gaps, words)


def random_insertion(
    text: str, n: int, synonyms: Synonyms, *, stop_words: Collection[str] = (), generator: Generator | None = None
) -> str:
    """Inserts a synonym of a word, chosen at random, at a random place, ``n`` times.

    Args:
        text: What to edit.
        n: How many words to insert; none where no word has a synonym.
        synonyms: From a word, in small letters or capitals, to the words that can stand for it.
        stop_words: Words in lower case whose synonyms are not inserted.
        generator: Where to draw from.

    Returns:
        The text with more words in it.

    Raises:
        ValueError: If ``n`` is negative, or ``stop_words`` or a word's synonyms are a string.

    Example:
        >>> random_insertion("Quick!", 1, {"quick": ["fast"]}, generator=torch.Generator().manual_seed(0))
        'Quick fast!'

    Reference:
        Wei and Zou, *EDA: Easy Data Augmentation Techniques for Boosting Performance on Text Classification Tasks*,
        2019.
    """
    check_not_negative("n", n)
    gaps, words = split(text)
    sources = [words[i] for i in replaceable(words, synonyms, stop_words)]
    if not sources:
        return text
    for _ in range(n):
        new = one_of(lookup(one_of(sources, generator), synonyms), generator)
        i = below(len(words) + 1, generator)
        gaps.insert(min(i + 1, len(words)), " ")  # after the new word, or before it where it is the last
        words.insert(i, new)
    return join(gaps, words)


def random_swap(text: str, n: int = 1, *, generator: Generator | None = None) -> str:
    """Swaps two words, chosen at random, ``n`` times.

    Args:
        text: What to edit; a single word stays as it is.
        n: How many swaps to make.
        generator: Where to draw from.

    Returns:
        The text with the same words in another order. Their capitals move with them.

    Raises:
        ValueError: If ``n`` is negative.

    Example:
        >>> random_swap("hello, world!")
        'world, hello!'

    Reference:
        Wei and Zou, *EDA: Easy Data Augmentation Techniques for Boosting Performance on Text Classification Tasks*,
        2019.
    """
    check_not_negative("n", n)
    gaps, words = split(text)
    if len(words) < 2:
        return text
    for _ in range(n):
        i, j = some_of(range(len(words)), 2, generator)
        words[i], words[j] = words[j], words[i]
    return join(gaps, words)


def random_deletion(text: str, p: float = 0.1, *, generator: Generator | None = None) -> str:
    """Deletes each word with probability ``p``, but never all of them.

    Args:
        text: What to edit.
        p: The probability of deleting a word.
        generator: Where to draw from.

    Returns:
        The text with fewer words, in their order; one of them, chosen at random, where all would have gone. Of the
        two gaps beside a deleted word the one with more punctuation stays.

    Raises:
        ValueError: If ``p`` does not lie in [0, 1].

    Example:
        >>> random_deletion("One, two, three.", p=0.4, generator=torch.Generator().manual_seed(0))
        'One, two.'

    Reference:
        Wei and Zou, *EDA: Easy Data Augmentation Techniques for Boosting Performance on Text Classification Tasks*,
        2019.
    """
    check_probability("p", p)
    gaps, words = split(text)
    if not words:
        return text
    draws = torch.rand(len(words), generator=generator).tolist()
    kept = [i for i, u in enumerate(draws) if u >= p] or [below(len(words), generator)]
    between = [max(gaps[i + 1 : j + 1], key=marks) for i, j in pairwise(kept)]
    return join([gaps[0], *between, gaps[-1]], [words[i] for i in kept])


def eda(
    text: str,
    synonyms: Synonyms,
    alpha: float = 0.1,
    *,
    stop_words: Collection[str] = (),
    generator: Generator | None = None,
) -> str:
    r"""One of EDA's four edits, chosen at random, on a share of the words.

    With :math:`\alpha` = ``alpha`` and :math:`l` words in ``text``,

    .. math:: n = \max(1, \lfloor \alpha l \rfloor), \qquad p = \alpha,

    for :func:`synonym_replacement`, :func:`random_insertion` and :func:`random_swap`, and for :func:`random_deletion`.

    Args:
        text: What to edit.
        synonyms: From a word, in small letters or capitals, to the words that can stand for it.
        alpha: The share of words to edit; the paper advises 0.05 to 0.1.
        stop_words: Words in lower case whose synonyms are not used.
        generator: Where to draw from.

    Returns:
        An edited text; call it anew for another.

    Raises:
        ValueError: If ``alpha`` does not lie in [0, 1], or ``stop_words`` or a word's synonyms are a string.

    Example:
        >>> eda("A quick test.", {"quick": ["fast"]}, generator=torch.Generator().manual_seed(0))
        'A fast test.'

    Reference:
        Wei and Zou, *EDA: Easy Data Augmentation Techniques for Boosting Performance on Text Classification Tasks*,
        2019.

    Note:
        The authors' code turns the text into lower case and drops its punctuation first; here both stay.
    """
    check_probability("alpha", alpha)
    n = max(1, int(alpha * len(WORD.findall(text))))
    table: dict[str, Any] = {"synonyms": synonyms, "stop_words": stop_words}
    edits: list[Callable[..., str]] = [
        partial(synonym_replacement, n=n, **table),
        partial(random_insertion, n=n, **table),
        partial(random_swap, n=n),
        partial(random_deletion, p=alpha),
    ]
    return one_of(edits, generator)(text, generator=generator)


def back_translation(text: str, *translators: Callable[[str], str]) -> str:
    """Translates a text away and back: what comes home says the same in other words.

    Args:
        text: What to paraphrase.
        translators: Functions from text to text, applied in turn; the last leads back to the first language.

    Returns:
        What the last translator returns.

    Raises:
        ValueError: If there are no translators, or one returns something other than a text.

    Example:
        >>> french, english = {"a fast test": "un essai rapide"}, {"un essai rapide": "a quick trial"}
        >>> back_translation("a fast test", french.__getitem__, english.__getitem__)
        'a quick trial'

    Reference:
        Sennrich, Haddow and Birch, *Improving Neural Machine Translation Models with Monolingual Data*, 2016, for
        translating back; Xie, Dai, Hovy, Luong and Le, *Unsupervised Data Augmentation for Consistency Training*,
        2020, for augmenting with it.
    """
    check_at_least("len(translators)", len(translators), 1)
    for translate in translators:
        text = translate(text)
        if not isinstance(text, str):
            raise ValueError(f"translators must return a text, got {type(text).__name__} from {translate!r}")
    return text
