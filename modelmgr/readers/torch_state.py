"""The tensors and plain facts in what a PyTorch pickle would build; see `modelmgr.readers.pickle_walk`.

Runs in the process that walks pickles and needs the standard library alone.
"""

import math
from collections.abc import Iterator
from typing import NamedTuple

from modelmgr.readers.pickle_records import Call, Global, Persistent

TENSOR_LIMIT = 200_000
ANSWER_LIMIT_CHARS = 16 * 1024 * 1024
"""Roughly what names and shapes may take as JSON."""
STEPS_LIMIT = 1_000_000
DEPTH_LIMIT = 64
NAME_LIMIT_CHARS = 16_384
DIMENSIONS_LIMIT = 16
STORAGE_KEY_CHARS = 40
NESTED_CALLS_LIMIT = 8
SIZE_LIMIT = 2**62
FACTS_LIMIT = 256
FACTS_LIMIT_CHARS = 1024 * 1024
LIST_LIMIT = 64

# Where programs keep the weights, in the order in which they are preferred.
WRAPPERS = (
    *("string_to_param", "state_dict", "params_ema", "params-ema", "model", "model_state_dict", "module"),
    *("params", "net", "generator", "g_ema", "ema", "model_ema", "netG", "weights", "model_state"),
)
_MODULE_PARTS = ("_parameters", "_buffers", "_modules")
_CONTAINER_KEYS = frozenset(("_parameters", "_modules"))

DTYPES = {
    "Double": ("F64", 8), "Float": ("F32", 4), "Half": ("F16", 2), "BFloat16": ("BF16", 2),
    "Long": ("I64", 8), "Int": ("I32", 4), "Short": ("I16", 2), "Char": ("I8", 1), "Byte": ("U8", 1),
    "Bool": ("BOOL", 1), "ComplexFloat": ("C64", 8), "ComplexDouble": ("C128", 16),
    "QInt8": ("I8", 1), "QUInt8": ("U8", 1), "QInt32": ("I32", 4), "QUInt4x2": ("U8", 1), "QUInt2x4": ("U8", 1),
    "Untyped": ("U8", 1),
    "float64": ("F64", 8), "double": ("F64", 8), "float32": ("F32", 4), "float": ("F32", 4),
    "float16": ("F16", 2), "half": ("F16", 2), "bfloat16": ("BF16", 2),
    "int64": ("I64", 8), "long": ("I64", 8), "int32": ("I32", 4), "int": ("I32", 4), "int16": ("I16", 2),
    "short": ("I16", 2), "int8": ("I8", 1), "uint8": ("U8", 1), "uint16": ("U16", 2), "uint32": ("U32", 4),
    "uint64": ("U64", 8), "bool": ("BOOL", 1), "complex64": ("C64", 8), "complex128": ("C128", 16),
    "float8_e4m3fn": ("F8_E4M3", 1), "float8_e5m2": ("F8_E5M2", 1), "float8_e4m3fnuz": ("F8_E4M3FNUZ", 1),
    "float8_e5m2fnuz": ("F8_E5M2FNUZ", 1), "float8_e8m0fnu": ("F8_E8M0", 1),
    "float4_e2m1fn_x2": ("F4", 1), "qint8": ("I8", 1), "quint8": ("U8", 1), "qint32": ("I32", 4),
}  # fmt: skip
"""Storage class without its ending, or ``torch.`` name -> our word and the bytes of one element."""
_NUMPY = {"f8": "float64", "f4": "float32", "f2": "float16", "b1": "bool", "i8": "int64", "i4": "int32",
          "i2": "int16", "i1": "int8", "u1": "uint8", "u2": "uint16", "u4": "uint32", "u8": "uint64"}  # fmt: skip


class Tensor(NamedTuple):
    """One tensor as the file describes it.

    `storage` is the key of its bytes (None where there are none), `storage_bytes` how many are there, `offset` and
    `stride` its place there in elements: tensors that agree in key and place are one.
    """

    dtype: str
    shape: tuple[int, ...]
    size_bytes: int
    storage: str | None
    storage_bytes: int
    offset: int
    stride: tuple[int, ...]


class State(NamedTuple):
    """The weights and facts of one file; `complete` is False if a limit ended the search."""

    tensors: dict[str, Tensor]
    facts: dict[str, object]
    complete: bool


def state_of(value: object) -> State:
    """Find the tensors in what a pickle would build, under the names of its state dictionary.

    Wrappers around the dictionary (``state_dict``, ``params_ema`` ...) and a ``module.`` before every name are taken
    off. Plain values beside the weights are the facts.
    """
    search = _Search()
    facts: dict[str, object] = {}
    root = search.unwrapped(value, facts)
    search.collect(root)
    tensors = search.tensors
    if tensors and all(name.startswith("module.") for name in tensors):
        tensors = {name[len("module.") :]: tensor for name, tensor in tensors.items()}
    return State(tensors, facts, search.complete)


def tensor_of(value: object) -> Tensor | None:
    """Return the tensor that a call would build, or None for anything else."""
    for _ in range(NESTED_CALLS_LIMIT):
        if not isinstance(value, Call) or not isinstance(value.function, Global):
            return None
        function, arguments = value.function, value.arguments
        if function.name not in _REBUILDS or not isinstance(arguments, tuple):
            return None
        if function.name == "_reconstruct":
            return _numpy_array(value.state) if function.module.startswith("numpy") else None
        if not function.module.startswith("torch"):
            return None
        if function.name == "_rebuild_from_type_v2":
            # (function, type, arguments, state)
            value = Call(arguments[0], arguments[2]) if len(arguments) >= 3 else None
        elif function.name in _WRAPPERS_OF_TENSORS:
            value = arguments[0] if arguments else None
        else:
            return _rebuilt(function.name, arguments)
    return None


_WRAPPERS_OF_TENSORS = frozenset(("_rebuild_parameter", "_rebuild_parameter_with_state"))
# Where size, stride, storage, offset and dtype stand among a function's arguments; -1: nowhere.
_REBUILDS: dict[str, tuple[int, int, int, int, int]] = {
    "_rebuild_tensor": (2, 3, 0, 1, -1),
    "_rebuild_tensor_v2": (2, 3, 0, 1, -1),
    "_rebuild_tensor_v3": (2, 3, 0, 1, 6),
    "_rebuild_qtensor": (2, 3, 0, 1, -1),
    "_rebuild_meta_tensor_no_storage": (1, 2, -1, -1, 0),
    "_rebuild_wrapper_subclass": (2, 3, -1, -1, 1),
    "_rebuild_sparse_tensor": (-1, -1, -1, -1, -1),
    "_rebuild_device_tensor_from_numpy": (-1, -1, -1, -1, 1),
    "_rebuild_device_tensor_from_cpu_tensor": (-1, -1, -1, -1, 1),
    "_rebuild_parameter": (-1, -1, -1, -1, -1),
    "_rebuild_parameter_with_state": (-1, -1, -1, -1, -1),
    "_rebuild_from_type_v2": (-1, -1, -1, -1, -1),
    "_reconstruct": (-1, -1, -1, -1, -1),
}


def _rebuilt(name: str, arguments: tuple[object, ...]) -> Tensor | None:
    if name == "_rebuild_sparse_tensor":
        # (layout, (indices, values, size ...))
        parts = arguments[1] if len(arguments) > 1 else None
        if not isinstance(parts, tuple) or len(parts) < 3:
            return None
        values, size = tensor_of(parts[1]), _sizes(parts[2])
        return values._replace(shape=size) if values is not None and size is not None else None
    if name.startswith("_rebuild_device_tensor"):
        inner = tensor_of(arguments[0]) if arguments else None
        return inner if inner is None or len(arguments) < 2 else _typed(inner, arguments[1])
    at_size, at_stride, at_storage, at_offset, at_dtype = _REBUILDS[name]
    shape = _sizes(arguments[at_size]) if at_size < len(arguments) else None
    if shape is None:
        return None
    stride = _sizes(arguments[at_stride]) if at_stride < len(arguments) else None
    key, kind, count, offset = None, None, 0, 0
    if at_storage >= 0:
        storage = arguments[at_storage]
        found = _storage(storage)
        if found is None:
            return None
        key, kind, count = found
        place = arguments[at_offset]
        offset = place if isinstance(place, int) else 0
    if 0 <= at_dtype < len(arguments):
        stated = arguments[at_dtype]
        kind = DTYPES.get(stated.name) if isinstance(stated, Global) else None
    dtype, width = kind or ("unknown", 0)
    return Tensor(dtype, shape, math.prod(shape) * width, key, count, offset, stride or ())


def _typed(tensor: Tensor, stated: object) -> Tensor:
    kind = DTYPES.get(stated.name) if isinstance(stated, Global) else None
    return tensor if kind is None else tensor._replace(dtype=kind[0])


def _storage(value: object) -> tuple[str, tuple[str, int] | None, int] | None:
    """Return key, type and bytes of a storage: ("storage", class, key, location, elements ...)."""
    reference = value.reference if isinstance(value, Persistent) else None
    if not isinstance(reference, tuple) or len(reference) < 5 or reference[0] != "storage":
        return None
    _, stated, key, _, count = reference[:5]
    if not isinstance(stated, Global) or not isinstance(key, (str, int)):
        return None
    kind = DTYPES.get(stated.name.removesuffix("Storage"))
    size_bytes = count * kind[1] if isinstance(count, int) and 0 <= count < SIZE_LIMIT and kind else 0
    key = str(key)[:STORAGE_KEY_CHARS]
    return key if key.isascii() else key.encode("ascii", "replace").decode(), kind, size_bytes


def _sizes(value: object) -> tuple[int, ...] | None:
    if isinstance(value, Call) and isinstance(value.function, Global) and value.function.name == "Size":
        value = value.arguments[0] if isinstance(value.arguments, tuple) and value.arguments else None
    if not isinstance(value, (tuple, list)) or len(value) > DIMENSIONS_LIMIT:
        return None
    sizes: list[int] = []
    product = 1
    for size in value:
        if isinstance(size, bool) or not isinstance(size, int) or not 0 <= size < SIZE_LIMIT:
            return None
        product *= max(size, 1)
        sizes.append(size)
    return tuple(sizes) if product < SIZE_LIMIT else None


def _numpy_array(state: object) -> Tensor | None:
    """Return the array whose state is (version, shape, dtype, order, bytes)."""
    if not isinstance(state, tuple) or len(state) != 5:
        return None
    shape, stated = _sizes(state[1]), state[2]
    if shape is None or not isinstance(stated, Call) or not isinstance(stated.arguments, tuple):
        return None
    code = stated.arguments[0] if stated.arguments else None
    kind = DTYPES[_NUMPY[code]] if isinstance(code, str) and code in _NUMPY else ("unknown", 0)
    return Tensor(kind[0], shape, math.prod(shape) * kind[1], None, 0, 0, ())


class _Search:
    """A walk over what a pickle would build. It may refer to itself, and to one part from everywhere."""

    def __init__(self) -> None:
        self.tensors: dict[str, Tensor] = {}
        self.complete = True
        self._steps = 0
        self._chars = 0

    def unwrapped(self, value: object, facts: dict[str, object]) -> object:
        """Go from the outermost object to the dictionary of the weights, noting the plain values on the way."""
        for _ in range(8):
            if not isinstance(value, dict):
                return value
            _note(value, facts)
            if any(tensor_of(member) is not None for member in value.values()):
                return value
            inner = next((value[key] for key in WRAPPERS if self._holds_tensors(value.get(key))), None)
            if inner is None:
                holding = [key for key, member in value.items() if self._holds_tensors(member)]
                if len(holding) != 1 or holding[0].isdigit() or not isinstance(value[holding[0]], dict):
                    return value
                inner = value[holding[0]]
            value = inner
        return value

    def collect(self, root: object) -> None:
        """Note every tensor below, under the keys that lead to it."""
        if tensor_of(root) is not None:
            # A tensor by itself has no name that could tell what it is.
            return
        above = {id(root)}
        stack = [("", root, _members(root))]
        while stack:
            name, container, members = stack[-1]
            found = next(members, None)
            if found is None:
                stack.pop()
                above.discard(id(container))
                continue
            self._steps += 1
            if (
                self._steps > STEPS_LIMIT
                or self._chars > ANSWER_LIMIT_CHARS
                or len(self.tensors) >= TENSOR_LIMIT
            ):
                self.complete = False
                return
            key, member = found
            if not isinstance(member, (dict, list, tuple, Call)) or id(member) in above:
                continue
            inner = f"{name}.{key}" if name else key
            if self._take(inner, member):
                continue
            if len(stack) >= DEPTH_LIMIT or len(inner) > NAME_LIMIT_CHARS:
                self.complete = False
                continue
            above.add(id(member))
            stack.append((inner, member, _members(member)))

    def _take(self, name: str, value: object) -> bool:
        """Note the value if it is a tensor, and tell whether it is."""
        tensor = tensor_of(value)
        if tensor is None:
            return False
        self._chars += len(name) * (1 if name.isascii() else 6) + 40 * len(tensor.shape) + 100
        self.tensors.setdefault(name, tensor)
        return True

    def _holds_tensors(self, value: object) -> bool:
        """Tell whether a tensor is anywhere below."""
        seen: set[int] = set()
        stack = [value]
        while stack:
            value = stack.pop()
            if tensor_of(value) is not None:
                return True
            if id(value) in seen or not isinstance(value, (dict, list, tuple, Call)):
                continue
            seen.add(id(value))
            for _, member in _members(value):
                self._steps += 1
                if self._steps > STEPS_LIMIT:
                    self.complete = False
                    return False
                if isinstance(member, (dict, list, tuple, Call)):
                    stack.append(member)
        return False


def _members(value: object) -> Iterator[tuple[str, object]]:
    """Yield what is in a container or object, each with its key, attribute or number."""
    if isinstance(value, dict):
        yield from value.items()
    elif isinstance(value, (list, tuple)):
        for index, member in enumerate(value):
            yield str(index), member
    elif isinstance(value, Call):
        yield from _attributes(value.state)
        if value.entries is not None:
            yield from value.entries.items()
        for listed in (value.items, value.arguments if value.state is None else None):
            if isinstance(listed, (list, tuple)):
                for index, member in enumerate(listed):
                    yield str(index), member


def _attributes(state: object) -> Iterator[tuple[str, object]]:
    """Yield the attributes of an object; those of a torch module without the dictionaries they are kept in."""
    if isinstance(state, dict):
        for key, member in state.items():
            if key in _MODULE_PARTS and _CONTAINER_KEYS & state.keys():
                yield from _members(member)
            else:
                yield key, member
    elif isinstance(state, tuple):
        for part in state:
            yield from _attributes(part)


def _note(value: dict[str, object], facts: dict[str, object]) -> None:
    """Note the plain values of a dictionary: scalars, short lists and dictionaries of them."""
    room = FACTS_LIMIT_CHARS - sum(len(key) + len(str(fact)) for key, fact in facts.items())
    for key, member in value.items():
        if len(facts) >= FACTS_LIMIT or room <= 0:
            return
        found = {key: _plain(member)}
        if isinstance(member, dict) and len(member) <= LIST_LIMIT:
            found = {f"{key}.{inner}": _plain(part) for inner, part in member.items()}
        for name, fact in found.items():
            room -= len(name) + len(str(fact))
            if fact is not None and fact != [] and room > 0:
                facts.setdefault(name, fact)


def _plain(value: object) -> object:
    """Return a value that JSON can hold, or None."""
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, (str, int)):
        return value
    if isinstance(value, (list, tuple)) and len(value) <= LIST_LIMIT:
        plain = [_plain(member) for member in value if isinstance(member, (str, int, float))]
        return plain if len(plain) == len(value) else None
    return None
