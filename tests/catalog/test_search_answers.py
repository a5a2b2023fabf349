"""What a search finds, held against a plain reading of the same words over every model, for thousands of searches."""

import itertools
import json
import os
import random
import threading
import time
import unicodedata
from collections.abc import Callable
from typing import Any

import pytest

from modelmgr.catalog import Catalog
from modelmgr.catalog.conditions import STATE_CONDITIONS
from modelmgr.catalog.found import FoundModel
from modelmgr.progress import Cancelled
from modelmgr.search import Match, Term, Value, parse
from modelmgr.values import MODEL_STATES, SORT_COLUMNS, ModelQuery

Found = Callable[..., FoundModel]
Model = dict[str, Any]

DAY = 86_400
WORDS = [
    "ink",
    "Inkwash",
    "harbor",
    "Straße",
    "ÄTHER",
    "a",
    "wip",
    "Ω 9",
    "deadbeef01",
    "x*y",
    "[z]",
    "glass",
    "cafe\u0301",
    "Caf\u00c9",
]
TYPES = ["lora", "vae", "checkpoint", "unknown"]
BASES = ["SDXL 1.0", "Flux.1 D", "Flux.1 S", "Of My Own", None]
FOLDERS = ["/m", "/m/lora", "/m/lora/Ännä", "/n", "/m2", "/m/\udcff"]
SOURCES = ["civitai-info", "civitai-archive", "generic-json"]


@pytest.fixture(scope="module")
def stocked(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A catalog of many kinds of models, and the same models as plain values."""
    chance = random.Random(6)
    now = int(time.time())
    with Catalog.open(tmp_path_factory.mktemp("search") / "catalog.sqlite") as catalog:
        models = [_made(chance, number, now) for number in range(160)]
        catalog.put_found([_found(number, model) for number, model in enumerate(models)])
        for model, row_id in zip(models, catalog.order(ModelQuery(sort="added_at")), strict=True):
            model["id"] = row_id
            columns = [
                "sha256",
                "format",
                "added_at",
                "modified_at",
                "file_state",
                "hash_state",
                "danger",
                "license",
                "nsfw",
                "preview",
                "source_url",
            ]
            with catalog.transaction() as writer:
                writer.execute_sql(
                    f"UPDATE models SET {', '.join(f'{name} = ?' for name in columns)} WHERE id = ?",
                    [*(os.fsencode(v) if "\udcff" in str(v) else v for v in map(model.get, columns)), row_id],
                )
                for source in model["sources"]:
                    writer.execute_sql(
                        "INSERT INTO records(model_id, source, source_path, record_key, payload_sha256, "
                        "extra_sha256, size_bytes, imported_at, binding, chief, meta_json) "
                        "VALUES (?, ?, '/m/x', ?, ?, '', 2, 0, '', 0, '{}')",
                        [row_id, source, str(row_id), "0" * 64],
                    )
        with catalog.transaction() as writer:
            for row_id, text in writer.execute_sql("SELECT id, search_text FROM models").fetchall():
                next(model for model in models if model["id"] == row_id)["search_text"] = text
        yield catalog, models


def _made(chance: random.Random, number: int, now: int) -> Model:
    def some(most: int) -> list[str]:
        return chance.sample(WORDS, chance.randint(0, most))

    folder = chance.choice(FOLDERS)
    name = " ".join([*some(2), str(number)])
    state = chance.choice(["present", "present", "missing", "offline"])
    return {
        "name": name,
        "file_name": f"{chance.choice(WORDS).replace('*', '')} {number}.gguf",
        "folder": folder,
        "type": chance.choice(TYPES),
        "base_model": chance.choice(BASES),
        "size_bytes": chance.choice([0, 10**9, 2 * 10**9, 2 * 10**9 + 1, chance.randrange(10**10)]),
        "tags": some(3),
        "trigger_words": some(2),
        "notes": " ".join(some(3)) or None,
        "rating": chance.choice([None, 0, 1, 3, 4, 5]),
        "favorite": chance.random() < 0.2,
        "sha256": f"{number:02x}{chance.getrandbits(248):062x}" if chance.random() < 0.8 else None,
        "format": chance.choice(["gguf", "safetensors", None]),
        "added_at": now - chance.choice([60, DAY // 2, 29 * DAY, 31 * DAY, 400 * DAY]) - number,
        "modified_at": chance.choice([None, now - 40 * DAY, now - 2 * DAY]),
        "file_state": state,
        "hash_state": chance.choice(["none", "hashing", "done"]),
        "danger": chance.choice([None, None, "dangerous", "unscanned"]),
        "license": chance.choice([None, "MIT", "Apache-2.0", "CreativeML OpenRAIL"]),
        "nsfw": chance.choice([None, False, True]),
        "preview": chance.choice([None, None, f"/p/{number % 9}.png", "/P/a.png", "/p/\udcff"]),
        "source_url": chance.choice([None, None, f"https://a/{number % 9}", "HTTPS://A/3"]),
        "sources": chance.sample(SOURCES, chance.randint(0, 2)),
        "file_count": 1,
    }


def _found(number: int, model: Model) -> FoundModel:
    fields = {
        name: model[name]
        for name in ("name", "type", "base_model", "tags", "trigger_words", "notes", "rating", "favorite")
        if model[name] is not None
    }
    return FoundModel(
        f"{model['folder']}/{model['file_name']}",
        model["size_bytes"],
        10**18,
        0,
        1,
        fields,
        {},
        "gguf",
        '{"format": "gguf"}',
        {"type": "lora", "base_model": None, "certain": True, "suggestions": {}},
        hash_state="none",
    )


# --- the plain reading ------------------------------------------------------------------------------------

_COLUMNS = {"size": "size_bytes", "added": "added_at", "modified": "modified_at", "base": "base_model"}


def holds(model: Model, term: Term) -> bool:
    return any(_is(model, term.field, value) for value in term.values) != term.negated


def _is(model: Model, field: str, value: Value) -> bool:
    text = _same(value.text)
    column = _COLUMNS.get(field, field)
    if value.match is Match.NONE:
        lacking = {"tag": "tags", "trigger": "trigger_words", "hash": "sha256", "file": "file_name"}
        found = model["sources"] if field == "source" else model[lacking.get(field, column)]
        return found is None or found in ([], "")
    match field:
        case "":
            is_hash = len(text) >= 8 and all(char in "0123456789abcdef" for char in text)
            return text in model["search_text"] or (is_hash and (model["sha256"] or "").startswith(text))
        case "size" | "added" | "modified" | "rating":
            number = model[column]
            low, high = value.low, value.high
            return number is not None and (low is None or number >= low) and (high is None or number <= high)
        case "tag" | "source":
            words = [_same(word) for word in model["tags" if field == "tag" else "sources"]]
            return text in words if value.match is Match.IS else any(word.startswith(text) for word in words)
        case "fav":
            return bool(model["favorite"]) == (text == "yes")
        case "missing":
            return (model["file_state"] == "missing") == (text == "yes")
        case "hash":
            return (model["sha256"] or "").startswith(text)
        case "danger":
            return {"yes": model["danger"] is not None, "no": model["danger"] is None}.get(
                text, model["danger"] == text
            )
        case "state":
            return {
                "duplicate": False,
                "unidentified": model["type"] == "unknown",
                "hashing": model["hash_state"] in ("none", "hashing"),
                "dangerous": model["danger"] == "dangerous",
                "unscanned": model["danger"] == "unscanned",
            }.get(text, model["file_state"] == text)
        case "folder":
            folder = model["folder"]
            if value.match is Match.HOLDS:
                return text in _same(folder)
            below = folder.startswith(value.text.rstrip("/") + "/")
            return folder == value.text or (below and value.match is Match.BELOW)
        case "name" | "notes" | "license":
            return text in _same(model[field] or "")
        case "file":
            return text in _same(model["file_name"])
        case "trigger":
            return any(text in _same(word) for word in model["trigger_words"])
        case _:
            found = model[column]
            if value.match is Match.BEGINS:
                return found is not None and _same(found).startswith(text)
            return found is not None and found == value.text


def _same(text: str) -> str:
    return unicodedata.normalize("NFC", text.casefold())


def _sort_key(model: Model, column: str) -> tuple[Any, ...]:
    """Nothing is before everything, and what is no text behind all texts; letters of ASCII have no case."""
    if column == "path":
        return (*_sort_key(model, "folder"), *_sort_key(model, "file_name"))
    value = model[column]
    if column in ("tags", "trigger_words"):
        words = [value[0] if value else None, json.dumps(value)]
        return tuple((word is not None, False, word and _nocase(word)) for word in words)
    if column in ("name", "file_name", "license", "notes", "source_url", "preview") and value is not None:
        value = _nocase(value)
    return (value is not None, isinstance(value, str) and "\udcff" in value, value)


def _nocase(text: str) -> str:
    return "".join(char.lower() if char.isascii() else char for char in text)


def expected(models: list[Model], query: ModelQuery) -> set[int]:
    facets = [
        ("type", query.types),
        ("base", query.base_models),
        ("folder", query.folders),
        ("state", query.states),
    ]
    fields = {"types": "type", "base_models": "base", "tags": "tag", "folders": "folder", "states": "state"}
    found = set()
    for model in models:
        fits = all(any(holds(model, term) for term in group) for group in parse(query.search).groups)
        fits &= all(
            not words or any(_is(model, field, Value(Match.IS, word)) for word in words)
            for field, words in facets
        )
        fits &= all(_is(model, "tag", Value(Match.IS, tag)) for tag in query.tags)
        fits &= query.favorite is None or model["favorite"] == query.favorite
        fits &= not any(_is(model, fields[group], Value(Match.IS, value)) for group, value in query.excluded)
        if fits:
            found.add(model["id"])
    return found


# --- random searches --------------------------------------------------------------------------------------


def _a_term(chance: random.Random) -> str:
    word = chance.choice(WORDS)
    part = word[: chance.randint(1, len(word))]
    quoted = f'"{part}"'
    amount = chance.choice([">", ">=", "<", "<=", "", "="])
    choices = [
        part,
        quoted,
        quoted.upper(),
        f"type:{chance.choice([*TYPES, 'LoRA', 'v', 'lora,vae', 'nonsense'])}",
        f"base:{chance.choice(['sdxl', 'flux1-dev', 'none', 'of*', 'Fl*', 'Of', 'unknown'])}",
        f"base:{chance.choice(BASES[:4])!r}".replace("'", '"'),
        f"tag:{chance.choice([quoted, 'none', part.split()[0] + '*', 'ink,WIP', 'straße'])}",
        f"size:{amount}{chance.choice(['2GB', '1.0gb', '1000000000', '1.9GiB', '500mb'])}",
        f"size:{chance.choice(['1gb..2gb', '..2gb', '1..5gb'])}",
        f"added:{amount}{chance.choice(['30d', '1d', '1y', '6mo', '2026', '2025-12-31', 'today'])}",
        f"modified:{chance.choice(['<30d', '>30d', 'none', '1d..50d', '2020..'])}",
        f"rating:{amount}{chance.choice('012345')}",
        f"rating:{chance.choice(['none', 'none,5', '1..3', '9'])}",
        f"fav:{chance.choice(['yes', 'no', 'yes,no'])}",
        f"missing:{chance.choice(['yes', 'no'])}",
        f"state:{chance.choice([*MODEL_STATES, 'missing,hashing', 'off'])}",
        f"hash:{chance.choice(['00', '0f…', 'none', '1', '01,none'])}",
        f"name:{quoted}",
        f"file:{chance.choice([quoted, 'gguf', 'none'])}",
        f"folder:{chance.choice(['/m', '/m/lora', '/m/', 'lora', 'ÄNN', '/', 'none', '/m/*', 'm2,/n'])}",
        f"trigger:{chance.choice([quoted, 'none'])}",
        f"notes:{chance.choice([quoted, 'none', 'ink,glass'])}",
        f"format:{chance.choice(['GGUF', 'safe*', 'none'])}",
        f"license:{chance.choice(['mit', 'APACHE', 'none', 'rail,mit'])}",
        f"source:{chance.choice(['civitai*', 'civitai-info', 'none', 'none,generic-json'])}",
        f"danger:{chance.choice(['yes', 'no', 'dangerous', 'un'])}",
        chance.choice(["type:", "OR", '"', "-", "a:b", "size:2xb", "\0", "\udcff"]),
    ]
    return chance.choice(["", "", "", "-"]) + chance.choice(choices)


def _a_query(chance: random.Random) -> ModelQuery:
    joined = [_a_term(chance)]
    for _ in range(chance.choice([0, 0, 1, 1, 2, 3])):
        joined.append(chance.choice([" ", " ", " ", " OR "]) + _a_term(chance))
    groups = [
        *(("types", word) for word in TYPES),
        *(("base_models", word) for word in BASES[:4]),
        *(("tags", word) for word in WORDS),
        *(("folders", word) for word in FOLDERS),
        *(("states", word) for word in ("missing", "hashing", "unidentified")),
    ]
    return ModelQuery(
        search="".join(joined),
        types=tuple(chance.sample(TYPES, chance.choice([0, 0, 0, 1, 2]))),
        base_models=tuple(chance.sample(BASES[:4], chance.choice([0, 0, 0, 1, 2]))),  # type: ignore[arg-type]
        tags=tuple(chance.sample(WORDS, chance.choice([0, 0, 0, 1]))),
        folders=tuple(chance.sample(FOLDERS, chance.choice([0, 0, 0, 2]))),
        favorite=chance.choice([None, None, None, None, True, False]),
        sort=chance.choice(SORT_COLUMNS),
        descending=chance.random() < 0.5,
        excluded=tuple(chance.sample(groups, chance.choice([0, 0, 1, 2]))),
        then_by=tuple(
            (column, chance.random() < 0.5)
            for column in chance.sample(SORT_COLUMNS, chance.choice([0, 0, 1, 2]))
        ),
    )


def _is_ordered(query: ModelQuery, models: list[Model]) -> bool:
    """Tell whether models stand in the order that a query names: by its columns, in their directions."""
    keys = [(query.sort, query.descending), *((c, d) for c, d in query.then_by if c != query.sort)]
    for one, two in itertools.pairwise(models):
        for column, descending in keys:
            first, second = _sort_key(one, column), _sort_key(two, column)
            if first != second:
                if (first > second) != descending:
                    return False
                break
    return True


@pytest.mark.parametrize("seed", range(20))
def test_searches_find_what_a_plain_reading_finds_in_the_order_that_was_asked_for(
    stocked: Any, seed: int
) -> None:
    catalog, models = stocked
    by_id = {model["id"]: model for model in models}
    chance = random.Random(seed)
    for _ in range(150):
        query = _a_query(chance)
        wanted = expected(models, query)
        order = list(catalog.order(query))
        assert set(order) == wanted, query
        assert len(order) == len(wanted), query
        assert catalog.count(query) == len(wanted), query
        assert catalog.count(query, 7) == min(7, len(wanted)), query
        assert _is_ordered(query, [by_id[row_id] for row_id in order]), query
        start = chance.randrange(0, 30)
        assert [row.id for row in catalog.page(query, 10, start)] == order[start : start + 10], query
        after, paged = None, []
        while True:
            page = catalog.model_page(query, 37, after, catalog.rows)
            paged += [row.id for row in page.rows]
            after = page.last and json.loads(json.dumps(page.last))
            if after is None:
                break
        assert paged == order, query


@pytest.mark.parametrize("seed", [*range(4), 8])
def test_walking_and_sorting_give_the_same_rows(
    stocked: Any, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a small catalog few is never too few to sort; so the bounds are moved."""
    from modelmgr.catalog import candidates, estimates, stretches

    catalog, _models = stocked
    chance = random.Random(1_000 + seed)
    for _ in range(120):
        query = _a_query(chance)
        order = list(catalog.order(query))
        for fetch, scan, look, batch, sample, counted in (
            (2.4, 0.2, 2.0, 5, 250, 3),
            (1e9, 1e9, 2.0, 0, 125, 1_000),
            (1e9, 1e9, 1e9, 2_000, 4_000, 1_000),
            (0.0, 1e9, 1e9, 3, 8, 1_000),
            (1e9, 0.0, 1e9, 20, 4_000, 2),
        ):
            for name, cost in (("FETCH", fetch), ("_SCAN", scan), ("_LOOK", look), ("_CHEAP", 0.0)):
                monkeypatch.setattr(estimates, name, cost)
            monkeypatch.setattr(stretches, "_BATCH", batch)
            monkeypatch.setattr(estimates, "_SAMPLE", sample)
            monkeypatch.setattr(estimates, "_TELLING", 1 + sample // 500)
            monkeypatch.setattr(candidates, "RARE_COUNTED", counted)
            monkeypatch.setattr(candidates, "COUNTED", counted)
            monkeypatch.setattr(candidates, "COUNTED_WORDS", counted)
            assert [row.id for row in catalog.page(query, 12, 3)] == order[3:15], query


@pytest.mark.parametrize("seed", range(3))
def test_facets_count_what_the_search_leaves(stocked: Any, seed: int) -> None:
    catalog, models = stocked
    by_id = {model["id"]: model for model in models}
    chance = random.Random(2_000 + seed)
    for _ in range(100):
        query = _a_query(chance)
        found = [by_id[row_id] for row_id in catalog.order(query)]
        facets = catalog.facets(query)
        assert facets.total == len(found), query
        assert facets.types == _counts(model["type"] for model in found)
        assert facets.base_models == _counts(model["base_model"] for model in found)
        assert facets.folders == _counts(model["folder"] for model in found)
        assert facets.favorites == sum(model["favorite"] for model in found)
        tags = {_same(word): number for word, number in facets.tags.items()}
        # Two spellings of a word are one tag.
        assert tags == _counts(word for model in found for word in set(map(_same, model["tags"])))
        for state in STATE_CONDITIONS:
            number = sum(_is(model, "state", Value(Match.IS, state)) for model in found)
            assert state == "present" or facets.states.get(state, 0) == number


def test_digits_of_any_hash_find_the_first_page_as_well(stocked: Any) -> None:
    catalog, models = stocked
    model = next(model for model in models if model["sha256"] and model["sources"])
    with catalog.transaction() as writer:
        writer.execute_sql(
            "INSERT INTO known_hashes(holder, holder_id, kind, hash) "
            "SELECT 'record', id, 'AutoV3', 'feedfacefeed' FROM records WHERE model_id = ? LIMIT 1",
            [model["id"]],
        )
    for text in (model["sha256"][:12], f"hash:{model['sha256'][:12]}", "feedfacefeed", "hash:feedfacefeed"):
        for query in (ModelQuery(search=text), ModelQuery(search=f"{text} -nowhere")):
            assert [row.id for row in catalog.page(query, 5)] == [model["id"]], query
            assert catalog.count(query) == 1


def test_a_question_ends_as_soon_as_nobody_waits_for_it(stocked: Any) -> None:
    catalog, models = stocked
    slow = (
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000000) "
        "SELECT count(*) FROM n"
    )
    begun, ended = threading.Event(), threading.Event()

    def ask() -> None:
        catalog.count(ModelQuery())
        begun.set()
        with pytest.raises(Cancelled):
            catalog._value(slow)
        # The connection is as good as before.
        assert catalog.count(ModelQuery()) == len(models)
        ended.set()

    worker = threading.Thread(target=ask)
    worker.start()
    assert begun.wait(10)
    while not ended.wait(0.01):  # it may be told before it asks
        catalog.interrupt(worker.ident)
    worker.join()


def _counts(values: Any) -> dict[Any, int]:
    found: dict[Any, int] = {}
    for value in values:
        if value is not None:
            found[value] = found.get(value, 0) + 1
    return found
