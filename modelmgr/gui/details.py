"""The details of the selected model: light columns at once, records and payload when the worker brings them."""

import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QElapsedTimer, QMimeData, QRect, QSize, Qt, QTimer, QUrl, Signal, Slot
from PySide6.QtGui import (
    QDesktopServices,
    QFocusEvent,
    QGuiApplication,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPixmap,
    QTextOption,
)
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QFileDialog,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QHeaderView,
    QPlainTextEdit,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QStackedLayout,
    QTableWidget,
    QTableWidgetItem,
    QTabWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from modelmgr import payload as payloads
from modelmgr.catalog import Catalog
from modelmgr.errors import ModelmgrError
from modelmgr.gui import theme
from modelmgr.gui.jobs_panel import ElidedLabel
from modelmgr.gui.labels import SecretLine, WrappingLabel
from modelmgr.gui.payload_tree import PayloadTree
from modelmgr.gui.previews import Previews
from modelmgr.gui.reasons import origin_text, source_label
from modelmgr.gui.table.columns import is_absent, state_of, state_text
from modelmgr.gui.table.filters import FlowLayout
from modelmgr.gui.tasks import Tasks
from modelmgr.gui.text import (
    VIEW_LIMIT,
    column_label,
    column_order,
    count_text,
    date_text,
    exact_size_text,
    foreign_text,
    hash_text,
    is_web_address,
    license_text,
    plain_tip,
    size_text,
    state_label,
    type_label,
)
from modelmgr.values import Attachment, Changes, ModelDetails, ModelRow, Origin, StoredRecord

if TYPE_CHECKING:
    from modelmgr.library import Library

log = logging.getLogger(__name__)

QUIET_MS = 200
"""After so long without a new selection the next one is asked for at once."""
SETTLE_MS = 90
"""In a row of quick selections only the one that stays so long is asked for; keys repeat every 33 ms."""
SAVE_DELAY_MS = 1000
PREVIEW_HEIGHT = 176
NOTES_LIMIT = 100_000
NAME_LINES = 3
_ORIGIN_WIDTH = 84
_FACT_LENGTH = 140
_PICTURES = 50
_SAID_BY = "According to: {}"

_SAVE_LIMIT_NAME = 80


@dataclass(frozen=True, slots=True)
class Shown:
    """One record made ready for the views, in the worker."""

    record: StoredRecord
    parsed: payloads.Parsed
    text: str
    is_cut: bool
    has_secret: bool


@dataclass(frozen=True, slots=True)
class Loaded:
    """The answer to "tell me about this model"; `key` is the question."""

    key: str | int
    details: ModelDetails | None
    chief: Shown | None


def show_record(catalog: Catalog, record: StoredRecord, limit: int = VIEW_LIMIT) -> Shown:
    """Parse a record's payload and cut its text, in a worker."""
    found = record.payload
    if found is None:
        # Too large to come with the details.
        found = catalog.record_payload(record.id) or b""
    text = payloads.text(found, limit + 1)
    has_secret = payloads.contains_secret(found)
    return Shown(record, payloads.parse(found), text[:limit], len(text) > limit, has_secret)


def load_details(catalog: Catalog, key: str | int) -> Loaded:
    """Look a model up by its key and make its chief record ready, in a worker."""
    details = catalog.details(key)
    chief = show_record(catalog, details.records[0]) if details is not None and details.records else None
    return Loaded(key, details, chief)


def write_payload(catalog: Catalog, record_id: int, path: str) -> str:
    """Write the exact bytes of a record into a file that the user named."""
    found = catalog.record_payload(record_id)
    with open(path, "wb") as file:
        file.write(found or b"")
    return path


def _edit(library: "Library", ids: Sequence[int], column: str, value: Any) -> None:
    library.edit(ids, column, value)


# --- small widgets ----------------------------------------------------------------------------------------


class PreviewBox(QWidget):
    """The picture of the model, whole, on a quiet ground; the type's icon where there is none.

    Attributes:
        pixmap_shown: the picture, or None.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.pixmap_shown: QPixmap | None = None
        self._type = "unknown"
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setFixedHeight(PREVIEW_HEIGHT)
        self.show_picture(None, "unknown")

    def show_picture(self, picture: QPixmap | None, model_type: str) -> None:
        """Show a picture, or the icon of the type."""
        self.pixmap_shown = picture
        self._type = model_type
        self.setAccessibleName(self.tr("Preview") if picture else self.tr("No preview"))
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        colors = theme.colors()
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colors.hover)
        painter.drawRoundedRect(self.rect(), 6, 6)
        picture = self.pixmap_shown
        if picture is None:
            icon = theme.pixmap(theme.type_icon_name(self._type), 32, colors.absent, self.devicePixelRatioF())
            painter.drawPixmap((self.width() - 32) // 2, (self.height() - 32) // 2, icon)
            return
        size = (
            picture.deviceIndependentSize().toSize().scaled(self.size(), Qt.AspectRatioMode.KeepAspectRatio)
        )
        size = size.boundedTo(picture.deviceIndependentSize().toSize().expandedTo(QSize(1, 1)) * 2)
        target = QRect(0, 0, size.width(), size.height())
        target.moveCenter(self.rect().center())
        painter.drawPixmap(target, picture)


class RatingBar(QWidget):
    """Five stars to click; the arrow keys and the digits 0 to 5 do as well.

    Signals:
        rated(object): the user chose 1 to 5, or None.
    """

    rated = Signal(object)
    _STAR_PX, _GAP_PX = 18, 4

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("ratingBar")
        self._rating: int | None = None
        self._hovered = 0
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setFixedSize(5 * self._STAR_PX + 4 * self._GAP_PX + 4, self._STAR_PX + 6)
        self.show_rating(None)

    @property
    def rating(self) -> int | None:
        """What is shown."""
        return self._rating

    def show_rating(self, rating: int | None) -> None:
        """Show a rating without telling anyone."""
        self._rating = rating
        self.setAccessibleName(self.tr("Rating: {} of 5").format(rating) if rating else self.tr("Not rated"))
        self.setToolTip(plain_tip(self.tr("Click a star to rate; click it again to take the rating back")))
        self.update()

    def _choose(self, rating: int | None) -> None:
        self.show_rating(rating)
        self.rated.emit(rating)

    def _star_at(self, x: float) -> int:
        return max(1, min(5, int((x - 2) // (self._STAR_PX + self._GAP_PX)) + 1))

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colors = theme.colors()
        shown = self._hovered or self._rating or 0
        for number in range(5):
            is_on = number < shown
            color = colors.text if is_on else colors.absent
            x = 2 + number * (self._STAR_PX + self._GAP_PX)
            name = "star-filled" if is_on else "star"
            painter.drawPixmap(x, 3, theme.pixmap(name, self._STAR_PX, color, self.devicePixelRatioF()))
        if self.hasFocus():
            painter.setPen(colors.accent_on_base)
            painter.drawRoundedRect(self.rect().adjusted(0, 0, -1, -1), 4, 4)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            star = self._star_at(event.position().x())
            self._choose(None if star == self._rating else star)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._hovered = self._star_at(event.position().x())
        self.update()

    def leaveEvent(self, event: Any) -> None:
        self._hovered = 0
        self.update()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        now = self._rating or 0
        if event.key() in (Qt.Key.Key_Right, Qt.Key.Key_Plus):
            self._choose(min(5, now + 1))
        elif event.key() in (Qt.Key.Key_Left, Qt.Key.Key_Minus):
            self._choose(now - 1 if now > 1 else None)
        elif Qt.Key.Key_0 <= event.key() <= Qt.Key.Key_5:
            self._choose((event.key() - Qt.Key.Key_0) or None)
        else:
            super().keyPressEvent(event)


class Section(QWidget):
    """A titled part of the pane that folds."""

    def __init__(self, title: str, content: QWidget, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._content = content
        self._button = QToolButton(self)
        self._button.setProperty("role", "section")
        self._button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self._button.setIconSize(QSize(14, 14))
        self._button.setCheckable(True)
        self._button.setChecked(True)
        self._button.setText(title)
        self._button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._button.toggled.connect(self._on_toggled)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme.XS)
        layout.addWidget(self._button)
        layout.addWidget(content)
        theme.set_icon(self._button, "chevron-down")

    def set_title(self, title: str) -> None:
        """Show another title, for example with a number in it."""
        self._button.setText(title)

    @property
    def is_open(self) -> bool:
        """Whether the content is to be seen."""
        return self._button.isChecked()

    def set_open(self, is_open: bool) -> None:
        """Fold or unfold."""
        self._button.setChecked(is_open)

    @Slot(bool)
    def _on_toggled(self, is_open: bool) -> None:
        self._content.setVisible(is_open)
        theme.set_icon(self._button, "chevron-down" if is_open else "chevron-right")


class RawView(QPlainTextEdit):
    """A payload as text, its odd marks visible; what is copied from it is what stands in the payload."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._exact = self._visible = ""
        self.setReadOnly(True)
        self.setUndoRedoEnabled(False)
        self.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        # Measured: breaking at words takes 1.3 s for 200,000 letters without a space, anywhere 20 ms.
        self.setWordWrapMode(QTextOption.WrapMode.WrapAnywhere)
        self.setAcceptDrops(False)
        self.setFont(theme.mono_font(self.font()))
        self.setProperty("framed", True)

    def show_text(self, exact: str, *, masks: bool = False) -> None:
        """Show the text of a payload; with `masks`, dots where a key or a token stands."""
        self._exact = exact
        shown = payloads.masked(exact) if masks else exact
        self._visible = foreign_text(shown, len(shown), lines=True)
        self.setPlainText(self._visible)

    def exact_selection(self) -> str:
        """Return what is selected as it stands in the payload."""
        cursor = self.textCursor()
        shown = self._visible.encode("utf-16-le")
        # Qt counts in units of UTF-16, Python in characters.
        first = len(shown[: 2 * cursor.selectionStart()].decode("utf-16-le", "replace"))
        last = first + len(
            shown[2 * cursor.selectionStart() : 2 * cursor.selectionEnd()].decode("utf-16-le", "replace")
        )
        return self._exact[first:last]

    def createMimeDataFromSelection(self) -> QMimeData:
        # Qt's own object, not one made here: the clipboard may keep it until after the interpreter has gone.
        data = super().createMimeDataFromSelection()
        data.text()  # filled at the first question only
        for kind in data.formats():
            data.removeFormat(kind)
        data.setText(self.exact_selection().encode("utf-8", "replace").decode("utf-8"))
        return data


class NotesEdit(QPlainTextEdit):
    """The user's notes; saved when typing rests or the focus goes.

    Signals:
        settled(): what was typed should be saved.
    """

    settled = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("notesEdit")
        self.setAccessibleName(self.tr("Notes"))
        self.setPlaceholderText(self.tr("Notes"))
        self.setTabChangesFocus(True)
        self.setAcceptDrops(False)
        self.setProperty("framed", True)
        self._delay = QTimer(self)
        self._delay.setSingleShot(True)
        self._delay.setInterval(SAVE_DELAY_MS)
        self._delay.timeout.connect(self.settled)
        self.textChanged.connect(self._delay.start)

    def show_notes(self, notes: str | None) -> None:
        """Show notes without saving them."""
        self.blockSignals(True)
        self.setPlainText((notes or "")[:NOTES_LIMIT])
        self.blockSignals(False)
        self._delay.stop()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self._delay.stop()
        self.settled.emit()


class FilesTable(QTableWidget):
    """The files of a model: where each lies, and in which state it was at the last look."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(0, 4, parent)
        self.setObjectName("filesTable")
        self.setAccessibleName(self.tr("Files of this model"))
        self.setHorizontalHeaderLabels(
            [self.tr("File"), self.tr("State"), self.tr("Size"), self.tr("Modified")]
        )
        self.verticalHeader().hide()
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setProperty("framed", True)
        self.setTabKeyNavigation(False)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.verticalHeader().setDefaultSectionSize(26)
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        header.setMinimumSectionSize(48)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        for section, width in ((1, 76), (2, 68), (3, 0)):
            header.resizeSection(section, width)
        self.setColumnHidden(3, True)

    def show_files(self, details: ModelDetails) -> None:
        """Show the files of a model."""
        self.setRowCount(0)
        self.setRowCount(len(details.files))
        for number, file in enumerate(details.files):
            name = QTableWidgetItem(foreign_text(os.path.basename(file.path)))
            name.setToolTip(plain_tip(file.path))
            state = QTableWidgetItem(state_label(file.state))
            size = QTableWidgetItem(size_text(file.size_bytes))
            size.setToolTip(exact_size_text(file.size_bytes))
            size.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            modified = QTableWidgetItem(date_text(file.mtime_ns / 1e9))
            for column, item in enumerate((name, state, size, modified)):
                self.setItem(number, column, item)
        rows = max(1, min(6, len(details.files)))
        self.setFixedHeight(self.horizontalHeader().sizeHint().height() + rows * 26 + 4)


@dataclass(frozen=True, slots=True)
class Fact:
    """One line of a `FactsGrid`: what it is, its value, and, if known, who said it, in a word and in full."""

    label: str
    value: str
    tip: str = ""
    origin: str = ""
    origin_tip: str = ""


class FactsGrid(QWidget):
    """Labels and values on one grid line, and where each value came from."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(theme.M)
        self._grid.setVerticalSpacing(theme.XS)
        self._grid.setColumnMinimumWidth(0, 72)
        self._grid.setColumnStretch(1, 1)
        self._shown: list[Fact] | None = None

    def show_facts(self, facts: Sequence[Fact]) -> None:
        """Show facts; those without a value are left out."""
        wanted = [fact for fact in facts if fact.value]
        if wanted == self._shown:
            return
        self._shown = wanted
        while self._grid.count():
            item = self._grid.takeAt(0)
            widget = item.widget() if item is not None else None
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        top = Qt.AlignmentFlag.AlignTop
        for row, fact in enumerate(wanted):
            self._grid.addWidget(theme.plain_label(fact.label, "secondary", self), row, 0, top)
            shown = theme.plain_label(fact.value, None, self)
            shown.setWordWrap(True)
            shown.setTextInteractionFlags(
                Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
            )
            shown.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
            shown.setToolTip(fact.tip)
            shown.setAlignment(Qt.AlignmentFlag.AlignLeft | top)
            shown.setAccessibleName(f"{fact.label}: {fact.value}")
            self._grid.addWidget(shown, row, 1, 1, 1 if fact.origin else 2, top)
            if fact.origin:
                where = ElidedLabel(self)
                theme.set_role(where, "secondary")
                where.show_text(fact.origin)
                where.setMaximumWidth(_ORIGIN_WIDTH)
                where.setAlignment(Qt.AlignmentFlag.AlignRight)
                where.setToolTip(plain_tip(_SAID_BY.format(fact.origin_tip)))
                self._grid.addWidget(where, row, 2, top)
        self.updateGeometry()


# --- the pane ---------------------------------------------------------------------------------------------


class DetailsPane(QWidget):
    """What is known about one model.

    Light columns are shown at once. The rest is asked for when the selection rests: the first selection after a
    pause at once, in a quick row of them only the one that stays. An answer for a model that was left meanwhile
    is dropped.

    Signals:
        details_shown(object): the key (sha256, or row id without one) whose details are all shown now.
        row_changed(ModelRow): the user edited it here.
        import_wanted(): the user wants to bring in what other tools know.
        message(str, object): something to tell the user, with the exception or None.
    """

    details_shown = Signal(object)
    row_changed = Signal(object)
    import_wanted = Signal()
    message = Signal(str, object)

    def __init__(
        self, library: "Library", tasks: Tasks, previews: Previews, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setObjectName("detailsPane")
        self.setAccessibleName(self.tr("Details"))
        self._library = library
        self._catalog = library.catalog
        self._tasks = tasks
        self._previews = previews
        self._row: ModelRow | None = None
        self._key: str | int | None = None
        self._details: ModelDetails | None = None
        self._shown: Shown | None = None
        self._raw_limit = VIEW_LIMIT
        self._unmasked: int | None = None
        self._roots: tuple[str, ...] = ()
        self._notes_of: int | None = None
        self._saved_notes = ""
        self._since_last = QElapsedTimer()
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.setInterval(SETTLE_MS)
        self._settle.timeout.connect(self._ask)
        self._build()
        previews.arrived.connect(self._show_preview)
        self.show_model(None)

    # --- building ---------------------------------------------------------------------------------------

    def _build(self) -> None:
        self._pages = QStackedLayout(self)
        self._pages.setContentsMargins(0, 0, 0, 0)
        nothing = QWidget(self)
        nothing_layout = QVBoxLayout(nothing)
        nothing_label = theme.plain_label(
            self.tr("Select a model to see what is known about it."), "secondary", nothing
        )
        nothing_label.setWordWrap(True)
        nothing_label.setAlignment(Qt.AlignmentFlag.AlignCenter)
        nothing_layout.addWidget(nothing_label)
        self._pages.addWidget(nothing)

        scroll = QScrollArea(self)
        scroll.setObjectName("detailsScroll")
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        body = QWidget(scroll)
        layout = QVBoxLayout(body)
        layout.setContentsMargins(theme.M, theme.M, theme.M, theme.M)
        layout.setSpacing(theme.S)
        scroll.setWidget(body)
        self._pages.addWidget(scroll)

        self._preview = PreviewBox(body)
        self._preview.setObjectName("detailsPreview")
        layout.addWidget(self._preview)

        head = QHBoxLayout()
        head.setSpacing(theme.S)
        self._name = WrappingLabel(NAME_LINES, body)
        self._name.setObjectName("detailsName")
        theme.set_role(self._name, "pane-title")
        self._favorite = QToolButton(body)
        self._favorite.setObjectName("favoriteButton")
        self._favorite.setCheckable(True)
        self._favorite.setToolTip(plain_tip(self.tr("Favourite")))
        self._favorite.setAccessibleName(self.tr("Favourite"))
        self._favorite.setIconSize(QSize(18, 18))
        self._favorite.clicked.connect(self._on_favorite_clicked)
        head.addWidget(self._name, 1)
        head.addWidget(self._favorite, 0, Qt.AlignmentFlag.AlignTop)
        layout.addLayout(head)

        self._summary = theme.plain_label("", "secondary", body)
        self._summary.setObjectName("detailsSummary")
        self._summary.setWordWrap(True)
        layout.addWidget(self._summary)
        self._trouble = theme.plain_label("", "problem", body)
        self._trouble.setObjectName("detailsTrouble")
        self._trouble.setWordWrap(True)
        layout.addWidget(self._trouble)
        self._rating = RatingBar(body)
        self._rating.rated.connect(self._on_rated)
        layout.addWidget(self._rating)

        words = QHBoxLayout()
        words.setSpacing(theme.S)
        self._triggers = theme.plain_label("", None, body)
        self._triggers.setObjectName("triggerWords")
        self._triggers.setWordWrap(True)
        self._triggers.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        self._triggers.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self._copy_triggers = QToolButton(body)
        self._copy_triggers.setObjectName("copyTriggerWords")
        self._copy_triggers.setToolTip(plain_tip(self.tr("Copy the trigger words")))
        self._copy_triggers.setAccessibleName(self.tr("Copy the trigger words"))
        theme.set_icon(self._copy_triggers, "copy")
        self._copy_triggers.clicked.connect(self.copy_trigger_words)
        words.addWidget(self._triggers, 1)
        words.addWidget(self._copy_triggers, 0, Qt.AlignmentFlag.AlignTop)
        layout.addLayout(words)

        about = QWidget(body)
        about_layout = QVBoxLayout(about)
        about_layout.setContentsMargins(0, 0, 0, theme.XS)
        about_layout.setSpacing(theme.S)
        self._facts = FactsGrid(about)
        about_layout.addWidget(self._facts)
        self._link = QPushButton(self.tr("Open its page…"), about)
        self._link.setObjectName("openSourceButton")
        theme.set_icon(self._link, "external-link")
        self._link.clicked.connect(self._on_link_clicked)
        self._compare = QPushButton(self.tr("Compare sources…"), about)
        self._compare.setObjectName("compareButton")
        self._compare.setToolTip(
            plain_tip(self.tr("See side by side what each source says, and choose what is shown"))
        )
        self._compare.clicked.connect(self._on_compare_clicked)
        ways = FlowLayout(spacing=theme.XS)
        ways.addWidget(self._link)
        ways.addWidget(self._compare)
        about_layout.addLayout(ways)
        self._notes = NotesEdit(about)
        self._notes.setFixedHeight(72)
        self._notes.settled.connect(self._save_notes)
        about_layout.addWidget(self._notes)
        self._about = Section(self.tr("About"), about, body)
        layout.addWidget(self._about)

        self._origins = FactsGrid(body)
        self._origins.setObjectName("detailsOrigins")
        self._where_from = Section(self.tr("Where from"), self._origins, body)
        self._where_from.set_open(False)
        layout.addWidget(self._where_from)

        self._header_facts = FactsGrid(body)
        self._header = Section(self.tr("Header"), self._header_facts, body)
        layout.addWidget(self._header)

        files = QWidget(body)
        files_layout = QVBoxLayout(files)
        files_layout.setContentsMargins(0, 0, 0, theme.XS)
        self._files_table = FilesTable(files)
        files_layout.addWidget(self._files_table)
        self._files = Section(self.tr("Files"), files, body)
        layout.addWidget(self._files)

        self._pictures_facts = FactsGrid(body)
        self._pictures_facts.setObjectName("detailsPictures")
        self._pictures = Section(self.tr("Pictures"), self._pictures_facts, body)
        self._pictures.set_open(False)
        layout.addWidget(self._pictures)

        self._metadata = Section(self.tr("Metadata"), self._build_metadata(body), body)
        layout.addWidget(self._metadata, 1)
        layout.addStretch(0)

    def _build_metadata(self, parent: QWidget) -> QWidget:
        box = QWidget(parent)
        layout = QVBoxLayout(box)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme.S)
        self._no_metadata = QWidget(box)
        empty = QVBoxLayout(self._no_metadata)
        empty.setContentsMargins(0, 0, 0, 0)
        empty_label = theme.plain_label(
            self.tr("No other tool has said anything about this file."), "secondary", self._no_metadata
        )
        empty_label.setWordWrap(True)
        empty.addWidget(empty_label)
        wanted = QPushButton(self.tr("Import…"), self._no_metadata)
        wanted.setObjectName("importMetadataButton")
        wanted.clicked.connect(self.import_wanted)
        empty.addWidget(wanted, 0, Qt.AlignmentFlag.AlignLeft)
        layout.addWidget(self._no_metadata)

        self._source = QComboBox(box)
        self._source.setObjectName("metadataSource")
        self._source.setAccessibleName(self.tr("Record"))
        self._source.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self._source.setMinimumContentsLength(10)
        self._source.currentIndexChanged.connect(self._on_source_chosen)
        layout.addWidget(self._source)
        self._note = theme.plain_label("", "secondary", box)
        self._note.setObjectName("metadataNote")
        self._note.setWordWrap(True)
        layout.addWidget(self._note)
        self._secret = SecretLine(box)
        self._secret.show_wanted.connect(self._on_show_secret)
        layout.addWidget(self._secret)

        self._views = QTabWidget(box)
        self._views.setObjectName("metadataViews")
        self._views.setDocumentMode(True)
        self._views.tabBar().setDrawBase(False)
        self._tree = PayloadTree(self._views)
        self._tree.setObjectName("metadataTree")
        self._tree.setAccessibleName(self.tr("Metadata as a tree"))
        self._views.addTab(self._tree, self.tr("Tree"))
        raw = QWidget(self._views)
        raw_layout = QVBoxLayout(raw)
        raw_layout.setContentsMargins(0, 0, 0, 0)
        raw_layout.setSpacing(theme.XS)
        self._raw = RawView(raw)
        self._raw.setObjectName("metadataRaw")
        self._raw.setAccessibleName(self.tr("Metadata as text"))
        raw_layout.addWidget(self._raw)
        self._more = QPushButton(raw)
        self._more.setObjectName("metadataMore")
        self._more.clicked.connect(self._on_more_clicked)
        raw_layout.addWidget(self._more)
        self._views.addTab(raw, self.tr("Text"))
        self._views.setMinimumHeight(240)
        layout.addWidget(self._views, 1)

        self._payload_buttons = QWidget(box)
        buttons = QHBoxLayout(self._payload_buttons)
        buttons.setContentsMargins(0, 0, 0, 0)
        buttons.setSpacing(theme.S)
        copy = QPushButton(self.tr("Copy all"), self._payload_buttons)
        copy.setObjectName("copyPayload")
        copy.setToolTip(plain_tip(self.tr("Copy the whole payload, byte for byte")))
        copy.clicked.connect(self._on_copy_payload)
        save = QPushButton(self.tr("Save as…"), self._payload_buttons)
        save.setObjectName("savePayload")
        save.setToolTip(plain_tip(self.tr("Save the exact bytes of the payload")))
        save.clicked.connect(self._on_save_payload)
        buttons.addWidget(copy)
        buttons.addWidget(save)
        buttons.addStretch(1)
        layout.addWidget(self._payload_buttons)
        return box

    # --- deeds ------------------------------------------------------------------------------------------

    def show_model(self, row: ModelRow | None) -> None:
        """Show a model: what its row says at once, all the rest when the worker brings it."""
        self._save_notes()
        self._settle.stop()
        self._row = row
        self._details = None
        self._shown = None
        if row is None:
            self._key = None
            self._pages.setCurrentIndex(0)
            self._name.setText("")
            self._clear_payload()
            self._files_table.setRowCount(0)
            self._pictures.hide()
            return
        self._key = row.sha256 or row.id
        self._roots = ()
        self._pages.setCurrentIndex(1)
        self._show_row(row)
        self._clear_payload()
        quiet = not self._since_last.isValid() or self._since_last.elapsed() > QUIET_MS
        self._since_last.start()
        if quiet:
            self._ask()
        else:
            self._settle.start()

    def refresh(self, changes: Changes) -> None:
        """Take in news: ask again if they may be about the model that is shown."""
        row = self._row
        if row is not None and changes.models and (changes.ids is None or row.id in changes.ids):
            # By id: the hash may have been computed meanwhile, and what is shown stays until the answer comes.
            self._tasks.ask(
                partial(load_details, self._catalog, row.id), self._on_refreshed, key=(id(self), "refresh")
            )

    def flush(self) -> None:
        """Save what was typed; before the window closes."""
        self._save_notes()

    @Slot()
    def copy_trigger_words(self) -> None:
        """Copy the trigger words of the shown model."""
        if self._row is not None:
            words = ", ".join(self._row.trigger_words)
            QGuiApplication.clipboard().setText(words.encode("utf-8", "replace").decode("utf-8"))

    @Slot()
    def toggle_favorite(self) -> None:
        """Make the shown model a favourite, or no longer one."""
        if self._row is not None:
            self._edit("favorite", not self._row.favorite)

    def fold_state(self) -> dict[str, bool]:
        """Return which sections are open."""
        return {name: section.is_open for name, section in self._sections().items()}

    def restore_folds(self, state: Mapping[str, Any]) -> None:
        """Fold the sections as `fold_state` found them."""
        for name, section in self._sections().items():
            if isinstance(state.get(name), bool):
                section.set_open(state[name])

    def _sections(self) -> dict[str, Section]:
        return {
            "about": self._about,
            "where_from": self._where_from,
            "header": self._header,
            "files": self._files,
            "pictures": self._pictures,
            "metadata": self._metadata,
        }

    # --- light columns ----------------------------------------------------------------------------------

    def _show_row(self, row: ModelRow) -> None:
        self._name.setText(foreign_text(row.name))
        self._name.updateGeometry()
        parts = [type_label(row.type), foreign_text(row.base_model, 100), size_text(row.size_bytes)]
        self._summary.setText(" · ".join(part for part in parts if part))
        self._summary.setToolTip(exact_size_text(row.size_bytes))
        self._trouble.setText(_trouble_text(row))
        self._trouble.setVisible(bool(self._trouble.text()))
        self._rating.show_rating(row.rating)
        self._favorite.setChecked(row.favorite)
        theme.set_icon(self._favorite, "star-filled" if row.favorite else "star")
        # An entry that is a whole prompt has commas of its own: then each entry has a line of its own.
        between = "\n" if any("," in word for word in row.trigger_words) else ", "
        triggers = foreign_text(between.join(row.trigger_words), lines=True)
        self._triggers.setText(triggers)
        self._triggers.setVisible(bool(triggers))
        self._copy_triggers.setVisible(bool(triggers))
        self._link.setVisible(is_web_address(row.source_url))
        self._show_facts(row, {})
        typing = self._notes.hasFocus() and self._notes_of == row.id
        if not typing and (self._notes_of != row.id or self._saved_notes != (row.notes or "")):
            self._notes_of = row.id
            self._saved_notes = row.notes or ""
            self._notes.show_notes(row.notes)
        self._show_preview()

    def _show_facts(self, row: ModelRow, origins: Mapping[str, Origin]) -> None:
        def fact(label: str, column: str, value: str | None, tip: str = "") -> Fact:
            origin = origins.get(column)
            if origin is None:
                return Fact(label, value or "", tip)
            return Fact(
                label, value or "", tip, _origin_word(origin), origin_text(origin.source, origin.rank)
            )

        self._facts.show_facts(
            [
                fact(self.tr("Type"), "type", type_label(row.type)),
                fact(self.tr("Base model"), "base_model", foreign_text(row.base_model, 200)),
                fact(self.tr("Tags"), "tags", foreign_text(", ".join(row.tags), 2000)),
                fact(self.tr("Licence"), "license", license_text(row.license), plain_tip(row.license)),
                fact(
                    self.tr("Source"),
                    "source_url",
                    _shortened(_address_text(row.source_url), 36),
                    plain_tip(row.source_url),
                ),
                fact(self.tr("State"), "file_state", state_text(row)),
                fact(self.tr("SHA-256"), "sha256", hash_text(row.sha256), row.sha256 or ""),
                fact(self.tr("Format"), "format", foreign_text(row.format, 60)),
                fact(self.tr("Added"), "added_at", date_text(row.added_at)),
                fact(self.tr("Modified"), "modified_at", date_text(row.modified_at)),
            ]
        )
        told = {column: origin_text(origin.source, origin.rank) for column, origin in origins.items()}
        self._origins.show_facts(
            [Fact(column_label(column), told[column]) for column in column_order(told)],
        )
        self._where_from.setVisible(bool(told))
        name_tip = row.name if "name" not in told else f"{row.name}\n{_SAID_BY.format(told['name'])}"
        self._name.setToolTip(plain_tip(name_tip))

    @Slot()
    def _show_preview(self) -> None:
        row = self._row
        if row is None:
            return
        size = QSize(max(64, self._preview.width()), PREVIEW_HEIGHT)
        picture = self._previews.picture(row, size, self.devicePixelRatioF(), self._roots)
        if picture is not self._preview.pixmap_shown or picture is None:
            self._preview.show_picture(picture, row.type)
        # Without a picture the box is a quiet band, not a hole.
        self._preview.setFixedHeight(PREVIEW_HEIGHT if picture is not None or row.preview else 64)

    # --- details ----------------------------------------------------------------------------------------

    @Slot()
    def _ask(self) -> None:
        if self._key is not None:
            self._since_last.start()
            question = partial(load_details, self._catalog, self._key)
            self._tasks.ask(question, self._on_loaded, key=(id(self), "details"))

    @Slot(object)
    def _on_loaded(self, loaded: Loaded) -> None:
        if loaded.key != self._key or loaded.details is None:
            return
        self._show_details(loaded.details, loaded.chief)

    @Slot(object)
    def _on_refreshed(self, loaded: Loaded) -> None:
        row = self._row
        if row is None or loaded.key != row.id or loaded.details is None:
            return
        if self._details is None:
            # The first answer is still on its way and as new as this one.
            self._show_details(loaded.details, loaded.chief)
            return
        old = [(record.id, record.payload_sha256) for record in self._details.records]
        new = [(record.id, record.payload_sha256) for record in loaded.details.records]
        same = ("files", "attachments")
        unchanged = all(getattr(loaded.details, part) == getattr(self._details, part) for part in same)
        if old == new and loaded.details.row == row and unchanged:
            self._details = loaded.details
            self._show_facts(row, loaded.details.provenance)
            return
        chosen = self._source.currentIndex()
        self._show_details(loaded.details, loaded.chief)
        if old == new and 0 < chosen < self._source.count():
            self._source.setCurrentIndex(chosen)

    def _show_details(self, details: ModelDetails, chief: Shown | None) -> None:
        self._details = details
        self._row = details.row
        self._key = details.row.sha256 or details.row.id
        self._roots = tuple(
            dict.fromkeys(
                os.path.dirname(record.source_path) for record in details.records if record.source_path
            )
        )
        self._show_row(details.row)
        self._show_facts(details.row, details.provenance)
        self._files_table.show_files(details)
        self._files.set_title(self.tr("Files ({})").format(count_text(len(details.files))))
        self._pictures_facts.show_facts([_picture_fact(found) for found in details.attachments[:_PICTURES]])
        self._pictures.set_title(self.tr("Pictures ({})").format(count_text(len(details.attachments))))
        self._pictures.setVisible(bool(details.attachments))
        facts = _header_facts(details.header)
        self._header_facts.show_facts(facts)
        self._header.setVisible(bool(facts))
        self._source.blockSignals(True)
        self._source.clear()
        for record in details.records:
            self._source.addItem(_record_title(record))
            place = self._source.count() - 1
            tip = f"{record.source_path}\n{record.record_key}".strip()
            self._source.setItemData(place, plain_tip(tip), Qt.ItemDataRole.ToolTipRole)
        self._source.blockSignals(False)
        self._compare.setVisible(len(details.records) + bool(details.header) > 1)
        self._metadata.set_title(
            self.tr("Metadata ({})").format(count_text(len(details.records)))
            if len(details.records) > 1
            else self.tr("Metadata")
        )
        self._show_payload(chief)
        self.details_shown.emit(details.asked)

    def _clear_payload(self) -> None:
        self._source.blockSignals(True)
        self._source.clear()
        self._source.blockSignals(False)
        self._tree.payload_model.show_value(None, has_value=False)
        self._raw.show_text("")
        self._note.hide()
        self._more.hide()
        self._no_metadata.hide()
        self._secret.hide()
        self._compare.hide()
        self._unmasked = None

    def _show_payload(self, shown: Shown | None) -> None:
        self._shown = shown
        has_one = shown is not None
        for widget in (self._source, self._views, self._payload_buttons):
            widget.setVisible(has_one)
        self._no_metadata.setVisible(not has_one)
        if shown is None:
            self._note.hide()
            self._secret.hide()
            self._tree.payload_model.show_value(None, has_value=False)
            self._raw.show_text("")
            return
        parsed = shown.parsed
        masks = shown.has_secret and self._unmasked != shown.record.id
        self._tree.payload_model.show_value(parsed.value, has_value=parsed.ok, masks=masks)
        self._raw.show_text(shown.text, masks=masks)
        self._secret.setVisible(masks)
        note = _note_of(shown)
        self._note.setText(note)
        self._note.setVisible(bool(note))
        if not parsed.ok:
            self._views.setCurrentIndex(1)
        self._more.setVisible(shown.is_cut)
        self._more.setText(
            self.tr("Show more (the first {} characters of {} are shown)").format(
                count_text(len(shown.text)), size_text(shown.record.size_bytes)
            )
        )

    @Slot(int)
    def _on_source_chosen(self, place: int) -> None:
        if self._details is not None and 0 <= place < len(self._details.records):
            self._raw_limit = VIEW_LIMIT
            self._ask_record(self._details.records[place])

    @Slot()
    def _on_show_secret(self) -> None:
        if self._shown is not None:
            self._unmasked = self._shown.record.id
            self._show_payload(self._shown)

    @Slot()
    def _on_compare_clicked(self) -> None:
        from modelmgr.gui.compare import CompareDialog

        if self._row is not None:
            dialog = CompareDialog(self._library, self._tasks, self._row.name, self, model_id=self._row.id)
            dialog.show()

    @Slot()
    def _on_more_clicked(self) -> None:
        if self._shown is not None:
            self._raw_limit = len(self._shown.text) + VIEW_LIMIT
            self._ask_record(self._shown.record)

    def _ask_record(self, record: StoredRecord) -> None:
        question = partial(show_record, self._catalog, record, self._raw_limit)
        self._tasks.ask(question, self._on_record, key=(id(self), "record"))

    @Slot(object)
    def _on_record(self, shown: Shown) -> None:
        details = self._details
        place = self._source.currentIndex()
        if details is None or not 0 <= place < len(details.records):
            return
        if details.records[place].id == shown.record.id:
            self._show_payload(shown)

    @Slot()
    def _on_copy_payload(self) -> None:
        if self._shown is not None:
            question = partial(self._catalog.record_payload, self._shown.record.id)
            self._tasks.ask(question, self._put_on_clipboard)

    def _put_on_clipboard(self, payload: bytes | None) -> None:
        if payload is not None:
            text = payloads.text(payload)
            QGuiApplication.clipboard().setText(text.encode("utf-8", "replace").decode("utf-8"))

    @Slot()
    def _on_save_payload(self) -> None:
        if self._shown is None:
            return
        record = self._shown.record
        dialog = QFileDialog(self, self.tr("Save the payload"))
        dialog.setObjectName("savePayloadDialog")
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.selectFile(_file_name_for(record))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(partial(self._save_payload, record.id))
        dialog.open()

    def _save_payload(self, record_id: int, path: str) -> None:
        self._tasks.change(
            partial(write_payload, self._catalog, record_id, path),
            self._on_payload_saved,
            failed=partial(self.message.emit, self.tr("The payload was not saved")),
        )

    def _on_payload_saved(self, path: str) -> None:
        self.message.emit(self.tr("The payload was saved as {}").format(foreign_text(path)), None)

    # --- edits ------------------------------------------------------------------------------------------

    def _edit(self, column: str, value: Any) -> None:
        if self._row is None:
            return
        self._row = self._row._replace(**{column: value})
        self._show_row(self._row)
        self.row_changed.emit(self._row)
        self._tasks.change(
            partial(_edit, self._library, [self._row.id], column, value), failed=self._on_edit_failed
        )

    def _on_edit_failed(self, error: Exception) -> None:
        if not isinstance(error, ModelmgrError):
            log.error("An edit failed", exc_info=error)
        self.message.emit(self.tr("What you changed was not saved"), error)

    @Slot()
    def _on_favorite_clicked(self) -> None:
        self.toggle_favorite()

    @Slot(object)
    def _on_rated(self, rating: int | None) -> None:
        self._edit("rating", rating)

    @Slot()
    def _save_notes(self) -> None:
        text = self._notes.toPlainText()
        if self._notes_of is None or text == self._saved_notes:
            return
        self._saved_notes = text
        if self._row is not None and self._row.id == self._notes_of:
            self._row = self._row._replace(notes=text or None)
            self.row_changed.emit(self._row)
        self._tasks.change(
            partial(_edit, self._library, [self._notes_of], "notes", text or None),
            failed=self._on_edit_failed,
        )

    @Slot()
    def _on_link_clicked(self) -> None:
        address = self._row.source_url if self._row is not None else None
        if address is not None and is_web_address(address):
            QDesktopServices.openUrl(QUrl(address))


# --- words ------------------------------------------------------------------------------------------------


def _trouble_text(row: ModelRow) -> str:
    state = state_of(row)
    path = foreign_text(row.path, 500)
    if row.path is None and is_absent(row):
        return "There is no file of this model yet. It links itself when a scan meets one."
    words = {
        "missing": f"The file is gone. It was last seen at {path}",
        "offline": f"The folder can't be reached now: {path}",
        "unreadable": f"The file can't be read: {path}",
        "failed": "The hash could not be computed.",
    }
    return words.get(state, "")


def _origin_word(origin: Origin) -> str:
    return origin.source if origin.source in ("header", "file") else source_label(origin.source)


def _shortened(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[: limit // 2]}…{text[-(limit // 2 - 1) :]}"


def _address_text(address: str | None) -> str:
    """Return the place that an address names, without what only a server reads."""
    shown = foreign_text(address, 300)
    return shown.split("://", 1)[-1].split("?", 1)[0].split("#", 1)[0].removeprefix("www.")


def _record_title(record: StoredRecord) -> str:
    name = foreign_text(os.path.basename(record.source_path), 120)
    key = foreign_text(record.record_key, 60)
    where = " · ".join(part for part in (name, key) if part)
    return f"{source_label(record.source)} — {where}" if where else source_label(record.source)


def _note_of(shown: Shown) -> str:
    parsed = shown.parsed
    notes = []
    if shown.record.gone_at is not None:
        when = date_text(shown.record.gone_at)
        notes.append(f"It is no longer in its source (seen {when}); what it said is kept.")
    if not parsed.ok:
        place = "" if parsed.offset is None else f" (at byte {count_text(parsed.offset)})"
        message = foreign_text(parsed.message, 400) or "This could not be read."
        return " ".join((*notes, f"{message}{place} The text is kept exactly as it was found."))
    if "duplicate-keys" in parsed.flags:
        notes.append("Some keys occur twice; the tree shows the last of each.")
    if parsed.tolerant:
        notes.append("This is not quite JSON; it was read with one eye closed.")
    return " ".join(notes)


def _picture_fact(found: Attachment) -> Fact:
    kept = f"\nA copy is kept: {found.copy_path}" if found.copy_path else ""
    label = "Preview" if found.kind == "preview" else "Example"
    return Fact(label, foreign_text(found.path, 1000), plain_tip(found.path + kept, 2000))


_HEADER_LABELS = (
    ("architecture", "Architecture"),
    ("variant", "Variant"),
    ("algorithm", "Algorithm"),
    ("rank", "Rank"),
    ("precision", "Precision"),
    ("layout", "Layout"),
    ("components", "Holds"),
    ("parameter_count", "Parameters"),
    ("tensor_count", "Tensors"),
    ("candidates", "Could be"),
    ("confidence", "Confidence"),
    ("evidence", "Evidence"),
    ("problems", "Problems"),
)


def _header_facts(header: Mapping[str, Any] | None) -> list[Fact]:
    """Return what the file's own header says, as facts."""
    if not header:
        return []
    facts = []
    for key, label in _HEADER_LABELS:
        text = _plain_value(header.get(key))
        if text:
            shown = text if len(text) <= _FACT_LENGTH else f"{text[:_FACT_LENGTH]}…"
            facts.append(Fact(label, shown, plain_tip(text, 2000) if shown != text else ""))
    return facts


def _plain_value(value: Any) -> str:
    if value is None or value == "" or value == [] or value == {}:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return count_text(value)
    if isinstance(value, Mapping):
        if "message" in value:
            return foreign_text(str(value["message"]), 400)
        return ", ".join(f"{foreign_text(str(key), 60)}: {_plain_value(item)}" for key, item in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(filter(None, (_plain_value(item) for item in value[:50])))
    return foreign_text(str(value), 1000)


def _file_name_for(record: StoredRecord) -> str:
    name = foreign_text(os.path.basename(record.source_path), _SAVE_LIMIT_NAME)
    return f"{name}.json" if name and record.record_key else name or f"{record.source}.json"
