"""The language of searches: what is understood, what becomes of the rest, and what is said of it."""

import os
import random
import time
from datetime import datetime

import pytest

from modelmgr.search import (
    FIELDS,
    MOST_CHARACTERS,
    MOST_WORDS,
    Kind,
    Match,
    complete,
    explain,
    field_of,
    help_text,
    parse,
    quote,
    written,
)
from modelmgr.vocabulary import BASES

NOW = datetime(2026, 3, 15, 12, 0, 30).timestamp()
MINUTE = int(NOW // 60) * 60
DAY = 86_400


def terms(text: str) -> list[tuple[str, list[str], bool]]:
    """Return field, texts and negation of each term; every group has one."""
    found = parse(text, now=NOW)
    assert all(len(group) == 1 for group in found.groups)
    return [(term.field, [value.text for value in term.values], term.negated) for (term,) in found.groups]


def bounds(text: str) -> list[tuple[int | None, int | None]]:
    ((term,),) = parse(text, now=NOW).groups
    return [(value.low, value.high) for value in term.values]


def local(*parts: int) -> int:
    return int(datetime(*parts).timestamp())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ink  wash", [("", ["ink"], False), ("", ["wash"], False)]),
        ('"exact phrase" -"not this"', [("", ["exact phrase"], False), ("", ["not this"], True)]),
        ('"still open', [("", ["still open"], False)]),
        ("-wip - --x -", [("", ["wip"], True), ("", ["-"], False), ("", ["--x"], False), ("", ["-"], False)]),
        ("TYPE:LoRA", [("type", ["lora"], False)]),
        ("type:checkpoints,VAE", [("type", ["checkpoint", "vae"], False)]),
        ("-base:flux1-dev", [("base", ["Flux.1 D"], True)]),
        ('base:"SD 1.5","Flux.1 D"', [("base", ["SD 1.5", "Flux.1 D"], False)]),
        ("base:pony", [("base", ["Pony", "Pony V7"], False)]),
        ('base:"pony"', [("base", ["Pony"], False)]),
        ('tag:"a, ""b"" c",d', [("tag", ['a, "b" c', "d"], False)]),
        ("favourite:yes fav:0", [("fav", ["yes"], False), ("fav", ["no"], False)]),
        ("hash:3F2A…", [("hash", ["3f2a"], False)]),
        ("sha256:3F2A", [("hash", ["3f2a"], False)]),
        ("-AutoV2:3F2A", [("hash", ["3f2a"], True)]),
        ('a:b 12" x:', [("", ["a:b"], False), ("", ['12"'], False), ("", ["x:"], False)]),
        ("state:mis", [("state", ["missing"], False)]),
        ("format:GGUF", [("format", ["gguf"], False)]),
        ("nul\0 \ud800", [("", ["nul"], False), ("", ["\ufffd"], False)]),
        ("", []),
        ('""  type: -tag:', []),
    ],
)
def test_terms(text: str, expected: list[tuple[str, list[str], bool]]) -> None:
    assert terms(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("size:>2GB", [(2_000_000_001, None)]),
        ("size>=2GiB", [(2 * 1024**3, None)]),
        ("size:<500mb", [(None, 499_999_999)]),
        ("size:≤1.5k", [(None, 1_500)]),
        ("size:2gb", [(1_500_000_000, 2_499_999_999)]),
        ("size:=2.0gb", [(1_950_000_000, 2_049_999_999)]),
        ("size:12345", [(12_345, 12_345)]),
        ("size:2..4gb", [(2_000_000_000, 4_000_000_000)]),
        ("size:4gb..2gb", [(2_000_000_000, 4_000_000_000)]),
        ("size:..1kb,>1tb", [(None, 1_000), (10**12 + 1, None)]),
        ("size:>999999999999999tb", [(2**63 - 1, None)]),
        ("rating:>=4", [(4, None)]),
        ("rating:3..1", [(1, 3)]),
        ("rating:5", [(5, 5)]),
        ("added:<30d", [(MINUTE - 30 * DAY + 1, None)]),
        ("added:30d", [(MINUTE - 30 * DAY, None)]),
        ("added:>4w", [(None, MINUTE - 28 * DAY - 1)]),
        ("added:>=1y", [(None, MINUTE - 31_557_600)]),
        ("added:30d..60d", [(MINUTE - 60 * DAY, MINUTE - 30 * DAY)]),
        ("added:30d..", [(None, MINUTE - 30 * DAY)]),
        ("added:..30d", [(MINUTE - 30 * DAY, None)]),
        ("added:2026-01-31", [(local(2026, 1, 31), local(2026, 2, 1) - 1)]),
        ("added:2025-12", [(local(2025, 12, 1), local(2026, 1, 1) - 1)]),
        ("added:2026", [(local(2026, 1, 1), local(2027, 1, 1) - 1)]),
        ("added:>2026-01-31", [(local(2026, 2, 1), None)]),
        ("added:<=2026-01", [(None, local(2026, 2, 1) - 1)]),
        ("added:2026-01..2026-02", [(local(2026, 1, 1), local(2026, 3, 1) - 1)]),
        ("modified:2026..", [(local(2026, 1, 1), None)]),
        ("modified:today", [(local(2026, 3, 15), local(2026, 3, 16) - 1)]),
        ("modified:yesterday", [(local(2026, 3, 14), local(2026, 3, 15) - 1)]),
    ],
)
def test_amounts(text: str, expected: list[tuple[int | None, int | None]]) -> None:
    assert bounds(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "size:2xb",
        "size:>",
        "size:..",
        "size:-1",
        "rating:4.5",
        "rating:many",
        "added:soon",
        "added:2026-13",
        "added:2026-02-30",
        "added:0000",
        "added:9999-12-31",
        "type:spaceship",
        "state:nonsense",
        "fav:perhaps",
        "hash:xyz",
        "hash:3",
        "danger:maybe",
    ],
)
def test_what_is_not_understood_is_a_plain_word_and_says_why(text: str) -> None:
    for negated in (False, True):
        said = f"-{text}" if negated else text
        (token,) = parse(said, now=NOW).tokens
        assert terms(said) == [("", [text], negated)]
        assert (token.ok, token.field) == (False, field_of(text.split(":")[0]).name)  # type: ignore[union-attr]
        assert token.note.endswith(".")
        (sentence,) = explain(said, now=NOW)
        assert text in sentence
        assert token.note.rstrip(".") in sentence


def test_or_stands_between_two_terms() -> None:
    found = parse("a OR type:lora b OR c OR -d")
    assert [[term.field or term.values[0].text for term in group] for group in found.groups] == [
        ["a", "type"],
        ["b", "c", "d"],
    ]
    assert [(token.kind, token.ok) for token in parse("ink OR").tokens] == [("word", True), ("or", False)]
    assert [group[0].values[0].text for group in parse("OR or a").groups] == ["OR", "or", "a"]


def test_none_and_stars_are_plain_within_quotation_marks() -> None:
    for text, match in (
        ("none", Match.NONE),
        ('"none"', Match.IS),
        ("in*", Match.BEGINS),
        ('"in*"', Match.IS),
    ):
        ((term,),) = parse(f"tag:{text}").groups
        assert term.values[0].match is match


def test_a_folder_is_a_path_with_all_below_or_a_part_of_one() -> None:
    root = os.path.abspath("/models")
    ((term,),) = parse(f"folder:{root}/lora/").groups
    assert (term.values[0].match, term.values[0].text) == (Match.BELOW, os.path.join(root, "lora"))
    ((term,),) = parse("folder:lora").groups
    assert term.values[0].match is Match.HOLDS


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("type:lora -tag:wip size:>2GB", ["type is lora", "not tagged wip", "larger than 2 GB"]),
        ("added:<30d rating:>=4", ["added less than 30 days ago", "rated 4 or more"]),
        ('missing:yes -fav:no "a b"', ["file is missing", "favourite", "contains “a b”"]),
        ("base:sdxl,sd3.5", ["base model is SDXL in any version or “SD 3.5” in any version"]),
        ('base:"SDXL"', ["base model is SDXL"]),
        ("type:lora,vae -ink", ["type is lora or vae", "without “ink”"]),
        ("rating:none,5 base:none", ["rated 5 or not rated", "base model is unknown"]),
        ("-notes:none -base:none", ["with notes", "base model is known"]),
        ("-notes:none,ink", ["not notes contain ink or without notes"]),
        ("a OR -b", ["contains “a” or without “b”"]),
        ("size:1gb..2gb added:2026-01", ["from 1 GB to 2 GB", "added in 2026-01"]),
        ("tag:", ["tag: waits for a value, e.g. tag:ink -tag:wip tag:ani*"]),
    ],
)
def test_a_search_explains_itself(text: str, expected: list[str]) -> None:
    assert explain(text, now=NOW) == expected


def test_what_lacks_nothing_is_said_of_every_field_that_can_lack() -> None:
    assert all(bool(field.lacks) == bool(field.has) for field in FIELDS)


def test_it_explains_itself_in_any_language() -> None:
    assert explain("size:>2GB", say=lambda text: text.upper()) == ["LARGER THAN 2 GB"]


@pytest.mark.parametrize(
    ("text", "what", "field", "prefix", "stretch", "some"),
    [
        ("", "field", "", "", "", "type:"),
        ("ink ty", "field", "", "ty", "ty", "type:"),
        ("-ta", "field", "", "ta", "ta", "tag:"),
        ("type:l", "value", "type", "l", "l", "lora"),
        ("type:lora,v", "value", "type", "v", "v", "vae"),
        ("base:sdxl", "value", "base", "sdxl", "sdxl", '"SDXL"'),
        ('base:"Flux.1 ', "value", "base", "Flux.1 ", '"Flux.1 ', '"Flux.1 D"'),
        ("-state:dup", "value", "state", "dup", "dup", "duplicate"),
        ("size:", "value", "size", "", "", ">2GB"),
        ("tag:in", "value", "tag", "in", "in", None),
        ('"a phrase', "nothing", "", "", "", None),
        ("zzz", "nothing", "", "zzz", "zzz", None),
    ],
)
def test_completion(text: str, what: str, field: str, prefix: str, stretch: str, some: str | None) -> None:
    found = complete(text, len(text))
    assert (found.what, found.field, found.prefix) == (what, field, prefix)
    assert text[found.start : found.end] == stretch
    texts = [candidate.text for candidate in found.candidates]
    assert some is None or some in texts
    for candidate in texts:
        after = text[: found.start] + candidate + text[found.end :]
        assert candidate.endswith(":") or parse(after).tokens[-1].ok, after


def test_completion_in_the_middle_of_a_text() -> None:
    found = complete("type:lo size:>2GB", 7)
    assert (found.field, found.prefix, found.start, found.end) == ("type", "lo", 5, 7)
    found = complete("type:lora", 2)
    assert (found.what, found.prefix, found.start, found.end) == ("field", "ty", 0, 5)


def test_whatever_is_quoted_comes_back_as_it_was() -> None:
    chance = random.Random(4)
    for _ in range(2_000):
        value = "".join(chance.choices('ab"* ,:-\tä>none', k=chance.randint(1, 6)))
        ((term,),) = parse(f"tag:{quote(value)}").groups
        assert [(each.match, each.text) for each in term.values] == [(Match.IS, value)], value
    assert quote("ink") == "ink"
    for base in BASES:
        ((term,),) = parse(f"base:{written('base', base)}").groups
        assert [value.text for value in term.values] == [base]


def test_every_field_understands_its_own_example_and_stands_in_the_help() -> None:
    names = [name for field in FIELDS for name in (field.name, *field.aliases)]
    assert len(set(names)) == len(names)
    for field in FIELDS:
        if not (field.kind == Kind.PATH and os.sep != "/"):
            assert all(token.ok for token in parse(field.example).tokens), field.example
        assert f"  {field.name}:" in help_text()
        assert field_of(field.name.upper()) is field
    assert all(len(line) < 80 for line in help_text().splitlines())


def test_hostile_texts_are_read_in_no_time_and_never_fail() -> None:
    chance = random.Random(5)
    signs = [
        '"',
        "-",
        ":",
        ",",
        " ",
        "OR",
        "type:",
        "size:",
        "added:",
        ">",
        "..",
        "9",
        "\0",
        "\ud800",
        "é",
        "*",
        "…",
    ]
    for _ in range(3_000):
        text = "".join(chance.choices(signs, k=chance.randint(0, 12)))
        found = parse(text)
        assert [text[token.start : token.end] for token in found.tokens] == [
            token.text for token in found.tokens
        ]
        explain(text)
        complete(text, chance.randint(0, len(text)))
    for unit in ('"', '"a', "x", "a ", "a,", "tag:a,", "size:9", "OR ", "-", "\0", "¼"):
        text = unit * (1_000_000 // len(unit))
        begun = time.process_time()
        found = parse(text)
        explain(text)
        complete(text, len(text))
        assert time.process_time() - begun < 2
        assert sum(len(term.values) for group in found.groups for term in group) <= MOST_WORDS
    assert [token.kind for token in parse("a " * (MOST_WORDS + 5)).tokens][-2:] == ["word", "rest"]
    assert parse("a" * MOST_CHARACTERS + "b").tokens[-1].kind == "rest"
