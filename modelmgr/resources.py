"""Where the program's data files lie: inside the wheel, or beside the package in a checkout."""

from pathlib import Path

_HERE = Path(__file__).parent
_ROOT = _HERE / "_resources" if (_HERE / "_resources").is_dir() else _HERE.parent / "resources"


def resource_path(*parts: str) -> Path:
    """Return the path of a data file or folder, e.g. ``resource_path("icons", "plus.svg")``."""
    return _ROOT.joinpath(*parts)
