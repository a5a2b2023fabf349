"""A pickle read as a list of instructions: what it would build, and what it would import, with nothing done.

It runs in a process of its own, see `modelmgr.readers.pickle_child`, and needs the standard library alone.
"""

from modelmgr.readers.pickle_records import UNREAD, Blob, Broken, Call, CutOff, Finds, Global
from modelmgr.readers.pickle_steps import Machine

NESTING_LIMIT = 3
LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
_LONGEST_ARGUMENT = 4
_PARTS_OF_LEGACY = 5
_OBJECT_OF_LEGACY = 3


def walk(content: bytes, start: int, finds: Finds, nesting: int = 0) -> tuple[object, int, Broken | None]:
    """Walk one pickle.

    Args:
        content: the bytes that hold it.
        start: where it begins.
        finds: to which imports are added, even those before a broken place: an unpickler runs as it reads.
        nesting: in how many other pickles' bytes it lies.

    Returns:
        What would be built (of a broken pickle: the first thing that was under construction), where it ends, and
        what stopped the walk before the end, or None.
    """
    machine = Machine(content, start, finds, lambda arguments: _nested(arguments, finds, nesting))
    try:
        machine.run()
    except Broken as error:
        return machine.stack[0] if machine.stack else None, machine.at, error
    except MemoryError:
        machine.stack.clear()
        machine.memo.clear()
        return None, machine.at, Broken("it takes too much memory")
    except (IndexError, KeyError, TypeError, ValueError, OverflowError, AttributeError):
        cut = machine.at + _LONGEST_ARGUMENT >= len(content)
        damage = CutOff() if cut else Broken("the pickle is damaged")
        return machine.stack[0] if machine.stack else None, machine.at, damage
    return machine.stack[-1], machine.at, None


def walk_file(content: bytes, finds: Finds, nesting: int = 0) -> tuple[object, str, Broken | None]:
    """Walk the pickles that a file begins with: one or several, or PyTorch's five (its format before 1.6).

    Those are a magic number, a version, a table of sizes, the object and the list of storages, of which the fourth
    is the answer; nothing behind the fifth is looked at. Else the first is, and what follows it is walked as long
    as it begins as a pickle does.

    Returns:
        What would be built, ``torch-legacy`` or ``pickle``, and what stopped the walk.
    """
    value, end, problem = walk(content, 0, finds, nesting)
    if value == LEGACY_MAGIC and isinstance(value, int):
        for part in range(1, _PARTS_OF_LEGACY):
            if problem is not None:
                break
            built, end, problem = walk(content, end, finds, nesting)
            if part <= _OBJECT_OF_LEGACY:
                value = built if part == _OBJECT_OF_LEGACY else None
        return value, "torch-legacy", problem
    while problem is None and looks_like_pickle(content[end : end + 2]):
        _, end, problem = walk(content, end, finds, nesting)
    if problem is None and end < len(content):
        walk_doubtful(content, end, finds, nesting)
    return value, "pickle", problem


def walk_doubtful(content: bytes, start: int, finds: Finds, nesting: int = 0) -> None:
    """Walk what may be a pickle or anything else.

    It counts if it makes sense to its end; if not, those of its imports do whose names could be true ones: an
    unpickler runs as it reads. That it makes no sense is no finding.
    """
    inner = Finds()
    inner.operations_left = finds.operations_left
    _, _, problem = walk(content, start, inner, nesting)
    finds.operations_left = inner.operations_left
    for (module, name), record in inner.imports.items():
        if problem is None or (_may_be_name(module) and _may_be_name(name)):
            finds.imports.setdefault((module, name), record)
    if problem is None:
        finds.computed = finds.computed or inner.computed
        finds.changed = finds.changed or inner.changed
        finds.unread = finds.unread or inner.unread
        finds.crossed = finds.crossed or inner.crossed


def _may_be_name(text: str) -> bool:
    return all(part.isidentifier() for part in text.split("."))


def looks_like_pickle(head: bytes) -> bool:
    """Tell whether bytes begin with a protocol number, as pickles do since protocol 2."""
    return len(head) >= 2 and head[0] == 0x80 and head[1] <= 5


def _nested(arguments: object, finds: Finds, nesting: int) -> object:
    """Walk the file within the file that PyTorch's storages become in plain pickles."""
    argument = arguments[0] if isinstance(arguments, tuple) and arguments else None
    if isinstance(argument, Call) and isinstance(argument.function, Global):
        # Protocol 2 has no bytes: they stand as a text that `_codecs.encode` turns back.
        inner = argument.arguments
        if (argument.function.module, argument.function.name) == ("_codecs", "encode") and isinstance(
            inner, tuple
        ):
            argument = inner[0] if inner else None
    content = _bytes_of(argument)
    if content is None or nesting >= NESTING_LIMIT or content.startswith(b"PK"):
        finds.unread = True
        return UNREAD
    value, _, problem = walk_file(content, finds, nesting + 1)
    finds.unread = finds.unread or problem is not None
    return value


def _bytes_of(value: object) -> bytes | None:
    """Return the bytes of a blob, or of a text in which each character is a byte."""
    if isinstance(value, str):
        return value.encode("latin-1", "replace")
    if not isinstance(value, Blob):
        return None
    content = value.content[value.start : value.end]
    if value.encoding is None:
        return content
    return content.decode(value.encoding, "replace").encode("latin-1", "replace")
