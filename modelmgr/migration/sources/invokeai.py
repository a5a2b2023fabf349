"""InvokeAI's database ``invokeai.db`` and the copies it leaves at upgrades: ``models``, before 4.0 ``model_config``.

All columns but four are generated from the JSON in ``config`` and fail as a whole where one row is malformed, so
only the stored ones are read. What a schema version has shows in its columns: a downgrade leaves newer ones.
"""

# ruff: noqa: S608 - names of tables and columns go through `quoted`; everything else is bound.

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache
from typing import Any

from modelmgr import payload, sqlite
from modelmgr.errors import Unreadable
from modelmgr.migration.beside import base_name, is_model_name, stem_of
from modelmgr.migration.hashes import full_sha256, partial_hash
from modelmgr.migration.reading.container import read_container
from modelmgr.migration.reading.database import (
    DATABASE_SUFFIXES,
    OF_NO_MODEL,
    Database,
    Table,
    is_dump,
    opened,
    plain_columns,
    quoted,
)
from modelmgr.migration.reading.related import Related, declared_key, link_of
from modelmgr.migration.reading.yaml_text import parse_yaml
from modelmgr.migration.repository import weights_of
from modelmgr.migration.source import Container, Place, Report
from modelmgr.migration.sources.civitai import UNPARSED, flags_of, mapping_of
from modelmgr.migration.sources.generic_columns import transcoded
from modelmgr.migration.sources.table_source import Tables, TableSource, columns_of
from modelmgr.payload import clean_name, clean_text, integer_of, list_of_text, page_url, seconds_of
from modelmgr.progress import Progress
from modelmgr.values import MIB, NO_MODEL, Claims, Record, Root, is_below
from modelmgr.vocabulary import UNKNOWN, canonical_base, canonical_type

MODELS_DIR = "models_dir"
"""Key of `Record.extra`: the folder of models that ``invokeai.yaml`` names, absolute."""

SETTINGS = "invokeai.yaml"

_SETTINGS_LIMIT_BYTES = 1 * MIB

# Pictures, queues, accounts: the tool's other business.
_OTHER_BUSINESS = re.compile(
    r"(?:shared_)?boards?(?:_|$)|images?(?:_|$)|sessions?(?:_|$)|graphs?(?:_|$)|graph_executions|workflows?(?:_|$)"
    r"|style_presets|users?(?:_|$)|client_state|app_settings|auth(?:_|$)|(?:applied_)?migrations$",
    re.IGNORECASE,
)
_RELATIONSHIPS = "model_relationships"

_BASES = frozenset(
    [
        *("any", "sd-1", "sd-2", "sd-3", "sdxl", "sdxl-refiner", "flux", "flux2", "cogview4", "z-image"),
        *("qwen-image", "wan", "anima", "krea-2", "ernie-image", "ideogram-4", "external", "unknown"),
    ]
)
_EXTERNAL = frozenset(("external", "external_api"))
_FOREIGN = re.compile(r"[A-Za-z]:[\\/]|\\\\|//")
_REPOSITORY = re.compile(r"[\w.-]{1,96}/[\w.-]{1,96}")


class InvokeaiDatabase(TableSource):
    """See the module."""

    id = "invokeai-db"
    record_ids = ("invokeai-db",)
    places = (Place("InvokeAI", "$INVOKEAI_ROOT"), Place("InvokeAI", "~/invokeai"))

    def wants(self, name: str, named: bool) -> bool:
        """Want names of databases, and whatever the user named."""
        return named or name.lower().endswith(DATABASE_SUFFIXES)

    def is_ours(self, tables: Tables, container: Container) -> bool:
        """Tell by the tables and their stored columns."""
        has_configurations = "config" in columns_of(tables, "models") | columns_of(tables, "model_config")
        return has_configurations and not tables.keys().isdisjoint(("migrations", "applied_migrations"))

    def roots(self, container: Container) -> tuple[Root, ...]:
        """Return the folder of models: the one that the settings name, else the default one if it is there."""
        folders = models_folders(os.path.dirname(container.path), None)
        path = models_dir_of(container) or next((folder for folder in folders if os.path.isdir(folder)), None)
        return (Root(path, UNKNOWN, self.id, container.path),) if path else ()

    def records(self, container: Container, progress: Progress, report: Report) -> Iterator[Record]:
        """Yield a record for each row of ``models``, then of ``model_config``, then what other tables keep.

        Raises:
            Unreadable: nothing of the database can be read.
        """
        with opened(container.path, progress, report) as database:
            yield from _Import(container, database, report).records()

    def claims(self, record: Record, siblings: frozenset[str], sha256: str | None = None) -> Claims:
        """Return what a row says: its JSON first, its other columns where that is silent."""
        extra = record.extra or {}
        if is_dump(extra):
            return OF_NO_MODEL
        columns = {
            name.lower(): value
            for name, value in plain_columns(extra.get("columns")).items()
            if not isinstance(value, bytes)
        }
        folder = os.path.dirname(record.source_path)
        if extra.get("made"):
            found = payload.Parsed({}, True)
        else:
            encoding = extra.get("encoding")
            content = transcoded(record.payload, encoding) if isinstance(encoding, str) else record.payload
            found = payload.parse(content)
        if not found.ok:
            said = config_claims(columns, folder, extra)
            return replace(
                said,
                problem=found.code or UNPARSED,
                message=found.message,
                flags=flags_of(record, found, said.flags),
            )
        config = mapping_of(found.value)
        said = config_claims({**columns, **config}, folder, extra)
        said = replace(
            said, time=seconds_of(columns.get("updated_at")) or seconds_of(columns.get("created_at"))
        )
        if not config and not said.fields and not extra.get("made"):
            said = replace(said, marker=True)
        return replace(said, flags=flags_of(record, found, said.flags))


# --- where InvokeAI keeps things --------------------------------------------------------------------------


def models_dir_of(container: Container) -> str | None:
    """Return the folder of models that InvokeAI's settings name, None if they name none.

    The settings stand one folder above the container; they are opened only if the user named what they lie in.
    """
    folder = os.path.dirname(container.path)
    for root in (os.path.dirname(folder), folder):
        path = os.path.join(root, SETTINGS)
        named = container.root
        if named and is_below(path, named) and is_below(os.path.realpath(path), os.path.realpath(named)):
            with suppress(Unreadable):
                return models_dir_in(read_container(path, _SETTINGS_LIMIT_BYTES), root)
    return None


def is_settings(value: Any) -> bool:
    """Tell whether parsed YAML is ``invokeai.yaml``: flat with a schema version, or nested under ``InvokeAI``."""
    return isinstance(value, Mapping) and (
        "schema_version" in value or isinstance(value.get("InvokeAI"), Mapping)
    )


def models_dir_in(content: bytes, root: str) -> str | None:
    """Return the folder of models that the bytes of ``invokeai.yaml`` name, absolute; None if they name none.

    Args:
        content: of version 4 and later (flat) or 3 (``InvokeAI`` -> ``Paths``).
        root: what relative settings are relative to.
    """
    value = parse_yaml(content).value
    if not is_settings(value):
        return None
    nested = mapping_of(mapping_of(value.get("InvokeAI")).get("Paths"))
    for said in (value.get("models_dir"), nested.get("models_dir")):
        if isinstance(said, str) and said.strip() and "\0" not in said and not _is_foreign(said):
            return os.path.normpath(os.path.join(root, os.path.expanduser(said.strip())))
    return None


@lru_cache(maxsize=64)
def models_folders(folder: str, models_dir: str | None) -> tuple[str, ...]:
    """Return where the models of an InvokeAI may lie, the likeliest first.

    Args:
        folder: of its database or model list: usually ``<root>/databases`` or ``<root>/configs``.
        models_dir: what its settings say.
    """
    beside, above = os.path.join(folder, "models"), os.path.join(os.path.dirname(folder), "models")
    usual = os.path.basename(folder).lower() in ("databases", "configs", "db")
    return tuple(
        dict.fromkeys(path for path in (models_dir, *((above, beside) if usual else (beside, above))) if path)
    )


def _is_foreign(path: str) -> bool:
    return os.sep == "/" and _FOREIGN.match(path) is not None


def places_of(said: Mapping[str, Any], folders: Sequence[str]) -> tuple[str, ...]:
    """Return where the file of a row may be, the recorded place first; empty if it names none.

    Before schema 24 files lay at ``<base>/<type>/<name>``, since then at ``<key>/<name>``; a database may be of one
    side of that move and its files of the other.
    """
    path = said.get("path")
    if not isinstance(path, str) or not path.strip() or "\0" in path:
        return ()
    name, key = base_name(path), clean_name(said.get("key") or said.get("id"))
    slashed = path.replace("\\", "/")
    places: list[str] = []
    if os.path.isabs(path) or _is_foreign(path):
        places.append(path)
    else:
        spellings = dict.fromkeys((slashed, path))
        places += [os.path.join(folder, spelling) for folder in folders for spelling in spellings]
    kind = f"{clean_name(said.get('base'))}/{clean_name(said.get('type'))}"
    for moved in (key, kind):
        if name and re.fullmatch(r"[\w.-]+(?:/[\w.-]+)?", moved) and ".." not in moved:
            places += [os.path.join(folder, moved, name) for folder in folders]
    return tuple(dict.fromkeys(places))


# --- what a configuration claims --------------------------------------------------------------------------


def config_claims(said: Mapping[str, Any], folder: str, extra: Mapping[str, Any]) -> Claims:
    """Return what the configuration of one model says.

    Args:
        said: its keys, as in the column ``config``.
        folder: of the container.
        extra: the record's, for `MODELS_DIR`.
    """
    models_dir = extra.get(MODELS_DIR)
    folders = models_folders(folder, models_dir if isinstance(models_dir, str) else None)
    places = places_of(said, folders)
    path = said.get("path")
    is_file = bool(places) and is_model_name(base_name(str(path)))
    if {clean_name(said.get(key)).lower() for key in ("source_type", "format", "base")} & _EXTERNAL:
        name = clean_name(said.get("name"))
        return Claims(fields={"name": name} if name else {}, marker=True, flags=("external", NO_MODEL))
    fields = _fields(said, folders)
    personal: set[str] = {"notes", "trigger_words"} & fields.keys()
    if "name" in fields and places and fields["name"] not in _names_of(places[0]):
        personal.add("name")
    flags: tuple[str, ...] = ("folder",) if places and not is_file else ()
    weights = () if is_file else weights_of(places, folders)
    own, partial = _hashes(said.get("hash")) if is_file else (None, {})
    size = integer_of(said.get("file_size"))
    return Claims(
        fields=fields,
        personal=frozenset(personal),
        sha256=own,
        own_hash=own is not None or bool(partial),
        partial_hashes=partial,
        size_bytes=size if is_file and size is not None and size > 0 else None,
        path=places[0] if places else None,
        other_paths=(*weights, *places[1:]),
        flags=flags,
    )


def _names_of(path: str) -> tuple[str, ...]:
    name = base_name(path)
    return clean_name(name), clean_name(stem_of(name))


def _fields(said: Mapping[str, Any], folders: Sequence[str]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    if name := clean_name(said.get("name")):
        fields["name"] = name
    kind = canonical_type(clean_name(said.get("type")), variant=clean_name(said.get("format")))
    if kind != UNKNOWN:
        fields["type"] = kind
    base = canonical_base(clean_name(said.get("base")), variant=clean_name(said.get("variant")))
    if base:
        fields["base_model"] = base
    if notes := typed_description(said):
        fields["notes"] = notes
    # The tool keeps a set: its order changes by chance.
    if words := sorted(list_of_text(said.get("trigger_phrases"), commas=False)):
        fields["trigger_words"] = tuple(words)
    if page := _page(said):
        fields["source_url"] = page
    if terms := _license(said.get("source_api_response")):
        fields["license"] = terms
    if picture := _picture(said, folders):
        fields["preview"] = picture
    return fields


def typed_description(said: Mapping[str, Any]) -> str:
    """Return the description, "" for ``<base> <type> model <name>``, which versions before 6.9 filled in."""
    description = clean_text(said.get("description"))
    words = description.split(" ", 3)
    if len(words) < 3 or words[2] != "model":
        return description
    filled_in = words[0] in _BASES or words[0] == said.get("base")
    return (
        ""
        if filled_in and (words[1] == said.get("type") or canonical_type(words[1]) != UNKNOWN)
        else description
    )


def _hashes(value: Any) -> tuple[str | None, dict[str, str]]:
    """Return the SHA-256 and the partial hashes of ``<algorithm>:<hex>``; without a prefix it may be anything."""
    algorithm, _, digits = clean_name(value).partition(":")
    if algorithm.lower() == "sha256":
        return full_sha256(digits), {}
    if algorithm.lower() == "blake3" and (found := partial_hash("BLAKE3", digits)) is not None:
        return None, {"BLAKE3": found}
    return None, {}


def _page(said: Mapping[str, Any]) -> str | None:
    """Return the model's page: named as such, or of the repository or address it came from."""
    if page := page_url(said.get("source_url")):
        return page
    source, kind = clean_name(said.get("source")), clean_name(said.get("source_type")).lower()
    if kind == "hf_repo_id":
        return repository_page(source)
    if kind == "url" and (page := page_url(source)):
        return page.partition("#")[0].partition("?")[0]
    return None


def repository_page(source: str) -> str | None:
    """Return the page of ``<owner>/<name>``, behind which a variant and a subfolder may stand; None for none."""
    repository = source.partition(":")[0]
    return f"https://huggingface.co/{repository}" if _REPOSITORY.fullmatch(repository) else None


def _license(response: Any) -> str | None:
    """Return the license of what Hugging Face answered, which stands as a text in the JSON."""
    if isinstance(response, str):
        response = payload.parse(response.encode("utf-8", "replace")).value
    card = mapping_of(mapping_of(response).get("cardData"))
    terms = clean_name(card.get("license"))
    if terms.lower() == "other":
        return clean_name(card.get("license_name")) or clean_name(card.get("license_link")) or terms
    return terms or None


def _picture(said: Mapping[str, Any], folders: Sequence[str]) -> str | None:
    """Return the cover: its address leads to the tool's own server, its file has the key as name."""
    key = clean_name(said.get("key") or said.get("id"))
    if not re.fullmatch(r"[\w-]{1,100}", key):
        return None
    covers = (os.path.join(folder, "model_images", f"{key}.webp") for folder in folders)
    return next((cover for cover in covers if os.path.isfile(cover)), None)


# --- rows -> records --------------------------------------------------------------------------------------


class _Import:
    """One run over the copy of a database."""

    def __init__(self, container: Container, database: Database, report: Report) -> None:
        self._path = container.path
        self._database = database
        self._report = report
        self._tables = {table.name.lower(): table for table in database.tables()}
        self._shared = self._shared_extra(container)

    def records(self) -> Iterator[Record]:
        """Yield the rows of the tables of models, and then those of tables that nobody knows."""
        chiefs = [
            table
            for name in ("models", "model_config")
            if (table := self._tables.get(name)) and "config" in table.lowered
        ]
        for chief in chiefs:
            yield from self._models(chief, chiefs)

    def _models(self, chief: Table, chiefs: Sequence[Table]) -> Iterator[Record]:
        first = chief is chiefs[0]
        # Relations are symmetric: each belongs to both of its models.
        ends = [
            link_of(self._tables.values(), chief, _RELATIONSHIPS, ((end, "id"),))
            for end in ("model_key_1", "model_key_2")
        ]
        links = [link for link in ends if link is not None] if first else []
        taken = [*chiefs, *(link.table for link in links)]
        others = [
            table
            for table in self._tables.values()
            if first and table not in taken and not _OTHER_BUSINESS.match(table.name)
        ]
        related = Related(self._database, chief, links, others, InvokeaiDatabase.id, self._report)
        column = chief.column("config")
        for key, size_bytes in self._database.keys(chief):
            row = self._database.row(chief, key, size_bytes)
            if row is None:
                yield from related.take(key, None)
                continue
            extra = row.around(column) | self._shared
            yield from related.take(key, extra)
            name = declared_key(row, chief)
            record_key = name if chief.name.lower() == "models" else f"{chief.name}/{name}"
            yield Record(InvokeaiDatabase.id, self._path, record_key, row.payload(column), extra)
        yield from related.rest()

    def _shared_extra(self, container: Container) -> dict[str, Any]:
        shared: dict[str, Any] = {}
        if (table := self._tables.get("migrations")) and "version" in table.lowered:
            with suppress(sqlite.Error, Unreadable):
                version = self._database.value(f"SELECT max(version) FROM main.{quoted(table.name)}")
                if isinstance(version, int):
                    shared["container"] = {"schema_version": version}
        if self._database.codec != "utf-8":
            shared["encoding"] = self._database.codec
        if models_dir := models_dir_of(container):
            shared[MODELS_DIR] = models_dir
        return shared
