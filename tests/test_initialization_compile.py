"""torch.compile takes initialisers and subnetworks as one graph.

The shape checks wrap every function, which breaks the graph, so these run in a process without them.
"""

from __future__ import annotations

import pytest
import torch
from torch import nn

from tests.registries import parametrize
from tests.registries.initialisers import INITIALISERS
from tests.unchecked import CHECKED, run_unchecked
from trainwell.initialization import edge_popup, top_k_mask

if CHECKED:

    def test_in_a_process_without_shape_checks():
        run_unchecked(__file__)

else:

    @pytest.fixture(autouse=True)
    def _fresh():
        torch.compiler.reset()

    def compiled(f):
        return torch.compile(f, backend="aot_eager", fullgraph=True)

    @parametrize(INITIALISERS)
    def test_initialisers(entry):
        torch.manual_seed(0)
        expected = entry.make(torch.empty(6, 8))
        torch.manual_seed(0)
        torch.testing.assert_close(compiled(entry.make)(torch.empty(6, 8)), expected)

    @pytest.mark.parametrize("autocast", [False, True])
    def test_subnetworks(autocast):
        g = torch.Generator().manual_seed(0)
        model = edge_popup(nn.Sequential(nn.Linear(6, 9), nn.ReLU(), nn.Linear(9, 2)), 0.4, generator=g)
        x, results = torch.randn(5, 6, generator=g), []
        for f in (model, compiled(model)):
            model.zero_grad()
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast):
                y = f(x)
            y.float().sum().backward()
            results.append([y.detach(), *(p.grad.clone() for p in model.parameters() if p.requires_grad)])
        torch.testing.assert_close(*results)

    def test_masks():
        scores = torch.arange(6.0)
        assert torch.equal(compiled(top_k_mask)(scores, 0.5), top_k_mask(scores, 0.5))
