"""What every sidecar source promises alike."""

import json
import os
import shutil
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelmgr.migration.source import Container
from modelmgr.migration.sources.a1111 import A1111Json, A1111Text
from modelmgr.migration.sources.civitai import CivitaiInfo
from modelmgr.migration.sources.lora_manager import LoraManager
from modelmgr.progress import Cancelled, Progress

SOURCES = {
    CivitaiInfo(): "x.civitai.info",
    LoraManager(): "x.metadata.json",
    A1111Json(): "x.json",
    A1111Text(): "x.txt",
}
EACH = pytest.mark.parametrize(("source", "name"), SOURCES.items(), ids=[source.id for source in SOURCES])

PAYLOADS = st.one_of(
    st.binary(max_size=300),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    ).map(lambda value: json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")),
)


@EACH
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(payload=PAYLOADS)
def test_the_payload_is_byte_for_byte_the_file(shelf, source, name, payload):
    shelf.put("x.safetensors")
    path = shelf.put(name, payload)
    before = shelf.state()
    records = shelf.read(source, name)
    assert [record.payload for record in records] in ([payload], [])
    for record in records:
        assert (record.source_path, record.record_key) == (str(path), "")
        assert record.source in source.record_ids
        json.dumps(record.extra)
        source.claims(record, shelf.names())
    assert shelf.state() == before
    assert shelf.problems == []


@EACH
def test_names_count_in_any_case(shelf, source, name):
    shelf.put("X.SAFETENSORS")
    shelf.put(name.upper(), b"x")
    record = shelf.record(source, name.upper())
    assert source.claims(record, shelf.names()).stem_names == ("X.SAFETENSORS",)


@EACH
def test_a_name_that_is_no_utf8_is_as_good_as_any(shelf, source, name):
    odd = os.fsdecode(b"\xff\xfe") + name
    shelf.put(odd.replace(name, "x.ckpt"))
    record = shelf.record(source, odd, b"{")
    assert source.claims(record, shelf.names()).stem_names == (odd.replace(name, "x.ckpt"),)


@EACH
def test_work_can_be_cancelled(shelf, source, name):
    shelf.put("x.safetensors")
    shelf.put(name, b"{")
    progress = Progress()
    progress.cancel()
    with pytest.raises(Cancelled):
        list(source.records(shelf.container(name), progress, shelf.problems.append))


@EACH
def test_a_folder_that_is_gone_leaves_the_claims(shelf, source, name):
    shelf.put("x.safetensors")
    record = shelf.record(source, name, b'{"notes": "n", "sha256": "", "model_name": "m"}')
    shutil.rmtree(shelf.folder)
    assert source.claims(record, frozenset()).stem_names == ()


def test_false_positives_give_no_record(shelf):
    for name, content in {
        "001.png": b"",
        "001.txt": b"a cat, sitting",
        "001.json": b'{"notes": "caption", "description": "x"}',
        "config.json": b'{"architectures": ["X"], "notes": "n"}',
        "config.bin": b"",
        "tokenizer.json": b'{"version": "1.0", "notes": ""}',
        "tokenizer.pt": b"",
        "package.json": b'{"name": "x", "description": "y"}',
        "generation_config.json": b'{"notes": "x"}',
        "generation_config.bin": b"",
        "metadata.json": b'{"file_path": "x", "sha256": "y"}',
        "metadata.bin": b"",
        "settings.json": b'{"folder_paths": {}, "notes": ""}',
        "settings.pt": b"",
        "model.safetensors": b"",
        "workflow.json": b'{"nodes": [], "links": []}',
        "disk.info": b"\xe3\x10\x00\x01",
        "video.info.json": b'{"id": "x", "description": "y"}',
        "other.metadata.json": b'{"format": "pt", "name": "x"}',
        "readme.txt": b"read me",
        "readme.md": b"# read me",
        "cache.json": b'{"hashes": {}}',
        "model.safetensors.index.json": b'{"metadata": {}, "weight_map": {}}',
        "model.safetensors.metadata": b"etag",
    }.items():
        shelf.put(name, content)
    found = {(source.id, name) for source in SOURCES for name in shelf.names() if shelf.read(source, name)}
    assert found == set()
    assert shelf.problems == []


def test_a_folder_of_many_models_takes_time_in_proportion(shelf):
    """Each sidecar looks for its model by name: if it went through all names, this would take minutes."""
    names = frozenset(
        name for number in range(20_000) for name in (f"m{number}.safetensors", f"m{number}.txt")
    )
    text = A1111Text()
    before = time.monotonic()
    found = sum(
        text.probe(Container("/gone", f"m{number}.txt", 0, 0, names), shelf.problems.append)
        for number in range(20_000)
    )
    assert found == 20_000
    assert time.monotonic() - before < 10
