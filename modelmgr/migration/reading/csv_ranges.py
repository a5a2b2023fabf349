"""Cut comma-separated text into the ranges of its rows, and rows into cells; RFC 4180 with tolerance.

Works on a structural view (`export_file`): positions are units of it. No cell is ever evaluated.
"""

import re
from collections.abc import Iterator

from modelmgr.lazily import dataclass
from modelmgr.values import MIB

FIELD_LIMIT = 64 * MIB
ROW_LIMIT = 128 * MIB
"""A row without line end up to here is only cut to be told of."""

_READ_AHEAD = 16 * MIB
DELIMITERS = ",;\t|"

_SEPARATOR_LINE = re.compile(rb'[ \t]*+"?sep=([,;\t|])"?[ \t]*+(?:\r\n|\r|\n|\Z)', re.IGNORECASE)
_LINE_END = re.compile(rb"\r\n|\r|\n")
_LINE = re.compile(rb"[^\r\n]*+")
_QUOTED = re.compile(rb'"[^"]*+(?:""[^"]*+)*+"')
# In a quoted cell: a backslash before a quote that can't be the cell's last one, and a doubled quote.
_BACKSLASH_QUOTE = re.compile(rb'\\"[A-Za-z0-9_ :{}\[\]]')
_DOUBLED_QUOTE = re.compile(rb'[^",;\t|\r\n\\]""|""[^",;\t|\r\n]')


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a file is written.

    Attributes:
        delimiter: between cells.
        backslash: whether a backslash takes away the next character's meaning in quoted cells.
        start: the unit at which the header line begins.
    """

    delimiter: str
    backslash: bool
    start: int


@dataclass(frozen=True, slots=True)
class Row:
    """One row, without its line end.

    Attributes:
        broken: a quote in it is never closed; it was taken for an ordinary character.
        blank: it holds nothing but blanks, quotes and delimiters.
    """

    start: int
    end: int
    broken: bool = False
    blank: bool = False


def dialect_of(head: bytes, name: str) -> Dialect:
    """Find out how a file is written.

    Args:
        head: the view's beginning, with the header line and if possible some rows.
        name: of the file; ``.tsv`` decides where the header line has no delimiter at all.
    """
    start = 0
    announced = ""
    if found := _SEPARATOR_LINE.match(head):
        announced = found[1].decode("ascii")
        start = found.end()
    while found := re.compile(rb"[ \t]*+(?:\r\n|\r|\n)").match(head, start):
        start = found.end()
    backslash = len(_BACKSLASH_QUOTE.findall(head)) > len(_DOUBLED_QUOTE.findall(head))
    line = _LINE.match(_QUOTED.sub(b"", head[start:]))
    counted = line.group() if line else b""
    counts = {mark: counted.count(mark.encode("ascii")) for mark in DELIMITERS}
    fallback = "\t" if name.lower().endswith(".tsv") else ","
    best = max(DELIMITERS, key=lambda mark: counts[mark])
    return Dialect(announced or (best if counts[best] else fallback), backslash, start)


def rows(parts: Iterator[bytes], dialect: Dialect) -> Iterator[Row]:
    """Yield the rows of a view, the header line first."""
    mark = re.escape(dialect.delimiter.encode("ascii"))
    whole = _row_pattern(mark, b" *+" if dialect.delimiter == "\t" else b"[ \t]*+", dialect.backslash)
    empty = re.compile(rb'[\s\x00"' + mark + rb"]*+")
    buffer = b""
    base = dialect.start
    pos = 0
    final = False
    while True:
        found = whole.match(buffer, pos)
        end = found.end() if found else pos  # a first cell that opens a quote and doesn't close it
        if end >= len(buffer) - 1 and not final:  # a line end of two characters may be cut in the middle
            if len(buffer) - pos > ROW_LIMIT:  # nothing of it is kept, only its end is looked for
                begin, line_end = base + pos, None
                while line_end is None and (part := next(parts, b"")):
                    base, buffer = base + len(buffer), part
                    line_end = _LINE_END.search(buffer)
                yield Row(begin, base + (line_end.start() if line_end else len(buffer)))
                pos = line_end.end() if line_end else len(buffer)
                continue
            more = _at_least(parts, max(1, len(buffer) - pos))
            final = not more
            base, buffer, pos = base + pos, buffer[pos:] + more, 0
            continue
        if pos == len(buffer):
            return
        line_end = _LINE_END.match(buffer, end)
        broken = False
        if line_end is None and end < len(buffer):
            # It stopped before a quote that isn't closed in what was read so far.
            if not final and len(buffer) - end <= FIELD_LIMIT:
                more = _at_least(parts, len(buffer) - end)
                final = not more
                base, buffer, pos = base + pos, buffer[pos:] + more, 0
                continue
            broken = True
            line_end = _LINE_END.search(buffer, end)
            end = line_end.start() if line_end else len(buffer)
        is_blank = empty.fullmatch(buffer, pos, end) is not None
        yield Row(base + pos, base + end, broken, is_blank)
        pos = line_end.end() if line_end else len(buffer)


def _row_pattern(mark: bytes, blank: bytes, backslash: bool) -> re.Pattern[bytes]:
    """Return what a row looks like.

    A cell is in quotes, over several lines only if a delimiter or line end follows the closing one; or it has none.
    """
    inside = rb'[^"\\]*+(?:(?:""|\\.)[^"\\]*+)*+' if backslash else rb'[^"]*+(?:""[^"]*+)*+'
    inline = rb'[^"\r\n]*+(?:""[^"\r\n]*+)*+'
    cell = rb"(?:%(blank)b\"%(inside)b\"%(blank)b(?=%(mark)b|[\r\n]|\Z)" % {
        b"blank": blank,
        b"inside": inside,
        b"mark": mark,
    }
    cell += rb"|%(blank)b\"%(inline)b\"%(plain)b|(?!%(blank)b\")%(plain)b)" % {
        b"blank": blank,
        b"inline": inline,
        b"plain": rb"[^%b\r\n]*+" % mark,
    }
    return re.compile(rb"%(cell)b(?:%(mark)b%(cell)b)*+" % {b"cell": cell, b"mark": mark}, re.DOTALL)


def cells(row: str, dialect: Dialect) -> list[str]:
    """Return the cells of one row; quotes around a cell are taken off, doubled or escaped ones undone."""
    found: list[str] = []
    mark = dialect.delimiter
    pos = 0
    blanks = " " if mark == "\t" else " \t"
    while True:
        begin = pos
        while begin < len(row) and row[begin] in blanks:
            begin += 1
        closing = _closing_quote(row, begin, dialect.backslash) if row[begin : begin + 1] == '"' else -1
        if closing >= 0:
            end = row.find(mark, closing + 1)
            end = len(row) if end < 0 else end
            text = row[begin + 1 : closing].replace('""', '"')
            if dialect.backslash:
                text = _ESCAPED.sub(_unescaped, row[begin + 1 : closing])
            found.append(text + row[closing + 1 : end].rstrip())
        else:
            end = row.find(mark, pos)
            end = len(row) if end < 0 else end
            found.append(row[pos:end])
        if end >= len(row):
            return found
        pos = end + 1


def _closing_quote(row: str, opening: int, backslash: bool) -> int:
    pattern = _CLOSED_BACKSLASH if backslash else _CLOSED
    found = pattern.match(row, opening)
    return found.end() - 1 if found else -1


def _unescaped(found: re.Match[str]) -> str:
    return '"' if found[0] == '""' else found[1]


_ESCAPED = re.compile(r'""|\\(["\\])')
_CLOSED = re.compile(r'"[^"]*+(?:""[^"]*+)*+"')
_CLOSED_BACKSLASH = re.compile(r'"[^"\\]*+(?:(?:""|\\.)[^"\\]*+)*+"', re.DOTALL)


def _at_least(parts: Iterator[bytes], wanted: int) -> bytes:
    """Return as much again, so that a long cell is not looked at once for each part of it."""
    pieces: list[bytes] = []
    wanted = min(wanted, _READ_AHEAD)
    while wanted > 0 and (part := next(parts, b"")):
        pieces.append(part)
        wanted -= len(part)
    return b"".join(pieces)
