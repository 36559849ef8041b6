"""Wrong and other right versions of the lab's tasks.

A wrong version is `(mistake, the tests that it fails and that name it, {text of the solution: what stands there
instead})`.
"""

NO_HALF = {"l2 * w\n": "2 * l2 * w\n", "lr * l2": "2 * lr * l2", "alpha = l1 + l2": "alpha = l1 + 2 * l2"}
NO_ZERO_GRAD = {"        optimizer.zero_grad()\n": ""}
VALIDATION = """        model.eval()
        with torch.no_grad():
            losses.append(loss(model(validation[0]), validation[1]).item())
"""
VALIDATES_FIRST = {VALIDATION: "", "        model.train()\n": VALIDATION + "        model.train()\n"}
KEEP_IS_DROP = {"bernoulli_(keep,": "bernoulli_(1 - keep,", "/ keep\n": "/ (1 - keep)\n"}

WRONG = {
    "soft_threshold": [
        ("hard threshold", "value tensor", {"(w.abs() - threshold).clamp(min=0)": "w.abs() * (w.abs() > threshold)"}),
        ("loses the sign", "value tensor", {"w.sign() * (w.abs() - threshold)": "(w.abs() - threshold)"}),
        ("overshoots zero", "value tensor", {"(w.abs() - threshold).clamp(min=0)": "(w.abs() - threshold)"}),
        (
            "calls torch's softshrink",
            "value",
            {"w.sign() * (w.abs() - threshold).clamp(min=0)": "F.softshrink(w, 1.0)"},
        ),
        (
            "one threshold for all weights",
            "tensor",
            {"(w.abs() - threshold)": "(w.abs() - torch.as_tensor(threshold).min())"},
        ),
        (
            "subtracts the threshold from negative weights",
            "value tensor",
            {"w.sign() * (w.abs() - threshold).clamp(min=0)": "w - threshold"},
        ),
        (
            "loses negative weights",
            "value tensor",
            {"w.sign() * (w.abs() - threshold).clamp(min=0)": "(w - threshold).clamp(min=0)"},
        ),
        ("overshoots zero", "groups", {"(norm - threshold).clamp(min=0)": "(norm - threshold)"}),
        (
            "divides by the squared norm",
            "groups zero_row",
            {
                "(norm - threshold).clamp(min=0) / norm.where(norm > 0, 1)": "(1 - threshold / (norm**2).where("
                "norm > 0, 1)).clamp(min=0)"
            },
        ),
        ("takes columns for groups", "groups", {"dim=1": "dim=0"}),
        ("takes the whole matrix for one group", "groups", {"w.norm(dim=1, keepdim=True)": "w.norm()"}),
        ("divides by a norm of zero", "zero_row", {"/ norm.where(norm > 0, 1)": "/ norm"}),
        (
            "divides by a norm of zero",
            "zero_row",
            {"(norm - threshold).clamp(min=0) / norm.where(norm > 0, 1)": "(1 - threshold / norm).clamp(min=0)"},
        ),
        (
            "thresholds each weight alone",
            "groups",
            {"w * (norm - threshold).clamp(min=0) / norm.where(norm > 0, 1)": "w.sign() * F.relu(w.abs() - threshold)"},
        ),
        (
            "changes its input",
            "input",
            {
                "return w * (norm - threshold)": "w *= (norm - threshold)",
                "norm.where(norm > 0, 1)": "norm\n    return w",
            },
        ),
        (
            "no error for bad input",
            "errors",
            {'        raise ValueError(f"threshold must not be negative, got {threshold}")': "        threshold = 0"},
        ),
    ],
    "elastic_net": [
        ("forgets the half", "gradient zero step scikit no_penalty", NO_HALF),
        ("adds l1 times w instead of its sign", "gradient zero", {"l1 * w.sign()": "l1 * w"}),
        ("wrong sign", "gradient zero", {"l1 * w.sign() + l2 * w\n": "-l1 * w.sign() - l2 * w\n"}),
        ("keeps the half", "gradient zero step", {"l2 * w\n": "l2 / 2 * w\n", "lr * l2": "lr * l2 / 2"}),
        ("overshoots zero", "step", {".clamp(min=0)": ""}),
        (
            "subtracts the threshold from negative weights",
            "step",
            {"w.sign() * (w.abs() - lr * l1).clamp(min=0)": "w - lr * l1"},
        ),
        ("loses negative weights", "step", {"w.sign() * (w.abs() - lr * l1)": "(w - lr * l1)"}),
        ("divides by a weight of zero", "zero", {"l1 * w.sign()": "l1 * w / w.abs()"}),
        ("multiplies by 1 - lr * l2 instead of dividing", "step", {"shrunk / (1 + lr * l2)": "shrunk * (1 - lr * l2)"}),
        (
            "divides before the threshold",
            "step",
            {"shrunk = w": "w = w / (1 + lr * l2)\n    shrunk = w", "shrunk / (1 + lr * l2)": "shrunk"},
        ),
        ("pushes a weight of zero up", "zero", {"l1 * w.sign()": "l1 * (1 - 2 * (w < 0).to(w))"}),
        ("pushes a weight of zero down", "zero", {"l1 * w.sign()": "l1 * (2 * (w > 0).to(w) - 1)"}),
        ("forgets the rate in the threshold", "step", {"lr * l1": "l1"}),
        ("forgets the rate in the division", "step", {"1 + lr * l2": "1 + l2"}),
        ("ratio upside down", "scikit no_penalty", {"l1 / alpha": "l2 / alpha"}),
        ("halves l2 twice", "scikit no_penalty", {"alpha = l1 + l2": "alpha = l1 + l2 / 2"}),
        ("divides by a strength of zero", "no_penalty", {" if alpha > 0 else (0.0, 0.0)": ""}),
        (
            "returns the penalty",
            "gradient",
            {"l1 * w.sign() + l2 * w\n": "l1 * w.abs().sum() + l2 / 2 * w.square().sum()\n"},
        ),
    ],
    "lasso": [
        ("threshold without the rate", "step steps", {"lr * strength": "strength"}),
        ("gradient without 1/n", "step steps", {" / len(y)": ""}),
        ("gradient twice too large", "step steps", {"gradient = X.T": "gradient = 2 * X.T"}),
        ("divides by the number of weights", "step steps", {"len(y)": "len(w)"}),
        ("gradient without the rate", "step steps", {"lr * gradient": "gradient"}),
        ("goes up the gradient", "step steps", {"w - lr * gradient": "w + lr * gradient"}),
        (
            "loses negative weights",
            "step steps",
            {"w.sign() * (w.abs() - lr * strength).clamp(min=0)": "F.relu(w - lr * strength)"},
        ),
        (
            "subtracts the threshold from negative weights",
            "step steps",
            {"w.sign() * (w.abs() - lr * strength).clamp(min=0)": "w - lr * strength"},
        ),
        (
            "does not subtract the threshold",
            "step steps",
            {"(w.abs() - lr * strength).clamp(min=0)": "w.abs() * (w.abs() > lr * strength)"},
        ),
        ("loses the sign", "step steps", {"w.sign() * (w.abs()": "(w.abs()"}),
        ("gradient half as large", "steps", {"/ len(y)": "/ (2 * len(y))"}),
        ("one step too few", "step steps", {"range(steps)": "range(steps - 1)"}),
        (
            "threshold before the gradient step",
            "step",
            {
                "range(steps):": "range(steps):\n        w = F.relu(w - lr * strength) - F.relu(-w - lr * strength)",
                "w = w.sign() * (w.abs() - lr * strength).clamp(min=0)": "pass",
            },
        ),
        (
            "subgradient step",
            "step",
            {
                "lr * gradient": "lr * (gradient + strength * w.sign())",
                "w = w.sign() * (w.abs() - lr * strength).clamp(min=0)": "pass",
            },
        ),
        ("one step too many", "steps", {"range(steps)": "range(steps + (steps > 1))"}),
        (
            "applies the threshold only at the end",
            "steps",
            {"        w = w.sign() *": "    w = w.sign() *"},
        ),
        ("starts from zero", "steps", {"    for _": "    w = w if steps < 2 else torch.zeros_like(w)\n    for _"}),
        ("changes its input", "input", {"w = w - lr * gradient": "w -= lr * gradient"}),
        (
            "small weights instead of zeros",
            "zeros",
            {"w = w.sign() * (w.abs() - lr * strength).clamp(min=0)": "w = w - lr * strength * w / (w.abs() + 1e-4)"},
        ),
        (
            "calls torch's softshrink",
            "step",
            {"w.sign() * (w.abs() - lr * strength).clamp(min=0)": "F.softshrink(w, lr * strength)"},
        ),
    ],
    "weight_decay": [
        ("adds the decay after the rule", "coupled", {"        if coupled:": "        if False:"}),
        ("adds the decay to the gradient", "decoupled", {"        if coupled:": "        if True:"}),
        ("forgets the rate", "decoupled", {"(1 - lr * strength)": "(1 - strength)"}),
        (
            "decays after the step",
            "decoupled",
            {
                "(1 - lr * strength) * w -": "(1 - lr * strength) * (w -",
                "rule(name, gradients[name])": "rule(name, gradients[name]))",
            },
        ),
        ("decays the biases", "biases", {"decay if w.ndim > 1 else 0.0": "decay"}),
        ("goes by the name", "biases", {"w.ndim > 1": "'bias' not in name"}),
        ("subtracts the decay", "coupled", {"gradients[name] + strength * w": "gradients[name] - strength * w"}),
        (
            "changes its input",
            "input",
            {
                "= w - lr * rule(name, gradients[name] + strength * w)": "= w",
                "        if coupled:": "        w -= lr * rule(name, gradients[name])\n        if coupled:",
            },
        ),
        (
            "calls the rule more than once",
            "steps",
            {"        strength =": "        rule(name, gradients[name])\n        strength ="},
        ),
        (
            "halves the decay",
            "coupled decoupled",
            {"+ strength * w": "+ strength / 2 * w", "(1 - lr * strength)": "(1 - lr * strength / 2)"},
        ),
        (
            "calls the rule more than once",
            "steps",
            {"        else:\n": "        else:\n            rule(name, gradients[name])\n"},
        ),
    ],
    "early_stopping": [
        (
            "keeps the last weights, not the best",
            "restores",
            {"{name: value.clone() for name, value in model.state_dict().items()}": "model.state_dict()"},
        ),
        (
            "keeps the last weights, not the best",
            "restores",
            {"{name: value.clone() for name, value in model.state_dict().items()}": "model.state_dict().copy()"},
        ),
        ("keeps the last weights, not the best", "restores", {"    model.load_state_dict(state)\n": ""}),
        ("keeps tensors instead of numbers", "modes", {"validation[1]).item())": "validation[1]))"}),
        (
            "counts epochs from 0",
            "best ties",
            {"return state, best_epoch, losses": "return state, best_epoch - 1, losses"},
        ),
        (
            "watches the training loss",
            "best restores patience ties",
            {"loss(model(validation[0]), validation[1]).item()": "loss(model(train[0]), train[1]).item()"},
        ),
        ("gradients add up over the epochs", "best restores patience", NO_ZERO_GRAD),
        ("validates before the step", "best restores patience", VALIDATES_FIRST),
        ("waits one epoch too long", "patience", {"epoch - best_epoch >= patience": "epoch - best_epoch > patience"}),
        ("takes a tie for progress", "ties", {"losses[-1] < lowest": "losses[-1] <= lowest"}),
        ("validates in training mode", "modes", {"        model.eval()\n": ""}),
        ("validates with gradients", "modes", {"torch.no_grad()": "torch.enable_grad()"}),
        (
            "leaves out the buffers",
            "restores",
            {"model.state_dict().items()": "model.named_parameters()", "dict(state)": "dict(state, strict=False)"},
        ),
        (
            "leaves out the buffers",
            "restores",
            {"model.state_dict().items()}": "model.named_parameters()} | dict(model.named_buffers())"},
        ),
        ("returns the last epoch", "best ties", {"state, best_epoch, losses": "state, epoch, losses"}),
        ("never stops", "patience ties", {"            break\n": "            pass\n"}),
        ("one epoch too few", "patience", {"range(1, epochs + 1)": "range(1, epochs)"}),
        ("one epoch too many", "patience", {"range(1, epochs + 1)": "range(1, epochs + 2)"}),
        ("stays in evaluation mode", "modes", {"        model.train()\n": ""}),
        ("compares with the epoch before", "patience", {"losses[-1] < lowest": "losses[-1] < losses[-2]"}),
        (
            "counts bad epochs that are not in a row",
            "patience",
            {"epoch - best_epoch >=": "sum(b >= min(losses[:k]) for k, b in enumerate(losses) if k) >="},
        ),
    ],
    "label_smoothing": [
        (
            "smooths over the wrong classes only",
            "loss",
            {
                "smoothing / classes)\n    q[": "smoothing / (classes - 1))\n    q[",
                "targets] += 1 - smoothing": "targets] = 1 - smoothing",
            },
        ),
        ("targets do not sum to one", "loss gradient", {"targets] += 1 - smoothing": "targets] = 1 - smoothing"}),
        ("leaves out the mean", "loss", {"-(q * log_p).sum() / n": "-(q * log_p).sum(dim=1)"}),
        ("forgets the minus", "loss large", {"return -(q * log_p)": "return (q * log_p)"}),
        ("divides by the number of entries", "loss large", {"-(q * log_p).sum() / n": "-(q * log_p).mean()"}),
        (
            "subtracts the largest logit of the whole batch",
            "large",
            {
                "logits.log_softmax(dim=1)": "logits - logits.max()\n"
                "    log_p = log_p - log_p.exp().sum(dim=1, keepdim=True).log()"
            },
        ),
        ("gradient of the sum, not of the mean", "gradient", {"(log_p.exp() - q) / n": "log_p.exp() - q"}),
        (
            "gradient of the plain cross-entropy",
            "gradient",
            {"(log_p.exp() - q) / n": "(log_p.exp() - F.one_hot(targets, classes)) / n"},
        ),
        ("wrong sign", "gradient large", {"(log_p.exp() - q) / n": "(q - log_p.exp()) / n"}),
        (
            "overflows for large logits",
            "large",
            {"logits.log_softmax(dim=1)": "(logits.exp() / logits.exp().sum(dim=1, keepdim=True)).log()"},
        ),
        ("sums over the batch", "loss large", {"-(q * log_p).sum() / n": "-(q * log_p).sum()"}),
        (
            "calls torch's backward",
            "gradient",
            {
                "    log_p": "    logits = logits.detach().clone().requires_grad_()\n    log_p",
                "    return -(q": "    (-(q * log_p).sum() / n).backward()\n    return -(q",
                "(log_p.exp() - q) / n": "logits.grad",
            },
        ),
        (
            "forgets the labelled class's own share",
            "gap",
            {"(1 - smoothing + smoothing / classes) / (": "(1 - smoothing) / ("},
        ),
        (
            "changes its input",
            "input",
            {"    log_p = logits": "    logits -= logits.max(dim=1, keepdim=True).values\n    log_p = logits"},
        ),
    ],
    "dropout": [
        ("scales by the drop probability", "forward", {"/ keep\n": "/ (1 - keep)\n"}),
        ("does not scale", "forward", {"generator=generator) / keep\n": "generator=generator)\n"}),
        ("takes keep for the probability of dropping", "share", {"bernoulli_(keep,": "bernoulli_(1 - keep,"}),
        ("takes keep for the probability of dropping", "forward share zeros", KEEP_IS_DROP),
        ("ignores training", "evaluation", {"if not training:": "if training is None:"}),
        ("changes its input", "input", {"return x * scale, scale": "x *= scale\n    return x, scale"}),
        ("changes its input", "input", {"return gradient * cache": "gradient *= cache\n    return gradient"}),
        ("one mask for the whole batch", "share", {"torch.empty_like(x).": "torch.empty_like(x[:1])."}),
        (
            "forgets the scale in the backward pass",
            "backward",
            {"return gradient * cache": "return gradient * (cache != 0)"},
        ),
        (
            "draws a new mask in the backward pass",
            "backward",
            {"return gradient * cache": "return F.dropout(gradient, 1 - 1 / cache.max().item())"},
        ),
        (
            "takes every zero in the output for a dropped entry",
            "zeros",
            {"return x * scale, scale": "return x * scale, (x * scale != 0) / keep"},
        ),
        (
            "scales in evaluation",
            "evaluation",
            {"return x.clone(), torch.ones_like(x)": "return x * keep, torch.ones_like(x)"},
        ),
        ("ignores the generator", "generator", {", generator=generator)": ")"}),
        ("moves torch's own generator", "generator", {"    scale =": "    torch.manual_seed(0)\n    scale ="}),
        (
            "calls torch's dropout",
            "forward",
            {"return x * scale, scale": "return F.dropout(x, 1 - keep), scale"},
        ),
        ("forgets the device", "input", {"torch.empty_like(x).": "torch.empty(x.shape, dtype=x.dtype)."}),
        ("no error for bad input", "errors", {"if not 0 < keep <= 1:": "if keep < 0:"}),
        ("another kind of error", "errors", {"raise ValueError": "raise RuntimeError"}),
        (
            "always draws the same numbers",
            "generator",
            {"scale =": "generator = torch.Generator().manual_seed(0)\n    scale ="},
        ),
    ],
    "dropconnect": [
        ("does not scale", "forward", {"mask * weight, x) / (1 - p)": "mask * weight, x)"}),
        ("scales by p", "forward", {"mask * weight, x) / (1 - p)": "mask * weight, x) / p"}),
        (
            "one mask for the whole batch",
            "masks",
            {
                "torch.empty(len(x), *weight.shape, dtype=x.dtype, device=x.device)": "torch.empty_like(weight)",
                "boi,bi->bo": "oi,bi->bo",
            },
        ),
        (
            "drops inputs, not connections",
            "masks",
            {
                "torch.empty(len(x), *weight.shape, dtype": "torch.empty(*x.shape, dtype",
                "boi,bi->bo": "bi,oi,bi->bo",
                "mask * weight": "mask, weight",
            },
        ),
        ("takes p for the probability of keeping", "masks", {"bernoulli_(1 - p,": "bernoulli_(p,"}),
        (
            "squares the sum instead of summing squares",
            "moments",
            {"(x.square() @ weight.square().T)": "mean.square()"},
        ),
        ("variance without the scale", "moments", {"p / (1 - p) *": "p * (1 - p) *"}),
        ("adds up the inputs instead of their squares", "moments", {"(x.square() @": "(x @"}),
        ("takes the p of the example", "moments", {"variance = p / (1 - p)": "variance = 1 / 3"}),
        ("returns the standard deviation", "moments", {"return mean, variance": "return mean, variance.sqrt()"}),
        (
            "loops over the examples",
            "batch",
            {
                'torch.einsum("boi,bi->bo", mask * weight, x)': "torch.stack("
                "[(mask[b] * weight) @ row for b, row in enumerate(x)])"
            },
        ),
        ("unclear error", "errors", {'f"p must lie in [0, 1), got {p}"': '"bad probability"'}),
        ("cuts the graph", "gradient", {"mask * weight": "mask * weight.detach()"}),
        ("ignores the generator", "generator", {", generator=generator)": ")"}),
        ("forgets the device", "input", {", device=x.device": ""}),
        ("no error for bad input", "errors", {"not 0 <= p < 1": "not 0 <= p <= 1"}),
    ],
    "stochastic_depth": [
        ("does not scale", "rates", {" / (1 - drop)": ""}),
        (
            "draws that do not line up with the rows",
            "rates",
            {"h.index_add(0, rows, block(h[rows])": "h + ((draw >= drop) * block(h)"},
        ),
        ("counts the blocks from 0", "rates", {"start=1": "start=0"}),
        ("drops nothing", "rows", {"(draw >= drop)": "(draw >= 0)"}),
        ("takes the rate for the probability of keeping", "rates certain", {"(draw >= drop)": "(draw < drop)"}),
        (
            "takes the rate for the probability of keeping",
            "rates",
            {"(draw >= drop)": "(draw < drop)", "/ (1 - drop)": "/ (drop if training else 1)"},
        ),
        ("scales by the drop probability", "rates", {"/ (1 - drop)": "/ (drop if training else 1)"}),
        (
            "one draw for all blocks",
            "rates",
            {
                "        draw = torch": "        _ = torch",
                "    h = x.clone()": "    draw = torch.rand(len(x), generator=generator)\n    h = x.clone()",
            },
        ),
        ("one rate for all blocks", "rates", {"last * number / len(blocks)": "last"}),
        (
            "runs the block on rows that drop it",
            "saves",
            {"block(h[rows])": "block(h)[rows]"},
        ),
        (
            "gives the first block a rate of 0",
            "rates",
            {"number / len(blocks)": "(number - 1) / max(len(blocks) - 1, 1)"},
        ),
        ("calls a block with no rows", "saves", {"if len(rows) > 0:": "if True:"}),
        (
            "draws once for the whole batch",
            "rows",
            {
                "draw = torch.rand(len(x), ": "draw = torch.rand(1, ",
                "device=x.device, generator=generator)": "device=x.device, generator=generator).expand(len(x))",
            },
        ),
        (
            "divides by a share of zero",
            "certain",
            {
                "if len(rows) > 0:": "if True:",
                "h.index_add(0, rows, block(h[rows])": "h + ((draw >= drop)[:, None] * block(h)",
            },
        ),
        (
            "scales in evaluation",
            "evaluation",
            {
                "    return h": "    return h",
                " if training else 0.0": "",
                "(draw >= drop).nonzero().squeeze(1)": "(draw >= (drop if training else 0)).nonzero().squeeze(1)",
                "block(h[rows]) / (1 - drop)": "block(h[rows]) / (1 - drop if training else 1 / (1 - drop))",
            },
        ),
        (
            "drops the shortcut, too",
            "rows",
            {"h.index_add(0, rows, block": "(0 * h).index_add(0, rows, h[rows] + block"},
        ),
        ("changes its input", "input", {"h = x.clone()": "h = x", "h = h.index_add(": "h.index_add_("}),
        (
            "draws for each entry",
            "rows",
            {"h.index_add(0, rows, block(h[rows])": "h + ((torch.rand_like(h) >= drop) * block(h)"},
        ),
        ("ignores the generator", "generator", {", generator=generator)": ")"}),
        ("ignores training", "evaluation", {" if training else 0.0": ""}),
        ("cuts the graph", "gradient", {"h = x.clone()": "h = x.detach().clone()"}),
    ],
}

RIGHT = {
    "soft_threshold": [
        """
def soft_threshold(w, threshold):
    if torch.as_tensor(threshold).lt(0).any():
        raise ValueError("threshold must be at least zero")
    return F.relu(w - threshold) - F.relu(-w - threshold)


def group_threshold(w, threshold):
    if threshold < 0:
        raise ValueError("threshold must be at least zero")
    rows = []
    for row in w:
        norm = row.square().sum().sqrt()
        rows.append(torch.where(norm > threshold, (1 - threshold / norm) * row, torch.zeros_like(row)))
    return torch.stack(rows)
""",
        """
def soft_threshold(w, threshold):
    if isinstance(threshold, (int, float)):
        assert_not_negative(threshold)
    return w - torch.clamp(w, min=-1 * torch.as_tensor(threshold).to(w), max=torch.as_tensor(threshold).to(w))


def group_threshold(w, threshold):
    assert_not_negative(threshold)
    norm = torch.linalg.vector_norm(w, dim=-1, keepdim=True)
    return torch.nan_to_num((1 - threshold / norm).clamp(min=0)) * w


def assert_not_negative(threshold):
    if threshold < 0:
        raise ValueError(f"{threshold=} is negative")
""",
    ],
    "elastic_net": [
        """
def elastic_net_gradient(w, l1, l2):
    return torch.where(w > 0, l1, torch.where(w < 0, -l1, 0.0)).to(w.dtype) + l2 * w


def elastic_net_step(w, lr, l1, l2):
    positive = torch.relu(w - lr * l1)
    negative = torch.relu(-w - lr * l1)
    return (positive - negative) / (1 + lr * l2)


def to_scikit(l1, l2):
    if l1 == l2 == 0:
        return 0.0, 0.0
    return l1 + l2, 1 / (1 + l2 / l1) if l1 else 0.0
""",
        """
def elastic_net_gradient(w, l1, l2):
    gradient = w.clone().mul_(l2)
    gradient[w > 0] += l1
    gradient[w < 0] -= l1
    return gradient


def elastic_net_step(w, lr, l1, l2):
    v = w / (1 + lr * l2)
    return v.sign() * torch.clamp(v.abs() - lr * l1 / (1 + lr * l2), min=0)


def to_scikit(l1, l2):
    alpha = float(l1 + l2)
    ratio = 0.0
    if alpha:
        ratio = l1 / alpha
    return alpha, ratio
""",
    ],
    "lasso": [
        """
def lasso(X, y, w, lr, strength, steps):
    n = X.shape[0]
    gram, target = X.T @ X / n, X.T @ y / n
    w = w.clone()
    for _ in range(steps):
        w -= lr * (gram @ w - target)
        w = F.relu(w - lr * strength) - F.relu(-w - lr * strength)
    return w
""",
        """
def lasso(X, y, w, lr, strength, steps):
    if steps == 0:
        return w
    residual = torch.mv(X, w) - y
    moved = w - lr * (residual[:, None] * X).mean(dim=0)
    shrunk = torch.where(moved.abs() > lr * strength, moved - lr * strength * moved.sign(), 0.0)
    return lasso(X, y, shrunk, lr, strength, steps - 1)
""",
    ],
    "weight_decay": [
        """
def decayed_step(weights, gradients, rule, lr, decay, coupled):
    result = {}
    for name in weights:
        w, g = weights[name], gradients[name].clone()
        decayed = w.dim() >= 2
        if decayed and coupled:
            g += decay * w
        new = w - lr * rule(name, g)
        if decayed and not coupled:
            new -= lr * decay * w
        result[name] = new
    return result
""",
        """
def decayed_step(weights, gradients, rule, lr, decay, coupled):
    pull = {name: (decay if len(w.shape) > 1 else 0) * w for name, w in weights.items()}
    seen = {name: gradients[name] + pull[name] * int(coupled) for name in weights}
    direction = {name: rule(name, seen[name]) for name in weights}
    return {name: w - lr * (direction[name] + (0 if coupled else pull[name])) for name, w in weights.items()}
""",
    ],
    "early_stopping": [
        """
import copy


def train_until_worse(model, loss, train, validation, lr, patience, epochs):
    if patience <= 0:
        raise ValueError("patience has to be positive")
    best_state, best_epoch, best, bad, losses = None, 0, float("inf"), 0, []
    for epoch in range(epochs):
        model.train()
        gradients = torch.autograd.grad(loss(model(train[0]), train[1]), list(model.parameters()), allow_unused=True)
        with torch.no_grad():
            for w, g in zip(model.parameters(), gradients):
                w -= lr * g
            model.eval()
            value = float(loss(model(validation[0]), validation[1]))
        losses.append(value)
        if value < best:
            best, best_epoch, bad = value, epoch + 1, 0
            best_state = copy.deepcopy(model.state_dict())
        else:
            bad += 1
            if bad == patience:
                break
    model.load_state_dict(best_state)
    return best_state, best_epoch, losses
""",
        """
def train_until_worse(model, loss, train, validation, lr, patience, epochs):
    if not patience >= 1:
        raise ValueError(f"patience={patience} makes no sense")
    states, losses = [], []
    while len(losses) < epochs:
        model.train()
        model.zero_grad()
        loss(model(train[0]), train[1]).backward()
        for w in model.parameters():
            w.data = w.data - lr * w.grad
        model.eval()
        with torch.inference_mode():
            losses.append(loss(model(validation[0]), validation[1]).item())
        states.append({name: value.detach().clone() for name, value in model.state_dict().items()})
        if len(losses) - losses.index(min(losses)) > patience:
            break
    best = losses.index(min(losses))
    model.load_state_dict(states[best])
    return model.state_dict(), best + 1, losses
""",
    ],
    "label_smoothing": [
        """
def smoothed_loss(logits, targets, smoothing):
    if smoothing < 0 or smoothing > 1:
        raise ValueError("smoothing outside [0, 1]")
    n, k = logits.shape
    one_hot = F.one_hot(targets, k).to(logits.dtype)
    q = (1 - smoothing) * one_hot + smoothing / k
    shifted = logits - logits.max(dim=1, keepdim=True).values
    log_z = shifted.exp().sum(dim=1, keepdim=True).log()
    p = (shifted - log_z).exp()
    return (log_z - (q * shifted).sum(dim=1, keepdim=True)).mean(), (p - q) / n


def best_gap(classes, smoothing):
    return math.log1p(classes * (1 - smoothing) / smoothing) if smoothing else math.inf
""",
        """
def smoothed_loss(logits, targets, smoothing):
    if not (0.0 <= smoothing <= 1.0):
        raise ValueError("smoothing: a share")
    log_p = torch.log_softmax(logits, dim=-1)
    own = -log_p.gather(1, targets[:, None]).squeeze(1)
    loss = ((1 - smoothing) * own - smoothing * log_p.mean(dim=1)).mean()
    gradient = torch.softmax(logits, dim=-1) - smoothing / logits.shape[1]
    gradient = gradient.scatter_add(1, targets[:, None], torch.full_like(own, smoothing - 1)[:, None])
    return loss, gradient / len(targets)


def best_gap(classes, smoothing):
    off = smoothing / classes
    return float("inf") if off == 0 else math.log(1 - smoothing + off) - math.log(off)
""",
        """
def smoothed_loss(logits, targets, smoothing):
    if not 0 <= smoothing <= 1:
        raise ValueError(f"{smoothing=}")
    n, classes = logits.shape
    q = torch.full_like(logits, smoothing / classes)
    q[torch.arange(n), targets] += 1 - smoothing  # torch takes an index that stays on the CPU
    log_p = F.log_softmax(logits, dim=1)
    return (-q * log_p).sum(dim=1).mean(), (log_p.exp() - q) / n


def best_gap(classes, smoothing):
    return math.inf if smoothing == 0 else math.log((1 - smoothing) * classes / smoothing + 1)
""",
    ],
    "dropout": [
        """
def dropout_forward(x, keep, training=True, generator=None):
    if keep <= 0 or keep > 1:
        raise ValueError("keep must be a probability above zero")
    if not training:
        return x, None
    mask = torch.rand(x.shape, dtype=x.dtype, device=x.device, generator=generator) < keep
    return torch.where(mask, x / keep, torch.zeros_like(x)), (mask, keep)


def dropout_backward(gradient, cache):
    if cache is None:
        return gradient
    mask, keep = cache
    return gradient.masked_fill(~mask, 0.0) / keep
""",
        """
def dropout_forward(x, keep, training=True, generator=None):
    if not (keep > 0 and keep <= 1):
        raise ValueError(f"bad keep: {keep}")
    p = keep if training else 1.0
    mask = torch.bernoulli(torch.full_like(x, p), generator=generator)
    return x.clone().mul_(mask).div_(p), {"mask": mask, "scale": 1 / p}


def dropout_backward(gradient, cache):
    return gradient * cache["mask"] * cache["scale"]
""",
    ],
    "dropconnect": [
        """
def dropconnect(x, weight, p, generator=None):
    if p < 0 or p >= 1:
        raise ValueError(f"p={p} is no probability below one")
    shape = (x.shape[0], weight.shape[0], weight.shape[1])
    keep = torch.rand(shape, generator=generator, device=x.device, dtype=x.dtype) >= p
    masked = torch.where(keep, weight.unsqueeze(0), torch.zeros((), dtype=x.dtype, device=x.device))
    return (masked * x.unsqueeze(1)).sum(-1) / (1 - p)


def dropconnect_moments(x, weight, p):
    keep = 1 - p
    return F.linear(x, weight), F.linear(x**2, weight**2) * (1 / keep - 1)
""",
        """
def dropconnect(x, weight, p, generator=None):
    if not 0 <= p < 1:
        raise ValueError("p not in [0, 1)")
    probability = torch.full_like(weight, 1 - p).expand(len(x), -1, -1)
    weights = torch.bernoulli(probability, generator=generator) * (weight / (1 - p))
    return torch.bmm(weights, x[:, :, None])[:, :, 0]


def dropconnect_moments(x, weight, p):
    products = x[:, None, :] * weight
    return products.sum(-1), (products**2).sum(-1) * p / (1 - p)
""",
    ],
    "stochastic_depth": [
        """
def stochastic_depth(x, blocks, last, training=True, generator=None):
    if last < 0 or last > 1:
        raise ValueError("last is a probability")
    for i in range(len(blocks)):
        if not training:
            x = x + blocks[i](x)
            continue
        p = (i + 1) / len(blocks) * last
        keep = torch.rand(x.shape[0], generator=generator, device=x.device) < 1 - p
        if keep.any():
            out = x.clone()
            out[keep] = x[keep] + blocks[i](x[keep]) / (1 - p)
            x = out
    return x
""",
        """
def stochastic_depth(x, blocks, last, training=True, generator=None):
    if not 0 <= last <= 1:
        raise ValueError(f"last={last}")
    rates = torch.linspace(0, last, len(blocks) + 1)[1:].tolist() if training else [0.0] * len(blocks)
    for rate, block in zip(rates, blocks):
        keep = torch.full((len(x),), 1 - rate, device=x.device).bernoulli(generator=generator).bool()
        if int(keep.sum()) == 0:
            continue
        branch = torch.zeros_like(x)
        branch[keep] = block(x[keep]) / (1 - rate)
        x = x + branch
    return x
""",
    ],
}
