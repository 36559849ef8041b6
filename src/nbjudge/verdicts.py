"""What grading wrote down about one submission; marks themselves stand in nbgrader's gradebook."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from nbjudge.remarks import Remark


@dataclass(frozen=True)
class Verdict:
    """`digest` names the submission and the tests it was graded with: as long as it stays, so does the verdict.
    `marks` names the marks and comments that the feedback shows."""

    digest: str
    seconds: float
    remarks: list[Remark]
    marks: str = ""

    def write(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(".draft")  # a run that is killed leaves whole verdicts or none
        draft.write_text(json.dumps(asdict(self), indent=1) + "\n")
        draft.replace(path)

    @classmethod
    def read(cls, path: Path) -> Verdict | None:
        if not path.is_file():
            return None
        content = json.loads(path.read_text())
        return cls(**content | {"remarks": [Remark(*remark) for remark in content["remarks"]]})
