"""The commands that take things out and look after the catalog: exports, backup, check, restore."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import IO, TYPE_CHECKING, Any

from modelmgr.cli.call import OK, Call, outcome
from modelmgr.cli.lines import problem_lines
from modelmgr.errors import ModelmgrError, NotFound, Usage
from modelmgr.terminal import count_text, visible

if TYPE_CHECKING:
    from modelmgr.values import Problem


def export(call: Call) -> int:
    """Write the library to a file, or as sidecars."""
    from modelmgr.library import Library

    target = call.args.file
    if call.args.sidecars:
        return _export_sidecars(call)
    if call.args.overwrite:
        raise Usage("--overwrite goes with --sidecars; a file is always replaced.")
    _refuse_catalog(call, target)
    with call.deed(), call.catalog() as catalog, _written_whole(target) as out:
        models, records = Library(catalog).export_library(out, call.args.kind, call.progress)
        call.progress.check()
    call.say(
        {"models": models, "records": records},
        [f"{count_text(models, 'model')} and {count_text(records, 'record')} written to {visible(target)}."],
    )
    return OK


def _export_sidecars(call: Call) -> int:
    from modelmgr import documents
    from modelmgr.library import Library

    args = call.args
    with call.deed(), call.catalog() as catalog:
        report = Library(catalog).export_sidecars(
            args.sidecars, args.file, overwrite=args.overwrite, progress=call.progress
        )

    def lines() -> Iterator[str]:
        if report.cancelled:
            yield "Cancelled. What was written before stays."
        yield (
            f"{count_text(report.files, 'sidecar')} of {count_text(report.models, 'model')} written to "
            f"{visible(args.file)}, {report.originals:,} of them as they were imported; {report.skipped:,} skipped."
        )
        yield from problem_lines(report.problems)

    call.say(documents.sidecars(report), lines())
    return outcome(report.problems, report.cancelled)


def _refuse_catalog(call: Call, target: str) -> None:
    """Keep an export from taking the catalog's own place."""
    catalog = os.path.realpath(call.catalog_path)
    if os.path.realpath(target) in {catalog, catalog + "-wal", catalog + "-shm", catalog + "-journal"}:
        raise Usage("That is the catalog itself; name another file.")


@contextlib.contextmanager
def _written_whole(target: str) -> Iterator[IO[str]]:
    """Give a file to write to that takes the place of `target` when all went well, and leaves nothing else.

    Raises:
        ModelmgrError: it can't be written, or what stands there is no file.
    """
    import tempfile

    if os.path.exists(target) and not os.path.isfile(target):
        raise ModelmgrError(f"{target} is no regular file.", code="unwritable", path=target)
    target = os.path.realpath(target)
    part: str | None = None
    try:
        handle, part = tempfile.mkstemp(
            prefix=os.path.basename(target)[:100] + ".", suffix=".part", dir=os.path.dirname(target)
        )
        with open(handle, "w", encoding="utf-8", errors="surrogateescape", newline="") as out:
            yield out
            out.flush()
            os.fsync(out.fileno())
        os.replace(part, target)
        part = None
    except OSError as error:
        raise ModelmgrError(
            f"{target} can't be written: {error.strerror or error}.", code="unwritable", path=target
        ) from error
    finally:
        if part is not None:
            with contextlib.suppress(OSError):
                os.unlink(part)


def backup(call: Call) -> int:
    """Copy the catalog."""
    from modelmgr.library import Library

    with call.deed(), call.catalog() as catalog:
        problems = Library(catalog).backup(call.args.file, call.progress)
    return _say_ok(call, problems, f"The catalog was copied to {visible(call.args.file)}.")


def check(call: Call) -> int:
    """Check the catalog."""
    from modelmgr.library import Library

    with call.deed(), call.catalog() as catalog:
        problems = Library(catalog).check(call.progress)
    return _say_ok(call, problems, "The catalog is sound.")


def restore(call: Call) -> int:
    """Put a backup in the catalog's place."""
    from modelmgr.library import Library

    if not os.path.exists(call.args.file):
        raise NotFound(f"{call.args.file} isn't there.", path=call.args.file)
    with call.deed():
        aside = Library.restore(call.args.file, call.catalog_path, call.progress)
    told = f"; the former one lies in {visible(aside)}" if aside else ""
    return _say_ok(call, [], f"The catalog is now as in {visible(call.args.file)}{told}.", former=aside)


def _say_ok(call: Call, problems: list[Problem], sentence: str, **more: Any) -> int:
    from modelmgr import documents

    ok = all(problem.kept for problem in problems)
    call.say(
        {"ok": ok, "problems": documents.problems(problems), **more},
        [*([sentence] if ok else []), *problem_lines(problems)],
    )
    return outcome(problems, call.progress.is_cancelled)
