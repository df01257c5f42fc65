"""Open a face detector by its name."""

import torch

from core.detection.faces import Detector
from core.detection.haar import Haar
from core.detection.mtcnn import MTCNN


def open_detector(name: str, device: torch.device, min_face: int = 20) -> Detector:
    """Load one of `core.detection.config.DETECTORS`. min_face: side in pixels, for mtcnn."""
    return MTCNN(device, min_face) if name == "mtcnn" else Haar(name)
