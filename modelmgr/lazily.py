"""`dataclass` and `pattern`, which do their work when it is first wanted, not when a module is loaded.

Methods of dataclasses are text that is compiled, half a millisecond a class; a regular expression takes a quarter. They
were a quarter of what our own modules cost a start, most of it for what it makes no use of. The first objects of a
class are made without such a method: a start has one or two of most. To type checkers these are
`dataclasses.dataclass` and `re.compile`.
"""

import re
import sys
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
_FIRST_OBJECTS = 24
"""So many objects of a class are made by hand: a tenth of a millisecond for all of them."""
_lock = threading.RLock()
_missing = object()


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
        self._made_by_hand = self._compared_by_hand = 0
        self._defaults: dict[str, Any] | None = None

    def write(self) -> None:
        """Let `dataclasses` write what the class lacks, and put it in place of the stubs."""
        with _lock:
            if self._cls is not None:
                import dataclasses

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

        def make(*args: Any, **kwargs: Any) -> Any:
            if not self._make(*args, **kwargs):
                call(*args, **kwargs)

        def equals(one: object, other: object) -> Any:
            if self._cls is None or self._compared_by_hand == _FIRST_OBJECTS or not self._compares_all:
                return call(one, other)
            if one.__class__ is not other.__class__:
                return NotImplemented
            self._compared_by_hand += 1
            return _state(one) == _state(other)

        return {"__init__": make, "__eq__": equals}.get(name, call)

    @property
    def _compares_all(self) -> bool:
        """Whether all fields are compared: those that are left out say so in a `Field`, maybe in that of a base."""
        own = vars(self._cls)
        plain = all(name in own["__annotations__"] for name in self.made.__dict__["__match_args__"])
        return plain and not any(map(_is_field, own.values()))

    def _make(self, made: Any, /, *args: Any, **kwargs: Any) -> bool:
        """Give an object its values and return True, if that takes no more than to set them."""
        cls = self._cls
        names: tuple[str, ...] = self.made.__dict__["__match_args__"]
        if cls is None or self._made_by_hand == _FIRST_OBJECTS or len(args) > len(names):
            return False
        if self._defaults is None:
            self._defaults = _plain_defaults(cls, names)
        values = self._defaults | dict(zip(names, args, strict=False))
        if len(values) != len(names) or not kwargs.keys() <= set(names[len(args) :]):
            return False
        values |= kwargs
        if any(value is _missing for value in values.values()):
            return False
        self._made_by_hand += 1
        for name, value in values.items():
            if isinstance(value, _Factory):
                value = value.make()
            object.__setattr__(made, name, value)
        return True


def _is_field(value: object) -> bool:
    """Tell whether `value` is a `dataclasses.Field`: nothing is, as long as nobody has loaded these."""
    dataclasses = sys.modules.get("dataclasses")
    return dataclasses is not None and isinstance(value, dataclasses.Field)


class _Factory:
    def __init__(self, make: Callable[[], Any]) -> None:
        self.make = make


def _plain_defaults(cls: type, names: tuple[str, ...]) -> dict[str, Any]:
    """Return what an object of a class has where nothing is given, `_missing` where it must be given.

    Nothing at all for a class whose fields are inherited, hidden, given by name alone or worked out afterwards: that is
    left to `dataclasses`.
    """
    own = cls.__dict__
    if hasattr(cls, "__post_init__") or any(name not in own.get("__annotations__", ()) for name in names):
        return {}
    found: dict[str, Any] = {}
    for name in names:
        value = own.get(name, _missing)
        if _is_field(value):
            import dataclasses

            if value.kw_only is True or not value.init:
                return {}
            if value.default_factory is not dataclasses.MISSING:
                value = _Factory(value.default_factory)
            else:
                value = _missing if value.default is dataclasses.MISSING else value.default
        found[name] = value
    return found


class _Noted:
    """Stands for what `dataclasses` notes in a class until that is written."""

    def __init__(self, later: _Later, name: str) -> None:
        self._later = later
        self._name = name

    def __get__(self, _instance: object, _owner: type) -> Any:
        self._later.write()
        return self._later.made.__dict__[self._name]


def _refuse(_self: object, name: str, *_value: object) -> None:
    import dataclasses

    raise dataclasses.FrozenInstanceError(f"cannot change field {name!r}")


def _state(self: Any) -> list[Any]:
    return [getattr(self, name) for name in self.__match_args__]


def _take_state(self: Any, state: list[Any]) -> None:
    for name, value in zip(self.__match_args__, state, strict=True):
        object.__setattr__(self, name, value)
