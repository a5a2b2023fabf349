import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelmgr.migration.sources.model_manager import ModelManagerLink, ModelManagerNote
from modelmgr.values import Record
from tests.migration.specimens.models import A
from tests.migration.specimens.sidecars import LINK, NOTE

SOURCE, LINKS = ModelManagerNote(), ModelManagerLink()
NAME = "inkwash_harbor.md"
FRONT, BODY = NOTE.split("\n---\n\n")


@pytest.fixture
def beside(shelf):
    shelf.put("inkwash_harbor.safetensors")
    return shelf


def note(front="website: Civitai", body="# Trigger Words\n\nNo trigger words\n"):
    return f"---\n{front}\n---\n\n{body}".encode()


# --- the good record --------------------------------------------------------------------------------------


def test_the_example_gives_all_light_columns(beside):
    claims = beside.claims(SOURCE, NAME, NOTE.encode())
    assert claims.fields == {
        "name": "Inkwash Harbor",
        "base_model": "SDXL 1.0",
        "trigger_words": ("inkwash harbor", "fog"),
        "source_url": "https://civitai.com/models/880001?modelVersionId=990001",
    }
    assert claims.personal == frozenset()
    assert (claims.sha256, claims.own_hash) == (A["sha256"], False)
    assert claims.partial_hashes == {"AutoV2": "9548c2eb51"}
    assert claims.stem_names == ("inkwash_harbor.safetensors",)
    assert (claims.problem, claims.marker, claims.flags) == (None, False, ())


def test_windows_line_ends_change_nothing(beside):
    plain = beside.claims(SOURCE, NAME, NOTE.encode())
    assert beside.claims(SOURCE, NAME, NOTE.replace("\n", "\r\n").encode()) == plain
    assert beside.claims(SOURCE, NAME, b"\xef\xbb\xbf" + NOTE.encode()) == plain
    assert beside.claims(SOURCE, NAME, b"\xff\xfe" + NOTE.encode("utf-16-le")) == plain


def test_a_block_without_closing_line_ends_before_the_first_heading(beside):
    content = NOTE.replace("\n---\n\n# Trigger", "\n\n# Trigger").encode()
    claims = beside.claims(SOURCE, NAME, content)
    assert claims.fields["base_model"] == "SDXL 1.0"
    assert claims.fields["trigger_words"] == ("inkwash harbor", "fog")
    assert (claims.sha256, claims.flags) == (A["sha256"], ("front-matter-open",))


def test_tabs_for_indentation_are_put_up_with(beside):
    claims = beside.claims(SOURCE, NAME, NOTE.replace("\n  ", "\n\t").encode())
    assert claims.sha256 == A["sha256"]
    assert claims.flags == ("parsed-tolerant",)


def test_three_dashes_in_the_body_are_text(beside):
    body = "# Trigger Words\n\nfog\n\n---\n\n# About this version\n\nx\n\n---\n# Ink\n"
    claims = beside.claims(SOURCE, NAME, note(body=body))
    assert claims.fields["name"] == "Ink"
    assert beside.claims(SOURCE, NAME, note(body="mine\n---\nmore")).fields["notes"] == "mine\n---\nmore"


def test_short_hashes_that_look_like_numbers_stay_text(beside):
    front = "website: Civitai\nhashes:\n  CRC32: 12345678\n  AutoV1: 1234e567\n  AutoV2: 0123456789\n  AutoV3: null"
    claims = beside.claims(SOURCE, NAME, note(front))
    assert claims.partial_hashes == {"CRC32": "12345678", "AutoV1": "1234e567", "AutoV2": "0123456789"}


def test_escaped_and_folded_text_is_read(beside):
    front = 'website: Civitai\nauthor: "\\u96EA"\nmodelPage: >-\n  https://civitai.com/models/5\npreview: x'
    claims = beside.claims(SOURCE, NAME, note(front))
    assert claims.fields["source_url"] == "https://civitai.com/models/5"


# --- the body ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("No trigger words", None),
        ("", None),
        ("fog", ("fog",)),
        ("fog, wet  stones, fog", ("fog", "wet  stones")),
        ("fog,wet", ("fog,wet",)),
        ("fog, wet\n\nlong prompt, with commas\n", ("fog, wet", "long prompt, with commas")),
    ],
)
def test_words_of_one_line_are_split_and_of_several_are_not(beside, words, found):
    body = f"# Trigger Words\n\n{words}\n\n# About this version\n\nx\n\n# Ink\n"
    assert beside.claims(SOURCE, NAME, note(body=body)).fields.get("trigger_words") == found


def test_the_name_of_a_repository_is_none(beside):
    body = "# Trigger Words\n\nNo trigger words\n\n# About this version\n\nx\n\n# None\n\ny\n"
    assert beside.claims(SOURCE, NAME, note("website: HuggingFace", body)).fields == {}


def test_a_hash_sign_in_code_is_no_heading(beside):
    body = "# Trigger Words\n\nfog\n\n# About this version\n\n```\n# Not me\n```\n\n# Ink\n"
    assert beside.claims(SOURCE, NAME, note(body=body)).fields["name"] == "Ink"


@pytest.mark.parametrize(
    "body", ["best at 0.7\n", "before\n\n# Trigger Words\n\nfog\n", "## Trigger Words\n\nfog"]
)
def test_a_body_that_the_person_replaced_is_a_note(beside, body):
    claims = beside.claims(SOURCE, NAME, note(body=body))
    assert claims.fields == {"notes": body.strip()}
    assert claims.personal == {"notes"}


def test_a_note_without_front_matter_is_the_persons_as_a_whole(beside):
    body = "# Trigger Words\n\nfog, mast\n\n# About this version\n\nx\n\n# Ink\n\nmine"
    claims = beside.claims(SOURCE, NAME, body.encode())
    assert claims.fields == {"notes": body, "trigger_words": ("fog", "mast"), "name": "Ink"}
    assert claims.personal == {"notes"}


# --- what is a note of the tool ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "taken"),
    [
        (b"# Readme\n\nhow to build", False),
        (b"---\ntitle: Diary\n---\n\nx", False),
        (b"---\nbaseModel: Pony\n---\n", True),
        (b"---\r\n'hashes': null\r\n---\r\n", True),
        (b"---\nmodelPage: x\n", True),
        (b"# Trigger Words\n\nfog\n", True),
        (b"", False),
        (b"----\nwebsite: x\n----\n", False),
    ],
)
def test_front_matter_or_the_tools_own_form_makes_it_a_note(beside, content, taken):
    beside.put(NAME, content)
    assert beside.probe(SOURCE, NAME) is taken
    assert beside.problems == []


def test_a_plain_note_is_taken_where_the_user_points_at_it(beside):
    beside.put(NAME, b"best at 0.7")
    container = beside.container(NAME, named=True)
    assert SOURCE.probe(container, beside.problems.append)
    record = Record("model-manager-md", container.path, "", b"best at 0.7")
    claims = SOURCE.claims(record, beside.names())
    assert (claims.fields, claims.personal) == ({"notes": "best at 0.7"}, {"notes"})


def test_a_note_without_its_model_is_known_by_the_tools_words(shelf):
    shelf.put(NAME, NOTE.encode())
    assert shelf.probe(SOURCE, NAME)
    shelf.put("other.md", b"---\nbaseModel: x\nwebsite: https://example.org\nmodelPage: x\n---\n")
    assert not shelf.probe(SOURCE, "other.md")


@pytest.mark.parametrize(
    "front",
    ["website: [Civitai", "website: Civitai\n\tx: !!python/object:os.system {}\n - y", "website: *nothing"],
)
def test_front_matter_that_is_no_yaml_keeps_the_bytes_and_says_why(beside, front):
    claims = beside.claims(SOURCE, NAME, note(front))
    assert claims.problem == "unparsed_payload"
    assert claims.message.endswith(".")
    assert claims.stem_names == ("inkwash_harbor.safetensors",)


def test_an_alias_bomb_ends_soon(beside):
    bomb = "website: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"{chr(at)}: &{chr(at)} [{', '.join(['*' + chr(at - 1)] * 9)}]\n" for at in range(98, 110)
    )
    assert beside.claims(SOURCE, NAME, note(bomb)).problem == "unparsed_payload"


def test_a_hostile_body_ends_soon(beside):
    body = "# Trigger Words\n\n" + "# x" + " " * 500_000 + "y\n" + "```\n# a\n" * 50_000
    assert beside.claims(SOURCE, NAME, note(body=body)).problem is None


@given(st.binary(max_size=300), st.booleans())
def test_no_bytes_make_the_claims_raise(payload, framed):
    content = b"---\n" + payload + b"\n---\n# Trigger Words\n" if framed else payload
    for source in (SOURCE, LINKS):
        source.claims(Record(source.id, "/a/x.md", "", content), frozenset(["x.safetensors"]))


# --- the forerunner's link --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "page", "flags"),
    [
        (LINK.encode(), "https://civitai.com/models/880001", ()),
        (
            b"url = https://civitai.red/models/5?token=s3cret\n",
            "https://civitai.com/models/5",
            ("contains-secret",),
        ),
        (b"\xef\xbb\xbfURL=http://example.org/a\n", "http://example.org/a", ()),
        (b"URL=file:///C:/x.exe\n", None, ("no-page",)),
        (b"URL=javascript:alert(1)\n", None, ("no-page",)),
        (b"\x00\x01\x02", None, ("no-page",)),
    ],
)
def test_a_link_gives_the_page(beside, content, page, flags):
    claims = beside.claims(LINKS, "inkwash_harbor.url", content)
    assert (claims.fields.get("source_url"), claims.flags) == (page, flags)
    assert claims.stem_names == ("inkwash_harbor.safetensors",)


def test_an_empty_link_is_a_mark(beside):
    assert beside.claims(LINKS, "inkwash_harbor.url", b"").marker


def test_a_link_beside_no_model_is_the_desktops(shelf):
    shelf.put("News.url", LINK.encode())
    assert not shelf.probe(LINKS, "News.url")
