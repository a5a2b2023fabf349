"""Everything on every screen can be reached by keyboard, in the order of the eye, and is called by a name."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QDialog, QWidget

from modelmgr.gui import theme
from tests.gui import judges
from tests.gui.walking import SHOWS, Stock, walk
from tests.studio import Look

RULES = (judges.unnamed, judges.unreached, judges.out_of_order, judges.cut)


@pytest.fixture(scope="module")
def stock(tmp_path_factory) -> Stock:
    """The sample library, as each walk finds it."""
    return Stock.make(tmp_path_factory.mktemp("stock"))


def all_rules(widget: QWidget) -> list[str]:
    return [f"{rule.__name__}: {words}" for rule in RULES for words in rule(widget)]


@pytest.mark.parametrize("show", SHOWS, ids=lambda show: show.__name__)
def test_every_stop_has_a_name_and_a_place_in_the_order_and_nothing_is_cut(qapp, show, stock, tmp_path):
    assert walk(show, stock, tmp_path, all_rules) == {}


@pytest.mark.parametrize("show", SHOWS, ids=lambda show: show.__name__)
def test_from_right_to_left_the_order_is_mirrored_and_nothing_is_cut(qapp, show, stock, tmp_path):
    rule = [judges.out_of_order, judges.cut]
    found = walk(
        show, stock, tmp_path, lambda widget: [words for each in rule for words in each(widget)],
        Look(mirrored=True),
    )  # fmt: skip
    assert found == {}


@pytest.mark.parametrize("show", SHOWS, ids=lambda show: show.__name__)
def test_with_letters_of_twice_the_size_nothing_is_cut(qapp, show, stock, tmp_path):
    theme.apply(qapp)

    def cut_at_its_size(widget: QWidget) -> list[str]:
        # The screen of the tests is smaller than any that shows such letters.
        if isinstance(widget, QDialog):
            widget.resize(widget.size().expandedTo(widget.sizeHint()))
            qapp.processEvents()
        return judges.cut(widget)

    found = walk(show, stock, tmp_path, cut_at_its_size, Look(letters=2.0))
    assert found == {}


def test_backtab_goes_the_same_way_back(qapp, qtbot, open_on, stock, tmp_path):
    window = open_on(tmp_path / "empty.sqlite")
    stops, traps = judges.tab_stops(window)
    assert not traps and len(stops) > 4
    back = []
    for _ in stops:
        back.append(window.focusWidget())
        QTest.keyClick(window.focusWidget(), Qt.Key.Key_Backtab)
    assert back[0] is stops[0]
    assert back[1:] == stops[:0:-1]


def test_every_action_has_a_key_or_a_place_in_a_menu(open_on, tmp_path):
    window = open_on(tmp_path / "empty.sqlite")

    def below(menu) -> list[QAction]:
        found = []
        for action in menu.actions():
            found += [action, *(below(action.menu()) if action.menu() else [])]
        return found

    reachable = [action for top in window.menuBar().actions() for action in below(top.menu())]
    lost = [
        action.objectName()
        for action in window.findChildren(QAction)
        if action.objectName() and action.text() and action not in reachable and action.shortcut().isEmpty()
        and not action.parent().inherits("QMenu") and not action.objectName().startswith("_q_")
        and isinstance(action.parent(), type(window))
    ]  # fmt: skip
    assert not lost


def test_the_menus_have_keys_of_their_own(open_on, tmp_path):
    window = open_on(tmp_path / "empty.sqlite")
    keys = [QKeySequence.mnemonic(action.text()).toString() for action in window.menuBar().actions()]
    assert all(keys)
    assert len(set(keys)) == len(keys)
