"""What grading wrote down about one submission; marks themselves stand in nbgrader's gradebook.

A verdict is written as soon as the judge has answered, with the trial beside it, and again when its marks stand in the
gradebook; then the trial goes. So the trials that lie there are a journal: a run that was killed finds in them what
is judged and not yet entered.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from nbjudge.align import Match
from nbjudge.notebooks import Mistake
from nbjudge.remarks import Remark
from nbjudge.trial.job import Trial


@dataclass(frozen=True)
class Verdict:
    """`digest` names the submission and the tests it was graded with: as long as it stays, so does the verdict. Its
    last word is the fingerprint of the notebook alone.

    `recorded` says that its marks stand in the gradebook; `shown` names the marks and comments that the feedback shows.
    """

    digest: str
    seconds: float
    remarks: list[Remark]
    recorded: bool = False
    shown: str = ""
    scores: dict[str, float] = field(default_factory=dict)
    mistakes: list[Mistake] = field(default_factory=list)
    matches: list[Match] = field(default_factory=list)  # how its cells were found
    judged: float = 0.0  # seconds of CPU
    peak_mb: float = 0.0
    layers: list[str] = field(default_factory=list)  # what it was sealed with

    def of(self, notebook: bytes | None) -> bool:
        """Whether this notebook is what it is about."""
        return self.digest.split()[1:] == [fingerprint(notebook)]

    def write(self, place: Path) -> None:
        write_whole(place, json.dumps(asdict(self), indent=1).encode() + b"\n")

    @classmethod
    def read(cls, place: Path) -> Verdict | None:
        """None where there is none, or one of an earlier version of this package."""
        try:
            content = json.loads(place.read_bytes())
            lists = {"remarks": Remark, "mistakes": Mistake, "matches": Match}
            return cls(**content | {name: [kind(*item) for item in content[name]] for name, kind in lists.items()})
        except (FileNotFoundError, NotADirectoryError, KeyError, TypeError, ValueError):
            return None


def fingerprint(notebook: bytes | None) -> str:
    return "none" if notebook is None else hashlib.sha256(notebook).hexdigest()


def write_trial(place: Path, digest: str, trial: Trial) -> None:
    write_whole(_trial(place), digest.encode() + trial.pack())


def read_trial(place: Path, digest: str) -> Trial | None:
    """The trial beside a verdict that has not been entered into the gradebook yet, if it is that verdict's."""
    try:
        content = _trial(place).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return Trial.unpack(content[len(digest) :]) if content.startswith(digest.encode()) else None


def drop_trial(place: Path) -> None:
    _trial(place).unlink(missing_ok=True)


def _trial(verdict: Path) -> Path:
    return verdict.with_name("trial.msgpack")


def write_whole(place: Path, content: bytes) -> None:
    """A run that is killed leaves the whole file or the one that was there before; a full disk, too."""
    place.parent.mkdir(parents=True, exist_ok=True)
    draft = place.with_name(f".{place.name}.draft")
    draft.write_bytes(content)
    draft.replace(place)
