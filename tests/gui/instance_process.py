"""A start of the program for the tests: says on its output what its window does, and ends with its input.

Usage: instance_process.py CATALOG [PATH...]. Lines: ``open`` once it listens, ``asked`` when another start came,
``wizard`` when it shows what was dropped. Its exit code is that of the program.
"""

import sys

from PySide6.QtCore import QSocketNotifier, QTimer
from PySide6.QtWidgets import QApplication, QWidget

from modelmgr.gui import app, instance
from modelmgr.progress import Progress


def main() -> None:
    """Run the program as the command line does."""
    qt = QApplication(sys.argv[:1])
    said: set[str] = set()

    def say(word: str) -> None:
        if word not in said:
            said.add(word)
            print(word, flush=True)

    def look() -> None:
        for widget in QApplication.topLevelWidgets():
            if widget.objectName() == "migrationWizard" and widget.isVisible():
                say("wizard")
                widget.close()

    class Watched(instance.Instance):
        def listen(self) -> None:
            super().listen()
            self.asked.connect(lambda paths: say(f"asked {len(paths)}"))
            say("open")

    instance.Instance = Watched  # type: ignore[misc]  # loaded at the start alone
    watch = QTimer()
    watch.timeout.connect(look)
    watch.start(20)

    def end() -> None:
        for widget in QApplication.topLevelWidgets():
            if isinstance(widget, QWidget) and widget.objectName() == "mainWindow":
                widget.close()

    ending = QSocketNotifier(sys.stdin.fileno(), QSocketNotifier.Type.Read)
    ending.activated.connect(end)
    code = app.run(sys.argv[1], sys.argv[2:], Progress())
    ending.setEnabled(False)
    del qt
    print(f"code {code}", flush=True)


if __name__ == "__main__":
    main()
