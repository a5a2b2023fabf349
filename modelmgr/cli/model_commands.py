"""The commands about models: lists, everything about one, what the user says of them, where their files are."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from modelmgr.cli.call import OK, Call, outcome
from modelmgr.cli.lines import list_lines, problem_lines, scan_lines, show_lines, value_text
from modelmgr.errors import NotFound, Usage
from modelmgr.terminal import count_text, size_text, table, time_text, visible, width_of

if TYPE_CHECKING:
    from modelmgr.catalog import Catalog
    from modelmgr.values import ModelRow, Problem

_CHUNK = 1_000


def list_models(call: Call) -> int:
    """List models."""
    from modelmgr.filters import model_query
    from modelmgr.values import ModelQuery, light_json

    args = call.args
    query = model_query(vars(args))
    with call.catalog() as catalog:
        total = catalog.count(query)

        def rows() -> Iterator[ModelRow]:
            if args.limit <= _CHUNK:
                yield from catalog.page(query, args.limit, args.offset)
                return
            # By one order taken beforehand, so that a scan at work doubles and drops no row.
            ids = catalog.order(query)[args.offset : args.offset + args.limit]
            for start in range(0, len(ids), _CHUNK):
                yield from catalog.rows(ids[start : start + _CHUNK])

        call.say({"total": total, "models": (light_json(row) for row in rows())}, list_lines(rows(), total))
    if not call.wants_json:
        if query.search:
            call.tell(_search_notes(query.search, total))
        elif not total and query == ModelQuery(sort=query.sort, descending=query.descending):
            call.tell(["Find models with: modelmgr scan PATH"])
    return OK


def _search_notes(text: str, total: int) -> Iterator[str]:
    """Say what a search was taken for if it found nothing, else only what of it was not understood."""
    from modelmgr import search

    if not total:
        yield f"Looked for: {'; '.join(search.explain(text)).rstrip('.')}."
        return
    for token in search.parse(text).tokens:
        if not token.ok:
            yield token.note if token.text in token.note else f"{token.text}: {token.note}"


def show(call: Call) -> int:
    """Show everything known about one model."""
    from modelmgr import documents

    with call.catalog() as catalog:
        sha256 = one_model(catalog, call.args.sha256)
        details = catalog.details(sha256)
    if details is None:
        raise NotFound(f"No model has the SHA-256 {sha256}.", sha256=sha256)
    call.say(documents.details(details), show_lines(details))
    return OK


def edit(call: Call) -> int:
    """Set what the user says of models, or undo it."""
    from modelmgr import documents, edits
    from modelmgr.values import Door, EditReport

    args = call.args
    lists = {
        name: getattr(args, name)
        for name in ("add_tag", "remove_tag", "add_trigger_word", "remove_trigger_word")
    }
    is_edit = bool(args.set or args.reset or any(lists.values()))
    if args.undo is not None or args.redo is not None:
        if is_edit or args.sha256 or args.note:
            raise Usage("--undo and --redo stand alone: a whole edit goes back or forth.")
        return _revert(call)
    if not args.sha256 or not is_edit:
        raise Usage("Name models, and what to set: --set, --reset, --add-tag ...")
    changes = dict.fromkeys(edits.checked_column(column) for column in args.reset)
    for word in args.set:
        column, mark, text = word.partition("=")
        if not mark:
            raise Usage(f"{word!r} is no COLUMN=VALUE.")
        if edits.checked_column(column) in changes:
            raise Usage(f"{column} is named twice.", column=column)
        changes[column] = edits.parsed(column, text)
    with call.library() as library:
        found, problems = models_of(library.catalog, args.sha256)
        report = EditReport()
        if found:
            report = library.edit_models(
                list(library.catalog.ids_of(found).values()),
                changes,
                **{f"{name}s": words for name, words in lists.items()},
                note=args.note,
                door=Door.CLI,
                progress=call.progress,
            )

    def lines() -> Iterator[str]:
        if report.cancelled:
            yield "Cancelled. What was changed before stays."
        number = "" if report.group is None else f" This is edit {report.group}; `edit --undo` takes it back."
        yield f"{count_text(report.changed, 'model')} changed.{number}"
        yield from problem_lines(problems)

    call.say(documents.edited(report, problems), lines())
    return outcome(problems, report.cancelled)


def _revert(call: Call) -> int:
    from modelmgr import documents

    undo = call.args.undo is not None
    number = (call.args.undo if undo else call.args.redo) or None
    with call.library() as library:
        revert = library.undo_edit if undo else library.redo_edit
        report = revert(number, progress=call.progress)
    problems = documents.skipped(report)

    def lines() -> Iterator[str]:
        if report.group is None:
            yield f"There is nothing to {'undo' if undo else 'redo'}."
            return
        if report.cancelled:
            yield "Cancelled. What was changed before stays."
        verb = "undone" if undo else "redone"
        yield f"Edit {report.group} {verb}: {count_text(report.changed, 'model')} changed."
        yield from problem_lines(problems)

    call.say(documents.reverted(report), lines())
    return outcome(problems, report.cancelled)


def list_edits(call: Call) -> int:
    """Show the history of one model, and where its values come from."""
    from modelmgr import documents
    from modelmgr.library import Library

    with call.catalog() as catalog:
        sha256 = one_model(catalog, call.args.sha256)
        model_id = catalog.ids_of([sha256])[sha256]
        history = catalog.edits_of(model_id)
        origins = Library(catalog).origins_of(model_id)

    def lines() -> Iterator[str]:
        shown = [
            (column, origin.origin.source if origin.origin is not None else "", value_text(origin.shown))
            for column, origin in origins.items()
        ]
        yield from table(("Column", "From", "Value"), shown, columns=width_of(sys.stdout))
        for edit in history:
            before, after = (
                "imported" if value is None else value_text(value) for value in (edit.before, edit.after)
            )
            undone = ", undone" if edit.is_undone else ""
            note = f" ({edit.note})" if edit.note else ""
            yield visible(
                f"{time_text(edit.made_at)} {edit.door} #{edit.group}{undone}: {edit.column} {before} -> {after}{note}"
            )
        if not history:
            yield "Nothing was edited."

    document = {
        "sha256": sha256,
        "edits": [documents.edit(edit) for edit in history],
        "columns": {column: documents.column_origin(origin) for column, origin in origins.items()},
    }
    call.say(document, lines())
    return OK


def duplicates(call: Call) -> int:
    """List models with several files."""
    from modelmgr import documents

    with call.catalog() as catalog:
        groups = catalog.duplicates()

    def lines() -> Iterator[str]:
        for group in groups:
            yield f"{group.sha256}  {size_text(group.size_bytes)}, {len(group.files)} files"
            yield from (f"  {visible(file.path)}" for file in group.files)
        spare = sum(group.reclaimable_bytes for group in groups)
        if groups:
            yield f"{count_text(len(groups), 'model')} with several files, {size_text(spare)} could be freed."
        else:
            yield "No model has several files."

    document = [
        {
            "sha256": group.sha256,
            "size_bytes": group.size_bytes,
            "files": [documents.file(file) for file in group.files],
            "reclaimable_bytes": group.reclaimable_bytes,
        }
        for group in groups
    ]
    call.say({"groups": document}, lines())
    return OK


def stats(call: Call) -> int:
    """Count models and bytes."""
    with call.catalog() as catalog:
        stats = catalog.stats()

    def lines() -> Iterator[str]:
        yield (
            f"{count_text(stats['models'], 'model')} in {count_text(stats['files'], 'file')}, "
            f"{size_text(stats['bytes'])}"
        )
        for key, title in (("by_type", "Type"), ("by_base_model", "Base model"), ("by_folder", "Folder")):
            if stats[key]:
                yield ""
                yield from table(
                    ("Models", "Size", title),
                    [
                        (f"{found['models']:,}", size_text(found["bytes"]), name or "(not known)")
                        for name, found in stats[key].items()
                    ],
                    right=(0, 1),
                )

    call.say(stats, lines())
    return OK


def locate(call: Call) -> int:
    """Take a path as the lost file of a model."""
    from modelmgr import documents

    with call.library() as library:
        sha256 = one_model(library.catalog, call.args.sha256)
        model_id = library.catalog.ids_of([sha256])[sha256]
        report = library.locate_model(model_id, call.args.path, call.progress)
    call.say(documents.scan(report), scan_lines(report))
    return outcome(report.problems, report.cancelled)


def verify(call: Call) -> int:
    """Hash files again and compare."""
    from modelmgr import documents
    from modelmgr.library import Library
    from modelmgr.values import VerifyReport

    with call.deed(), call.catalog() as catalog:
        wanted, problems = models_of(catalog, call.args.sha256)
        report = VerifyReport()
        # No hash at all means every model; only wrong ones mean none.
        if wanted or not call.args.sha256:
            report = Library(catalog).verify(wanted, progress=call.progress)
    report.problems[:0] = problems

    def lines() -> Iterator[str]:
        if report.cancelled:
            yield "Cancelled. What was checked before counts."
        yield (
            f"{count_text(report.checked, 'file')} checked: {report.ok:,} unchanged, "
            f"{report.changed:,} changed, {report.missing:,} missing."
        )
        yield from problem_lines(report.problems)

    call.say(documents.verified(report), lines())
    return outcome(report.problems, report.cancelled)


def one_model(catalog: Catalog, prefix: str) -> str:
    """Return the SHA-256 of the model that a hash leads to: its own, the beginning of it, or another of its file."""
    found = catalog.find_sha256(prefix) or list(
        dict.fromkeys(
            match.model.sha256
            for match in catalog.by_hash(prefix)
            if match.model is not None and match.model.sha256 is not None
        )
    )
    if not found:
        raise NotFound(f"No model has the SHA-256 {prefix}.", sha256=prefix)
    if len(found) > 1:
        raise NotFound(
            f"{len(found)} models have a hash that is or begins with {prefix}; give more digits.",
            code="ambiguous",
            sha256=prefix,
            candidates=found,
        )
    return found[0]


def models_of(catalog: Catalog, prefixes: Sequence[str]) -> tuple[list[str], list[Problem]]:
    """Return the models that hashes lead to, and those hashes that lead to none or to several."""
    from modelmgr.values import Problem

    found: list[str] = []
    problems: list[Problem] = []
    for prefix in prefixes:
        try:
            found.append(one_model(catalog, prefix))
        except NotFound as error:
            problems.append(Problem(prefix, error.code, error.message))
    return found, problems
