"""Which files are containers: by content, in order, once, and never behind a link that leads outside."""

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from modelmgr import sqlite
from modelmgr.errors import Usage
from modelmgr.migration import detect
from modelmgr.migration.sources import ALL, BY_RECORD_ID
from modelmgr.progress import Cancelled, Progress
from modelmgr.values import MODEL_SUFFIXES, Problem

INFO = b'{"id": 1, "modelId": 2, "name": "v1", "model": {"name": "Ink", "type": "LORA"}}'
MANAGER = b'{"file_path": "/x.safetensors", "model_name": "Ink", "sha256": ""}'
LIST = b'[{"name": "Ink", "path": "ink.safetensors"}]'


class Disk:
    """A person's folders, and what is found in them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.problems: list[Problem] = []

    def put(self, name: str, content: bytes = b"") -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    def link(self, name: str, target: Path) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(target)
        return path

    def find(
        self, *names: str, library_folders: Sequence[str] = (), source: str | None = None
    ) -> Iterator[detect.Found]:
        return detect.find(
            [str(self.folder / name) for name in names or [""]],
            library_folders=[str(self.folder / name) for name in library_folders],
            source=source,
            progress=Progress(),
            report=self.problems.append,
        )

    def kinds(self, *names: str, **options: object) -> dict[str, str]:
        """Return path below the folder -> source id or kind."""
        found = list(self.find(*names, **options))  # type: ignore[arg-type]
        assert len({one.path for one in found}) == len(found)
        return {
            os.path.relpath(one.path, self.folder): one.source.id if one.source else one.kind for one in found
        }

    def codes(self) -> list[tuple[str, str]]:
        return [(os.path.relpath(problem.path, self.folder), problem.code) for problem in self.problems]


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    return Disk(tmp_path)


def database(path: Path, *statements: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite.driver.connect(str(path))) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


def test_a_mixed_drop_is_sorted_out(disk: Disk) -> None:
    disk.put("loras/ink.safetensors")
    disk.put("loras/ink.civitai.info", INFO)
    disk.put("loras/Ink2.METADATA.JSON", MANAGER)
    disk.put("loras/ink.json", b'{"notes": "n"}')
    disk.put("loras/ink.txt", b"a note")
    disk.put("loras/ink.preview.png", b"\x89PNG")
    disk.put("loras/ink.yaml", b"a: 1")
    disk.put("a.zip")
    disk.put("list.csv", b"name\nInk\n")
    database(disk.folder / "models.db", "CREATE TABLE models(sha256, name)")
    assert disk.kinds() == {
        "a.zip": "model",
        "list.csv": "ignored",
        "models.db": "generic-sqlite",
        "loras/Ink2.METADATA.JSON": "lora-manager",
        "loras/ink.civitai.info": "civitai-info",
        "loras/ink.json": "a1111-user-json",
        "loras/ink.preview.png": "ignored",
        "loras/ink.safetensors": "model",
        "loras/ink.txt": "a1111-txt",
        "loras/ink.yaml": "ignored",
    }
    assert disk.problems == []


def test_the_order_is_that_of_the_paths_and_then_of_the_names(disk: Disk) -> None:
    for name in ("b/z.civitai.info", "b/a.civitai.info", "b/m/k.civitai.info", "a/x.civitai.info"):
        disk.put(name, INFO)
    first = [os.path.relpath(found.path, disk.folder) for found in disk.find("b", "a")]
    assert first == ["b/a.civitai.info", "b/z.civitai.info", "b/m/k.civitai.info", "a/x.civitai.info"]
    assert first == [os.path.relpath(found.path, disk.folder) for found in disk.find("b", "a")]


def test_lists_are_taken_only_where_the_user_names_them(disk: Disk) -> None:
    contents = {
        "a.json": LIST,
        "b.jsonl": b'{"name": "x"}',
        "c.ndjson": b'{"name": "x"}',
        "d.csv": b"name\nx\n",
    }
    contents["e.tsv"] = b"name\tpath\nx\ty\n"
    for name, content in contents.items():
        disk.put(name, content)
    assert set(disk.kinds().values()) == {"ignored"}
    assert disk.kinds(*contents) == {
        "a.json": "generic-json",
        "b.jsonl": "generic-jsonl",
        "c.ndjson": "generic-jsonl",
        "d.csv": "generic-csv",
        "e.tsv": "generic-csv",
    }


def test_a_file_that_is_named_beside_its_folder_counts_as_named_and_once(disk: Disk) -> None:
    disk.put("lists/a.json", LIST)
    disk.put("lists/b.json", LIST)
    found = [(os.path.relpath(one.path, disk.folder), one.kind) for one in disk.find("lists", "lists/a.json")]
    assert found == [("lists/b.json", "ignored"), ("lists/a.json", "container")]
    assert [one.kind for one in disk.find("lists/a.json", "lists/a.json", "lists/../lists/a.json")] == [
        "container"
    ]


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b'{"/ai/ink.safetensors": {"notes": "x"}}', "generic-json"),
        (b'[{"name": "x", "sha256": "' + b"ab" * 32 + b'"}]', "generic-json"),
        (b'{"models": [{"file": "x.gguf"}]}', "generic-json"),
        (b'{"models": [{"id": "gpt", "object": "model"}]}', "ignored"),
        (b'{"a": {"b": {}}}', "ignored"),
        (
            b'{"date": 1719000000.5, "models": [{"id": 1, "name": "x.safetensors", "modelVersions": []}]}',
            "diffusion-toolkit-models",
        ),
        (b'{"name": "x"}', "ignored"),
        (b"[]", "ignored"),
        (b"broken", "ignored"),
    ],
)
def test_models_json_of_a_walk_must_speak_of_model_files(disk: Disk, content: bytes, kind: str) -> None:
    disk.put("models.json", content)
    assert disk.kinds() == {"models.json": kind}


def test_a_catalogue_of_models_that_nobody_has_is_no_list_of_models(disk: Disk) -> None:
    disk.put(
        "models.json", b'{"date": 1.5, "models": [{"id": 1, "name": "X", "modelVersions": [{"id": 2}]}]}'
    )
    assert disk.kinds("models.json") == {"models.json": "diffusion-toolkit-models"}


FALSE_POSITIVES = {
    "training/0001.png": b"\x89PNG",
    "training/0001.txt": b"a caption",
    "training/0001.json": b'{"caption": "x"}',
    "model/config.json": b'{"architectures": ["X"], "model_type": "llama"}',
    "model/tokenizer.json": b'{"model": {"vocab": {}}}',
    "model/generation_config.json": b'{"top_p": 1}',
    "model/model.safetensors": b"",
    "app/package.json": b'{"name": "app", "version": "1"}',
    "app/metadata.json": b'{"name": "an extension", "version": 3}',
    "app/settings.json": b'{"theme": "dark"}',
    "app/README.md": b"# A program",
    "app/icon.info": b"\xe3\x10\x00\x01",
    "app/video.info": b"youtube",
    "flow/workflow.json": b'{"3": {"class_type": "KSampler", "inputs": {}}}',
    "flow/other.safetensors": b"",
    "flow/api.json": b'{"nodes": [], "links": []}',
}


def test_files_of_other_programs_give_no_record(disk: Disk) -> None:
    for name, content in FALSE_POSITIVES.items():
        disk.put(name, content)
    database(disk.folder / "browser/cache.db", "CREATE TABLE moz_places(id, url)")
    database(disk.folder / "browser/other.sqlite", "CREATE TABLE models(id, name, api_key)")
    assert set(disk.kinds().values()) == {"ignored", "model"}
    assert disk.problems == []


@pytest.mark.parametrize(
    "name",
    [
        *("model/config.json", "model/tokenizer.json", "model/generation_config.json", "app/package.json"),
        *("app/settings.json", "flow/workflow.json"),
    ],
)
def test_files_of_other_programs_give_no_record_even_if_named(disk: Disk, name: str) -> None:
    disk.put(name, FALSE_POSITIVES[name])
    assert disk.kinds(name) == {name: "ignored"}


def test_databases_of_known_tools_are_not_taken_for_a_list(disk: Disk) -> None:
    database(disk.folder / "a.db", "CREATE TABLE models(sha256, name, config)", "CREATE TABLE migrations(id)")
    disk.put("b.db", b"not SQLite")
    assert disk.kinds() == {"a.db": "invokeai-db", "b.db": "ignored"}


def test_what_is_not_there_is_a_problem(disk: Disk) -> None:
    disk.put("a.civitai.info", INFO)
    assert disk.kinds("gone.json", "gone/too", "a.civitai.info", "a.civitai.info/x") == {
        "a.civitai.info": "civitai-info"
    }
    assert disk.codes() == [
        ("gone.json", "not_found"),
        ("gone/too", "not_found"),
        ("a.civitai.info/x", "not_found"),
    ]
    assert list(disk.find("zero\0byte")) == []
    assert disk.problems[-1].code == "unreadable"


def test_what_is_no_regular_file_is_not_opened(disk: Disk) -> None:
    os.mkfifo(disk.folder / "a.civitai.info")
    assert disk.kinds() == {}
    assert disk.kinds("a.civitai.info") == {}
    assert disk.codes() == [("a.civitai.info", "unreadable")] * 2


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_what_may_not_be_read_is_a_problem_once(disk: Disk) -> None:
    disk.put("list.json", LIST).chmod(0)
    assert disk.kinds("list.json") == {}
    assert disk.codes() == [("list.json", "unreadable")]


def test_nothing_below_proc_is_read(disk: Disk) -> None:
    assert list(disk.find("/proc/self/status")) == []
    assert disk.problems[0].code == "outside"


def test_reaching_the_depth_limit_is_told(disk: Disk) -> None:
    disk.put("/".join(["d"] * 12) + "/a.civitai.info", INFO)
    disk.put("/".join(["d"] * 13) + "/b.civitai.info", INFO)
    assert list(disk.kinds().values()) == ["civitai-info"]
    assert disk.codes() == [("/".join(["d"] * 13), "too_deep")]


@pytest.mark.parametrize("name", [".git", "node_modules", "venv", ".lm-pending-delete", "__pycache__"])
def test_folders_of_programs_are_not_entered(disk: Disk, name: str) -> None:
    disk.put(f"{name}/a.civitai.info", INFO)
    assert disk.kinds() == {}


# --- links ------------------------------------------------------------------------------------------------


def test_a_link_to_a_container_outside_is_a_problem(disk: Disk) -> None:
    secret = disk.put("private/secret.civitai.info", INFO)
    disk.link("named/a.civitai.info", secret)
    assert disk.kinds("named") == {}
    assert disk.codes() == [("named/a.civitai.info", "outside")]
    assert not disk.problems[0].kept


def test_a_named_link_leads_no_further(disk: Disk) -> None:
    secret = disk.put("private/secret.civitai.info", INFO)
    disk.link("named/a.civitai.info", secret)
    assert disk.kinds("named/a.civitai.info") == {}
    assert disk.codes() == [("named/a.civitai.info", "outside")]


def test_a_link_may_lead_below_what_was_named_or_a_library_folder(disk: Disk) -> None:
    target = disk.put("store/x.civitai.info", INFO)
    disk.link("named/a.civitai.info", target)
    assert disk.kinds("named", library_folders=["store"]) == {"named/a.civitai.info": "civitai-info"}
    assert disk.kinds("named", "store") == {"store/x.civitai.info": "civitai-info"}
    assert disk.problems == []


def test_a_link_may_lead_below_a_folder_link_of_the_walk_even_a_later_one(disk: Disk) -> None:
    target = disk.put("store/x.bak", INFO)
    disk.link("named/a.civitai.info", target)
    disk.link("named/z", disk.folder / "store")
    assert disk.kinds("named") == {"named/z/x.bak": "ignored", "named/a.civitai.info": "civitai-info"}
    assert disk.problems == []


def test_one_file_under_two_names_is_taken_once(disk: Disk) -> None:
    target = disk.put("store/x.civitai.info", INFO)
    disk.link("store/y.civitai.info", target)
    disk.link("again", disk.folder / "store")
    assert disk.kinds("store", "again", "store/x.civitai.info") == {"store/x.civitai.info": "civitai-info"}


def test_a_sidecar_that_models_share_by_a_link_speaks_of_each(disk: Disk) -> None:
    target = disk.put("named/a.civitai.info", INFO)
    for name in ("a", "b", "sub/c"):
        disk.put(f"named/{name}.safetensors", name.encode())
    disk.link("named/b.civitai.info", target)
    disk.link("named/sub/c.civitai.info", target)
    disk.link("named/d.civitai.info", target)
    found = {path: kind for path, kind in disk.kinds("named").items() if kind != "model"}
    assert found == dict.fromkeys(
        ("named/a.civitai.info", "named/b.civitai.info", "named/sub/c.civitai.info"), "civitai-info"
    )
    # Where the model is shared as well, it is one record.
    disk.link("mirror/a.safetensors", disk.folder / "named/a.safetensors")
    disk.link("mirror/a.civitai.info", target)
    assert "mirror/a.civitai.info" not in disk.kinds("named", "mirror")
    assert disk.problems == []


def test_a_link_that_leads_nowhere_is_a_problem(disk: Disk) -> None:
    disk.link("named/a.civitai.info", disk.folder / "gone")
    disk.link("named/b.png", disk.folder / "gone")
    assert disk.kinds("named") == {"named/b.png": "ignored"}
    assert disk.codes() == [("named/a.civitai.info", "not_found")]


# --- the rest ---------------------------------------------------------------------------------------------


def test_a_named_source_is_asked_alone(disk: Disk) -> None:
    disk.put("ink.safetensors")
    disk.put("ink.civitai.info", INFO)
    disk.put("ink.metadata.json", MANAGER)
    disk.put("ink.json", b'{"modelVersions": []}')
    assert disk.kinds(source="lora-manager") == {
        "ink.civitai.info": "ignored",
        "ink.json": "ignored",
        "ink.metadata.json": "lora-manager",
        "ink.safetensors": "model",
    }
    assert disk.kinds(source="sdnext-json")["ink.json"] == "a1111-user-json"
    with pytest.raises(Usage):
        disk.find(source="no-such-tool")


def test_files_that_no_source_wants_are_never_opened(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a.png", "b.yaml", "c.html", "d.ckpt", "e.py"):
        disk.put(name)
    opened: list[object] = []
    real = os.open
    monkeypatch.setattr(
        os, "open", lambda path, *rest, **more: opened.append(path) or real(path, *rest, **more)
    )
    assert len(disk.kinds()) == 5
    assert opened == []


def test_a_name_of_any_bytes_is_found(disk: Disk) -> None:
    name = os.fsdecode(b"\xff\n ink.civitai.info")
    disk.put(name, INFO)
    (found,) = disk.find()
    assert found.path == os.path.join(disk.folder, name)
    assert found.container is not None and found.container.siblings == {name}


def test_cancel_stops_the_search(disk: Disk) -> None:
    for number in range(5):
        disk.put(f"{number}.civitai.info", INFO)
    progress = Progress()
    found = detect.find(
        [str(disk.folder)], library_folders=[], progress=progress, report=disk.problems.append
    )
    next(found)
    progress.cancel()
    with pytest.raises(Cancelled):
        list(found)


def test_every_file_is_found_or_reported(disk: Disk) -> None:
    for name, content in FALSE_POSITIVES.items():
        disk.put(name, content)
    disk.put("x.metadata.json", b"broken")
    disk.put("y.civitai.info", INFO)
    disk.link("z.civitai.info", Path("/etc/hostname"))
    there = {os.path.join(folder, name) for folder, _, names in os.walk(disk.folder) for name in names}
    found = {one.path for one in disk.find()}
    assert found | {problem.path for problem in disk.problems} == there
    assert not found & {problem.path for problem in disk.problems}


def test_nothing_is_touched(disk: Disk) -> None:
    disk.put("a.safetensors", b"x")
    disk.put("a.civitai.info", INFO)
    disk.put("list.json", LIST)
    disk.put("list.csv", b"name\nx\n")
    database(disk.folder / "m.db", "CREATE TABLE models(sha256, name)", "INSERT INTO models VALUES('s', 'n')")

    def state() -> dict[str, tuple[int, int, bytes]]:
        return {
            str(path): (
                path.stat().st_size,
                path.stat().st_mtime_ns,
                hashlib.sha256(path.read_bytes()).digest() if path.is_file() else b"",
            )
            for path in [disk.folder, *disk.folder.rglob("*")]
        }

    before = state()
    for found in disk.find("", "list.json", "list.csv"):
        if found.source is not None and found.container is not None:
            list(found.source.records(found.container, Progress(), disk.problems.append))
    assert state() == before


def test_the_sources_have_different_ids_and_each_record_id_one_reader() -> None:
    assert len({source.id for source in ALL}) == len(ALL)
    ids = [record_id for source in ALL for record_id in source.record_ids]
    assert sorted([*ids, "api", "embedded"]) == sorted(BY_RECORD_ID)  # no container is of these two
    assert len(set(ids)) == len(ids)


def test_no_source_wants_a_model_file_but_those_that_read_what_stands_in_one() -> None:
    for suffix in MODEL_SUFFIXES:
        assert not any(source.wants(f"x{suffix}", False) for source in ALL if not source.of_models)


def header(metadata: str) -> bytes:
    text = f'{{"__metadata__":{metadata},"w":{{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}}}'.encode()
    return len(text).to_bytes(8, "little") + text + b"A"


def test_a_model_with_a_persons_words_in_its_header_is_a_container_and_a_model(disk: Disk) -> None:
    path = disk.put("typed.safetensors", header('{"ssmd_rating":"4"}'))
    disk.put("empty.safetensors", header('{"ssmd_rating":"0"}'))
    disk.link("again.safetensors", path)
    found = [(one.kind, os.path.basename(one.path)) for one in disk.find()]
    assert found == [
        ("model", "again.safetensors"),
        ("model", "empty.safetensors"),
        ("container", "typed.safetensors"),
        ("model", "typed.safetensors"),
    ]
    assert disk.problems == []


def test_every_header_is_a_container_where_that_source_is_asked_for(disk: Disk) -> None:
    disk.put("plain.safetensors", header('{"format":"pt"}'))
    disk.put("none.safetensors", header("{}").replace(b"__metadata__", b"__metadatb__"))
    disk.put("cut.safetensors", header("{}")[:20])
    disk.put("plain.civitai.info", INFO)
    found = [(one.kind, os.path.basename(one.path)) for one in disk.find(source="safetensors-header")]
    assert found == [
        ("model", "cut.safetensors"),
        ("model", "none.safetensors"),
        ("ignored", "plain.civitai.info"),
        ("container", "plain.safetensors"),
        ("model", "plain.safetensors"),
    ]
    assert [(os.path.basename(one.path), one.code) for one in disk.problems] == [
        ("cut.safetensors", "header_invalid")
    ]


def test_a_link_to_a_model_elsewhere_is_not_read(
    disk: Disk, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = tmp_path_factory.mktemp("other") / "typed.safetensors"
    other.write_bytes(header('{"ssmd_rating":"4"}'))
    disk.link("typed.safetensors", other)
    assert [one.kind for one in disk.find()] == ["model"]
    assert disk.problems == []


def test_extras_and_claims_are_plain_json(disk: Disk) -> None:
    disk.put("list.json", LIST)
    (found,) = disk.find("list.json")
    assert found.source is not None and found.container is not None
    for record in found.source.records(found.container, Progress(), disk.problems.append):
        json.dumps(record.extra)
