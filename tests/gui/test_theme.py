"""Colours keep their contrast in any palette, and every icon that is used is there."""

import re
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, QRect
from PySide6.QtGui import QColor, QPalette, QPixmap
from PySide6.QtWidgets import QTabBar, QToolButton, QWidget

import modelmgr.gui
from modelmgr.gui import theme
from modelmgr.gui.sheet import style_sheet
from modelmgr.resources import resource_path
from tests.gui import judges


def high_contrast_palette() -> QPalette:
    palette = QPalette()
    role = QPalette.ColorRole
    for which, color in (
        (role.Window, "#000000"),
        (role.Base, "#000000"),
        (role.Text, "#ffffff"),
        (role.WindowText, "#ffffff"),
        (role.Highlight, "#ffff00"),
        (role.HighlightedText, "#000000"),
    ):
        palette.setColor(which, QColor(color))
    return palette


def odd_palette() -> QPalette:
    """A grey palette with an accent that nothing can be read on at first."""
    palette = QPalette()
    role = QPalette.ColorRole
    palette.setColor(role.Window, QColor("#8a8a8a"))
    palette.setColor(role.Base, QColor("#9a9a9a"))
    palette.setColor(role.Text, QColor("#555555"))
    palette.setColor(role.Highlight, QColor("#88aa88"))
    palette.setColor(role.HighlightedText, QColor("#99bb99"))
    return palette


PALETTES = [theme.light_palette, theme.dark_palette, high_contrast_palette, QPalette, odd_palette]


@pytest.mark.parametrize("make", PALETTES)
def test_text_can_be_read_and_marks_be_told_apart(qapp, make):
    c = theme.Colors.of(make())
    # A ground in the middle of the scale allows no more than 4.58 : 1 to black or white.
    for ground in (c.window, c.base, c.hover, c.chosen):
        assert theme.contrast(c.text, ground) >= 4.5
        assert theme.contrast(c.secondary, ground) >= 4.5
        assert theme.contrast(c.accent_on_base, ground) >= 4.5
    for ground in (c.window, c.base):
        assert theme.contrast(c.greyed, ground) >= 4.5
        assert theme.contrast(c.problem, ground) >= 4.5
        for mark in (c.good, c.busy, c.absent):
            assert theme.contrast(mark, ground) >= 3.0
    assert theme.contrast(c.accent_text, c.accent) >= 4.5


@pytest.mark.parametrize("make", [theme.light_palette, theme.dark_palette])
def test_our_palettes_can_be_read(qapp, make):
    palette, role = make(), QPalette.ColorRole
    for text, ground in (
        (role.Text, role.Base),
        (role.WindowText, role.Window),
        (role.ButtonText, role.Button),
        (role.HighlightedText, role.Highlight),
        (role.PlaceholderText, role.Base),
        (role.Link, role.Base),
        (role.ToolTipText, role.ToolTipBase),
    ):
        assert theme.contrast(palette.color(text), palette.color(ground)) >= 4.5


def white_palette() -> QPalette:
    """High contrast on white, with an accent as dark as such palettes have it."""
    palette, role = QPalette(), QPalette.ColorRole
    for which in (role.Window, role.Base, role.HighlightedText):
        palette.setColor(which, QColor("white"))
    for which in (role.Text, role.WindowText):
        palette.setColor(which, QColor("black"))
    palette.setColor(role.Highlight, QColor("#37006e"))
    return palette


@pytest.mark.parametrize("make", [high_contrast_palette, white_palette])
def test_in_high_contrast_nothing_is_faint(qapp, make):
    c = theme.Colors.of(make())
    assert c.strong
    assert c.secondary == c.text
    for ground in (c.window, c.base):
        for words in (c.greyed, c.hint, c.problem):
            assert theme.contrast(words, ground) >= 7
        for mark in (c.line, c.good, c.busy, c.absent):
            assert theme.contrast(mark, ground) >= 4.5
        assert theme.contrast(c.edge, ground) >= 7
    assert theme.contrast(c.chosen, c.base) >= 3


@pytest.mark.parametrize("make", [theme.light_palette, theme.dark_palette, QPalette, odd_palette])
def test_other_palettes_stay_quiet(qapp, make):
    c = theme.Colors.of(make())
    assert not c.strong
    assert c.secondary != c.text
    assert theme.contrast(c.line, c.base) < 3


def test_contrast_is_that_of_the_guideline():
    assert theme.contrast(QColor("black"), QColor("white")) == pytest.approx(21)
    assert theme.contrast(QColor("#777777"), QColor("white")) == pytest.approx(4.48, abs=0.01)


def test_every_icon_that_is_named_is_there_with_its_licence(qapp):
    names = set(theme.TYPE_ICONS.values())
    for file in Path(modelmgr.gui.__file__).parent.rglob("*.py"):
        text = file.read_text(encoding="utf-8")
        names.update(re.findall(r'set_icon\([^"()]*(?:\([^()]*\))?[^"()]*"([a-z0-9-]+)"', text))
        names.update(re.findall(r'theme\.(?:pixmap|icon)\(\s*"([a-z0-9-]+)"', text))
    for name in names:
        assert resource_path("icons", f"{name.removesuffix('-filled')}.svg").is_file(), name
    assert "ISC License" in resource_path("icons", "LICENSE").read_text(encoding="utf-8")


def test_icons_take_the_colour_they_are_given(qapp):
    picture = theme.pixmap("star-filled", 24, QColor("#ff0000"), 2.0).toImage()
    assert picture.width() == 48
    middle = picture.pixelColor(24, 24)
    assert (middle.red(), middle.green(), middle.blue()) == (255, 0, 0)


def test_the_style_sheet_is_made_of_the_palette(qapp):
    light = style_sheet(theme.light_palette(), qapp.font())
    dark = style_sheet(theme.dark_palette(), qapp.font())
    assert light != dark
    assert "#1d1e20" in dark


@pytest.mark.parametrize("make", [theme.light_palette, theme.dark_palette, high_contrast_palette])
def test_where_tabs_do_not_fit_the_arrows_that_lead_to_the_others_are_seen(qtbot, qapp, make):
    before = qapp.palette()
    theme.apply(qapp)
    qapp.setPalette(make())
    try:
        page = QWidget()
        qtbot.addWidget(page)
        page.setStyleSheet(style_sheet(qapp.palette(), qapp.font()))
        tabs = QTabBar(page)
        tabs.setDrawBase(False)
        for number in range(6):
            tabs.addTab(f"Number {number}")
        tabs.resize(200, tabs.sizeHint().height())
        page.resize(220, 60)
        with qtbot.waitExposed(page):
            page.show()
        picture = QPixmap(page.size() * 2)
        picture.setDevicePixelRatio(2)
        page.render(picture)
        (onwards,) = (arrow for arrow in tabs.findChildren(QToolButton) if arrow.isEnabled())
        place = QRect(onwards.mapTo(page, QPoint(0, 0)), onwards.size()).adjusted(2, 2, -2, -2)
        seen = judges.text_contrast(picture.toImage(), place)
        assert seen is not None
        assert seen >= theme.MARK_CONTRAST
    finally:
        qapp.setPalette(before)
