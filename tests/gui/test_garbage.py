"""Dead widgets are destroyed where Qt allows it, whichever thread is at work."""

import gc
import socket
import threading
from pathlib import Path

from PySide6.QtCore import QThread
from PySide6.QtWidgets import QApplication, QDialog
from pytestqt.qtbot import QtBot

from modelmgr.gui import open_window
from modelmgr.gui.api_door import ApiDoor, DoorState
from modelmgr.gui.garbage import Garbage
from modelmgr.settings import Settings, settings_path


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


def test_the_local_api_leaves_the_collector_to_the_window(qtbot: QtBot, tmp_path: Path) -> None:
    was_on = gc.isenabled()
    gc.enable()
    strangers: list[str] = []

    def look(phase: str, _info: dict[str, int]) -> None:
        if phase == "start" and threading.current_thread() is not threading.main_thread():
            strangers.append(threading.current_thread().name)

    path = tmp_path / "a.sqlite"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    Settings(api_enabled=True, api_port=port).save(settings_path(str(path)))
    gc.callbacks.append(look)
    try:
        window = open_window(path)
        qtbot.addWidget(window)
        door = window.findChild(ApiDoor)
        qtbot.waitUntil(lambda: door.state == DoorState.OPEN, timeout=20_000)
        assert not gc.isenabled()
        window.close()
    finally:
        gc.callbacks.remove(look)
    assert gc.isenabled()
    assert not strangers
    if not was_on:
        gc.disable()
