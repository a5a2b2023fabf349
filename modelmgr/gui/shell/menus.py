"""The menu bar and the tool bar, made of the table of commands."""

from collections.abc import Callable, Mapping

from PySide6.QtCore import QCoreApplication, QSize, Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMainWindow, QMenu, QMenuBar, QSizePolicy, QToolBar, QToolButton, QWidget

from modelmgr.gui import theme
from modelmgr.gui.search.edit import SearchEdit
from modelmgr.gui.shell.actions import Actions, Menu, Submenu


def _tr(text: str) -> str:
    return QCoreApplication.translate("Commands", text)


def fill_menu_bar(bar: QMenuBar, actions: Actions, submenus: Mapping[str, Callable[[], QMenu]]) -> None:
    """Fill the menu bar; `submenus` make what stands at the places that the table leaves for them."""
    for menu in actions.menus:
        _fill(bar.addMenu(menu.title), menu, actions, submenus)


def _fill(made: QMenu, menu: Menu, actions: Actions, submenus: Mapping[str, Callable[[], QMenu]]) -> None:
    made.setToolTipsVisible(False)
    for entry in menu.entries:
        if entry is None:
            made.addSeparator()
        elif isinstance(entry, Menu):
            within = made.addMenu(entry.title)
            _fill(within, entry, actions, submenus)
            actions.let_need(entry, within.menuAction())
        elif isinstance(entry, Submenu):
            made.addMenu(submenus[entry.name]())
        else:
            made.addAction(actions[entry if isinstance(entry, str) else entry.name])


class MainToolBar(QToolBar):
    """The pages, the search, and the two ways of getting more into the library."""

    def __init__(self, actions: Actions, search: SearchEdit, window: QMainWindow) -> None:
        super().__init__(_tr("Main"), window)
        self.setObjectName("mainToolBar")
        self.setMovable(False)
        self.setFloatable(False)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.PreventContextMenu)
        side = theme.grown(16, self.font())
        self.setIconSize(QSize(side, side))
        self.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
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
