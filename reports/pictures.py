"""Figures as files: drawn once, and kept until their data or the code that draws them change."""

import base64
import functools
import io
from pathlib import Path

import joblib
from PIL import Image

from core.code import essence, sources
from core.files import write
from core.provenance import ROOT
from reports.lessons import Exhibit

DPI = 144
KEPT = ROOT / "mlruns" / "figures"
LARGE, QUALITY, EFFORT = 300_000, 88, 20
"""bytes above which a figure is embedded with losses, how good it then is, and the effort at which
others are packed, of 100: 7 % larger than at the default in 40 % of the time"""


def png(exhibit: Exhibit) -> bytes:
    """Return an exhibit's figure as PNG; one that was drawn before is read from mlruns/figures."""
    path = _place(exhibit)
    if not path.is_file():
        from matplotlib import pyplot

        drawn = exhibit.plot()
        content = io.BytesIO()
        drawn.savefig(content, format="png", dpi=DPI)
        pyplot.close(drawn)  # it keeps every figure until told
        write(path, content.getvalue())
    return path.read_bytes()


def address(exhibit: Exhibit) -> str:
    """Return an exhibit's figure as the data address of a WebP, which is kept beside the PNG."""
    path = _place(exhibit).with_suffix(".webp")
    if not path.is_file():
        write(path, webp(png(exhibit)))
    return f"data:image/webp;base64,{base64.b64encode(path.read_bytes()).decode()}"


def _place(exhibit: Exhibit) -> Path:
    figure = exhibit.figure
    assert figure is not None
    what = (figure.func.__qualname__, figure.args, figure.keywords, DPI, LARGE, QUALITY, EFFORT)
    return KEPT / f"{joblib.hash(what)}-{_drawing_code(figure.func.__module__)}.png"


@functools.cache
def _drawing_code(module: str) -> str:
    """Hash the module that draws, and what of reports it imports."""
    path = ROOT.joinpath(*module.split(".")).with_suffix(".py")
    return joblib.hash([essence(source.read_text()) for source in sources(path, ("reports",))])[:12]


def webp(content: bytes) -> bytes:
    """Pack a PNG as WebP: without losses, but for a large one.

    Large ones hold photographs; they become a tenth as large.
    """
    packed = io.BytesIO()
    with Image.open(io.BytesIO(content)) as image:
        lossy = (
            {"quality": QUALITY} if len(content) > LARGE else {"lossless": True, "quality": EFFORT}
        )
        image.convert("RGB").save(packed, "webp", **lossy)
    return packed.getvalue()


def export(exhibit: Exhibit, path: Path) -> None:
    """Write an exhibit for a paper: its table as CSV, its figure as SVG and PDF with real text."""
    write(path.with_suffix(".csv"), exhibit.csv())
    if exhibit.figure is None:
        return
    import matplotlib as mpl
    from matplotlib import pyplot

    drawn = exhibit.plot()
    with mpl.rc_context({"svg.fonttype": "none", "pdf.fonttype": 42}):
        for kind in ("svg", "pdf"):
            content = io.BytesIO()
            drawn.savefig(content, format=kind)
            write(path.with_suffix(f".{kind}"), content.getvalue())
    pyplot.close(drawn)


def save(exhibit: Exhibit, path: Path) -> None:
    """Write an exhibit's table as CSV and its figure as PNG; path is without suffix."""
    write(path.with_suffix(".csv"), exhibit.csv())
    if exhibit.figure is not None:
        write(path.with_suffix(".png"), png(exhibit))
