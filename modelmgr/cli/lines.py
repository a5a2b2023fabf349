"""What people read of an answer where it takes more than a sentence; all foreign text escaped."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from modelmgr.terminal import count_text, duration_text, size_text, table, time_text, visible, width_of
from modelmgr.vocabulary import evidence_words, source_name, with_source_names

if TYPE_CHECKING:
    from modelmgr.values import ImportReport, ModelDetails, ModelRow, Problem, ScanReport

_SHOWN_PROBLEMS = 50
_LONGEST_VALUE = 60
_SHOWN_EVIDENCE = 8
_LONGEST_EVIDENCE = 100
_TITLE_COLUMNS = 15
_LIST_TITLES = ("SHA256", "Type", "Base model", "Size", "State", "Name")


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
    if report.moved:
        yield f"{count_text(report.moved, 'file was', 'files were')} found at another place."
    if report.rewritten:
        yield f"{count_text(report.rewritten, 'file has', 'files have')} a new header on the same tensors."
    if report.missing:
        yield f"{count_text(report.missing, 'known file is', 'known files are')} missing."
    if report.offline:
        yield f"{count_text(report.offline, 'known file')} can't be reached now."
    if report.elapsed_s >= 1:
        yield f"It took {duration_text(report.elapsed_s)}."
    yield from problem_lines(report.problems)


def import_lines(report: ImportReport, nothing: str) -> Iterator[str]:
    """Say what an import did, `nothing` if there was nothing to do."""
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
    if report.seen or report.cancelled:
        yield (
            f"{report.seen:,} seen: {report.imported:,} {would}imported, {report.unchanged:,} unchanged, "
            f"{report.ignored:,} ignored, {report.failed:,} failed."
        )
    else:
        yield nothing
    if report.gone:
        yield (
            f"{count_text(report.gone, 'known record is', 'known records are')} no longer in the source; "
            "what was imported is kept."
        )
    if report.model_count:
        yield (
            f"{count_text(report.model_count, 'model file lies', 'model files lie')} there; "
            "`modelmgr scan PATH` adds what is new."
        )
    for folder, records in report.outside_folders.items():
        yield (
            f"{count_text(records, 'record speaks', 'records speak')} of files in {visible(folder)}, "
            "which is no library folder yet: `modelmgr folders add` it, if it is yours."
        )
    if report.imported and not report.dry_run:
        yield "Next: `modelmgr pending promote --all` links the records to their files."
    yield from problem_lines(report.problems)


def list_lines(rows: Iterator[ModelRow], total: int) -> Iterator[str]:
    """Say which models were found, in columns that say something of any of them."""
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
        said = [at for at in range(len(_LIST_TITLES)) if any(row[at] for row in shown)]
        yield from table(
            [_LIST_TITLES[at] for at in said],
            [[row[at] for at in said] for row in shown],
            right=[column for column, at in enumerate(said) if _LIST_TITLES[at] == "Size"],
            columns=width_of(sys.stdout),
        )
    if len(shown) < total:
        yield f"{count_text(total, 'model')}, {len(shown):,} shown; --limit and --offset show others."
    else:
        yield count_text(total, "model")


def _state(row: ModelRow) -> str:
    if row.file_state != "present":
        return row.file_state
    return {"done": "", "none": "not hashed", "failed": "hash failed"}.get(row.hash_state, "hashing…")


def show_lines(details: ModelDetails) -> Iterator[str]:
    """Say everything known about a model."""
    yield visible(details.row.name)
    yield from _value_lines(details)
    yield count_text(len(details.files), "file") + ":"
    for file in details.files:
        link = f", link to {file.link_target}" if file.link_target else ""
        yield visible(f"  {file.path}  ({file.state}{link})")
    yield from _header_lines(details.header or {})
    if details.hashes:
        yield "Hashes:"
        shown = [
            ("", kind, digits + ("" if trust == "computed" else f"  ({trust})"))
            for kind, digits, trust in details.hashes
        ]
        yield from table(("", "", ""), shown)
    if details.attachments:
        yield count_text(len(details.attachments), "picture") + ":"
        for found in details.attachments:
            kept = ", copy kept" if found.copy_path else ""
            yield f"  {visible(found.path)}  ({found.kind}{kept})"
    yield from _record_lines(details)


def _value_lines(details: ModelDetails) -> Iterator[str]:
    """Say the values that are shown of a model, and who said each."""
    row = details.row
    values = (
        ("SHA256", row.sha256),
        ("State", _state(row)),
        ("Type", row.type),
        ("Base model", row.base_model),
        ("Format", row.format),
        ("Size", f"{size_text(row.size_bytes)} ({row.size_bytes:,} bytes)"),
        ("Trigger words", ", ".join(row.trigger_words)),
        ("Tags", ", ".join(row.tags)),
        ("Rating", "★" * row.rating if row.rating else None),
        ("Favorite", "yes" if row.favorite else None),
        ("NSFW", "yes" if row.nsfw else None),
        ("Notes", None if row.notes is None else with_source_names(row.notes)),
        ("License", row.license),
        ("Source", row.source_url),
        ("Preview", row.preview),
        ("Added", None if row.added_at is None else time_text(row.added_at)),
        ("Modified", None if row.modified_at is None else time_text(row.modified_at)),
    )
    for title, value in values:
        if value:
            column = {"Source": "source_url"}.get(title, title.lower().replace(" ", "_"))
            origin = details.provenance.get(column)
            said_by = "you" if column in details.edited else source_name(origin.source) if origin else ""
            told = f"  [{said_by}]" if origin else ""
            first, *others = value.splitlines() or [""]
            yield f"  {title + ':':<{_TITLE_COLUMNS}}{visible(first)}{'' if others else visible(told)}"
            for at, line in enumerate(others, 1):
                end = visible(told) if at == len(others) else ""
                yield f"  {'':<{_TITLE_COLUMNS}}{visible(line)}{end}"
    if details.edited:
        columns = ", ".join(column.replace("_", " ") for column in details.edited)
        yield f"  {'Set by you:':<{_TITLE_COLUMNS}}{columns}"


def _record_lines(details: ModelDetails) -> Iterator[str]:
    """Say which records of other tools speak of a model."""
    if details.records:
        yield count_text(len(details.records), "record") + ":"
        records = [
            (
                "",
                str(record.id),
                source_name(record.source),
                size_text(record.size_bytes),
                record.source_path + (f" #{record.record_key}" if record.record_key else ""),
            )
            for record in details.records
        ]
        yield from table(("",) * 5, records, right=(1, 3))
    else:
        yield "No records of other tools."


def _header_lines(header: Mapping[str, Any]) -> Iterator[str]:
    """Say what the file itself says."""
    evidence = [evidence_words(str(line)) for line in header.get("evidence") or ()]
    if evidence:
        yield f"Identified by ({header.get('confidence')}):"
        for line in evidence[:_SHOWN_EVIDENCE]:
            told = visible(line)
            yield f"  {told if len(told) <= _LONGEST_EVIDENCE else told[: _LONGEST_EVIDENCE - 1] + '…'}"
        if len(evidence) > _SHOWN_EVIDENCE:
            yield f"  ... and {len(evidence) - _SHOWN_EVIDENCE:,} more; --json lists them all."
    if header.get("candidates"):
        yield visible(f"  Could be: {', '.join(header['candidates'])}")
    scanned = header.get("pickle_scan")
    if scanned:
        yield visible(f"Pickle: {scanned['message']}")
    for problem in header.get("problems", ()):
        yield visible(f"Problem: {problem['message']}")


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
