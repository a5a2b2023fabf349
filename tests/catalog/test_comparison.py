"""Comparing models: what all have, where they differ, and that it is counted where the models are."""

import pytest

from modelmgr.catalog import Catalog
from modelmgr.catalog.found import FoundModel


@pytest.fixture
def catalog(tmp_path):
    with Catalog.open(tmp_path / "catalog.sqlite") as made:
        yield made


def add(catalog: Catalog, count: int) -> list[int]:
    return catalog.put_found(
        [
            FoundModel(
                path=f"/m/{n}.safetensors",
                size_bytes=n + 1,
                mtime_ns=1,
                inode=n + 1,
                device=1,
                fields={
                    "name": f"m{n}",
                    "type": ("lora", "vae")[n % 2],
                    "base_model": "Pony",
                    "tags": ("ink", f"tag{n % 3}"),
                    "rating": n % 2 or None,
                    "trigger_words": ("ink wash",),
                },
                origins={},
                format="safetensors",
                header="{}",
                facts={},
            )
            for n in range(count)
        ]
    )


@pytest.mark.parametrize("chosen", [slice(0, 4), slice(None)])
def test_what_all_have_and_where_they_differ(catalog, chosen):
    ids = add(catalog, 6)[chosen]
    found = catalog.compare(ids)
    assert found.count == len(ids)
    assert found.size_bytes == sum(range(1, len(ids) + 1))
    assert dict(found.values["type"]) == {"lora": len(ids) // 2, "vae": len(ids) // 2}
    assert found.values["base_model"] == (("Pony", len(ids)),)
    assert dict(found.values["rating"]) == {None: len(ids) // 2, 1: len(ids) // 2}
    assert found.common == {"trigger_words": ("ink wash",), "source_url": None, "notes": None}
    assert found.tags[0] == ("ink", len(ids))
    assert len(found.tags) == 4


def test_those_that_are_gone_are_not_counted(catalog):
    ids = add(catalog, 3)
    assert catalog.compare([ids[0], 99]).count == 1
    assert catalog.compare([99]).values["type"] == ()


def test_no_payload_and_few_statements(catalog):
    ids = add(catalog, 50)
    asked: list[str] = []
    catalog.trace(asked.append)
    catalog.compare(ids[:40])
    catalog.trace(None)
    assert not [sql for sql in asked if "meta_json" in sql]
    assert len([sql for sql in asked if sql.startswith("SELECT")]) == 4
