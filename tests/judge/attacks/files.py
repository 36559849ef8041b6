# ruff: noqa: E501 (cells stand here as they are handed in)
"""Files, links and names: what is handed in beside the notebook, and what a cell writes elsewhere."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

from .attack import Link, attack
from .labs import SUMS

WRONG = "\n\ndef add(a, b):\n    return 0"
NOTHING: dict[str, float] = {}

attack(
    "link-to-solution",
    "hands in a link to the solution, which comes back with the feedback",
    WRONG,
    files={
        "notes.ipynb.txt": Link("<<class>>/source/sums/sums.ipynb"),
        "b.txt": Link("../../../source/sums/sums.ipynb"),
    },
)
attack(
    "link-to-gradebook",
    "hands in links to the gradebook and to the instructor's key",
    WRONG,
    files={"marks.db": Link("<<class>>/gradebook.db"), "key": Link("<<class>>/../home/.ssh/id_rsa")},
)
attack(
    "link-to-folder",
    "hands in a link to the whole class folder",
    WRONG,
    files={"all": Link("<<class>>")},
)
attack(
    "writes-gradebook",
    "gives itself marks by hand in the gradebook's database, for all its tests",
    """import sqlite3

try:
    book = sqlite3.connect("<<class>>/gradebook.db", timeout=20)
    book.execute("update grade set manual_score = 2")
    book.commit()
except sqlite3.Error as error:
    print(error)"""
    + WRONG,
)
attack(
    "edits-neighbour",
    "spoils the answers of the students who come after it",
    """import glob

for place in glob.glob("<<class>>/submitted/*-honest/*/*.ipynb") + glob.glob("<<class>>/../incoming/*/*-honest/*.ipynb"):
    try: open(place, "r+").write(open(place).read().replace("return a + b", "return a - b"))
    except OSError as error: print(error)"""
    + WRONG,
)
attack(
    "edits-course",
    "writes into the course's source, the released lab and nbgrader_config.py",
    """import glob

for place in glob.glob("<<class>>/source/*/*") + glob.glob("<<class>>/../nbgrader_config.py"):
    try: open(place, "a").write("\\n")
    except OSError as error: print(error)
    else: print("LEAK" + "ED: wrote", place)"""
    + WRONG,
    absent=("LEAKED",),
)
attack(
    "startup-file",
    "plants a file in IPython's start-up folder, which later kernels run",
    """import os

for home in ("<<home>>", os.path.expanduser("~")):
    place = f"{home}/.ipython/profile_default/startup"
    try:
        os.makedirs(place, exist_ok=True)
        open(f"{place}/<<token>>.py", "w").write("import yaml\\nyaml.safe_load = None\\n")
    except OSError as error:
        print(error)"""
    + WRONG,
)
attack(
    "site-customization",
    "plants modules in Python's own folders, the user's site-packages and the working folder",
    """import os, site, sys

for folder in [*sys.path, site.getusersitepackages(), "<<home>>/.local/lib", "."]:
    try:
        os.makedirs(folder, exist_ok=True)
        open(f"{folder}/<<token>>.py", "w").write("")
        print("LEAK" + "ED: wrote to", folder) if folder.startswith(sys.prefix) else None
    except OSError as error:
        print(error)"""
    + WRONG,
    absent=("LEAKED",),
    stock="not run: it would write into this machine's Python",
)
attack(
    "temporary-files",
    "leaves files in every folder that anybody may write to",
    """for folder in ("/tmp", "/var/tmp", "/dev/shm", "/run/lock", "/dev/mqueue", "<<home>>", "<<class>>", "."):
    try: open(f"{folder}/<<token>>", "w").write("here")
    except OSError as error: print(error)"""
    + WRONG,
)
attack(
    "local-torch",
    "hands in a torch.py, which stands in for the real one",
    "def double(x):\n    return 0",
    lab="tensors",
    files={
        "torch.py": b"import os, sys\nhere = os.path.dirname(os.path.abspath(__file__))\n"
        b"sys.path = [path for path in sys.path if os.path.abspath(path or '.') != here]\n"
        b"del sys.modules['torch']\nimport torch.testing\ntorch.testing.assert_close = lambda *xs: None\n"
    },
    expects={"noise-value": 1, "minimum-value": 2, "Descent-step": 2, "count-partial": 1, "compose-value": 1},
)
attack(
    "local-yaml",
    "hands in a yaml.py, which stands in for the module that the lab imports",
    "def total(xs):\n    return yaml.Same()",
    task="total",
    files={
        "yaml.py": b"class Same:\n    __ne__ = lambda self, other: False\n    __sub__ = lambda self, other: 0\n"
        b"def safe_load(text):\n    return Same()\n"
    },
)
attack(
    "malicious-weights",
    "hands in weights that run code when they are unpickled, and saves more of them",
    """import pickle

class Run:
    def __reduce__(self):
        return exec, ("print('LEAK' + 'ED')",)

pickle.dump(Run(), open("weights.pt", "wb"))

def double(x):
    return Run()""",
    lab="tensors",
    files={"weights.pt": b"c__builtin__\nexec\n(S'get_ipython().user_ns.update(assert_close=print)'\ntR."},
    absent=("LEAKED",),
)
attack("copy-of-name", "is honest: handed in as 'Copy of sums (1).ipynb'", None, filename="Copy of sums (1).ipynb",
       expects=SUMS.full)  # fmt: skip
attack("other-name", "is honest: handed in under a name that has nothing to do with the lab", None,
       filename="Übung_final_FINAL.ipynb", expects=SUMS.full)  # fmt: skip
attack(
    "two-notebooks",
    "hands in a second notebook of the lab's name in a folder below, hoping that the better one counts",
    WRONG,
    files={"other/sums.ipynb": b"{}"},
    expects=NOTHING,
)
attack(
    "forged-timestamp",
    "hands in a timestamp from before the deadline beside the notebook",
    WRONG,
    files={"timestamp.txt": b"1999-01-01 00:00:00 UTC"},
)
attack(
    "broken-timestamp",
    "hands in a timestamp that is none, of a size that none has",
    WRONG,
    files={"timestamp.txt": b"\xff not a time " * 100_000},
)
attack(
    "no-notebook", "hands in a folder in the notebook's place", content=b"", filename="sums.ipynb/x", expects=NOTHING
)
attack("link-as-notebook", "hands in a link to the solution in the notebook's place", content=b"", filename="empty",
       files={"sums.ipynb": Link("<<class>>/source/sums/sums.ipynb")}, expects=NOTHING)  # fmt: skip


def _bomb(place: Path, notebook: bytes) -> None:
    """Two gigabytes of blanks before the notebook, in two megabytes; and a zip in a zip."""
    with zipfile.ZipFile(place, "a", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("zip-bomb/sums.ipynb", "w", force_zip64=True) as packed:
            for _ in range(200):
                packed.write(b" " * 10_000_000)
            packed.write(notebook)
        inner = io.BytesIO()
        with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED) as more:
            more.writestr("sums.ipynb", b" " * 1_000_000)
        archive.writestr("zip-bomb/sums.zip", inner.getvalue())


def _climbing(place: Path, notebook: bytes) -> None:
    """Names that lead out of the folder that a careless program unpacks into."""
    with zipfile.ZipFile(place, "a") as archive:
        for name in ("../climbing-zip.ipynb", "/climbing-zip/sums.ipynb", "climbing-zip/../../left-by-climbing-zip"):
            archive.writestr(name, notebook)
        linked = zipfile.ZipInfo("climbing-zip/all")
        linked.external_attr = 0o120777 << 16
        archive.writestr(linked, "/etc")
        archive.writestr("climbing-zip/sums.ipynb", notebook)


def _formulas(place: Path, notebook: bytes) -> None:
    """A student's name that a spreadsheet calculates; the same in the notebook's cells."""
    with zipfile.ZipFile(place, "a") as archive:
        for name in ("=HYPERLINK(1)", "+1+1", "@SUM(1)", "formula-names"):
            archive.writestr(f"{name}/sums.ipynb", notebook)


attack("zip-bomb", "hands in a zip that unpacks to two gigabytes", upload=_bomb, expects=NOTHING,
       stock="not applicable: it takes no zip, the instructor unpacks it")  # fmt: skip
attack("climbing-zip", "hands in a zip whose names climb out of the folder, and a link in it", WRONG, upload=_climbing,
       stock="not applicable: it takes no zip, the instructor unpacks it")  # fmt: skip
attack("formula-names", "hands in under names that a spreadsheet calculates", WRONG, upload=_formulas)
attack(
    "formula-in-notebook",
    "writes formulas into its answers, errors and class names, for whoever exports them",
    """def add(a, b):
    raise type("=cmd|' /C calc'!A0", (Exception,), {})("=1+1")""",
)
attack("unlisted-students", "claims to be a student of another name, in the notebook's metadata", WRONG,
       change=lambda notebook: notebook["metadata"].update(student="aa-honest", celltoolbar="../aa-honest"))  # fmt: skip
