"""A shelf: a folder with models and sidecars, and what a source makes of them."""

import hashlib
import os
from pathlib import Path
from typing import Any

import pytest

from modelmgr.migration.detect import probed
from modelmgr.migration.source import Container, LegacySource
from modelmgr.progress import Progress
from modelmgr.values import MODEL_SUFFIXES, Claims, Problem, Record
from tests.migration.specimens.models import INKWASH, A, B, C


class Shelf:
    """One folder of a person's disk.

    Attributes:
        folder: where it is.
        problems: what sources reported.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.A, self.B, self.C = A, B, C
        self.problems: list[Problem] = []

    def put(self, name: str, content: bytes = INKWASH) -> Path:
        path = self.folder / name
        path.write_bytes(content)
        return path

    def names(self) -> frozenset[str]:
        return frozenset(os.listdir(self.folder))

    def container(self, name: str, *, named: bool = False) -> Container:
        path = self.folder / name
        facts = path.stat()
        names = self.names()
        holds = any(os.path.splitext(other)[1].lower() in MODEL_SUFFIXES for other in names)
        return Container(str(path), name, facts.st_size, facts.st_mtime_ns, names, named, holds)

    def probe(self, source: LegacySource, name: str) -> bool:
        return source.wants(name, False) and probed(source, self.container(name), self.problems.append)

    def read(self, source: LegacySource, name: str) -> list[Record]:
        """Return the records of a container, none if the source does not take it."""
        if not self.probe(source, name):
            return []
        return list(source.records(self.container(name), Progress(), self.problems.append))

    def record(self, source: LegacySource, name: str, content: bytes | None = None) -> Record:
        if content is not None:
            self.put(name, content)
        records = self.read(source, name)
        assert len(records) == 1, f"{name} gave {len(records)} records, problems: {self.problems}"
        assert records[0].payload == (self.folder / name).read_bytes()
        assert records[0].source in source.record_ids
        assert (records[0].source_path, records[0].record_key) == (str(self.folder / name), "")
        return records[0]

    def claims(self, source: Any, name: str, content: bytes | None = None, **known: Any) -> Claims:
        record = self.record(source, name, content)
        claims = source.claims(record, self.names(), **known)
        assert isinstance(claims, Claims)
        return claims

    def state(self) -> dict[str, tuple[bytes, int]]:
        """Return all that an import must leave as it was."""
        return {
            path.name: (hashlib.sha256(path.read_bytes()).digest(), path.stat().st_mtime_ns)
            for path in self.folder.iterdir()
        }


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    folder = tmp_path / "Lora"
    folder.mkdir()
    return Shelf(folder)
