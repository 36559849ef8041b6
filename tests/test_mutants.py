"""Mutation testing on a package of a few lines: what dies, what is named, what has no end, what is not run again."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from tools.mutants.places import Mutant, places, sample
from tools.mutants.runs import Project, Reach, scopes

ROOT = Path(__file__).parents[1]
SUMS = """\
def double(x: int | float) -> int:
    return x * 2


def countdown(n):
    while n > 0:
        n = n - 1
    return n


def forgotten(x):
    return x - 1
"""
DIES = Mutant("tiny/sums.py", "core/ReplaceBinaryOperator_Mul_Sub", 0, 2)
LIVES = Mutant("tiny/sums.py", "core/ReplaceBinaryOperator_Mul_Add", 0, 2)
ENDLESS = Mutant("tiny/sums.py", "core/ReplaceBinaryOperator_Sub_Add", 0, 7)
UNREACHED = Mutant("tiny/sums.py", "core/ReplaceBinaryOperator_Sub_Add", 1, 12)
PROGRAM = """
import sys
from pathlib import Path
from tools.mutants import __main__ as command
command.IMPORTS = 1
command.sample = lambda files, size, seed: [command.Mutant(*mutant) for mutant in {mutants}]
sys.exit(command.main(command.Project(Path({root!r}), "tiny"), ["--jobs", "2"]))
"""


@pytest.fixture
def tiny(tmp_path):
    write(tmp_path / "src/tiny/__init__.py", "")
    write(tmp_path / "src/tiny/sums.py", SUMS)
    write(tmp_path / "tests/test_double.py", "from tiny.sums import double\ndef test_double(): assert double(2) == 4\n")
    write(tmp_path / "tests/helper.py", "from tiny import sums\n")
    write(tmp_path / "tests/test_end.py", "import helper\ndef test_end(): assert helper.sums.countdown(3) == 0\n")
    write(tmp_path / "tests/test_other.py", "def test_nothing(): pass\n")
    return tmp_path


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(dedent(text))


def run(root, *mutants):
    program = PROGRAM.format(mutants=[tuple(mutant) for mutant in mutants], root=str(root))
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert "Traceback" not in done.stderr, done.stderr
    return done


def journal(root):
    lines = (root / "build/mutants/journal.jsonl").read_text().splitlines()
    return [(Mutant(*entry["mutant"]), entry["outcome"]) for entry in map(json.loads, lines)]


def test_what_dies_what_survives_and_what_has_no_end(tiny):
    done = run(tiny, DIES, LIVES, ENDLESS, UNREACHED)
    assert done.returncode == 1
    assert dict(journal(tiny)) == {DIES: "killed", LIVES: "survived", ENDLESS: "timed out", UNREACHED: "survived"}
    assert done.stdout.splitlines()[-1].split() == ["all", "4", "1", "2", "1", "25.0%"]
    assert "survived: src/tiny/sums.py:2 core/ReplaceBinaryOperator_Mul_Add" in done.stdout
    assert "    -    return x * 2\n    +    return x + 2\n" in done.stdout
    assert "timed out: src/tiny/sums.py:7" in done.stdout
    assert (tiny / "src/tiny/sums.py").read_text() == SUMS


def test_only_what_may_have_changed_is_run_again(tiny):
    run(tiny, DIES, LIVES, UNREACHED)
    first = journal(tiny)
    assert run(tiny, DIES, LIVES, UNREACHED).returncode == 1
    assert journal(tiny) == first
    write(tiny / "tests/test_double.py", "from tiny.sums import double\ndef test_double(): assert double(3) == 6\n")
    done = run(tiny, DIES, LIVES, UNREACHED)
    assert dict(journal(tiny)[3:])[LIVES] == "killed"
    assert DIES not in dict(journal(tiny)[3:])
    assert done.stdout.splitlines()[-1].split() == ["all", "3", "2", "1", "0", "66.7%"]


def test_a_mutant_of_a_file_that_has_changed_is_run_again(tiny):
    run(tiny, DIES)
    write(tiny / "src/tiny/sums.py", SUMS + "\n")
    assert run(tiny, DIES).returncode == 0
    assert journal(tiny) == [(DIES, "killed")] * 2


def test_a_test_that_fails_without_a_mutant_has_noticed_nothing(tiny):
    write(
        tiny / "tests/test_flaky.py",
        """
        import subprocess
        from pathlib import Path
        from tiny.sums import double
        def test_broken(): assert double(2) == 5
        def test_program(): subprocess.run(["true"], check=True); assert double(2) == 4
        def test_second_time():
            double(1)
            seen = Path(__file__).with_suffix(".seen")
            assert not seen.exists()
            seen.touch()
        """,
    )
    done = run(tiny, LIVES)
    assert (
        "left out, as it starts a program or fails without any mutant: tests/test_flaky.py::test_broken" in done.stdout
    )
    assert "fails without any mutant: tests/test_flaky.py::test_program" in done.stdout
    assert "counts as survived, as it fails without any mutant: tests/test_flaky.py::test_second_time" in done.stdout
    assert journal(tiny)[-1] == (LIVES, "survived")


def test_a_module_that_does_not_exist_is_refused():
    command = [sys.executable, "-m", "tools.mutants", "--only", "trainwell.regularisation"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("--only trainwell.regularisation: expected a module, as trainwell")


def test_the_tests_of_a_package_are_found_through_what_they_import(tiny):
    assert Project(tiny, "tiny").test_files() == ["tests/test_double.py", "tests/test_end.py"]


def lines(source):
    return sorted({start[0] for start, _ in places(dedent(source))})


def test_hints_aliases_and_texts_of_errors_are_left_alone():
    source = """\
        from __future__ import annotations
        Pair = tuple[int, int | None]
        LIMIT = 3
        size: int | None = 4
        def f(x: int | None = 5, *rest: Float[Tensor, "n 2"]) -> int | str:
            "2 + 2 = 4"
            if x is None:
                raise ValueError(f"x must be {1 + 1}, got {x}")
            return x + 1
        if TYPE_CHECKING:
            y = 1 + 1
        """
    assert lines(source) == [3, 4, 5, 7, 9]
    names = {name for ways in places(dedent(source)).values() for name, _ in ways}
    assert not {name for name in names if name.endswith(("Is_Eq", "BitOr_Add"))}
    assert "core/ReplaceComparisonOperator_Is_IsNot" in names


def test_columns_are_counted_in_characters():
    assert lines("def f(ä='ä', b: int | None = None): pass") == []
    assert lines("def f(ä='ä', b: int = 1 | 2): pass") == [1]


def test_a_sample_is_shared_out_to_the_files_and_grows_without_changing():
    sources = {"long.py": "\n".join(f"x{n} = a{n} + b{n}" for n in range(30)), "short.py": "y = a - b"}
    drawn = sample(sources, 12, seed=0)
    assert {file: sum(mutant.file == file for mutant in drawn) for file in sources} == {"long.py": 12, "short.py": 2}
    assert len({mutant.line for mutant in drawn if mutant.file == "long.py"}) == 12, "no place twice before all once"
    assert set(drawn) < set(sample(sources, 33, seed=0))
    assert set(drawn) != set(sample(sources, 12, seed=1))
    assert len(sample(sources, 10_000, seed=0)) == 31 * 11


def test_mutants_that_are_no_python_or_no_change_are_not_drawn():
    assert Mutant("", "core/ReplaceBinaryOperator_Mul_Add", 0, 1).apply("def f(*, x): pass") is None
    drawn = sample({"f.py": "def f(a, *, x): pass"}, 100, seed=0)
    assert [mutant.operator for mutant in drawn] == ["core/ReplaceBinaryOperator_Mul_Div"]


def test_a_line_that_runs_at_import_is_tested_by_what_its_scope_is_tested_by():
    source = "X = 1\nclass A:\n    y = 2\n    def f(self, z=3):\n        return z\n"
    assert list(scopes(source, 4)) == [(4, 4), (4, 5), (2, 5), (0, float("inf"))]
    observed = observation({"import": [1, 2, 3, 4], "slow": [5]})
    reach = Reach([observed])
    assert reach.tests("a.py", source, 4) == reach.tests("a.py", source, 1) == ["slow"]
    assert Reach([observation({"import": [1]})]).tests("a.py", source, 5) == ["fast", "slow"]
    assert reach.tests("b.py", source, 1) == []


def test_an_import_within_a_test_is_no_reach_and_a_constant_is_tested_by_the_whole_files():
    source = "SIZE = 2\ndef f():\n    return SIZE\n"
    observed = observation({"import": [1, 2], "lazy": [1, 2], "t.py::runs": [3]})
    observed["seconds"] |= {"t.py::runs": 2.0, "t.py::looks": 1.0, "lazy": 1.0}
    assert Reach([observed]).tests("a.py", source, 2) == ["t.py::runs"]
    assert Reach([observed]).tests("a.py", source, 1) == ["t.py::looks", "t.py::runs"]


def test_a_line_that_nothing_reaches_is_tested_by_those_who_spawn_processes_too():
    source = "def f():\n    return 1\n    return 2\n"
    reach = Reach([observation({"import": [1], "fast": [2]}, spawning=["slow"])])
    assert reach.tests("a.py", source, 2) == reach.tests("a.py", source, 1) == ["fast"]
    assert reach.tests("a.py", source, 3) == ["fast", "slow"]


def observation(lines, spawning=()):
    return {"seconds": {"slow": 2.0, "fast": 1.0}, "lines": {"a.py": lines}, "spawning": list(spawning)}
