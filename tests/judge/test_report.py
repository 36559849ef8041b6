"""The class report: its figures, what it must not hold, and that it asks nobody for anything."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest
from nbformat.v4 import new_code_cell
from nbgrader.api import Gradebook
from test_grade import EXPECTED
from tiny import Tiny

from nbjudge.align import Match
from nbjudge.alike import Pair
from nbjudge.marks import plain
from nbjudge.notebooks import Mistake
from nbjudge.page import render
from nbjudge.remarks import KINDS, Remark
from nbjudge.results import Misunderstanding, Property, Result, Results


def report_place(tiny: Tiny, *options: str) -> Path:
    return Path(tiny.done("report", "sums", *options).rpartition("report: ")[2].strip())


def report(tiny: Tiny, *options: str) -> str:
    return report_place(tiny, *options).read_text(encoding="utf-8")


def text_of(page: str) -> str:
    """What a reader sees, one space between words."""
    body = re.sub(r"<style>.*?</style>", "", page, flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", body).split())


def test_what_stands_in_it(graded_class: Tiny) -> None:
    seen = text_of(report(graded_class))
    assert "submissions 17 graded 11 counted as zero 6 to look at 13" in seen
    assert "Task 1: add two numbers" in seen
    assert "add-value 45% 5 0 6 2" in seen, "of the 11 graded, 5 got all of its 2 points"
    assert "1 subtracts &lt;b&gt;instead&lt;/b&gt; of adding Task 1: add two numbers add-value 1" in seen
    assert re.search(r"Seconds [\d.]+ [\d.]+ [\d.]+ Seconds of CPU", seen)
    assert "stu-renamed Copy of sums (1).ipynb mark 6" in seen
    assert "0.9 instead of 1.0" in seen


def test_a_cell_has_the_name_that_stands_on_the_feedback_page(graded_class: Tiny, copied: Tiny) -> None:
    def page(tiny: Tiny, student: str) -> str:
        return text_of((tiny.class_folder / "feedback" / student / "sums" / "sums.html").read_text())

    seen = text_of(report(graded_class))
    for student, name, mark in (("stu-loop", "add", 3), ("stu-syntax", "add", 3), ("stu-shadow", "setup", 6)):
        assert f"{student} {name} mark {mark}" in seen
        assert re.search(rf"In \[\d\]: {name} ", page(graded_class, student))
    notebook = copied.answer()
    notebook.cells.insert(3, new_code_cell("x ="))  # below two cells of text and one of code
    copied.hand_in("stu-half", notebook)
    copied.done("grade", "sums", "--from", "incoming")
    assert "stu-half cell [2] mark 0" in text_of(report(copied))
    assert "In [2]: x =" in page(copied, "stu-half")


@pytest.mark.parametrize("student", EXPECTED)
def test_a_line_for_everybody(graded_class: Tiny, student: str) -> None:
    mark, trouble = EXPECTED[student]
    seen = text_of(report(graded_class))
    assert re.search(rf"{student} (\(look\) )?{mark} {round(100 * mark / 6)}%", seen)
    for kind in trouble.split():
        assert KINDS[kind][0].replace("'", "&#39;") in seen


def test_it_asks_nobody_for_anything(graded_class: Tiny) -> None:
    for page in (report(graded_class), report(graded_class, "--anonymous")):
        page = re.sub(r'<a href="\.\./feedback/[\w-]+/sums/sums\.html">', "", page)
        assert not re.search(r"https?://|//\w|\bsrc=|\bhref=|url\(|@import|<script", page), "no test names a section"
        assert "default-src 'none'" in page


class Structure(HTMLParser):
    """Collects what a screen reader needs."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.heads: list[dict[str, str | None]] = []
        self.levels: list[int] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "th":
            self.heads.append(dict(attrs))
        if re.fullmatch(r"h[1-6]", tag):
            self.levels.append(int(tag[1]))


def test_headings_and_tables_have_structure(graded_class: Tiny) -> None:
    found = Structure(report(graded_class))
    assert found.heads
    assert all(head.get("scope") in {"col", "row", "rowgroup"} for head in found.heads)
    assert found.levels[0] == 1
    assert all(after - before <= 1 for before, after in zip(found.levels, found.levels[1:], strict=False))


def test_the_anonymous_report_names_nobody(copied: Tiny) -> None:
    with Gradebook(f"sqlite:///{copied.class_folder / 'gradebook.db'}", "tiny") as book:
        book.update_or_create_student("stu-perfect", first_name="Perdita", last_name="O'Hara")
    assert "Perdita" in text_of(report(copied))
    page = report(copied, "--anonymous")
    seen = text_of(page)
    assert not re.search(r"stu-|Perdita|O'Hara|O&#39;Hara|Copy of|" + re.escape(str(copied.folder)), page)
    assert len(set(re.findall(r"Student [A-Z2-7]{6}", seen))) == len(EXPECTED)


def test_pseudonyms_stay_the_same(copied: Tiny) -> None:
    before = set(re.findall(r"Student [A-Z2-7]{6}", report(copied, "--anonymous")))
    copied.hand_in("latecomer", copied.answer())
    copied.done("grade", "sums", "--from", "incoming")
    after = set(re.findall(r"Student [A-Z2-7]{6}", report(copied, "--anonymous")))
    assert before < after
    assert len(after) == len(before) + 1


def class_of(*students: Result) -> Results:
    return Results("sums", [Property("a", "", 4)], list(students))


def test_strangers_words_are_escaped() -> None:
    nasty = "<script>alert(1)</script>{{ 7 * 7 }}"
    student = Result(nasty, nasty, 0, 0, {"a": 0}, set(), [Remark("renamed", nasty)], [Mistake("a", nasty)])
    page = render(class_of(student))
    assert "<script" not in page
    assert page.count("&lt;script&gt;") >= 4
    assert "{{ 7 * 7 }}" in page


def test_a_mistake_cannot_carry_a_name_into_the_anonymous_report() -> None:
    student = Result("ada99", "Ada Lovelace", 1, 0, {"a": 1}, set(), [], [Mistake("a", "ADA99 of lovelace was here")])
    page = render(class_of(student), lambda name: "Student X")
    assert not re.search(r"ada99|lovelace", page, re.IGNORECASE)


def test_a_mistake_in_several_tests_of_a_task_is_one() -> None:
    tests = [Property("a-one", "A", 1), Property("a-two", "A", 1), Property("b-one", "B", 1)]
    made = {"ada": ["a-two", "b-one"], "ben": ["a-one", "a-two"]}
    students = [
        Result(who, "", 0, 0, {}, mistakes=[Mistake(test, "wrong sign") for test in where])
        for who, where in made.items()
    ]
    found = Results("sums", tests, students)
    assert found.mistakes() == [
        Misunderstanding("wrong sign", "A", [("a-one", 1), ("a-two", 2)], 2),
        Misunderstanding("wrong sign", "B", [("b-one", 1)], 1),
    ]
    assert "2 wrong sign A a-one 1 , a-two 2 1 wrong sign B b-one 1" in text_of(render(found))


def test_open_marks_are_no_zeros_and_no_trouble() -> None:
    tests = [Property("a-one", "1. A", 2), Property("essay", "1. A", 2), Property("why", "2. Why", 4)]
    wait = [Remark("open", "essay"), Remark("open", "why")]
    ada = Result("ada", "", 2, 0, {"a-one": 2, "essay": 0, "why": 0}, {"essay", "why"}, wait)
    ben = Result("ben", "", 5, 0, {"a-one": 2, "essay": 1, "why": 0}, {"why"}, wait[1:])
    cleo = Result("cleo", "", 0, 0, {}, {"why"}, [Remark("absent")])
    seen = text_of(render(Results("sums", tests, [ada, ben, cleo])))
    assert "graded 2 counted as zero 1 to look at 1" in seen
    assert "median, of 8; 2 with open marks" in seen
    assert "Answers wait for a mark by hand. (2)" in seen
    assert "No notebook was handed in. (1)" in seen
    assert "cleo counted as zero" in seen
    assert "the 2 that could be graded, not the 1 counted as zero. 2 of them wait for marks by hand" in seen
    assert "1. A 75% 4 a-one 100% 2 0 0 0 2 essay 50% 0 1 0 1 2 2. Why open 4 why open 0 0 0 2 4" in seen
    assert "ada 2 + open 25% 2 + open open ben 5 + open 62% 3 open cleo (look) 0 0% 0 0" in seen
    assert "open" not in text_of(render(class_of(Result("ada", "", 4, 0, {"a": 4}))))


def test_several_details_of_one_student_stand_in_lines() -> None:
    remarks = [Remark("wire", "a: a value of type type."), Remark("wire", "b: it returns.")]
    page = render(class_of(Result("ada", "", 4, 0, {"a": 4}, remarks=remarks)))
    assert "<ul><li>a: a value of type type.</li><li>b: it returns.</li></ul>" in page
    assert ".," not in text_of(page)


@pytest.mark.parametrize(
    ("mark", "shown", "band"), [(79, 90, "90"), (78.4, 89, "80"), (87.9, 99, "90"), (88, 100, "100"), (0, 0, "0")]
)
def test_the_bars_count_what_the_table_shows(mark: float, shown: int, band: str) -> None:
    page = render(Results("sums", [Property("a", "", 88)], [Result("ada", "", mark, 0, {"a": mark})]))
    assert f'<td class="n">{shown}%</td>' in page
    assert re.findall(r'<li><span>1</span>.*?<span class="band">(\d+)', page) == [band]


def test_names_lead_to_the_feedback_that_there_is(tiny: Tiny) -> None:
    for name, answer in (("Zoë O'Hara", tiny.answer()), ("ben", "{ broken")):
        tiny.hand_in(name, answer)
    tiny.done("grade", "sums", "--from", "incoming")
    (link,) = re.findall(r'<th scope="row" class="name"><a href="(.*?)">Zoë O&#39;Hara</a>', report(tiny))
    assert (tiny.class_folder / "report" / unquote(link)).samefile(
        tiny.class_folder / "feedback" / "Zoë O'Hara" / "sums" / "sums.html"
    )
    assert report(tiny).count("<a ") == 1, "ben has no page"
    assert "<a " not in report(tiny, "--anonymous")


def test_the_report_after_marks_by_hand_writes_the_marks_too(copied: Tiny) -> None:
    with Gradebook(f"sqlite:///{copied.class_folder / 'gradebook.db'}", "tiny") as book:
        book.find_grade("total-value", "sums", "sums", "stu-half").manual_score = 1.5
        book.db.commit()
    printed = copied.done("report", "sums")
    assert f"marks:  {copied.class_folder / 'marks.csv'}\n" in printed
    assert copied.marks()["stu-half"]["final mark"] == "4.5"


def test_an_empty_class_and_one_student_make_a_report_too() -> None:
    assert "None: every notebook" in render(class_of())
    assert "100%" in text_of(render(class_of(Result("ada", "", 4, 0, {"a": 4}))))


def test_a_late_penalty_is_shown_and_taken_off() -> None:
    seen = text_of(render(class_of(Result("ada", "", 4, 1.5, {"a": 4}))))
    assert "ada 2.5 late −1.5 62%" in seen


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", " =1", "\t=1", "\r=1"])
def test_no_formulas_in_the_marks(text: str) -> None:
    assert plain(text) == "'" + text
    assert plain("O'Hara-Smith") == "O'Hara-Smith"


def test_tests_lead_to_the_section_that_they_name(tiny: Tiny) -> None:
    place = tiny.class_folder / "source" / "sums" / "sums.ipynb"
    address = "https://example.org/sums.html#adding"
    hidden = "### BEGIN HIDDEN TESTS\\n# https://example.org/secret\\n### END HIDDEN TESTS\\n"
    place.write_text(
        place.read_text().replace("strings add too", f"see {address}").replace("### BEGIN", hidden + "### BEGIN", 1)
    )
    tiny.hand_in("ada", tiny.answer())
    tiny.done("report", "sums")
    page = report(tiny)
    assert re.findall(r'href="(.*?)"', page) == [address]
    assert "secret" not in page


AUDIT = [
    Match("add", "place", "def add(a, b):", "plus = <b>lambda</b> a, b: a + b"),
    Match("total", "gone", "def total(xs):", ""),
]


MISTAKES = [Mistake("a-one", "wrong sign")]


def rich() -> Results:
    """Something of everything."""
    remarks = [Remark(kind, "cell 3: what it said") for kind in KINDS]
    tests = [Property("a-one", "1. A", 2, "https://example.org/a.html#one"), Property("b-one", "2. B", 1)]
    students = [
        Result("ada", "Ada Lovelace", 3, 0, {"a-one": 2, "b-one": 1}, matches=AUDIT, seconds=4, layers=("seccomp",)),
        Result(
            "ben", "", 1.5, 0.5, {"a-one": 1.5}, set(), remarks, [Mistake("a-one", "wrong sign")], [], 41.5, 9.25, 812.0
        ),
        Result("cleo", "Cleo", 0, 0, {}, seconds=2, layers=("seccomp",)),
    ]
    return Results("sums", tests, students)


PAIRS = [Pair(0.914, "ada", "ben", ("for x in xs:\n    s += x", "for y in ys:\n    t += y"))]


def test_cells_that_were_put_back_are_listed_with_both_texts() -> None:
    page = render(rich())
    seen = text_of(page)
    assert "Ada Lovelace (ada) add As released def add(a, b): As handed in plus = &lt;b&gt;lambda" in seen
    assert "Ada Lovelace (ada) total As released def total(xs): As handed in: nothing" in seen
    assert "Cells put back in place" not in text_of(render(class_of()))


def test_of_an_answer_given_twice_both_texts_are_shown() -> None:
    seen = text_of(render(class_of(Result("ada", "", 4, 0, {}, matches=[Match("add", "duplicate", "one", "two")]))))
    assert "ada add Marked one Not marked two" in seen
    assert "The last written one above the next given cell was marked" in seen


def test_time_taken() -> None:
    seen = text_of(render(rich()))
    assert "Seconds 4 41.5 41.5" in seen
    assert "Slowest: ben 41.5 s, Ada Lovelace (ada) 4 s, Cleo (cleo) 2 s." in seen
    assert "Seconds of CPU 0 9.25 9.25" in seen
    assert "sealed with: seccomp (2)." in seen
    assert "Time taken" not in text_of(render(class_of(Result("ada", "", 4, 0, {}))))


def test_pairs_that_are_alike_are_listed_when_asked_for() -> None:
    assert "Ada Lovelace (ada) and ben Ada Lovelace (ada) for x in xs: s += x ben for y in ys:" in text_of(
        render(rich(), None, PAIRS)
    )
    assert "91%" in text_of(render(rich(), None, PAIRS))
    assert "None: no two share" in render(rich(), None, [])
    assert "are alike" not in render(rich())


def test_no_word_of_a_student_in_the_anonymous_report() -> None:
    page = render(rich(), lambda student: f"Student {len(student)}", PAIRS)
    assert not re.search(r"\bada\b|lovelace|\bben\b|cleo|lambda|for x in|what it said", page, re.IGNORECASE)
    assert "Student 3 and Student 3" in text_of(page)


def test_every_kind_of_remark_is_explained() -> None:
    seen = render(rich())
    for happened, advice in KINDS.values():
        assert happened.replace("'", "&#39;") in seen
        assert advice.replace("'", "&#39;") in seen
