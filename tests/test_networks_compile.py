"""torch.compile takes each network as one graph.

The shape checks wrap every function, which breaks the graph, so these run in a process without them.
"""

from __future__ import annotations

import torch
from test_networks import every_small, images

from tests.unchecked import CHECKED, run_unchecked

if CHECKED:

    def test_in_a_process_without_shape_checks():
        run_unchecked(__file__)

else:

    @every_small
    def test_compiles_as_one_graph(factory, shape):
        torch.compiler.reset()
        torch.manual_seed(0)
        model, x = factory().eval(), images(*shape)
        torch.testing.assert_close(torch.compile(model, backend="aot_eager", fullgraph=True)(x), model(x))
