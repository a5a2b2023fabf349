"""PyTorch's files: the names and shapes of their tensors, and what else unpickling them would do.

Pickles are walked in a limited process of their own (`modelmgr.readers.pickle_process`) and never unpickled; here
lies what goes there, and what becomes of the answer. Where that process can't be had, a file is listed all the same.
"""

import zlib
from collections.abc import Sequence
from typing import Any

from modelmgr.readers import numpy_array, torch_zip
from modelmgr.readers.contents import Contents, Defect, FileBytes, Spec, quoted
from modelmgr.readers.pickle_danger import DANGEROUS, pickle_scan
from modelmgr.readers.pickle_process import WORK_LIMIT_S, Part, Walked, walked
from modelmgr.readers.torch_zip import DEFLATED, STORED, Archive, Entry
from modelmgr.told.texts import clean

INPUT_LIMIT_BYTES = 64 * 1024 * 1024
TAR = "a tar file of PyTorch's first years is not read"
_STEPS_BYTES = (1024 * 1024, 8 * 1024 * 1024, INPUT_LIMIT_BYTES)
_NO_ANSWER = "it took too much time or memory, or the process that reads pickles can't be started"
_TOO_LARGE = "its pickle is larger than 64 MiB"
_PEEK_BYTES = 512
_ARRAY_HEADER_BYTES = 64 * 1024
_FEW_ENTRIES = 64
_PEEKS_LIMIT = 4096
_OTHERS_LIMIT = 256
# Where the numbers lie; those of TorchScript's constants apart.
_STORAGES = ("data", "constants")
_PICKLE_NAMES = (".pkl", ".pickle", "_pkl")


def read_zip(file: FileBytes) -> Contents:
    """Read a zip archive; the tensors and the verdict on its pickles if it holds a PyTorch model."""
    contents, archive = torch_zip.read(file)
    mains: list[Entry] = []
    if archive.root is not None:
        names = (archive.root + "data.pkl", archive.root + "constants.pkl")
        # What only claims to be encrypted is looked into as all other members are.
        mains = [entry for entry in archive.entries if entry.name in names and not entry.encrypted]
    reading = _Reading(contents)
    if any(entry.encrypted for entry in archive.entries):
        reading.fail("it is encrypted")
    elif not archive.listed:
        reading.fail("the archive's directory is missing or damaged")
    parts = [part for entry in mains if (part := _main_part(file, entry, reading)) is not None]
    if parts:
        reading.take(parts)
    elif archive.beginning is not None:
        # Where the pickle ends, only itself knows.
        reading.take_beginning(file, archive.beginning)
    ambiguous = sum(entry.name == f"{archive.root}data.pkl" for entry in mains) > 1
    if ambiguous:
        reading.fail(f"it holds {quoted(f'{archive.root}data.pkl')} twice")
    elif contents.format in ("torch-zip", "torchscript"):
        reading.describe()
        _compare_sizes(archive, reading, contents)
    others = _others(file, archive, mains, reading)
    if others:
        reading.take(others)
    if any(defect.code == "unsupported" for defect in contents.defects):
        reading.fail("what a program of torch.export holds is not read")
    if contents.format in ("torch-zip", "torchscript") or others or reading.failed:
        reading.judge()
    return contents


def read_stream(file: FileBytes, form: str = "pickle") -> Contents:
    """Read a file that begins with a pickle: a plain one, or PyTorch's format before 1.6.

    Args:
        file: the open file.
        form: the format as it seems; ``torch-legacy`` is the answer where the first pickle is PyTorch's number.
    """
    contents = Contents(form)
    reading = _Reading(contents)
    reading.take_beginning(file)
    if reading.found is not None and reading.found["format"] == "torch-legacy":
        contents.format = "torch-legacy"
    reading.describe()
    if contents.format == "torch-legacy":
        needed = sum(reading.storages.values())
        if needed > file.size_bytes:
            message = f"The file was cut off: it has {file.size_bytes:,} bytes of more than {needed:,}."
            contents.defects.append(Defect("truncated", message))
    reading.judge()
    return contents


def read_text(file: FileBytes) -> Contents | None:
    """Read what may be a pickle of protocol 0 or 1, which have no mark of their own; None if it is surely none.

    It is one if it ends as a pickle does and builds something, or imports what is dangerous: an unpickler would go
    that far, whatever comes after.
    """
    head = file.at(0, 1)
    if not head or head not in b"(cdlip]}SIVLFNUTXKMJG)":
        return None
    contents = Contents("pickle")
    reading = _Reading(contents)
    reading.take_beginning(file)
    reading.describe()
    reading.judge()
    if reading.found is None:
        return contents  # nobody could look: it may be one
    whole = reading.found["problem"] is None and (
        reading.found["imports"] or contents.specs or contents.metadata
    )
    return contents if whole or contents.facts["pickle_scan"]["verdict"] == DANGEROUS else None


def look_into_array(file: FileBytes, contents: Contents) -> None:
    """Add the verdict on the pickle in a NumPy array of Python objects."""
    if _holds_objects(file.at(0, _ARRAY_HEADER_BYTES)):
        reading = _Reading(contents)
        reading.take_beginning(file)
        reading.judge()


def unscanned(reason: str) -> dict[str, Any]:
    """Return the verdict on a file that nobody looked into; `reason` is the end of a sentence."""
    return pickle_scan((), problem=reason)


class _Reading:
    """What one file's pickles were found to do, gathered from one or two rounds with the child."""

    def __init__(self, contents: Contents) -> None:
        self.contents = contents
        self.found: dict[str, Any] | None = None
        self.storages: dict[str, int] = {}
        self._state: dict[str, Any] | None = None
        self._imports: dict[tuple[str, str], None] = {}
        self._extensions: set[int] = set()
        self._computed = False
        self._changed = False
        self._problem: str | None = None
        self._left_s = WORK_LIMIT_S

    def fail(self, reason: str) -> None:
        """Note why the verdict can't be that nothing was found; the first reason is told."""
        self._problem = self._problem or reason

    @property
    def failed(self) -> bool:
        """Whether something could not be looked into."""
        return self._problem is not None

    def take(self, parts: Sequence[Part]) -> None:
        """Let the child walk these bytes, and note what it finds."""
        self._note(*self._walked(parts), main=any(part.main for part in parts))

    def _walked(self, parts: Sequence[Part]) -> Walked:
        if self._left_s <= 0:
            return Walked(None, None)
        answer = walked(parts, self._left_s)
        # Of one that did not come, nobody knows how long it would have taken.
        self._left_s -= WORK_LIMIT_S if answer.state is None else answer.state["took_s"]
        return answer

    def take_beginning(self, file: FileBytes, start: int = 0) -> None:
        """Let the child walk as much from `start` as it takes to come to the pickles' end."""
        found, state = None, None
        for count in _STEPS_BYTES:
            whole = start + count >= file.size_bytes
            found, state = self._walked([Part(file.at(start, count), whole=whole)])
            if whole or found is None or not found["more"]:
                break
        else:
            self.fail(_TOO_LARGE)
        self._note(found, state, main=True)

    def _note(self, found: dict[str, Any] | None, state: dict[str, Any] | None, *, main: bool) -> None:
        if found is None:
            self.fail(_NO_ANSWER)
            return
        self._imports.update(dict.fromkeys((module, name) for module, name in found["imports"]))
        self._extensions.update(found["extensions"])
        self._computed = self._computed or found["computed"]
        self._changed = self._changed or found["changed"]
        if found["unread"]:
            self.fail("it holds another file that could not be read")
        if found["crossed"]:
            self.fail(
                "an instruction lies across the end of a frame, so other programs may read something else"
            )
        if not main:
            if found["problem"] is not None:
                self.fail(found["problem"])
            return
        self.found, self._state = found, state
        if found["problem"] is not None:
            self.fail(found["problem"])
            message = f"The file can't be read to its end: {found['problem']}."
            self.contents.defects.append(Defect("header_invalid", message))

    def describe(self) -> None:
        """Put names, shapes and facts into the contents."""
        if self._state is None:
            self.contents.complete = False
            return
        contents = self.contents
        contents.complete = self._state["complete"] and (self.found is None or self.found["problem"] is None)
        distinct: dict[tuple[Any, ...], int] = {}
        for name, dtype, shape, size_bytes, storage, storage_bytes, offset, stride in self._state["tensors"]:
            dims = tuple(shape)
            contents.specs[clean(name)] = Spec(dtype, dims, size_bytes)
            elements = 1
            for dim in dims:
                elements *= dim
            # Tensors that are one and the same in memory (tied weights) count once.
            place = (storage, offset, dims, tuple(stride)) if storage is not None else (name,)
            if storage is not None:
                self.storages[storage] = storage_bytes
            distinct[place] = elements
        if contents.specs:
            contents.facts["parameter_count"] = sum(distinct.values())
        for key, fact in self._state["facts"].items():
            contents.metadata[clean(key)] = clean(fact) if isinstance(fact, str) else fact
        self._state = None

    def judge(self) -> None:
        """Put the verdict into the contents."""
        self.contents.facts["pickle_scan"] = pickle_scan(
            self._imports,
            extensions=sorted(self._extensions),
            computed=self._computed,
            changed=self._changed,
            problem=self._problem,
        )


def _main_part(file: FileBytes, entry: Entry, reading: _Reading) -> Part | None:
    """Return the bytes of a pickle that PyTorch would unpickle, or None and note why not."""
    start = torch_zip.data_offset(file, entry)
    if start is None:
        reading.fail(f"its {quoted(entry.name)} is not where the directory says")
        return None
    if entry.method not in (STORED, DEFLATED):
        reading.fail("its pickle is compressed in an unusual way")
        return None
    if entry.stored_bytes > INPUT_LIMIT_BYTES:
        reading.fail(_TOO_LARGE)
    content = file.at(start, min(entry.stored_bytes, INPUT_LIMIT_BYTES))
    return Part(content, entry.size_bytes if entry.method == DEFLATED else None)


def _others(file: FileBytes, archive: Archive, mains: list[Entry], reading: _Reading) -> list[Part]:
    """Return the other members that look like pickles, whatever their names.

    Bytes that the model's own pickle names as tensors are not looked at, unless the members are few: each look is a
    movement of a disk's head.
    """
    known = {entry.name for entry in mains}
    if len(archive.entries) > _FEW_ENTRIES:
        known |= {f"{archive.root}{folder}/{key}" for folder in _STORAGES for key in reading.storages}
    candidates = [entry for entry in archive.entries if entry.name not in known and entry.stored_bytes > 1]
    if len(candidates) > _PEEKS_LIMIT:
        reading.fail("the archive has too many members to look into all")
    parts: list[Part] = []
    room = INPUT_LIMIT_BYTES
    for entry in candidates[:_PEEKS_LIMIT]:
        start = torch_zip.data_offset(file, entry)
        if start is None or not _looks_like_pickle(file, entry, start):
            continue
        if entry.stored_bytes > room and not entry.name.endswith(_PICKLE_NAMES):
            continue
        if entry.stored_bytes > room or len(parts) == _OTHERS_LIMIT:
            reading.fail("the archive holds too many pickles")
            break
        room -= entry.stored_bytes
        content = file.at(start, entry.stored_bytes)
        parts.append(Part(content, entry.size_bytes if entry.method == DEFLATED else None, main=False))
    return parts


def _looks_like_pickle(file: FileBytes, entry: Entry, start: int) -> bool:
    """Tell whether a member may be a pickle, or an array in NumPy's format that holds one."""
    if entry.name.endswith(_PICKLE_NAMES):
        return entry.method in (STORED, DEFLATED)
    head = file.at(start, min(entry.stored_bytes, _PEEK_BYTES))
    if entry.method == DEFLATED:
        try:
            head = zlib.decompressobj(-zlib.MAX_WBITS).decompress(head, _PEEK_BYTES)
        except zlib.error:
            return False
    return _holds_objects(head) or (len(head) >= 2 and head[0] == 0x80 and 2 <= head[1] <= 5)


def _holds_objects(head: bytes) -> bool:
    """Tell whether an array of NumPy's begins here that holds Python objects (numpy/lib/format.py)."""
    return head.startswith(numpy_array.MAGIC) and b"O" in head[10:].partition(b"fortran_order")[0]


def _compare_sizes(archive: Archive, reading: _Reading, contents: Contents) -> None:
    """Tell if tensors have fewer bytes in the archive than their shapes ask for."""
    if not archive.listed or not reading.storages:
        return
    sizes = {entry.name: entry.size_bytes for entry in archive.entries}
    short = [
        key
        for key, needed in reading.storages.items()
        if all(sizes.get(f"{archive.root}{folder}/{key}", 0) < needed for folder in _STORAGES)
    ]
    if short:
        message = f"The data of {len(short):,} tensors are missing from the archive or shorter than told."
        contents.defects.append(Defect("size_mismatch", message))
