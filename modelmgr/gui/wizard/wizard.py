"""The wizard itself: four pages, their buttons, and what closing means while work is going on."""

import os
from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import QEvent, QSize, Qt, Signal, Slot
from PySide6.QtGui import QCloseEvent, QFontMetrics, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QFileDialog, QGridLayout, QLabel, QWidget, QWizard

from modelmgr.gui import focus, theme
from modelmgr.gui.buttons import in_order
from modelmgr.gui.measures import scaled
from modelmgr.gui.reasons import group_of
from modelmgr.gui.sheet import style_sheet
from modelmgr.gui.shell.drafts import LONGEST_CHARS, Drafts
from modelmgr.gui.tasks import Tasks
from modelmgr.gui.text import counted
from modelmgr.gui.wizard.import_page import ImportPage
from modelmgr.gui.wizard.journey import Journey, chosen_paths, chosen_text, write_file
from modelmgr.gui.wizard.parts import tr
from modelmgr.gui.wizard.preview_page import PreviewPage
from modelmgr.gui.wizard.report import report_as_json, report_as_text
from modelmgr.gui.wizard.report_page import ReportPage
from modelmgr.gui.wizard.sources_page import SourcesPage
from modelmgr.library import Library
from modelmgr.values import ScanOptions

SOURCES, PREVIEW, IMPORT, REPORT = range(4)

STEP_ICON_PX = 16
_WIDTH_WITH_STEPS = 600
"""The wizard has its steps at the side from so many pixels at 100 % on."""
CHOSEN_DRAFT = "wizard/chosen"
"""Where the drafts keep what was chosen."""


class _Steps(QWidget):
    """The four questions at the side: a sign before each, the present one in plain text, the others quiet."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._page = SOURCES
        self._is_whole = True
        self._lines: list[tuple[QLabel, QLabel]] = []
        layout = QGridLayout(self)
        # In line with the title of the page beside it.
        layout.setContentsMargins(0, theme.L, 0, theme.L)
        layout.setHorizontalSpacing(theme.S)
        layout.setVerticalSpacing(theme.M)
        layout.setColumnStretch(1, 1)
        # The gap towards the page, which goes with the steps.
        layout.setColumnMinimumWidth(2, theme.L - theme.S)
        for at, words in enumerate((tr("Where from"), tr("What is there"), tr("Importing"), tr("Done"))):
            mark, label = QLabel(self), theme.plain_label(words, "secondary", self)
            layout.addWidget(mark, at, 0)
            layout.addWidget(label, at, 1)
            self._lines.append((mark, label))
        layout.setRowStretch(len(self._lines), 1)
        letters = self.font()
        letters.setBold(True)
        widest = max(QFontMetrics(letters).horizontalAdvance(label.text()) for _mark, label in self._lines)
        least = self.fontMetrics().averageCharWidth() * 15 + theme.XL
        self.setFixedWidth(max(least, widest + theme.XL + theme.L) + theme.L)

    def show_step(self, page: int, *, is_whole: bool) -> None:
        """Mark the question that is being answered, and those that are; `is_whole` says that the import is."""
        self._page = page
        self._is_whole = is_whole
        for at, (_mark, label) in enumerate(self._lines):
            label.setProperty("role", None if at == page else "secondary")
            font = label.font()
            font.setBold(at == page)
            label.setFont(font)
            label.style().unpolish(label)
            label.style().polish(label)
        self._tint()

    def _tint(self) -> None:
        colors = theme.colors()
        for at, (mark, _label) in enumerate(self._lines):
            is_done = at < self._page if at < IMPORT else self._page == REPORT and self._is_whole
            name = "circle-check" if is_done else "circle"
            color = colors.accent_on_base if at == self._page else colors.secondary
            mark.setPixmap(theme.sign(self, name, STEP_ICON_PX, color))

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in theme.NEW_LOOKS:
            self._tint()


class MigrationWizard(QWizard):
    """Brings in what other tools know. Opens at the sources, or at the preview of `paths`.

    Signals:
        imported(ImportReport): the import is over, whole or stopped; more may follow (model files, promotion).
        review_requested(str): the user wants to see what waits; the group of the pending page.
    """

    imported = Signal(object)
    review_requested = Signal(str)

    def __init__(
        self,
        library: Library,
        tasks: Tasks,
        paths: Sequence[str] = (),
        parent: QWidget | None = None,
        *,
        options: ScanOptions | None = None,
        drafts: Drafts | None = None,
    ) -> None:
        super().__init__(parent)
        self._drafts = drafts
        self.library = library
        self.tasks = tasks
        self.journey = Journey(options=options or ScanOptions())
        self._closes_after = False
        self.setObjectName("migrationWizard")
        self.setWindowTitle(self.tr("Import from other tools"))
        self.setWizardStyle(QWizard.WizardStyle.ClassicStyle)
        self.setTitleFormat(Qt.TextFormat.PlainText)
        self.setSubTitleFormat(Qt.TextFormat.PlainText)
        self.setOption(QWizard.WizardOption.NoBackButtonOnStartPage)
        self.setOption(QWizard.WizardOption.NoBackButtonOnLastPage)
        self.setOption(QWizard.WizardOption.NoCancelButtonOnLastPage)
        self.setOption(QWizard.WizardOption.HaveCustomButton1)
        self.setOption(QWizard.WizardOption.HaveCustomButton2)
        self.setOption(QWizard.WizardOption.HaveCustomButton3)
        if parent is None:
            self.setStyleSheet(style_sheet(self.palette(), self.font()))
        self._steps = _Steps(self)
        self.setSideWidget(self._steps)
        self._sources = SourcesPage(self, library, tasks, self.journey)
        self._previewed = PreviewPage(self, library, tasks, self.journey)
        self._importing = ImportPage(self, library, tasks, self.journey)
        self._report = ReportPage(self, library, tasks, self.journey)
        for at, page in enumerate((self._sources, self._previewed, self._importing, self._report)):
            self.setPage(at, page)
        self._sources.chosen.connect(self._keep_chosen)
        self._importing.imported.connect(self.imported)
        self._importing.stop_offered.connect(self._offer_stop)
        self._report.waiting_counted.connect(self._offer_review)
        self._report.review_wanted.connect(self._on_review_wanted)
        self._report.rest_wanted.connect(self._on_rest_wanted)
        self._name_buttons()
        self.currentIdChanged.connect(self._on_page_changed)
        room = self.screen().availableSize()
        self.resize(QSize(scaled(self, 1120), scaled(self, 760)).boundedTo(room))
        if drafts is not None and (left := drafts.take(CHOSEN_DRAFT)):
            self._sources.offer_again(chosen_paths(left))
        if paths:
            self.set_paths(paths)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        # Where letters are large the page needs the room more than the list of all pages does.
        self._steps.setVisible(self.width() >= scaled(self, _WIDTH_WITH_STEPS))

    def _align(self) -> None:
        """Let steps, pages and buttons keep the distance to the edge that all dialogs keep.

        The style's margins are narrower, and around the side widget there are others again. `QWizard` gives them
        anew whenever it lays itself out.
        """
        side = self._steps.parentWidget()
        ground = side.parentWidget() if side is not None else None
        for holder, margin in ((side, 0), (ground, theme.L)):
            layout = holder.layout() if holder is not None else None
            if layout is not None:
                layout.setContentsMargins(margin, margin, margin, margin)

    def _name_buttons(self) -> None:
        kind = QWizard.WizardButton
        for which, name, words in (
            (kind.BackButton, "backButton", self.tr("&Back")),
            (kind.NextButton, "nextButton", self.tr("&Look inside")),
            (kind.CommitButton, "commitButton", self.tr("&Import")),
            (kind.FinishButton, "finishButton", self.tr("&Close")),
            (kind.CancelButton, "cancelButton", self.tr("Cancel")),
            (kind.CustomButton1, "saveReportButton", self.tr("&Save report…")),
            (kind.CustomButton2, "reviewPendingButton", self.tr("&Review pending")),
            (kind.CustomButton3, "importCancelButton", self.tr("&Stop")),
        ):
            self.setButtonText(which, words)
            self.button(which).setObjectName(name)
        for which in (kind.NextButton, kind.CommitButton, kind.CustomButton2):
            button = self.button(which)
            button.setProperty("primary", True)
            # QWizard has had them polished already, before they had the property.
            button.style().unpolish(button)
            button.style().polish(button)
        self.button(kind.CustomButton1).clicked.connect(self._on_save_report)
        self.button(kind.CustomButton2).clicked.connect(self._on_review)
        self.button(kind.CustomButton3).clicked.connect(self._importing.stop)

    # --- what others call -------------------------------------------------------------------------------

    @property
    def is_importing(self) -> bool:
        """Whether records or models are being written right now."""
        return self._importing.is_running

    def set_paths(self, paths: Sequence[str]) -> None:
        """Begin anew with these paths, at their preview; ignored while an import is running."""
        if self.is_importing:
            return
        self._previewed.leave()
        self.journey.paths[:] = dict.fromkeys(os.path.abspath(path) for path in paths)
        self._sources.is_passed = bool(self.journey.paths)
        self.restart()
        if self.journey.paths:
            self.next()

    @Slot()
    def _keep_chosen(self) -> None:
        """Keep what is chosen, so that a crash does not take it along; it ends with the wizard."""
        if not self.journey.paths:
            self._forget_chosen()
        elif self._drafts is not None:
            # A crash must not take along what is still offered either.
            paths = list(dict.fromkeys([*self._sources.offered, *self.journey.paths]))
            self._drafts.keep(CHOSEN_DRAFT, chosen_text(paths, LONGEST_CHARS), tr("Chosen for the import"))

    @Slot(int)
    def _offer_review(self, waiting: int) -> None:
        """Put the number of waiting records on the button that leads to them."""
        button = self.button(QWizard.WizardButton.CustomButton2)
        words = self.tr("&Review {}").format(counted(waiting, "pending record"))
        self.setButtonText(
            QWizard.WizardButton.CustomButton2, words if waiting else self.tr("&Review pending")
        )
        button.setEnabled(waiting > 0)
        # What leads on stands out, and has the keyboard unless the user has taken it elsewhere.
        close = self.button(QWizard.WizardButton.FinishButton)
        for each, is_first in ((button, waiting > 0), (close, waiting == 0)):
            each.setProperty("primary", is_first)
            each.style().unpolish(each)
            each.style().polish(each)
        if waiting > 0 and close.hasFocus():
            button.setFocus()

    @Slot(bool)
    def _offer_stop(self, is_possible: bool) -> None:
        """Let the button say whether the import can be stopped, or is being stopped."""
        self.setButtonText(
            QWizard.WizardButton.CustomButton3, self.tr("&Stop") if is_possible else self.tr("Stopping…")
        )
        self.button(QWizard.WizardButton.CustomButton3).setEnabled(is_possible)

    # --- pages ------------------------------------------------------------------------------------------

    @Slot(int)
    def _on_page_changed(self, page: int) -> None:
        kind = QWizard.WizardButton
        leads_on = in_order(self, [kind.NextButton, kind.CommitButton], [kind.CancelButton])
        layout = [kind.BackButton, kind.Stretch, *leads_on]
        if page == IMPORT:
            layout = [kind.Stretch, kind.CustomButton3]
        elif page == REPORT:
            ends = in_order(self, [kind.CustomButton2], [kind.FinishButton])
            layout = [kind.CustomButton1, kind.Stretch, *ends]
        self.setButtonLayout(layout)
        self._align()
        self._steps.show_step(page, is_whole=self.journey.is_whole)
        if page != SOURCES:
            self._sources.leave()
        if page == IMPORT:
            # From here on the catalog knows of it.
            self._forget_chosen()
        if page == REPORT:
            self.button(kind.FinishButton).setFocus()
        if page == REPORT and self._closes_after:
            self._closes_after = False
            super().reject()

    @Slot()
    def _on_review(self) -> None:
        self.review_requested.emit("waiting")
        self.accept()

    @Slot(str)
    def _on_review_wanted(self, problem: str) -> None:
        self.review_requested.emit(group_of(problem))
        self.accept()

    @Slot()
    def _on_rest_wanted(self) -> None:
        """Look at the same sources again: what is in already is known then."""
        self.set_paths(tuple(self.journey.paths))

    @Slot()
    def _on_save_report(self) -> None:
        dialog = QFileDialog(self, self.tr("Save the report"))
        dialog.setObjectName("saveReportDialog")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setNameFilters([self.tr("Text (*.txt)"), self.tr("JSON (*.json)")])
        dialog.setDefaultSuffix("txt")
        dialog.selectFile("import-report.txt")
        dialog.filterSelected.connect(partial(_follow_filter, dialog))
        dialog.fileSelected.connect(self._save_report)
        dialog.open()

    @Slot(str)
    def _save_report(self, path: str) -> None:
        as_json = path.lower().endswith(".json")
        text = report_as_json(self.journey) if as_json else report_as_text(self.journey)
        # Paths may hold bytes that are no UTF-8; a report should say which.
        content = text.encode("utf-8", "backslashreplace")
        self.tasks.change(
            partial(write_file, path, content),
            partial(self._report.say_saved, path),
            failed=self._report.say_not_saved,
        )

    # --- closing ----------------------------------------------------------------------------------------

    def reject(self) -> None:
        if not self._importing.would_lose:
            self._leave()
            super().reject()
            return
        self._importing.ask_stop(self._on_stop_confirmed)

    @Slot()
    def _on_stop_confirmed(self) -> None:
        if not self._importing.would_lose:
            super().reject()
            return
        self._closes_after = True
        self._importing.stop()

    def accept(self) -> None:
        self._leave()
        super().accept()

    def _leave(self) -> None:
        """Stop what only served to look."""
        self._sources.leave()
        self._previewed.leave()
        self._forget_chosen()

    def _forget_chosen(self) -> None:
        """Keep what was chosen no longer; what is still offered from before waits for an answer."""
        if self._drafts is None:
            return
        if self._sources.offered:
            self._drafts.drop(CHOSEN_DRAFT)
        else:
            self._drafts.done(CHOSEN_DRAFT)

    def focusNextPrevChild(self, is_next: bool) -> bool:
        return focus.move(self, is_next)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._align()

    def closeEvent(self, event: QCloseEvent) -> None:
        if self._importing.would_lose:
            event.ignore()
            self.reject()
            return
        super().closeEvent(event)


def _follow_filter(dialog: QFileDialog, chosen: str) -> None:
    """Let the ending of the file follow the kind that was chosen."""
    suffix = "json" if "json" in chosen.lower() else "txt"
    dialog.setDefaultSuffix(suffix)
    dialog.selectFile(f"import-report.{suffix}")
