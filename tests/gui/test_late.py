"""Widgets that are made step by step: each step in its turn, or all of them when somebody wants what is missing."""

from collections import deque

import pytest
from PySide6.QtWidgets import QWidget

from modelmgr.gui.late import Growing


class Plant(Growing, QWidget):
    """Has a leaf, then a flower; the first `frosts` attempts at a leaf fail."""

    def __init__(self, frosts: int = 0) -> None:
        super().__init__()
        self.frosts = frosts
        self._steps = deque([self._grow_leaf, self._grow_flower])

    def _grow_leaf(self) -> None:
        if self.frosts:
            self.frosts -= 1
            raise OSError("frost")
        self.leaf = QWidget(self)
        self.leaf.setObjectName("leaf")
        assert self.findChild(QWidget, "flower") is None  # it is growing, and does not begin anew

    def _grow_flower(self) -> None:
        self.flower = QWidget(self.leaf)
        self.flower.setObjectName("flower")

    @property
    def scent(self) -> str:
        return self.flower.petals  # which it has not


@pytest.fixture
def plant(qtbot):
    made = Plant()
    qtbot.addWidget(made)
    return made


def test_one_step_is_done_in_a_turn(plant):
    plant.grow()
    assert "leaf" in plant.__dict__
    assert "flower" not in plant.__dict__
    plant.grow()
    assert plant.is_whole
    plant.grow()


def test_whoever_reads_or_looks_for_what_is_missing_has_it(plant, qtbot):
    assert plant.flower.objectName() == "flower"
    other = Plant()
    qtbot.addWidget(other)
    assert other.findChild(QWidget, "flower") is not None
    assert other.is_whole


def test_a_step_that_fails_is_done_again_before_the_next(qtbot):
    plant = Plant(frosts=2)
    qtbot.addWidget(plant)
    for deed in (plant.grow, plant.grow_whole):
        with pytest.raises(OSError, match="frost"):
            deed()
        assert not plant.is_whole
    assert plant.flower.parent() is plant.leaf


def test_what_is_missing_for_good_is_said_by_its_name(plant):
    with pytest.raises(AttributeError, match="'Plant' object has no attribute 'root'"):
        _ = plant.root
    with pytest.raises(AttributeError, match="petals"):
        _ = plant.scent


def test_one_that_was_stopped_makes_nothing_more(plant):
    plant.grow()
    plant.stop_growing()
    assert plant.findChild(QWidget, "flower") is None
    with pytest.raises(AttributeError, match="flower"):
        _ = plant.flower
    assert not plant.is_whole
