"""The directory of a zip archive: is it a PyTorch file, a TorchScript module, NumPy arrays, or something else.

Only the central directory is read (PKWARE APPNOTE, 4.3.12 to 4.3.16), and where the members it names begin; nothing
is unpacked or unpickled.
"""

import struct
from typing import NamedTuple

from modelmgr.readers.contents import Contents, Defect, FileBytes, quoted

ENTRY_LIMIT = 100_000
DIRECTORY_LIMIT_BYTES = 32 * 1024 * 1024
STORED, DEFLATED = 0, 8
_TAIL_BYTES = 22 + 65_535
_END = b"PK\x05\x06"
_END64_LOCATOR = b"PK\x06\x07"
_END64 = b"PK\x06\x06"
_LOCATOR_BYTES = 20
_END64_BYTES = 56
_LOCAL = b"PK\x03\x04"
_LOCAL_BYTES = 30
_ENTRY = struct.Struct("<4s6H3I5H2I")
_ENCRYPTED = 1
_UTF8 = 0x800
_ZIP64_EXTRA = 1
_UNKNOWN = 0xFFFFFFFF
_EXPORTED = frozenset(("archive_format", "serialized_exported_program.json"))


class Entry(NamedTuple):
    """One member as the directory describes it: what the local header repeats is not believed.

    `stored_bytes` is its size in the archive, `size_bytes` its size unpacked, `offset` that of its local header.
    """

    name: str
    method: int
    encrypted: bool
    stored_bytes: int
    size_bytes: int
    offset: int


class Archive(NamedTuple):
    """The members, and the pickle that PyTorch would read.

    Attributes:
        root: the folder in which all lies (``archive/`` or empty), or None if there is no ``data.pkl``.
        listed: False if the directory is missing or damaged: members may be unknown.
        beginning: where the bytes of a ``data.pkl`` begin that no directory lists but that opens the file.
    """

    entries: list[Entry]
    root: str | None
    listed: bool
    beginning: int | None = None


def read(file: FileBytes) -> tuple[Contents, Archive]:
    """Read the directory and tell the format: torch-zip, torchscript, numpy or zip."""
    contents = Contents("zip")
    directory = _directory(file, contents)
    if directory is None:
        return contents, _unlisted(file, contents)
    entries, complete = _entries(directory.content)
    # Where the numbers contradict each other, each program may find other members.
    complete = complete and len(entries) == directory.members and directory.consistent
    if not complete:
        contents.defects.append(Defect("header_invalid", "The archive's directory is damaged."))
    if any(entry.encrypted for entry in entries):
        contents.defects.append(Defect("encrypted", "The archive is encrypted."))
    contents.facts["entries"] = len(entries)
    root = _root(entries)
    if root is None and not complete:
        return contents, _unlisted(file, contents)
    _tell_doubles(entries, contents)
    if root is not None:
        names = {entry.name for entry in entries}
        scripted = root + "constants.pkl" in names or any(name.startswith(root + "code/") for name in names)
        contents.format = "torchscript" if scripted else "torch-zip"
    elif entries and all(entry.name.endswith(".npy") for entry in entries):
        contents.format = "numpy"
    elif any(entry.name.rpartition("/")[2] in _EXPORTED for entry in entries):
        message = "The file is a program of torch.export; its tensors are not read."
        contents.defects.append(Defect("unsupported", message))
    return contents, Archive(entries, root, listed=complete)


def data_offset(file: FileBytes, entry: Entry) -> int | None:
    """Return where a member's bytes begin, or None if its local header is not where the directory says."""
    local = file.at(entry.offset, _LOCAL_BYTES)
    if len(local) < _LOCAL_BYTES or not local.startswith(_LOCAL):
        return None
    name_length, extra_length = struct.unpack_from("<HH", local, 26)
    start: int = entry.offset + _LOCAL_BYTES + name_length + extra_length
    return start if start + entry.stored_bytes <= file.size_bytes else None


def _is_main(name: str) -> bool:
    return name == "data.pkl" or name.endswith("/data.pkl")


def _root(entries: list[Entry]) -> str | None:
    """Return the folder that counts: PyTorch takes that of the first member (caffe2/serialize/inline_container.cc)."""
    roots = dict.fromkeys(entry.name[: -len("data.pkl")] for entry in entries if _is_main(entry.name))
    if not roots:
        return None
    first = entries[0].name.partition("/")[0] + "/"
    return first if first in roots else next(iter(roots))


def _tell_doubles(entries: list[Entry], contents: Contents) -> None:
    seen: set[str] = set()
    for entry in entries:
        if entry.name in seen:
            message = f"The archive holds {quoted(entry.name)} twice; programs may disagree on which counts."
            contents.defects.append(Defect("duplicate_keys", message))
            return
        seen.add(entry.name)
    if sum(map(_is_main, seen)) > 1:
        message = "The archive holds more than one data.pkl; programs may disagree on which counts."
        contents.defects.append(Defect("duplicate_keys", message))


def _unlisted(file: FileBytes, contents: Contents) -> Archive:
    """Return what the first local header says: all that is left to go by when the directory is gone."""
    start = file.at(0, _LOCAL_BYTES)
    if len(start) < _LOCAL_BYTES or not start.startswith(_LOCAL):
        return Archive([], None, listed=False)
    flags, method = struct.unpack_from("<HH", start, 6)
    name_length, extra_length = struct.unpack_from("<HH", start, 26)
    name = file.at(_LOCAL_BYTES, min(name_length, 1024)).decode("utf-8", "replace")
    if not _is_main(name):
        return Archive([], None, listed=False)
    contents.format = "torch-zip"
    readable = method == STORED and not flags & _ENCRYPTED
    beginning: int = _LOCAL_BYTES + name_length + extra_length
    return Archive([], name[: -len("data.pkl")], listed=False, beginning=beginning if readable else None)


class _Directory(NamedTuple):
    """The central directory's bytes, the number of members it is said to have, and whether all numbers agree."""

    content: bytes
    members: int
    consistent: bool


def _directory(file: FileBytes, contents: Contents) -> _Directory | None:
    """Return the central directory, or None and say why not."""
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
    follower = tail_start + end
    wide = _wide_end(file, tail, end)
    agrees = True
    if wide is not None:
        # PyTorch writes this second end even where the first could say all: then they are the same.
        follower, *numbers = wide
        said = zip((count, size, offset), (0xFFFF, _UNKNOWN, _UNKNOWN), numbers, strict=True)
        agrees = all(narrow in (unknown, number) for narrow, unknown, number in said)
        count, size, offset = numbers
    if count > ENTRY_LIMIT or size > DIRECTORY_LIMIT_BYTES:
        contents.defects.append(
            Defect("too_large", f"The archive claims {count:,} entries; they were not read.")
        )
        return None
    if offset + size > file.size_bytes:
        contents.defects.append(Defect("header_invalid", "The archive's directory lies outside the file."))
        return None
    return _Directory(file.at(offset, size), count, agrees and offset + size == follower)


def _wide_end(file: FileBytes, tail: bytes, end: int) -> tuple[int, int, int, int] | None:
    """Return where the zip64 end lies, its number of entries, and size and offset of the directory; None without."""
    locator = end - _LOCATOR_BYTES
    if locator < 0 or not tail.startswith(_END64_LOCATOR, locator):
        return None
    place: int = struct.unpack_from("<Q", tail, locator + 8)[0]
    record = file.at(place, _END64_BYTES) if place < file.size_bytes else b""
    if len(record) < _END64_BYTES or not record.startswith(_END64):
        return None
    count, size, offset = struct.unpack_from("<QQQ", record, 32)
    return place, count, size, offset


def _entries(directory: bytes) -> tuple[list[Entry], bool]:
    """Return the members, and whether the directory made sense to its end."""
    entries: list[Entry] = []
    position = 0
    while position < len(directory):
        if position + _ENTRY.size > len(directory):
            return entries, False
        fields = _ENTRY.unpack_from(directory, position)
        if fields[0] != b"PK\x01\x02" or len(entries) >= ENTRY_LIMIT:
            return entries, False
        flags, method, stored, size, offset = fields[3], fields[4], fields[8], fields[9], fields[16]
        name_length, extra_length, comment_length = fields[10], fields[11], fields[12]
        start = position + _ENTRY.size
        name = directory[start : start + name_length].decode("utf-8" if flags & _UTF8 else "cp437", "replace")
        if _UNKNOWN in (stored, size, offset):
            extra = directory[start + name_length : start + name_length + extra_length]
            size, stored, offset = _zip64(extra, size, stored, offset)
        entries.append(Entry(name, method, bool(flags & _ENCRYPTED), stored, size, offset))
        position = start + name_length + extra_length + comment_length
    return entries, True


def _zip64(extra: bytes, *sizes: int) -> list[int]:
    """Return size, stored size and offset: those that did not fit stand in this order in an extra field."""
    position = 0
    while position + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, position)
        if kind == _ZIP64_EXTRA:
            content = extra[position + 4 : position + 4 + length]
            wide = struct.iter_unpack("<Q", content[: len(content) // 8 * 8])
            return [next(wide, (size,))[0] if size == _UNKNOWN else size for size in sizes]
        position += 4 + length
    return list(sizes)
