import json
import math
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelmgr import payload
from modelmgr.payload import clean_name, clean_text, list_of_text, page_url, parse, seconds_of, text

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5),
    max_leaves=25,
)


# --- encodings --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("encoded_as", "prefix", "codec", "word"),
    [
        ("utf-8", b"", "utf-8", "Häfen 墨 🌊"),
        ("utf-8", b"\xef\xbb\xbf", "utf-8", "Häfen 墨 🌊"),
        ("utf-16-le", b"\xff\xfe", "utf-16-le", "Häfen 墨 🌊"),
        ("utf-16-be", b"\xfe\xff", "utf-16-be", "Häfen 墨 🌊"),
        ("cp1252", b"", "cp1252", "gut für Häfen"),
        ("cp932", b"", "cp932", "墨の港"),
        ("gbk", b"", "gbk", "弒署邴"),
    ],
)
def test_text_is_read_in_the_encoding_it_was_written_in(encoded_as, prefix, codec, word):
    written = prefix + json.dumps({"notes": word}, ensure_ascii=False).encode(encoded_as)
    found = parse(written)
    assert (found.ok, found.codec, found.value, found.tolerant) == (True, codec, {"notes": word}, False)
    assert json.loads(text(written)) == {"notes": word}


def test_an_encoding_counts_only_if_the_text_parses_in_it():
    # In cp1252 the second byte of each of these would be a backslash that swallows the closing quote.
    written = '{"notes": "図表", "n": "ソ"}'.encode("cp932")
    assert parse(written).value == {"notes": "図表", "n": "ソ"}
    assert parse(written).codec == "cp932"


def test_valid_utf8_is_never_taken_for_anything_else():
    assert parse('{"a": "ä", b}'.encode()).codec == "utf-8"


def test_bytes_in_no_encoding_are_not_parsed_and_still_shown():
    found = parse(b"\x81\x00\xff\x98")
    assert (found.ok, found.code) == (False, "unparsed_payload")
    assert found.message
    assert "\ufffd" in text(b"\xff\x81\x00\x98 {")


def test_utf16_cut_in_the_middle_of_a_character_is_not_parsed():
    found = parse(b"\xff\xfe" + '{"a": 1}'.encode("utf-16-le")[:-1])
    assert (found.ok, found.code) == (False, "unparsed_payload")


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
def test_utf16_without_mark_is_known_by_its_zeros(codec):
    written = '{"name": "Häfen 墨 🌊"}'
    found = parse(written.encode(codec))
    assert (found.value, found.codec, found.tolerant) == ({"name": "Häfen 墨 🌊"}, codec, False)
    assert text(written.encode(codec)) == written
    assert parse(b'{"a": 1}\0\0').value == {"a": 1}


def test_utf16_may_hold_lone_surrogates():
    assert parse(b"\xff\xfe" + '"\ud83d"'.encode("utf-16-le", "surrogatepass")).value == "\ud83d"


# --- JSON that is not JSON --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "value"),
    [
        (b'{"a": 1, "b": [1, 2,],}', {"a": 1, "b": [1, 2]}),
        (b'{"a": 1 // why\n, "b": 2}', {"a": 1, "b": 2}),
        (b'{"a": /* why, } */ 1}', {"a": 1}),
        (b'{"a": 1}\0\0\0', {"a": 1}),
        (b'{"a": 1}\n\0\0\x1a', {"a": 1}),
        (b'{"id":, "modelId": ,\n"b":}', {"id": None, "modelId": None, "b": None}),
        (b'\xef\xbb\xbf\xef\xbb\xbf{"a": 1}', {"a": 1}),
        (b'{"a": "one\ntwo"}', {"a": "one\ntwo"}),
        (b'{"url": "http://a//b", "c": "/* no */, ]", "d": "a:,", "e": [1,]}', None),
        (b'[1, // don"t\n [2,],]', [1, [2]]),
    ],
)
def test_json_that_is_not_quite_json_is_read_tolerantly(written, value):
    found = parse(written)
    if value is None:
        value = {"url": "http://a//b", "c": "/* no */, ]", "d": "a:,", "e": [1]}
    assert (found.ok, found.value, found.tolerant) == (True, value, True)
    assert "parsed-tolerant" in found.flags


def test_words_for_no_number_are_read_tolerantly():
    found = parse(b'{"a": NaN, "b": Infinity, "c": -Infinity}')
    assert found.tolerant
    assert math.isnan(found.value["a"])
    assert (found.value["b"], found.value["c"]) == (math.inf, -math.inf)


@pytest.mark.parametrize(
    "written",
    [
        b'{"a": 1',
        b'{"a": "b',
        b"<html>no</html>",
        b"{'a': 1}",
        b'{"a" 1}',
        b"[1,,2]",
        b'{"a": 1} x',
        b"abc",
        b"{",
    ],
)
def test_what_is_no_json_is_not_parsed_and_says_where_it_breaks(written):
    found = parse(written)
    assert (found.ok, found.value, found.code) == (False, None, "unparsed_payload")
    assert found.message
    assert found.offset is not None
    assert 0 <= found.offset <= len(written)


def test_the_offset_counts_bytes_of_the_payload():
    assert parse(b"\xef\xbb\xbf" + '{"ä": x}'.encode()).offset == 10
    assert parse(b"\xff\xfe" + '{"ä": x}'.encode("utf-16-le")).offset == 14


def test_the_last_of_equal_keys_wins_and_is_flagged_if_they_differ():
    found = parse(b'{"a": 1, "b": {"c": 1, "c": [2]}, "a": 1}')
    assert found.value == {"a": 1, "b": {"c": [2]}}
    assert found.flags == ("duplicate-keys",)
    assert parse(b'{"a": 1, "a": 1}').flags == ()


@pytest.mark.parametrize("written", [b"", b" \r\n\t", b"\xef\xbb\xbf", b"\xff\xfe", b"\xef\xbb\xbf \n"])
def test_an_empty_payload_is_a_mark_and_no_error(written):
    found = parse(written)
    assert (found.ok, found.value, found.flags) == (True, None, ("empty",))


def test_null_and_an_empty_object_are_what_they_say():
    assert (parse(b"null").ok, parse(b"null").flags) == (True, ())
    assert parse(b"{}").value == {}


def test_a_file_of_zero_bytes_is_damage_and_no_mark():
    assert parse(b"\0" * 512).code == "unparsed_payload"


# --- hostile payloads -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "written",
    [
        b"[" * 10_000 + b"]" * 10_000,
        b"[" * 10_000,
        b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
        b"[1," * 201 + b"1" + b"]" * 201,
        b'// "\n' + b"[" * 300 + b"]" * 300,
        b"[" * 300 + b"1,]" + b"]" * 299,
        b'[ // "\n' * 500 + b"]" * 500,
    ],
)
def test_deep_nesting_is_refused_with_a_code_of_its_own(written):
    found = parse(written)
    assert (found.ok, found.value, found.code) == (False, None, "too_deep")
    assert "200" in found.message


def test_nesting_up_to_the_limit_is_read_and_brackets_in_strings_are_none():
    assert parse(b"[" * 200 + b"]" * 200).ok
    assert parse(b'["' + b"[" * 5_000 + b'\\""]').ok


def test_numbers_too_large_for_python_survive():
    digits = b"9" * 5_000
    found = parse(b'{"a": ' + digits + b', "b": 1e400, "c": 123456789012345678901234567890, "d": -1}')
    assert found.ok
    assert found.value["a"] == digits.decode()
    assert found.value["b"] == math.inf
    assert found.value["c"] == 123456789012345678901234567890
    assert "huge-number" in found.flags


def test_a_payload_above_the_limit_is_not_parsed():
    found = parse(b'"' + b"a" * payload.PARSE_LIMIT_BYTES + b'"')
    assert (found.ok, found.code) == (False, "unparsed_payload")
    assert "64 MiB" in found.message


def test_more_values_than_memory_should_hold_are_not_built():
    found = parse(b"[" + b"[]," * 4_000_000 + b"[]]")
    assert (found.ok, found.code) == (False, "unparsed_payload")


@pytest.mark.parametrize(
    "written",
    [
        b'"' + b'\\"' * 1_000_000,
        b"{" + b"/*" * 1_000_000,
        b"{" + b"//" * 1_000_000,
        b"[" + b", " * 1_000_000,
        b"[" + b": " * 1_000_000,
        b"[" + b",\n" * 500_000 + b" " * 1_000_000,
    ],
    ids=["quotes", "comments", "slashes", "commas", "colons", "blanks"],
)
def test_text_made_to_be_slow_is_refused_quickly(written):
    before = time.monotonic()
    assert not parse(written).ok
    assert time.monotonic() - before < 5


def test_a_string_of_a_megabyte_is_read_whole():
    assert parse(b'{"a": "' + b"x" * 1_048_576 + b'"}').value["a"] == "x" * 1_048_576


@given(st.binary(max_size=400))
def test_no_bytes_make_the_reader_raise(written):
    found = parse(written)
    assert found.ok == (found.code is None)
    assert isinstance(text(written), str)
    assert isinstance(text(written, 7), str)
    assert isinstance(payload.contains_secret(written), bool)


@given(st.text(alphabet='{}[]",:/*\\ \n\0\ufeffaN1.-', max_size=80))
def test_no_text_that_looks_like_json_makes_the_reader_raise(written):
    found = parse(written.encode("utf-8", "surrogatepass"))
    assert found.ok or found.message


@given(JSON_VALUES)
def test_valid_json_is_read_strictly_and_exactly(value):
    found = parse(json.dumps(value).encode())
    assert (found.ok, found.tolerant, found.value) == (True, False, value)


# --- text for display -------------------------------------------------------------------------------------


def test_a_damaged_spot_in_utf8_shows_as_a_replacement_character():
    written = ("墨の港" * 20).encode() + b"\xff" + "霧".encode()
    assert text(written) == "墨の港" * 20 + "\ufffd霧"


def test_plain_text_of_a_windows_program_is_shown_in_its_code_page():
    assert text("gut für Häfen".encode("cp1252")) == "gut für Häfen"
    assert text(b"\xff\xfe" + "Häfen".encode("utf-16-le")) == "Häfen"


@pytest.mark.parametrize("codec", ["utf-8", "utf-16", "cp932", "cp1252"])
def test_a_limit_gives_the_beginning_of_the_same_text(codec):
    written = ("図a" if codec == "cp932" else "äa").encode(codec) * (1 if codec == "utf-16" else 500)
    whole = text(written)
    assert text(written, 1) == whole[:1]
    assert text(written, 301) == whole[:301]
    assert text(written, 100_000) == whole


def test_a_large_payload_is_judged_by_its_beginning():
    large = "Häfen ".encode() * (payload.SAMPLE_BYTES // 7) + "ä".encode() * 20
    assert text(large, 5) == "Häfen"
    assert text("Häfen ".encode("cp1252") * (payload.SAMPLE_BYTES // 5), 5) == "Häfen"
    # The sample ends within this character, which is no damage.
    assert text(b"x" * (payload.SAMPLE_BYTES - 1) + "ä".encode())[-1] == "ä"


def test_a_half_character_at_the_limit_does_not_show():
    assert text("🌊🌊🌊".encode(), 2) == "🌊🌊"


# --- secrets ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "written",
    [
        b'{"downloadUrl": "https://civitai.com/api/download/models/1?token=abc"}',
        b'{"u": "https://a/b?type=Model&api_key=x"}',
        b'{"civitai_api_key": "abc"}',
        b'{"proxy_password" : "x"}',
        b"\xff\xfe" + '{"u": "https://a?token=1"}'.encode("utf-16-le"),
    ],
)
def test_tokens_and_keys_are_noticed(written):
    assert payload.contains_secret(written)


@pytest.mark.parametrize(
    "written",
    [b'{"civitai_api_key": ""}', b'{"bos_token": "<s>"}', b'{"u": "https://a?token="}', b"monkey=1"],
)
def test_words_that_only_look_like_secrets_are_none(written):
    assert not payload.contains_secret(written)
    assert payload.masked(written.decode()) == written.decode()


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ('{"u": "https://a/b?token=abc&v=2"}', '{"u": "https://a/b?token=•••&v=2"}'),
        ('{"u": "https://a/b?type=Model&API_KEY=x"}', '{"u": "https://a/b?type=Model&API_KEY=•"}'),
        ('{"civitai_api_key": "a\\"bc", "n": 1}', '{"civitai_api_key": "•••••", "n": 1}'),
        ('{"proxy_password" : "x😀y"}', '{"proxy_password" : "•••"}'),
        ('{"hf_access_token": "cut off', '{"hf_access_token": "•••••••'),
        ('{"apikey": "", "trainedWords": ["key=1"]}', '{"apikey": "", "trainedWords": ["key=1"]}'),
    ],
)
def test_the_value_of_a_secret_is_masked_character_by_character(written, shown):
    assert payload.masked(written) == shown
    assert len(payload.masked(written)) == len(written)


@pytest.mark.parametrize(
    ("key", "value", "shown"),
    [
        ("civitai_api_key", "abc", "•••"),
        ("Proxy_Password", "abc", "•••"),
        ("url", "https://a?x=1&key=abc#d", "https://a?x=1&key=•••••"),
        ("key", "abc", "abc"),
        ("token_count", "75", "75"),
    ],
)
def test_a_member_of_an_object_is_masked_by_its_key_or_its_text(key, value, shown):
    assert payload.masked_value(key, value) == shown


PIECES = ("?", "&", "token=", "key=", '"api_key"', '"proxy_password"', ":", '"', " ", "x", "\\", "<", "\n")


@given(st.lists(st.sampled_from(PIECES), max_size=20).map("".join))
def test_what_is_masked_is_what_is_noticed(written):
    assert (payload.masked(written) != written) == payload.contains_secret(written.encode())


# --- values -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (["a", " b ", "", "a", "A"], ("a", "b", "A")),
        ("one", ("one",)),
        ("a, b,,c", ("a", "b", "c")),
        ('["a", "b, c"]', ("a", "b, c")),
        ("{Image,Rent}", ("Image", "Rent")),
        ('{"a, b",c}', ("a, b", "c")),
        ("{}", ()),
        ("[not json]", ("[not json]",)),
        (None, ()),
        ("", ()),
        ([1, 2.5, True, None, {"name": "x"}, ["y"], "z"], ("1", "2.5", "z")),
        ({"name": "x"}, ()),
        (7, ("7",)),
        (["a\ud83d", "b\0c"], ("a\ufffd", "bc")),
    ],
)
def test_a_list_of_text_may_come_in_many_shapes(value, expected):
    assert list_of_text(value) == expected


def test_a_prompt_stays_one_entry():
    assert list_of_text("fog, masts", commas=False) == ("fog, masts",)


def test_objects_may_stand_for_the_text_they_name():
    tags = [{"name": "ink"}, "fog", {"id": 3}]
    assert list_of_text(tags, key="name") == ("ink", "fog")
    assert not payload.has_other_members([{"name": "ink"}], key="name")
    assert payload.has_other_members([{"word": "x"}])
    assert not payload.has_other_members(["a", 1, None])


def test_text_for_columns_holds_neither_nul_nor_lone_surrogates():
    assert clean_text(" a\0b\ud83d\n") == "ab\ufffd"
    assert clean_text(None) == clean_text(True) == clean_text({}) == ""
    assert clean_text(10**5000) == ""
    assert clean_name("\x07Ink\twash\u0085\n") == "Ink wash"
    assert clean_name("עברית 🌊 \u202eabc") == "עברית 🌊 \u202eabc"
    clean_text("\ud800").encode()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1_753_000_000.25, 1_753_000_000.25),
        (1_753_000_000_250, 1_753_000_000.25),
        (1_753_000_000_250_000, 1_753_000_000.25),
        (1_753_000_000_250_000_000, 1_753_000_000.25),
        ("1753000000", 1_753_000_000.0),
        ("2024-05-03T09:12:44.120Z", 1_714_727_564.12),
        ("2024-05-03T09:12:44", 1_714_727_564.0),
        ("2024-05-03T11:12:44.1234567+02:00", 1_714_727_564.123456),
        (0, None),
        (-5, None),
        ("0001-01-01T00:00:00", None),
        ("soon", None),
        (None, None),
        (True, None),
        (math.nan, None),
        (10**400, None),
    ],
)
def test_times_are_understood_in_any_unit(value, expected):
    assert seconds_of(value) == (expected if expected is None else pytest.approx(expected, abs=1e-5))


@pytest.mark.parametrize(
    ("value", "integer", "boolean"),
    [
        (5, 5, None),
        ("990001", 990001, None),
        (990001.0, 990001, None),
        (1, 1, True),
        ("true", None, True),
        ("False", None, False),
        ("", None, None),
        (2.5, None, None),
        (True, None, True),
        (1 << 63, None, None),
        (math.inf, None, None),
        ("9" * 5000, None, None),
        ([], None, None),
    ],
)
def test_numbers_and_marks_are_taken_from_text_too(value, integer, boolean):
    assert payload.integer_of(value) == integer
    assert payload.boolean_of(value) == boolean


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("https://civitai.com/models/1?modelVersionId=2", "https://civitai.com/models/1?modelVersionId=2"),
        ("https://civitai.red/models/1", "https://civitai.com/models/1"),
        ("https://www.civitai.green:443/models/1", "https://civitai.com/models/1"),
        ("https://huggingface.co/org/name?token=x&a=b&api_key=y", "https://huggingface.co/org/name?a=b"),
        ("HTTP://user:pass@host/page?key=1#top", "http://host/page#top"),
        ("https://civitai.com/api/download/models/5", None),
        ("file:///etc/passwd", None),
        ("javascript:alert(1)", None),
        ("http://[bad", None),
        ("models/1", None),
        (None, None),
        (5, None),
    ],
)
def test_a_page_address_is_cleaned_of_secrets(value, expected):
    assert page_url(value) == expected


@pytest.mark.parametrize("shift", range(6))
def test_depth_is_that_of_the_whole_wherever_a_slice_ends(shift: int) -> None:
    """Strings, escapes and brackets lie across the ends of the slices in which depth is looked for."""
    filler = json.dumps(['a "quoted" [[[ \\\\', "]]]", {"k": "\\"}] * 60_000)[shift:]
    inside = '"' + "x" * shift + filler.replace("\\", "").replace('"', "[") + '"'
    deep = "[" * 190 + "]" * 190
    for written, fits in (
        (f"[{' ' * shift}{json.dumps(filler)}, {deep}]", True),
        (f"[[[[[[[[[[[{' ' * shift}{json.dumps(filler)}, {inside}, {deep}]]]]]]]]]]]", False),
    ):
        found = payload.parse(written.encode())
        assert found.ok is fits, found
        assert fits or found.code == "too_deep"
