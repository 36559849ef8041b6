"""What the zygote does before it forks: both ends of the wire talk, and leave nothing behind."""

from __future__ import annotations

import os

import torch

from nbjudge.wire import warmup
from nbjudge.wire.proxies import refusals


def test_both_ends_talk_and_nothing_is_left():
    files, threads = len(os.listdir("/proc/self/fd")), len(os.listdir("/proc/self/task"))
    refused, modes = list(refusals), torch._C._len_torch_function_stack()
    warmup.warm()
    assert len(os.listdir("/proc/self/fd")) == files
    assert len(os.listdir("/proc/self/task")) == threads
    assert refusals == refused
    assert torch.is_grad_enabled()
    assert torch._C._len_torch_function_stack() == modes


def test_what_they_say_is_what_tests_say(monkeypatch):
    """Each operation of the wire is among them, so that none runs for the first time in a fork."""
    asked = set()
    request = warmup.Judge.request
    monkeypatch.setattr(
        warmup.Judge, "request", lambda self, name, *rest, **more: asked.add(name) or request(self, name, *rest, **more)
    )
    monkeypatch.setattr(warmup, "ROUNDS", 1)
    warmup.warm()
    assert asked >= {"run", "global", "call", "changing call", "get", "iter", "next", "vjp"}
