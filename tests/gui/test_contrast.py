"""What is really painted has its contrast, on every screen: text 4.5 : 1, edges and marks 3 : 1."""

import pytest
from PySide6.QtCore import QRect
from PySide6.QtGui import QColor, QImage, QPainter

from modelmgr.gui import theme
from tests.gui import judges
from tests.gui.walking import SHOWS, Stock, walk
from tests.studio import Look


@pytest.fixture(scope="module")
def stock(tmp_path_factory) -> Stock:
    """The sample library, as each walk finds it."""
    return Stock.make(tmp_path_factory.mktemp("stock"))


@pytest.mark.parametrize("palette", ["light", "dark", "contrast"])
@pytest.mark.parametrize("show", SHOWS, ids=lambda show: show.__name__)
def test_all_text_can_be_read_and_all_edges_be_seen(qapp, show, palette, stock, tmp_path):
    theme.apply(qapp)
    assert walk(show, stock, tmp_path, judges.faint, Look(palette)) == {}


def test_the_contrast_of_a_picture_is_that_of_its_colours(qapp):
    image = QImage(200, 100, QImage.Format.Format_RGB32)
    image.fill(QColor("white"))
    painter = QPainter(image)
    painter.fillRect(20, 20, 60, 4, QColor("#777777"))
    painter.end()
    assert judges.text_contrast(image, QRect(5, 5, 60, 30)) == pytest.approx(4.48, abs=0.01)
    assert judges.text_contrast(image, QRect(60, 30, 20, 10)) is None
