"""Models that a program hands over the HTTP API: no file holds them, so they stand nowhere but in the catalog.

The payload is the value of ``meta_json``, byte for byte as it stood in the request; what was said beside it (name,
type, sha256, path) stands in `Record.extra` as the other columns of a row do. Such a record is read as a row of a
generic export: first what was said beside the payload, then the payload, by the rules of the tool that wrote it or as
columns.
"""

import os
from collections.abc import Mapping
from dataclasses import replace

from modelmgr.migration.reading.database import plain_columns
from modelmgr.migration.source import WithoutContainer
from modelmgr.migration.sources.civitai import CONTAINS_SECRET
from modelmgr.migration.sources.generic_columns import Row, claims_of, unwrap
from modelmgr.migration.sources.generic_text import element_claims
from modelmgr.migration.sources.nested import has_own_rules
from modelmgr.payload import contains_secret, parse
from modelmgr.values import Claims, InlineModel, Record


class Inline(WithoutContainer):
    """See the module."""

    id = "api"
    record_ids = ("api",)

    def claims(self, record: Record, siblings: frozenset[str], sha256: str | None = None) -> Claims:
        """Return what was said beside the payload, filled up with what that says.

        Nothing here stands in a folder: a picture or a file is only followed where its path is absolute.
        """
        columns = plain_columns((record.extra or {}).get("columns"))
        row = Row(list(columns.items()))
        found = parse(record.payload)
        for doubt in found.flags:
            row.flag(doubt)
        if contains_secret(record.payload):
            row.flag(CONTAINS_SECRET)
        inner = unwrap(found.value) if isinstance(found.value, str) else found
        if isinstance(inner.value, Mapping) and not has_own_rules(inner.value):
            said = element_claims(row, inner, sha256)
        else:
            said = claims_of(row, inner, sha256=sha256, problem=found.code, message=found.message)
        fields = dict(said.fields)
        if not os.path.isabs(fields.get("preview") or ""):
            fields.pop("preview", None)
        named = named_path(record)
        path = said.path if named is None else named if "\0" not in named else None
        return replace(
            said,
            fields=fields,
            path=path,
            stem_names=(),
            marker=found.ok and not found.value and not any(columns.values()),
        )


def record_of(model: InlineModel) -> Record:
    """Return the record of a model that was handed over."""
    said = {"name": model.name, "type": model.type, "sha256": model.sha256, "path": model.path}
    columns = {
        column: {"storage": "text", "value": value} for column, value in said.items() if value is not None
    }
    key = (model.sha256 or "").lower() or model.path or model.name or ""
    return Record(Inline.id, "", key, model.payload, {"columns": columns} if columns else None)


def named_path(record: Record) -> str | None:
    """Return the path that was handed over beside the payload, exactly; None for a record of another source."""
    if record.source != Inline.id:
        return None
    path = plain_columns((record.extra or {}).get("columns")).get("path")
    return path if isinstance(path, str) and path else None
