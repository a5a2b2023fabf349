"""The commands that open a door and stay: the window, the window on a sample library, the local HTTP API."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Sequence

from modelmgr.cli.call import CANCELLED, Call, log_to_terminal, output
from modelmgr.errors import ModelmgrError
from modelmgr.progress import Progress, Stopped
from modelmgr.terminal import visible

_LISTEN_S = 0.2


def gui(call: Call) -> int:
    """Open the window."""
    return _open_window(call, call.catalog_path, call.args.paths)


def demo(call: Call) -> int:
    """Write a sample library and open the window on it."""
    import tempfile
    from pathlib import Path

    from modelmgr.catalog import Catalog
    from modelmgr.demo import write_demo_library
    from modelmgr.library import Library

    folder = tempfile.mkdtemp(prefix="modelmgr-demo-")
    path = call.catalog_path if call.args.catalog else os.path.join(folder, "catalog.sqlite")
    demo = write_demo_library(Path(folder, "library"))
    with call.deed(), Catalog.open(path) as catalog:
        library = Library(catalog)
        library.scan([str(path) for path in demo.folders], progress=call.progress)
        # One tool's records are promoted, the others wait: there is something to see and something to do.
        library.import_paths([str(demo.folders[0])], progress=call.progress)
        library.promote(None, progress=call.progress)
        rest = (demo.root, demo.csv, demo.json, demo.jsonl)
        library.import_paths([str(path) for path in rest], progress=call.progress)
    call.begin_anew()
    call.progress.check()
    call.bar.clear()
    print(f"The sample library lies in {visible(folder)}", file=sys.stderr)
    return _open_window(call, path, [])


def _open_window(call: Call, catalog_path: str, paths: Sequence[str]) -> int:
    screens = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    if sys.platform == "linux" and not any(os.environ.get(name) for name in screens):
        raise ModelmgrError("There is no screen here to open a window on.", code="no_screen")
    try:
        from modelmgr.gui import runner

        # No question, which a signal ends at once: what is raised while Qt is loaded may be lost in it.
        run = runner()
    except ImportError as error:
        if not str(error.name or "").startswith(("PySide6", "shiboken6")) and ".so" not in str(error):
            raise
        raise ModelmgrError(
            f"The window can't be opened, for Qt can't be loaded: {error}. README says what it needs.",
            code="qt_missing",
        ) from error
    log_to_terminal()
    code: int = run(catalog_path, paths, call.progress)
    if call.wants_json:
        call.say({}, ())
    return code


def serve(call: Call) -> int:
    """Answer other programs until a signal."""
    from modelmgr.api.token import TokenFile, default_token_path

    port, token_path = call.args.port, call.args.token_file
    with call.library() as library:
        token = TokenFile.open(token_path or default_token_path(call.catalog_path))
        from modelmgr.api.server import DEFAULT_PORT, ApiServer  # the frameworks: they take longest to load

        server = ApiServer(library, token, port=DEFAULT_PORT if port is None else port)
        address = server.open()
        try:
            try:
                lines = (address, f"The token is in {visible(token.path)}; Ctrl-C ends this.")
                call.say({"address": address, "token_file": token.path}, lines)
                with output() as out:
                    out.flush()
                _until_cancelled(call.progress)
            finally:
                server.close()
        except Stopped:
            # Some work or question does not hear, and its thread would keep the process; the catalog undoes what
            # was not committed.
            os._exit(CANCELLED)
    return CANCELLED


def _until_cancelled(progress: Progress) -> None:
    """Wait for a signal; in short stretches, since Windows hears none in the middle of one."""
    pause = threading.Event()  # nobody sets it: a handler that did would wait for the lock of who waits
    while not progress.is_cancelled:
        pause.wait(_LISTEN_S)
