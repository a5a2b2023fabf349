"""A good container of each source, made by script: what the fixture matrix bends and breaks.

One module a source (or a tool), each with a list ``SPECIMENS``. The models are A, B and C of `models`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Kind = Literal["json", "text", "map", "sqlite", "yaml", "folder"]


@dataclass(frozen=True, slots=True)
class Specimen:
    """One good container of a source in a folder with its models.

    Attributes:
        source: the record source id that its records have.
        kind: ``json`` and ``text``: a sidecar whose payload is the whole file; ``map``: a JSON object of many
            records; ``sqlite``; ``yaml``; ``folder``: a folder is the container.
        container: its path relative to the folder.
        write: writes container and model files into an empty folder; the minimal good record.
        records: how many records of `source` it yields.
        binds: whether a record of it finds its model file by path, stem or name of a blob.
        full: the same with every field of the format filled.
        named: True if a walk doesn't look at it: the user has to name the container itself.
        owns_name: True if no other tool writes files of that name, so that rubbish in it is still a record.
    """

    source: str
    kind: Kind
    container: str
    write: Callable[[Path], None]
    records: int = 1
    binds: bool = True
    full: Callable[[Path], None] | None = None
    named: bool = False
    owns_name: bool = False

    def __str__(self) -> str:
        return self.source
