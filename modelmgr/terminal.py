"""What a terminal gets: foreign text made harmless, sizes for people, aligned columns, a line of progress.

Only the command line writes to terminals; nothing here prints by itself but `Bar`.
"""

import shutil
import time
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from typing import TextIO

from modelmgr.progress import Step

_GAP = "  "
_NARROWEST = 8
_BAR_COLUMNS = 20


def visible(text: str) -> str:
    r"""Return text that can do nothing to a terminal: control, bidi and invisible characters as signs.

    Also the undecodable bytes of paths (as ``\x80``), and whatever else can't be printed. One line stays one.
    """
    if text.isprintable():
        return text
    return "".join(_visible(char) for char in text)


def _visible(char: str) -> str:
    if char.isprintable() or unicodedata.category(char) == "Zs":
        return char
    code = ord(char)
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "\u2421"
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def size_text(size_bytes: int) -> str:
    """Return a size for people, in decimal units: ``218 MB``, ``6.5 GB``."""
    size = float(size_bytes)
    for unit in ("B", "KB", "MB", "GB", "TB"):
        if size < 999.5 or unit == "TB":
            break
        size /= 1000
    return f"{size:.1f} {unit}" if unit != "B" and size < 9.95 else f"{size:,.0f} {unit}"


def count_text(number: int, noun: str, plural: str = "") -> str:
    """Return ``1 model``, ``12,345 models``."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def duration_text(seconds: float) -> str:
    """Return a remaining or elapsed time in its largest unit or two: ``40 s``, ``4 min``, ``2 h 10 min``."""
    if seconds < 60:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def time_text(seconds: float) -> str:
    """Return a moment as the clock on the wall says it, ``2026-11-23 03:57``; Unix seconds if no calendar holds it."""
    try:
        return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))
    except (ValueError, OverflowError, OSError):
        return f"{seconds:.0f}"


def width_of(stream: TextIO) -> int | None:
    """Return how many columns a stream shows in a line, None if it is no terminal."""
    return shutil.get_terminal_size().columns if stream.isatty() else None


def table(
    titles: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    right: Sequence[int] = (),
    columns: int | None = None,
) -> Iterator[str]:
    """Yield aligned lines, each cell escaped.

    Args:
        titles: of the columns, the first line; if all of them are empty there is none.
        rows: as many cells each as there are titles.
        right: the columns that are aligned to the right, numbered from 0.
        columns: how wide the lines may be; the widest cells are cut in the middle until they fit. None for any width.
    """
    cells = [list(titles)] if any(titles) else []
    cells += [[visible(cell) for cell in row] for row in rows]
    widths = [max((_columns(row[at]) for row in cells), default=0) for at in range(len(titles))]
    if columns is not None:
        widest = _fitting(widths, columns - len(_GAP) * (len(widths) - 1))
        widths = [min(width, widest) for width in widths]
    for row in cells:
        parts = []
        for at, full in enumerate(row):
            cell = _cut(full, widths[at])
            gap = " " * (widths[at] - _columns(cell))
            parts.append(gap + cell if at in right else cell + gap)
        yield _GAP.join(parts).rstrip()


def _fitting(widths: Sequence[int], room: int) -> int:
    """Return how wide the widest column may be if all of them shall have room; never too little to be read."""
    left = room
    for at, width in enumerate(sorted(widths)):
        share = left // (len(widths) - at)
        if width > share:
            return max(share, _NARROWEST)
        left -= width
    return max(widths)


def _cut(cell: str, columns: int) -> str:
    """Return a cell that is at most so wide, without its middle if need be."""
    if _columns(cell) <= columns:
        return cell
    half = columns // 2
    head, tail = cell[: columns - half - 1], cell[-half:]
    while _columns(head) > columns - half - 1:
        head = head[:-1]
    while _columns(tail) > half:
        tail = tail[1:]
    return f"{head}…{tail}"


def _columns(text: str) -> int:
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1
        for char in text
    )


class Bar:
    """One line on a terminal that says how far the work is, how fast it goes and how long it will take.

    Nothing at all where the stream is no terminal. `show` is a `Progress` listener.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._is_terminal = stream.isatty()
        self._phase: tuple[str, int | None] | None = None
        self._begun_at = 0.0
        self._begun_with = 0
        self._last_done = 0

    def show(self, step: Step) -> None:
        """Draw a step over the one before."""
        if not self._is_terminal:
            return
        now = time.monotonic()
        phase = (step.unit, step.total)
        if phase != self._phase and (self._phase is None or step.done < self._last_done):
            self._begun_at, self._begun_with = now, step.done
        self._phase, self._last_done = phase, step.done
        line = " ".join([*self._parts(step, now), visible(step.text)])
        columns = shutil.get_terminal_size().columns - 1
        while _columns(line) > columns:
            line = line[: columns - (_columns(line) - len(line)) - 1] + "…"
        self._stream.write(f"\r\x1b[K{line}")
        self._stream.flush()

    def clear(self) -> None:
        """Take the line away."""
        if self._is_terminal and self._phase is not None:
            self._stream.write("\r\x1b[K")
            self._stream.flush()
            self._phase = None

    def _parts(self, step: Step, now: float) -> Iterator[str]:
        is_bytes = step.unit == "bytes"
        done = size_text(step.done) if is_bytes else f"{step.done:,}"
        if step.total:
            filled = min(_BAR_COLUMNS, _BAR_COLUMNS * step.done // step.total)
            yield "█" * filled + "░" * (_BAR_COLUMNS - filled)
            done += f" of {size_text(step.total) if is_bytes else format(step.total, ',')}"
        unit = step.unit.removesuffix("s") if done == "1" else step.unit
        yield done if is_bytes else f"{done} {unit}"
        elapsed = now - self._begun_at
        rate = (step.done - self._begun_with) / elapsed if elapsed > 1 else 0.0
        if rate > 0:
            yield f"· {size_text(int(rate)) if is_bytes else format(rate, ',.0f')}/s"
            if step.total and step.total > step.done:
                yield f"· {duration_text((step.total - step.done) / rate)} left"
