"""The tables of rules: whole, consistent, and easy to add to."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from modelmgr.readers import rules
from modelmgr.readers.contents import Spec
from modelmgr.readers.rules import View
from modelmgr.readers.tensors import Tensors
from modelmgr.resources import resource_path

FILES = sorted(resource_path("identification").glob("*.json"))
TABLES = [path.stem for path in FILES if "rules" in json.loads(path.read_text("utf-8"))]
BASES = json.loads(resource_path("identification", "bases.json").read_text("utf-8"))["bases"]


def every_rule(sources: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for source in sources:
        yield source
        yield from every_rule(source.get("cases", []))


def view_of(specs: dict[str, tuple[int, ...]], metadata: dict[str, Any] | None = None) -> View:
    tensors = {name: Spec("F16", shape, 0) for name, shape in specs.items()}
    return View("safetensors", Tensors(tensors), metadata or {}, "x.safetensors")


@pytest.mark.parametrize("name", TABLES)
def test_every_table_compiles_and_names_only_what_exists(name: str) -> None:
    assert rules.table_of(name).rules
    for rule in every_rule(rules.load(name)["rules"]):
        named = [
            rule.get("base"),
            *rule.get("candidates", ()),
            *(hint.get("base") for hint in rule.get("hints", ())),
        ]
        assert {base for base in named if base and not base.startswith("@")} <= BASES.keys()
        assert rule.get("then", "gates") in TABLES
        if rule.get("needs"):
            assert "then" in rule


def every_condition(source: Any) -> Iterator[str]:
    if isinstance(source, str):
        yield source.removeprefix("!")
    else:
        for member in source if isinstance(source, list) else next(iter(source.values())):
            yield from every_condition(member)


@pytest.mark.parametrize("name", TABLES)
def test_every_measure_that_a_table_asks_for_can_be_taken(name: str) -> None:
    view = view_of({"a.weight": (1, 1)})
    for rule in every_rule(rules.load(name)["rules"]):
        for condition in every_condition(rule["when"]):
            if condition.startswith("$"):
                view.measure(condition[1:].rsplit(" ", 2)[0])


def test_every_statement_about_a_base_names_one_that_exists() -> None:
    metadata = rules.load("metadata")
    assert {line["base"] for line in metadata["statements"]} <= BASES.keys()
    assert {word["base"] for finer in metadata["finer"].values() for word in finer["words"]} <= BASES.keys()
    assert {line["of"] for line in BASES.values() if "of" in line} <= BASES.keys()


def test_every_table_is_reached() -> None:
    reached = {
        rule["then"] for name in TABLES for rule in every_rule(rules.load(name)["rules"]) if "then" in rule
    }
    assert set(TABLES) == reached | {"gates", "folders", "onnx"}


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ("a.weight", True),
        ("b.weight", False),
        ("!b.weight", True),
        ("a.weight[0] = 4", True),
        ("a.weight[-1] = 2|3", True),
        ("a.weight[1] != 3", False),
        ("a.weight[#] = 2", True),
        ("a.weight[7] = 3", False),
        ("a.weight[0] >= 4", True),
        ("a.weight[0] <= 3", False),
        ("blocks.*.norm.weight", True),
        ("blocks.*.other.weight", False),
        ("blocks.**", True),
        ("block.**", False),
        ("**.norm.weight", True),
        ("**norm.weigh", False),
        ("**1.nor**", True),
        ("$tensors = 3", True),
        ("$tensors > 3", False),
        ("$share(.norm.weight) > 0.5", True),
        ("@key", True),
        ("@none", False),
        ("@absent", False),
        ("@key = VALUE|x", True),
        ("@key ~ val*", True),
        ("$file_name ~ y*|X.*", True),
        ("$file_name ~ y*", False),
        ("@key ~ alu", False),
        ("@number >= 5", True),
        ({"any": ["b.weight", "a.weight"]}, True),
        ({"all": ["b.weight", "a.weight"]}, False),
    ],
)
def test_a_condition_means_what_it_says(condition: Any, holds: bool) -> None:
    specs = {"a.weight": (4, 3), "blocks.0.norm.weight": (4,), "blocks.1.norm.weight": (4,)}
    view = view_of(specs, {"key": "Value", "none": "None", "number": 5})
    assert rules.rule_of({"when": [condition]}).when[0].holds(view) is holds


@pytest.mark.parametrize(
    "source",
    [{"when": [], "bsae": "SDXL"}, {"when": [{"none": ["a"]}]}, {"when": ["a = 3"]}, {"base": "SDXL"}],
)
def test_a_mistake_in_a_rule_is_found_when_it_is_read(source: dict[str, Any]) -> None:
    with pytest.raises((ValueError, KeyError)):
        rules.rule_of(source)


def test_the_most_frequent_prefix_is_taken_and_the_inner_one_on_a_tie() -> None:
    prefixes = ("model.diffusion_model.", "model.model.", "model.")
    inner = {f"model.diffusion_model.{n}.weight": (1,) for n in range(9)}
    assert view_of({**inner, "model.x": (1,)}).tensors.choose_prefix(prefixes) == "model.diffusion_model."
    outer = {f"model.{n}.weight": (1,) for n in range(20)}
    assert view_of({**inner, **outer}).tensors.choose_prefix(prefixes) == "model."
    assert view_of({f"model.{n}.weight": (1,) for n in range(5)}).tensors.choose_prefix(prefixes) == ""


def test_a_name_with_line_ends_in_it_confuses_no_search() -> None:
    view = view_of({"a\n.norm.weight\nb": (1,), "c": (1,)})
    assert view.tensors.find("**.norm.weight") is None
    assert view.tensors.find("**.norm**") is None
