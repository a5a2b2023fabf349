"""Rated pictures in table, cards and details: blurred until the mouse is on them."""

import pytest
from PySide6.QtCore import QPoint, QPointF
from PySide6.QtGui import QColor, QEnterEvent, QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from modelmgr.gui.details import DetailsPane
from modelmgr.gui.grid.shelf import Shelf
from modelmgr.gui.previews import Previews
from modelmgr.gui.table.model import LibraryModel
from modelmgr.values import ModelQuery


@pytest.fixture
def previews(tasks) -> Previews:
    return Previews(tasks)


@pytest.fixture
def shelf(qtbot, fill, library, catalog, tasks, previews) -> Shelf:
    """A shelf with one rated model, whose picture is half red and half blue."""
    (model_id,) = fill.add(1)
    image = QImage(256, 320, QImage.Format.Format_RGB32)
    for x in range(256):
        for y in range(320):
            image.setPixelColor(x, y, QColor("red" if x < 128 else "blue"))
    path = fill.folder / "picture.png"
    image.save(str(path))
    library.edit([model_id], "preview", str(path))
    library.edit([model_id], "nsfw", True)
    previews.roots = (catalog.attachments_folder,)
    made = Shelf(LibraryModel(catalog, tasks), previews)
    qtbot.addWidget(made)
    made.resize(800, 600)
    made.show()
    qtbot.waitExposed(made)
    made.grid.model().load_at_once(ModelQuery())
    return made


def edge_colours(image, rect) -> int:
    """Return how many colours a line across the middle of a picture has."""
    y = rect.center().y()
    return len({image.pixel(x, y) for x in range(rect.left(), rect.right())})


@pytest.mark.parametrize("is_grid", [True, False])
def test_the_mouse_reveals_them(qtbot, shelf, is_grid):
    shelf.show_grid(is_grid)
    view = shelf.view
    card = view.visualRect(view.model().index(0, 0))
    row = view.model().row_at(0)
    assert row.preview
    assert row.nsfw

    def seen():
        image = view.viewport().grab().toImage()
        found = (
            card.adjusted(10, 30, -10, -120) if is_grid else card.adjusted(10, 4, -(card.width() - 26), -4)
        )
        return edge_colours(image, found)

    qtbot.waitUntil(lambda: seen() > 5)
    QTest.mouseMove(view.viewport(), card.center())
    qtbot.waitUntil(lambda: seen() <= 4)
    QTest.mouseMove(view.viewport(), QPoint(view.viewport().width() - 3, view.viewport().height() - 3))
    qtbot.waitUntil(lambda: seen() > 5)


def test_the_details_blur_them_too(qtbot, library, tasks, previews, shelf):
    pane = DetailsPane(library, tasks, previews)
    qtbot.addWidget(pane)
    pane.resize(320, 700)
    pane.show()
    pane.show_model(shelf.grid.model().row_at(0))
    box = pane.findChild(object, "detailsPreview")

    def colours():
        if box.pixmap_shown is None:
            return 0
        image = box.pixmap_shown.toImage()
        return edge_colours(image, image.rect())

    qtbot.waitUntil(lambda: colours() > 20)
    # Qt sends what the mouse does to the innermost widget and, as "enter", to all around it.
    widget = box
    while widget is not pane:
        QApplication.sendEvent(widget, QEnterEvent(QPointF(5, 5), QPointF(5, 5), QPointF(5, 5)))
        widget = widget.parentWidget()
    qtbot.waitUntil(lambda: 0 < colours() <= 6)
