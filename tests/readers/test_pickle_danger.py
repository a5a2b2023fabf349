"""What pickles would do is told whatever way they say it, and nothing of it is ever done."""

import _compat_pickle
import io
import json
import os
import pickle
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from modelmgr.readers import Header, read_header
from modelmgr.readers.pickle_danger import class_of, pickle_scan
from tests.readers.torch_files import (
    MAGIC,
    Call,
    Global,
    Raw,
    instructions,
    legacy,
    nested_storage,
    pickled,
    state_dict,
    tensor,
    torch_zip,
)

Writer = Callable[..., str]
WEIGHTS = {"a.weight": (4, 4)}


def scan_of(header: Header) -> dict[str, Any]:
    scan: dict[str, Any] = header.as_json()["pickle_scan"]
    return scan


def text(content: str) -> bytes:
    return instructions(content)


def short(content: str) -> bytes:
    return b"\x8c" + bytes((len(content),)) + content.encode()


AGAIN = b"h\x00h\x01\x93(VPATH\ntR"
# Each pushes what os.mkdir of a path returns, in another form; the path stands where PATH does.
FORMS: dict[str, bytes] = {
    "global": b"cos\nmkdir\n(VPATH\ntR",
    "global of the true module": b"cposix\nmkdir\n(VPATH\ntR",
    "inst": b"(VPATH\nios\nmkdir\n",
    "obj": b"(cos\nmkdir\nVPATH\no",
    "newobj": b"cos\nPathLike\n0(cos\nmkdir\nVPATH\no",
    "stack": b"\x80\x04" + short("os") + short("mkdir") + b"\x93(VPATH\ntR",
    "memory": b"\x80\x04" + short("os") + b"\x94" + short("mkdir") + b"\x9400" + b"h\x00h\x01\x930" + AGAIN,
    "memory by number": b"\x80\x04" + text("mkdir") + b"r\x99\0\0\x000" + text("os") + b"j\x99\0\0\0\x93(VPATH\ntR",
    "memory by text": b"\x80\x04" + text("os") + b"p7\n0g7\n" + text("mkdir") + b"\x93(VPATH\ntR",
    "swapped": b"\x80\x04" + text("mkdir") + b"q\x01" + text("os") + b"q\x0200h\x02h\x01\x93(VPATH\ntR",
    "text of eight bytes": b"\x80\x04\x8d" + struct.pack("<Q", 2) + b"os" + short("mkdir") + b"\x93(VPATH\ntR",
    "escaped text": b"\x80\x04V\\u006f\\u0073\nV\\u006dkdir\n\x93(VPATH\ntR",
    "escaped string": b"\x80\x04S'\\x6f\\x73'\nS\"mk\\x64ir\"\n\x93(VPATH\ntR",
    "old string": b"\x80\x04U\x02osT" + struct.pack("<I", 5) + b"mkdir\x93(VPATH\ntR",
    "below another module": b"\x80\x04" + short("logging") + short("os.mkdir") + b"\x93(VPATH\ntR",
    "duplicate": b"cos\nmkdir\n20(VPATH\ntR",
    "pop of a mark": b"cos\nmkdir\n(0(1(VPATH\ntR",
    "tuple": b"cos\nmkdir\nVPATH\n\x85R",
    "in a dictionary": b"}Vx\ncos\nmkdir\n(VPATH\ntRs",
    "framed": b"\x80\x04\x95" + struct.pack("<Q", 7) + b"cos\nmkd" + b"ir\n(VPATH\ntR",
    "through a named attribute": b"c__builtin__\ngetattr\n(cos\nenviron\nV__class__\ntR0cos\nmkdir\n(VPATH\ntR",
    "by evaluation": b"cbuiltins\neval\n(V__import__('os').mkdir('PATH')\ntR",
    "by a partial": b"cfunctools\npartial\n(cos\nmkdir\nVPATH\ntR(tR",
    "by a path": b"\x80\x04" + short("pathlib") + short("Path.mkdir") + b"\x93(cpathlib\nPath\n(VPATH\ntRtR",
    "by an old name": b"ccommands\ngetoutput\n(Vmkdir PATH\ntR",
}  # fmt: skip


def payload(form: str, canary: Path) -> bytes:
    return FORMS[form].replace(b"PATH", str(canary).encode())


@pytest.mark.skipif(os.name != "posix", reason="the paths of the payloads are those of POSIX")
@pytest.mark.parametrize("form", FORMS)
def test_a_dangerous_call_is_told_in_every_form_and_never_made(form: str, tmp_path: Path) -> None:
    live = tmp_path / "live"
    subprocess.run(
        [sys.executable, "-c", "import pickle, sys; pickle.load(sys.stdin.buffer)"],
        input=payload(form, live) + b".",
        check=True,
    )
    assert live.is_dir(), "the payload itself is no threat: the test proves nothing"

    canary = tmp_path / "canary"
    bomb = payload(form, canary)
    in_state = {"state_dict": state_dict(WEIGHTS), "x": Raw(bomb)}
    files = {
        "plain.pt": bomb + b".",
        "cut.pt": bomb,
        "broken.pt": bomb + b"\xff",
        "archive.pth": torch_zip(in_state),
        "deflated.pth": torch_zip(in_state, method=zipfile.ZIP_DEFLATED),
        "cut_archive.ckpt": torch_zip(in_state)[:-30],
        "legacy.bin": legacy(in_state),
        "first.pt": bomb + b"0" + pickled(MAGIC),
        "second.pt": pickled(1) + b"\x80\x02" + bomb + b".",
        "second_without_mark.pt": pickled({}) + bomb + b".",
        "other_member.pth": torch_zip(state_dict(WEIGHTS), others={"archive/data/a.txt": b"\x80\x02" + bomb + b"."}),
        "member_by_name.pth": torch_zip(state_dict(WEIGHTS), others={"archive/x.pkl": bomb + b"."}),
        "constants.pt": torch_zip({}, others={"archive/constants.pkl": bomb + b"."}),
        "nested.pt": pickled(_loading(bomb + b".")),
        "nested_legacy.pt": pickled(_loading(pickled(MAGIC) + pickled(1001) + bomb + b".")),
    }  # fmt: skip
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
        header = read_header(str(tmp_path / name))
        scan = scan_of(header)
        assert scan["verdict"] == "dangerous", name
        assert scan["dangerous"], name
        assert scan["message"].startswith("Dangerous import"), name
        assert "safe" not in json.dumps(scan).lower()
    assert not canary.exists()


def _loading(content: bytes) -> Call:
    return Call(Global("torch.storage", "_load_from_bytes"), (content,))


def test_what_is_dangerous_does_not_hide_what_the_file_is(file_of: Writer) -> None:
    value = {"state_dict": state_dict({"emb_params": (4, 768)}), "x": Raw(b"cos\nsystem\n(Vtrue\ntR")}
    header = read_header(file_of(torch_zip(value), "x.pt"))
    assert (header.type, scan_of(header)["message"]) == ("embedding", "Dangerous import os.system found.")


def test_several_dangers_are_named(file_of: Writer) -> None:
    bomb = b"".join(b"cos\n%s\n0" % name for name in (b"a", b"b", b"c", b"d", b"e")) + b"N."
    scan = scan_of(read_header(file_of(bomb, "x.pt")))
    assert scan["message"] == "Dangerous imports os.a, os.b, os.c and 2 more found."
    assert scan["dangerous"] == ["os.a", "os.b", "os.c", "os.d", "os.e"]


@pytest.mark.parametrize(
    "made",
    [
        b"\x80\x04cbuiltins\nstr\n(Vos\ntRVsystem\n\x93.",
        b"\x80\x04Vos\nc_codecs\nencode\n(Vsystem\nVlatin1\ntR\x93.",
        b"\x80\x04X" + struct.pack("<I", 70_000) + b"o" * 70_000 + b"Vsystem\n\x93.",
        b"cos" + b"." * 500 + b"\nsystem\n.",
    ],
)
def test_a_name_that_is_computed_or_endless_is_a_danger(made: bytes, file_of: Writer) -> None:
    scan = scan_of(read_header(file_of(made, "x.pt")))
    assert scan["verdict"] == "dangerous"
    assert scan["message"] == "Dangerous import under a computed name found."


def test_what_is_changed_in_a_module_is_a_danger(file_of: Writer) -> None:
    """An import may be given another meaning, and its new value the next import's name."""
    target = b"\x80\x04Vtorch\nV_utils\n\x93"
    for change in (
        b"}V_rebuild_tensor\nVbuiltins\nsb.",
        b"V_rebuild_tensor\nVbuiltins\ns.",
        b"(Va\nVb\nu.",
        b"Na.",
    ):
        scan = scan_of(read_header(file_of(target + change, "x.pt")))
        assert scan["message"] == "Dangerous import of a module that it changes found."
    twice = target + b"0Vtorch._utils\nVa\n\x93Vtorch._utils\nVb\n\x93\x93Vcode\n\x85R."
    assert scan_of(read_header(file_of(twice, "x.pt")))["dangerous"] == ["under a computed name"]


@pytest.mark.parametrize("packed", [False, True])
def test_objects_in_an_array_are_looked_into(packed: bool, file_of: Writer) -> None:
    head = b"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }".ljust(117) + b"\n"
    array = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head + b"\x80\x03cos\nsystem\n."
    numbers = array.replace(b"'|O'", b"'<f4'")
    for content, dangerous in ((array, ["os.system"]), (numbers, None)):
        name = "x.npy"
        if packed:
            buffer = io.BytesIO()
            with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
                archive.writestr("a.npy", content)
            content, name = buffer.getvalue(), "x.npz"
        header = read_header(file_of(content, name))
        assert header.format == "numpy"
        assert (scan_of(header)["dangerous"] if "pickle_scan" in header.facts else None) == dangerous


def test_what_only_claims_to_be_encrypted_is_looked_into(file_of: Writer) -> None:
    content = bytearray(torch_zip({"x": Raw(b"cos\nsystem\n")}))
    content[content.index(b"PK\x01\x02") + 8] |= 1
    header = read_header(file_of(bytes(content), "x.pt"))
    assert scan_of(header)["dangerous"] == ["os.system"]


def test_a_name_is_shown_as_harmless_text(file_of: Writer) -> None:
    bomb = "cos\n\x1b[31m\u202esys\x00tem\n.".encode()
    header = read_header(file_of(bomb, "x.pt"))
    shown = scan_of(header)["dangerous"][0]
    assert shown.isprintable()
    assert header.facts["pickle_scan"]["dangerous"] == [shown]


@pytest.mark.parametrize("code", [b"\x82\x07", b"\x83\x07\x00", b"\x84\x07\x00\x00\x00"])
def test_the_extension_registry_is_unusual(code: bytes, file_of: Writer) -> None:
    scan = scan_of(read_header(file_of(b"\x80\x02" + code + b".", "x.pt")))
    assert (scan["verdict"], scan["unusual"]) == ("none_found", ["extension registry 7"])


def test_a_file_within_the_file_is_unusual_unless_it_can_be_read(file_of: Writer) -> None:
    clean = read_header(file_of(pickled({"a": nested_storage((2,))}), "x.pt"))
    assert scan_of(clean)["verdict"] == "none_found"
    for content in (b"PK\x03\x04", b"\x80\x02(((", b"", torch_zip({"a": tensor((2,))})):
        header = read_header(file_of(pickled(_loading(content)), "x.pt"))
        assert (
            scan_of(header)["message"]
            == "Could not be scanned: it holds another file that could not be read."
        )
    deep = pickled({})
    for _ in range(5):
        deep = pickled(_loading(deep))
    assert scan_of(read_header(file_of(deep, "x.pt")))["verdict"] == "unscanned"


def test_numbers_that_look_like_a_pickle_are_no_danger(file_of: Writer) -> None:
    others = {
        "archive/data/7": b"\x80\x02" + bytes(range(64)),
        "archive/data/8": b"\x80\x03c\xffos\nx\xfe\n.",
    }
    header = read_header(file_of(torch_zip(state_dict(WEIGHTS), others=others), "x.pt"))
    assert (scan_of(header)["verdict"], scan_of(header)["unusual"]) == ("none_found", [])


def test_of_many_members_those_are_looked_into_that_no_tensor_needs(file_of: Writer) -> None:
    shapes = {f"x.{number}.weight": (2, 2) for number in range(300)}
    bomb = b"\x80\x02cos\nsystem\n."
    header = read_header(file_of(torch_zip(state_dict(shapes), others={"archive/data/300": bomb}), "x.pt"))
    assert scan_of(header)["dangerous"] == ["os.system"]


def test_more_members_than_can_be_looked_into_are_told(file_of: Writer) -> None:
    others = {f"archive/y/{number}": b"ab" for number in range(4200)}
    scan = scan_of(read_header(file_of(torch_zip({}, others=others), "x.pt")))
    assert scan["message"] == "Could not be scanned: the archive has too many members to look into all."
    pickles = {f"archive/y/{number}.pkl": pickled({}) for number in range(300)}
    scan = scan_of(read_header(file_of(torch_zip({}, others=pickles), "x.pt")))
    assert scan["message"] == "Could not be scanned: the archive holds too many pickles."


def test_an_archive_of_other_things_tells_of_the_pickles_in_it(file_of: Writer) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("config.json", b"{}")
        archive.writestr("model.dat", b"\x80\x03cos\nsystem\n.")
    header = read_header(file_of(buffer.getvalue(), "x.zip"))
    assert scan_of(header)["dangerous"] == ["os.system"]


@pytest.mark.parametrize("name", ["x.pt", "x.pth", "x.ckpt", "x.bin", "x.pkl"])
def test_texts_are_told_from_pickles_without_a_mark(name: str, file_of: Writer) -> None:
    assert read_header(file_of(b"(dp0\nS'a'\np1\nI1\ns.", name)).format == "pickle"
    for content in (
        b"I am a text, not a pickle.\n",
        b"No pickle either.",
        b"(setq lisp t)\n",
        b"cats and\ndogs\nare here",
        b"Long live\nthe king.\n",
        b"]]]]",
        b"}\n",
        b".",
    ):
        header = read_header(file_of(content, name))
        assert (header.format in ("text", "unknown"), "pickle_scan" in header.facts) == (True, False), content
    # Files of other names are texts, whatever they spell.
    assert read_header(file_of(b"cos\nsystem\n.", "x.model")).format == "text"


def test_a_tar_of_the_first_years_is_not_scanned(file_of: Writer) -> None:
    header = read_header(file_of(b"pickle" + b"\0" * 251 + b"ustar\x0000" + b"\0" * 300, "x.pth"))
    assert scan_of(header)["verdict"] == "unscanned"


# --- classes ----------------------------------------------------------------------------------------------

EXPECTED = [
    "collections OrderedDict",
    "collections defaultdict",
    "torch FloatStorage",
    "torch QUInt4x2Storage",
    "torch.cuda HalfStorage",
    "torch.storage UntypedStorage",
    "torch.storage TypedStorage",
    "torch.storage _load_from_bytes",
    "torch._utils _rebuild_tensor_v2",
    "torch._utils _rebuild_parameter",
    "torch._tensor _rebuild_from_type_v2",
    "torch Size",
    "torch device",
    "torch float8_e4m3fn",
    "torch Tensor",
    "torch.nn.parameter Parameter",
    "torch.serialization _get_layout",
    "_codecs encode",
    "numpy dtype",
    "numpy ndarray",
    "numpy.core.multiarray _reconstruct",
    "numpy._core.multiarray scalar",
    "__builtin__ set",
    "__builtin__ long",
    "builtins bytearray",
    "builtins range",
]
UNUSUAL = [
    "pytorch_lightning.callbacks.model_checkpoint ModelCheckpoint",
    "argparse Namespace",
    "omegaconf.dictconfig DictConfig",
    "__torch__.torch.nn.modules.linear Linear",
    "ultralytics.nn.tasks DetectionModel",
    "models.yolo Model",
    "pathlib PosixPath",
    "datetime datetime",
    "copyreg _reconstructor",
    "copy_reg _reconstructor",
    "re _compile",
    "logging getLogger",
    "collections deque",
    "collections.abc Mapping",
    "transformers.training_args TrainingArguments",
    "numpy.random._pickle __randomstate_ctor",
    "sklearn.linear_model LinearRegression",
    "joblib.numpy_pickle NumpyArrayWrapper",
    "builtins object",
    "builtins type",
    "torch.nn.modules.conv Conv2d",
    "torch _unknown_of_tomorrow",
    "models Outer.Inner",
    "evaluation.tests Case",
]
MODULES = """
    os posix nt subprocess sys shutil socket ssl runpy pty pdb pip asyncio aiohttp bdb ctypes pickle _pickle cProfile
    profile timeit trace webbrowser venv requests.api importlib code test tempfile multiprocessing signal threading
    os.path importlib.util multiprocessing.pool xml.dom.minidom urllib.request marshal gc codeop doctest zipimport
    idlelib.run lib2to3.pgen2.grammar distutils.file_util ensurepip commands cPickle urllib2 httplib imp pipes
    cloudpickle cloudpickle.cloudpickle dill._dill torch._inductor.codecache torch.hub torch.jit.unsupported_tensor_ops
    numpy.testing._private.utils numpy.f2py.crackfortran operator _operator _io _socket _posixsubprocess base64 zlib
"""
BUILTINS = "eval exec execfile compile open getattr setattr apply breakpoint __import__ globals input map"
DANGEROUS = [
    *(f"{module} anything" for module in MODULES.split()),
    *(f"{module} {name}" for module in ("builtins", "__builtin__") for name in BUILTINS.split()),
    "operator attrgetter",
    "operator itemgetter",
    "operator methodcaller",
    "_operator methodcaller",
    "functools partial",
    "functools reduce",
    "types CodeType",
    "types FunctionType",
    "pkgutil resolve_name",
    "logging FileHandler",
    "logging.config listen",
    "_io FileIO",
    "io open",
    "io FileIO",
    "torch.serialization load",
    "torch load",
    "torch.hub load",
    "numpy load",
    "pydoc locate",
    "pydoc pipepager",
    "pandas read_pickle",
    "some.package os",
    "some.package system",
    "some.package.subprocess run",
    "some.package __import__",
    "torch.serialization os.system",
    "collections OrderedDict.__init__",
    "collections OrderedDict.fromkeys",
    "some.package Class.__globals__",
    "some.package sys.modules",
    "builtins str.join",
    "pathlib Path.write_text",
    "uuid _get_command_stdout",
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        *((name, "expected") for name in EXPECTED),
        *((name, "unusual") for name in UNUSUAL),
        *((name, "dangerous") for name in DANGEROUS),
    ],
)
def test_the_class_of_an_import(name: str, kind: str) -> None:
    assert class_of(*name.split(" ")) == kind


def test_names_of_python_2_are_classed_as_what_they_have_become() -> None:
    """Python 3's unpickler puts its own names in place of those of Python 2 (fix_imports)."""
    renamed = [
        ((old, name), (new, name))
        for old, new in _compat_pickle.IMPORT_MAPPING.items()
        for name in ("x", "system")
    ]
    renamed += list(_compat_pickle.NAME_MAPPING.items())
    for old, new in renamed:
        if class_of(*new) == "dangerous":
            assert class_of(*old) == "dangerous", (old, new)


def test_python_itself_writes_what_is_not_dangerous() -> None:
    """Plain data and the usual classes of training code raise no alarm."""
    import argparse
    import collections
    import datetime
    import decimal
    import fractions
    import pathlib
    import random
    import re
    import types
    import uuid

    values = [
        argparse.Namespace(lr=0.1),
        collections.Counter("abc"),
        collections.deque([1]),
        collections.OrderedDict(a=1),
        datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC),
        decimal.Decimal("1.5"),
        fractions.Fraction(1, 3),
        pathlib.PurePosixPath("/x"),
        random.Random(1),
        re.compile("a"),
        types.SimpleNamespace(a=1),
        uuid.UUID(int=1),
        {1, 2},
        frozenset((1,)),
        bytearray(b"x"),
        complex(1, 2),
        range(3),
        slice(1, 2),
        type(None),
    ]
    from modelmgr.readers.pickle_records import Finds
    from modelmgr.readers.pickle_walk import walk_file

    for value in values:
        for protocol in range(6):
            finds = Finds()
            _, _, problem = walk_file(pickle.dumps(value, protocol), finds)
            assert problem is None
            kinds = {name: class_of(*name) for name in finds.imports}
            assert "dangerous" not in kinds.values(), kinds


def test_a_verdict_never_says_that_a_file_is_safe() -> None:
    for verdict in (pickle_scan(()), pickle_scan((), problem="x"), pickle_scan([("os", "system")])):
        assert "safe" not in json.dumps(verdict).lower()
