"""How chips and buttons find their places."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QPushButton, QWidget

from modelmgr.gui.flow import FlowLayout


def test_buttons_stand_side_by_side_or_below_and_hidden_ones_take_no_room(qtbot):
    holder = QWidget()
    qtbot.addWidget(holder)
    flow = FlowLayout(holder, 8)
    first, second, third = (QPushButton(holder) for _ in range(3))
    for button in (first, second, third):
        button.setFixedSize(100, 20)
        flow.addWidget(button)
    second.hide()
    holder.resize(300, 100)
    with qtbot.waitExposed(holder):
        holder.show()
    assert [each.geometry().getRect() for each in (first, third)] == [(0, 0, 100, 20), (108, 0, 100, 20)]
    assert flow.heightForWidth(150) == 48
    holder.setLayoutDirection(Qt.LayoutDirection.RightToLeft)
    flow.activate()
    assert [each.x() for each in (first, third)] == [200, 92]
