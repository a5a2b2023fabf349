"""Where from? The first page: what is dropped or named, and the tools found on this computer."""

import os
from collections.abc import Iterable, Sequence
from functools import partial

from PySide6.QtCore import QEvent, QRectF, Qt, Signal, Slot
from PySide6.QtGui import (
    QDragEnterEvent,
    QDragLeaveEvent,
    QDropEvent,
    QGuiApplication,
    QKeyEvent,
    QKeySequence,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QShortcut,
    QShowEvent,
)
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFileDialog,
    QFrame,
    QGridLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QSpacerItem,
    QWidget,
    QWizard,
)

from modelmgr.gui import boxes, theme
from modelmgr.gui.cells import CheckBox, QuietDelegate
from modelmgr.gui.labels import ElidedLabel
from modelmgr.gui.language import Forms
from modelmgr.gui.reasons import tool_icon
from modelmgr.gui.strips import OfferStrip
from modelmgr.gui.tasks import Task, Tasks, TaskState
from modelmgr.gui.text import count_text, counted, foreign_text, numbered, plain_tip
from modelmgr.gui.wizard.drop_area import DropArea, dropped_paths, written_paths
from modelmgr.gui.wizard.journey import Journey, count_records
from modelmgr.gui.wizard.parts import PATH, Page, make_note, tr
from modelmgr.library import Library
from modelmgr.values import FileState, InstalledTool

CARD_ICON_PX = 24
CARDS_A_LINE = 2
SHOWN_PLACES = 2
SHOWN_PATHS = 200
"""So many of what was chosen are listed; a number says how many more there are."""


class _PathList(QListWidget):
    """The chosen paths.

    Signals:
        remove_wanted(): the user pressed Del.
    """

    remove_wanted = Signal()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Delete:
            self.remove_wanted.emit()
            return
        super().keyPressEvent(event)


class ToolCard(QFrame):
    """A tool that was found, or the library's own folders: a box to tick, places, and how many records lie there.

    Signals:
        toggled(bool): the user wants it, or no longer.
    """

    toggled = Signal(bool)

    def __init__(self, found: InstalledTool, icon: str, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("toolCard")
        self._icon_name = icon
        self._icon = QLabel(self)
        self._box = CheckBox(foreign_text(found.tool, 80).replace("&", "&&"), self)
        self._box.setObjectName("foundInstall")
        self._box.setProperty("paths", list(found.paths))
        font = self._box.font()
        font.setWeight(font.Weight.DemiBold)
        self._box.setFont(font)
        self._places = "\n".join(foreign_text(path) for path in found.paths)
        self.setToolTip(plain_tip(self._places))
        self._box.setAccessibleDescription(self._places)
        self._box.toggled.connect(self._on_toggled)
        self._count = theme.plain_label("", "secondary", self, name="foundCount")
        head = boxes.row((self._box, 1), self._count, spacing=theme.S)
        inside = boxes.column(head, spacing=theme.XS // 2)
        shown = found.paths if len(found.paths) <= SHOWN_PLACES else found.paths[: SHOWN_PLACES - 1]
        for path in shown:
            place = ElidedLabel(self, mode=Qt.TextElideMode.ElideMiddle)
            theme.set_role(place, "secondary")
            place.show_text(foreign_text(path))
            inside.addWidget(place)
        if len(found.paths) > len(shown):
            more = Forms("and %n more place", "and %n more places")
            words = numbered(len(found.paths) - len(shown), more)
            inside.addWidget(theme.plain_label(words, "secondary", self))
        inside.addStretch(1)
        boxes.row(
            (self._icon, 0, Qt.AlignmentFlag.AlignVCenter),
            (inside, 1),
            on=self,
            margins=(theme.M, theme.S, theme.M, theme.S),
            spacing=theme.M,
        )
        self._tint()

    def show_counting(self) -> None:
        """Say that its records are being counted."""
        self._count.setText(tr("counting…"))

    @Slot()
    def show_uncounted(self) -> None:
        """Say nothing of the records."""
        self.show_count(None)

    @Slot(object)
    def show_count(self, count: int | None) -> None:
        """Say how many records lie there; None if that was not found out."""
        words = "" if count is None else counted(count, "record")
        self._count.setText(words)
        self._box.setAccessibleDescription(f"{words}\n{self._places}" if words else self._places)

    def _tint(self) -> None:
        color = theme.colors().accent_on_base
        self._icon.setPixmap(theme.sign(self, self._icon_name, CARD_ICON_PX, color))

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in theme.NEW_LOOKS:
            self._tint()

    @property
    def is_chosen(self) -> bool:
        """Whether it is ticked."""
        return self._box.isChecked()

    def choose(self, is_on: bool) -> None:
        """Tick it, or take the tick away."""
        self._box.setChecked(is_on)

    @Slot(bool)
    def _on_toggled(self, is_on: bool) -> None:
        self.update()
        self.toggled.emit(is_on)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        # The whole card is one target.
        if event.button() == Qt.MouseButton.LeftButton and self.rect().contains(event.position().toPoint()):
            self._box.toggle()

    def paintEvent(self, event: QPaintEvent) -> None:
        colors = theme.colors()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(colors.accent_on_base if self.is_chosen else colors.line)
        painter.setBrush(colors.chosen if self.is_chosen else colors.base)
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 6, 6)
        painter.end()


def _places(library: Library) -> tuple[Sequence[str], Sequence[InstalledTool]]:
    """Return the library's folders that can be looked into, and the tools that are found, in a worker."""
    folders = [folder.path for folder in library.catalog.folders() if folder.state == FileState.PRESENT]
    return folders, library.installed_tools()


class SourcesPage(Page):
    """Where from?

    Signals:
        chosen(): other paths are chosen than before.

    Attributes:
        is_passed: the wizard goes on to the next page at once; this one is made when somebody comes back to it.
    """

    chosen = Signal()

    def __init__(self, wizard: QWizard, library: Library, tasks: Tasks, journey: Journey) -> None:
        super().__init__(
            wizard,
            library,
            tasks,
            journey,
            "sourcesPage",
            tr("Where from?"),
            tr(
                "Choose folders of other tools, single sidecars, databases or exports, or paste their paths. "
                "Everything is looked at first; nothing is written yet."
            ),
        )
        self.setAcceptDrops(True)
        self._cards: list[tuple[InstalledTool, ToolCard]] = []
        self._tools: Sequence[InstalledTool] = ()
        self._counting: list[Task] = []
        self._left: list[str] = []
        self.is_passed = False
        self._is_due = False
        # Of a page that is made later the wizard shall know that it wants all the room there is.
        policy = QSizePolicy.Policy
        self._layout.addItem(QSpacerItem(0, 0, policy.Minimum, policy.Expanding))

    def initializePage(self) -> None:
        self._is_due = True
        if not self.is_passed:
            self._get_ready()

    def showEvent(self, event: QShowEvent) -> None:
        self._get_ready()
        super().showEvent(event)

    def _get_ready(self) -> None:
        if self._is_due:
            self._is_due = False
            super().initializePage()

    def _build(self) -> None:
        self._drop = DropArea(self)
        self._drop.dropped.connect(self.add_paths)
        folder = QPushButton(tr("Add &folder…"), self._drop)
        folder.setObjectName("addFolderButton")
        folder.clicked.connect(self._on_add_folder)
        files = QPushButton(tr("Add fil&es…"), self._drop)
        files.setObjectName("addFilesButton")
        files.clicked.connect(self._on_add_files)
        self._drop.buttons.addStretch(1)
        self._drop.buttons.addWidget(folder)
        self._drop.buttons.addWidget(files)
        self._drop.buttons.addStretch(1)
        self._found_title = theme.plain_label(tr("Found on this computer"), "group", self)
        self._all = QPushButton(tr("Choose &all tools"), self)
        self._all.setObjectName("chooseAllButton")
        self._all.clicked.connect(self._on_all)
        found_head = boxes.row((self._found_title, 1), self._all)
        self._found = QScrollArea(self)
        self._found.setObjectName("foundInstalls")
        self._found.setWidgetResizable(True)
        self._found.setFrameShape(QFrame.Shape.NoFrame)
        self._found.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._found.setAccessibleName(tr("Tools found on this computer"))
        self._chosen_title = theme.plain_label(tr("Chosen"), "group", self)
        self._chosen = _PathList(self)
        self._chosen.setObjectName("chosenPaths")
        self._chosen.setAccessibleName(tr("Chosen folders and files"))
        self._chosen.setProperty("framed", True)
        self._chosen.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self._chosen.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._chosen.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self._chosen.setItemDelegate(QuietDelegate(self._chosen))
        self._chosen.itemSelectionChanged.connect(self._update_remove)
        self._remove = QPushButton(tr("&Remove"), self)
        self._remove.setObjectName("removePathButton")
        self._remove.clicked.connect(self._on_remove)
        self._chosen.remove_wanted.connect(self._on_remove)
        head = boxes.row((self._chosen_title, 1), self._remove)
        self._again = OfferStrip("chosenBefore", "chooseAgainButton", tr("Choose them &again"), self)
        self._again.accepted.connect(self._on_again)
        self._again.closed.connect(self._forget_left)
        self._layout.addWidget(self._again)
        self._layout.addWidget(self._drop, 3)
        self._layout.addLayout(found_head)
        self._layout.addWidget(self._found, 5)
        self._layout.addLayout(head)
        self._layout.addWidget(self._chosen, 4)
        self._layout.addWidget(make_note(tr("Your files stay where they are."), self))
        for widget in (self._found_title, self._all, self._found):
            widget.hide()
        self._show_left()
        paste = QShortcut(QKeySequence(QKeySequence.StandardKey.Paste), self)
        paste.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        paste.activated.connect(self._on_paste)
        self._tasks.ask(partial(_places, self._library), self._show_found, key=(id(self), "found"))

    def _enter(self) -> None:
        self.show_paths()

    def offer_again(self, paths: Sequence[str]) -> None:
        """Offer what was chosen when the program ended early."""
        self._left = list(dict.fromkeys(path for path in paths if os.path.isabs(path)))
        self._show_left()

    @property
    def offered(self) -> Sequence[str]:
        """What of that is still offered."""
        return self._left

    def _show_left(self) -> None:
        if not self._is_built:
            return
        words = tr("When the program ended early, you had chosen {}.")
        self._again.show_words(words.format(counted(len(self._left), "place")))
        self._again.setToolTip(plain_tip("\n".join(foreign_text(path) for path in self._left[:SHOWN_PATHS])))
        self._again.setVisible(bool(self._left))

    @Slot()
    def _on_again(self) -> None:
        paths = self._left
        self._forget_left()
        self.add_paths(paths)
        self._wizard.button(QWizard.WizardButton.NextButton).setFocus()

    @Slot()
    def _forget_left(self) -> None:
        self._left = []
        self._again.hide()
        self.chosen.emit()

    @Slot()
    def _on_paste(self) -> None:
        """Take the files, or the lines that are paths, of the clipboard."""
        mime = QGuiApplication.clipboard().mimeData()
        self.add_paths(dropped_paths(mime) or written_paths(mime.text()))

    def isComplete(self) -> bool:
        return bool(self._journey.paths)

    @Slot(list)
    def add_paths(self, paths: Iterable[str]) -> None:
        """Add paths to those chosen; one that is there already is not added twice."""
        for path in paths:
            full = os.path.abspath(path)
            if full not in self._journey.paths:
                self._journey.paths.append(full)
        self.show_paths()
        self.chosen.emit()

    def show_paths(self) -> None:
        """Show what is chosen."""
        self._chosen.clear()
        for path in self._journey.paths[:SHOWN_PATHS]:
            item = QListWidgetItem(foreign_text(path))
            item.setData(PATH, path)
            item.setToolTip(plain_tip(path))
            item.setIcon(theme.icon("folder" if os.path.isdir(path) else "file"))
            self._chosen.addItem(item)
        if len(self._journey.paths) > SHOWN_PATHS:
            more = tr("and {} more").format(count_text(len(self._journey.paths) - SHOWN_PATHS))
            QListWidgetItem(more, self._chosen).setFlags(Qt.ItemFlag.NoItemFlags)
        for found, card in self._cards:
            card.choose(all(path in self._journey.paths for path in found.paths))
        self._chosen_title.setText(tr("Chosen ({})").format(count_text(len(self._journey.paths))))
        self._chosen_title.setVisible(bool(self._journey.paths))
        self._chosen.setVisible(bool(self._journey.paths))
        self._update_remove()
        self.completeChanged.emit()

    @Slot(object)
    def _show_found(self, places: tuple[Sequence[str], Sequence[InstalledTool]]) -> None:
        folders, self._tools = places
        found = [(tool, tool_icon(tool.tool)) for tool in self._tools]
        if folders:
            found.insert(0, (InstalledTool(tr("Beside your models"), tuple(folders)), "library"))
        body = QWidget()
        grid = QGridLayout(body)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(theme.S)
        grid.setVerticalSpacing(theme.S)
        for column in range(CARDS_A_LINE):
            grid.setColumnStretch(column, 1)
        for at, (each, icon) in enumerate(found):
            card = ToolCard(each, icon, body)
            card.choose(all(path in self._journey.paths for path in each.paths))
            card.toggled.connect(partial(self._on_tool_toggled, each.paths))
            grid.addWidget(card, at // CARDS_A_LINE, at % CARDS_A_LINE)
            self._cards.append((each, card))
            self._count(each, card)
        grid.setRowStretch(len(found) // CARDS_A_LINE + 1, 1)
        self._found.setWidget(body)
        for widget in (self._found_title, self._found):
            widget.setVisible(bool(found))
        self._all.setVisible(len(self._tools) > 1)
        whole = body.sizeHint().height() + 2
        self._found.setMinimumHeight(min(whole, self.fontMetrics().height() * 5))
        self._found.setMaximumHeight(whole)

    def _count(self, found: InstalledTool, card: ToolCard) -> None:
        """Count the records of a tool while the user reads; whatever is begun ends with the page."""
        card.show_counting()
        deed = partial(count_records, self._library, found.paths)
        task = self._tasks.run(tr("Counting the records of {}").format(found.tool), deed, is_quiet=True)
        task.succeeded.connect(card.show_count)
        # What can't be counted is told by the look inside, with its reason.
        task.failed.connect(card.show_uncounted)
        task.cancelled.connect(card.show_uncounted)
        self._counting.append(task)

    def leave(self) -> None:
        """Stop counting."""
        for task in self._counting:
            if task.is_running or task.state == TaskState.WAITING:
                task.cancel()
        self._counting.clear()

    def _on_tool_toggled(self, paths: Sequence[str], is_on: bool) -> None:
        chosen = self._journey.paths
        if is_on == all(path in chosen for path in paths):
            return
        for path in paths:
            if is_on and path not in chosen:
                chosen.append(path)
            elif not is_on and path in chosen:
                chosen.remove(path)
        self.show_paths()
        self.chosen.emit()

    @Slot()
    def _on_all(self) -> None:
        # What lies beside the library's own models is of no other tool: who wants that chooses it by itself.
        self.add_paths([path for tool in self._tools for path in tool.paths])

    @Slot()
    def _on_add_folder(self) -> None:
        dialog = QFileDialog(self, tr("Which folder?"))
        dialog.setObjectName("addFolderDialog")
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setOption(QFileDialog.Option.ShowDirsOnly)
        self._open(dialog)

    @Slot()
    def _on_add_files(self) -> None:
        dialog = QFileDialog(self, tr("Which files?"))
        dialog.setObjectName("addFilesDialog")
        dialog.setFileMode(QFileDialog.FileMode.ExistingFiles)
        self._open(dialog)

    def _open(self, dialog: QFileDialog) -> None:
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.filesSelected.connect(self.add_paths)
        dialog.open()

    @Slot()
    def _on_remove(self) -> None:
        for item in self._chosen.selectedItems():
            path = item.data(PATH)
            if path in self._journey.paths:
                self._journey.paths.remove(path)
        self.show_paths()
        self.chosen.emit()

    @Slot()
    def _update_remove(self) -> None:
        self._remove.setEnabled(bool(self._chosen.selectedItems()))
        self._remove.setVisible(bool(self._journey.paths))

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        self._drop.dragEnterEvent(event)

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        self._drop.dragLeaveEvent(event)

    def dropEvent(self, event: QDropEvent) -> None:
        self._drop.dropEvent(event)
