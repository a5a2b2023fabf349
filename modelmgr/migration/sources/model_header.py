"""What stands inside model files: the ``__metadata__`` of a safetensors header, the key-value pairs of a GGUF file.

A scan reads headers anyway and knows what they say now. They are records too where somebody's own words are only
there: editors such as that of sd-webui-additional-networks put name, rating and notes into ``ssmd_*`` keys, and the
next program that writes the file drops them. So an import keeps the headers with such words, and those of all model
files if it is asked for them by the source's name.

Layouts: huggingface/safetensors, README, "Format"; ggml-org/ggml, docs/gguf.md. All lengths come from a stranger:
each is held against the file's size and a limit before a byte is read.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any

from modelmgr import payload
from modelmgr.errors import Unreadable
from modelmgr.lazily import dataclass
from modelmgr.migration.beside import base_name
from modelmgr.migration.reading.container import Ranges, opened_ranges
from modelmgr.migration.reading.json_ranges import Cut
from modelmgr.migration.source import Container, LegacySource, Report
from modelmgr.migration.sources.civitai import UNPARSED, flags_of, mapping_of
from modelmgr.payload import clean_name, clean_text, list_of_text, number_of, page_url
from modelmgr.progress import Progress
from modelmgr.values import MIB, Claims, Record
from modelmgr.vocabulary import UNKNOWN, base_of_architecture, canonical_base, canonical_type

SAFETENSORS = "safetensors-header"
GGUF = "gguf-header"

_HEADER_LIMIT_BYTES = 100 * MIB
_TENSOR_LIMIT = 200_000
_PAIRS_LIMIT_BYTES = 64 * MIB
_ARRAY_LIMIT_BYTES = MIB
_BLOCK_BYTES = 64 * 1024
_KEY_LIMIT_BYTES = 65_535
_PAIR_LIMIT = 65_536
_ITEM_LIMIT = 2_000_000
_DEPTH_LIMIT = 4
_TEXTS_LIMIT = 1_000
_NEWEST_VERSION = 3

_METADATA_KEY = b'"__metadata__"'
_LEADING_METADATA = re.compile(rb'\s*\{\s*"__metadata__"')
_TENSOR = re.compile(rb'"dtype"\s*:')
_WORDS = "ssmd_"
_WORDS_KEY = b'"ssmd_'
_OVERLAP_BYTES = 64
# What the editor writes for a field that was left empty.
_EMPTY_WORDS = frozenset(("", "0", "0.0", "[]", "{}", "none", "null"))

_STRING, _ARRAY = 8, 9
_SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
_IMAGE_ARCHITECTURES = frozenset(
    (
        "flux",
        "sd1",
        "sdxl",
        "sd3",
        "aura",
        "hidream",
        "cosmos",
        "ltxv",
        "hyvid",
        "wan",
        "lumina2",
        "qwen_image",
    )
)
_TYPES_BY_ARCHITECTURE = {"clip": "mmproj", "t5": "text_encoder", "t5encoder": "text_encoder"}
_TYPES_BY_NAME = (
    (re.compile(r"^mmproj-", re.IGNORECASE), "mmproj"),
    (re.compile(r"^mtp-", re.IGNORECASE), "other"),
    (re.compile(r"-LoRA\b", re.IGNORECASE), "llm_adapter"),
)
# Converters without a word of their own, and language models that image models use to read prompts.
_UNDECIDED_ARCHITECTURES = frozenset(("", "pig", "llama", "qwen2vl"))

SKIPPED = "skipped"
"""Key of `Record.extra` of a GGUF record: the long arrays that were left out, each with its key, where it would stand
in the payload, where it stands in the file, and its size in bytes."""


class SafetensorsHeader(LegacySource):
    """The ``__metadata__`` of a safetensors file, as its bytes stand there."""

    id = SAFETENSORS
    record_ids = (SAFETENSORS,)
    of_models = True

    def wants(self, name: str, named: bool) -> bool:
        """Tell by the name."""
        return name.lower().endswith((".safetensors", ".sft"))

    def probe(self, container: Container, report: Report) -> bool:
        """Tell whether a person's own words stand there, or any metadata if the user asked for them."""
        try:
            with opened_ranges(container.path) as file:
                if not container.asked and not _may_hold_words(file):
                    return False
                content = _metadata(file, _header_length(container.path, file))
        except Unreadable:
            if container.asked:
                raise
            return False  # a damaged model is the scan's affair
        return content is not None and (container.asked or _holds_words(content))

    def records(self, container: Container, progress: Progress, report: Report) -> Iterator[Record]:
        """Yield the one record: the bytes of the object."""
        progress.check()
        with opened_ranges(container.path) as file:
            content = _metadata(file, _header_length(container.path, file))
            file.check_unchanged()
        if content is not None:
            yield Record(self.id, container.path, "", content)

    def claims(self, record: Record, siblings: frozenset[str], sha256: str | None = None) -> Claims:
        """Return what the header says of the file in which it stands.

        Its hashes (``sshs_model_hash``, ``modelspec.hash_sha256``) are no claims: who edits tensors leaves them.
        """
        found = payload.parse(record.payload)
        if not found.ok:
            said = Claims(problem=UNPARSED, message=found.message)
        else:
            said = metadata_claims(mapping_of(found.value))
        return replace(said, path=record.source_path, flags=flags_of(record, found, said.flags))


class GgufHeader(LegacySource):
    """The key-value pairs of a GGUF file: all bytes from its beginning to the last pair, but for long arrays."""

    id = GGUF
    record_ids = (GGUF,)
    of_models = True

    def wants(self, name: str, named: bool) -> bool:
        """Tell by the name."""
        return name.lower().endswith(".gguf")

    def probe(self, container: Container, report: Report) -> bool:
        """Tell by the first bytes; only if the user asked, for nobody edits these by hand."""
        if not container.asked:
            return False
        with opened_ranges(container.path) as file:
            return file.at(0, 4) == b"GGUF"

    def records(self, container: Container, progress: Progress, report: Report) -> Iterator[Record]:
        """Yield the one record.

        Raises:
            Unreadable: the file can't be read, or its pairs don't fit into it.
        """
        progress.check()
        with opened_ranges(container.path) as file:
            walk = _Walk(file.at, file.size_bytes)
            skipped: list[dict[str, Any]] = []
            pieces: list[tuple[int, int]] = []
            start = 0
            try:
                for pair in walk.pairs():
                    if pair.array_end - pair.array_start > _ARRAY_LIMIT_BYTES:
                        pieces.append((start, pair.array_start))
                        start = pair.array_end
                        kept = sum(end - begin for begin, end in pieces)
                        size = pair.array_end - pair.array_start
                        facts = {"offset": kept, "file_offset": pair.array_start, "size_bytes": size}
                        skipped.append({"key": pair.key, **facts})
                    progress.check()
            except _Damaged as error:
                raise Unreadable(str(error), code="header_invalid", path=container.path) from error
            pieces.append((start, walk.position))
            if sum(end - begin for begin, end in pieces) > _PAIRS_LIMIT_BYTES:
                raise Unreadable(
                    "Its key-value pairs are larger than 64 MiB; they were not read.",
                    code="too_large",
                    path=container.path,
                )
            content = b"".join(file.at(begin, end - begin) for begin, end in pieces)
            file.check_unchanged()
        yield Record(self.id, container.path, "", content, {SKIPPED: skipped} if skipped else None)

    def claims(self, record: Record, siblings: frozenset[str], sha256: str | None = None) -> Claims:
        """Return what the pairs say of the file in which they stand."""
        found = payload.Parsed()
        values: dict[str, Any] = {}
        gaps = (record.extra or {}).get(SKIPPED)
        content = record.payload
        walk = _Walk(
            lambda at, size: content[at : at + size],
            len(content),
            {gap["offset"] for gap in gaps if isinstance(gap, Mapping) and isinstance(gap.get("offset"), int)}
            if isinstance(gaps, list)
            else frozenset(),
        )
        said = Claims(path=record.source_path)
        try:
            for pair in walk.pairs():
                if pair.key.startswith("general."):
                    values[pair.key] = walk.text_of(pair)
            said = replace(said, fields=_gguf_fields(values, base_name(record.source_path)))
        except _Damaged as error:
            said = replace(said, problem=UNPARSED, message=str(error))
        return replace(said, flags=flags_of(record, found, ()))


# --- safetensors ------------------------------------------------------------------------------------------


def _header_length(path: str, file: Ranges) -> int:
    """Return the length of the header, held against the limit and the file's end.

    Raises:
        Unreadable: no header can be that long, or that short.
    """
    length = int.from_bytes(file.at(0, 8), "little")
    if length > _HEADER_LIMIT_BYTES:
        raise Unreadable(
            f"Its header claims {length:,} bytes; 100 MiB are allowed.", code="too_large", path=path
        )
    if length < 2 or 8 + length > file.size_bytes:
        raise Unreadable(
            f"Its header claims {length:,} bytes, the file has {file.size_bytes:,}.",
            code="header_invalid",
            path=path,
        )
    return length


def _may_hold_words(file: Ranges) -> bool:
    """Tell by the bytes alone whether a person's keys may be there: of thousands of files hardly one has any.

    Most writers put the metadata first, so the first tensor ends the search. Inside a text its key would be spelt
    with backslashes before the quotes.
    """
    block = file.at(0, _BLOCK_BYTES)
    end = 8 + int.from_bytes(block[:8], "little")
    if not 10 <= end <= min(file.size_bytes, 8 + _HEADER_LIMIT_BYTES):
        return False
    at, text = len(block), block[8:end]
    leads = _LEADING_METADATA.match(text) is not None
    while _WORDS_KEY not in text:
        if (leads and _TENSOR.search(text)) or at >= end:
            return False
        block = file.at(at, min(MIB, end - at))
        if not block:
            return False
        at, text = at + len(block), text[-_OVERLAP_BYTES:] + block
    return True


def _blocks(file: Ranges, length: int) -> Iterator[bytes]:
    at, end, size = 8, 8 + length, _BLOCK_BYTES
    while at < end and (block := file.at(at, min(size, end - at))):
        yield block
        at += len(block)
        size = MIB


def _metadata(file: Ranges, length: int) -> bytes | None:
    """Return the exact bytes of the ``__metadata__`` object, None if there is none, or none that is whole."""
    for number, member in enumerate(Cut(_blocks(file, length))):
        if member.broken or number > _TENSOR_LIMIT:
            return None
        size = member.key_end - member.key_start
        if size == len(_METADATA_KEY) and file.at(8 + member.key_start, size) == _METADATA_KEY:
            return file.at(8 + member.start, member.end - member.start) if member.kind == b"{" else None
    return None


def _holds_words(content: bytes) -> bool:
    return any(
        isinstance(key, str) and key.startswith(_WORDS) and clean_text(value).lower() not in _EMPTY_WORDS
        for key, value in mapping_of(payload.parse(content).value).items()
    )


def metadata_claims(value: Mapping[Any, Any]) -> Claims:
    """Return what the keys of a ``__metadata__`` object say; training's tags are no trigger words.

    Titles are no names here: trainers and converters put file names there.
    """
    typed = _typed_fields(value)
    fields = {**modelspec_fields(value), **typed}
    if "type" not in fields and clean_text(value.get("ss_network_module")):
        fields["type"] = "lora"
    if "base_model" not in fields:
        base = canonical_base(clean_name(value.get("ss_base_model_version")))
        if base is None and clean_text(value.get("ss_v2")) == "True":
            base = "SD 2.x"
        if base:
            fields["base_model"] = base
    return Claims(fields=fields, personal=frozenset(typed), marker=not value)


def modelspec_fields(value: Mapping[Any, Any]) -> dict[str, Any]:
    """Return the columns that ``modelspec.*`` keys fill, but for the title (Stability-AI/ModelSpec 1.0.1)."""
    fields: dict[str, Any] = {}
    architecture = clean_name(value.get("modelspec.architecture"))
    kind = canonical_type(architecture.partition("/")[2])
    if kind != UNKNOWN:
        fields["type"] = kind
    if base := canonical_base(architecture):
        fields["base_model"] = base
    if phrase := clean_text(value.get("modelspec.trigger_phrase")):
        fields["trigger_words"] = (phrase,)
    if tags := list_of_text(value.get("modelspec.tags")):
        fields["tags"] = tags
    if terms := clean_name(value.get("modelspec.license")):
        fields["license"] = terms
    return fields


def _typed_fields(value: Mapping[Any, Any]) -> dict[str, Any]:
    """Return the columns that a person filled with an editor of headers."""
    said = {
        key.removeprefix(_WORDS): text
        for key, entry in value.items()
        if isinstance(key, str)
        and key.startswith(_WORDS)
        and (text := clean_text(entry)).lower() not in _EMPTY_WORDS
    }
    fields: dict[str, Any] = {}
    if name := clean_name(said.get("display_name")):
        fields["name"] = name
    if notes := said.get("description"):
        fields["notes"] = notes
    for column, key in (("trigger_words", "keywords"), ("tags", "tags")):
        if entries := list_of_text(said.get(key)):
            fields[column] = entries
    if url := page_url(said.get("source")):
        fields["source_url"] = url
    rating = number_of(said.get("rating"))
    if rating is not None and 1 <= rating <= 5:
        fields["rating"] = int(rating)
    return fields


# --- GGUF -------------------------------------------------------------------------------------------------


class _Damaged(Exception):
    """The pairs don't fit into the file, or into what any program would write."""


@dataclass(frozen=True, slots=True)
class _Pair:
    """One pair.

    Attributes:
        kind: the value's type; `start` where the value begins.
        array_start, array_end: of an array's elements; both 0 for another value.
        element: the type of an array's elements; `count` how many.
    """

    key: str
    kind: int
    start: int
    array_start: int = 0
    array_end: int = 0
    element: int = 0
    count: int = 0


class _Walk:
    """Goes over the pairs, in a file or in a payload, where the elements of some arrays are left out.

    Attributes:
        position: the byte behind what was read last.
    """

    def __init__(
        self, read: Callable[[int, int], bytes], size_bytes: int, gaps: Collection[int] = ()
    ) -> None:
        """Begin."""
        self.position = 0
        self._read = read
        self._size = size_bytes
        self._gaps = frozenset(gaps)
        self._block, self._block_at = b"", 0
        self._order, self._length = "<", 8
        self._items = 0

    def pairs(self) -> Iterator[_Pair]:
        """Yield all pairs.

        Raises:
            _Damaged: they can't be read any further.
        """
        if self._bytes(4) != b"GGUF":
            raise _Damaged("This is no GGUF file.")
        version = self._number(4)
        if version & 0xFFFF == 0:  # the byte order is stated nowhere
            self._order, version = ">", int.from_bytes(version.to_bytes(4, "little"), "big")
        if not 1 <= version <= _NEWEST_VERSION:
            raise _Damaged(f"GGUF version {version} is not known.")
        self._length = 4 if version == 1 else 8
        self._number(self._length)
        count = self._number(self._length)
        if count > _PAIR_LIMIT:
            raise _Damaged(f"The header claims {count:,} pairs.")
        for _ in range(count):
            size = self._number(self._length)
            if size > _KEY_LIMIT_BYTES:
                raise _Damaged(f"A key at byte {self.position:,} claims {size:,} bytes.")
            key = self._bytes(size).decode("utf-8", "replace")
            kind = self._number(4)
            yield self._pair(key, kind)

    def text_of(self, pair: _Pair) -> Any:
        """Return a text, a list of texts, or None for a value of another kind; what comes next stays next."""
        after, self.position = self.position, pair.start
        try:
            if pair.kind == _STRING:
                return self._text()
            if pair.kind == _ARRAY and pair.element == _STRING and pair.array_end > pair.array_start:
                self.position = pair.array_start
                return [self._text() for _ in range(min(pair.count, _TEXTS_LIMIT))]
            return None
        finally:
            self.position = after

    def _pair(self, key: str, kind: int) -> _Pair:
        start = self.position
        if kind != _ARRAY:
            self._skip_value(kind, 0)
            return _Pair(key, kind, start)
        element, count = self._number(4), self._number(self._length)
        array_start = self.position
        if array_start not in self._gaps:
            self._skip_elements(element, count, 1)
        return _Pair(key, kind, start, array_start, self.position, element, count)

    def _skip_value(self, kind: int, depth: int) -> None:
        if kind == _STRING:
            self._skip(self._number(self._length))
        elif kind == _ARRAY:
            element, count = self._number(4), self._number(self._length)
            self._skip_elements(element, count, depth + 1)
        elif kind in _SIZES:
            self._skip(_SIZES[kind])
        else:
            raise _Damaged(f"A value at byte {self.position:,} is of unknown type {kind}.")

    def _skip_elements(self, element: int, count: int, depth: int) -> None:
        if depth > _DEPTH_LIMIT:
            raise _Damaged(f"The arrays at byte {self.position:,} are nested too deeply.")
        if element in _SIZES:
            self._skip(count * _SIZES[element])
            return
        self._items += count
        if self._items > _ITEM_LIMIT:
            raise _Damaged(f"The arrays hold more than {_ITEM_LIMIT:,} elements.")
        for _ in range(count):
            self._skip_value(element, depth)

    def _text(self) -> str:
        return self._bytes(self._number(self._length)).decode("utf-8", "replace")

    def _number(self, size: int) -> int:
        return int.from_bytes(self._bytes(size), "little" if self._order == "<" else "big")

    def _skip(self, size: int) -> None:
        if size > self._size - self.position:
            raise _Damaged(f"A value at byte {self.position:,} claims {size:,} bytes, more than there are.")
        self.position += size

    def _bytes(self, size: int) -> bytes:
        start = self.position
        self._skip(size)
        if size > _BLOCK_BYTES:
            return self._read(start, size)
        at = start - self._block_at
        if at < 0 or at + size > len(self._block):
            self._block, self._block_at, at = self._read(start, _BLOCK_BYTES), start, 0
        found = self._block[at : at + size]
        if len(found) < size:
            raise _Damaged("The file became shorter while it was read.")
        return found


def _gguf_fields(values: Mapping[str, Any], file_name: str) -> dict[str, Any]:
    """Return the columns that the ``general.*`` keys fill, but for the name, which conversions get wrong.

    Args:
        values: the keys.
        file_name: it tells parts and adapters, whose architecture is that of the language model they go with.
    """
    fields: dict[str, Any] = {}

    def said(*keys: str) -> str:
        texts = (clean_name(values.get(f"general.{key}")) for key in keys)
        return next((text for text in texts if text), "")

    architecture = said("architecture").lower()
    if architecture in _IMAGE_ARCHITECTURES:
        fields["type"] = "diffusion_model"
    elif kind := next((kind for pattern, kind in _TYPES_BY_NAME if pattern.search(file_name)), None):
        fields["type"] = kind
    elif architecture not in _UNDECIDED_ARCHITECTURES:
        fields["type"] = _TYPES_BY_ARCHITECTURE.get(architecture, "llm")
    base = canonical_base(said("base_model.0.repo_url", "base_model.0.name"))
    if base := base or base_of_architecture(said("architecture")):
        fields["base_model"] = base
    terms = said("license")
    if terms := said("license.name", "license.link") or terms if terms.lower() in ("", "other") else terms:
        fields["license"] = terms
    if tags := list_of_text(values.get("general.tags")):
        fields["tags"] = tags
    urls = (page_url(said(key)) for key in ("repo_url", "url", "source.repo_url", "source.url"))
    if url := next((url for url in urls if url), None):
        fields["source_url"] = url
    return fields
