"""From what several witnesses claim about one model to the light columns that the library shows.

Pure, and repeatable at any time: the payloads stay, these columns are only what they amount to. Every value comes
with its origin. Who is heard first is told by `witnesses`; here each column makes its one value of what it hears.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple

from modelmgr.migration.beside import subject_of
from modelmgr.migration.normal_form import EMPTY, cut, edited_form, one_line
from modelmgr.migration.witnesses import (
    EDITED,
    FITTING,
    HEADER,
    PERSONAL,
    PLACE,
    Case,
    HeaderFacts,
    Said,
    Witness,
    weight,
)
from modelmgr.values import Opinion, Origin
from modelmgr.vocabulary import (
    UNKNOWN,
    is_complete_base,
    is_finer,
    source_line,
    source_texts,
    type_of_folder,
    type_of_name,
)

LIGHT_COLUMNS = (
    "name",
    "type",
    "base_model",
    "tags",
    "rating",
    "favorite",
    "nsfw",
    "notes",
    "trigger_words",
    "preview",
    "license",
    "source_url",
)
"""The columns that witnesses fill; the others are facts of the file."""
MERGED: Final = "merged"
"""The source of a value that nobody says by himself."""
_LIST_LIMIT = 1_000
"""A column of the library view must stay light, whatever the records hold: the payloads keep the rest."""
# Their word for the type is the tool's own index: after a catalogue's, if both are as well bound.
_INDEXES = frozenset(
    [
        "invokeai-db",
        "invokeai-yaml",
        "comfyui-assets",
        "lora-manager",
        "lora-manager-cache",
        "pumas-index",
        "ollama",
        "lmstudio",
        "lmstudio-model-yaml",
        "jan-model-yml",
        "jan-model-json",
    ]
)
# They know a type only from the folder they found the model in.
_TYPED_BY_FOLDER = frozenset(
    [
        "a1111-user-json",
        "a1111-txt",
        "a1111-cache-json",
        "a1111-diskcache",
        "sdnext-txt",
        "sdnext-cache",
        "addnet-hashes",
    ]
)
# Catalogues give both of a pair one name; the file's own structure knows better.
WHOLE_OR_PART = frozenset(["checkpoint", "diffusion_model"])
_CONFUSED = (WHOLE_OR_PART, frozenset(["embedding", "lora"]))
# A header proves the language model, not what it is used for.
_USES_OF_LLM = frozenset(["text_encoder", "vlm", "text_embedding_model", "reranker"])


_BY_NAME = Origin("file", PLACE)


class Merged(NamedTuple):
    """The light columns of one model, all of `LIGHT_COLUMNS`, and where each filled one came from."""

    fields: dict[str, Any]
    origins: dict[str, Origin]


def merge(case: Case) -> Merged:
    """Return the light columns that all witnesses of one model amount to.

    Two records that hold one answer of a catalogue count once by themselves: nothing here is decided by numbers.
    """
    if case.file_path and case.header is not None and not (case.ranked or case.user):
        alone = merge_alone(case.file_path, case.header)
        if alone is not None:
            return alone
    fields: dict[str, Any] = {}
    origins: dict[str, Origin] = {}
    answers = {column: answer(case) for column, answer in _ANSWERS.items() if case.is_heard(column)}
    base = _base_model(case)
    answers["base_model"] = base
    answers["type"] = _type(case, case.user.get("base_model") or (base.value if base else None))
    if answers.get("name") is None:
        answers["name"] = _fallback_name(case)
    for column in LIGHT_COLUMNS:
        said = (_said_by_user(column, case.user) if case.user else None) or answers.get(column)
        fields[column] = EMPTY.get(column) if said is None else said.value
        if said is not None:
            origins[column] = said.origin
    return Merged(fields, origins)


def merge_alone(path: str, header: HeaderFacts) -> Merged | None:
    """Return what `merge` does of a file about which nobody speaks but its own structure; None if that is not all."""
    if header.type == UNKNOWN or header.suggestions or not (name := _name_of(path)):
        return None
    kind = header.type, header.base_model, header.certain, header.base_by_name
    alike = _of_structure(kind, type_of_folder(path))
    return Merged(alike.fields | {"name": name}, {"name": _BY_NAME} | alike.origins)


@lru_cache(maxsize=256)
def _of_structure(kind: tuple[str, str | None, bool, str | None], folder: str | None) -> Merged:
    """Return what `merge` does, but for the name, where nobody speaks of a file but its own structure.

    Most files of a folder are of one kind: the answer is for all of them, and not to be changed.

    Args:
        kind: type, base model, `certain` and `base_by_name` as in `HeaderFacts`; the type is not unknown.
        folder: the type that the file's folder tells.
    """
    type_, base_model, certain, base_by_name = kind
    header = HeaderFacts(type_, base_model, certain, base_by_name=base_by_name)
    case = Case((), sha256=None, file_path=None, size_bytes=None, header=header, user={})
    said = {"type": _structure(header, folder), "base_model": _base_model(case)}
    heard = {column: one for column, one in said.items() if one is not None}
    fields = {column: EMPTY.get(column) for column in LIGHT_COLUMNS}
    return Merged(
        fields | {column: one.value for column, one in heard.items()},
        {column: one.origin for column, one in heard.items()},
    )


def opinions(case: Case, shown: Merged) -> dict[str, tuple[Opinion, ...]]:
    """Return the different values that each column could show, the shown one first, the others best first.

    Args:
        case: of which `merge` was asked.
        shown: what that made of it, and what became of that where a preview isn't there.

    Returns:
        Only the columns of which at least one witness speaks.
    """
    found: dict[str, tuple[Opinion, ...]] = {}
    for column in LIGHT_COLUMNS:
        said = _heard(case, column)
        if (edited := _said_by_user(column, case.user)) is not None:
            said.insert(0, edited)
        if said:
            value, origin = shown.fields.get(column), shown.origins.get(column)
            found[column] = tuple(_told(column, said, value, origin))
    return found


def _told(column: str, said: Sequence[Said], shown: Any, shown_origin: Origin | None) -> Iterator[Opinion]:
    different: dict[Any, Said] = {}
    for one in said:
        different.setdefault(_same(column, one.value), one)
    chosen = different.pop(_same(column, shown), None)
    if chosen is not None:
        origin = chosen.origin
    elif shown_origin is None or shown_origin.source == "file":
        origin = Origin("file", PLACE)
    else:
        origin = Origin(MERGED, shown_origin.rank)
    yield Opinion(origin.source, origin.record_id, origin.rank, shown, True)
    for one in different.values():
        yield Opinion(one.origin.source, one.origin.record_id, one.origin.rank, one.value, False)


def _same(column: str, value: Any) -> Any:
    return os.path.normpath(value) if column == "preview" and value else value


def pictures(case: Case) -> tuple[tuple[str, Origin], ...]:
    """Return the pictures that are named as previews, best first."""
    if not case.is_heard("preview"):
        return ()
    return tuple((said.value, said.origin) for said in case.all("preview"))


def shown_of_user(column: str, value: Any) -> Any:
    """Return what a value that the user set shows; None where it shows nothing of its own (an empty name or type)."""
    said = _said_by_user(column, {column: value})
    return None if said is None else EMPTY.get(column) if said.value is None else said.value


def aliases(witnesses: Sequence[Witness], shown: Merged) -> tuple[str, ...]:
    """Return the names that the records give a model beside the shown one, each once."""
    said = (one_line(witness.claims.fields.get("name")) for witness in witnesses if not witness.claims.marker)
    return tuple(dict.fromkeys(name for name in said if name and name != shown.fields.get("name")))


# --- the columns ------------------------------------------------------------------------------------------


def _fallback_name(case: Case) -> Said:
    """Return a name where nobody gave one: the file's stem, or what it was called when it was last seen."""
    if case.file_path and (stem := _name_of(case.file_path)):
        return Said(stem, _BY_NAME)
    claims = [witness.claims for witness, _ in case.ranked]
    paths = [*(one.path for one in claims), *(name for one in claims for name in one.stem_names)]
    # A container of one record is called as its model; one of many has a name of its own.
    alone = [one.source_path for one, _ in case.ranked if one.source_path and not one.record_key]
    stems = (one_line(name) for name in (*map(stem_of, filter(None, paths)), *map(subject_of, alone)))
    hashes = (known[:12] for known in (case.sha256, *(one.sha256 for one in claims)) if known)
    name = next((stem for stem in stems if stem), None) or next(hashes, UNKNOWN)
    return Said(name, _BY_NAME)


def _name_of(path: str) -> str | None:
    return one_line(_stem(os.path.basename(path)))


def stem_of(path: str) -> str:
    """Return the last part of a path, foreign ones too, without its last ending; ``v1.0`` is no ending."""
    return _stem(path.replace("\\", "/").rstrip("/").rpartition("/")[2])


def _stem(name: str) -> str:
    stem, suffix = os.path.splitext(name)
    return name if suffix[1:].isdigit() else stem


def _heard(case: Case, column: str) -> list[Said]:
    """Return all that may be shown in a column, best first, before anything is joined or decided."""
    if column == "base_model":
        said = _bases_said(case, of_others=True)
    elif column == "type":
        said = _types_said(case, of_others=True)
        if case.header is not None and case.header.type != UNKNOWN:
            said = sorted([*said, _structure(case.header, None)], key=weight)
    else:
        said = list(case.all(column, of_others=True))
    return said


def _said_by_user(column: str, user: Mapping[str, Any]) -> Said | None:
    """Return what the user set, None where nothing was; emptied is set too, but for name and type."""
    if user.get(column) is None:
        return None
    edited = edited_form(column, user[column])
    if edited is None and column in {"name", "type"}:
        return None
    return Said(edited, Origin("user", EDITED))


def _base_model(case: Case) -> Said | None:
    said = _bases_said(case)
    if not said:
        return None
    # Whoever says "SDXL" doesn't contradict the one who says "Pony", so the finer word wins whatever its rank.
    return next((one for one in said[1:] if is_finer(one.value, said[0].value)), said[0])


def _bases_said(case: Case, of_others: bool = False) -> list[Said]:
    said = list(case.all("base_model", of_others)) if case.is_heard("base_model") else []
    if case.header is not None and (base := one_line(case.header.base_model)):
        # Converters to GGUF use one architecture's word for all its relatives: any record knows better.
        late = (case.file_path or "").lower().endswith(".gguf")
        said.append(Said(base, Origin("header", HEADER), late=late))
        # A name is no witness against anybody who says something else.
        if case.header.base_by_name and all(one.value == base for one in said):
            said.append(Said(case.header.base_by_name, Origin("file", PLACE)))
        said.sort(key=weight)
    return said


def _type(case: Case, base: str | None) -> Said:
    path = case.file_path or next(
        (witness.claims.path for witness, _ in case.ranked if witness.claims.path), None
    )
    folder = type_of_folder(path) if path else None
    said = _types_said(case)
    # The file's structure stands between the person and the catalogues; "other" only says that no word fits.
    winner = next((one for one in said if one.value != "other" or _is_personal(one)), None)
    if case.header is None or case.header.type == UNKNOWN:
        winner = _whole_or_part(case, said, winner, folder, path, base)
    else:
        winner = _with_structure(winner, case.header, folder)
    if winner is not None and winner.origin.rank < PLACE:
        return winner
    if folder is not None:
        return Said(folder, Origin("file", PLACE))
    if winner is not None:
        return winner
    named = type_of_name(os.path.basename(path)) if path else None
    if named is not None:
        return Said(named, Origin("file", PLACE))
    return next(iter(said), Said(UNKNOWN, Origin("file", PLACE)))


def _types_said(case: Case, of_others: bool = False) -> list[Said]:
    if not case.is_heard("type"):
        return []
    said = [_retyped(one) for one in case.all("type", of_others)]
    return sorted(said, key=lambda one: (one.origin.rank, one.origin.source in _INDEXES))


def _retyped(said: Said) -> Said:
    """Return what a tool says of the type with the rank of what it knows it from."""
    origin = said.origin
    if origin.source in _TYPED_BY_FOLDER and origin.rank > PERSONAL:
        return Said(said.value, Origin(origin.source, PLACE, origin.record_id), said.time)
    return said


def _with_structure(winner: Said | None, header: HeaderFacts, folder: str | None) -> Said:
    """Return the better one of what records say and what the file is made of."""
    structure = _structure(header, folder)
    if winner is None:
        return structure
    if _is_personal(winner) or (header.type == "llm" and winner.value in _USES_OF_LLM):
        return winner
    if any({header.type, winner.value} <= pair for pair in _CONFUSED):
        return structure
    return min(winner, structure, key=lambda one: one.origin.rank)  # what is certain has the rank of a person


def _structure(header: HeaderFacts, folder: str | None) -> Said:
    """Return the type that the file's make-up proves; of a language model the folder tells the use."""
    rank = PERSONAL if header.certain else HEADER
    if header.type == "llm" and folder == "text_encoder":
        return Said(folder, Origin("file", rank))
    return Said(header.type, Origin("header", rank))


def _whole_or_part(
    case: Case,
    said: Sequence[Said],
    winner: Said | None,
    folder: str | None,
    path: str | None,
    base: str | None,
) -> Said | None:
    """Decide between ``checkpoint`` and ``diffusion_model`` where no header can, by base and a second hint."""
    if winner is None or winner.value not in WHOLE_OR_PART or base is None or _is_personal(winner):
        return winner
    if is_complete_base(base):
        # Of a file that is there somebody may have seen more than its base tells.
        return winner if case.file_path else Said("checkpoint", winner.origin)
    hints = [folder, *(one.value for one in said if one is not winner)]
    if "diffusion_model" in hints or (path or "").lower().endswith(".gguf"):
        return Said("diffusion_model", winner.origin)
    return winner


def _is_personal(said: Said) -> bool:
    return said.origin.rank <= PERSONAL


def _tags(case: Case) -> Said | None:
    said = list(case.all("tags"))
    tags: dict[str, str] = {}
    for one in said:
        for tag in one.value:
            tags.setdefault(tag.casefold(), tag)
    return Said(tuple(tags.values())[:_LIST_LIMIT], said[0].origin) if tags else None


def _trigger_words(case: Case) -> Said | None:
    """Join what ranks 1 to 5 say; a loosely bound record is heard only where they say nothing."""
    said = list(case.all("trigger_words"))
    heard = [one for one in said if one.origin.rank <= HEADER] or said
    words = list(dict.fromkeys(word for one in heard for word in one.value))
    singles = [word for word in words if not _repeats_others(word, words)]
    return Said(tuple(singles)[:_LIST_LIMIT], heard[0].origin) if singles else None


def _repeats_others(word: str, words: Sequence[str]) -> bool:
    """Tell whether an entry is the other entries joined by commas, as tools with one text field write them."""
    pieces = [piece for part in word.split(",") if (piece := part.strip())]
    return len(pieces) > 1 and [other for other in words if other in pieces] == pieces


def _any_true(said: Sequence[Said]) -> Said | None:
    return next((one for one in said if one.value), said[0] if said else None)


def _nsfw(case: Case) -> Said | None:
    said = list(case.all("nsfw"))
    return _any_true([one for one in said if one.origin.rank <= FITTING]) or next(iter(said), None)


def _favorite(case: Case) -> Said | None:
    return _any_true(list(case.all("favorite")))


def _notes(case: Case) -> Said | None:
    """Return all different texts, newest first; of several each stands under a line that names its source.

    A text that was joined so before, and came back by way of an export, is what it was joined of.
    """
    different: dict[str, tuple[str, str, Origin]] = {}
    for one in sorted(case.all("notes"), key=lambda one: -one.time):
        for source, text in source_texts(one.value) or [(one.origin.source, one.value)]:
            different.setdefault(" ".join(text.split()), (source, text, one.origin))
    texts = list(different.values())
    if not texts:
        return None
    _, text, origin = texts[0]
    if len(texts) > 1:
        text = cut("\n\n".join(f"{source_line(source)}\n{text}" for source, text, _ in texts))
    return Said(text, origin)


_ANSWERS: Mapping[str, Callable[[Case], Said | None]] = {
    "name": lambda case: case.first("name"),
    "tags": _tags,
    "rating": lambda case: case.first("rating"),
    "favorite": _favorite,
    "nsfw": _nsfw,
    "notes": _notes,
    "trigger_words": _trigger_words,
    "preview": lambda case: case.first("preview"),
    "license": lambda case: case.first("license"),
    "source_url": lambda case: case.first("source_url"),
}
"""How the columns are answered that need nothing but the witnesses."""
