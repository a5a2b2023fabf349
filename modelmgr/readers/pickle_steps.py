"""The instructions of a pickle (those of the standard library's `pickletools`), done on records instead of things.

Python's own unpickler imports and calls whatever a pickle names; here an import pushes a `Global` and a call a `Call`.
Needs the standard library alone, see `modelmgr.readers.pickle_child`.
"""

import codecs
import struct
from collections.abc import Callable

from modelmgr.readers.pickle_records import (
    UNREAD,
    Blob,
    Broken,
    Call,
    CutOff,
    Finds,
    Global,
    Persistent,
    Unread,
    key_text,
)

STACK_LIMIT = 1_000_000
MEMO_LIMIT = 2_000_000
TEXT_LIMIT_BYTES = 64 * 1024
"""A longer text or byte string is not built; a `Blob` says where it lies."""
INTEGER_LIMIT_BYTES = 64
EXTENSIONS_LIMIT = 20_000
_CHECK_EVERY = 1024
_DIGITS_LIMIT = 200
# What may be a text when it is unpickled: an import too, once its module was changed.
_UNTOLD = (Call, Blob, Unread, Global, Persistent)


class Machine:
    """Stack, marks and memo of one pickle, and the place in it.

    `nested` says what the arguments of torch.storage._load_from_bytes stand for: a file within the file.
    """

    __slots__ = ("at", "content", "end", "finds", "marks", "memo", "nested", "stack")

    def __init__(self, content: bytes, start: int, finds: Finds, nested: Callable[[object], object]) -> None:
        self.content = content
        self.at = start
        self.end = len(content)
        self.finds = finds
        self.nested = nested
        self.stack: list[object] = []
        self.marks: list[int] = []
        self.memo: dict[int, object] = {}

    def run(self) -> None:
        """Walk to the STOP.

        Raises:
            Broken: and other errors of damaged pickles, see `walk`.
        """
        content, finds = self.content, self.finds
        while finds.operations_left > 0:
            room = min(_CHECK_EVERY, finds.operations_left)
            finds.operations_left -= room
            for done in range(room):
                if self.at >= self.end:
                    self.leave_frame()
                code = content[self.at]
                self.at += 1
                if code == _STOP:
                    finds.operations_left += room - done
                    if not self.stack:
                        raise Broken("the pickle is damaged")
                    return
                step = STEPS[code]
                if step is None:
                    raise Broken(f"it has an unknown instruction (0x{code:02x})")
                step(self)
            if len(self.stack) + len(self.marks) > STACK_LIMIT or len(self.memo) > MEMO_LIMIT:
                raise Broken("it has too many parts")
        raise Broken("it has too many parts")

    def enter_frame(self, size: int) -> None:
        """Begin a frame; one that goes on behind these bytes, or lies in another, bounds nothing."""
        end = self.at + size
        if self.end < len(self.content):
            self.finds.crossed = self.finds.crossed or end > self.end
        elif end < self.end:
            self.end = end

    def leave_frame(self) -> None:
        """Go on behind a frame.

        If an instruction lies across its end, Python's unpickler, reading from a file, leaves out what the frame
        still holds of it and takes what follows instead: it may see another pickle than this one.

        Raises:
            CutOff: the bytes end here.
        """
        if self.at > self.end and self.end < len(self.content):
            self.finds.crossed = True
        self.end = len(self.content)
        if self.at >= self.end:
            raise CutOff

    def taken(self, count: int) -> bytes:
        """Return the next bytes and go behind them."""
        start = self.at
        self.at = start + count
        if count < 0 or self.at > len(self.content):
            raise CutOff
        return self.content[start : self.at]

    def number(self, size: int) -> int:
        """Return the next bytes as a number without a sign."""
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


def _text(machine: Machine, start: int, end: int) -> object:
    if end - start > TEXT_LIMIT_BYTES:
        return Blob(machine.content, start, end, "utf-8")
    return machine.content[start:end].decode("utf-8", "surrogatepass")


def _old_text(machine: Machine, start: int, end: int) -> object:
    """Return a byte string of Python 2, which Python 3 reads as text."""
    if end - start > TEXT_LIMIT_BYTES:
        return Blob(machine.content, start, end)
    return machine.content[start:end].decode("latin-1")


def _quoted(machine: Machine, start: int, end: int) -> object:
    """Return a byte string written as in Python's source."""
    source = machine.content[start:end].strip()
    if len(source) < 2 or source[:1] not in (b"'", b'"') or source[-1:] != source[:1]:
        raise Broken("the pickle is damaged")
    if len(source) > TEXT_LIMIT_BYTES:
        return UNREAD
    return codecs.escape_decode(source[1:-1])[0].decode("latin-1")


def _escaped(machine: Machine, start: int, end: int) -> object:
    if end - start > TEXT_LIMIT_BYTES:
        return Blob(machine.content, start, end, "raw-unicode-escape")
    return machine.content[start:end].decode("raw-unicode-escape")


def _decimal(line: bytes) -> object:
    if len(line) > _DIGITS_LIMIT:
        return UNREAD
    if line in (b"00", b"01"):
        return line == b"01"
    # Python's unpickler reads it as C does: to the first zero byte, in any base that the digits tell.
    text = line.partition(b"\0")[0].removesuffix(b"L")
    try:
        return int(text)
    except ValueError:
        return int(text, 0) if text else UNREAD


def _long(machine: Machine, size: int) -> object:
    start, end = machine.span(size)
    if end - start > INTEGER_LIMIT_BYTES:
        return UNREAD
    return int.from_bytes(machine.content[start:end], "little", signed=True)


# --- instructions -----------------------------------------------------------------------------------------

Step = Callable[[Machine], None]
_STOP = ord(".")
STEPS: list[Step | None] = [None] * 256


def _step(code: str) -> Callable[[Step], Step]:
    def register(step: Step) -> Step:
        STEPS[ord(code)] = step
        return step

    return register


def _pushes(code: str, make: Callable[[Machine], object]) -> None:
    def step(machine: Machine) -> None:
        machine.stack.append(make(machine))

    STEPS[ord(code)] = step


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
def _binget(machine: Machine) -> None:
    machine.stack.append(machine.memo[machine.content[machine.at]])
    machine.at += 1


@_step("j")
def _long_binget(machine: Machine) -> None:
    at = machine.at
    machine.stack.append(machine.memo[int.from_bytes(machine.content[at : at + 4], "little")])
    machine.at = at + 4


@_step("q")
def _binput(machine: Machine) -> None:
    machine.memo[machine.content[machine.at]] = machine.stack[-1]
    machine.at += 1


@_step("r")
def _long_binput(machine: Machine) -> None:
    at = machine.at
    machine.memo[int.from_bytes(machine.content[at : at + 4], "little")] = machine.stack[-1]
    machine.at = at + 4


@_step("K")
def _binint1(machine: Machine) -> None:
    machine.stack.append(machine.content[machine.at])
    machine.at += 1


@_step("M")
def _binint2(machine: Machine) -> None:
    at = machine.at
    machine.stack.append(int.from_bytes(machine.content[at : at + 2], "little"))
    machine.at = at + 2


@_step("X")
def _binunicode(machine: Machine) -> None:
    start, end = machine.span(4)
    machine.stack.append(_text(machine, start, end))


@_step("(")
def _mark(machine: Machine) -> None:
    machine.marks.append(len(machine.stack))


@_step("t")
def _tuple(machine: Machine) -> None:
    stack = machine.stack
    mark = machine.marks.pop()
    stack[mark:] = [tuple(stack[mark:])]


@_step("\x85")
def _tuple1(machine: Machine) -> None:
    machine.stack[-1] = (machine.stack[-1],)


@_step("\x86")
def _tuple2(machine: Machine) -> None:
    last = machine.stack.pop()
    machine.stack[-1] = (machine.stack[-1], last)


@_step("\x87")
def _tuple3(machine: Machine) -> None:
    last, second = machine.stack.pop(), machine.stack.pop()
    machine.stack[-1] = (machine.stack[-1], second, last)


@_step("Q")
def _binpersid(machine: Machine) -> None:
    machine.stack[-1] = Persistent(machine.stack[-1])


@_step("c")
def _global(machine: Machine) -> None:
    content, start = machine.content, machine.at
    end = content.find(b"\n", start)
    machine.at = content.find(b"\n", end + 1) + 1
    if end < 0 or not machine.at:
        raise CutOff
    module, name = content[start:end], content[end + 1 : machine.at - 1]
    machine.stack.append(machine.finds.add(module.decode("utf-8"), name.decode("utf-8")))


@_step("i")
def _inst(machine: Machine) -> None:
    _global(machine)
    function = machine.stack.pop()
    machine.stack.append(machine.called(function, tuple(machine.marked())))


@_step("o")
def _obj(machine: Machine) -> None:
    function, *arguments = machine.marked()
    machine.stack.append(machine.called(function, tuple(arguments)))


@_step("R")
@_step("\x81")
def _reduce(machine: Machine) -> None:
    arguments = machine.stack.pop()
    machine.stack.append(machine.called(machine.stack.pop(), arguments))


@_step("\x92")
def _newobj_ex(machine: Machine) -> None:
    machine.stack.pop()
    _reduce(machine)


@_step("b")
def _build(machine: Machine) -> None:
    state = machine.stack.pop()
    built = machine.stack[-1]
    if isinstance(built, Call):
        built.state = state
    elif isinstance(built, Global):
        machine.finds.changed = True


for _code, _size in (("\x82", 1), ("\x83", 2), ("\x84", 4)):

    @_step(_code)
    def _extension(machine: Machine, size: int = _size) -> None:
        machine.finds.extensions.add(machine.number(size))
        if len(machine.finds.extensions) > EXTENSIONS_LIMIT:
            raise Broken("it names too many imports")
        machine.stack.append(UNREAD)


@_step("0")
def _pop(machine: Machine) -> None:
    if machine.marks and machine.marks[-1] == len(machine.stack):
        machine.marks.pop()
    else:
        machine.stack.pop()


@_step("1")
def _pop_mark(machine: Machine) -> None:
    machine.marked()


@_step("d")
def _dict(machine: Machine) -> None:
    pairs = machine.marked()
    machine.stack.append({})
    _fill(machine, pairs)


@_step("s")
def _setitem(machine: Machine) -> None:
    value, key = machine.stack.pop(), machine.stack.pop()
    _fill(machine, [key, value])


@_step("u")
def _setitems(machine: Machine) -> None:
    pairs = machine.marked()
    _fill(machine, pairs)


@_step("a")
def _append(machine: Machine) -> None:
    item = machine.stack.pop()
    _extend(machine, [item])


@_step("e")
@_step("\x90")
def _appends(machine: Machine) -> None:
    items = machine.marked()
    _extend(machine, items)


@_step("p")
def _put(machine: Machine) -> None:
    slot = int(machine.content[slice(*machine.line())])
    if not 0 <= slot < 2**32:
        raise Broken("the pickle is damaged")
    machine.memo[slot] = machine.stack[-1]


@_step("\x94")
def _memoize(machine: Machine) -> None:
    machine.memo[len(machine.memo)] = machine.stack[-1]


@_step("\x80")
def _proto(machine: Machine) -> None:
    machine.taken(1)


@_step("\x95")
def _frame(machine: Machine) -> None:
    size = machine.number(8)
    machine.enter_frame(size)


@_step("\x98")
def _readonly_buffer(machine: Machine) -> None:
    if not machine.stack:
        raise Broken("the pickle is damaged")


# What an instruction is done to may be of any kind; an unpickler might fail, or go on: so this one goes on.


def _fill(machine: Machine, pairs: list[object]) -> None:
    target = machine.stack[-1]
    if isinstance(target, Global):
        machine.finds.changed = True
    if isinstance(target, Call):
        target.entries = {} if target.entries is None else target.entries
        target = target.entries
    if isinstance(target, dict):
        for key, value in zip(pairs[::2], pairs[1::2], strict=True):
            target[key if isinstance(key, str) else key_text(key)] = value


def _extend(machine: Machine, items: list[object]) -> None:
    target = machine.stack[-1]
    if isinstance(target, Global):
        machine.finds.changed = True
    if isinstance(target, Call):
        target.items = [] if target.items is None else target.items
        target = target.items
    if isinstance(target, list):
        target.extend(items)
