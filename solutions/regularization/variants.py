"""Wrong and other right versions of the lab's tasks.

A wrong version is `(mistake, the test that it fails, {text of the solution: what stands there instead})`.
"""

WRONG = {
    "soft_threshold": [
        ("hard threshold", "value", {"(w.abs() - threshold).clamp(min=0)": "w.abs() * (w.abs() > threshold)"}),
    ],
}

RIGHT = {
    "soft_threshold": [
        """
def soft_threshold(w, threshold):
    return F.relu(w - threshold) - F.relu(-w - threshold)
""",
    ],
}
