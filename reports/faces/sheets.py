"""Contact sheets: pictures with what was found on them, the worst first."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from core.data.card import readable
from reports.faces.figures import colour_of
from reports.faces.outcomes import Outcome, Picture
from reports.lessons import Exhibit

if TYPE_CHECKING:
    from core.detection.faces import Faces

SHOWN = 12
"""pictures on a sheet, per detector"""
PER_ROW = 6
NONE = np.empty((0, 4), np.float32)

Rank = Callable[[Outcome], NDArray[np.float64]]
"""gives each picture a rank, the highest first, NaN where it is not of the kind"""


def best(outcome: Outcome) -> NDArray[np.float64]:
    """Return the highest score in each picture, 0 where nothing was found."""
    return np.array([scores.max() if len(scores) else 0.0 for scores in outcome.scores])


def exhibit(
    outcomes: Sequence[Outcome], rank: Rank, caption: str, *, deep: bool = False
) -> Exhibit | None:
    """Return a sheet of one kind of picture, a block a detector; None without a picture."""
    chosen: dict[str, list[tuple[float, Outcome, int]]] = {o.detector: [] for o in outcomes}
    for outcome in outcomes:
        ranks = rank(outcome)
        chosen[outcome.detector] += [
            (ranks[index], outcome, int(index)) for index in np.flatnonzero(np.isfinite(ranks))
        ]
    if not any(chosen.values()):
        return None
    for found in chosen.values():
        found.sort(key=lambda shot: -shot[0])
    frame = pd.concat([_rows(found) for found in chosen.values()], ignore_index=True)
    shots = {
        detector: [(o.picture(i), _title(o, i)) for _, o, i in found if i in o.small][:SHOWN]
        for detector, found in chosen.items()
    }
    return Exhibit(
        photographic=True,
        deep=deep,
        caption=f"{caption} At most {SHOWN} a detector; the table lists them all.",
        table=frame,
        figure=partial(sheet, shots),
    )


def _title(outcome: Outcome, index: int) -> str:
    scores, name = outcome.scores[index], outcome.names[index]
    sure = f" ({scores.max():.2g})" if len(scores) else ""
    return f"{outcome.detector}{sure}\n{name if len(name) < 22 else f'...{name[-19:]}'}"


def _rows(shots: Sequence[tuple[float, Outcome, int]]) -> pd.DataFrame:
    """List what was found, a row a box, with the columns that a table of boxes has."""
    rows = []
    for _, outcome, index in shots:
        name = {"detector": outcome.detector, "set": outcome.set, "file": outcome.names[index]}
        scored = zip(outcome.boxes[index], outcome.scores[index], strict=True)
        for x0, y0, x1, y1, score in [(*box, score) for box, score in scored] or [(np.nan,) * 5]:
            place = {"left": x0, "top": y0, "width": x1 - x0, "height": y1 - y0}
            rounded = {side: round(float(value), 1) for side, value in place.items()}
            rows.append({**name, **rounded, "score": float(score)})
    return pd.DataFrame(rows)


def sheet(shots: dict[str, list[tuple[Picture, str]]]) -> Figure:
    """Draw pictures with their boxes and landmarks, a block of rows a detector."""
    rows = {name: max(1, ceil(len(pictures) / PER_ROW)) for name, pictures in shots.items()}
    heights = [1.0 if shots[name] else 0.15 for name in rows for _ in range(rows[name])]
    figure, axes = plt.subplots(
        len(heights),
        PER_ROW,
        figsize=(10, 1.85 * sum(heights) + 0.3),
        height_ratios=heights,
        squeeze=False,
    )
    for axis in axes.flat:
        axis.axis("off")
    first = 0
    for name, pictures in shots.items():
        block = axes[first : first + rows[name]].flat
        first += rows[name]
        if not pictures:
            axes[first - 1][0].text(0, 0.5, f"{name}: none", fontsize=9)
        for axis, (picture, title) in zip(block, pictures, strict=False):
            draw(axis, picture, colour_of(name))
            axis.set_title(title, fontsize=6.5)
    return figure


def draw(axis: Axes, picture: Picture, colour: str) -> None:
    """Draw a picture, the faces found on it, and in white the marked ones."""
    axis.imshow(picture.pixels)
    axis.axis("off")
    axis.autoscale(enable=False)
    for x0, y0, x1, y1 in picture.marked:
        axis.add_patch(
            Rectangle((x0, y0), x1 - x0, y1 - y0, fill=False, color="white", lw=0.8, ls="--")
        )
    for x0, y0, x1, y1 in picture.boxes:
        axis.add_patch(Rectangle((x0, y0), x1 - x0, y1 - y0, fill=False, color=colour, lw=1.3))
    if picture.landmarks is not None and len(picture.boxes):
        points = picture.landmarks.reshape(-1, 2)
        axis.scatter(
            points[:, 0], points[:, 1], s=7, color=colour, edgecolor="white", linewidth=0.3
        )


def side_by_side(name: str, image: NDArray[np.uint8], finds: "Mapping[str, Faces]") -> Figure:
    """Draw what every detector found on one image, uint8 (height, width, 3)."""
    height, width = image.shape[:2]
    side = min(5.0, 15 / len(finds))
    figure, axes = plt.subplots(
        1,
        len(finds),
        figsize=(side * len(finds), min(max(side * height / width, 1.0), 2 * side) + 0.6),
        squeeze=False,
    )
    for axis, (detector, faces) in zip(axes[0], finds.items(), strict=True):
        draw(axis, Picture(image, faces.boxes, faces.landmarks, NONE), colour_of(detector))
        n = len(faces)
        axis.set_title(f"{detector}: {n} {'face' if n == 1 else 'faces'}", fontsize=9)
    figure.suptitle(readable(Path(name).name), fontsize=10)
    return figure
