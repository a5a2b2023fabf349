"""The header of a safetensors file; tensor data is not touched.

Layout (huggingface/safetensors, README, "Format"): 8 bytes little-endian length N, N bytes of UTF-8 JSON, tensors.
N comes from a stranger: it is held against the file's size and `HEADER_LIMIT_BYTES` before a byte is read.
"""

import json
import re
from typing import Any

from modelmgr.readers import tensor_table
from modelmgr.readers.contents import TENSOR_LIMIT, Contents, Defect, FileBytes, Spec, quoted
from modelmgr.readers.tensor_table import Table
from modelmgr.told.texts import KEY_COUNT_LIMIT, clean, texts_of

HEADER_LIMIT_BYTES = 100_000_000
"""The reference reader's own limit."""
WHOLE_LIMIT_BYTES = 2 * 1024 * 1024
"""Up to here a header is parsed as it is; a longer one after its long metadata values were cut."""
TEXT_LIMIT_BYTES = 32 * 1024 * 1024
"""A header that is longer even then is not parsed: its objects would not fit the memory we allow."""
TOKEN_LIMIT = 2_000_000
"""Commas and brackets in a header beyond `WHOLE_LIMIT_BYTES`; bounds the objects that parsing can make."""
VALUE_LIMIT = 64 * 1024
"""Characters of one metadata value kept from a header beyond `WHOLE_LIMIT_BYTES`."""
EMBEDDED_LIMIT_BYTES = 64 * 1024 * 1024
"""Longer metadata are not kept as a record."""
_ABSENT = object()
_METADATA_START = b'{"__metadata__":'
_OFFSETS_KEY = b'"data_offsets"'
_BACKSLASH, _CLOSING = b"\\}"
_PADDING = re.compile(rb"[ \t\r\n\0]*+\Z")
_LONG_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_BRACE = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[{}]', re.DOTALL)
_METADATA_OPEN = re.compile(rb'"__metadata__"\s*:\s*\{\s*')
_METADATA_KEY = b'"__metadata__"'
_COLON = re.compile(rb"\s*:\s*")
_SEPARATOR = re.compile(rb"\s*[:,]\s*")


class _Malformed(Exception):
    """The header is no header; carries the sentence that says why."""


class _Twice(Exception):
    """A key stands twice in one object."""


class _Duplicates:
    """A hook for the JSON parser that builds dicts and remembers the first key that stood twice."""

    def __init__(self) -> None:
        self.first: str | None = None

    def __call__(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        members = dict(pairs)
        if len(members) != len(pairs) and self.first is None:
            seen: set[str] = set()
            for key, _ in pairs:
                if key in seen:
                    self.first = key
                    break
                seen.add(key)
        return members


def read(file: FileBytes) -> Contents:
    """Read the header and hold it against the file's size.

    The result is a header with its defects, or `Contents` of format ``invalid`` with the one defect that made the
    header unreadable.
    """
    size_bytes = file.size_bytes
    if size_bytes < 8:
        ended = "1 byte" if size_bytes == 1 else f"{size_bytes} bytes"
        return _invalid("truncated", f"The file ends after {ended}, before its header.")
    length = int.from_bytes(file.at(0, 8), "little")
    if length > HEADER_LIMIT_BYTES:
        return _invalid(
            "header_invalid", f"The header claims {length:,} bytes; no safetensors header is that long."
        )
    if length < 2:
        return _invalid("header_invalid", f"The header claims {length} bytes; the shortest has 2.")
    if 8 + length > size_bytes:
        if size_bytes > 8 and file.at(8, 1) != b"{":
            return _invalid("header_invalid", 'The header does not begin with "{".')
        contents = Contents("safetensors" if size_bytes > 8 else "invalid")
        contents.defects.append(
            Defect(
                "truncated",
                f"The file is cut off inside its header: {size_bytes:,} of more than {8 + length:,} bytes.",
            )
        )
        return contents
    header = file.at(8, length)
    if len(header) < length:
        return _invalid("truncated", "The file became shorter while it was read.")
    contents = Contents("safetensors", data_offset=8 + length)
    try:
        _parse(header, size_bytes - 8 - length, contents)
    except _Malformed as error:
        return _invalid("header_invalid", str(error))
    if contents.metadata and contents.embedded is None:
        contents.embedded = _exact_metadata(header)
    return contents


def _exact_metadata(header: bytes) -> bytes | None:
    """Return the bytes of the ``__metadata__`` object as they stand, or None where they can't be told apart."""
    exact: bytes | None = None
    first = header.find(_METADATA_KEY)
    is_alone = header.find(_METADATA_KEY, first + 1) < 0
    depth, start, key_end = int(is_alone), -1, -1
    # Braces inside strings do not count: strings are taken whole. A key of that name further inside is another one.
    for token in _BRACE.finditer(header, max(first, 0) if is_alone else 0):
        if token[0] == b"{":
            depth += 1
            if depth == 2 and key_end >= 0 and _COLON.fullmatch(header, key_end, token.start()):
                start = token.start()
        elif token[0] == b"}":
            depth -= 1
            if depth == 1 and start >= 0:
                # The last one counts, as for every parser.
                exact, start = header[start : token.end()], -1
                if is_alone:
                    break
        key_end = token.end() if depth == 1 and token[0] == _METADATA_KEY else -1
    return exact if exact is not None and len(exact) <= EMBEDDED_LIMIT_BYTES else None


def _invalid(code: str, message: str) -> Contents:
    return Contents("invalid", defects=[Defect(code, message)])


def _parse(header: bytes, data_bytes: int, contents: Contents) -> None:
    if not header.startswith(b"{"):
        raise _Malformed('The header does not begin with "{".')
    body, end = header, _body_end(header, contents)
    shortened = end > WHOLE_LIMIT_BYTES
    if shortened:
        pieces = _shortened(header, end, contents)
        if sum(map(len, pieces)) > TEXT_LIMIT_BYTES:
            contents.defects.append(
                Defect("too_large", f"The header has {len(header):,} bytes of entries; it was not read.")
            )
            return
        body = b"".join(pieces)
        end = len(body)
        if end > WHOLE_LIMIT_BYTES and _token_count(body) > TOKEN_LIMIT:
            contents.defects.append(
                Defect("too_large", f"The header has {len(header):,} bytes of entries; it was not read.")
            )
            return
    if end > TENSOR_LIMIT * len(_OFFSETS_KEY) and body.count(_OFFSETS_KEY) > TENSOR_LIMIT:
        contents.defects.append(
            Defect("too_large", f"The header lists more than {TENSOR_LIMIT:,} tensors; it was not read.")
        )
        return
    if _parse_canonical(body, end, data_bytes, contents):
        if shortened:
            contents.embedded = None
        return
    try:
        text = body[:end].decode("utf-8")
    except UnicodeDecodeError as error:
        raise _Malformed(f"The header is not UTF-8 (byte {8 + error.start:,}).") from None
    _parse_json(text, data_bytes, contents)


def _body_end(header: bytes, contents: Contents) -> int:
    """Return where the object ends if only padding follows its last brace, else the header's end."""
    end = header.rfind(b"}") + 1
    if not end or _PADDING.match(header, end) is None:
        return len(header)
    if header.find(b"\0", end) >= 0:
        contents.defects.append(
            Defect("header_padding", "The header is padded with NUL bytes instead of spaces.")
        )
    return end


def _parse_canonical(body: bytes, body_end: int, data_bytes: int, contents: Contents) -> bool:
    """Read a header in the reference library's spelling; return False, touching nothing, for any other."""
    last = body_end - 1
    if body[last] != _CLOSING:
        return False
    metadata: Any = _ABSENT
    duplicates = _Duplicates()
    exact: bytes | None = None
    start = 1
    if body.startswith(_METADATA_START):
        end = _metadata_end(body, last)
        if end is None or not body.startswith(b"{", len(_METADATA_START)):
            return False
        exact = body[len(_METADATA_START) : end]
        try:
            text = exact.decode("utf-8")
            try:
                metadata = _PLAIN.decode(text)
            except _Twice:
                metadata = json.loads(text, object_pairs_hook=duplicates, parse_constant=_refuse)
        except (ValueError, RecursionError):
            return False
        start = min(end + 1, last)
    table = tensor_table.read(body, start, last) if start < last else Table()
    if table is None:
        return False
    contents.specs, contents.kinds, contents.derived = table.specs, table.kinds, table.derived
    _take_metadata(metadata, contents)
    if contents.metadata and exact is not None and len(exact) <= EMBEDDED_LIMIT_BYTES:
        contents.embedded = exact
    _note_duplicates(duplicates, contents)
    contents.defects += table.defects
    _check_end(table.end, data_bytes, contents)
    return True


def _metadata_end(body: bytes, last: int) -> int | None:
    """Return where the object that begins the header ends, if it holds nothing but texts."""
    at = len(_METADATA_START)
    if body.startswith(b"{},", at) or (at + 2 == last and body.startswith(b"{}", at)):
        return at + 2
    while (at := body.find(b'"},"', at, last)) >= 0:
        slashes = at
        while body[slashes - 1] == _BACKSLASH:
            slashes -= 1
        if (at - slashes) % 2 == 0:
            return at + 2
        at += 1
    return last if body.endswith(b'"}}', 0, last + 1) else None


def _check_end(end: int, data_bytes: int, contents: Contents) -> None:
    start = contents.data_offset or 0
    if end > data_bytes:
        contents.defects.insert(
            0, Defect("truncated", f"The file is cut off: {start + data_bytes:,} of {start + end:,} bytes.")
        )
    elif end < data_bytes:
        contents.defects.append(
            Defect(
                "trailing_data", f"{data_bytes - end:,} bytes follow the last tensor; no tensor claims them."
            )
        )


def _note_duplicates(duplicates: _Duplicates, contents: Contents) -> None:
    if duplicates.first is not None:
        contents.defects.append(
            Defect(
                "duplicate_keys",
                f"The header names {quoted(duplicates.first)} twice; the last one was taken.",
            )
        )


def _token_count(body: bytes) -> int:
    return body.count(b",") + body.count(b"[") + body.count(b"{")


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _Twice
    return members


_PLAIN = json.JSONDecoder(object_pairs_hook=_each_once, parse_constant=_refuse)
"""Made once: it takes as long to make one as to read what a small file says of itself."""


def _parse_json(text: str, data_bytes: int, contents: Contents) -> None:
    duplicates = _Duplicates()
    try:
        root = json.loads(text, object_pairs_hook=duplicates, parse_constant=_refuse)
    except json.JSONDecodeError as error:
        raise _Malformed(f"The header is not valid JSON: {error.msg} at byte {8 + error.pos:,}.") from None
    except ValueError as error:
        raise _Malformed(f"The header is not valid JSON: {str(error)[:100]}.") from None
    except RecursionError:
        raise _Malformed("The header is nested too deeply.") from None
    if not isinstance(root, dict):
        raise _Malformed("The header is no JSON object.")
    _take_metadata(root.pop("__metadata__", _ABSENT), contents)
    _note_duplicates(duplicates, contents)
    names: list[str] = []
    begins: list[int] = []
    ends: list[int] = []
    table = Table()
    bad: str | None = None
    bad_count = 0
    kinds: dict[tuple[str, tuple[int, ...]], Spec] = {}
    for raw_name, entry in root.items():
        name = clean(raw_name)
        parts = _entry_of(entry)
        if parts is None:
            bad = name if bad is None else bad
            bad_count += 1
            continue
        dtype, shape, begin, end = parts
        kind = (dtype, shape)
        if kind not in kinds:
            if len(kinds) >= tensor_table.KIND_COUNT_LIMIT:
                message = "The header lists more different shapes than a model has; the rest was not read."
                contents.defects.append(Defect("too_large", message))
                break
            kinds[kind] = Spec(dtype, shape, tensor_table.expected_bytes(dtype, shape))
        table.specs[name] = kinds[kind]
        names.append(name)
        begins.append(begin)
        ends.append(end)
    if bad is not None:
        more = bad_count - 1
        message = (
            f"The entry of tensor {quoted(bad)} is no dtype, shape and data_offsets (and {more:,} more)."
            if more > 0
            else f"The entry of tensor {quoted(bad)} is no dtype, shape and data_offsets."
        )
        contents.defects.append(Defect("tensor_invalid", message))
    tensor_table.settle_sizes(table, names, begins, ends)
    tensor_table.check_extent(table, names, begins, ends)
    contents.specs = table.specs
    contents.defects += table.defects
    _check_end(table.end, data_bytes, contents)


def _entry_of(entry: Any) -> tuple[str, tuple[int, ...], int, int] | None:
    """Return dtype, shape, begin and end of a tensor's entry, or None where it is none."""
    if not isinstance(entry, dict):
        return None
    dtype, shape, offsets = entry.get("dtype"), entry.get("shape"), entry.get("data_offsets")
    if not isinstance(dtype, str) or not isinstance(shape, list) or not isinstance(offsets, list):
        return None
    if len(shape) > tensor_table.DIMENSION_LIMIT or len(offsets) != 2:
        return None
    # bool is an int for Python, but `true` is no dimension.
    if any(
        type(number) is not int or not 0 <= number < tensor_table.NUMBER_LIMIT
        for number in [*shape, *offsets]
    ):
        return None
    return clean(dtype), tuple(shape), offsets[0], offsets[1]


def _take_metadata(found: Any, contents: Contents) -> None:
    """Keep ``__metadata__`` as text -> text, leniently: some tools write numbers and objects."""
    if found is _ABSENT:
        return
    if not isinstance(found, dict):
        contents.defects.append(Defect("metadata_invalid", "The header's __metadata__ is no object."))
        return
    if len(found) > KEY_COUNT_LIMIT:
        contents.defects.append(
            Defect("metadata_invalid", f"The header's __metadata__ has {len(found):,} keys.")
        )
    contents.metadata, odd = texts_of(found)
    if odd is not None:
        contents.defects.append(
            Defect(
                "metadata_invalid",
                f"The header's __metadata__ holds a value that is no text ({quoted(odd)}).",
            )
        )


def _shortened(header: bytes, end: int, contents: Contents) -> list[bytes | memoryview]:
    """Return the header up to `end` with the long values of its ``__metadata__`` cut, in pieces."""
    view = memoryview(header)
    pieces: list[bytes | memoryview] = []
    kept_up_to = 0
    found = _METADATA_OPEN.search(header)
    position = 0 if found is None else found.end()
    for _ in range(0 if found is None else 2 * KEY_COUNT_LIMIT):
        token = _LONG_STRING.match(header, position)
        if token is None:
            break
        if token.end() - position > VALUE_LIMIT:
            pieces += (view[kept_up_to:position], _cut_string(header[position : position + VALUE_LIMIT]))
            kept_up_to = token.end()
        separator = _SEPARATOR.match(header, token.end())
        if separator is None:
            break
        position = separator.end()
    if pieces:
        contents.defects.append(
            Defect("metadata_cut", "The header's __metadata__ is very long; its long values were cut.")
        )
    pieces.append(view[kept_up_to:end])
    return pieces


def _cut_string(start: bytes) -> bytes:
    """Return the beginning of a JSON string as a whole one, not ending inside an escape or a character."""
    for _ in range(16):
        candidate = start + b'"'
        try:
            json.loads(candidate)
        except ValueError:
            start = start[:-1]
        else:
            return candidate
    return b'""'
