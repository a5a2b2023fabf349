"""Cutting CSV: what spreadsheets and scripts really write."""

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelmgr.migration.reading.csv_ranges import Dialect, cells, dialect_of, rows

CELLS = st.text(alphabet=st.sampled_from('ab;,\t|"\n\r \\ä{}:') | st.characters(codec="utf-8"), max_size=8)


def cut(content: bytes, dialect: Dialect | None = None, part: int = 3) -> list[tuple[bytes, bool, bool]]:
    dialect = dialect or dialect_of(content, "list.csv")
    parts = (content[at : at + part] for at in range(dialect.start, len(content), part))
    return [(content[row.start : row.end], row.broken, row.blank) for row in rows(parts, dialect)]


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.lists(CELLS, min_size=2, max_size=4), min_size=1, max_size=5),
    st.sampled_from(",;\t|"),
    st.sampled_from(["\r\n", "\n"]),
    st.integers(1, 9),
)
def test_what_a_csv_writer_wrote_is_read_back(
    table: list[list[str]], delimiter: str, line_end: str, part: int
) -> None:
    written = io.StringIO()
    writer = csv.writer(written, delimiter=delimiter, lineterminator=line_end, quoting=csv.QUOTE_ALL)
    writer.writerows(table)
    dialect = Dialect(delimiter, False, 0)
    content = written.getvalue().encode()
    found = cut(content, dialect, part)
    assert [cells(row.decode(), dialect) for row, _, _ in found] == table
    assert not any(broken for _, broken, _ in found)
    assert b"".join(row + line_end.encode() for row, _, _ in found) == content


@pytest.mark.parametrize(
    ("head", "delimiter", "start"),
    [
        (b"name,sha256;x\n", ",", 0),
        (b"name;sha256;path\n", ";", 0),
        (b"name\tsha256\n", "\t", 0),
        (b"name|sha256\n", "|", 0),
        (b'"a,b,c";name;path\n', ";", 0),
        (b"sep=;\r\nname,x\r\n", ";", 7),
        (b'"sep=|"\nname\n', "|", 8),
        (b"\n  \nname;x\n", ";", 4),
        (b"name\n", ",", 0),
    ],
)
def test_the_header_line_tells_the_delimiter(head: bytes, delimiter: str, start: int) -> None:
    found = dialect_of(head, "list.csv")
    assert (found.delimiter, found.start) == (delimiter, start)


def test_a_tsv_without_delimiter_has_tabs() -> None:
    assert dialect_of(b"name\n", "list.TSV").delimiter == "\t"


def test_newlines_in_quoted_cells_do_not_end_a_row() -> None:
    assert cut(b'a,b\n1,"x,\r\ny"\r\n2,z') == [
        (b"a,b", False, False),
        (b'1,"x,\r\ny"', False, False),
        (b"2,z", False, False),
    ]


def test_a_quote_that_is_never_closed_spoils_one_row_only() -> None:
    found = cut(b'a,b\n"open,5\n7,8\n9,"x\ny"\n')
    assert found == [
        (b"a,b", False, False),
        (b'"open,5', True, False),
        (b"7,8", False, False),
        (b'9,"x\ny"', False, False),
    ]


def test_rows_without_a_letter_are_blank() -> None:
    assert [blank for _, _, blank in cut(b'a;b\n\n;;\n ; "" \nx;\n')] == [False, True, True, True, False]


def test_backslash_escaped_quotes_are_noticed_and_undone() -> None:
    content = b'name,meta_json\n"x","{\\"a\\": \\"y\\", \\"b\\": 1}"\n'
    dialect = dialect_of(content, "list.csv")
    assert dialect.backslash
    row = cut(content)[1][0].decode()
    assert cells(row, dialect) == ["x", '{"a": "y", "b": 1}']


def test_a_windows_folder_in_quotes_is_no_escape() -> None:
    content = b'name,path\n"x","D:\\AI\\"\n"y","E:\\"\n'
    dialect = dialect_of(content, "list.csv")
    assert not dialect.backslash
    assert [cells(row.decode(), dialect) for row, _, _ in cut(content)[1:]] == [
        ["x", "D:\\AI\\"],
        ["y", "E:\\"],
    ]


def test_stray_text_behind_a_quote_stays_in_its_cell() -> None:
    dialect = Dialect(",", False, 0)
    assert cells('"a"b,c', dialect) == ["ab", "c"]
    assert cells('a "b",c', dialect) == ['a "b"', "c"]
    assert cells(' "a, b" ,c', dialect) == ["a, b", "c"]


def test_a_cell_of_many_megabytes_is_cut_in_one_go() -> None:
    content = b'a,b\n"' + b"x\n" * 4_000_000 + b'",1\ny,2\n'
    assert [row[-2:] for row, _, _ in cut(content, part=1 << 20)] == [b",b", b",1", b",2"]
