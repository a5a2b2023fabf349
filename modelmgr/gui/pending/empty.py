"""What stands where no records do: that all is done, that nothing matches, or what to do first."""

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtWidgets import QLabel, QPushButton, QWidget

from modelmgr.gui import boxes, theme
from modelmgr.gui.buttons import in_order

_ICON_PX = 32


class EmptyPage(QWidget):
    """An icon, what is so, what it means, and what could be done next.

    Args:
        name: of its title for tests; those of its buttons begin with it.

    Signals:
        import_wanted(): the user wants to bring in more.
        history_wanted(): the user wants to see what was promoted.
        all_wanted(): the user wants to see what search and filters hide.
    """

    import_wanted = Signal()
    history_wanted = Signal()
    all_wanted = Signal()

    def __init__(self, name: str, parent: QWidget) -> None:
        super().__init__(parent)
        self._icon_name = "inbox"
        self._icon = QLabel(self)
        self._icon.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._title = theme.plain_label("", "pane-title", self, name=name)
        self._words = theme.plain_label("", "secondary", self)
        for label in (self._title, self._words):
            label.setAlignment(Qt.AlignmentFlag.AlignCenter)
            label.setWordWrap(True)
        self._import = QPushButton(self.tr("&Import…"), self)
        self._import.setObjectName(f"{name}Import")
        self._import.setProperty("primary", True)
        self._import.clicked.connect(self.import_wanted)
        self._history = QPushButton(self.tr("Show what was promoted"), self)
        self._history.setObjectName(f"{name}History")
        self._history.clicked.connect(self.history_wanted)
        self._all = QPushButton(self.tr("Take off search and filters"), self)
        self._all.setObjectName(f"{name}ShowAll")
        self._all.clicked.connect(self.all_wanted)
        buttons = boxes.row(boxes.STRETCH, spacing=theme.S)
        for button in in_order(self, [self._import], [self._history, self._all]):
            buttons.addWidget(button)
        buttons.addStretch(1)
        layout = boxes.column(on=self, margins=(theme.XL, theme.L, theme.XL, theme.L))
        layout.addStretch(2)
        layout.addWidget(self._icon)
        layout.addSpacing(theme.M)
        layout.addWidget(self._title)
        layout.addSpacing(theme.XS)
        layout.addWidget(self._words)
        layout.addSpacing(theme.L)
        layout.addLayout(buttons)
        layout.addStretch(3)

    def show_nothing_yet(self) -> None:
        """Show the page of an inbox that never held anything: it says what to do next."""
        words = self.tr(
            "Bring in what other tools know about your models: notes, trigger words, previews, history.\n"
            "It waits here until you promote it. Your files stay where they are."
        )
        self._show("inbox", self.tr("Nothing is waiting"), words, (self._import,))

    def show_done(self, title: str, words: str, *, has_history: bool) -> None:
        """Show that everything is settled."""
        buttons = (self._history, self._import) if has_history else (self._import,)
        self._show("circle-check", title, words, buttons)

    def show_none(self, icon: str, title: str) -> None:
        """Show that a group holds nothing."""
        self._show(icon, title, "", ())

    def show_no_match(self, title: str) -> None:
        """Show that search and filters let nothing through."""
        self._show("search", title, "", (self._all,))

    def _show(self, icon: str, title: str, words: str, buttons: tuple[QPushButton, ...]) -> None:
        self._icon_name = icon
        self._title.setText(title)
        self._words.setText(words)
        self._words.setVisible(bool(words))
        for button in (self._import, self._history, self._all):
            button.setVisible(button in buttons)
        self._tint()

    def _tint(self) -> None:
        colors = theme.colors()
        color = colors.good if self._icon_name == "circle-check" else colors.absent
        self._icon.setPixmap(theme.sign(self, self._icon_name, _ICON_PX, color))

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in theme.NEW_LOOKS:
            self._tint()
