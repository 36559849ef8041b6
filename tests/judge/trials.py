"""A judge and its contestant on small notebooks, through a real zygote."""

from __future__ import annotations

from nbformat.v4 import new_code_cell

from nbjudge.box.zygote import Zygote
from nbjudge.trial.job import Job, Trial

BEGIN, END = "### BEGIN HIDDEN TESTS", "### END HIDDEN TESTS"


def hidden(*lines: str) -> str:
    return "\n".join([BEGIN, *lines, END])


def cell(source: str, name: str = "", tags: tuple[str, ...] = (), **flags):
    tag = {"grade_id": name, "grade": False, "solution": False, "locked": False, "schema_version": 3} | flags
    forbid = tag.pop("forbid", None)
    metadata = {"nbgrader": tag} if name else {}
    metadata |= {"tags": list(tags)} if tags else {}
    return new_code_cell(source, metadata=metadata | ({"nbjudge": {"forbid": forbid}} if forbid else {}))


def locked(source: str, name: str, **more):
    return cell(source, name, locked=True, **more)


def solution(source: str, name: str = "solution"):
    return cell(source, name, solution=True)


def graded(source: str, name: str, points: float = 1, **more):
    return cell(source, name, grade=True, locked=True, points=points, **more)


def job(*cells, submission=None, **more) -> Job:
    """The cells are the source; what is not given otherwise is what the student handed in, too."""
    theirs = list(cells if submission is None else submission)
    return Job({"metadata": {}, "cells": list(cells)}, {"metadata": {}, "cells": theirs}, **more)


def judged(zygote: Zygote, *cells, **more) -> Trial:
    more.setdefault("limits", zygote.limits)
    return Trial.unpack(zygote.judge(job(*cells, **more).pack()))


def printed(trial: Trial, position: int) -> str:
    return "".join(output.get("text", "") for output in trial.cells[position].outputs)


def error(trial: Trial, position: int) -> dict:
    """The one error that a cell ended with."""
    (found,) = [output for output in trial.cells[position].outputs if output["output_type"] == "error"]
    return found


def remarks(trial: Trial) -> list[str]:
    return [remark.kind for remark in trial.remarks]
