"""What the build does to the sources: quotes, numbers in prose, notebooks, style sheets, and when cells run again."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "book" / "_ext"))

from sphinx.errors import ConfigError  # noqa: E402
from trainwell_book import api, assets, css, execution, maths, pages, plain, quotes, results  # noqa: E402

from trainwell import augmentation, normalization  # noqa: E402

SOURCE = '''\
class Noise:
    """Adds noise."""

    def forward(self, x):
        """Longer
        than a line."""
        return x + 1
'''


def test_quotes_leave_docstrings_out() -> None:
    assert quotes.definition(SOURCE, "Noise.forward") == "def forward(self, x):\n    return x + 1"
    assert '"""' not in quotes.without_docstrings(SOURCE)


def test_quotes_are_no_wider_than_the_page() -> None:
    source = f"def smooth({', '.join(f'argument_{i}: float' for i in range(6))}) -> float:\n    return 1.0\n"
    narrow = quotes.narrow(source)
    assert max(map(len, source.splitlines())) > quotes.WIDTH >= max(map(len, narrow.splitlines()))
    assert ast.dump(ast.parse(narrow)) == ast.dump(ast.parse(source))


def test_the_libraries_page_shows_constants_under_the_file_that_defines_them() -> None:
    groups = api.public(normalization)
    assert groups["trainwell.normalization.inputs"][:3] == ["IMAGENET_MEAN", "IMAGENET_STD", "input_statistics"]
    shown = api.entry(normalization, "IMAGENET_MEAN").splitlines()
    assert shown[1:3] == [".. py:data:: trainwell.normalization.IMAGENET_MEAN", "   :value: (0.485, 0.456, 0.406)"]
    assert api.public(augmentation)["trainwell.augmentation.lighting"][0] == "IMAGENET_COMPONENTS"
    assert "   ImageNet's values and, in columns" in api.entry(augmentation, "IMAGENET_COMPONENTS")


@pytest.mark.parametrize(
    ("value", "prose"),
    [(0.02131, "0.0213"), (12000, "12,000"), (12345.6, "12,346"), ([0.5, 1.25], "0.5 to 1.25"), ("2.1%", "2.1%")],
)
def test_numbers_as_prose_writes_them(value: object, prose: str) -> None:
    assert results.spell(value) == prose


def test_results_are_found_by_claim_and_may_not_clash(tmp_path: Path) -> None:
    record = json.dumps({"claims": {"noise": {"numbers": {"gain": 0.25}}}})
    (tmp_path / "a.json").write_text(record)
    assert results.load(tmp_path) == {"noise": {"gain": "0.25"}}
    (tmp_path / "b.json").write_text(record)
    with pytest.raises(ConfigError, match="'noise'"):
        results.load(tmp_path)


def test_pages_are_written_again_when_the_style_changes(tmp_path: Path) -> None:
    source, copy = tmp_path / "book/_static/own.css", tmp_path / "site/_static/own.css"
    book = SimpleNamespace(srcdir=source.parents[1], outdir=copy.parents[1], builder=SimpleNamespace(format="html"))
    for path in (source, copy):
        path.parent.mkdir(parents=True)
    source.write_text("a{}")
    every = SimpleNamespace(found_docs={"index", "labs"})
    assert assets.pages_to_write(book, every) == {"index", "labs"}
    copy.write_text("a{}")
    assert assets.pages_to_write(book, every) == set()
    source.write_text("b{}")
    assert assets.pages_to_write(book, every) == {"index", "labs"}


def test_signatures_keep_their_text_in_fewer_elements() -> None:
    name, colon, link = '<span class="n"><span class="pre">x</span></span>', '<span class="p">:</span>', "<a>Tensor</a>"
    signature = (
        f'<dt class="sig sig-object py"><em>{name}<span class="p"><span class="pre">(</span></span>{link}</em></dt>'
    )
    page = f'<span class="pre">a</span>{signature}{colon}'
    assert pages.repair(page, is_search=False) == (
        '<span class="pre">a</span><dt class="sig sig-object py"><em><span class="n">x</span>(<a>Tensor</a></em></dt>'
        '<span class="p">:</span>'
    )


def test_cells_run_again_when_the_library_or_a_result_changes(tmp_path: Path) -> None:
    library, result = tmp_path / "src/trainwell/a.py", tmp_path / "book/experiments/a.json"
    seen = {execution.fingerprint(tmp_path)}
    for path in (library, result):
        path.parent.mkdir(parents=True)
        for text in ("1", "2"):
            path.write_text(text)
            seen.add(execution.fingerprint(tmp_path))
    assert len(seen) == 5
    library.write_text("1")
    result.write_text("1")
    library.write_text("2")
    result.write_text("2")
    assert execution.fingerprint(tmp_path) in seen  # a change taken back runs nothing again


def test_cells_are_timed_by_the_processor() -> None:
    def execute(code: str, **_: Any) -> SimpleNamespace:
        subprocess.run([sys.executable, "-c", f"import time\n{code}"], check=True)
        return SimpleNamespace(time=None)

    run = execution.measured(execute)
    assert run("time.sleep(1.5)").time < 1 < run("while time.process_time() < 1: pass").time


def test_the_style_sheet_keeps_what_can_match() -> None:
    sheet = "a:not(.gone){x:1} .here,.gone{x:2} @media print{.gone{x:3}} .here .gone{x:4} p{x:5} .-Gone{x:6}"
    assert css.prune(sheet, ["here"]).split() == ["a:not(.gone){x:1}", ".here{x:2}", "p{x:5}"]


def test_the_style_sheet_keeps_the_properties_that_something_reads() -> None:
    sheet = 'p{--gone:url("a;b");--read:1;--asked:2;color:var(--read)}'
    assert css.prune(sheet, ["style.getPropertyValue('--asked')"]) == "p{--read:1;--asked:2;color:var(--read)}"


def test_formulas_with_lines_are_aligned_and_macros_written_out() -> None:
    assert (
        maths.prepare(r"a &= \E[x] \\ b &= c", True)[0] == r"\begin{aligned}a &= \mathbb{E}[x] \\ b &= c\end{aligned}"
    )
    assert maths.prepare(r"\Eta", False)[0] == r"\Eta"


def test_a_formula_that_katex_refuses_is_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    from docutils import nodes

    dist = ROOT / "node_modules/katex/dist"
    if not dist.is_dir():
        pytest.skip("KATEX WAS NOT CHECKED: run make node_modules")
    formulas = {(r"\frac{1}{2}", False): nodes.math(), (r"\nosuch", False): nodes.math()}
    maths.render(formulas, dist)
    assert "</math>" in maths.rendered[r"\frac{1}{2}", False]
    assert r"\\nosuch" in caplog.text


def test_markdown_of_a_notebook() -> None:
    text = """\
(here)=
```{admonition} Predict
:class: predict
Is {term}`noise` good?
```
````{dropdown} Answer
See {ref}`the plot <fig-noise>`.
```{math}
a &= b
```
````
$$
a &= b
$$ (eq-a)
"""
    found = plain.plain(text, ROOT, lambda role, target, words: f"<{role} {target} {words}>".replace(" >", ">"))
    assert "> **Predict**\n>\n> Is <term noise> good?" in found
    assert "<details><summary>Answer</summary>\n\nSee <ref fig-noise the plot>." in found
    assert "$$\n\\begin{aligned}\na &= b\n\\end{aligned}\n$$\n" in found
    assert "(here)=" not in found
    assert "```" not in found
