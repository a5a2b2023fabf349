"""Everything out again: the pending models and the library, as JSON lines to the byte, or as a table to look at."""

import base64
import csv
import json
import re
from typing import IO, Any, Literal

from modelmgr.library.merging import Merging
from modelmgr.progress import Progress
from modelmgr.values import ModelQuery, StoredRecord, light_json

PAGE_ROWS = 500
_RECORD_COLUMNS = ("source", "source_path", "record_key", "payload_sha256", "payload_base64")
_FORMULA = re.compile(r"^\s*[=+\-@\t\r]")


class Exporting(Merging):
    """Exports. ``migrate import`` takes the JSON lines back, record for record."""

    def export_pending(self, out: IO[str], progress: Progress) -> int:
        """Write a line for every pending model, whatever its state; return how many.

        Raises:
            OSError: `out` can't be written.
            Cancelled: between two lines.
        """
        count = 0
        for row, record in self.catalog.export_rows():
            progress.step(count, None, row.name, "records")
            out.write(
                _line(
                    {
                        "id": row.id,
                        "source": row.source,
                        "source_path": row.source_path,
                        "record_key": row.record_key,
                        "sha256": row.sha256,
                        "state": row.state,
                        "problem": row.problem,
                        "payload_sha256": row.payload_sha256,
                        "payload_base64": _base64(record.payload),
                        "extra": record.extra,
                    }
                )
            )
            count += 1
        return count

    def export_library(
        self, out: IO[str], kind: Literal["jsonl", "csv"], progress: Progress
    ) -> tuple[int, int]:
        """Write the library with every record.

        As JSON lines, a line a model with its records in a list; as CSV, a row a record with the light columns of
        its model (a model without records has one row), cells guarded against being taken for formulas.

        Returns:
            The number of models, and of records.

        Raises:
            OSError: `out` can't be written.
            Cancelled: between two models.
        """
        ids = self.catalog.order(ModelQuery(sort="added_at"))
        table = csv.writer(out) if kind == "csv" else None
        models = count = 0
        for start in range(0, len(ids), PAGE_ROWS):
            for row in self.catalog.rows(ids[start : start + PAGE_ROWS]):
                progress.step(models, len(ids), row.name, "models")
                light = light_json(row)
                records = [self._record_json(record) for record in self.catalog.records_of(row.id)]
                if table is None:
                    user = self.catalog.user_values(row.id)
                    out.write(_line({**light, "user": user, "records": records}))
                else:
                    if not models:
                        table.writerow([*light, *_RECORD_COLUMNS])
                    for record in records or [{}]:
                        cells = [*light.values(), *(record.get(column) for column in _RECORD_COLUMNS)]
                        table.writerow([_cell(value) for value in cells])
                count += len(records)
                models += 1
        return models, count

    def _record_json(self, record: StoredRecord) -> dict[str, Any]:
        return {
            "id": record.id,
            "source": record.source,
            "source_path": record.source_path,
            "record_key": record.record_key,
            "payload_sha256": record.payload_sha256,
            "payload_base64": _base64(self._payload(record.id, record.payload)),
            "extra": record.extra,
        }

    def _payload(self, record_id: int, payload: bytes | None) -> bytes:
        return payload if payload is not None else self.catalog.record_payload(record_id) or b""


def _line(value: dict[str, Any]) -> str:
    return json.dumps(value) + "\n"  # ASCII: lone surrogates of odd paths stay what they are


def _base64(payload: bytes) -> str:
    return base64.b64encode(payload).decode("ascii")


def _cell(value: Any) -> str:
    """Return a cell that no spreadsheet takes for a formula."""
    if value is None:
        return ""
    text = json.dumps(value, ensure_ascii=False) if isinstance(value, list | bool) else str(value)
    text = "".join("\ufffd" if "\ud800" <= char <= "\udfff" else char for char in text)
    return "'" + text if _FORMULA.match(text) else text
