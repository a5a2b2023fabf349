"""What one pending record says, beside what is known of its file: mapped columns, claims and the raw text.

The payload is read here alone, for the one selected row, in a worker. The answer carries the id that was asked
for; one that comes late is dropped.
"""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from PySide6.QtCore import Qt, QTimer, Signal, Slot
from PySide6.QtGui import QAction, QGuiApplication
from PySide6.QtWidgets import (
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QSplitter,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from modelmgr import payload
from modelmgr.catalog import Catalog
from modelmgr.gui import theme
from modelmgr.gui.jobs_panel import ElidedLabel
from modelmgr.gui.labels import SecretLine
from modelmgr.gui.reasons import explanation, problem_label, source_label
from modelmgr.gui.tasks import Tasks
from modelmgr.gui.text import (
    VIEW_LIMIT,
    column_label,
    column_text,
    count_text,
    date_text,
    exact_size_text,
    foreign_text,
    plain_tip,
    size_text,
    type_label,
)
from modelmgr.values import Claims, PendingModel, PendingState

QUIET_MS = 120
"""A question waits until the selection has rested so long, unless it is the first after a rest."""

SHOWN_CANDIDATES = 20

_MISMATCH = re.compile(r"The record claims (.+?) ([0-9a-f]{8,64}), but .* has ([0-9a-f]{8,64})\.", re.DOTALL)
_BREAKS = re.compile(r"[/\\]|[^\s/\\]{16}")
_TOLD_ELSEWHERE = ("hash_mismatch", "ambiguous", "outside", "unparsed_payload")
"""Problems whose sentence would repeat what stands beside it: both hashes, the files, the folder, the note."""

_FIELDS = ("tags", "trigger_words", "rating", "favorite", "nsfw", "notes", "license", "source_url", "preview")


@dataclass(frozen=True, slots=True)
class Comparison:
    """A claimed value beside the one that was found; `agrees` is None where nothing can be said."""

    name: str
    claimed: str
    found: str
    agrees: bool | None


@dataclass(frozen=True, slots=True)
class CandidateFile:
    """A file that a record may speak of."""

    path: str
    size_bytes: int | None
    modified_at: float | None
    sha256: str | None


@dataclass(frozen=True, slots=True)
class Preview:
    """What was read for one pending model; `id` is the one that was asked for.

    Attributes:
        fields: label and text of the light columns that the record offers.
        text: the first characters of the payload, fit to be shown; `has_more`: there are more.
        masked: the same with dots where a key or a token stands; empty where there is none.
        note: what is wrong with the payload, and where.
    """

    id: int
    fields: Sequence[tuple[str, str]] = ()
    comparisons: Sequence[Comparison] = ()
    candidates: Sequence[CandidateFile] = ()
    text: str = ""
    masked: str = ""
    has_more: bool = False
    size_bytes: int = 0
    note: str = ""
    is_gone: bool = False


def field_texts(fields: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return label and text of the columns that hold something, in the order of the window."""
    shown = []
    for name in _FIELDS:
        value = fields.get(name)
        text = column_text(name, value) if value is not False else ""
        if text:
            shown.append((column_label(name), text))
    return shown


def breakable(text: str) -> str:
    """Let a label break paths and hashes, which have no blanks: an invisible place to break after each part.

    For text that has come through `foreign_text`, where no such mark of a stranger is left.
    """
    return _BREAKS.sub("\\g<0>\u200b", text)


def read_preview(catalog: Catalog, row: PendingModel, limit: int) -> Preview:
    """Read a pending model's record and the facts about its file. For a worker."""
    # Not at the start of the program: the deeds bring all readers and sources with them.
    from modelmgr.library import claims_of

    record = catalog.pending_record(row.id)
    if record is None:
        return Preview(row.id, is_gone=True)
    claims = claims_of(record)
    shown = payload.text(record.payload, limit + 1)
    has_secret = payload.contains_secret(record.payload)
    return Preview(
        row.id,
        field_texts(claims.fields),
        _compare(catalog, row, claims),
        [_candidate(catalog, path) for path in row.candidates[:SHOWN_CANDIDATES]],
        foreign_text(shown[:limit], limit, lines=True),
        foreign_text(payload.masked(shown[:limit]), limit, lines=True) if has_secret else "",
        len(shown) > limit,
        len(record.payload),
        _note(record.payload, claims),
    )


def _note(found: bytes, claims: Claims) -> str:
    if claims.problem is None:
        return ""
    parsed = payload.parse(found)
    words = claims.message if parsed.ok else parsed.message or claims.message
    if parsed.offset is not None and "byte" not in words:
        words = f"{words.removesuffix('.')} (byte {count_text(parsed.offset)})."
    return words or problem_label(claims.problem)


def _compare(catalog: Catalog, row: PendingModel, claims: Claims) -> list[Comparison]:
    """Set what the record claims of its file beside what was found."""
    known = catalog.known_file(row.file_path) if row.file_path else None
    computed = known.sha256 if known is not None else None
    if row.state == PendingState.PROMOTED and computed is None:
        computed = row.sha256
    told = _MISMATCH.match(row.message) if row.problem == "hash_mismatch" else None
    found: dict[str, str] = {}
    if computed:
        found = {"SHA-256": computed, "AutoV2": computed[:10]}
    if told is not None:
        found[told[1]] = told[3]
    claimed: dict[str, str] = {}
    if claims.sha256:
        claimed["SHA-256"] = claims.sha256
    claimed.update(claims.partial_hashes)
    if told is not None:
        claimed.setdefault(told[1], told[2])
    shown = []
    for kind, value in claimed.items():
        other = found.get(kind, "")
        agrees = None
        if other:
            shorter, longer = sorted((value.lower(), other.lower()), key=len)
            agrees = longer.startswith(shorter)
        shown.append(Comparison(kind, foreign_text(value, 80), other, agrees))
    if computed and "SHA-256" not in claimed:
        shown.insert(0, Comparison("SHA-256", "", computed, None))
    size = known.size_bytes if known is not None else None
    if claims.size_bytes is not None:
        agrees = None if size is None else size == claims.size_bytes
        shown.append(Comparison("Size", exact_size_text(claims.size_bytes), exact_size_text(size), agrees))
    return shown


def _candidate(catalog: Catalog, path: str) -> CandidateFile:
    known = catalog.known_file(path)
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return CandidateFile(path, None, None, known.sha256 if known is not None else None)
    return CandidateFile(path, found.st_size, found.st_mtime, known.sha256 if known is not None else None)


# --- the widgets ------------------------------------------------------------------------------------------


class _Value(ElidedLabel):
    """One line of foreign text, all of it in the tool tip and in the clipboard."""

    def __init__(self, text: str, parent: QWidget | None = None, *, middle: bool = False) -> None:
        mode = Qt.TextElideMode.ElideMiddle if middle else Qt.TextElideMode.ElideRight
        super().__init__(parent, mode=mode)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.ActionsContextMenu)
        copy = QAction(self.tr("Copy"), self)
        copy.triggered.connect(self._on_copy)
        self.addAction(copy)
        self.show_text(text)

    @Slot()
    def _on_copy(self) -> None:
        QGuiApplication.clipboard().setText(self.text())


class _Sheet(QWidget):
    """The left half: one record's facts, built anew for each record."""

    def __init__(self, row: PendingModel, preview: Preview | None, pane: "PendingPreview") -> None:
        super().__init__()
        self._grid = QGridLayout()
        self._grid.setContentsMargins(0, theme.S, 0, 0)
        self._grid.setHorizontalSpacing(theme.M)
        self._grid.setVerticalSpacing(theme.XS)
        self._grid.setColumnStretch(1, 1)
        self._grid.setColumnMinimumWidth(0, self.fontMetrics().averageCharWidth() * 13)
        title = _Value(foreign_text(row.name), self)
        title.setObjectName("pendingName")
        theme.set_role(title, "pane-title")
        words = theme.plain_label(explanation(row.problem, row.state), parent=self)
        words.setObjectName("pendingReason")
        words.setWordWrap(True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(theme.S, theme.M, theme.M, theme.M)
        layout.setSpacing(theme.XS)
        layout.addWidget(title)
        layout.addWidget(words)
        if row.message and row.state == PendingState.PENDING and row.problem not in _TOLD_ELSEWHERE:
            told = theme.plain_label(breakable(foreign_text(row.message, 1000)), "secondary", self)
            told.setWordWrap(True)
            layout.addWidget(told)
        if preview is not None:
            self._add_comparisons(layout, preview.comparisons)
            self._add_candidates(layout, preview.candidates, row, pane)
        if row.file_path or row.sha256:
            compare = QPushButton(self.tr("Compare sources…"), self)
            compare.setObjectName("compareSourcesButton")
            compare.setToolTip(
                plain_tip(self.tr("See side by side what all records say about this file, and choose"))
            )
            compare.clicked.connect(partial(pane.compare_wanted.emit, row.id))
            layout.addSpacing(theme.XS)
            layout.addWidget(compare, 0, Qt.AlignmentFlag.AlignLeft)
        self._add_facts(row, preview)
        layout.addLayout(self._grid)
        layout.addStretch(1)

    def _add_comparisons(self, layout: QVBoxLayout, comparisons: Sequence[Comparison]) -> None:
        if not comparisons:
            return
        grid = QGridLayout()
        grid.setContentsMargins(0, theme.S, 0, 0)
        grid.setHorizontalSpacing(theme.M)
        grid.setVerticalSpacing(theme.XS)
        grid.setColumnMinimumWidth(0, self.fontMetrics().averageCharWidth() * 13)
        grid.setColumnStretch(1, 1)
        grid.setColumnStretch(2, 1)
        sides = [(1, self.tr("The record claims"))]
        if any(each.found for each in comparisons):
            sides.append((2, self.tr("The file has")))
        for column, words in sides:
            grid.addWidget(theme.plain_label(words, "secondary", self), 0, column)
        mono = theme.mono_font(self.font())
        for line, each in enumerate(comparisons, 1):
            grid.addWidget(theme.plain_label(each.name, "secondary", self), line, 0)
            for column, _words in sides:
                text = each.claimed if column == 1 else each.found
                value = _Value(text or "–", self)
                value.setObjectName("pendingClaimed" if column == 1 else "pendingComputed")
                if text and each.name != "Size":
                    value.setFont(mono)
                grid.addWidget(value, line, column)
            mark = {True: self.tr("same"), False: self.tr("differs"), None: ""}[each.agrees]
            role = "problem" if each.agrees is False else "secondary"
            grid.addWidget(theme.plain_label(mark, role, self), line, 3)
        layout.addLayout(grid)

    def _add_candidates(
        self,
        layout: QVBoxLayout,
        candidates: Sequence[CandidateFile],
        row: PendingModel,
        pane: "PendingPreview",
    ) -> None:
        if not candidates or row.problem != "ambiguous":
            return
        group = theme.plain_label(self.tr("Files that fit"), "group", self)
        group.setContentsMargins(0, theme.S, 0, 0)
        layout.addWidget(group)
        for each in candidates:
            line = QHBoxLayout()
            line.setSpacing(theme.S)
            texts = QVBoxLayout()
            texts.setSpacing(0)
            texts.addWidget(_Value(foreign_text(each.path), self, middle=True))
            if each.size_bytes is None:
                about = self.tr("It can't be reached now")
            else:
                known = (
                    self.tr("hash {}").format(each.sha256[:10]) if each.sha256 else self.tr("not hashed yet")
                )
                about = " · ".join((size_text(each.size_bytes), date_text(each.modified_at), known))
            texts.addWidget(theme.plain_label(about, "secondary", self))
            line.addLayout(texts, 1)
            use = QPushButton(self.tr("Use this file"), self)
            use.setObjectName("useCandidateButton")
            use.setEnabled(each.size_bytes is not None)
            use.setAccessibleName(self.tr("Use the file {}").format(foreign_text(each.path, 400)))
            use.clicked.connect(partial(pane.candidate_chosen.emit, row.id, each.path))
            line.addWidget(use)
            layout.addLayout(line)

    def _add_facts(self, row: PendingModel, preview: Preview | None) -> None:
        self._fact(self.tr("Type"), type_label(row.type))
        self._fact(self.tr("Base model"), foreign_text(row.base_model))
        for label, text in preview.fields if preview is not None else ():
            self._fact(label, text)
        self._fact(self.tr("Source"), source_label(row.source))
        self._fact(self.tr("Where"), foreign_text(row.source_path), middle=True)
        self._fact(self.tr("Key"), foreign_text(row.record_key))
        self._fact(self.tr("File"), foreign_text(row.file_path), middle=True)
        self._fact(self.tr("Imported"), date_text(row.imported_at))
        self._fact(self.tr("Gone since"), date_text(row.gone_at))

    def _fact(self, label: str, text: str, *, middle: bool = False) -> None:
        if not text:
            return
        line = self._grid.rowCount()
        self._grid.addWidget(theme.plain_label(label, "secondary", self), line, 0)
        self._grid.addWidget(_Value(text, self, middle=middle), line, 1)


class PendingPreview(QWidget):
    """The lower half of the pending page: the selected record.

    Signals:
        candidate_chosen(int, str): the user said which file a pending model speaks of.
        compare_wanted(int): the user wants to see all that is said about the file of this pending model.
        shown(int): the record of this pending model stands here with its payload.
    """

    candidate_chosen = Signal(int, str)
    compare_wanted = Signal(int)
    shown = Signal(int)

    def __init__(self, catalog: Catalog, tasks: Tasks, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._catalog = catalog
        self._tasks = tasks
        self._row: PendingModel | None = None
        self._preview: Preview | None = None
        self._limit = VIEW_LIMIT
        self._unmasked = False
        self._asked: tuple[PendingModel | None, int] | None = None
        self.setObjectName("pendingPreview")
        self.setAccessibleName(self.tr("The selected record"))
        self._quiet = QTimer(self)
        self._quiet.setSingleShot(True)
        self._quiet.setInterval(QUIET_MS)
        self._quiet.timeout.connect(self._ask)
        self._hint = theme.plain_label("", "secondary", self)
        self._hint.setObjectName("pendingHint")
        self._hint.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._facts = QScrollArea(self)
        self._facts.setWidgetResizable(True)
        self._facts.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._facts.setAccessibleName(self.tr("What the record says"))
        self._split = QSplitter(Qt.Orientation.Horizontal, self)
        self._split.setChildrenCollapsible(False)
        self._split.setHandleWidth(1)
        self._split.addWidget(self._facts)
        self._split.addWidget(self._build_raw())
        self._split.setStretchFactor(0, 1)
        self._split.setStretchFactor(1, 1)
        self._split.setSizes([500, 500])
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self._hint, 1)
        layout.addWidget(self._split, 1)
        self.show_hint("")

    def _build_raw(self) -> QWidget:
        side = QWidget(self)
        self._raw = QPlainTextEdit(side)
        self._raw.setObjectName("pendingRaw")
        self._raw.setAccessibleName(self.tr("The record as it stands in its source"))
        self._raw.setReadOnly(True)
        self._raw.setProperty("framed", True)
        self._raw.setTabChangesFocus(True)
        self._raw.setFont(theme.mono_font(self.font()))
        self._raw.setUndoRedoEnabled(False)
        self._raw_title = QLabel(self.tr("As it stands in the source"), side)
        theme.set_role(self._raw_title, "secondary")
        self._raw_size = QLabel(side)
        theme.set_role(self._raw_size, "secondary")
        self._more = QToolButton(side)
        self._more.setObjectName("pendingRawMore")
        self._more.setText(self.tr("Show more"))
        self._more.clicked.connect(self._on_more)
        self._note = QLabel(side)
        self._note.setObjectName("pendingNote")
        theme.set_role(self._note, "secondary")
        self._note.setWordWrap(True)
        self._note.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        head = QHBoxLayout()
        head.addWidget(self._raw_title, 1)
        head.addWidget(self._more)
        head.addWidget(self._raw_size)
        layout = QVBoxLayout(side)
        layout.setContentsMargins(theme.M, theme.M, theme.S, theme.S)
        layout.setSpacing(theme.XS)
        layout.addLayout(head)
        layout.addWidget(self._note)
        self._secret = SecretLine(side)
        self._secret.show_wanted.connect(self._on_show_secret)
        layout.addWidget(self._secret)
        layout.addWidget(self._raw, 1)
        return side

    @property
    def row_id(self) -> int | None:
        """The id of the pending model that is shown, or asked for."""
        return None if self._row is None else self._row.id

    def show_hint(self, text: str) -> None:
        """Show no record but a line that says what to do."""
        self._row = None
        self._preview = None
        self._asked = None
        self._quiet.stop()
        self._raw.clear()
        self._hint.setText(text)
        self._hint.show()
        self._split.hide()

    def show_row(self, row: PendingModel) -> None:
        """Show what is known of a row at once, and its record as soon as it has been read.

        Holding an arrow key down costs one question at its beginning and one at its end.
        """
        if row == self._row:
            return
        is_other = self._row is None or row.id != self._row.id
        self._row = row
        if is_other:
            self._preview = None
            self._limit = VIEW_LIMIT
            self._unmasked = False
            self._secret.hide()
            self._raw.clear()
            self._raw_size.clear()
            self._note.hide()
            self._more.hide()
        self._hint.hide()
        self._split.show()
        self._show_facts()
        if not self._quiet.isActive():
            self._ask()
        self._quiet.start()

    def _show_facts(self) -> None:
        if self._row is not None:
            sheet = _Sheet(self._row, self._preview, self)
            self._facts.setWidget(sheet)
            before: QWidget = self._facts
            # What is made last would come last in the whole window.
            for button in sheet.findChildren(QPushButton):
                QWidget.setTabOrder(before, button)
                before = button

    @Slot()
    def _ask(self) -> None:
        asked = (self._row, self._limit)
        if self._row is None or asked == self._asked:
            return
        self._asked = asked
        question = partial(read_preview, self._catalog, self._row, self._limit)
        self._tasks.ask(question, self._take, key=(id(self), "record"))

    @Slot(object)
    def _take(self, preview: Preview) -> None:
        if self._row is None or preview.id != self._row.id:
            return
        self._preview = preview
        self._show_facts()
        self._show_raw(preview)
        self._raw_size.setText(size_text(preview.size_bytes))
        self._more.setVisible(preview.has_more)
        self._note.setText(self.tr("The record isn't there any more.") if preview.is_gone else preview.note)
        self._note.setVisible(bool(self._note.text()))
        self.shown.emit(preview.id)

    def _show_raw(self, preview: Preview) -> None:
        masks = bool(preview.masked) and not self._unmasked
        text = preview.masked if masks else preview.text
        if text != self._raw.toPlainText():
            self._raw.setPlainText(text)
        self._secret.setVisible(masks)

    @Slot()
    def _on_show_secret(self) -> None:
        self._unmasked = True
        if self._preview is not None:
            self._show_raw(self._preview)

    @Slot()
    def _on_more(self) -> None:
        self._limit += VIEW_LIMIT
        self._ask()
