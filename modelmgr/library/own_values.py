"""What the user had set in another catalog, back from an export of it: his own again, where he has set nothing here."""

import json
import os
from collections.abc import Iterator
from typing import Any

from modelmgr import edits
from modelmgr.catalog import Catalog
from modelmgr.catalog.edit_store import NewEdit
from modelmgr.errors import Usage
from modelmgr.migration.previews import is_picture
from modelmgr.payload import parse
from modelmgr.values import Door, PromoteReport, is_below_any


def take_back(catalog: Catalog, model_id: int, payload: bytes, report: PromoteReport) -> None:
    """Set what a record of an export says that the user had set; joins the caller's transaction.

    What the user has set here stays, and what a column does not take is left to the record. All values of one
    promotion are one edit.

    Args:
        catalog: see there.
        model_id: of the model that the record is attached to.
        payload: of the record.
        report: of the promotion; is told the number of the edit.
    """
    layer = catalog.user_layers([model_id]).get(model_id, {})
    changed = [
        NewEdit(model_id, column, None, json.dumps(value))
        for column, value in _taken(catalog, parse(payload).value)
        if column not in layer
    ]
    if not changed:
        return
    if report.edit_group is None:
        report.edit_group = catalog.begin_edits(Door.EXPORT, "")
    catalog.put_edits(report.edit_group, changed)


def _taken(catalog: Catalog, said: Any) -> Iterator[tuple[str, Any]]:
    for column in edits.EDITABLE if isinstance(said, dict) else ():
        if said.get(column) is None:
            continue
        try:
            value = edits.checked(column, said[column])
        except Usage:
            continue
        if column != "preview" or _is_at_home(catalog, value):
            yield column, value


def _is_at_home(catalog: Catalog, picture: str) -> bool:
    """Tell whether a picture is there, where the program may look."""
    folders = [*catalog.folder_facts(), catalog.attachments_folder]
    real = os.path.realpath(picture)
    return (
        is_picture(picture)
        and os.path.isfile(real)
        and is_below_any(real, [os.path.realpath(folder) for folder in folders])
    )
