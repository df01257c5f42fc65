"""Contact sheets: pictures with what was found on them, the worst first."""

from collections.abc import Sequence
from math import ceil

import numpy as np
import pandas as pd
from core.results import Exhibit
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from core.data.pictures import NONE, Picture, Pixels
from core.detection.faces import Faces
from reports.faces.figures import COLOURS
from reports.faces.outcomes import Outcome, judge

SHOWN = 12
"""pictures on a sheet, per detector"""
PER_ROW = 6

Shot = tuple[Outcome, int]
"""an outcome, and the index of a picture in it"""


def exhibits(found: Sequence[Outcome]) -> list[Exhibit]:
    """Return the sheets of misses, false alarms and hits; one without a picture is left out."""
    captions = {
        "misses": "Misses, most missed faces first: pictures with a face in which nothing, or not "
        "every marked face (white), was found.",
        "false-alarms": "False alarms, the surest first: pictures without a face in which "
        "something was found. Scores are each detector's own. A real person among them is an "
        "error of the folder, not of the detector.",
        "hits": "Hits, the least sure first: pictures with a face in which something was found "
        "(on marked pictures: every face).",
    }
    made = []
    for name, caption in captions.items():
        shots = {d: _chosen(name, [o for o in found if o.detector == d]) for d in _detectors(found)}
        frame = pd.concat([_frame(each) for each in shots.values()], ignore_index=True)
        if any(shots.values()):
            shown = f"{caption} At most {SHOWN} a detector; the table lists them all."
            made.append(Exhibit(name, shown, frame, sheet(shots)))
    return made


def _detectors(found: Sequence[Outcome]) -> list[str]:
    return list(dict.fromkeys(each.detector for each in found))


def _chosen(kind: str, found: Sequence[Outcome]) -> list[Shot]:
    """List a detector's pictures of a kind, the worst first."""
    ranked = []
    for outcome in found:
        for index, (faces, picture) in enumerate(
            zip(outcome.faces, outcome.gallery.pictures, strict=True)
        ):
            best = float(faces.scores.max()) if len(faces) else 0.0
            missed = _missed(faces, picture)
            rank = {
                "misses": missed if picture.face and missed else None,
                "false-alarms": best if len(faces) and not picture.face else None,
                "hits": -best if picture.face and not missed else None,
            }[kind]
            if rank is not None:
                ranked.append((rank, (outcome, index)))
    return [shot for _, shot in sorted(ranked, key=lambda each: -each[0])]


def _missed(faces: Faces, picture: Picture) -> int:
    if picture.boxes is None:
        return int(len(faces) == 0)
    return int((~judge(faces, picture).face_found).sum())


def _frame(shots: Sequence[Shot]) -> pd.DataFrame:
    """List what was found, a row a box, with the columns that a table of boxes has."""
    rows = []
    for outcome, index in shots:
        faces, picture = outcome.faces[index], outcome.gallery.pictures[index]
        names = {"detector": outcome.detector, "set": outcome.gallery.name, "file": picture.name}
        boxes = [(*box, score) for box, score in zip(faces.boxes, faces.scores, strict=True)]
        for x0, y0, x1, y1, score in boxes or [(np.nan,) * 5]:
            place = {"left": x0, "top": y0, "width": x1 - x0, "height": y1 - y0}
            rows.append(
                {**names, **{k: round(float(v), 1) for k, v in place.items()}, "score": score}
            )
    return pd.DataFrame(rows)


def sheet(shots: dict[str, list[Shot]]) -> Figure:
    """Draw pictures with their boxes and landmarks, a block of rows a detector."""
    rows = {name: max(1, ceil(min(len(each), SHOWN) / PER_ROW)) for name, each in shots.items()}
    heights = [1.0 if shots[name] else 0.15 for name in rows for _ in range(rows[name])]
    figure, axes = plt.subplots(
        len(heights),
        PER_ROW,
        figsize=(10, 1.85 * sum(heights) + 0.3),
        height_ratios=heights,
        squeeze=False,
        layout="constrained",
    )
    for axis in axes.flat:
        axis.axis("off")
    first = 0
    for name, each in shots.items():
        block = axes[first : first + rows[name]].flat
        first += rows[name]
        if not each:
            axes[first - 1][0].text(0, 0.5, f"{name}: none", fontsize=9)
        for axis, (outcome, index) in zip(block, each, strict=False):
            picture, faces = outcome.gallery.pictures[index], outcome.faces[index]
            draw(axis, picture.load(), faces, COLOURS[name], picture)
            sure = f" ({faces.scores.max():.2g})" if len(faces) else ""
            file = picture.name if len(picture.name) < 22 else f"...{picture.name[-19:]}"
            axis.set_title(f"{name}{sure}\n{file}", fontsize=6.5)
    return figure


def draw(
    axis: Axes, image: Pixels, faces: Faces, colour: str, picture: Picture | None = None
) -> None:
    """Draw an image, the faces found on it, and in white the marked ones."""
    axis.imshow(image)
    axis.axis("off")
    axis.autoscale(enable=False)
    truth = NONE if picture is None or picture.boxes is None else picture.boxes
    for x0, y0, x1, y1 in truth:
        axis.add_patch(
            Rectangle((x0, y0), x1 - x0, y1 - y0, fill=False, color="white", lw=0.8, ls="--")
        )
    for x0, y0, x1, y1 in faces.boxes:
        axis.add_patch(Rectangle((x0, y0), x1 - x0, y1 - y0, fill=False, color=colour, lw=1.3))
    if faces.landmarks is not None and len(faces):
        points = faces.landmarks.reshape(-1, 2)
        axis.scatter(
            points[:, 0], points[:, 1], s=7, color=colour, edgecolor="white", linewidth=0.3
        )


def side_by_side(images: dict[str, Pixels], found: dict[str, list[Faces]]) -> Figure:
    """Draw every detector's finds on the same images: images down, detectors across."""
    figure, axes = plt.subplots(
        len(images),
        len(found),
        figsize=(5 * len(found), 4 * len(images)),
        squeeze=False,
        layout="constrained",
    )
    for column, (detector, faces) in enumerate(found.items()):
        for row, (name, image) in enumerate(images.items()):
            draw(axes[row][column], image, faces[row], COLOURS[detector])
            n = len(faces[row])
            title = f"{name}\n{detector}: {n} {'face' if n == 1 else 'faces'}"
            axes[row][column].set_title(title, fontsize=9)
    return figure
