"""What a preview found and what an import did, in sentences, as text to keep and as JSON."""

import json

from modelmgr import documents
from modelmgr.gui.language import Forms
from modelmgr.gui.outcomes import error_text, full_sentence, sentence
from modelmgr.gui.reasons import source_label
from modelmgr.gui.sentences import spoken
from modelmgr.gui.text import counted, listed, numbered, type_label
from modelmgr.gui.wizard.journey import Journey, Offer
from modelmgr.gui.wizard.parts import tr
from modelmgr.values import ImportReport

_COUNTS = ("seen", "imported", "changed", "unchanged", "failed")


def preview_sentence(report: ImportReport) -> str:
    """Say in one sentence what a preview found."""
    known = report.imported + report.unchanged
    parts = []
    if known:
        words = tr("{} from {}")
        if report.imported and report.unchanged:
            again = Forms("{} from {} (%n of them known already)", "{} from {} (%n of them known already)")
            words = numbered(report.unchanged, again)
        elif report.unchanged:
            words = tr("{} from {} (all of them known already)")
        parts.append(words.format(counted(known, "record"), counted(len(report.by_source), "source")))
    if report.model_count:
        parts.append(counted(report.model_count, "model file"))
    if report.roots:
        named = len({root.path for root in report.roots})
        parts.append(numbered(named, Forms("settings that name %n folder", "settings that name %n folders")))
    if not parts:
        return tr("Nothing was found here that the program knows.")
    both = tr("{} and {}").format(listed(parts[:-1]), parts[-1]) if parts[1:] else parts[0]
    words = full_sentence(both)
    bound = sum(report.bound.values())
    if known > 1 and bound == known:
        words += " " + tr("All of the records have found their model file.")
    elif known > 1 and bound:
        found = Forms(
            "%n of the records has found its model file.", "%n of the records have found their model file."
        )
        words += " " + numbered(bound, found)
    return words


def offer_words(offer: Offer) -> str:
    """Say why a folder is offered."""
    parts = []
    if offer.records:
        forms = Forms("%n record speaks of files in it", "%n records speak of files in it")
        parts.append(numbered(offer.records, forms))
    if offer.sources:
        tools = ", ".join(dict.fromkeys(source_label(source) for source in offer.sources))
        parts.append(tr("named by the settings of {}").format(tools))
    if offer.types:
        parts.append(tr("for {}").format(", ".join(type_label(kind) for kind in offer.types)))
    if not offer.is_there:
        parts.append(tr("it can't be reached now"))
    words = " · ".join(parts)
    return words[:1].upper() + words[1:]


def report_lines(journey: Journey) -> list[str]:
    """Return the sentences of the last page."""
    lines = []
    if journey.imported is not None:
        lines.append(sentence(journey.imported))
        if journey.imported.gone:
            gone = Forms(
                "%n known record is no longer in the source; what is known stays.",
                "%n known records are no longer in the source; what is known stays.",
            )
            lines.append(numbered(journey.imported.gone, gone))
    if journey.scanned is not None:
        lines.append(sentence(journey.scanned))
    if journey.promoted is not None:
        lines.append(sentence(journey.promoted))
    if journey.undone is not None:
        lines.append(sentence(journey.undone))
    return lines


def report_as_text(journey: Journey) -> str:
    """Return the whole report for a person to keep."""
    lines = [tr("modelmgr: report of an import"), ""]
    lines += [f"  {path}" for path in journey.paths]
    lines += ["", *report_lines(journey)]
    report = journey.imported
    if report is not None:
        lines += [
            "",
            tr(
                "{seen} seen = {imported} imported + {unchanged} unchanged + {ignored} ignored + {failed} failed"
            ).format(
                seen=report.seen,
                imported=report.imported,
                unchanged=report.unchanged,
                ignored=report.ignored,
                failed=report.failed,
            ),
            "",
        ]
        for source, counts in sorted(report.by_source.items()):
            told = tr(
                "{seen} seen, {imported} imported ({changed} of them changed), {unchanged} unchanged, {failed} failed"
            ).format(**{name: counts.get(name, 0) for name in _COUNTS})
            lines.append(f"  {source_label(source)} ({source}): {told}")
    if journey.error is not None:
        lines += ["", error_text(journey.error)]
    for title, found in (
        (tr("Problems of the import"), report),
        (tr("Problems of the scan"), journey.scanned),
        (tr("What stayed pending"), journey.promoted),
    ):
        if found is None or not found.problems:
            continue
        lines += ["", f"{title}:"]
        for problem in found.problems:
            key = f" [{problem.record_key}]" if problem.record_key else ""
            lines.append(f"  {problem.code}: {problem.path}{key}: {spoken(problem.message)}")
    return "\n".join(lines) + "\n"


def report_as_json(journey: Journey) -> str:
    """Return the whole report for a program: the documents of the command line, one under each deed."""
    document = {
        "paths": journey.paths,
        "import": documents.imported(journey.imported) if journey.imported is not None else None,
        "scan": documents.scan(journey.scanned) if journey.scanned is not None else None,
        "promote": documents.promoted(journey.promoted) if journey.promoted is not None else None,
        "error": error_text(journey.error) if journey.error is not None else None,
    }
    return json.dumps(document, indent=2) + "\n"
