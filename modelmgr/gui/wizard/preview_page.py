"""What is there? The second page: a dry run, and what to take along with the records."""

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from time import monotonic

from PySide6.QtCore import QObject, Qt, QTimer, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QFrame,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QStackedWidget,
    QTabWidget,
    QTreeWidget,
    QTreeWidgetItem,
    QWidget,
    QWizard,
)

from modelmgr.gui import boxes, theme
from modelmgr.gui.cells import CheckBox
from modelmgr.gui.flow import FlowLayout
from modelmgr.gui.labels import ElidedLabel
from modelmgr.gui.language import Forms
from modelmgr.gui.measures import scaled
from modelmgr.gui.outcomes import error_text
from modelmgr.gui.pace import Pace, show_step
from modelmgr.gui.reasons import source_label
from modelmgr.gui.sentences import spoken
from modelmgr.gui.tasks import Task, Tasks
from modelmgr.gui.text import (
    count_text,
    counted,
    foreign_text,
    numbered,
    plain_tip,
)
from modelmgr.gui.wizard.journey import Journey, Look, Offer, look_at
from modelmgr.gui.wizard.nothing import NothingToImport
from modelmgr.gui.wizard.parts import (
    NO_NUMBER,
    PATH,
    Page,
    ProblemPage,
    fill_with_paths,
    fill_with_problems,
    fit_height,
    make_item,
    make_list,
    make_note,
    make_problem_list,
    tr,
)
from modelmgr.gui.wizard.report import offer_words, preview_sentence
from modelmgr.gui.wizard.samples import SamplesView
from modelmgr.library import Library
from modelmgr.progress import Step
from modelmgr.values import ImportReport

SHOWN_OFFERS = 200
_SOON_MS = 20
FILLED_AT_ONCE = 100
"""Longer lists of paths are filled when their tab is opened."""
_BOX_INDENT = 19


class PreviewPage(Page):
    """What is there? A dry run."""

    def __init__(self, wizard: QWizard, library: Library, tasks: Tasks, journey: Journey) -> None:
        super().__init__(wizard, library, tasks, journey, "previewPage", tr("What is there?"), "")
        self.setCommitPage(True)
        self._task: Task | None = None
        self._pace = Pace()
        self._unmade: list[Callable[[], None]] = [self._make_lists, self._make_results]

    def _build(self) -> None:
        self._stack = QStackedWidget(self)
        self._stack.addWidget(self._build_progress())
        self._layout.addWidget(self._stack, 1)
        self._layout.addWidget(make_note(tr("Your files stay where they are."), self))

    def _build_progress(self) -> QWidget:
        page = QWidget(self)
        self._bar = QProgressBar(page)
        self._bar.setObjectName("previewProgress")
        self._bar.setTextVisible(False)
        self._bar.setAccessibleName(tr("Progress of the look"))
        self._counts = theme.plain_label("", parent=page)
        self._current = ElidedLabel(page, mode=Qt.TextElideMode.ElideMiddle)
        theme.set_role(self._current, "secondary")
        self._stop = QPushButton(tr("&Stop looking"), page)
        self._stop.setObjectName("previewCancelButton")
        self._stop.clicked.connect(self._on_stop)
        layout = boxes.column(self._bar, self._counts, self._current, on=page, margins=0, spacing=theme.S)
        layout.addSpacing(theme.S)
        layout.addWidget(self._stop, 0, Qt.AlignmentFlag.AlignLeft)
        layout.addStretch(1)
        return page

    def _make_lists(self) -> None:
        page = self._results = QWidget(self)
        page.hide()
        self._table = make_list(
            page,
            "previewSources",
            tr("What was found, by source"),
            [
                tr("Source"),
                tr("Records"),
                tr("New"),
                tr("Changed"),
                tr("Known"),
                tr("Unreadable"),
                tr("File found"),
            ],
            numbers=True,
        )
        self._table.headerItem().setToolTip(
            6, plain_tip(tr("How many of the records have found the model file that they speak of"))
        )
        self._table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self._table.currentItemChanged.connect(self._on_source_changed)
        self._samples = SamplesView(self._tasks, page)
        self._problems = make_problem_list(page, "previewProblems")
        self._problem_page = ProblemPage(self._problems, page)
        self._ignored = make_list(page, "previewIgnored", tr("Ignored files"), [tr("File")])
        self._models = make_list(page, "previewModels", tr("Model files"), [tr("File")])

    def _make_results(self) -> None:
        page = self._results
        self._make_tabs(page)
        self._make_options(page)
        self._to_folders = QPushButton(page)
        self._to_folders.setObjectName("chooseFoldersButton")
        self._to_folders.clicked.connect(self._on_to_folders)
        self._nothing = NothingToImport(page)
        self._nothing.back_wanted.connect(self._wizard.back)
        self._nothing.again_wanted.connect(self._enter)
        promoting = FlowLayout(spacing=theme.S)
        promoting.addWidget(self._promote)
        promoting.addWidget(self._keep)
        boxes.column(
            (self._nothing, 1),
            self._table,
            (self._tabs, 1),
            self._add_models,
            promoting,
            (self._to_folders, 0, Qt.AlignmentFlag.AlignLeft),
            on=page,
            margins=0,
            spacing=theme.S,
        )
        self._stack.addWidget(page)

    def _make_tabs(self, page: QWidget) -> None:
        self._tabs = QTabWidget(page)
        self._tabs.setObjectName("previewTabs")
        self._tabs.setDocumentMode(True)
        self._tabs.tabBar().setDrawBase(False)
        self._folder_boxes: list[tuple[str, QCheckBox]] = []
        self._folders = QScrollArea(page)
        self._folders.setObjectName("previewFolders")
        self._folders.setAccessibleName(tr("Folders that could be added"))
        self._folders.setWidgetResizable(True)
        self._folders.setFrameShape(QFrame.Shape.NoFrame)
        self._folders.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._pages: list[tuple[QWidget, str, str]] = [
            (self._samples, tr("Samples"), ""),
            (self._problem_page, tr("Warnings"), tr("What is not taken, or taken with a doubt, and why.")),
            (
                self._folders,
                tr("Folders"),
                tr(
                    "Settings or records of other tools speak of these folders. What you tick becomes part of "
                    "the library, and the records find their files there."
                ),
            ),
            (self._models, tr("Model files"), ""),
            (
                self._ignored,
                tr("Ignored"),
                tr(
                    "No tool that is known keeps records in such files: they are not read, and stay. Pictures "
                    "beside a model are its previews all the same. A list of your own (CSV, JSON) is read if you "
                    "choose the file itself."
                ),
            ),
        ]
        for content, title, words in self._pages:
            holder = QWidget(self._tabs)
            inside = boxes.column(on=holder, margins=(0, theme.S, 0, 0), spacing=theme.S)
            if words:
                told = theme.paragraph(words, "secondary", holder)
                inside.addWidget(told)
            inside.addWidget(content)
            self._tabs.addTab(holder, title)
        self._unfilled: dict[QTreeWidget, Sequence[str]] = {}
        self._tabs.currentChanged.connect(self._fill_tab)

    def _make_options(self, page: QWidget) -> None:
        self._add_models = CheckBox(page)
        self._add_models.setObjectName("addModelsBox")
        self._add_models.toggled.connect(self._on_options_changed)
        self._promote = CheckBox(tr("Promote what is clear right away"), page)
        self._promote.setObjectName("promoteBox")
        self._promote.setToolTip(
            plain_tip(
                tr(
                    "Records whose file is found and whose hash fits become part of the library at once. "
                    "Everything else waits for you on the pending page."
                )
            )
        )
        self._promote.toggled.connect(self._on_options_changed)
        self._keep = CheckBox(tr("Keep copies of the previews"), page)
        self._keep.setObjectName("keepPreviewsBox")
        self._keep.setToolTip(
            plain_tip(
                tr(
                    "The pictures of the promoted models are copied into a folder beside the catalog; "
                    "they can be shown even when the files are gone."
                )
            )
        )
        self._keep.setEnabled(False)
        self._promote.toggled.connect(self._keep.setEnabled)
        self._keep.toggled.connect(self._on_options_changed)

    def _enter(self) -> None:
        self._journey.preview = None
        self._pace = Pace()
        self._words.setText(tr("Reading the records of other tools; nothing is written."))
        self._words.show()
        self._counts.setText(tr("Starting"))
        self._current.show_text("")
        self._stop.setEnabled(True)
        show_step(self._bar, None)
        self._stack.setCurrentIndex(0)
        # What shows the results is made while they are looked for, in turns of its own. After no time at all it would
        # be made in this one.
        QTimer.singleShot(_SOON_MS, self, self._add_part)
        deed = partial(look_at, self._library, tuple(self._journey.paths))
        self._task = self._tasks.run(tr("Looking at what is there"), deed)
        self._task.progressed.connect(self._on_progressed)
        self._task.succeeded.connect(self._on_previewed)
        self._task.failed.connect(self._on_failed)
        self._task.cancelled.connect(self._on_cancelled)
        self.completeChanged.emit()

    def cleanupPage(self) -> None:
        self.leave()

    def leave(self) -> None:
        """Stop looking; what comes late is dropped."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    def isComplete(self) -> bool:
        report = self._journey.preview
        if report is None:
            return False
        return (
            report.imported + report.unchanged > 0 or self._journey.add_models or bool(self._journey.folders)
        )

    @Slot(object)
    def _on_progressed(self, step: Step) -> None:
        if self.sender() is not self._task:
            return
        self._pace.add(step, monotonic())
        self._counts.setText(self._pace.words(step))
        self._current.show_text(foreign_text(step.text))
        show_step(self._bar, step)

    @Slot(object)
    def _on_previewed(self, outcome: Look) -> None:
        task = self.sender()
        if not self._unmade:
            self._take_outcome(task, outcome)
            return
        # There was little to look at: what shows it is made first.
        self._add_part()
        QTimer.singleShot(1, self, partial(self._on_outcome, task, outcome))

    def _on_outcome(self, task: QObject | None, outcome: Look) -> None:
        self._add_results()
        QTimer.singleShot(1, self, partial(self._take_outcome, task, outcome))

    def _take_outcome(self, task: QObject | None, outcome: Look) -> None:
        if task is not self._task:
            return
        self._task = None
        report, self._journey.offers, self._journey.known_models = outcome
        if report.cancelled:
            self._wizard.back()
            return
        self._journey.preview = report
        self._show(report)
        self.completeChanged.emit()
        if self.isComplete():
            self._wizard.button(QWizard.WizardButton.CommitButton).setFocus()
        elif self._nothing.isVisibleTo(self):
            self._nothing.take_focus()

    @Slot(object)
    def _on_failed(self, error: Exception) -> None:
        if self.sender() is not self._task:
            return
        self._task = None
        self._add_results()
        for widget in (
            self._table,
            self._tabs,
            self._add_models,
            self._promote,
            self._keep,
            self._to_folders,
        ):
            widget.hide()
        self._words.setText("")
        self._nothing.show_failed(error_text(error))
        self._nothing.show()
        self._stack.setCurrentIndex(1)
        self._nothing.take_focus()

    @Slot()
    def _on_cancelled(self) -> None:
        if self.sender() is self._task:
            self._task = None
            self._wizard.back()

    @Slot()
    def _on_stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            self._stop.setEnabled(False)
            self._counts.setText(tr("Stopping…"))

    # --- results ----------------------------------------------------------------------------------------

    @Slot()
    def _add_part(self) -> None:
        """Make the next part of what shows what was found, and the others in turns of their own."""
        if self._unmade:
            self._unmade.pop(0)()
            QTimer.singleShot(_SOON_MS, self, self._add_part)

    def _add_results(self) -> None:
        """Make the half of the page that shows what was found, as far as it is not made."""
        while self._unmade:
            self._unmade.pop(0)()

    def _show(self, report: ImportReport) -> None:
        self._add_results()
        self._show_whether_nothing(report)
        self._table.clear()
        labels = Counter(source_label(source) for source in report.by_source)
        for source, counts in report.by_source.items():
            numbers = [counts.get("seen", 0), counts.get("imported", 0) - counts.get("changed", 0)]
            numbers += [counts.get("changed", 0), counts.get("unchanged", 0), counts.get("failed", 0)]
            numbers.append(report.bound.get(source, 0))
            texts = [count_text(number) if number else NO_NUMBER for number in numbers]
            label = source_label(source)
            # A tool that keeps what it knows in two places has two lines; the id says which is which.
            label = label if labels[label] == 1 else f"{label} ({source})"
            item = make_item([label, *texts], numbers_from=1)
            item.setData(0, PATH, source)
            item.setToolTip(0, plain_tip(f"{source_label(source)} ({source})"))
            self._table.addTopLevelItem(item)
        self._table.setVisible(bool(report.by_source))
        self._fit_table()
        self._samples.show_samples(report.samples)
        first = self._table.topLevelItem(0)
        if first is not None:
            self._table.setCurrentItem(first)
        fill_with_problems(self._problems, report.problems)
        self._unfilled = {self._ignored: report.ignored_paths, self._models: report.model_paths}
        for tree, paths in list(self._unfilled.items()):
            tree.clear()
            if len(paths) <= FILLED_AT_ONCE:
                fill_with_paths(tree, self._unfilled.pop(tree))
        shown = (
            len(report.samples),
            # Of a single one that says it all, there is no list.
            len(report.problems) if len(report.problems) > 1 or self._nothing.isHidden() else 0,
            len(self._journey.offers),
            report.model_count,
            report.ignored,
        )
        for at, ((_widget, title, _words), count) in enumerate(zip(self._pages, shown, strict=True)):
            # Samples are some of what the table counts: a number of theirs would say nothing.
            is_counted = count > 0 and at > 0
            self._tabs.setTabText(at, f"{title} ({count_text(count)})" if is_counted else title)
            self._tabs.setTabVisible(at, count > 0)
        self._tabs.setVisible(any(shown))
        self._show_options(report)
        self._stack.setCurrentIndex(1)

    @Slot(int)
    def _fill_tab(self, tab: int) -> None:
        """List many paths only when somebody wants to see them."""
        shown = self._pages[tab][0]
        if isinstance(shown, QTreeWidget) and shown in self._unfilled:
            fill_with_paths(shown, self._unfilled.pop(shown))

    def _show_whether_nothing(self, report: ImportReport) -> None:
        """Say in a sentence what there is; if that is nothing, why, and what to do."""
        has_some = report.imported + report.unchanged + report.model_count + len(self._journey.offers) > 0
        self._nothing.setVisible(not has_some)
        self._words.setText(preview_sentence(report) if has_some else "")
        self._words.setVisible(has_some)
        if has_some:
            return
        lost = [problem for problem in report.problems if not problem.kept]
        if len(lost) == 1:
            self._nothing.show_unreadable(
                foreign_text(f"{lost[0].path}\n{spoken(lost[0].message)}", lines=True)
            )
        elif lost:
            forms = Forms(
                "%n place could not be read. The reasons stand below.",
                "%n places could not be read. The reasons stand below.",
            )
            self._nothing.show_unreadable(numbered(len(lost), forms))
        else:
            self._nothing.show_nothing(
                preview_sentence(report)
                + " "
                + tr(
                    "Go back and choose a folder in which a tool keeps its models, sidecars, settings or database."
                )
            )

    def _fit_table(self) -> None:
        # In a low window the samples need the room more than the sources, which scroll.
        fit_height(self._table, 5 if self.height() >= scaled(self, 560) else 2)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if not self._unmade:
            self._fit_table()

    @Slot(QTreeWidgetItem, QTreeWidgetItem)
    def _on_source_changed(self, item: QTreeWidgetItem | None) -> None:
        """Show the samples of the source that was chosen."""
        if item is not None:
            source = item.data(0, PATH)
            report = self._journey.preview
            counts = report.by_source.get(source, {}) if report is not None else {}
            self._samples.show_source(source, counts.get("seen", 0))
            self._tabs.setCurrentIndex(0)

    @Slot()
    def _on_to_folders(self) -> None:
        self._tabs.setCurrentIndex([widget for widget, *_rest in self._pages].index(self._folders))
        for _path, box in self._folder_boxes:
            if box.isEnabled():
                box.setFocus()
                return

    def _show_options(self, report: ImportReport) -> None:
        # Those in library folders are there already: a folder around them would hold nothing of its own.
        new = report.model_count - self._journey.known_models
        words = counted(new, "model file")
        self._add_models.setText(tr("Also add the {} to the library").format(words))
        self._add_models.setVisible(new > 0)
        self._add_models.setChecked(new > 0)
        self._promote.setVisible(report.imported > 0)
        self._keep.setVisible(report.imported > 0)
        self._show_offers(self._journey.offers)
        self._on_options_changed()

    def _show_offers(self, offers: Sequence[Offer]) -> None:
        self._folder_boxes.clear()
        body = QWidget()
        layout = boxes.column(on=body, margins=(0, 0, theme.S, 0), spacing=theme.XS // 2)
        for offer in offers[:SHOWN_OFFERS]:
            room = scaled(self, 500)
            shown = self.fontMetrics().elidedText(
                foreign_text(offer.path), Qt.TextElideMode.ElideMiddle, room
            )
            box = CheckBox(shown.replace("&", "&&"), body)
            box.setObjectName("addOutsideBox")
            box.setEnabled(offer.is_there)
            box.setToolTip(plain_tip(offer.path))
            box.setAccessibleDescription(offer_words(offer))
            box.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
            box.toggled.connect(self._on_options_changed)
            words = ElidedLabel(body)
            theme.set_role(words, "secondary")
            words.setContentsMargins(_BOX_INDENT, 0, 0, theme.S)
            words.show_text(offer_words(offer))
            layout.addWidget(box)
            layout.addWidget(words)
            self._folder_boxes.append((offer.path, box))
        if len(offers) > SHOWN_OFFERS:
            more = tr("and {} more").format(count_text(len(offers) - SHOWN_OFFERS))
            layout.addWidget(theme.plain_label(more, "secondary", body))
        layout.addStretch(1)
        self._folders.setWidget(body)
        self._to_folders.setVisible(bool(offers))

    @Slot()
    def _on_options_changed(self) -> None:
        report = self._journey.preview
        self._journey.add_models = (
            report is not None and report.model_count > 0 and self._add_models.isChecked()
        )
        self._journey.promote = self._promote.isChecked()
        self._journey.keep_previews = self._promote.isChecked() and self._keep.isChecked()
        self._journey.folders = [folder for folder, box in self._folder_boxes if box.isChecked()]
        chosen, of_all = len(self._journey.folders), len(self._folder_boxes)
        self._to_folders.setText(
            tr("&Folders to add: {} of {}…").format(count_text(chosen), count_text(of_all))
        )
        self.setButtonText(QWizard.WizardButton.CommitButton, self._verb())
        self.completeChanged.emit()

    def _verb(self) -> str:
        report = self._journey.preview
        folders = len(self._journey.folders)
        if report is None or not (report.imported or self._journey.add_models):
            return tr("&Add {}").format(counted(folders, "folder")) if folders else tr("&Import")
        if not report.imported:
            return tr("&Add {}").format(counted(report.model_count, "model file"))
        return tr("&Import {}").format(counted(report.imported, "record"))
