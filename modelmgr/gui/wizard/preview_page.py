"""What is there? The second page: a dry run, and what to take along with the records."""

import os
from collections.abc import Sequence
from functools import partial
from time import monotonic

from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QHeaderView,
    QPlainTextEdit,
    QProgressBar,
    QPushButton,
    QSplitter,
    QStackedWidget,
    QTabWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
    QWizard,
)

from modelmgr.gui import theme
from modelmgr.gui.cells import CheckBox, scaled
from modelmgr.gui.jobs_panel import ElidedLabel, Pace, error_text, show_step
from modelmgr.gui.reasons import gather_folders, problem_label, source_label
from modelmgr.gui.tasks import Task, Tasks
from modelmgr.gui.text import VIEW_LIMIT, count_text, counted, foreign_text, plain_tip, type_label
from modelmgr.gui.wizard.journey import Journey, look_at
from modelmgr.gui.wizard.parts import (
    PATH,
    SHOWN_ITEMS,
    Page,
    fill_with_paths,
    fit_height,
    make_item,
    make_list,
    make_note,
    tr,
)
from modelmgr.gui.wizard.report import preview_sentence
from modelmgr.library import Library
from modelmgr.progress import Step
from modelmgr.values import ImportReport, Problem, Sample

OFFERED_FOLDERS = 3

_SAID = (
    ("notes", "notes"),
    ("trigger_words", "trigger words"),
    ("tags", "tags"),
    ("preview", "preview"),
    ("rating", "rating"),
    ("favorite", "favorite"),
    ("license", "license"),
    ("source_url", "page"),
    ("sha256", "hash"),
)


class PreviewPage(Page):
    """What is there? A dry run."""

    def __init__(self, wizard: QWizard, library: Library, tasks: Tasks, journey: Journey) -> None:
        super().__init__(wizard, library, tasks, journey, "previewPage", tr("What is there?"), "")
        self.setCommitPage(True)
        self._task: Task | None = None
        self._pace = Pace()
        self._stack = QStackedWidget(self)
        self._stack.addWidget(self._build_progress())
        self._stack.addWidget(self._build_results())
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
        layout = QVBoxLayout(page)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme.S)
        layout.addWidget(self._bar)
        layout.addWidget(self._counts)
        layout.addWidget(self._current)
        layout.addSpacing(theme.S)
        layout.addWidget(self._stop, 0, Qt.AlignmentFlag.AlignLeft)
        layout.addStretch(1)
        return page

    def _build_results(self) -> QWidget:
        page = QWidget(self)
        self._table = make_list(
            page,
            "previewSources",
            tr("What was found, by source"),
            [tr("Source"), tr("Records"), tr("New"), tr("Changed"), tr("Known"), tr("Unreadable")],
        )
        header = self._table.header()
        header.setStretchLastSection(False)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        for column in range(1, 6):
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.ResizeToContents)
            self._table.headerItem().setTextAlignment(
                column, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
            )
        self._table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self._samples = make_list(
            page,
            "previewSamples",
            tr("Samples"),
            [tr("Name"), tr("Type"), tr("Base model"), tr("Says")],
        )
        self._samples.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        for column, width in enumerate((132, 86, 84)):
            self._samples.setColumnWidth(column, scaled(self, width))
        self._samples.currentItemChanged.connect(self._on_sample_changed)
        self._raw = QPlainTextEdit(page)
        self._raw.setObjectName("previewRaw")
        self._raw.setAccessibleName(tr("The record as it stands in its source"))
        self._raw.setReadOnly(True)
        self._raw.setProperty("framed", True)
        self._raw.setTabChangesFocus(True)
        self._raw.setFont(theme.mono_font(self.font()))
        beside = QSplitter(Qt.Orientation.Horizontal, page)
        beside.setChildrenCollapsible(False)
        beside.setHandleWidth(theme.S)
        beside.setStyleSheet("QSplitter::handle { background: transparent; }")
        beside.addWidget(self._samples)
        beside.addWidget(self._raw)
        beside.setSizes([520, 340])
        beside.setStretchFactor(0, 3)
        beside.setStretchFactor(1, 2)
        self._problems = make_list(
            page, "previewProblems", tr("Problems"), [tr("What"), tr("Where"), tr("More")]
        )
        for column, width in enumerate((200, 260)):
            self._problems.setColumnWidth(column, scaled(self, width))
        self._ignored = make_list(page, "previewIgnored", tr("Ignored files"), [tr("File")])
        self._models = make_list(page, "previewModels", tr("Model files"), [tr("File")])
        self._tabs = QTabWidget(page)
        self._tabs.setObjectName("previewTabs")
        self._tabs.setDocumentMode(True)
        self._tabs.tabBar().setDrawBase(False)
        self._pages: list[tuple[QWidget, str]] = [
            (beside, tr("Samples")),
            (self._models, tr("Model files")),
            (self._problems, tr("Problems")),
            (self._ignored, tr("Ignored")),
        ]
        for widget, title in self._pages:
            holder = QWidget(self._tabs)
            inside = QVBoxLayout(holder)
            inside.setContentsMargins(0, theme.S, 0, 0)
            inside.addWidget(widget)
            self._tabs.addTab(holder, title)
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
        self._folders = QVBoxLayout()
        self._folders.setSpacing(theme.XS)
        self._folder_boxes: list[tuple[str, QCheckBox]] = []
        layout = QVBoxLayout(page)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme.S)
        layout.addWidget(self._table)
        layout.addWidget(self._tabs, 1)
        layout.addWidget(self._add_models)
        layout.addLayout(self._folders)
        layout.addWidget(self._promote)
        return page

    def initializePage(self) -> None:
        self._journey.preview = None
        self._pace = Pace()
        self._words.setText(tr("Reading the records of other tools; nothing is written."))
        self._counts.setText(tr("Starting"))
        self._current.show_text("")
        self._stop.setEnabled(True)
        show_step(self._bar, None)
        self._stack.setCurrentIndex(0)
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
        return report.seen - report.ignored > 0 or self._journey.add_models

    @Slot(object)
    def _on_progressed(self, step: Step) -> None:
        if self.sender() is not self._task:
            return
        self._pace.add(step, monotonic())
        self._counts.setText(self._pace.words(step))
        self._current.show_text(foreign_text(step.text))
        show_step(self._bar, step)

    @Slot(object)
    def _on_previewed(self, report: ImportReport) -> None:
        if self.sender() is not self._task:
            return
        self._task = None
        if report.cancelled:
            self._wizard.back()
            return
        self._journey.preview = report
        self._show(report)
        self.completeChanged.emit()
        self._wizard.button(QWizard.WizardButton.CommitButton).setFocus()

    @Slot(object)
    def _on_failed(self, error: Exception) -> None:
        if self.sender() is not self._task:
            return
        self._task = None
        self._words.setText(error_text(error))
        self._counts.setText("")
        self._stop.setEnabled(False)

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

    def _show(self, report: ImportReport) -> None:
        self._words.setText(preview_sentence(report))
        self._table.clear()
        for source, counts in report.by_source.items():
            numbers = [counts.get("seen", 0), counts.get("imported", 0) - counts.get("changed", 0)]
            numbers += [counts.get("changed", 0), counts.get("unchanged", 0), counts.get("failed", 0)]
            texts = [count_text(number) if number else "–" for number in numbers]
            item = make_item([source_label(source), *texts], numbers_from=1)
            item.setToolTip(0, plain_tip(source))
            self._table.addTopLevelItem(item)
        for column, key in ((3, "changed"), (5, "failed")):
            any_of = any(counts.get(key, 0) for counts in report.by_source.values())
            self._table.setColumnHidden(column, not any_of)
        self._table.setVisible(bool(report.by_source))
        self._fit_table()
        self._show_samples(report.samples)
        self._show_problems(report.problems)
        fill_with_paths(self._ignored, report.ignored_paths)
        fill_with_paths(self._models, report.model_paths)
        shown = (len(report.samples), report.model_count, len(report.problems), report.ignored)
        for at, ((_widget, title), count) in enumerate(zip(self._pages, shown, strict=True)):
            self._tabs.setTabText(at, title if not count else f"{title} ({count_text(count)})")
            self._tabs.setTabVisible(at, count > 0)
        self._tabs.setVisible(any(shown))
        self._show_options(report)
        self._stack.setCurrentIndex(1)

    def _fit_table(self) -> None:
        # In a low window the samples need the room more than the sources, which scroll.
        fit_height(self._table, 5 if self.height() >= scaled(self, 560) else 2)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit_table()

    def _show_samples(self, samples: Sequence[Sample]) -> None:
        self._samples.clear()
        self._raw.clear()
        for sample in samples:
            says = [tr(label) for key, label in _SAID if sample.fields.get(key)]
            item = make_item(
                [
                    foreign_text(str(sample.fields.get("name") or os.path.basename(sample.source_path))),
                    type_label(str(sample.fields.get("type") or "")),
                    foreign_text(str(sample.fields.get("base_model") or "")),
                    ", ".join(says) if sample.problem is None else problem_label(sample.problem),
                ]
            )
            item.setData(0, PATH, foreign_text(sample.raw_text, VIEW_LIMIT, lines=True))
            item.setToolTip(0, plain_tip(f"{source_label(sample.source)}: {sample.source_path}"))
            self._samples.addTopLevelItem(item)
        first = self._samples.topLevelItem(0)
        if first is not None:
            self._samples.setCurrentItem(first)

    @Slot(QTreeWidgetItem, QTreeWidgetItem)
    def _on_sample_changed(self, item: QTreeWidgetItem | None) -> None:
        self._raw.setPlainText(item.data(0, PATH) if item is not None else "")

    def _show_problems(self, problems: Sequence[Problem]) -> None:
        self._problems.clear()
        for problem in problems[:SHOWN_ITEMS]:
            where = problem.path + (f" · {problem.record_key}" if problem.record_key else "")
            texts = [problem_label(problem.code), foreign_text(where), foreign_text(problem.message)]
            self._problems.addTopLevelItem(make_item(texts))
        if len(problems) > SHOWN_ITEMS:
            more = tr("and {} more").format(count_text(len(problems) - SHOWN_ITEMS))
            self._problems.addTopLevelItem(make_item([more]))

    def _show_options(self, report: ImportReport) -> None:
        words = counted(report.model_count, "model file")
        self._add_models.setText(tr("Also add the {} found to the library").format(words))
        self._add_models.setVisible(report.model_count > 0)
        self._add_models.setChecked(report.model_count > 0)
        self._promote.setVisible(report.imported > 0)
        while (item := self._folders.takeAt(0)) is not None:
            if (box := item.widget()) is not None:
                box.hide()
                box.deleteLater()
        self._folder_boxes.clear()
        for folder, count in gather_folders(report.outside_folders)[:OFFERED_FOLDERS]:
            verb = tr("speaks") if count == 1 else tr("speak")
            words = f"{counted(count, 'record')} {verb} of files in it"
            box = CheckBox(tr("Add the folder {} ({})").format(foreign_text(folder, 200), words), self)
            box.setObjectName("addOutsideBox")
            box.toggled.connect(self._on_options_changed)
            self._folders.addWidget(box)
            self._folder_boxes.append((folder, box))
        self._on_options_changed()

    @Slot()
    def _on_options_changed(self) -> None:
        report = self._journey.preview
        self._journey.add_models = (
            report is not None and report.model_count > 0 and self._add_models.isChecked()
        )
        self._journey.promote = self._promote.isChecked()
        self._journey.folders = [folder for folder, box in self._folder_boxes if box.isChecked()]
        self.setButtonText(QWizard.WizardButton.CommitButton, self._verb())
        self.completeChanged.emit()

    def _verb(self) -> str:
        report = self._journey.preview
        if report is None or not (report.imported or self._journey.add_models):
            return tr("&Import")
        if not report.imported:
            return tr("&Add {}").format(counted(report.model_count, "model file"))
        return tr("&Import {}").format(counted(report.imported, "record"))
