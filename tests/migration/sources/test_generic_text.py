"""Lists of scripts and spreadsheets: the bytes of each element or row, and what its columns mean."""

import base64
import gzip
import json
import random
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelmgr.errors import Unreadable
from modelmgr.migration import detect
from modelmgr.migration.sources import BY_RECORD_ID
from modelmgr.progress import Cancelled, Progress
from modelmgr.values import MIB, Claims, Problem, Record

INKWASH = "9548c2eb5134c9387290ee3b2f0e230918611259b79e46847aeaaef625b8445b"
COPPERLEAF = "f6fc015f5cee804ba65df8a2da7db5d375c30b5072a05768e58c9598aa7ec0e6"
NOTHING = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


class Drop:
    """Files that a person drops on the program, each by its name."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.problems: list[Problem] = []

    def put(self, name: str, content: bytes | str) -> Path:
        path = self.folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def found(self, name: str) -> detect.Found:
        paths = [str(self.folder / name)]
        (found,) = detect.find(paths, library_folders=[], progress=Progress(), report=self.problems.append)
        return found

    def read(self, name: str, content: bytes | str) -> list[Record]:
        self.put(name, content)
        found = self.found(name)
        assert found.source is not None and found.container is not None, f"{name} was ignored"
        records = list(found.source.records(found.container, Progress(), self.problems.append))
        assert all(record.source == found.source.id for record in records)
        assert all(record.source_path == str(self.folder / name) for record in records)
        assert len({record.record_key for record in records}) == len(records)
        for record in records:
            json.dumps(record.extra)
        return records

    def claims(self, name: str, content: bytes | str) -> list[Claims]:
        siblings = frozenset(path.name for path in self.folder.iterdir())
        return [BY_RECORD_ID[record.source].claims(record, siblings) for record in self.read(name, content)]

    def row(self, **columns: Any) -> Claims:
        (claims,) = self.claims("one.json", json.dumps([columns]))
        return claims


@pytest.fixture
def drop(tmp_path: Path) -> Drop:
    return Drop(tmp_path)


def payloads(records: list[Record]) -> list[bytes]:
    return [record.payload for record in records]


def keys(records: list[Record]) -> list[str]:
    return [record.record_key for record in records]


# --- JSON -------------------------------------------------------------------------------------------------


def test_the_example_fills_every_column_it_names(drop: Drop) -> None:
    row = (
        '{"name": "Inkwash Harbor", "type": "LoRA", "sha256": "' + INKWASH.upper() + '", '
        '"path": "D:\\\\AI\\\\loras\\\\inkwash_harbor.safetensors", '
        '"meta_json": "{\\"trainedWords\\": [\\"inkwash harbor\\"], \\"baseModel\\": \\"SDXL 1.0\\"}"}'
    )
    assert payloads(drop.read("list.json", f"[{row}]")) == [row.encode()]
    (claims,) = drop.claims("list.json", f"[{row}]")
    assert claims.fields == {
        "name": "Inkwash Harbor",
        "type": "lora",
        "base_model": "SDXL 1.0",
        "trigger_words": ("inkwash harbor",),
    }
    assert claims.sha256 == INKWASH
    assert claims.path == "D:\\AI\\loras\\inkwash_harbor.safetensors"


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(VALUES, max_size=5), st.sampled_from([None, 1, "\t"]), st.booleans(), st.integers(0, 99))
def test_each_payload_is_its_slice_of_the_file(
    drop: Drop, values: list[Any], indent: Any, ascii_only: bool, seed: int
) -> None:
    rng = random.Random(seed)
    pieces = [json.dumps(value, indent=indent, ensure_ascii=ascii_only) for value in values]
    text = (
        "["
        + ",".join(rng.choice(["", " ", "\n"]) + piece + rng.choice(["", " \t"]) for piece in pieces)
        + "]"
    )
    records = drop.read("list.json", text.encode("utf-8", "surrogatepass"))
    assert payloads(records) == [piece.encode("utf-8", "surrogatepass") for piece in pieces]
    for record in records:
        claims = BY_RECORD_ID[record.source].claims(record, frozenset())
        assert (claims.problem is None) == isinstance(json.loads(record.payload), dict)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.dictionaries(st.text(), VALUES, max_size=4), min_size=2, max_size=6))
def test_each_line_is_a_payload(drop: Drop, values: list[Any]) -> None:
    lines = [json.dumps(value) for value in values]
    assert payloads(drop.read("list.jsonl", "\r\n".join(lines))) == [line.encode() for line in lines]


@pytest.mark.parametrize("name", ["models", "items", "data", "results", "records"])
def test_a_list_within_an_object_is_found_and_what_surrounds_it_is_kept(drop: Drop, name: str) -> None:
    records = drop.read(
        "list.json", f'{{"version": 2, "{name}": [ {{"name":"a"}}, {{"name":"b"}} ], "by": "me"}}'
    )
    assert payloads(records) == [b'{"name":"a"}', b'{"name":"b"}']
    assert keys(records) == ["0", "1"]
    first, last = (record.extra or {} for record in records)
    assert first["list"] == last["list"] == name
    assert first["before"] == f'{{"version": 2, "{name}": [ '
    assert last["after"] == ' ], "by": "me"}'


def test_an_object_of_objects_gives_its_keys_to_the_records(drop: Drop) -> None:
    content = (
        f'{{"/a/x.safetensors": {{"notes": "1"}}, "{COPPERLEAF}": {{"notes": "2"}}, "Ink": {{"notes": "3"}},'
        ' "Ink": {"notes": "4"}, "Named": {"name": "own", "notes": "5"}}'
    )
    records = drop.read("map.json", content)
    assert keys(records) == ["/a/x.safetensors", COPPERLEAF, "Ink", "Ink#2", "Named"]
    assert payloads(records)[3] == b'{"notes": "4"}'
    claims = drop.claims("map.json", content)
    assert claims[0].path == "/a/x.safetensors"
    assert claims[1].sha256 == COPPERLEAF
    assert [said.fields.get("name") for said in claims] == [None, None, "Ink", "Ink", "own"]


@pytest.mark.parametrize("content", ["", "[]", "{}", "null", " \n", '{"models": []}', "\ufeff[]"])
def test_nothing_in_it_is_no_error(drop: Drop, content: str) -> None:
    assert drop.read("list.json", content) == []
    assert drop.problems == []


@pytest.mark.parametrize(
    "content", ['"text"', "17", '{"name": "one model"}', '{"nodes": [], "links": {}}', "{x: 1}"]
)
def test_any_other_top_level_is_refused_in_clear_words(drop: Drop, content: str) -> None:
    drop.put("list.json", content)
    found = drop.found("list.json")
    assert found.source is not None and found.container is not None
    with pytest.raises(Unreadable, match="neither a list of models nor an object of them"):
        list(found.source.records(found.container, Progress(), drop.problems.append))


def test_two_lists_are_not_guessed_between(drop: Drop) -> None:
    drop.put("list.json", '{"models": [{"name": "a"}], "items": [{"name": "b"}]}')
    found = drop.found("list.json")
    assert found.source is not None and found.container is not None
    with pytest.raises(Unreadable, match="models, items"):
        list(found.source.records(found.container, Progress(), drop.problems.append))
    assert len(drop.read("other.json", '{"models": [{"name": "a"}], "items": []}')) == 1


def test_elements_that_are_no_objects_are_kept_and_counted(drop: Drop) -> None:
    content = '[1, "two", null, [3], {"name": "four"}]'
    assert payloads(drop.read("list.json", content)) == [b"1", b'"two"', b"null", b"[3]", b'{"name": "four"}']
    problems = [said.problem for said in drop.claims("list.json", content)]
    assert problems == ["unparsed_payload"] * 4 + [None]


def test_a_list_cut_in_the_middle_keeps_all_of_it(drop: Drop) -> None:
    content = b'[{"name": "a"}, {"name": "b", "no'
    records = drop.read("list.json", content)
    assert payloads(records) == [b'{"name": "a"}', b'{"name": "b", "no']
    claims = drop.claims("list.json", content)
    assert claims[0].problem is None
    assert claims[1].problem == "unparsed_payload"
    assert "byte 16" in claims[1].message
    assert drop.problems == []


def test_a_list_cut_between_elements_says_so_once(drop: Drop) -> None:
    assert len(drop.read("list.json", b'{"models": [{"name": "a"}, ')) == 1
    assert [(problem.code, problem.kept) for problem in drop.problems] == [("truncated", True)]


def test_a_map_cut_in_the_middle_keeps_all_of_it(drop: Drop) -> None:
    records = drop.read("map.json", b'{"a": {"x": 1}, "b": {"x": ')
    assert payloads(records) == [b'{"x": 1}', b'{"x": ']
    records = drop.read("map.json", b'{"a": {"x": 1}, b: {"x": 2}}')
    assert payloads(records) == [b'{"x": 1}', b'b: {"x": 2}}']


def test_broken_elements_do_not_hide_their_neighbours(drop: Drop) -> None:
    content = b'[{"name": "a"}, {"name": NaN,}, {"name": "open}, {"name": "c"}, // no\n {"name": tru}]'
    records = drop.read("list.json", content)
    assert payloads(records) == [
        b'{"name": "a"}',
        b'{"name": NaN,}',
        b'{"name": "open}',
        b'{"name": "c"}',
        b'{"name": tru}',
    ]
    claims = drop.claims("list.json", content)
    assert [said.problem is None for said in claims] == [True, True, False, True, False]
    assert "parsed-tolerant" in claims[1].flags


@pytest.mark.parametrize("codec", ["utf-8-sig", "utf-16", "utf-16-le", "cp1252", "cp932"])
def test_every_codec_that_exports_are_written_in_is_read(drop: Drop, codec: str) -> None:
    name = {"cp1252": "Für Häfen", "cp932": "ソフト表示"}.get(codec, "Für 表示 😀")
    pieces = [json.dumps({"name": name, "notes": name}, ensure_ascii=False), '{"name": "plain"}']
    content = f"[{pieces[0]} ,\r\n {pieces[1]}]".encode(codec)
    records = drop.read("list.json", content)
    raw = {"utf-8-sig": "utf-8", "utf-16": "utf-16-le"}.get(codec, codec)
    assert payloads(records) == [piece.encode(raw) for piece in pieces]
    assert [said.fields["name"] for said in drop.claims("list.json", content)] == [name, "plain"]
    lines = "\n".join(pieces).encode(codec)
    assert payloads(drop.read("list.jsonl", lines)) == [piece.encode(raw) for piece in pieces]
    assert [said.fields["name"] for said in drop.claims("list.jsonl", lines)] == [name, "plain"]


def test_one_element_in_another_codec_spoils_no_neighbour(drop: Drop) -> None:
    content = '[{"name": "Häfen äöü"}, '.encode() + b'{"name": "f\xfcr"}]'
    assert [said.fields["name"] for said in drop.claims("list.json", content)] == ["Häfen äöü", "für"]


def test_nesting_of_ten_thousand_levels_stays_bytes(drop: Drop) -> None:
    deep = b'{"name": ' + b"[" * 10_000 + b"]" * 10_000 + b"}"
    content = b'[{"name": "a"}, ' + deep + b', {"name": "c"}]'
    assert payloads(drop.read("list.json", content))[1] == deep
    claims = drop.claims("list.json", content)
    assert [said.problem for said in claims] == [None, "unparsed_payload", None]
    assert "deep" in claims[1].message


def test_odd_values_survive(drop: Drop) -> None:
    long = "x" * MIB
    row = (
        '{"name": "a\\ud83d\\u0000b \u202eשלום 😀", "size": 9007199254740993, "rating": "4", "notes": "'
        + long
        + '",'
        ' "extra key": {"any": [1e400, -0.0]}, "updated_at": 1719000000123}'
    )
    (record,) = drop.read("list.json", f"[{row}]")
    assert record.payload == row.encode()
    (claims,) = drop.claims("list.json", f"[{row}]")
    assert claims.fields["name"] == "a\ufffdb \u202eשלום 😀"
    assert claims.size_bytes == 9007199254740993
    assert claims.fields["rating"] == 4
    assert claims.fields["notes"] == long
    assert claims.time == 1719000000.123


def test_an_array_above_64_mib_is_read_element_by_element(drop: Drop) -> None:
    element = json.dumps({"name": "x", "notes": "y" * (MIB - 100)}).encode()
    with (drop.folder / "large.json").open("wb") as file:
        file.write(b"[" + b",\n".join([element] * 66) + b"]")
    found = drop.found("large.json")
    assert found.source is not None and found.container is not None
    records = found.source.records(found.container, Progress(), drop.problems.append)
    assert sum(record.payload == element for record in records) == 66


def test_an_element_above_256_mib_is_a_problem_and_the_next_one_follows(drop: Drop) -> None:
    with (drop.folder / "large.json").open("wb") as file:
        file.write(b'[{"name": "a"}, {"name": "')
        for _ in range(257):
            file.write(b"x" * MIB)
        file.write(b'"}, {"name": "c"}]')
    found = drop.found("large.json")
    assert found.source is not None and found.container is not None
    records = list(found.source.records(found.container, Progress(), drop.problems.append))
    assert payloads(records) == [b'{"name": "a"}', b'{"name": "c"}']
    assert [(problem.code, problem.record_key) for problem in drop.problems] == [("too_large", "1")]


def test_cancel_stops_between_two_records(drop: Drop) -> None:
    drop.put("list.json", json.dumps([{"name": str(number)} for number in range(10)]))
    found = drop.found("list.json")
    assert found.source is not None and found.container is not None
    progress = Progress()
    records = found.source.records(found.container, progress, drop.problems.append)
    next(records)
    progress.cancel()
    with pytest.raises(Cancelled):
        list(records)


# --- JSON Lines -------------------------------------------------------------------------------------------


def test_blank_and_broken_lines_do_not_stop_the_others(drop: Drop) -> None:
    content = '\ufeff{"name": "a"}\r\n\r\n   \n{"name": brok\n{"name": "u\u2028v"}\n{"name": "last"}'
    records = drop.read("list.ndjson", content)
    assert keys(records) == ["0", "1", "2", "3"]
    assert payloads(records) == [
        b'{"name": "a"}',
        b'{"name": brok',
        '{"name": "u\u2028v"}'.encode(),
        b'{"name": "last"}',
    ]
    assert [said.problem for said in drop.claims("list.ndjson", content)] == [
        None,
        "unparsed_payload",
        None,
        None,
    ]


def test_json_whose_second_line_begins_an_object_is_json_lines(drop: Drop) -> None:
    drop.put("list.json", '{"name": "a"}\n\n{"name": "b"}\n')
    found = drop.found("list.json")
    assert found.source is not None
    assert found.source.id == "generic-jsonl"
    drop.put("list.json", '[\n{"name": "a"},\n{"name": "b"}\n]')
    found = drop.found("list.json")
    assert found.source is not None
    assert found.source.id == "generic-json"


def test_a_list_under_the_name_of_json_lines_is_still_a_list(drop: Drop) -> None:
    drop.put("list.jsonl", '[\n {"name": "a"},\n {"name": "b"}\n]')
    found = drop.found("list.jsonl")
    assert found.source is not None
    assert found.source.id == "generic-json"


# --- CSV --------------------------------------------------------------------------------------------------

EXAMPLE = (
    "name;type;sha256;path;tags;favorite;meta_json\r\n"
    f'"Copperleaf; XL";checkpoint;{COPPERLEAF};/data/sd/copperleaf_xl.safetensors;metal|warm;yes;"{{""nsfw"": false}}"'
    "\r\n"
)


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_the_example_of_a_spreadsheet_is_read_in_every_codec(drop: Drop, codec: str) -> None:
    content = (EXAMPLE + '"Häfen\r\nund Meer";lora;;;;;\r\n').encode(codec)
    raw = {"utf-8-sig": "utf-8", "utf-16": "utf-16-le"}.get(codec, codec)
    records = drop.read("list.csv", content)
    assert keys(records) == ["0", "1"]
    assert payloads(records) == [
        EXAMPLE.splitlines()[1].encode(raw),
        '"Häfen\r\nund Meer";lora;;;;;'.encode(raw),
    ]
    extra = records[0].extra or {}
    assert extra["header"] == ["name", "type", "sha256", "path", "tags", "favorite", "meta_json"]
    assert extra["delimiter"] == ";"
    assert extra.get("codec") == (None if raw == "utf-8" else raw)
    first, second = drop.claims("list.csv", content)
    assert first.fields == {
        "name": "Copperleaf; XL",
        "type": "checkpoint",
        "tags": ("metal", "warm"),
        "favorite": True,
        "nsfw": False,
    }
    assert first.sha256 == COPPERLEAF
    assert first.path == "/data/sd/copperleaf_xl.safetensors"
    assert second.fields["name"].split() == ["Häfen", "und", "Meer"]


def test_rows_with_too_few_or_too_many_cells_keep_them(drop: Drop) -> None:
    records = drop.read("list.csv", "name,type,notes\na\nb,lora,n,more,\n,,\n\n")
    assert payloads(records) == [b"a", b"b,lora,n,more,"]
    assert "_extra" not in (records[0].extra or {})
    assert (records[1].extra or {})["_extra"] == ["more", ""]
    first, second = drop.claims("list.csv", "name,type,notes\na\nb,lora,n,more,\n")
    assert first.fields == {"name": "a"}
    assert "surplus-cells" in second.flags


def test_an_equal_header_twice_takes_the_first_that_is_filled(drop: Drop) -> None:
    first, second = drop.claims("list.csv", "name,Name,notes\n,b,x\na,b,x\n")
    assert (first.fields["name"], second.fields["name"]) == ("b", "a")
    assert "duplicate-keys" in second.flags


def test_a_file_without_known_header_is_refused(drop: Drop) -> None:
    drop.put("list.csv", "1,2,3\n4,5,6\n")
    found = drop.found("list.csv")
    assert found.source is not None and found.container is not None
    with pytest.raises(Unreadable, match="names no column that is known"):
        list(found.source.records(found.container, Progress(), drop.problems.append))


def test_an_empty_table_is_no_error(drop: Drop) -> None:
    for content in ("", "\n\n", "name,sha256\n", "\ufeffname\r\n"):
        assert drop.read("list.csv", content) == []


def test_the_separator_line_of_a_spreadsheet_is_honoured(drop: Drop) -> None:
    (claims,) = drop.claims("list.csv", "sep=|\r\nname|notes\r\na,b|c;d\r\n")
    assert claims.fields == {"name": "a,b", "notes": "c;d"}


def test_damage_by_spreadsheets_is_noticed(drop: Drop) -> None:
    content = (
        "name;sha256;favorite;rating;notes\n"
        f"'007;1,23E+45;WAHR;4,5;=1+1\n"
        f'2024-03-01;{"1" * 63};FAUX;3;="0815"\n'
        f"x;{NOTHING};vielleicht;zwei;\n"
    )
    first, second, third = drop.claims("list.csv", content)
    assert first.fields == {"name": "007", "favorite": True, "rating": 5, "notes": "=1+1"}
    assert {"hash-damaged", "spreadsheet-boolean", "decimal-comma"} <= set(first.flags)
    assert second.fields == {"name": "2024-03-01", "favorite": False, "rating": 3, "notes": "0815"}
    assert {"hash-damaged", "name-looks-like-date"} <= set(second.flags)
    assert third.fields == {"name": "x"}
    assert {"odd-favorite", "odd-rating"} <= set(third.flags)
    assert [said.sha256 for said in (first, second, third)] == [None, None, None]


def test_a_quote_that_is_never_closed_spoils_one_row(drop: Drop) -> None:
    content = 'name,notes\na,"open\nb,fine\n'
    assert payloads(drop.read("list.csv", content)) == [b'a,"open', b"b,fine"]
    first, second = drop.claims("list.csv", content)
    assert (first.problem, first.fields["name"]) == ("unparsed_payload", "a")
    assert (second.problem, second.fields["notes"]) == (None, "fine")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.text(), st.text()), max_size=5))
def test_random_rows_are_their_bytes_and_their_cells(drop: Drop, table: list[tuple[str, str]]) -> None:
    # A text of a few letters with a zero byte among them is taken for a binary file, and rightly.
    table = [(f"x{a}".replace("\ud800", "").replace("\0", ""), b.replace("\0", "")) for a, b in table]
    lines = ['"{}","{}"'.format(*(cell.replace('"', '""') for cell in row)) for row in table]
    content = "name,notes\n" + "".join(line + "\n" for line in lines)
    try:
        encoded = content.encode()
    except UnicodeEncodeError:
        return
    records = drop.read("list.csv", encoded)
    assert payloads(records) == [line.encode() for line in lines]


# --- columns ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("column", "value", "field", "expected"),
    [
        ("Model Name", "Ink", "name", "Ink"),
        ("display-name", " Ink\t ", "name", "Ink"),
        ("category", "LyCORIS", "type", "lora"),
        ("SD Version", "SDXL 1.0", "base_model", "SDXL 1.0"),
        ("base", "Other", "base_model", None),
        ("labels", "a; b;a", "tags", ("a", "b")),
        ("keywords", '["a, b", "c"]', "tags", ("a, b", "c")),
        ("tags", "a, b", "tags", ("a", "b")),
        ("tags", ["a", 7, None, {"name": "n"}, {"x": 1}], "tags", ("a", "7", "n")),
        ("tags", "{a,b}", "tags", ("a", "b")),
        ("tags", None, "tags", None),
        ("stars", "4", "rating", 4),
        ("rating", 0, "rating", None),
        ("rating", 4.5, "rating", 5),
        ("rating", 8, "rating", None),
        ("rating", "viel", "rating", None),
        ("starred", "X", "favorite", True),
        ("favourite", 1, "favorite", True),
        ("is_favorite", "no", "favorite", False),
        ("favorite", "", "favorite", None),
        ("adult", "Y", "nsfw", True),
        ("nsfw", "maybe", "nsfw", None),
        ("nsfw", False, "nsfw", False),
        ("comment", "text", "notes", "text"),
        ("activation_text", "a|b", "trigger_words", ("a", "b")),
        ("link", "https://civitai.red/models/5?token=secret", "source_url", "https://civitai.com/models/5"),
        ("url", "https://civitai.com/api/download/models/5", "source_url", None),
        ("licence", "MIT", "license", "MIT"),
        ("thumbnail", "https://example.org/a.png", "preview", None),
        ("preview", "/pictures/a.png", "preview", "/pictures/a.png"),
        ("preview", "D:\\pictures\\a.png", "preview", None),
    ],
)
def test_every_alias_means_its_column(drop: Drop, column: str, value: Any, field: str, expected: Any) -> None:
    assert drop.row(**{column: value}).fields.get(field) == expected


def test_a_preview_beside_the_list_is_found_there(drop: Drop) -> None:
    assert drop.row(preview="sub/a.png").fields["preview"] == str(drop.folder / "sub" / "a.png")
    drop.put("a.png", b"")
    assert drop.row(preview="D:\\old\\a.png").fields["preview"] == str(drop.folder / "a.png")


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"sha256": INKWASH.upper()}, INKWASH),
        ({"sha256": f" sha256:{INKWASH} "}, INKWASH),
        ({"hash": INKWASH}, INKWASH),
        ({"hash": "9548c2eb51"}, None),
        ({"checksum": f"SHA256:{INKWASH}"}, INKWASH),
        ({"checksum": "9548c2eb"}, None),
        ({"sha256": "", "hash": INKWASH}, INKWASH),
        ({"sha256": NOTHING}, None),
        ({"sha256": "0" * 64}, None),
        ({"sha256": None}, None),
        ({"sha256": "None"}, None),
        ({"sha256": 1.23e45}, None),
        ({"sha256": [INKWASH]}, None),
    ],
)
def test_only_a_whole_hash_is_claimed(drop: Drop, columns: dict[str, Any], expected: str | None) -> None:
    claims = drop.row(**columns)
    assert claims.sha256 == expected
    assert not claims.own_hash


@pytest.mark.parametrize(
    ("columns", "exact", "hint"),
    [
        ({"size": 184}, 184, None),
        ({"size_bytes": "184"}, 184, None),
        ({"bytes": 184.0}, 184, None),
        ({"size": 183.99999999}, None, 184),
        ({"size_kb": 0.1796875}, None, 184),
        ({"size_mb": 2}, None, None),
        ({"size": "much"}, None, None),
        ({"size": -1}, None, None),
    ],
)
def test_sizes_are_exact_or_a_hint(
    drop: Drop, columns: dict[str, Any], exact: int | None, hint: int | None
) -> None:
    claims = drop.row(**columns)
    assert (claims.size_bytes, claims.size_hint_bytes) == (exact, hint)


def test_one_rating_above_five_leaves_the_scale_open_for_all(drop: Drop) -> None:
    claims = drop.claims("list.json", '[{"name": "a", "rating": 3}, {"name": "b", "rating": 90}]')
    assert [said.fields.get("rating") for said in claims] == [None, None]
    assert all("rating-scale" in said.flags for said in claims)
    claims = drop.claims("list.csv", "name,stars\na,3\nb,7\n")
    assert [said.fields.get("rating") for said in claims] == [None, None]


def test_all_optional_values_null_is_an_empty_row(drop: Drop) -> None:
    names = (
        "name",
        "type",
        "sha256",
        "path",
        "size",
        "tags",
        "rating",
        "favorite",
        "nsfw",
        "notes",
        "meta_json",
    )
    claims = drop.row(**dict.fromkeys(names))
    assert (dict(claims.fields), claims.problem, claims.sha256, claims.path) == ({}, None, None, None)


def test_wrong_types_are_flagged_and_fill_nothing(drop: Drop) -> None:
    claims = drop.row(
        name={"a": 1}, type=[1], path={"p": 1}, notes=["n"], size="x", favorite={"y": 1}, tags=5
    )
    assert dict(claims.fields) == {"tags": ("5",)}
    assert {"odd-name", "odd-type", "odd-path", "odd-notes", "odd-size", "odd-favorite"} <= set(claims.flags)


def test_a_list_with_notes_is_the_persons_own(drop: Drop) -> None:
    columns = {"name": "n", "type": "LORA", "tags": ["t"], "rating": 3, "favorite": True}
    assert drop.row(**columns).personal == {"rating", "favorite"}
    assert drop.row(**columns, notes="mine").personal == {"name", "notes", "tags", "rating", "favorite"}


@pytest.mark.parametrize(
    "spell",
    [
        lambda text: json.loads(text),
        lambda text: text,
        lambda text: json.dumps(text),
        lambda text: json.dumps(json.dumps(text)),
        lambda text: base64.b64encode(zlib.compress(text.encode())).decode(),
        lambda text: base64.b64encode(gzip.compress(text.encode())).decode(),
    ],
)
def test_nested_json_is_unwrapped_however_it_was_wrapped(drop: Drop, spell: Any) -> None:
    text = json.dumps(
        {
            "id": 990001,
            "modelId": 880001,
            "name": "v1",
            "baseModel": "SDXL 1.0",
            "trainedWords": ["ink"],
            "model": {"name": "Inkwash", "type": "LORA", "nsfw": False, "tags": ["fog"]},
            "files": [{"name": "a", "type": "Model", "primary": True, "sizeKB": 0.1796875}],
        }
    )
    claims = drop.row(name="own name", meta_json=spell(text))
    assert claims.fields == {
        "name": "own name",
        "type": "lora",
        "base_model": "SDXL 1.0",
        "trigger_words": ("ink",),
        "nsfw": False,
        "tags": ("fog",),
        "source_url": "https://civitai.com/models/880001?modelVersionId=990001",
    }
    assert claims.size_hint_bytes == 184


def test_nested_json_that_is_broken_or_empty_leaves_the_columns_alone(drop: Drop) -> None:
    for value in ("{broken", "", None, "aGVsbG8gd29ybGQhISE=", 5, [], "null"):
        claims = drop.row(name="a", meta_json=value)
        assert (claims.fields, claims.problem) == ({"name": "a"}, None)


def test_nested_sidecars_are_read_by_their_own_rules(drop: Drop) -> None:
    manager = {"model_name": "M", "civitai": {}, "from_civitai": True, "notes": "mine", "favorite": True}
    claims = drop.row(metadata=manager, path="x.safetensors")
    assert (claims.fields["name"], claims.fields["notes"], claims.fields["favorite"]) == ("M", "mine", True)
    assert {"notes", "favorite"} <= claims.personal
    card = {"sd version": "SDXL", "activation text": "ink, fog", "notes": "low weight"}
    claims = drop.row(metadata=card, path="x.safetensors")
    assert claims.fields["trigger_words"] == ("ink, fog",)
    assert claims.fields["base_model"] == "SDXL"
    assert claims.personal >= {"notes"}


def test_an_explicit_hash_beats_the_one_inside(drop: Drop) -> None:
    version = {
        "id": 1,
        "modelId": 2,
        "files": [
            {
                "primary": True,
                "sizeKB": 2048.09375,
                "hashes": {"SHA256": COPPERLEAF, "AutoV2": COPPERLEAF[:10]},
            }
        ],
    }
    inside = drop.row(name="a", meta_json=version)
    assert (inside.sha256, inside.partial_hashes) == (COPPERLEAF, {"AutoV2": COPPERLEAF[:10]})
    both = drop.row(name="a", sha256=INKWASH, meta_json=version)
    assert (both.sha256, both.partial_hashes, both.sibling_sha256) == (INKWASH, {}, (COPPERLEAF,))
    assert both.size_hint_bytes is None


def test_a_list_of_catalogue_answers_is_read_as_such(drop: Drop) -> None:
    version = {
        "id": 7,
        "modelId": 8,
        "name": "v2",
        "baseModel": "Pony",
        "model": {"name": "Ink", "type": "LORA"},
    }
    claims = drop.row(**version, rating=4, path="a/ink.safetensors")
    assert claims.fields["name"] == "Ink - v2"
    assert claims.fields["base_model"] == "Pony"
    assert claims.fields["rating"] == 4
    assert claims.path == "a/ink.safetensors"


@pytest.mark.parametrize(
    "path",
    [
        "/data/x.safetensors",
        "C:\\AI\\x.safetensors",
        "\\\\server\\share\\x.ckpt",
        "../../etc/x.gguf",
        "~/x.pt",
    ],
)
def test_a_path_is_claimed_as_it_is_spelt(drop: Drop, path: str) -> None:
    assert drop.row(path=path).path == path


def test_a_model_beside_the_list_is_meant_by_its_stem(drop: Drop) -> None:
    drop.put("ink.safetensors", b"")
    assert drop.row(path="D:\\AI\\ink.safetensors").stem_names == ("ink.safetensors",)
    assert drop.row(name="ink").stem_names == ("ink.safetensors",)
    assert drop.row(name="Ink").stem_names == ()
    assert drop.row(path="/elsewhere/ink.safetensors").stem_names == ()
    assert drop.row(path=str(drop.folder / "ink.safetensors")).stem_names == ("ink.safetensors",)


def test_a_secret_in_a_row_is_noted(drop: Drop) -> None:
    claims = drop.row(name="a", download="https://civitai.com/api/download/models/1?token=abcdef")
    assert "contains-secret" in claims.flags


def test_reading_twice_gives_the_same_and_leaves_the_file_alone(drop: Drop) -> None:
    contents = {
        "a.json": '{"models": [{"name": "a"}, {"name": "a"}], "x": 1}',
        "b.jsonl": '{"name": "a"}\n{"name": "b"}',
        "c.csv": "name;rating\na;3\nb;9\n",
        "d.json": '{"k": {"name": "a"}, "k": {"name": "b"}}',
    }
    for name, content in contents.items():
        first = drop.read(name, content)
        before = {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in drop.folder.iterdir()}
        found = drop.found(name)
        assert found.source is not None and found.container is not None
        assert list(found.source.records(found.container, Progress(), drop.problems.append)) == first
        assert before == {
            path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in drop.folder.iterdir()
        }
