"""The header of a safetensors file; tensor data is not touched.

Layout (huggingface/safetensors, README, "Format"): 8 bytes little-endian length N, N bytes of UTF-8 JSON, tensors.
N comes from a stranger: it is held against the file's size and `HEADER_LIMIT_BYTES` before a byte is read.

Nearly every file was written by the same few libraries, in one canonical spelling. That spelling is cut at its quotes,
faster than a JSON parser reads it and without three objects a tensor; every piece must be accounted for, or the
header is parsed as the JSON that it is.
"""

import json
import re
from collections import Counter
from functools import lru_cache
from itertools import accumulate, islice
from operator import add, itemgetter, sub
from typing import Any

from modelmgr.readers.contents import TENSOR_LIMIT, Contents, Defect, FileBytes, Spec, clean, quoted

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
KEPT_VALUE_LIMIT = 1024 * 1024
METADATA_KEY_LIMIT = 10_000
DIMENSION_LIMIT = 64
METADATA_PLACE_LIMIT = 4
EMBEDDED_LIMIT_BYTES = 64 * 1024 * 1024
"""Longer metadata are not kept as a record."""
NUMBER_LIMIT = 2**63
KIND_COUNT_LIMIT = 20_000
"""Different types and shapes in one header; a model has some hundred."""
KIND_LIMIT = 128
"""Characters of a type with its shape; longer ones are left to the general parser, so that kinds can be cached."""

BITS = {
    "BOOL": 8,
    "F4": 4,
    "F6_E2M3": 6,
    "F6_E3M2": 6,
    "U8": 8,
    "I8": 8,
    "F8_E5M2": 8,
    "F8_E4M3": 8,
    "F8_E8M0": 8,
    "F8_E4M3FNUZ": 8,
    "F8_E5M2FNUZ": 8,
    "I16": 16,
    "U16": 16,
    "F16": 16,
    "BF16": 16,
    "I32": 32,
    "U32": 32,
    "F32": 32,
    "F64": 64,
    "I64": 64,
    "U64": 64,
    "C64": 64,
}
"""Bits per element (huggingface/safetensors, safetensors/src/tensor.rs, Dtype); others follow from the offsets."""

_ABSENT = object()
_METADATA_START = '{"__metadata__":'
_FRAME = ((2, ":{"), (3, "dtype"), (4, ":"), (6, ","), (7, "shape"), (9, "data_offsets"))
_OFFSETS = re.compile(r"(?::\[(?:0|[1-9][0-9]{0,18}+),(?:0|[1-9][0-9]{0,18}+)\]\},)*+")
_LONG_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_BRACE = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[{}]', re.DOTALL)
_METADATA_OPEN = re.compile(rb'"__metadata__"\s*:\s*\{\s*')
_METADATA_KEY = re.compile(rb'"__metadata__"\s*:\s*(?=\{)')
_SEPARATOR = re.compile(rb"\s*[:,]\s*")


class _Malformed(Exception):
    """The header is no header; carries the sentence that says why."""


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
        return _invalid("truncated", f"The file ends after {size_bytes} bytes, before its header.")
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
    for found in islice(_METADATA_KEY.finditer(header), METADATA_PLACE_LIMIT):
        end = _object_end(header, found.end())
        if end is not None:
            # The last one counts, as for every parser.
            exact = header[found.end() : end]
    return exact if exact is not None and len(exact) <= EMBEDDED_LIMIT_BYTES else None


def _object_end(header: bytes, start: int) -> int | None:
    """Return where the JSON object that begins at `start` ends, or None if it doesn't."""
    if len(header) <= WHOLE_LIMIT_BYTES:
        text = header[start:].decode("utf-8", "surrogateescape")
        try:
            end = json.JSONDecoder().raw_decode(text)[1]
        except (ValueError, RecursionError):
            return None
        return start + (end if text.isascii() else len(text[:end].encode("utf-8", "surrogateescape")))
    depth = 0
    # Too long to make objects of it. Braces inside strings do not count: strings are taken whole.
    for token in _BRACE.finditer(header, start):
        if token[0] == b"{":
            depth += 1
        elif token[0] == b"}":
            depth -= 1
            if depth == 0:
                return token.end()
    return None


def _invalid(code: str, message: str) -> Contents:
    return Contents("invalid", defects=[Defect(code, message)])


def _parse(header: bytes, data_bytes: int, contents: Contents) -> None:
    if not header.startswith(b"{"):
        raise _Malformed('The header does not begin with "{".')
    body = header.rstrip(b" \t\r\n")
    if body.endswith(b"\0"):
        body = body.rstrip(b"\0 ")
        contents.defects.append(
            Defect("header_padding", "The header is padded with NUL bytes instead of spaces.")
        )
    if len(body) > WHOLE_LIMIT_BYTES:
        body = _shortened(body, contents)
    if body.count(b'"data_offsets"') > TENSOR_LIMIT:
        contents.defects.append(
            Defect("too_large", f"The header lists more than {TENSOR_LIMIT:,} tensors; it was not read.")
        )
        return
    if len(body) > TEXT_LIMIT_BYTES or (len(body) > WHOLE_LIMIT_BYTES and _token_count(body) > TOKEN_LIMIT):
        contents.defects.append(
            Defect("too_large", f"The header has {len(header):,} bytes of entries; it was not read.")
        )
        return
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _Malformed(f"The header is not UTF-8 (byte {8 + error.start:,}).") from None
    # A raw control character is either white space of another spelling or no JSON at all.
    if any(code in body for code in range(32)) or not _parse_canonical(text, data_bytes, contents):
        _parse_json(text, data_bytes, contents)


def _parse_canonical(text: str, data_bytes: int, contents: Contents) -> bool:
    """Read a header in the reference library's spelling; return False, touching nothing, for any other."""
    metadata: Any = _ABSENT
    duplicates = _Duplicates()
    if not text.endswith("}"):
        return False
    entries = text[1:-1]
    if text.startswith(_METADATA_START):
        decoder = json.JSONDecoder(object_pairs_hook=duplicates, parse_constant=_refuse)
        try:
            metadata, end = decoder.raw_decode(text, len(_METADATA_START))
        except (ValueError, RecursionError):
            return False
        entries = text[end + 1 : -1]
        if not text.startswith("," if entries else "}", end):
            return False
    if not entries:
        _take_metadata(metadata, contents)
        _check_end(0, data_bytes, contents)
        return True
    table = _columns(entries)
    if table is None:
        return False
    names, kinds, begins, ends = table
    counts = Counter(kinds)
    if len(counts) > KIND_COUNT_LIMIT:
        return False
    by_kind: dict[str, Spec] = {}
    for kind in counts:
        spec = _spec_of(kind) if len(kind) <= KIND_LIMIT else None
        if spec is None:
            return False
        by_kind[kind] = spec
    specs = dict(zip(names, map(by_kind.__getitem__, kinds), strict=True))
    if "__metadata__" in specs:
        return False
    if len(specs) != len(names):
        duplicates(list(zip(names, names, strict=True)))
    contents.specs = specs
    contents.kinds = [(by_kind[kind], count) for kind, count in counts.items()]
    _take_metadata(metadata, contents)
    _note_duplicates(duplicates, contents)
    asked = [by_kind[kind].size_bytes for kind in kinds]
    end_numbers = list(map(int, ends))
    if begins[0] == "0" and begins[1:] == ends[:-1] and end_numbers == list(accumulate(asked)):
        _check_end(end_numbers[-1], data_bytes, contents)
        return True
    begin_numbers = list(map(int, begins))
    stored = list(map(sub, end_numbers, begin_numbers))
    if stored != asked:
        _settle_sizes(names, [specs[name] for name in names], stored, contents)
    _check_extent(list(zip(begin_numbers, end_numbers, names, strict=True)), data_bytes, contents)
    return True


def _columns(entries: str) -> tuple[list[str], list[str], list[str], list[str]] | None:
    """Return names, types with shapes, begins and ends of all entries, or None for another spelling.

    In the canonical spelling every entry has ten quotes, and what stands between them is known: cut there, seven of
    ten pieces must be equal in all entries and the eighth and tenth are numbers in brackets.
    """
    if "\\" in entries:
        return None
    pieces = (entries + ",").split('"')
    count, rest = divmod(len(pieces), 10)
    if rest != 1 or pieces[0]:
        return None
    for place, text in _FRAME:
        if pieces[place::10].count(text) != count:
            return None
    offsets = "".join(pieces[10::10])
    if _OFFSETS.fullmatch(offsets) is None:
        return None
    numbers = offsets[2:-3].replace("]},:[", ",").split(",")
    if len(numbers) != 2 * count:
        return None
    kinds = list(map(add, pieces[5::10], pieces[8::10]))
    return pieces[1::10], kinds, numbers[::2], numbers[1::2]


@lru_cache(maxsize=4096)
def _spec_of(kind: str) -> Spec | None:
    """Return the spec of ``F16:[320,4],`` with the size that it asks for (-1: unknown), or None for no such text."""
    dtype, _, rest = kind.partition(":[")
    if not rest.endswith("],") or not rest.isascii():
        return None
    parts = rest[:-2].split(",") if len(rest) > 2 else []
    if len(parts) > DIMENSION_LIMIT or not all(map(str.isdigit, parts)):
        return None
    if any(len(part) > 18 or (part[0] == "0" and part != "0") for part in parts):
        return None
    shape = tuple(map(int, parts))
    return Spec(dtype, shape, _expected_bytes(dtype, shape))


def _expected_bytes(dtype: str, shape: tuple[int, ...]) -> int:
    bits = BITS.get(dtype)
    if bits is None:
        return -1
    elements = 1
    for dim in shape:
        elements *= dim
    if elements * bits % 8 or elements >= NUMBER_LIMIT:
        return -1
    return elements * bits // 8


def _settle_sizes(
    names: "tuple[str, ...] | list[str]", specs: list[Spec], stored: list[int], contents: Contents
) -> None:
    """Put the stored sizes into the specs and say which of them contradict their shapes."""
    wrong: list[tuple[str, int, int]] = []
    shared: dict[tuple[Spec, int], Spec] = {}
    for name, spec, size_bytes in zip(names, specs, stored, strict=True):
        if spec.size_bytes == size_bytes:
            continue
        if spec.dtype in BITS:
            wrong.append((name, size_bytes, spec.size_bytes))
        key = (spec, size_bytes)
        if key not in shared:
            shared[key] = spec._replace(size_bytes=max(size_bytes, 0))
        contents.specs[name] = shared[key]
    contents.kinds = None
    if wrong:
        name, size_bytes, asked = wrong[0]
        asked_text = f"{asked:,}" if asked >= 0 else "another number of"
        more = f" (and {len(wrong) - 1:,} more)" if len(wrong) > 1 else ""
        contents.defects.append(
            Defect(
                "size_mismatch",
                f"Tensor {quoted(name)} stores {size_bytes:,} bytes, its shape asks for {asked_text} bytes{more}.",
            )
        )


def _check_extent(spans: list[tuple[int, int, str]], data_bytes: int, contents: Contents) -> None:
    """Say whether the tensors, sorted by offset, start at 0 and touch without gap or overlap up to the end."""
    spans.sort(key=itemgetter(0, 1))
    position = 0
    for begin, end, name in spans:
        if begin != position or end < begin:
            contents.defects.append(
                Defect(
                    "offsets",
                    f"Tensor {quoted(name)} lies at {begin:,} to {end:,}; expected to begin at {position:,}.",
                )
            )
            break
        position = end
    _check_end(max((end for _, end, _ in spans), default=0), data_bytes, contents)


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
    specs: list[Spec] = []
    stored: list[int] = []
    spans: list[tuple[int, int, str]] = []
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
            if len(kinds) >= KIND_COUNT_LIMIT:
                message = "The header lists more different shapes than a model has; the rest was not read."
                contents.defects.append(Defect("too_large", message))
                break
            kinds[kind] = Spec(dtype, shape, _expected_bytes(dtype, shape))
        names.append(name)
        specs.append(kinds[kind])
        stored.append(end - begin)
        spans.append((begin, end, name))
    if bad is not None:
        more = f" (and {bad_count - 1:,} more)" if bad_count > 1 else ""
        contents.defects.append(
            Defect(
                "tensor_invalid",
                f"The entry of tensor {quoted(bad)} is no dtype, shape and data_offsets{more}.",
            )
        )
    contents.specs = dict(zip(names, specs, strict=True))
    _settle_sizes(names, specs, stored, contents)
    _check_extent(spans, data_bytes, contents)


def _entry_of(entry: Any) -> tuple[str, tuple[int, ...], int, int] | None:
    """Return dtype, shape, begin and end of a tensor's entry, or None where it is none."""
    if not isinstance(entry, dict):
        return None
    dtype, shape, offsets = entry.get("dtype"), entry.get("shape"), entry.get("data_offsets")
    if not isinstance(dtype, str) or not isinstance(shape, list) or not isinstance(offsets, list):
        return None
    if len(shape) > DIMENSION_LIMIT or len(offsets) != 2:
        return None
    # bool is an int for Python, but `true` is no dimension.
    if any(type(number) is not int or not 0 <= number < NUMBER_LIMIT for number in [*shape, *offsets]):
        return None
    return clean(dtype), tuple(shape), offsets[0], offsets[1]


def _take_metadata(found: Any, contents: Contents) -> None:
    """Keep ``__metadata__`` as text -> text, leniently: some tools write numbers and objects."""
    if found is _ABSENT:
        return
    if not isinstance(found, dict):
        contents.defects.append(Defect("metadata_invalid", "The header's __metadata__ is no object."))
        return
    if len(found) > METADATA_KEY_LIMIT:
        contents.defects.append(
            Defect("metadata_invalid", f"The header's __metadata__ has {len(found):,} keys.")
        )
    odd: str | None = None
    metadata = contents.metadata
    for key, value in found.items():
        if len(metadata) >= METADATA_KEY_LIMIT:
            break
        if not isinstance(value, str):
            odd = key if odd is None else odd
            value = json.dumps(value)
        metadata[clean(key[:KEPT_VALUE_LIMIT])] = clean(value[:KEPT_VALUE_LIMIT])
    if odd is not None:
        contents.defects.append(
            Defect(
                "metadata_invalid",
                f"The header's __metadata__ holds a value that is no text ({quoted(odd)}).",
            )
        )


def _shortened(body: bytes, contents: Contents) -> bytes:
    """Return the header with the long values of its ``__metadata__`` cut, so that the rest can be parsed whole."""
    found = _METADATA_OPEN.search(body)
    if found is None:
        return body
    pieces: list[bytes] = []
    kept_up_to = 0
    position = found.end()
    for _ in range(2 * METADATA_KEY_LIMIT):
        token = _LONG_STRING.match(body, position)
        if token is None:
            break
        if token.end() - position > VALUE_LIMIT:
            pieces.append(body[kept_up_to:position] + _cut_string(body[position : position + VALUE_LIMIT]))
            kept_up_to = token.end()
        separator = _SEPARATOR.match(body, token.end())
        if separator is None:
            break
        position = separator.end()
    if not pieces:
        return body
    contents.defects.append(
        Defect("metadata_cut", "The header's __metadata__ is very long; its long values were cut.")
    )
    return b"".join(pieces) + body[kept_up_to:]


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
