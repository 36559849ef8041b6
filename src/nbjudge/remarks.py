"""What can be wrong with a submission, and how it is told to an instructor."""

from __future__ import annotations

from typing import NamedTuple


class Remark(NamedTuple):
    """One reason to look at a submission. The detail may quote the student, so it stays out of anonymous reports."""

    kind: str
    detail: str = ""


# Kind: what happened, and what an instructor can do about it. The gravest first: reports list them in this order.
KINDS = {
    "absent": ("No notebook was handed in.", "Ask for it, if the student meant to hand in."),
    "ambiguous": (
        "Several notebooks, and no telling which is meant.",
        "Keep the right one in the folder and grade again.",
    ),
    "refused": ("The file was not accepted.", "Ask for the notebook as a plain file."),
    "unreadable": ("The file is not a notebook that can be read.", "Ask for it again: it may have broken on the way."),
    "stopped": (
        "Grading took longer than the limit and was stopped.",
        "Look for an endless loop. With a higher --limit it may finish.",
    ),
    "crashed": ("The judge itself ended before it had marks.", "Grade again; if it stays, read what it says here."),
    "failed": ("It could not be graded.", "Read what it says here, and the log that lies beside its verdict."),
    "ungraded": ("It has not been graded yet.", "Grade the lab."),
    "unsealed": (
        "Its code ran with the rights of whoever graded it: nothing was sealed.",
        "Trust the mark as far as you trust the student, or grade again on a host that nbjudge check approves.",
    ),
    "test": (
        "A test could not be run as it is written.",
        "If only this submission has it, look at what it handed to the test; if many have it, mend the test where the "
        "line says, and grade with --again.",
    ),
    "credit": (
        "A test gave points outside its range; they count zero.",
        "Not the student's fault: mend the test's last line, and grade with --again.",
    ),
    "limit": (
        "All the time of a submission was used up; the tests below that point failed.",
        "Look for slow cells. With a higher --limit they may finish.",
    ),
    "died": (
        "A cell or a call killed the process it ran in; the rest was graded.",
        "Look for os._exit, or for an array too large for the memory.",
    ),
    "wire": (
        "An answer could not be handed over to the test; the test failed.",
        "Read the cell: honest work rarely holds what cannot be handed over, attempts to cheat do.",
    ),
    "foreign": ("Nothing of this lab was found in it.", "Probably the wrong notebook: ask for the right one."),
    "forbidden": (
        "It calls what its task forbids.",
        "Read the cell: what is found while it runs can be hidden by a determined student, and a name can be innocent.",
    ),
    "doubtful": (
        "It is not certain which cell is which.",
        "Compare the texts under “Cells put back in place”; where they are wrong, put the cell right and grade again.",
    ),
    "restored": (
        "Cells of answers are missing; their tests had nothing to test.",
        "If the answer stands elsewhere in the notebook, it was run all the same.",
    ),
    "given": (
        "A cell that came with the lab failed, so the tests below it may have had no chance.",
        "If everybody has it, something is missing on this machine: mend that and grade with --again.",
    ),
    "slow": ("A cell ran too long and was stopped; the rest was graded.", "Look for an endless loop."),
    "syntax": ("A cell is not valid Python; the rest was graded.", "Often one character: look before it costs a task."),
    "review": (
        "A mark given by hand stands beside a new automatic one.",
        "The mark given by hand counts. Confirm it in formgrader.",
    ),
    "open": ("Answers wait for a mark by hand.", "Mark them in formgrader, then make the report again."),
    "feedback": ("Graded, but no feedback page could be made.", "Read the log that lies beside its verdict."),
    "renamed": ("The file had another name; it was graded all the same.", "Nothing to do, unless it is the wrong lab."),
    "realigned": (
        "Cells had lost their grade ids; they were found by what they define.",
        "Nothing to do: Colab and copying do that.",
    ),
    "namesake": (
        "Several students have this name; the platform's number was added to it.",
        "Name the right students in a list and give it with --roster.",
    ),
    "others": (
        "Several notebooks came; one was graded, the others were left out.",
        "If another one is meant, put it in the graded one's place in the folder of submissions and grade again.",
    ),
    "late": (
        "Canvas marks it as late and tells no time, so no late penalty was computed.",
        "Take the penalty off in Canvas; or write when it came, as in 2026-11-20 10:00:00 UTC, into a file "
        "timestamp.txt beside the notebook in the folder submitted, and grade again without --from.",
    ),
    "replaced": (
        "It was handed in several times; the latest was graded.",
        "Nothing to do, unless that is wrong.",
    ),
    "version": (
        "It was made from another version of the lab.",
        "Check that its tasks are the same; the tests were this version's.",
    ),
}
AS_ZERO_SAID = "counted as zero"
AS_ZERO = ("absent", "ambiguous", "refused", "unreadable", "stopped", "crashed", "failed")


def gravest_first(remarks: list[Remark]) -> list[Remark]:
    order = {kind: position for position, kind in enumerate(KINDS)}
    return sorted(remarks, key=lambda remark: order.get(remark.kind, len(order)))
