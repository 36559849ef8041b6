"""torch.compile takes each network as one graph.

The shape checks wrap every function, which breaks the graph, so these run in a process without them.
"""

from __future__ import annotations

import os
import subprocess
import sys

import torch
from test_networks import every_small, images

if not os.environ.get("NO_SHAPE_CHECKS"):

    def test_in_a_process_without_shape_checks():
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", __file__]
        run = subprocess.run(command, env={**os.environ, "NO_SHAPE_CHECKS": "1"}, capture_output=True, text=True)
        assert run.returncode == 0, run.stdout + run.stderr

else:

    @every_small
    def test_compiles_as_one_graph(factory, shape):
        torch.compiler.reset()
        torch.manual_seed(0)
        model, x = factory().eval(), images(*shape)
        torch.testing.assert_close(torch.compile(model, backend="aot_eager", fullgraph=True)(x), model(x))
