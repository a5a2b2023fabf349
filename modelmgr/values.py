"""The nouns that cross rooms: what is known about models, files, records and work, as plain values.

Paths are absolute text in `surrogateescape` form (`os.fsdecode`), times are Unix seconds unless the name says
``_ns``, sizes are bytes, hashes are lower-case hex. Foreign text is kept as found; whoever shows it escapes it.
"""

import hashlib
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import field
from datetime import date, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Any, Literal, NamedTuple

from modelmgr.lazily import dataclass

MODEL_SUFFIXES = frozenset(
    [
        ".safetensors",
        ".sft",
        ".ckpt",
        ".pt",
        ".pt2",
        ".pth",
        ".bin",
        ".pkl",
        ".gguf",
        ".ggml",
        ".onnx",
        ".safebin",
        ".zip",
        ".engine",
    ]
)
"""Lower-case endings of files that may hold a model; the content decides what they are."""

MIB = 1024 * 1024

MODEL_STATES = (
    "present",
    "missing",
    "offline",
    "unreadable",
    "duplicate",
    "unidentified",
    "hashing",
    "dangerous",
    "unscanned",
)
"""What `ModelQuery.states` may name."""


class FileState(StrEnum):
    """Where a file is, seen from the last look."""

    PRESENT = "present"
    MISSING = "missing"
    OFFLINE = "offline"
    UNREADABLE = "unreadable"


class HashState(StrEnum):
    """How far the SHA-256 of a model's bytes is known."""

    NONE = "none"
    HASHING = "hashing"
    DONE = "done"
    FAILED = "failed"


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
class Problem:
    """One item that failed, or that was taken with a doubt.

    Attributes:
        path: the file or container it is about.
        code: a word of the list in ``_codex/data_model.md``.
        message: one sentence for the user.
        record_key: the record within the container, if it has one.
        kept: True if the item was taken nevertheless (then it does not count as failed).
    """

    path: str
    code: str
    message: str
    record_key: str = ""
    kept: bool = False


# --- the library ------------------------------------------------------------------------------------------


class ModelRow(NamedTuple):
    """The light columns of one model: all that the library view shows, and never a payload.

    A tuple, for they are made by the thousand: a frozen dataclass takes ten times as long.

    Attributes:
        id: the catalog's own row id; stable as long as the catalog.
        sha256: of the whole file, or None until it is computed.
        path: absolute path of the first file, None for a model without file.
        folder: the folder of that file.
        added_at: when the catalog first saw it; `modified_at`: mtime of the first file.
        danger: ``dangerous`` or ``unscanned`` for a file that runs code when another program loads it, else None.
    """

    id: int
    sha256: str | None
    name: str
    type: str
    size_bytes: int
    base_model: str | None = None
    format: str | None = None
    path: str | None = None
    file_name: str | None = None
    folder: str | None = None
    file_count: int = 0
    tags: tuple[str, ...] = ()
    rating: int | None = None
    favorite: bool = False
    nsfw: bool | None = None
    trigger_words: tuple[str, ...] = ()
    notes: str | None = None
    license: str | None = None
    source_url: str | None = None
    preview: str | None = None
    added_at: int = 0
    modified_at: int | None = None
    hash_state: str = HashState.NONE
    file_state: str = FileState.PRESENT
    danger: str | None = None


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One path on disk, and the state it was in at the last look.

    Attributes:
        link_target: where a symbolic link leads, None for a file that is none.
        member: of a model of several files: the path of this one within it; else None.
    """

    path: str
    size_bytes: int
    mtime_ns: int
    state: str
    sha256: str | None = None
    inode: int = 0
    device: int = 0
    id: int = 0
    model_id: int = 0
    link_target: str | None = None
    member: str | None = None


@dataclass(frozen=True, slots=True)
class Attachment:
    """A picture or video of a model, where and as it was when a record of the model was promoted.

    Attributes:
        kind: ``preview``, or ``example`` for the numbered pictures that tools download.
        sha256: of its bytes; None for one that is too large or could not be read.
        kept: the name of the copy in the catalog's own folder, which begins with the digest of the copy's bytes (the
            picture may have changed since); None without one.
        copy_path: where that copy lies, None if it isn't there.
    """

    path: str
    kind: str
    size_bytes: int
    mtime_ns: int
    sha256: str | None = None
    kept: str | None = None
    copy_path: str | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """What one source says about one model: the bytes as found, and where they stood.

    Attributes:
        source: the source id, e.g. ``civitai-info``.
        source_path: absolute path of the container.
        record_key: empty where the container holds one record, else row key, element key or index.
        payload: the exact bytes.
        extra: what stood beside the payload (other columns of the row, CSV header ...), JSON-compatible.
    """

    source: str
    source_path: str
    record_key: str
    payload: bytes
    extra: Mapping[str, Any] | None = None

    @property
    def payload_sha256(self) -> str:
        """SHA-256 of the payload, 64 lower-case hex digits."""
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
class StoredRecord:
    """A record as the catalog holds it, attached to a model.

    `payload` is None where it was too large to be handed over; `size_bytes` is always that of the whole. `gone_at` is
    when an import found that its container no longer holds it, None while it does.
    """

    id: int
    source: str
    source_path: str
    record_key: str
    payload_sha256: str
    size_bytes: int
    payload: bytes | None
    extra: Mapping[str, Any] | None
    imported_at: int
    container_mtime: float | None = None
    gone_at: int | None = None


class Origin(NamedTuple):
    """Where a shown value came from.

    Attributes:
        source: a source id, or ``user``, ``header``, ``file``.
        rank: 1 (edited here) to 7 (folder and file name); smaller wins.
        record_id: the active record that said it, if one did.
    """

    source: str
    rank: int
    record_id: int | None = None


@dataclass(frozen=True, slots=True)
class ModelDetails:
    """Everything known about one model; heavy, fetched only for a model that is looked at.

    Attributes:
        asked: the key the question named (sha256, or the row id of a model that has no hash yet).
        records: the chief record first.
        header: what the file's header says (see `modelmgr.readers.header.Header.as_json`), or None.
        provenance: light column -> origin.
        attachments: its pictures, the previews first.
        hashes: kind, digits and trust (``computed``, ``claimed``, ``former``: before the header was rewritten) of every
            hash that its files or records have, the computed ones first.
        edited: the light columns that the user set, by name.
    """

    asked: str | int
    row: ModelRow
    records: tuple[StoredRecord, ...]
    files: tuple[ModelFile, ...]
    header: Mapping[str, Any] | None
    provenance: Mapping[str, Origin]
    attachments: tuple[Attachment, ...] = ()
    hashes: tuple[tuple[str, str, str], ...] = ()
    edited: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelQuery:
    """What the library view shows, in which order.

    Attributes:
        search: words that must all occur (name, file, tags, trigger words ...) and fields, in the language of
            `modelmgr.search`.
        types, base_models, folders, states: any of each; empty means all. `states` are those of `MODEL_STATES`; a
            folder with a separator at its end means all below it as well.
        tags: all of them.
        sort: a light column of `SORT_COLUMNS`.
        excluded: what is left out: the name of a field above that takes several, and a value of it.
        then_by: further columns of `SORT_COLUMNS` for models that are equal in `sort`, each with whether it descends.
    """

    search: str = ""
    types: tuple[str, ...] = ()
    base_models: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    favorite: bool | None = None
    sort: str = "name"
    descending: bool = False
    excluded: tuple[tuple[str, str], ...] = ()
    then_by: tuple[tuple[str, bool], ...] = ()


@dataclass(frozen=True, slots=True)
class ModelPage:
    """A stretch of the library view.

    Attributes:
        total: how many models match in all, seen in the same moment as the rows; None where nobody asked.
        last: where this stretch ends, JSON-compatible: what the next one comes after. None at the end.
    """

    rows: tuple[ModelRow, ...]
    total: int | None
    last: tuple[Any, ...] | None


@dataclass(frozen=True, slots=True)
class JsonPage:
    """A stretch of the library view that is on its way to another program: as `ModelPage`, but for the rows.

    Attributes:
        rows: what `light_json` returns, written as JSON in ASCII.
    """

    rows: tuple[str, ...]
    total: int | None
    last: tuple[Any, ...] | None


SORT_COLUMNS = [
    "name",
    "type",
    "base_model",
    "size_bytes",
    "rating",
    "favorite",
    "added_at",
    "modified_at",
    "file_name",
    "format",
    "file_count",
    "file_state",
    "hash_state",
    "folder",
    "path",
    "tags",
    "trigger_words",
    "notes",
    "license",
    "source_url",
    "preview",
    "nsfw",
    "danger",
    "sha256",
]
"""Every light column. What has no value comes first, and last where the order descends."""


@dataclass(frozen=True, slots=True)
class HashMatch:
    """A model, or a record on its way to one, to which a hash leads.

    Attributes:
        kind: ``SHA256``, ``AutoV1``, ``AutoV2``, ``AutoV3``, ``CRC32`` or ``BLAKE3``.
        trust: ``computed`` from the bytes of a known file, or ``claimed`` by a record.
        model: None for a record that no model holds.
        sha256: of the model, else the full hash that the record claims, if it claims one.
        source, source_path, record_key: of the record that claims it; empty for a computed one.
        record_id, pending_id: that record, among the active or among the pending ones.
        name: of the model, else of the record.
    """

    kind: str
    trust: str
    model: ModelRow | None
    sha256: str | None
    source: str
    source_path: str
    record_key: str
    record_id: int | None
    pending_id: int | None
    name: str


@dataclass(frozen=True, slots=True)
class Facets:
    """Counts over the models that a query matches: value -> number, most frequent first."""

    types: Mapping[str, int]
    base_models: Mapping[str, int]
    tags: Mapping[str, int]
    folders: Mapping[str, int]
    states: Mapping[str, int]
    favorites: int
    total: int


FACET_GROUPS = ("types", "base_models", "folders", "states", "favorites", "tags")
"""What of `Facets` is counted by itself."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What some models have in common, and where they differ.

    Attributes:
        count: how many of them are there; `size_bytes` of all together.
        values: light column with few values -> value (None where it is not known) and number, the most frequent first.
        common: of the other columns those that are the same in all of them.
        tags: the most frequent tags with their numbers; of those with `count`, all of them have it.
    """

    count: int
    size_bytes: int
    values: Mapping[str, tuple[tuple[Any, int], ...]]
    common: Mapping[str, Any]
    tags: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class LibraryFolder:
    """A root folder that the user added."""

    id: int
    path: str
    added_at: int
    state: str = FileState.PRESENT
    file_count: int = 0


# --- import and promotion ---------------------------------------------------------------------------------


NO_MODEL = "no-model"
"""Flag of a record that is kept whole, but speaks of no model that could be found: a recipe, rows of other tables."""


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
class PendingQuery:
    """What the pending page shows. `problem` may be ``none`` for rows without one."""

    states: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    search: str = ""
    sort: str = "id"
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Batch:
    """One run of an import."""

    id: int
    paths: tuple[str, ...]
    source: str | None
    state: str
    started_at: int
    ended_at: int | None
    seen: int = 0
    imported: int = 0
    unchanged: int = 0
    ignored: int = 0
    failed: int = 0


@dataclass(slots=True)
class Totals:
    """Counts of one run. Seen = added + updated + unchanged + ignored + failed, always.

    An import says ``imported`` for added and updated.
    """

    seen: int = 0
    added: int = 0
    updated: int = 0
    unchanged: int = 0
    ignored: int = 0
    failed: int = 0
    problems: list[Problem] = field(default_factory=list)

    @property
    def imported(self) -> int:
        """Records that are new or newly changed."""
        return self.added + self.updated


@dataclass(slots=True)
class ScanReport(Totals):
    """What a scan met. `missing` and `offline` count known files that this run found so.

    Attributes:
        moved: known files that were met at another path; they count as `added` there, and not as missing.
        rewritten: files of which only the header was written anew; their models go on.
    """

    missing: int = 0
    offline: int = 0
    moved: int = 0
    rewritten: int = 0
    hashed: int = 0
    bytes_hashed: int = 0
    elapsed_s: float = 0.0
    cancelled: bool = False


@dataclass(frozen=True, slots=True)
class ScanOptions:
    """How files are hashed.

    Attributes:
        kinds: ``sha256`` (and what is free), ``all``, or ``auto``: all where that costs next to nothing.
        workers: threads; 0 takes as many as the disk bears.
        read_limit_mb_s: megabytes a second that may be read for hashes, 0 for no limit.
    """

    kinds: Literal["sha256", "auto", "all"] = "auto"
    workers: int = 0
    read_limit_mb_s: int = 0


class Hashes(NamedTuple):
    """What one pass over the bytes of a file gave, all in lower-case hex; None for what it has not, or was not asked.

    Attributes:
        sha256: of the whole file.
        quick: of its size and a few windows of its bytes, 32 digits (see `discovery.quick_of`).
        tensor_quick: the same of the tensors of a safetensors file; it outlives a rewritten header.
        autov1: 8 digits.
        tensor_sha256: of all that follows a safetensors header, 64 digits; the first 12 are AutoV3.
        crc32: 8 digits; `blake3`: 64.
    """

    sha256: str
    quick: str | None = None
    tensor_quick: str | None = None
    autov1: str | None = None
    tensor_sha256: str | None = None
    crc32: str | None = None
    blake3: str | None = None

    @property
    def short(self) -> dict[str, str]:
        """What other tools call the file by, beside the SHA-256: kind -> digits."""
        kinds = {
            "AutoV1": self.autov1,
            "AutoV3": self.tensor_sha256 and self.tensor_sha256[:12],
            "CRC32": self.crc32,
            "BLAKE3": self.blake3,
        }
        return {kind: digits for kind, digits in kinds.items() if digits}


@dataclass(frozen=True, slots=True)
class IgnoredFile:
    """A file that a scan leaves out, and why: ``partial_download``, ``hidden``, ``pattern`` or ``no_model``."""

    path: str
    reason: str


@dataclass(slots=True)
class MoveReport:
    """What became of the files of a folder that lies elsewhere now.

    Attributes:
        found: files that are there, with the size they had.
        changed: files that are there with another size; they are looked at anew.
        absent: files that are not there; they stay as they were.
    """

    found: int = 0
    changed: int = 0
    absent: int = 0
    problems: list[Problem] = field(default_factory=list)
    cancelled: bool = False


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


@dataclass(slots=True)
class ImportReport(Totals):
    """What an import, or its dry run, met.

    Attributes:
        batch_id: None for a dry run.
        by_source: source id -> counts (``seen``, ``imported``, ``unchanged``, ``failed``).
        bound: source id -> number of its records whose file was found (dry run).
        found: containers by source (dry run and detect).
        samples: a few of the records with what would be shown for them (dry run).
        model_paths: model files under the paths (they are added by a scan, not by the import).
        ignored_paths: the first of the files that no source knows.
        outside_folders: folder -> number of records that speak of files in it, where it is no library folder.
        gone: known records that their containers no longer hold, newly marked so by this run.
        roots: folders of models that the settings of other tools name.
    """

    batch_id: int | None = None
    by_source: dict[str, dict[str, int]] = field(default_factory=dict)
    bound: dict[str, int] = field(default_factory=dict)
    found: list[FoundSource] = field(default_factory=list)
    samples: list["Sample"] = field(default_factory=list)
    model_paths: list[str] = field(default_factory=list)
    model_count: int = 0
    ignored_paths: list[str] = field(default_factory=list)
    outside_folders: dict[str, int] = field(default_factory=dict)
    roots: list[Root] = field(default_factory=list)
    gone: int = 0
    elapsed_s: float = 0.0
    cancelled: bool = False
    dry_run: bool = False


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


@dataclass(slots=True)
class PromoteReport:
    """What a promotion did. `stayed` rows are each in `problems`, with their code.

    `promotion` is the number by which this run can be undone, None if it promoted nothing.
    """

    promoted: int = 0
    stayed: int = 0
    problems: list[Problem] = field(default_factory=list)
    pending_ids: list[int] = field(default_factory=list)
    promotion: int | None = None
    cancelled: bool = False


@dataclass(frozen=True, slots=True)
class Opinion:
    """One of the different values that a light column could show, with the best of those who say it.

    Attributes:
        source: a source id, ``user``, ``header`` or ``file``; ``merged`` for what is made of several (joined tags and
            notes, a type that two hints settle) and that nobody says by himself.
        record_id: the active record that says it, if one does.
        rank: as in `Origin`.
        value: as the column would show it; None for a value that the user emptied.
        shown: True for what the library shows, or would show once all that was asked about is promoted; it is
            exactly one of a column, and the first.
        pending_id: the pending model that says it, if one does.
        source_path: of the record.
    """

    source: str
    record_id: int | None
    rank: int
    value: Any
    shown: bool
    pending_id: int | None = None
    source_path: str = ""


@dataclass(slots=True)
class UndoReport:
    """What an undo of promotions did. `stayed` rows are each in `problems`, with their code."""

    undone: int = 0
    stayed: int = 0
    problems: list[Problem] = field(default_factory=list)
    cancelled: bool = False


@dataclass(slots=True)
class SidecarReport:
    """What was written for another tool.

    Attributes:
        models: those of which a sidecar was asked.
        files: sidecars that were written; `originals` of them are the bytes that were once imported.
        skipped: sidecars that were not written; why stands in `problems`.
    """

    models: int = 0
    files: int = 0
    originals: int = 0
    skipped: int = 0
    problems: list[Problem] = field(default_factory=list)
    cancelled: bool = False


@dataclass(slots=True)
class VerifyReport:
    """What re-hashing found."""

    checked: int = 0
    ok: int = 0
    changed: int = 0
    missing: int = 0
    problems: list[Problem] = field(default_factory=list)
    cancelled: bool = False


# --- edits --------------------------------------------------------------------------------------------------


class Door(StrEnum):
    """Where an edit came from; `MERGE` is none of the user's: two models turned out to be one."""

    WINDOW = "window"
    CLI = "cli"
    API = "api"
    MERGE = "merge"


@dataclass(frozen=True, slots=True)
class EditGroup:
    """What one deed of the user changed, of one model or of many; undone and redone as a whole.

    Attributes:
        door: see `Door`.
        note: what whoever edited said of it.
        columns: those of `rows` that an undo or a redo would touch now.
        models: how many models these are.
        is_undone: whether it is undone.
        name: of the model as it is called now, if it is one; else "".
    """

    id: int
    made_at: int
    door: str
    note: str
    columns: tuple[str, ...]
    models: int
    is_undone: bool = False
    name: str = ""


@dataclass(frozen=True, slots=True)
class Edit:
    """One step in the history of one model: what the user's own value of a column was, and what it became.

    Attributes:
        group: number of the `EditGroup`.
        before, after: the user's own values; None where there is none, so that the imported value shows.
        is_undone: whether it was taken back since.
    """

    group: int
    made_at: int
    door: str
    note: str
    column: str
    before: Any
    after: Any
    is_undone: bool = False


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where the shown value of one column comes from, and what would show without the user's own value.

    Attributes:
        shown: as the column has it.
        origin: of `shown`; None for an empty column.
        imported: what would be shown had the user set nothing.
        imported_origin: of `imported`.
        is_edited: whether the user set it.
    """

    shown: Any
    origin: Origin | None
    imported: Any
    imported_origin: Origin | None
    is_edited: bool


@dataclass(slots=True)
class EditReport:
    """What an edit did.

    Attributes:
        group: the number by which it can be undone, None if nothing changed.
        models: the models that were there; of these `changed` have a new value, the others had it before.
        cancelled: those that were changed stay so, and can be undone.
    """

    group: int | None = None
    models: int = 0
    changed: int = 0
    cancelled: bool = False


@dataclass(frozen=True, slots=True)
class Skipped:
    """A value that an undo or redo left as it is, for it was changed since.

    Attributes:
        model_id, sha256, name: of the model as it is shown.
        current: the user's own value now, None if there is none.
        wanted: what it would have become.
    """

    model_id: int
    sha256: str | None
    name: str
    column: str
    current: Any
    wanted: Any


@dataclass(slots=True)
class RevertReport:
    """What an undo or a redo of an edit did.

    Attributes:
        group: the edit's number, None if there was none to undo.
        changed: models with another value than before.
        skipped: values that were left, the first thousand of them; `skipped_total` counts all.
        cancelled: those that were changed stay so; the same undo goes on from there.
    """

    group: int | None = None
    changed: int = 0
    skipped: list[Skipped] = field(default_factory=list)
    skipped_total: int = 0
    cancelled: bool = False


# --- news -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Changes:
    """News of a committed write.

    Attributes:
        models, pending, folders, batches: which kinds of rows changed.
        ids: the model rows concerned, or None for "many".
    """

    models: bool = False
    pending: bool = False
    folders: bool = False
    batches: bool = False
    ids: frozenset[int] | None = None

    def merged(self, other: "Changes") -> "Changes":
        """Return the news of both."""
        return Changes(
            self.models or other.models,
            self.pending or other.pending,
            self.folders or other.folders,
            self.batches or other.batches,
            self.ids | other.ids if self.ids is not None and other.ids is not None else None,
        )


# --- the border: JSON and paths ---------------------------------------------------------------------------


def iso_time(seconds: float | None) -> str | None:
    """Return UTC ISO 8601 for Unix seconds; None for None and for times no calendar holds."""
    if seconds is None:
        return None
    try:
        # Thousands are asked for at once, of few days.
        days, second = divmod(math.floor(seconds), 86_400)
        day = _iso_day(days)
    except (ValueError, OverflowError):
        return None
    minute, second = divmod(second, 60)
    return f"{day}T{minute // 60:02}:{minute % 60:02}:{second:02}Z"


@lru_cache(4096)
def _iso_day(days: int) -> str:
    return (_EPOCH + timedelta(days)).isoformat()


_EPOCH = date(1970, 1, 1)


def light_json(row: ModelRow) -> dict[str, Any]:
    """Return the light columns as the JSON object that every door gives out."""
    return {
        "name": row.name,
        "type": row.type,
        "size_bytes": row.size_bytes,
        "sha256": row.sha256,
        "base_model": row.base_model,
        "format": row.format,
        "path": row.path,
        "file_name": row.file_name,
        "folder": row.folder,
        "file_count": row.file_count,
        "tags": list(row.tags),
        "rating": row.rating,
        "favorite": row.favorite,
        "nsfw": row.nsfw,
        "trigger_words": list(row.trigger_words),
        "notes": row.notes,
        "license": row.license,
        "source_url": row.source_url,
        "preview": row.preview,
        "added_at": iso_time(row.added_at),
        "modified_at": iso_time(row.modified_at),
        "hash_state": row.hash_state,
        "file_state": row.file_state,
    }


LIGHT_KEYS = tuple(light_json(ModelRow(0, None, "", "", 0)))
"""The keys of `light_json`, in its order."""


def is_below(path: str, folder: str) -> bool:
    """Tell whether `path` is `folder` or lies below it; both absolute and normalised, compared as text."""
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)


def is_below_any(path: str, folders: Sequence[str]) -> bool:
    """Tell whether `path` is one of `folders` or lies below one."""
    return any(is_below(path, folder) for folder in folders)
