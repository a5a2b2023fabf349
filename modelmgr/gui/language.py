"""The language of the window: which translation is loaded, and how texts of tables and counted things are said.

English stands in the source. A translation is a file ``modelmgr_<language>.qm`` of ``resources/translations``, made of
the ``.ts`` file beside it by ``pyside6-lrelease``; ``tests/translations.py`` writes what is to be translated into it,
and beside it ``sentences.txt``: the sentences of the rooms below the window, which know nothing of languages.
"""

from typing import NamedTuple

from PySide6.QtCore import QCoreApplication, QLocale, QTranslator

from modelmgr.resources import resource_path

WORDS, COUNTED = "Words", "Counted"
"""The contexts of `said` and `plural`, for those who translate."""


def install(app: QCoreApplication, locale: QLocale | None = None) -> bool:
    """Have the application speak the language of `locale` (the system's if none is given), if there is a translation.

    Returns:
        Whether there is one. Qt's own texts (buttons of dialogs, menus of text fields) are translated along with ours,
        never alone: two languages in one window are worse than English.
    """
    if app.findChild(QTranslator, "modelmgrTranslator") is not None:
        return True
    locale = locale or QLocale.system()
    folder = str(resource_path("translations"))
    ours = QTranslator(app)
    ours.setObjectName("modelmgrTranslator")
    if not ours.load(locale, "modelmgr", "_", folder):
        ours.deleteLater()
        ours.setParent(None)
        return False
    from PySide6.QtCore import QLibraryInfo

    qts = QTranslator(app)
    if qts.load(locale, "qtbase", "_", QLibraryInfo.path(QLibraryInfo.LibraryPath.TranslationsPath)):
        app.installTranslator(qts)
    app.installTranslator(ours)
    sentences = resource_path("translations", "sentences.txt")
    if sentences.is_file():
        from modelmgr.gui.sentences import use_templates

        use_templates(sentences.read_text(encoding="utf-8").splitlines())
    return True


_MOST, _MILLION = 2**31 - 1, 1_000_000


def said(text: str) -> str:
    """Return a text of a table, which has no object to translate it, in the user's language."""
    return QCoreApplication.translate(WORDS, text) if text else text


class Forms(NamedTuple):
    """A text with a number in it, ``%n``: of one thing, and of any other number of them.

    A translation is that of `many`, and has the plural forms of its language.
    """

    one: str
    many: str


def plural(number: int, text: str) -> str | None:
    """Return a text with a number in it (``%n model``) in the user's language; None where that is English."""
    # Qt counts with 32 bits, and bytes are more; the form of a word hangs on the last digits alone.
    small = number if number <= _MOST else _MILLION + number % _MILLION
    found = QCoreApplication.translate(COUNTED, text, None, small)
    return None if found == text.replace("%n", str(small)) else found.replace(str(small), str(number), 1)
