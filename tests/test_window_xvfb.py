"""The real program on a real X server: it is started, seen, typed at, clicked on, and told to go."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.xvfb,
    pytest.mark.skipif(
        not (shutil.which("Xvfb") and shutil.which("xdotool")),
        reason="needs Xvfb and xdotool, which are not here",
    ),
]

WIDTH, HEIGHT = 1280, 800
PATIENCE_S = 30.0
# A process of its own takes the picture: the test's own Qt may have no screen.
GRAB = (
    "import sys; from PySide6.QtGui import QGuiApplication; app = QGuiApplication(sys.argv[:1]); "
    "sys.exit(not app.primaryScreen().grabWindow(0).save(sys.argv[1]))"
)


@pytest.fixture(scope="module")
def display() -> Iterator[str]:
    """An X server of our own."""
    reading, writing = os.pipe()
    server = subprocess.Popen(
        # Without -noreset it begins anew when the last client goes, and turns away who comes at that moment.
        [
            "Xvfb",
            "-displayfd",
            str(writing),
            "-screen",
            "0",
            f"{WIDTH}x{HEIGHT}x24",
            "-nolisten",
            "tcp",
            "-noreset",
        ],
        pass_fds=[writing],
        stderr=subprocess.DEVNULL,
    )
    os.close(writing)
    number = b""
    while not number.endswith(b"\n"):
        read = os.read(reading, 16)
        assert read, "the X server did not start"
        number += read
    os.close(reading)
    yield f":{number.decode().strip()}"
    server.terminate()
    server.wait(10)


@dataclass
class Screen:
    """What stands on the X server, and hands to touch it with."""

    environment: dict[str, str]
    folder: Path

    def do(self, *words: str) -> str:
        """Let xdotool do something."""
        return subprocess.run(
            ["xdotool", *words],
            env=self.environment,
            check=True,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
        ).stdout.strip()

    def picture(self) -> "Picture":
        """Take a picture of the whole screen."""
        path = self.folder / "screen.png"
        subprocess.run(
            [sys.executable, "-c", GRAB, str(path)], env=self.environment, check=True, timeout=PATIENCE_S
        )
        return Picture.read(path)

    def until(self, holds: Callable[["Picture"], bool], what: str) -> "Picture":
        """Look at the screen until something holds."""
        end = time.monotonic() + PATIENCE_S
        while True:
            picture = self.picture()
            if holds(picture):
                return picture
            assert time.monotonic() < end, f"not seen: {what}"


@dataclass
class Picture:
    """A grabbed picture as rows of pixels, 4 bytes each."""

    width: int
    rows: list[bytes]

    @classmethod
    def read(cls, path: Path) -> "Picture":
        from PySide6.QtGui import QImage

        image = QImage(str(path)).convertToFormat(QImage.Format.Format_RGB32)
        assert not image.isNull()
        return cls(image.width(), [bytes(image.constScanLine(y)) for y in range(image.height())])

    @property
    def colours(self) -> int:
        return len({row[at : at + 4] for row in self.rows for at in range(0, len(row), 4)})

    def part(self, left: float, right: float) -> list[bytes]:
        """Return the pixels between two places, as shares of the width."""
        first, last = int(self.width * left) * 4, int(self.width * right) * 4
        return [row[first:last] for row in self.rows]


@dataclass
class Program:
    """The program at work, with its window on the screen."""

    process: "subprocess.Popen[bytes]"
    window: str
    log: Path


def window_of(process: "subprocess.Popen[bytes]", screen: Screen, log: Path) -> str:
    """Return the X window of a program that is starting."""
    end = time.monotonic() + PATIENCE_S
    while process.poll() is None and time.monotonic() < end:
        found = subprocess.run(
            ["xdotool", "search", "--onlyvisible", "--pid", str(process.pid)],
            env=screen.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_S,
        )
        if found.stdout.strip():
            return found.stdout.split()[0]
    raise AssertionError(f"no window; exit code {process.poll()}: {log.read_text()}")


@pytest.fixture
def screen(display: str, tmp_path: Path) -> Screen:
    """The X server's screen."""
    return Screen({**os.environ, "DISPLAY": display, "QT_QPA_PLATFORM": "xcb"}, tmp_path)


@pytest.fixture
def program(screen: Screen, tmp_path: Path) -> Iterator[Program]:
    """The program, started on the sample library as a person would."""
    from modelmgr.demo import write_demo_library

    models = tmp_path / "models"
    models.mkdir()
    write_demo_library(models)
    start = [sys.executable, "-m", "modelmgr", "--catalog", str(tmp_path / "catalog.sqlite")]
    subprocess.run([*start, "scan", str(models)], check=False, capture_output=True, timeout=PATIENCE_S)
    log = tmp_path / "stderr.txt"
    with open(log, "wb") as stderr:
        process = subprocess.Popen([*start, "gui"], env=screen.environment, stderr=stderr)
    try:
        window = window_of(process, screen, log)
        # There is no window manager to do it.
        screen.do("windowmove", window, "0", "0", "windowsize", window, str(WIDTH), str(HEIGHT))
        screen.do("windowfocus", "--sync", window)
        yield Program(process, window, log)
    finally:
        process.kill()
        process.wait(PATIENCE_S)


def test_the_window_shows_the_library_answers_keys_and_clicks_and_closes(
    screen: Screen, program: Program
) -> None:
    shown = screen.until(lambda picture: picture.colours > 50, "a window with something in it")
    full = screen.until(lambda picture: picture.rows != shown.rows or picture.colours > 100, "rows")

    screen.do("key", "ctrl+f")
    screen.do("type", "type:lora")
    filtered = screen.until(lambda picture: picture.part(0.25, 0.7) != full.part(0.25, 0.7), "fewer rows")

    # Where rows stand is the window's affair: go down the middle until a click fills the details at the right.
    def clicked(picture: Picture) -> bool:
        if picture.part(0.75, 1.0) != filtered.part(0.75, 1.0):
            return True
        screen.do("mousemove", str(int(WIDTH * 0.4)), str(next(places)), "click", "1")
        return False

    places = iter(range(80, HEIGHT - 60, 18))
    screen.until(clicked, "details of a model that was clicked on")

    screen.do("key", "ctrl+q")
    assert program.process.wait(PATIENCE_S) == 0
    assert program.log.read_text() == ""


def test_a_signal_closes_the_window_in_good_order(screen: Screen, program: Program, tmp_path: Path) -> None:
    screen.until(lambda picture: picture.colours > 50, "a window with something in it")
    program.process.send_signal(signal.SIGTERM)
    assert program.process.wait(5) in (0, 130)
    assert "Traceback" not in program.log.read_text()
    done = subprocess.run(
        [sys.executable, "-m", "modelmgr", "--catalog", str(tmp_path / "catalog.sqlite"), "check"],
        check=False,
        capture_output=True,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 0
