"""What the window shows instead of rows, and over them: first start, nothing found, messages, drops, no catalog."""

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QObject, QRect, QRectF, QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QKeyEvent, QPainter, QPaintEvent, QPen, QShowEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QMainWindow,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QStyle,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from modelmgr.errors import CatalogError
from modelmgr.gui import boxes, theme
from modelmgr.gui.buttons import in_order
from modelmgr.gui.language import said
from modelmgr.gui.measures import scaled
from modelmgr.gui.sentences import spoken
from modelmgr.gui.sheet import style_sheet
from modelmgr.gui.text import counted, foreign_text

_CARD_WIDTH = 560
_WAY_ICON_PX = 24


class Tall(QWidget):
    """A part of a page that is never lower than the words in it are at its width."""

    def event(self, event: QEvent) -> bool:
        is_done = super().event(event)
        if event.type() in (QEvent.Type.LayoutRequest, QEvent.Type.Resize):
            layout = self.layout()
            if layout is not None and layout.hasHeightForWidth():
                self.setMinimumHeight(layout.totalHeightForWidth(self.width()))
        return is_done


class _Way(QPushButton):
    """One of the ways in: an icon, what it does, and what that means."""

    def __init__(self, icon: str, title: str, text: str, parent: QWidget) -> None:
        super().__init__(parent)
        self._icon = icon
        self._title = theme.paragraph(title, "card-title", self)
        self._text = theme.paragraph(text, "secondary", self)
        self.setAccessibleName(title)
        self.setAccessibleDescription(text)
        for label in (self._title, self._text):
            label.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        layout = QVBoxLayout(self)
        self._icon_px = theme.grown(_WAY_ICON_PX, self.font())
        beside = 20 + self._icon_px + 20
        margins = (beside, theme.M, theme.L, theme.M)
        if self.isRightToLeft():
            margins = (theme.L, theme.M, beside, theme.M)
        layout.setContentsMargins(*margins)
        layout.setSpacing(2)
        layout.addWidget(self._title)
        layout.addWidget(self._text)
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.click()
        else:
            super().keyPressEvent(event)

    def set_text(self, text: str) -> None:
        """Show another explanation."""
        self._text.setText(text)
        self.setAccessibleDescription(text)
        self.updateGeometry()

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        layout = self.layout()
        assert layout is not None
        return layout.heightForWidth(width)

    def sizeHint(self) -> QSize:
        width = scaled(self, _CARD_WIDTH)
        return QSize(width, self.heightForWidth(width))

    def minimumSizeHint(self) -> QSize:
        return QSize(240, self.heightForWidth(max(240, self.width())))

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        painter = QPainter(self)
        picture = theme.sign(self, self._icon, _WAY_ICON_PX, theme.colors().accent_on_base)
        side = self._icon_px
        place = QRect(20, (self.height() - side) // 2, side, side)
        painter.drawPixmap(QStyle.visualRect(self.layoutDirection(), self.rect(), place).topLeft(), picture)


class FirstStart(QWidget):
    """The empty library: three ways in.

    Signals:
        add_wanted(), import_wanted(), demo_wanted(): the user chose one.
    """

    add_wanted = Signal()
    import_wanted = Signal()
    demo_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("firstStart")
        page = QWidget()
        column = QWidget(page)
        column.setMaximumWidth(scaled(self, _CARD_WIDTH))
        layout = boxes.column(on=column, margins=theme.L, spacing=theme.S)
        self._title = theme.paragraph("", "page-title", column, name="firstTitle")
        layout.addWidget(self._title)
        self._lead = theme.paragraph("", "secondary", column)
        layout.addWidget(self._lead)
        self.show_folders(0)
        layout.addSpacing(theme.M)
        add = _Way(
            "folder-plus",
            self.tr("Add a folder…"),
            self.tr("Look through a folder of checkpoints, LoRAs and the like, on any disk."),
            column,
        )
        add.setObjectName("firstAddFolder")
        add.clicked.connect(self.add_wanted)
        self._bring = _Way(
            "download",
            self.tr("Bring in what other tools know…"),
            # Where it takes two lines, "others" never stands on the second alone.
            self.tr("Notes, trigger words and previews from ComfyUI, A1111, InvokeAI\u00a0and\u00a0others."),
            column,
        )
        self._bring.setObjectName("firstImport")
        self._bring.clicked.connect(self.import_wanted)
        demo = _Way(
            "package-open",
            self.tr("Look at the demo"),
            self.tr("A small sample library, in a window and a folder of its own."),
            column,
        )
        demo.setObjectName("firstDemo")
        demo.clicked.connect(self.demo_wanted)
        self._ways = (add, self._bring, demo)
        for way in self._ways:
            layout.addWidget(way)
        layout.addSpacing(theme.S)
        drop = theme.paragraph(
            self.tr("Or drop folders and files anywhere in this window."),
            "secondary",
            column,
            name="firstDrop",
        )
        layout.addWidget(drop)
        inside = boxes.column(on=page, margins=0)
        inside.addStretch(2)
        row = boxes.row(boxes.STRETCH, (column, 100), boxes.STRETCH)
        inside.addLayout(row)
        inside.addStretch(3)
        # With large letters the ways need more height than a small window has.
        self._room = QScrollArea(self)
        self._room.setObjectName("firstRoom")
        self._room.setWidgetResizable(True)
        self._room.setFrameShape(QFrame.Shape.NoFrame)
        self._room.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._room.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._room.setWidget(page)
        for way in self._ways:
            way.installEventFilter(self)
        boxes.column(self._room, on=self, margins=0)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        # Nothing can be searched yet: the keyboard begins where something can be done.
        QTimer.singleShot(0, self, self._take_focus)

    @Slot()
    def _take_focus(self) -> None:
        focused = self.window().focusWidget()
        is_unused = focused in (None, self.window()) or (
            isinstance(focused, QLineEdit) and not focused.text()
        )
        if self.isVisible() and is_unused:
            self._ways[0].setFocus(Qt.FocusReason.OtherFocusReason)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if isinstance(watched, _Way):
            if event.type() == QEvent.Type.FocusIn:
                self._room.ensureWidgetVisible(watched)
            elif isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
                step = {Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1}.get(Qt.Key(event.key()))
                if step is not None:
                    self._walk(watched, step)
                    return True
        return super().eventFilter(watched, event)

    def _walk(self, way: _Way, step: int) -> None:
        place = max(0, min(len(self._ways) - 1, self._ways.index(way) + step))
        self._ways[place].setFocus(Qt.FocusReason.TabFocusReason)

    def show_folders(self, count: int) -> None:
        """Say where the library stands: without a folder, or with folders in which there is no model."""
        if count:
            self._title.setText(self.tr("No models here yet"))
            words = self.tr("The library has {}, and no model was found there so far.")
            self._lead.setText(words.format(counted(count, "folder")))
        else:
            self._title.setText(self.tr("Your models, in one place"))
            self._lead.setText(
                self.tr("Nothing is moved, renamed or changed: your files stay where they are.")
            )

    @Slot(object)
    def show_found(self, tools: Sequence[str]) -> None:
        """Name the tools that were found on this computer."""
        if tools:
            names = ", ".join(dict.fromkeys(foreign_text(tool, 60) for tool in tools))
            self._bring.set_text(self.tr("Found on this computer: {}.").format(names))


class MessageBar(QFrame):
    """One line at the top of the page: what happened, what it means, and one thing to do about it.

    Signals:
        acted(): the user pressed its button.
    """

    acted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("messageBar")
        self._icon_name = "info"
        self._mark = QLabel(self)
        self._text = theme.paragraph(parent=self, name="messageText")
        self._text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._button = QPushButton(self)
        self._button.setObjectName("messageButton")
        self._button.clicked.connect(self._on_acted)
        self._close = QToolButton(self)
        self._close.setObjectName("messageClose")
        self._close.setAccessibleName(self.tr("Dismiss this message"))
        theme.set_icon(self._close, "x")
        self._close.clicked.connect(self.hide)
        boxes.row(
            (self._mark, 0, Qt.AlignmentFlag.AlignVCenter),
            (self._text, 1),
            self._button,
            self._close,
            on=self,
            margins=(theme.M, theme.XS, theme.S, theme.XS),
            spacing=theme.S,
        )
        self.hide()

    def show_message(self, text: str, *, is_problem: bool = False, button: str = "") -> None:
        """Show a message until it is dismissed or the next one comes."""
        self._icon_name = "triangle-alert" if is_problem else "info"
        self._text.setText(foreign_text(text, 1000))
        self._button.setText(button)
        self._button.setVisible(bool(button))
        self.setAccessibleName(self._text.text())
        self.take_palette()
        self.show()

    def take_palette(self) -> None:
        """Take the colours of now."""
        colors = theme.colors()
        color = colors.problem if self._icon_name == "triangle-alert" else colors.accent_on_base
        self._mark.setPixmap(theme.sign(self, self._icon_name, 16, color))

    @Slot()
    def _on_acted(self) -> None:
        self.hide()
        self.acted.emit()


class DropHint(QWidget):
    """Lies over the window while something is dragged over it, and says what letting go would do."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("dropHint")
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAcceptDrops(False)
        self._count = 0
        self.hide()

    def show_for(self, count: int) -> None:
        """Show the hint for so many files and folders."""
        self._count = count
        parent = self.parentWidget()
        if parent is not None:
            self.setGeometry(parent.rect())
        self.raise_()
        self.show()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colors = theme.colors()
        veil = theme.mix(colors.base, colors.accent, 0.08)
        veil.setAlphaF(0.94)
        painter.fillRect(self.rect(), veil)
        frame = QRectF(self.rect()).adjusted(theme.XL, theme.XL, -theme.XL, -theme.XL)
        painter.setPen(QPen(colors.accent_on_base, 2, Qt.PenStyle.DashLine))
        painter.drawRoundedRect(frame, 12, 12)
        side = theme.grown(48, self.font())
        icon = theme.sign(self, "download", 48, colors.accent_on_base)
        middle = self.rect().center()
        painter.drawPixmap(middle.x() - side // 2, middle.y() - side - 28, icon)
        font = self.font()
        size = font.pointSizeF()
        font.setPointSizeF(size * 1.4)
        font.setWeight(font.Weight.DemiBold)
        painter.setFont(font)
        painter.setPen(colors.text)
        title = self.tr("Drop to see what is in {}").format(counted(self._count, "item"))
        line = int(Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop)
        painter.drawText(frame.toRect().adjusted(0, int(frame.height() / 2) - 10, 0, 0), line, title)
        font.setPointSizeF(size)
        font.setWeight(font.Weight.Normal)
        painter.setFont(font)
        painter.setPen(colors.secondary)
        text = self.tr("Nothing is imported before you say so. Your files stay where they are.")
        painter.drawText(frame.toRect().adjusted(0, int(frame.height() / 2) + 28, 0, 0), line, text)


# --- no catalog -------------------------------------------------------------------------------------------

_SAFE = {
    "catalog_too_new": (
        "This catalog was written by a newer version of the program",
        "Nothing was changed. Your model files and what other tools know about them are not touched either.",
        "Update the program, or open another catalog with --catalog.",
    ),
    "catalog_damaged": (
        "This file can't be read as a catalog",
        "Nothing was changed, and your model files are safe: the catalog only remembers them.",
        "Restore a backup with “modelmgr restore FILE”, or keep a copy of this file and ask for help with it.",
    ),
    "catalog_read_only": (
        "The catalog can't be written here",
        "Nothing was changed.",
        "Make the file and its folder writable, or open another catalog with --catalog.",
    ),
    "catalog_busy": (
        "Another program is using the catalog",
        "Nothing was changed. What the other program writes is safe.",
        "Close the other window or wait until its work is done, then try again.",
    ),
    "disk_full": (
        "The disk of the catalog is full",
        "All that was saved before is safe.",
        "Free some space on that disk, then try again.",
    ),
}
_SAFE_ELSE = (
    "The catalog can't be opened",
    "Nothing was changed, and your model files are safe.",
    "Look whether the folder exists and the disk is connected, or open another catalog with --catalog.",
)


class ErrorWindow(QMainWindow):
    """The one clear page for a catalog that can't be opened: what is safe, what to do, and the path.

    Signals:
        retry_wanted(): the user wants to try again.
    """

    retry_wanted = Signal()

    def __init__(self, error: CatalogError, path: str) -> None:
        super().__init__()
        self.setObjectName("errorWindow")
        self.setWindowTitle("modelmgr")
        title, safe, todo = _SAFE.get(error.code, _SAFE_ELSE)
        page = QWidget(self)
        layout = boxes.column(boxes.STRETCH, on=page, margins=48, spacing=theme.M)
        heading = theme.paragraph(said(title), "page-title", page, name="errorTitle")
        layout.addWidget(heading)
        for name, text in (
            ("errorMessage", spoken(error.message)),
            ("errorSafe", said(safe)),
            ("errorTodo", said(todo)),
        ):
            label = theme.paragraph(foreign_text(text, 2000), None, page, name=name)
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            layout.addWidget(label)
        place = theme.paragraph(foreign_text(path, 2000), "secondary", page, name="errorPath")
        place.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        layout.addWidget(place)
        layout.addSpacing(theme.M)
        buttons = QHBoxLayout()
        retry = QPushButton(self.tr("Try again"), page)
        retry.setObjectName("errorRetry")
        retry.clicked.connect(self.retry_wanted)
        close = QPushButton(self.tr("Close"), page)
        close.setObjectName("errorClose")
        close.setProperty("primary", True)
        close.clicked.connect(self.close)
        for button in in_order(self, [close], [retry]):
            buttons.addWidget(button)
        buttons.addStretch(1)
        layout.addLayout(buttons)
        layout.addStretch(2)
        self.setCentralWidget(page)
        self.resize(QSize(scaled(self, 720), scaled(self, 460)).boundedTo(self.screen().availableSize()))
        self.setStyleSheet(style_sheet(self.palette(), self.font()))
        close.setFocus()
