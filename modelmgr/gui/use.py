"""What one does with models elsewhere: open their folder, copy what other programs ask for, drag their files out.

Nothing here changes a file. Everything works on the selection, whichever view shows it.
"""

import os
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path

from PySide6.QtCore import QMimeData, QObject, Qt, QUrl, Signal, Slot
from PySide6.QtGui import QDesktopServices, QDrag, QGuiApplication
from PySide6.QtWidgets import QWidget

from modelmgr.catalog import Catalog
from modelmgr.gui import theme
from modelmgr.gui.language import Forms
from modelmgr.gui.outcomes import full_sentence
from modelmgr.gui.table.model import LibraryModel
from modelmgr.gui.table.selection import Selection
from modelmgr.gui.tasks import Tasks
from modelmgr.gui.text import count_text, numbered
from modelmgr.values import FileState, ModelRow

COPY_LIMIT = 10_000
DRAG_LIMIT = 500
_PROMPT_WORDS = {"lora": "lora", "hypernetwork": "hypernet"}
_DRAG_ICON_PX = 32


def path_of(row: ModelRow) -> str:
    """Return the path of a model's file."""
    return row.path or ""


def hash_of(row: ModelRow) -> str:
    """Return a model's SHA-256."""
    return row.sha256 or ""


def trigger_words_of(row: ModelRow) -> str:
    """Return a model's trigger words as one writes them into a prompt."""
    return ", ".join(row.trigger_words)


def prompt_tag_of(row: ModelRow, weight: int) -> str:
    """Return how a prompt names a model: ``<lora:stem:0.8>``; nothing for types that prompts don't name."""
    stem = os.path.splitext(row.file_name or "")[0]
    if not stem:
        return ""
    if row.type == "embedding":
        return stem
    word = _PROMPT_WORDS.get(row.type)
    return f"<{word}:{stem}:{weight / 100:g}>" if word else ""


def put_on_clipboard(text: str) -> None:
    """Put text on the clipboard; a lone surrogate of a path that is no UTF-8 has no place there."""
    QGuiApplication.clipboard().setText(text.encode("utf-8", "replace").decode("utf-8"))


def files_to_drag(catalog: Catalog, ids: Sequence[int]) -> list[str]:
    """Return the paths of these models' files that exist; asks the disk, so in a worker."""
    rows = catalog.rows(ids)
    paths = (row.path for row in rows if row.path and row.file_state == FileState.PRESENT)
    return [path for path in paths if os.path.exists(path)]


def mime_of(paths: Iterable[str]) -> QMimeData:
    """Return files as other programs take them: addresses, and their paths as text."""
    mime = QMimeData()
    found = list(paths)
    # Through bytes: a path that is no UTF-8 is one for other programs too.
    mime.setUrls([QUrl.fromEncoded(Path(path).as_uri().encode("ascii")) for path in found])
    mime.setText("\n".join(found).encode("utf-8", "replace").decode("utf-8"))
    return mime


class Uses(QObject):
    """The deeds on the selected models that lead out of the window.

    Signals:
        message(str): what was done, or why nothing was.

    Attributes:
        weight: of prompt tags, in hundredths.
    """

    message = Signal(str)

    def __init__(
        self,
        catalog: Catalog,
        tasks: Tasks,
        model: LibraryModel,
        selection: Selection,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.weight = 80
        self._catalog = catalog
        self._tasks = tasks
        self._model = model
        self._selection = selection

    @Slot()
    def open_folder(self) -> None:
        """Open the folder of the model that is shown."""
        row = self._selection.model()
        if row is not None and row.folder:
            QDesktopServices.openUrl(QUrl.fromLocalFile(row.folder))

    @Slot()
    def copy_paths(self) -> None:
        """Copy the paths of the selected models, a line each."""
        self.copy(
            path_of,
            Forms("Copied %n path", "Copied %n paths"),
            self.tr("Nothing was copied: there is no path"),
        )

    @Slot()
    def copy_hashes(self) -> None:
        """Copy their SHA-256, a line each."""
        self.copy(
            hash_of,
            Forms("Copied %n hash", "Copied %n hashes"),
            self.tr("Nothing was copied: there is no hash"),
        )

    @Slot()
    def copy_trigger_words(self) -> None:
        """Copy their trigger words, a line each."""
        self.copy(
            trigger_words_of,
            Forms("Copied %n line", "Copied %n lines"),
            self.tr("Nothing was copied: there is no trigger word"),
        )

    @Slot()
    def copy_prompt_tags(self) -> None:
        """Copy what a prompt names them by, a line each."""
        self.copy(
            partial(prompt_tag_of, weight=self.weight),
            Forms("Copied %n prompt tag", "Copied %n prompt tags"),
            self.tr("Nothing was copied: there is no prompt tag"),
        )

    def copy(self, text_of: Callable[[ModelRow], str], copied: Forms, none: str) -> None:
        """Copy a line for each selected model (the first ten thousand) of which there is something to say."""
        ids = self._selection.ids(COPY_LIMIT)
        if ids:
            self._model.ask_rows(ids, partial(self._put, text_of, copied, none))

    def _put(
        self, text_of: Callable[[ModelRow], str], copied: Forms, none: str, rows: Sequence[ModelRow]
    ) -> None:
        lines = [line for line in map(text_of, rows) if line]
        if not lines:
            self.message.emit(full_sentence(none))
            return
        put_on_clipboard("\n".join(lines))
        selected = self._selection.count()
        words = numbered(len(lines), copied)
        if len(lines) < selected:
            words = self.tr("{} of {} models").format(words, count_text(selected))
        self.message.emit(full_sentence(words))

    def drag(self, source: QWidget) -> None:
        """Let the user drag the files of the selected models out of `source`; only those that exist."""
        ids = self._selection.ids(DRAG_LIMIT)
        if ids:
            self._tasks.ask(
                partial(files_to_drag, self._catalog, ids),
                partial(self._drag, source),
                key=(id(self), "drag"),
            )

    def _drag(self, source: QWidget, paths: list[str]) -> None:
        if not QGuiApplication.mouseButtons() & Qt.MouseButton.LeftButton:
            return
        if not paths:
            self.message.emit(self.tr("There is no file to drag: it is missing or offline."))
            return
        drag = QDrag(source)
        drag.setMimeData(mime_of(paths))
        name = "file" if len(paths) == 1 else "library"
        drag.setPixmap(theme.pixmap(name, _DRAG_ICON_PX, theme.colors().text, source.devicePixelRatioF()))
        # A copy, never a move: a file manager would delete what it thinks was taken.
        drag.exec(Qt.DropAction.CopyAction)
