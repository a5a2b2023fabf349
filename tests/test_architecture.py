"""The arrows between the rooms, read from the imports: what may know what, and what nobody may do."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "modelmgr"
PAGES = [ROOT.parent / "README.md", *sorted((ROOT.parent / "_codex").glob("*.md"))]

# Each may import those before it, and the standard library.
LEAVES = (
    "lazily",
    "durable",
    "errors",
    "progress",
    "resources",
    "sqlite",
    "values",
    "tree",
    "vocabulary",
    "search",
    "edits",
    "filters",
    "pictures",
    "told",
    "thumbnails",
    "payload",
    "payload_parts",
    "parts",
    "documents",
    "terminal",
)
ROOMS: dict[str, set[str]] = {
    "": set(),
    "__main__": {"cli"},
    **{leaf: set(LEAVES[:at]) for at, leaf in enumerate(LEAVES)},
    "settings": {"errors", "lazily"},
    "demo": set(LEAVES),
    "readers": set(LEAVES),
    "discovery": set(LEAVES),
    "migration": set(LEAVES),
    "catalog": set(LEAVES),
    "library": {*LEAVES, "readers", "discovery", "migration", "catalog"},
    "api": {*LEAVES, "library", "catalog"},
    "gui": {*LEAVES, "settings", "library", "catalog", "api", "demo"},
    "cli": {*LEAVES, "settings", "library", "catalog", "demo", "gui", "api"},
}
THIRD_PARTY: dict[str, set[str]] = {
    "peewee": {"catalog"},
    "PySide6": {"gui"},
    "shiboken6": {"gui"},
    "platformdirs": {"settings", "cli", "gui"},
    "psutil": {"catalog", "library", "discovery"},
    "yaml": {"migration"},
    "blake3": {"discovery"},
    "pathspec": {"discovery"},
    "watchfiles": {"discovery"},
    "fastapi": {"api"},
    "starlette": {"api"},
    "pydantic": {"api"},
    "uvicorn": {"api"},
    "h11": {"api"},
    "PIL": {"api"},
    "pysqlite3": {"sqlite"},
}
# These doors see the catalog through its face alone.
SEE_FACES_ONLY = {"gui", "api", "cli"}
START_THREADS = {"gui/tasks.py", "api/server.py", "discovery/hashing.py", "library/chunks.py"}
THREADS = {
    "Thread",
    "Timer",
    "ThreadPoolExecutor",
    "ProcessPoolExecutor",
    "QThread",
    "QThreadPool",
    "QRunnable",
    "start_new_thread",
}
BANNED_CALLS = {
    "eval": "code from outside is never run",
    "exec": "code from outside is never run",
    "os.system": "no shell",
    "os.popen": "no shell",
    "pickle.load": "nothing found on disk is unpickled",
    "pickle.loads": "nothing found on disk is unpickled",
    "pickle.Unpickler": "nothing found on disk is unpickled",
    "marshal.loads": "nothing found on disk is unpickled",
    "marshal.load": "nothing found on disk is unpickled",
    "__import__": "what is imported is written in the source",
    "yaml.load": "it builds objects",
    "time.sleep": "wait for the thing itself",
    "QApplication.processEvents": "long work belongs to gui/tasks.py",
    "QCoreApplication.processEvents": "long work belongs to gui/tasks.py",
}
# They unpickle, or load code, whatever is called of them. Pickles are walked by readers/pickle_walk.py.
BANNED_IMPORTS = {
    "pickle", "_pickle", "cloudpickle", "dill", "joblib", "jsonpickle", "shelve", "multiprocessing",
    "torch", "numpy", "pandas", "sklearn", "runpy", "code", "codeop", "zipimport",
}  # fmt: skip
# A rich view loads files and addresses that a stranger wrote into a description.
BANNED_NAMES = {
    "QTextBrowser",
    "QTextEdit",
    "QWebEngineView",
    "setMarkdown",
    "setHtml",
    "insertHtml",
    "appendHtml",
}


def modules() -> list[Path]:
    return sorted(ROOT.rglob("*.py"))


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room_of(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


NAMES = {name_of(path) for path in modules()}


def imports(path: Path) -> Iterator[tuple[str, int]]:
    """Yield every module that a module imports, wherever the import stands, with its line."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: imports are absolute"
            assert node.module is not None
            for alias in node.names:
                below = f"{node.module}.{alias.name}"
                yield below if below in NAMES else node.module, node.lineno


def each_module() -> list[object]:
    return [pytest.param(path, id=str(path.relative_to(ROOT))) for path in modules()]


@pytest.mark.parametrize("path", each_module())
def test_a_module_imports_only_what_its_room_may_know(path: Path) -> None:
    room = room_of(name_of(path))
    assert room in ROOMS, f"{path}: a room that the map of the house does not name"
    wrong = []
    for imported, line in imports(path):
        top = imported.split(".")[0]
        if top == "modelmgr":
            other = room_of(imported)
            if other not in {"", room, *ROOMS[room]}:
                wrong.append(f"line {line}: {room} imports {imported}")
            if room in SEE_FACES_ONLY and imported.startswith("modelmgr.catalog."):
                wrong.append(f"line {line}: {imported} instead of the catalog's face")
        elif top == "sqlite3":
            if room != "sqlite":
                wrong.append(f"line {line}: one SQLite per process, from modelmgr.sqlite")
        elif imported.startswith("PySide6.QtSql"):
            wrong.append(f"line {line}: QtSql is a second SQLite")
        elif top not in sys.stdlib_module_names and room not in THIRD_PARTY.get(top, set()):
            wrong.append(f"line {line}: {room or 'the package'} imports {imported}")
    assert not wrong


def test_no_module_imports_itself_by_a_circle() -> None:
    graph = {
        name_of(path): {imported for imported, _ in imports(path) if imported in NAMES} for path in modules()
    }
    done: set[str] = set()

    def visit(module: str, trail: tuple[str, ...]) -> None:
        assert module not in trail, " -> ".join((*trail[trail.index(module) :], module))
        if module not in done:
            for imported in sorted(graph[module]):
                visit(imported, (*trail, module))
            done.add(module)

    for module in sorted(graph):
        visit(module, ())


@pytest.mark.parametrize("path", each_module())
def test_threads_start_in_few_files_only(path: Path) -> None:
    if path.relative_to(ROOT).as_posix() in START_THREADS:
        return
    found = [
        f"line {node.lineno}: {name}"
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Call | ast.ClassDef)
        for name in _names_used(node)
        if name in THREADS
    ]
    assert not found


def _names_used(node: ast.Call | ast.ClassDef) -> list[str]:
    users = node.bases if isinstance(node, ast.ClassDef) else [node.func]
    return [_dotted(user).rpartition(".")[2] for user in users]


def _dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


@pytest.mark.parametrize("path", each_module())
def test_nothing_dangerous_is_called(path: Path) -> None:
    found = []
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Call):
            if (reason := BANNED_CALLS.get(_dotted(node.func))) is not None:
                found.append(f"line {node.lineno}: {_dotted(node.func)}: {reason}")
            found += [
                f"line {node.lineno}: shell=True: no shell"
                for keyword in node.keywords
                if keyword.arg == "shell"
                and not (isinstance(keyword.value, ast.Constant) and not keyword.value.value)
            ]
        name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
        if name in BANNED_NAMES:
            found.append(f"line {node.lineno}: {name}: it loads what a stranger's text names")
    assert not found


@pytest.mark.parametrize("path", each_module())
def test_nothing_that_unpickles_is_imported(path: Path) -> None:
    assert not [
        f"line {line}: {imported}"
        for imported, line in imports(path)
        if imported.split(".")[0] in BANNED_IMPORTS
    ]


def test_what_must_not_be_called_or_imported_is_found(tmp_path: Path) -> None:
    """The checks above see what they are for."""
    for number, source in enumerate(
        ("import pickle", "def f():\n    from pickle import loads", "import numpy.lib as x")
    ):
        module = tmp_path / f"i{number}.py"
        module.write_text(source, encoding="utf-8")
        with pytest.raises(AssertionError):
            test_nothing_that_unpickles_is_imported(module)
    for number, source in enumerate(
        ("pickle.loads(b'')", "eval('1')", "x.run('ls', shell=True)", "__import__('os')")
    ):
        module = tmp_path / f"c{number}.py"
        module.write_text(source, encoding="utf-8")
        with pytest.raises(AssertionError):
            test_nothing_dangerous_is_called(module)


def test_each_room_is_on_the_map() -> None:
    text = (ROOT.parent / "_codex" / "architecture.md").read_text("utf-8")
    rooms = {room_of(name) for name in NAMES} - {"", "__main__"}
    assert not [room for room in sorted(rooms) if f"`{room}.py`" not in text and f"`{room}/`" not in text]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_files_that_a_page_names_are_there(page: Path) -> None:
    text = page.read_text("utf-8")
    links = [link for link in re.findall(r"\]\(([^)#]+)", text) if not link.startswith("http")]
    assert not [link for link in links if not (page.parent / link).exists()]
    modules = {f"/{path.relative_to(ROOT.parent).as_posix()}" for path in ROOT.parent.glob("*/**/*.py")}
    named = re.findall(r"`([\w./]+\.py)`", text)
    assert not [name for name in named if not any(module.endswith(f"/{name}") for module in modules)]


def test_each_dependency_has_its_reason() -> None:
    project = tomllib.loads((ROOT.parent / "pyproject.toml").read_text("utf-8"))["project"]
    names = [re.split(r"[><=;]", line)[0].strip() for line in project["dependencies"]]
    text = (ROOT.parent / "_codex" / "dependencies.md").read_text("utf-8")
    table = text.partition("## ")[0]
    assert not [name for name in names if name not in table]


def test_peewee_takes_the_one_sqlite_driver_of_the_program() -> None:
    import peewee

    from modelmgr.sqlite import driver

    # peewee imports the package, we its dbapi2: the same connections come from both.
    assert peewee.sqlite3.connect is driver.connect
    assert peewee.sqlite3.sqlite_version_info == driver.sqlite_version_info


def test_void_qt_calls_do_not_wear_out_none(qtbot) -> None:
    """PySide6 6.12.0 takes one reference to None away in each such call, until Python 3.11 dies of it."""
    from PySide6.QtWidgets import QProgressBar

    bar = QProgressBar()
    qtbot.addWidget(bar)
    calls = 3_000
    before = sys.getrefcount(None)
    for at in range(calls):
        bar.setValue(at % 100)
    assert sys.getrefcount(None) > before - calls // 2
