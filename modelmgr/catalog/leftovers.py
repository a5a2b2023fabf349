"""Half-made copies of a catalog: each tells who makes it, so that those of processes that died can go."""

import contextlib
import os
import re
import stat
import tempfile

_NAME_CHARS = 60  # what follows shall fit behind it, however long the name is
_CLOCKS_DIFFER_S = 2.0
COMPANIONS = ("-wal", "-shm", "-journal")


def new_part(target: str) -> str:
    """Make an empty file beside `target` in which a copy may grow until it takes its name; return its path.

    Raises:
        OSError: none can be made there.
    """
    handle, part = tempfile.mkstemp(
        prefix=f"{_beginning(target)}{_host()}-{os.getpid()}-", suffix=".part", dir=_folder(target)
    )
    os.close(handle)
    return part


def remove_part(part: str) -> None:
    """Remove a half-made copy with what SQLite keeps beside it, as far as it is there."""
    for suffix in ("", *COMPANIONS):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(part + suffix)


def remove_dead(target: str) -> None:
    """Remove the half-made copies of `target` whose makers, processes of this computer, are gone.

    What bears another kind of name stays, and so does what a running process makes.
    """
    whose = re.compile(
        rf"{re.escape(_beginning(target))}{_host()}-(\d{{1,10}})-[a-z0-9_]{{8}}\.part"
        rf"(?:{'|'.join(COMPANIONS)})?"
    )
    folder = _folder(target)
    with contextlib.suppress(OSError):
        for name in os.listdir(folder):
            if match := whose.fullmatch(name):
                path = os.path.join(folder, name)
                with contextlib.suppress(OSError):
                    facts = os.lstat(path)
                    if stat.S_ISREG(facts.st_mode) and not _may_make(int(match[1]), facts.st_mtime):
                        os.unlink(path)


def _beginning(target: str) -> str:
    return f"{os.path.basename(target)[:_NAME_CHARS]}."


def _folder(target: str) -> str:
    return os.path.dirname(os.path.abspath(target))


def _host() -> str:
    import hashlib
    import socket

    return hashlib.sha256(os.fsencode(socket.gethostname())).hexdigest()[:8]


def _may_make(pid: int, written_at: float) -> bool:
    """Tell whether the process of this number runs and is no younger than what it should have written."""
    import psutil

    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        return float(process.create_time()) <= written_at + _CLOCKS_DIFFER_S
    except psutil.NoSuchProcess:
        return False
    except psutil.Error:
        return True
