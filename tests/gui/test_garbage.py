"""Dead widgets are destroyed where Qt allows it, whichever thread is at work."""

import gc
import threading
from pathlib import Path

from PySide6.QtCore import QThread
from PySide6.QtWidgets import QApplication, QDialog
from pytestqt.qtbot import QtBot

from modelmgr.gui import open_window
from modelmgr.gui.garbage import Garbage


class Cycle(QDialog):
    """A dialog that holds itself."""

    def __init__(self, died_in: list[QThread]) -> None:
        super().__init__()
        self.itself = self
        self.died_in = died_in

    def __del__(self) -> None:
        self.died_in.append(QThread.currentThread())


def test_a_dialog_in_a_cycle_dies_in_the_gui_thread_while_another_thread_allocates(
    qtbot: QtBot, qapp: QApplication
) -> None:
    garbage = Garbage()
    stop = threading.Event()

    def allocate() -> None:
        while not stop.is_set():
            kept = [[number] for number in range(10_000)]
            del kept

    worker = threading.Thread(target=allocate)
    worker.start()
    died_in: list[QThread] = []
    try:
        Cycle(died_in)
        qtbot.waitUntil(lambda: bool(died_in), timeout=10_000)
    finally:
        stop.set()
        worker.join()
        garbage.stop()
    assert died_in == [qapp.thread()]


def test_python_collects_by_itself_again_when_the_last_window_is_closed(qtbot: QtBot, tmp_path: Path) -> None:
    was_on = gc.isenabled()
    gc.enable()
    first, second = open_window(tmp_path / "a.sqlite"), open_window(tmp_path / "b.sqlite")
    qtbot.addWidget(first)
    qtbot.addWidget(second)
    assert not gc.isenabled()
    first.close()
    assert not gc.isenabled()
    second.close()
    assert gc.isenabled()
    if not was_on:
        gc.disable()
