"""What deeds and failures are told in: one sentence for each report."""

from PySide6.QtCore import QCoreApplication

from modelmgr.errors import ModelmgrError
from modelmgr.gui.language import Forms, said
from modelmgr.gui.sentences import spoken
from modelmgr.gui.text import foreign_text, listed, numbered
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
        return said("; ").join(words for words in map(result_text, report) if words)
    return ""


def sentence(report: object) -> str:
    """Return `result_text` with a capital and a full stop."""
    return full_sentence(result_text(report))


def full_sentence(words: str) -> str:
    """Return a part of a sentence with a capital and a full stop; nothing of nothing."""
    return said("{}.").format(words[:1].upper() + words[1:]) if words else ""


def found_something(report: object) -> bool:
    """Tell whether a deed that nobody asked for has done something that the user should hear of."""
    if not isinstance(report, ScanReport):
        return bool(result_text(report))
    return any((report.added, report.updated, report.missing, report.moved, report.rewritten))


_MODEL_FILES = {
    "added": Forms("%n model file was added", "%n model files were added"),
    "moved": Forms("%n model file was found at another place", "%n model files were found at another place"),
    "rewritten": Forms("%n model file has a new header", "%n model files have new headers"),
    "updated": Forms("%n model file was updated", "%n model files were updated"),
    "missing": Forms("%n model file is missing", "%n model files are missing"),
    "offline": Forms("%n model file is offline", "%n model files are offline"),
    "failed": Forms("%n model file could not be read", "%n model files could not be read"),
}
_MORE_FILES = {
    "moved": Forms("%n was found at another place", "%n were found at another place"),
    "rewritten": Forms("%n has a new header", "%n have new headers"),
    "updated": Forms("%n was updated", "%n were updated"),
    "missing": Forms("%n is missing", "%n are missing"),
    "offline": Forms("%n is offline", "%n are offline"),
    "failed": Forms("%n could not be read", "%n could not be read"),
}
_CHANGED = Forms("%n has changed", "%n have changed")


def _scan_text(report: ScanReport) -> str:
    if not report.seen and not (report.missing or report.offline or report.failed):
        hashed = Forms("%n file was hashed", "%n files were hashed")
        words = numbered(report.hashed, hashed) if report.hashed else _tr("no model files were found")
        return _tr("The scan was stopped: {}").format(words) if report.cancelled else words
    # Files, not models: two files with the same bytes are one model.
    new, parts = report.added - report.moved, []
    if new or not any((report.moved, report.rewritten, report.updated, report.missing, report.offline)):
        is_all = not (new or report.failed)
        parts.append(_tr("no model file was new") if is_all else numbered(new, _MODEL_FILES["added"]))
    for became, forms in _MORE_FILES.items():
        if number := getattr(report, became):
            parts.append(numbered(number, forms if parts else _MODEL_FILES[became]))
    words = listed(parts)
    return _tr("The scan was stopped: {}").format(words) if report.cancelled else words


def _import_text(report: ImportReport) -> str:
    parts = [numbered(report.imported, Forms("%n record was imported", "%n records were imported"))]
    if report.unchanged:
        parts.append(numbered(report.unchanged, Forms("%n was known", "%n were known")))
    if report.failed:
        parts.append(numbered(report.failed, _MORE_FILES["failed"]))
    words = listed(parts)
    return _tr("The import was stopped: {}").format(words) if report.cancelled else words


def _promote_text(report: PromoteReport) -> str:
    parts = []
    if report.promoted or not report.stayed:
        parts.append(numbered(report.promoted, Forms("%n record was promoted", "%n records were promoted")))
    if report.stayed:
        alone = Forms("%n record needs a decision", "%n records need a decision")
        parts.append(
            numbered(report.stayed, Forms("%n needs a decision", "%n need a decision") if parts else alone)
        )
    words = listed(parts)
    return _tr("The promotion was stopped: {}").format(words) if report.cancelled else words


def _undo_text(report: UndoReport) -> str:
    parts = [numbered(report.undone, Forms("%n record waits again", "%n records wait again"))]
    if report.stayed:
        parts.append(numbered(report.stayed, Forms("%n could not be undone", "%n could not be undone")))
    words = listed(parts)
    return _tr("The undo was stopped: {}").format(words) if report.cancelled else words


def _verify_text(report: VerifyReport) -> str:
    parts = [numbered(report.checked, Forms("%n file was checked", "%n files were checked"))]
    if report.changed:
        parts.append(numbered(report.changed, _CHANGED))
    if report.missing:
        parts.append(numbered(report.missing, _MORE_FILES["missing"]))
    if len(parts) == 1 and report.ok == report.checked:
        parts.append(_tr("all as they were"))
    words = listed(parts)
    return _tr("The check was stopped: {}").format(words) if report.cancelled else words


def _move_text(report: MoveReport) -> str:
    found = Forms("%n file was found in the new folder", "%n files were found in the new folder")
    parts = [numbered(report.found, found)]
    if report.changed:
        parts.append(numbered(report.changed, _CHANGED))
    if report.absent:
        parts.append(numbered(report.absent, Forms("%n is not there", "%n are not there")))
    words = listed(parts)
    return _tr("The move was stopped: {}").format(words) if report.cancelled else words


def error_text(error: object) -> str:
    """Return the sentence of an expected failure, and plain words for one that nobody expected."""
    if isinstance(error, ModelmgrError):
        return foreign_text(spoken(error.message), 400)
    return _tr("Something went wrong inside the program. The log file says more.")
