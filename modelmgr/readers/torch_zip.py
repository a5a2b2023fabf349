"""The directory of a zip archive: is it a PyTorch file, a TorchScript module, NumPy arrays, or something else.

Only the central directory is read (PKWARE APPNOTE, 4.3.12 to 4.3.16); no member is opened, unpacked or unpickled.
"""

import struct

from modelmgr.readers.contents import Contents, Defect, FileBytes

ENTRY_LIMIT = 100_000
DIRECTORY_LIMIT_BYTES = 32 * 1024 * 1024
_TAIL_BYTES = 22 + 65_535
_END = b"PK\x05\x06"
_END64_LOCATOR = b"PK\x06\x07"
_END64 = b"PK\x06\x06"
_ENTRY = struct.Struct("<4s6H3I5H2I")
_ENCRYPTED = 1
_UTF8 = 0x800


def read(file: FileBytes) -> Contents:
    """Read the entries' names and tell the format: torch-zip, torchscript, numpy or zip."""
    contents = Contents("zip")
    directory = _directory(file, contents)
    if directory is None:
        if _first_name(file).endswith("data.pkl"):
            contents.format = "torch-zip"
        return contents
    names, encrypted, complete = _names(directory)
    if not complete:
        contents.defects.append(Defect("header_invalid", "The archive's directory is damaged."))
    if encrypted:
        contents.defects.append(Defect("encrypted", "The archive is encrypted."))
    pickles = [name for name in names if name == "data.pkl" or name.endswith("/data.pkl")]
    contents.facts["entries"] = len(names)
    if pickles:
        root = pickles[0][: -len("data.pkl")]
        scripted = any(name == root + "constants.pkl" or name.startswith(root + "code/") for name in names)
        contents.format = "torchscript" if scripted else "torch-zip"
        if len(pickles) > 1:
            contents.defects.append(
                Defect(
                    "duplicate_keys",
                    "The archive holds more than one data.pkl; programs may disagree on which counts.",
                )
            )
    elif names and all(name.endswith(".npy") for name in names):
        contents.format = "numpy"
    return contents


def _first_name(file: FileBytes) -> str:
    """Return the name in the first local header: all that is left to go by when the directory is gone."""
    start = file.at(0, 30)
    if len(start) < 30:
        return ""
    return file.at(30, min(int.from_bytes(start[26:28], "little"), 1024)).decode("utf-8", "replace")


def _directory(file: FileBytes, contents: Contents) -> bytes | None:
    """Return the bytes of the central directory, or None and say why not."""
    tail_start = max(0, file.size_bytes - _TAIL_BYTES)
    tail = file.at(tail_start, _TAIL_BYTES)
    end = tail.rfind(_END)
    if end < 0 or end + 22 > len(tail):
        contents.defects.append(
            Defect(
                "truncated",
                f"The archive's directory is missing: the file was cut off after {file.size_bytes:,} bytes.",
            )
        )
        return None
    count, size, offset = struct.unpack_from("<HII", tail, end + 10)
    if 0xFFFF in (count,) or 0xFFFFFFFF in (size, offset):
        locator = tail.rfind(_END64_LOCATOR, 0, end)
        record_offset = (
            struct.unpack_from("<Q", tail, locator + 8)[0] if 0 <= locator <= len(tail) - 20 else -1
        )
        record = file.at(record_offset, 56) if 0 <= record_offset < file.size_bytes else b""
        if len(record) == 56 and record.startswith(_END64):
            count, size, offset = struct.unpack_from("<QQQ", record, 32)
    if count > ENTRY_LIMIT or size > DIRECTORY_LIMIT_BYTES:
        contents.defects.append(
            Defect("too_large", f"The archive claims {count:,} entries; they were not read.")
        )
        return None
    if offset + size > file.size_bytes:
        contents.defects.append(Defect("header_invalid", "The archive's directory lies outside the file."))
        return None
    return file.at(offset, size)


def _names(directory: bytes) -> tuple[list[str], bool, bool]:
    """Return the entries' names, whether one is encrypted, and whether the directory made sense to its end."""
    names: list[str] = []
    encrypted = False
    position = 0
    while position < len(directory):
        if position + _ENTRY.size > len(directory):
            return names, encrypted, False
        fields = _ENTRY.unpack_from(directory, position)
        if fields[0] != b"PK\x01\x02" or len(names) >= ENTRY_LIMIT:
            return names, encrypted, False
        flags, name_length, extra_length, comment_length = fields[3], fields[10], fields[11], fields[12]
        start = position + _ENTRY.size
        name = directory[start : start + name_length]
        names.append(name.decode("utf-8" if flags & _UTF8 else "cp437", "replace"))
        encrypted = encrypted or bool(flags & _ENCRYPTED)
        position = start + name_length + extra_length + comment_length
    return names, encrypted, True
