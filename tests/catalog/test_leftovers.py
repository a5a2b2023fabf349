"""Half-made copies that a killed process left beside a catalog."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from modelmgr.catalog import Catalog
from modelmgr.catalog.leftovers import new_part
from modelmgr.library import Library
from modelmgr.progress import Progress

_KILLED_WHILE_COPYING = (
    "import os, signal, sys\n"
    "from modelmgr.catalog import leftovers\n"
    "part = leftovers.new_part(sys.argv[1])\n"
    "for suffix in leftovers.COMPANIONS: open(part + suffix, 'wb').close()\n"
    "os.kill(os.getpid(), signal.SIGKILL)\n"
)


def parts(folder: Path) -> list[str]:
    return sorted(name for name in os.listdir(folder) if ".part" in name)


def restore(path: Path, backup: Path) -> None:
    Library.restore(str(backup), str(path), Progress())


def write_backup(path: Path, backup: Path) -> None:
    with Catalog.open(backup) as catalog:
        assert Library(catalog).backup(str(path), Progress()) == []


def look_for_interrupted(path: Path, backup: Path) -> None:
    with Catalog.open(path) as catalog:
        Library(catalog).interrupted()


@pytest.mark.skipif(sys.platform == "win32", reason="no process is killed so there")
@pytest.mark.parametrize("deed", [restore, write_backup, look_for_interrupted])
def test_what_a_killed_process_left_goes_with_the_next_deed(
    tmp_path: Path, deed: Callable[[Path, Path], None]
) -> None:
    path, backup = tmp_path / "catalog.sqlite", tmp_path / "elsewhere.sqlite"
    for each in (path, backup):
        Catalog.open(each).close()
    killed = subprocess.run([sys.executable, "-c", _KILLED_WHILE_COPYING, str(path)], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert len(parts(tmp_path)) == 4
    own = new_part(str(path))  # of a running process
    others = [new_part(str(tmp_path / "other.sqlite")), str(tmp_path / "catalog.sqlite.abcdefgh.part")]
    Path(others[1]).write_bytes(b"of the user")
    deed(path, backup)
    assert parts(tmp_path) == sorted(map(os.path.basename, (own, *others)))


@pytest.mark.skipif(sys.platform == "win32", reason="no process is killed so there")
def test_a_number_that_another_process_has_now_keeps_nothing(tmp_path: Path) -> None:
    path = tmp_path / "catalog.sqlite"
    Catalog.open(path).close()
    part = new_part(str(path))
    os.utime(part, (1_000_000_000, 1_000_000_000))  # long before this process began
    look_for_interrupted(path, path)
    assert parts(tmp_path) == []


def test_a_catalog_with_a_very_long_name_can_be_copied_and_restored(tmp_path: Path) -> None:
    path = tmp_path / ("n" * 200 + ".sqlite")
    Catalog.open(tmp_path / "catalog.sqlite").close()
    write_backup(path, tmp_path / "catalog.sqlite")
    restore(path, tmp_path / "catalog.sqlite")
    assert parts(tmp_path) == []
