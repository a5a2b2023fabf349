"""The words of the command line: one table of all commands.

It names where each command's deed stands; nothing but the module of the chosen one is loaded.
"""

from __future__ import annotations

import argparse
from types import ModuleType
from typing import Any

from modelmgr.cli.parser import Argument, Command, OneOf, amount, number, parser_of, path, port, sha256


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line; without a command the window opens."""
    root = parser_of(COMMANDS, GROUPS)
    root.set_defaults(module=_doors, deed="gui", paths=[], when_failed=None)
    return root


def _add_filters(listing: argparse.ArgumentParser) -> None:
    """Give a command an option for all that may be asked of the library view."""
    from modelmgr import search
    from modelmgr.filters import MODEL_FILTERS, FilterKind

    listing.epilog = f"{listing.epilog}\n\n{search.help_text()}"
    for filter_ in MODEL_FILTERS:
        options: dict[str, Any] = {"default": filter_.default, "help": filter_.help}
        if filter_.kind == FilterKind.FLAG:
            is_open = filter_.default is None
            options["action"] = argparse.BooleanOptionalAction if is_open else "store_true"
        else:
            options |= {"metavar": filter_.metavar, "type": path if filter_.is_path else str}
        if filter_.kind == FilterKind.MANY:
            options |= {"action": "append", "default": []}
        listing.add_argument(f"--{filter_.name}", **options)


def _tell_columns(edit: argparse.ArgumentParser) -> None:
    """Name the columns that can be edited in a command's help."""
    from modelmgr.edits import EDITABLE

    half = len(EDITABLE) // 2
    edit.epilog = (
        f"Columns: {', '.join(EDITABLE[:half])},\n{', '.join(EDITABLE[half:])}.\n"
        f"Lists stand between commas, flags are yes or no.\n\n{edit.epilog}"
    )


def _doors() -> ModuleType:
    from modelmgr.cli import doors

    return doors


def _folders() -> ModuleType:
    from modelmgr.cli import folder_commands

    return folder_commands


def _models() -> ModuleType:
    from modelmgr.cli import model_commands

    return model_commands


def _migration() -> ModuleType:
    from modelmgr.cli import migration_commands

    return migration_commands


def _upkeep() -> ModuleType:
    from modelmgr.cli import upkeep_commands

    return upkeep_commands


def _takes(*names: str, **options: Any) -> Argument:
    return Argument(names, options)


_FLAG: dict[str, Any] = {"action": "store_true"}
_REPEATED: dict[str, Any] = {"action": "append", "default": []}
_FAILED = {"ok": False, "problems": []}
_DIGITS = "8 or more of its digits will do"

_FOLDER = _takes("path", type=path, metavar="PATH", help="a library folder")
_FOLDERS = _takes("paths", nargs="+", type=path, metavar="PATH", help="a folder")
_PATHS = _takes("paths", nargs="+", type=path, metavar="PATH", help="a folder, sidecar, database or list")
_FILE = _takes("file", type=path, metavar="FILE", help="what is written")
_IDS = _takes("ids", nargs="*", type=number, metavar="ID", help="as `pending list` tells them")
_SOME_SHA256 = _takes("sha256", nargs="*", type=sha256, metavar="SHA256", help=_DIGITS)
_SHA256 = _takes("sha256", type=sha256, metavar="SHA256", help=_DIGITS)

GROUPS = {
    "folders": "the library folders",
    "migrate": "take over what other tools know",
    "pending": "imported records on their way into the library",
}
"""The first words of those commands that have two, and what they are about."""

COMMANDS = (
    Command(
        "gui",
        _doors,
        "gui",
        "open the window, as if the paths had been dropped on it",
        (_takes("paths", nargs="*", type=path, metavar="PATH"),),
        examples=("gui ~/Downloads",),
    ),
    Command("demo", _doors, "demo", "open the window on a sample library in a temporary folder"),
    Command(
        "serve",
        _doors,
        "serve",
        "answer other programs on this computer, until Ctrl-C",
        (
            _takes("--port", type=port, metavar="N", help="8765 unless given; 0 takes a free one"),
            _takes(
                "--token-file", type=path, metavar="FILE", help="whose word lets in (else beside the catalog)"
            ),
        ),
        examples=("serve", "serve --port 0 --token-file ~/token"),
    ),
    Command(
        "folders add",
        _folders,
        "add_folders",
        "add folders; `scan` then looks into them",
        (_FOLDERS,),
        examples=("folders add ~/ComfyUI/models /mnt/big/models",),
    ),
    Command(
        "folders remove",
        _folders,
        "remove_folders",
        "forget folders; nothing on disk is touched",
        (_FOLDERS,),
        examples=("folders remove /mnt/big/models",),
    ),
    Command("folders list", _folders, "list_folders", "list the folders"),
    Command(
        "folders ignore",
        _folders,
        "ignore",
        "say what scans leave out of a folder",
        (
            _FOLDER,
            _takes(
                "--pattern",
                action="append",
                metavar="P",
                help="as in a .gitignore; several may be given, '' for none",
            ),
            _takes(
                "--hidden",
                action=argparse.BooleanOptionalAction,
                help="leave out what is hidden, or look into it",
            ),
        ),
        examples=(
            "folders ignore ~/models --pattern 'old/' --pattern '*.bak'",
            "folders ignore ~/models --hidden",
            "folders ignore ~/models",
        ),
    ),
    Command(
        "folders ignored",
        _folders,
        "list_ignored",
        "list what scans leave out of a folder, and why",
        (_FOLDER,),
    ),
    Command(
        "folders move",
        _folders,
        "move_folder",
        "say that a folder lies elsewhere now; its models go along",
        (
            _takes("old", type=path, metavar="OLD", help="a library folder"),
            _takes("new", type=path, metavar="NEW", help="where it is now"),
            _takes("--dry-run", help="say what is found there, change nothing", **_FLAG),
        ),
        examples=("folders move /mnt/old/models /mnt/new/models --dry-run",),
    ),
    Command(
        "scan",
        _folders,
        "scan",
        "find models and compute their SHA-256; without PATH in all folders",
        (
            _takes("paths", nargs="*", type=path, metavar="PATH", help="is added as a library folder"),
            _takes("--no-hash", help="read headers only", **_FLAG),
            _takes("--quick", help="only folders that got or lost names since the last scan", **_FLAG),
            _takes(
                "--hashes",
                choices=["auto", "all", "sha256"],
                default="auto",
                help="the others that tools use too: `all`, or where they cost next to nothing (`auto`)",
            ),
            _takes(
                "--workers", type=amount, default=0, metavar="N", help="hashing threads; 0 for as many as fit"
            ),
            _takes(
                "--read-limit",
                type=amount,
                default=0,
                metavar="MB",
                help="megabytes a second that hashing may read; 0 for no limit",
            ),
        ),
        examples=("scan ~/models", "scan", "scan --no-hash ~/models", "scan --quick"),
    ),
    Command(
        "locate",
        _models,
        "locate",
        "say where the lost file of a model is now",
        (_SHA256, _takes("path", type=path, metavar="PATH", help="the file")),
        examples=("locate 3f2a91c0 /mnt/usb/ink.safetensors",),
    ),
    Command(
        "list",
        _models,
        "list_models",
        "list models",
        (
            _takes("--limit", type=amount, default=100, metavar="N", help="100 unless given"),
            _takes("--offset", type=amount, default=0, metavar="N", help="leave out the first N"),
        ),
        (
            "list --type lora --base sdxl --sort added_at --desc",
            "list --search 'ink -tag:wip size:>100mb'",
            "list --state duplicate --state missing --limit 1000",
            "list --favorite --json",
        ),
        _add_filters,
    ),
    Command(
        "show",
        _models,
        "show",
        "show everything known about one model",
        (_takes("sha256", type=sha256, metavar="SHA256", help=f"{_DIGITS}, or another hash of the file"),),
        examples=("show 3f2a91c0", "show 3f2a91c0 --json"),
    ),
    Command(
        "edit",
        _models,
        "edit",
        "set what holds against every scan and import; undo it",
        (
            _SOME_SHA256,
            _takes("--set", metavar="COLUMN=VALUE", help="may be repeated", **_REPEATED),
            _takes("--reset", metavar="COLUMN", help="back to the imported value", **_REPEATED),
            *(
                _takes(f"--{verb}-{option}", metavar=what, help="may be repeated", **_REPEATED)
                for option, what in (("tag", "T"), ("trigger-word", "W"))
                for verb in ("add", "remove")
            ),
            _takes("--note", default="", metavar="TEXT", help="for the history"),
            OneOf(
                tuple(
                    _takes(
                        f"--{verb}",
                        nargs="?",
                        type=number,
                        const=0,
                        metavar="N",
                        help=f"edit N, else {which}",
                    )
                    for verb, which in (("undo", "the last one"), ("redo", "the last one undone"))
                )
            ),
        ),
        (
            "edit 3f2a91c0 --set rating=4 --set favorite=yes",
            "edit 3f2a91c0 77db8619 --add-tag ink --note spring",
            "edit 3f2a91c0 --reset name",
            "edit --undo",
        ),
        _tell_columns,
    ),
    Command(
        "edits",
        _models,
        "list_edits",
        "show what was edited of a model, and where its values come from",
        (_SHA256,),
        examples=("edits 3f2a91c0",),
    ),
    Command(
        "migrate detect",
        _migration,
        "detect",
        "say which tools' records lie there",
        (_PATHS,),
        examples=("migrate detect ~/ComfyUI ~/stable-diffusion-webui",),
    ),
    Command(
        "migrate import",
        _migration,
        "import_records",
        "import records; they wait as pending models",
        (
            _PATHS,
            _takes(
                "--source",
                metavar="KIND",
                help="take the paths as this source, as `migrate detect` names them",
            ),
            _takes("--dry-run", help="say what would come, import nothing", **_FLAG),
        ),
        examples=(
            "migrate import ~/ComfyUI --dry-run",
            "migrate import ~/ComfyUI",
            "migrate import --source generic-csv models.csv",
        ),
    ),
    Command("migrate resume", _migration, "resume", "finish interrupted imports"),
    Command(
        "pending list",
        _migration,
        "list_pending",
        "list imported records",
        (
            _takes("--state", choices=["pending", "promoted", "dismissed"], help="only those in this state"),
            _takes("--problem", metavar="P", help="no_file, hash_mismatch ...; `none` for those without"),
        ),
        examples=("pending list --state pending", "pending list --problem no_file"),
    ),
    Command(
        "pending promote",
        _migration,
        "promote",
        "link records to their files and make them active",
        (
            _IDS,
            _takes("--all", help="instead of IDs: all that are pending", **_FLAG),
            _takes("--attach-anyway", help="also where a claimed hash differs", **_FLAG),
            _takes("--allow-missing", help="also where there is no file", **_FLAG),
            _takes("--keep-previews", help="copy their pictures beside the catalog", **_FLAG),
        ),
        examples=(
            "pending promote --all",
            "pending promote 12 13 --attach-anyway",
            "pending promote --all --allow-missing",
        ),
    ),
    Command(
        "pending undo",
        _migration,
        "undo",
        "take promoted records back; what you edited stays",
        (_IDS, _takes("--last", help="those that the last `promote` promoted", **_FLAG)),
        examples=("pending undo --last", "pending undo 12 13"),
    ),
    Command(
        "pending dismiss",
        _migration,
        "dismiss",
        "put records away, promoting nothing",
        (_takes("ids", nargs="+", type=number, metavar="ID", help="as `pending list` tells them"),),
        examples=("pending dismiss 12 13",),
    ),
    Command(
        "pending clear-promoted", _migration, "clear_promoted", "remove promoted rows whose payload is active"
    ),
    Command(
        "pending export",
        _migration,
        "export_pending",
        "print all records with their payloads, one line each",
        (_takes("--jsonl", required=True, help="the form, the only one", **_FLAG),),
        examples=("pending export --jsonl > pending.jsonl",),
    ),
    Command(
        "export",
        _upkeep,
        "export",
        "write the library: with every record to a file, or as sidecars of a tool",
        (
            OneOf(
                (
                    _takes("--jsonl", action="store_const", dest="kind", const="jsonl", help="lossless"),
                    _takes("--csv", action="store_const", dest="kind", const="csv", help="for spreadsheets"),
                    _takes(
                        "--sidecars",
                        choices=["civitai-info", "lora-manager", "a1111", "stability-matrix"],
                        help="what that tool keeps beside its models, below a folder",
                    ),
                ),
                required=True,
            ),
            _takes("--overwrite", help="sidecars may replace files that are there", **_FLAG),
            _takes("file", type=path, metavar="FILE|DIR", help="what is written; a folder for sidecars"),
        ),
        examples=(
            "export --jsonl library.jsonl",
            "export --csv library.csv",
            "export --sidecars a1111 ~/stable-diffusion-webui/models",
        ),
    ),
    Command(
        "verify",
        _models,
        "verify",
        "hash files again and compare",
        (_SOME_SHA256,),
        examples=("verify", "verify 3f2a91c0"),
    ),
    Command("duplicates", _models, "duplicates", "list models with more than one file"),
    Command("stats", _models, "stats", "count models and bytes"),
    Command(
        "backup",
        _upkeep,
        "backup",
        "copy the catalog while it is in use",
        (_FILE,),
        when_failed=_FAILED,
        examples=("backup ~/modelmgr-backup.sqlite",),
    ),
    Command("check", _upkeep, "check", "check the catalog and every payload in it", when_failed=_FAILED),
    Command(
        "restore",
        _upkeep,
        "restore",
        "put a backup in the catalog's place",
        (_takes("file", type=path, metavar="FILE", help="the present catalog is kept aside"),),
        when_failed=_FAILED,
        examples=("restore ~/modelmgr-backup.sqlite",),
    ),
)
"""Every command, in the order of the help."""
