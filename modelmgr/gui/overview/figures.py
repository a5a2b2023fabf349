"""The numbers of the overview, asked for in workers. Plain values; no Qt."""

import os
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence

from modelmgr.catalog import Catalog
from modelmgr.gui.reasons import group_of
from modelmgr.lazily import dataclass
from modelmgr.values import FileState, ModelQuery

DANGER = "danger:yes"
"""The search for what may run code when it is loaded."""


@dataclass(frozen=True, slots=True)
class Share:
    """One kind of models and how much of the library it is; `name` is "" where it is not known."""

    name: str
    models: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Place:
    """A library folder: its state of `FileState`, and what of the library lies in it."""

    path: str
    state: str
    models: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Figures:
    """What the library holds.

    Attributes:
        types, bases: the most bytes first.
        states: how many models are in each of `MODEL_STATES` but "present", if any.
        dangerous: how many models have a file that may run code when it is loaded.
        waiting: pending records by group of the pending page, if any.
    """

    models: int
    files: int
    size_bytes: int
    types: tuple[Share, ...]
    bases: tuple[Share, ...]
    places: tuple[Place, ...]
    states: Mapping[str, int]
    dangerous: int
    waiting: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Disk:
    """A disk with library folders: its first folder stands for it."""

    path: str
    total_bytes: int
    free_bytes: int


def load_figures(catalog: Catalog) -> Figures:
    """Count the library; a second or so at a million models."""
    stats = catalog.stats()
    waiting = Counter[str]()
    for problem, number in catalog.pending_facets()["problem"].items():
        waiting[group_of(problem)] += number
    return Figures(
        models=stats["models"],
        files=stats["files"],
        size_bytes=stats["bytes"],
        types=_shares(stats["by_type"]),
        bases=_shares(stats["by_base_model"]),
        places=_places(catalog, stats["by_folder"]),
        states=catalog.facets(ModelQuery(), groups=("states",)).states,
        dangerous=catalog.count(ModelQuery(search=DANGER)),
        waiting=waiting,
    )


def load_reclaimable(catalog: Catalog) -> int:
    """Return how many bytes second copies of the same file take."""
    return sum(group.reclaimable_bytes for group in catalog.duplicates())


def load_disks(paths: Sequence[str]) -> dict[str, Disk]:
    """Return the disk of each folder that can be reached. A disk that does not answer keeps its worker waiting."""
    disks: dict[int, Disk] = {}
    found = {}
    for path in paths:
        try:
            device = os.stat(path).st_dev
            if device not in disks:
                usage = shutil.disk_usage(path)
                disks[device] = Disk(path, usage.total, usage.free)
        except OSError:
            continue
        found[path] = disks[device]
    return found


def _shares(found: Mapping[str, Mapping[str, int]]) -> tuple[Share, ...]:
    shares = (Share(name, entry["models"], entry["bytes"] or 0) for name, entry in found.items())
    return tuple(sorted(shares, key=lambda share: (-share.size_bytes, share.name)))


def _places(catalog: Catalog, by_folder: Mapping[str, Mapping[str, int]]) -> tuple[Place, ...]:
    roots = catalog.folders()
    models, sizes = Counter[str](), Counter[str]()
    by_length = sorted((root.path for root in roots), key=len, reverse=True)
    for folder, entry in by_folder.items():
        for root in by_length:
            if folder == root or folder.startswith(root.rstrip(os.sep) + os.sep):
                models[root] += entry["models"]
                sizes[root] += entry["bytes"] or 0
                break
    return tuple(Place(root.path, str(root.state), models[root.path], sizes[root.path]) for root in roots)


def is_away(place: Place) -> bool:
    """Tell whether a folder can't be reached now."""
    return place.state != FileState.PRESENT
