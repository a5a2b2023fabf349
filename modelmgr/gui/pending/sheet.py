"""The facts of one pending record, with the decision that it needs, if it needs one."""

import os
from collections.abc import Callable, Sequence
from functools import partial

from PySide6.QtCore import QCoreApplication, QObject, Qt, Signal, Slot
from PySide6.QtGui import QAction, QGuiApplication, QPaintEvent
from PySide6.QtWidgets import QFrame, QGridLayout, QPushButton, QVBoxLayout, QWidget

from modelmgr.gui import boxes, theme
from modelmgr.gui.cells import CheckBox
from modelmgr.gui.flow import FlowLayout
from modelmgr.gui.labels import ElidedLabel
from modelmgr.gui.language import said
from modelmgr.gui.pending.reading import TOLD_ELSEWHERE, CandidateFile, Comparison, Preview
from modelmgr.gui.reasons import explanation, source_label
from modelmgr.gui.sentences import spoken
from modelmgr.gui.text import breakable, count_text, date_text, foreign_text, plain_tip, size_text, type_label
from modelmgr.values import PendingModel, PendingState

LABEL_LETTERS = 12
FEWEST_LETTERS = 6
CARDS_A_LINE = 2


class SheetDeeds(QObject):
    """What the buttons of a sheet ask for.

    Signals:
        candidate_chosen(int, str, bool): the user said which file a pending model speaks of; for all alike?
        attach_wanted(int, bool): the record belongs to its file in spite of the hashes; for all alike?
        dismiss_wanted(int, str, bool): the record, which has this problem, is to be set aside; all alike?
        compare_wanted(int): the user wants to see all that is said about the file of this pending model.
    """

    candidate_chosen = Signal(int, str, bool)
    attach_wanted = Signal(int, bool)
    dismiss_wanted = Signal(int, str, bool)
    compare_wanted = Signal(int)


class Value(ElidedLabel):
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


class _Card(QFrame):
    """A rounded ground for one side of a decision."""

    def paintEvent(self, event: QPaintEvent) -> None:
        theme.paint_ground(self, theme.colors().base)


class Sheet(QWidget):
    """One record's facts, built anew for each record.

    Args:
        alike: how many records need the same decision, this one among them.
    """

    def __init__(self, row: PendingModel, preview: Preview | None, alike: int, deeds: SheetDeeds) -> None:
        super().__init__()
        self._row = row
        self._deeds = deeds
        self._for_all: CheckBox | None = None
        self._alike = alike
        title = Value(foreign_text(row.name), self)
        title.setObjectName("pendingName")
        theme.set_role(title, "pane-title")
        words = theme.paragraph(explanation(row.problem, row.state), parent=self, name="pendingReason")
        layout = boxes.column(
            title, words, on=self, margins=(theme.S, theme.M, theme.M, theme.M), spacing=theme.XS
        )
        if row.message and row.state == PendingState.PENDING and row.problem not in TOLD_ELSEWHERE:
            told = theme.plain_label(breakable(foreign_text(spoken(row.message), 1000)), "secondary", self)
            told.setWordWrap(True)
            layout.addWidget(told)
        waits = row.state == PendingState.PENDING
        if preview is not None:
            self._add_comparisons(layout, preview.comparisons)
            if waits and row.problem == "ambiguous":
                self._add_candidates(layout, preview.candidates)
        self._add_choices(layout, waits)
        self._grid = self._new_grid(theme.S)
        self._grid.setColumnStretch(1, 1)
        self._add_facts(row, preview)
        layout.addLayout(self._grid)
        layout.addStretch(1)

    @property
    def is_for_all(self) -> bool:
        """Whether the decision is to hold for all alike."""
        return self._for_all is not None and self._for_all.isChecked()

    @property
    def choices(self) -> list[QWidget]:
        """What can be pressed or ticked, in the order of reading."""
        boxes: list[QWidget] = [self._for_all] if self._for_all is not None else []
        return [*self.findChildren(QPushButton), *boxes]

    def decide_for_all(self) -> None:
        """Let the decision hold for all alike, as it was wanted before the facts came anew."""
        if self._for_all is not None:
            self._for_all.setChecked(True)

    def show_alike(self, alike: int) -> None:
        """Offer to decide for all alike, if there are others."""
        if self._for_all is not None:
            self._for_all.setVisible(alike > 1)
            self._for_all.setText(_tr("For all {} alike").format(count_text(alike)))

    def _new_grid(self, above: int) -> QGridLayout:
        grid = QGridLayout()
        grid.setContentsMargins(0, above, 0, 0)
        grid.setHorizontalSpacing(theme.M)
        grid.setVerticalSpacing(theme.XS)
        grid.setColumnMinimumWidth(0, self.fontMetrics().averageCharWidth() * LABEL_LETTERS)
        return grid

    def _add_comparisons(self, layout: QVBoxLayout, comparisons: Sequence[Comparison]) -> None:
        if not comparisons:
            return
        grid = self._new_grid(theme.S)
        grid.setColumnStretch(1, 1)
        grid.setColumnStretch(2, 1)
        sides = [(1, _tr("The record claims"))]
        if any(each.found for each in comparisons):
            sides.append((2, _tr("The file has")))
        for column, words in sides:
            title = theme.paragraph(words, "secondary", self)
            title.setMinimumWidth(self.fontMetrics().averageCharWidth() * FEWEST_LETTERS)
            grid.addWidget(title, 0, column)
        mono = theme.mono_font(self.font())
        for line, each in enumerate(comparisons, 1):
            grid.addWidget(theme.plain_label(each.name, "secondary", self), line, 0)
            for column, _words in sides:
                text = each.claimed if column == 1 else each.found
                value = Value(text or "–", self)
                value.setObjectName("pendingClaimed" if column == 1 else "pendingComputed")
                value.setMinimumWidth(self.fontMetrics().averageCharWidth() * FEWEST_LETTERS)
                if text and each.name != said("Size"):
                    value.setFont(mono)
                grid.addWidget(value, line, column)
            mark = {True: _tr("same"), False: _tr("differs"), None: ""}[each.agrees]
            role = "problem" if each.agrees is False else "secondary"
            grid.addWidget(theme.plain_label(mark, role, self), line, 3)
        layout.addLayout(grid)

    def _add_candidates(self, layout: QVBoxLayout, candidates: Sequence[CandidateFile]) -> None:
        if not candidates:
            return
        grid = QGridLayout()
        grid.setContentsMargins(0, theme.S, 0, 0)
        grid.setSpacing(theme.S)
        for column in range(CARDS_A_LINE):
            grid.setColumnStretch(column, 1)
        for at, each in enumerate(candidates):
            grid.addWidget(self._candidate_card(each), at // CARDS_A_LINE, at % CARDS_A_LINE)
        layout.addLayout(grid)

    def _candidate_card(self, each: CandidateFile) -> QWidget:
        card = _Card(self)
        inside = boxes.column(on=card, margins=(theme.M, theme.S, theme.M, theme.S), spacing=theme.XS // 2)
        name = Value(foreign_text(os.path.basename(each.path)), card, middle=True)
        theme.set_role(name, "card-title")
        inside.addWidget(name)
        folder = Value(foreign_text(os.path.dirname(each.path)), card, middle=True)
        theme.set_role(folder, "secondary")
        inside.addWidget(folder)
        if each.size_bytes is None:
            about = _tr("It can't be reached now")
        else:
            known = _tr("hash {}").format(each.sha256[:10]) if each.sha256 else _tr("not hashed yet")
            about = " · ".join((size_text(each.size_bytes), date_text(each.modified_at), known))
        inside.addWidget(theme.plain_label(about, "secondary", card))
        use = QPushButton(_tr("Use this file"), card)
        use.setObjectName("useCandidateButton")
        use.setEnabled(each.size_bytes is not None)
        use.setAccessibleName(_tr("Use the file {}").format(foreign_text(each.path, 400)))
        use.clicked.connect(partial(self._on_use, each.path))
        inside.addSpacing(theme.XS)
        inside.addWidget(use, 0, Qt.AlignmentFlag.AlignLeft)
        return card

    def _add_choices(self, layout: QVBoxLayout, waits: bool) -> None:
        """Add the buttons of the decision, and whether it holds for all alike."""
        row = self._row
        buttons = FlowLayout(spacing=theme.S)
        buttons.setContentsMargins(0, theme.S, 0, 0)
        decided = waits and row.problem in ("hash_mismatch", "ambiguous")
        if waits and row.problem == "hash_mismatch":
            attach = self._button("attachShownButton", _tr("Attach anyway"), self._on_attach)
            attach.setToolTip(plain_tip(_tr("The computed hash counts; the claim stays in the record")))
            buttons.addWidget(attach)
        if decided:
            dismiss = self._button("dismissShownButton", _tr("Dismiss"), self._on_dismiss)
            dismiss.setToolTip(plain_tip(_tr("It is kept among the dismissed and can be restored")))
            buttons.addWidget(dismiss)
        if row.file_path or row.sha256:
            compare = self._button("compareSourcesButton", _tr("Compare sources…"), self._on_compare)
            compare.setToolTip(
                plain_tip(_tr("See side by side what all records say about this file, and choose"))
            )
            buttons.addWidget(compare)
        if decided:
            self._for_all = CheckBox("", self)
            self._for_all.setObjectName("forAllAlike")
            tip = _tr("Decide so for every record of this list that waits for the same reason")
            if row.problem == "ambiguous":
                tip = _tr(
                    "Decide so for every record of this list that waits for the same reason. Of their files those are "
                    "taken that lie below the same folder, or end alike."
                )
            self._for_all.setToolTip(plain_tip(tip))
            self._for_all.hide()
            buttons.addWidget(self._for_all)
            self.show_alike(self._alike)
        if buttons.count():
            layout.addLayout(buttons)

    def _button(self, name: str, words: str, slot: Callable[[], None]) -> QPushButton:
        button = QPushButton(words, self)
        button.setObjectName(name)
        button.clicked.connect(slot)
        return button

    @Slot()
    def _on_use(self, path: str) -> None:
        self._deeds.candidate_chosen.emit(self._row.id, path, self.is_for_all)

    @Slot()
    def _on_attach(self) -> None:
        self._deeds.attach_wanted.emit(self._row.id, self.is_for_all)

    @Slot()
    def _on_dismiss(self) -> None:
        self._deeds.dismiss_wanted.emit(self._row.id, self._row.problem or "", self.is_for_all)

    @Slot()
    def _on_compare(self) -> None:
        self._deeds.compare_wanted.emit(self._row.id)

    def _add_facts(self, row: PendingModel, preview: Preview | None) -> None:
        self._fact(_tr("Type"), type_label(row.type))
        self._fact(_tr("Base model"), foreign_text(row.base_model))
        for label, text in preview.fields if preview is not None else ():
            self._fact(label, text)
        self._fact(_tr("Source"), source_label(row.source))
        self._fact(_tr("Where"), foreign_text(row.source_path), middle=True)
        self._fact(_tr("Key"), foreign_text(row.record_key))
        self._fact(_tr("File"), foreign_text(row.file_path), middle=True)
        self._fact(_tr("Imported"), date_text(row.imported_at))
        self._fact(_tr("Gone since"), date_text(row.gone_at))

    def _fact(self, label: str, text: str, *, middle: bool = False) -> None:
        if not text:
            return
        line = self._grid.rowCount()
        self._grid.addWidget(theme.plain_label(label, "secondary", self), line, 0)
        self._grid.addWidget(Value(text, self, middle=middle), line, 1)


def _tr(text: str) -> str:
    return QCoreApplication.translate("PendingSheet", text)
