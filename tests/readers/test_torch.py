"""PyTorch's files tell names and shapes of their tensors, and are known by them as all others."""

import io
import json
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelmgr.readers import Header, read_header
from tests.readers.faithful import tables
from tests.readers.torch_files import (
    STORAGES,
    Call,
    Global,
    Reference,
    legacy,
    nested_storage,
    pickled,
    state_dict,
    tensor,
    torch_zip,
)

Writer = Callable[..., str]
ESRGAN = {
    "model.0.weight": (64, 3, 3, 3),
    "model.1.sub.0.RDB1.conv1.0.weight": (32, 64, 3, 3),
    "model.3.weight": (64, 64, 3, 3),
    "model.6.weight": (64, 64, 3, 3),
    "model.8.weight": (64, 64, 3, 3),
    "model.10.weight": (3, 64, 3, 3),
}
BYTES = [
    b"\0",
    b"\xff",
    b"\xff\xff\xff\xff",
    b"PK\x05\x06",
    b"PK\x01\x02",
    b"\x80\x02",
    b".",
    b"(" * 9,
    b"\x01\x00",
]
NONE_FOUND = "No known danger found, not verified."


def codes(header: Header) -> list[str]:
    return [problem.code for problem in header.problems]


def scan_of(header: Header) -> dict[str, Any]:
    scan: dict[str, Any] = header.as_json()["pickle_scan"]
    return scan


def wrapped(value: Any, container: str) -> bytes:
    return torch_zip(value) if container == "zip" else legacy(value)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_an_archive_tells_its_tensors(protocol: int, file_of: Writer) -> None:
    header = read_header(file_of(torch_zip(state_dict(ESRGAN, "F32"), protocol=protocol), "4x.pth"))
    assert (header.format, header.type, header.variant) == ("torch-zip", "upscaler", "ESRGAN 4x")
    assert (header.precision, header.tensor_count, header.problems) == ("F32", 6, ())
    assert header.parameter_count == 64 * 27 + 32 * 64 * 9 + 3 * 64 * 64 * 9 + 3 * 64 * 9
    assert scan_of(header) == {
        "verdict": "none_found",
        "message": NONE_FOUND,
        "dangerous": [],
        "unusual": [],
    }


def test_the_format_before_archives_tells_its_tensors(file_of: Writer) -> None:
    header = read_header(file_of(legacy(state_dict(ESRGAN)), "4x.pth"))
    assert (header.format, header.variant, header.problems) == ("torch-legacy", "ESRGAN 4x", ())
    assert scan_of(header)["verdict"] == "none_found"
    # An element of a view has a sixth member in its reference, and older tensors have another function.
    old = {
        name: tensor(shape, "F16", str(at), extra=(None,)) for at, (name, shape) in enumerate(ESRGAN.items())
    }
    old = {
        name: Call(Global("torch._utils", "_rebuild_tensor"), call.arguments[:4])
        for name, call in old.items()
    }
    assert read_header(file_of(legacy(old), "4x.pth")).variant == "ESRGAN 4x"


def test_a_legacy_file_that_is_cut_off_says_so(file_of: Writer) -> None:
    header = read_header(file_of(legacy(state_dict(ESRGAN), data=False), "4x.pth"))
    assert (header.variant, codes(header)) == ("ESRGAN 4x", ["truncated"])
    half = read_header(file_of(legacy(state_dict(ESRGAN))[:300], "4x.pth"))
    assert (half.format, codes(half)) == ("torch-legacy", ["header_invalid"])
    assert scan_of(half)["message"] == "Could not be scanned: the pickle ends in the middle."


def test_a_large_legacy_file_is_read_no_further_than_its_pickles(tmp_path: Path) -> None:
    shapes = {f"x.{number}.{'n' * 200}.weight": (4, 4) for number in range(3000)}
    path = tmp_path / "x.pt"
    with path.open("wb") as file:
        file.write(legacy(state_dict(shapes), data=False))
        file.truncate(5 * 2**30)
    header = read_header(str(path))
    assert (header.tensor_count, header.problems) == (3000, ())


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_a_plain_pickle_of_tensors_is_read_through_the_files_in_it(protocol: int, file_of: Writer) -> None:
    value = {name: nested_storage(shape) for name, shape in ESRGAN.items()}
    if protocol == 0:
        # It has no instruction for bytes: a text stands for them.
        value = {name: _as_text(call) for name, call in value.items()}
    header = read_header(file_of(pickled(value, protocol), "4x.pth"))
    assert (header.format, header.variant, header.precision) == ("pickle", "ESRGAN 4x", "F32")
    assert (scan_of(header)["verdict"], header.problems) == ("none_found", ())


def _as_text(call: Call) -> Call:
    storage, *rest = call.arguments
    text = storage.arguments[0].decode("latin-1").replace("\\", "\\u005c").replace("\n", "\\u000a")
    content = Call(Global("_codecs", "encode"), (_Escaped(text), "latin1"))
    return Call(call.function, (Call(storage.function, (content,)), *rest))


class _Escaped(str):
    """A text that is escaped already, as protocol 0 writes it."""


def test_torchscript_tells_its_tensors(file_of: Writer) -> None:
    module = Call(
        Global("__torch__.Net", "Net"),
        (),
        {
            "training": False,
            "conv": Call(Global("__torch__.Conv", "Conv"), (), {"weight": tensor((4, 3, 3, 3))}),
        },
    )
    others = {"m/constants.pkl": pickled(()), "m/code/__torch__.py": b"class Net(Module):\n"}
    header = read_header(file_of(torch_zip(module, root="m/", others=others), "x.pt"))
    assert (header.format, header.tensor_count, header.problems) == ("torchscript", 1, ())
    assert scan_of(header)["unusual"] == ["__torch__.Net.Net", "__torch__.Conv.Conv"]


def test_a_frozen_module_keeps_its_tensors_among_the_constants(file_of: Writer) -> None:
    module = Call(Global("__torch__.Net", "Net"), (), {"training": False})
    others = {"m/constants.pkl": pickled((tensor((4, 3)),)), "m/constants/0": bytes(48)}
    header = read_header(file_of(torch_zip(module, root="m/", others=others), "x.pt"))
    assert (header.format, header.tensor_count, header.problems) == ("torchscript", 1, ())


def test_a_tensor_by_itself_is_no_embedding(file_of: Writer) -> None:
    header = read_header(file_of(torch_zip(tensor((4, 768))), "x.pt"))
    assert (header.type, header.tensor_count) == ("unknown", 0)


@pytest.mark.parametrize("container", ["zip", "legacy"])
@pytest.mark.parametrize(
    "keys",
    [
        ("state_dict",),
        ("model",),
        ("model_state_dict",),
        ("params_ema",),
        ("params",),
        ("params-ema",),
        ("net",),
        ("g_ema",),
        ("ema",),
        ("model", "state_dict"),
        ("something_else",),
    ],
)
def test_wrappers_around_the_weights_are_taken_off(
    keys: tuple[str, ...], container: str, file_of: Writer
) -> None:
    value: dict[str, Any] = {f"module.{name}": call for name, call in state_dict(ESRGAN).items()}
    for key in reversed(keys):
        value = {"epoch": 3, key: value, "optimizer": {"lr": 0.1, "betas": [0.9, 0.99]}, "note": "x"}
    header = read_header(file_of(wrapped(value, container), "x.pth"))
    assert header.variant == "ESRGAN 4x"
    assert (header.metadata["epoch"], header.metadata["optimizer.lr"], header.metadata["note"]) == (
        3,
        0.1,
        "x",
    )


def test_averaged_weights_are_preferred(file_of: Writer) -> None:
    value = {"params": state_dict({"a.weight": (1,)}), "params_ema": state_dict(ESRGAN)}
    assert read_header(file_of(torch_zip(value), "x.pth")).variant == "ESRGAN 4x"


def test_a_whole_module_tells_its_parameters(file_of: Writer) -> None:
    def module(name: str, **parts: Any) -> Call:
        state = {"training": False, "_parameters": {}, "_buffers": {}, "_modules": {}} | parts
        return Call(Global("torch.nn.modules", name), (), state)

    weight = Call(Global("torch._utils", "_rebuild_parameter"), (tensor((4, 3)), True, {}))
    inner = module(
        "Linear", _parameters={"weight": weight, "bias": None}, _buffers={"mean": tensor((4,), key="1")}
    )
    value = {"model": module("Sequential", _modules={"0": inner}), "ema": None, "date": "today"}
    header = read_header(file_of(torch_zip(value), "x.pt"))
    assert (header.tensor_count, header.metadata) == (2, {"date": "today"})
    assert scan_of(header)["unusual"] == ["torch.nn.modules.Sequential", "torch.nn.modules.Linear"]


@pytest.mark.parametrize("dtype", STORAGES)
def test_each_class_of_storage_is_a_type(dtype: str, file_of: Writer) -> None:
    header = read_header(
        file_of(torch_zip({"a": tensor((2, 3), dtype), "b": tensor((), dtype, "1")}), "x.pt")
    )
    assert (header.precision, header.parameter_count) == (dtype, 7)


STORAGE = Reference(("storage", Global("torch.storage", "UntypedStorage"), "0", "cpu", 12))
REBUILT: list[tuple[Call, str, int]] = [
    (
        Call(
            Global("torch._utils", "_rebuild_tensor_v3"),
            (STORAGE, 0, (3, 4), (4, 1), False, {}, Global("torch", "float8_e4m3fn"), {}),
        ),
        "F8_E4M3",
        12,
    ),
    (
        Call(
            Global("torch._utils", "_rebuild_meta_tensor_no_storage"),
            (Global("torch", "bfloat16"), (5,), (1,), False),
        ),
        "BF16",
        5,
    ),
    (
        Call(
            Global("torch._utils", "_rebuild_qtensor"),
            (
                Reference(("storage", Global("torch", "QInt8Storage"), "0", "cpu", 6)),
                *(0, (6,), (1,), (Global("torch", "per_tensor_affine"), 0.1, 0), False, {}),
            ),
        ),
        "I8",
        6,
    ),
    (
        Call(
            Global("torch._utils", "_rebuild_sparse_tensor"),
            (
                Call(Global("torch.serialization", "_get_layout"), ("torch.sparse_coo",)),
                (tensor((2, 3), "I64"), tensor((3,), key="1"), Call(Global("torch", "Size"), ((9, 9),))),
            ),
        ),
        "F32",
        81,
    ),
    (
        Call(
            Global("torch._tensor", "_rebuild_from_type_v2"),
            (
                Global("torch._utils", "_rebuild_tensor_v2"),
                Global("torch", "Tensor"),
                tensor((7,), "F16").arguments,
                {},
            ),
        ),
        "F16",
        7,
    ),
    (
        Call(
            Global("numpy.core.multiarray", "_reconstruct"),
            (Global("numpy", "ndarray"), (0,), b"b"),
            (1, (2, 2), Call(Global("numpy", "dtype"), ("f4", False, True)), False, bytes(16)),
        ),
        "F32",
        4,
    ),
]


@pytest.mark.parametrize(
    ("call", "dtype", "elements"), REBUILT, ids=[call.function.name for call, *_ in REBUILT]
)
def test_each_way_to_rebuild_a_tensor_is_known(
    call: Call, dtype: str, elements: int, file_of: Writer
) -> None:
    header = read_header(file_of(torch_zip(pickled({"a": call})), "x.pt"))
    assert (header.tensor_count, header.precision, header.parameter_count) == (1, dtype, elements)
    assert scan_of(header)["unusual"] == []


def test_views_are_told_apart_and_tied_weights_count_once(file_of: Writer) -> None:
    value = {
        "a": tensor((4, 4)),
        "tied": tensor((4, 4)),
        "view": tensor((2, 4), offset=4),
        "scalar": tensor((), key="1"),
    }
    header = read_header(file_of(torch_zip(value), "x.pt"))
    assert (header.tensor_count, header.parameter_count) == (4, 16 + 8 + 1)


def test_tensors_without_data_in_the_archive_are_told(file_of: Writer) -> None:
    content = torch_zip(pickled(state_dict(ESRGAN)))
    header = read_header(file_of(content, "x.pth"))
    assert (header.variant, codes(header)) == ("ESRGAN 4x", ["size_mismatch"])


@pytest.mark.parametrize("group", sorted(path.stem for path in tables.FOLDER.glob("*.txt")))
def test_a_model_is_the_same_in_either_container(
    group: str, safetensors_file: Writer, file_of: Writer
) -> None:
    for name, tensors in list(tables.read(group).items())[::5]:
        tables_say = read_header(safetensors_file(tensors))
        # The data are left out: shapes decide.
        found = read_header(file_of(torch_zip(pickled(state_dict(tensors))), "x.pth"))
        for fact in (
            "type",
            "base_model",
            "candidates",
            "variant",
            "architecture",
            "components",
            "precision",
        ):
            assert getattr(found, fact) == getattr(tables_say, fact), (name, fact)
        assert (found.tensor_count, found.parameter_count) == (len(tensors), tables_say.parameter_count), name


# --- what the tables make of them -----------------------------------------------------------------------


def a1111_embedding(width: int, vectors: int = 4) -> dict[str, Any]:
    """Return a textual inversion as AUTOMATIC1111/stable-diffusion-webui saves it."""
    return {
        "string_to_token": {"*": 265},
        "string_to_param": {"*": tensor((vectors, width))},
        "name": "moss-garden",
        "step": 1500,
        "sd_checkpoint": "81761151",
        "sd_checkpoint_name": "v1-5-pruned-emaonly",
    }


@pytest.mark.parametrize(("width", "base"), [(768, "SD 1.x"), (1024, "SD 2.x")])
@pytest.mark.parametrize("container", ["zip", "legacy"])
def test_an_embedding_tells_its_base_name_and_training(
    width: int, base: str, container: str, file_of: Writer
) -> None:
    header = read_header(file_of(wrapped(a1111_embedding(width), container), "x.pt"))
    assert (header.type, header.base_model, header.confidence) == ("embedding", base, "certain")
    assert header.suggestions["name"] == "moss-garden"
    assert header.metadata["sd_checkpoint"] == "81761151"
    assert header.embedded is not None
    assert header.embedded_made
    assert json.loads(header.embedded)["step"] == 1500


def test_an_embedding_in_a_dictionary_of_parameters_is_one_too(file_of: Writer) -> None:
    parameter = Call(Global("torch._utils", "_rebuild_parameter"), (tensor((2, 768)), True, {}))
    kept = Call(
        Global("torch.nn.modules.container", "ParameterDict"),
        (),
        {"training": True, "_parameters": {"*": parameter}, "_modules": {}},
    )
    value = a1111_embedding(768) | {"string_to_param": kept, "string_to_token": {"*": tensor((), "I64", "1")}}
    header = read_header(file_of(torch_zip(value), "x.pt"))
    assert (header.type, header.base_model, header.tensor_count) == ("embedding", "SD 1.x", 1)
    assert scan_of(header)["unusual"] == []


def test_an_embedding_of_diffusers_and_one_for_two_encoders(file_of: Writer) -> None:
    header = read_header(file_of(torch_zip({"<cat-toy>": tensor((768,))}), "learned_embeds.bin"))
    assert (header.type, header.base_model) == ("embedding", "SD 1.x")
    pair = {"clip_l": tensor((2, 768)), "clip_g": tensor((2, 1280), key="1")}
    header = read_header(file_of(torch_zip(pair), "x.pt"))
    assert (header.type, header.base_model) == ("embedding", "SDXL")


@pytest.mark.parametrize(("width", "base"), [(768, "SD 1.x"), (1024, "SD 2.x")])
def test_a_hypernetwork_has_numbers_for_names(width: int, base: str, file_of: Writer) -> None:
    def layers(size: int) -> tuple[dict[str, Any], dict[str, Any]]:
        first = state_dict({"linear.0.weight": (2 * size, size), "linear.1.weight": (size, 2 * size)})
        return first, state_dict({"linear.0.weight": (2 * size, size), "linear.1.weight": (size, 2 * size)})

    value: dict[Any, Any] = {size: layers(size) for size in (width, 320, 640, 1280)}
    value |= {
        "step": 9,
        "name": "h",
        "layer_structure": [1, 2, 1],
        "activation_func": "linear",
        "sd_checkpoint": "0",
    }
    header = read_header(file_of(torch_zip(value), "h.pt"))
    assert (header.type, header.base_model, header.tensor_count) == ("hypernetwork", base, 16)
    assert header.metadata["layer_structure"] == [1, 2, 1]


def test_a_vae_of_a_training_run_is_a_vae(file_of: Writer) -> None:
    shapes = {
        "encoder.conv_in.weight": (128, 3, 3, 3),
        "encoder.down.0.block.0.norm1.weight": (128,),
        "decoder.conv_in.weight": (512, 4, 3, 3),
        "decoder.mid.block_1.norm1.weight": (512,),
        "decoder.up.3.upsample.conv.weight": (512, 512, 3, 3),
        "quant_conv.weight": (8, 8, 1, 1),
        "post_quant_conv.weight": (4, 4, 1, 1),
        "loss.logvar": (),
        "loss.discriminator.main.0.weight": (64, 3, 4, 4),
    }
    value = {"epoch": 1, "global_step": 840000, "state_dict": state_dict(shapes, "F32")}
    header = read_header(file_of(torch_zip(value), "vae-ft-mse-840000.ckpt"))
    assert header.type == "vae"
    assert header.metadata["global_step"] == 840000


def test_a_lora_in_a_pickle_is_a_lora(file_of: Writer) -> None:
    module = "lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn2_to_k"
    shapes = {
        f"{module}.lora_down.weight": (16, 768),
        f"{module}.lora_up.weight": (320, 16),
        f"{module}.alpha": (),
    }
    header = read_header(file_of(torch_zip(state_dict(shapes)), "x.pt"))
    assert (header.type, header.rank, header.algorithm) == ("lora", 16, "lora")


def test_a_pickle_without_tensors_stays_unknown(file_of: Writer) -> None:
    header = read_header(file_of(pickled({"lr": 0.1, "nan": float("nan")}), "training_args.bin"))
    assert (header.format, header.type, header.confidence) == ("pickle", "unknown", "ambiguous")
    assert header.metadata == {"lr": 0.1, "nan": "nan"}


# --- archives that are not what they should be -----------------------------------------------------------


def test_a_program_of_torch_export_is_told(file_of: Writer) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("e/archive_format", b"pt2")
        archive.writestr("e/data/weights/weight_0", bytes(8))
    header = read_header(file_of(buffer.getvalue(), "e.pt2"))
    assert (header.format, codes(header)) == ("zip", ["unsupported"])
    assert scan_of(header)["verdict"] == "unscanned"


@pytest.mark.parametrize(
    ("names", "format_"),
    [
        (("a.npy", "b.npy"), "numpy"),
        (("META-INF/MANIFEST.MF", "a.class"), "zip"),
        (("Data/com.apple.CoreML/model.mlmodel", "Manifest.json"), "zip"),
    ],
)
def test_other_archives_are_no_torch_files(names: tuple[str, ...], format_: str, file_of: Writer) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(name, b"content")
    header = read_header(file_of(buffer.getvalue(), "x.pt"))
    assert (header.format, header.type) == (format_, "unknown")
    assert header.problems


def test_a_pickle_that_blows_up_is_refused(file_of: Writer) -> None:
    bomb = b"\x80\x02}X" + struct.pack("<I", 8 << 20) + bytes(8 << 20) + b"K\x01s."
    header = read_header(file_of(torch_zip(bomb, method=zipfile.ZIP_DEFLATED), "x.pt"))
    assert scan_of(header)["message"] == "Could not be scanned: its pickle is compressed beyond measure."
    # A modest compression is read.
    content = torch_zip(state_dict(ESRGAN) | {"x": None}, method=zipfile.ZIP_DEFLATED)
    assert read_header(file_of(content, "x.pth")).variant == "ESRGAN 4x"


def test_an_encrypted_archive_is_not_scanned(file_of: Writer) -> None:
    content = bytearray(torch_zip(state_dict(ESRGAN)))
    content[content.index(b"PK\x01\x02") + 8] |= 1
    header = read_header(file_of(bytes(content), "x.pt"))
    assert (header.type, codes(header)) == ("unknown", ["encrypted"])
    assert scan_of(header)["message"] == "Could not be scanned: it is encrypted."


def test_two_members_of_one_name_are_not_believed(file_of: Writer) -> None:
    def first(archive: zipfile.ZipFile) -> None:
        archive.writestr("archive/data.pkl", pickled({}))

    with pytest.warns(UserWarning, match="Duplicate name"):
        content = torch_zip(state_dict(ESRGAN), prepare=first)
    header = read_header(file_of(content, "x.pt"))
    assert (header.tensor_count, codes(header)) == (0, ["duplicate_keys"])
    assert scan_of(header)["message"] == 'Could not be scanned: it holds "archive/data.pkl" twice.'


def test_the_folder_of_the_first_member_counts(file_of: Writer) -> None:
    def first(archive: zipfile.ZipFile) -> None:
        archive.writestr("a/data.pkl", pickled(state_dict(ESRGAN)))

    header = read_header(file_of(torch_zip({}, root="b/", prepare=first), "x.pt"))
    assert header.variant == "ESRGAN 4x"
    assert "duplicate_keys" in codes(header)


def test_an_archive_that_is_cut_off_still_tells_what_it_is(file_of: Writer) -> None:
    content = torch_zip(state_dict(ESRGAN))
    header = read_header(file_of(content[: len(content) // 2], "x.pth"))
    assert (header.variant, codes(header)) == ("ESRGAN 4x", ["truncated"])
    assert scan_of(header)["verdict"] == "unscanned"


def test_the_second_end_that_pytorch_writes_is_read_and_compared(file_of: Writer) -> None:
    content = torch_zip(state_dict(ESRGAN))
    directory, end = content.index(b"PK\x01\x02"), content.index(b"PK\x05\x06")
    count = struct.unpack_from("<H", content, end + 10)[0]
    for said, problems in ((directory, []), (4, ["header_invalid"])):
        numbers = (44, 45, 45, 0, 0, count, count, end - directory, said)
        record = struct.pack("<4sQHHIIQQQQ", b"PK\x06\x06", *numbers)
        locator = struct.pack("<4sIQI", b"PK\x06\x07", 0, end, 1)
        header = read_header(file_of(content[:end] + record + locator + content[end:], "x.pth"))
        assert (header.variant, codes(header)) == ("ESRGAN 4x", problems)


@pytest.mark.parametrize("name", ["x.pth", "x.zip"])
def test_a_directory_that_contradicts_itself_is_told(name: str, file_of: Writer) -> None:
    content = torch_zip(state_dict(ESRGAN))
    end = content.index(b"PK\x05\x06")
    fewer = content[: end + 10] + struct.pack("<H", 1) + content[end + 12 :]
    gap = content[:end] + bytes(50) + content[end:]
    elsewhere = content[: end + 16] + struct.pack("<I", 4) + content[end + 20 :]
    for broken in (fewer, gap, elsewhere):
        header = read_header(file_of(broken, name))
        assert (header.variant, codes(header)) == ("ESRGAN 4x", ["header_invalid"])
        assert scan_of(header)["verdict"] == "unscanned"
    bomb = torch_zip(b"cos\nsystem\n.")
    end = bomb.index(b"PK\x05\x06")
    header = read_header(file_of(bomb[: end + 16] + struct.pack("<I", 4) + bomb[end + 20 :], name))
    assert scan_of(header)["dangerous"] == ["os.system"]


def test_local_headers_are_not_believed(file_of: Writer) -> None:
    content = bytearray(torch_zip(state_dict(ESRGAN)))
    # Sizes and method in the first local header say nonsense; the directory has the true ones.
    content[8:10] = b"\x63\x00"
    content[14:26] = b"\xff" * 12
    assert read_header(file_of(bytes(content), "x.pth")).variant == "ESRGAN 4x"
    content[:4] = b"PK\x03\x04"
    directory = content.index(b"PK\x01\x02")
    content[directory + 42 : directory + 46] = struct.pack("<I", 7)
    header = read_header(file_of(bytes(content), "x.pth"))
    assert header.tensor_count == 0
    assert "is not where the directory says" in scan_of(header)["message"]


def test_sizes_of_the_wide_form_are_read(file_of: Writer) -> None:
    content = torch_zip(pickled(state_dict(ESRGAN)))
    directory = content.index(b"PK\x01\x02")
    end = content.index(b"PK\x05\x06")
    fields = bytearray(content[directory:end])
    stored, size = struct.unpack_from("<II", fields, 20)
    name = struct.unpack_from("<H", fields, 28)[0]
    fields[20:28] = b"\xff" * 8
    fields[42:46] = b"\xff" * 4
    extra = struct.pack("<HHQQQ", 1, 24, size, stored, 0)
    fields[30:32] = struct.pack("<H", len(extra))
    fields[46 + name : 46 + name] = extra
    tail = bytearray(content[end:])
    tail[12:16] = struct.pack("<I", len(fields))
    header = read_header(file_of(content[:directory] + bytes(fields) + bytes(tail), "x.pth"))
    assert header.variant == "ESRGAN 4x"


@pytest.mark.parametrize("name", ["../../etc/data.pkl", "/data.pkl", "a\\..\\data.pkl", "x/../data.pkl"])
def test_names_of_members_are_never_paths(name: str, file_of: Writer, tmp_path: Path) -> None:
    before = sorted(tmp_path.parent.iterdir())
    content = torch_zip(state_dict(ESRGAN), root=name.removesuffix("data.pkl"))
    assert read_header(file_of(content, "x.pth")).format in ("torch-zip", "zip")
    assert sorted(tmp_path.parent.iterdir()) == before


def test_seventy_thousand_members_are_listed_in_time(file_of: Writer) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("archive/data.pkl", pickled(state_dict(ESRGAN)))
        for number in range(70_000):
            archive.writestr(f"archive/data/x{number}", b"")
    header = read_header(file_of(buffer.getvalue(), "x.pth"))
    assert (header.variant, header.facts["entries"]) == ("ESRGAN 4x", 70_001)


def test_a_large_sparse_archive_is_read_by_its_ends(tmp_path: Path) -> None:
    content = torch_zip(pickled({"w": tensor((2**28, 4), "F16", "0")}))
    data = 2**31
    directory = content.index(b"PK\x01\x02")
    local = struct.pack("<4s5H3I2H", b"PK\x03\x04", 20, 0, 0, 0, 0, 0, data, data, 14, 0) + b"archive/data/0"
    entry = struct.pack(
        "<4s6H3I5H2I", b"PK\x01\x02", 20, 20, 0, 0, 0, 0, 0, data, data, 14, 0, 0, 0, 0, 0, directory
    )
    end = content.index(b"PK\x05\x06")
    listed = content[directory:end] + entry + b"archive/data/0"
    tail = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 3, 3, len(listed), directory + len(local) + data, 0)
    path = tmp_path / "x.ckpt"
    with path.open("wb") as file:
        file.write(content[:directory] + local)
        file.seek(data, io.SEEK_CUR)
        file.write(listed + tail)
    header = read_header(str(path))
    assert (header.tensor_count, header.parameter_count, header.problems) == (1, 2**30, ())


ARCHIVE = torch_zip({"state_dict": {"emb_params": tensor((1, 768), "I8")}, "name": "x"})


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    changes=st.lists(st.tuples(st.integers(0, len(ARCHIVE)), st.sampled_from(BYTES)), max_size=6),
    cut=st.integers(0, len(ARCHIVE)) | st.just(0),
)
def test_no_damage_of_an_archive_goes_without_an_answer(
    changes: list[tuple[int, bytes]], cut: int, tmp_path: Path
) -> None:
    content = ARCHIVE
    for at, inserted in changes:
        content = content[:at] + inserted + content[at + len(inserted) :]
    path = tmp_path / "x.pt"
    path.write_bytes(content[: len(content) - cut])
    header = read_header(str(path))
    json.dumps(header.as_json(), allow_nan=False)
    assert all(problem.message for problem in header.problems)
    assert ("pickle_scan" in header.facts) >= (
        header.format in ("torch-zip", "torchscript", "torch-legacy", "pickle")
    )
