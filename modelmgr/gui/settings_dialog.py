"""The settings: library folders, how files are read, the window's looks, the local API. Opened, it blocks nothing."""

from collections.abc import Sequence
from dataclasses import replace

from PySide6.QtCore import (
    QCoreApplication,
    QEvent,
    QObject,
    QPoint,
    QRect,
    QRectF,
    Qt,
    Signal,
    Slot,
)
from PySide6.QtGui import QKeyEvent, QKeySequence, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import (
    QAbstractSpinBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QDoubleSpinBox,
    QGridLayout,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QSpinBox,
    QStyle,
    QTabWidget,
    QWidget,
)

from modelmgr.gui import boxes, focus, theme
from modelmgr.gui.api_door import ApiDoor
from modelmgr.gui.api_section import ApiSection
from modelmgr.gui.cells import CheckBox, QuietDelegate
from modelmgr.gui.flow import FlowLayout
from modelmgr.gui.measures import scaled
from modelmgr.gui.search_field import SearchEdit
from modelmgr.gui.text import counted, foreign_text, plain_tip, state_label
from modelmgr.settings import HASH_WORKERS, PROMPT_WEIGHTS, READ_LIMITS_MB_S, Settings
from modelmgr.values import FileState, LibraryFolder

TABS = ("library", "reading", "window", "api")
_PATH = Qt.ItemDataRole.UserRole
_BOX_FRAME, _WIDEST_BOX = 48, 440


def _tr(text: str) -> str:
    return QCoreApplication.translate("Settings", text)


def tab_titles() -> dict[str, str]:
    """Return the titles of the `TABS`, with mnemonics."""
    return {
        "library": _tr("&Library"),
        "reading": _tr("&Reading"),
        "window": _tr("&Window"),
        "api": _tr("Local A&PI"),
    }


def setting_titles() -> dict[str, tuple[str, str]]:
    """Return every setting: the name of its control -> its tab and its title, for whoever looks for it by name."""
    return {
        "settingFolders": ("library", _tr("Library folders")),
        "settingWatch": ("library", _tr("Notice new and gone files at once")),
        "settingCheckAtStart": ("library", _tr("Look for news at the start")),
        "settingHash": ("reading", _tr("Compute hashes while scanning")),
        "settingHashKinds": ("reading", _tr("Which hashes are computed")),
        "settingHashWorkers": ("reading", _tr("Files hashed at once")),
        "settingReadLimit": ("reading", _tr("Read at most so many megabytes a second")),
        "settingPreviews": ("window", _tr("Show previews in the table")),
        "settingComfortable": ("window", _tr("Comfortable rows")),
        "settingRated": ("window", _tr("Rated pictures: blurred, hidden or shown")),
        "settingPromptWeight": ("window", _tr("Weight of prompt tags")),
        "settingRestore": ("window", _tr("Begin with the filters of the last time")),
        "settingApi": ("api", _tr("Let other programs use this library while the window is open")),
        "settingApiPort": ("api", _tr("Port of the local API")),
    }


class _Marks(QWidget):
    """Lies over the dialog and draws a line round the settings that were looked for."""

    def __init__(self, over: QWidget) -> None:
        super().__init__(over)
        self._over = over
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._marked: Sequence[QWidget] = ()
        over.installEventFilter(self)

    def mark(self, widgets: Sequence[QWidget]) -> None:
        """Mark these."""
        self._marked = widgets
        self.setGeometry(self._over.rect())
        self.raise_()
        self.setVisible(bool(widgets))
        self.update()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize:
            self.setGeometry(self._over.rect())
        return super().eventFilter(watched, event)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(theme.colors().accent_on_base, 1.5))
        for widget in self._marked:
            if widget.isVisible():
                place = QStyle.visualRect(
                    self.layoutDirection(),
                    widget.rect(),
                    QRect(0, 0, min(widget.width(), widget.sizeHint().width() + theme.XS), widget.height()),
                )
                if not isinstance(widget, CheckBox):
                    place = widget.rect()
                place.translate(widget.mapTo(self._over, QPoint(0, 0)))
                painter.drawRoundedRect(QRectF(place).adjusted(-4, -2.5, 4, 2.5), 6, 6)


class _Tab(QWidget):
    """One tab: check boxes with a line of explanation each, one below the other."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.rows = boxes.column(on=self, margins=(0, theme.L, 0, 0), spacing=theme.S)

    def choice(self, name: str, title: str, text: str, is_on: bool) -> CheckBox:
        """Add a check box."""
        box = CheckBox(title, self)
        box.setObjectName(name)
        box.setChecked(is_on)
        box.setAccessibleDescription(text)
        self.rows.addWidget(box)
        note = theme.paragraph(text, "secondary", self)
        note.setContentsMargins(theme.XL, 0, 0, theme.S)
        self.rows.addWidget(note)
        return box

    def combo(self, name: str, entries: Sequence[tuple[str, object]], chosen: object) -> QComboBox:
        """Make a choice between several values."""
        box = QComboBox(self)
        box.setObjectName(name)
        for text, value in entries:
            box.addItem(text, value)
        box.setCurrentIndex(max(0, box.findData(chosen)))
        box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        box.setMinimumContentsLength(24)
        longest = max((box.fontMetrics().horizontalAdvance(text) for text, _value in entries), default=0)
        box.setMinimumWidth(min(longest + scaled(box, _BOX_FRAME), scaled(box, _WIDEST_BOX)))
        return box

    def fields(self, *entries: tuple[str, QWidget]) -> None:
        """Add labelled fields, on one line of the grid each."""
        grid = QGridLayout()
        grid.setHorizontalSpacing(theme.L)
        grid.setVerticalSpacing(theme.M)
        grid.setColumnStretch(1, 1)
        grid.setContentsMargins(theme.XL, 0, 0, 0)
        height = max(
            widget.sizeHint().height() for _title, widget in entries if isinstance(widget, QComboBox)
        )
        for row, (title, widget) in enumerate(entries):
            label = theme.plain_label(title, "secondary", self)
            label.setBuddy(widget)
            widget.setAccessibleName(title.replace("&", ""))
            grid.addWidget(label, row, 0)
            is_short = isinstance(widget, QAbstractSpinBox)
            if is_short:
                # As high as the choices above and below it.
                widget.setFixedHeight(height)
            grid.addWidget(widget, row, 1, Qt.AlignmentFlag.AlignLeft if is_short else Qt.AlignmentFlag(0))
        self.rows.addLayout(grid)


class LibrarySection(_Tab):
    """The library folders and what is done with them, and how the window keeps up with them.

    Signals:
        folder_wanted(): the user wants to add a folder to the library.
        folder_removed(str): the user takes a folder out of the library.
        rules_wanted(str): the user wants to say what a scan leaves out of a folder.
        move_wanted(str): the user says that a folder is elsewhere now.
    """

    folder_wanted = Signal()
    folder_removed = Signal(str)
    rules_wanted = Signal(str)
    move_wanted = Signal(str)

    def __init__(
        self, settings: Settings, folders: Sequence[LibraryFolder], catalog_path: str, parent: QWidget
    ) -> None:
        super().__init__(parent)
        title = theme.plain_label(self.tr("&Folders"), None, self)
        self._folders = QListWidget(self)
        self._folders.setObjectName("settingFolders")
        self._folders.setAccessibleName(self.tr("Library folders"))
        self._folders.setProperty("framed", True)
        self._folders.setFixedHeight(132)
        self._folders.setUniformItemSizes(True)
        self._folders.setItemDelegate(QuietDelegate(self._folders))
        title.setBuddy(self._folders)
        for folder in folders:
            words = counted(folder.file_count, "file")
            if folder.state != FileState.PRESENT:
                words = f"{words}, {state_label(folder.state)}"
            self._list(folder, words)
        self._folders.itemSelectionChanged.connect(self._on_folder_selected)
        add = QPushButton(self.tr("&Add folder…"), self)
        add.setObjectName("settingAddFolder")
        add.setAutoDefault(False)
        add.clicked.connect(self.folder_wanted)
        self.rows.addLayout(boxes.row((title, 1), add))
        self.rows.addWidget(self._folders)
        ways = FlowLayout(spacing=theme.S)
        self._buttons = []
        for name, text, slot in (
            ("settingFolderRules", self.tr("What to leave out…"), self._on_rules),
            ("settingMoveFolder", self.tr("It is elsewhere now…"), self._on_move),
            ("settingRemoveFolder", self.tr("Take out of the library…"), self._on_remove),
        ):
            button = QPushButton(text, self)
            button.setObjectName(name)
            button.setAutoDefault(False)
            button.setEnabled(False)
            button.clicked.connect(slot)
            ways.addWidget(button)
            self._buttons.append(button)
        if folders:
            self._folders.setCurrentRow(0)
        self.rows.addLayout(ways)
        self.rows.addSpacing(theme.S)
        self.watch = self.choice(
            "settingWatch",
            self.tr("Notice new and gone files at once"),
            self.tr("Watches the folders while the window is open."),
            settings.watch_folders,
        )
        self.check = self.choice(
            "settingCheckAtStart",
            self.tr("Look for news at the start"),
            self.tr("A quick look at the folders, and hashing goes on where it was interrupted."),
            settings.check_at_start,
        )
        self.rows.addStretch(1)
        place = theme.paragraph(
            self.tr("Catalog: {}").format(foreign_text(catalog_path, 1000)), "secondary", self
        )
        place.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.rows.addWidget(place)

    def _list(self, folder: LibraryFolder, words: str) -> None:
        item = QListWidgetItem(f"{foreign_text(folder.path, 1000)}  ({words})")
        item.setToolTip(plain_tip(folder.path))
        item.setData(_PATH, folder.path)
        self._folders.addItem(item)

    def show_added(self, folder: LibraryFolder) -> None:
        """Show one more folder, of which a scan does not know all yet; one that is there stays as it is."""
        paths = [self._folders.item(at).data(_PATH) for at in range(self._folders.count())]
        if folder.path not in paths:
            self._list(folder, self.tr("being scanned"))
            self._folders.setCurrentRow(len(paths))

    def _chosen(self) -> str | None:
        items = self._folders.selectedItems()
        return items[0].data(_PATH) if items else None

    @Slot()
    def _on_folder_selected(self) -> None:
        for button in self._buttons:
            button.setEnabled(self._chosen() is not None)

    @Slot()
    def _on_rules(self) -> None:
        if (path := self._chosen()) is not None:
            self.rules_wanted.emit(path)

    @Slot()
    def _on_move(self) -> None:
        if (path := self._chosen()) is not None:
            self.move_wanted.emit(path)

    @Slot()
    def _on_remove(self) -> None:
        path = self._chosen()
        if path is None:
            return
        from modelmgr.gui.dialogs import Question

        question = Question(
            "removeFolderQuestion",
            self.tr("Take this folder out of the library?"),
            self.tr(
                "The files stay where they are. Models that something is known about stay in the library."
            ),
            self.tr("Take out"),
            "removeFolderYes",
            self,
            detail=path,
        )
        question.accepted.connect(self._on_remove_accepted)
        question.open()

    @Slot()
    def _on_remove_accepted(self) -> None:
        item = self._folders.takeItem(self._folders.currentRow())
        if item is not None:
            self.folder_removed.emit(item.data(_PATH))


class ReadingSection(_Tab):
    """Which hashes are computed, and how hard the disk may be worked."""

    def __init__(self, settings: Settings, parent: QWidget) -> None:
        super().__init__(parent)
        self.hash = self.choice(
            "settingHash",
            self.tr("Compute hashes while scanning"),
            self.tr(
                "Identifies models and finds duplicates. Reads every new file once, which takes its time."
            ),
            settings.hash_while_scanning,
        )
        self.kinds = self.combo(
            "settingHashKinds",
            [
                (self.tr("SHA-256, and the others where they cost next to nothing"), "auto"),
                (self.tr("All: SHA-256, AutoV3, CRC32, BLAKE3"), "all"),
                (self.tr("SHA-256 alone"), "sha256"),
            ],
            settings.hash_kinds,
        )
        workers = [(self.tr("As many as the disk bears"), 0)]
        workers += [(str(number), number) for number in HASH_WORKERS if number]
        self.workers = self.combo("settingHashWorkers", workers, settings.hash_workers)
        self.limit = QSpinBox(self)
        self.limit.setObjectName("settingReadLimit")
        self.limit.setRange(READ_LIMITS_MB_S.start, READ_LIMITS_MB_S.stop - 1)
        self.limit.setSingleStep(50)
        self.limit.setSuffix(self.tr(" MB/s"))
        self.limit.setSpecialValueText(self.tr("No limit"))
        self.limit.setValue(settings.read_limit_mb_s)
        self.limit.lineEdit().setTextMargins(theme.S - 2, 0, theme.S - 2, 0)
        self.limit.setMinimumWidth(self.fontMetrics().averageCharWidth() * 18)
        self.fields(
            (self.tr("W&hich"), self.kinds),
            (self.tr("Files &at once"), self.workers),
            (self.tr("Read at &most"), self.limit),
        )
        note = theme.paragraph(
            self.tr("Files that have their hash keep it; this counts for what is hashed from now on."),
            "secondary",
            self,
        )
        note.setContentsMargins(theme.XL, 0, 0, 0)
        self.rows.addWidget(note)
        self.rows.addStretch(1)


class WindowSection(_Tab):
    """How the window looks and what it begins with."""

    def __init__(self, settings: Settings, parent: QWidget) -> None:
        super().__init__(parent)
        self.previews = self.choice(
            "settingPreviews",
            self.tr("Show previews in the table"),
            self.tr("Small pictures beside the names, where a model has one."),
            settings.show_previews,
        )
        self.comfortable = self.choice(
            "settingComfortable",
            self.tr("Comfortable rows"),
            self.tr("Taller rows with a larger picture and the file's name."),
            settings.comfortable_rows,
        )
        self.rated = self.combo(
            "settingRated",
            [
                (self.tr("Blurred until the mouse is on them"), "blur"),
                (self.tr("Hidden"), "hide"),
                (self.tr("Shown like all others"), "show"),
            ],
            settings.rated_pictures,
        )
        self.weight = QDoubleSpinBox(self)
        self.weight.setObjectName("settingPromptWeight")
        self.weight.setRange(PROMPT_WEIGHTS.start / 100, (PROMPT_WEIGHTS.stop - 1) / 100)
        self.weight.setSingleStep(0.05)
        self.weight.setValue(settings.prompt_weight / 100)
        self.weight.lineEdit().setTextMargins(theme.S - 2, 0, theme.S - 2, 0)
        self.weight.setMinimumWidth(self.fontMetrics().averageCharWidth() * 18)
        self.fields(
            (self.tr("Rated p&ictures"), self.rated),
            (self.tr("Wei&ght of prompt tags"), self.weight),
        )
        self.rows.addSpacing(theme.S)
        self.restore = self.choice(
            "settingRestore",
            self.tr("Begin with the filters of the last time"),
            self.tr("Otherwise the window opens with all models."),
            settings.restore_filters,
        )
        self.rows.addStretch(1)


class SettingsDialog(QDialog):
    """What the user can choose, and the folders of the library.

    Signals:
        chosen(Settings): the user accepted; taken at once.
        folder_wanted(), folder_removed(str), rules_wanted(str), move_wanted(str): as of `LibrarySection`.
    """

    chosen = Signal(object)
    folder_wanted = Signal()
    folder_removed = Signal(str)
    rules_wanted = Signal(str)
    move_wanted = Signal(str)

    def __init__(
        self,
        settings: Settings,
        folders: Sequence[LibraryFolder],
        catalog_path: str,
        door: ApiDoor,
        parent: QWidget,
    ) -> None:
        super().__init__(parent)
        self.setObjectName("settingsDialog")
        self.setWindowTitle(self.tr("Settings"))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._settings = settings
        whole = boxes.column(on=self, margins=(theme.L, theme.M, theme.L, theme.L), spacing=theme.M)
        self._tabs = QTabWidget(self)
        self._tabs.setObjectName("settingsTabs")
        self._tabs.setDocumentMode(True)
        self._tabs.tabBar().setDrawBase(False)
        self._search = SearchEdit(self)
        self._search.setObjectName("settingsSearch")
        self._search.setPlaceholderText(self.tr("Search the settings"))
        self._search.setAccessibleName(self.tr("Search the settings"))
        self._search.setClearButtonEnabled(True)
        self._search.textChanged.connect(self._on_searched)
        self._found: list[str] = []
        self._note = theme.plain_label("", "secondary", self, name="settingsNote")
        self._note.hide()
        whole.addWidget(self._search)
        whole.addWidget(self._note)
        whole.addWidget(self._tabs)
        self._library = LibrarySection(settings, folders, catalog_path, self)
        self._reading = ReadingSection(settings, self)
        self._window = WindowSection(settings, self)
        self._api = ApiSection(settings, door, self)
        sections = (self._library, self._reading, self._window, self._api)
        for name, section in zip(TABS, sections, strict=True):
            self._tabs.addTab(section, tab_titles()[name])
        self._marks = _Marks(self)
        self._tabs.currentChanged.connect(self._marks.update)
        self._library.folder_wanted.connect(self.folder_wanted)
        self._library.folder_removed.connect(self.folder_removed)
        self._library.rules_wanted.connect(self.rules_wanted)
        self._library.move_wanted.connect(self.move_wanted)
        buttons = QDialogButtonBox(self)
        save = buttons.addButton(self.tr("Save"), QDialogButtonBox.ButtonRole.AcceptRole)
        save.setObjectName("settingsSave")
        theme.set_primary(save)
        buttons.addButton(QDialogButtonBox.StandardButton.Cancel)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        whole.addWidget(buttons)
        self.resize(540, self.sizeHint().height())
        # Who opens the settings and types looks for one.
        self._search.setFocus()

    @Slot(object)
    def show_added(self, folder: LibraryFolder) -> None:
        """Show one more library folder."""
        self._library.show_added(folder)

    def show_tab(self, name: str) -> None:
        """Show one of the `TABS`."""
        self._tabs.setCurrentIndex(TABS.index(name))

    def point_at(self, name: str) -> None:
        """Show a setting by the name of its control, and give it the keyboard."""
        self.show_tab(setting_titles()[name][0])
        control = self._control(name)
        control.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self._marks.mark([control])

    def _control(self, name: str) -> QWidget:
        found = self._tabs.findChild(QWidget, name)
        assert isinstance(found, QWidget), name
        return found

    @Slot(str)
    def _on_searched(self, text: str) -> None:
        """Mark the settings that a text means, and show the first of them."""
        words = text.casefold().split()
        found = [name for name in setting_titles() if words and _says(self._named(name), words)]
        if not found and words:
            found = [name for name in setting_titles() if _says(self._told(name), words)]
        self._note.setVisible(bool(words) and not found)
        self._note.setText(self.tr("No setting is called that"))
        if found:
            tabs = [setting_titles()[name][0] for name in found]
            if TABS[self._tabs.currentIndex()] not in tabs:
                self.show_tab(tabs[0])
        self._found = found
        self._marks.mark([self._control(name) for name in found])

    def _named(self, name: str) -> str:
        return f"{setting_titles()[name][1]} {self._control(name).accessibleName()}"

    def _told(self, name: str) -> str:
        return f"{self._named(name)} {self._control(name).accessibleDescription()}"

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.matches(QKeySequence.StandardKey.Find):
            self._search.setFocus(Qt.FocusReason.ShortcutFocusReason)
            self._search.selectAll()
            return
        if self.focusWidget() is self._search and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            # Enter in the search goes to what it found; it saves nothing.
            if self._found:
                self._control(self._found[0]).setFocus(Qt.FocusReason.ShortcutFocusReason)
            return
        super().keyPressEvent(event)

    def accept(self) -> None:
        self.chosen.emit(
            replace(
                self._settings,
                hash_while_scanning=self._reading.hash.isChecked(),
                hash_kinds=self._reading.kinds.currentData(),
                hash_workers=self._reading.workers.currentData(),
                read_limit_mb_s=self._reading.limit.value(),
                watch_folders=self._library.watch.isChecked(),
                check_at_start=self._library.check.isChecked(),
                show_previews=self._window.previews.isChecked(),
                comfortable_rows=self._window.comfortable.isChecked(),
                rated_pictures=self._window.rated.currentData(),
                prompt_weight=round(self._window.weight.value() * 100),
                restore_filters=self._window.restore.isChecked(),
                api_enabled=self._api.is_on,
                api_port=self._api.port,
            )
        )
        super().accept()

    # --- Qt ---------------------------------------------------------------------------------------------

    def focusNextPrevChild(self, is_next: bool) -> bool:
        return focus.move(self, is_next)


def _says(text: str, words: Sequence[str]) -> bool:
    return all(word in text.casefold() for word in words)
