"""The header of a NumPy array: one array's type and shape, as text that is matched, never evaluated.

Layout (numpy/numpy, numpy/lib/format.py): magic, two bytes of version, a 16-bit length (32-bit from version 2), the
header as a Python literal, the data.
"""

import math
import re

from modelmgr.readers.contents import Contents, Defect, FileBytes, Spec

MAGIC = b"\x93NUMPY"
_HEADER_LIMIT_BYTES = 64 * 1024
_DTYPE = re.compile(rb"'descr'\s{0,8}:\s{0,8}'([<>|=]?)([a-zA-Z?])(\d{0,4})'")
_SHAPE = re.compile(rb"'shape'\s{0,8}:\s{0,8}\(((?:[0-9]{1,18}(?:, ?[0-9]{1,18}){0,63},?)?)\)")
_NAMES = {"f": "F", "i": "I", "u": "U", "c": "C"}


def read(file: FileBytes) -> Contents:
    """Read type and shape of the array."""
    contents = Contents("numpy")
    start = file.at(0, 12)
    wide = len(start) > 6 and start[6] >= 2
    at = 12 if wide else 10
    length = int.from_bytes(start[8:at], "little")
    header = file.at(at, min(length, _HEADER_LIMIT_BYTES))
    dtype, shape = _DTYPE.search(header), _SHAPE.search(header)
    if dtype is not None and dtype[2] == b"O":
        contents.defects.append(
            Defect("unsupported", "The array holds Python objects as a pickle; it is not read.")
        )
        return contents
    if dtype is None or shape is None:
        contents.defects.append(
            Defect("header_invalid", "The header doesn't say type and shape of one array.")
        )
        return contents
    dims = tuple(int(dim) for dim in shape[1].split(b",") if dim.strip())
    letter, size = dtype[2].decode(), int(dtype[3] or b"1")
    name = f"{_NAMES[letter]}{8 * size}" if letter in _NAMES else {"b": "I8", "?": "BOOL"}.get(letter, letter)
    spec = Spec(name, dims, math.prod(dims) * size)
    contents.specs["array"] = spec
    contents.data_offset = at + length
    if file.size_bytes < at + length + spec.size_bytes:
        message = f"The file is cut off: {file.size_bytes:,} of {at + length + spec.size_bytes:,} bytes."
        contents.defects.append(Defect("truncated", message))
    return contents
