"""JSON as Python's and .NET's programs write it."""

import json
import re

from modelmgr.migration.sidecar_files.format import Document

_SURROGATE = re.compile("[\ud800-\udfff]")
_STRING = re.compile(r'"(?:[^"\\]++|\\.)*+"')
_NET_TIME = re.compile(r'"\d{4}-\d\d-\d\dT[\d:.]+[+-]\d\d:\d\d"')
_NET_ESCAPED = re.compile(r"\\(?:u[0-9a-f]{4}|.)|[<>&'+`\x7f]")


def indented(document: Document, indent: int) -> bytes:
    """Return JSON with characters as they are; lone surrogates, which UTF-8 has not, as escapes."""
    text = json.dumps(document, indent=indent, ensure_ascii=False)
    return _SURROGATE.sub(lambda found: f"\\u{ord(found[0]):04x}", text).encode()


def as_net_writes(document: Document) -> bytes:
    """Return JSON in one line as System.Text.Json writes it by default: all but plain ASCII escaped."""
    text = json.dumps(document, separators=(",", ":"))
    return _STRING.sub(_net_string, text).encode()


def _net_string(found: re.Match[str]) -> str:
    """Return a JSON string with .NET's escapes; a time is written there as it is, its plus sign too."""
    if _NET_TIME.fullmatch(found[0]):
        return found[0]
    return f'"{_NET_ESCAPED.sub(_net_escape, found[0][1:-1])}"'


def _net_escape(found: re.Match[str]) -> str:
    escaped = found[0]
    if len(escaped) == 1:
        return f"\\u{ord(escaped):04X}"
    if escaped == '\\"':
        return "\\u0022"
    return "\\u" + escaped[2:].upper() if escaped.startswith("\\u") else escaped
