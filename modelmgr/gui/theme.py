"""Colours, measures and icons of the window, all derived from the palette of the system.

The program is grey and the content is the colour: own colours exist only for states, always beside a word.
What is derived keeps its contrast to what it stands on (text 4.5 : 1, marks 3 : 1) in any palette.
"""

import os
import sys
from datetime import datetime
from functools import cache, lru_cache, partial
from typing import TYPE_CHECKING, cast

from PySide6.QtCore import QEvent, QLocale, QObject, QRectF, QSize
from PySide6.QtGui import (
    QColor,
    QFont,
    QFontMetrics,
    QGuiApplication,
    QPainter,
    QPalette,
    QPen,
    QPixmap,
)
from PySide6.QtWidgets import QAbstractButton, QApplication, QLabel, QWidget

from modelmgr.gui.importing import Qt
from modelmgr.gui.text import Customs, read_from_right, use_customs
from modelmgr.lazily import dataclass
from modelmgr.resources import resource_path

if TYPE_CHECKING:
    from PySide6.QtGui import QAction, QIcon
    from PySide6.QtSvg import QSvgRenderer

XS, S, M, L, XL = 4, 8, 12, 16, 24
"""The spacing scale, in pixels at 100 %."""

ROW_HEIGHT, COMFORTABLE_ROW_HEIGHT = 28, 44
TEXT_CONTRAST, MARK_CONTRAST = 4.5, 3.0
_STRONG_PALETTE = 19.0
"""A palette whose text stands out so much from all that it stands on is one of high contrast; 21 is the most."""
_STRONG_TEXT, _STRONG_LINE = 7.0, 4.5
_ICON_NAME = "iconName"

TYPE_ICONS = {
    "checkpoint": "package",
    "diffusion_model": "component",
    "lora": "layers-2",
    "embedding": "quote",
    "hypernetwork": "network",
    "vae": "shrink",
    "vae_approx": "shrink",
    "controlnet": "spline",
    "control_lora": "spline",
    "t2i_adapter": "plug",
    "ip_adapter": "plug",
    "text_encoder": "type",
    "clip_vision": "scan-eye",
    "upscaler": "image-upscale",
    "motion_module": "film",
    "style_model": "palette",
    "detector": "scan-search",
    "segmenter": "scan-search",
    "face_restore": "smile",
    "llm": "message-square-text",
    "vlm": "message-square-text",
    "mmproj": "scan-eye",
    "llm_adapter": "layers-2",
    "text_embedding_model": "quote",
    "audio": "audio-lines",
    "shard": "puzzle",
    "workflow": "workflow",
    "unknown": "file-question-mark",
}


def type_icon_name(model_type: str | None) -> str:
    """Return the icon of a canonical type."""
    return TYPE_ICONS.get(model_type or "unknown", "box")


# --- colours ----------------------------------------------------------------------------------------------


def contrast(one: QColor, other: QColor) -> float:
    """Return the contrast ratio of two opaque colours, 1 to 21 (WCAG 2.2, "contrast ratio")."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(color: QColor) -> float:
    def linear(value: float) -> float:
        return value / 12.92 if value <= 0.04045 else float(((value + 0.055) / 1.055) ** 2.4)

    return 0.2126 * linear(color.redF()) + 0.7152 * linear(color.greenF()) + 0.0722 * linear(color.blueF())


def mix(one: QColor, other: QColor, share: float) -> QColor:
    """Return `one` with `share` (0 to 1) of `other` in it."""
    keep = 1.0 - share
    return QColor.fromRgbF(
        one.redF() * keep + other.redF() * share,
        one.greenF() * keep + other.greenF() * share,
        one.blueF() * keep + other.blueF() * share,
    )


def readable(color: QColor, *grounds: QColor, ratio: float = TEXT_CONTRAST) -> QColor:
    """Return `color`, moved towards black or white as far as its contrast to all `grounds` asks for."""
    for tenths in range(21):
        for pole in (QColor("black"), QColor("white")):
            moved = mix(color, pole, tenths / 20)
            if all(contrast(moved, ground) >= ratio for ground in grounds):
                return moved
    return QColor("black") if _luminance(grounds[0]) > 0.18 else QColor("white")


@dataclass(frozen=True, slots=True)
class Colors:
    """What the window paints with, for one palette.

    Attributes:
        text, secondary, greyed: on `base` and `window`; `greyed` is for missing and offline rows.
        hint: what stands in an empty field.
        line: hairlines between panes and rows; no text.
        edge: what shows where a field or a button begins.
        hover, chosen: soft grounds for a row under the mouse and for a filter that is on.
        tile: ground of what is empty: a bar, a picture that isn't there.
        accent, accent_text: selection.
        good, busy, problem, absent: the state marks.
        strong: whether it is a palette of high contrast: no text is quieter than others, lines are seen by everybody.
    """

    window: QColor
    base: QColor
    text: QColor
    secondary: QColor
    greyed: QColor
    hint: QColor
    line: QColor
    edge: QColor
    hover: QColor
    chosen: QColor
    tile: QColor
    accent: QColor
    accent_text: QColor
    accent_on_base: QColor
    good: QColor
    busy: QColor
    problem: QColor
    absent: QColor
    dark: bool
    strong: bool

    @classmethod
    def of(cls, palette: QPalette) -> "Colors":
        """Return the colours for `palette`."""
        return _colors_of(
            *(
                palette.color(QPalette.ColorGroup.Active, role).rgb()
                for role in (
                    QPalette.ColorRole.Window,
                    QPalette.ColorRole.Base,
                    QPalette.ColorRole.Text,
                    QPalette.ColorRole.Highlight,
                    QPalette.ColorRole.HighlightedText,
                )
            ),
            wants_contrast=_wants_contrast(),
        )


_is_applied = False


def _wants_contrast() -> bool:
    """Tell whether the user has asked the system for high contrast; not every platform tells.

    Nor is it asked before the first paint: the answer is a name of `Qt`.
    """
    if not _is_applied:
        return False
    hints = QGuiApplication.styleHints()  # held: PySide takes what it has handed out to be gone with it
    return hints.accessibility().contrastPreference() == Qt.ContrastPreference.HighContrast


@lru_cache(maxsize=16)
def _colors_of(
    window_rgb: int,
    base_rgb: int,
    text_rgb: int,
    accent_rgb: int,
    accent_text_rgb: int,
    *,
    wants_contrast: bool,
) -> Colors:
    # By this way, for to find out whether a number is one of the colours that Qt has names for takes `Qt`.
    window, base, text, accent, accent_text = (
        QColor.fromRgb(rgb) for rgb in (window_rgb, base_rgb, text_rgb, accent_rgb, accent_text_rgb)
    )
    dark = _luminance(base) < 0.18
    strong = wants_contrast or min(contrast(text, window), contrast(text, base)) >= _STRONG_PALETTE
    if strong:
        hover, chosen = mix(base, text, 0.2), _strong_ground(base, accent, text)
    else:
        hover, chosen = mix(base, text, 0.05), mix(base, accent, 0.16 if not dark else 0.28)
    grounds = (window, base, hover, chosen)
    secondary = readable(text if strong else mix(text, base, 0.38), *grounds)
    quiet_ratio = _STRONG_TEXT if strong else TEXT_CONTRAST
    greyed = readable(mix(text, base, 0.46), window, base, hover, ratio=quiet_ratio)
    line, edge = mix(base, text, 0.13), mix(base, text, 0.22)
    mark = partial(readable, ratio=_STRONG_LINE if strong else MARK_CONTRAST)
    return Colors(
        window=window,
        base=base,
        text=readable(text, *grounds),
        secondary=secondary,
        greyed=greyed,
        hint=greyed if strong else secondary,
        line=readable(line, window, base, ratio=_STRONG_LINE) if strong else line,
        edge=readable(edge, window, base, ratio=_STRONG_TEXT if strong else MARK_CONTRAST),
        hover=hover,
        chosen=chosen,
        tile=hover if strong else mix(base, text, 0.06),
        accent=accent,
        accent_text=readable(accent_text, accent),
        accent_on_base=readable(accent, *grounds),
        good=mark(QColor("#2f9e58"), window, base),
        busy=mark(QColor("#d18b0f"), window, base),
        problem=readable(QColor("#d4453b"), window, base, ratio=quiet_ratio),
        absent=mark(mix(text, base, 0.5), window, base),
        dark=dark,
        strong=strong,
    )


def _strong_ground(base: QColor, accent: QColor, text: QColor) -> QColor:
    """Return a ground that is told from `base` as a mark is, as far as `text` can be read on it."""
    chosen = base
    for percent in range(20, 101, 4):
        ground = mix(base, accent, percent / 100)
        if contrast(text, ground) < TEXT_CONTRAST:
            break
        chosen = ground
        if contrast(base, ground) >= MARK_CONTRAST:
            break
    return chosen


def colors() -> Colors:
    """Return the colours for the application's palette; asked for with each cell that is painted."""
    return _colors_by_key(QGuiApplication.palette().cacheKey())


@lru_cache(maxsize=4)
def _colors_by_key(_key: int) -> Colors:
    return Colors.of(QGuiApplication.palette())


def dark_palette() -> QPalette:
    """Return a quiet dark palette, for systems that ask for dark and bring no palette of their own."""
    palette = QPalette()
    role = QPalette.ColorRole
    for group in (QPalette.ColorGroup.Active, QPalette.ColorGroup.Inactive, QPalette.ColorGroup.Disabled):
        for which, value in (
            (role.Window, "#262729"),
            (role.WindowText, "#e7e8ea"),
            (role.Base, "#1d1e20"),
            (role.AlternateBase, "#232426"),
            (role.Text, "#e7e8ea"),
            (role.Button, "#323437"),
            (role.ButtonText, "#e7e8ea"),
            (role.BrightText, "#ffffff"),
            (role.ToolTipBase, "#323437"),
            (role.ToolTipText, "#e7e8ea"),
            (role.PlaceholderText, "#9a9da3"),
            (role.Highlight, "#3476c2"),
            (role.HighlightedText, "#ffffff"),
            (role.Link, "#7ab4f5"),
            (role.LinkVisited, "#b79cf0"),
            (role.Light, "#4a4c50"),
            (role.Midlight, "#3c3e42"),
            (role.Mid, "#1a1b1d"),
            (role.Dark, "#141516"),
            (role.Shadow, "#000000"),
        ):
            palette.setColor(group, which, QColor(value))
    for which in (role.WindowText, role.Text, role.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, which, QColor("#7d8086"))
    return palette


def light_palette() -> QPalette:
    """Return a quiet light palette, for systems that bring none of their own."""
    palette = QPalette()
    role = QPalette.ColorRole
    for group in (QPalette.ColorGroup.Active, QPalette.ColorGroup.Inactive, QPalette.ColorGroup.Disabled):
        for which, value in (
            (role.Window, "#f4f4f5"),
            (role.WindowText, "#1f2023"),
            (role.Base, "#ffffff"),
            (role.AlternateBase, "#f8f8f9"),
            (role.Text, "#1f2023"),
            (role.Button, "#f0f0f2"),
            (role.ButtonText, "#1f2023"),
            (role.BrightText, "#000000"),
            (role.ToolTipBase, "#ffffff"),
            (role.ToolTipText, "#1f2023"),
            (role.PlaceholderText, "#6c6f76"),
            (role.Highlight, "#2766b0"),
            (role.HighlightedText, "#ffffff"),
            (role.Link, "#1d5fae"),
            (role.LinkVisited, "#6a4bb0"),
            (role.Light, "#ffffff"),
            (role.Midlight, "#e8e8ea"),
            (role.Mid, "#c4c5c9"),
            (role.Dark, "#9a9ca1"),
            (role.Shadow, "#6f7176"),
        ):
            palette.setColor(group, which, QColor(value))
    for which in (role.WindowText, role.Text, role.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, which, QColor("#8d9096"))
    return palette


def customs_of(locale: QLocale) -> Customs:
    """Return how a locale writes numbers and dates; years in full, and where there is no locale as ISO 8601 does."""
    if locale.language() == QLocale.Language.C:
        return Customs()
    short = QLocale.FormatType.ShortFormat
    day = locale.dateFormat(short)
    if "yyyy" not in day:
        day = day.replace("yy", "yyyy")
    moment = f"{day} {locale.timeFormat(short)}"

    def write(pattern: str, at: datetime) -> str:
        from PySide6.QtCore import QDateTime

        seconds = at.replace(microsecond=0)
        return locale.toString(QDateTime.fromSecsSinceEpoch(int(seconds.timestamp())), pattern)

    return Customs(locale.toString, locale.decimalPoint(), partial(write, moment), partial(write, day))


_FUSIONS_OWN = "#efefef"
"""The colour of windows in Fusion's light palette."""


def apply_first(app: QApplication) -> None:
    """Give the application what the first paint shows of `apply`.

    Where the style is Fusion from the start, that is: to look at it has PySide make all enumerations of styles.
    """
    if sys.platform != "linux" or "QT_STYLE_OVERRIDE" in os.environ:
        apply(app)
        return
    _take_customs(app)
    if app.palette().color(QPalette.ColorRole.Window) == QColor(_FUSIONS_OWN):
        app.setPalette(light_palette())


def apply(app: QApplication) -> None:
    """Give the application the one style that follows every palette.

    The system's palette stays; only where the platform brings none (it is Fusion's own then) does ours take
    its place, in the scheme that the system asks for.
    """
    global _is_applied
    if not _is_applied:
        _is_applied = True
        _colors_by_key.cache_clear()
    # With a style sheet the style goes by no name, and has been given.
    if not app.styleSheet() and app.style().objectName().lower() != "fusion":
        app.setStyle("Fusion")
    _take_customs(app)
    wants_dark = app.styleHints().colorScheme() == Qt.ColorScheme.Dark
    palette = app.palette()
    if palette.color(QPalette.ColorRole.Window) == QColor(_FUSIONS_OWN):
        app.setPalette(dark_palette() if wants_dark else light_palette())
    elif wants_dark and _luminance(palette.color(QPalette.ColorRole.Window)) > 0.5:
        app.setPalette(dark_palette())


def _take_customs(app: QApplication) -> None:
    use_customs(customs_of(QLocale()))
    read_from_right(app.isRightToLeft())


# --- labels and buttons ------------------------------------------------------------------------------------


def set_role(label: QLabel, role: str) -> QLabel:
    """Give a label one of the style sheet's roles (``pane-title``, ``secondary``, ``group``, ``problem``).

    The label shows plain text only from now on, as every label of the window must.
    """
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setProperty("role", role)
    return label


def set_primary(button: QAbstractButton) -> None:
    """Make a button the one that stands out."""
    button.setProperty("primary", True)
    # A button box has looked at the style already.
    button.style().unpolish(button)
    button.style().polish(button)


def plain_label(
    text: str = "", role: str | None = None, parent: QWidget | None = None, *, name: str = ""
) -> QLabel:
    """Return a label that shows `text` as plain text, never as HTML; `name` is its object name."""
    label = QLabel(parent)
    label.setObjectName(name)
    label.setTextFormat(Qt.TextFormat.PlainText)
    if role is not None:
        label.setProperty("role", role)
    label.setText(text)
    return label


def paragraph(
    text: str = "", role: str | None = None, parent: QWidget | None = None, *, name: str = ""
) -> QLabel:
    """Return a `plain_label` whose words stand on as many lines as they need."""
    label = plain_label(text, role, parent, name=name)
    label.setWordWrap(True)
    return label


def mono_font(font: QFont) -> QFont:
    """Return a fixed-pitch font of the same size, for hashes and payloads."""
    from PySide6.QtGui import QFontDatabase

    mono = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)
    if font.pointSizeF() > 0:
        mono.setPointSizeF(font.pointSizeF() * 0.95)
    else:
        mono.setPixelSize(max(1, round(font.pixelSize() * 0.95)))
    return mono


# --- icons ------------------------------------------------------------------------------------------------

_ICON_SIZES = (16, 20)
_ORDINARY_LINE_PX = 20

NEW_LOOKS = (QEvent.Type.PaletteChange, QEvent.Type.FontChange)
"""After these the icons of a widget are drawn anew."""


def grown(pixels: int, font: QFont) -> int:
    """Return the size of an icon beside letters of `font`: `pixels`, and with large letters in proportion to them."""
    return max(pixels, round(pixels * QFontMetrics(font).height() / _ORDINARY_LINE_PX))


def give_icon_size(button: QAbstractButton, pixels: int) -> None:
    """Let the icon of a button be so large, or as much larger as its letters are."""
    side = grown(pixels, button.font())
    button.setIconSize(QSize(side, side))


def pixmap(name: str, size: int, color: QColor, ratio: float = 1.0) -> QPixmap:
    """Return an icon of `resources/icons` in one colour, `size` logical pixels wide, drawn for `ratio`.

    A name that ends in ``-filled`` is the same drawing with its inside filled.
    """
    return _pixmap(name, size, color.rgba(), ratio)


def sign(widget: QWidget, name: str, pixels: int, color: QColor) -> QPixmap:
    """Return an icon to stand among the words of `widget`: `pixels` wide, or as much wider as its letters are."""
    return pixmap(name, grown(pixels, widget.font()), color, widget.devicePixelRatioF())


@lru_cache(maxsize=512)
def _pixmap(name: str, size: int, rgba: int, ratio: float) -> QPixmap:
    drawn = QPixmap(QSize(round(size * ratio), round(size * ratio)))
    drawn.fill(Qt.GlobalColor.transparent)
    color = QColor.fromRgba(rgba)
    painter = QPainter(drawn)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setOpacity(color.alphaF())
    _drawing(name, color.name()).render(painter, QRectF(0, 0, drawn.width(), drawn.height()))
    painter.end()
    drawn.setDevicePixelRatio(ratio)
    return drawn


@lru_cache(maxsize=8)
def _drawing(name: str, color: str) -> "QSvgRenderer":
    """Return what draws an icon in an opaque colour; kept for its other sizes, which are drawn next."""
    # Only needed where there are icons, and not before the first of them.
    from PySide6.QtSvg import QSvgRenderer

    # The file is ours; strangers' SVG is never drawn.
    with open(f"{_icon_folder()}/{name.removesuffix('-filled')}.svg", "rb") as file:
        source = file.read()
    if name.endswith("-filled"):
        source = source.replace(b'fill="none"', b'fill="currentColor"', 1)
    return QSvgRenderer(source.replace(b"currentColor", color.encode()))


@cache
def _icon_folder() -> str:
    return str(resource_path("icons"))


def icon(name: str, *, color: QColor | None = None) -> "QIcon":
    """Return an icon tinted with the text colour of buttons (or `color`), crisp on every screen there is.

    What a disabled button shows is made of it by the style, when it is needed.
    """
    text = QGuiApplication.palette().color(QPalette.ColorRole.ButtonText) if color is None else color
    from PySide6.QtGui import QIcon

    made = QIcon()
    ratios = {1.0} | {screen.devicePixelRatio() for screen in QGuiApplication.screens()}
    sizes = {*_ICON_SIZES, *(grown(size, QGuiApplication.font()) for size in _ICON_SIZES)}
    for ratio in sorted(ratios):
        for size in sorted(sizes):
            made.addPixmap(pixmap(name, size, text, ratio))
    return made


def set_icon(target: "QAction | QAbstractButton", name: str) -> None:
    """Give an action or a button an icon that `retint` will find again when the palette changes."""
    target.setProperty(_ICON_NAME, name)
    target.setIcon(icon(name))


def retint(target: QObject) -> None:
    """Draw anew the icon that `set_icon` gave, if it did."""
    name = target.property(_ICON_NAME)
    if name:
        cast("QAction | QAbstractButton", target).setIcon(icon(name))


# --- state marks ------------------------------------------------------------------------------------------

_MARK_OF_STATE = {
    "present": "good",
    "done": "good",
    "promoted": "good",
    "ready": "good",
    "hashing": "busy",
    "none": "busy",
    "pending": "busy",
    "running": "busy",
    "unreadable": "problem",
    "failed": "problem",
    "unhashed": "problem",
    "problem": "problem",
    "unidentified": "busy",
    "duplicate": "busy",
}


def paint_ground(widget: QWidget, color: QColor) -> None:
    """Paint the rounded ground of a card or a strip, with its line; from within its `paintEvent`."""
    painter = QPainter(widget)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(colors().line)
    painter.setBrush(color)
    painter.drawRoundedRect(QRectF(widget.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 6, 6)
    painter.end()


def draw_state_mark(painter: QPainter, rect: QRectF, state: str, color: QColor | None = None) -> None:
    """Draw the dot of a state: filled by meaning, hollow for missing, dashed for offline.

    `color` replaces the state's own, on a selected row where that could not be read. A word stands beside it,
    always: colour alone says nothing to many people.
    """
    own = colors()
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    side = min(rect.width(), rect.height())
    dot = QRectF(
        rect.center().x() - side / 2 + 0.75, rect.center().y() - side / 2 + 0.75, side - 1.5, side - 1.5
    )
    kind = _MARK_OF_STATE.get(state)
    if kind is not None:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(color or getattr(own, kind))
    else:
        pen = QPen(color or own.absent, 1.5)
        if state == "offline":
            pen.setDashPattern([1.6, 1.4])
        painter.setPen(pen)
        painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawEllipse(dot)
    painter.restore()


def state_pixmap(state: str, side: int, color: QColor | None, ratio: float) -> QPixmap:
    """Return the dot of a state as a picture, for cells that are painted by the hundred."""
    drawn = QPixmap(round(side * ratio), round(side * ratio))
    drawn.setDevicePixelRatio(ratio)
    drawn.fill(Qt.GlobalColor.transparent)
    painter = QPainter(drawn)
    draw_state_mark(painter, QRectF(0, 0, side, side), state, color)
    painter.end()
    return drawn
