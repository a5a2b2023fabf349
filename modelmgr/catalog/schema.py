"""The tables of the catalog. What each holds and who writes it stands in ``_codex/data_model.md``.

Portable by intention: whatever only SQLite can do stands in `engine`. The classes are bound to no database; a
`Catalog` hands its own to each query.
"""

import os
from typing import Any

from peewee import (
    BigIntegerField,
    BlobField,
    BooleanField,
    Check,
    CompositeKey,
    Field,
    FloatField,
    ForeignKeyField,
    IntegerField,
    Model,
    TextField,
)

from modelmgr.catalog.connecting import VERSION as VERSION
from modelmgr.catalog.light import path_out as path_out
from modelmgr.catalog.orders import ORDER_INDEXES as ORDER_INDEXES
from modelmgr.catalog.orders import SPARSE_COLUMNS as SPARSE_COLUMNS
from modelmgr.catalog.orders import SPARSE_INDEXES as SPARSE_INDEXES


def path_in(path: str) -> str | bytes:
    """Return a path as it is stored: TEXT where it is valid Unicode, else its bytes (BLOB)."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return os.fsencode(path)
    return path


def below_bounds(path: str, column: str = "files.path") -> list[tuple[str, list[Any]]]:
    """Return conditions in SQL with parameters, of which one or none holds for what is below a folder.

    Paths that are no valid Unicode are stored as BLOB, which SQLite sorts after every TEXT: they need bounds of
    their own.
    """
    stem = path.rstrip(os.sep) + os.sep
    raw = os.fsencode(stem)
    raw_high = raw[:-1] + bytes([raw[-1] + 1])
    bounds = f"({column} >= ? AND {column} < ?)"
    try:
        stem.encode()
    except UnicodeEncodeError:
        return [(bounds, [raw, raw_high])]
    high = stem[:-1] + chr(ord(os.sep) + 1)
    return [(bounds, [stem, high]), (bounds, [raw, raw_high])]


def below_condition(path: str, column: str = "files.path") -> tuple[str, list[Any]]:
    """Return SQL on a column of paths and its parameters that hold for what is below a folder."""
    bounds = below_bounds(path, column)
    condition = " OR ".join(sql for sql, _parameters in bounds)
    return f"({condition})", [value for _sql, parameters in bounds for value in parameters]


def key_in(key: str) -> str | bytes:
    """Return a record key as it is stored: TEXT, or BLOB where lone surrogates or NUL forbid that."""
    try:
        key.encode()
    except UnicodeEncodeError:
        return key.encode("utf-8", "surrogatepass")
    return key if "\0" not in key else key.encode()


def key_out(stored: str | bytes) -> str:
    """Return a stored record key as it was given."""
    return stored if isinstance(stored, str) else stored.decode("utf-8", "surrogatepass")


class PathField(Field):
    """A path: TEXT, or BLOB for one that is no valid Unicode (a TEXT column keeps a BLOB as it is)."""

    field_type = "TEXT"

    def db_value(self, value: Any) -> Any:
        """See `path_in`."""
        return path_in(value) if isinstance(value, str) else value

    def python_value(self, value: Any) -> Any:
        """See `path_out`."""
        return path_out(value) if isinstance(value, bytes) else value


class ModelTable(Model):
    """One row a model: the light columns, and nothing that grows."""

    sha256 = TextField(null=True, unique=True, constraints=[Check("length(sha256) = 64")])
    name = TextField()
    type = TextField()
    base_model = TextField(null=True)
    size_bytes = BigIntegerField()
    format = TextField(null=True)
    path = PathField(null=True)
    file_name = TextField(null=True)
    folder = PathField(null=True)
    file_count = IntegerField(default=0)
    tags = TextField(default="[]")
    rating = IntegerField(null=True)
    favorite = BooleanField(default=False)
    nsfw = BooleanField(null=True)
    trigger_words = TextField(default="[]")
    notes = TextField(null=True)
    license = TextField(null=True)
    source_url = TextField(null=True)
    preview = PathField(null=True)
    added_at = BigIntegerField()
    modified_at = BigIntegerField(null=True)
    hash_state = TextField(default="none")
    file_state = TextField(default="present")
    search_text = TextField(default="")
    danger = TextField(null=True)

    class Meta:
        """The table's name."""

        table_name = "models"


class HeaderTable(Model):
    """What the header of a model's file says, as JSON, and the type and base that it proves."""

    model = ForeignKeyField(ModelTable, primary_key=True, on_delete="CASCADE", backref="+")
    header = TextField()
    facts = TextField()

    class Meta:
        """The table's name."""

        table_name = "headers"


class OriginTable(Model):
    """Where the shown values of a model came from: JSON, light column -> [source, rank, record id]."""

    model = ForeignKeyField(ModelTable, primary_key=True, on_delete="CASCADE", backref="+")
    origins = TextField()

    class Meta:
        """The table's name."""

        table_name = "origins"


class UserValueTable(Model):
    """A value that the user set: no scan, import or refresh overwrites it."""

    model = ForeignKeyField(ModelTable, on_delete="CASCADE", backref="+", index=False)
    column = TextField()
    value = TextField()
    set_at = BigIntegerField()

    class Meta:
        """The table's name and key."""

        table_name = "user_values"
        primary_key = CompositeKey("model", "column")


class EditGroupTable(Model):
    """One deed of the user that changed values of his own, of one model or of many.

    `undone` is null while it is in force; undone groups are counted up in the order of their undoing, and it is 0 for
    one that was overtaken: after a new edit only its number redoes it. `size_bytes` is what its rows hold.
    """

    made_at = BigIntegerField()
    door = TextField()
    note = TextField(default="")
    undone = IntegerField(null=True)
    size_bytes = BigIntegerField(default=0)

    class Meta:
        """The table's name."""

        table_name = "edit_groups"


class EditTable(Model):
    """The user's value of one column of one model before and after an edit, as JSON; null where he had none."""

    group = ForeignKeyField(EditGroupTable, on_delete="CASCADE", backref="+")
    model = ForeignKeyField(ModelTable, on_delete="CASCADE", backref="+", index=False)
    column = TextField()
    before = TextField(null=True)
    after = TextField(null=True)
    undone = BooleanField(default=False)

    class Meta:
        """The table's name and index (which ends with the id)."""

        table_name = "edits"
        indexes = ((("model", "column"), False),)


class TagTable(Model):
    """The tags of the models, one row each, for filters and counts; `key` is the folded tag."""

    model = ForeignKeyField(ModelTable, on_delete="CASCADE", backref="+", index=False)
    key = TextField()
    tag = TextField()

    class Meta:
        """The table's name and key."""

        table_name = "model_tags"
        primary_key = CompositeKey("model", "key")
        indexes = ((("key", "tag", "model"), False),)


class FileTable(Model):
    """One row a path on disk."""

    model = ForeignKeyField(ModelTable, backref="+")
    path = PathField(unique=True)
    size_bytes = BigIntegerField()
    mtime_ns = BigIntegerField()
    inode = BigIntegerField()
    device = BigIntegerField()
    state = TextField(default="present")
    sha256 = TextField(null=True)
    partial_hashes = TextField(null=True)
    seen_at = BigIntegerField()
    scanned_folder = IntegerField(null=True)
    unit = IntegerField(null=True)
    member = TextField(null=True)
    link_target = PathField(null=True)
    quick = TextField(null=True)
    tensor_quick = TextField(null=True)
    tensor_sha256 = TextField(null=True)

    class Meta:
        """The table's name and indexes."""

        table_name = "files"
        indexes = ((("inode", "device", "size_bytes"), False),)


class FolderTable(Model):
    """A library folder."""

    path = PathField(unique=True)
    added_at = BigIntegerField()
    state = TextField(default="present")
    device = BigIntegerField(null=True)
    rules = TextField(null=True)

    class Meta:
        """The table's name."""

        table_name = "library_folders"


class ScannedFolderTable(Model):
    """A folder that a scan has walked through.

    `digest` is that of its listing (`discovery.Folder.digest`) if `files` holds exactly what the listing says, else
    null; any change of its rows in `files` makes it null.
    """

    path = PathField(unique=True)
    mtime_ns = BigIntegerField()
    digest = TextField(null=True)

    class Meta:
        """The table's name."""

        table_name = "scanned_folders"


class UnitTable(Model):
    """A place of a model of several files: a folder, or the first part of a set of shards.

    Its files stand in `files` with its id and their path within the model. `sha256` is that of the model as soon as
    the hashes of all members are known.
    """

    model = ForeignKeyField(ModelTable, on_delete="CASCADE", backref="+")
    path = PathField(unique=True)
    kind = TextField()
    sha256 = TextField(null=True)

    class Meta:
        """The table's name."""

        table_name = "units"


class SessionTable(Model):
    """A process that has the catalog open for writing; its row goes when it closes the catalog properly."""

    host = TextField()
    pid = IntegerField()
    process_started = FloatField()
    opened_at = BigIntegerField()

    class Meta:
        """The table's name."""

        table_name = "sessions"


class BatchTable(Model):
    """One run of an import."""

    paths = TextField()
    source = TextField(null=True)
    state = TextField()
    session_id = IntegerField(null=True)
    started_at = BigIntegerField()
    ended_at = BigIntegerField(null=True)
    seen = IntegerField(default=0)
    imported = IntegerField(default=0)
    unchanged = IntegerField(default=0)
    ignored = IntegerField(default=0)
    failed = IntegerField(default=0)
    problems = TextField(default="[]")

    class Meta:
        """The table's name."""

        table_name = "batches"


class PendingTable(Model):
    """An imported record with its whole payload; the row stays after promotion, as the history."""

    batch = ForeignKeyField(BatchTable, backref="+")
    source = TextField()
    source_path = PathField()
    record_key = TextField()
    payload_sha256 = TextField(constraints=[Check("length(payload_sha256) = 64")])
    extra_sha256 = TextField(default="")
    size_bytes = BigIntegerField()
    name = TextField()
    type = TextField()
    base_model = TextField(null=True)
    sha256 = TextField(null=True)
    file_path = PathField(null=True)
    located = BooleanField(default=False)
    state = TextField(default="pending")
    problem = TextField(null=True)
    message = TextField(default="")
    candidates = TextField(default="[]")
    imported_at = BigIntegerField()
    container_mtime = FloatField(null=True)
    record_id = IntegerField(null=True)
    promotion = IntegerField(null=True)
    extra = TextField(null=True)
    meta_json = BlobField()

    class Meta:
        """The table's name and indexes."""

        table_name = "pending_models"
        indexes = (
            (("source", "source_path", "record_key", "payload_sha256", "extra_sha256"), True),
            (("state", "problem"), False),  # rows of it are read in the order of the table
            (("state", "problem", "source", "type", "base_model"), False),  # counts and orders read no row
            (("sha256",), False),
            (("file_path",), False),
            (("promotion",), False),
        )


class RecordTable(Model):
    """An active record: a promoted payload, attached to its model. Only an undo takes one away."""

    model = ForeignKeyField(ModelTable, backref="+")
    source = TextField()
    source_path = PathField()
    record_key = TextField()
    payload_sha256 = TextField(constraints=[Check("length(payload_sha256) = 64")])
    extra_sha256 = TextField(default="")
    size_bytes = BigIntegerField()
    imported_at = BigIntegerField()
    container_mtime = FloatField(null=True)
    binding = TextField(default="")
    chief = IntegerField(default=0)
    extra = TextField(null=True)
    meta_json = BlobField()

    class Meta:
        """The table's name and indexes."""

        table_name = "records"
        indexes = (
            (("model", "source", "source_path", "record_key", "payload_sha256", "extra_sha256"), True),
            (("source", "source_path", "record_key"), False),
            (("source", "model"), False),  # which models have one
        )


class GoneTable(Model):
    """A record that its container no longer holds; its versions stay where they are."""

    source = TextField()
    source_path = PathField()
    record_key = TextField()
    gone_at = BigIntegerField()

    class Meta:
        """The table's name and key."""

        table_name = "gone_records"
        primary_key = CompositeKey("source", "source_path", "record_key")
        without_rowid = True


class AttachmentTable(Model):
    """A picture or video of a model where it was seen; it stays when the picture is gone."""

    model = ForeignKeyField(ModelTable, on_delete="CASCADE", backref="+", index=False)
    path = PathField()
    kind = TextField()
    size_bytes = BigIntegerField()
    mtime_ns = BigIntegerField()
    sha256 = TextField(null=True, constraints=[Check("length(sha256) = 64")])
    kept = TextField(null=True)

    class Meta:
        """The table's name and index."""

        table_name = "attachments"
        indexes = ((("model", "path"), True),)


class KnownHashTable(Model):
    """A hash by which a record or a file may be asked for, beyond the SHA-256 columns of the other tables.

    `holder` and `holder_id` name the row it belongs to, and it goes with that row: ``pending`` (`pending_models`),
    ``record`` (`records`), ``file`` (`files`). A hash of `UNREAD` says that nobody has read the row's payload for
    its hashes yet.
    """

    holder = TextField()
    holder_id = IntegerField()
    kind = TextField()
    hash = TextField()

    class Meta:
        """The table's name, key and index (which holds the key too, so that it answers alone)."""

        table_name = "known_hashes"
        primary_key = CompositeKey("holder", "holder_id", "kind", "hash")
        without_rowid = True
        indexes = ((("hash",), False),)


UNREAD = ""

TABLES: tuple[type[Model], ...] = (
    ModelTable,
    HeaderTable,
    OriginTable,
    UserValueTable,
    EditGroupTable,
    EditTable,
    TagTable,
    FileTable,
    FolderTable,
    ScannedFolderTable,
    UnitTable,
    SessionTable,
    BatchTable,
    PendingTable,
    RecordTable,
    GoneTable,
    AttachmentTable,
    KnownHashTable,
)

# Few files are in most of these, so that the others pay nothing.
PARTIAL_INDEXES: dict[str, str] = {
    "files_scanned_folder": "files(scanned_folder) WHERE scanned_folder IS NOT NULL",
    "files_unit": "files(unit) WHERE unit IS NOT NULL",
    "files_part": "files(sha256, model_id) WHERE unit IS NOT NULL",
    "files_not_present": "files(state, size_bytes) WHERE state <> 'present'",
    "files_without_hash": "files(size_bytes) WHERE sha256 IS NULL",
    "models_license": "models(license) WHERE license IS NOT NULL",
}

PARTIAL_INDEXES |= {
    name: f"models({SPARSE_INDEXES[name]}) WHERE {column} IS NOT NULL"
    for column, name in SPARSE_COLUMNS.items()
}
