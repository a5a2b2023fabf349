"""Every route over a real socket, on a real catalog: what it answers, and that it is what the command line says."""

import contextlib
import hashlib
import itertools
import json
import os
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote_from_bytes, urlencode

import pytest

from modelmgr import __version__
from modelmgr.api.jobs import Job
from modelmgr.demo import write_copperleaf_xl, write_inkwash_harbor
from modelmgr.errors import CatalogError
from modelmgr.progress import Cancelled, Progress
from modelmgr.sqlite import driver
from modelmgr.values import SORT_COLUMNS
from tests.api.served import Client, Served, served, until
from tests.api.stock import AUTOV1, BLAKE3, ODD_PAYLOAD, Stock, cli

_COLUMNS = (
    "name type size_bytes sha256 base_model format path file_name folder file_count tags rating favorite nsfw "
    "trigger_words notes license source_url preview added_at modified_at hash_state file_state"
)
LIGHT_COLUMNS = _COLUMNS.split()
NOBODY = "0" * 64


def words(text: str) -> set[str]:
    return set(text.split())


def query(*pairs: tuple[str, Any]) -> str:
    return "/api/models?" + urlencode(pairs, errors="surrogateescape")


# --- health, unknown paths, methods -----------------------------------------------------------------------


def test_health_tells_the_version_and_takes_no_token(reading: Served) -> None:
    answer = reading.client.get("/api/health", {"Authorization": ""})
    assert (answer.status, answer.json) == (200, {"version": __version__, "catalog": "ok"})


def test_the_openapi_document_is_given_out(reading: Served) -> None:
    document = reading.client.get("/api/openapi.json").json
    assert document["openapi"].startswith("3.")
    assert document["info"]["version"] == __version__
    assert "/api/models" in document["paths"]
    assert reading.client.get("/api/openapi.json", {"Authorization": "Bearer x"}).status == 401


NO_ROUTES = [
    "/",
    "/api",
    "/api/",
    "/api/models/",
    "/api/migration/import_a_model",
    "/api/import_a_model",
    "/api/migration/import",
    "/docs",
    "/redoc",
    "/openapi.json",
    "/api/jobs/",
    "/api/folders",
]


def test_what_is_no_route_is_unknown(empty: Served) -> None:
    for path in NO_ROUTES:
        for answer in (
            empty.client.get(path),
            empty.client.post(path, {"name": "x", "meta_json": {}}),
            empty.client.ask("DELETE", path),
        ):
            assert (answer.status, answer.code) == (404, "unknown_path"), path


METHODS = [
    ("/api/health", {"GET"}),
    ("/api/models", {"GET"}),
    (f"/api/models/by-hash/{NOBODY}", {"GET"}),
    (f"/api/models/{NOBODY}", {"GET", "PATCH"}),
    (f"/api/models/{NOBODY}/records/1", {"GET"}),
    (f"/api/models/{NOBODY}/preview", {"GET"}),
    ("/api/pending", {"GET"}),
    ("/api/models/scan", {"POST"}),
    ("/api/migration/import_models", {"POST"}),
    ("/api/migration/promote", {"POST"}),
    ("/api/jobs", {"GET"}),
    ("/api/jobs/0123456789abcdef", {"GET", "DELETE"}),
    ("/api/events", {"GET"}),
    ("/api/openapi.json", {"GET"}),
]


def test_other_methods_are_refused_and_the_known_ones_named(empty: Served) -> None:
    for path, methods in METHODS:
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "HEAD", "BREW"} - methods:
            body = b"{}" if method in ("POST", "PUT", "PATCH") else None
            answer = empty.client.ask(method, path, body, {"X-HTTP-Method-Override": "GET"})
            assert answer.status == 405, (method, path)
            assert {word.strip() for word in answer.headers["allow"].split(",")} == methods
            assert method == "HEAD" or answer.code == "wrong_method"
    assert empty.client.get("/api/jobs").json["total"] == 0


# --- the library view -------------------------------------------------------------------------------------


def test_a_page_has_light_columns_only(reading: Served) -> None:
    page = reading.client.get("/api/models?limit=3").json
    assert set(page) == words("models total next_cursor data_version")
    assert page["total"] == 87
    assert len(page["models"]) == 3
    assert all(list(row) == LIGHT_COLUMNS for row in page["models"])


def test_filters_and_order_are_those_of_list(stock: Stock, reading: Served) -> None:
    folder = str(stock.demo.disputed.parent)
    asked: list[list[tuple[str, Any]]] = [
        [],
        [("search", "study rain")],
        [("type", "LoRA"), ("type", "upscaler")],
        [("base", "sdxl 1.0"), ("sort", "size_bytes"), ("desc", True)],
        [("tag", "rain"), ("tag", "concept")],
        [("folder", folder), ("sort", "file_name")],
        [("folder", str(stock.odd))],
        [("state", "duplicate")],
        [("state", "unidentified"), ("state", "missing"), ("sort", "modified_at")],
        [("favorite", True)],
        [("favorite", False), ("sort", "rating"), ("desc", True)],
        [("search", "' OR 1=1 --")],
        [("tag", "nothing has this tag")],
        [("sort", "base_model"), ("type", "checkpoint")],
    ]
    commands = []
    for pairs in asked:
        said: list[str] = ["list", "--limit", "1000"]
        for name, value in pairs:
            if isinstance(value, bool):
                said.append(f"--{name}" if value else f"--no-{name}")
            else:
                said += [f"--{name}", str(value)]
        commands.append(said)
    found = []
    for pairs, document in zip(asked, cli(stock.catalog, *commands), strict=True):
        told = [(name, str(value).lower() if isinstance(value, bool) else value) for name, value in pairs]
        page = reading.client.get(query(("limit", 1000), *told)).json
        assert (page["total"], page["models"]) == (document["total"], document["models"]), pairs
        assert page["next_cursor"] is None
        found.append(page["total"])
    assert found[0] == 87
    assert found[6] == 1
    assert found[11:13] == [0, 0]
    assert min(found[1:6]) > 0


@pytest.mark.skipif(sys.platform != "linux", reason="names are text there")
def test_paths_of_any_bytes_go_out_and_come_back_as_filters(stock: Stock, reading: Served) -> None:
    (row,) = reading.client.get(f"/api/models?folder={quote_from_bytes(os.fsencode(stock.odd))}").json[
        "models"
    ]
    assert row["sha256"] == stock.odd_sha256
    assert row["folder"].endswith("odd \udce9")
    assert Path(row["path"]).parent == stock.odd


def test_pages_fit_together(reading: Served) -> None:
    assert {"name", "size_bytes", "base_model", "favorite", "folder"} <= set(SORT_COLUMNS)
    for sort, way in itertools.product(SORT_COLUMNS, ["false", "true"]):
        whole = reading.client.get(f"/api/models?limit=1000&sort={sort}&desc={way}").json["models"]
        assert reading.client.all(f"/api/models?limit=13&sort={sort}&desc={way}") == whole
        assert len(whole) == 87


def test_pages_stay_right_while_a_scan_writes(stock: Stock, writing: Served, tmp_path: Path) -> None:
    before = [row["path"] for row in writing.client.all("/api/models?limit=1000")]
    more = tmp_path / "more"
    more.mkdir()
    for number in range(60):
        folder = more / f"{number:02}"
        folder.mkdir()
        model = write_inkwash_harbor(folder)
        with model.open("ab") as file:
            file.write(bytes([number]))
    finished = threading.Event()

    def write() -> None:
        writing.library.scan([str(more)], progress=Progress())
        finished.set()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        rounds = 0
        while not (finished.is_set() and rounds >= 2):
            rounds += 1
            rows = [row["path"] for row in writing.client.all("/api/models?limit=9")]
            assert len(rows) == len(set(rows))
            assert [path for path in rows if path in set(before)] == before
    finally:
        writer.join()
    assert writing.client.get("/api/models?limit=1").json["total"] == 147


def test_a_name_of_thousands_of_letters_has_a_next_page(writing: Served) -> None:
    models = [{"name": f"{letter}" * 30_000, "sha256": letter * 64, "meta_json": {}} for letter in "abcd"]
    writing.client.job("/api/migration/import_models", {"models": models})
    writing.client.job("/api/migration/promote", {"all": True, "allow_missing": True})
    names = [row["name"] for row in writing.client.all("/api/models?limit=1&search=&fields=name")]
    assert names == [row["name"] for row in writing.client.all("/api/models?limit=1000&fields=name")]
    assert [len(name) for name in names].count(30_000) == 4


def test_fields_narrow_the_rows(reading: Served) -> None:
    page = reading.client.get("/api/models?limit=2&fields=path,name,path").json
    assert [list(row) for row in page["models"]] == [["path", "name"]] * 2
    for wrong in ("meta_json", "", "name,", "name, path", "NAME"):
        answer = reading.client.get(query(("fields", wrong)))
        assert (answer.status, answer.code) == (422, "wrong_value")


WRONG_WORDS = [
    ("limit=0", "wrong_value"),
    ("limit=1001", "wrong_value"),
    ("limit=-1", "wrong_value"),
    ("limit=many", "wrong_value"),
    ("limit=", "wrong_value"),
    ("limit=5&limit=5", "doubled_key"),
    ("search=a&search=b", "doubled_key"),
    ("offset=5", "unknown_key"),
    ("Limit=5", "unknown_key"),
    ("=5", "unknown_key"),
    ("type=spaceship", "wrong_value"),
    ("state=gone", "wrong_value"),
    ("sort=meta_json", "wrong_value"),
    ("sort=name%3B%20DROP%20TABLE%20models", "wrong_value"),
    ("folder=models", "wrong_value"),
    ("favorite=perhaps", "wrong_value"),
    ("search=%80", "wrong_value"),
    ("tag=%ED%A0%80", "wrong_value"),
    ("cursor=x", "wrong_cursor"),
    ("cursor=", "wrong_cursor"),
    ("cursor=bnVsbA==", "wrong_cursor"),
    ("cursor=WyJhIl0=", "wrong_cursor"),
    ("cursor=" + "W" * 20_000, "wrong_cursor"),
]


def test_words_that_make_no_sense_are_refused(reading: Served) -> None:
    for said, code in WRONG_WORDS:
        answer = reading.client.get(f"/api/models?{said}")
        assert (answer.status, answer.code) == (422, code), said


def test_every_route_refuses_parameters_that_it_does_not_know(reading: Served) -> None:
    for path in ("health", "jobs", f"models/{NOBODY}", f"models/by-hash/{NOBODY}", "pending", "events"):
        answer = reading.client.get(f"/api/{path}?x=1")
        assert (answer.status, answer.code) == (422, "unknown_key"), path


def test_a_cursor_belongs_to_its_query(reading: Served) -> None:
    cursor = reading.client.get("/api/models?limit=5").json["next_cursor"]
    assert reading.client.get(f"/api/models?limit=9&cursor={cursor}").status == 200
    for other in ("/api/models?sort=type", "/api/models?search=a", "/api/pending?limit=5"):
        answer = reading.client.get(f"{other}&cursor={cursor}")
        assert (answer.status, answer.code) == (422, "wrong_cursor")


def test_a_poller_hears_cheaply_that_nothing_changed(writing: Served) -> None:
    sha256 = writing.client.get("/api/models?limit=1").json["models"][0]["sha256"]
    targets = ["/api/models?limit=2", "/api/models?limit=3", "/api/pending?limit=2", f"/api/models/{sha256}"]
    tags = [writing.client.get(target).headers["etag"] for target in targets]
    assert len(set(tags)) == 3  # a tag speaks of its own path; two paths may have the same
    statements: list[str] = []
    writing.catalog.trace(statements.append)
    for target, tag in zip(targets, tags, strict=True):
        known = writing.client.get(target, {"If-None-Match": f'"other", W/{tag}'})
        assert (known.status, known.body, known.headers["etag"]) == (304, b"", tag)
    writing.catalog.trace(None)
    assert not [sql for sql in statements if "SELECT" in sql.upper()]
    assert writing.client.get(targets[0], {"If-None-Match": tags[1]}).status == 200


def test_a_write_of_any_program_makes_answers_new(writing: Served, tmp_path: Path) -> None:
    def state() -> tuple[str, str]:
        answer = writing.client.get("/api/models?limit=1")
        return answer.headers["etag"], answer.json["data_version"]

    tag, version = state()
    assert state() == (tag, version)
    (tmp_path / "new").mkdir()
    (folders,) = cli(tmp_path / "catalog.sqlite", ["folders", "add", tmp_path / "new"])
    assert folders["problems"] == []
    write_copperleaf_xl(tmp_path / "new")
    answer = writing.client.get("/api/models?limit=1", {"If-None-Match": tag})
    assert answer.status == 200
    other = state()
    assert tag != other[0]
    assert version != other[1]
    writing.library.scan([str(tmp_path / "new")], progress=Progress())
    assert state()[1] not in (version, other[1])


def test_no_list_reads_a_payload(stock: Stock, reading: Served) -> None:
    statements: list[str] = []
    reading.catalog.trace(statements.append)
    for target in (
        "/api/models",
        "/api/models?limit=1000&sort=size_bytes&desc=true",
        "/api/models?search=rain&type=lora&base=SDXL+1.0&tag=rain&state=present",
        "/api/pending",
        "/api/pending?problem=no_file&search=a",
        f"/api/models/by-hash/{stock.odd_sha256}",
        f"/api/models/by-hash/{stock.odd_sha256[:10]}",
    ):
        assert reading.client.get(target).status == 200
    assert reading.client.all("/api/models?limit=20")
    assert len([sql for sql in statements if "SELECT" in sql]) > 10
    assert not [sql for sql in statements if "meta_json" in sql]
    reading.catalog.trace(None)


# --- one model --------------------------------------------------------------------------------------------


def test_details_are_what_show_says(stock: Stock, reading: Served) -> None:
    chosen = [stock.odd_sha256]
    for path in (stock.demo.disputed, stock.demo.duplicate[0]):
        rows = reading.client.get(query(("folder", str(path.parent)), ("limit", 1000))).json["models"]
        chosen += [row["sha256"] for row in rows if row["file_name"] == path.name]
    assert len(chosen) == 3
    shown = cli(stock.catalog, *(["show", sha256] for sha256 in chosen))
    for sha256, document in zip(chosen, shown, strict=True):
        answer = reading.client.get(f"/api/models/{sha256.upper()}")
        assert answer.status == 200
        assert answer.json == document
        assert list(answer.json) == [
            *LIGHT_COLUMNS,
            *["meta_json", "records", "files", "hashes", "danger", "attachments", "header", "provenance"],
            "edited",
        ]
        assert all(
            words("id source source_path record_key payload_sha256 size payload_text extra") <= set(record)
            for record in answer.json["records"]
        )
    assert len(shown[1]["records"]) == 4
    assert shown[1]["meta_json"] == json.loads(shown[1]["records"][0]["payload_text"])


def test_details_read_payloads_with_one_statement(reading: Served) -> None:
    sha256 = next(
        row["sha256"] for row in reading.client.get("/api/models?tag=rain").json["models"] if row["sha256"]
    )
    statements: list[str] = []
    reading.catalog.trace(statements.append)
    assert reading.client.get(f"/api/models/{sha256}").json["meta_json"]
    reading.catalog.trace(None)
    assert len([sql for sql in statements if "meta_json" in sql]) == 1


def test_models_that_are_not_there(reading: Served) -> None:
    hashes = ["0" * 63, "0" * 65, "g" * 64, "x", "0" * 63 + "%00", "0" * 63 + "%C2%B2", "0" * 64 + "%20"]
    for rest in ("", "/records/1", "/preview"):
        answer = reading.client.get(f"/api/models/{NOBODY}{rest}")
        assert (answer.status, answer.code) == (404, "not_found")
        for wrong in hashes:
            answer = reading.client.get(f"/api/models/{wrong}{rest}")
            assert answer.status == (400 if "%00" in wrong else 422), wrong
    answer = reading.client.get("/api/models/scan")
    assert (answer.status, answer.code, answer.headers["allow"]) == (405, "wrong_method", "POST")


def test_a_payload_comes_out_byte_for_byte_and_never_in_place(stock: Stock, reading: Served) -> None:
    record, *embedded = reading.client.get(f"/api/models/{stock.odd_sha256}").json["records"]
    assert [one["source"] for one in embedded] == ["embedded"]
    assert (record["source"], record["size"]) == ("civitai-info", len(ODD_PAYLOAD))
    answer = reading.client.get(f"/api/models/{stock.odd_sha256.upper()}/records/{record['id']}")
    assert (answer.status, answer.body) == (200, ODD_PAYLOAD)
    assert hashlib.sha256(answer.body).hexdigest() == record["payload_sha256"]
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith("attachment; ")
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_record_belongs_to_its_model(stock: Stock, reading: Served) -> None:
    record, *embedded = reading.client.get(f"/api/models/{stock.odd_sha256}").json["records"]
    assert [one["source"] for one in embedded] == ["embedded"]
    others = reading.client.get("/api/models?limit=1000&fields=sha256").json["models"]
    other = next(row["sha256"] for row in others if row["sha256"] not in (None, stock.odd_sha256))
    for path in (f"{other}/records/{record['id']}", f"{stock.odd_sha256}/records/{2**63 - 1}"):
        answer = reading.client.get(f"/api/models/{path}")
        assert (answer.status, answer.code) == (404, "not_found")
    for wrong in ("0", "-1", str(2**63), "9" * 400, "1e3", "one", "%31%00"):
        assert reading.client.get(f"/api/models/{stock.odd_sha256}/records/{wrong}").status in (400, 422)


def test_every_payload_of_the_library_comes_out_whole(reading: Served) -> None:
    seen = 0
    for row in reading.client.get("/api/models?type=checkpoint&fields=sha256").json["models"]:
        for record in reading.client.get(f"/api/models/{row['sha256']}").json["records"]:
            answer = reading.client.get(f"/api/models/{row['sha256']}/records/{record['id']}")
            assert hashlib.sha256(answer.body).hexdigest() == record["payload_sha256"]
            assert len(answer.body) == record["size"]
            seen += 1
    assert seen >= 10


def test_a_preview_is_a_small_picture(stock: Stock, reading: Served) -> None:
    rows = reading.client.get("/api/models?limit=1000").json["models"]
    sha256 = next(row["sha256"] for row in rows if row["preview"])
    sizes = []
    for target in ("", "?side=16", "?side=1024"):
        answer = reading.client.get(f"/api/models/{sha256}/preview{target}")
        assert answer.status == 200
        kind = answer.headers["content-type"]
        start = {"image/png": b"\x89PNG\r\n\x1a\n", "image/jpeg": b"\xff\xd8\xff"}[kind]
        assert answer.body.startswith(start)
        sizes.append(len(answer.body))
    assert sizes[1] < sizes[0]
    answer = reading.client.get(f"/api/models/{stock.odd_sha256}/preview")
    assert (answer.status, answer.code) == (404, "no_preview")
    for wrong in ("side=15", "side=1025", "side=x", "side=64&side=64", "path=/etc/passwd"):
        assert reading.client.get(f"/api/models/{sha256}/preview?{wrong}").status == 422


# --- hashes -----------------------------------------------------------------------------------------------


def candidates(client: Client, digits: str) -> list[dict[str, Any]]:
    answer = client.get(f"/api/models/by-hash/{digits}")
    assert answer.status == 200
    assert set(answer.json) == {"hash", "candidates"}
    assert answer.json["hash"] == digits.lower()
    found: list[dict[str, Any]] = answer.json["candidates"]
    return found


def test_a_computed_hash_leads_to_its_model(stock: Stock, reading: Served) -> None:
    for digits, kind in ((stock.odd_sha256.upper(), "SHA256"), (stock.odd_sha256[:10], "AutoV2")):
        (found,) = candidates(reading.client, digits)
        assert (found["kind"], found["trust"], found["sha256"]) == (kind, "computed", stock.odd_sha256)
        assert list(found["model"]) == LIGHT_COLUMNS
        assert (found["source"], found["record_id"], found["pending_id"]) == (None, None, None)


def test_hashes_that_records_claim_lead_to_their_models(reading: Served) -> None:
    found: dict[str, str] = {}
    for row in reading.client.get("/api/models?limit=1000&fields=sha256").json["models"]:
        if row["sha256"] is None or len(found) == 2:
            continue
        for record in reading.client.get(f"/api/models/{row['sha256']}").json["records"]:
            if record["source"] != "civitai-info" or '"AutoV3"' not in record["payload_text"]:
                continue
            hashes = json.loads(record["payload_text"])["files"][0]["hashes"]
            if "CRC32" not in hashes:
                continue
            for kind in ("AutoV3", "CRC32"):
                matches = candidates(reading.client, hashes[kind])
                (match,) = [match for match in matches if match["sha256"] == row["sha256"]]
                assert match["kind"] == kind
                assert (match["trust"], match["source"]) in (
                    ("claimed", "civitai-info"),
                    ("computed", None),
                )
                found[kind] = row["sha256"]
    assert set(found) == {"AutoV3", "CRC32"}


@pytest.mark.parametrize(("digits", "kind"), [(AUTOV1, "AutoV1"), (BLAKE3.upper(), "BLAKE3")])
def test_hashes_that_only_a_waiting_record_claims(reading: Served, digits: str, kind: str) -> None:
    (found,) = candidates(reading.client, digits)
    assert (found["kind"], found["trust"], found["model"]) == (kind, "claimed", None)
    assert (found["name"], found["source"], found["sha256"]) == ("claimed - v1", "civitai-info", None)
    assert found["source_path"].endswith("claimed.civitai.info")
    ids = [row["id"] for row in reading.client.get("/api/pending?search=claimed").json["pending"]]
    assert [found["pending_id"]] == ids


def test_a_claimed_full_hash_without_a_file(stock: Stock, reading: Served) -> None:
    found = candidates(reading.client, stock.demo.gone_sha256)
    assert {match["trust"] for match in found} == {"claimed"}
    assert candidates(reading.client, NOBODY) == []
    assert candidates(reading.client, "0" * 9) == []
    for wrong in ("0" * 7, "0" * 65, "xyzxyzxy", "12345678%0A"):
        assert reading.client.get(f"/api/models/by-hash/{wrong}").status in (400, 422)


# --- pending models ---------------------------------------------------------------------------------------


def test_pending_models_are_those_of_the_command(stock: Stock, reading: Served) -> None:
    asked = [
        ("", []),
        ("?state=pending", ["--state", "pending"]),
        ("?state=promoted&problem=none", ["--state", "promoted", "--problem", "none"]),
        ("?problem=no_file", ["--problem", "no_file"]),
    ]
    documents = cli(stock.catalog, *(["pending", "list", *said] for _, said in asked))
    for (target, _), document in zip(asked, documents, strict=True):
        page = reading.client.get(f"/api/pending{target}").json
        assert set(page) == words("pending total next_cursor data_version")
        assert (page["total"], page["pending"]) == (document["total"], document["pending"])
        assert page["total"] > 0
        assert page["next_cursor"] is None
    whole = documents[0]["pending"]
    assert reading.client.all("/api/pending?limit=10") == whole
    csv = [row for row in whole if row["source"] == "civitai-info"]
    assert reading.client.all("/api/pending?source=civitai-info&limit=6") == csv
    assert words("id source source_path record_key name type sha256 file_path state problem") <= set(whole[0])


@pytest.mark.parametrize("said", ["state=done", "limit=0", "limit=1001", "ids=1", "search=%FF", "state="])
def test_odd_questions_about_pending_models(reading: Served, said: str) -> None:
    assert reading.client.get(f"/api/pending?{said}").status == 422


# --- jobs -------------------------------------------------------------------------------------------------


def without_times(result: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in result.items() if key != "elapsed_s"}


def test_jobs_end_with_what_the_commands_say(stock: Stock, tmp_path: Path) -> None:
    other = tmp_path / "other.sqlite"
    folders = [str(folder) for folder in stock.demo.folders]
    with served(tmp_path / "catalog.sqlite", tmp_path / "token") as serving:
        client = serving.client
        scanned = client.job("/api/models/scan", {"paths": folders, "no_hash": True})
        dry = client.job("/api/migration/import_models", {"paths": [str(stock.demo.root)], "dry_run": True})
        assert client.get("/api/pending").json["total"] == 0
        imported = client.job("/api/migration/import_models", {"paths": [str(stock.demo.root)]})
        promoted = client.job("/api/migration/promote", {"all": True})
        again = client.job("/api/models/scan", {})
        waits = client.get("/api/pending?state=pending").json["pending"]
        some = client.job("/api/migration/promote", {"ids": [waits[0]["id"]]})
    documents = cli(
        other,
        ["scan", *folders, "--no-hash"],
        ["migrate", "import", stock.demo.root, "--dry-run"],
        ["migrate", "import", stock.demo.root],
        ["pending", "promote", "--all"],
        ["scan"],
        ["pending", "promote", str(waits[0]["id"])],
    )
    jobs = [scanned, dry, imported, promoted, again, some]
    for job, document in zip(jobs, documents, strict=True):
        assert (job["state"], job["error"]) == ("done", None)
        assert without_times(job["result"]) == without_times(document)
        assert words("id kind state done total result error") <= set(job)
    assert [job["kind"] for job in jobs] == ["scan", "import", "import", "promote", "scan", "promote"]
    assert promoted["result"]["promoted"] > 80
    assert some["result"]["stayed"] == 1


def test_inline_models_are_kept_byte_for_byte(empty: Served) -> None:
    payloads = [
        b'{"b":1,  "a": [1.50, 1E400, NaN], "b": "\\ud800\\u00e9"}',
        '"caf\u00e9 \U0001f600"'.encode(),
        b"123456789012345678901234567890.0",
        b"null",
        b"[\r\n\t{ }\r\n]",
    ]
    heads = [
        b'"name": "first", "sha256": "' + b"AB" * 32 + b'", "path": "/nowhere/first.safetensors"',
        b'"path": "/nowhere/second.safetensors", "type": "LORA"',
        b'"name": "third"',
        b'"type": null',
        b'"name": "fifth", "sha256": null',
    ]
    said = [
        head + b', "meta_json" :  ' + payload + b"  " for head, payload in zip(heads, payloads, strict=True)
    ]
    body = b'{"models": [{' + b"} , {".join(said) + b"}]}"
    job = empty.client.over(empty.client.ask("POST", "/api/migration/import_models", body).json["job"])
    assert job["state"] == "done", job
    result = job["result"]
    assert (result["seen"], result["imported"], result["failed"]) == (5, 5, 0)
    rows = empty.client.get("/api/pending").json["pending"]
    assert [(row["source"], row["source_path"], row["record_key"]) for row in rows] == [
        ("api", "", "ab" * 32),
        ("api", "", "/nowhere/second.safetensors"),
        ("api", "", "third"),
        ("api", "", ""),
        ("api", "", "fifth"),
    ]
    assert [row["payload_sha256"] for row in rows] == [
        hashlib.sha256(payload).hexdigest() for payload in payloads
    ]
    promoted = empty.client.job("/api/migration/promote", {"ids": [rows[0]["id"]], "allow_missing": True})
    assert promoted["result"]["promoted"] == 1
    (record,) = empty.client.get(f"/api/models/{'ab' * 32}").json["records"]
    assert empty.client.get(f"/api/models/{'ab' * 32}/records/{record['id']}").body == payloads[0]
    again = empty.client.over(empty.client.ask("POST", "/api/migration/import_models", body).json["job"])
    assert (again["result"]["imported"], again["result"]["unchanged"]) == (0, 5)
    dry = b'{"dry_run": true, ' + body[1:].replace(b"third", b"sixth")
    shown = empty.client.over(empty.client.ask("POST", "/api/migration/import_models", dry).json["job"])
    assert (shown["result"]["dry_run"], shown["result"]["imported"]) == (True, 1)
    assert empty.client.get("/api/pending").json["total"] == 5


def test_inline_models_and_paths_are_one_batch(stock: Stock, empty: Served, tmp_path: Path) -> None:
    model = write_copperleaf_xl(tmp_path)
    sha256 = hashlib.sha256(model.read_bytes()).hexdigest()
    body = {
        "paths": [str(stock.demo.csv)],
        "models": [{"path": str(model), "sha256": sha256, "meta_json": {"notes": "mine"}}],
    }
    imported = empty.client.job("/api/migration/import_models", body)["result"]
    assert imported["by_source"]["api"]["imported"] == 1
    assert imported["imported"] == sum(kind["imported"] for kind in imported["by_source"].values()) > 1
    assert len({row["batch_id"] for row in empty.client.get("/api/pending").json["pending"]}) == 1
    empty.client.job("/api/migration/promote", {"all": True})
    details = empty.client.get(f"/api/models/{sha256}").json
    assert (details["path"], details["meta_json"]) == (str(model), {"notes": "mine"})


SCAN, IMPORT, PROMOTE = "/api/models/scan", "/api/migration/import_models", "/api/migration/promote"


WRONG_BODIES = [
    (SCAN, b"", 400, "invalid_json"),
    (SCAN, b"[]", 400, "invalid_json"),
    (SCAN, b"null", 400, "invalid_json"),
    (SCAN, b'"{}"', 400, "invalid_json"),
    (SCAN, b"{} {}", 400, "invalid_json"),
    (SCAN, b"{'paths': []}", 400, "invalid_json"),
    (SCAN, b'{"no_hash": NaN}', 400, "invalid_json"),
    (SCAN, b'{"paths": ["\xff"]}', 400, "invalid_json"),
    (SCAN, b"\xef\xbb\xbf{}", 400, "invalid_json"),
    (SCAN, b'{"path": ["/x"]}', 422, "unknown_key"),
    (SCAN, b'{"Paths": ["/x"]}', 422, "unknown_key"),
    (SCAN, b'{"paths": ["/x"], "paths": ["/x"]}', 422, "doubled_key"),
    (SCAN, b'{"paths": null}', 422, "wrong_value"),
    (SCAN, b'{"paths": "/x"}', 422, "wrong_value"),
    (SCAN, b'{"paths": [1]}', 422, "wrong_value"),
    (SCAN, b'{"paths": ["models"]}', 422, "wrong_value"),
    (SCAN, b'{"paths": ["/x\\u0000"]}', 422, "wrong_value"),
    (SCAN, b'{"no_hash": 1}', 422, "wrong_value"),
    (SCAN, b'{"no_hash": "true"}', 422, "wrong_value"),
    (IMPORT, b"{}", 422, "missing_key"),
    (IMPORT, b'{"dry_run": true}', 422, "missing_key"),
    (IMPORT, b'{"models": []}', 422, "missing_key"),
    (IMPORT, b'{"models": [], "paths": []}', 422, "missing_key"),
    (IMPORT, b'{"models": [{"name": "x"}]}', 422, "missing_key"),
    (IMPORT, b'{"models": [{"meta_json": 1, "meta_json": 2}]}', 422, "doubled_key"),
    (IMPORT, b'{"models": [{"meta_json": 1, "hash": "x"}]}', 422, "unknown_key"),
    (IMPORT, b'{"models": [{"meta_json": 1, "sha256": "x"}]}', 422, "wrong_value"),
    (IMPORT, b'{"models": [{"meta_json": 1, "name": 5}]}', 422, "wrong_value"),
    (IMPORT, b'{"models": {"meta_json": 1}}', 422, "wrong_value"),
    (IMPORT, b'{"models": [1]}', 422, "wrong_value"),
    (IMPORT, b'{"models": [{"meta_json": }]}', 400, "invalid_json"),
    (IMPORT, b'{"models": [{"meta_json": ' + b"[" * 100_000, 422, "too_deep"),
    (IMPORT, b'{"name": "x", "meta_json": {}}', 422, "unknown_key"),
    (PROMOTE, b"{}", 422, "missing_key"),
    (PROMOTE, b'{"ids": [1], "all": true}', 422, "wrong_value"),
    (PROMOTE, b'{"all": false}', 422, "missing_key"),
    (PROMOTE, b'{"ids": null}', 422, "wrong_value"),
    (PROMOTE, b'{"ids": [], "all": true}', 422, "wrong_value"),
    (PROMOTE, b'{"all": 1}', 422, "wrong_value"),
    (PROMOTE, b'{"ids": [0]}', 422, "wrong_value"),
    (PROMOTE, b'{"ids": [true]}', 422, "wrong_value"),
    (PROMOTE, b'{"ids": ["1"]}', 422, "wrong_value"),
    (PROMOTE, b'{"ids": [1.5]}', 422, "wrong_value"),
    (PROMOTE, b'{"ids": [9223372036854775808]}', 422, "wrong_value"),
    (PROMOTE, b'{"ids": [1], "attach_anyway": null}', 422, "wrong_value"),
]


def test_bodies_that_make_no_sense_start_nothing(empty: Served) -> None:
    for path, body, status, code in WRONG_BODIES:
        answer = empty.client.ask("POST", path, body)
        assert answer.status == status, (path, body[:80])
        assert (answer.status, answer.code) == (status, code), (path, body[:80])
    assert empty.client.get("/api/jobs").json == {"jobs": [], "total": 0}


def test_only_json_of_a_bounded_size_is_taken(empty: Served) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin-1", ""):
        answer = empty.client.ask("POST", SCAN, b"{}", {"Content-Type": kind})
        assert (answer.status, answer.code) == (415, "content_type")
    assert empty.client.ask("POST", SCAN, b"{}", {"Content-Encoding": "gzip"}).code == "content_encoding"
    large = b'{"paths": ["/nowhere/' + b"x" * 65_536 + b'"]}'
    answer = empty.client.ask("POST", SCAN, large)
    assert (answer.status, answer.code) == (413, "too_large")
    assert answer.json["error"]["details"] == {"limit_bytes": 65_536}
    huge = b'{"models": [{"name": "x", "meta_json": "' + b"x" * (8 << 20) + b'"}]}'
    answer = empty.client.ask("POST", IMPORT, huge)
    assert (answer.status, answer.json["error"]["details"]) == (413, {"limit_bytes": 8_388_608})
    fits = huge[: 8_388_608 - 4] + b'"}]}'
    job = empty.client.over(empty.client.ask("POST", IMPORT, fits).json["job"])
    assert job["result"]["imported"] == 1


def test_empty_lists_are_taken_at_their_word(empty: Served) -> None:
    for path, body in (
        (SCAN, b'{"paths": []}'),
        (IMPORT, b'{"paths": [], "models": [{"name": "x", "meta_json": 1}]}'),
        (PROMOTE, b'{"ids": []}'),
        (PROMOTE, b'{"ids": [], "all": false}'),
    ):
        assert empty.client.job(path, body)["state"] == "done", body
    (waiting,) = empty.client.get("/api/pending").json["pending"]
    assert (waiting["name"], waiting["state"]) == ("x", "pending")


def test_ids_that_are_whole_floats_and_strange_paths_are_taken(empty: Served) -> None:
    promoted = empty.client.job(PROMOTE, b'{"ids": [7.0]}')
    assert promoted["state"] == "done"
    assert promoted["result"]["promoted"] == 0
    scanned = empty.client.job(SCAN, b'{"paths": ["/nowhere/\\udc80 \\u202e\\n"]}')
    (problem,) = scanned["result"]["problems"]
    assert (problem["path"], problem["code"]) == ("/nowhere/\udc80 \u202e\n", "not_found")


def test_a_list_of_faults_is_told_by_its_first(empty: Served) -> None:
    answer = empty.client.ask("POST", IMPORT, b'{"models": [%s1]}' % (b"1," * 500_000))
    assert (answer.status, answer.code) == (422, "wrong_value")
    assert len(answer.body) < 1_000
    answer = empty.client.ask("POST", PROMOTE, b'{"ids": [%s0]}' % (b"0," * 30_000))
    assert (answer.status, len(answer.json["error"]["details"]["errors"])) == (422, 1)


def test_more_words_than_anyone_would_type_are_refused(reading: Served) -> None:
    many = "+".join(f"w{number}" for number in range(101))
    for target in (
        f"/api/models?search={many}",
        f"/api/pending?search={many}",
        "/api/models?" + "&".join(["tag=x"] * 101),
    ):
        answer = reading.client.get(target)
        assert (answer.status, answer.code) == (422, "wrong_value"), target[:40]
    assert reading.client.get("/api/models?" + "&".join(["tag=x"] * 100)).status == 200


def test_an_answer_is_known_until_something_changes(writing: Served) -> None:
    target = "/api/models?limit=7&sort=added_at"
    first = writing.client.get(target)
    statements: list[str] = []
    writing.catalog.trace(statements.append)
    again = writing.client.get(target)
    other = writing.client.get("/api/models?limit=7&sort=added_at&desc=true")
    writing.catalog.trace(None)
    assert (again.status, again.body, again.headers["etag"]) == (200, first.body, first.headers["etag"])
    assert other.json["models"] != first.json["models"]
    # Only the other one was asked of the catalog.
    assert sum("json_object" in statement for statement in statements) == 1
    sha256 = first.json["models"][0]["sha256"]
    (model_id,) = writing.catalog.ids_of([sha256]).values()
    writing.library.edit([model_id], "rating", 5)
    changed = writing.client.get(target)
    assert changed.headers["etag"] != first.headers["etag"]
    (row,) = (row for row in changed.json["models"] if row["sha256"] == sha256)
    assert row["rating"] == 5


def test_large_answers_take_turns_and_are_whole(writing: Served) -> None:
    payload = b'"' + b"x" * (2 << 20) + b'"'
    sha256 = "ab" * 32
    model = b'{"sha256": "%s", "meta_json": %s}' % (sha256.encode(), payload)
    assert writing.client.job(IMPORT, b'{"models": [%s]}' % model)["state"] == "done"
    (waiting,) = (row for row in writing.client.get("/api/pending").json["pending"] if row["source"] == "api")
    promoted = writing.client.job(PROMOTE, {"ids": [waiting["id"]], "allow_missing": True})
    assert promoted["result"]["promoted"] == 1
    (record,) = writing.client.get(f"/api/models/{sha256}").json["records"]
    target = f"/api/models/{sha256}/records/{record['id']}"
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: writing.client.get(target), range(8)))
    assert {answer.status for answer in found} == {200}
    assert {answer.body for answer in found} == {payload}


class Held:
    """Takes jobs on, and does them when the test says so."""

    def __init__(self) -> None:
        self.jobs: list[Job] = []

    def do(self, progress: Progress | None = None) -> None:
        job = self.jobs.pop(0)
        with contextlib.suppress(Cancelled):
            job.work(progress or Progress())
        job.settle()


@pytest.fixture
def held() -> Held:
    return Held()


@pytest.fixture
def holding(held: Held, tmp_path: Path) -> Iterator[Served]:
    with served(tmp_path / "catalog.sqlite", tmp_path / "token", held.jobs.append) as serving:
        yield serving


def test_a_job_that_waits_is_cancelled_at_once(holding: Served, held: Held) -> None:
    job_id = holding.client.post(SCAN, {}).json["job"]
    waiting = holding.client.get(f"/api/jobs/{job_id}").json
    assert (waiting["state"], waiting["done"], waiting["total"]) == ("queued", 0, None)
    assert (waiting["result"], waiting["error"], waiting["ended_at"]) == (None, None, None)
    cancelled = holding.client.ask("DELETE", f"/api/jobs/{job_id}")
    assert (cancelled.status, cancelled.json["state"]) == (200, "cancelled")
    held.do()
    assert holding.client.get(f"/api/jobs/{job_id}").json["state"] == "cancelled"
    assert holding.client.ask("DELETE", f"/api/jobs/{job_id}").json == cancelled.json
    for method in ("GET", "DELETE"):
        for unknown in ("0" * 16, "x", job_id.upper() + "0"):
            answer = holding.client.ask(method, f"/api/jobs/{unknown}")
            assert (answer.status, answer.code) == (404, "not_found")


def test_a_running_job_is_cancelled_and_what_it_did_stays(stock: Stock, holding: Served, held: Held) -> None:
    body = {"paths": [str(stock.demo.root)]}
    job_id = holding.client.post(IMPORT, body).json["job"]
    is_at_work, may_go_on = threading.Event(), threading.Event()

    def on_step(_: object) -> None:
        is_at_work.set()
        may_go_on.wait(20)

    worker = threading.Thread(target=held.do, args=(Progress(on_step),))
    worker.start()
    assert is_at_work.wait(20)
    running = holding.client.ask("DELETE", f"/api/jobs/{job_id}").json
    assert running["state"] == "running"
    may_go_on.set()
    worker.join()
    job = holding.client.get(f"/api/jobs/{job_id}").json
    assert (job["state"], job["error"]) == ("cancelled", None)
    total = holding.client.get("/api/pending").json["total"]
    if job["result"] is not None:
        assert job["result"]["cancelled"]
        assert job["result"]["imported"] == total
    holding.client.post(IMPORT, body)
    held.do()
    assert holding.client.get("/api/pending").json["total"] > 90


def test_a_job_that_fails_says_why(holding: Served, held: Held, tmp_path: Path) -> None:
    job_id = holding.client.post(IMPORT, {"models": [{"name": "x", "meta_json": 1}]}).json["job"]
    with contextlib.closing(driver.connect(str(tmp_path / "catalog.sqlite"))) as other:
        other.execute("ALTER TABLE batches RENAME TO gone")
    with pytest.raises(CatalogError):
        held.jobs[0].work(Progress())
    job = holding.client.get(f"/api/jobs/{job_id}").json
    assert (job["state"], job["result"]) == ("failed", None)
    assert job["error"]["code"] == "catalog_error"
    assert set(job["error"]) == {"code", "message", "details"}
    assert holding.client.get("/api/models").status == 200


def test_jobs_are_listed_without_their_results(holding: Served, held: Held) -> None:
    ids = [
        holding.client.post(path, {"all": True} if path == PROMOTE else {}).json["job"]
        for path in (SCAN, PROMOTE, SCAN)
    ]
    held.do()
    listed = holding.client.get("/api/jobs").json
    assert set(listed) == {"jobs", "total"}
    assert listed["total"] == 3
    assert [job["id"] for job in listed["jobs"]] == ids
    assert [job["state"] for job in listed["jobs"]] == ["done", "queued", "queued"]
    whole = holding.client.get(f"/api/jobs/{ids[0]}").json
    assert {key: value for key, value in whole.items() if key != "result"} == listed["jobs"][0]
    assert whole["result"]["seen"] == 0


def test_too_much_work_is_refused(holding: Served, held: Held) -> None:
    for _ in range(64):
        assert holding.client.post(SCAN, {}).status == 202
    answer = holding.client.post(SCAN, {})
    assert (answer.status, answer.code) == (429, "too_many_jobs")
    held.do()
    assert holding.client.post(SCAN, {}).status == 202


# --- events -----------------------------------------------------------------------------------------------


class Listener:
    """Reads the stream of events in a thread of its own."""

    def __init__(self, client: Client) -> None:
        self.events: list[tuple[str, Any]] = []
        self._connection = client.connect()
        self._connection.request("GET", "/api/events", headers=client.headers())
        self._answer = self._connection.getresponse()
        assert self._answer.status == 200
        assert self._answer.getheader("Content-Type", "").startswith("text/event-stream")
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()

    def _listen(self) -> None:
        name = ""
        while line := self._answer.readline().decode("ascii").rstrip("\n"):
            if line.startswith("event: "):
                name = line.removeprefix("event: ")
            elif line.startswith("data: "):
                self.events.append((name, json.loads(line.removeprefix("data: "))))
                self._answer.readline()

    def has(self, name: str) -> list[Any]:
        return [data for kind, data in list(self.events) if kind == name]

    def join(self) -> None:
        self._thread.join(10)
        self._answer.close()
        self._connection.close()
        assert not self._thread.is_alive()


def test_events_tell_of_jobs_and_changes_of_whichever_program(stock: Stock, tmp_path: Path) -> None:
    with served(tmp_path / "catalog.sqlite", tmp_path / "token") as serving:
        listener = Listener(serving.client)
        until(lambda: bool(listener.has("hello")))
        (hello,) = listener.has("hello")
        assert set(hello) == {"data_version", "jobs"}
        assert hello["jobs"] == []
        job = serving.client.job(SCAN, {"paths": [str(stock.odd)]})
        until(lambda: any(told["state"] == "done" for told in listener.has("job")))
        told = listener.has("job")
        assert {one["id"] for one in told} == {job["id"]}
        assert told[-1] == {key: value for key, value in job.items() if key != "result"}
        version = serving.client.get("/api/models").json["data_version"]
        until(
            lambda: bool(listener.has("changes")) and listener.has("changes")[-1]["data_version"] == version
        )
        cli(tmp_path / "catalog.sqlite", ["folders", "add", tmp_path])
        until(lambda: listener.has("changes")[-1]["data_version"] != version)
        assert listener.events[0][0] == "hello"
        with contextlib.closing(serving.client.connect()) as second:
            second.request("GET", "/api/events", headers=serving.client.headers())
            with contextlib.closing(second.getresponse()) as answer:
                assert answer.readline() == b"event: hello\n"
                (listed,) = json.loads(answer.readline().removeprefix(b"data: "))["jobs"]
            assert listed == told[-1]
    listener.join()  # the server ended the stream
