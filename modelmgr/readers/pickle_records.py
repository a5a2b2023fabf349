"""What a pickle would build and import, as records: nothing of it is looked up, built or called.

Needs the standard library alone, see `modelmgr.readers.pickle_child`.
"""

OPERATIONS_LIMIT = 3_000_000
GLOBALS_LIMIT = 20_000
IMPORT_LIMIT_CHARS = 400


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


class Finds:
    """What all the pickles of one file came to, and what they may still cost.

    Attributes:
        imports: (module, name) of every import, in the order of their first appearance.
        extensions: numbers of the extension registry (`copyreg`), which stand for imports that only the reading
            program knows.
        computed: an import's name is itself the result of a call, or of another import.
        changed: something is put into what was imported: a module would no longer do what its name says.
        unread: nested bytes that would be unpickled were not walked to their end.
        crossed: an instruction lies across the end of a frame, where unpicklers may go on in different ways.
    """

    def __init__(self) -> None:
        self.imports: dict[tuple[str, str], Global] = {}
        self.extensions: set[int] = set()
        self.computed = False
        self.changed = False
        self.unread = False
        self.crossed = False
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


def key_text(key: object) -> str:
    """Return a dictionary's key as text; numbers chosen to collide as hashes do not as texts."""
    if isinstance(key, str):
        return key
    if isinstance(key, (int, float)) or key is None:
        return str(key)
    if isinstance(key, Global):
        return f"{key.module}.{key.name}"
    return f"({type(key).__name__.lower()})"
