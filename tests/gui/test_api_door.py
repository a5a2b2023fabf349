"""The local API inside the window: real windows, real sockets; jobs of other programs are tasks like all others."""

import contextlib
import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QGuiApplication
from PySide6.QtWidgets import (
    QApplication,
    QCheckBox,
    QDialog,
    QFrame,
    QLabel,
    QPushButton,
    QSpinBox,
    QTableView,
    QToolButton,
    QWidget,
)

from modelmgr.gui.api_door import ApiDoor, example_line
from modelmgr.settings import Settings, settings_path

WAIT_MS = 15_000
CLOSE_S = 5.0
LONG_BYTES = 60 * 10**9
"""So large (and sparse) is a file whose hash takes longer than any test."""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as held:
        return held.getsockname()[1]


class Client:
    """Another program that asks over HTTP."""

    def __init__(self, port: int, token_file: Path) -> None:
        self.port = port
        self.token_file = token_file

    @property
    def token(self) -> str:
        return self.token_file.read_text().strip()

    def ask(self, method: str, path: str, body=None, token: str | None = None):
        """Return status and document."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        headers = {"Authorization": f"Bearer {token or self.token}"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        try:
            connection.request(method, path, json.dumps(body) if body is not None else None, headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()

    def start(self, path: str, body) -> str:
        """Start a job and return its id."""
        status, document = self.ask("POST", path, body)
        assert status == 202, document
        return document["job"]

    def job(self, job_id: str):
        return self.ask("GET", f"/api/jobs/{job_id}")[1]

    def stream(self) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
        """Open the stream of events and read its first line."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        connection.request("GET", "/api/events", headers={"Authorization": f"Bearer {self.token}"})
        answer = connection.getresponse()
        assert answer.readline() == b"event: hello\n"
        return connection, answer


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "catalog.sqlite"


@pytest.fixture
def served(qtbot, open_on, path):
    """A window whose API is on, and a program that knows its token."""
    port = free_port()
    Settings(api_enabled=True, api_port=port).save(settings_path(path))
    window = open_on(path)
    door = window.findChild(ApiDoor)
    door.follow(is_on=True, port=port)  # as the window itself would a moment later
    qtbot.waitUntil(lambda: door.state == "open", timeout=WAIT_MS)
    return window, Client(port, Path(f"{path}.token"))


@pytest.fixture
def long_folder(tmp_path) -> Path:
    """A folder whose scan ends only when it is cancelled."""
    folder = tmp_path / "long"
    folder.mkdir()
    with (folder / "long.gguf").open("wb") as file:
        file.truncate(LONG_BYTES)
    return folder


def find(widget: QWidget, name: str, kind=QWidget):
    found = widget.findChild(kind, name)
    assert found is not None, name
    return found


def line(window) -> str:
    return find(window, "taskLine", QLabel).text()


def settings_dialog(qtbot, window) -> QDialog:
    find(window, "actionSettings", QAction).trigger()
    dialog = window.findChildren(QDialog, "settingsDialog")[-1]
    dialog.show_tab("api")
    return dialog


def choose(qtbot, window, *, is_on: bool, port: int) -> None:
    dialog = settings_dialog(qtbot, window)
    find(dialog, "settingApi", QCheckBox).setChecked(is_on)
    find(dialog, "settingApiPort", QSpinBox).setValue(port)
    qtbot.mouseClick(find(dialog, "settingsSave", QPushButton), Qt.MouseButton.LeftButton)


def is_refused(port: int) -> bool:
    with socket.socket() as asker:
        return asker.connect_ex(("127.0.0.1", port)) != 0


# --- on and off -------------------------------------------------------------------------------------------

_START = """
import sys
from pathlib import Path
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication
from modelmgr.gui import open_window
from modelmgr.gui.api_door import ApiDoor

app = QApplication([])
window = open_window(Path(sys.argv[1]))
frameworks = ("fastapi", "starlette", "pydantic", "uvicorn", "modelmgr.api.server")
loaded = lambda: [name for name in frameworks if name in sys.modules]
print("painted with", loaded())
door = window.findChild(ApiDoor)
door.changed.connect(lambda: door.state in ("open", "failed") and app.quit())
QTimer.singleShot(int(sys.argv[2]), app.quit)
app.exec()
print(door.state, "with", loaded())
window.close()
"""


def lines_of_a_start(path: Path, wait_ms: int) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", _START, str(path), str(wait_ms)],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.stdout.splitlines()


def test_while_it_is_off_nothing_of_the_framework_is_loaded(path):
    assert lines_of_a_start(path, 1500) == ["painted with []", "closed with []"]


def test_while_it_is_on_the_framework_is_loaded_after_the_first_paint(path):
    Settings(api_enabled=True, api_port=free_port()).save(settings_path(path))
    first, second = lines_of_a_start(path, 30_000)
    assert first == "painted with []"
    assert second.startswith("open with ['fastapi', 'starlette'")


def test_it_is_switched_on_and_off_in_the_settings(qtbot, open_on, path):
    window, port = open_on(path), free_port()
    choose(qtbot, window, is_on=True, port=port)
    qtbot.waitUntil(
        lambda: line(window) == f"Other programs can use the library at http://127.0.0.1:{port}.",
        timeout=WAIT_MS,
    )
    client = Client(port, Path(f"{path}.token"))
    assert client.ask("GET", "/api/models")[1]["total"] == 0
    kept = Settings.load(settings_path(path))
    assert (kept.api_enabled, kept.api_port) == (True, port)
    assert (
        find(settings_dialog(qtbot, window), "apiState", QLabel).text() == f"On, at http://127.0.0.1:{port}"
    )

    choose(qtbot, window, is_on=False, port=port)
    qtbot.waitUntil(lambda: line(window) == "Other programs can no longer use the library.", timeout=WAIT_MS)
    assert is_refused(port)
    assert not Settings.load(settings_path(path)).api_enabled


def test_what_is_chosen_counts_only_when_it_is_saved(qtbot, open_on, path):
    window = open_on(path)
    dialog = settings_dialog(qtbot, window)
    find(dialog, "settingApi", QCheckBox).setChecked(True)
    dialog.reject()
    door = window.findChild(ApiDoor)
    assert door.state == "closed"
    assert not settings_path(path).exists()


def test_another_port_closes_the_old_one(qtbot, served):
    window, client = served
    port = free_port()
    choose(qtbot, window, is_on=True, port=port)
    door = window.findChild(ApiDoor)
    qtbot.waitUntil(lambda: door.address == f"http://127.0.0.1:{port}", timeout=WAIT_MS)
    assert is_refused(client.port)
    assert Client(port, client.token_file).ask("GET", "/api/models")[0] == 200


def test_the_last_choice_counts_however_fast_they_follow_each_other(qtbot, served):
    window, client = served
    door = window.findChild(ApiDoor)
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(4)]
        ports = [each.getsockname()[1] for each in sockets]
    for port in ports:
        choose(qtbot, window, is_on=True, port=port)
        choose(qtbot, window, is_on=False, port=port)
    choose(qtbot, window, is_on=True, port=ports[0])
    qtbot.waitUntil(lambda: door.state == "open", timeout=WAIT_MS)
    assert door.address == f"http://127.0.0.1:{ports[0]}"
    assert [is_refused(port) for port in (client.port, *ports)] == [True, False, True, True, True]


def test_a_port_in_use_is_said_with_a_way_to_choose_another(qtbot, open_on, path):
    window = open_on(path)
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        choose(qtbot, window, is_on=True, port=taken)
        bar = find(window, "messageBar")
        qtbot.waitUntil(bar.isVisible, timeout=WAIT_MS)
    words = [label.text() for label in bar.findChildren(QLabel)]
    assert (
        f"Other programs can't use the library now. Port {taken} of 127.0.0.1 is in use by another program. "
        "Choose another port, or close that program." in words
    )
    qtbot.mouseClick(find(bar, "messageButton", QPushButton), Qt.MouseButton.LeftButton)
    dialog = find(window, "settingsDialog", QDialog)
    assert find(dialog, "apiState", QLabel).text().startswith(f"Port {taken} of 127.0.0.1 is in use")
    # It has become free meanwhile: to save the same again is to try again.
    qtbot.mouseClick(find(dialog, "settingsSave", QPushButton), Qt.MouseButton.LeftButton)
    door = window.findChild(ApiDoor)
    qtbot.waitUntil(lambda: door.state == "open", timeout=WAIT_MS)
    assert not bar.isVisible()


# --- the token --------------------------------------------------------------------------------------------


def test_a_token_file_that_cannot_be_used_is_said_and_a_new_token_helps(qtbot, open_on, path):
    token_file = Path(f"{path}.token")
    token_file.write_bytes(b"two words\n")
    token_file.chmod(0o600)
    window, port = open_on(path), free_port()
    choose(qtbot, window, is_on=True, port=port)
    door = window.findChild(ApiDoor)
    qtbot.waitUntil(lambda: door.state == "failed", timeout=WAIT_MS)
    assert is_refused(port)
    dialog = settings_dialog(qtbot, window)
    words = (
        f"The token file {token_file} can't be used: it must hold one line of visible ASCII characters, "
        "and nothing else."
    )
    assert find(dialog, "apiState", QLabel).text() == words
    qtbot.mouseClick(find(dialog, "apiCopyToken", QPushButton), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: find(dialog, "apiNote", QLabel).text() == words, timeout=WAIT_MS)
    renew(qtbot, dialog)
    qtbot.waitUntil(lambda: door.state == "open", timeout=WAIT_MS)
    assert Client(port, token_file).ask("GET", "/api/models")[0] == 200


def renew(qtbot, dialog) -> None:
    qtbot.mouseClick(find(dialog, "apiRenewToken", QPushButton), Qt.MouseButton.LeftButton)
    question = find(dialog, "renewTokenQuestion", QDialog)
    qtbot.mouseClick(find(question, "renewTokenYes", QPushButton), Qt.MouseButton.LeftButton)
    note = find(dialog, "apiNote", QLabel)
    qtbot.waitUntil(
        lambda: note.text() == "There is a new token; the old one counts no more.", timeout=WAIT_MS
    )


def test_a_renewed_token_counts_at_once_and_the_old_one_no_more(qtbot, served):
    window, client = served
    old = client.token
    assert client.ask("GET", "/api/models", token=old)[0] == 200
    renew(qtbot, settings_dialog(qtbot, window))
    assert client.token != old
    assert client.ask("GET", "/api/models", token=old)[0] == 401
    assert client.ask("GET", "/api/models")[0] == 200


def test_a_stream_that_was_opened_with_the_old_token_hears_nothing_more(qtbot, served):
    window, client = served
    connection, stream = client.stream()
    renew(qtbot, settings_dialog(qtbot, window))
    client.start("/api/models/scan", {})
    rest = stream.read()
    assert b"event: job" not in rest
    connection.close()


def test_the_token_is_copied_and_never_shown(qtbot, served):
    window, client = served
    dialog = settings_dialog(qtbot, window)
    qtbot.mouseClick(find(dialog, "apiCopyToken", QPushButton), Qt.MouseButton.LeftButton)
    clipboard = QGuiApplication.clipboard()
    qtbot.waitUntil(lambda: clipboard.text() == client.token, timeout=WAIT_MS)
    assert clipboard.mimeData().data("x-kde-passwordManagerHint").data() == b"secret"
    shown = [label.text() for label in dialog.findChildren(QLabel)]
    assert not [text for text in shown if client.token in text]
    clipboard.clear()


def test_the_token_can_be_had_before_the_api_is_on(qtbot, open_on, path):
    dialog = settings_dialog(qtbot, open_on(path))
    qtbot.mouseClick(find(dialog, "apiCopyToken", QPushButton), Qt.MouseButton.LeftButton)
    clipboard = QGuiApplication.clipboard()
    qtbot.waitUntil(lambda: len(clipboard.text()) == 43, timeout=WAIT_MS)
    assert Path(f"{path}.token").read_text() == clipboard.text() + "\n"
    clipboard.clear()


@pytest.mark.skipif(os.name == "nt" or not shutil.which("curl"), reason="a line for a shell with curl")
def test_the_copied_example_works_in_a_shell(qtbot, open_on, tmp_path):
    odd = tmp_path / 'it\'s $(here) "now"'
    odd.mkdir()
    path, port = odd / "catalog.sqlite", free_port()
    Settings(api_enabled=True, api_port=port).save(settings_path(path))
    window = open_on(path)
    door = window.findChild(ApiDoor)
    qtbot.waitUntil(lambda: door.state == "open", timeout=WAIT_MS)
    dialog = settings_dialog(qtbot, window)
    qtbot.mouseClick(find(dialog, "apiCopyExample", QPushButton), Qt.MouseButton.LeftButton)
    copied = QGuiApplication.clipboard().text()
    QGuiApplication.clipboard().clear()
    assert Path(f"{path}.token").read_text().strip() not in copied
    done = subprocess.run(
        ["/bin/sh", "-c", copied],
        check=True,
        capture_output=True,
        timeout=20,
        env={**os.environ, "NO_PROXY": "*"},
    )
    assert json.loads(done.stdout)["models"] == []


def test_the_example_reads_the_token_from_its_file_in_either_shell():
    assert example_line(8765, "/a b/c.token", for_windows=False) == (
        "curl -H \"Authorization: Bearer $(cat -- '/a b/c.token')\" "
        '"http://127.0.0.1:8765/api/models?limit=5"'
    )
    assert example_line(9000, r"C:\it's\c.token", for_windows=True) == (
        "curl.exe -H \"Authorization: Bearer $(Get-Content -LiteralPath 'C:\\it''s\\c.token')\" "
        '"http://127.0.0.1:9000/api/models?limit=5"'
    )
    assert "Bearer TOKEN" in example_line(8765, "/a\udc80/c.token", for_windows=False)


def test_everything_has_a_name_and_the_tab_key_follows_the_eye(qtbot, open_on, path):
    dialog = settings_dialog(qtbot, open_on(path))
    names = [
        "settingApi",
        "settingApiPort",
        "apiCopyToken",
        "apiRenewToken",
        "apiCopyExample",
        "settingsSave",
    ]
    for name in names:
        widget = find(dialog, name)
        assert widget.accessibleName() or widget.text().strip("…"), name
    assert all(
        label.textFormat() == Qt.TextFormat.PlainText
        for label in find(dialog, "apiSection").findChildren(QLabel)
        if label.text()
    )
    first = find(dialog, "settingApi")
    first.setFocus()
    qtbot.waitUntil(first.hasFocus)
    reached = ["settingApi"]
    while reached[-1] != "settingsSave" and len(reached) < 20:
        qtbot.keyClick(QApplication.focusWidget(), Qt.Key.Key_Tab)
        reached.append(QApplication.focusWidget().objectName())
    assert reached == names


# --- jobs -------------------------------------------------------------------------------------------------


def test_what_another_program_brings_in_shows_in_the_window(qtbot, served, tmp_path):
    window, client = served
    folder = tmp_path / "models"
    folder.mkdir()
    for number in range(3):
        (folder / f"brought {number}.gguf").write_bytes(b"GGUF" + bytes(64) + bytes([number]))
    job = client.start("/api/models/scan", {"paths": [str(folder)]})
    qtbot.waitUntil(lambda: line(window) == "3 model files were added.", timeout=WAIT_MS)
    table = find(window, "libraryTable", QTableView).model()
    qtbot.waitUntil(lambda: table.rowCount() == 3, timeout=WAIT_MS)
    assert client.job(job)["state"] == "done"
    assert client.job(job)["result"]["added"] == 3

    body = {"models": [{"name": "Handed over", "meta_json": {"a": 1}}]}
    client.start("/api/migration/import_models", body)
    qtbot.waitUntil(lambda: line(window) == "1 record was imported.", timeout=WAIT_MS)
    pending = find(window, "actionShowPending", QAction)
    qtbot.waitUntil(lambda: pending.text() == "&Pending (1)", timeout=WAIT_MS)


def test_a_job_stands_in_the_task_list_and_is_stopped_there(qtbot, served, long_folder):
    window, client = served
    job = client.start("/api/models/scan", {"paths": [str(long_folder)]})
    qtbot.waitUntil(lambda: "of 60 GB" in line(window), timeout=WAIT_MS)
    assert line(window).startswith("Scan for another program · ")
    running = client.job(job)
    assert (running["state"], running["unit"], running["total"]) == ("running", "bytes", LONG_BYTES)
    qtbot.mouseClick(find(window, "taskCancel", QToolButton), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: client.job(job)["state"] == "cancelled", timeout=WAIT_MS)
    qtbot.waitUntil(lambda: line(window).startswith("The scan was stopped"), timeout=WAIT_MS)


def test_a_job_that_its_program_cancels_ends_in_the_window(qtbot, served, long_folder):
    window, client = served
    job = client.start("/api/models/scan", {"paths": [str(long_folder)]})
    qtbot.waitUntil(lambda: "of 60 GB" in line(window), timeout=WAIT_MS)
    assert client.ask("DELETE", f"/api/jobs/{job}")[0] == 200
    qtbot.waitUntil(lambda: line(window).startswith("The scan was stopped"), timeout=WAIT_MS)
    assert client.job(job)["state"] == "cancelled"


def titles(window) -> list[str]:
    """Return what stands in the list of running work, newest first."""
    more = find(window, "taskMore", QToolButton)
    more.click()
    popup = find(window, "taskList", QFrame)
    rows = [
        label.text()
        for label in popup.findChildren(QLabel)
        if label.text().endswith("for another program") and label.isVisibleTo(popup)
    ]
    popup.close()
    return rows


def test_jobs_wait_for_each_other_and_can_be_called_off_from_both_sides(qtbot, served, long_folder):
    window, client = served
    first = client.start("/api/models/scan", {"paths": [str(long_folder)]})
    promote = client.start("/api/migration/promote", {"all": True})
    preview = client.start("/api/migration/import_models", {"paths": [str(long_folder)], "dry_run": True})
    more = find(window, "taskMore", QToolButton)
    qtbot.waitUntil(lambda: more.text() == "2 more", timeout=WAIT_MS)
    qtbot.waitUntil(lambda: client.job(first)["state"] == "running", timeout=WAIT_MS)
    assert titles(window) == [
        "Preview for another program",
        "Promotion for another program",
        "Scan for another program",
    ]
    assert [client.job(job)["state"] for job in (promote, preview)] == ["queued", "queued"]

    # By its program, over HTTP: it leaves the list at once, although it never had its turn.
    assert client.ask("DELETE", f"/api/jobs/{preview}")[1]["state"] == "cancelled"
    qtbot.waitUntil(lambda: more.text() == "1 more", timeout=WAIT_MS)
    # And in the window.
    more.click()
    popup = find(window, "taskList", QFrame)
    row = next(
        label.parentWidget()
        for label in popup.findChildren(QLabel)
        if label.text() == "Promotion for another program" and label.isVisibleTo(popup)
    )
    find(row, "taskCancelOne", QToolButton).click()
    qtbot.waitUntil(lambda: client.job(promote)["state"] == "cancelled", timeout=WAIT_MS)
    assert client.job(first)["state"] == "running"
    client.ask("DELETE", f"/api/jobs/{first}")
    qtbot.waitUntil(lambda: line(window).startswith("The scan was stopped"), timeout=WAIT_MS)


def test_an_import_and_its_promotion_run_in_the_order_in_which_they_were_asked_for(qtbot, served, tmp_path):
    _window, client = served
    folder = tmp_path / "models"
    folder.mkdir()
    for number in range(40):
        (folder / f"m{number}.gguf").write_bytes(b"GGUF" + bytes(64) + bytes([number]))
        (folder / f"m{number}.civitai.info").write_text('{"name": "one"}')
    jobs = [
        client.start("/api/models/scan", {"paths": [str(folder)]}),
        client.start("/api/migration/import_models", {"paths": [str(folder)]}),
        client.start("/api/migration/promote", {"all": True}),
    ]
    qtbot.waitUntil(lambda: client.job(jobs[-1])["state"] == "done", timeout=WAIT_MS)
    results = [client.job(job)["result"] for job in jobs]
    assert (results[0]["added"], results[1]["imported"], results[2]["promoted"]) == (40, 40, 40)


# --- the end ----------------------------------------------------------------------------------------------


def test_a_stream_ends_when_the_api_is_switched_off(qtbot, served):
    window, client = served
    connection, stream = client.stream()
    choose(qtbot, window, is_on=False, port=client.port)
    door = window.findChild(ApiDoor)
    qtbot.waitUntil(lambda: door.state == "closed", timeout=WAIT_MS)
    rest = stream.read()  # to its proper end: a cut would raise
    assert rest.startswith(b"data: ")
    connection.close()


def test_a_job_goes_on_when_the_api_is_switched_off(qtbot, served, long_folder):
    window, client = served
    client.start("/api/models/scan", {"paths": [str(long_folder)]})
    qtbot.waitUntil(lambda: "of 60 GB" in line(window), timeout=WAIT_MS)
    choose(qtbot, window, is_on=False, port=client.port)
    door = window.findChild(ApiDoor)
    qtbot.waitUntil(lambda: door.state == "closed", timeout=WAIT_MS)
    assert line(window).startswith("Scan for another program · ")
    find(window, "taskCancel", QToolButton).click()
    qtbot.waitUntil(lambda: line(window).startswith("The scan was stopped"), timeout=WAIT_MS)


def test_closing_the_window_ends_streams_and_jobs(qtbot, served, long_folder):
    window, client = served
    client.start("/api/models/scan", {"paths": [str(long_folder)]})
    client.start("/api/migration/promote", {"all": True})
    connection, stream = client.stream()
    qtbot.waitUntil(lambda: "of 60 GB" in line(window), timeout=WAIT_MS)
    began = time.monotonic()
    window.close()
    assert time.monotonic() - began < CLOSE_S
    assert b"event: job" in stream.read()
    connection.close()
    assert is_refused(client.port)


@pytest.mark.parametrize("wait_ms", [0, 1, 20, 100])
def test_closing_the_window_while_the_server_starts_leaves_nothing(qtbot, open_on, path, wait_ms):
    window, port = open_on(path), free_port()
    window.findChild(ApiDoor).follow(is_on=True, port=port)
    if wait_ms:
        qtbot.wait(wait_ms)
    began = time.monotonic()
    window.close()
    assert time.monotonic() - began < CLOSE_S
    assert is_refused(port)


def test_a_job_that_came_in_the_last_moment_is_never_begun(served, long_folder):
    window, client = served
    connection, stream = client.stream()
    client.start("/api/models/scan", {"paths": [str(long_folder)]})  # the window has had no turn since
    window.close()
    assert b'"state": "running"' not in stream.read()
    connection.close()
