"""What a terminal may get: nothing that it would obey."""

import io
import re
import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from modelmgr.progress import Step
from modelmgr.terminal import Bar, count_text, duration_text, size_text, table, time_text, visible


@given(st.text(st.characters()))
def test_nothing_that_a_terminal_obeys_or_hides_comes_through(text: str) -> None:
    shown = visible(text)
    assert all(char.isprintable() or unicodedata.category(char) == "Zs" for char in shown)
    assert shown.encode().decode() == shown


def test_marks_are_shown_as_signs_and_letters_stay() -> None:
    assert visible("tusche 墨 é ★ 🎨") == "tusche 墨 é ★ 🎨"
    assert visible("a\x1b[2Jb\nc\x7f") == "a\u241b[2Jb\u240ac\u2421"
    assert visible("x\u202ey\u200b\x9b") == "x\\u202ey\\u200b\\x9b"
    assert visible("caf\udce9 \ud83d") == "caf\\xe9 \\ud83d"
    assert visible("full\u3000width and\u00a0hard") == "full\u3000width and\u00a0hard"


def test_sizes_counts_and_times_are_those_that_people_say() -> None:
    assert [size_text(size) for size in (0, 999, 1_000, 6_540_000_000, 218_000_000, 3 * 10**15)] == [
        "0 B",
        "999 B",
        "1.0 KB",
        "6.5 GB",
        "218 MB",
        "3,000 TB",
    ]
    assert [count_text(number, "model") for number in (0, 1, 12_345)] == [
        "0 models",
        "1 model",
        "12,345 models",
    ]
    assert [duration_text(seconds) for seconds in (0.2, 40, 250, 7_800)] == [
        "1 s",
        "40 s",
        "4 min",
        "2 h 10 min",
    ]


def test_columns_are_aligned_by_what_stands_on_the_screen() -> None:
    lines = list(table(("Size", "Name", "Path"), [("1", "墨水", "/a"), ("12", "ink", "/b")], right=(0,)))
    assert lines == ["Size  Name  Path", "   1  墨水  /a", "  12  ink   /b"]


def screen_columns(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


@given(st.lists(st.tuples(*[st.text("a墨", max_size=90)] * 3), max_size=4), st.integers(40, 200))
def test_lines_fit_into_the_terminal_and_nothing_else_is_cut(rows, columns: int) -> None:
    whole = list(table(("A", "B", "C"), rows))
    fitted = list(table(("A", "B", "C"), rows, columns=columns))
    assert all(screen_columns(line) <= columns for line in fitted)
    assert fitted == whole or max(map(screen_columns, whole)) > columns - 3


def test_the_widest_cells_are_cut_in_the_middle() -> None:
    (line,) = table(("", ""), [("short", "a" * 60 + "b" * 60)], columns=40)
    assert line == "short  " + "a" * 16 + "…" + "b" * 16


def test_a_moment_is_told_as_the_clock_says_it() -> None:
    assert re.fullmatch(r"2009-02-1[34] \d\d:\d\d", time_text(1_234_567_890))
    assert time_text(1e30) == f"{1e30:.0f}"


class Terminal(io.StringIO):
    """A text stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_progress_is_drawn_over_itself_escaped_and_taken_away() -> None:
    terminal = Terminal()
    bar = Bar(terminal)
    bar.show(Step(1, 4, "evil\x1b[31m", "files"))
    bar.show(Step(2, 4, "墨" * 200, "files"))
    bar.show(Step(10**9, None, "", "bytes"))
    bar.clear()
    drawn = terminal.getvalue()
    assert "1 of 4 files" in drawn
    assert "1.0 GB" in drawn
    assert set(re.findall("\x1b.{2}", drawn)) == {"\x1b[K"}
    assert "\n" not in drawn
    assert drawn.endswith("\r\x1b[K")


def test_progress_is_silent_where_nobody_looks() -> None:
    pipe = io.StringIO()
    bar = Bar(pipe)
    bar.show(Step(1, 4, "x", "files"))
    bar.clear()
    assert pipe.getvalue() == ""
