"""The report as one self-contained HTML page, as Markdown, or as JSON."""

import base64
import io
import json
import re
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

import jinja2
import markupsafe
import pandas as pd
from PIL import Image

from core.tracking import Store
from reports import words
from reports.ledger import Line
from reports.studies import Shelf, Study, exhibits

SCHEMA = 1
"""version of the JSON report; a field is never renamed or given another meaning within one"""
LARGE, QUALITY = 300_000, 88
"""bytes above which a figure is embedded with losses, and how it then is compressed, of 100"""
LONGEST = 200
"""rows of a table that the page prints; longer ones stay in MLflow"""

FEW_SEEDS, FEW_IMAGES = 3, 100
"""a study with fewer gets a note"""
HERE = Path(__file__).parent


def html(shelf: Shelf, shown: Sequence[Study], ledger: Sequence[Line], store: Store) -> str:
    """Render the page with the sections of the studies `shown`; figures are embedded."""
    return _render("page.html.j2", shelf, shown, ledger, store)


def markdown(shelf: Shelf, shown: Sequence[Study], ledger: Sequence[Line], store: Store) -> str:
    """Render the ledger and the studies' verdicts and tables as Markdown, without figures."""
    return _render("page.md.j2", shelf, shown, ledger, store)


def as_json(shelf: Shelf, shown: Sequence[Study], ledger: Sequence[Line], _: Store) -> str:
    """Render the ledger and the studies' pages as JSON: numbers unrounded, no figures."""
    lines = [
        {
            "claim": line.name,
            **asdict(line.claim),
            "verdict": line.verdict,
            "entries": [
                {
                    "run": entry.study.run.id,
                    "data": entry.study.data,
                    "synthetic": entry.study.synthetic,
                    **{k: entry.row[k] for k in ("same_data", "verdict", "needed", "comment")},
                    "parts": entry.row["parts"],
                }
                for entry in line.entries
            ],
        }
        for line in ledger
    ]
    studies = [{"run": study.run.id, **study.page} for study in shown]
    found = {"schema": SCHEMA, "written": _now(), "ledger": lines, "studies": studies}
    return json.dumps({**found, "left_out": shelf.left_out}, indent=2)


def _render(
    template: str, shelf: Shelf, shown: Sequence[Study], ledger: Sequence[Line], store: Store
) -> str:
    pictures = template.endswith(".html.j2")
    with tempfile.TemporaryDirectory() as folder:
        sections = [_section(study, store, Path(folder), pictures) for study in shown]
    newer = {study.run.id for study in shown}
    return (
        environment(pictures)
        .get_template(template)
        .render(
            ledger=ledger,
            sections=sections,
            older=[study for study in shelf.studies if study.run.id not in newer],
            left_out=shelf.left_out,
            counts=counts(ledger),
            written=_now(),
            moment=lambda seconds: datetime.fromtimestamp(seconds).strftime("%Y-%m-%d %H:%M"),
        )
    )


def environment(escape: bool) -> jinja2.Environment:
    """Return the templates' environment. escape: for HTML."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE / "templates"),
        autoescape=escape,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    made.filters |= {
        "part": words.part,
        "forest": forest,
        "chance": words.chance,
        "code": code,
        "cell": cell,
    }
    return made


def _now() -> str:
    return datetime.now().strftime("%Y-%m-%d %H:%M")


def counts(ledger: Sequence[Line]) -> dict[str, int]:
    """Count the claims by verdict, in a fixed order."""
    verdicts = ("supported", "refuted", "undecided", "not run")
    return {name: sum(line.verdict == name for line in ledger) for name in verdicts}


def _section(study: Study, store: Store, folder: Path, pictures: bool) -> dict[str, Any]:
    shown = [_exhibit(each, path, pictures) for each, path in exhibits(store, study, folder)]
    return {"study": study, "page": study.page, "exhibits": shown, "few": _few(study)}


def _few(study: Study) -> list[str]:
    """Warn of a study too small for its intervals to mean much."""
    parts = [part for row in study.page["verdicts"] for part in row["parts"]]
    seeds = min((part["n_seeds"] for part in parts if part["n_seeds"] > 1), default=FEW_SEEDS)
    images = min((part["n_images"] for part in parts if part["n_images"] > 1), default=FEW_IMAGES)
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


def _exhibit(exhibit: dict[str, Any], path: Path, pictures: bool) -> dict[str, Any]:
    """Read an exhibit: its picture as a data address, its table as text."""
    frame = pd.read_csv(path.with_name(f"{path.name}.csv"), keep_default_na=True)
    picture = None
    if exhibit["figure"] and pictures:
        picture = address(path.with_name(f"{path.name}.png"))
    header, rows = words.table(frame.head(LONGEST), exhibit["units"])
    table = {"header": header, "rows": rows, "length": len(frame)}
    return {**exhibit, "picture": picture, "table": table, "longest": LONGEST}


def address(path: Path) -> str:
    """Return a PNG as a data address; a large one, of photographs, as a WebP a tenth as large."""
    data, kind = path.read_bytes(), "png"
    if len(data) > LARGE:
        made = io.BytesIO()
        with Image.open(path) as image:
            image.convert("RGB").save(made, "webp", quality=QUALITY)
        data, kind = made.getvalue(), "webp"
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def forest(row: dict[str, Any], width: float = 240.0) -> list[dict[str, Any]]:
    """Lay out a verdict's intervals on one axis: pixels of low, value, high and the margins."""
    parts = row["parts"]
    marks = [_marks(part) for part in parts]
    ends = [x for part, each in zip(parts, marks, strict=True) for x in _ends(part, each)]
    low, high = min(ends, default=0.0), max(ends, default=1.0)
    room = 0.04 * (high - low) or 1.0

    def place(x: float) -> float:
        return round((x - low + room) / (high - low + 2 * room) * width, 1)

    return [
        {
            "low": place(part["low"]),
            "value": place(part["value"]),
            "high": place(part["high"]),
            "marks": [place(x) for x in each],
        }
        for part, each in zip(parts, marks, strict=True)
    ]


def _marks(part: dict[str, Any]) -> list[float]:
    """Return what the interval is held against: a margin, or the two bounds of an equivalence."""
    if part["test"] == "superior":
        return [part["margin"]]
    return [part["target"] - part["margin"], part["target"] + part["margin"]]


def _ends(part: dict[str, Any], marks: list[float]) -> list[float]:
    return [part["low"], part["high"], *marks]
