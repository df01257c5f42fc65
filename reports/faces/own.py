"""A user's own pictures, with what every detector finds on them."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from core.data.decode import UnreadableError, decode_named
from core.detection.faces import Detector
from core.errors import UserError
from core.files import whole
from reports.faces.sheets import side_by_side


def own_pictures(names: Sequence[str], detectors: Mapping[str, Detector], output: Path) -> None:
    """Detect faces, print them, and draw the detectors' finds side by side to a picture file.

    Raises UserError for a picture that cannot be read, and a file that cannot be written or is one
    of the pictures.
    """
    images = {}
    for name in names:
        try:
            images[name] = np.array(decode_named(name))
        except UnreadableError as error:
            raise UserError(f"--images {name}: {error}; a picture is wanted") from error
        if output.resolve() == Path(name).expanduser().resolve():
            raise UserError(f"--output {output}: one of --images; another file is wanted")
    found = {name: detector.detect(list(images.values())) for name, detector in detectors.items()}
    for name, faces in found.items():
        for image, each in zip(images, faces, strict=True):
            print(f"{image}: {name} finds {len(each)} in {1000 * each.seconds:.0f} ms")
            for box, score in zip(each.boxes, each.scores, strict=True):
                print(f"  {' '.join(f'{value:.0f}' for value in box)}  score {score:.3g}")
    try:
        with whole(output) as file:
            side_by_side(images, found).savefig(file, dpi=144)
    except (OSError, ValueError) as error:
        raise UserError(f"--output {output}: {error}; a picture file is wanted") from error
    print(f"drawn: {output}")
