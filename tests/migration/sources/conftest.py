"""A shelf: a folder with models and sidecars, and what a source makes of them."""

import hashlib
import os
import struct
from pathlib import Path
from typing import Any

import pytest

from modelmgr.migration.source import Container, LegacySource
from modelmgr.progress import Progress
from modelmgr.values import MODEL_SUFFIXES, Claims, Problem, Record


def safetensors(header: bytes, header_bytes: int, tensor: bytes) -> bytes:
    return struct.pack("<Q", header_bytes) + header.ljust(header_bytes) + tensor


INKWASH = safetensors(
    b'{"__metadata__":{"ss_output_name":"inkwash_harbor"},'
    b'"w":{"dtype":"F32","shape":[16],"data_offsets":[0,64]}}',
    112,
    b"\x41" * 64,
)
COPPERLEAF = safetensors(
    b'{"__metadata__":{},"w":{"dtype":"F32","shape":[524288],"data_offsets":[0,2097152]}}',
    88,
    b"\x42" * 2097152,
)
HERON = b"GGUF" + struct.pack("<IQQ", 3, 0, 0)


# Three invented models; their hashes are real.
A = {
    "bytes": INKWASH,
    "sha256": "9548c2eb5134c9387290ee3b2f0e230918611259b79e46847aeaaef625b8445b",
    "AutoV2": "9548c2eb51",
    "AutoV3": "d53eda7a637c",
    "BLAKE3": "2e01a1757db171070edec36339d0f4740d248272d558566599810215015b8cf2",
    "CRC32": "fdd31d46",
    "sizeKB": 0.1796875,
}
B = {
    "bytes": COPPERLEAF,
    "sha256": "f6fc015f5cee804ba65df8a2da7db5d375c30b5072a05768e58c9598aa7ec0e6",
    "AutoV1": "fee47b1f",
    "AutoV2": "f6fc015f5c",
    "AutoV3": "7995dfceebfb",
    "CRC32": "51e8de80",
    "sizeKB": 2048.09375,
}
C = {
    "bytes": HERON,
    "sha256": "a4e5e156ddec27e286f75328784d7106b60a4eb1d246e950a001a3f944fbda99",
    "AutoV2": "a4e5e156dd",
    "CRC32": "42331dc7",
    "sizeKB": 0.0234375,
}


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
        return source.wants(name, False) and source.probe(self.container(name), self.problems.append)

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
