"""Where from? The first page: what is dropped or named, and the tools found on this computer."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QDragEnterEvent, QDragLeaveEvent, QDropEvent, QKeyEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QVBoxLayout,
    QWizard,
)

from modelmgr.gui import theme
from modelmgr.gui.cells import CheckBox, QuietDelegate
from modelmgr.gui.jobs_panel import ElidedLabel
from modelmgr.gui.tasks import Tasks
from modelmgr.gui.text import count_text, foreign_text, plain_tip
from modelmgr.gui.wizard.drop_area import DropArea
from modelmgr.gui.wizard.journey import Journey
from modelmgr.gui.wizard.parts import PATH, Page, make_note, tr
from modelmgr.library import Library

_BOX_INDENT = 19


@dataclass(frozen=True, slots=True)
class FoundInstall:
    """Another tool's folder at one of its usual places."""

    tool: str
    path: str


_USUAL_PLACES = (
    ("ComfyUI", ("ComfyUI", "comfyui", "Documents/ComfyUI", "ComfyUI_windows_portable/ComfyUI")),
    ("A1111", ("stable-diffusion-webui", "automatic1111/stable-diffusion-webui")),
    ("Forge", ("stable-diffusion-webui-forge", "webui_forge_cu121_torch231/webui", "forge")),
    ("SD.Next", ("sdnext", "SD.Next", "automatic")),
    ("InvokeAI", ("invokeai", "InvokeAI")),
    ("Stability Matrix", ("StabilityMatrix", "AppData/Roaming/StabilityMatrix", "Documents/StabilityMatrix")),
    (
        "LoRA Manager",
        (
            ".config/ComfyUI-LoRA-Manager",
            "Library/Application Support/ComfyUI-LoRA-Manager",
            "AppData/Local/ComfyUI-LoRA-Manager",
        ),
    ),
    ("SwarmUI", ("SwarmUI", "StableSwarmUI")),
    ("Ollama", (".ollama/models",)),
    ("LM Studio", (".lmstudio/models", ".cache/lm-studio/models")),
    ("Jan", (".local/share/Jan/data", "AppData/Roaming/Jan/data", "Library/Application Support/Jan/data")),
    ("Hugging Face cache", (".cache/huggingface/hub",)),
)


def found_installs(home: str) -> list[FoundInstall]:
    """Return the tools that have a folder at a usual place below `home`; nothing is opened. For a worker."""
    found = []
    seen: set[tuple[int, int]] = set()
    for tool, places in _USUAL_PLACES:
        for place in places:
            path = os.path.join(home, *place.split("/"))
            try:
                facts = os.stat(path)
            except OSError:
                continue
            if os.path.isdir(path) and (facts.st_dev, facts.st_ino) not in seen:
                seen.add((facts.st_dev, facts.st_ino))
                found.append(FoundInstall(tool, path))
    return found


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


class SourcesPage(Page):
    """Where from?"""

    def __init__(self, wizard: QWizard, library: Library, tasks: Tasks, journey: Journey) -> None:
        super().__init__(
            wizard,
            library,
            tasks,
            journey,
            "sourcesPage",
            tr("Where from?"),
            tr(
                "Choose folders of other tools, single sidecars, databases or exports. Everything is looked at "
                "first; nothing is written yet."
            ),
        )
        self.setAcceptDrops(True)
        self._drop = DropArea(self)
        self._drop.setMinimumHeight(self.fontMetrics().height() * 9)
        self._drop.dropped.connect(self.add_paths)
        folder = QPushButton(tr("Add &folder…"), self._drop)
        folder.setObjectName("addFolderButton")
        folder.clicked.connect(self._on_add_folder)
        files = QPushButton(tr("Add fi&les…"), self._drop)
        files.setObjectName("addFilesButton")
        files.clicked.connect(self._on_add_files)
        self._drop.buttons.addStretch(1)
        self._drop.buttons.addWidget(folder)
        self._drop.buttons.addWidget(files)
        self._drop.buttons.addStretch(1)
        self._found_title = theme.plain_label(tr("Found on this computer"), "group", self)
        self._found = QGridLayout()
        self._found.setHorizontalSpacing(theme.S)
        self._found.setVerticalSpacing(theme.XS)
        for column in range(3):
            self._found.setColumnStretch(column, 1)
        self._boxes: dict[str, QCheckBox] = {}
        self._chosen_title = theme.plain_label(tr("Chosen"), "group", self)
        self._chosen = _PathList(self)
        self._chosen.setObjectName("chosenPaths")
        self._chosen.setAccessibleName(tr("Chosen folders and files"))
        self._chosen.setProperty("framed", True)
        self._chosen.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self._chosen.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self._chosen.setItemDelegate(QuietDelegate(self._chosen))
        self._chosen.itemSelectionChanged.connect(self._update_remove)
        self._remove = QPushButton(tr("&Remove"), self)
        self._remove.setObjectName("removePathButton")
        self._remove.clicked.connect(self._on_remove)
        self._chosen.remove_wanted.connect(self._on_remove)
        head = QHBoxLayout()
        head.addWidget(self._chosen_title, 1)
        head.addWidget(self._remove)
        self._layout.addWidget(self._drop, 2)
        self._layout.addWidget(self._found_title)
        self._layout.addLayout(self._found)
        self._layout.addLayout(head)
        self._layout.addWidget(self._chosen, 3)
        self._layout.addWidget(make_note(tr("Your files stay where they are."), self))
        self._found_title.hide()

    def initializePage(self) -> None:
        self.show_paths()
        if not self._boxes:
            home = os.path.expanduser("~")
            self._tasks.ask(partial(found_installs, home), self._show_found, key=(id(self), "found"))

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

    def show_paths(self) -> None:
        """Show what is chosen."""
        self._chosen.clear()
        for path in self._journey.paths:
            item = QListWidgetItem(foreign_text(path))
            item.setData(PATH, path)
            item.setToolTip(plain_tip(path))
            item.setIcon(theme.icon("folder" if os.path.isdir(path) else "file"))
            self._chosen.addItem(item)
        for path, box in self._boxes.items():
            box.setChecked(path in self._journey.paths)
        self._chosen_title.setText(tr("Chosen ({})").format(count_text(len(self._journey.paths))))
        self._chosen_title.setVisible(bool(self._journey.paths))
        self._chosen.setVisible(bool(self._journey.paths))
        self._update_remove()
        self.completeChanged.emit()

    @Slot(object)
    def _show_found(self, found: Sequence[FoundInstall]) -> None:
        for at, each in enumerate(found):
            box = CheckBox(each.tool, self)
            box.setObjectName("foundInstall")
            box.setProperty("path", each.path)
            box.setChecked(each.path in self._journey.paths)
            box.setToolTip(plain_tip(each.path))
            box.setAccessibleDescription(foreign_text(each.path))
            box.toggled.connect(partial(self._on_install_toggled, each.path))
            place = ElidedLabel(self, mode=Qt.TextElideMode.ElideMiddle)
            theme.set_role(place, "secondary")
            place.show_text(foreign_text(each.path))
            card = QVBoxLayout()
            card.setSpacing(0)
            card.addWidget(box)
            place.setIndent(_BOX_INDENT)
            card.addWidget(place)
            self._found.addLayout(card, at // 3, at % 3)
            self._boxes[each.path] = box
        self._found_title.setVisible(bool(found))

    def _on_install_toggled(self, path: str, is_on: bool) -> None:
        if is_on == (path in self._journey.paths):
            return
        if is_on:
            self._journey.paths.append(path)
        else:
            self._journey.paths.remove(path)
        self.show_paths()

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
