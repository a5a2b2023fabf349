"""The pictures of a model: one in front, arrows to the others, a viewer for a larger look, and the choice of one."""

import os
from collections.abc import Sequence

from PySide6.QtCore import QEvent, QSize, Qt, Signal, Slot
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QEnterEvent, QKeyEvent, QMouseEvent, QResizeEvent
from PySide6.QtWidgets import (
    QDialog,
    QFileDialog,
    QFrame,
    QMenu,
    QToolButton,
    QWidget,
)

from modelmgr.gui import boxes, theme
from modelmgr.gui.details.head import PREVIEW_HEIGHT, PreviewBox
from modelmgr.gui.previews import Previews
from modelmgr.gui.text import foreign_text, plain_tip
from modelmgr.pictures import has_picture_name
from modelmgr.values import Attachment, ModelRow

BAND_HEIGHT = 64
MOST_PICTURES = 50
VIEWER_SIZE = QSize(960, 720)


def pictures_of(row: ModelRow, attachments: Sequence[Attachment]) -> list[str]:
    """Return the pictures of a model, the shown one first; of one that was copied, the copy."""
    found = dict.fromkeys([row.preview] if row.preview else [])
    for each in attachments:
        if has_picture_name(each.path):
            found.setdefault(each.copy_path or each.path)
    return list(found)[:MOST_PICTURES]


class PictureStrip(QFrame):
    """The pictures of the model in front, one at a time; left and right go on, Space or a click shows it large.

    Signals:
        chosen(str): this picture shall be the preview; an absolute path.
        reset(): the imported preview is wanted back.
    """

    chosen = Signal(str)
    reset = Signal()

    def __init__(self, previews: Previews, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("pictureStrip")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAcceptDrops(True)
        self._previews = previews
        self._row: ModelRow | None = None
        self._roots: Sequence[str] = ()
        self._pictures: list[str] = []
        self._place = 0
        self.box = PreviewBox(self)
        self.box.setObjectName("detailsPreview")
        self.box.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        boxes.column(self.box, on=self, margins=0, spacing=0)
        self._before = self._make_button("previousPicture", "chevron-left", self.tr("Previous picture"))
        self._after = self._make_button("nextPicture", "chevron-right", self.tr("Next picture"))
        self._change = self._make_button("changePreview", "image", self.tr("Change the preview"))
        self._before.clicked.connect(self._on_before)
        self._after.clicked.connect(self._on_after)
        self._change.clicked.connect(self._on_change)
        self._count = theme.plain_label("", "over", self, name="pictureCount")
        self._count.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        previews.arrived.connect(self.look)

    def _make_button(self, name: str, icon: str, words: str) -> QToolButton:
        button = QToolButton(self)
        button.setObjectName(name)
        button.setProperty("role", "over")
        button.setToolTip(plain_tip(words))
        button.setAccessibleName(words)
        theme.give_icon_size(button, 16)
        theme.set_icon(button, icon)
        return button

    # --- showing ----------------------------------------------------------------------------------------

    def show_pictures(self, row: ModelRow, pictures: Sequence[str], roots: Sequence[str]) -> None:
        """Show the pictures of a model; the one in front stays, if it is still one of them."""
        front = self.shown if self._row is not None and self._row.id == row.id else None
        self._row, self._roots = row, roots
        self._pictures = list(pictures)
        self._place = self._pictures.index(front) if front in self._pictures else 0
        self.look()

    @property
    def shown(self) -> str | None:
        """The path of the picture in front."""
        return self._pictures[self._place] if self._pictures else None

    @Slot()
    def look(self) -> None:
        """Show the picture in front if it is here."""
        row = self._row
        if row is None:
            return
        size = QSize(max(64, self.width()), PREVIEW_HEIGHT)
        picture = None
        if self.shown is not None:
            shown = row._replace(preview=self.shown)
            picture = self._previews.picture(
                shown, size, self.devicePixelRatioF(), self._roots, revealed=self.box.is_looked_at
            )
        is_broken = picture is None and self._previews.is_broken(self.shown, whole=True)
        if picture is not self.box.pixmap_shown or picture is None:
            self.box.show_picture(picture, row.type, is_broken=is_broken)
        # Without a picture the box is a quiet band, not a hole.
        self.box.setFixedHeight(PREVIEW_HEIGHT if picture is not None or self._pictures else BAND_HEIGHT)
        several = len(self._pictures) > 1
        for part in (self._before, self._after, self._count):
            part.setVisible(several)
        if several:
            self._count.setText(self.tr("{} of {}").format(self._place + 1, len(self._pictures)))
        words = self.tr("Preview, {} pictures").format(len(self._pictures)) if self._pictures else ""
        if is_broken:
            words = self.tr("{}, this one can't be read").format(words)
        self.setAccessibleName(words or self.tr("No preview"))
        self._arrange()

    def go(self, step: int) -> None:
        """Bring another picture to the front."""
        if self._pictures:
            self._place = (self._place + step) % len(self._pictures)
            self.look()

    @Slot()
    def open_viewer(self) -> None:
        """Show the picture in front as large as the screen likes."""
        if self._row is not None and self.shown is not None:
            PictureViewer(self._previews, self._row, self._pictures, self._place, self._roots, self).open()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._arrange()

    def _arrange(self) -> None:
        height = self.box.height()
        for button in (self._before, self._after, self._change, self._count):
            button.adjustSize()
            button.raise_()
        left, right = (self._after, self._before) if self.isRightToLeft() else (self._before, self._after)
        middle = (height - left.height()) // 2
        left.move(theme.XS, middle)
        right.move(self.width() - right.width() - theme.XS, middle)
        x = theme.XS if self.isRightToLeft() else self.width() - self._change.width() - theme.XS
        self._change.move(x, theme.XS)
        self._count.move((self.width() - self._count.width()) // 2, height - self._count.height() - theme.XS)

    # --- choosing ---------------------------------------------------------------------------------------

    def change_menu(self) -> QMenu:
        """Return the ways to another preview; it goes when it is closed."""
        menu = QMenu(self)
        menu.setObjectName("previewMenu")
        menu.aboutToHide.connect(menu.deleteLater)
        use = menu.addAction(self.tr("Use this picture"), self._on_use)
        use.setObjectName("usePicture")
        use.setEnabled(self.shown is not None and self._row is not None and self.shown != self._row.preview)
        menu.addAction(self.tr("Choose a file…"), self._on_file).setObjectName("choosePreview")
        menu.addSeparator()
        menu.addAction(self.tr("Back to the imported preview"), self.reset.emit)
        return menu

    @Slot()
    def _on_change(self) -> None:
        self.change_menu().popup(self._change.mapToGlobal(self._change.rect().bottomLeft()))

    @Slot()
    def _on_use(self) -> None:
        if self.shown is not None:
            self.chosen.emit(self.shown)

    @Slot()
    def _on_file(self) -> None:
        dialog = QFileDialog(self, self.tr("Choose a preview"))
        dialog.setObjectName("previewDialog")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.setNameFilter(self.tr("Pictures (*.png *.jpg *.jpeg *.webp *.gif)"))
        if self._row is not None and self._row.folder and os.path.isdir(self._row.folder):
            dialog.setDirectory(self._row.folder)
        dialog.fileSelected.connect(self.chosen)
        dialog.open()

    @Slot()
    def _on_before(self) -> None:
        self.go(-1)

    @Slot()
    def _on_after(self) -> None:
        self.go(1)

    # --- Qt ---------------------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self.open_viewer()

    def enterEvent(self, event: QEnterEvent) -> None:
        self.box.is_looked_at = True
        self.look()

    def leaveEvent(self, event: QEvent) -> None:
        self.box.is_looked_at = False
        self.look()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if not _go_by_key(self, event):
            super().keyPressEvent(event)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if _picture_in(event) is not None and self._row is not None:
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        path = _picture_in(event)
        if path is not None:
            event.acceptProposedAction()
            self.chosen.emit(path)


def _picture_in(event: QDropEvent) -> str | None:
    """Return the one picture that is dragged, None for anything else: that is for the window."""
    urls = event.mimeData().urls()
    path = urls[0].toLocalFile() if len(urls) == 1 and urls[0].isLocalFile() else ""
    return path if path and has_picture_name(path) else None


def _go_by_key(strip: "PictureStrip | PictureViewer", event: QKeyEvent) -> bool:
    ahead, back = Qt.Key.Key_Right, Qt.Key.Key_Left
    if strip.isRightToLeft():
        ahead, back = back, ahead
    if event.key() in (ahead, back):
        strip.go(1 if event.key() == ahead else -1)
    elif event.key() in (Qt.Key.Key_Space, Qt.Key.Key_Return, Qt.Key.Key_Enter):
        strip.open_viewer() if isinstance(strip, PictureStrip) else strip.accept()
    else:
        return False
    return True


class PictureViewer(QDialog):
    """One picture as large as the window, decoded no larger than that; arrows go on, Space, Enter or a click closes."""

    def __init__(
        self,
        previews: Previews,
        row: ModelRow,
        pictures: Sequence[str],
        place: int,
        roots: Sequence[str],
        parent: QWidget,
    ) -> None:
        super().__init__(parent)
        self.setObjectName("pictureViewer")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._previews, self._row, self._pictures, self._roots = previews, row, list(pictures), roots
        self._place = place
        self._box = PreviewBox(self)
        self._box.setMinimumHeight(120)
        self._box.setMaximumHeight(16_000)
        self._box.setSizePolicy(
            self._box.sizePolicy().horizontalPolicy(), self._box.sizePolicy().Policy.Expanding
        )
        self._name = theme.plain_label("", "secondary", self)
        layout = boxes.column(
            (self._box, 1), on=self, margins=(theme.M, theme.M, theme.M, theme.S), spacing=theme.S
        )
        line = boxes.row((self._name, 1))
        layout.addLayout(line)
        screen = self.screen().availableGeometry().size() * 0.9
        self.resize(VIEWER_SIZE.boundedTo(screen))
        previews.arrived.connect(self.look)
        self.look()

    @Slot()
    def look(self) -> None:
        """Show the picture if it is here."""
        path = self._pictures[self._place]
        size = self._box.size().expandedTo(QSize(320, 240))
        picture = self._previews.picture(
            self._row._replace(preview=path), size, self.devicePixelRatioF(), self._roots, revealed=True
        )
        is_broken = picture is None and self._previews.is_broken(path, whole=True)
        self._box.show_picture(picture, self._row.type, is_broken=is_broken)
        self.setWindowTitle(foreign_text(self._row.name, 200))
        number = f"{self._place + 1} / {len(self._pictures)} · " if len(self._pictures) > 1 else ""
        self._name.setText(number + foreign_text(os.path.basename(path), 120))
        self._name.setToolTip(plain_tip(path))

    def go(self, step: int) -> None:
        """Show another picture."""
        self._place = (self._place + step) % len(self._pictures)
        self.look()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if not _go_by_key(self, event):
            super().keyPressEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self.accept()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.look()
