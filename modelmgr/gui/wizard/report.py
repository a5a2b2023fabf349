"""What a preview found and what an import did, in sentences, as text to keep and as JSON."""

import json

from modelmgr import documents
from modelmgr.gui.outcomes import error_text, sentence
from modelmgr.gui.reasons import source_label
from modelmgr.gui.text import count_text, counted, type_label
from modelmgr.gui.wizard.journey import Journey, Offer
from modelmgr.gui.wizard.parts import tr
from modelmgr.values import ImportReport


def preview_sentence(report: ImportReport) -> str:
    """Say in one sentence what a preview found."""
    known = report.imported + report.unchanged
    parts = []
    if known:
        tools = len(report.by_source)
        parts.append(f"{counted(known, 'record')} from {counted(tools, 'source')}")
        if report.unchanged and report.imported:
            parts[0] += f" ({count_text(report.unchanged)} of them known already)"
        elif report.unchanged:
            parts[0] += " (all of them known already)"
    if report.model_count:
        parts.append(counted(report.model_count, "model file"))
    if report.roots:
        parts.append(f"settings that name {counted(len({root.path for root in report.roots}), 'folder')}")
    if not parts:
        return "Nothing was found here that the program knows."
    listed = " and ".join(filter(None, (", ".join(parts[:-1]), parts[-1])))
    words = listed[:1].upper() + listed[1:] + "."
    bound = sum(report.bound.values())
    if known > 1 and bound:
        found = "All of the records" if bound == known else f"{count_text(bound)} of the records"
        words += f" {found} {'has' if bound == 1 else 'have'} found their model file."
    return words


def offer_words(offer: Offer) -> str:
    """Say why a folder is offered."""
    parts = []
    if offer.records:
        verb = tr("speaks") if offer.records == 1 else tr("speak")
        parts.append(f"{counted(offer.records, 'record')} {verb} of files in it")
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
            verb = tr("is") if journey.imported.gone == 1 else tr("are")
            lines.append(
                f"{counted(journey.imported.gone, 'known record')} {verb} "
                + tr("no longer in the source; what is known stays.")
            )
    if journey.scanned is not None:
        lines.append(sentence(journey.scanned))
    if journey.promoted is not None:
        lines.append(sentence(journey.promoted))
    if journey.undone is not None:
        lines.append(sentence(journey.undone))
    return lines


def report_as_text(journey: Journey) -> str:
    """Return the whole report for a person to keep."""
    lines = ["modelmgr: report of an import", ""]
    lines += [f"  {path}" for path in journey.paths]
    lines += ["", *report_lines(journey)]
    report = journey.imported
    if report is not None:
        lines += [
            "",
            f"{report.seen} seen = {report.imported} imported + {report.unchanged} unchanged"
            f" + {report.ignored} ignored + {report.failed} failed",
            "",
        ]
        for source, counts in sorted(report.by_source.items()):
            lines.append(
                f"  {source_label(source)} ({source}): {counts.get('seen', 0)} seen, "
                f"{counts.get('imported', 0)} imported ({counts.get('changed', 0)} of them changed), "
                f"{counts.get('unchanged', 0)} unchanged, {counts.get('failed', 0)} failed"
            )
    if journey.error is not None:
        lines += ["", error_text(journey.error)]
    for title, found in (
        ("Problems of the import", report),
        ("Problems of the scan", journey.scanned),
        ("What stayed pending", journey.promoted),
    ):
        if found is None or not found.problems:
            continue
        lines += ["", f"{title}:"]
        for problem in found.problems:
            key = f" [{problem.record_key}]" if problem.record_key else ""
            lines.append(f"  {problem.code}: {problem.path}{key}: {problem.message}")
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
