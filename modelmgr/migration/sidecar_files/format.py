"""What all formats share: what is known of a model, and when a sidecar that was imported is given back as it was."""

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Any, ClassVar, Final

from modelmgr import payload
from modelmgr.lazily import dataclass
from modelmgr.migration import sources as legacy_sources
from modelmgr.migration.beside import stem_of
from modelmgr.migration.normal_form import normal_form
from modelmgr.migration.sources.civitai import is_version, mapping_of
from modelmgr.migration.witnesses import BOUND, PERSONAL
from modelmgr.values import Origin, Record

NOT_HELD: Final = object()
"""What a format has no words for."""

Document = dict[str, Any]

# Sources whose payload is one of Civitai's versions; ComfyUI-Lora-Manager keeps one within.
_VERSIONS = ("civitai-info", "civitai-json")
_KEEPS_VERSION = "lora-manager"


@dataclass(frozen=True, slots=True)
class Known:
    """What the library knows of a model, for the sidecar of one of its files.

    Attributes:
        path: of the file, absolute.
        size_bytes: of the file; `added_at`: when the library first saw the model, Unix seconds.
        hashes: computed ones, kind (``sha256``, ``AutoV3`` ...) -> lower-case hex.
        fields: the light columns; `origins`: where they came from.
        edited: the columns that the user set.
        records: the active records of the model, in the order in which they are to be heard.
        fitting: those of them that don't speak of another file.
    """

    path: str
    size_bytes: int
    added_at: int
    hashes: Mapping[str, str]
    fields: Mapping[str, Any]
    origins: Mapping[str, Origin] = field(default_factory=dict)
    edited: frozenset[str] = frozenset()
    records: Sequence[Record] = ()
    fitting: Sequence[Record] = ()

    @property
    def file_name(self) -> str:
        """The file's name."""
        return os.path.basename(self.path)


@dataclass(frozen=True, slots=True)
class SidecarFile:
    """The bytes of a sidecar, and whether they are those that were imported."""

    content: bytes
    is_original: bool


class Format(ABC):
    """The sidecars of one tool.

    Attributes:
        id: the word for it on the command line.
        source: the record source id of what it writes.
        ending: of the sidecar's name, after the stem of the model.
        columns: the light columns that it can say.
    """

    id: ClassVar[str]
    source: ClassVar[str]
    ending: ClassVar[str]
    columns: ClassVar[tuple[str, ...]]

    def sidecar(self, known: Known) -> SidecarFile:
        """Return the sidecar of a model's file."""
        original = self._original(known)
        document: Document | None = None
        wanted = set(self.columns)
        if original is not None:
            if not self._differing(original, known, known.edited & wanted):
                return SidecarFile(original.payload, True)
            document = self.taken_up(payload.parse(original.payload).value)
            # What only the file itself or its folder tells the tool finds there, too.
            wanted &= {column for column in self.columns if _is_said(column, known)}
        if document is None:
            document, wanted = self.made(known), set(self.columns)
        record = Record(self.source, self.place(known), "", self.written(document))
        for column in self._differing(record, known, wanted):
            self.say(document, column, self.held(column, known.fields.get(column), known), known)
        return SidecarFile(self.written(_masked("", document)), False)

    @abstractmethod
    def made(self, known: Known) -> Document:
        """Return a new document, as the tool writes one for a file of which it knows nothing but what we set."""

    @abstractmethod
    def say(self, document: Document, column: str, value: Any, known: Known) -> None:
        """Say a light value, as `held` gave it, in the tool's words."""

    @abstractmethod
    def written(self, document: Document) -> bytes:
        """Return the bytes of a document in the tool's own style."""

    def held(self, column: str, value: Any, known: Known) -> Any:
        """Return the light value that a reader of this format would get back, or `NOT_HELD`."""
        return NOT_HELD if column == "nsfw" and value is None else value

    def taken_up(self, value: Any) -> Document | None:
        """Return a parsed original as the base of a document, None if it is no such object."""
        return value if isinstance(value, dict) else None

    def _original(self, known: Known) -> Record | None:
        """Return the record of this format to go by: one that lies beside the file before another one.

        A mark of "asked, no answer" is none where another record holds the answer.
        """
        own = [record for record in known.records if record.source == self.source and not _is_backup(record)]
        answers = [record for record in own if not self._claims(record, known).marker]
        if not answers and answer_in(known) is not None:
            return None
        return min(answers or own, key=lambda record: record.source_path != self.place(known), default=None)

    def place(self, known: Known) -> str:
        """Return where the sidecar would lie beside its model."""
        return os.path.join(os.path.dirname(known.path), stem_of(known.file_name) + self.ending)

    def _differing(self, record: Record, known: Known, columns: set[str] | frozenset[str]) -> list[str]:
        """Return those of the columns that a record says otherwise than the library, as far as it could say them."""
        if not columns:
            return []
        said = self._claims(record, known).fields
        found: list[str] = []
        for column in self.columns:
            if column in columns:
                held = self.held(column, known.fields.get(column), known)
                if held is not NOT_HELD and normal_form(column, held) != normal_form(
                    column, said.get(column)
                ):
                    found.append(column)
        return found

    def _claims(self, record: Record, known: Known) -> Any:
        return legacy_sources.BY_RECORD_ID[record.source].claims(
            record, frozenset((known.file_name,)), known.hashes.get("sha256")
        )


def answer_in(known: Known) -> Document | None:
    """Return Civitai's version object for the model, from the first record that holds one."""
    for record in known.fitting:
        if record.source in _VERSIONS or record.source == _KEEPS_VERSION:
            value = payload.parse(record.payload).value
            found = mapping_of(value).get("civitai") if record.source == _KEEPS_VERSION else value
            if isinstance(found, dict) and is_version(found):
                return found
    return None


def is_named_by_person(known: Known) -> bool:
    """Tell whether a person gave the name that is shown, here or in another tool."""
    origin = known.origins.get("name")
    return origin is not None and origin.rank <= PERSONAL


def _is_said(column: str, known: Known) -> bool:
    """Tell whether a person or a record says a column, and not only the file itself."""
    origin = known.origins.get(column)
    witnessed = origin is not None and origin.rank <= BOUND and origin.source not in ("header", "file")
    return column in known.edited or witnessed


def _is_backup(record: Record) -> bool:
    return record.source_path.lower().endswith((".bak", ".tmp"))


def _masked(key: str, value: Any) -> Any:
    """Return a JSON value without secrets, which a made document must not spread."""
    if isinstance(value, str):
        return payload.masked_value(key, value)
    if isinstance(value, Mapping):
        return {name: _masked(str(name), member) for name, member in value.items()}
    return [_masked(key, member) for member in value] if isinstance(value, list) else value
