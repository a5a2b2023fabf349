"""Everything out again: as JSON lines to the byte, as a table to look at, or as the sidecars of other tools."""

import base64
import contextlib
import csv
import errno
import io
import json
import os
import re
import secrets
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import IO, Any, Literal

from modelmgr import documents
from modelmgr.catalog.engine import LARGE_BYTES
from modelmgr.catalog.file_store import KnownFile
from modelmgr.errors import ModelmgrError
from modelmgr.library.merging import Merging, ModelCase
from modelmgr.migration.sidecar_files import FORMATS, Format, Known, SidecarFile
from modelmgr.progress import Cancelled, Progress
from modelmgr.values import (
    MIB,
    FileState,
    ModelQuery,
    ModelRow,
    Problem,
    Record,
    SidecarReport,
    StoredRecord,
    is_below,
    light_json,
)
from modelmgr.vocabulary import with_source_names

PAGE_ROWS = 500
_RECORD_COLUMNS = ("source", "source_path", "record_key", "payload_sha256")
_PAYLOAD_COLUMN = "payload_base64"
"""The last one: it is written in pieces."""
_BASE64_BYTES = 3 * MIB // 4
"""Read at once; a multiple of three, so that the text of one piece continues that of the other."""
_DISK_REFUSES = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EROFS))
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
            before = {
                "id": row.id,
                "source": row.source,
                "source_path": row.source_path,
                "record_key": row.record_key,
                "sha256": row.sha256,
                "state": row.state,
                "problem": row.problem,
                "payload_sha256": row.payload_sha256,
            }
            after = {"extra": record.extra, "container_mtime": record.container_mtime}
            if row.size_bytes > LARGE_BYTES:
                with self.catalog.open_pending_payload(row.id) as read:
                    _write_record(out, before, _base64_pieces(read, progress), after)
            else:
                _write_record(out, before, [_base64(record.payload)], after)
            out.write("\n")
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
                # The newest version of a record stays the newest where they come back in the order of their lines.
                held = sorted(self.catalog.records_of(row.id, LARGE_BYTES), key=lambda record: record.id)
                if table is None:
                    told: dict[str, Any] = {
                        "user": self.catalog.user_values(row.id),
                        "attachments": [
                            documents.attachment(found) for found in self.catalog.attachments_of(row.id)
                        ],
                    }
                    if told["user"] and any(file.unit is not None for file in self.catalog.files_of(row.id)):
                        told["is_composite"] = True  # its sha256 is a key of ours, and no file's hash
                    out.write(json.dumps({**light, **told})[:-1] + ', "records": [')
                    for number, record in enumerate(held):
                        out.write(", " if number else "")
                        after = {"extra": record.extra, "container_mtime": record.container_mtime}
                        with self._payload_base64(record, progress) as payload:
                            _write_record(out, {"id": record.id, **_place(record)}, payload, after)
                    out.write("]}\n")
                else:
                    if not models:
                        table.writerow([*light, *_RECORD_COLUMNS, _PAYLOAD_COLUMN])
                    for record in held:
                        with self._payload_base64(record, progress) as payload:
                            _write_row(out, [*light.values(), *_place(record).values()], payload)
                    if not held:
                        empty = [None] * (len(_RECORD_COLUMNS) + 1)
                        table.writerow([_cell(value) for value in [*light.values(), *empty]])
                count += len(held)
                models += 1
        return models, count

    @contextlib.contextmanager
    def _payload_base64(self, record: StoredRecord, progress: Progress) -> Iterator[Iterable[str]]:
        """Give the payload of a record in base64, a large one in pieces."""
        if record.payload is not None:
            yield [_base64(record.payload)]
        else:
            with self.catalog.open_payload(record.id) as read:
                yield _base64_pieces(read, progress)

    def export_sidecars(
        self, kind: str, folder: str, *, overwrite: bool = False, progress: Progress
    ) -> SidecarReport:
        """Write for every model file what the library knows as the sidecar of another tool.

        Below `folder` they stand as the models stand below their library folder (each of several library folders has
        its own below `folder`), so that the whole can be copied over the models. Each file appears when it is
        complete, and none takes the place of another file unless it is told to.

        Args:
            kind: one of `FORMATS`: ``civitai-info``, ``lora-manager``, ``a1111``, ``stability-matrix``.
            folder: made if it isn't there.
            overwrite: take the place of files that are there.
            progress: models.

        Raises:
            ModelmgrError: the folder can't be made, or its disk is full or read-only; what was written stays.
        """
        report = SidecarReport()
        try:
            os.makedirs(folder, exist_ok=True)
        except OSError as error:
            raise _unwritable(folder, error) from error
        out = _SidecarFolder(os.path.realpath(folder), overwrite, self._labels(), self.catalog.path)
        form = FORMATS[kind]
        ids = self.catalog.order(ModelQuery(sort="added_at"))
        try:
            for start in range(0, len(ids), PAGE_ROWS):
                for row in self.catalog.rows(ids[start : start + PAGE_ROWS]):
                    progress.step(report.models, len(ids), row.name, "models")
                    report.models += 1
                    self._export_sidecars_of(row, form, out, report)
        except Cancelled:
            report.cancelled = True
        return report

    def _export_sidecars_of(
        self, row: ModelRow, form: Format, out: "_SidecarFolder", report: SidecarReport
    ) -> None:
        case = self._case_of(row.id)
        files = self.catalog.files_of(row.id)
        # A copy that is gone needs no sidecar, but of a model that is gone altogether the name is still known.
        files = [file for file in files if file.state != FileState.MISSING] or files
        if case is None or not files:
            message = f"{row.name} has no file beside which a sidecar could stand."
            _skip(report, Problem(row.name, "no_file", message))
            return
        for file in files:
            made = form.sidecar(self._known(case, row, file, form))
            out.put(file, form, made, self._is_first_of_stem(file, form), report)

    def _known(self, case: ModelCase, row: ModelRow, file: KnownFile, form: Format) -> Known:
        merged = self._merged(case)
        fields = dict(merged.fields)
        if "notes" not in case.user and fields["notes"]:
            fields["notes"] = with_source_names(fields["notes"])  # people read them there
        # The newest first: of a sidecar that was imported again it is the one that lies there now.
        held = sorted(
            zip(case.records, case.witnesses, strict=True),
            key=lambda pair: (pair[1].hash_agrees is False, -pair[0].id),
        )
        pairs = [
            (_record(record, self._payload(record.id, record.payload)), witness.hash_agrees is not False)
            for record, witness in held
            if record.payload is not None or record.source == form.source
        ]
        return Known(
            path=file.path,
            size_bytes=file.size_bytes,
            added_at=row.added_at,
            hashes=case.computed,
            fields=fields,
            origins=merged.origins,
            edited=frozenset(case.user),
            records=[record for record, _ in pairs],
            fitting=[record for record, fits in pairs if fits],
        )

    def _is_first_of_stem(self, file: KnownFile, form: Format) -> bool:
        """Tell whether the sidecar of the plain stem is this file's, of several files that differ by their ending.

        It is that of the model whose own sidecar lay there, else of the file that came first.
        """
        twins = self.catalog.files_with_stem(file.path)
        if len({twin.model_id for twin in twins}) < 2:
            return True
        place = os.path.splitext(file.path)[0] + form.ending

        def rank(twin: KnownFile) -> tuple[bool, bool, int]:
            records = self.catalog.records_of(twin.model_id)
            had_it = any(one.source == form.source and one.source_path == place for one in records)
            return not had_it, twin.state == FileState.MISSING, twin.id

        return min(twins, key=rank).model_id == file.model_id

    def _labels(self) -> Mapping[str, str]:
        """Return the folders below which models lie, and the name that each gets where there are several."""
        roots = _outermost(list(self.catalog.folder_facts()))
        outside = {
            folder
            for folder in self.catalog.folders_of_files()
            if not any(is_below(folder, root) for root in roots)
        }
        with contextlib.suppress(ValueError):  # on several drives: each folder stands for itself
            outside = {os.path.commonpath(list(outside))} if outside else set()
        roots += sorted(outside)
        if len(roots) < 2:
            return dict.fromkeys(roots, "")
        labels: dict[str, str] = {}
        for root in roots:
            name = os.path.basename(root) or "files"
            numbered = (name if number == 1 else f"{name} ({number})" for number in range(1, len(roots) + 2))
            taken = {_comparable(label) for label in labels.values()}
            labels[root] = next(label for label in numbered if _comparable(label) not in taken)
        return labels

    def _payload(self, record_id: int, payload: bytes | None) -> bytes:
        return payload if payload is not None else self.catalog.record_payload(record_id) or b""


class _SidecarFolder:
    """Where sidecars are written to.

    Args:
        folder: exists.
        overwrite: whether files that are there may be replaced.
        labels: folder of models -> the name below `folder` of what stands for it.
        catalog_path: is never replaced.
    """

    def __init__(self, folder: str, overwrite: bool, labels: Mapping[str, str], catalog_path: str) -> None:
        self._folder = folder
        self._overwrite = overwrite
        self._labels = labels
        self._catalog_path = catalog_path
        self._taken: dict[str, int] = {}

    def put(
        self, file: KnownFile, form: Format, made: SidecarFile, is_first: bool, report: SidecarReport
    ) -> None:
        """Write the sidecar of a model file, or say in the report why not."""
        path = self._place(file, form, is_first, report)
        if path is None:
            return
        problem: Problem | None
        try:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            if path == self._catalog_path:
                problem = Problem(path, "exists", "That is the catalog itself; it was left alone.")
            elif _put_file(path, made.content, overwrite=self._overwrite):
                report.files += 1
                report.originals += made.is_original
                return
            elif _holds(path, made.content):
                problem = None  # an earlier export wrote the same
            else:
                problem = Problem(path, "exists", "There is another file of that name; it was left alone.")
        except OSError as error:
            if error.errno in _DISK_REFUSES:
                raise _unwritable(path, error) from error
            problem = Problem(path, "unwritable", f"It can't be written: {error.strerror or error}.")
        _skip(report, problem)

    def _place(self, file: KnownFile, form: Format, is_first: bool, report: SidecarReport) -> str | None:
        """Return a path that no other model's sidecar of this run has; None if the model's own has it already."""
        folder, file_name = os.path.split(file.path)
        # A folder that another program added meanwhile has no label yet.
        root = max((root for root in self._labels if is_below(folder, root)), key=len, default=folder)
        label = self._labels.get(root, os.path.basename(root))
        below = os.path.normpath(os.path.join(self._folder, label, os.path.relpath(folder, root)))
        plain = os.path.splitext(file_name)[0]
        stems = [*([plain] if is_first else []), file_name]
        number = 1
        while True:
            for stem in stems:
                path = os.path.join(below, stem + form.ending)
                key = _comparable(path)
                if key in self._taken:
                    if self._taken[key] == file.model_id:
                        return None
                    continue
                self._taken[key] = file.model_id
                if stem != plain:
                    message = (
                        f"Several models have the stem {plain}; the sidecar of {file_name} has another name than "
                        "the tool looks for."
                    )
                    report.problems.append(Problem(path, "same_stem", message, kept=True))
                return path
            number += 1
            stems = [f"{file_name} ({number})"]


def _put_file(path: str, content: bytes, *, overwrite: bool) -> bool:
    """Write a whole file under a name of its own, then give it its place; False if that is taken.

    Raises:
        OSError: it can't be written; nothing is left of it then.
    """
    if not overwrite and os.path.lexists(path):
        return False
    part = os.path.join(os.path.dirname(path), f".modelmgr-{secrets.token_hex(8)}.part")
    binary = getattr(os, "O_BINARY", 0)
    try:
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | binary, 0o666), "wb") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        if overwrite:
            os.replace(part, path)
            return True
        try:
            os.link(part, path)  # unlike a rename it never takes the place of another file
        except FileExistsError:
            return False
        except OSError:  # a disk without links
            if os.path.lexists(path):
                return False
            os.rename(part, path)
        return True
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(part)


def _holds(path: str, content: bytes) -> bool:
    try:
        if os.path.getsize(path) != len(content):
            return False
        with open(path, "rb") as file:
            return file.read() == content
    except OSError:
        return False


def _skip(report: SidecarReport, problem: Problem | None) -> None:
    report.skipped += 1
    if problem is not None:
        report.problems.append(problem)


def _unwritable(path: str, error: OSError) -> ModelmgrError:
    return ModelmgrError(f"{path} can't be written: {error.strerror or error}.", code="unwritable", path=path)


def _record(record: StoredRecord, content: bytes) -> Record:
    return Record(record.source, record.source_path, record.record_key, content, record.extra)


def _outermost(folders: Sequence[str]) -> list[str]:
    found: list[str] = []
    for folder in sorted(folders):
        if not any(is_below(folder, other) for other in found):
            found.append(folder)
    return found


def _comparable(path: str) -> str:
    """Return a path so that two which some disk takes for one are equal."""
    return unicodedata.normalize("NFC", path).casefold()


def _place(record: StoredRecord) -> dict[str, str]:
    return {column: getattr(record, column) for column in _RECORD_COLUMNS}


def _write_record(
    out: IO[str], before: Mapping[str, Any], payload: Iterable[str], after: Mapping[str, Any]
) -> None:
    """Write a record as JSON, in ASCII, so that lone surrogates of odd paths stay what they are.

    Args:
        out: where to.
        before: the members that stand before the payload; there are some.
        payload: its base64, in pieces.
        after: the members that stand behind it; there are some.
    """
    out.write(f'{json.dumps(before)[:-1]}, "{_PAYLOAD_COLUMN}": "')
    for piece in payload:
        out.write(piece)
    out.write(f'", {json.dumps(after)[1:]}')


def _write_row(out: IO[str], values: Sequence[Any], payload: Iterable[str]) -> None:
    """Write a row of a table whose last cell is base64; of the marks that need care it has ``+`` alone."""
    line = io.StringIO()
    csv.writer(line, lineterminator=",").writerow([_cell(value) for value in values])
    out.write(line.getvalue())
    for number, piece in enumerate(payload):
        out.write(piece if number else _cell(piece))
    out.write("\r\n")


def _base64(payload: bytes) -> str:
    return base64.b64encode(payload).decode("ascii")


def _base64_pieces(read: Callable[[int, int], bytes], progress: Progress) -> Iterator[str]:
    start = 0
    while piece := read(start, _BASE64_BYTES):
        progress.check()
        yield _base64(piece)
        start += len(piece)


def _cell(value: Any) -> str:
    """Return a cell that no spreadsheet takes for a formula."""
    if value is None:
        return ""
    text = json.dumps(value, ensure_ascii=False) if isinstance(value, list | bool) else str(value)
    if not text.isascii():
        text = "".join("\ufffd" if "\ud800" <= char <= "\udfff" else char for char in text)
    return "'" + text if _FORMULA.match(text) else text
