"""The report as one self-contained HTML page, as Markdown, or as JSON."""

import base64
import json
import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import jinja2
import markupsafe
from tqdm import tqdm

from reports import forest, pictures, running, words
from reports.beside import beside
from reports.ledger import Line, standing
from reports.lessons import Exhibit
from reports.studies import Shelf, Study

SCHEMA = 2
"""version of the JSON report; a field is never renamed or given another meaning within one"""
LONGEST = 200
"""rows of a table that the page prints"""
BEHIND = 60
"""the same of a table behind a figure, which otherwise is a CSV only"""
LONG = 16_384
"""bytes of a table that the page carries whole; longer ones are linked to their file in MLflow"""

FEW_SEEDS, FEW_IMAGES = 3, 100
"""a study with fewer gets a note"""
HERE = Path(__file__).parent


def html(shelf: Shelf, ledger: Sequence[Line]) -> str:
    """Render the ledger and a section for every study; figures are embedded."""
    return _render("page.html.j2", shelf, ledger)


def markdown(shelf: Shelf, ledger: Sequence[Line]) -> str:
    """Render the ledger and the studies' verdicts and tables as Markdown, without figures."""
    return _render("page.md.j2", shelf, ledger)


def as_json(shelf: Shelf, ledger: Sequence[Line]) -> str:
    """Render the ledger and the studies as JSON: numbers unrounded, no figures."""
    lines = [
        {
            "claim": line.claim.name,
            "statement": line.claim.statement,
            "verdict": line.verdict,
            "as_published": line.as_published,
            "command": line.claim.command,
            "evidence": [
                {
                    "run": evidence.study.run.id,
                    "data": evidence.study.data,
                    "caveats": evidence.caveats,
                    **evidence.entry.as_dict(),
                }
                for evidence in line.evidence
            ],
        }
        for line in ledger
    ]
    studies = [study.as_dict() for study in shelf.studies]
    parts = {"schema": SCHEMA, "written": _now(), "ledger": lines, "studies": studies}
    return json.dumps({**parts, "left_out": shelf.left_out}, indent=2, default=str)


def _render(template: str, shelf: Shelf, ledger: Sequence[Line]) -> str:
    drawn = template.endswith(".html.j2")
    hidden = True if len(shelf.studies) == 1 else None  # None: but on a terminal
    sections = [
        {
            "study": study,
            "few": _few(study),
            "exhibits": [_shown(study, *item, drawn) for item in study.exhibits.items()],
        }
        for study in tqdm(shelf.studies, "page", unit="study", leave=False, disable=hidden)
    ]
    return (
        environment(drawn)
        .get_template(template)
        .render(
            ledger=ledger,
            groups=forest.glance(ledger),
            axis=forest.AXIS,
            sections=sections,
            shelf=shelf,
            standing=standing(ledger),
            besides=beside(shelf.studies) if drawn else [],
            written=_now(),
        )
    )


def environment(escape: bool) -> jinja2.Environment:
    """Return the templates' environment. escape: for HTML."""
    templates = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE / "templates"),
        autoescape=escape,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    templates.globals |= {"SYNTHETIC": words.SYNTHETIC, "LONGEST": LONGEST, "BEHIND": BEHIND}
    filters = (
        *(words.parts, words.deciding, words.advice, words.apart, words.following, words.one_run),
        *(words.chance, running.span, forest.forest, forest.funnel, code, cell),
    )
    templates.filters |= {function.__name__: function for function in filters}
    return templates


def _now() -> str:
    return datetime.now().strftime("%Y-%m-%d %H:%M")


def _few(study: Study) -> list[str]:
    """Warn of a study too small for its intervals to mean much."""
    decisions = [entry.decision for entry in study.entries.values() if entry.decision]
    parts = [part.estimate for d in decisions for part in d.members.values()]
    seeds = min((part.n_seeds for part in parts if part.n_seeds > 1), default=FEW_SEEDS)
    images = min((part.n_images for part in parts if part.n_images > 1), default=FEW_IMAGES)
    notes = [(seeds, FEW_SEEDS, "seeds"), (images, FEW_IMAGES, "images or pairs")]
    return [
        f"Only {n} {what} in a comparison: its interval is wide and rarely decides."
        for n, few, what in notes
        if n < few
    ]


def code(text: str) -> markupsafe.Markup:
    """Escape a text and show what stands between backticks as code."""
    escaped = str(markupsafe.escape(text))
    return markupsafe.Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", escaped))


def cell(text: str) -> str:
    """Fit a text into a cell of a Markdown table."""
    return " ".join(text.replace("|", "\\|").split())


def _shown(study: Study, name: str, exhibit: Exhibit, drawn: bool) -> dict[str, Any]:
    """Return an exhibit as the templates take it: its picture and its table as data addresses."""
    frame = exhibit.frame()
    picture = pictures.address(exhibit) if exhibit.figure and drawn else None
    header, rows = words.table(frame.head(LONGEST), exhibit.units)
    table = {"header": header, "rows": rows, "length": len(frame)}
    csv = _csv(study, name, exhibit.csv()) if drawn else ""
    shown = {"name": name, "exhibit": exhibit, "caption": exhibit.caption, "picture": picture}
    return {**shown, "table": table, "csv": csv}


def _csv(study: Study, name: str, text: bytes) -> str:
    """Return the address of a table: of its text, or of its file in MLflow if that is long."""
    if len(text) <= LONG or not study.link:
        return f"data:text/csv;base64,{base64.b64encode(text).decode()}"
    server = study.link.partition("/#/")[0]
    return f"{server}/get-artifact?path=report/{name}.csv&run_uuid={study.run.id}"
