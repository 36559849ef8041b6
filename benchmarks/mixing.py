"""mixup and CutMix of a batch against torchvision, the edits of a text against nlpaug."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import torch

from benchmarks.race import Benchmark
from trainwell._torchvision import declare_missing_operators
from trainwell.augmentation import CutMix, MixUp, random_deletion, random_swap, synonym_replacement

MIXING_BAR, TEXT_BAR = 0.8, 1.0
CLASSES = 1000
SHAPES = ((128, 3, 32, 32), (64, 3, 224, 224))
TEXT = (
    "The quick brown fox jumps over the lazy dog, and then, as the evening is short, it runs through a small wood "
    "to look for its friends."
)
SYNONYMS = {
    "quick": ["fast", "rapid"],
    "lazy": ["idle", "slow"],
    "short": ["brief", "little"],
    "small": ["little", "tiny"],
    "friends": ["companions", "mates"],
}
EDITS = 3


def benchmarks() -> Iterator[Benchmark]:
    torch.manual_seed(0)
    yield from batches()
    yield from texts()


def batches() -> Iterator[Benchmark]:
    declare_missing_operators()
    from torchvision.transforms import v2

    for ours, peer in ((MixUp, v2.MixUp), (CutMix, v2.CutMix)):
        for shape in SHAPES:
            x, labels = torch.rand(shape), torch.randint(CLASSES, shape[:1])
            run, run_peer = (partial(make(num_classes=CLASSES), x, labels) for make in (ours, peer))
            yield Benchmark(f"{ours.__name__} {'x'.join(map(str, shape))}, torchvision", run, run_peer, MIXING_BAR)


def texts() -> Iterator[Benchmark]:
    """Each edit of three words, of one sentence and of twenty."""
    from nlpaug.augmenter.word import RandomWordAug, ReservedAug

    count = {"aug_min": EDITS, "aug_max": EDITS}
    table = [[word, *others] for word, others in SYNONYMS.items()]
    for name, text in (("a sentence", TEXT), ("a page", " ".join([TEXT] * 20))):
        share = EDITS / len(text.split())
        pairs: dict[str, tuple[Callable[..., str], Callable[[str], object]]] = {
            "synonyms": (partial(synonym_replacement, n=EDITS, synonyms=SYNONYMS), ReservedAug(table, **count).augment),
            "swap": (partial(random_swap, n=EDITS), RandomWordAug("swap", **count).augment),
            "deletion": (partial(random_deletion, p=share), RandomWordAug("delete", **count).augment),
        }
        for edit, (ours, peer) in pairs.items():
            yield Benchmark(f"{edit} in {name}, nlpaug", partial(ours, text), partial(peer, text), TEXT_BAR)
