"""Exports of Moodle, Canvas and Brightspace as they look, and what students put into them."""

from __future__ import annotations

import io
import json
import re
import unicodedata
import zipfile
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output
from nbgrader.api import Gradebook
from test_report import report, text_of
from tiny import GOOD_ADD, GOOD_TOTAL, Tiny

from nbjudge.archives import MAX_NESTED_FILES
from nbjudge.collect import Arrival, collect
from nbjudge.course import CourseError
from nbjudge.lms import Sender, sender, time_of
from nbjudge.names import plain
from nbjudge.reader import MAX_BYTES, read
from nbjudge.remarks import KINDS

FILE, TEXT = "assignsubmission_file_", "assignsubmission_onlinetext_"
MOODLE = {
    f"Ada Lovelace_1234567_{FILE}/sums.ipynb": "ada",
    f"Ada Lovelace_1234567_{TEXT}/onlinetext.html": "<p>see the file</p>",
    f"Ben O’Hara_1234568_{FILE}/work/Copy of sums.ipynb": "ben",
    f"Cleo_1234569_{TEXT}/onlinetext.html": "<p>I could not upload</p>",
    f"Group 3-Dora Diaz_1234570_{FILE}/sums.ipynb": "dora",
    f"Group 3-Dora Diaz_1234570_{FILE}/data.csv": "1,2",
    f"李雷_1234571_{FILE}/sums.ipynb": "li",
}
FLAT = {
    f"Ada Lovelace_1234567_{FILE}sums.ipynb": "ada",
    f"Ada Lovelace_1234567_{TEXT}onlinetext.html": "<p>see the file</p>",
    f"Ben O’Hara_1234568_{FILE}Copy of sums.ipynb": "ben",
    f"Cleo_1234569_{TEXT}onlinetext.html": "<p>I could not upload</p>",
    f"Group 3-Dora Diaz_1234570_{FILE}sums.ipynb": "dora",
    f"Group 3-Dora Diaz_1234570_{FILE}data.csv": "1,2",
    f"李雷_1234571_{FILE}sums.ipynb": "li",
}
CANVAS = {
    "lovelaceada_12345_67890_sums.ipynb": "ada",
    "lovelaceada_12345_67891_photo.png": "png",
    "oharaben_LATE_12346_67892_sums-2.ipynb": "ben",
    "diazdora_12348_67895_sums.ipynb": "dora 1",
    "diazdora_12348_67899_sums-1.ipynb": "dora 2",
    "cleo_12347_text.html": "a text entry",
    "cleo_12347_67896_essay.pdf": "pdf",
    "李雷_12349_67897_sums-1.ipynb": "li",
    "LATE_anon_aB3xZ_67898_sums.ipynb": "nobody",
}
BRIGHTSPACE = {
    "12345-67890 - Ada Lovelace - 12 March, 2026 305 PM/sums.ipynb": "ada 2",
    "12345-67890 - Ada Lovelace - 12 March, 2026 259 PM/sums.ipynb": "ada 1",
    "12345-67890 - Ada Lovelace - 2 March, 2026 1105 PM/sums.ipynb": "ada 0",
    "12346-67890 - Mary-Ann O’Hara - Mar 12, 2026 1205 AM/sums (1).ipynb": "mary",
    "12347-67890 - Cleo - Mar 12, 2026 1205 PM/essay.pdf": "pdf",
    "index.html": "<table>who handed in what</table>",
}


def pack(files: Mapping[str, str | bytes], folder: str = "", method: int = zipfile.ZIP_DEFLATED) -> bytes:
    place = io.BytesIO()
    with zipfile.ZipFile(place, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(folder + name, content)
    return place.getvalue()


def arrivals(tmp_path: Path, files: Mapping[str, str | bytes], folder: str = "") -> dict[str, Arrival]:
    """As a zip, and the same as a folder."""
    (tmp_path / "in.zip").write_bytes(pack(files, folder))
    packed, strange = collect(tmp_path / "in.zip", "sums")
    with zipfile.ZipFile(tmp_path / "in.zip") as archive:
        archive.extractall(tmp_path / "in")
    assert collect(tmp_path / "in", "sums") == (packed, strange)
    assert {remark.kind for one in packed for remark in one.remarks} <= set(KINDS)
    return {one.student: one for one in packed}


def told(found: dict[str, Arrival]) -> dict[str, tuple[bytes | None, list[str]]]:
    return {name: (one.notebook, [remark.kind for remark in one.remarks]) for name, one in found.items()}


@pytest.mark.parametrize("files", [MOODLE, FLAT], ids=["folders", "flat"])
@pytest.mark.parametrize("folder", ["", "CS101-Sums-98765/"])
def test_moodle(tmp_path: Path, files: dict[str, str], folder: str) -> None:
    assert told(arrivals(tmp_path, files, folder)) == {
        "Ada Lovelace": (b"ada", []),
        "Ben O'Hara": (b"ben", ["renamed"]),
        "Cleo": (None, ["absent"]),
        "Group 3-Dora Diaz": (b"dora", []),
        "李雷": (b"li", []),
    }


@pytest.mark.parametrize("folder", ["", "submissions/"])
def test_canvas(tmp_path: Path, folder: str) -> None:
    assert told(arrivals(tmp_path, CANVAS, folder)) == {
        "lovelaceada": (b"ada", []),
        "oharaben": (b"ben", ["late"]),
        "diazdora": (b"dora 2", ["replaced"]),
        "cleo": (None, ["absent"]),
        "李雷": (b"li", []),
        "anon": (b"nobody", ["late"]),
    }


def test_a_second_notebook_in_one_submission_is_named(tmp_path: Path) -> None:
    found = arrivals(tmp_path, {f"Ada_1_{FILE}/{name}.ipynb": name for name in ("sums", "sums-final", "a")})
    assert found["Ada"] == Arrival("Ada", b"sums", None, found["Ada"].remarks)
    assert found["Ada"].remarks == [("others", "graded: sums.ipynb; left out: a.ipynb, sums-final.ipynb")]


@pytest.mark.parametrize("folder", ["", "Sums Download 12 March, 2026 905 PM/"])
def test_brightspace(tmp_path: Path, folder: str) -> None:
    found = arrivals(tmp_path, BRIGHTSPACE, folder)
    assert told(found) == {
        "Ada Lovelace": (b"ada 2", ["replaced"]),
        "Mary-Ann O'Hara": (b"mary", ["renamed"]),
        "Cleo": (None, ["absent"]),
    }
    here = datetime(2026, 3, 12, 15, 5).astimezone(UTC)
    assert found["Ada Lovelace"].timestamp == str(here.replace(tzinfo=None))


def test_the_last_one_counts_under_whatever_name(tmp_path: Path) -> None:
    files = {
        "1-2 - Ada - Mar 12, 2026 905 AM/sums.ipynb": "old",
        "1-2 - Ada - Mar 12, 2026 1205 PM/sums (1).ipynb": "new",
    }
    assert told(arrivals(tmp_path, files)) == {"Ada": (b"new", ["replaced", "renamed"])}


def test_times_that_cannot_be_read_decide_nothing(tmp_path: Path) -> None:
    files = {f"1-2 - Ada - {when}/sums.ipynb": when for when in ("12 marzo 2026 1105", "13 Brumaire 2026 1105")}
    assert told(arrivals(tmp_path, files)) == {"Ada": (None, ["ambiguous"])}


@pytest.mark.parametrize(
    ("text", "clock"),
    [
        ("12 March, 2026 305 PM", (3, 12, 15, 5)),
        ("Sep 24, 2026 926 PM", (9, 24, 21, 26)),
        ("September 24, 2026 1226 AM", (9, 24, 0, 26)),
        ("24 September, 2026 21:26", (9, 24, 21, 26)),
        ("31 February, 2026 305 PM", None),
        ("12 March, 2026 2575 PM", None),
        ("12 March, 9999999 305 PM", None),
        ("yesterday", None),
    ],
)
def test_times(text: str, clock: tuple[int, int, int, int] | None) -> None:
    assert time_of(text) == (datetime(2026, *clock).astimezone(UTC) if clock else None)


@pytest.mark.parametrize(
    "path",
    [
        *("ada/sums.ipynb", "ada_1/sums.ipynb", "sums.ipynb", "ada.ipynb", "lab_2.ipynb", "12 - Ada - 3/sums.ipynb"),
        *("_1_assignsubmission_file_/sums.ipynb", "ada_x_assignsubmission_file_/a", "ada_1_assignsubmission_file_"),
    ],
)
def test_names_that_no_platform_gives(path: str) -> None:
    assert sender(PurePosixPath(path)) is None


def test_a_canvas_name_in_full() -> None:
    found = sender(PurePosixPath("de_la_cruzana_LATE_12_345_my_sums_v2-1.ipynb"))
    assert found == Sender("de_la_cruzana", PurePosixPath("my_sums_v2.ipynb"), "12", late=True, serial=345)


@pytest.mark.parametrize(
    "names",
    [
        [f"Wei Chen_{number}_{FILE}/sums.ipynb" for number in (1, 2)],
        ["Wei Chen_1_2_sums.ipynb", "Wei Chen_2_1_sums.ipynb"],
        [f"{number}-7 - Wei Chen - Mar {number}, 2026 905 AM/sums.ipynb" for number in (1, 2)],
    ],
)
def test_two_of_one_name_are_told_apart_by_their_numbers(tmp_path: Path, names: list[str]) -> None:
    found = told(arrivals(tmp_path, {name: f"number {number}" for number, name in enumerate(names, start=1)}))
    assert found == {f"Wei Chen {number}": (b"number %d" % number, ["namesake"]) for number in (1, 2)}


def test_participants_without_names_keep_their_numbers(tmp_path: Path) -> None:
    files = {f"Participant_{number}_{FILE}/sums.ipynb": "x" for number in (17, 18)}
    assert list(arrivals(tmp_path, files)) == ["Participant 17", "Participant 18"]


ROSTERS = {
    "moodle": "Identifier,Full name,student\nParticipant 1,Wei Chen,w1\nParticipant 2,Wei Chen,w2\nParticipant 3,Zoë,z",
    "canvas": 'Student,ID,student,Section\n"Chen, Wei",1,w1,A\n"Chen, Wei",2,w2,A\nZoë,3,z,B\n',
    "brightspace": "student,Last Name,First Name\nw1,Chen,Wei\nz,,Zoë\n",
}


@pytest.mark.parametrize(
    ("roster", "names", "students"),
    [
        ("moodle", [f"Wei Chen_{n}_{FILE}/sums.ipynb" for n in (1, 2)] + [f"Zoë_3_{FILE}/sums.ipynb"], "w1 w2 z"),
        ("canvas", ["chenwei_1_9_sums.ipynb", "chenwei_2_8_sums.ipynb", "zoë_3_7_sums.ipynb"], "w1 w2 z"),
        ("brightspace", ["7-8 - Wei Chen - Mar 1, 2026 905 AM/sums.ipynb"], "w1"),
        ("moodle", ["z/sums.ipynb", "w1/sums.ipynb", "guest/sums.ipynb"], "guest w1 z"),
    ],
)
def test_a_roster_says_who_is_who(tmp_path: Path, roster: str, names: list[str], students: str) -> None:
    (tmp_path / "list.csv").write_text("\ufeff" + ROSTERS[roster])
    (tmp_path / "in.zip").write_bytes(pack(dict.fromkeys(names, unicodedata.normalize("NFD", "x"))))
    found, strange = collect(tmp_path / "in.zip", "sums", tmp_path / "list.csv")
    assert " ".join(one.student for one in found) == students
    assert all(one.remarks == [] for one in found)
    assert strange == []


def test_a_name_that_two_of_the_roster_have_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text(ROSTERS["moodle"])
    (tmp_path / "in.zip").write_bytes(pack({"Wei Chen/sums.ipynb": "x"}))
    assert [one.student for one in collect(tmp_path / "in.zip", "sums", tmp_path / "list.csv")[0]] == ["Wei Chen"]


def test_one_spelling_or_the_other_is_one_student(tmp_path: Path) -> None:
    names = ("Zoë/sums.ipynb", unicodedata.normalize("NFD", "Zoë") + "/data.csv")
    (tmp_path / "in.zip").write_bytes(pack(dict.fromkeys(names, "x")))
    (one,), _ = collect(tmp_path / "in.zip", "sums")
    assert one == Arrival("Zoë", b"x")


def test_a_number_and_a_name_that_contradict_each_other_are_nobodys(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("student,name,number\nada,Ada,1\nben,Ben,2\n")
    (tmp_path / "in.zip").write_bytes(pack({f"Ada_2_{FILE}/sums.ipynb": "x"}))
    assert [one.student for one in collect(tmp_path / "in.zip", "sums", tmp_path / "list.csv")[0]] == ["Ada"]


@pytest.mark.parametrize("content", ["", "name,number\nada,1\n", "\xff\x00"])
def test_what_is_no_roster_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "list.csv").write_bytes(content.encode("latin-1"))
    (tmp_path / "in.zip").write_bytes(pack({"ada/sums.ipynb": "x"}))
    with pytest.raises(CourseError, match="--roster"):
        collect(tmp_path / "in.zip", "sums", tmp_path / "list.csv")


@pytest.mark.parametrize(
    ("name", "student"),
    [
        (unicodedata.normalize("NFD", "Zoë Ångström"), "Zoë Ångström"),
        ("שרה כהן", "שרה כהן"),
        ("محمد", "محمد"),
        ("\u202eadA\u202c", "adA"),
        ("हिन्दी", "हिन्दी"),
        ("Ada 🎉👩\u200d💻 L", "Ada L"),
        ("Ren\u00e9\u2019s (R\u2011D), Jr.", None),  # ends with a dot
        ("O\u2019Neil (Ada), L", "O'Neil (Ada), L"),
        ("🎉", None),
        ("漢" * 100, None),  # more bytes than a folder's name may have
        ("a" * 128, None),
        *((name, None) for name in ("../x", "a/b", "a*", "[a]", "", " a", ".a", "-a", "a\x00b", "a\nb", "CON:", "a|b")),
    ],
)
def test_names_become_ids_or_nothing(name: str, student: str | None) -> None:
    assert plain(name) == student


@pytest.mark.parametrize("files", [("sums.ipynb", "sums.ipynb"), ("sums.ipynb", "mine.ipynb")])
@pytest.mark.parametrize("names", [("ada", "Ada"), ("ada", "ada🎉")])
def test_names_that_a_system_may_take_for_one_are_not_mixed(
    tmp_path: Path, names: tuple[str, str], files: tuple[str, str]
) -> None:
    (tmp_path / "in.zip").write_bytes(pack({f"{names[0]}/{files[0]}": "1", f"{names[1]}/{files[1]}": "2"}))
    (one,), _ = collect(tmp_path / "in.zip", "sums")
    assert (one.notebook, [remark.kind for remark in one.remarks]) == (None, ["ambiguous"])


def zipped_by(student: Mapping[str, str | bytes]) -> dict[str, str | bytes]:
    return {f"Ada_1_{FILE}/ada.zip": pack(student), f"Ben_2_{FILE}/sums.ipynb": "ben"}


def test_a_students_own_zip_is_looked_into(tmp_path: Path) -> None:
    inner = {"lab/sums.ipynb": "ada", "lab/data.csv": "1", "__MACOSX/lab/._sums.ipynb": "junk"}
    assert told(arrivals(tmp_path, zipped_by(inner))) == {"Ada": (b"ada", []), "Ben": (b"ben", [])}


def test_one_level_is_enough(tmp_path: Path) -> None:
    assert told(arrivals(tmp_path, zipped_by({"again.zip": pack({"sums.ipynb": "ada"})})))["Ada"] == (None, ["absent"])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (lambda: b"PK\x03\x04 no zip", "cannot be opened"),
        (lambda: pack({"sums.ipynb": "x"})[:-9], "cannot be opened"),
        (lambda: pack(dict.fromkeys(map(str, range(MAX_NESTED_FILES + 1)), "")), "more than"),
        (lambda: pack({"sums.ipynb": "x" * 100}, method=zipfile.ZIP_LZMA), "unusual"),
        (lambda: pack({"sums.ipynb": "AAAA" * 9}, method=zipfile.ZIP_STORED).replace(b"AAAA", b"AAAB", 1), "damaged"),
        (lambda: encrypted(pack({"sums.ipynb": "x"})), "encrypted"),
        (lambda: garbled(pack({"sums.ipynb": bytes(range(256)) * 99})), "damaged"),
    ],
)
def test_zips_that_are_not_taken(tmp_path: Path, content: Callable[[], bytes], reason: str) -> None:
    found = arrivals(tmp_path, {f"Ada_1_{FILE}/ada.zip": content(), f"Ben_2_{FILE}/sums.ipynb": "ben"})
    assert told(found) == {"Ada": (None, ["refused"]), "Ben": (b"ben", [])}
    assert reason in found["Ada"].remarks[0].detail


def encrypted(content: bytes) -> bytes:
    """With the flag set that says so, in both places."""
    changed = bytearray(content)
    changed[6] |= 1
    changed[content.index(b"PK\x01\x02") + 8] |= 1
    return bytes(changed)


def garbled(content: bytes) -> bytes:
    return content[:60] + b"\xff" * 40 + content[100:]


@pytest.mark.parametrize("depth", [0, 1])
def test_a_bomb_takes_its_cap_and_no_more(tmp_path: Path, depth: int) -> None:
    bomb = pack({"sums.ipynb": b"\0" * 10 * MAX_BYTES})
    files: dict[str, str | bytes] = zipped_by({"x/sums.ipynb": b"\0" * 10 * MAX_BYTES}) if depth else {}
    if not depth:
        with zipfile.ZipFile(io.BytesIO(bomb)) as archive:
            files = {f"Ada_1_{FILE}/sums.ipynb": archive.read("sums.ipynb")}
    (tmp_path / "in.zip").write_bytes(pack(files))
    found = {one.student: one for one in collect(tmp_path / "in.zip", "sums")[0]}
    assert len(found["Ada"].notebook or b"") == MAX_BYTES + 1
    assert (tmp_path / "in.zip").stat().st_size < 1_000_000
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.zip"], "nothing was unpacked"


@pytest.mark.parametrize("zipped", [False, True])
def test_how_tightly_a_notebook_packs_does_not_count(tmp_path: Path, zipped: bool) -> None:
    """A blank picture and a line that is printed over and over are honest, and pack as a bomb does."""
    shown = [
        new_output("display_data", {"image/png": "A" * (MAX_BYTES // 2)}),
        new_output("stream", text="loss: nan\n" * (MAX_BYTES // 25)),
    ]
    notebook = json.dumps(new_notebook(cells=[new_code_cell("train()", outputs=shown)])).encode()
    assert 0.9 * MAX_BYTES < len(notebook) < MAX_BYTES
    assert len(pack({"sums.ipynb": notebook})) < len(notebook) / 500
    files = {f"Ada_1_{FILE}/sums.ipynb": notebook, f"Ben_2_{FILE}/sums.ipynb": "ben"}
    found = arrivals(tmp_path, zipped_by({"sums.ipynb": notebook}) if zipped else files)["Ada"]
    assert (found.notebook == notebook, found.remarks) == (True, [])
    assert len(read(notebook).cells[0].outputs) == 2


def test_a_size_that_lies_is_found_out(tmp_path: Path) -> None:
    """The list says 10 bytes; the stream behind it holds a million."""
    content = pack({"sums.ipynb": b"\0" * 1_000_000})
    lying = content.replace((1_000_000).to_bytes(4, "little"), (10).to_bytes(4, "little"))
    assert lying != content
    found = arrivals(tmp_path, {f"Ada_1_{FILE}/ada.zip": lying, f"Ben_2_{FILE}/sums.ipynb": "ben"})
    assert told(found)["Ada"] == (None, ["refused"])


@pytest.mark.parametrize("name", ["../../sums.ipynb", "/etc/sums.ipynb", "..\\sums.ipynb", "a/../../sums.ipynb"])
def test_paths_in_a_students_zip_lead_nowhere(tmp_path: Path, name: str) -> None:
    assert told(arrivals(tmp_path, zipped_by({name: "x"})))["Ada"] == (None, ["absent"])


def test_other_archives_are_named(tmp_path: Path) -> None:
    found = arrivals(tmp_path, {f"Ada_1_{FILE}/work.rar": "x", f"Ben_2_{FILE}/sums.ipynb": "b"})
    assert found["Ada"].remarks == [("absent", "work.rar")]


def test_an_export_is_graded_under_the_ids_of_the_roster(tiny: Tiny) -> None:
    """All at once: Canvas's names, a class list, one notebook that came through another program and lost its ids."""
    lost = tiny.answer(GOOD_ADD, GOOD_TOTAL)
    for number, cell in enumerate(lost.cells):
        cell.metadata, cell.id = {}, f"c{number}"
    files = {
        "lovelaceada_LATE_12_345_sums-1.ipynb": json.dumps(lost),
        "chenwei_13_346_sums.ipynb": json.dumps(tiny.answer(GOOD_ADD)),
        "chenwei_14_347_sums.ipynb": json.dumps(tiny.answer(total=GOOD_TOTAL)),
    }
    (tiny.folder / "export.zip").write_bytes(pack(files))
    roster = 'Student,ID,student\n"Lovelace, Ada",12,a1\n"Chen, Wei",13,c1\n"Chen, Wei",14,c2\n'
    (tiny.folder / "list.csv").write_text(roster)
    tiny.done("grade", "sums", "--from", "export.zip", "--roster", "list.csv")
    marks = tiny.marks()
    assert {student: row["final mark"] for student, row in marks.items()} == {"a1": "6", "c1": "3", "c2": "3"}
    assert marks["a1"]["needs a look"].split() == ["realigned", "late"]
    seen = text_of(report(tiny))
    assert "a1 add As released def add(a, b):" in seen
    assert "As handed in def add(a, b): return a + b" in seen


def test_a_second_run_without_a_place_knows_what_the_first_was_given(tiny: Tiny) -> None:
    """Remarks of collecting stay, and nothing is graded again: a mark by hand would be called into question."""
    right = json.dumps(tiny.answer(GOOD_ADD, GOOD_TOTAL))
    files = {
        "lovelaceada_LATE_12_345_sums-1.ipynb": right,
        "chenwei_13_346_Copy of sums.ipynb": right,
        "diazdora_14_347_sums.ipynb": json.dumps(tiny.answer()),
        "diazdora_14_348_sums-1.ipynb": right,
        "cleo_15_349_essay.pdf": "pdf",
        "oharaben_16_350_a.ipynb": right,
        "oharaben_16_351_b.ipynb": right,
    }
    (tiny.folder / "export.zip").write_bytes(pack(files))
    tiny.done("grade", "sums", "--from", "export.zip")
    with Gradebook(f"sqlite:///{tiny.class_folder / 'gradebook.db'}", "tiny") as book:
        book.find_grade("total-value", "sums", "sums", "chenwei").manual_score = 1
        book.db.commit()
    tiny.done("grade", "sums", "--from", "export.zip")
    before = tiny.marks()
    looks = {name: row["needs a look"] for name, row in before.items()}
    assert looks == {
        "lovelaceada": "late",
        "chenwei": "renamed",
        "diazdora": "replaced",
        "cleo": "absent",
        "oharaben": "ambiguous",
    }
    for place in ([], ["--from", "export.zip"], []):
        assert tiny.done("grade", "sums", *place).splitlines()[-3].endswith("5 unchanged")
        assert tiny.marks() == before
    tiny.done("grade", "sums", "--again")
    assert {name: row["needs a look"] for name, row in tiny.marks().items()} == looks | {"chenwei": "review renamed"}


def test_an_earlier_notebook_does_not_come_back(tiny: Tiny) -> None:
    """What came last could not be taken; a run without a place to collect from must not grade what was there before."""
    right = json.dumps(tiny.answer(GOOD_ADD, GOOD_TOTAL))
    for files in (
        {"ada_1_2_sums.ipynb": right, "ben_2_3_sums.ipynb": right},
        {"ada_1_4_a.ipynb": right, "ada_1_5_b.ipynb": right, "ben_2_6_essay.pdf": "pdf"},
    ):
        (tiny.folder / "export.zip").write_bytes(pack(files))
        tiny.done("grade", "sums", "--from", "export.zip")
    assert "2 unchanged" in tiny.done("grade", "sums")
    marks = {name: (row["final mark"], row["needs a look"]) for name, row in tiny.marks().items()}
    assert marks == {"ada": ("0", "ambiguous"), "ben": ("0", "absent")}
    assert (tiny.class_folder / "submitted" / "ada" / "sums" / "sums.ipynb.earlier").read_text() == right


def test_another_notebook_in_its_place_loses_the_earlier_ones_remarks(tiny: Tiny) -> None:
    (tiny.folder / "export.zip").write_bytes(pack({"ada_LATE_12_345_Copy of sums.ipynb": json.dumps(tiny.answer())}))
    tiny.done("grade", "sums", "--from", "export.zip")
    place = tiny.class_folder / "submitted" / "ada" / "sums" / "sums.ipynb"
    place.write_text(json.dumps(tiny.answer(GOOD_ADD)))
    assert "1 graded" in tiny.done("grade", "sums")
    assert (tiny.marks()["ada"]["final mark"], tiny.marks()["ada"]["needs a look"]) == ("3", "")


LATE = """
from nbgrader.plugins import LateSubmissionPlugin
class Two(LateSubmissionPlugin):
    def late_submission_penalty(self, student_id, score, total_seconds_late):
        return 2
c.AssignLatePenalties.plugin_class = Two
"""


def test_late_without_a_time_is_told_until_there_is_one(tiny: Tiny) -> None:
    with (tiny.folder / "nbgrader_config.py").open("a") as config:
        config.write(LATE)
    tiny.nbgrader("db", "assignment", "add", "sums", "--duedate=2026-01-10 12:00:00 UTC")
    right = json.dumps(tiny.answer(GOOD_ADD, GOOD_TOTAL))
    (tiny.folder / "export.zip").write_bytes(pack({"ada_LATE_12_345_sums.ipynb": right}))
    tiny.done("grade", "sums", "--from", "export.zip")
    assert (tiny.marks()["ada"]["final mark"], tiny.marks()["ada"]["needs a look"]) == ("6", "late")
    assert "so no late penalty was computed" in text_of(report(tiny))
    place = tiny.class_folder / "submitted" / "ada" / "sums" / "timestamp.txt"
    place.write_text("2026-01-11 13:00:00 UTC")
    for where in ([], ["--from", "export.zip"], []):
        tiny.done("grade", "sums", *where)
        assert (tiny.marks()["ada"]["final mark"], tiny.marks()["ada"]["needs a look"]) == ("4", "")


def test_a_roster_says_who_is_missing_and_who_is_not_on_it(tiny: Tiny) -> None:
    (tiny.folder / "list.csv").write_text("student,name\na1,Ada\nb2,Ben\nc3,Cleo\n")
    for name in ("Ada", "guest"):
        tiny.hand_in(name, tiny.answer(GOOD_ADD))
    for command in (["grade", "sums", "--from", "incoming"], ["report", "sums"], ["report", "sums", "--anonymous"]):
        printed = tiny.done(*command, "--roster", "list.csv")
        assert (
            "On the class list, handed in nothing (2): b2; c3\nHanded in, not on the class list (1): guest" in printed
        )
        page = text_of(Path(printed.rpartition("report: ")[2].strip()).read_text())
        assert "On the class list, handed in nothing (2)" in page
        assert ("(2): b2; c3 Handed in, not on the class list (1): guest" in page) == ("--anonymous" not in command)
        assert not ("--anonymous" in command and re.search("b2|guest", page))
    assert "Class list" not in report(tiny)
    tiny.hand_in("b2", tiny.answer())
    (tiny.folder / "list.csv").write_text("student,name\na1,Ada\nb2,Ben\nguest,Guest\n")
    assert "list" not in tiny.done("grade", "sums", "--from", "incoming", "--roster", "list.csv")
    assert "Everybody on it handed in" in text_of((tiny.class_folder / "report" / "sums.html").read_text())
