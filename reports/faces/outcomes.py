"""What each detector found in each set of pictures, read from a stored study."""

from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from core.detection.config import CLEAN

Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Picture:
    """A picture in small, with what was found on it and what is marked, in its own pixels."""

    pixels: NDArray[np.uint8]
    boxes: NDArray[np.float32]
    landmarks: NDArray[np.float32] | None
    marked: NDArray[np.float32]


@dataclass(frozen=True)
class Outcome:
    """What one detector found in one set of pictures as they are."""

    set: str
    detector: str
    names: list[str]
    face: Bools
    """(pictures,) whether a face is on it"""
    boxes: list[NDArray[np.float32]]
    """of each picture (n, 4)"""
    scores: list[NDArray[np.float32]]
    landmarks: list[NDArray[np.float32]]
    """of each picture (n, 5, 2), NaN without"""
    box_right: NDArray[np.int8]
    """of all boxes: 1 a marked face, 0 none, -1 not judged"""
    face_found: Bools
    """(marked faces,)"""
    marked_on: NDArray[np.int64]
    """(marked faces,) the picture of each"""
    marked_boxes: NDArray[np.float32]
    seconds: NDArray[np.float64]
    small: dict[int, tuple[NDArray[np.uint8], float]]
    """picture -> its pixels in small, and small by whole"""

    @property
    def counts(self) -> NDArray[np.int64]:
        """Return how many faces were found in each picture."""
        return np.array([len(boxes) for boxes in self.boxes])

    def fired(self, face: bool) -> Bools:
        """Tell in which pictures with a face, or in which without, anything was found."""
        return self.counts[self.face == face] > 0

    def missed(self) -> NDArray[np.int64]:
        """Count each picture's marked faces that were not found; 1 or 0 where none is marked."""
        n_missed = np.bincount(self.marked_on[~self.face_found], minlength=len(self.names))
        is_marked = np.isin(np.arange(len(self.names)), self.marked_on)
        return np.where(is_marked, n_missed, self.counts == 0)

    def picture(self, index: int) -> Picture:
        """Return a picture that was kept in small."""
        pixels, shrink = self.small[index]
        points = self.landmarks[index]
        marks = None if np.isnan(points).any() else shrink * points
        marked = shrink * self.marked_boxes[self.marked_on == index]
        return Picture(pixels, shrink * self.boxes[index], marks, marked)


def outcomes(study: xr.Dataset) -> list[Outcome]:
    """Read every detector on every set as it is, sets and detectors in their order."""
    clean = study.sel(step=CLEAN).isel(seed=0)
    return [
        _outcome(trial, name, detector)
        for name in study["set"].values.tolist()
        for detector in study["arm"].values.tolist()
        if (trial := clean.sel(set=name, arm=detector))["trained"]
    ]


def _outcome(trial: xr.Dataset, name: str, detector: str) -> Outcome:
    members = np.flatnonzero(np.isfinite(trial["counts"].values))
    labels = trial["image"].values[members].tolist()
    counts = trial["counts"].values[members].astype(int)
    ends, total = np.cumsum(counts)[:-1], int(counts.sum())

    def by_picture(what: str) -> list[NDArray[np.float32]]:
        return np.split(trial[what].values[:total], ends)

    truth = np.flatnonzero(np.isfinite(trial["face_found"].values))
    on = [label.rpartition("#")[0] for label in trial["marked"].values[truth].tolist()]
    return Outcome(
        set=name,
        detector=detector,
        names=[label.removeprefix(f"{name}/") for label in labels],
        face=trial["face"].values[members] > 0,
        boxes=by_picture("boxes"),
        scores=by_picture("scores"),
        landmarks=by_picture("landmarks"),
        box_right=trial["box_right"].values[:total].astype(np.int8),
        face_found=trial["face_found"].values[truth] > 0,
        marked_on=np.array([labels.index(label) for label in on], dtype=np.int64),
        marked_boxes=trial["marked_box"].values[truth],
        seconds=trial["seconds/picture"].values[members],
        small=_small(trial),
    )


def _small(trial: xr.Dataset) -> dict[int, tuple[NDArray[np.uint8], float]]:
    shown = trial["shown"].values
    small = {}
    for place in np.flatnonzero(np.isfinite(shown)):
        height, width = trial["extent"].values[place].astype(int)
        pixels = trial["picture"].values[place, :height, :width].astype(np.uint8)
        small[int(shown[place])] = (pixels, float(trial["shrink"].values[place]))
    return small
