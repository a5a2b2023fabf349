"""Files and folders that are dragged over the window: what letting go would do is shown before it is done."""

from collections.abc import Callable, Sequence

from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QWidget

from modelmgr.gui.states import DropHint


class Drops(QObject):
    """Takes the drag events of a window.

    Args:
        taken: is called with the paths that were let go.
    """

    def __init__(self, window: QWidget, taken: Callable[[Sequence[str]], None]) -> None:
        super().__init__(window)
        self._hint = DropHint(window)
        self._taken = taken

    def enter(self, event: QDragEnterEvent) -> None:
        """Take or refuse what is dragged into the window."""
        paths = _paths(event)
        # What is dragged out of this window is in the library already.
        if paths and event.source() is None:
            # Never a move: a file manager would delete what it thinks was taken.
            event.setDropAction(Qt.DropAction.CopyAction)
            event.accept()
            self._hint.show_for(len(paths))
        else:
            event.ignore()

    def leave(self) -> None:
        """Forget what was dragged."""
        self._hint.hide()

    def drop(self, event: QDropEvent) -> None:
        """Take what was let go."""
        self._hint.hide()
        paths = _paths(event)
        if paths:
            event.setDropAction(Qt.DropAction.CopyAction)
            event.accept()
            self._taken(paths)

    def fit(self, window: QWidget) -> None:
        """Cover the window again after it has another size."""
        if self._hint.isVisible():
            self._hint.setGeometry(window.rect())


def _paths(event: QDropEvent) -> Sequence[str]:
    from modelmgr.gui.wizard.drop_area import dropped_paths

    return dropped_paths(event.mimeData())
