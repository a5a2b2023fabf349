"""A pickle read as a list of instructions: what it would build, and what it would import, with nothing done.

Python's own unpickler imports and calls whatever a pickle names. This machine knows the same instructions (those of
the standard library's `pickletools`) but only pushes records of them: an import is a `Global`, a call a `Call`.
It runs in a process of its own, see `modelmgr.readers.pickle_child`, and needs the standard library alone.
"""

import codecs
import struct
from collections.abc import Callable

OPERATIONS_LIMIT = 3_000_000
STACK_LIMIT = 1_000_000
MEMO_LIMIT = 2_000_000
GLOBALS_LIMIT = 20_000
TEXT_LIMIT_BYTES = 64 * 1024
"""A longer text or byte string is not built; a `Blob` says where it lies."""
INTEGER_LIMIT_BYTES = 64
IMPORT_LIMIT_CHARS = 400
NESTING_LIMIT = 3
LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
_CHECK_EVERY = 1024
_DIGITS_LIMIT = 200
_LONGEST_ARGUMENT = 4
_PARTS_OF_LEGACY = 5
_OBJECT_OF_LEGACY = 3


class Broken(Exception):
    """The walk can't go on; the text is the end of a sentence for the user. What was found before stays found."""


class CutOff(Broken):
    """The bytes end inside the pickle."""

    def __init__(self) -> None:
        super().__init__("the pickle ends in the middle")


class Global:
    """An import that unpickling would do."""

    __slots__ = ("module", "name")

    def __init__(self, module: str, name: str) -> None:
        self.module = module
        self.name = name


class Call:
    """A call that unpickling would make, and what it would put into the result."""

    __slots__ = ("arguments", "entries", "function", "items", "state")

    def __init__(self, function: object, arguments: object) -> None:
        self.function = function
        self.arguments = arguments
        self.state: object = None
        self.items: list[object] | None = None
        self.entries: dict[str, object] | None = None


class Persistent:
    """A reference to something outside of the pickle: in PyTorch's files, a storage."""

    __slots__ = ("reference",)

    def __init__(self, reference: object) -> None:
        self.reference = reference


class Blob:
    """Bytes, or a text that is too long to be built: where they lie, and how a text is written there."""

    __slots__ = ("content", "encoding", "end", "start")

    def __init__(self, content: bytes, start: int, end: int, encoding: str | None = None) -> None:
        self.content = content
        self.start = start
        self.end = end
        self.encoding = encoding


class Unread:
    """A value that is not built: a number beyond all sense, a text in an unusual encoding."""

    __slots__ = ()


UNREAD = Unread()
# What may be a text when it is unpickled: an import too, once its module was changed.
_UNTOLD = (Call, Blob, Unread, Global, Persistent)


class Finds:
    """What all the pickles of one file came to, and what they may still cost.

    Attributes:
        imports: (module, name) of every import, in the order of their first appearance.
        extensions: numbers of the extension registry (`copyreg`), which stand for imports that only the reading
            program knows.
        computed: an import's name is itself the result of a call, or of another import.
        changed: something is put into what was imported: a module would no longer do what its name says.
        unread: nested bytes that would be unpickled were not walked to their end.
    """

    def __init__(self) -> None:
        self.imports: dict[tuple[str, str], Global] = {}
        self.extensions: set[int] = set()
        self.computed = False
        self.changed = False
        self.unread = False
        self.operations_left = OPERATIONS_LIMIT

    def add(self, module: str, name: str) -> object:
        """Note an import, and return its record.

        Raises:
            Broken: there are more than `GLOBALS_LIMIT`.
        """
        if len(module) + len(name) > IMPORT_LIMIT_CHARS:
            # No honest name is so long, and what can't be shown can't be judged.
            self.computed = True
            return UNREAD
        known = self.imports.get((module, name))
        if known is None:
            known = self.imports[module, name] = Global(module, name)
            if len(self.imports) > GLOBALS_LIMIT:
                raise Broken("it names too many imports")
        return known


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
    machine = _Machine(content, start, finds, nesting)
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
        walk_doubtful(content, end, finds)
    return value, "pickle", problem


def walk_doubtful(content: bytes, start: int, finds: Finds) -> None:
    """Walk what may be a pickle or anything else.

    It counts if it makes sense to its end; if not, those of its imports do whose names could be true ones: an
    unpickler runs as it reads. That it makes no sense is no finding.
    """
    inner = Finds()
    inner.operations_left = finds.operations_left
    _, _, problem = walk(content, start, inner, NESTING_LIMIT)
    finds.operations_left = inner.operations_left
    for module, name in inner.imports:
        if problem is None or (_may_be_name(module) and _may_be_name(name)):
            finds.add(module, name)
    if problem is None:
        finds.computed = finds.computed or inner.computed
        finds.changed = finds.changed or inner.changed
        finds.unread = finds.unread or inner.unread


def _may_be_name(text: str) -> bool:
    return all(part.isidentifier() for part in text.split("."))


def looks_like_pickle(head: bytes) -> bool:
    """Tell whether bytes begin with a protocol number, as pickles do since protocol 2."""
    return len(head) >= 2 and head[0] == 0x80 and head[1] <= 5


class _Machine:
    """Stack, marks and memo of one pickle, and the place in it."""

    __slots__ = ("at", "content", "finds", "marks", "memo", "nesting", "stack")

    def __init__(self, content: bytes, start: int, finds: Finds, nesting: int) -> None:
        self.content = content
        self.at = start
        self.finds = finds
        self.nesting = nesting
        self.stack: list[object] = []
        self.marks: list[int] = []
        self.memo: dict[int, object] = {}

    def run(self) -> None:
        """Walk to the STOP.

        Raises:
            Broken: and other errors of damaged pickles, see `walk`.
        """
        content, end, finds = self.content, len(self.content), self.finds
        while finds.operations_left > 0:
            room = min(_CHECK_EVERY, finds.operations_left)
            finds.operations_left -= room
            for done in range(room):
                if self.at >= end:
                    raise CutOff
                code = content[self.at]
                self.at += 1
                if code == _STOP:
                    finds.operations_left += room - done
                    if not self.stack:
                        raise Broken("the pickle is damaged")
                    return
                step = _STEPS[code]
                if step is None:
                    raise Broken(f"it has an unknown instruction (0x{code:02x})")
                step(self)
            if len(self.stack) + len(self.marks) > STACK_LIMIT or len(self.memo) > MEMO_LIMIT:
                raise Broken("it has too many parts")
        raise Broken("it has too many parts")

    def taken(self, count: int) -> bytes:
        """Return the next bytes and go behind them."""
        start = self.at
        self.at = start + count
        if count < 0 or self.at > len(self.content):
            raise CutOff
        return self.content[start : self.at]

    def number(self, size: int) -> int:
        return int.from_bytes(self.taken(size), "little")

    def line(self) -> tuple[int, int]:
        """Return where the next line begins and ends, and go behind it."""
        start = self.at
        end = self.content.find(b"\n", start)
        if end < 0:
            raise CutOff
        self.at = end + 1
        return start, end

    def span(self, size: int) -> tuple[int, int]:
        """Return where the bytes lie whose length stands here, and go behind them."""
        count = self.number(size)
        start = self.at
        self.at = start + count
        if self.at > len(self.content):
            raise CutOff
        return start, self.at

    def marked(self) -> list[object]:
        """Take what lies above the last mark."""
        mark = self.marks.pop()
        found = self.stack[mark:]
        del self.stack[mark:]
        return found

    def imported(self, module: object, name: object) -> object:
        """Note an import whose names were on the stack."""
        if isinstance(module, str) and isinstance(name, str):
            return self.finds.add(module, name)
        if isinstance(module, _UNTOLD) or isinstance(name, _UNTOLD):
            self.finds.computed = True
            return UNREAD
        raise Broken("the pickle is damaged")

    def called(self, function: object, arguments: object) -> object:
        """Return the record of a call, or the container that is known to come of it."""
        if isinstance(function, Global) and function.name in _KNOWN:
            made = _container(function, arguments)
            if made is not None:
                return made
            if function.module == "torch.storage" and function.name == "_load_from_bytes":
                return self.nested(arguments)
        return Call(function, arguments)

    def nested(self, arguments: object) -> object:
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
        if content is None or self.nesting >= NESTING_LIMIT or content.startswith(b"PK"):
            self.finds.unread = True
            return UNREAD
        value, _, problem = walk_file(content, self.finds, self.nesting + 1)
        self.finds.unread = self.finds.unread or problem is not None
        return value


_KNOWN = frozenset(("OrderedDict", "defaultdict", "dict", "list", "set", "_load_from_bytes"))


def _container(function: Global, arguments: object) -> object:
    """Return the dictionary or list that a harmless call makes, or None."""
    kind = (function.module, function.name)
    first = arguments[0] if isinstance(arguments, tuple) and arguments else None
    if kind in (("collections", "OrderedDict"), ("builtins", "dict"), ("__builtin__", "dict")):
        made: dict[str, object] = {}
        for pair in first if isinstance(first, list) else ():
            if isinstance(pair, (list, tuple)) and len(pair) == 2:
                made[key_text(pair[0])] = pair[1]
        return made
    if kind == ("collections", "defaultdict"):
        return {}
    if kind in (("builtins", "set"), ("__builtin__", "set"), ("builtins", "list"), ("__builtin__", "list")):
        return list(first) if isinstance(first, (list, tuple)) else []
    return None


def key_text(key: object) -> str:
    """Return a dictionary's key as text; numbers chosen to collide as hashes do not as texts."""
    if isinstance(key, str):
        return key
    if isinstance(key, (int, float)) or key is None:
        return str(key)
    if isinstance(key, Global):
        return f"{key.module}.{key.name}"
    return f"({type(key).__name__.lower()})"


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


def _text(machine: _Machine, start: int, end: int) -> object:
    if end - start > TEXT_LIMIT_BYTES:
        return Blob(machine.content, start, end, "utf-8")
    return machine.content[start:end].decode("utf-8", "surrogatepass")


def _old_text(machine: _Machine, start: int, end: int) -> object:
    """Return a byte string of Python 2, which Python 3 reads as text."""
    if end - start > TEXT_LIMIT_BYTES:
        return Blob(machine.content, start, end)
    return machine.content[start:end].decode("latin-1")


def _quoted(machine: _Machine, start: int, end: int) -> object:
    """Return a byte string written as in Python's source."""
    source = machine.content[start:end].strip()
    if len(source) < 2 or source[:1] not in (b"'", b'"') or source[-1:] != source[:1]:
        raise Broken("the pickle is damaged")
    if len(source) > TEXT_LIMIT_BYTES:
        return UNREAD
    return codecs.escape_decode(source[1:-1])[0].decode("latin-1")


def _escaped(machine: _Machine, start: int, end: int) -> object:
    if end - start > TEXT_LIMIT_BYTES:
        return Blob(machine.content, start, end, "raw-unicode-escape")
    return machine.content[start:end].decode("raw-unicode-escape")


def _decimal(line: bytes) -> object:
    if len(line) > _DIGITS_LIMIT:
        return UNREAD
    if line in (b"00", b"01"):
        return line == b"01"
    return int(line.removesuffix(b"L"))


def _long(machine: _Machine, size: int) -> object:
    start, end = machine.span(size)
    if end - start > INTEGER_LIMIT_BYTES:
        return UNREAD
    return int.from_bytes(machine.content[start:end], "little", signed=True)


# --- instructions -----------------------------------------------------------------------------------------

Step = Callable[[_Machine], None]
_STOP = ord(".")
_STEPS: list[Step | None] = [None] * 256


def _step(code: str) -> Callable[[Step], Step]:
    def register(step: Step) -> Step:
        _STEPS[ord(code)] = step
        return step

    return register


def _pushes(code: str, make: Callable[[_Machine], object]) -> None:
    def step(machine: _Machine) -> None:
        machine.stack.append(make(machine))

    _STEPS[ord(code)] = step


_pushes("N", lambda machine: None)
_pushes("\x88", lambda machine: True)
_pushes("\x89", lambda machine: False)
_pushes(")", lambda machine: ())
_pushes("}", lambda machine: {})
_pushes("]", lambda machine: [])
_pushes("\x8f", lambda machine: [])
_pushes("J", lambda machine: int.from_bytes(machine.taken(4), "little", signed=True))
_pushes("I", lambda machine: _decimal(machine.content[slice(*machine.line())]))
_pushes("L", lambda machine: _decimal(machine.content[slice(*machine.line())]))
_pushes("\x8a", lambda machine: _long(machine, 1))
_pushes("\x8b", lambda machine: _long(machine, 4))
_pushes("F", lambda machine: float(machine.content[slice(*machine.line())][:_DIGITS_LIMIT]))
_pushes("G", lambda machine: struct.unpack(">d", machine.taken(8))[0])
_pushes("\x8c", lambda machine: _text(machine, *machine.span(1)))
_pushes("\x8d", lambda machine: _text(machine, *machine.span(8)))
_pushes("V", lambda machine: _escaped(machine, *machine.line()))
_pushes("S", lambda machine: _quoted(machine, *machine.line()))
_pushes("T", lambda machine: _old_text(machine, *machine.span(4)))
_pushes("U", lambda machine: _old_text(machine, *machine.span(1)))
_pushes("B", lambda machine: Blob(machine.content, *machine.span(4)))
_pushes("C", lambda machine: Blob(machine.content, *machine.span(1)))
_pushes("\x8e", lambda machine: Blob(machine.content, *machine.span(8)))
_pushes("\x96", lambda machine: Blob(machine.content, *machine.span(8)))
_pushes("\x97", lambda machine: UNREAD)
_pushes("l", lambda machine: machine.marked())
_pushes("\x91", lambda machine: machine.marked())
_pushes("P", lambda machine: Persistent(_old_text(machine, *machine.line())))
_pushes("2", lambda machine: machine.stack[-1])
_pushes("g", lambda machine: machine.memo[int(machine.content[slice(*machine.line())])])
_pushes("\x93", lambda machine: machine.imported(*(machine.stack.pop(), machine.stack.pop())[::-1]))


# The most frequent ones, without a detour: IndexError and KeyError are a damaged pickle or its cut end.


@_step("h")
def _binget(machine: _Machine) -> None:
    machine.stack.append(machine.memo[machine.content[machine.at]])
    machine.at += 1


@_step("j")
def _long_binget(machine: _Machine) -> None:
    at = machine.at
    machine.stack.append(machine.memo[int.from_bytes(machine.content[at : at + 4], "little")])
    machine.at = at + 4


@_step("q")
def _binput(machine: _Machine) -> None:
    machine.memo[machine.content[machine.at]] = machine.stack[-1]
    machine.at += 1


@_step("r")
def _long_binput(machine: _Machine) -> None:
    at = machine.at
    machine.memo[int.from_bytes(machine.content[at : at + 4], "little")] = machine.stack[-1]
    machine.at = at + 4


@_step("K")
def _binint1(machine: _Machine) -> None:
    machine.stack.append(machine.content[machine.at])
    machine.at += 1


@_step("M")
def _binint2(machine: _Machine) -> None:
    at = machine.at
    machine.stack.append(int.from_bytes(machine.content[at : at + 2], "little"))
    machine.at = at + 2


@_step("X")
def _binunicode(machine: _Machine) -> None:
    start, end = machine.span(4)
    machine.stack.append(_text(machine, start, end))


@_step("(")
def _mark(machine: _Machine) -> None:
    machine.marks.append(len(machine.stack))


@_step("t")
def _tuple(machine: _Machine) -> None:
    stack = machine.stack
    mark = machine.marks.pop()
    stack[mark:] = [tuple(stack[mark:])]


@_step("\x85")
def _tuple1(machine: _Machine) -> None:
    machine.stack[-1] = (machine.stack[-1],)


@_step("\x86")
def _tuple2(machine: _Machine) -> None:
    last = machine.stack.pop()
    machine.stack[-1] = (machine.stack[-1], last)


@_step("\x87")
def _tuple3(machine: _Machine) -> None:
    last, second = machine.stack.pop(), machine.stack.pop()
    machine.stack[-1] = (machine.stack[-1], second, last)


@_step("Q")
def _binpersid(machine: _Machine) -> None:
    machine.stack[-1] = Persistent(machine.stack[-1])


@_step("c")
def _global(machine: _Machine) -> None:
    content, start = machine.content, machine.at
    end = content.find(b"\n", start)
    machine.at = content.find(b"\n", end + 1) + 1
    if end < 0 or not machine.at:
        raise CutOff
    module, name = content[start:end], content[end + 1 : machine.at - 1]
    machine.stack.append(machine.finds.add(module.decode("utf-8"), name.decode("utf-8")))


@_step("i")
def _inst(machine: _Machine) -> None:
    _global(machine)
    function = machine.stack.pop()
    machine.stack.append(machine.called(function, tuple(machine.marked())))


@_step("o")
def _obj(machine: _Machine) -> None:
    function, *arguments = machine.marked()
    machine.stack.append(machine.called(function, tuple(arguments)))


@_step("R")
@_step("\x81")
def _reduce(machine: _Machine) -> None:
    arguments = machine.stack.pop()
    machine.stack.append(machine.called(machine.stack.pop(), arguments))


@_step("\x92")
def _newobj_ex(machine: _Machine) -> None:
    machine.stack.pop()
    _reduce(machine)


@_step("b")
def _build(machine: _Machine) -> None:
    state = machine.stack.pop()
    built = machine.stack[-1]
    if isinstance(built, Call):
        built.state = state
    elif isinstance(built, Global):
        machine.finds.changed = True


for _code, _size in (("\x82", 1), ("\x83", 2), ("\x84", 4)):

    @_step(_code)
    def _extension(machine: _Machine, size: int = _size) -> None:
        machine.finds.extensions.add(machine.number(size))
        if len(machine.finds.extensions) > GLOBALS_LIMIT:
            raise Broken("it names too many imports")
        machine.stack.append(UNREAD)


@_step("0")
def _pop(machine: _Machine) -> None:
    if machine.marks and machine.marks[-1] == len(machine.stack):
        machine.marks.pop()
    else:
        machine.stack.pop()


@_step("1")
def _pop_mark(machine: _Machine) -> None:
    machine.marked()


@_step("d")
def _dict(machine: _Machine) -> None:
    pairs = machine.marked()
    machine.stack.append({})
    _fill(machine, pairs)


@_step("s")
def _setitem(machine: _Machine) -> None:
    value, key = machine.stack.pop(), machine.stack.pop()
    _fill(machine, [key, value])


@_step("u")
def _setitems(machine: _Machine) -> None:
    pairs = machine.marked()
    _fill(machine, pairs)


@_step("a")
def _append(machine: _Machine) -> None:
    item = machine.stack.pop()
    _extend(machine, [item])


@_step("e")
@_step("\x90")
def _appends(machine: _Machine) -> None:
    items = machine.marked()
    _extend(machine, items)


@_step("p")
def _put(machine: _Machine) -> None:
    slot = int(machine.content[slice(*machine.line())])
    if not 0 <= slot < 2**32:
        raise Broken("the pickle is damaged")
    machine.memo[slot] = machine.stack[-1]


@_step("\x94")
def _memoize(machine: _Machine) -> None:
    machine.memo[len(machine.memo)] = machine.stack[-1]


@_step("\x80")
def _proto(machine: _Machine) -> None:
    machine.taken(1)


@_step("\x95")
def _frame(machine: _Machine) -> None:
    machine.taken(8)


@_step("\x98")
def _readonly_buffer(machine: _Machine) -> None:
    if not machine.stack:
        raise Broken("the pickle is damaged")


# What an instruction is done to may be of any kind; an unpickler might fail, or go on: so this one goes on.


def _fill(machine: _Machine, pairs: list[object]) -> None:
    target = machine.stack[-1]
    if isinstance(target, Global):
        machine.finds.changed = True
    if isinstance(target, Call):
        target.entries = {} if target.entries is None else target.entries
        target = target.entries
    if isinstance(target, dict):
        for key, value in zip(pairs[::2], pairs[1::2], strict=True):
            target[key if isinstance(key, str) else key_text(key)] = value


def _extend(machine: _Machine, items: list[object]) -> None:
    target = machine.stack[-1]
    if isinstance(target, Global):
        machine.finds.changed = True
    if isinstance(target, Call):
        target.items = [] if target.items is None else target.items
        target = target.items
    if isinstance(target, list):
        target.extend(items)
