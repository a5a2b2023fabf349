"""The light columns of a model, as they are read."""

import json
import os
from typing import Any

from modelmgr.values import ModelRow

LIGHT = (
    "id, sha256, name, type, size_bytes, base_model, format, path, file_name, folder, file_count, tags, rating, "
    "favorite, nsfw, trigger_words, notes, license, source_url, preview, added_at, modified_at, hash_state, "
    "file_state, danger"
)
_parsed = json.JSONDecoder().raw_decode


def path_out(stored: str | bytes) -> str:
    """Return a stored path in `surrogateescape` form."""
    return stored if isinstance(stored, str) else os.fsdecode(stored)


def row_of(values: tuple[Any, ...]) -> ModelRow:
    """Return the row of what `LIGHT` has read."""
    (
        row_id, sha256, name, type_, size_bytes, base_model, format_, path, file_name, folder, file_count, tags,
        rating, favorite, nsfw, trigger_words, notes, license_, source_url, preview, added_at, modified_at,
        hash_state, file_state, danger,
    ) = values  # fmt: skip
    if isinstance(path, bytes):  # the columns beside it hold what can be searched
        path = path_out(path)
        folder, file_name = os.path.split(path)
    return ModelRow(
        row_id,
        sha256,
        name,
        type_,
        size_bytes,
        base_model,
        format_,
        path,
        file_name,
        folder,
        file_count,
        tuple(_parsed(tags)[0]) if tags != "[]" else (),
        rating,
        bool(favorite),
        None if nsfw is None else bool(nsfw),
        tuple(_parsed(trigger_words)[0]) if trigger_words != "[]" else (),
        notes,
        license_,
        source_url,
        None if preview is None else path_out(preview),
        added_at,
        modified_at,
        hash_state,
        file_state,
        danger,
    )
