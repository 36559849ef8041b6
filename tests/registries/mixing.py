"""The transforms of a whole batch of `trainwell.augmentation`, and what made them elsewhere.

Abilities of a transform:

- ``probabilities``: makes labels rows of probabilities and needs ``num_classes``; ``keeps_labels``: leaves them alone.
- ``blends``: takes floating batches only, of any shape; ``pastes``: takes images of any dtype.
"""

from __future__ import annotations

from torchvision.transforms import v2

from tests.registries import Entry, abilities
from trainwell import augmentation as A

CLASSES = 5

MIXING = [
    Entry("MixUp", A.MixUp, {"num_classes": CLASSES}, v2.MixUp, abilities("probabilities blends")),
    Entry("CutMix", A.CutMix, {"num_classes": CLASSES}, v2.CutMix, abilities("probabilities pastes")),
    Entry("InClassMix", A.InClassMix, {}, None, abilities("keeps_labels blends")),
]
