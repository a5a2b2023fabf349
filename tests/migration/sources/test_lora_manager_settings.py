"""ComfyUI-Lora-Manager's settings: folders of models and no secret."""

import json

import pytest

from modelmgr.catalog import Catalog
from modelmgr.library import Library
from modelmgr.migration import detect
from modelmgr.migration.sources.lora_manager_settings import LoraManagerSettings
from modelmgr.progress import Progress
from tests.inbox import pending_in
from tests.migration.specimens import lora_manager as specimen

SOURCE = LoraManagerSettings()

EXAMPLE = {
    "use_portable_settings": False,
    "civitai_api_key": "1234567890abcdef",
    "proxy_password": "hunter2",
    "folder_paths": {
        "loras": ["/data/loras", "/data/more/../loras"],
        "checkpoints": ["/data/checkpoints"],
        "unet": ["/data/unet"],
        "embeddings": ["/data/embeddings", "D:/AI/embeddings"],
    },
    "extra_folder_paths": {"loras": ["/mnt/loras"], "something_new": ["/mnt/other"]},
    "libraries": {
        "default": {"folder_paths": {"loras": ["/data/loras"]}},
        "Second one!": {
            "folder_paths": {"loras": ["/second/loras"]},
            "extra_folder_paths": {"checkpoints": "/second/checkpoints"},
            "default_unet_root": "/second/unet",
            "recipes_path": "/second/recipes",
        },
    },
    "active_library": "Second one!",
    "example_images_path": "/data/examples",
}


def roots(shelf, settings):
    text = settings if isinstance(settings, bytes) else json.dumps(settings).encode()
    shelf.put("settings.json", text)
    if not shelf.probe(SOURCE, "settings.json"):
        return None
    assert shelf.read(SOURCE, "settings.json") == []
    found = SOURCE.roots(shelf.container("settings.json"))
    assert {(root.source, root.source_path) for root in found} <= {
        ("lora-manager-settings", str(shelf.folder / "settings.json"))
    }
    return [(root.path, root.type) for root in found]


def test_the_folders_of_all_libraries_are_named_once_each(shelf):
    assert roots(shelf, EXAMPLE) == [
        ("/data/loras", "lora"),
        ("/data/checkpoints", "checkpoint"),
        ("/data/unet", "diffusion_model"),
        ("/data/embeddings", "embedding"),
        ("/mnt/loras", "lora"),
        ("/mnt/other", "unknown"),
        ("/second/loras", "lora"),
        ("/second/checkpoints", "checkpoint"),
        ("/second/unet", "diffusion_model"),
    ]


@pytest.mark.parametrize(
    ("settings", "found"),
    [
        ({"folder_paths": {"loras": ["/a"]}}, [("/a", "lora")]),
        ({"libraries": {"x": {"default_lora_root": "/a"}}}, [("/a", "lora")]),
        ({"folder_paths": {"loras": ["relative", "~/loras", "a\0b", 5, None]}}, []),
        (b'\xef\xbb\xbf{"folder_paths": {"loras": ["/a",],},}', [("/a", "lora")]),
        ({"folder_paths": {"loras": []}}, None),
        ({"folder_paths": {"documents": ["/home"]}}, None),
        ({"folder_paths": ["/a"], "libraries": 5}, None),
        ({"libraries": {"x": None, "y": []}}, None),
        ({"downloadsFolder": "/a"}, None),
        ({"data_folder": "/a"}, None),
        ({"ModelDirectoryOverride": "/a"}, None),
        ({"editor.fontSize": 12}, None),
        (b"", None),
        (b"[" * 10_000, None),
        (b'{"folder_paths": {"loras": ["/a"]', None),
    ],
)
def test_only_such_settings_are_taken(shelf, settings, found):
    assert roots(shelf, settings) == found
    assert shelf.problems == []


def test_no_byte_of_it_is_kept(tmp_path):
    folder = tmp_path / "ComfyUI-LoRA-Manager"
    folder.mkdir()
    loras = tmp_path / "loras"
    settings = {"civitai_api_key": "1234567890abcdef", "folder_paths": {"loras": [str(loras)]}}
    (folder / "settings.json").write_text(json.dumps(settings))
    with Catalog.open(tmp_path / "catalog.sqlite") as catalog:
        report = Library(catalog).import_paths([str(folder)], progress=Progress())
        assert [root.path for root in report.roots] == [str(loras)]
        assert report.seen == report.imported + report.unchanged + report.ignored + report.failed
        assert pending_in(catalog) == []
    assert b"1234567890abcdef" not in (tmp_path / "catalog.sqlite").read_bytes()


def test_names_of_libraries_become_names_of_caches_that_are_found(tmp_path):
    """The tool writes ``Second one!`` as ``Second_one_.sqlite``; the name is of no matter to the probe."""
    folder = tmp_path / "cache" / "model"
    folder.mkdir(parents=True)
    for name in ("default.sqlite", "Second_one_.sqlite"):
        specimen.write_cache_of(folder / name, specimen.rows_of("/a.safetensors"))
    found = detect.find([str(tmp_path)], library_folders=[], progress=Progress(), report=lambda problem: None)
    assert [one.source.id for one in found if one.source] == ["lora-manager-cache"] * 2
