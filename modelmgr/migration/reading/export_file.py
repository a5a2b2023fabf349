"""Text files of any size that hold many records: read in parts, their bytes never changed.

The cutters (`json_ranges`, `csv_ranges`) look for brackets, quotes and line ends. So that they need not know about
codecs, a file shows them a *structural view*: one byte for each unit of the text (one byte, or two in UTF-16), in
which every ASCII character stands for itself and nothing else looks like one. Positions in the view are units;
`ExportFile.range` gives the file's own bytes for them.
"""

import codecs
import os
import re
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from modelmgr.errors import Unreadable
from modelmgr.migration.reading.container import read_container
from modelmgr.values import MIB

PART_BYTES = MIB
WHOLE_LIMIT_BYTES = 64 * MIB
"""Up to here a file is read at once, so that all its records stem from one state of it."""

RECORD_LIMIT_BYTES = 256 * MIB

LOCALE_CODECS = ("cp1252", "cp932", "gbk", "big5", "cp949", "cp1251")
"""Tried in this order for a file that is neither UTF-8 nor UTF-16."""

# O_NONBLOCK: a pipe that took the file's place must not hold us up.
_OPEN_FLAGS = os.O_RDONLY
for _name in ("O_NONBLOCK", "O_CLOEXEC", "O_BINARY"):
    _OPEN_FLAGS |= getattr(os, _name, 0)

# In these a byte that looks like a bracket or a backslash may be the second half of a character.
_PAIRS = {
    "cp932": re.compile(rb"[\x81-\x9f\xe0-\xfc][\x40-\x7e\x80-\xfc]"),
    "gbk": re.compile(rb"[\x81-\xfe][\x40-\x7e\x80-\xfe]"),
    "big5": re.compile(rb"[\x81-\xfe][\x40-\x7e\xa1-\xfe]"),
    "cp949": re.compile(rb"[\x81-\xfe][\x41-\x5a\x61-\x7a\x81-\xfe]"),
}
_BLANKS = re.compile(rb"[ \t\r\n\f\v\0]*+")
_ASCII_ONLY = bytes(range(128)) + b"\xff" * 128
_INVALID = re.compile("[\udc80-\udcff]")
_FOREIGN = re.compile("[^\x00-\x7f\udc80-\udcff]")


class ExportFile:
    """An open text file; see the module.

    Attributes:
        path: of the file.
        size_bytes: of the whole file.
        codec: what its text is written in (``utf-8`` also where single records may be something else).
        origin: where the text begins, behind a byte order mark.
        width: bytes of one unit, 1 or 2.
        whole: True if the file was small enough to be read at once.
    """

    def __init__(self, path: str, size_bytes: int, read: Callable[[int, int], bytes], whole: bool) -> None:
        self.path = path
        self.size_bytes = size_bytes
        self.whole = whole
        self.codec = "utf-8"
        self.origin = 0
        self.width = 1
        self._read = read
        self._part = (0, 0, b"")
        self._find_codec()

    @property
    def units(self) -> int:
        """How many whole units the text has."""
        return (self.size_bytes - self.origin) // self.width

    def range(self, start: int, end: int) -> bytes:
        """Return the file's bytes from unit `start` to before unit `end`."""
        first, behind, part = self._part
        if first <= start and end <= behind:  # of what the view has just shown
            return part[(start - first) * self.width : (end - first) * self.width]
        return self._read(self.origin + start * self.width, self.origin + end * self.width)

    def offset(self, unit: int) -> int:
        """Return where in the file a unit lies, in bytes."""
        return self.origin + unit * self.width

    def view(self, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """Yield the structural view from unit `start` on, in parts."""
        stop = self.units if end is None else end
        pairs = _PAIRS.get(self.codec)
        while start < stop:
            behind = min(start + PART_BYTES, stop)
            part = self._read(self.origin + start * self.width, self.origin + behind * self.width)
            self._part = start, start + len(part) // self.width, part
            if self.width == 2:
                first, second = (
                    (part[1::2], part[0::2]) if self.codec == "utf-16-be" else (part[0::2], part[1::2])
                )
                part = first.translate(_ASCII_ONLY)
                if second.count(0) != len(second):
                    part = bytes(255 if high else low for low, high in zip(part, second, strict=True))
            elif pairs:
                part = pairs.sub(b"\xff\xff", part)
                if len(part) > 1 and 0x80 < part[-1] < 0xFF and start + len(part) < stop:
                    part = part[:-1]  # perhaps half a character; the next part begins with it
            yield part
            start += len(part)

    def lines(self) -> Iterator[tuple[int, int]]:
        """Yield beginning and end of each line that isn't blank; only LF, with or without CR before it, ends one."""
        at = start = 0
        blank = True
        last = b""
        for part in self.view():
            begin = 0
            while begin < len(part):
                if blank:
                    found = _BLANKS.match(part, begin)
                    text = found.end() if found else begin
                    line_end = part.rfind(b"\n", begin, text)
                    start = start if line_end < 0 else at + line_end + 1
                    begin, blank = text, text == len(part)
                    continue
                end = part.find(b"\n", begin)
                if end < 0:
                    last = part[-1:]
                    break
                before = part[end - 1 : end] if end else last
                yield start, at + end - (before == b"\r")
                begin, start, blank, last = end + 1, at + end + 1, True, b""
            at += len(part)
        if not blank:
            yield start, at - (last == b"\r")

    def decode(self, text: bytes) -> str:
        """Return a range of this file as text; what can't be decoded becomes U+FFFD."""
        return text.decode(self.codec, "replace")

    def parts(self) -> Iterator[bytes]:
        """Yield the bytes of the text, in parts."""
        for start in range(self.origin, self.size_bytes, PART_BYTES):
            yield self._read(start, min(start + PART_BYTES, self.size_bytes))

    def choose_codec(self, doubt: Callable[[], int]) -> None:
        """Settle the codec of a file that is neither UTF-8 nor UTF-16, by trying the locale's candidates.

        Args:
            doubt: called with each candidate set that decodes the whole file; how many records don't parse with it.
        """
        if self.width == 2 or self._mostly_utf8():
            return
        best: tuple[int, str] | None = None
        for codec in LOCALE_CODECS:
            if not self._decodes(codec):
                continue
            self.codec = codec
            found = doubt()
            if best is None or found < best[0]:
                best = (found, codec)
            if not found:
                break
        self.codec = best[1] if best else "utf-8"

    def _find_codec(self) -> None:
        head = self._read(0, min(4, self.size_bytes))
        if head.startswith(codecs.BOM_UTF8):
            self.origin = 3
        elif head.startswith(codecs.BOM_UTF16_LE):
            self.codec, self.origin, self.width = "utf-16-le", 2, 2
        elif head.startswith(codecs.BOM_UTF16_BE):
            self.codec, self.origin, self.width = "utf-16-be", 2, 2
        elif head[2:4] == b"\0\0":
            return  # holes of a file that was never written to its end
        elif len(head) >= 2 and head[0] and not head[1]:  # no mark, but ASCII with a zero beside each letter
            self.codec, self.width = "utf-16-le", 2
        elif len(head) >= 2 and not head[0] and head[1]:
            self.codec, self.width = "utf-16-be", 2

    def _decodes(self, codec: str) -> bool:
        decoder = codecs.getincrementaldecoder(codec)()
        try:
            for part in self.parts():
                decoder.decode(part)
            decoder.decode(b"", True)
        except UnicodeDecodeError:
            return False
        return True

    def _mostly_utf8(self) -> bool:
        # One damaged record must not turn the umlauts of all its neighbours into another codec's letters.
        if self._decodes("utf-8"):
            return True
        decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        valid = invalid = 0
        for part in self.parts():
            text = decoder.decode(part)
            invalid += len(_INVALID.findall(text))
            valid += len(_FOREIGN.findall(text))
        return valid > invalid


@contextmanager
def open_export(path: str) -> Iterator[ExportFile]:
    """Open a text file for reading in parts; it is only read, and never past what it was when opened.

    Raises:
        Unreadable: it is no regular file, can't be read, or (``changed_while_reading``) changes meanwhile; the last
            also while ranges of a file above `WHOLE_LIMIT_BYTES` are read.
    """
    try:
        facts = os.stat(path)
    except OSError as error:
        raise Unreadable(f"The file can't be looked at: {error.strerror or error}.", path=path) from error
    if facts.st_size <= WHOLE_LIMIT_BYTES:
        content = read_container(path, WHOLE_LIMIT_BYTES)
        yield ExportFile(path, len(content), lambda start, end: content[start:end], whole=True)
        return
    try:
        handle = os.open(path, _OPEN_FLAGS)
    except OSError as error:
        raise Unreadable(f"The file can't be opened: {error.strerror or error}.", path=path) from error
    try:
        facts = os.fstat(handle)
        if not stat.S_ISREG(facts.st_mode):
            raise Unreadable("This is no regular file; it was not read.", path=path)
        state = (facts.st_size, facts.st_mtime_ns)

        def read(start: int, end: int) -> bytes:
            try:
                os.lseek(handle, start, os.SEEK_SET)
                content = os.read(handle, end - start)
                while len(content) < end - start:  # some systems hand over a part only
                    more = os.read(handle, end - start - len(content))
                    if not more:
                        break
                    content += more
                now = os.fstat(handle)
            except OSError as error:
                raise Unreadable(f"The file can't be read: {error.strerror or error}.", path=path) from error
            if (now.st_size, now.st_mtime_ns) != state:
                raise Unreadable(
                    "The file was changed while it was being read.", code="changed_while_reading", path=path
                )
            return content

        yield ExportFile(path, facts.st_size, read, whole=False)
    finally:
        os.close(handle)
