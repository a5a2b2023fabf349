"""The values of one column that models have, for whoever is about to type or choose one."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from modelmgr.catalog import engine, stretches
from modelmgr.catalog.library_view import LibraryView
from modelmgr.catalog.schema import path_out
from modelmgr.values import ModelQuery, folded

_COLUMNS = {
    "type": "type",
    "base": "base_model",
    "folder": "folder",
    "format": "format",
    "license": "license",
    "danger": "danger",
}


class ValuesView(LibraryView):
    """Questions about values."""

    def values_of(
        self, wanted: ModelQuery, field: str, *, containing: str = "", limit: int = 100
    ) -> Mapping[str, int]:
        """Return values of a field with how many of the matching models have each, the most frequent first.

        Args:
            wanted: which models.
            field: a name of `modelmgr.search`; for those whose values aren't counted (a size, a text) nothing is
                returned.
            containing: what they must contain, whatever the case; those that begin so come first.
            limit: so many at most.
        """
        part = folded(containing)
        if field == "state":
            counts = self.facets(wanted, groups=("states",)).states
        elif field in _COLUMNS or field in ("tag", "source"):
            counts = self._counts(wanted, field, part)
        else:
            counts = {}
        found = [value for value in counts if part in folded(value)]
        found.sort(key=lambda value: (not folded(value).startswith(part), -counts[value], value))
        return {value: counts[value] for value in found[:limit]}

    def _counts(self, wanted: ModelQuery, field: str, part: str) -> Mapping[str, int]:
        with engine.translated(self.path), self._snapshot() as reader:
            where, parameters = stretches.found_by(reader, wanted)
            some = f"IN (SELECT id FROM models{where})"
            if field == "tag":
                conditions = [f"model_id {some}"] if where else []
                if part:
                    conditions.append("instr(key, ?) > 0")
                    parameters = [*parameters, part]
                those = f" WHERE {' AND '.join(conditions)}" if conditions else ""
                sql = f"SELECT min(tag), count(*) FROM model_tags{those} GROUP BY key"
            elif field == "source":
                those = f" AND model_id {some}" if where else ""
                sql = (
                    "SELECT source, count(DISTINCT model_id) FROM records "
                    f"WHERE model_id IS NOT NULL{those} GROUP BY source"
                )
            else:
                column = _COLUMNS[field]
                sql = f"SELECT {column}, count(*) FROM models{where} GROUP BY {column}"
            counts: Counter[str] = Counter()
            for value, count in reader.execute_sql(sql, parameters):
                if value is not None:
                    counts[_text(field, value)] += count
            return counts


def _text(field: str, value: Any) -> str:
    return path_out(value) if field == "folder" else str(value)
