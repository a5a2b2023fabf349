"""Which folders changed, told while the program runs: by the system where it tells, by looking again where not.

Sets of folders go out, never lists of events, so a burst of any size stays small. What the system fails to tell (its
queue ran over, a name is no text) is found by the folders' mtimes at the next look.
"""

import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping

from modelmgr.lazily import dataclass
from modelmgr.progress import Progress
from modelmgr.values import is_below

log = logging.getLogger(__name__)

_STEP_S, _STEP_MS = 0.1, 100  # the longest that a cancel waits
_REST_RATIO = 20  # looking takes a twentieth of the time at most
_GONE = -1
_REMOTE_TYPES = frozenset(
    [
        "9p",
        "afpfs",
        "afs",
        "autofs",
        "beegfs",
        "ceph",
        "cifs",
        "davfs",
        "drvfs",
        "gfs2",
        "glusterfs",
        "lustre",
        "ncpfs",
        "nfs",
        "nfs4",
        "ocfs2",
        "orangefs",
        "prl_fs",
        "smb2",
        "smb3",
        "smbfs",
        "vboxsf",
        "virtiofs",
        "vmhgfs",
        "webdav",
    ]
)
"""File systems that others change unseen; so does everything of ``fuse.`` (sshfs, rclone ...)."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How patient a watch is, in seconds.

    Attributes:
        quiet_s: changes are told when none came for so long ...
        longest_s: ... or when the first has waited so long.
        poll_s: time between two looks at folders of which the system tells nothing; longer where a look takes long.
        reconcile_s: time between two looks at all others.
    """

    quiet_s: float = 2.0
    longest_s: float = 30.0
    poll_s: float = 10.0
    reconcile_s: float = 60.0


PACE = Pace()


def watch_folders(
    folders: Callable[[], Mapping[str, int]],
    progress: Progress,
    tell: Callable[[set[str]], None],
    *,
    pace: Pace = PACE,
) -> None:
    """Tell which folders changed until the work is cancelled; begins with what changed since `folders` were looked at.

    Never returns. A folder that is new is told by its parent, one that is gone by itself and its parent.

    Args:
        folders: gives paths and `Folder.mtime_ns` of all folders to watch; asked at the start and after each `tell`.
        progress: a cancel is heard within 0.2 s, except while `tell` runs or a dead network drive keeps a question.
        tell: takes the paths of changed folders, all of them in `folders`; called in the watching thread.
        pace: how patient the watch is.

    Raises:
        Cancelled: always, in the end.
    """
    watching = _Watching(progress, pace)
    try:
        watching.take(folders())
        while True:
            changed = watching.wait()
            tell(changed)
            watching.take(folders())
    finally:
        watching.close()


class _Watching:
    """The folders, what is known of them, and what has changed and was not told yet."""

    def __init__(self, progress: Progress, pace: Pace) -> None:
        self._progress = progress
        self._pace = pace
        self._mtimes: dict[str, int] = {}  # as seen last: a change is told once, whatever becomes of it
        self._watched: list[str] = []
        self._silent: list[str] = []
        self._changed: set[str] = set()
        self._first = self._last = 0.0
        self._news: _News | None = None
        self._is_stale = True
        self._poll_at = self._reconcile_at = 0.0

    def take(self, folders: Mapping[str, int]) -> None:
        """Watch these folders from now on; what changed since they were looked at counts as changed."""
        if self._is_stale or folders.keys() != self._mtimes.keys():
            self._mtimes = {path: self._mtimes.get(path, mtime_ns) for path, mtime_ns in folders.items()}
            self._arm()
            self._look(self._mtimes)  # the system told of a moved folder by its former name, or not at all

    def wait(self) -> set[str]:
        """Return what changed, once it is quiet again."""
        while True:
            self._hear()
            self._look_again()
            self._progress.check()
            now = time.monotonic()
            if self._changed and (
                now - self._last >= self._pace.quiet_s or now - self._first >= self._pace.longest_s
            ):
                self._look(list(self._changed))  # what comes after this is another change
                changed, self._changed = self._changed, set()
                return changed

    def close(self) -> None:
        """Listen no more."""
        self._listen_to(None)

    def _arm(self) -> None:
        """Have the system tell of the folders; where it can't, they are looked at again and again."""
        watched, silent = _told_and_silent(self._mtimes)
        try:
            news = _News(watched, self._progress) if watched else None
            if self._news is not None:
                self._hear()  # the last words of the former, now that the new one listens
            self._listen_to(news)
        except (OSError, RuntimeError) as error:  # no watches left, a folder went away, no such service
            self._be_deaf(error)
        else:
            self._watched, self._silent, self._is_stale = watched, silent, False
        now = time.monotonic()
        self._poll_at = now + self._pace.poll_s
        self._reconcile_at = now + self._pace.reconcile_s

    def _listen_to(self, news: "_News | None") -> None:
        former, self._news = self._news, news
        if former is not None:
            former.close()

    def _be_deaf(self, error: Exception) -> None:
        log.info("The system tells of no changes, folders are looked at instead: %s", error)
        self._listen_to(None)
        self._watched, self._silent = [], list(self._mtimes)
        self._is_stale = True

    def _hear(self) -> None:
        """Wait a step for news."""
        if self._news is None:
            threading.Event().wait(_STEP_S)
            return
        try:
            paths = self._news.next()
        except (OSError, RuntimeError) as error:  # one name that is no UTF-8 ends it
            self._be_deaf(error)
            self._look(self._silent)
            return
        for path in paths:
            if path in self._mtimes:
                self._is_stale = True  # the name may be another folder's now, of which the system won't tell
                self._note(path)
            if (folder := os.path.dirname(path)) in self._mtimes:
                self._note(folder)

    def _look_again(self) -> None:
        """Look at the folders of which the system doesn't tell, and at times at all: it may have lost something."""
        now = time.monotonic()
        if now >= self._reconcile_at:
            if self._is_stale:
                self._arm()
            self._look(self._watched)
            self._reconcile_at = time.monotonic() + self._pace.reconcile_s
        if now >= self._poll_at:
            self._look(self._silent)
            spent = time.monotonic() - now
            self._poll_at = now + spent + max(self._pace.poll_s, _REST_RATIO * spent)

    def _look(self, paths: Iterable[str]) -> None:
        for path in paths:
            self._progress.check()
            try:
                mtime_ns = os.stat(path).st_mtime_ns
            except OSError:
                mtime_ns = _GONE
            former = self._mtimes[path]
            if mtime_ns != former:
                self._mtimes[path] = mtime_ns
                self._is_stale = self._is_stale or _GONE in (mtime_ns, former)
                self._note(path)

    def _note(self, folder: str) -> None:
        self._last = time.monotonic()
        if not self._changed:
            self._first = self._last
        self._changed.add(folder)


class _News:
    """What the system tells of some folders, from the moment this is made.

    Raises:
        OSError, RuntimeError: it won't tell of these folders.
    """

    def __init__(self, folders: list[str], progress: Progress) -> None:
        # Loaded by a watch alone: it costs 35 ms.
        from watchfiles._rust_notify import RustNotify

        # Linux has a watch for each folder, and to find them itself the library would follow every link, also one
        # to "/". Elsewhere one watch holds for all below, and ten thousand of them would be slow. What the library
        # ignores as a denied permission is also the lack of watches, so nothing is ignored where that can be.
        is_linux = sys.platform == "linux"
        self._source = RustNotify(
            folders if is_linux else _outermost(folders),
            debug=False,
            force_polling=False,
            poll_delay_ms=0,
            recursive=not is_linux,
            ignore_permission_denied=not is_linux,
        )
        self._cancel = _Cancel(progress)

    def next(self) -> set[str]:
        """Return the paths of which there is news; after a tenth of a second, or at a cancel, maybe none.

        Raises:
            OSError, RuntimeError: there will be no more.
        """
        found = self._source.watch(_STEP_MS, _STEP_MS, _STEP_MS, self._cancel)
        if found == "signal":  # the library has eaten it
            raise KeyboardInterrupt
        return set() if isinstance(found, str) else {path for _, path in found}

    def close(self) -> None:
        """Hear no more."""
        self._source.close()


class _Cancel:
    """A cancel, as watchfiles asks for it."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def is_set(self) -> bool:
        """Tell whether the work was cancelled."""
        return self._progress.is_cancelled


def _outermost(folders: Iterable[str]) -> list[str]:
    found: list[str] = []
    for path in sorted(folders, key=lambda path: path.rstrip(os.sep) + os.sep):
        if not found or not is_below(path, found[-1]):
            found.append(path)
    return found


def _told_and_silent(folders: Iterable[str]) -> tuple[list[str], list[str]]:
    """Part the folders that are there by whether the system can tell of their changes."""
    told: list[str] = []
    silent: list[str] = []
    is_remote: dict[int, bool] = {}
    for path in folders:
        try:
            device = os.stat(path).st_dev
            path.encode()  # watchfiles takes no other names
        except (OSError, UnicodeEncodeError):
            silent.append(path)
            continue
        if not os.access(path, os.R_OK):
            silent.append(path)
            continue
        if device not in is_remote:
            is_remote[device] = _is_remote(os.path.realpath(path))
        (silent if is_remote[device] else told).append(path)
    return told, silent


def _is_remote(path: str) -> bool:
    import psutil  # loaded by a watch alone: it costs 20 ms

    if path.startswith("\\\\"):
        return True
    mounts = [one for one in psutil.disk_partitions(all=True) if is_below(path, one.mountpoint)]
    if not mounts:
        return False
    mount = max(mounts, key=lambda one: len(one.mountpoint))
    kind = mount.fstype.lower()
    return kind in _REMOTE_TYPES or kind.startswith("fuse.") or "remote" in mount.opts.split(",")
