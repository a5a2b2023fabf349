"""Where files and folders may be dropped, and what a drop holds."""

import os
from urllib.parse import unquote_to_bytes

from PySide6.QtCore import QEvent, QMimeData, QRectF, Qt, QUrl, Signal
from PySide6.QtGui import QDragEnterEvent, QDragLeaveEvent, QDropEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QFrame, QLabel, QWidget

from modelmgr.gui import boxes, theme
from modelmgr.gui.wizard.parts import tr

LONGEST_TEXT = 100_000
"""Of a longer text in the clipboard only so many characters are looked at for paths."""


def dropped_paths(mime: QMimeData) -> list[str]:
    """Return the local paths of a drop; names that aren't valid UTF-8 in `surrogateescape` form."""
    paths = []
    for url in mime.urls():
        if not url.isLocalFile():
            continue
        if os.name == "posix":
            encoded = url.path(QUrl.ComponentFormattingOption.FullyEncoded)
            paths.append(os.fsdecode(unquote_to_bytes(encoded)))
        else:
            paths.append(os.path.normpath(url.toLocalFile()))
    return paths


def written_paths(text: str) -> list[str]:
    """Return those lines of a text that are absolute paths, without quotation marks around them."""
    lines = (line.strip().strip("\"'") for line in text[:LONGEST_TEXT].splitlines())
    return [os.path.expanduser(line) for line in lines if os.path.isabs(os.path.expanduser(line))]


class DropArea(QFrame):
    """Where files and folders may be dropped; the whole page takes them too.

    Signals:
        dropped(list): local paths.
    """

    dropped = Signal(list)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("dropArea")
        self.setAcceptDrops(True)
        self._icon = QLabel(self)
        self._icon.setAlignment(Qt.AlignmentFlag.AlignCenter)
        words = theme.plain_label(tr("Drop folders or files here"), parent=self)
        words.setAlignment(Qt.AlignmentFlag.AlignCenter)
        theme.set_role(words, "card-title")
        more = theme.plain_label(
            tr(
                "Sidecars, databases, caches and lists of some fifty kinds are known by what\u00a0is\u00a0in\u00a0them."
            ),
            "secondary",
            self,
        )
        more.setAlignment(Qt.AlignmentFlag.AlignCenter)
        more.setWordWrap(True)
        self.buttons = boxes.row(spacing=theme.S)
        boxes.column(
            boxes.STRETCH,
            self._icon,
            words,
            more,
            self.buttons,
            boxes.STRETCH,
            on=self,
            margins=theme.L,
            spacing=theme.S,
        )
        self._is_over = False
        self._tint()

    def _tint(self) -> None:
        colors = theme.colors()
        color = colors.accent_on_base if self._is_over else colors.absent
        self._icon.setPixmap(theme.sign(self, "download", 32, color))
        self.update()

    def _show_over(self, is_over: bool) -> None:
        self._is_over = is_over
        self._tint()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if event.mimeData().hasUrls():
            event.acceptProposedAction()
            self._show_over(True)

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        self._show_over(False)

    def dropEvent(self, event: QDropEvent) -> None:
        self._show_over(False)
        event.acceptProposedAction()
        self.dropped.emit(dropped_paths(event.mimeData()))

    def paintEvent(self, event: QPaintEvent) -> None:
        colors = theme.colors()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        pen = QPen(colors.accent_on_base if self._is_over else colors.absent, 1)
        pen.setDashPattern([5, 4])
        painter.setPen(pen)
        painter.setBrush(colors.chosen if self._is_over else colors.base)
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 8, 8)
        painter.end()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in theme.NEW_LOOKS:
            self._tint()
