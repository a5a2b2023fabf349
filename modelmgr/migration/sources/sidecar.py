"""What the sidecars of several tools share: one file beside a model, all of whose bytes are one record."""

import os
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, ClassVar, NamedTuple

from modelmgr import payload
from modelmgr.migration.beside import models_beside
from modelmgr.migration.reading.container import read_container
from modelmgr.migration.source import Container, LegacySource, Report
from modelmgr.migration.sources.civitai import flags_of, several_files, unparsed_claims
from modelmgr.progress import Progress
from modelmgr.values import Claims, Record

OLDER_THAN = "older_than"
"""Key of `Record.extra`: models beside the sidecar that came after the hash it holds."""

_MTIME_TOLERANCE_NS = 2_000_000_000  # FAT keeps even seconds


class Sidecar(LegacySource):
    """A file beside a model.

    Attributes:
        ending: of its name, in lower case; what stands before it is the stem.
    """

    ending: ClassVar[str]

    def wants(self, name: str, named: bool) -> bool:
        """Tell by the name."""
        return bool(self.stem_of(name))

    def records(self, container: Container, progress: Progress, report: Report) -> Iterator[Record]:
        """Yield the one record: the file's bytes."""
        progress.check()
        content = read_container(container.path)
        yield Record(self.record_ids[0], container.path, "", content, self.facts_around(container, content))

    def stem_of(self, name: str) -> str:
        """Return the name without the sidecar's ending, "" if it has another one."""
        return name[: -len(self.ending)] if name.lower().endswith(self.ending) else ""

    def models_of(self, stem: str, siblings: frozenset[str]) -> tuple[str, ...]:
        """Return the model files beside a sidecar of that stem."""
        return models_beside(stem, siblings)

    def facts_around(self, container: Container, content: bytes) -> dict[str, Any] | None:
        """Return the record's extra: what only a look around can tell when it is read."""
        return None


class Around(NamedTuple):
    """What a sidecar's object is read by, beside itself.

    Attributes:
        record: that it is of.
        stem: of the sidecar.
        names: the model files that it may speak of.
        siblings: the names now beside it.
        sha256: the computed one of the file, if known.
    """

    record: Record
    stem: str
    names: tuple[str, ...]
    siblings: frozenset[str]
    sha256: str | None


class JsonSidecar(Sidecar):
    """A sidecar that holds one JSON object, under a name that one tool alone writes.

    So one that can't be parsed is a record too, and an empty one is a mark of "nothing known".
    """

    def probe(self, container: Container, report: Report) -> bool:
        """Tell by the keys, where there are any."""
        found = payload.parse(read_container(container.path))
        stem = self.stem_of(container.name)
        if not found.ok or found.value is None or found.value == {}:
            return self.is_its_name(stem, container.siblings)
        return isinstance(found.value, Mapping) and self.is_its_object(found.value, stem, container.siblings)

    def claims(self, record: Record, siblings: frozenset[str], sha256: str | None = None) -> Claims:
        """Return what the sidecar says."""
        stem = self.stem_of(os.path.basename(record.source_path))
        names = self.models_of(stem, siblings)
        found = payload.parse(record.payload)
        if not found.ok:
            return unparsed_claims(record, found, names)
        if not isinstance(found.value, Mapping) or not found.value:
            marker = found.value is None or found.value == {}
            shape = () if marker else ("unexpected-shape",)
            flags = flags_of(record, found, (*shape, *several_files(names)))
            return Claims(stem_names=names, marker=marker, flags=flags)
        said = self.said(found.value, Around(record, stem, names, siblings, sha256))
        return replace(said, flags=flags_of(record, found, said.flags))

    def is_its_name(self, stem: str, siblings: frozenset[str]) -> bool:
        """Tell whether the name alone makes it the tool's, whatever it holds."""
        return True

    @abstractmethod
    def is_its_object(self, value: Mapping[Any, Any], stem: str, siblings: frozenset[str]) -> bool:
        """Tell whether an object that isn't empty is the tool's."""

    @abstractmethod
    def said(self, value: Mapping[Any, Any], around: Around) -> Claims:
        """Return what an object that isn't empty says."""


def newer_models(container: Container, names: tuple[str, ...], known_ns: int) -> list[str]:
    """Return those of the files beside a container that were changed after a moment (ns since 1970)."""
    folder = os.path.dirname(container.path)
    return [name for name in names if _mtime_ns(os.path.join(folder, name)) > known_ns + _MTIME_TOLERANCE_NS]


def other_times(container: Container, names: tuple[str, ...], known_ns: int) -> list[str]:
    """Return those of the files beside a container that were last changed at another moment (ns since 1970)."""
    folder = os.path.dirname(container.path)
    times = {name: _mtime_ns(os.path.join(folder, name)) for name in names}
    return [
        name for name, time_ns in times.items() if time_ns and abs(time_ns - known_ns) > _MTIME_TOLERANCE_NS
    ]


def picture_beside(value: Any, folder: str, siblings: frozenset[str]) -> str | None:
    """Return the path of the picture that a record names; None for a remote one, or one that isn't of this system.

    Tools keep previews beside the model, so the name is enough where the folder has moved.
    """
    path = value if isinstance(value, str) else ""
    if not path.strip() or "\0" in path or "://" in path:
        return None
    name = path.replace("\\", "/").rpartition("/")[2]
    if name in siblings:
        return os.path.join(folder, name)
    return path if os.path.isabs(path) else None


def _mtime_ns(path: str) -> int:
    try:
        return os.stat(path).st_mtime_ns
    except (OSError, ValueError):
        return 0
