"""The shapes of what goes out, for the OpenAPI document.

It is made by `modelmgr.documents`, as for the command line; a test holds it against these shapes.
"""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class _Out(BaseModel):
    model_config = ConfigDict(extra="forbid")


class LightModel(_Out):
    """The light columns of a model; null where not known. `fields` of the request may narrow them."""

    name: str
    type: str = Field(description="A word of the type vocabulary.", examples=["lora"])
    size_bytes: int
    sha256: str | None = Field(pattern="^[0-9a-f]{64}$", description="Null until it is computed.")
    base_model: str | None = Field(examples=["SDXL 1.0"])
    format: str | None = Field(examples=["safetensors"])
    path: str | None = Field(description="Absolute path of the first file.")
    file_name: str | None
    folder: str | None
    file_count: int
    tags: list[str]
    rating: int | None = Field(ge=1, le=5)
    favorite: bool
    nsfw: bool | None
    trigger_words: list[str]
    notes: str | None
    license: str | None
    source_url: str | None
    preview: str | None = Field(description="Path of its picture.")
    added_at: str | None = Field(examples=["2026-03-01T09:30:00Z"])
    modified_at: str | None
    hash_state: Literal["none", "hashing", "done", "failed"]
    file_state: Literal["present", "missing", "offline", "unreadable"]


class NarrowModel(LightModel):
    """The light columns, or those of them that `fields` names."""

    model_config = ConfigDict(json_schema_extra={"required": []})


class ModelsPage(_Out):
    """One page of the library view."""

    models: list[NarrowModel]
    total: int = Field(description="How many models match in all.")
    next_cursor: str | None = Field(description="Names the next page; null on the last.")
    data_version: str = Field(description="Equal as long as nothing in the catalog changed.")


class RecordOut(_Out):
    """What one source said about the model."""

    id: int
    source: str = Field(examples=["civitai-info"])
    source_path: str
    record_key: str
    payload_sha256: str = Field(pattern="^[0-9a-f]{64}$")
    size: int = Field(description="Bytes of the payload.")
    payload_text: str | None = Field(description="The payload as text; null if it is larger than 64 MiB.")
    extra: Any = Field(description="What stood beside the payload: other columns of the row, ...")
    imported_at: str | None
    gone: bool = Field(description="Its container no longer held it at the last import.")


class FileOut(_Out):
    """One path on disk."""

    path: str
    size_bytes: int
    modified_at: str | None
    mtime_ns: int
    state: Literal["present", "missing", "offline", "unreadable"]
    sha256: str | None = Field(description="Of this file, also where the model consists of several.")
    link_target: str | None = Field(description="Where a symbolic link leads.")
    member: str | None = Field(description="Its path within a model of several files.")


class HashOut(_Out):
    """A hash of the model's files."""

    kind: Literal["SHA256", "AutoV1", "AutoV2", "AutoV3", "CRC32", "BLAKE3", "tensors"]
    hash: str
    trust: Literal["computed", "claimed", "former"] = Field(
        description="`former`: of the file before its header was written anew."
    )


class AttachmentOut(_Out):
    """A picture of the model."""

    path: str
    kind: Literal["preview", "example"]
    size: int
    sha256: str | None
    kept: str | None = Field(description="Path of a copy in the catalog's folder.")


class OriginOut(_Out):
    """Where a shown value came from."""

    source: str
    rank: int = Field(description="1 (edited here) to 7 (folder and file name); smaller wins.")
    record_id: int | None


class ModelDetailsOut(LightModel):
    """All that is known of one model."""

    meta_json: Any = Field(description="The chief record's payload, parsed; null if it doesn't parse.")
    records: list[RecordOut] = Field(description="The chief record first.")
    files: list[FileOut]
    hashes: list[HashOut] = Field(description="The computed ones first.")
    danger: Literal["dangerous", "unscanned"] | None = Field(
        description="Of a file that runs code when another program loads it; `header.pickle_scan` says more."
    )
    attachments: list[AttachmentOut]
    header: dict[str, Any] | None = Field(description="What the file's header says.")
    provenance: dict[str, OriginOut] = Field(description="Light column -> origin.")
    edited: list[str] = Field(description="The light columns that the user set.")


class ModelEdited(LightModel):
    """The model as it is now."""

    edited: list[str] = Field(description="The light columns that the user set.")
    group: int | None = Field(
        description="Number of the edit, by which it can be undone; null if nothing changed."
    )


class HashCandidate(_Out):
    """A model, or a record that waits, which a hash may mean."""

    kind: Literal["SHA256", "AutoV1", "AutoV2", "AutoV3", "CRC32", "BLAKE3"]
    trust: Literal["computed", "claimed"] = Field(
        description="computed: from the file's bytes; claimed: by a record."
    )
    sha256: str | None = Field(description="Of the model, or as a record that waits claims it.")
    name: str
    model: LightModel | None = Field(description="Null for a record that waits.")
    source: str | None = Field(description="Of the record that claims it.")
    source_path: str | None
    record_key: str | None
    record_id: int | None
    pending_id: int | None


class HashCandidates(_Out):
    """What a hash may mean, the surest first."""

    hash: str = Field(description="As asked, in lower case.")
    candidates: list[HashCandidate]


class PendingOut(_Out):
    """An imported record on its way into the library."""

    id: int
    batch_id: int
    source: str
    source_path: str
    record_key: str
    name: str
    type: str
    base_model: str | None
    sha256: str | None
    file_path: str | None
    state: Literal["pending", "promoted", "dismissed"]
    problem: str | None
    message: str
    candidates: list[str]
    payload_sha256: str
    size: int
    imported_at: str | None
    gone: bool


class PendingPage(_Out):
    """One page of the pending models."""

    pending: list[PendingOut]
    total: int
    next_cursor: str | None
    data_version: str


class ErrorBody(_Out):
    """What went wrong."""

    code: str = Field(examples=["not_found"])
    message: str = Field(description="One sentence.")
    details: dict[str, Any]


class ErrorDocument(_Out):
    """Every answer that is no success."""

    error: ErrorBody


class JobStarted(_Out):
    """A job was taken on."""

    job: str = Field(description="Its id.", examples=["9f2c41d07a6be358"])


class JobOut(_Out):
    """A job as the list and the events show it."""

    id: str
    kind: Literal["scan", "import", "promote"]
    title: str
    state: Literal["queued", "running", "done", "failed", "cancelled"]
    done: int
    total: int | None
    unit: str | None = Field(description="What done and total count.", examples=["files"])
    text: str = Field(description="What is being worked on.")
    created_at: str | None
    ended_at: str | None
    error: ErrorBody | None


class JobsOut(_Out):
    """The jobs of this server, the oldest first."""

    jobs: list[JobOut]
    total: int


class ProblemOut(_Out):
    """An item that failed, or that was taken with a doubt."""

    path: str
    record_key: str
    code: str
    message: str
    kept: bool


class _Ended(_Out):
    problems: list[ProblemOut]
    cancelled: bool


class ScanResult(_Ended):
    """What a scan met."""

    seen: int
    added: int
    updated: int
    unchanged: int
    ignored: int
    failed: int
    missing: int
    offline: int
    moved: int
    rewritten: int
    hashed: int
    bytes_hashed: int
    elapsed_s: float


class ImportResult(_Ended):
    """What an import, or its dry run, met."""

    batch_id: int | None
    seen: int
    imported: int
    added: int
    updated: int
    unchanged: int
    ignored: int
    failed: int
    gone: int
    by_source: dict[str, dict[str, int]]
    models: int = Field(description="Model files under the paths; a scan adds them.")
    outside_folders: dict[str, int]
    roots: list[dict[str, str]]
    elapsed_s: float
    dry_run: bool
    sources: list[dict[str, Any]] = Field(default=[], description="Dry run only, as are the next ones.")
    samples: list[dict[str, Any]] = []
    model_paths: list[str] = []
    ignored_paths: list[str] = []


class PromoteResult(_Ended):
    """What a promotion did."""

    promoted: int
    stayed: int


class JobDetails(JobOut):
    """A job with its result."""

    result: ScanResult | ImportResult | PromoteResult | None = Field(
        description="What the command prints with --json; null while it is not over, or if it failed."
    )


class Health(_Out):
    """That the server answers, and whether the catalog does."""

    version: str = Field(description="Of the program.", examples=["0.1.0"])
    catalog: Literal["ok", "read_only", "unusable"]
