import hashlib
import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelmgr.catalog import Catalog
from modelmgr.library import Library
from modelmgr.migration.detect import probed
from modelmgr.migration.source import Container
from modelmgr.migration.sources.a1111_cache import A1111Cache
from modelmgr.progress import Progress
from modelmgr.values import Record
from tests.inbox import pending_in
from tests.migration.specimens.a1111 import TIME, model
from tests.migration.specimens.models import A, B

CACHE = A1111Cache()
A_SHA256 = "9548c2eb5134c9387290ee3b2f0e230918611259b79e46847aeaaef625b8445b"
B_SHA256 = "f6fc015f5cee804ba65df8a2da7db5d375c30b5072a05768e58c9598aa7ec0e6"
A_TENSORS = "d53eda7a637c99cc7fb566d96e9fa109bf15c478410a3f5eb4d4c4e26cd081f6"
SHA256_OF_NAME_B = "d36f7fc8c97e016eff8b4959eb28a45f2220f92aab4efb153c2f79d67537ae62"
CHECKPOINT = "checkpoint/sub/copperleaf_xl.safetensors"
LORA = "lora/inkwash_harbor"


class WebUI:
    """A program's folder with models and a cache."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.problems = []
        self.name = "cache.json"

    def lora(self, path="inkwash_harbor.safetensors", content=A["bytes"], time=TIME):
        path = self.folder / "models" / "Lora" / path
        model(path, content, time)
        return str(path)

    def checkpoint(self, path="sub/copperleaf_xl.safetensors", time=TIME, content=B["bytes"]):
        path = self.folder / "models" / "Stable-diffusion" / path
        model(path, content, time)
        return str(path)

    def container(self, name=None, named=False):
        path = self.folder / (name or self.name)
        facts = path.stat()
        siblings = frozenset(os.listdir(path.parent))
        return Container(str(path), path.name, facts.st_size, facts.st_mtime_ns, siblings, named)

    def put(self, cache):
        path = self.folder / self.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(cache if isinstance(cache, bytes) else json.dumps(cache, indent=4).encode())

    def read(self, cache):
        self.put(cache)
        container = self.container()
        if not (CACHE.wants(container.name, False) and probed(CACHE, container, self.problems.append)):
            return {}
        records = list(CACHE.records(container, Progress(), self.problems.append))
        content = Path(container.path).read_bytes()
        assert all(record.payload in content for record in records)
        assert len({record.record_key for record in records}) == len(records)
        return {record.record_key: record for record in records}

    def claims(self, cache, key, sha256=None):
        return CACHE.claims(self.read(cache)[key], frozenset(), sha256)


@pytest.fixture
def webui(tmp_path):
    folder = tmp_path / "webui"
    folder.mkdir()
    return WebUI(folder)


def entry(sha256, mtime=TIME):
    return {"mtime": mtime, "sha256": sha256}


def checkpoint_cache(sha256=B_SHA256, mtime=TIME):
    return {"hashes": {CHECKPOINT: entry(sha256, mtime)}}


# --- entries ----------------------------------------------------------------------------------------------


def test_each_entry_of_the_known_sections_is_a_record(webui):
    cache = {
        "hashes": {CHECKPOINT: entry(B_SHA256), "vae": entry("0f" * 32)},
        "hashes-addnet": {LORA: entry(A_TENSORS)},
        "safetensors-metadata": {LORA: {"mtime": TIME, "value": {"ss_output_name": "inkwash_harbor"}}},
        "extensions-git": {"x": {"mtime": 1.0, "value": {"remote": "y"}}},
        "of-a-plugin": {"x": [1, 2]},
    }
    records = webui.read(cache)
    assert list(records) == [
        f"hashes/{CHECKPOINT}",
        "hashes/vae",
        f"hashes-addnet/{LORA}",
        f"safetensors-metadata/{LORA}",
        "of-a-plugin",
    ]
    assert {record.source for record in records.values()} == {"a1111-cache-json"}
    assert json.loads(records[f"hashes/{CHECKPOINT}"].payload) == entry(B_SHA256)
    assert json.loads(records["of-a-plugin"].payload) == {"x": [1, 2]}
    assert CACHE.claims(records["of-a-plugin"], frozenset()).marker
    assert webui.problems == []


def test_a_hash_counts_while_the_file_has_the_time_of_the_entry(webui):
    path = webui.checkpoint()
    claims = webui.claims(checkpoint_cache(), f"hashes/{CHECKPOINT}")
    assert (claims.path, claims.other_paths) == (path, ())
    assert (claims.sha256, claims.own_hash, claims.flags) == (B_SHA256, True, ())
    assert claims.fields == {"type": "checkpoint"}


@pytest.mark.parametrize(
    ("off", "sha256", "own", "flags"),
    [
        (0.0, B_SHA256, True, ()),
        (1.9, B_SHA256, True, ()),
        (-2.0, B_SHA256, True, ()),
        (10.0, None, False, ("stale-hash",)),
        (-86_400.0, None, False, ("stale-hash",)),
        (7200.0, B_SHA256, False, ("local-time",)),
        (-3600.0 * 9.5, B_SHA256, False, ("local-time",)),
        (20_700.5, B_SHA256, False, ("local-time",)),
        (15 * 3600.0, None, False, ("stale-hash",)),
        (7200.0 + 30, None, False, ("stale-hash",)),
    ],
)
def test_the_time_of_the_file_tells_whether_a_hash_is_stale(webui, off, sha256, own, flags):
    path = webui.checkpoint(time=TIME + off)
    claims = webui.claims(checkpoint_cache(), f"hashes/{CHECKPOINT}")
    assert (claims.path, claims.sha256, claims.own_hash, claims.flags) == (path, sha256, own, flags)


@pytest.mark.parametrize("mtime", [None, "soon", [], {}, True, float("nan")])
def test_an_entry_without_a_time_proves_nothing(webui, mtime):
    webui.checkpoint()
    claims = webui.claims(checkpoint_cache(mtime=mtime), f"hashes/{CHECKPOINT}")
    assert (claims.sha256, claims.flags[-1]) == (None, "stale-hash")


@pytest.mark.parametrize(
    "sha256",
    [None, "", 0, "NOFILE", "NOHASH", "0" * 64, hashlib.sha256(b"").hexdigest(), "f6fc015f5c", [B_SHA256]],
)
def test_what_is_no_hash_is_none(webui, sha256):
    path = webui.checkpoint()
    claims = webui.claims(checkpoint_cache(sha256), f"hashes/{CHECKPOINT}")
    assert (claims.path, claims.sha256, claims.own_hash, claims.problem) == (path, None, False, None)


def test_an_upper_case_hash_is_the_same(webui):
    webui.checkpoint()
    assert webui.claims(checkpoint_cache(B_SHA256.upper()), f"hashes/{CHECKPOINT}").sha256 == B_SHA256


def test_windows_keys_lead_to_files_here(webui):
    path = webui.checkpoint()
    key = "checkpoint/sub\\copperleaf_xl.safetensors"
    claims = webui.claims({"hashes": {key: entry(B_SHA256)}}, f"hashes/{key}")
    assert (claims.path, claims.sha256) == (path, B_SHA256)


def test_a_file_that_is_gone_keeps_its_hash_and_its_place(webui):
    claims = webui.claims(checkpoint_cache(), f"hashes/{CHECKPOINT}")
    assert claims.path == "models/Stable-diffusion/sub/copperleaf_xl.safetensors"
    assert claims.sha256 == B_SHA256


def test_a_checkpoint_of_the_same_name_in_another_folder_is_another(webui):
    webui.checkpoint("other/copperleaf_xl.safetensors")
    webui.checkpoint("sub/copperleaf_xl.ckpt")
    claims = webui.claims(checkpoint_cache(), f"hashes/{CHECKPOINT}")
    assert claims.path == "models/Stable-diffusion/sub/copperleaf_xl.safetensors"


@pytest.mark.parametrize(
    ("key", "folder", "kind"),
    [
        ("lora/x", "models/LyCORIS/deep/er", "lora"),
        ("textual_inversion/x", "embeddings", "embedding"),
        ("hypernet/x", "models/hypernetworks", "hypernetwork"),
    ],
)
def test_each_kind_of_key_has_its_folders(webui, key, folder, kind):
    path = webui.folder / folder / "x.pt"
    model(path, A["bytes"])
    claims = webui.claims({"hashes": {key: entry(A_SHA256)}}, f"hashes/{key}")
    assert (claims.path, claims.sha256, claims.fields) == (str(path), A_SHA256, {"type": kind})


def test_a_header_is_kept_and_says_nothing_itself(webui):
    path = webui.lora()
    cache = {
        "safetensors-metadata": {
            LORA: {"mtime": TIME, "value": {"ss_output_name": "x", "ss_v2": float("nan")}}
        }
    }
    claims = webui.claims(cache, f"safetensors-metadata/{LORA}")
    assert (claims.path, claims.fields, claims.sha256) == (path, {"type": "lora"}, None)
    assert claims.flags == ("parsed-tolerant",)


# --- one stem, several files ------------------------------------------------------------------------------


def test_of_two_loras_of_one_stem_the_time_tells_which(webui):
    webui.lora("a/inkwash_harbor.safetensors", time=TIME + 500)
    path = webui.lora("b/inkwash_harbor.safetensors")
    claims = webui.claims({"hashes": {LORA: entry(A_SHA256)}}, f"hashes/{LORA}")
    assert (claims.path, claims.other_paths, claims.sha256, claims.flags) == (path, (), A_SHA256, ())


def test_a_nearer_time_wins_over_one_within_two_seconds(webui):
    webui.lora("a/inkwash_harbor.safetensors", time=TIME + 1)
    path = webui.lora("b/inkwash_harbor.safetensors")
    assert webui.claims({"hashes": {LORA: entry(A_SHA256)}}, f"hashes/{LORA}").path == path


@pytest.mark.parametrize("offs", [(0, 0), (500, 900)])
def test_two_loras_of_one_stem_that_the_time_does_not_tell_apart_get_no_file(webui, offs):
    for folder, off in zip("ab", offs, strict=True):
        webui.lora(f"{folder}/inkwash_harbor.safetensors", time=TIME + off)
    claims = webui.claims({"hashes": {LORA: entry(A_SHA256)}}, f"hashes/{LORA}")
    assert (claims.path, claims.other_paths) == ("models/Lora/inkwash_harbor", ())
    assert (claims.sha256, claims.flags) == (A_SHA256, ("several-files",)), "a file of that hash may have it"
    assert claims.stem_names == tuple(
        str(webui.folder / f"models/Lora/{folder}/inkwash_harbor.safetensors") for folder in "ab"
    )


def test_the_exact_stem_comes_before_one_that_only_a_careless_disk_takes_for_it(webui):
    path = webui.lora("a/inkwash_harbor.safetensors")
    webui.lora("b/Inkwash_Harbor.safetensors")
    assert webui.claims({"hashes": {LORA: entry(A_SHA256)}}, f"hashes/{LORA}").path == path
    os.unlink(path)
    claims = webui.claims({"hashes": {LORA: entry(A_SHA256)}}, f"hashes/{LORA}")
    assert claims.path == str(webui.folder / "models/Lora/b/Inkwash_Harbor.safetensors")


def test_the_constant_key_of_vaes_leads_to_no_file(webui):
    model(webui.folder / "models" / "VAE" / "only.safetensors", A["bytes"])
    claims = webui.claims({"hashes": {"vae": entry(A_SHA256)}}, "hashes/vae")
    assert (claims.path, claims.other_paths, claims.sha256) == (None, (), A_SHA256)
    assert claims.fields == {"type": "vae"}
    name = hashlib.sha256(b"only.safetensors").hexdigest()
    assert webui.claims({"hashes": {"vae": entry(name)}}, "hashes/vae").sha256 is None


# --- Forge ------------------------------------------------------------------------------------------------


def test_the_hash_of_the_base_name_is_none(webui):
    path = webui.checkpoint()
    claims = webui.claims(checkpoint_cache(SHA256_OF_NAME_B), f"hashes/{CHECKPOINT}")
    assert (claims.path, claims.sha256, claims.own_hash) == (path, None, False)
    assert claims.flags == ("hash-of-the-name",)
    assert webui.claims(checkpoint_cache(), f"hashes/{CHECKPOINT}").sha256 == B_SHA256, (
        "the same with the true one"
    )


@pytest.mark.parametrize("section", ["hashes", "hashes-addnet"])
@pytest.mark.parametrize("name", ["inkwash_harbor.safetensors", "inkwash_harbor.pt", "inkwash_harbor"])
def test_the_hash_of_the_name_is_known_by_the_stem_too(webui, section, name):
    digest = hashlib.sha256(name.encode()).hexdigest()
    claims = webui.claims({section: {LORA: entry(digest)}}, f"{section}/{LORA}")
    assert (claims.sha256, claims.partial_hashes, claims.flags) == (None, {}, ("hash-of-the-name",))


def test_the_second_section_holds_the_tensors_hash(webui):
    path = webui.lora()
    claims = webui.claims({"hashes-addnet": {LORA: entry(A_TENSORS)}}, f"hashes-addnet/{LORA}")
    assert (claims.path, claims.sha256, claims.partial_hashes) == (path, None, {"AutoV3": "d53eda7a637c"})


def test_forge_writes_the_whole_files_hash_there(webui):
    webui.lora()
    cache = {"hashes-addnet": {LORA: entry(A_SHA256)}}
    claims = webui.claims(cache, f"hashes-addnet/{LORA}", sha256=A_SHA256)
    assert (claims.sha256, claims.own_hash, claims.partial_hashes) == (A_SHA256, True, {})
    assert webui.claims(cache, f"hashes-addnet/{LORA}").sha256 is None, "never unchecked"


def test_a_stale_tensors_hash_is_left_out(webui):
    webui.lora(time=TIME + 60)
    claims = webui.claims({"hashes-addnet": {LORA: entry(A_TENSORS)}}, f"hashes-addnet/{LORA}")
    assert (claims.partial_hashes, claims.flags) == ({}, ("stale-hash",))


# --- SD.Next ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["cache.json", "data/cache.json"])
def test_keys_without_ending_are_those_of_sdnext(webui, name):
    webui.name = name
    checkpoint, lora = webui.checkpoint(), webui.lora()
    cache = {
        "hashes": {"checkpoint/sub/copperleaf_xl": entry(B_SHA256)},
        "hashes-addnet": {LORA: entry(A_TENSORS)},
    }
    records = webui.read(cache)
    assert [record.source for record in records.values()] == ["sdnext-cache", "sdnext-cache"]
    first, second = (CACHE.claims(record, frozenset()) for record in records.values())
    assert (first.path, first.sha256) == (checkpoint, B_SHA256)
    assert (second.path, second.partial_hashes) == (lora, {"AutoV3": "d53eda7a637c"})


def test_two_files_of_one_checkpoint_key_are_told_apart_by_time(webui):
    webui.checkpoint("sub/copperleaf_xl.ckpt", time=TIME + 100)
    path = webui.checkpoint()
    claims = webui.claims(
        {"hashes": {"checkpoint/sub/copperleaf_xl": entry(B_SHA256)}}, "hashes/checkpoint/sub/copperleaf_xl"
    )
    assert (claims.path, claims.sha256) == (path, B_SHA256)


def test_a_file_that_both_tools_write_is_told_key_by_key(webui):
    cache = {"hashes": {CHECKPOINT: entry(B_SHA256), "checkpoint/x": entry(""), LORA: entry(A_SHA256)}}
    assert [record.source for record in webui.read(cache).values()] == [
        "a1111-cache-json",
        "sdnext-cache",
        "a1111-cache-json",
    ]


def test_a_file_in_the_data_folder_that_tells_nothing_else_is_sdnexts(webui):
    webui.name = "data/cache.json"
    (record,) = webui.read({"hashes-addnet": {LORA: entry(A_TENSORS)}}).values()
    assert record.source == "sdnext-cache"
    claims = CACHE.claims(record, frozenset())
    assert claims.path == "../models/Lora/inkwash_harbor"
    assert "../models/Lora/inkwash_harbor.safetensors" in claims.other_paths


# --- DiffusionToolkit -------------------------------------------------------------------------------------


def test_a_cache_that_diffusion_toolkit_rewrote_is_a_candidate(webui):
    path = webui.checkpoint()
    claims = webui.claims(checkpoint_cache(mtime=TIME + 2 * 3600), f"hashes/{CHECKPOINT}")
    assert (claims.path, claims.sha256, claims.own_hash) == (path, B_SHA256, False)
    assert claims.flags == ("local-time",)


def test_a_time_that_is_a_zone_off_by_chance_proves_nothing_against_the_files_own_hash(webui):
    path = webui.checkpoint()
    claims = webui.claims(checkpoint_cache(mtime=TIME + 2 * 3600), f"hashes/{CHECKPOINT}", sha256=A_SHA256)
    assert (claims.path, claims.sha256, claims.own_hash) == (path, None, False)
    assert claims.flags == ("stale-hash",)


# --- what is none, what is odd ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"null",
        b"[]",
        b'{"hashes": {}}',
        b'{"hashes": null}',
        b'{"hashes": {"x": 5}}',
        b'{"hashes": {"/a.safetensors": {"model": "x", "legacy": "y", "mtime": 1}}}',
        b'{"other": {"x": {"mtime": 1, "sha256": null}}}',
        b'{"version": 1, "entries": {"mtime": 2}}',
        b"\0" * 500,
    ],
)
def test_other_caches_are_none(webui, content):
    assert webui.read(content) == {}
    assert webui.problems == []


@pytest.mark.parametrize("name", ["cache.json.lock", "cache.json-", "mycache.json", "cache.db"])
def test_other_names_are_not_looked_at(name):
    assert not CACHE.wants(name, False)


def test_a_cache_of_another_name_is_read_where_the_user_names_it(webui):
    (webui.folder / "hash-cache.json").write_text(json.dumps(checkpoint_cache()))
    assert CACHE.wants("hash-cache.json", True)
    assert CACHE.probe(webui.container("hash-cache.json", True), webui.problems.append)


@pytest.mark.parametrize("value", [5, "x", None, [], [1]])
def test_an_entry_that_is_no_object_is_kept_unread(webui, value):
    records = webui.read({"hashes": {CHECKPOINT: value, LORA: entry(A_SHA256)}})
    claims = CACHE.claims(records[f"hashes/{CHECKPOINT}"], frozenset())
    assert (claims.problem, claims.sha256) == ("unparsed_payload", None)
    assert CACHE.claims(records[f"hashes/{LORA}"], frozenset()).sha256 == A_SHA256


def test_a_section_that_is_no_object_is_a_problem_and_its_neighbours_are_read(webui):
    assert list(webui.read({"hashes": "gone", "hashes-addnet": {LORA: entry(A_TENSORS)}})) == [
        f"hashes-addnet/{LORA}"
    ]
    assert [(problem.code, problem.record_key) for problem in webui.problems] == [
        ("unparsed_payload", "hashes")
    ]


def test_a_key_twice_gives_two_records(webui):
    content = f'{{"hashes": {{"{LORA}": {{"mtime": 1, "sha256": null}}, "{LORA}": {{"mtime": 2, "sha256": null}}}}}}'
    assert list(webui.read(content.encode())) == [f"hashes/{LORA}", f"hashes/{LORA}#2"]


@pytest.mark.parametrize("cut", range(30, 420, 13))
def test_a_cache_that_is_cut_off_keeps_every_byte_of_its_entries(webui, cut):
    cache = {
        "hashes": {CHECKPOINT: entry(B_SHA256), LORA: entry(A_SHA256)},
        "safetensors-metadata": {LORA: {"mtime": TIME, "value": {"a": {"b": [1, 2]}}}},
    }
    whole = json.dumps(cache, indent=4).encode()
    records = webui.read(whole[:cut])
    values = [json.dumps(value) for section in cache.values() for value in section.values()]
    for record in list(records.values())[:-1]:
        assert json.dumps(json.loads(record.payload)) in values
    if records:
        last = list(records.values())[-1]
        claims = CACHE.claims(last, frozenset())
        told = [problem for problem in webui.problems if problem.code == "truncated"]
        assert told or (claims.problem is not None and whole[:cut].endswith(last.payload))


@pytest.mark.parametrize("codec", ["utf-8-sig", "utf-16"])
def test_byte_order_marks_change_nothing(webui, codec):
    path = webui.checkpoint("sub/Häfen 墨.safetensors")
    key = "checkpoint/sub/Häfen 墨.safetensors"
    content = json.dumps({"hashes": {key: entry(B_SHA256)}}, ensure_ascii=False).encode(codec)
    claims = webui.claims(content, f"hashes/{key}")
    assert (claims.path, claims.sha256) == (path, B_SHA256)


@pytest.mark.parametrize(
    "key",
    [
        "checkpoint/../../../../etc/passwd.safetensors",
        "checkpoint//etc/x.safetensors",
        "checkpoint/C:\\AI\\x.safetensors",
        "lora/..",
        "lora/",
        "/",
        "",
        "x" * 5000,
        "a\0b",
        "\ud83d",
    ],
)
def test_odd_keys_lead_nowhere(webui, key):
    webui.checkpoint()
    webui.lora()
    (record,) = webui.read({"hashes": {key: entry(B_SHA256)}}).values()
    claims = CACHE.claims(record, frozenset())
    assert claims.sha256 == B_SHA256
    assert "files" not in record.extra
    assert len(record.record_key) <= 1100
    for path in (claims.path, *claims.other_paths):
        assert path is None or "\0" not in path


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(st.text(), VALUES, max_size=4))
def test_every_entry_is_its_exact_range_of_the_file(tmp_path_factory, entries):
    webui = WebUI(tmp_path_factory.mktemp("webui"))
    entries = {"first": {"mtime": 1.0}, **entries}
    records = webui.read({"hashes": entries, "hashes-addnet": {"last": {"mtime": 1}}})
    assert len(records) == len(entries) + 1
    for record, value in zip(records.values(), entries.values(), strict=False):
        assert json.dumps(json.loads(record.payload)) == json.dumps(value)
        CACHE.claims(record, frozenset())


@pytest.mark.parametrize(
    "extra", [None, {}, {"section": 5}, {"section": "hashes"}, {"section": "hashes", "files": 7, "key": 3}]
)
def test_an_extra_of_another_shape_harms_nothing(extra):
    record = Record("a1111-cache-json", "/x/cache.json", "k", b'{"mtime": 1, "sha256": null}', extra)
    assert CACHE.claims(record, frozenset()).sha256 is None


# --- through the library ----------------------------------------------------------------------------------


def test_a_cache_is_imported_and_its_models_become_of_it(webui, tmp_path):
    checkpoint, lora = webui.checkpoint(), webui.lora("ink/inkwash_harbor.safetensors")
    webui.put(
        {
            "hashes": {CHECKPOINT: entry(B_SHA256), "vae": entry(SHA256_OF_NAME_B)},
            "hashes-addnet": {LORA: entry(A_SHA256)},
            "safetensors-metadata": {LORA: {"mtime": TIME, "value": {"ss_output_name": "x"}}},
        }
    )
    with Catalog.open(tmp_path / "catalog.sqlite") as catalog:
        library = Library(catalog)
        library.import_paths([str(webui.folder)], progress=Progress())
        rows = pending_in(catalog)
        assert [(row.record_key, row.file_path, row.problem) for row in rows] == [
            (f"hashes/{CHECKPOINT}", checkpoint, None),
            ("hashes/vae", None, "no_file"),
            (f"hashes-addnet/{LORA}", lora, None),
            (f"safetensors-metadata/{LORA}", lora, None),
        ]
        report = library.promote(None, progress=Progress())
        assert (report.promoted, report.stayed) == (3, 1)
        again = library.import_paths([str(webui.folder)], progress=Progress())
        assert (again.imported, again.unchanged) == (0, 4)


def test_of_two_loras_that_the_time_does_not_tell_apart_the_hash_tells_else_the_person(webui, tmp_path):
    """Files outside of what was imported are no candidates."""
    other = webui.lora("a/inkwash_harbor.safetensors", content=A["bytes"][:-1] + b"Z")
    meant = webui.lora("b/inkwash_harbor.safetensors")
    webui.put(
        {
            "hashes": {LORA: entry(A_SHA256)},
            "hashes-addnet": {LORA: entry(A_TENSORS)},
            "safetensors-metadata": {LORA: {"mtime": TIME, "value": {}}},
        }
    )
    for named, expected in (
        (webui.folder / "cache.json", [("no_file", ()), ("no_file", ()), ("no_file", ())]),
        (webui.folder, [(None, ()), (None, ()), ("ambiguous", (other, meant))]),
    ):
        with Catalog.open(tmp_path / f"{len(str(named))}.sqlite") as catalog:
            library = Library(catalog)
            library.import_paths([str(named)], progress=Progress())
            library.promote(None, progress=Progress())
            rows = pending_in(catalog)
            assert [(row.problem, row.candidates) for row in rows] == expected
            promoted = [row.file_path for row in rows if row.state == "promoted"]
            assert promoted == ([meant, meant] if named == webui.folder else [])


def test_a_model_that_came_or_moved_after_the_cache_was_read_is_found_when_it_is_read_again(webui, tmp_path):
    cache = {"hashes-addnet": {LORA: entry(A_TENSORS)}, "hashes": {CHECKPOINT: entry(A_SHA256)}}
    webui.put(cache)
    replaced = webui.checkpoint()  # of another hash
    with Catalog.open(tmp_path / "catalog.sqlite") as catalog:
        library = Library(catalog)

        def problems():
            report = library.import_paths([str(webui.folder)], progress=Progress())
            library.promote(None, progress=Progress())
            rows = pending_in(catalog)
            return (
                report.imported,
                report.unchanged,
                [(row.state, row.problem, row.file_path) for row in rows],
            )

        lora = ("pending", "no_file", None)
        assert problems() == (2, 0, [lora, ("pending", "hash_mismatch", replaced)])
        assert problems() == (0, 2, [lora, ("pending", "hash_mismatch", replaced)])
        path = webui.lora("styles/ink/inkwash_harbor.safetensors")
        webui.checkpoint(time=TIME + 100)
        found = [("promoted", None, path), ("promoted", None, replaced)]
        assert problems() == (0, 2, found), "the hash is older than the file"
        assert problems() == (0, 2, found)


def test_loras_in_a_folder_that_the_tool_was_told_are_found_by_name_and_proved_by_hash(webui, tmp_path):
    path = tmp_path / "loras" / "styles" / "inkwash_harbor.safetensors"
    model(path, A["bytes"], TIME)
    model(tmp_path / "loras" / "other.safetensors", B["bytes"], TIME)
    webui.put({"hashes-addnet": {LORA: entry(A_TENSORS), "lora/other": entry(A_TENSORS)}})
    with Catalog.open(tmp_path / "catalog.sqlite") as catalog:
        library = Library(catalog)
        library.scan([str(tmp_path / "loras")], progress=Progress())
        library.import_paths([str(webui.folder)], progress=Progress())
        library.promote(None, progress=Progress())
        rows = pending_in(catalog)
        assert [(row.state, row.problem, row.file_path) for row in rows] == [
            ("promoted", None, str(path)),
            ("pending", "no_file", None),
        ]
