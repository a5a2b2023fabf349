"""`dataclass` and `pattern`, which do their work when it is first wanted, not when a module is loaded.

Methods of dataclasses are text that is compiled, half a millisecond a class; a regular expression takes a quarter. They
were a quarter of what our own modules cost a start, most of it for what it makes no use of. To type checkers these are
`dataclasses.dataclass` and `re.compile`.
"""

import dataclasses
import re
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dataclasses import dataclass
    from re import compile as pattern
else:

    def dataclass(*, slots: bool, frozen: bool = False) -> Callable[[type], type]:
        """Do as `dataclasses.dataclass(slots=True)` does, but for classes with `ClassVar` or `InitVar`."""
        assert slots
        return lambda cls: _with_slots(cls, is_frozen=frozen)

    class pattern:
        """Compiles when it is first used."""

        def __init__(self, text: str | bytes, flags: int = 0) -> None:
            self._wanted = (text, flags)

        def __getattr__(self, name: str) -> Any:
            # Python asks here for what is not kept yet, once for each method.
            found = self.__dict__[name] = getattr(re.compile(*self._wanted), name)
            return found


__all__ = ["dataclass", "pattern"]

_WRITTEN = ("__init__", "__repr__", "__eq__", "__hash__")
_NOTED = ("__dataclass_fields__", "__dataclass_params__")
_lock = threading.RLock()


def _with_slots(cls: type, *, is_frozen: bool) -> type:
    """Return the class made anew: with a slot for each field, and with stubs for what is not written yet."""
    attributes = dict(cls.__dict__)
    names = tuple(attributes.get("__annotations__", ()))
    later = _Later(cls, is_frozen=is_frozen)
    for name in (*names, "__dict__", "__weakref__"):
        attributes.pop(name, None)
    inherited = [name for base in cls.__bases__ for name in getattr(base, "__match_args__", ())]
    own = tuple(name for name in names if name not in inherited)
    later.names = [name for name in _WRITTEN if name not in attributes]
    attributes |= {name: later.stub(name) for name in later.names}
    attributes |= {name: _Noted(later, name) for name in _NOTED}
    if is_frozen:
        attributes |= {"__setattr__": _refuse, "__delattr__": _refuse}
        attributes |= {"__getstate__": _state, "__setstate__": _take_state}
    elif "__hash__" in later.names:
        later.names.remove("__hash__")
        attributes["__hash__"] = None
    attributes |= {"__slots__": own, "__match_args__": (*inherited, *own)}
    later.made = type(cls)(cls.__name__, cls.__bases__, attributes)
    later.made.__qualname__ = cls.__qualname__
    return later.made


class _Later:
    """Has the methods of one class written.

    Attributes:
        made: the class.
        names: the methods that it lacks.
    """

    made: type
    names: list[str]

    def __init__(self, cls: type, *, is_frozen: bool) -> None:
        self._cls: type | None = cls
        self._is_frozen = is_frozen

    def write(self) -> None:
        """Let `dataclasses` write what the class lacks, and put it in place of the stubs."""
        with _lock:
            if self._cls is not None:
                # The class as it stands in its module, without slots: what is written for it suits both.
                found: type = dataclasses.dataclass(frozen=self._is_frozen)(self._cls)
                for name in (*self.names, *_NOTED):
                    setattr(self.made, name, found.__dict__[name])
                self._cls = None

    def stub(self, name: str) -> Callable[..., Any]:
        """Return what stands for a method until it is written."""

        def call(*args: Any, **kwargs: Any) -> Any:
            self.write()
            return getattr(self.made, name)(*args, **kwargs)

        return call


class _Noted:
    """Stands for what `dataclasses` notes in a class until that is written."""

    def __init__(self, later: _Later, name: str) -> None:
        self._later = later
        self._name = name

    def __get__(self, _instance: object, _owner: type) -> Any:
        self._later.write()
        return self._later.made.__dict__[self._name]


def _refuse(_self: object, name: str, *_value: object) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot change field {name!r}")


def _state(self: Any) -> list[Any]:
    return [getattr(self, name) for name in self.__match_args__]


def _take_state(self: Any, state: list[Any]) -> None:
    for name, value in zip(self.__match_args__, state, strict=True):
        object.__setattr__(self, name, value)
