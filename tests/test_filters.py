"""The filters of the library view: door words, and the question that comes of them."""

import os
from dataclasses import fields
from typing import Any

import pytest

from modelmgr.catalog.conditions import STATE_CONDITIONS
from modelmgr.errors import Usage
from modelmgr.filters import MODEL_FILTERS, MODEL_STATES, FilterKind, model_query
from modelmgr.values import ModelQuery

MODELS = os.path.abspath("/models")


def test_the_filters_cover_every_field_of_the_question_once() -> None:
    # What is excluded is said in the search, further columns in the sort.
    rest = ["excluded", "then_by"]
    assert [filter_.field for filter_ in MODEL_FILTERS] + rest == [field.name for field in fields(ModelQuery)]
    assert (
        " ".join(filter_.name for filter_ in MODEL_FILTERS)
        == "search type base tag folder state favorite sort desc"
    )


def test_nothing_asked_is_the_default_question() -> None:
    assert model_query({}) == ModelQuery()
    assert model_query({filter_.name: None for filter_ in MODEL_FILTERS}) == ModelQuery()
    assert model_query({"limit": 100, "command": "list"}) == ModelQuery()


def test_words_become_canonical() -> None:
    asked = {
        "search": "ink  harbor",
        "type": ["LoRA", "Checkpoints", "unknown"],
        "base": ("sd 1.5", "flux1-dev", "Of My Own"),
        "tag": ["Ink"],
        "folder": [f"{MODELS}/Lora/", f"{MODELS}/./x/../vae"],
        "state": ["missing", "duplicate"],
        "favorite": False,
        "sort": "size_bytes",
        "desc": True,
    }
    assert model_query(asked) == ModelQuery(
        search="ink  harbor",
        types=("lora", "checkpoint", "unknown"),
        base_models=("SD 1.5", "Flux.1 D", "Of My Own"),
        tags=("Ink",),
        folders=(os.path.join(MODELS, "Lora"), os.path.join(MODELS, "vae")),
        states=("missing", "duplicate"),
        favorite=False,
        sort="size_bytes",
        descending=True,
    )


def test_a_folder_may_have_a_name_that_is_no_text() -> None:
    named = os.path.join(MODELS, "\udc80")
    assert model_query({"folder": [named]}).folders == (named,)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"type": ["spaceship"]}, "'spaceship' is no type of model; the types are checkpoint, "),
        ({"sort": "colour"}, "Can't sort by 'colour'; the columns are name, type, base_model, "),
        ({"sort": ""}, "Can't sort by ''; "),
        ({"state": ["Missing"]}, "'Missing' is no state; it is one of present, missing, offline, "),
        ({"folder": ["models"]}, "'models' is no absolute path."),
        ({"sort": "name,colour"}, "Can't sort by 'colour'; "),
        ({"sort": "name:up"}, "'up' is no way to sort; it is asc or desc."),
        ({"sort": "name,type,name:desc"}, "'name' is there twice."),
        ({"search": "a " * 101}, "The search has 101 words; 100 are the most."),
        ({"search": "a" * 10_001}, "The search has 10,001 characters; 10,000 are the most."),
        ({"search": "\udc80"}, "'\\udc80' is no text: "),
        ({"tag": ["ink", "\ud800"]}, "'\\ud800' is no text: "),
    ],
)
def test_words_that_a_filter_does_not_know_are_refused(asked: dict[str, Any], message: str) -> None:
    with pytest.raises(Usage) as refused:
        model_query(asked)
    assert refused.value.message.startswith(message)


def test_the_catalog_knows_every_state_that_may_be_asked_for() -> None:
    assert list(MODEL_STATES) == [str(state) for state in STATE_CONDITIONS]


def test_choices_and_kinds_fit_together() -> None:
    for filter_ in MODEL_FILTERS:
        if filter_.kind == FilterKind.ORDER:
            assert filter_.default in filter_.choices
        assert filter_.help


def test_an_order_may_have_several_columns() -> None:
    assert model_query({"sort": "rating:desc, name", "desc": False}) == ModelQuery(
        sort="rating", descending=True, then_by=(("name", False),)
    )
    assert model_query({"sort": "rating,name:desc,type:asc", "desc": True}) == ModelQuery(
        sort="rating", descending=True, then_by=(("name", True), ("type", False))
    )
    assert model_query({"sort": "rating:asc", "desc": True}) == ModelQuery(sort="rating")
