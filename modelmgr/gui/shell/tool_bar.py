"""The tool bar: its place at first, then what of the table of commands stands in it."""

from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, QSize
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMainWindow, QToolBar, QWidget

from modelmgr.gui import theme
from modelmgr.gui.importing import Qt
from modelmgr.gui.sheet import tool_bar_height
from modelmgr.gui.text import plain_tip

if TYPE_CHECKING:
    from modelmgr.gui.search.edit import SearchEdit
    from modelmgr.gui.shell.actions import Actions


def _tr(text: str) -> str:
    return QCoreApplication.translate("Commands", text)


class MainToolBar(QToolBar):
    """The pages, the search, and the two ways of getting more into the library."""

    def __init__(self, window: QMainWindow) -> None:
        super().__init__(_tr("Main"), window)
        self.setObjectName("mainToolBar")
        self.setMovable(False)
        self.setFloatable(False)
        side = theme.grown(16, self.font())
        self.setIconSize(QSize(side, side))
        # As high as it is going to be, so that nothing moves when it is filled.
        self.setMinimumHeight(tool_bar_height(self.font()))

    def fill(self, actions: "Actions", search: "SearchEdit") -> None:
        """Put in what it is for."""
        from PySide6.QtWidgets import QSizePolicy, QToolButton

        self.setContextMenuPolicy(Qt.ContextMenuPolicy.PreventContextMenu)
        self.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.setMinimumHeight(0)
        # A button sets its words close to its icon; the space holds them apart.
        for name, words in (
            ("actionAddFolder", _tr("Add folder")),
            ("actionImportLegacy", _tr("Import")),
            ("actionShowLibrary", _tr("Library")),
            ("actionShowPending", _tr("Pending")),
            ("actionShowOverview", _tr("Overview")),
        ):
            actions.dress([name])
            actions[name].setIconText(f" {words}")
        for name in ("actionShowLibrary", "actionShowPending", "actionShowOverview"):
            self._add_page(actions[name])
        search.setParent(self)
        search.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        actions.dress(["actionShowTable", "actionShowGrid"])
        self._looks: list[QAction] = []
        self._search = self.addWidget(search)
        spacer = QWidget(self)
        spacer.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.addWidget(spacer)
        for name, action in (("tableButton", "actionShowTable"), ("gridButton", "actionShowGrid")):
            button = QToolButton(self)
            button.setObjectName(name)
            button.setDefaultAction(actions[action])
            button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonIconOnly)
            self._looks.append(self.addWidget(button))
        for name, action in (("addButton", "actionAddFolder"), ("importButton", "actionImportLegacy")):
            button = QToolButton(self)
            button.setObjectName(name)
            button.setDefaultAction(actions[action])
            button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
            self.addWidget(button)

        more = self.findChild(QToolButton, "qt_toolbar_ext_button")
        if more is not None:
            # The style's own arrows are black on any ground.
            theme.set_icon(more, "chevron-down")
            more.setToolTip(plain_tip(_tr("More commands")))
            more.setAccessibleName(_tr("More commands"))

    def show_now(self) -> None:
        """Show what was put in before the next turn of the event loop: what isn't seen can't have the keyboard."""
        layout = self.layout()
        if layout is not None and self.isVisible():
            layout.activate()

    def show_search(self, is_shown: bool) -> None:
        """Show the search and the looks of the models, or not: they are those of one page alone."""
        for action in (self._search, *self._looks):
            action.setVisible(is_shown)

    def _add_page(self, action: QAction) -> None:
        self.addAction(action)
        widget = self.widgetForAction(action)
        if widget is not None:
            widget.setProperty("role", "page")
            widget.setFocusPolicy(Qt.FocusPolicy.TabFocus)
