"""How nbgrader finds, runs and marks the labs. What an instructor changes stands in course.toml."""

import math
import os
import runpy
import sys
from pathlib import Path

from nbgrader.plugins import BasePlugin

import nbjudge.plugin

ROOT = Path(__file__).resolve().parent
try:
    SETTINGS = runpy.run_path(str(ROOT / "tools/settings.py"))["settings"]()  # by its path: nbgrader runs from anywhere
except ValueError as error:
    print(error, file=sys.stderr)
    sys.exit(2)
DAY = 24 * 60 * 60


class PenaltyPerDay(BasePlugin):
    """Takes a share of the mark for each day begun after the due date."""

    def late_submission_penalty(self, student_id: str, score: float, total_seconds_late: float) -> float:
        days = math.ceil(total_seconds_late / DAY)
        return min(score, score * days * SETTINGS["late"]["penalty_per_day"])


c = get_config()  # noqa: F821  (nbgrader puts it here)

c.CourseDirectory.course_id = SETTINGS["offering"]["name"]
c.CourseDirectory.root = str(ROOT / os.environ.get("TRAINWELL_CLASS", f"classes/{SETTINGS['offering']['name']}"))
c.CourseDirectory.release_directory = str(ROOT / "labs")
c.ExportPlugin.to = str(Path(c.CourseDirectory.root) / "grades.csv")  # of `nbgrader export`, which --to overrules
c.CourseDirectory.directory_structure = "{nbgrader_step}/{student_id}/{assignment_id}"

c.Execute.timeout = 30  # seconds a cell; none of the labs' needs more than a few
c.ClearSolutions.code_stub = {"python": "# YOUR CODE HERE\nraise checks.Unwritten"}
c.NbJudge.version_key = "trainwell"  # where a notebook says which version of the course it was made from
c.AssignLatePenalties.plugin_class = PenaltyPerDay
nbjudge.plugin.configure(c)  # submissions run in the judge
