"""What arrives is hostile until shown otherwise: names, links, sizes, zips."""

from __future__ import annotations

import json
import stat
import zipfile
from pathlib import Path

import pytest
from tiny import Tiny

from nbjudge.collect import Arrival, collect
from nbjudge.course import CourseError
from nbjudge.reader import MAX_BYTES, UnreadableError, read


def pack(place: Path, files: dict[str, str]) -> Path:
    with zipfile.ZipFile(place, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return place


def by_student(origin: Path) -> dict[str, Arrival]:
    return {arrival.student: arrival for arrival in collect(origin, "sums")[0]}


def kinds(arrival: Arrival) -> list[str]:
    return [remark.kind for remark in arrival.remarks]


def test_a_zip_gives_the_same_as_the_folder(tmp_path: Path) -> None:
    files = {"ada/sums.ipynb": "a", "ada/timestamp.txt": "2026-11-20 10:00:00 UTC", "ben/x/sums.ipynb": "b"}
    files["cleo/notes.txt"] = "no notebook"
    for name, content in files.items():
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    packed = by_student(pack(tmp_path / "in.zip", files))
    assert packed == by_student(tmp_path / "in")
    assert packed["ada"] == Arrival("ada", b"a", "2026-11-20 10:00:00")
    assert packed["ben"].notebook == b"b"
    assert kinds(packed["cleo"]) == ["absent"]


@pytest.mark.parametrize(
    "name",
    [
        "../evil/sums.ipynb",
        "a/../../sums.ipynb",
        "/etc/sums.ipynb",
        "a\\..\\..\\sums.ipynb",
        "sums.ipynb",
        "./sums.ipynb",
    ],
)
def test_entries_that_point_elsewhere_are_nobodys(tmp_path: Path, name: str) -> None:
    origin = pack(tmp_path / "in.zip", {name: "{}", "ada/sums.ipynb": "{}"})
    assert list(by_student(origin)) == ["ada"]


@pytest.mark.parametrize("name", ["*", "a[b]", "-rf", "=1+1", "a;b", "C:", "a\nb", ".hidden", "x" * 200, "ada "])
def test_folders_that_cannot_be_a_student(tmp_path: Path, name: str) -> None:
    arrivals, strange = collect(pack(tmp_path / "in.zip", {f"{name}/sums.ipynb": "{}"}), "sums")
    assert arrivals == []
    assert strange == ([] if name.startswith(".") else [name]), "what systems hide is not even mentioned"


@pytest.mark.parametrize("name", ["ada", "12345", "Zoë O'Hara", "ada.l@example.org", "李雷"])
def test_folders_that_can_be(tmp_path: Path, name: str) -> None:
    assert list(by_student(pack(tmp_path / "in.zip", {f"{name}/sums.ipynb": "{}"}))) == [name]


def test_a_notebook_without_an_owner_is_mentioned(tmp_path: Path) -> None:
    assert collect(pack(tmp_path / "in.zip", {"sums.ipynb": "{}"}), "sums") == ([], ["./sums.ipynb"])


def test_a_link_in_a_zip_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "in.zip", "w") as archive:
        entry = zipfile.ZipInfo("ada/sums.ipynb")
        entry.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(entry, "/etc/passwd")
    arrival = by_student(tmp_path / "in.zip")["ada"]
    assert kinds(arrival) == ["refused"]
    assert arrival.notebook is None


def test_a_folder_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "sums.ipynb").write_text("{}")
    (tmp_path / "in" / "ada").mkdir(parents=True)
    (tmp_path / "in" / "ada" / "there").symlink_to(tmp_path / "secret")
    assert by_student(tmp_path / "in")["ada"].notebook is None


def test_a_zip_bomb_is_read_no_further_than_the_cap(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "in.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("ada/sums.ipynb", b" " * (3 * MAX_BYTES))
    content = by_student(tmp_path / "in.zip")["ada"].notebook
    assert content is not None
    assert len(content) == MAX_BYTES + 1
    with pytest.raises(UnreadableError):
        read(content + b"{}")


def test_a_damaged_entry_hurts_its_student_only(tmp_path: Path) -> None:
    origin = pack(tmp_path / "in.zip", {"ada/sums.ipynb": "AAAA" * 50, "ben/sums.ipynb": "{}"})
    origin.write_bytes(origin.read_bytes().replace(b"AAAA", b"AAAB", 1))
    arrivals = by_student(origin)
    assert kinds(arrivals["ada"]) == ["refused"]
    assert arrivals["ben"].notebook == b"{}"


def test_systems_own_files_are_passed_over(tmp_path: Path) -> None:
    names = ["__MACOSX/ada/._sums.ipynb", "ada/.ipynb_checkpoints/sums-checkpoint.ipynb", "ada/sums.ipynb"]
    arrivals = by_student(pack(tmp_path / "in.zip", dict.fromkeys(names, "{}")))
    assert list(arrivals) == ["ada"]
    assert kinds(arrivals["ada"]) == []


@pytest.mark.parametrize(("names", "kind"), [
    (["sums.ipynb", "sums-old.ipynb"], ["others"]),
    (["Copy of sums.ipynb", "notes.ipynb"], ["renamed", "others"]),
    (["homework.ipynb"], ["renamed"]),
    (["a.ipynb", "b.ipynb"], ["ambiguous"]),
    (["x/sums.ipynb", "y/sums.ipynb"], ["ambiguous"]),
    (["sums.py"], ["absent"]),
])  # fmt: skip
def test_which_notebook_is_meant(tmp_path: Path, names: list[str], kind: list[str]) -> None:
    origin = pack(tmp_path / "in.zip", {f"ada/{name}": "{}" for name in names} | {"ben/sums.ipynb": "{}"})
    assert kinds(by_student(origin)["ada"]) == kind


@pytest.mark.parametrize(
    ("names", "students"),
    [
        (
            ["week3/ada/sums.ipynb", "week3/ben/x/sums.ipynb", "week3/cleo/notes.txt", "week3/grades.csv"],
            "ada ben cleo",
        ),
        (["week 3 (2)/ada/sums.ipynb", "__MACOSX/week 3 (2)/ada/._sums.ipynb"], "ada"),
        (["week3/ada/sums/sums.ipynb", "week3/sums/sums.ipynb"], "ada sums"),
        (["week3/Ada_123_assignsubmission_file_/sums.ipynb"], "Ada"),
    ],
)
def test_one_folder_around_all_of_them_is_no_student(tmp_path: Path, names: list[str], students: str) -> None:
    packed = by_student(pack(tmp_path / "in.zip", dict.fromkeys(names, "{}")))
    assert " ".join(packed) == students
    assert {name for name in packed if packed[name].notebook is None} <= {"cleo"}
    with zipfile.ZipFile(tmp_path / "in.zip") as archive:
        archive.extractall(tmp_path / "in")
    assert by_student(tmp_path / "in") == packed


def test_empty_folders_in_the_one_around_all_count_too(tmp_path: Path) -> None:
    for name in ("ada", "ben"):
        (tmp_path / "in" / "week3" / name).mkdir(parents=True)
    (tmp_path / "in" / "week3" / "ada" / "sums.ipynb").write_text("{}")
    assert {name: kinds(one) for name, one in by_student(tmp_path / "in").items()} == {"ada": [], "ben": ["absent"]}


@pytest.mark.parametrize(
    ("name", "student"),
    [
        ("ada/sums/sums.ipynb", "ada"),
        ("Ada Lovelace_123_assignsubmission_file_/work/sums.ipynb", "Ada Lovelace"),
        ("ada/notes/readme.txt", "ada"),
    ],
)
def test_a_class_of_one_is_not_unwrapped(tmp_path: Path, name: str, student: str) -> None:
    assert list(by_student(pack(tmp_path / "in.zip", {name: "{}"}))) == [student]


@pytest.mark.parametrize("stamp", ["", "yesterday-ish", "9" * 60])
def test_a_timestamp_that_says_nothing_is_left_out(tmp_path: Path, stamp: str) -> None:
    origin = pack(tmp_path / "in.zip", {"ada/sums.ipynb": "{}", "ada/timestamp.txt": stamp})
    assert by_student(origin)["ada"].timestamp is None


def test_only_a_folder_or_a_zip_will_do(tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("?")
    with pytest.raises(CourseError, match="--from"):
        collect(tmp_path / "in.txt", "sums")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b"\xff\xfe\x00", "not text"),
        (b"{ no", "not valid JSON"),
        (b"[]", ""),
        (b"3", ""),
        (b"[" * 100_000, ""),
        (
            json.dumps({"cells": [{"cell_type": "code"}], "nbformat": 4, "nbformat_minor": 5, "metadata": {}}).encode(),
            "",
        ),
        (json.dumps({"cells": "x", "nbformat": 4, "nbformat_minor": 5, "metadata": {}}).encode(), ""),
    ],
)
def test_junk_is_refused_in_words(content: bytes, reason: str) -> None:
    with pytest.raises(UnreadableError) as error:
        read(content)
    assert reason in str(error.value)


def test_an_older_notebook_format_is_brought_up_to_date(tiny: Tiny) -> None:
    notebook = tiny.answer()
    for cell in notebook.cells:
        del cell["id"]
    notebook.nbformat_minor = 0
    assert len(read(json.dumps(notebook).encode()).cells) == len(notebook.cells)
