"""What is typed or clicked before the window is whole is not lost: the window is made whole first, then it hears it."""

from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject

if TYPE_CHECKING:
    from modelmgr.gui.shell.frame import Frame

_Type = QEvent.Type
_WANTING = frozenset(
    (
        _Type.ShortcutOverride,
        _Type.KeyPress,
        _Type.InputMethod,
        _Type.MouseButtonPress,
        _Type.MouseButtonDblClick,
        _Type.TouchBegin,
        _Type.DragEnter,
    )
)


class EarlyInput(QObject):
    """Waits at the door of a window, where the system hands over what its user does, as long as it grows."""

    def __init__(self, window: "Frame") -> None:
        super().__init__(window)
        self._window = window
        # Keys come to the widget with the focus, which is the window itself so far.
        window.installEventFilter(self)
        handle = window.windowHandle()
        if handle is not None:
            handle.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        window: Frame | None = getattr(self, "_window", None)
        if window is None:
            return False  # what is left of a window that was closed before it was whole
        if window.is_whole:
            self.deleteLater()
        elif event.type() in _WANTING:
            window.grow_whole()
        return False
