"""Settings: what the user chose, as one dataclass in one small JSON file; and where such files lie.

The user's own catalog has its settings in the platform's configuration folder. Any other catalog (a demo, a
second library, one of a test) brings its settings with it, in a file beside it.
"""

import json
import logging
import os
from collections.abc import Container, Mapping
from pathlib import Path
from typing import Any, Literal, Self, get_args

import platformdirs

from modelmgr.lazily import dataclass

log = logging.getLogger(__name__)

FILE_LIMIT_BYTES = 1024 * 1024
API_PORTS = range(1024, 65536)
RatedPictures = Literal["hide", "blur", "show"]
RATED_PICTURES: tuple[RatedPictures, ...] = get_args(RatedPictures)
HashKinds = Literal["auto", "all", "sha256"]
HASH_KINDS: tuple[HashKinds, ...] = get_args(HashKinds)
HASH_WORKERS = (0, 1, 2, 4)
READ_LIMITS_MB_S = range(10_001)
PROMPT_WEIGHTS = range(5, 201)


@dataclass(slots=True)
class Settings:
    """What the user chose.

    Attributes:
        hash_while_scanning: False leaves the hashes of new files for later; then nothing can be promoted by
            its hash, and duplicates stay unknown.
        hash_kinds: one of `HASH_KINDS`: those that other tools use too where that costs next to nothing, always, or
            SHA-256 alone.
        hash_workers: one of `HASH_WORKERS`; 0 is as many as the disk bears.
        read_limit_mb_s: megabytes a second that hashing may read, one of `READ_LIMITS_MB_S`; 0 is no limit.
        check_at_start: look for new and gone files when the window opens, and finish hashing that was interrupted.
        watch_folders: notice new and gone files while the window is open.
        comfortable_rows: rows of 44 instead of 28 pixels, with larger pictures.
        show_previews: small pictures in the table; without them the type's icon stands there.
        rated_pictures: one of `RATED_PICTURES`: what becomes of the pictures of models that are not safe for work.
        prompt_weight: of a model that is copied as a prompt tag, one of `PROMPT_WEIGHTS`, in hundredths.
        restore_filters: bring back search and filters of the last session.
        api_enabled: the window answers other programs of this computer.
        api_port: where it does so, one of `API_PORTS`.
    """

    hash_while_scanning: bool = True
    hash_kinds: HashKinds = "auto"
    hash_workers: int = 0
    read_limit_mb_s: int = 0
    check_at_start: bool = True
    watch_folders: bool = True
    comfortable_rows: bool = False
    show_previews: bool = True
    rated_pictures: RatedPictures = "blur"
    prompt_weight: int = 80
    restore_filters: bool = True
    api_enabled: bool = False
    api_port: int = 8765

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read the settings; what is missing, odd or unreadable has its default."""
        found = read_json(path)
        settings = cls()
        for name in cls.__match_args__:
            value = found.get(name)
            if type(value) is type(getattr(settings, name)) and (
                name not in _SENSIBLE or value in _SENSIBLE[name]
            ):
                setattr(settings, name, value)
        return settings

    def save(self, path: Path) -> None:
        """Write the settings.

        Raises:
            OSError: the file can't be written; the old one stays as it was.
        """
        write_json(path, {name: getattr(self, name) for name in self.__match_args__})


_SENSIBLE: Mapping[str, Container[object]] = {
    "api_port": API_PORTS,
    "hash_kinds": HASH_KINDS,
    "hash_workers": HASH_WORKERS,
    "read_limit_mb_s": READ_LIMITS_MB_S,
    "rated_pictures": RATED_PICTURES,
    "prompt_weight": PROMPT_WEIGHTS,
}


def default_catalog_path() -> str:
    """Return where the user's own catalog lies."""
    return os.path.join(platformdirs.user_data_dir("modelmgr", appauthor=False), "catalog.sqlite")


def settings_path(catalog_path: str | os.PathLike[str]) -> Path:
    """Return the settings file that belongs to a catalog."""
    catalog = Path(os.path.realpath(catalog_path))
    if catalog == Path(os.path.realpath(default_catalog_path())):
        return Path(platformdirs.user_config_dir("modelmgr", appauthor=False)) / "settings.json"
    return catalog.with_name(catalog.name + ".settings.json")


def window_state_path(catalog_path: str | os.PathLike[str]) -> Path:
    """Return the file beside a catalog that remembers the window: place, columns, order, filters."""
    catalog = Path(os.path.realpath(catalog_path))
    return catalog.with_name(catalog.name + ".window.json")


def drafts_path(catalog_path: str | os.PathLike[str]) -> Path:
    """Return the file beside a catalog that keeps what is being typed."""
    catalog = Path(os.path.realpath(catalog_path))
    return catalog.with_name(catalog.name + ".drafts.json")


def thumbnails_folder(catalog_path: str | os.PathLike[str]) -> Path:
    """Return where the thumbnails of a catalog's pictures lie; all in there may be deleted at any time."""
    catalog = Path(os.path.realpath(catalog_path))
    if catalog == Path(os.path.realpath(default_catalog_path())):
        return Path(platformdirs.user_cache_dir("modelmgr", appauthor=False)) / "thumbnails"
    return catalog.with_name(catalog.name + ".thumbnails")


def read_json(path: Path) -> dict[str, Any]:
    """Read a small JSON object of ours; an empty one where there is none that can be read."""
    try:
        with path.open("rb") as file:
            found = json.loads(file.read(FILE_LIMIT_BYTES))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        log.info("Could not read %s: %s", path, error)
        return {}
    return found if isinstance(found, dict) else {}


def write_json(path: Path, values: Mapping[str, Any]) -> None:
    """Replace a small JSON file in one step, so that no crash leaves half of it.

    Raises:
        OSError: it can't be written; the old one stays as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    import tempfile

    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            json.dump(dict(values), file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise
