import json

import pytest

from modelmgr.migration.sources.addnet import AdditionalNetworks
from modelmgr.progress import Progress
from modelmgr.values import Record
from tests.migration.specimens.a1111 import TIME, model
from tests.migration.specimens.models import A

ADDNET = AdditionalNetworks()
A_SHA256 = "9548c2eb5134c9387290ee3b2f0e230918611259b79e46847aeaaef625b8445b"
A_TENSORS = "d53eda7a637c99cc7fb566d96e9fa109bf15c478410a3f5eb4d4c4e26cd081f6"
ENTRY = {"model": A_TENSORS, "legacy": "0badf00d", "mtime": TIME}


def claims(shelf, path, entry=ENTRY):
    content = json.dumps({"hashes": {path: entry}})
    shelf.put("hashes.json", content.encode())
    (record,) = shelf.read(ADDNET, "hashes.json")
    assert (record.source, record.record_key) == ("addnet-hashes", path)
    assert json.loads(record.payload) == entry
    return ADDNET.claims(record, frozenset())


def test_of_a_safetensors_file_it_is_the_tensors_hash(shelf):
    path = shelf.folder / "models" / "lora" / "x.safetensors"
    model(path, A["bytes"])
    found = claims(shelf, str(path))
    assert (found.path, found.fields) == (str(path), {"type": "lora"})
    assert (found.sha256, found.partial_hashes) == (None, {"AutoV3": "d53eda7a637c"})


def test_of_any_other_file_it_is_the_whole_files(shelf):
    path = shelf.folder / "x.pt"
    model(path, A["bytes"])
    found = claims(shelf, str(path), {**ENTRY, "model": A_SHA256})
    assert (found.sha256, found.own_hash, found.partial_hashes) == (A_SHA256, True, {})


@pytest.mark.parametrize("name", ["x.safetensors", "x.pt"])
def test_a_file_that_was_replaced_has_another_hash(shelf, name):
    path = shelf.folder / name
    model(path, A["bytes"], TIME + 60)
    found = claims(shelf, str(path))
    assert (found.sha256, found.partial_hashes, found.flags) == (None, {}, ("stale-hash",))


def test_the_extension_may_have_moved(shelf):
    model(shelf.folder / "models" / "lora" / "sub" / "x.safetensors", A["bytes"], TIME + 60)
    found = claims(
        shelf, "C:\\webui\\extensions\\sd-webui-additional-networks\\models\\lora\\sub\\x.safetensors"
    )
    assert found.other_paths == ("models/lora/sub/x.safetensors",)
    assert found.flags == ("stale-hash",), "the file found there is looked at too"


@pytest.mark.parametrize(
    "path", ["\\\\server\\share\\x.safetensors", "//server/x.pt", "x.pt", "", "../x.pt", "/a\0b.pt"]
)
def test_paths_that_lead_nowhere_are_kept(shelf, path):
    content = json.dumps({"hashes": {path: ENTRY}})
    shelf.put("hashes.json", content.encode())
    (record,) = shelf.read(ADDNET, "hashes.json")
    assert "file_mtime" not in record.extra
    found = ADDNET.claims(record, frozenset())
    assert found.path == (path.replace("\0", "") or None)


@pytest.mark.parametrize("value", [None, "", 5, [], ["x"], "0" * 64])
def test_what_is_no_hash_is_none(shelf, value):
    found = claims(shelf, "/x/y.pt", {**ENTRY, "model": value})
    assert (found.sha256, found.partial_hashes, found.problem) == (None, {}, None)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"null",
        b"[]",
        b'{"hashes": {}}',
        b'{"hashes": {"checkpoint/x.ckpt": {"mtime": 1.0, "sha256": null}}}',
        b'{"hashes": {"a": "sha512-abc", "b": "sha512-def"}}',
        b'{"files": {"/x.pt": {"model": "a", "legacy": "b"}}}',
    ],
)
def test_hashes_of_other_things_are_none(shelf, content):
    shelf.put("hashes.json", content)
    assert shelf.read(ADDNET, "hashes.json") == []
    assert shelf.problems == []


def test_a_cut_file_keeps_what_is_there(shelf):
    content = json.dumps({"hashes": {"/a.pt": ENTRY, "/b.pt": ENTRY}})[:-40].encode()
    shelf.put("hashes.json", content)
    first, second = shelf.read(ADDNET, "hashes.json")
    assert ADDNET.claims(first, frozenset()).sha256 == A_TENSORS
    found = ADDNET.claims(second, frozenset())
    assert (found.path, found.problem) == ("/b.pt", "unparsed_payload")
    assert content.endswith(second.payload)


def test_an_entry_that_is_no_object_is_kept_unread(shelf):
    shelf.put("hashes.json", json.dumps({"hashes": {"/a.pt": ENTRY, "/b.pt": 5}}).encode())
    _, second = ADDNET.records(shelf.container("hashes.json"), Progress(), shelf.problems.append)
    assert ADDNET.claims(second, frozenset()).problem == "unparsed_payload"
    bare = Record("addnet-hashes", "/x/hashes.json", "k", second.payload, None)
    assert ADDNET.claims(bare, frozenset()).path is None
