"""Pictures that need no download: photographs with our boxes, and patches of faces and others."""

import functools
from pathlib import Path

import numpy as np

from core.data.boxes import read_boxes
from core.data.decode import decode
from core.data.pictures import NONE, Gallery, Picture, Pixels, fingerprint
from core.data.sources import LFW_BIAS

OURS = "The boxes of the photographs are ours: by eye, hairline to chin and cheek to cheek."

FACELESS = (
    *("brick", "cell", "chelsea", "clock", "coffee", "grass", "gravel", "hubble_deep_field"),
    *("immunohistochemistry", "moon", "page", "retina", "rocket", "text", "motorcycle"),
    *("china.jpg", "flower.jpg"),
)


def embedded() -> list[Gallery]:
    """Return what needs no download: 20 photographs, and 100 patches with a face, 100 without."""
    return [_photos(), _patches()]


def _photos() -> Gallery:
    """Gather photographs; coins is left out (heads on it), and motorcycle's second view."""
    marks = read_boxes(Path(__file__).with_name("photos.csv"))
    marked = {name: (mark.boxes, mark.ignored) for name, mark in marks.items()}
    faceless = dict.fromkeys(FACELESS, (NONE, NONE))
    pictures = tuple(
        Picture(name, functools.partial(_photo, name), len(boxes) > 0, boxes, ignored)
        for name, (boxes, ignored) in {**marked, **faceless}.items()
    )
    images = [picture.load() for picture in pictures]
    return Gallery(
        name="photos",
        source="20 photographs of scikit-image, matplotlib and scikit-learn",
        pictures=pictures,
        fingerprint=fingerprint(pictures, [image.tobytes() for image in images]),
        size=max(image.shape[:2] for image in images),
        warnings=(OURS,),
    )


def _photo(name: str) -> Pixels:
    import matplotlib as mpl
    from PIL import Image
    from skimage import data

    if name.endswith(".jpg"):
        from sklearn.datasets import load_sample_image

        return np.array(load_sample_image(name))
    if name == "grace_hopper":
        return np.array(decode(Path(mpl.get_data_path(), "sample_data", "grace_hopper.jpg")))
    image = data.stereo_motorcycle()[0] if name == "motorcycle" else getattr(data, name)()
    return np.array(Image.fromarray(image).convert("RGB"))


def _patches() -> Gallery:
    """Enlarge scikit-image's 25x25 patches to 100x100 and repeat their edges by 25 pixels."""
    from skimage.data import lfw_subset

    small = (lfw_subset() * 255).round().astype(np.uint8)
    pictures = tuple(
        Picture(f"patch {index}", functools.partial(_enlarge, patch), index < len(small) // 2)
        for index, patch in enumerate(small)
    )
    return Gallery(
        name="lfw-patches",
        source="scikit-image's lfw_subset, 25x25 patches enlarged to 100x100, edges repeated",
        pictures=pictures,
        fingerprint=fingerprint(pictures, [patch.tobytes() for patch in small]),
        size=(150, 150),
        warnings=(LFW_BIAS,),
    )


def _enlarge(patch: Pixels) -> Pixels:
    import cv2

    large = cv2.resize(patch, (100, 100), interpolation=cv2.INTER_CUBIC)
    return np.repeat(np.pad(large, 25, mode="edge")[:, :, None], 3, 2)
