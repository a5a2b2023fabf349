"""Values as the JSON documents that every door gives out, with the key names of the contract.

One place for the command line and the HTTP door, so that a job's result and a command's ``--json`` agree.
Payloads are parsed here and nowhere on the way in.
"""

import math
from collections.abc import Iterable, Mapping
from typing import Any

from modelmgr import payload
from modelmgr.values import (
    Attachment,
    Edit,
    EditReport,
    FoundSource,
    HashMatch,
    ImportReport,
    LibraryFolder,
    ModelDetails,
    ModelFile,
    MoveReport,
    PendingModel,
    Problem,
    PromoteReport,
    Provenance,
    RevertReport,
    Root,
    Sample,
    ScanReport,
    SidecarReport,
    StoredRecord,
    UndoReport,
    VerifyReport,
    iso_time,
    light_json,
)

_LONGEST_INTEGER_BITS = 14_000  # Python refuses to write integers of more than 4,300 digits


def json_safe(value: Any) -> Any:
    """Return a parsed payload as strict JSON can say it: NaN, infinities and endless integers become null."""
    if isinstance(value, Mapping):
        return {str(key): json_safe(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [json_safe(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, int):
        return value if value.bit_length() <= _LONGEST_INTEGER_BITS else None
    return value if value is None or isinstance(value, str) else str(value)


def problems(found: Iterable[Problem]) -> list[dict[str, Any]]:
    """Return ``problems[]``."""
    return [
        {
            "path": problem.path,
            "record_key": problem.record_key,
            "code": problem.code,
            "message": problem.message,
            "kept": problem.kept,
        }
        for problem in found
    ]


def scan(report: ScanReport) -> dict[str, Any]:
    """Return what `scan` prints."""
    return {
        "seen": report.seen,
        "added": report.added,
        "updated": report.updated,
        "unchanged": report.unchanged,
        "ignored": report.ignored,
        "failed": report.failed,
        "missing": report.missing,
        "offline": report.offline,
        "moved": report.moved,
        "rewritten": report.rewritten,
        "hashed": report.hashed,
        "bytes_hashed": report.bytes_hashed,
        "problems": problems(report.problems),
        "elapsed_s": round(report.elapsed_s, 3),
        "cancelled": report.cancelled,
    }


def moved(report: MoveReport) -> dict[str, Any]:
    """Return what `folders move` prints."""
    return {
        "found": report.found,
        "changed": report.changed,
        "absent": report.absent,
        "problems": problems(report.problems),
        "cancelled": report.cancelled,
    }


def roots(found: Iterable[Root]) -> list[dict[str, str]]:
    """Return the folders of models that settings of other tools name."""
    return [
        {"path": root.path, "type": root.type, "source": root.source, "source_path": root.source_path}
        for root in found
    ]


def imported(report: ImportReport) -> dict[str, Any]:
    """Return what `migrate import`, its dry run and `migrate resume` print."""
    document: dict[str, Any] = {
        "batch_id": report.batch_id,
        "seen": report.seen,
        "imported": report.imported,
        "added": report.added,
        "updated": report.updated,
        "unchanged": report.unchanged,
        "ignored": report.ignored,
        "failed": report.failed,
        "gone": report.gone,
        "problems": problems(report.problems),
        "by_source": report.by_source,
        "models": report.model_count,
        "outside_folders": report.outside_folders,
        "roots": roots(report.roots),
        "elapsed_s": round(report.elapsed_s, 3),
        "cancelled": report.cancelled,
        "dry_run": report.dry_run,
    }
    if report.dry_run:
        document["sources"] = sources(report.found)
        document["samples"] = [_sample(sample) for sample in report.samples]
        document["model_paths"] = report.model_paths
        document["ignored_paths"] = report.ignored_paths
    return document


def sources(found: Iterable[FoundSource]) -> list[dict[str, Any]]:
    """Return ``sources[]`` of `migrate detect`."""
    return [{"source": item.source, "path": item.path, "records": item.records} for item in found]


def _sample(sample: Sample) -> dict[str, Any]:
    return {
        "source": sample.source,
        "source_path": sample.source_path,
        "record_key": sample.record_key,
        "fields": json_safe(sample.fields),
        "raw_text": sample.raw_text,
        "state": sample.state,
        "problem": sample.problem,
    }


def promoted(report: PromoteReport) -> dict[str, Any]:
    """Return what `pending promote` prints."""
    return {
        "promoted": report.promoted,
        "stayed": report.stayed,
        "problems": problems(report.problems),
        "cancelled": report.cancelled,
    }


def undone(report: UndoReport) -> dict[str, Any]:
    """Return what `pending undo` prints."""
    return {
        "undone": report.undone,
        "stayed": report.stayed,
        "problems": problems(report.problems),
        "cancelled": report.cancelled,
    }


def sidecars(report: SidecarReport) -> dict[str, Any]:
    """Return what `export --sidecars` prints."""
    return {
        "models": report.models,
        "files": report.files,
        "originals": report.originals,
        "skipped": report.skipped,
        "problems": problems(report.problems),
        "cancelled": report.cancelled,
    }


def verified(report: VerifyReport) -> dict[str, Any]:
    """Return what `verify` prints."""
    return {
        "checked": report.checked,
        "ok": report.ok,
        "changed": report.changed,
        "missing": report.missing,
        "problems": problems(report.problems),
        "cancelled": report.cancelled,
    }


def folder(found: LibraryFolder) -> dict[str, Any]:
    """Return one of ``folders[]``."""
    return {
        "id": found.id,
        "path": found.path,
        "added_at": iso_time(found.added_at),
        "state": found.state,
        "file_count": found.file_count,
    }


def pending(found: PendingModel) -> dict[str, Any]:
    """Return one of ``pending[]``."""
    return {
        "id": found.id,
        "batch_id": found.batch_id,
        "source": found.source,
        "source_path": found.source_path,
        "record_key": found.record_key,
        "name": found.name,
        "type": found.type,
        "base_model": found.base_model,
        "sha256": found.sha256,
        "file_path": found.file_path,
        "state": found.state,
        "problem": found.problem,
        "message": found.message,
        "candidates": list(found.candidates),
        "payload_sha256": found.payload_sha256,
        "size": found.size_bytes,
        "imported_at": iso_time(found.imported_at),
        "gone": found.gone_at is not None,
    }


def details(found: ModelDetails) -> dict[str, Any]:
    """Return what `show` prints: the light columns, and all that is heavy."""
    chief = found.records[0].payload if found.records else None
    parsed = payload.parse(chief) if chief is not None else None
    return {
        **light_json(found.row),
        "meta_json": json_safe(parsed.value) if parsed is not None and parsed.ok else None,
        "records": [_record(record) for record in found.records],
        "files": [file(found_file) for found_file in found.files],
        "hashes": [{"kind": kind, "hash": digits, "trust": trust} for kind, digits, trust in found.hashes],
        "danger": found.row.danger,
        "attachments": [attachment(picture) for picture in found.attachments],
        "header": json_safe(found.header) if found.header is not None else None,
        "provenance": {
            column: {"source": origin.source, "rank": origin.rank, "record_id": origin.record_id}
            for column, origin in found.provenance.items()
        },
        "edited": list(found.edited),
    }


def edited(report: EditReport, found: Iterable[Problem] = ()) -> dict[str, Any]:
    """Return what `edit` prints; `found` are models that aren't there."""
    return {
        "group": report.group,
        "models": report.models,
        "changed": report.changed,
        "problems": problems(found),
        "cancelled": report.cancelled,
    }


def reverted(report: RevertReport) -> dict[str, Any]:
    """Return what `edit --undo` and `edit --redo` print."""
    return {
        "group": report.group,
        "changed": report.changed,
        "skipped": report.skipped_total,
        "problems": problems(skipped(report)),
        "cancelled": report.cancelled,
    }


def skipped(report: RevertReport) -> list[Problem]:
    """Return what an undo or redo left as it was, each as a problem."""
    return [
        Problem(
            one.sha256 or one.name,
            "changed_since",
            f"{one.column} was changed since and stays as it is.",
            one.column,
            kept=True,
        )
        for one in report.skipped
    ]


def edit(found: Edit) -> dict[str, Any]:
    """Return one of ``edits[]``; null for a value means the imported one."""
    return {
        "group": found.group,
        "made_at": iso_time(found.made_at),
        "door": found.door,
        "note": found.note,
        "column": found.column,
        "before": found.before,
        "after": found.after,
        "undone": found.is_undone,
    }


def column_origin(found: Provenance) -> dict[str, Any]:
    """Return one of ``columns{}``: where a shown value comes from, and what shows without the user's."""
    return {
        "value": found.shown,
        "source": found.origin.source if found.origin is not None else None,
        "edited": found.is_edited,
        "imported": found.imported,
        "imported_source": found.imported_origin.source if found.imported_origin is not None else None,
    }


def hash_match(found: HashMatch) -> dict[str, Any]:
    """Return one of ``candidates[]``: what a hash may mean."""
    by_record = found.record_id is not None or found.pending_id is not None
    return {
        "kind": found.kind,
        "trust": found.trust,
        "sha256": found.sha256,
        "name": found.name,
        "model": None if found.model is None else light_json(found.model),
        "source": found.source if by_record else None,
        "source_path": found.source_path if by_record else None,
        "record_key": found.record_key if by_record else None,
        "record_id": found.record_id,
        "pending_id": found.pending_id,
    }


def _record(record: StoredRecord) -> dict[str, Any]:
    return {
        "id": record.id,
        "source": record.source,
        "source_path": record.source_path,
        "record_key": record.record_key,
        "payload_sha256": record.payload_sha256,
        "size": record.size_bytes,
        "payload_text": None if record.payload is None else payload.text(record.payload),
        "extra": None if record.extra is None else json_safe(record.extra),
        "imported_at": iso_time(record.imported_at),
        "gone": record.gone_at is not None,
    }


def file(found: ModelFile) -> dict[str, Any]:
    """Return one of ``files[]``."""
    return {
        "path": found.path,
        "size_bytes": found.size_bytes,
        "modified_at": iso_time(found.mtime_ns / 1_000_000_000),
        "mtime_ns": found.mtime_ns,
        "state": found.state,
        "sha256": found.sha256,
        "link_target": found.link_target,
        "member": found.member,
    }


def attachment(found: Attachment) -> dict[str, Any]:
    """Return one of ``attachments[]``; `kept` is the path of the copy that is there."""
    return {
        "path": found.path,
        "kind": found.kind,
        "size": found.size_bytes,
        "sha256": found.sha256,
        "kept": found.copy_path,
    }
