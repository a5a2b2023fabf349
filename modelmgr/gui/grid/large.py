"""One picture, as large as the place of the models allows."""

from PySide6.QtCore import QRect, QSize, Qt, Signal, Slot
from PySide6.QtGui import QFocusEvent, QHideEvent, QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QApplication, QLabel, QWidget

from modelmgr.gui import theme
from modelmgr.gui.previews import Previews
from modelmgr.gui.table.model import LibraryModel
from modelmgr.gui.table.selection import Selection
from modelmgr.gui.text import foreign_text, type_label
from modelmgr.values import ModelRow

_ICON_PX = 64
_CLOSING = (Qt.Key.Key_Space, Qt.Key.Key_Escape, Qt.Key.Key_Return, Qt.Key.Key_Enter)


class LargePreview(QLabel):
    """Lies over the view of the models; arrows go through them as if the view had the keyboard.

    Who opens it wants to see: rated pictures are not blurred here. It closes by the keys that are said at its foot,
    by a click, and when the keyboard goes elsewhere.

    Signals:
        closed(): the view has the keyboard again.
    """

    closed = Signal()

    def __init__(
        self, model: LibraryModel, selection: Selection, previews: Previews, parent: QWidget
    ) -> None:
        super().__init__(parent)
        self.setObjectName("largePreview")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._model = model
        self._selection = selection
        self._previews = previews
        self._view: QWidget | None = None
        self.hide()
        selection.marks.currentRowChanged.connect(self._on_current)
        previews.arrived.connect(self.update)
        model.rows_arrived.connect(self._on_current)
        model.modelReset.connect(self.close)

    def open_over(self, view: QWidget) -> None:
        """Show the current model's picture over a view."""
        self._view = view
        self.setGeometry(view.geometry())
        self._on_current()
        self.show()
        self.raise_()
        self.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def _row(self) -> ModelRow | None:
        row = self._selection.marks.currentIndex().row()
        return self._model.row_at(row) if row >= 0 else None

    @Slot()
    def _on_current(self) -> None:
        row = self._row()
        if row is not None:
            self.setAccessibleName(self.tr("Preview of {}").format(foreign_text(row.name)))
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        colors = theme.colors()
        painter = QPainter(self)
        painter.fillRect(self.rect(), colors.base)
        row = self._row()
        if row is None:
            return
        lines = 2 * self.fontMetrics().height() + theme.M
        area = self.rect().adjusted(theme.XL, theme.XL, -theme.XL, -theme.L - lines)
        ratio = self.devicePixelRatioF()
        size = QSize(max(64, area.width()), max(64, area.height()))
        picture = self._previews.picture(row, size, ratio, revealed=True)
        if picture is None:
            icon = theme.pixmap(theme.type_icon_name(row.type), _ICON_PX, colors.absent, ratio)
            painter.drawPixmap(area.center().x() - _ICON_PX // 2, area.center().y() - _ICON_PX // 2, icon)
        else:
            target = QRect(0, 0, *picture.deviceIndependentSize().toSize().toTuple())
            target.moveCenter(area.center())
            painter.drawPixmap(target, picture)
        painter.setFont(self.font())
        painter.setPen(colors.text)
        line = QRect(area.left(), area.bottom() + theme.M, area.width(), self.fontMetrics().height())
        name = self.fontMetrics().elidedText(
            foreign_text(row.name), Qt.TextElideMode.ElideRight, line.width()
        )
        painter.drawText(line, int(Qt.AlignmentFlag.AlignCenter), name)
        words = [type_label(row.type), foreign_text(row.base_model, 80)]
        if not row.preview:
            words.append(self.tr("no picture"))
        painter.setPen(colors.secondary)
        painter.drawText(
            line.translated(0, self.fontMetrics().height()),
            int(Qt.AlignmentFlag.AlignCenter),
            " · ".join(filter(None, words)),
        )

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in _CLOSING:
            self.close()
        elif self._view is not None:
            QApplication.sendEvent(self._view, event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self.close()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        if event.reason() not in (
            Qt.FocusReason.PopupFocusReason,
            Qt.FocusReason.ActiveWindowFocusReason,
        ):
            self.close()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self.closed.emit()
