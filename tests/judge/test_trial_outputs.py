"""What cells print and display, and what becomes of outputs that a contestant makes up."""

from __future__ import annotations

import json

import nbformat
from hypothesis import given
from hypothesis import strategies as st
from nbformat.v4 import new_code_cell, new_notebook

from nbjudge.trial.outputs import CUT, Outputs, Stream, clean, line

FORMS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.binary(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
KEYS = st.sampled_from(["output_type", "name", "text", "data", "traceback", "ename", "evalue", "execution_count"])
VALUES = FORMS | st.sampled_from(["stream", "error", "display_data", "execute_result", "stdout", "stderr"])
FORGED = st.lists(st.dictionaries(KEYS, VALUES | st.dictionaries(st.just("image/png"), VALUES)) | FORMS, max_size=5)


def stream(text, name="stdout"):
    return {"output_type": "stream", "name": name, "text": text}


@given(FORGED | FORMS)
def test_whatever_comes_the_notebook_stays_valid_and_small(forged):
    cleaned = clean(forged, 100)
    notebook = new_notebook(cells=[new_code_cell("x", outputs=[nbformat.from_dict(one) for one in cleaned])])
    nbformat.validate(notebook)
    json.dumps(cleaned).encode()


def test_what_honest_cells_show_stays():
    shown = [
        stream("hello\n"),
        {"output_type": "display_data", "data": {"image/png": "QUJD", "text/plain": "<Figure>"}, "metadata": {}},
        {"output_type": "execute_result", "data": {"text/plain": "3"}, "metadata": {}, "execution_count": 7},
        {"output_type": "error", "ename": "ValueError", "evalue": "no", "traceback": ["ValueError: no"]},
    ]
    assert clean(shown, 1000) == shown


def test_nothing_that_a_page_would_run_stays():
    data = {"text/html": "<script>1</script>", "image/svg+xml": "<svg/>", "application/javascript": "1"}
    data |= {"image/png": '"><script>', "text/plain": "a picture"}
    (output,) = clean([{"output_type": "display_data", "data": data, "metadata": {"x": "<script>"}}], 1000)
    assert output["data"] == {"text/plain": "a picture"}
    assert output["metadata"] == {}


def test_text_that_no_file_can_hold_is_replaced():
    (output,) = clean([stream("half a pair \ud800 !")], 1000)
    assert output["text"] == "half a pair ? !"


def test_control_signs_go_and_colours_stay():
    (output,) = clean([stream("a\x00\x08b \x1b[31mred\x1b[0m\t\n")], 1000)
    assert output["text"] == "ab \x1b[31mred\x1b[0m\t\n"
    assert line("two\nlines \x1b[31m\x00\ud800") == "two lines [31m?"


def test_what_a_progress_bar_overwrote_is_gone():
    (output,) = clean([stream("\r  0%\r 50%\r100%\nend\r\n")], 1000)
    assert output["text"] == "100%\nend\n"


def test_prints_join_and_streams_keep_their_order():
    outputs = Outputs(1000)
    for name, text in [("stdout", "a"), ("stdout", "b"), ("stderr", "c"), ("stdout", "d")]:
        outputs.write(name, text)
    assert outputs.take() == [stream("ab"), stream("c", "stderr"), stream("d")]
    assert outputs.take() == []


def test_output_is_cut_and_errors_are_still_shown():
    outputs = Outputs(5)
    outputs.write("stdout", "1234567")
    outputs.write("stdout", "more")
    outputs.display({"text/plain": "more"})
    for _ in range(100):
        outputs.error("ValueError", "x" * 10**6, ["y" * 1500] * 1000)
    text, error, *others = outputs.take()
    assert text["text"] == "12345" + CUT
    assert [len(line) for line in error["traceback"][:3]] == [1500, 500, 0]
    assert len(error["evalue"]) == 2000
    assert len(others) == 9


def test_a_picture_that_does_not_fit_is_left_out():
    outputs = Outputs(10)
    outputs.display({"image/png": "QUJD" * 100, "text/plain": ""})
    (output,) = outputs.take()
    assert output["text"].endswith(CUT)


def test_displays_are_updated_and_cleared():
    outputs = Outputs(1000)
    outputs.display({"text/plain": "one"}, "bar")
    outputs.display({"text/plain": "two"}, "bar", update=True)
    outputs.display({"text/plain": "nobody asked"}, "other", update=True)
    assert [output["data"]["text/plain"] for output in outputs.take()] == ["two"]
    outputs.write("stdout", "old")
    outputs.clear(wait=True)
    outputs.write("stdout", "new")
    assert outputs.take() == [stream("new")]


def test_what_is_not_to_be_shown_is_dropped():
    shown = False
    outputs = Outputs(1000, lambda: shown)
    print("hidden", file=Stream("stdout", lambda: outputs))
    shown = True
    print("seen", file=Stream("stdout", lambda: outputs))
    assert outputs.take() == [stream("seen\n")]
