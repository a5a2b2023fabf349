"""What a source tells of a model in many words: found in its payload, and shown as plain text that keeps its lines."""

import re
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QPlainTextEdit, QPushButton, QWidget

from modelmgr.gui import boxes, theme
from modelmgr.gui.text import foreign_text
from modelmgr.payload import masked

LONGEST = 20_000
FEW_LINES, MANY_LINES = 8, 40
_KEYS = (
    ("modelDescription",),
    ("model", "description"),
    ("civitai", "model", "description"),
    ("description",),
    ("civitai", "description"),
    ("versionDescription",),
)
_BREAKS = {
    **dict.fromkeys(
        ("p", "div", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "blockquote", "pre", "table"), "\n\n"
    ),
    **dict.fromkeys(("br", "tr"), "\n"),
    "li": "\n• ",
    "hr": "\n\n",
    "td": " ",
}
_SILENT = ("script", "style", "head", "title", "iframe", "object", "svg")
_TAG = re.compile(r"<[a-zA-Z/!][^>]{0,2000}>")
_CUT_TAG = re.compile(r"<[^<>]{0,2000}\Z")
_SPACES = re.compile(r"[ \t\r\f\v\xa0]+")
_GAPS = re.compile(r" ?\n ?(?:\n ?)+")


def description_in(value: Any) -> str:
    """Return the description that a parsed payload holds, as `readable` makes it; "" if none."""
    for keys in _KEYS:
        found = value
        for key in keys:
            found = found.get(key) if isinstance(found, dict) else None
        if isinstance(found, str) and (text := readable(found)):
            return text
    return ""


def readable(written: str) -> str:
    """Return a stranger's text or HTML as plain text: paragraphs and lists as lines, nothing else of it.

    Marks that a screen would obey are visible, secrets are dots; `LONGEST` characters at most are read.
    """
    text = written[:LONGEST]
    if _TAG.search(text):
        cleaner = _Cleaner()
        # The cut may go through a tag.
        cleaner.feed(_CUT_TAG.sub("", text) if len(written) > LONGEST else text)
        cleaner.close()
        text = _GAPS.sub("\n\n", _SPACES.sub(" ", "".join(cleaner.parts)))
        text = re.sub(r"\n+• ", "\n• ", text)
    return foreign_text(masked(text.strip()), LONGEST, lines=True)


class _Cleaner(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _SILENT:
            self._silent += 1
        else:
            self.parts.append(_BREAKS.get(tag, ""))

    def handle_endtag(self, tag: str) -> None:
        if tag in _SILENT:
            self._silent = max(0, self._silent - 1)
        elif tag not in ("br", "li"):
            self.parts.append(_BREAKS.get(tag, ""))

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.parts.append(data.replace("\n", " "))


class DescriptionView(QWidget):
    """A description, its first lines at first."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._text = _Words(self)
        self._more = QPushButton(self)
        self._more.setObjectName("moreDescription")
        self._more.clicked.connect(self._on_more)
        self._text.lines_changed = self._look
        boxes.column(
            self._text, (self._more, 0, Qt.AlignmentFlag.AlignLeft), on=self, margins=0, spacing=theme.XS
        )

    def show_description(self, text: str) -> bool:
        """Show a description, as `readable` made it; False if there is none."""
        self._text.show_words(text)
        self.setVisible(bool(text))
        return bool(text)

    def _on_more(self) -> None:
        self._text.set_open(not self._text.is_open)

    def _look(self) -> None:
        self._more.setVisible(self._text.has_more)
        self._more.setText(self.tr("Show less") if self._text.is_open else self.tr("Show all of it"))


class _Words(QPlainTextEdit):
    """Plain text as high as its lines, up to a bound."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("descriptionText")
        self.setAccessibleName(self.tr("Description"))
        self.setReadOnly(True)
        self.setUndoRedoEnabled(False)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setTabChangesFocus(True)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.viewport().setAutoFillBackground(False)
        self.setProperty("role", "bare")
        self.document().setDocumentMargin(0)
        self.is_open = self.has_more = False
        self.lines_changed: Callable[[], None] = _nothing

    def show_words(self, text: str) -> None:
        if text != self.toPlainText():
            self.is_open = False
            self.setPlainText(text)
        self._fit()

    def set_open(self, is_open: bool) -> None:
        self.is_open = is_open
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        # The size of a plain text document is counted in lines.
        lines = max(1, round(self.document().size().height()))
        most = MANY_LINES if self.is_open else FEW_LINES
        self.has_more = lines > FEW_LINES
        policy = Qt.ScrollBarPolicy
        scrolls = self.is_open and lines > MANY_LINES
        self.setVerticalScrollBarPolicy(policy.ScrollBarAsNeeded if scrolls else policy.ScrollBarAlwaysOff)
        # Where it is cut, the next line must not look in.
        below = 0 if lines > most else theme.XS
        self.setFixedHeight(min(lines, most) * self.fontMetrics().lineSpacing() + below)
        self.lines_changed()


def _nothing() -> None:
    pass
