"""No pickle makes the walk fail, hang or grow, and the process that does it needs no care."""

import io
import json
import os
import pickle
import pickletools
import signal
import struct
import subprocess
import sys
import threading
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import psutil
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from modelmgr.readers import pickle_process, pickle_steps, read_header, torch_pickle
from modelmgr.readers.pickle_child import scanned
from modelmgr.readers.pickle_process import WORK_LIMIT_S, Part, Walked, walked
from modelmgr.readers.pickle_records import Call, Finds
from modelmgr.readers.pickle_walk import walk, walk_file
from modelmgr.readers.torch_state import state_of
from tests.readers.torch_files import instructions, pickled, state_dict, tensor, torch_zip

Writer = Callable[..., str]
LIMIT_S = 8.0  # a guard against hanging, not a measurement
PROCESSOR_LIMIT_S = 5.0
MIB = 1024 * 1024
BOMB = b"cos\nsystem\n"
TENSOR = instructions(tensor((2, 2)))
DEEPER = b"0}(" + b"".join(b"U\x01" + bytes((97 + n,)) + b"h%c" for n in range(10)) + b"uq%c"


def multiplied(leaf: bytes) -> bytes:
    """Return a dictionary that holds ten times another that holds ten times another ... 60 deep."""
    levels = b"".join(DEEPER % (*(bytes((n,)) for _ in range(10)), bytes((n + 1,))) for n in range(60))
    return leaf + b"q\x00" + levels + b"."


def text_of(size: int) -> bytes:
    return b"X" + struct.pack("<I", size) + b"a" * size


def _nested(levels: int, before: bytes = b"") -> bytes:
    """Return a pickle that loads a pickle that loads a pickle ..."""
    content = BOMB + b"."
    for _ in range(levels):
        loaded = b"B" + struct.pack("<I", len(content)) + content
        content = before + BOMB + b"ctorch.storage\n_load_from_bytes\n" + loaded + b"\x85R."
    return content


# What would be built, what makes the bytes, and whether the walk comes to the end.
HOSTILE: dict[str, tuple[Callable[[], bytes], bool]] = {
    "ten million marks": (lambda: BOMB + b"(" * 10_000_000 + b".", False),
    "64 MiB of nothing": (lambda: BOMB + b"N0" * (32 * MIB - 100) + b".", False),
    "two million dictionaries": (lambda: BOMB + b"}\x940" * 900_000 + b".", True),
    "a number of 60 MiB": (lambda: BOMB + b"\x8b" + struct.pack("<I", 60 * MIB) + b"\xff" * (60 * MIB) + b".", True),
    "a negative length": (lambda: BOMB + b"\x8b\xff\xff\xff\xffabc.", False),
    "a length beyond the end": (lambda: BOMB + b"\x8e" + b"\xff" * 8 + b".", False),
    "a text of 60 MiB": (lambda: BOMB + text_of(60 * MIB) + b".", True),
    "a number of many digits": (lambda: BOMB + b"L" + b"9" * 10_000_000 + b"L\n.", True),
    "wide texts": (lambda: BOMB + (text_of(65_536)[:-4] + "😀".encode()) * 500 + b".", True),
    "nested tuples": (lambda: BOMB + b")" + b"\x85" * 2_000_000 + b".", True),
    "nested tuples as a key": (lambda: BOMB + b"}(" + b")" + b"\x85" * 1_000_000 + b"K\x01u.", True),
    "nested lists": (lambda: BOMB + b"]" * 900_000 + b"a" * 899_999 + b".", True),
    "nested calls": (lambda: BOMB + b"cx\ny\nq\x00" + b"h\x00" * 900_000 + b")" + b"R\x85" * 900_000 + b".", True),
    "references that multiply": (lambda: BOMB + b"0" + multiplied(b"]"), True),
    "tensors that multiply": (lambda: multiplied(TENSOR), True),
    "a dictionary in itself": (lambda: b"}q\x00U\x01ah\x00s.", True),
    "a list in itself": (lambda: b"]q\x00h\x00a.", True),
    "a call with itself": (lambda: b"cx\ny\nq\x00)R}q\x01U\x01ah\x01sb.", True),
    "one long list everywhere": (lambda: b"](" + b"K\x01" * 500_000 + b"eq\x000](" + b"h\x00" * 500_000 + b"e.", True),
    "too many imports": (lambda: b"".join(b"cm%d\nx\n0" % n for n in range(20_002)) + b".", False),
    "many imports behind the end": (lambda: b"N." + b"".join(b"cm%d\nx\n0" % n for n in range(20_002)) + b"N.", True),
    "pickles in pickles": (lambda: _nested(60), True),
    "ends behind ends in pickles": (lambda: _nested(60, b"N."), True),
    "keys of one hash": (
        lambda: (
            b"}(" + b"".join(b"\x8a\x10%bN" % (n * (2**61 - 1)).to_bytes(16, "little") for n in range(200_000)) + b"u."
        ),
        True,
    ),
    "places of one hash": (
        lambda: b"N" + b"".join(b"p%d\n" % (n * (2**61 - 1)) for n in range(1, 99_999)) + b".",
        False,
    ),
    "a place that was never filled": (lambda: BOMB + b"h\x07.", False),
    "a place below none": (lambda: BOMB + b"Np-1\n.", False),
    "nothing to stop with": (lambda: BOMB + b"0.", False),
    "no mark": (lambda: BOMB + b"t.", False),
    "an unknown instruction": (lambda: BOMB + b"\xff.", False),
    "an odd dictionary": (lambda: BOMB + b"}(Nu.", False),
    "a wrong escape": (lambda: BOMB + b"V\\u00\n.", False),
    "a string without an end": (lambda: BOMB + b"S'abc\n.", False),
    "100,000 tensors": (
        lambda: b"}(" + b"".join(b"X\x06\0\0\0%06d" % n + TENSOR for n in range(100_000)) + b"u.",
        True,
    ),
}  # fmt: skip


def _taken_by_children() -> float:
    """Return the processor time of the children that have ended, in seconds; always 0 on Windows."""
    times = os.times()
    return times.children_user + times.children_system


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_pickle_has_an_answer_in_time(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    make, whole = HOSTILE[name]
    content = make()
    process = pickle_process._Process()
    monkeypatch.setattr(pickle_process, "_process", process)
    before = _taken_by_children()
    try:
        found, state = walked([Part(content)])
        after = walked([Part(pickled({"a": tensor((1,))}))])
    finally:
        process.close()
    assert _taken_by_children() - before < PROCESSOR_LIMIT_S
    assert found is not None
    assert state is not None
    assert (found["problem"] is None) == whole
    if content.startswith(BOMB):
        assert ["os", "system"] in found["imports"]
    # The next file is read all the same.
    assert after.state["tensors"][0][0] == "a"


@pytest.mark.skipif(sys.platform == "win32", reason="there its time is limited, not its work")
def test_work_beyond_the_limit_is_ended_and_the_next_file_is_read() -> None:
    process = pickle_process._Process()
    content = HOSTILE["100,000 tensors"][0]()
    before = _taken_by_children()
    try:
        found, state = process.ask([Part(content)], 0.2)
        assert (found, state) == (None, None)
        assert process.ask([Part(pickled({"a": tensor((1,))}))]).state is not None
    finally:
        process.close()
    assert _taken_by_children() - before < 1.0


@pytest.mark.skipif(sys.platform == "win32", reason="there its time is limited, not its work")
def test_all_pickles_of_a_file_share_one_limit(file_of: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[float] = []

    def noted(parts: Sequence[Part], limit_s: float) -> Walked:
        asked.append(limit_s)
        return walked(parts, limit_s)

    monkeypatch.setattr(torch_pickle, "walked", noted)
    path = file_of(HOSTILE["100,000 tensors"][0](), "x.pkl")
    assert read_header(path).tensor_count > 90_000
    assert len(asked) == 3  # two beginnings did not suffice
    assert WORK_LIMIT_S == asked[0] > asked[1] > asked[2]


@pytest.mark.skipif(sys.platform == "win32", reason="nobody is stopped there")
def test_a_process_that_says_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pickle_process, "SILENCE_LIMIT_S", 0.3)
    process = pickle_process._Process()
    try:
        assert process.ask([Part(pickled({}))]).state is not None
        assert process._child is not None
        os.kill(process._child.pid, signal.SIGSTOP)
        assert process.ask([Part(b"N" * MIB)]) == (None, None)  # more than a pipe holds
        assert process.ask([Part(pickled({}))]).state is not None
    finally:
        process.close()


@pytest.mark.skipif(sys.platform != "linux", reason="what a process has taken is read from /proc")
def test_the_process_is_limited_before_it_reads(tmp_path: Path) -> None:
    walked([Part(pickled({}))])
    child = _child()
    limits = Path(f"/proc/{child.pid}/limits").read_text()
    assert "536870912" in next(line for line in limits.splitlines() if line.startswith("Max address space"))
    for limit in ("Max file size", "Max core file size"):
        assert next(line for line in limits.splitlines() if line.startswith(limit)).split()[-3:-1] == [
            "0",
            "0",
        ]
    assert [file.path for file in child.open_files()] in ([], [os.devnull])


def _child() -> psutil.Process:
    running = pickle_process._process._child
    assert running is not None
    return psutil.Process(running.pid)


def test_memory_beyond_the_limit_is_refused_and_what_was_found_stays() -> None:
    # 60 MiB of instructions that build some 700 MiB.
    content = BOMB + b"]\x94" * 30_000_000
    found, _ = walked([Part(content)])
    assert found is not None
    assert (found["problem"] is not None, found["imports"]) == (True, [["os", "system"]])


@pytest.mark.parametrize(("full", "refused"), [(60 * MIB, True), (100, True), (50_000, False)])
def test_deflated_bytes_are_inflated_within_bounds(full: int, refused: bool) -> None:
    size = 60 * MIB if full != 50_000 else 40_000
    machine = zlib.compressobj(9, zlib.DEFLATED, -15)
    content = machine.compress(b"\x80\x02}" + b"N0" * (size // 2) + b".") + machine.flush()
    found, _ = walked([Part(content, deflated=full)])
    assert found is not None
    assert (found["problem"] is not None) == refused


def test_a_process_that_was_killed_is_started_again(file_of: Writer) -> None:
    path = file_of(torch_zip({"a": tensor((2,))}), "x.pt")
    assert read_header(path).tensor_count == 1
    before = _child()
    before.kill()
    before.wait(LIMIT_S)
    assert read_header(path).tensor_count == 1
    assert _child().pid != before.pid


@pytest.mark.parametrize(
    "start",
    [
        "import sys; sys.stdin.buffer.read(8)",
        "import os; os.write(1, b'\\xff' * 8); input()",
        "import os; os.write(1, (2).to_bytes(8, 'little') + b'{'); os._exit(0)",
        "raise SystemExit",
    ],
)
def test_a_process_that_dies_or_lies_costs_one_answer(start: str, monkeypatch: pytest.MonkeyPatch) -> None:
    process = pickle_process._Process()
    with monkeypatch.context() as patch:
        patch.setattr(pickle_process, "_START", start)
        assert process.ask([Part(pickled({}) * 100_000)]) == (None, None)
    assert process.ask([Part(pickled({}))]).found is not None
    process.close()


def test_an_interruption_leaves_no_answer_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    process = pickle_process._Process()
    with monkeypatch.context() as patch:
        patch.setattr(pickle_process, "_answer", _interrupt)
        with pytest.raises(KeyboardInterrupt):
            process.ask([Part(pickled({"a": tensor((1,))}))])
    state = process.ask([Part(pickled({"b": tensor((1,))}))]).state
    assert state is not None
    assert [row[0] for row in state["tensors"]] == ["b"]
    process.close()


def _interrupt(_child: object, _until: float) -> dict[str, Any]:
    raise KeyboardInterrupt


def test_without_a_process_a_file_is_listed_all_the_same(
    file_of: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = file_of(torch_zip(state_dict({"emb_params": (4, 768)})), "x.pt")
    process = pickle_process._Process()
    monkeypatch.setattr(pickle_process, "_process", process)
    monkeypatch.setattr(sys, "executable", str(Path(path).parent / "no python"))
    header = read_header(path)
    assert (header.format, header.type) == ("torch-zip", "unknown")
    assert header.facts["pickle_scan"]["message"].startswith("Could not be scanned: ")


def test_without_a_process_a_pickle_without_a_mark_is_not_taken_for_a_text(
    file_of: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = file_of(b"cos\nsystem\n(Vecho\ntR.", "x.pt")
    process = pickle_process._Process()
    monkeypatch.setattr(pickle_process, "_process", process)
    monkeypatch.setattr(sys, "executable", str(Path(path).parent / "no python"))
    header = read_header(path)
    assert header.format == "pickle"
    assert header.facts["pickle_scan"]["verdict"] == "unscanned"


def test_the_process_ends_with_the_program(tmp_path: Path) -> None:
    code = (
        "import os, sys\n"
        "from modelmgr.readers import pickle_process\n"
        "pickle_process.walked([pickle_process.Part(b'N.')])\n"
        "print(pickle_process._process._child.pid, flush=True)\n"
        "os.kill(os.getpid(), 9) if sys.argv[1] == 'killed' else None\n"
    )
    for end in ("killed", "ended"):
        done = subprocess.run([sys.executable, "-c", code, end], stdout=subprocess.PIPE, check=False)
        try:
            psutil.Process(int(done.stdout)).wait(LIMIT_S)
        except psutil.NoSuchProcess:
            continue


def test_the_process_could_not_unpickle_if_it_wanted() -> None:
    code = pickle_process._START.replace("main()", "import sys; print(*sys.modules)")
    folder = str(Path(pickle_process.__file__).parent)
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code, folder], stdout=subprocess.PIPE, text=True, check=True
    )
    modules = set(done.stdout.split())
    assert "modelmgr.readers.pickle_child" in modules
    assert not modules & {"pickle", "_pickle", "_compat_pickle", "marshal_", "subprocess", "socket", "ctypes"}


def test_threads_get_each_their_own_answer(tmp_path: Path) -> None:
    wrong: list[object] = []

    def ask(number: int) -> None:
        for _ in range(40):
            _, state = walked([Part(pickled({f"t{number}": tensor((number,))}))])
            if state is None or [row[0] for row in state["tensors"]] != [f"t{number}"]:
                wrong.append(state)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


# --- held against Python's own reading --------------------------------------------------------------------

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**300), 2**300)
    | st.floats(allow_nan=False)
    | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(max_size=5), inner, max_size=5)
    ),
    max_leaves=30,
)


@settings(max_examples=300)
@given(value=VALUES, protocol=st.integers(0, 5))
def test_plain_values_are_built_as_python_builds_them(value: Any, protocol: int) -> None:
    built, _, problem = walk(pickle.dumps(value, protocol), 0, Finds())
    assert (built, problem) == (value, None)


class Thing:
    """Something with a state."""

    def __init__(self) -> None:
        self.a = [1]


@pytest.mark.parametrize("protocol", range(6))
def test_objects_are_records_of_calls(protocol: int) -> None:
    finds = Finds()
    built, _, problem = walk(pickle.dumps({"x": Thing()}, protocol), 0, finds)
    assert problem is None
    assert isinstance(built, dict)
    assert isinstance(built["x"], Call)
    assert built["x"].state == {"a": [1]}
    assert any(name == "Thing" for _, name in finds.imports)


SEEDS = [
    pickle.dumps(value, protocol)
    for protocol in range(6)
    for value in ({"a": [1, 2.5, "x", b"y"]}, Thing(), {1, 2}, bytearray(b"z"), os.path.join)
]


@settings(max_examples=600)
@given(
    seed=st.sampled_from(SEEDS),
    changes=st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), max_size=4),
    cut=st.integers(0, 200),
)
@example(seed=SEEDS[0], changes=[(0, 143)], cut=0)  # nothing to end: Python itself stops there
def test_no_damage_makes_the_walk_fail_and_no_import_is_lost(
    seed: bytes, changes: list[tuple[int, int]], cut: int
) -> None:
    content = bytearray(seed)
    for at, byte in changes:
        content[at % len(content)] = byte
    content = content[: max(1, len(content) - cut)]
    _assert_no_import_is_lost(bytes(content))


ARGUMENTS = [b"", b"\x01a", b"1\n", b"0x1\n", b"a\n", b"'a'\n", b"-1L\n", b"1_0\n", b"\0\0\0\0", b"\0\n"]


@settings(max_examples=600)
@given(
    pieces=st.lists(
        st.tuples(
            st.sampled_from([operation.code.encode("latin-1") for operation in pickletools.opcodes]),
            st.sampled_from(ARGUMENTS),
        ),
        max_size=8,
    )
)
@example(pieces=[(b"I", b"0x1\n")])
@example(pieces=[(b"L", b"0x1\n"), (b"0", b"")])
def test_no_import_is_lost_behind_any_instructions(pieces: list[tuple[bytes, bytes]]) -> None:
    _assert_no_import_is_lost(b"".join(code + argument for code, argument in pieces) + BOMB + b".")


def _assert_no_import_is_lost(content: bytes) -> None:
    """Hold the walk against pickletools, which reads without a stack, and what Python's unpickler imports."""
    finds = Finds()
    value, _, problem = walk_file(content, finds)
    state_of(value)
    if finds.computed:
        return
    assert _imported_by_python(content) <= finds.imports.keys()
    if problem is None:
        assert _read_by_pickletools(content) <= finds.imports.keys()


def _read_by_pickletools(content: bytes) -> set[tuple[str, str]]:
    read: set[tuple[str, str]] = set()
    try:
        for operation, argument, _ in pickletools.genops(content):
            if operation.name in ("GLOBAL", "INST"):
                module, _, name = argument.partition(" ")
                read.add((module, name))
    except Exception:  # it fails in many ways; what it read before is compared
        return read
    return read


class Anything:
    """What stands for all that would be imported: it can be called, filled and set, and does nothing."""

    def __new__(cls, *_: object, **__: object) -> "Anything":
        return object.__new__(cls)

    def _nothing(self, *_: object, **__: object) -> None: ...

    __init__ = append = extend = update = add = __setitem__ = __setstate__ = _nothing  # type: ignore[assignment]


class Lines(io.BytesIO):
    """A file whose last line has an end, or is none."""

    def readline(self, size: int | None = -1, /) -> bytes:
        """See the class."""
        line = super().readline(size)
        if not line.endswith(b"\n"):
            raise EOFError
        return line


class Importing(pickle._Unpickler):
    """Python's own unpickler, in Python; what it would import is noted and does nothing."""

    dispatch: ClassVar = {
        **pickle._Unpickler.dispatch,
        # As long a piece of memory as the bytes say, before any is read.
        pickle.BYTEARRAY8[0]: pickle._Unpickler.load_binbytes8,
    }

    def __init__(self, content: bytes) -> None:
        super().__init__(Lines(content))
        self.imported: set[tuple[str, str]] = set()

    def find_class(self, module: str, name: str) -> type:
        """Note the import."""
        self.imported.add((module, name))
        return Anything

    def persistent_load(self, pid: object) -> object:
        """Have anything."""
        return Anything()

    def get_extension(self, code: int) -> None:
        """Have anything; which import the number stands for is not told by the bytes."""
        self.append(Anything)


def _imported_by_python(content: bytes) -> set[tuple[str, str]]:
    unpickler = Importing(content)
    try:
        unpickler.load()
    except Exception:  # it fails in many ways; what it imported before is compared
        return unpickler.imported
    return unpickler.imported


def _framed(content: bytes) -> bytes:
    return b"\x95" + len(content).to_bytes(8, "little") + content


def test_a_frame_that_hides_instructions_is_no_clean_pickle(file_of: Writer) -> None:
    # Reading from a file, Python takes 300 bytes from behind the frame for the text, and meets the import then.
    shown = b"X" + struct.pack("<I", 300) + b"a" * 10
    behind = b"a" * 290 + b"." + b"b" * 9
    content = b"\x80\x04" + _framed(shown) + behind + BOMB + b"0."
    imported: set[tuple[str, str]] = set()

    class FromFile(pickle.Unpickler):
        def find_class(self, module: str, name: str) -> type:
            imported.add((module, name))
            return Anything

    FromFile(io.BytesIO(content)).load()
    assert imported == {("os", "system")}
    found, _ = scanned([{"deflated": None, "whole": True, "main": True}], [content])
    assert found["crossed"]
    header = read_header(file_of(content, "x.pt"))
    assert header.facts["pickle_scan"]["verdict"] == "unscanned"
    assert "across the end of a frame" in header.facts["pickle_scan"]["message"]


@pytest.mark.parametrize(
    ("content", "crossed"),
    [
        (_framed(b"N."), False),
        (_framed(b"]" + _framed(b"N") + b"a."), False),
        (_framed(b"]") + b"Na.", False),
        (_framed(b"]") + _framed(b"Na."), False),
        (_framed(b"]K") + b"\x01a.", True),
        (_framed(b"]" + b"\x95" + (20).to_bytes(8, "little") + b"N") + b"a.", True),
    ],
)
def test_a_frame_ends_with_an_instruction(content: bytes, crossed: bool) -> None:
    finds = Finds()
    _, _, problem = walk_file(b"\x80\x04" + content, finds)
    assert (problem, finds.crossed) == (None, crossed)


@settings(max_examples=300)
@given(content=st.binary(max_size=300))
def test_any_bytes_can_be_walked(content: bytes) -> None:
    answer, values = scanned([{"deflated": None, "whole": True, "main": True}], [content])
    json.dumps(answer)
    for value in values:
        state_of(value)


def test_every_instruction_of_python_is_known() -> None:
    known = {chr(code) for code, step in enumerate(pickle_steps.STEPS) if step is not None} | {"."}
    assert known == {operation.code for operation in pickletools.opcodes}
