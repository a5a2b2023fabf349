"""Document, OpenAPI and routes say the same, and every example of the document runs."""

import ast
import functools
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi.routing import APIRoute
from jsonschema_rs import validator_for
from pydantic import BaseModel, TypeAdapter

from modelmgr.api import answers, examples, failures, jobs, parameters, requests, shapes, thumbnail
from modelmgr.api.limits import Limits
from modelmgr.api.routes import make_app
from modelmgr.catalog import hash_store
from modelmgr.edits import EDITABLE
from modelmgr.filters import MODEL_FILTERS
from tests.api.served import Served
from tests.api.stock import Stock

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "_codex" / "backend_apis.md").read_text(encoding="utf-8")
HTTP = DOCUMENT[DOCUMENT.index("\n## HTTP\n") :]
EVERYWHERE = {400, 401, 403, 422, 431, 500, 503}
POSTS = EVERYWHERE | {202, 408, 411, 413, 415, 429, 507}

# Every route, what it may answer, and whether its query or body has keys of its own: written by hand.
ROUTES = {
    ("GET", "/api/health"): (EVERYWHERE - {401}) | {200},
    ("GET", "/api/models"): EVERYWHERE | {200, 304},
    ("GET", "/api/models/by-hash/{hash}"): EVERYWHERE | {200},
    ("GET", "/api/models/{sha256}"): EVERYWHERE | {200, 304, 404},
    ("PATCH", "/api/models/{sha256}"): EVERYWHERE | {200, 404, 408, 411, 412, 413, 415, 428, 507},
    ("GET", "/api/models/{sha256}/records/{id}"): EVERYWHERE | {200, 404},
    ("GET", "/api/models/{sha256}/preview"): EVERYWHERE | {200, 404},
    ("GET", "/api/pending"): EVERYWHERE | {200, 304},
    ("POST", "/api/models/scan"): POSTS,
    ("POST", "/api/migration/import_models"): POSTS,
    ("POST", "/api/migration/promote"): POSTS,
    ("GET", "/api/jobs"): EVERYWHERE | {200},
    ("GET", "/api/jobs/{id}"): EVERYWHERE | {200, 404},
    ("DELETE", "/api/jobs/{id}"): EVERYWHERE | {200, 404},
    ("GET", "/api/events"): EVERYWHERE | {200},
}
UNLISTED = ("GET", "/api/openapi.json")


@functools.cache
def application() -> Any:
    nothing: Any = SimpleNamespace(catalog=None, stream=None)
    return make_app(nothing, nothing, nothing, nothing)


def openapi() -> dict[str, Any]:
    document: dict[str, Any] = application().openapi()
    return document


def operations() -> Iterator[tuple[tuple[str, str], dict[str, Any]]]:
    for path, methods in openapi()["paths"].items():
        for method, operation in methods.items():
            yield (method.upper(), path), operation


def section(route: tuple[str, str]) -> str:
    """Return what the document says of a route."""
    title = f"\n### `{route[0]} {route[1]}`\n"
    assert HTTP.count(title) == 1, title
    rest = HTTP[HTTP.index(title) + len(title) :]
    return rest[: rest.index("\n### ")]


def table(text: str, head: str) -> list[list[str]]:
    """Return the rows of the table whose first column is called so; none if there is no such table."""
    found = re.search(rf"^\| {re.escape(head)} \|.*\n\|[ -|]*\n((?:\|.*\n)*)", text + "\n", re.MULTILINE)
    if found is None:
        return []
    return [[cell.strip() for cell in line.strip().strip("|").split(" | ")] for line in found[1].splitlines()]


def words(cell: str) -> set[str]:
    return set(re.findall(r"`([a-z0-9_]+)`", cell))


def keys(text: str, head: str) -> set[str]:
    return set().union(*(words(row[0]) for row in table(text, head)), set())


def model(name: str) -> type[BaseModel]:
    found: type[BaseModel] = getattr(requests, name, None) or getattr(shapes, name)
    return found


def shape_of(content: dict[str, Any]) -> type[BaseModel]:
    return model(content["application/json"]["schema"]["$ref"].rpartition("/")[2])


# --- routes -----------------------------------------------------------------------------------------------


def test_document_openapi_and_application_have_the_same_routes() -> None:
    served = {(method, route.path) for route in application().routes for method in route.methods}
    assert all(isinstance(route, APIRoute) for route in application().routes)
    listed = {route for route, _ in operations()}
    assert listed == set(ROUTES)
    assert served == {*ROUTES, UNLISTED}
    said = set(re.findall(r"^### `([A-Z]+) (/[^`]*)`$", HTTP, re.MULTILINE))
    assert said == served
    overview = [re.fullmatch(r"`([A-Z]+) (/.*)`", row[0]) for row in table(HTTP, "route")]
    assert {found.groups() for found in overview if found} == served
    assert "import_a_model" not in DOCUMENT
    assert "coming" not in HTTP.lower()


def test_every_route_lists_what_it_may_answer() -> None:
    for route, operation in operations():
        assert {int(status) for status in operation["responses"]} == ROUTES[route], route


def test_only_health_takes_no_token() -> None:
    assert openapi()["security"] == [{"token": []}]
    assert openapi()["components"]["securitySchemes"]["token"]["scheme"] == "bearer"
    free = [route for route, operation in operations() if operation.get("security") == []]
    assert free == [("GET", "/api/health")]
    assert not [route for route, operation in operations() if operation.get("security")]


# --- parameters, bodies, answers --------------------------------------------------------------------------


def test_parameters_are_the_same_in_document_and_openapi() -> None:
    for route, operation in operations():
        parameters = [one for one in operation.get("parameters", []) if one["in"] != "header"]
        assert keys(section(route), "parameter") == {one["name"] for one in parameters}, route
        in_path = {one["name"] for one in parameters if one["in"] == "path"}
        assert in_path == set(re.findall(r"\{(\w+)\}", route[1]))
        assert all(one["description"] and one["schema"] for one in parameters)
    filters = {found.name for found in MODEL_FILTERS}
    assert keys(section(("GET", "/api/models")), "parameter") == filters | {"limit", "cursor", "fields"}


def test_bodies_are_the_same_in_document_and_openapi() -> None:
    for route, operation in operations():
        body = operation.get("requestBody")
        assert (body is not None) == (route[0] in ("POST", "PATCH"))
        said = keys(section(route), "key")
        assert said == (set(shape_of(body["content"]).model_fields) if body else set()), route
    prose = words(section(("POST", "/api/migration/import_models")))
    assert set(requests.InlineModelIn.model_fields) <= prose
    assert set(requests.EditedValues.model_fields) == set(EDITABLE)
    assert set(EDITABLE) <= words(section(("PATCH", "/api/models/{sha256}")))


def test_answers_are_the_same_in_document_and_openapi() -> None:
    light = re.search(r"A \*light column\* is one of `([^`]*)`", DOCUMENT)
    assert light is not None
    assert light[1].replace("[]", "").split() == list(shapes.LightModel.model_fields)
    assert list(shapes.NarrowModel.model_fields) == list(shapes.LightModel.model_fields)
    nested = {
        ("GET", "/api/models/{sha256}"): ["RecordOut", "FileOut", "AttachmentOut", "OriginOut"],
        ("GET", "/api/models/by-hash/{hash}"): ["HashCandidate"],
        ("GET", "/api/pending"): ["PendingOut"],
        ("GET", "/api/jobs/{id}"): ["ErrorBody"],
    }
    for route, operation in operations():
        success = operation["responses"].get("200") or operation["responses"]["202"]
        said = keys(section(route), "answer")
        if "application/json" not in success["content"]:
            assert said == set(), route
            continue
        fields = set(shape_of(success["content"]).model_fields)
        if route[1] == "/api/models/{sha256}":
            fields -= set(shapes.LightModel.model_fields)
        if route[0] != "DELETE":
            assert said == fields, route
        for name in nested.get(route, []):
            assert set(model(name).model_fields) <= words(section(route)), (route, name)


def test_results_of_jobs_are_described_with_the_commands() -> None:
    commands = {
        "scan [PATH": "ScanResult",
        "migrate import": "ImportResult",
        "pending promote": "PromoteResult",
    }
    for command, name in commands.items():
        (row,) = [line for line in DOCUMENT.splitlines() if line.startswith(f"| `{command}")]
        said = set(re.findall(r"[a-z_]+", " ".join(re.findall(r"`([^`]*)`", row.split(" | ", 1)[1]))))
        assert set(model(name).model_fields) <= said, name


def test_events_are_described_as_they_are_told() -> None:
    source = (ROOT / "modelmgr" / "api" / "events.py").read_text(encoding="utf-8")
    told = set(re.findall(r'_event\("(\w+)"', source))
    assert keys(section(("GET", "/api/events")), "event") == told == {"hello", "job", "changes"}


# --- errors and limits ------------------------------------------------------------------------------------


def test_errors_are_the_same_in_document_and_code() -> None:
    said = {(int(status), code.strip("`")) for status, code, _ in table(HTTP, "status")}
    known = {(status, code) for status, (_, codes) in failures.ERRORS.items() for code in codes}
    assert said == known
    assert len(table(HTTP, "status")) == len(said)


def test_every_code_of_the_local_api_is_known() -> None:
    """Read all codes that the code names, and hold them against the table."""
    found: set[str] = set()
    for path in (*(ROOT / "modelmgr" / "api").glob("*.py"), ROOT / "modelmgr" / "errors.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                found |= set(_codes(node))
            if isinstance(node, ast.Assign) and any(ast.unparse(name) == "code" for name in node.targets):
                found |= set(_constants(node.value))
    routing = {"unknown_path", "wrong_method"}
    known = {code for _, codes in failures.ERRORS.values() for code in codes}
    of_no_answer = {"port_in_use", "port_unusable", "not_started", "token_file"}
    of_library = {"outside"}
    of_other_doors = {"error", "usage", "unreadable"}
    of_rules = routing | of_library | {jobs.FAULT["code"], *answers._CODES.values()}
    assert (found - of_no_answer - of_other_doors) | of_rules == known


def _codes(call: ast.Call) -> Iterator[str]:
    if ast.unparse(call.func) == "Refusal" and len(call.args) > 1:
        yield from _constants(call.args[1])
    for keyword in call.keywords:
        if keyword.arg == "code":
            yield from _constants(keyword.value)


def _constants(node: ast.expr) -> Iterator[str]:
    """Return the words that an expression may be, not those that it asks about."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    if isinstance(node, ast.IfExp):
        yield from _constants(node.body)
        yield from _constants(node.orelse)


def test_limits_are_the_same_in_document_and_code() -> None:
    limits = Limits()
    assert failures.ERRORS[408][1]["timeout"] == (
        f"headers take {limits.header_s:.0f} s at most, the body {limits.body_s:.0f} s"
    )
    figures = {
        "a page of models or pending models": f"{parameters.LARGEST_PAGE:,}",
        "request line and headers": f"{limits.header_bytes >> 10} KiB",
        "body of `import_models`": f"{limits.import_body_bytes >> 20} MiB",
        "body of any other request": f"{limits.body_bytes >> 10} KiB",
        "time for the headers": f"{limits.header_s:.0f} s",
        "time for the body": f"{limits.body_s:.0f} s",
        "rest between two requests of a connection": f"{limits.idle_s:.0f} s",
        "a reader that takes nothing": f"{limits.reader_s:.0f} s",
        "answers that wait for slow readers, together": f"{limits.unread_bytes >> 20} MiB",
        "connections": f"{limits.connections:,}",
        "requests at work": f"{limits.requests}",
        f"bodies above {limits.body_bytes >> 10} KiB at once": f"{limits.large_bodies}",
        "event streams": f"{limits.streams}",
        "jobs that wait or run": f"{jobs.WAITING_JOBS}",
        "bodies of those jobs together": f"{jobs.WAITING_BYTES >> 20} MiB",
        "jobs that are over and known": f"{jobs.KEPT_JOBS}",
        "candidates of a hash": f"{hash_store.MATCHES}",
        "longest side of a thumbnail": f"{thumbnail.SIDES[1]:,} px",
    }
    assert {row[0]: row[1] for row in table(HTTP, "of")} == figures
    pages = section(("GET", "/api/models"))
    assert f"1 to {parameters.LARGEST_PAGE}, {parameters.DEFAULT_PAGE} unless given" in pages


# --- the quality of the OpenAPI document -------------------------------------------------------------------


def test_every_reference_leads_somewhere_and_every_schema_is_used() -> None:
    schemas = openapi()["components"]["schemas"]
    used: set[str] = set()

    def walk(node: Any) -> None:
        if isinstance(node, dict):
            if isinstance(node.get("$ref"), str):
                used.add(node["$ref"])
            for value in node.values():
                walk(value)
        elif isinstance(node, list):
            for value in node:
                walk(value)

    walk(openapi())
    assert used == {f"#/components/schemas/{name}" for name in schemas}
    assert all(schema["description"] for schema in schemas.values())


def test_every_route_is_described_and_has_examples() -> None:
    names = [operation["operationId"] for _, operation in operations()]
    assert len(set(names)) == len(names) == len(ROUTES)
    for route, operation in operations():
        assert operation["summary"].endswith("."), route
        assert operation["description"]
        assert operation["tags"]
        for status, answer in operation["responses"].items():
            assert answer["description"], (route, status)
            for media_type, content in answer.get("content", {}).items():
                assert content["schema"]
                if media_type == "application/json":
                    TypeAdapter(shape_of({media_type: content})).validate_python(content["example"])
                elif not media_type.startswith("image/"):
                    assert content["example"]
        if "requestBody" in operation:
            assert operation["requestBody"]["content"]["application/json"]["examples"]
        for parameter in operation.get("parameters", []):
            assert "example" in parameter or parameter["name"] == "id", (route, parameter["name"])
            assert len(parameter["description"]) > 8
            assert "anyOf" not in parameter["schema"]
    assert set(examples.ANSWERS) | {"preview"} == set(names)


def test_examples_of_bodies_are_taken(empty: Served) -> None:
    for (method, path), operation in operations():
        if "requestBody" in operation and method == "POST":
            for name, example in operation["requestBody"]["content"]["application/json"]["examples"].items():
                assert example["summary"].endswith(".")
                assert empty.client.ask(method, path, example["value"]).status == 202, (path, name)


def test_examples_and_defaults_are_what_the_schema_allows() -> None:
    """Hold requests of the document against the document itself, as a generated client would."""
    schemas = openapi()["components"]["schemas"]
    for _, operation in operations():
        for parameter in operation.get("parameters", []):
            validator = validator_for(parameter["schema"])
            if "example" in parameter:
                validator.validate(parameter["example"])
            if "default" in parameter["schema"]:
                validator.validate(parameter["schema"]["default"])
        for content in operation.get("requestBody", {}).get("content", {}).values():
            validator = validator_for({**content["schema"], "components": {"schemas": schemas}})
            for example in content["examples"].values():
                validator.validate(example["value"])
    for schema in schemas.values():
        for value in schema.get("properties", {}).values():
            if "default" in value:
                validator_for({**value, "components": {"schemas": schemas}}).validate(value["default"])


# --- the examples of the document --------------------------------------------------------------------------


def examples_of_document() -> list[tuple[str, str, int, str]]:
    found = []
    for title, rest in re.findall(r"^### `([^`]*)`\n(.*?)(?=^### )", HTTP, re.MULTILINE | re.DOTALL):
        for status, command in re.findall(r"^```\n# (\d+)\n(.*?)^```$", rest, re.MULTILINE | re.DOTALL):
            method, _, path = title.partition(" ")
            found.append((method, path, int(status), command))
    return found


def test_every_route_has_an_example() -> None:
    said = {(method, path) for method, path, _, _ in examples_of_document()}
    assert said == {*ROUTES, UNLISTED}


@pytest.mark.skipif(not (shutil.which("curl") and shutil.which("sh")), reason="there is no curl")
def test_every_example_runs(stock: Stock, writing: Served, tmp_path: Path) -> None:
    rows = writing.client.get("/api/models?limit=1000").json["models"]
    details = (writing.client.get(f"/api/models/{row['sha256']}").json for row in rows if row["preview"])
    sha256, record = next((one["sha256"], one["records"][0]["id"]) for one in details if one["records"])
    job = writing.client.job("/api/models/scan", {"no_hash": True})["id"]
    etag = writing.client.get(f"/api/models/{sha256}").headers["etag"]
    (tmp_path / ".curlrc").write_text('silent\nwrite-out = "\\n%{http_code}"\n')
    environment = {
        "PATH": str(Path(shutil.which("curl") or "").parent),
        "CURL_HOME": str(tmp_path),
        "HOME": str(tmp_path),
        "API": writing.server.address,
        "TOKEN": writing.client.token,
        "SHA256": sha256,
        "ETAG": etag,
        "RECORD": str(record),
        "JOB": job,
        "NO_PROXY": "*",
    }
    for method, path, status, command in examples_of_document():
        assert command.startswith("curl ") and command.count("\n") == 1
        assert ("Authorization" in command) == (path != "/api/health")
        done = subprocess.run(
            ["sh", "-c", command], env=environment, cwd=tmp_path, capture_output=True, timeout=30, check=False
        )
        body, _, code = done.stdout.rpartition(b"\n")
        assert int(code) == status, (method, path, body[:500], done.stderr)
        if path == "/api/events":
            assert body.startswith(b"event: hello\n")
        assert done.returncode == (28 if path == "/api/events" else 0)
    assert (tmp_path / "payload.bin").stat().st_size > 0
    assert (tmp_path / "preview.jpg").read_bytes()[:3] in (b"\xff\xd8\xff", b"\x89PN")
