"""What a model is: the light columns, its files, pictures, hashes, and all that is known of it."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, NamedTuple

from modelmgr.lazily import dataclass
from modelmgr.values.basics import iso_time

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
class LibraryFolder:
    """A root folder that the user added."""

    id: int
    path: str
    added_at: int
    state: str = FileState.PRESENT
    file_count: int = 0
