"""What a table of commands is made of, and the parser that is made of such a table.

Every start pays for the parser, so only the options of the command that is asked for are made.
"""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import field
from types import ModuleType
from typing import Any, NamedTuple, NoReturn

from modelmgr import __version__
from modelmgr.errors import Usage
from modelmgr.lazily import dataclass

_LARGEST = 2**63 - 1  # what SQLite can hold
_LAST_PORT = 65_535
_COMMAND = "COMMAND"


class Argument(NamedTuple):
    """One argument of a command: `names` and `options` as `argparse.ArgumentParser.add_argument` has them."""

    names: tuple[str, ...]
    options: dict[str, Any]


class OneOf(NamedTuple):
    """Arguments of which at most one may stand, or exactly one."""

    arguments: tuple[Argument, ...]
    required: bool = False


@dataclass(frozen=True, slots=True)
class Command:
    """One command.

    Attributes:
        words: what the user says, ``list`` or ``folders add``.
        module: loads the module of `deed`.
        deed: the name of the function there that takes the `Call` and returns the exit code.
        help: what it does, in a few words.
        arguments: what it takes, but for ``--json``.
        examples: some lines as a user would type them after ``modelmgr``.
        complete: adds what is dear to know, once the command is asked for.
        when_failed: what its document says beside the error if it could not be done.
    """

    words: str
    module: Callable[[], ModuleType]
    deed: str
    help: str
    arguments: tuple[Argument | OneOf, ...] = ()
    examples: tuple[str, ...] = ()
    complete: Callable[[argparse.ArgumentParser], None] | None = None
    when_failed: dict[str, Any] | None = field(default=None)


class _Parser(argparse.ArgumentParser):
    """A parser of the program's words; wrong ones are a `Usage`.

    Args:
        complete: called once, before the parser is asked anything. One that has it is made when it is first asked:
            argparse takes 6 ms to make those of all commands, and a run has one command.
        options: as argparse has them.
    """

    def __init__(
        self, *, complete: Callable[[argparse.ArgumentParser], None] | None = None, **options: Any
    ) -> None:
        self._complete = complete
        self._options: dict[str, Any] | None = options
        if complete is None:
            self._make()

    def _make(self) -> None:
        options, self._options = self._options or {}, None
        super().__init__(allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter, **options)

    def __getattr__(self, name: str) -> Any:
        # Python asks here for what argparse has not given it yet.
        if self.__dict__.get("_options") is None:
            raise AttributeError(name)
        self._make()
        return getattr(self, name)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        if self._complete is None:
            return super().parse_known_args(args, namespace)
        if self._options is not None:
            self._make()
        complete, self._complete = self._complete, None
        complete(self)
        parsed, unknown = super().parse_known_args(self._joined(args), namespace)
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}")
        return parsed, unknown

    def _joined(self, words: Sequence[str]) -> list[str]:
        """Return the words with values that begin with a dash, as searches may, joined to their options."""
        joined: list[str] = []
        for at, word in enumerate(words):
            if word == "--":
                return joined + list(words[at:])
            option = self._option_string_actions.get(joined[-1]) if joined else None
            takes_one = option is not None and option.nargs is None
            if takes_one and re.match("-[^-]", word) and word not in self._option_string_actions:
                joined[-1] += f"={word}"  # argparse would take it for an option
            else:
                joined.append(word)
        return joined

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        # Of argparse's own, unchanged from Python 3.2 to 3.14; without it the message is longer, no more.
        if isinstance(action, argparse._SubParsersAction) and value not in action.choices:
            import difflib

            near = difflib.get_close_matches(str(value), action.choices, 1)
            hint = f"; did you mean {near[0]!r}?" if near else f". There are {', '.join(action.choices)}."
            self.error(f"there is no command {value!r}{hint}")
        super()._check_value(action, value)

    def error(self, message: str) -> NoReturn:
        if message.startswith("unrecognized"):
            message += _place_of(message.split())
        elif message.endswith(f"required: {_COMMAND}"):
            names = next(action.choices or () for action in self._actions if action.metavar == _COMMAND)
            message = f"{self.prog} what? There are {', '.join(names)}."
        raise Usage(message, usage=self.format_usage())


def _place_of(unknown: Iterable[str]) -> str:
    """Return where an option stands that was said at the wrong place; empty if there is none."""
    for word in unknown:
        if word.partition("=")[0] == "--catalog":
            return "; it stands before the command: modelmgr --catalog FILE COMMAND"
        if word == "--json":
            return "; it stands after the command: modelmgr COMMAND --json"
    return ""


def parser_of(commands: Iterable[Command], groups: Mapping[str, str]) -> argparse.ArgumentParser:
    """Return the parser of a table of commands.

    Args:
        commands: in the order of the help.
        groups: the first words of those commands that have two, and what they are about.

    What it parses has, beside the arguments, ``module`` and ``deed`` of the command and its ``when_failed``.
    """
    root = _Parser(
        prog="modelmgr",
        description="One library over all your AI models. Without a command the window opens.",
        epilog="First steps:\n"
        "  modelmgr scan ~/models              find what is there\n"
        "  modelmgr list --search type:lora    look for some of it\n"
        "  modelmgr migrate import ~/ComfyUI   take over what another tool knows\n"
        "  modelmgr COMMAND --help             says more, with examples\n\n"
        "Exit codes: 0 all well, 1 met problems, 2 wrong usage, 3 no usable catalog, 130 cancelled.",
    )
    root.add_argument("--version", action="version", version=f"modelmgr {__version__}")
    root.add_argument(
        "--catalog",
        metavar="FILE",
        help="the catalog to use (else MODELMGR_CATALOG, else the one in your data folder)",
    )
    first = root.add_subparsers(metavar=_COMMAND, title="commands")
    under: dict[str, Any] = {"": first}
    for command in commands:
        group, _, name = command.words.rpartition(" ")
        if group not in under:
            made = first.add_parser(group, help=groups[group], description=_sentence(groups[group]))
            under[group] = made.add_subparsers(metavar=_COMMAND, title="commands", required=True)
        under[group].add_parser(
            name, help=command.help, description=_sentence(command.help), complete=_completed(command)
        )
    return root


def _sentence(words: str) -> str:
    return f"{words[0].upper()}{words[1:]}."


def _completed(command: Command) -> Callable[[argparse.ArgumentParser], None]:
    """Return what gives a parser the arguments of a command."""

    def complete(made: argparse.ArgumentParser) -> None:
        if command.examples:
            made.epilog = "\n".join(["Examples:", *(f"  modelmgr {example}" for example in command.examples)])
        made.set_defaults(module=command.module, deed=command.deed, when_failed=command.when_failed)
        made.add_argument("--json", action="store_true", help="print one JSON document")
        for argument in command.arguments:
            if isinstance(argument, OneOf):
                group = made.add_mutually_exclusive_group(required=argument.required)
                for names, options in argument.arguments:
                    group.add_argument(*names, **options)
            else:
                made.add_argument(*argument.names, **argument.options)
        if command.complete is not None:
            command.complete(made)

    return complete


# --- what arguments take ----------------------------------------------------------------------------------


def number(text: str) -> int:
    """Return a whole number of 0 or more.

    Raises:
        argparse.ArgumentTypeError: the word is none.
    """
    try:
        found = int(text)
    except ValueError:
        found = -1
    if found < 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of 0 or more")
    return found


def amount(text: str) -> int:
    """Return a number of which more than the catalog can count is no more.

    Raises:
        argparse.ArgumentTypeError: the word is none.
    """
    return min(number(text), _LARGEST)


def port(text: str) -> int:
    """Return the number of a port.

    Raises:
        argparse.ArgumentTypeError: the word is none.
    """
    found = number(text)
    if found > _LAST_PORT:
        raise argparse.ArgumentTypeError(f"{text!r} is no port; the last one is {_LAST_PORT}")
    return found


def path(text: str) -> str:
    """Return an absolute path.

    Raises:
        argparse.ArgumentTypeError: the word is none.
    """
    if not text:
        raise argparse.ArgumentTypeError("a path is empty")
    try:
        return os.path.abspath(text)
    except FileNotFoundError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is relative, and the current folder isn't there any more"
        ) from None


def sha256(text: str) -> str:
    """Return the digits of a hash, which may stand behind its kind, as other programs write it.

    Raises:
        argparse.ArgumentTypeError: the word is none.
    """
    found = re.fullmatch(
        r"\s*(?:0x|(?:sha256|autov[123]|crc32|blake3)[:-])?([0-9a-f]{8,64})\s*", text.lower()
    )
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not a SHA-256 or its first 8 or more digits")
    return found[1]
