"""torch.compile takes the foundations as one graph, and the library itself refuses wrong shapes.

The shape checks wrap every function, which breaks the graph, and refuse shapes first, so these run in a
process without them.
"""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import torch

from trainwell import backpropagation as B

if not os.environ.get("NO_SHAPE_CHECKS"):

    def test_in_a_process_without_shape_checks():
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", __file__]
        run = subprocess.run(command, env={**os.environ, "NO_SHAPE_CHECKS": "1"}, capture_output=True, text=True)
        assert run.returncode == 0, run.stdout + run.stderr

else:

    @pytest.fixture(autouse=True)
    def _fresh():
        torch.compiler.reset()

    def compiled(f):
        return torch.compile(f, backend="aot_eager", fullgraph=True)

    @pytest.mark.parametrize("gate", [B.Add, B.Multiply, B.Max])
    def test_gates_of_two_inputs_refuse_two_shapes(gate):
        with pytest.raises(ValueError, match=r"x and y must have one shape, got \(2, 1\) and \(2,\)"):
            gate().forward(torch.ones(2, 1), torch.ones(2))

    def test_the_two_layer_network():
        model = B.init_two_layer_model(4, 6, 3, scale=1.0, generator=torch.Generator().manual_seed(0))
        X, y = torch.randn(5, 4), torch.arange(5) % 3
        torch.testing.assert_close(compiled(B.two_layer_net)(X, model, y, 0.1), B.two_layer_net(X, model, y, 0.1))
