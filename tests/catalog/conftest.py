"""A catalog in a temporary folder, and models to put into it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from modelmgr.catalog import Catalog
from modelmgr.catalog.found import FoundModel
from modelmgr.values import Origin


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    """An empty catalog."""
    with Catalog.open(tmp_path / "catalog.sqlite") as opened:
        yield opened


@pytest.fixture
def found() -> Callable[..., FoundModel]:
    """Make a file as a scan hands it over."""

    def make(
        path: str, *, inode: int = 0, size_bytes: int = 100, mtime_ns: int = 10**18, **fields: Any
    ) -> FoundModel:
        fields = {"name": Path(path).stem, "type": "lora"} | fields
        return FoundModel(
            path,
            size_bytes,
            mtime_ns,
            inode,
            1,
            fields,
            {"name": Origin("file", 7)},
            "safetensors",
            '{"format": "safetensors"}',
            {"type": "lora", "base_model": None, "certain": True, "suggestions": {}},
            hash_state="hashing",
        )

    return make
