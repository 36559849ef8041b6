"""torch.compile takes mixing, MIMO and averaged views as one graph.

The shape checks wrap every function, which breaks the graph, so these run in a process without them.
"""

from __future__ import annotations

import pytest
import torch
from torch import nn

from tests.unchecked import CHECKED, run_unchecked
from trainwell.augmentation import MIMO, AveragedViews, cutmix, in_class_partners, mixup

if CHECKED:

    def test_in_a_process_without_shape_checks():
        run_unchecked(__file__)

else:

    @pytest.fixture(autouse=True)
    def _fresh():
        torch.compiler.reset()

    def same_after_compiling(f, *inputs):
        compiled = torch.compile(f, backend="aot_eager", fullgraph=True)
        torch.testing.assert_close(compiled(*inputs), f(*inputs))

    X, LABELS, PARTNERS = torch.rand(4, 3, 6, 6), torch.eye(4), torch.tensor([2, 0, 3, 1])

    @pytest.mark.parametrize("lam", [0.2, 0.7])
    def test_mixup(lam):
        same_after_compiling(lambda x, y, p: mixup(x, y, lam, p), X, LABELS, PARTNERS)

    def test_cutmix():
        same_after_compiling(lambda x, y, p: cutmix(x, y, (1, 2, 4, 6), p), X, LABELS, PARTNERS)

    def test_in_class_partners():
        classes = torch.tensor([0, 1, 0, 1, 2])
        compiled = torch.compile(in_class_partners, backend="aot_eager", fullgraph=True)
        assert torch.equal(classes[compiled(classes)], classes)

    @pytest.mark.parametrize("training", [True, False])
    def test_mimo(training):
        model = MIMO(nn.Linear(2 * 6, 2 * 5), 2).train(training)
        same_after_compiling(model, torch.rand(4, 2, 6) if training else torch.rand(4, 6))

    @pytest.mark.parametrize("of", ["probabilities", "logits"])
    def test_averaged_views(of):
        net = nn.Sequential(nn.Flatten(), nn.Linear(108, 5))
        same_after_compiling(AveragedViews(net, [nn.Identity(), lambda x: x.flip(-1)], of=of), X)
