"""No pickle makes the walk fail, hang or grow, and the process that does it needs no care."""

import json
import os
import pickle
import pickletools
import struct
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelmgr.readers import pickle_process, pickle_steps, read_header
from modelmgr.readers.pickle_child import scanned
from modelmgr.readers.pickle_process import Part, walked
from modelmgr.readers.pickle_records import Call, Finds
from modelmgr.readers.pickle_walk import walk, walk_file
from modelmgr.readers.torch_state import state_of
from tests.readers.torch_files import instructions, pickled, state_dict, tensor, torch_zip

Writer = Callable[..., str]
LIMIT_S = 8.0  # a guard against hanging, not a measurement
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


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_pickle_has_an_answer_in_time(name: str) -> None:
    make, whole = HOSTILE[name]
    content = make()
    start = time.monotonic()
    found, state = walked([Part(content)])
    assert time.monotonic() - start < LIMIT_S
    assert found is not None
    assert state is not None
    assert (found["problem"] is None) == whole
    if content.startswith(BOMB):
        assert ["os", "system"] in found["imports"]
    # The next file is read all the same.
    assert walked([Part(pickled({"a": tensor((1,))}))]).state["tensors"][0][0] == "a"


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


def _interrupt(_child: object) -> dict[str, Any]:
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
def test_no_damage_makes_the_walk_fail_and_no_import_is_lost(
    seed: bytes, changes: list[tuple[int, int]], cut: int
) -> None:
    content = bytearray(seed)
    for at, byte in changes:
        content[at % len(content)] = byte
    content = content[: max(1, len(content) - cut)]
    finds = Finds()
    value, _, _ = walk_file(bytes(content), finds)
    state_of(value)
    told = set()
    try:
        for operation, argument, _ in pickletools.genops(bytes(content)):
            if operation.name in ("GLOBAL", "INST"):
                told.add(tuple(argument.split(" ", 1)))
    except Exception:  # it fails in many ways; what it read before is compared
        told = {name for name in told if name in finds.imports}
    assert told <= finds.imports.keys() | {name for name in told if finds.computed}


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
