"""What fits the selected records, what is asked before it is done, and the numbers beside the filters."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtWidgets import QFileDialog, QWidget

from modelmgr.catalog import Catalog
from modelmgr.gui.pending.groups import MISSING, PROMOTED
from modelmgr.gui.reasons import NO_FILE
from modelmgr.gui.strips import AskStrip
from modelmgr.gui.text import counted, foreign_text
from modelmgr.values import PendingModel, PendingQuery, PendingState

DECIDED_BELOW = ("hash_mismatch", "ambiguous")
"""Problems whose decision stands with the record, and can be made for all alike."""


@dataclass(frozen=True, slots=True)
class Choices:
    """How many records each filter would show, and how many of what is shown can be promoted at once."""

    query: PendingQuery
    counts: Mapping[str, Mapping[str, int]]
    promotable: int


def read_choices(catalog: Catalog, query: PendingQuery, of_all: PendingQuery) -> Choices:
    """Read the numbers beside the filters of `query`, and how many of them `of_all` would promote. For a worker."""
    return Choices(query, catalog.pending_choices(query), catalog.pending_count(of_all))


def live_deeds(
    rows: Sequence[PendingModel] | None, count: int, counts: Mapping[str, int], ready: int, *, is_idle: bool
) -> set[str]:
    """Return the names of the deeds that can be done now.

    Args:
        rows: the selected ones as far as they are known, None if they are too many to be looked at.
        count: how many are selected.
        counts: group -> how many records stand there.
        ready: how many the one button for all would promote.
        is_idle: whether no promotion and no undo is running.
    """
    waits = rows is None or any(row.state == PendingState.PENDING for row in rows)
    fits = {
        "promote_all": is_idle and ready > 0,
        "promote": is_idle and waits and count > 0,
        "again": is_idle and waits and count > 0,
        "attach": is_idle and (rows is None or any(_may(row, ("hash_mismatch",)) for row in rows)),
        "keep": is_idle and (rows is None or any(_may(row, NO_FILE) for row in rows)),
        "locate": count == 1 and waits,
        "dismiss": waits and count > 0,
        "restore": rows is None or any(row.state == PendingState.DISMISSED for row in rows),
        "map": counts.get(MISSING, 0) > 0,
        "undo": is_idle and (rows is None or any(row.state == PendingState.PROMOTED for row in rows)),
        "clear": counts.get(PROMOTED, 0) > 0,
    }
    return {deed for deed, is_live in fits.items() if is_live}


def attach_question(ids: Sequence[int], rows: Sequence[PendingModel], parent: QWidget) -> AskStrip:
    """Return the question whether `ids` are to be attached although hashes differ; `rows` are those known of them."""
    mismatches = [row for row in rows if _may(row, ("hash_mismatch",))]
    if len(mismatches) == 1 and len(ids) == 1:
        words = _tr("Attach “{}” to {} although the hashes differ?").format(
            foreign_text(mismatches[0].name, 200),
            foreign_text(os.path.basename(mismatches[0].file_path or ""), 200) or _tr("its file"),
        )
    else:
        count = counted(len(mismatches) or len(ids), "record")
        words = _tr("Attach {} to their files although the hashes differ?").format(count)
    return AskStrip(
        "attachAnywayQuestion",
        words,
        _tr("The computed hash counts. What the record claims stays in the record, to the byte."),
        _tr("Attach anyway"),
        _tr("Don't attach"),
        parent,
        yes_name="confirmAttachButton",
    )


def clear_question(promoted: int, parent: QWidget) -> AskStrip:
    """Return the question whether so many promoted records are to leave the list."""
    return AskStrip(
        "clearPromotedQuestion",
        _tr("Clear {} from this list?").format(counted(promoted, "promoted record")),
        _tr(
            "The library keeps every one of them with its whole payload. A row is cleared only where that "
            "copy is equal to the byte. Their promotion can't be undone after that."
        ),
        _tr("Clear"),
        _tr("Keep"),
        parent,
        yes_name="confirmClearButton",
    )


def locate_dialog(row: PendingModel, parent: QWidget) -> QFileDialog:
    """Return the dialog that asks for the file of a record."""
    dialog = QFileDialog(parent, _tr("Which file is “{}”?").format(foreign_text(row.name, 200)))
    dialog.setObjectName("locateDialog")
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
    dialog.setDirectory(_nearest_folder(row))
    return dialog


def _may(row: PendingModel, problems: Sequence[str]) -> bool:
    return row.state == PendingState.PENDING and row.problem in problems


def _nearest_folder(row: PendingModel) -> str:
    """Return an existing folder near the record, for a file dialog to begin in."""
    for path in (row.file_path, row.source_path):
        folder = os.path.dirname(path or "")
        while folder and not os.path.isdir(folder):
            parent = os.path.dirname(folder)
            if parent == folder:
                break
            folder = parent
        if folder and os.path.dirname(folder) != folder:
            return folder
    return os.path.expanduser("~")


def _tr(text: str) -> str:
    return QCoreApplication.translate("PendingPage", text)
