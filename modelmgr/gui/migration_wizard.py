"""The way in for what other tools know: where from, what is there, importing, done.

Nothing is written before the third page, and the files of other tools never. All work runs as tasks; what the
pages learn of each other stands in one `_Journey`.
"""

import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from time import monotonic
from typing import Any
from urllib.parse import unquote_to_bytes

from PySide6.QtCore import (
    QCoreApplication,
    QEvent,
    QIODevice,
    QMimeData,
    QRectF,
    QSaveFile,
    QSize,
    Qt,
    QUrl,
    Signal,
    Slot,
)
from PySide6.QtGui import (
    QCloseEvent,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDropEvent,
    QKeyEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
)
from PySide6.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QFileDialog,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QMessageBox,
    QPlainTextEdit,
    QProgressBar,
    QPushButton,
    QSplitter,
    QStackedWidget,
    QTabWidget,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
    QWizard,
    QWizardPage,
)

from modelmgr import documents
from modelmgr.errors import ModelmgrError, NotFound
from modelmgr.gui import theme
from modelmgr.gui.cells import CheckBox, QuietDelegate, scaled
from modelmgr.gui.jobs_panel import ElidedLabel, Pace, error_text, sentence, show_step
from modelmgr.gui.reasons import DECISIONS, NO_FILE, gather_folders, problem_label, source_label
from modelmgr.gui.tasks import Task, Tasks
from modelmgr.gui.text import VIEW_LIMIT, count_text, counted, foreign_text, plain_tip, type_label
from modelmgr.library import Library
from modelmgr.progress import Progress, Step
from modelmgr.values import (
    MODEL_SUFFIXES,
    ImportReport,
    PendingQuery,
    PendingState,
    Problem,
    PromoteReport,
    Sample,
    ScanReport,
    is_below,
)

SOURCES, PREVIEW, IMPORT, REPORT = range(4)

SHOWN_ITEMS = 1_000
"""So many problems and ignored files are listed; a number says how many there are."""

OFFERED_FOLDERS = 3
_BOX_INDENT = 19
PROMOTED_AT_ONCE = 500

_PATH = Qt.ItemDataRole.UserRole


def _tr(text: str) -> str:
    return QCoreApplication.translate("MigrationWizard", text)


# --- paths ------------------------------------------------------------------------------------------------


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


def scan_targets(paths: Sequence[str], report: ImportReport) -> list[str]:
    """Return those of `paths` that hold model files, by what a preview found."""
    cut = report.model_count > len(report.model_paths)
    targets = []
    for path in paths:
        if os.path.isdir(path):
            if cut or any(is_below(found, path) for found in report.model_paths):
                targets.append(path)
        elif os.path.splitext(path)[1].lower() in MODEL_SUFFIXES:
            targets.append(path)
    return targets


# --- what the pages share ---------------------------------------------------------------------------------


@dataclass(slots=True)
class _Journey:
    """What was chosen, found and done."""

    paths: list[str] = field(default_factory=list)
    preview: ImportReport | None = None
    add_models: bool = False
    promote: bool = False
    folders: list[str] = field(default_factory=list)
    imported: ImportReport | None = None
    scanned: ScanReport | None = None
    promoted: PromoteReport | None = None
    goes_on: bool = False
    error: Exception | None = None


# --- deeds, in workers ------------------------------------------------------------------------------------


def _preview(library: Library, paths: Sequence[str], progress: Progress) -> ImportReport:
    return library.preview(paths, progress=progress)


def _import(
    library: Library, paths: Sequence[str], folders: Sequence[str], progress: Progress
) -> ImportReport:
    """Import `paths`; `folders` become library folders before, so that records may speak of files in them."""
    gone = []
    for folder in folders:
        try:
            library.add_folder(folder)
        except NotFound as error:
            gone.append(Problem(folder, error.code, error.message, kept=True))
    report = library.import_paths(paths, progress=progress)
    report.problems += gone
    return report


def _add_and_promote(
    library: Library, targets: Sequence[str], batch_id: int | None, progress: Progress
) -> tuple[ScanReport | None, PromoteReport | None]:
    """Scan `targets`, then promote what is clear of a batch (None: nothing)."""
    scanned = library.scan(targets, progress=progress) if targets else None
    if batch_id is None or progress.is_cancelled:
        return scanned, None
    return scanned, library.promote(_ready_of(library, batch_id), progress=progress)


def _ready_of(library: Library, batch_id: int) -> list[int]:
    ready = library.catalog.pending_order(PendingQuery(states=(PendingState.PENDING,), problems=("none",)))
    found: list[int] = []
    for start in range(0, len(ready), PROMOTED_AT_ONCE):
        rows = library.catalog.pending_rows(ready[start : start + PROMOTED_AT_ONCE])
        found += [row.id for row in rows if row.batch_id == batch_id]
    return found


def _write_file(path: str, content: bytes) -> None:
    file = QSaveFile(path)
    if (
        not file.open(QIODevice.OpenModeFlag.WriteOnly)
        or file.write(content) != len(content)
        or not file.commit()
    ):
        raise ModelmgrError(f"The report could not be written to {path}: {file.errorString()}.", path=path)


# --- words ------------------------------------------------------------------------------------------------


def preview_sentence(report: ImportReport) -> str:
    """Say in one sentence what a preview found."""
    known = report.imported + report.unchanged
    parts = []
    if known:
        tools = len(report.by_source)
        parts.append(f"{counted(known, 'record')} from {counted(tools, 'source')}")
        if report.unchanged and report.imported:
            parts[0] += f" ({count_text(report.unchanged)} of them known already)"
        elif report.unchanged:
            parts[0] += " (all of them known already)"
    if report.model_count:
        parts.append(counted(report.model_count, "model file"))
    if not parts:
        return "Nothing was found here that the program knows."
    return " and ".join(parts) + "."


def report_lines(journey: _Journey) -> list[str]:
    """Return the sentences of the last page."""
    lines = []
    if journey.imported is not None:
        lines.append(sentence(journey.imported))
    if journey.scanned is not None:
        lines.append(sentence(journey.scanned))
    if journey.promoted is not None:
        lines.append(sentence(journey.promoted))
    return lines


def report_as_text(journey: _Journey) -> str:
    """Return the whole report for a person to keep."""
    lines = ["modelmgr: report of an import", ""]
    lines += [f"  {path}" for path in journey.paths]
    lines += ["", *report_lines(journey)]
    report = journey.imported
    if report is not None:
        lines += [
            "",
            f"{report.seen} seen = {report.imported} imported + {report.unchanged} unchanged"
            f" + {report.ignored} ignored + {report.failed} failed",
            "",
        ]
        for source, counts in sorted(report.by_source.items()):
            lines.append(
                f"  {source}: {counts.get('seen', 0)} seen, {counts.get('imported', 0)} imported,"
                f" {counts.get('unchanged', 0)} unchanged"
            )
    if journey.error is not None:
        lines += ["", error_text(journey.error)]
    for title, found in (
        ("Problems of the import", report),
        ("Problems of the scan", journey.scanned),
        ("What stayed pending", journey.promoted),
    ):
        if found is None or not found.problems:
            continue
        lines += ["", f"{title}:"]
        for problem in found.problems:
            key = f" [{problem.record_key}]" if problem.record_key else ""
            lines.append(f"  {problem.code}: {problem.path}{key}: {problem.message}")
    return "\n".join(lines) + "\n"


def report_as_json(journey: _Journey) -> str:
    """Return the whole report for a program: the documents of the command line, one under each deed."""
    document = {
        "paths": journey.paths,
        "import": documents.imported(journey.imported) if journey.imported is not None else None,
        "scan": documents.scan(journey.scanned) if journey.scanned is not None else None,
        "promote": documents.promoted(journey.promoted) if journey.promoted is not None else None,
        "error": error_text(journey.error) if journey.error is not None else None,
    }
    return json.dumps(document, indent=2) + "\n"


# --- parts ------------------------------------------------------------------------------------------------


def _list(parent: QWidget, name: str, words: str, columns: Sequence[str]) -> QTreeWidget:
    tree = QTreeWidget(parent)
    tree.setObjectName(name)
    tree.setAccessibleName(words)
    tree.setProperty("framed", True)
    tree.setRootIsDecorated(False)
    tree.setUniformRowHeights(True)
    tree.setHeaderLabels(list(columns))
    tree.setTabKeyNavigation(False)
    tree.setItemDelegate(QuietDelegate(tree))
    tree.setCornerWidget(QWidget(tree))
    return tree


def _item(texts: Sequence[str], *, numbers_from: int | None = None) -> QTreeWidgetItem:
    item = QTreeWidgetItem(list(texts))
    for column, text in enumerate(texts):
        item.setToolTip(column, plain_tip(text))
        if numbers_from is not None and column >= numbers_from:
            item.setTextAlignment(column, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
    return item


def _fit_height(tree: QTreeWidget, most: int) -> None:
    """Make a list as high as its lines, up to `most` of them."""
    lines = max(1, min(most, tree.topLevelItemCount()))
    tree.setFixedHeight(tree.header().sizeHint().height() + lines * theme.ROW_HEIGHT + theme.S)


def _note(words: str, parent: QWidget, icon: str = "info") -> QWidget:
    """Return a quiet line with an icon before it."""
    line = QWidget(parent)
    mark = QLabel(line)
    mark.setPixmap(theme.pixmap(icon, 16, theme.colors().secondary, parent.devicePixelRatioF()))
    layout = QHBoxLayout(line)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(theme.S)
    layout.addWidget(mark)
    layout.addWidget(theme.plain_label(words, "secondary", line), 1)
    return line


class _Page(QWizardPage):
    """A page with the wizard's own heading, and what all pages know."""

    def __init__(self, wizard: "MigrationWizard", name: str, title: str, words: str) -> None:
        super().__init__(wizard)
        self._wizard = wizard
        self._journey = wizard.journey
        self.setObjectName(name)
        self.setAccessibleName(title)
        self._words = theme.plain_label(words, "secondary", self)
        self._words.setWordWrap(True)
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(theme.XL, theme.L, theme.XL, theme.S)
        self._layout.setSpacing(theme.M)
        head = QVBoxLayout()
        head.setSpacing(theme.XS)
        head.addWidget(theme.plain_label(title, "pane-title", self))
        head.addWidget(self._words)
        self._layout.addLayout(head)


class _DropArea(QFrame):
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
        words = theme.plain_label(_tr("Drop folders or files here"), parent=self)
        words.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.buttons = QHBoxLayout()
        self.buttons.setSpacing(theme.S)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(theme.L, theme.L, theme.L, theme.L)
        layout.setSpacing(theme.S)
        layout.addStretch(1)
        layout.addWidget(self._icon)
        layout.addWidget(words)
        layout.addLayout(self.buttons)
        layout.addStretch(1)
        self._is_over = False
        self._tint()

    def _tint(self) -> None:
        colors = theme.colors()
        color = colors.accent_on_base if self._is_over else colors.absent
        self._icon.setPixmap(theme.pixmap("download", 32, color, self.devicePixelRatioF()))
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
        if event.type() == QEvent.Type.PaletteChange:
            self._tint()


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


# --- the pages --------------------------------------------------------------------------------------------


class _SourcesPage(_Page):
    """Where from?"""

    def __init__(self, wizard: "MigrationWizard") -> None:
        super().__init__(
            wizard,
            "sourcesPage",
            _tr("Where from?"),
            _tr(
                "Choose folders of other tools, single sidecars, databases or exports. Everything is looked at "
                "first; nothing is written yet."
            ),
        )
        self.setAcceptDrops(True)
        self._drop = _DropArea(self)
        self._drop.setMinimumHeight(self.fontMetrics().height() * 9)
        self._drop.dropped.connect(self.add_paths)
        folder = QPushButton(_tr("Add &folder…"), self._drop)
        folder.setObjectName("addFolderButton")
        folder.clicked.connect(self._on_add_folder)
        files = QPushButton(_tr("Add fi&les…"), self._drop)
        files.setObjectName("addFilesButton")
        files.clicked.connect(self._on_add_files)
        self._drop.buttons.addStretch(1)
        self._drop.buttons.addWidget(folder)
        self._drop.buttons.addWidget(files)
        self._drop.buttons.addStretch(1)
        self._found_title = theme.plain_label(_tr("Found on this computer"), "group", self)
        self._found = QGridLayout()
        self._found.setHorizontalSpacing(theme.S)
        self._found.setVerticalSpacing(theme.XS)
        for column in range(3):
            self._found.setColumnStretch(column, 1)
        self._boxes: dict[str, QCheckBox] = {}
        self._chosen_title = theme.plain_label(_tr("Chosen"), "group", self)
        self._chosen = _PathList(self)
        self._chosen.setObjectName("chosenPaths")
        self._chosen.setAccessibleName(_tr("Chosen folders and files"))
        self._chosen.setProperty("framed", True)
        self._chosen.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self._chosen.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self._chosen.setItemDelegate(QuietDelegate(self._chosen))
        self._chosen.itemSelectionChanged.connect(self._update_remove)
        self._remove = QPushButton(_tr("&Remove"), self)
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
        self._layout.addWidget(_note(_tr("Your files stay where they are."), self))
        self._found_title.hide()

    def initializePage(self) -> None:
        self.show_paths()
        if not self._boxes:
            home = os.path.expanduser("~")
            self._wizard.tasks.ask(partial(found_installs, home), self._show_found, key=(id(self), "found"))

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
            item.setData(_PATH, path)
            item.setToolTip(plain_tip(path))
            item.setIcon(theme.icon("folder" if os.path.isdir(path) else "file"))
            self._chosen.addItem(item)
        for path, box in self._boxes.items():
            box.setChecked(path in self._journey.paths)
        self._chosen_title.setText(_tr("Chosen ({})").format(count_text(len(self._journey.paths))))
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
        dialog = QFileDialog(self, _tr("Which folder?"))
        dialog.setObjectName("addFolderDialog")
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setOption(QFileDialog.Option.ShowDirsOnly)
        self._open(dialog)

    @Slot()
    def _on_add_files(self) -> None:
        dialog = QFileDialog(self, _tr("Which files?"))
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
            path = item.data(_PATH)
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


class _PreviewPage(_Page):
    """What is there? A dry run."""

    def __init__(self, wizard: "MigrationWizard") -> None:
        super().__init__(wizard, "previewPage", _tr("What is there?"), "")
        self.setCommitPage(True)
        self._task: Task | None = None
        self._pace = Pace()
        self._stack = QStackedWidget(self)
        self._stack.addWidget(self._build_progress())
        self._stack.addWidget(self._build_results())
        self._layout.addWidget(self._stack, 1)
        self._layout.addWidget(_note(_tr("Your files stay where they are."), self))

    def _build_progress(self) -> QWidget:
        page = QWidget(self)
        self._bar = QProgressBar(page)
        self._bar.setObjectName("previewProgress")
        self._bar.setTextVisible(False)
        self._bar.setAccessibleName(_tr("Progress of the look"))
        self._counts = theme.plain_label("", parent=page)
        self._current = ElidedLabel(page, mode=Qt.TextElideMode.ElideMiddle)
        theme.set_role(self._current, "secondary")
        self._stop = QPushButton(_tr("&Stop looking"), page)
        self._stop.setObjectName("previewCancelButton")
        self._stop.clicked.connect(self._on_stop)
        layout = QVBoxLayout(page)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme.S)
        layout.addWidget(self._bar)
        layout.addWidget(self._counts)
        layout.addWidget(self._current)
        layout.addSpacing(theme.S)
        layout.addWidget(self._stop, 0, Qt.AlignmentFlag.AlignLeft)
        layout.addStretch(1)
        return page

    def _build_results(self) -> QWidget:
        page = QWidget(self)
        self._table = _list(
            page,
            "previewSources",
            _tr("What was found, by source"),
            [_tr("Source"), _tr("Records"), _tr("New"), _tr("Changed"), _tr("Known"), _tr("Unreadable")],
        )
        header = self._table.header()
        header.setStretchLastSection(False)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        for column in range(1, 6):
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.ResizeToContents)
            self._table.headerItem().setTextAlignment(
                column, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
            )
        self._table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self._samples = _list(
            page,
            "previewSamples",
            _tr("Samples"),
            [_tr("Name"), _tr("Type"), _tr("Base model"), _tr("Says")],
        )
        self._samples.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        for column, width in enumerate((132, 86, 84)):
            self._samples.setColumnWidth(column, scaled(self, width))
        self._samples.currentItemChanged.connect(self._on_sample_changed)
        self._raw = QPlainTextEdit(page)
        self._raw.setObjectName("previewRaw")
        self._raw.setAccessibleName(_tr("The record as it stands in its source"))
        self._raw.setReadOnly(True)
        self._raw.setProperty("framed", True)
        self._raw.setTabChangesFocus(True)
        self._raw.setFont(theme.mono_font(self.font()))
        beside = QSplitter(Qt.Orientation.Horizontal, page)
        beside.setChildrenCollapsible(False)
        beside.setHandleWidth(theme.S)
        beside.setStyleSheet("QSplitter::handle { background: transparent; }")
        beside.addWidget(self._samples)
        beside.addWidget(self._raw)
        beside.setSizes([520, 340])
        beside.setStretchFactor(0, 3)
        beside.setStretchFactor(1, 2)
        self._problems = _list(
            page, "previewProblems", _tr("Problems"), [_tr("What"), _tr("Where"), _tr("More")]
        )
        for column, width in enumerate((200, 260)):
            self._problems.setColumnWidth(column, scaled(self, width))
        self._ignored = _list(page, "previewIgnored", _tr("Ignored files"), [_tr("File")])
        self._models = _list(page, "previewModels", _tr("Model files"), [_tr("File")])
        self._tabs = QTabWidget(page)
        self._tabs.setObjectName("previewTabs")
        self._tabs.setDocumentMode(True)
        self._tabs.tabBar().setDrawBase(False)
        self._pages: list[tuple[QWidget, str]] = [
            (beside, _tr("Samples")),
            (self._models, _tr("Model files")),
            (self._problems, _tr("Problems")),
            (self._ignored, _tr("Ignored")),
        ]
        for widget, title in self._pages:
            holder = QWidget(self._tabs)
            inside = QVBoxLayout(holder)
            inside.setContentsMargins(0, theme.S, 0, 0)
            inside.addWidget(widget)
            self._tabs.addTab(holder, title)
        self._add_models = CheckBox(page)
        self._add_models.setObjectName("addModelsBox")
        self._add_models.toggled.connect(self._on_options_changed)
        self._promote = CheckBox(_tr("Promote what is clear right away"), page)
        self._promote.setObjectName("promoteBox")
        self._promote.setToolTip(
            plain_tip(
                _tr(
                    "Records whose file is found and whose hash fits become part of the library at once. "
                    "Everything else waits for you on the pending page."
                )
            )
        )
        self._promote.toggled.connect(self._on_options_changed)
        self._folders = QVBoxLayout()
        self._folders.setSpacing(theme.XS)
        self._folder_boxes: list[tuple[str, QCheckBox]] = []
        layout = QVBoxLayout(page)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme.S)
        layout.addWidget(self._table)
        layout.addWidget(self._tabs, 1)
        layout.addWidget(self._add_models)
        layout.addLayout(self._folders)
        layout.addWidget(self._promote)
        return page

    def initializePage(self) -> None:
        self._journey.preview = None
        self._pace = Pace()
        self._words.setText(_tr("Reading the records of other tools; nothing is written."))
        self._counts.setText(_tr("Starting"))
        self._current.show_text("")
        self._stop.setEnabled(True)
        show_step(self._bar, None)
        self._stack.setCurrentIndex(0)
        deed = partial(_preview, self._wizard.library, tuple(self._journey.paths))
        self._task = self._wizard.tasks.run(_tr("Looking at what is there"), deed)
        self._task.progressed.connect(self._on_progressed)
        self._task.succeeded.connect(self._on_previewed)
        self._task.failed.connect(self._on_failed)
        self._task.cancelled.connect(self._on_cancelled)
        self.completeChanged.emit()

    def cleanupPage(self) -> None:
        self.leave()

    def leave(self) -> None:
        """Stop looking; what comes late is dropped."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    def isComplete(self) -> bool:
        report = self._journey.preview
        if report is None:
            return False
        return report.seen - report.ignored > 0 or self._journey.add_models

    @Slot(object)
    def _on_progressed(self, step: Step) -> None:
        if self.sender() is not self._task:
            return
        self._pace.add(step, monotonic())
        self._counts.setText(self._pace.words(step))
        self._current.show_text(foreign_text(step.text))
        show_step(self._bar, step)

    @Slot(object)
    def _on_previewed(self, report: ImportReport) -> None:
        if self.sender() is not self._task:
            return
        self._task = None
        if report.cancelled:
            self._wizard.back()
            return
        self._journey.preview = report
        self._show(report)
        self.completeChanged.emit()
        self._wizard.button(QWizard.WizardButton.CommitButton).setFocus()

    @Slot(object)
    def _on_failed(self, error: Exception) -> None:
        if self.sender() is not self._task:
            return
        self._task = None
        self._words.setText(error_text(error))
        self._counts.setText("")
        self._stop.setEnabled(False)

    @Slot()
    def _on_cancelled(self) -> None:
        if self.sender() is self._task:
            self._task = None
            self._wizard.back()

    @Slot()
    def _on_stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            self._stop.setEnabled(False)
            self._counts.setText(_tr("Stopping…"))

    # --- results ----------------------------------------------------------------------------------------

    def _show(self, report: ImportReport) -> None:
        self._words.setText(preview_sentence(report))
        self._table.clear()
        for source, counts in report.by_source.items():
            numbers = [counts.get("seen", 0), counts.get("imported", 0) - counts.get("changed", 0)]
            numbers += [counts.get("changed", 0), counts.get("unchanged", 0), counts.get("failed", 0)]
            texts = [count_text(number) if number else "–" for number in numbers]
            item = _item([source_label(source), *texts], numbers_from=1)
            item.setToolTip(0, plain_tip(source))
            self._table.addTopLevelItem(item)
        for column, key in ((3, "changed"), (5, "failed")):
            any_of = any(counts.get(key, 0) for counts in report.by_source.values())
            self._table.setColumnHidden(column, not any_of)
        self._table.setVisible(bool(report.by_source))
        self._fit_table()
        self._show_samples(report.samples)
        self._show_problems(report.problems)
        _fill(self._ignored, report.ignored_paths)
        _fill(self._models, report.model_paths)
        shown = (len(report.samples), report.model_count, len(report.problems), report.ignored)
        for at, ((_widget, title), count) in enumerate(zip(self._pages, shown, strict=True)):
            self._tabs.setTabText(at, title if not count else f"{title} ({count_text(count)})")
            self._tabs.setTabVisible(at, count > 0)
        self._tabs.setVisible(any(shown))
        self._show_options(report)
        self._stack.setCurrentIndex(1)

    def _fit_table(self) -> None:
        # In a low window the samples need the room more than the sources, which scroll.
        _fit_height(self._table, 5 if self.height() >= scaled(self, 560) else 2)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit_table()

    def _show_samples(self, samples: Sequence[Sample]) -> None:
        self._samples.clear()
        self._raw.clear()
        for sample in samples:
            says = [_tr(label) for key, label in _SAID if sample.fields.get(key)]
            item = _item(
                [
                    foreign_text(str(sample.fields.get("name") or os.path.basename(sample.source_path))),
                    type_label(str(sample.fields.get("type") or "")),
                    foreign_text(str(sample.fields.get("base_model") or "")),
                    ", ".join(says) if sample.problem is None else problem_label(sample.problem),
                ]
            )
            item.setData(0, _PATH, foreign_text(sample.raw_text, VIEW_LIMIT, lines=True))
            item.setToolTip(0, plain_tip(f"{source_label(sample.source)}: {sample.source_path}"))
            self._samples.addTopLevelItem(item)
        first = self._samples.topLevelItem(0)
        if first is not None:
            self._samples.setCurrentItem(first)

    @Slot(QTreeWidgetItem, QTreeWidgetItem)
    def _on_sample_changed(self, item: QTreeWidgetItem | None) -> None:
        self._raw.setPlainText(item.data(0, _PATH) if item is not None else "")

    def _show_problems(self, problems: Sequence[Problem]) -> None:
        self._problems.clear()
        for problem in problems[:SHOWN_ITEMS]:
            where = problem.path + (f" · {problem.record_key}" if problem.record_key else "")
            texts = [problem_label(problem.code), foreign_text(where), foreign_text(problem.message)]
            self._problems.addTopLevelItem(_item(texts))
        if len(problems) > SHOWN_ITEMS:
            more = _tr("and {} more").format(count_text(len(problems) - SHOWN_ITEMS))
            self._problems.addTopLevelItem(_item([more]))

    def _show_options(self, report: ImportReport) -> None:
        words = counted(report.model_count, "model file")
        self._add_models.setText(_tr("Also add the {} found to the library").format(words))
        self._add_models.setVisible(report.model_count > 0)
        self._add_models.setChecked(report.model_count > 0)
        self._promote.setVisible(report.imported > 0)
        while (item := self._folders.takeAt(0)) is not None:
            if (box := item.widget()) is not None:
                box.hide()
                box.deleteLater()
        self._folder_boxes.clear()
        for folder, count in gather_folders(report.outside_folders)[:OFFERED_FOLDERS]:
            verb = _tr("speaks") if count == 1 else _tr("speak")
            words = f"{counted(count, 'record')} {verb} of files in it"
            box = CheckBox(_tr("Add the folder {} ({})").format(foreign_text(folder, 200), words), self)
            box.setObjectName("addOutsideBox")
            box.toggled.connect(self._on_options_changed)
            self._folders.addWidget(box)
            self._folder_boxes.append((folder, box))
        self._on_options_changed()

    @Slot()
    def _on_options_changed(self) -> None:
        report = self._journey.preview
        self._journey.add_models = (
            report is not None and report.model_count > 0 and self._add_models.isChecked()
        )
        self._journey.promote = self._promote.isChecked()
        self._journey.folders = [folder for folder, box in self._folder_boxes if box.isChecked()]
        self.setButtonText(QWizard.WizardButton.CommitButton, self._verb())
        self.completeChanged.emit()

    def _verb(self) -> str:
        report = self._journey.preview
        if report is None or not (report.imported or self._journey.add_models):
            return _tr("&Import")
        if not report.imported:
            return _tr("&Add {}").format(counted(report.model_count, "model file"))
        return _tr("&Import {}").format(counted(report.imported, "record"))


_SAID = (
    ("notes", "notes"),
    ("trigger_words", "trigger words"),
    ("tags", "tags"),
    ("preview", "preview"),
    ("rating", "rating"),
    ("favorite", "favorite"),
    ("license", "license"),
    ("source_url", "page"),
    ("sha256", "hash"),
)


def _fill(tree: QTreeWidget, paths: Sequence[str]) -> None:
    tree.clear()
    for path in paths[:SHOWN_ITEMS]:
        tree.addTopLevelItem(_item([foreign_text(path)]))


class _ImportPage(_Page):
    """Importing: the one page that writes, and only into the catalog."""

    def __init__(self, wizard: "MigrationWizard") -> None:
        super().__init__(wizard, "importPage", _tr("Importing"), "")
        self._task: Task | None = None
        self._pace = Pace()
        self._bar = QProgressBar(self)
        self._bar.setObjectName("importProgress")
        self._bar.setTextVisible(False)
        self._bar.setAccessibleName(_tr("Progress of the import"))
        self._counts = theme.plain_label("", parent=self)
        self._counts.setObjectName("importCounts")
        self._current = ElidedLabel(self, mode=Qt.TextElideMode.ElideMiddle)
        self._current.setObjectName("importCurrent")
        theme.set_role(self._current, "secondary")
        self._later = QPushButton(_tr("Go on in the &background"), self)
        self._later.setObjectName("goOnButton")
        self._later.clicked.connect(self._on_later)
        lines = QVBoxLayout()
        lines.setSpacing(theme.S)
        lines.addWidget(self._bar)
        lines.addWidget(self._counts)
        lines.addWidget(self._current)
        self._layout.addLayout(lines)
        self._layout.addWidget(self._later, 0, Qt.AlignmentFlag.AlignLeft)
        self._layout.addStretch(1)
        self._layout.addWidget(_note(_tr("Your files stay where they are."), self))

    @property
    def is_running(self) -> bool:
        """Whether records or models are being written."""
        return self._task is not None

    @property
    def would_lose(self) -> bool:
        """Whether closing the wizard would cut something off: once the records are in, the rest goes on alone."""
        return self._task is not None and self._journey.imported is None

    def initializePage(self) -> None:
        self._journey.imported = self._journey.scanned = self._journey.promoted = None
        self._journey.error = None
        self._journey.goes_on = False
        self._words.setText(_tr("You can stop at any time; whole records are kept."))
        self._later.hide()
        deed = partial(
            _import, self._wizard.library, tuple(self._journey.paths), tuple(self._journey.folders)
        )
        self._start(_tr("Importing"), deed, self._on_imported)

    def isComplete(self) -> bool:
        return False

    def _start(self, title: str, deed: Callable[[Progress], Any], succeeded: Callable[[Any], None]) -> None:
        self._pace = Pace()
        self._wizard.offer_stop(True)
        self._counts.setText(_tr("Starting"))
        self._current.show_text("")
        show_step(self._bar, None)
        self._task = self._wizard.tasks.run(title, deed)
        self._task.progressed.connect(self._on_progressed)
        self._task.succeeded.connect(succeeded)
        self._task.failed.connect(self._on_failed)
        self._task.cancelled.connect(self._on_cancelled)

    @Slot()
    def stop(self) -> None:
        """Stop what runs; whole records are kept, and the last page says which."""
        if self._task is not None:
            self._task.cancel()
            self._wizard.offer_stop(False)

    @Slot(object)
    def _on_progressed(self, step: Step) -> None:
        if self.sender() is not self._task:
            return
        expected = self._journey.preview
        if step.total is None and expected is not None and self._journey.imported is None:
            # The import counts as it goes; the look has told how many there are.
            step = replace(step, total=max(expected.seen, step.done))
        self._pace.add(step, monotonic())
        self._counts.setText(self._pace.words(step))
        self._current.show_text(foreign_text(step.text))
        show_step(self._bar, step)

    @Slot(object)
    def _on_imported(self, report: ImportReport) -> None:
        if self.sender() is not self._task:
            return
        self._task = None
        self._journey.imported = report
        self._wizard.imported.emit(report)
        targets = self._targets()
        promotes = self._journey.promote and report.batch_id is not None
        if report.cancelled or not (targets or promotes):
            self._wizard.next()
            return
        words = sentence(report) + " "
        self._words.setText(words + _tr("Now the model files are added; this can go on in the background."))
        self._later.show()
        batch_id = report.batch_id if promotes else None
        deed = partial(_add_and_promote, self._wizard.library, tuple(targets), batch_id)
        self._start(_tr("Adding models") if targets else _tr("Promoting"), deed, self._on_added)

    def _targets(self) -> list[str]:
        targets = list(self._journey.folders)
        if self._journey.add_models and self._journey.preview is not None:
            targets += scan_targets(self._journey.paths, self._journey.preview)
        return targets

    @Slot(object)
    def _on_added(self, outcome: tuple[ScanReport | None, PromoteReport | None]) -> None:
        if self.sender() is not self._task:
            return
        self._task = None
        self._journey.scanned, self._journey.promoted = outcome
        self._wizard.next()

    @Slot()
    def _on_later(self) -> None:
        self._task = None
        self._journey.goes_on = True
        self._wizard.next()

    @Slot(object)
    def _on_failed(self, error: Exception) -> None:
        if self.sender() is self._task:
            self._task = None
            self._journey.error = error
            self._wizard.next()

    @Slot()
    def _on_cancelled(self) -> None:
        if self.sender() is self._task:
            self._task = None
            self._wizard.next()


class _Figure(QWidget):
    """A number with its word below."""

    def __init__(self, name: str, word: str, parent: QWidget) -> None:
        super().__init__(parent)
        self._number = theme.plain_label("0", "pane-title", self)
        self._number.setObjectName(name)
        self._number.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        label = theme.plain_label(word, "secondary", self)
        label.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self._word = word
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self._number)
        layout.addWidget(label)

    def show_number(self, number: int) -> None:
        """Show a number."""
        self._number.setText(count_text(number))
        self._number.setAccessibleName(f"{count_text(number)} {self._word}")


class _ReportPage(_Page):
    """Done: totals that add up, and what is left to decide."""

    def __init__(self, wizard: "MigrationWizard") -> None:
        super().__init__(wizard, "reportPage", _tr("Done"), "")
        self.setFinalPage(True)
        self._figures: dict[str, _Figure] = {}
        self._sum = QWidget(self)
        row = QHBoxLayout(self._sum)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(theme.M)
        for name, word, sign in (
            ("seen", _tr("seen"), "="),
            ("imported", _tr("imported"), "+"),
            ("unchanged", _tr("unchanged"), "+"),
            ("ignored", _tr("ignored"), "+"),
            ("failed", _tr("failed"), ""),
        ):
            self._figures[name] = _Figure(f"report{name.title()}", word, self._sum)
            row.addWidget(self._figures[name])
            if sign:
                row.addWidget(theme.plain_label(sign, "pane-title", self._sum), 0, Qt.AlignmentFlag.AlignTop)
        row.addStretch(1)
        self._lines = theme.plain_label("", parent=self)
        self._lines.setObjectName("reportLines")
        self._lines.setWordWrap(True)
        self._decisions = _list(
            self, "reportDecisions", _tr("What waits, and why"), [_tr("What waits"), _tr("Records")]
        )
        self._problems = _list(
            self, "reportProblems", _tr("Problems"), [_tr("What"), _tr("Where"), _tr("More")]
        )
        for column, width in enumerate((200, 260)):
            self._problems.setColumnWidth(column, scaled(self, width))
        header = self._decisions.header()
        header.setStretchLastSection(False)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        header.setSectionResizeMode(1, QHeaderView.ResizeMode.ResizeToContents)
        self._decisions.headerItem().setTextAlignment(
            1, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        )
        self._problems_title = theme.plain_label(_tr("Problems"), "group", self)
        self._layout.addWidget(self._sum)
        self._layout.addWidget(self._lines)
        self._layout.addWidget(self._decisions)
        self._layout.addWidget(self._problems_title)
        self._layout.addWidget(self._problems, 1)
        self._filler = QWidget(self)
        self._layout.addWidget(self._filler, 1)

    def initializePage(self) -> None:
        journey = self._journey
        report = journey.imported
        self._sum.setVisible(report is not None)
        if report is not None:
            for name, figure in self._figures.items():
                figure.show_number(getattr(report, name))
        self._words.setText(self._headline())
        lines = [line for line in report_lines(journey)[1 if report is not None else 0 :] if line]
        if journey.goes_on:
            lines.append(_tr("Model files are still being added; the status bar shows how far it is."))
        self._lines.setText("\n".join(lines))
        self._lines.setVisible(bool(lines))
        self._show_problems()
        self._decisions.clear()
        self._decisions.hide()
        catalog = self._wizard.library.catalog
        self._wizard.tasks.ask(catalog.pending_facets, self._show_waiting, key=(id(self), "waiting"))

    def isComplete(self) -> bool:
        return True

    def _headline(self) -> str:
        journey = self._journey
        if journey.error is not None:
            return _tr("{} What was written before stays; import the same again to add the rest.").format(
                error_text(journey.error)
            )
        if journey.imported is None:
            return _tr("Nothing was imported.")
        words = sentence(journey.imported)
        if journey.imported.cancelled:
            words += " " + _tr("Whole records were kept; import the same again to add the rest.")
        return words

    def _show_problems(self) -> None:
        problems: list[Problem] = []
        for report in (self._journey.imported, self._journey.scanned):
            problems += report.problems if report is not None else []
        self._problems.clear()
        for problem in problems[:SHOWN_ITEMS]:
            where = problem.path + (f" · {problem.record_key}" if problem.record_key else "")
            texts = [problem_label(problem.code), foreign_text(where), foreign_text(problem.message)]
            self._problems.addTopLevelItem(_item(texts))
        self._problems.setVisible(bool(problems))
        self._filler.setVisible(not problems)
        self._problems_title.setVisible(bool(problems))
        self._problems_title.setText(_tr("Problems ({})").format(count_text(len(problems))))

    @Slot(object)
    def _show_waiting(self, facets: Mapping[str, Mapping[str, int]]) -> None:
        waiting = Counter(facets.get("problem", {}))
        ready = waiting.pop("none", 0)
        lines = [(_tr("Ready to promote"), ready)] if ready else []
        order = {problem: at for at, problem in enumerate((*DECISIONS, *NO_FILE))}
        for problem, count in sorted(waiting.items(), key=lambda each: (order.get(each[0], 99), each[0])):
            lines.append((problem_label(problem), count))
        self._decisions.clear()
        for words, count in lines:
            self._decisions.addTopLevelItem(_item([words, count_text(count)], numbers_from=1))
        self._decisions.setVisible(bool(lines))
        _fit_height(self._decisions, 7)
        total = ready + sum(waiting.values())
        self._wizard.offer_review(total)


# --- the wizard -------------------------------------------------------------------------------------------


class _Steps(QWidget):
    """The four questions at the side, the present one in plain text, the others quiet."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._labels = []
        layout = QVBoxLayout(self)
        layout.setContentsMargins(theme.M, theme.L + theme.XS, theme.L, theme.L)
        layout.setSpacing(theme.M)
        for words in (_tr("Where from"), _tr("What is there"), _tr("Importing"), _tr("Done")):
            label = theme.plain_label(words, "secondary", self)
            self._labels.append(label)
            layout.addWidget(label)
        layout.addStretch(1)
        self.setFixedWidth(self.fontMetrics().averageCharWidth() * 15 + theme.XL)

    def show_step(self, page: int) -> None:
        """Mark the question that is being answered."""
        for at, label in enumerate(self._labels):
            label.setProperty("role", None if at == page else "secondary")
            font = label.font()
            font.setBold(at == page)
            label.setFont(font)
            label.style().unpolish(label)
            label.style().polish(label)


class MigrationWizard(QWizard):
    """Brings in what other tools know. Opens at the sources, or at the preview of `paths`.

    Signals:
        imported(ImportReport): the import is over, whole or stopped; more may follow (model files, promotion).
        review_requested(): the user wants to see what waits.
    """

    imported = Signal(object)
    review_requested = Signal()

    def __init__(
        self, library: Library, tasks: Tasks, paths: Sequence[str] = (), parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.library = library
        self.tasks = tasks
        self.journey = _Journey()
        self._closes_after = False
        self.setObjectName("migrationWizard")
        self.setWindowTitle(self.tr("Import from other tools"))
        self.setWizardStyle(QWizard.WizardStyle.ClassicStyle)
        self.setTitleFormat(Qt.TextFormat.PlainText)
        self.setSubTitleFormat(Qt.TextFormat.PlainText)
        self.setOption(QWizard.WizardOption.NoBackButtonOnStartPage)
        self.setOption(QWizard.WizardOption.NoBackButtonOnLastPage)
        self.setOption(QWizard.WizardOption.NoCancelButtonOnLastPage)
        self.setOption(QWizard.WizardOption.HaveCustomButton1)
        self.setOption(QWizard.WizardOption.HaveCustomButton2)
        self.setOption(QWizard.WizardOption.HaveCustomButton3)
        if parent is None:
            self.setStyleSheet(theme.style_sheet(self.palette(), self.font()))
        self._steps = _Steps(self)
        self.setSideWidget(self._steps)
        self._sources = _SourcesPage(self)
        self._previewed = _PreviewPage(self)
        self._importing = _ImportPage(self)
        self._report = _ReportPage(self)
        for at, page in enumerate((self._sources, self._previewed, self._importing, self._report)):
            self.setPage(at, page)
        self._name_buttons()
        self.currentIdChanged.connect(self._on_page_changed)
        room = self.screen().availableSize()
        self.resize(QSize(scaled(self, 1000), scaled(self, 720)).boundedTo(room))
        if paths:
            self.set_paths(paths)

    def _name_buttons(self) -> None:
        kind = QWizard.WizardButton
        for which, name, words in (
            (kind.BackButton, "backButton", self.tr("&Back")),
            (kind.NextButton, "nextButton", self.tr("&Look inside")),
            (kind.CommitButton, "commitButton", self.tr("&Import")),
            (kind.FinishButton, "finishButton", self.tr("&Close")),
            (kind.CancelButton, "cancelButton", self.tr("Cancel")),
            (kind.CustomButton1, "saveReportButton", self.tr("&Save report…")),
            (kind.CustomButton2, "reviewPendingButton", self.tr("&Review pending")),
            (kind.CustomButton3, "importCancelButton", self.tr("&Stop")),
        ):
            self.setButtonText(which, words)
            self.button(which).setObjectName(name)
        for which in (kind.NextButton, kind.CommitButton, kind.CustomButton2):
            button = self.button(which)
            button.setProperty("primary", True)
            # QWizard has had them polished already, before they had the property.
            button.style().unpolish(button)
            button.style().polish(button)
        self.button(kind.CustomButton1).clicked.connect(self._on_save_report)
        self.button(kind.CustomButton2).clicked.connect(self._on_review)
        self.button(kind.CustomButton3).clicked.connect(self._importing.stop)

    # --- what others call -------------------------------------------------------------------------------

    @property
    def is_importing(self) -> bool:
        """Whether records or models are being written right now."""
        return self._importing.is_running

    def set_paths(self, paths: Sequence[str]) -> None:
        """Begin anew with these paths, at their preview; ignored while an import is running."""
        if self.is_importing:
            return
        self._previewed.leave()
        self.journey.paths[:] = dict.fromkeys(os.path.abspath(path) for path in paths)
        self.restart()
        if self.journey.paths:
            self.next()

    def offer_review(self, waiting: int) -> None:
        """Put the number of waiting records on the button that leads to them."""
        button = self.button(QWizard.WizardButton.CustomButton2)
        words = self.tr("&Review {}").format(counted(waiting, "pending record"))
        self.setButtonText(
            QWizard.WizardButton.CustomButton2, words if waiting else self.tr("&Review pending")
        )
        button.setEnabled(waiting > 0)

    def offer_stop(self, is_possible: bool) -> None:
        """Let the button say whether the import can be stopped, or is being stopped."""
        self.setButtonText(
            QWizard.WizardButton.CustomButton3, self.tr("&Stop") if is_possible else self.tr("Stopping…")
        )
        self.button(QWizard.WizardButton.CustomButton3).setEnabled(is_possible)

    # --- pages ------------------------------------------------------------------------------------------

    @Slot(int)
    def _on_page_changed(self, page: int) -> None:
        kind = QWizard.WizardButton
        layout = [kind.BackButton, kind.Stretch, kind.CancelButton, kind.NextButton, kind.CommitButton]
        if page == IMPORT:
            layout = [kind.Stretch, kind.CustomButton3]
        elif page == REPORT:
            layout = [kind.CustomButton1, kind.Stretch, kind.FinishButton, kind.CustomButton2]
        self.setButtonLayout(layout)
        self._steps.show_step(page)
        if page == REPORT:
            self.button(kind.FinishButton).setFocus()
        if page == REPORT and self._closes_after:
            self._closes_after = False
            super().reject()

    @Slot()
    def _on_review(self) -> None:
        self.review_requested.emit()
        self.accept()

    @Slot()
    def _on_save_report(self) -> None:
        dialog = QFileDialog(self, self.tr("Save the report"))
        dialog.setObjectName("saveReportDialog")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setNameFilters([self.tr("Text (*.txt)"), self.tr("JSON (*.json)")])
        dialog.setDefaultSuffix("txt")
        dialog.selectFile("import-report.txt")
        dialog.filterSelected.connect(partial(_follow_filter, dialog))
        dialog.fileSelected.connect(self._save_report)
        dialog.open()

    @Slot(str)
    def _save_report(self, path: str) -> None:
        as_json = path.lower().endswith(".json")
        text = report_as_json(self.journey) if as_json else report_as_text(self.journey)
        # Paths may hold bytes that are no UTF-8; a report should say which.
        content = text.encode("utf-8", "backslashreplace")
        self.tasks.change(partial(_write_file, path, content))

    # --- closing ----------------------------------------------------------------------------------------

    def reject(self) -> None:
        if not self._importing.would_lose:
            self._previewed.leave()
            super().reject()
            return
        box = QMessageBox(self)
        box.setObjectName("stopImportQuestion")
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.setTextFormat(Qt.TextFormat.PlainText)
        box.setIcon(QMessageBox.Icon.Question)
        box.setWindowTitle(self.tr("Importing"))
        box.setText(self.tr("Stop the import?"))
        box.setInformativeText(
            self.tr("Whole records that are in already are kept. Import the same again to add the rest.")
        )
        stop = box.addButton(self.tr("Stop and close"), QMessageBox.ButtonRole.AcceptRole)
        stop.setObjectName("confirmStopButton")
        go_on = box.addButton(self.tr("Go on"), QMessageBox.ButtonRole.RejectRole)
        box.setDefaultButton(go_on)
        box.accepted.connect(self._on_stop_confirmed)
        box.open()

    @Slot()
    def _on_stop_confirmed(self) -> None:
        if not self._importing.would_lose:
            super().reject()
            return
        self._closes_after = True
        self._importing.stop()

    def closeEvent(self, event: QCloseEvent) -> None:
        if self._importing.would_lose:
            event.ignore()
            self.reject()
            return
        super().closeEvent(event)


def _follow_filter(dialog: QFileDialog, chosen: str) -> None:
    """Let the ending of the file follow the kind that was chosen."""
    suffix = "json" if "json" in chosen.lower() else "txt"
    dialog.setDefaultSuffix(suffix)
    dialog.selectFile(f"import-report.{suffix}")
