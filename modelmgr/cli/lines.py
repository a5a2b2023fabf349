"""What people read of an answer where it takes more than a sentence; all foreign text escaped."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from modelmgr.terminal import count_text, duration_text, size_text, table, visible

if TYPE_CHECKING:
    from modelmgr.values import ImportReport, ModelDetails, ModelRow, Problem, ScanReport

_SHOWN_PROBLEMS = 50
_LONGEST_VALUE = 60


def scan_lines(report: ScanReport) -> Iterator[str]:
    """Say what a scan did."""
    if report.cancelled:
        yield "Cancelled. What was found before stays."
    yield (
        f"{count_text(report.seen, 'file')} seen: {report.added:,} added, {report.updated:,} updated, "
        f"{report.unchanged:,} unchanged, {report.ignored:,} ignored, {report.failed:,} failed."
    )
    if report.hashed:
        yield f"{count_text(report.hashed, 'file')} hashed, {size_text(report.bytes_hashed)}."
    if report.moved or report.rewritten:
        yield f"{report.moved:,} were moved, {report.rewritten:,} have a new header on the same tensors."
    if report.missing or report.offline:
        yield f"{report.missing:,} known files are missing, {report.offline:,} can't be reached now."
    yield f"It took {duration_text(report.elapsed_s)}."
    yield from problem_lines(report.problems)


def import_lines(report: ImportReport) -> Iterator[str]:
    """Say what an import did."""
    if report.cancelled:
        yield "Cancelled. What was imported before stays; `modelmgr migrate import` takes the rest."
    if report.by_source:
        keys = ("seen", "imported", "unchanged", "failed")
        yield from table(
            (*(key.capitalize() for key in keys), "Source"),
            [
                (*(f"{counts.get(key, 0):,}" for key in keys), name)
                for name, counts in report.by_source.items()
            ],
            right=range(len(keys)),
        )
    would = "would be " if report.dry_run else ""
    yield (
        f"{report.seen:,} seen: {report.imported:,} {would}imported, {report.unchanged:,} unchanged, "
        f"{report.ignored:,} ignored, {report.failed:,} failed."
    )
    if report.gone:
        yield f"{count_text(report.gone, 'known record')} gone from where they were imported; what they said is kept."
    if report.model_count:
        lie = "lies" if report.model_count == 1 else "lie"
        yield f"{count_text(report.model_count, 'model file')} {lie} there too; `modelmgr scan PATH` adds them."
    for folder, records in report.outside_folders.items():
        yield (
            f"{count_text(records, 'record')} {'speaks' if records == 1 else 'speak'} of files in "
            f"{visible(folder)}, which is no library "
            "folder yet: `modelmgr folders add` it, if it is yours."
        )
    if report.imported and not report.dry_run:
        yield "Next: `modelmgr pending promote --all` links the records to their files."
    yield from problem_lines(report.problems)


def list_lines(rows: Iterator[ModelRow], total: int) -> Iterator[str]:
    """Say which models were found."""
    shown = [
        (
            (row.sha256 or "")[:10],
            row.type,
            row.base_model or "",
            size_text(row.size_bytes),
            _state(row),
            row.name,
        )
        for row in rows
    ]
    if shown:
        yield from table(
            ("SHA256", "Type", "Base model", "Size", "State", "Name"),
            shown,
            right=(3,),
            shorten=sys.stdout.isatty(),
        )
    yield count_text(total, "model") + (f", {len(shown):,} shown" if len(shown) < total else "")


def _state(row: ModelRow) -> str:
    if row.file_state != "present":
        return row.file_state
    return {"done": "", "none": "not hashed", "failed": "not hashed"}.get(row.hash_state, "hashing…")


def show_lines(details: ModelDetails) -> Iterator[str]:
    """Say everything known about a model."""
    from modelmgr.values import iso_time

    row = details.row
    yield visible(row.name)
    values = (
        ("SHA256", row.sha256),
        ("Type", row.type),
        ("Base model", row.base_model),
        ("Format", row.format),
        ("Size", f"{size_text(row.size_bytes)} ({row.size_bytes:,} bytes)"),
        ("Trigger words", ", ".join(row.trigger_words)),
        ("Tags", ", ".join(row.tags)),
        ("Rating", "★" * row.rating if row.rating else None),
        ("Favorite", "yes" if row.favorite else None),
        ("Notes", row.notes),
        ("License", row.license),
        ("Source", row.source_url),
        ("Preview", row.preview),
        ("Added", iso_time(row.added_at)),
        ("Modified", iso_time(row.modified_at)),
    )
    for title, value in values:
        if value:
            origin = details.provenance.get(
                {"Source": "source_url"}.get(title, title.lower().replace(" ", "_"))
            )
            told = f"  [{origin.source}]" if origin is not None else ""
            yield f"  {title + ':':<15}{visible(value)}{visible(told)}"
    yield count_text(len(details.files), "file") + ":"
    for file in details.files:
        link = f", link to {file.link_target}" if file.link_target else ""
        yield visible(f"  {file.path}  ({file.state}{link})")
    header = details.header or {}
    if header.get("evidence"):
        yield f"Identified by ({header.get('confidence')}):"
        yield from (f"  {visible(str(line))}" for line in header["evidence"])
    if header.get("candidates"):
        yield visible(f"  Could be: {', '.join(header['candidates'])}")
    scanned = header.get("pickle_scan")
    if scanned:
        yield visible(f"Pickle: {scanned['message']}")
    for problem in header.get("problems", ()):
        yield visible(f"Problem: {problem['message']}")
    if details.hashes:
        yield "Hashes:"
        yield from (
            f"  {kind:<8}{visible(digits)}" + ("" if trust == "computed" else f"  ({trust})")
            for kind, digits, trust in details.hashes
        )
    if details.attachments:
        yield count_text(len(details.attachments), "picture") + ":"
        for found in details.attachments:
            kept = ", copy kept" if found.copy_path else ""
            yield f"  {visible(found.path)}  ({found.kind}{kept})"
    yield count_text(len(details.records), "record") + ":"
    for record in details.records:
        key = f" #{record.record_key}" if record.record_key else ""
        yield visible(
            f"  {record.id}  {record.source}  {record.source_path}{key}  {size_text(record.size_bytes)}"
        )


def value_text(value: Any) -> str:
    """Return a value of a column in one short line."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = ", ".join(value) if isinstance(value, list | tuple) else str(value)
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 1] + "…"


def problem_lines(problems: Sequence[Problem]) -> Iterator[str]:
    """Say which problems there were."""
    if not problems:
        return
    yield f"{count_text(len(problems), 'problem')}:"
    for problem in problems[:_SHOWN_PROBLEMS]:
        key = f"#{problem.record_key}" if problem.record_key else ""
        where = " ".join(part for part in (problem.path, key) if part)
        before = f"{where}: " if where else ""
        yield visible(f"  {before}{problem.message} [{problem.code}{', kept' if problem.kept else ''}]")
    if len(problems) > _SHOWN_PROBLEMS:
        yield f"  ... and {len(problems) - _SHOWN_PROBLEMS:,} more; --json lists them all."
