"""Model files: what a header says, and what that makes of the file. Reads only; never executes a pickle."""

from modelmgr.readers.detect import HEAD_BYTES
from modelmgr.readers.folders import read_group
from modelmgr.readers.header import Header
from modelmgr.readers.read import read_header, read_heads, read_open
from modelmgr.readers.rules import version as rules_version

__all__ = ["HEAD_BYTES", "Header", "read_group", "read_header", "read_heads", "read_open", "rules_version"]
