"""What all tests share: shapes checked, one thread, the torchvision operators declared first."""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # the tests run side by side, one process a core

from jaxtyping import install_import_hook

if not os.environ.get("NO_SHAPE_CHECKS"):  # set by the tests of torch.compile, which the checks break
    install_import_hook("trainwell", "typecheck.check")

import torch

from trainwell._torchvision import declare_missing_operators

declare_missing_operators()  # before timm and torchmetrics import torchvision
torch.set_num_threads(1)
