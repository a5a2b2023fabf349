"""What deeds and failures are told in: one sentence for each report."""

from PySide6.QtCore import QCoreApplication

from modelmgr.errors import ModelmgrError
from modelmgr.gui.text import count_text, counted, foreign_text
from modelmgr.values import ImportReport, MoveReport, PromoteReport, ScanReport, UndoReport, VerifyReport


def _tr(text: str) -> str:
    return QCoreApplication.translate("Jobs", text)


def result_text(report: object) -> str:
    """Return one sentence for the report of a deed, or nothing if there is nothing to say."""
    if isinstance(report, ScanReport):
        return _scan_text(report)
    if isinstance(report, ImportReport):
        return "" if report.dry_run else _import_text(report)
    if isinstance(report, PromoteReport):
        return _promote_text(report)
    if isinstance(report, UndoReport):
        return _undo_text(report)
    if isinstance(report, VerifyReport):
        return _verify_text(report)
    if isinstance(report, MoveReport):
        return _move_text(report)
    if isinstance(report, tuple):
        # A deed of several steps returns what each of them did.
        return "; ".join(words for words in map(result_text, report) if words)
    return ""


def sentence(report: object) -> str:
    """Return `result_text` with a capital and a full stop."""
    words = result_text(report)
    return words[:1].upper() + words[1:] + "." if words else ""


def found_something(report: object) -> bool:
    """Tell whether a deed that nobody asked for has done something that the user should hear of."""
    if not isinstance(report, ScanReport):
        return bool(result_text(report))
    return any((report.added, report.updated, report.missing, report.moved, report.rewritten))


def _were(number: int, noun: str, verb: str) -> str:
    return f"{counted(number, noun)} {'was' if number == 1 else 'were'} {verb}"


def _scan_text(report: ScanReport) -> str:
    if not report.seen and not (report.missing or report.offline or report.failed):
        words = _were(report.hashed, "file", "hashed") if report.hashed else _tr("no model files were found")
        return _tr("The scan was stopped: {}").format(words) if report.cancelled else words
    # Files, not models: two files with the same bytes are one model.
    new, parts = report.added - report.moved, []
    if new or not any((report.moved, report.rewritten, report.updated, report.missing, report.offline)):
        parts.append(_were(new, "model file", "added"))
    for number, verb in (
        (report.moved, ("was found at another place", "were found at another place")),
        (report.rewritten, ("has a new header", "have new headers")),
        (report.updated, ("was updated", "were updated")),
        (report.missing, ("is missing", "are missing")),
        (report.offline, ("is offline", "are offline")),
        (report.failed, ("could not be read", "could not be read")),
    ):
        if number:
            subject = count_text(number) if parts else counted(number, "model file")
            parts.append(f"{subject} {verb[number != 1]}")
    words = ", ".join(parts)
    return _tr("The scan was stopped: {}").format(words) if report.cancelled else words


def _import_text(report: ImportReport) -> str:
    parts = [_were(report.imported, "record", "imported")]
    if report.unchanged:
        parts.append(f"{count_text(report.unchanged)} {'was' if report.unchanged == 1 else 'were'} known")
    if report.failed:
        parts.append(f"{count_text(report.failed)} could not be read")
    words = ", ".join(parts)
    return _tr("The import was stopped: {}").format(words) if report.cancelled else words


def _promote_text(report: PromoteReport) -> str:
    parts = []
    if report.promoted or not report.stayed:
        parts.append(_were(report.promoted, "record", "promoted"))
    if report.stayed:
        subject = count_text(report.stayed) if parts else counted(report.stayed, "record")
        parts.append(f"{subject} {'needs' if report.stayed == 1 else 'need'} a decision")
    words = ", ".join(parts)
    return _tr("The promotion was stopped: {}").format(words) if report.cancelled else words


def _undo_text(report: UndoReport) -> str:
    verb = _tr("waits again") if report.undone == 1 else _tr("wait again")
    words = f"{counted(report.undone, 'record')} {verb}"
    if report.stayed:
        words += ", " + _tr("{} could not be undone").format(count_text(report.stayed))
    return _tr("The undo was stopped: {}").format(words) if report.cancelled else words


def _verify_text(report: VerifyReport) -> str:
    parts = [_were(report.checked, "file", "checked")]
    if report.changed:
        parts.append(f"{count_text(report.changed)} {'has' if report.changed == 1 else 'have'} changed")
    if report.missing:
        parts.append(f"{count_text(report.missing)} {'is' if report.missing == 1 else 'are'} missing")
    if len(parts) == 1 and report.ok == report.checked:
        parts.append(_tr("all as they were"))
    words = ", ".join(parts)
    return _tr("The check was stopped: {}").format(words) if report.cancelled else words


def _move_text(report: MoveReport) -> str:
    parts = [f"{_were(report.found, 'file', 'found')} in the new folder"]
    if report.changed:
        parts.append(f"{count_text(report.changed)} {'has' if report.changed == 1 else 'have'} changed")
    if report.absent:
        parts.append(f"{count_text(report.absent)} {'is' if report.absent == 1 else 'are'} not there")
    words = ", ".join(parts)
    return _tr("The move was stopped: {}").format(words) if report.cancelled else words


def error_text(error: object) -> str:
    """Return the sentence of an expected failure, and plain words for one that nobody expected."""
    if isinstance(error, ModelmgrError):
        return foreign_text(error.message, 400)
    return _tr("Something went wrong inside the program. The log file says more.")
