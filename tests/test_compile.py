"""torch.compile takes each layer, penalty and soft label as one graph, forward and backward.

The shape checks wrap every function, which breaks the graph, so these run in a process without them.
"""

from __future__ import annotations

import pytest
import torch
from torch import nn

from tests.registries import parametrize
from tests.registries.layers import LAYERS
from tests.unchecked import CHECKED, run_unchecked
from trainwell import normalization as N
from trainwell import regularization as R

if CHECKED:

    def test_in_a_process_without_shape_checks():
        run_unchecked(__file__)

else:

    @pytest.fixture(autouse=True)
    def _fresh():
        torch.compiler.reset()

    def compiled(f):
        return torch.compile(f, backend="aot_eager", fullgraph=True)

    def same_after_compiling(f, *inputs, **tolerance):
        results = []
        for g in (f, compiled(f)):
            torch.manual_seed(0)
            xs = [x.clone().requires_grad_(x.is_floating_point()) for x in inputs]
            y = g(*xs)
            y.sum().backward()
            results += [y.detach(), *(x.grad for x in xs if x.requires_grad)]
        half = len(results) // 2
        torch.testing.assert_close(results[half:], results[:half], **tolerance)

    @parametrize(LAYERS)
    @pytest.mark.parametrize("training", [True, False], ids=["training", "test"])
    def test_layers(entry, training):
        layer, inputs = entry.layer().train(training), entry.inputs(torch.float32)
        same_after_compiling(layer, *inputs)
        eager = entry.layer().train(training)
        for _ in range(2):  # once as it is and once compiled: both must have moved the buffers
            eager(*inputs)
        torch.testing.assert_close(dict(layer.named_buffers()), dict(eager.named_buffers()))

    @parametrize(LAYERS)
    def test_layers_under_autocast(entry):
        layer = entry.layer()

        def run(*inputs):
            with torch.autocast("cpu", dtype=torch.bfloat16):
                return layer(*inputs).float()

        same_after_compiling(run, *entry.inputs(torch.float32), rtol=1e-2, atol=1e-2)  # rounded elsewhere

    def test_normalisation_by_hand():
        weight, bias = torch.rand(5), torch.rand(5)
        same_after_compiling(lambda x, w, b: N.normalize_by_hand(x, w, b, axes=[0]), torch.randn(6, 5), weight, bias)

    def test_adaptive_instance_norm():
        same_after_compiling(N.adaptive_instance_norm, torch.randn(2, 3, 4, 4), torch.randn(2, 3, 5, 6))

    def test_losses():
        logits, targets = torch.randn(6, 4), torch.arange(6) % 4
        same_after_compiling(lambda z: R.label_smoothing(z, targets, 0.2), logits)
        same_after_compiling(lambda z: -(z.log_softmax(1) * R.smooth_labels(targets, 4, 0.2)).sum(), logits)
        same_after_compiling(lambda z: -(z.log_softmax(1) * R.noisy_targets(targets, 4, 0.2)).sum(), logits)

    def test_penalties():
        w = torch.randn(3, 4)
        same_after_compiling(lambda w: R.l2([w], 0.2), w)
        same_after_compiling(lambda w: R.l1([w], 0.2), w)
        same_after_compiling(lambda w: R.elastic_net([w], l1=0.2, l2=0.1), w)
        same_after_compiling(lambda w: R.soft_threshold(w, 0.2), w)

    def test_ensemble():
        torch.manual_seed(0)
        same_after_compiling(R.Ensemble([nn.Linear(4, 3) for _ in range(2)]), torch.randn(5, 4))

    def test_the_average_of_a_compiled_model():
        model = nn.Linear(3, 2)
        ema = R.EMA(model, decay=0.5)
        fast, before = compiled(model), model.weight.detach().clone()
        nn.init.ones_(model.weight)
        fast(torch.randn(1, 3)).sum().backward()
        ema.update(fast)
        torch.testing.assert_close(ema.model.weight, (before + 1) / 2)
