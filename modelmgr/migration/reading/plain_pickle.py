"""Pickles of plain values, read without Python's unpickler: nothing in them is ever looked up, built or called.

Only the operations that make texts, numbers, lists and dictionaries of them are known here (the opcodes are told
apart by the standard library's `pickletools`, which runs none of them). Any other one - a class, a call, a
persistent id - is refused, so there is nothing that a hostile pickle could ask for.
"""

import pickletools
import struct
from collections.abc import Callable
from typing import Any

from modelmgr.values import MIB

SIZE_LIMIT_BYTES = 64 * MIB
OPERATIONS_LIMIT = 2_000_000

_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_ARGUMENTS = frozenset(
    (
        *("BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "UNICODE"),
        *("STRING", "BINSTRING", "SHORT_BINSTRING"),
        *("BININT", "BININT1", "BININT2", "INT", "LONG", "LONG1", "LONG4", "BINFLOAT", "FLOAT"),
    )
)
_PUTS = frozenset(("PUT", "BINPUT", "LONG_BINPUT"))
_GETS = frozenset(("GET", "BINGET", "LONG_BINGET"))
_NOTHING = frozenset(("PROTO", "FRAME"))
_TEXT_KEYS_ONLY = "It has keys that are no text."


class Refused(ValueError):
    """The bytes are no pickle of plain values alone; the text says why, in one sentence for the user."""


def plain_value(content: bytes) -> Any:
    """Return the value of a pickle that holds nothing but dict (with text keys), list, str, int, float, bool and None.

    Args:
        content: of protocol 0 to 5; what follows its end is not looked at.

    Raises:
        Refused: it asks for anything else, is cut off or no pickle, or is beyond `SIZE_LIMIT_BYTES` or
            `OPERATIONS_LIMIT`.
    """
    if len(content) > SIZE_LIMIT_BYTES:
        raise Refused("The value is larger than 64 MiB; its bytes are kept unread.")
    try:
        return _Machine().run(content)
    except Refused:
        raise
    except (
        ValueError,
        IndexError,
        KeyError,
        TypeError,
        OverflowError,
        AssertionError,
        struct.error,
        DeprecationWarning,  # of a wrong escape in a text, where warnings are errors
    ) as error:
        raise Refused("The value is damaged; its bytes are kept unread.") from error


class _Machine:
    """A stack, the marks in it, and what was put aside to be used again."""

    def __init__(self) -> None:
        self._stack: list[Any] = []
        self._marks: list[int] = []
        self._memo: dict[Any, Any] = {}
        self._makers: dict[str, Callable[[], None]] = {
            "MARK": lambda: self._marks.append(len(self._stack)),
            "EMPTY_DICT": lambda: self._stack.append({}),
            "EMPTY_LIST": lambda: self._stack.append([]),
            "DICT": lambda: self._stack.append(_filled({}, self._marked())),
            "LIST": lambda: self._stack.append(self._marked()),
            "APPEND": lambda: self._extend([self._stack.pop()]),
            "APPENDS": lambda: self._extend(self._marked()),
            "SETITEM": lambda: self._fill([self._stack.pop(), self._stack.pop()][::-1]),
            "SETITEMS": lambda: self._fill(self._marked()),
        }

    def run(self, content: bytes) -> Any:
        """Return what is on the stack at the end."""
        for count, (operation, argument, _) in enumerate(pickletools.genops(content)):
            if count == OPERATIONS_LIMIT:
                raise Refused("The value has too many parts; its bytes are kept unread.")
            name = operation.name
            if name in _ARGUMENTS:
                self._stack.append(argument)
            elif name == "MEMOIZE":
                self._memo[len(self._memo)] = self._stack[-1]
            elif name in _CONSTANTS:
                self._stack.append(_CONSTANTS[name])
            elif name in self._makers:
                self._makers[name]()
            elif name in _PUTS:
                self._memo[argument] = self._stack[-1]
            elif name in _GETS:
                self._stack.append(self._memo[argument])
            elif name == "STOP":
                if self._marks or len(self._stack) != 1:
                    raise ValueError("something is left over")
                return self._stack[0]
            elif name not in _NOTHING:
                raise Refused(f"The value asks for more than plain data ({name}); its bytes are kept unread.")
        raise Refused("The value is cut off; its bytes are kept unread.")

    def _marked(self) -> list[Any]:
        """Take what lies above the last mark."""
        mark = self._marks.pop()
        taken = self._stack[mark:]
        del self._stack[mark:]
        return taken

    def _extend(self, items: list[Any]) -> None:
        target = self._stack[-1]
        if not isinstance(target, list):
            raise TypeError(target)
        target.extend(items)

    def _fill(self, pairs: list[Any]) -> None:
        target = self._stack[-1]
        if not isinstance(target, dict):
            raise TypeError(target)
        _filled(target, pairs)


def _filled(target: dict[str, Any], pairs: list[Any]) -> dict[str, Any]:
    if len(pairs) % 2:
        raise ValueError("a key without a value")
    for key, value in zip(pairs[::2], pairs[1::2], strict=True):
        # Chosen numbers can make all keys of a dictionary collide; texts can't.
        if not isinstance(key, str):
            raise Refused(_TEXT_KEYS_ONLY)
        target[key] = value
    return target
