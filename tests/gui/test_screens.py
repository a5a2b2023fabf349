"""Every screen can be read, is in order for eye, keyboard and ear, and speaks one language, whatever it looks like.

Each part of the window is walked through once for a look, past all judges of that look.
"""

from functools import cache

import pytest
from PySide6.QtCore import QRect
from PySide6.QtGui import QColor, QImage, QPainter
from PySide6.QtWidgets import QApplication, QDialog, QWidget

from tests.gui import judges
from tests.gui.pseudo import plain, ungathered, untranslated
from tests.gui.walking import Findings, Stock, View, walk
from tests.screenshots import SCREENS
from tests.studio import Look


def cut_at_its_size(widget: QWidget) -> list[str]:
    """Judge what is cut in a dialog as large as it would be: the screen of the tests is smaller than any real one."""
    if isinstance(widget, QDialog):
        widget.resize(widget.size().expandedTo(widget.sizeHint()))
        QApplication.processEvents()
    return judges.cut(widget)


VIEWS = {
    "light": View(
        Look(),
        (
            judges.faint,
            judges.unnamed,
            judges.cut,
            judges.unreached,
            judges.out_of_order,
            judges.same_letter,
        ),
    ),
    "dark": View(Look("dark"), (judges.faint,)),
    "contrast, mirrored": View(
        Look("contrast", mirrored=True), (judges.faint, judges.cut, judges.out_of_order)
    ),
    "large letters": View(Look(letters=2.0), (cut_at_its_size,)),
    "translated": View(Look(), (untranslated, ungathered), pseudo=True),
}
SHOWS = {show.__name__: show for show in SCREENS}


@pytest.fixture(scope="module")
def findings(qapp, tmp_path_factory):
    """What all judges of a view find in one part of the window; they walk when the first of them is asked."""
    stock = Stock.make(tmp_path_factory.mktemp("stock"))

    @cache
    def of(view: str, show: str) -> Findings:
        return walk(SHOWS[show], VIEWS[view], stock, tmp_path_factory.mktemp("walk"))

    return of


@pytest.mark.parametrize(
    ("view", "show", "judge"),
    [
        pytest.param(name, show, judge.__name__, id=f"{name}-{show}-{judge.__name__}")
        for name, view in VIEWS.items()
        for show in SHOWS
        for judge in view.judges
    ],
)
def test_nothing_is_wrong_with_the_screens_of(findings, view, show, judge):
    assert findings(view, show)[judge] == {}


def test_the_contrast_of_a_picture_is_that_of_its_colours(qapp):
    image = QImage(200, 100, QImage.Format.Format_RGB32)
    image.fill(QColor("white"))
    painter = QPainter(image)
    painter.fillRect(20, 20, 60, 4, QColor("#777777"))
    painter.end()
    assert judges.text_contrast(image, QRect(5, 5, 60, 30)) == pytest.approx(4.48, abs=0.01)
    assert judges.text_contrast(image, QRect(60, 30, 20, 10)) is None


def test_a_plain_text_is_found(qapp):
    assert plain("&Add folder…")
    assert not plain("Inkwash Harbor")
