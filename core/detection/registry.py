"""The face detectors by name: an entry here is all that a new one needs.

A torch-free table, so that `--help` and the figures can read it: what an entry opens is imported
when it is opened.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

    from core.detection.faces import Detector

Opener = Callable[["torch.device", int], "Detector"]
"""(device, side in pixels of the smallest face to look for, where that can be set) -> detector"""


def _haar(cascade: str, *, mirrored: bool = False) -> Opener:
    def opened(_: "torch.device", __: int) -> "Detector":
        from core.detection.haar import Haar

        return Haar(cascade, mirrored=mirrored)

    return opened


def _mtcnn(device: "torch.device", min_face: int) -> "Detector":
    from core.detection.mtcnn import MTCNN

    return MTCNN(device, min_face)


DETECTORS: dict[str, Opener] = {
    "haar-alt": _haar("frontalface_alt"),
    "mtcnn": _mtcnn,
    "haar-default": _haar("frontalface_default"),
    "haar-alt2": _haar("frontalface_alt2"),
    "haar-profile": _haar("profileface", mirrored=True),
}
"""name -> what opens it, in the order of tables and colours; haar-alt is the course's"""


def open_detector(name: str, device: "torch.device", min_face: int = 20) -> "Detector":
    """Load a detector by its name in DETECTORS. min_face: side in pixels."""
    return DETECTORS[name](device, min_face)
