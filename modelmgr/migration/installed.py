"""Which tools are on this computer, by the places where they usually keep what a source reads.

Only looks whether something is there; what lies in it is a matter of detection, when the user asks for it.
"""

import os
import re
import sys
from collections.abc import Mapping, Sequence

from modelmgr.migration import sources as legacy_sources
from modelmgr.migration.source import LegacySource, Place
from modelmgr.values import InstalledTool

_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")


def find_installed(
    environment: Mapping[str, str] | None = None,
    system: str = sys.platform,
    sources: Sequence[LegacySource] | None = None,
) -> list[InstalledTool]:
    """Return the tools that are found, in order of their names, with the places that exist.

    Args:
        environment: variables for the templates; those of the process if not given.
        system: as `sys.platform`.
        sources: whose places are looked at; None for all.
    """
    known = os.environ if environment is None else environment
    found: dict[str, dict[str, str]] = {}
    for source in legacy_sources.ALL if sources is None else sources:
        for place in source.places:
            path = place_of(place, known, system)
            if path is not None and os.path.exists(path):
                found.setdefault(place.tool, {}).setdefault(os.path.realpath(path), path)
    return [
        InstalledTool(tool, tuple(_without_inner(list(paths.values()))))
        for tool, paths in sorted(found.items(), key=lambda item: item[0].casefold())
    ]


def place_of(place: Place, environment: Mapping[str, str], system: str) -> str | None:
    """Return a place as a path of this computer, None if it is another system's or a variable isn't set."""
    if place.system and place.system != system:
        return None
    home = environment.get("USERPROFILE" if system == "win32" else "HOME", "")
    text = place.path
    if text == "~" or text.startswith("~/"):
        text = "${HOME_OF_USER}" + text[1:]
    values = {**environment, "HOME_OF_USER": home}
    names = [braced or bare for braced, bare in _VARIABLE.findall(text)]
    if not all(values.get(name) for name in names):
        return None
    path = _VARIABLE.sub(lambda match: values[match[1] or match[2]], text)
    # A relative one would lead to wherever the program happened to be started.
    return os.path.normpath(path) if os.path.isabs(path) and "\0" not in path else None


def _without_inner(paths: Sequence[str]) -> list[str]:
    """Leave out what lies below another of the paths: walking that one meets it."""
    return [
        path
        for path in paths
        if not any(path != other and path.startswith(other.rstrip(os.sep) + os.sep) for other in paths)
    ]
