"""What scans hand to the catalog, and what they get back: plain values."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from modelmgr.lazily import dataclass
from modelmgr.values import FileState, Hashes, HashState, Origin

EMBEDDED = "embedded"
"""Source id of the record that is made of a file's own metadata."""


class Embedded(NamedTuple):
    """The metadata of a file as a record.

    Attributes:
        payload: the bytes as they stand in the file, or JSON that was made of them (`is_made`).
        sha256: of the payload, 64 digits.
    """

    payload: bytes
    sha256: str
    is_made: bool = False


class FoundModel(NamedTuple):
    """A file that a scan met, identified by its header, on its way into the catalog.

    Attributes:
        fields, origins: the merged light columns and where each came from.
        header: what the header says, for the details, as JSON; `facts` is what a later merge needs of it.
        file_id: the row of this path if it is known and now holds other content, else None.
        hashes: of its bytes as they are now, if they were read.
        danger: as in `ModelRow`.
    """

    path: str
    size_bytes: int
    mtime_ns: int
    inode: int
    device: int
    fields: Mapping[str, Any]
    origins: Mapping[str, Origin]
    format: str | None
    header: str
    facts: Mapping[str, Any]
    state: str = FileState.PRESENT
    hash_state: str = HashState.NONE
    file_id: int | None = None
    link_target: str | None = None
    hashes: Hashes | None = None
    embedded: Embedded | None = None
    danger: str | None = None


class Member(NamedTuple):
    """One file of a model of several files; `name` is its path within the model."""

    name: str
    path: str
    size_bytes: int
    mtime_ns: int
    inode: int
    device: int
    link_target: str | None = None


@dataclass(frozen=True, slots=True)
class FoundUnit:
    """A place of a model of several files as a scan met it.

    Attributes:
        path: the folder, or the first part.
        kind: the format of the whole: ``diffusers-folder``, ``sharded-safetensors`` ...
        model: what was read of it, as for a file; its size is the sum, its path that of the unit.
    """

    path: str
    kind: str
    members: tuple[Member, ...]
    model: FoundModel


@dataclass(frozen=True, slots=True)
class HashOutcome:
    """Where a file belongs, now that its hash is known.

    Attributes:
        model_id: the model of that content.
        created: the model is new and wants its header and light columns.
        gone: a provisional row that was merged into `model_id`, if there was one.
        rewritten: the same tensors under a new header: the model goes on, and wants its header read anew.
        moved: a path of the model that was missing is replaced by this one.
        confirmed: records speak of the model, and may be believed more or less than while its hash was not known.
    """

    model_id: int
    created: bool
    gone: int | None = None
    rewritten: bool = False
    moved: bool = False
    confirmed: bool = False


class ScannedFolder(NamedTuple):
    """What is remembered of a folder that was walked through; see `schema.ScannedFolderTable`."""

    id: int
    mtime_ns: int
    digest: str | None
