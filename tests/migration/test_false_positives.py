"""What lies on people's disks and is no record of anybody, even beside models."""

import json
from pathlib import Path
from typing import Any

import pytest

from modelmgr.catalog import Catalog
from modelmgr.library import Library
from modelmgr.progress import Progress
from modelmgr.sqlite import driver
from modelmgr.values import ImportReport
from tests.inbox import pending_in
from tests.migration.specimens.models import A

WORKFLOW = {"last_node_id": 9, "last_link_id": 9, "nodes": [{"id": 3, "type": "KSampler"}], "links": []}
NOT_OURS: dict[str, Any] = {
    # training pictures with their captions
    "train/img_001.png": b"\x89PNG\r\n\x1a\n",
    "train/img_001.txt": b"1girl, harbor, fog",
    "train/img_001.json": {"caption": "a harbor", "train_resolution": [1024, 1024]},
    "train/img_002.jpg": b"\xff\xd8\xff",
    "train/img_002.caption": b"a ship",
    "train/meta_cap.json": {"img_001": {"caption": "a harbor"}},
    # transformers, node packages, other programs
    "transformers/config.json": {"architectures": ["HeronForCausalLM"], "model_type": "heron"},
    "transformers/generation_config.json": {"bos_token_id": 1},
    "transformers/tokenizer.json": {"version": "1.0", "model": {"type": "BPE"}},
    "transformers/tokenizer_config.json": {"model_max_length": 2048},
    "transformers/special_tokens_map.json": {"bos_token": "<s>"},
    "node/package.json": {"name": "heron", "version": "1.0.0", "dependencies": {}},
    "node/package-lock.json": {"name": "heron", "lockfileVersion": 3, "packages": {}},
    "other/metadata.json": {"title": "A book", "author": "Ann", "pages": 300},
    "other/settings.json": {"editor.fontSize": 12, "theme": "dark"},
    "other/cache.json": {"https://example.org": {"etag": "x", "body": "y"}},
    "other/hashes.json": {"a.txt": "d41d8cd98f00b204e9800998ecf8427e"},
    "other/models.json": [{"label": "T", "year": 1908}],
    "other/models.yaml": b"ford: {year: 1908}\n",
    "other/model.yml": b"name: T\nwheels: 4\n",
    "other/model_index.json": {"pages": [1, 2]},
    "other/notes.md": b"# Notes\n\nNothing about a model.\n",
    "other/README.md": b"# A program\n\nHow to build it.\n",
    "other/Disk.info": b"\xe3\x10\x00\x01" + b"\0" * 60,
    "other/video.info.json": {"id": "abc", "title": "A film", "formats": []},
    "other/extra_model_paths.yaml.example": b"a111:\n  base_path: path/to/\n",
    # beside a model, but not of its stem
    "loras/inkwash_harbor.safetensors": A["bytes"],
    "loras/workflow_portrait.json": WORKFLOW,
    "loras/styles.txt": b"not a note of this model",
    "loras/readme.md": b"---\ntitle: x\n---\nhow these were made",
    "loras/other_model.md": b"no front matter",
    "loras/inkwash_harbor.md": b"no front matter, somebody's README",
    "loras/grid.swarm.json": {"prompt": "an image's settings"},
    "loras/sample.recipe.json": {"title": "Soup", "ingredients": ["onion"]},
    "loras/inkwash_harbor.info": b"\xe3\x10\x00\x01" + b"\0" * 60,
    "loras/x.metadata.json": {"title": "A photograph", "exposure": "1/60"},
}


@pytest.fixture
def report(tmp_path: Path) -> ImportReport:
    """A disk of all of these, imported."""
    disk = tmp_path / "disk"
    for name, content in NOT_OURS.items():
        path = disk / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    connection = driver.connect(disk / "other/cache.db")
    connection.execute("CREATE TABLE entries(url TEXT, body BLOB)")
    connection.execute("INSERT INTO entries VALUES ('https://example.org', x'00')")
    connection.commit()
    connection.close()
    connection = driver.connect(disk / "other/cars.db")
    connection.execute("CREATE TABLE models(id INTEGER PRIMARY KEY, name TEXT, year INTEGER)")
    connection.execute("INSERT INTO models VALUES (1, 'T', 1908)")
    connection.commit()
    connection.close()
    with Catalog.open(tmp_path / "catalog.sqlite") as catalog:
        made = Library(catalog).import_paths([str(disk)], progress=Progress())
        rows = pending_in(catalog)
        assert [(row.source, row.source_path) for row in rows] == []
    return made


def test_none_of_it_becomes_a_record(report):
    assert report.imported == 0
    assert report.roots == []


def test_each_is_counted_as_ignored_and_none_is_a_problem(report):
    assert report.problems == []
    assert (report.failed, report.model_count) == (0, 1)
    assert report.ignored == report.seen == len(NOT_OURS) - 1 + 2
