"""The commands that take over what other tools know: imports, and the pending records on their way."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from modelmgr.cli.call import CANCELLED, OK, Call, outcome, output
from modelmgr.cli.lines import import_lines, problem_lines
from modelmgr.errors import Usage
from modelmgr.terminal import count_text, table, visible, width_of

if TYPE_CHECKING:
    from modelmgr.values import ImportReport, PendingModel, Problem

_CHUNK = 1_000


def detect(call: Call) -> int:
    """Say which tools' records lie under paths."""
    from modelmgr import documents

    with call.catalog() as catalog:
        from modelmgr.library import Library

        report = Library(catalog).detect(call.args.paths, progress=call.progress)

    def lines() -> Iterator[str]:
        if report.found:
            yield from table(
                ("Records", "Source", "Path"),
                [(f"{found.records:,}", found.source, found.path) for found in report.found],
                right=(0,),
            )
        else:
            yield "No records of other tools lie there."
        for root in report.roots:
            yield f"{visible(root.source_path)} names {visible(root.path)} as a folder of models."
        yield from problem_lines(report.problems)

    document = {
        "sources": documents.sources(report.found),
        "roots": documents.roots(report.roots),
        "problems": documents.problems(report.problems),
    }
    call.say(document, lines())
    return outcome(report.problems, report.cancelled)


def import_records(call: Call) -> int:
    """Import records, or say what would come."""
    args = call.args
    if args.dry_run:
        from modelmgr.library import Library

        with call.catalog() as catalog:
            report = Library(catalog).preview(args.paths, source=args.source, progress=call.progress)
    else:
        with call.library() as library:
            report = library.import_paths(args.paths, source=args.source, progress=call.progress)
    return _say_import(call, report, "There is nothing to import there.")


def resume(call: Call) -> int:
    """Finish interrupted imports."""
    with call.library() as library:
        report = library.resume(call.progress)
    return _say_import(call, report, "No import was interrupted.")


def _say_import(call: Call, report: ImportReport, nothing: str) -> int:
    from modelmgr import documents

    call.say(documents.imported(report), import_lines(report, nothing))
    return outcome(report.problems, report.cancelled)


def list_pending(call: Call) -> int:
    """List pending records."""
    from modelmgr import documents
    from modelmgr.values import PendingQuery

    args = call.args
    query = PendingQuery(
        states=(args.state,) if args.state else (), problems=(args.problem,) if args.problem else ()
    )
    with call.catalog() as catalog:
        ids = catalog.pending_order(query)

        def rows() -> Iterator[PendingModel]:
            for start in range(0, len(ids), _CHUNK):
                yield from catalog.pending_rows(ids[start : start + _CHUNK])

        def lines() -> Iterator[str]:
            titles = ["ID", "State", "Problem", "Source", "Type", "Name"]
            shown: list[tuple[str, ...]] = []
            reasons: list[str] = []
            for row in rows():
                shown.append((str(row.id), row.state, row.problem or "", row.source, row.type, row.name))
                reasons.append(row.message)
            width = width_of(sys.stdout)
            if shown and width is None:  # one line a record, for other programs
                everything = [(*cells, why) for cells, why in zip(shown, reasons, strict=True)]
                yield from table([*titles, "Why"], everything, right=(0,))
            elif shown:
                title, *lines = table(titles, shown, right=(0,), columns=width)
                yield title
                for line, why in zip(lines, reasons, strict=True):
                    yield line
                    if why:
                        yield f"    {visible(why)}"
            yield count_text(len(ids), "record")

        call.say({"total": len(ids), "pending": (documents.pending(row) for row in rows())}, lines())
    return OK


def promote(call: Call) -> int:
    """Make pending records active."""
    from modelmgr import documents

    args = call.args
    if args.all == bool(args.ids):
        raise Usage("Name the IDs to promote, or --all.")
    with call.library() as library:
        known, problems = ([], []) if args.all else library.known_pending(args.ids)
        report = library.promote(
            None if args.all else known,
            attach_anyway=args.attach_anyway,
            allow_missing=args.allow_missing,
            keep_previews=args.keep_previews,
            progress=call.progress,
        )
    report.problems[:0] = problems

    def lines() -> Iterator[str]:
        if report.cancelled:
            yield "Cancelled. What was promoted before stays."
        yield f"{count_text(report.promoted, 'record')} promoted, {report.stayed:,} stayed."
        yield from problem_lines(report.problems)

    call.say(documents.promoted(report), lines())
    return outcome(report.problems, report.cancelled)


def undo(call: Call) -> int:
    """Take promoted records back."""
    from modelmgr import documents

    args = call.args
    if args.last == bool(args.ids):
        raise Usage("Name the IDs to take back, or --last.")
    with call.library() as library:
        ids = library.catalog.last_promoted() if args.last else args.ids
        known, problems = library.known_pending(ids)
        report = library.undo_promotion(known, call.progress)
    report.problems[:0] = problems

    def lines() -> Iterator[str]:
        if report.cancelled:
            yield "Cancelled. What was taken back before is pending."
        yield f"{count_text(report.undone, 'record')} pending again, {report.stayed:,} stayed."
        yield from problem_lines(report.problems)

    call.say(documents.undone(report), lines())
    return outcome(report.problems, report.cancelled)


def dismiss(call: Call) -> int:
    """Put pending records away."""
    with call.library() as library:
        known, problems = library.known_pending(call.args.ids)
        changed = library.dismiss(known) if known else 0
    return _say_changed(call, changed, problems, "dismissed")


def clear_promoted(call: Call) -> int:
    """Remove promoted rows whose payload is active."""
    with call.library() as library:
        changed = library.clear_promoted()
    return _say_changed(call, changed, [], "cleared")


def _say_changed(call: Call, changed: int, problems: list[Problem], verb: str) -> int:
    from modelmgr import documents

    call.say(
        {"changed": changed, "problems": documents.problems(problems)},
        [f"{count_text(changed, 'record')} {verb}.", *problem_lines(problems)],
    )
    return outcome(problems)


def export_pending(call: Call) -> int:
    """Print pending records with their payloads."""
    from modelmgr.library import Library

    with call.catalog() as catalog, output() as out:
        Library(catalog).export_pending(out, call.progress)
    return CANCELLED if call.progress.is_cancelled else OK
