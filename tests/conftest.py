"""What all tests share: shapes checked, one thread, the torchvision operators declared first, one browser."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator

os.environ.setdefault("OMP_NUM_THREADS", "1")  # the tests run side by side, one process a core

from jaxtyping import install_import_hook

from tests.unchecked import CHECKED

if CHECKED:
    install_import_hook("trainwell", "typecheck.check")

import absl.logging
import hypothesis
import pytest
import torch
from playwright.sync_api import Browser, sync_playwright

from trainwell._torchvision import declare_missing_operators

declare_missing_operators()  # before timm and torchmetrics import torchvision
torch.set_num_threads(1)
# jax logs through absl, whose handler closes its stream, pytest's by default, when nbgrader sets up its own logging
absl.logging.get_absl_handler().python_handler.stream = sys.__stderr__
hypothesis.settings.register_profile("course", deadline=None, derandomize=True)  # the same on a busy machine
hypothesis.settings.load_profile("course")

QUIET = ["--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-quic"]
FLAGS = ["--no-sandbox", "--headless", "--disable-gpu", "--no-first-run", *QUIET]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Headless Chromium, one for all tests of a process: Playwright's loop is there only once."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None and os.environ.get("CI") == "true":
        pytest.fail("no Chromium on CI: install it before the tests")
    if chromium is None:
        pytest.skip("THE PAGES WERE NOT CHECKED: no Chromium here (Debian: apt-get install chromium)")
    with sync_playwright() as playwright:
        chrome = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield chrome
        chrome.close()
