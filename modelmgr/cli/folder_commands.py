"""The commands about library folders: which there are, what scans leave out of them, and the scans."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from modelmgr.cli.call import OK, Call, outcome
from modelmgr.cli.lines import problem_lines, scan_lines
from modelmgr.errors import CatalogError, ModelmgrError, Usage
from modelmgr.terminal import count_text, table, visible

if TYPE_CHECKING:
    from modelmgr.catalog import Catalog
    from modelmgr.library import Library
    from modelmgr.values import Problem

_SCAN_GARBAGE = (20_000, 20, 100)  # headers by the thousand, hardly a cycle among them: a tenth of a scan


def add_folders(call: Call) -> int:
    """Add library folders."""
    with call.library() as library:
        return _each_folder(call, library, lambda path: library.add_folder(path))


def remove_folders(call: Call) -> int:
    """Forget library folders."""
    with call.library() as library:
        return _each_folder(call, library, lambda path: library.remove_folder(path))


def _each_folder(call: Call, library: Library, deed: Callable[[str], object]) -> int:
    from modelmgr.values import Problem

    problems: list[Problem] = []
    for path in call.args.paths:
        try:
            deed(path)
        except CatalogError:
            raise
        except ModelmgrError as error:
            problems.append(Problem(path, error.code, error.message))
    return _say_folders(call, library.catalog, problems)


def list_folders(call: Call) -> int:
    """List the library folders."""
    with call.catalog() as catalog:
        return _say_folders(call, catalog, [])


def ignore(call: Call) -> int:
    """Set or tell what scans leave out of a folder."""
    from dataclasses import replace

    args = call.args
    with call.library() as library:
        rules = library.folder_rules(args.path)
        if args.pattern is not None:
            rules = replace(rules, patterns=tuple(pattern for pattern in args.pattern if pattern))
        if args.hidden is not None:
            rules = replace(rules, skip_hidden=args.hidden)
        if args.pattern is not None or args.hidden is not None:
            library.set_folder_rules(args.path, rules)

    def lines() -> Iterator[str]:
        yield f"Scans of {visible(args.path)} leave out:"
        yield "  partial downloads"
        if rules.skip_hidden:
            yield "  what is hidden"
        yield from (f"  {visible(pattern)}" for pattern in rules.patterns)

    call.say({"path": args.path, **rules.as_json()}, lines())
    return OK


def list_ignored(call: Call) -> int:
    """List what scans leave out of a folder."""
    with call.library() as library:
        found = library.ignored_files(call.args.path, call.progress)
    call.say(
        {"ignored": [{"path": file.path, "reason": file.reason} for file in found], "total": len(found)},
        [
            *(f"{file.reason.replace('_', ' '):<18}{visible(file.path)}" for file in found),
            f"{count_text(len(found), 'file is', 'files are')} left out."
            if found
            else "Nothing is left out.",
        ],
    )
    return OK


def move_folder(call: Call) -> int:
    """Have the models of a folder go along with it."""
    from modelmgr import documents

    with call.library() as library:
        report = library.move_folder(call.args.old, call.args.new, call.progress, dry_run=call.args.dry_run)

    def lines() -> Iterator[str]:
        yield (
            f"{count_text(report.found, 'file')} found there, {report.changed:,} with another size, "
            f"{report.absent:,} not there."
        )
        if not call.args.dry_run and not report.cancelled:
            yield "Scan it to have what changed looked at: modelmgr scan"
        yield from problem_lines(report.problems)

    call.say(documents.moved(report), lines())
    return outcome(report.problems, report.cancelled)


def _say_folders(call: Call, catalog: Catalog, problems: list[Problem]) -> int:
    from modelmgr import documents

    folders = catalog.folders()

    def lines() -> Iterator[str]:
        if folders:
            yield from table(
                ("Files", "State", "Folder"),
                [(f"{folder.file_count:,}", str(folder.state), folder.path) for folder in folders],
                right=(0,),
            )
        else:
            yield "No library folders yet. Add one with: modelmgr folders add PATH"
        yield from problem_lines(problems)

    call.say(
        {
            "folders": [documents.folder(folder) for folder in folders],
            "problems": documents.problems(problems),
        },
        lines(),
    )
    return outcome(problems)


def scan(call: Call) -> int:
    """Find models, and hash them."""
    args = call.args
    if args.quick and (args.paths or args.no_hash):
        raise Usage("--quick looks into all library folders and hashes what is new.")
    gc.set_threshold(*_SCAN_GARBAGE)
    with contextlib.ExitStack() as stack:
        if not (args.quick or args.no_hash):
            from modelmgr.library import ready_to_hash

            stack.enter_context(ready_to_hash())
        library = stack.enter_context(call.library())
        from modelmgr import documents
        from modelmgr.values import ScanOptions

        options = ScanOptions(args.hashes, args.workers, args.read_limit)
        if args.quick:
            report = library.quick_check(call.progress, options=options)
        else:
            report = library.scan(
                args.paths, hash_files=not args.no_hash, options=options, progress=call.progress
            )
    call.say(documents.scan(report), scan_lines(report))
    return outcome(report.problems, report.cancelled)
