"""The selected pending record: its facts and its decision, beside the text as it stands in the source."""

from functools import partial

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QApplication,
    QLabel,
    QPlainTextEdit,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QSplitter,
    QToolButton,
    QWidget,
)

from modelmgr.catalog import Catalog
from modelmgr.gui import boxes, theme, timers
from modelmgr.gui.labels import ElidedLabel, SecretLine
from modelmgr.gui.pending.reading import Preview, read_preview
from modelmgr.gui.pending.sheet import Sheet, SheetDeeds
from modelmgr.gui.tasks import Tasks
from modelmgr.gui.text import VIEW_LIMIT, size_text
from modelmgr.values import PendingModel

QUIET_MS = 120
"""A question waits until the selection has rested so long, unless it is the first after a rest."""

HINT_PX = 44

WIDEST_FACTS_PERCENT = 75
"""How much of the width the facts take at most where that is less than they need."""

_NO_LIMIT = 16_777_215


class PendingPreview(QWidget):
    """The lower half of the pending page: the selected record.

    Signals:
        shown(int): the record of this pending model stands here with its payload.

    Attributes:
        deeds: what its buttons ask for.
    """

    shown = Signal(int)

    def __init__(self, catalog: Catalog, tasks: Tasks, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._catalog = catalog
        self._tasks = tasks
        self._row: PendingModel | None = None
        self._replaced: list[QWidget] = []
        self._preview: Preview | None = None
        self._limit = VIEW_LIMIT
        self._unmasked = False
        self._alike = 0
        self._sheet: Sheet | None = None
        self.deeds = SheetDeeds(self)
        self._asked: tuple[PendingModel | None, int] | None = None
        self.setObjectName("pendingPreview")
        self.setAccessibleName(self.tr("The selected record"))
        self._quiet = timers.after(QUIET_MS, self._ask, self)
        self._hint = theme.plain_label("", "secondary", self, name="pendingHint")
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
        boxes.column((self._hint, 1), (self._split, 1), on=self, margins=0, spacing=0)
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
        self._raw_title = ElidedLabel(side)
        self._raw_title.show_text(self.tr("As it stands in the source"))
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
        head = boxes.row((self._raw_title, 1), self._more, self._raw_size)
        layout = boxes.column(
            head, self._note, on=side, margins=(theme.M, theme.M, theme.S, theme.S), spacing=theme.XS
        )
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
        # A line needs no half of the page.
        self.setMaximumHeight(HINT_PX)

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
            self._alike = 0
            self._limit = VIEW_LIMIT
            self._unmasked = False
            self._secret.hide()
            self._raw.clear()
            self._raw_size.clear()
            self._note.hide()
            self._more.hide()
        self._hint.hide()
        self._split.show()
        self.setMaximumHeight(_NO_LIMIT)
        self._show_facts()
        if not self._quiet.isActive():
            self._ask()
        self._quiet.start()

    def show_alike(self, row_id: int, alike: int) -> None:
        """Say how many records need the decision that this one needs."""
        if row_id == self.row_id and self._sheet is not None:
            self._alike = alike
            self._sheet.show_alike(alike)

    def take_focus(self) -> None:
        """Give the keyboard to the first thing that can be decided, else to the text."""
        buttons = self._sheet.findChildren(QPushButton) if self._sheet is not None else []
        for widget in (*buttons, self._raw):
            if widget.isVisible() and widget.isEnabled():
                widget.setFocus(Qt.FocusReason.OtherFocusReason)
                return

    def _show_facts(self) -> None:
        if self._row is not None:
            is_for_all = self._sheet is not None and self._sheet.is_for_all
            self._sheet = Sheet(self._row, self._preview, self._alike, self.deeds)
            self._replace(self._facts.takeWidget())
            self._facts.setWidget(self._sheet)
            self._fit_facts()
            if is_for_all and self._alike:
                self._sheet.decide_for_all()
            before: QWidget = self._facts
            # What is made last would come last in the whole window.
            for widget in self._sheet.choices:
                QWidget.setTabOrder(before, widget)
                before = widget

    def _replace(self, sheet: QWidget | None) -> None:
        """Do away with a sheet, but not beneath a menu of its own: Qt still works in the widget below it."""
        if sheet is not None:
            sheet.setParent(self)
            self._replaced.append(sheet)
        if QApplication.activePopupWidget() is None:
            for each in self._replaced:
                each.deleteLater()
            self._replaced.clear()

    def _fit_facts(self) -> None:
        """Give the facts the width that they can't do without, as far as the text beside them has some left."""
        if self._sheet is not None:
            needed = (
                self._sheet.minimumSizeHint().width() + self._facts.verticalScrollBar().sizeHint().width()
            )
            self._facts.setMinimumWidth(min(needed, self.width() * WIDEST_FACTS_PERCENT // 100))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit_facts()

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
