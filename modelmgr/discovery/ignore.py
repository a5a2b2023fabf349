"""What a scan leaves out of a library folder: partial downloads always, the rest as the user wishes.

Told by names alone; nothing is opened.
"""

import re
from collections.abc import Callable, Mapping

from modelmgr.errors import Usage
from modelmgr.lazily import dataclass

PARTIAL_DOWNLOAD = "partial_download"
HIDDEN = "hidden"
PATTERN = "pattern"

PARTIAL_SUFFIXES = frozenset(
    [
        "!qb",  # qBittorrent
        "!ut",  # uTorrent
        "aria2",  # aria2's control file: the download beside it runs or was broken off
        "bc!",  # BitComet
        "crdownload",  # Chrome, Edge
        "download",  # Safari: a folder
        "downloading",
        "dtapart",  # DownThemAll
        "fdmdownload",  # Free Download Manager
        "filepart",  # WinSCP
        "incomplete",  # huggingface_hub
        "jc!",  # FlashGet
        "opdownload",  # Opera
        "part",  # Firefox, curl, yt-dlp, ComfyUI's and InvokeAI's downloaders
        "partial",
        "td",  # Xunlei
        "temp",
        "tmp",
        "xltd",  # Xunlei
    ]
)
"""Lower-case endings that programs put behind the name of a file while they download it."""

# rsync writes to .<name>.<six letters>, Ollama to <blob>-partial and <blob>-partial-<number>.
_RSYNC = re.compile(r"\.(.+)\.[A-Za-z0-9]{6}\Z", re.DOTALL)
_OLLAMA = re.compile(r"(sha256[-:][0-9a-f]{64})-partial(-\d+)?\Z")


@dataclass(frozen=True, slots=True)
class IgnoreRules:
    """The user's wishes for one library folder.

    Attributes:
        patterns: as in a ``.gitignore`` (git-scm.com/docs/gitignore), on the path relative to the library folder;
            an ignored folder is not entered.
        skip_hidden: leave out what begins with a dot, or what Windows calls hidden.

    Raises:
        Usage: a pattern makes no sense.
    """

    patterns: tuple[str, ...] = ()
    skip_hidden: bool = False

    def __post_init__(self) -> None:
        if self.patterns:
            _compiled(self.patterns)

    def matcher(self) -> Callable[[str], bool] | None:
        """Return what tells whether a path is to be ignored by a pattern; None if there are none.

        The path is relative to the library folder, with the separators of the system, and ends with one if it is
        a folder.
        """
        return _compiled(self.patterns) if self.patterns else None

    def as_json(self) -> dict[str, object]:
        """Return the rules as JSON-compatible values."""
        return {"patterns": list(self.patterns), "skip_hidden": self.skip_hidden}

    @classmethod
    def from_json(cls, values: Mapping[str, object]) -> "IgnoreRules":
        """Return the rules that `as_json` wrote; what is absent has its default.

        Raises:
            Usage: not such values, or a pattern that makes no sense.
        """
        patterns, skip_hidden = values.get("patterns", []), values.get("skip_hidden", False)
        if not isinstance(patterns, list | tuple) or not all(isinstance(one, str) for one in patterns):
            raise Usage("The patterns to ignore must be a list of texts.", patterns=patterns)
        if not isinstance(skip_hidden, bool):
            raise Usage("skip_hidden must be true or false.", skip_hidden=skip_hidden)
        return cls(tuple(patterns), skip_hidden)


def finished_name(name: str) -> str | None:
    """Return the name that a partial download will have in the end, or None if the name is of none."""
    stem, dot, suffix = name.rpartition(".")
    if stem and dot and suffix.lower() in PARTIAL_SUFFIXES:
        return stem
    found = _RSYNC.match(name) or _OLLAMA.match(name)
    return found.group(1) if found else None


def _compiled(patterns: tuple[str, ...]) -> Callable[[str], bool]:
    # Loaded where there are patterns only: it costs 30 ms.
    from pathspec import GitIgnoreSpec
    from pathspec.patterns.gitignore import GitIgnorePatternError
    from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern

    for pattern in patterns:
        try:
            is_one = GitIgnoreSpecPattern(pattern).regex is not None
        except (GitIgnorePatternError, ValueError, re.error):
            is_one = False
        if not is_one and pattern.strip() and not pattern.startswith("#"):
            raise Usage(f"{pattern!r} is no pattern for files.", pattern=pattern)
    return GitIgnoreSpec.from_lines(patterns).match_file
