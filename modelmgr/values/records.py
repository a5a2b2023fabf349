"""What other tools say of models, on its way from their containers into the library."""

from collections.abc import Mapping
from dataclasses import field
from enum import StrEnum
from typing import Any

from modelmgr.lazily import dataclass
from modelmgr.values.basics import MIB

HELD_LIMIT_BYTES = 900 * MIB
"""A record of more, with all that stands beside its payload, is not taken: no row of the catalog can hold it."""

NO_MODEL = "no-model"
"""Flag of a record that is kept whole, but speaks of no model that could be found: a recipe, rows of other tables."""


class PendingState(StrEnum):
    """What became of an imported record."""

    PENDING = "pending"
    PROMOTED = "promoted"
    DISMISSED = "dismissed"


class BatchState(StrEnum):
    """How one run of an import ended, or that it hasn't."""

    RUNNING = "running"
    DONE = "done"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True)
class Record:
    """What one source says about one model: the bytes as found, and where they stood.

    Attributes:
        source: the source id, e.g. ``civitai-info``.
        source_path: absolute path of the container.
        record_key: empty where the container holds one record, else row key, element key or index.
        payload: the exact bytes.
        extra: what stood beside the payload (other columns of the row, CSV header ...), JSON-compatible.
        container_mtime: of the file in which it stood, seconds since 1970, where it is another than the one of which it
            was read; says nothing about what the record is.
    """

    source: str
    source_path: str
    record_key: str
    payload: bytes
    extra: Mapping[str, Any] | None = None
    container_mtime: float | None = field(default=None, compare=False)

    @property
    def payload_sha256(self) -> str:
        """SHA-256 of the payload, 64 lower-case hex digits."""
        import hashlib  # brings OpenSSL along

        return hashlib.sha256(self.payload).hexdigest()


@dataclass(frozen=True, slots=True)
class InlineModel:
    """A model that a program hands over without a file that says it; what is None was not said.

    Attributes:
        payload: the exact bytes of what is known of it, a JSON value.
        sha256: of its file, as the program claims.
        path: of its file. Only an absolute one is ever followed.
    """

    payload: bytes
    name: str | None = None
    type: str | None = None
    sha256: str | None = None
    path: str | None = None


@dataclass(frozen=True, slots=True)
class Claims:
    """What a record says, read from its payload: derived, and derivable again at any time.

    Nothing here is a fact yet. `fields` holds light columns by name (`name`, `type`, `base_model`, `tags`,
    `rating`, `favorite`, `nsfw`, `notes`, `trigger_words`, `preview`, `license`, `source_url`) in canonical
    words; absent means not said.

    Attributes:
        personal: the names of `fields` that the person typed in another tool (rank 2).
        sha256: the whole file's hash that the record claims, or None; values known to be false are left out.
        own_hash: True if the tool says it computed that hash (or the BLAKE3 among the others) itself, False if a
            catalogue reported it.
        partial_hashes: other claimed hashes, kind (``AutoV1``, ``AutoV2``, ``AutoV3``, ``CRC32``,
            ``BLAKE3``) -> hex.
        sibling_sha256: whole-file hashes of the other files of the same version.
        size_bytes: exact size, or None; `size_hint_bytes` is good to 1,024 bytes only.
        path: the file's path as the record spells it (may be foreign or relative), or None.
        other_paths: further places where the tool may keep that file, tried in order where `path` leads nowhere.
        stem_names: names beside the container that the record may speak of, if it is a sidecar, in order.
        time: the record's own time, Unix seconds, if it has one.
        problem: ``unparsed_payload``, ``too_deep`` ... if the payload could not be read; `message` says why.
        marker: True for "asked, no answer": fills and overwrites nothing.
        flags: further doubts, e.g. ``duplicate-keys``, ``parsed-tolerant``, ``contains-secret``.
    """

    fields: Mapping[str, Any] = field(default_factory=dict)
    personal: frozenset[str] = frozenset()
    sha256: str | None = None
    own_hash: bool = False
    partial_hashes: Mapping[str, str] = field(default_factory=dict)
    sibling_sha256: tuple[str, ...] = ()
    size_bytes: int | None = None
    size_hint_bytes: int | None = None
    path: str | None = None
    other_paths: tuple[str, ...] = ()
    stem_names: tuple[str, ...] = ()
    time: float | None = None
    problem: str | None = None
    message: str = ""
    marker: bool = False
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PendingModel:
    """An imported record on its way into the library, without its payload; `gone_at` as in `StoredRecord`."""

    id: int
    batch_id: int
    source: str
    source_path: str
    record_key: str
    name: str
    type: str
    sha256: str | None
    file_path: str | None
    state: str
    problem: str | None
    message: str = ""
    payload_sha256: str = ""
    size_bytes: int = 0
    imported_at: int = 0
    base_model: str | None = None
    candidates: tuple[str, ...] = ()
    gone_at: int | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """One run of an import."""

    id: int
    paths: tuple[str, ...]
    source: str | None
    state: str
    seen: int = 0
    imported: int = 0
    unchanged: int = 0
    ignored: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True)
class Root:
    """A folder of models that another tool's settings name.

    Attributes:
        path: absolute, of this computer; whether it is there is not said.
        type: the canonical type of what lies in it, where the settings tell, else ``unknown``.
        source: the source id of the container that names it; `source_path` is that container.
    """

    path: str
    type: str
    source: str
    source_path: str


@dataclass(frozen=True, slots=True)
class InstalledTool:
    """A tool that seems to be on this computer, and the places of its that exist (files and folders)."""

    tool: str
    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FoundSource:
    """A container of a legacy source under the paths that were looked at."""

    source: str
    path: str
    records: int


@dataclass(frozen=True, slots=True)
class Sample:
    """One record as the preview shows it: mapped columns beside the raw text.

    Attributes:
        record: the whole of it, for `library.trace`; None if it is too large to be held for a look.
    """

    source: str
    source_path: str
    record_key: str
    fields: Mapping[str, Any]
    raw_text: str
    state: str
    problem: str | None = None
    record: Record | None = None
