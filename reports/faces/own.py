"""A user's own pictures, with what every detector finds on them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from core.data.decode import UnreadableError, decode, decode_named
from core.data.pictures import Pixels
from core.detection.faces import Detector, Faces
from core.errors import UserError
from core.files import whole
from reports.faces.sheets import side_by_side

DRAWN = 1440  # pixels of a drawing's longer side; a picture is held no larger


def own_pictures(names: Sequence[str], detectors: Mapping[str, Detector], output: Path) -> None:
    """Detect faces, print them, and draw the detectors' finds side by side to a picture file.

    Raises UserError for a picture that cannot be read, and a file that cannot be written or is one
    of the pictures.
    """
    for name in names:
        try:
            decode_named(name)
        except UnreadableError as error:
            raise UserError(f"--images {name}: {error}; a picture is wanted") from error
        if output.resolve() == Path(name).expanduser().resolve():
            raise UserError(f"--output {output}: one of --images; another file is wanted")
    images: dict[str, Pixels] = {}
    found: dict[str, list[Faces]] = {detector: [] for detector in detectors}
    for name in dict.fromkeys(names):
        image = decode(Path(name).expanduser())
        small = image.copy()
        small.thumbnail((DRAWN, DRAWN))
        images[name] = np.array(small)
        for detector, faces in found.items():
            (each,) = detectors[detector].detect([np.array(image)])
            print(f"{name}: {detector} finds {len(each)} in {1000 * each.seconds:.0f} ms")
            for box, score in zip(each.boxes, each.scores, strict=True):
                print(f"  {' '.join(f'{value:.0f}' for value in box)}  score {score:.3g}")
            faces.append(_scaled(each, small.width / image.width))
    try:
        with whole(output) as file:
            side_by_side(images, found).savefig(file, dpi=144)
    except (OSError, ValueError) as error:
        raise UserError(f"--output {output}: {error}; a picture file is wanted") from error
    print(f"drawn: {output}")


def _scaled(faces: Faces, factor: float) -> Faces:
    """Return faces as they lie on a smaller copy of their picture."""
    points = None if faces.landmarks is None else faces.landmarks * factor
    return replace(faces, boxes=faces.boxes * factor, landmarks=points)
