"""Renders the window's screens on the sample library into pictures.

    python tests/screenshots.py                 the pictures of README, into _codex/screenshots
    python tests/screenshots.py --all FOLDER    every screen, in light, dark and high contrast, at 100, 150 and 200 %,
                                                in a small and a large window, and from right to left

Look at them before and after each change to the window. Nothing here judges.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from tests.studio import ALL_LOOKS, Look, Studio  # noqa: E402

WIZARD = (1120, 690)

README_PICTURES = {
    Look(): ["library", "pending", "compare", "wizard-preview", "first-start"],
    Look("dark"): ["library"],
}


# --- the screens ------------------------------------------------------------------------------------------


def show_library(studio: Studio) -> None:
    """The library with a model selected, and its states."""
    from PySide6.QtWidgets import QLineEdit, QTableView

    with studio.window("full.sqlite") as window:
        table = window.findChild(QTableView, "libraryTable")
        search = window.findChild(QLineEdit, "searchEdit")
        names = [str(table.model().index(row, 0).data()) for row in range(table.model().rowCount())]
        table.selectRow(names.index("Inkwash Harbor"))
        studio.take("library", window)
        if studio.wants("nothing-matches"):
            search.setText("type:lora tag:harbour")
            studio.take("nothing-matches", window)
        for state in ("duplicate", "missing", "unidentified"):
            if studio.wants(f"library-{state}"):
                search.setText(f"state:{state}")
                studio.settle(window)
                table.selectRow(0)
                studio.take(f"library-{state}", window)
        search.clear()
        studio.settle(window)


def show_grid(studio: Studio) -> None:
    """The library as cards, what is blurred of it, and files that are gone."""
    from PySide6.QtCore import Qt
    from PySide6.QtGui import QAction
    from PySide6.QtTest import QTest
    from PySide6.QtWidgets import QAbstractItemView, QWidget

    from modelmgr.catalog import Catalog
    from modelmgr.library import Library
    from modelmgr.progress import Progress
    from modelmgr.values import ModelQuery

    with Catalog.open(studio.work / "full.sqlite") as store:
        library = Library(store)
        rows = store.page(ModelQuery(), None)
        for place, row in enumerate(rows[:12]):
            library.edit([row.id], "rating", place % 6 or None)
        pictured = [row for row in rows if row.preview]
        library.edit([row.id for row in pictured[1:3]], "nsfw", True)
        library.edit(
            [rows[1].id], "name", "A name that nobody would give a model if it were not for fun " * 4
        )
        library.edit([rows[0].id, rows[2].id], "favorite", True)
        gone = [str(row.path) for row in (pictured[0], pictured[3])]
        for path in gone:
            os.rename(path, path + ".away")
        library.scan([str(folder) for folder in studio.demo.folders], progress=Progress())
    with studio.window("full.sqlite") as window:
        window.findChild(QAction, "actionShowGrid").trigger()
        grid = window.findChild(QAbstractItemView, "libraryGrid")
        studio.settle(window)
        grid.setFocus()
        grid.setCurrentIndex(grid.model().index(3, 0))
        if studio.wants("grid"):
            studio.take("grid", window)
        if studio.wants("grid-states"):
            from PySide6.QtWidgets import QLineEdit

            window.findChild(QLineEdit, "searchEdit").setText("missing:yes")
            studio.settle(window)
            studio.take("grid-states", window)
            window.findChild(QLineEdit, "searchEdit").clear()
            studio.settle(window)
        if studio.wants("grid-small"):
            grid.set_card_size(96)
            studio.take("grid-small", window)
        if studio.wants("grid-large"):
            grid.set_card_size(320)
            studio.take("grid-large", window)
        if studio.wants("preview-large"):
            names = [grid.model().index(row, 0).data() for row in range(grid.model().rowCount())]
            grid.setCurrentIndex(grid.model().index(names.index("Inkwash Harbor"), 0))
            QTest.keyClick(grid, Qt.Key.Key_Space)
            studio.take("preview-large", window)
            window.findChild(QWidget, "largePreview").hide()
        grid.set_card_size(160)
        window.findChild(QAction, "actionShowTable").trigger()
        if studio.wants("library-sorted"):
            table = window.findChild(QAbstractItemView, "libraryTable")
            table.sort_wanted.emit("type", False)
            table.then_wanted.emit("base_model", False)
            table.then_wanted.emit("size_bytes", True)
            studio.take("library-sorted", window)
            table.sort_wanted.emit("name", False)
            studio.settle(window)
    for path in gone:
        os.rename(path + ".away", path)
    with Catalog.open(studio.work / "full.sqlite") as store:
        Library(store).scan([str(folder) for folder in studio.demo.folders], progress=Progress())


def show_search(studio: Studio) -> None:
    """The search completes and explains itself; facets are on and excluded; filters are saved."""
    from PySide6.QtCore import Qt
    from PySide6.QtTest import QTest
    from PySide6.QtWidgets import QTableView, QTreeWidget, QWidget

    long = "a tag that somebody made of a whole sentence, " * 4
    with studio.window("full.sqlite") as window:
        search = window.findChild(QWidget, "searchEdit")
        panel = window.findChild(QWidget, "filterPanel")
        page = window.findChild(QWidget, "libraryPage")
        table = window.findChild(QTableView, "libraryTable")

        def typed(text: str) -> None:
            search.clear()
            search.setFocus()
            window.activateWindow()
            QTest.keyClicks(search, text)
            studio.settle(window)

        if studio.wants("search-fields"):
            typed("")
            search.offer_all()
            studio.take("search-fields", window)
        if studio.wants("search-values"):
            typed("type:lora tag:")
            QTest.keyClick(search, Qt.Key.Key_Down)
            studio.take("search-values", window)
        if studio.wants("search-means"):
            typed("type:lora -tag:wip size:>2mb rating:nine harbor ")
            studio.take("search-means", window)
        search.popup.hide()
        if studio.wants("filters"):
            search.clear()
            page.filters.clear()
            page.filters.toggle("types", "lora")
            page.filters.toggle("types", "checkpoint")
            page.filters.exclude("tags", "wip")
            page.saved.save("Everything to draw with")
            page.filters.exclude("base_models", "SD 1.5")
            page.filters.set_search("-notes:none")
            studio.settle(window)
            table.setFocus()
            studio.take("filters", window)
            page.filters.clear()
            page.saved.remove("Everything to draw with")
        if studio.wants("filters-long"):
            page.filters.toggle("tags", long.strip())
            page.filters.exclude("tags", long.strip() + " not")
            page.filters.set_search("a_word_without_end" * 12)
            studio.take("filters-long", window)
            page.filters.clear()
        if studio.wants("filters-many"):
            for number in range(16):
                page.filters.exclude("tags", f"{number} of some sixteen tags that say much")
            studio.take("filters-many", window)
            page.filters.clear()
        if studio.wants("filters-find"):
            studio.settle(window)
            panel.findChild(QTreeWidget).collapseAll()
            panel.find_in("tags")
            QTest.keyClicks(panel.findChild(QWidget, "find-tags"), "in")
            studio.take("filters-find", window)


def show_pending(studio: Studio) -> None:
    """The pending page in its states, and where a folder is said to be elsewhere."""
    from PySide6.QtGui import QAction
    from PySide6.QtWidgets import QDialog, QLineEdit, QPushButton, QTableView, QWidget

    with studio.window("full.sqlite") as window:
        window.findChild(QAction, "actionShowPending").trigger()
        studio.take("pending", window)
        page = window.findChild(QWidget, "pendingPage")
        table = window.findChild(QTableView, "pendingTable")
        for group in ("ready", "decision", "missing", "promoted"):
            if studio.wants(f"pending-{group}"):
                page.show_group(group)
                studio.settle(window)
                table.setCurrentIndex(table.model().index(0, 0))
                studio.take(f"pending-{group}", window)
        if studio.wants("pending-ask"):
            page.show_group("decision")
            studio.settle(window)
            table.selectAll()
            studio.settle(window)
            window.findChild(QPushButton, "attachAnywayButton").click()
            studio.take("pending-ask", window)
            window.findChild(QPushButton, "askNo").click()
        if studio.wants("pending-empty"):
            page.show_group("dismissed")
            studio.take("pending-empty", window)
        if studio.wants("map-folder"):
            page.show_group("missing")
            studio.settle(window)
            window.findChild(QPushButton, "mapFolderButton").click()
            dialog = window.findChild(QDialog, "mapRootDialog")
            dialog.findChild(QLineEdit, "mapNew").setText(str(studio.work))
            studio.take("map-folder", dialog)
            dialog.reject()


def show_settled(studio: Studio) -> None:
    """An inbox in which something has just been promoted, and one in which all is done."""
    from PySide6.QtGui import QAction
    from PySide6.QtWidgets import QFrame, QPushButton, QTableView, QToolButton, QWidget

    studio.make_library("settled.sqlite")
    with studio.window("settled.sqlite") as window:
        window.findChild(QAction, "actionShowPending").trigger()
        studio.settle(window)
        window.findChild(QPushButton, "promoteReadyButton").click()
        studio.take("pending-undo", window)
        if studio.wants("pending-done"):
            window.findChild(QTableView, "pendingTable").selectAll()
            studio.settle(window)
            window.findChild(QPushButton, "dismissButton").click()
            studio.take("pending-done", window)
            window.findChild(QWidget, "pendingPage").show_group("waiting")
        if studio.wants("lately"):
            window.findChild(QToolButton, "taskLately").click()
            popup = window.findChild(QFrame, "taskList")
            studio.take("lately", popup)
            popup.close()


def show_ambiguous(studio: Studio) -> None:
    """Records that fit several files each: the files side by side, and the choice for all alike."""
    import json

    from PySide6.QtGui import QAction
    from PySide6.QtWidgets import QTableView, QWidget

    from modelmgr.catalog import Catalog
    from modelmgr.demo import write_safetensors
    from modelmgr.library import Library
    from modelmgr.progress import Progress

    folder = studio.work / "pairs"
    folder.mkdir()
    for number, name in enumerate(("harbor_lights", "slow_river", "x" * 200)):
        write_safetensors(folder / f"{name}.safetensors", {"a.lora_up.weight": ("F16", (4, 8))}, {"n": name})
        (folder / f"{name}.pt").write_bytes(f"PK{number}".encode())
        told = {"id": number, "modelId": 7, "model": {"name": name.replace("_", " ").title(), "type": "LORA"}}
        (folder / f"{name}.civitai.info").write_text(json.dumps(told, indent=2))
    with Catalog.open(studio.work / "pairs.sqlite") as store:
        Library(store).import_paths([str(folder)], progress=Progress())
    with studio.window("pairs.sqlite") as window:
        window.findChild(QAction, "actionShowPending").trigger()
        window.findChild(QWidget, "pendingPage").show_group("decision")
        studio.settle(window)
        table = window.findChild(QTableView, "pendingTable")
        table.setCurrentIndex(table.model().index(0, 0))
        studio.take("pending-ambiguous", window)


def show_compare(studio: Studio) -> None:
    """What several tools say of one model, side by side."""
    from PySide6.QtGui import QAction
    from PySide6.QtWidgets import QDialog, QPushButton, QTableView, QWidget

    with studio.window("full.sqlite") as window:
        window.findChild(QAction, "actionShowPending").trigger()
        window.findChild(QWidget, "pendingPage").show_group("waiting")  # the last one shown comes back
        studio.settle(window)
        table = window.findChild(QTableView, "pendingTable")
        names = [str(table.model().index(row, 0).data()) for row in range(table.model().rowCount())]
        # Not selectRow: from right to left it selects nothing.
        table.setCurrentIndex(table.model().index(names.index("Inkwash Harbor"), 0))
        preview = window.findChild(QWidget, "pendingPreview")
        while (button := preview.findChild(QPushButton, "compareSourcesButton")) is None:
            studio.settle(window)
        button.click()
        dialog = window.findChild(QDialog, "compareDialog")
        studio.take("compare", dialog)
        if studio.wants("compare-alike"):
            cards = dialog.findChildren(QPushButton, "opinionCard")
            next(
                card for card in cards if card.can_choose and card.property("column") == "base_model"
            ).click()
            studio.take("compare-alike", dialog)
        dialog.reject()


def make_odd_models(studio: Studio) -> None:
    """Make a catalog of models whose details say something that is seldom said."""
    import pickle

    from modelmgr.catalog import Catalog
    from modelmgr.catalog.found import FoundModel
    from modelmgr.demo import write_safetensors
    from modelmgr.library import Library
    from modelmgr.progress import Progress
    from modelmgr.values import FileState, Origin

    class _Trap:
        def __reduce__(self) -> Any:
            return os.system, ("true",)

    folder = studio.work / "odd"
    folder.mkdir()
    lora = {"lora_unet_a.lora_up.weight": ("F16", (4, 8)), "lora_unet_a.lora_down.weight": ("F16", (8, 4))}
    for name in (
        "gone",
        "unreadable",
        "no metadata",
        "broken payload",
        "large payload",
        "x" * 200,
        "damaged",
    ):
        write_safetensors(folder / f"{name}.safetensors", lora, {"n": name})
    os.truncate(folder / "damaged.safetensors", (folder / "damaged.safetensors").stat().st_size - 40)
    (folder / "trap.ckpt").write_bytes(pickle.dumps(_Trap()))
    (folder / "broken payload.civitai.info").write_text('{"id": 7, "model": {"name": "Broken Payl')
    entries = ", ".join(f'{{"url": "https://example.org/{n}.png", "seed": {n}}}' for n in range(30_000))
    (folder / "large payload.civitai.info").write_text(
        f'{{"id": 8, "model": {{"name": "Large Payload", "type": "LORA"}}, "images": [{entries}]}}'
    )
    for number in (1, 2, 3):
        part = folder / f"split-0000{number}-of-00003.safetensors"
        write_safetensors(part, {f"layer.{number}.weight": ("F16", (4, 8))}, {"format": "pt"})
    with Catalog.open(studio.work / "odd.sqlite") as store:
        library = Library(store)
        library.scan([str(folder)], progress=Progress())
        library.import_paths([str(folder)], progress=Progress())
        library.promote(None, progress=Progress())
        away = FoundModel(
            path="/run/media/ann/Models/loras/harbour light.safetensors",
            size_bytes=218_000_000,
            mtime_ns=1_700_000_000_000_000_000,
            inode=1,
            device=1,
            fields={"name": "Harbour light", "type": "lora", "base_model": "SDXL 1.0"},
            origins={"name": Origin("file", 7)},
            format="safetensors",
            header="{}",
            facts={"suggestions": {}, "personal": [], "is_model": True},
        )
        unhashed = away._replace(path="/srv/models/waits.safetensors", inode=2, fields={"name": "waits"})
        offline, _unhashed = store.put_found([away, unhashed])
        from modelmgr.values import ModelQuery

        rows = {row.file_name: row for row in store.page(ModelQuery(), None)}
        states = {offline: FileState.OFFLINE}
        states[rows["gone.safetensors"].id] = FileState.MISSING
        states[rows["unreadable.safetensors"].id] = FileState.UNREADABLE
        store.mark_files(
            {file.id: state for model, state in states.items() for file in store.files_of(model)}
        )
        long = rows["x" * 200 + ".safetensors"].id
        library.edit([long], "name", "A name that nobody would give a model if it were not for fun " * 3)
        library.edit([long], "trigger_words", [f"word {n} of harbour" for n in range(40)])
        tags = ["style", "a tag that is much longer than anybody would expect of a tag", "t" * 90]
        library.edit([long], "tags", [*tags, *(f"tag{n}" for n in range(30))])
        library.edit(
            [long], "source_url", "https://civitai.com/models/123456/inkwash-harbor?modelVersionId=7"
        )
        library.edit([long], "license", "CreativeML Open RAIL++-M with a rider that nobody has read so far")
        library.edit([long], "rating", 4)
        library.edit([long], "rating", 5)


def show_details(studio: Studio) -> None:
    """The details of models about which there is something odd to say, wide and narrow."""
    from PySide6.QtCore import Qt
    from PySide6.QtWidgets import QDockWidget, QLineEdit, QScrollArea, QTableView, QTabWidget, QWidget

    make_odd_models(studio)
    with studio.window("odd.sqlite") as window:
        table = window.findChild(QTableView, "libraryTable")
        pane = window.findChild(QWidget, "detailsPane")

        def choose(name: str) -> None:
            names = [str(table.model().index(row, 0).data()) for row in range(table.model().rowCount())]
            table.setCurrentIndex(
                table.model().index(next(r for r, n in enumerate(names) if n.startswith(name)), 0)
            )
            studio.settle(window)

        for screen, name in ODD_MODELS.items():
            if studio.wants(screen):
                choose(name)
                studio.take(screen, window)
        if studio.wants("details-history"):
            choose("A name")
            folds = pane.fold_state()
            pane.restore_folds({fold: fold in ("history", "where_from") for fold in folds})
            studio.take("details-history", window)
            pane.restore_folds(folds)
        if studio.wants("details-find"):
            choose("Large")
            pane.restore_folds({fold: fold == "metadata" for fold in pane.fold_state()})
            window.findChild(QTabWidget, "metadataViews").setCurrentIndex(1)
            window.findChild(QLineEdit, "textFind").setText("29999.png")
            studio.settle(window)
            window.findChild(QScrollArea, "detailsScroll").ensureWidgetVisible(
                window.findChild(QWidget, "savePayload")
            )
            studio.take("details-find", window)
        dock = window.findChild(QDockWidget, "detailsDock")
        window.resizeDocks([dock], [pane.minimumWidth()], Qt.Orientation.Horizontal)
        for screen, name in (("details-narrow", "A name"), ("details-narrow-missing", "gone")):
            if studio.wants(screen):
                choose(name)
                studio.take(screen, window)


ODD_MODELS = {
    "details-missing": "gone",
    "details-offline": "Harbour",
    "details-unreadable": "unreadable",
    "details-damaged": "damaged",
    "details-unhashed": "waits",
    "details-no-metadata": "no metadata",
    "details-broken": "broken",
    "details-danger": "trap",
    "details-parts": "split",
    "details-long": "A name",
}


def show_mending(studio: Studio) -> None:
    """What the user says of models and folders, work that is paused, and the details of a file that says much."""
    import threading

    from PySide6.QtCore import QItemSelectionModel
    from PySide6.QtGui import QAction
    from PySide6.QtWidgets import (
        QDialog,
        QLineEdit,
        QPlainTextEdit,
        QPushButton,
        QTableView,
        QToolButton,
        QWidget,
    )

    with studio.window("full.sqlite") as window:
        # It comes back with the page that was seen last.
        window.findChild(QAction, "actionShowLibrary").trigger()
        table = window.findChild(QTableView, "libraryTable")
        names = [str(table.model().index(row, 0).data()) for row in range(table.model().rowCount())]
        table.setCurrentIndex(table.model().index(names.index("Inkwash Harbor"), 0))
        studio.settle(window)
        if studio.wants("details"):
            pane = window.findChild(QWidget, "detailsPane")
            pane.restore_folds(dict.fromkeys(pane.fold_state(), True))
            studio.take("details", window.findChild(QWidget, "detailsScroll").widget())
            pane.restore_folds({name: name == "about" for name in pane.fold_state()})
        flags = QItemSelectionModel.SelectionFlag
        for name, count in (("details-two", 2), ("details-many", table.model().rowCount())):
            if studio.wants(name):
                table.clearSelection()
                for row in range(count):
                    place = table.model().index(names.index("Inkwash Harbor") + row if count == 2 else row, 0)
                    table.selectionModel().select(place, flags.Select | flags.Rows)
                studio.take(name, window)
                table.setCurrentIndex(table.model().index(names.index("Inkwash Harbor"), 0))
        if studio.wants("details-many-notes"):
            table.selectAll()
            studio.settle(window)
            window.findChild(QPlainTextEdit, "notesOfAll").setPlainText("Looks good with ink on rough paper.")
            studio.take("details-many-notes", window)
            window.findChild(QPlainTextEdit, "notesOfAll").clear()
            table.setCurrentIndex(table.model().index(names.index("Inkwash Harbor"), 0))
        for name in ("tags", "trigger_words", "base_model"):
            if studio.wants(f"details-edit-{name}"):
                field = window.findChild(QWidget, f"{name}Field")
                field.start()
                studio.take(f"details-edit-{name}", window)
                field.give_up()
        if studio.wants("correct"):
            window.findChild(QAction, "actionCorrect").trigger()
            field = window.findChild(QWidget, "typeField")
            studio.take("correct", window)
            field.give_up()
        if studio.wants("folder-move"):
            window.findChild(QAction, "actionMoveFolder").trigger()
            dialog = window.findChild(QDialog, "folderMoveDialog")
            dialog.findChild(QLineEdit, "moveNew").setText(str(studio.demo.folders[1]))
            studio.take("folder-move", dialog)
            dialog.reject()
        if studio.wants("folder-rules"):
            window.findChild(QAction, "actionSettings").trigger()
            settings = window.findChildren(QDialog, "settingsDialog")[-1]
            settings.findChild(QWidget, "settingFolders").setCurrentRow(0)
            settings.findChild(QPushButton, "settingFolderRules").click()
            dialog = window.findChild(QDialog, "folderRulesDialog")
            studio.settle(dialog)
            dialog.findChild(QPlainTextEdit, "rulesPatterns").setPlainText("checkpoints/\n*.onnx")
            studio.take("folder-rules", dialog)
            dialog.reject()
            settings.reject()
        if studio.wants("task-paused"):
            over = threading.Event()

            def read(progress: Any) -> None:
                progress.files = (214, 1020)
                while not over.wait(0.05):
                    progress.step(8 * 10**9, 40 * 10**9, "inkwash.safetensors", "bytes")

            window._tasks.run("Scanning", read, can_pause=True)
            studio.settle(window)
            window.findChild(QToolButton, "taskPause").click()
            studio.take("task-paused", window)
            window.findChild(QToolButton, "taskCancel").click()
            over.set()


def show_shell(studio: Studio) -> None:
    """The overview, everything by name, the shortcuts."""
    from PySide6.QtGui import QAction
    from PySide6.QtWidgets import QDialog, QLineEdit

    from modelmgr.gui.shell.drafts import Draft

    with studio.window("full.sqlite") as window:

        def opened(action: str, dialog: str) -> QDialog:
            window.findChild(QAction, action).trigger()
            return window.findChildren(QDialog, dialog)[-1]

        if studio.wants("overview"):
            window.findChild(QAction, "actionShowOverview").trigger()
            studio.take("overview", window)
            window.findChild(QAction, "actionShowLibrary").trigger()
        for name, text in (("palette", ""), ("palette-typed", "copy"), ("palette-nothing", "zebra")):
            if studio.wants(name):
                palette = opened("actionCommands", "commandPalette")
                palette.findChild(QLineEdit, "commandEdit").setText(text)
                studio.take(name, palette)
                palette.reject()
        if studio.wants("shortcuts"):
            dialog = opened("actionShortcuts", "shortcutList")
            studio.take("shortcuts", dialog)
            dialog.reject()
        if studio.wants("about"):
            dialog = opened("actionAbout", "aboutBox")
            studio.take("about", dialog)
            dialog.reject()
        if studio.wants("drafts"):
            window.drafts._found.update(
                {
                    "a": Draft("Best at 0.7, with the second trigger word alone.", "Notes of Inkwash Harbor"),
                    "b": Draft("Copperleaf " * 40, "Name of " + "a model with a very long name " * 8),
                }
            )
            window._show_drafts()
            dialog = window.findChild(QDialog, "draftsDialog")
            studio.take("drafts", dialog)
            dialog.reject()
        if studio.wants("settings-search"):
            dialog = opened("actionSettings", "settingsDialog")
            dialog.findChild(QLineEdit, "settingsSearch").setText("hash")
            studio.take("settings-search", dialog)
            dialog.reject()
    if studio.wants("overview-empty"):
        with studio.window("empty.sqlite") as window:
            window.findChild(QAction, "actionShowOverview").trigger()
            studio.take("overview-empty", window)


def show_first_start(studio: Studio) -> None:
    """A catalog with nothing in it."""
    if studio.wants("first-start"):
        with studio.window("empty.sqlite") as window:
            studio.take("first-start", window)
    if studio.wants("first-start-found"):
        with tools_at_home(studio), studio.window("empty.sqlite") as window:
            studio.take("first-start-found", window)


def show_settings(studio: Studio) -> None:
    """The settings, and the local API on, off and in trouble."""
    import socket

    from PySide6.QtCore import Qt
    from PySide6.QtGui import QAction
    from PySide6.QtWidgets import QCheckBox, QDialog, QPushButton, QSpinBox

    with studio.window("full.sqlite") as window:

        def opened(tab: str) -> QDialog:
            window.findChild(QAction, "actionSettings").trigger()
            dialog = window.findChildren(QDialog, "settingsDialog")[-1]
            dialog.show_tab(tab)
            dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, on=False)
            return dialog

        def save(dialog: QDialog) -> None:
            dialog.findChild(QPushButton, "settingsSave").click()
            studio.settle(window)

        dialog = opened("library")
        studio.take("settings", dialog)
        for tab in ("reading", "window"):
            dialog.show_tab(tab)
            studio.take(f"settings-{tab}", dialog)
        dialog.show_tab("api")
        studio.take("settings-api-off", dialog)
        dialog.findChild(QCheckBox, "settingApi").setChecked(True)
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            dialog.findChild(QSpinBox, "settingApiPort").setValue(port)
            save(dialog)
            studio.take("api-port-in-use", window)
            dialog = opened("api")
            studio.take("settings-api-failed", dialog)
        save(dialog)
        studio.take("api-open", window)
        dialog = opened("api")
        dialog.findChild(QPushButton, "apiCopyExample").click()
        studio.take("settings-api", dialog)
        dialog.findChild(QPushButton, "apiRenewToken").click()
        question = window.findChild(QDialog, "renewTokenQuestion")
        studio.take("settings-api-renew", question)
        question.reject()
        dialog.findChild(QCheckBox, "settingApi").setChecked(False)
        save(dialog)


def show_wizard(studio: Studio) -> None:
    """The pages of the import, each filled."""
    from PySide6.QtCore import QTimer
    from PySide6.QtGui import QAction
    from PySide6.QtWidgets import QCheckBox, QTabWidget, QTreeWidget, QWizard

    def walk_to_report(wizard: QWizard) -> None:
        wizard.next()
        while wizard.currentPage().objectName() == "importPage" and wizard.isVisible():
            studio.settle(wizard)

    with studio.window("wizard.sqlite") as window:
        if studio.wants("wizard-sources"):
            window.findChild(QAction, "actionImportLegacy").trigger()
            wizard = window.findChild(QWizard, "migrationWizard")
            studio.take("wizard-sources", wizard)
            wizard.reject()
            studio.settle(window)
        if studio.wants("wizard-found"):
            with tools_at_home(studio):
                window.findChild(QAction, "actionImportLegacy").trigger()
                wizard = window.findChildren(QWizard, "migrationWizard")[-1]
                studio.settle(wizard)
                wizard.resize(*WIZARD)
                wizard.findChild(QCheckBox, "foundInstall").setChecked(True)
                studio.take("wizard-found", wizard)
                wizard.reject()
                studio.settle(window)
        nothing = studio.work / "letters"
        nothing.mkdir(exist_ok=True)
        (nothing / "letter.txt").write_text("hello", encoding="utf-8")
        for name, path in (("wizard-nothing", nothing), ("wizard-unreadable", studio.work / ("gone_" * 40))):
            if studio.wants(name):
                window.drop_paths([str(path)])
                studio.settle(window)
                wizard = window.findChildren(QWizard, "migrationWizard")[-1]
                wizard.resize(*WIZARD)
                studio.take(name, wizard)
                wizard.reject()
                studio.settle(window)
        window.drop_paths([str(studio.demo.root)])
        studio.settle(window)
        wizard = window.findChildren(QWizard, "migrationWizard")[-1]
        wizard.resize(*WIZARD)  # the screen that is no screen is narrower than any
        studio.take("wizard-preview", wizard)
        if studio.wants("wizard-problems"):
            problems = wizard.findChild(QTreeWidget, "previewProblems")
            wizard.findChild(QTabWidget, "previewTabs").setCurrentWidget(
                problems.parentWidget().parentWidget()
            )
            problems.setFocus()
            problems.setCurrentItem(problems.topLevelItem(0))
            studio.take("wizard-problems", wizard)
        if studio.wants("wizard-report") or studio.wants("wizard-importing"):
            wizard.findChild(QCheckBox, "promoteBox").setChecked(True)
            if studio.wants("wizard-importing"):
                shot = QTimer(wizard)
                shot.timeout.connect(lambda: studio.glance("wizard-importing", wizard))
                shot.setSingleShot(True)
                shot.start(60)
            walk_to_report(wizard)
            studio.take("wizard-report", wizard)
        wizard.reject()


@contextmanager
def tools_at_home(studio: Studio) -> Iterator[None]:
    """Let tools be found at their usual places, as long as it lasts."""
    links = [studio.work / name for name in ("ComfyUI", "stable-diffusion-webui")]
    for link in links:
        link.symlink_to(studio.demo.root / link.name)
    ollama = studio.work / ".ollama" / "models"
    ollama.mkdir(parents=True)
    yield
    ollama.rmdir()
    for link in links:
        link.unlink()


def show_error(studio: Studio) -> None:
    """A catalog that can't be opened."""
    from modelmgr.errors import CatalogTooNew
    from modelmgr.gui.app import open_error_window

    path = str(studio.work / "catalog.sqlite")
    error = CatalogTooNew(
        f"The catalog {path} was written by a newer version of modelmgr (schema 9, this program knows 7). "
        "It was not touched; please update the program.",
        path=path,
    )
    page = open_error_window(error, path)
    studio.take("error", page)
    page.close()


SCREENS: dict[Callable[[Studio], None], list[str]] = {
    show_library: [
        "library",
        "nothing-matches",
        "library-duplicate",
        "library-missing",
        "library-unidentified",
    ],
    show_grid: ["grid", "grid-states", "grid-small", "grid-large", "preview-large", "library-sorted"],
    show_search: [
        "search-fields",
        "search-values",
        "search-means",
        "filters",
        "filters-long",
        "filters-many",
        "filters-find",
    ],
    show_pending: [
        "pending",
        "pending-ready",
        "pending-decision",
        "pending-missing",
        "pending-promoted",
        "pending-ask",
        "pending-empty",
        "map-folder",
    ],
    show_settled: ["pending-undo", "pending-done", "lately"],
    show_ambiguous: ["pending-ambiguous"],
    show_compare: ["compare", "compare-alike"],
    show_mending: [
        "details",
        "details-two",
        "details-many",
        "details-many-notes",
        "details-edit-tags",
        "details-edit-trigger_words",
        "details-edit-base_model",
        "correct",
        "folder-move",
        "folder-rules",
        "task-paused",
    ],
    show_details: [
        *ODD_MODELS,
        "details-history",
        "details-find",
        "details-narrow",
        "details-narrow-missing",
    ],
    show_shell: [
        "overview",
        "overview-empty",
        "palette",
        "palette-typed",
        "palette-nothing",
        "shortcuts",
        "settings-search",
        "drafts",
        "about",
    ],
    show_first_start: ["first-start", "first-start-found"],
    show_settings: [
        "settings",
        "settings-reading",
        "settings-window",
        "settings-api",
        "settings-api-off",
        "settings-api-failed",
        "settings-api-renew",
        "api-port-in-use",
        "api-open",
    ],
    show_wizard: [
        "wizard-sources",
        "wizard-found",
        "wizard-nothing",
        "wizard-unreadable",
        "wizard-preview",
        "wizard-problems",
        "wizard-importing",
        "wizard-report",
    ],
    show_error: ["error"],
}


# --- running ----------------------------------------------------------------------------------------------


def _make_small(path: Path) -> None:
    """Write a picture with 256 colours: a third of the size, and nobody sees it."""
    from PIL import Image

    with Image.open(path) as picture:
        small = picture.convert("RGB").quantize(256, dither=Image.Dither.NONE)
    small.save(path, optimize=True)


def take_all(look: Look, target: Path, wanted: list[str]) -> None:
    """Take the wanted pictures (all if none are named) in this process."""
    with tempfile.TemporaryDirectory(prefix="modelmgr-screenshots-", ignore_cleanup_errors=True) as work:
        os.environ["HOME"] = work  # nothing of whoever takes the pictures shall be on them

        def save(name: str, widget: Any) -> None:
            path = target / f"{name}{look.suffix}.png"
            assert widget.grab().save(str(path)), path
            _make_small(path)
            print(path)

        studio = Studio(look, Path(work), wanted, save)
        studio.make_library("full.sqlite")
        for show, names in SCREENS.items():
            if any(studio.wants(name) for name in names):
                show(studio)


def main() -> None:
    """Start a process for each look, for a scale holds for a whole process."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--all", type=Path, metavar="FOLDER", help="every screen in every look")
    parser.add_argument("--look", help=argparse.SUPPRESS)
    parser.add_argument("--to", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("wanted", nargs="*", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.look:
        take_all(ALL_LOOKS[int(args.look)], args.to, args.wanted)
        return
    target = args.all or ROOT / "_codex" / "screenshots"
    target.mkdir(parents=True, exist_ok=True)
    wanted = {look: [] for look in ALL_LOOKS} if args.all else README_PICTURES
    for look, names in wanted.items():
        environment = {
            "QT_QPA_PLATFORM": "offscreen",
            **os.environ,
            "QT_SCALE_FACTOR": str(look.scale),
            "QT_SCALE_FACTOR_ROUNDING_POLICY": "PassThrough",
        }
        words = ["--look", str(ALL_LOOKS.index(look)), "--to", str(target.resolve()), *names]
        subprocess.run([sys.executable, __file__, *words], check=True, env=environment)


if __name__ == "__main__":
    main()
