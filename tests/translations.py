"""Gathers every text of the window that can be translated into a file for translators.

    python tests/translations.py de             writes or renews resources/translations/modelmgr_de.ts
    pyside6-lrelease modelmgr_de.ts             makes the .qm file beside it that the window loads

What is translated already stays; what is gone from the source is left out. Beside the files of all languages lies
sentences.txt: by it the window knows what rooms below it say (see `modelmgr/gui/sentences.py`).
"""

import ast
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from modelmgr.resources import resource_path  # noqa: E402
from modelmgr.search.fields import FIELDS  # noqa: E402
from modelmgr.vocabulary import source_names  # noqa: E402
from tests import sentences  # noqa: E402

GUI = ROOT / "modelmgr" / "gui"
SEARCH = ROOT / "modelmgr" / "search"
FOLDER = ROOT / "resources" / "translations"
WORDS, COUNTED, SENTENCES = "Words", "Counted", "Sentences"
# Tables of words that are translated when they are looked up, and the context in which that is done.
TABLES = {
    "text.py": ("_TYPE_LABELS", "_COLUMN_LABELS", "_STATE_LABELS", "_PERMISSIONS", "_AGES"),
    "reasons.py": ("_SHORT", "_LONG", "_STATES", "_STATE_SENTENCES", "_NO_TOOLS", "_RANKS"),
    "states.py": ("_SAFE", "_SAFE_ELSE"),
    "folder_rules.py": ("_REASONS",),
    "facts.py": ("SAID_BY",),
    "hashes.py": ("_LABELS", "_USED_BY", "_TRUST"),
    "identity.py": ("_FACTS", "_SURE", "_YOURS"),
    "comparison.py": ("_TITLES",),
    "history.py": ("_DOORS", "_IN_WINDOW", "_STEP", "_TAKEN_BACK"),
    "model_page.py": ("_TROUBLES",),
    "columns.py": ("_HASH_WORDS", "_STATE_WORDS", "_STATE_TIPS", "_DANGERS"),
    "told.py": ("GROUPS",),
}
# What is made of words that are translated when they are shown: context, and which arguments they are.
TITLED = {"Column": ("Columns", (1,)), "_Column": ("PendingColumns", (0,)), "_Deed": ("PendingPage", (1, 2))}


@dataclass(frozen=True, order=True)
class Text:
    """One text: the class or room that says it, and whether it has plural forms."""

    context: str
    source: str
    plural: bool = False


def texts() -> set[Text]:
    """Return all that is given to Qt's translation anywhere in the window."""
    found: set[Text] = {Text(SENTENCES, template) for template in sentences.templates()}
    trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(GUI.rglob("*.py"))}
    helpers = {_module(path): _helpers(tree) for path, tree in trees.items()}
    for path, tree in trees.items():
        called = dict(helpers[_module(path)])
        for node in tree.body:
            if isinstance(node, ast.ImportFrom) and node.module:
                theirs = helpers.get(node.module, {})
                called |= {each.name: theirs[each.name] for each in node.names if each.name in theirs}
        found.update(_below(tree, path.stem, called))
        for node in tree.body:
            match node:
                case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                    if name in TABLES.get(path.name, ()) and node.value is not None:
                        found.update(Text(WORDS, text) for text in _values(node.value))
    for path in sorted(SEARCH.glob("*.py")):
        found.update(_of_search(ast.parse(path.read_text(encoding="utf-8"))))
    for field in FIELDS:
        found.update(
            Text("Search", text) for text in (field.help, field.says, field.lacks, field.has) if text
        )
    found.update(Text(WORDS, name) for name in source_names().values())
    lines = json.loads(resource_path("identification", "shown.json").read_text(encoding="utf-8"))["lines"]
    found.update(Text(WORDS, line["label"]) for line in lines)
    return found


def _module(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


def _of_search(tree: ast.Module) -> Iterator[Text]:
    """Yield the templates that the language of searches has said by the window."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "say":
            yield from (Text("Search", text) for text in _strings(node.args[0]))


def _helpers(tree: ast.Module) -> dict[str, str]:
    """Return the functions of a module that only translate, with the context that they name."""
    found = {}
    for node in tree.body:
        for call in ast.walk(node) if isinstance(node, ast.FunctionDef) else ():
            if isinstance(call, ast.Call) and getattr(call.func, "attr", "") == "translate" and call.args:
                first = call.args[0]
                if isinstance(first, ast.Constant) and isinstance(call.args[-1], ast.Name):
                    found[node.name] = str(first.value)  # type: ignore[union-attr]
    return found


def _values(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Dict):
        for value in node.values:
            yield from _values(value)
    elif isinstance(node, ast.Tuple):
        for value in node.elts:
            yield from _values(value)
    else:
        yield from _strings(node)


def _below(node: ast.AST, context: str, helpers: Mapping[str, str]) -> Iterator[Text]:
    for child in ast.iter_child_nodes(node):
        yield from _below(child, child.name if isinstance(child, ast.ClassDef) else context, helpers)
    if not isinstance(node, ast.Call) or not node.args:
        return
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    first = node.args[0]
    if name in helpers and isinstance(node.func, ast.Name):
        yield from (Text(helpers[name], text) for text in _strings(first))
    elif name in TITLED:
        where, places = TITLED[name]
        for place in places:
            yield from (Text(where, text) for text in _strings(node.args[place]))
    elif name == "tr":
        yield from (Text(context, text, _has_number(node)) for text in _strings(first))
    elif name == "translate" and len(node.args) > 1:
        for where in _strings(first):
            yield from (Text(where, text, len(node.args) > 3) for text in _strings(node.args[1]))
    elif name == "said":
        yield from (Text(WORDS, text) for text in _strings(first))
    elif name == "Forms":
        yield from (Text(COUNTED, text, True) for text in _strings(node.args[1]))
    elif name == "counted" and len(node.args) > 1:
        yield from (Text(COUNTED, f"%n {text}", True) for text in _strings(node.args[1]))


def _has_number(call: ast.Call) -> bool:
    return len(call.args) > 2 or any(keyword.arg == "n" for keyword in call.keywords)


def _strings(node: ast.AST) -> Iterator[str]:
    """Yield the text that a constant is, or those between which a condition chooses."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value:
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from _strings(node.body)
        yield from _strings(node.orelse)


def write(language: str) -> Path:
    """Write or renew the file of a language, in the form of Qt Linguist (Qt, "TS file format")."""
    path = FOLDER / f"modelmgr_{language}.ts"
    known = _known(path) if path.exists() else {}
    top = ElementTree.Element("TS", version="2.1", language=language, sourcelanguage="en")
    contexts: dict[str, ElementTree.Element] = {}
    for text in sorted(texts()):
        if text.context not in contexts:
            contexts[text.context] = ElementTree.SubElement(top, "context")
            ElementTree.SubElement(contexts[text.context], "name").text = text.context
        message = ElementTree.SubElement(contexts[text.context], "message")
        if text.plural:
            message.set("numerus", "yes")
        ElementTree.SubElement(message, "source").text = text.source
        translation = known.get((text.context, text.source))
        if translation is None:
            translation = ElementTree.Element("translation", type="unfinished")
        message.append(translation)
    ElementTree.indent(top)
    path.parent.mkdir(parents=True, exist_ok=True)
    head = '<?xml version="1.0" encoding="utf-8"?>\n<!DOCTYPE TS>\n'
    path.write_text(head + ElementTree.tostring(top, encoding="unicode") + "\n", encoding="utf-8")
    known_to_window = "\n".join(sorted(sentences.templates())) + "\n"
    (path.parent / "sentences.txt").write_text(known_to_window, encoding="utf-8")
    return path


def _known(path: Path) -> dict[tuple[str, str], ElementTree.Element]:
    found = {}
    for context in ElementTree.parse(path).getroot().iter("context"):
        for message in context.iter("message"):
            translation = message.find("translation")
            if translation is not None and translation.get("type") != "unfinished":
                found[context.findtext("name", ""), message.findtext("source", "")] = translation
    return found


if __name__ == "__main__":
    for asked in sys.argv[1:]:
        print(write(asked))
