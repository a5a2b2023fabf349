"""The nouns that cross rooms: what is known about models, files, records and work, as plain values.

Paths are absolute text in `surrogateescape` form (`os.fsdecode`), times are Unix seconds unless the name says
``_ns``, sizes are bytes, hashes are lower-case hex. Foreign text is kept as found; whoever shows it escapes it.

`models` is what a model is, `queries` what is asked, `records` what other tools say, `reports` what a deed did,
`changes` what the user changed and the news of it; all of them rest on `basics`.
"""

import importlib
from typing import TYPE_CHECKING, Any

from modelmgr.values.basics import MIB as MIB
from modelmgr.values.basics import Problem as Problem
from modelmgr.values.basics import folded as folded
from modelmgr.values.basics import is_below as is_below
from modelmgr.values.basics import is_below_any as is_below_any
from modelmgr.values.basics import iso_time as iso_time
from modelmgr.values.models import LIGHT_KEYS as LIGHT_KEYS
from modelmgr.values.models import MODEL_SUFFIXES as MODEL_SUFFIXES
from modelmgr.values.models import Attachment as Attachment
from modelmgr.values.models import FileState as FileState
from modelmgr.values.models import Hashes as Hashes
from modelmgr.values.models import HashState as HashState
from modelmgr.values.models import LibraryFolder as LibraryFolder
from modelmgr.values.models import ModelDetails as ModelDetails
from modelmgr.values.models import ModelFile as ModelFile
from modelmgr.values.models import ModelRow as ModelRow
from modelmgr.values.models import Opinion as Opinion
from modelmgr.values.models import Origin as Origin
from modelmgr.values.models import StoredRecord as StoredRecord
from modelmgr.values.models import light_json as light_json
from modelmgr.values.queries import FACET_GROUPS as FACET_GROUPS
from modelmgr.values.queries import MODEL_STATES as MODEL_STATES
from modelmgr.values.queries import SORT_COLUMNS as SORT_COLUMNS
from modelmgr.values.queries import Comparison as Comparison
from modelmgr.values.queries import Facets as Facets
from modelmgr.values.queries import HashMatch as HashMatch
from modelmgr.values.queries import ModelPage as ModelPage
from modelmgr.values.queries import ModelQuery as ModelQuery
from modelmgr.values.queries import PendingQuery as PendingQuery

if TYPE_CHECKING:
    from modelmgr.values.changes import Changes as Changes
    from modelmgr.values.changes import Door as Door
    from modelmgr.values.changes import Edit as Edit
    from modelmgr.values.changes import EditGroup as EditGroup
    from modelmgr.values.changes import EditReport as EditReport
    from modelmgr.values.changes import Provenance as Provenance
    from modelmgr.values.changes import RevertReport as RevertReport
    from modelmgr.values.changes import Skipped as Skipped
    from modelmgr.values.records import HELD_LIMIT_BYTES as HELD_LIMIT_BYTES
    from modelmgr.values.records import NO_MODEL as NO_MODEL
    from modelmgr.values.records import Batch as Batch
    from modelmgr.values.records import BatchState as BatchState
    from modelmgr.values.records import Claims as Claims
    from modelmgr.values.records import FoundSource as FoundSource
    from modelmgr.values.records import InlineModel as InlineModel
    from modelmgr.values.records import InstalledTool as InstalledTool
    from modelmgr.values.records import PendingModel as PendingModel
    from modelmgr.values.records import PendingState as PendingState
    from modelmgr.values.records import Record as Record
    from modelmgr.values.records import Root as Root
    from modelmgr.values.records import Sample as Sample
    from modelmgr.values.reports import IgnoredFile as IgnoredFile
    from modelmgr.values.reports import ImportReport as ImportReport
    from modelmgr.values.reports import MoveReport as MoveReport
    from modelmgr.values.reports import PromoteReport as PromoteReport
    from modelmgr.values.reports import ScanOptions as ScanOptions
    from modelmgr.values.reports import ScanReport as ScanReport
    from modelmgr.values.reports import SidecarReport as SidecarReport
    from modelmgr.values.reports import Totals as Totals
    from modelmgr.values.reports import UndoReport as UndoReport
    from modelmgr.values.reports import VerifyReport as VerifyReport

_LATE = {
    "Changes": "changes",
    "Door": "changes",
    "Edit": "changes",
    "EditGroup": "changes",
    "EditReport": "changes",
    "Provenance": "changes",
    "RevertReport": "changes",
    "Skipped": "changes",
    "HELD_LIMIT_BYTES": "records",
    "NO_MODEL": "records",
    "Batch": "records",
    "BatchState": "records",
    "Claims": "records",
    "FoundSource": "records",
    "InlineModel": "records",
    "InstalledTool": "records",
    "PendingModel": "records",
    "PendingState": "records",
    "Record": "records",
    "Root": "records",
    "Sample": "records",
    "IgnoredFile": "reports",
    "ImportReport": "reports",
    "MoveReport": "reports",
    "PromoteReport": "reports",
    "ScanOptions": "reports",
    "ScanReport": "reports",
    "SidecarReport": "reports",
    "Totals": "reports",
    "UndoReport": "reports",
    "VerifyReport": "reports",
}


def __getattr__(name: str) -> Any:
    """Load what other tools say and what deeds did when it is wanted: the first rows of a window need none of it."""
    if name in _LATE:
        return getattr(importlib.import_module(f"modelmgr.values.{_LATE[name]}"), name)
    raise AttributeError(f"modelmgr.values has no {name!r}")
