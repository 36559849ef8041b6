"""The bank against stock nbgrader: what each attack comes to there, written down in stock.json."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

from .attack import Attack
from .labs import LABS
from .traces import end, left_behind, outputs, remove, secrets_in, still_running
from .victims import HONEST, Class, expected

RECORD = Path(__file__).with_name("stock.json")
SECONDS = 150  # after which a batch counts as stopped
AFTER = HONEST[-1]


def record(attacks: Iterable[Attack]) -> None:
    """Run each by itself, with one honest student after it, and write down what came of it."""
    known = json.loads(RECORD.read_text()) if RECORD.exists() else {}
    known["nbgrader"] = version("nbgrader")
    results = known.setdefault("outcomes", {})
    with tempfile.TemporaryDirectory() as folder:
        base = Class(Path(folder, "base"))
        base.folder.mkdir()
        base.build()
        for attack in attacks:
            results[attack.name] = attack.stock or run(base.copy(Path(folder, attack.name)), attack)
            print(f"{attack.name:28} {results[attack.name]}", flush=True)
            RECORD.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n")


def run(class_: Class, attack: Attack) -> str:
    student = "=1+1" if attack.name == "formula-names" else attack.name
    submitted = class_.root / "submitted"
    class_.hand_in(submitted / student / attack.lab, attack)
    class_.hand_in_honestly(submitted / AFTER / attack.lab, attack.lab)
    finished = _grade(class_, attack)
    running = still_running(class_)
    left = left_behind(class_, attack)
    found = [*_marks(class_, attack, student), *_seen(class_, attack, student)]
    found += ["leaves a process behind"] if running and finished else []
    found += [] if finished else ["never ends"]
    found += ["leaves files behind"] if left else []
    end(running)
    remove(left)
    return ", ".join(found) or "held"


def _grade(class_: Class, attack: Attack) -> bool:
    """Autograde, and make the pages and the table of marks where they can show something; False if that never ends."""
    commands = [["autograde", attack.lab]]
    if attack.absent or attack.files or attack.family == "notebook":
        commands.append(["generate_feedback", attack.lab])
    if attack.name == "formula-names":
        commands.append(["export"])
    try:
        for command in commands:
            class_.nbgrader(*command, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        return False
    return True


def _marks(class_: Class, attack: Attack, student: str) -> list[str]:
    fair, full = expected(attack), LABS[attack.lab].full
    got, neighbour = class_.marks(student, attack.lab), class_.marks(AFTER, attack.lab)
    found = []
    if got is None:
        found.append("is not graded")
    elif any(got[name] > fair[name] for name in fair):
        gained = [name for name in fair if got[name] > fair[name]]
        found.append("full marks" if all(got[name] >= full[name] for name in gained) else "marks for nothing")
    elif got != fair:
        found.append("costs marks that were earned")
    if neighbour is None:
        found.append("stops the batch")
    elif neighbour != full:
        found.append("spoils the next student's marks")
    return found


def _seen(class_: Class, attack: Attack, student: str) -> list[str]:
    """Secrets and forbidden texts. Errors and feedback show the hidden tests to everybody: that is one attack's own."""
    found: set[str] = set()
    for folder in ("autograded", "feedback"):
        for path in (class_.root / folder / student).rglob("*"):
            if not path.is_file():
                continue
            whole = attack.name == "feedback-shows-tests" or path.suffix not in (".html", ".ipynb")
            content = path.read_bytes()
            shown = outputs(path, errors=False).encode() if path.suffix == ".ipynb" and not whole else content
            besides = () if whole or path.suffix == ".ipynb" else ("hidden",)
            found.update(f"reads the secret: {place}" for place in secrets_in(class_, shown, besides))
            found.update("shows what it must not" for text in attack.absent if text.encode() in shown)
    exported = class_.root / "grades.csv"
    exported = exported if exported.exists() else class_.folder / "grades.csv"
    if attack.name == "formula-names" and exported.exists() and ",=1+1," in exported.read_text():
        found.add("a formula in the exported marks")
    return sorted(found)
