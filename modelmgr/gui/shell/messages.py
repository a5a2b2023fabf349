"""What the window says without being asked: a line at the top of the page, or one in the status bar. Never a box."""

from collections.abc import Callable

from PySide6.QtCore import QObject, Slot

from modelmgr.gui.jobs_panel import JobsPanel
from modelmgr.gui.outcomes import error_text
from modelmgr.gui.states import MessageBar


class Messages(QObject):
    """Both lines, by what is to be said. Neither takes the focus."""

    def __init__(self, bar: MessageBar, jobs: JobsPanel, parent: QObject) -> None:
        super().__init__(parent)
        self._bar = bar
        self._jobs = jobs
        self._then: Callable[[], None] | None = None
        bar.acted.connect(self._on_acted)

    @Slot(str)
    def say(self, text: str) -> None:
        """Say something in passing, in the status bar."""
        self._jobs.show_message(text)

    def show(
        self, text: str, *, is_problem: bool = False, button: str = "", then: Callable[[], None] | None = None
    ) -> None:
        """Show a line at the top of the page, with one thing to do about it."""
        self._then = then
        self._bar.show_message(text, is_problem=is_problem, button=button)

    def offer(self, text: str, *, button: str, then: Callable[[], None]) -> None:
        """Show such a line unless one stands there that says something else."""
        if self._bar.isHidden():
            self.show(text, button=button, then=then)

    @Slot(str, object)
    def result(self, title: str, error: object = None) -> None:
        """Say a result, or what was tried and why it failed."""
        if error is None:
            self.say(title)
        else:
            self.show(f"{title.rstrip('.')}. {error_text(error)}", is_problem=True)

    def overtake(self, then: Callable[[], None] | None = None) -> None:
        """Take the line at the top away; with `then` only if it offers that."""
        if then is None or self._then == then:
            self._bar.hide()

    @Slot()
    def _on_acted(self) -> None:
        then, self._then = self._then, None
        if then is not None:
            then()
