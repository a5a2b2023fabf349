"""What schemathesis can't know from the document: which cursors were given out. It is loaded by its own process."""

from typing import Any

import schemathesis


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """Leave out cursors that were made up, except where nonsense is what is tried."""
    if isinstance(case.query, dict) and case.meta is not None and case.meta.generation.mode.is_positive:
        case.query.pop("cursor", None)
