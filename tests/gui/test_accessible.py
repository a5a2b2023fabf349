"""Everything in the window is reached by keyboard in both directions; what is on each screen `test_screens` judges."""

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtTest import QTest

from tests.gui import judges


def test_backtab_goes_the_same_way_back(open_on, tmp_path):
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
