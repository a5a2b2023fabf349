"""All commands of the window as one table: menus, tool bar, palette and the list of shortcuts are made of it.

A new command is one line in `menus`, and one `Actions.on` that says what it does.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from PySide6.QtCore import QCoreApplication, QPoint, Qt
from PySide6.QtGui import QAction, QActionGroup, QKeySequence
from PySide6.QtWidgets import QAbstractScrollArea, QMenu, QWidget

from modelmgr.gui import theme
from modelmgr.gui.pending.bar import deed_words
from modelmgr.gui.shell.entries import Entry, keys_text
from modelmgr.gui.shell.menus import menu_titles
from modelmgr.gui.text import plain_tip

Keys = str | QKeySequence.StandardKey

SELECTION, ABSENT, LIBRARY, RECORDS = "selection", "absent", "library", "records"
"""What a command may need: selected models; one selected model whose file is gone; the library page in front; records
that are selected on the pending page, which switches these commands itself."""
_OF_LIBRARY = (SELECTION, ABSENT)
"""What counts only while the library page is in front: elsewhere nobody sees which models are selected."""


class Command(NamedTuple):
    """One thing that the user can have done.

    Attributes:
        name: the object name of its action.
        text: what menus say, with a mnemonic and an ellipsis if it asks for more.
        keys: its shortcut.
        icon: a name of the icon set.
        tip: more words, for tool tip and status bar.
        needs: one of `SELECTION`, `ABSENT`, `LIBRARY`, `RECORDS`; without it the command is off.
        checkable: it is on or off.
        group: of all commands of a group exactly one is on.
        in_table: its keys count while rows have the focus alone; in a text field they mean text.
        off: why it is off, where that isn't said by what it `needs`.
    """

    name: str
    text: str
    keys: Keys = ""
    icon: str = ""
    tip: str = ""
    needs: str = ""
    checkable: bool = False
    group: str = ""
    in_table: bool = False
    off: str = ""


class Submenu(NamedTuple):
    """A place in a menu for one that a page makes.

    Attributes:
        name: what `menus.build` is given the menu by.
        icon: a name of the icon set.
        needs: as of a `Command`.
    """

    name: str
    icon: str
    needs: str = ""


class Menu(NamedTuple):
    """One menu of the bar, or one within another.

    None is a line between entries, a bare name is a command that has its place in another menu.
    """

    title: str
    entries: "tuple[Command | Submenu | Menu | str | None, ...]"
    icon: str = ""


def _tr(text: str) -> str:
    return QCoreApplication.translate("Commands", text)


_RATING_ICON = "star"


def menus() -> tuple[Menu, ...]:
    """Return every command, at its place in the menus."""
    titles = menu_titles()
    return (
        Menu(
            titles[0],
            (
                Command(
                    "actionAddFolder", _tr("&Add folder…"), "Ctrl+O", "folder-plus",
                    _tr("Add a folder of models to the library"),
                ),
                Command(
                    "actionImportLegacy", _tr("&Import from other tools…"), "Ctrl+I", "download",
                    _tr("Bring in notes, trigger words and previews from other tools"),
                ),
                Submenu("recent", "history"),
                None,
                Command(
                    "actionScan", _tr("&Scan folders"), "F5", "refresh-cw",
                    _tr("Look through all library folders for what is new or gone"),
                ),
                Command(
                    "actionMoveFolder", _tr("A folder is else&where now…"), icon="folder-input",
                    tip=_tr("Say where a library folder is now, and keep all that is known of its models"),
                ),
                None,
                Command("actionSettings", _tr("Se&ttings…"), "Ctrl+,", "settings"),
                None,
                Command("actionQuit", _tr("&Quit"), "Ctrl+Q", "log-out"),
            ),
        ),
        Menu(
            titles[1],
            (
                Command(
                    "actionUndo", _tr("&Undo"), QKeySequence.StandardKey.Undo, "undo-2",
                    off=_tr("There is nothing to undo"),
                ),
                Command(
                    "actionRedo", _tr("&Redo"), QKeySequence.StandardKey.Redo, "redo-2",
                    off=_tr("There is nothing to redo"),
                ),
                None,
                Command("actionFind", _tr("&Find"), QKeySequence.StandardKey.Find, "search"),
                None,
                Command(
                    "actionCopy", _tr("&Copy"), QKeySequence.StandardKey.Copy, "copy",
                    needs=SELECTION, in_table=True,
                ),
                Command("actionCopyPath", _tr("Copy &path"), "Ctrl+Alt+C", "file-symlink", needs=SELECTION),
                Command(
                    "actionCopyTriggerWords", _tr("Copy &trigger words"), "Ctrl+Shift+C", "quote", needs=SELECTION
                ),
                Command(
                    "actionCopyPromptTag", _tr("Copy as prompt ta&g"), "Ctrl+Shift+T", "tag",
                    _tr("Copy what a prompt names the models by, <lora:name:0.8>"), needs=SELECTION,
                ),
                Command("actionCopyHash", _tr("Copy SHA-&256"), "Ctrl+Alt+H", "hash", needs=SELECTION),
            ),
        ),
        Menu(
            titles[2],
            (
                Command("actionRename", _tr("&Rename"), "F2", "pencil", needs=SELECTION, in_table=True),
                Command("actionFavorite", _tr("&Favourite"), "Ctrl+D", "star", needs=SELECTION),
                Menu(
                    _tr("R&ating"),
                    tuple(
                        Command(f"actionRate{stars}", words, str(stars), needs=SELECTION, in_table=True)
                        for stars, words in enumerate(
                            (
                                _tr("&No stars"),
                                _tr("&1 star"),
                                _tr("&2 stars"),
                                _tr("&3 stars"),
                                _tr("&4 stars"),
                                _tr("&5 stars"),
                            )
                        )
                    ),
                    _RATING_ICON,
                ),
                None,
                Command(
                    "actionCorrect", _tr("Correct type and &base model"), "Ctrl+E", "wrench",
                    _tr("Say yourself what the selected models are"), SELECTION,
                ),
                Command(
                    "actionResetIdentity", _tr("&Type and base model as found"), icon="rotate-ccw",
                    tip=_tr("Forget what you said of type and base model of the selected models"),
                    needs=SELECTION,
                ),
                None,
                Command(
                    "actionReveal", _tr("Show in its f&older"), "Ctrl+Shift+O", "folder", needs=SELECTION
                ),
                Command("actionLocate", _tr("&Locate the file…"), icon="search", needs=ABSENT),
                Command("actionVerify", _tr("&Verify the hash"), icon="circle-check", needs=SELECTION),
                Command(
                    "actionComputeHashes", _tr("&Compute all hashes"), icon="fingerprint-pattern", needs=SELECTION
                ),
            ),
        ),
        Menu(
            titles[3],
            (
                Command(
                    "actionShowLibrary", _tr("&Library"), "Ctrl+1", "library", checkable=True, group="pages"
                ),
                Command(
                    "actionShowPending", _tr("&Pending"), "Ctrl+2", "inbox", checkable=True, group="pages"
                ),
                Command(
                    "actionShowOverview", _tr("Ov&erview"), "Ctrl+3", "layout-dashboard",
                    checkable=True, group="pages",
                ),
                None,
                Command(
                    "actionFilters", _tr("&Filters"), "F9", "panel-left", needs=LIBRARY, checkable=True
                ),
                Command(
                    "actionDetails", _tr("&Details"), "F10", "panel-right", needs=LIBRARY, checkable=True
                ),
                None,
                Command(
                    "actionShowTable", _tr("As a &table"), "Alt+1", "list",
                    needs=LIBRARY, checkable=True, group="looks",
                ),
                Command(
                    "actionShowGrid", _tr("As c&ards"), "Alt+2", "layout-grid",
                    needs=LIBRARY, checkable=True, group="looks",
                ),
                Command(
                    "actionLargerCards", _tr("Lar&ger cards"), QKeySequence.StandardKey.ZoomIn, "zoom-in",
                    needs=LIBRARY, off=_tr("Show the models as cards first"),
                ),
                Command(
                    "actionSmallerCards", _tr("S&maller cards"), QKeySequence.StandardKey.ZoomOut, "zoom-out",
                    needs=LIBRARY, off=_tr("Show the models as cards first"),
                ),
                None,
                Command(
                    "actionPreviewLarge", _tr("Large pre&view"), "Space", "image",
                    _tr("Show the picture as large as there is room"), SELECTION, in_table=True,
                ),
                Command(
                    "actionUncover", _tr("Show &rated pictures"), "Ctrl+Shift+R", "eye",
                    _tr("Show all pictures for now, without hiding or blurring rated ones"), checkable=True,
                ),
                None,
                Submenu("columns", "columns-3", LIBRARY),
                Command("actionComfortable", _tr("C&omfortable rows"), icon="rows-3", checkable=True),
            ),
        ),
        Menu(
            titles[4],
            (
                "actionShowPending",
                None,
                Command(
                    "actionPromote", _tr("Promote all that is &ready"), "Ctrl+Return", "list-checks",
                    _tr("Attach the records that have found their files"),
                ),
                *(_of_records(name, deed, icon) for name, deed, icon in RECORD_DEEDS),
            ),
        ),
        Menu(
            titles[5],
            (
                Command("actionCommands", _tr("&Everything by name…"), "Ctrl+K", "command"),
                Command("actionShortcuts", _tr("&Shortcuts"), "F1", "keyboard"),
                None,
                Command(
                    "actionCopyDiagnostics", _tr("&Copy diagnostics"), icon="clipboard-list",
                    tip=_tr("Versions, counts, settings and the last lines of the log, to send along"),
                ),
                Command("actionOpenLogs", _tr("Open the &log folder"), icon="folder-open"),
                None,
                Command("actionAbout", _tr("&About modelmgr"), icon="info"),
            ),
        ),
    )  # fmt: skip


RECORD_DEEDS = (
    ("actionPromoteSelected", "promote", "circle-check"),
    ("actionLocateRecord", "locate", "file-search"),
    ("actionDismissRecords", "dismiss", "archive"),
)
"""Command, the deed of the pending page that it is, and its icon."""


def _of_records(name: str, deed: str, icon: str) -> Command:
    """Return the command that is a deed of the pending page; its words and keys are said there."""
    words, tip, keys = deed_words(deed)
    return Command(name, words, keys, icon, tip, RECORDS, in_table=True)


def _placed(menu: Menu, within: str = "") -> Iterator[tuple[Command, str]]:
    """Yield the commands of a menu and of those in it, with the titles of the menus."""
    place = f"{within}, {plain_name(menu.title)}" if within else plain_name(menu.title)
    for entry in menu.entries:
        if isinstance(entry, Menu):
            yield from _placed(entry, place)
        elif isinstance(entry, Command):
            yield entry, place


_ICONS_A_STEP = 8
RATINGS = tuple(f"actionRate{stars}" for stars in range(6))
ROW_MENU = (
    "actionRename",
    "actionFavorite",
    RATINGS,
    None,
    "actionPreviewLarge",
    None,
    "actionCopy",
    "actionCopyPath",
    "actionCopyTriggerWords",
    "actionCopyPromptTag",
    "actionCopyHash",
    None,
    "actionCorrect",
    "actionResetIdentity",
    None,
    "actionReveal",
    "actionLocate",
    "actionVerify",
    "actionComputeHashes",
)
"""The context menu of models, wherever they are shown."""


class Actions:
    """The window's actions, made of the table and found by name.

    Attributes:
        menus: the table they were made of.
    """

    def __init__(self, window: QWidget) -> None:
        self.menus = menus()
        self._window = window
        self._by_name: dict[str, QAction] = {}
        self._needing: dict[str, list[QAction]] = {}
        self._met: dict[str, bool] = {}
        self._bare: dict[str, str] = {}
        groups: dict[str, QActionGroup] = {}
        for command in self.commands():
            action = self._make(command)
            if command.group:
                if command.group not in groups:
                    groups[command.group] = QActionGroup(window)
                groups[command.group].addAction(action)
        self["actionQuit"].setMenuRole(QAction.MenuRole.QuitRole)

    def __getitem__(self, name: str) -> QAction:
        return self._by_name[name]

    def commands(self) -> Iterator[Command]:
        """Yield every command, in the order of the menus."""
        return (command for menu in self.menus for command, _place in _placed(menu))

    def on(self, name: str, slot: Callable[..., object]) -> None:
        """Have a slot called when the action is triggered; one that can be checked tells it its state."""
        action = self._by_name[name]
        (action.toggled if action.isCheckable() else action.triggered).connect(slot)

    def to_dress(self) -> list[Callable[[], None]]:
        """Return steps that give the actions their icons; drawing all of them takes as long as a paint."""
        bare = list(self._bare)
        return [
            partial(self.dress, bare[at : at + _ICONS_A_STEP]) for at in range(0, len(bare), _ICONS_A_STEP)
        ]

    def dress(self, names: Iterable[str]) -> None:
        """Give these actions their icons, if they have none yet."""
        for name in names:
            icon = self._bare.pop(name, None)
            if icon is not None:
                theme.set_icon(self._by_name[name], icon)

    def entries(self) -> list[Entry]:
        """Return every command by its name, with the menu it is in and why it is off."""
        return [self._entry(command, place) for menu in self.menus for command, place in _placed(menu)]

    def _entry(self, command: Command, place: str) -> Entry:
        action = self._by_name[command.name]
        title = plain_name(action.text())
        if action.isCheckable() and not command.group and action.isChecked():
            title = _tr("{} (is on)").format(title)
        why_not = "" if action.isEnabled() else self._why(command)
        keys = keys_text(action.shortcut())
        return Entry(command.name, title, place, keys, command.icon, why_not, action.trigger)

    def _why(self, command: Command) -> str:
        """Return why a command is off."""
        need = command.needs
        if need in _OF_LIBRARY and not self._is_met(LIBRARY):
            need = LIBRARY
        return command.off or {
            SELECTION: _tr("Select a model first"),
            ABSENT: _tr("Select a model whose file is missing"),
            LIBRARY: _tr("Only where the models are shown"),
            RECORDS: _tr("Select records on the pending page first"),
        }.get(need, _tr("Not possible now"))

    def set_met(self, need: str, is_met: bool) -> None:
        """Switch all commands on or off that need one of `SELECTION`, `ABSENT`, `LIBRARY`."""
        self._met[need] = is_met
        for each in (need, *_OF_LIBRARY) if need == LIBRARY else (need,):
            is_on = self._is_met(each)
            for action in self._needing.get(each, ()):
                action.setEnabled(is_on)

    def _is_met(self, need: str) -> bool:
        return self._met.get(need, True) and (need not in _OF_LIBRARY or self._is_met(LIBRARY))

    def let_need(self, menu: Menu | Submenu, action: QAction) -> None:
        """Switch the entry that opens a menu: with its commands, if all of them need the same."""
        entries = menu.entries if isinstance(menu, Menu) else (menu,)
        needs = {entry.needs for entry in entries if isinstance(entry, Command | Submenu)}
        if len(needs) == 1 and all(needs):
            self._needing.setdefault(needs.pop(), []).append(action)

    def let_wear(self, menu: QMenu, icon: str) -> None:
        """Give the entry that opens a menu its icon, when commands have theirs."""
        name = f"menu {len(self._by_name)}"
        self._by_name[name], self._bare[name] = menu.menuAction(), icon

    def of_records(self) -> dict[str, QAction]:
        """Return the commands that are deeds of the pending page, by deed."""
        return {deed: self._by_name[name] for name, deed, _icon in RECORD_DEEDS}

    def add_row_menu(self, view: QWidget) -> None:
        """Give a view of models its context menu, and the keys that count there alone."""
        menu = QMenu(view)
        for name in ROW_MENU:
            if name is None:
                menu.addSeparator()
                continue
            within = menu
            if not isinstance(name, str):
                within = menu.addMenu(_tr("R&ating"))
                self.let_wear(within, _RATING_ICON)
            for each in (name,) if isinstance(name, str) else name:
                within.addAction(self._by_name[each])
                view.addAction(self._by_name[each])
        view.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        view.customContextMenuRequested.connect(partial(_pop_up, menu, view))

    def _make(self, command: Command) -> QAction:
        action = QAction(command.text, self._window)
        action.setObjectName(command.name)
        if command.keys:
            action.setShortcut(QKeySequence(command.keys))
        if command.icon:
            self._bare[command.name] = command.icon
        action.setCheckable(command.checkable)
        if command.tip:
            action.setStatusTip(command.tip)
        keys = keys_text(action.shortcut())
        words = command.tip or plain_name(command.text)
        action.setToolTip(plain_tip(f"{words} ({keys})" if keys else words))
        if command.in_table:
            action.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
        else:
            self._window.addAction(action)
        if command.needs:
            self._needing.setdefault(command.needs, []).append(action)
        self._by_name[command.name] = action
        return action


def fill_menus(menus: Sequence[QMenu], actions: Actions, submenus: Mapping[str, Callable[[], QMenu]]) -> None:
    """Fill the menus of the bar; `submenus` make what stands at the places that the table leaves for them."""
    for made, menu in zip(menus, actions.menus, strict=True):
        _fill(made, menu, actions, submenus)


def _fill(made: QMenu, menu: Menu, actions: Actions, submenus: Mapping[str, Callable[[], QMenu]]) -> None:
    made.setToolTipsVisible(False)
    for entry in menu.entries:
        if entry is None:
            made.addSeparator()
        elif isinstance(entry, Menu):
            within = made.addMenu(entry.title)
            _fill(within, entry, actions, submenus)
            actions.let_need(entry, within.menuAction())
            actions.let_wear(within, entry.icon)
        elif isinstance(entry, Submenu):
            within = submenus[entry.name]()
            made.addMenu(within)
            actions.let_need(entry, within.menuAction())
            actions.let_wear(within, entry.icon)
        else:
            made.addAction(actions[entry if isinstance(entry, str) else entry.name])


def plain_name(text: str) -> str:
    """Return the text of an action without mnemonic and ellipsis."""
    return text.replace("&&", "\0").replace("&", "").replace("\0", "&").rstrip("…")


def _pop_up(menu: QMenu, view: QWidget, place: QPoint) -> None:
    area = view.viewport() if isinstance(view, QAbstractScrollArea) else view
    menu.popup(area.mapToGlobal(place))
