"""The app's answers: a line and a drawing for each picture."""

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image

from core.data.card import readable
from core.data.decode import UnreadableError, decode_named
from core.detection.resemblance import Answer, Resemblance
from core.errors import UserError, one_line
from core.files import whole
from core.models.bundle import Bundle
from reports.figures import BLUE, ORANGE
from reports.words import breed

DRAWN = 1440  # pixels of a drawn picture's longer side


def readable_pictures(names: Sequence[str]) -> tuple[dict[str, Path], list[str]]:
    """Return the files that can be decoded, and a line for each that cannot; holds no picture."""
    found, bad = {}, []
    for name in names:
        try:
            decode_named(name)
            found[name] = Path(name).expanduser()
        except UnreadableError as error:
            bad.append(f"IMAGE {name}: {error}; a picture file is wanted")
    return found, bad


def refuse(bad: Sequence[str]) -> None:
    """Print all lines but the last, which is raised as a UserError; nothing without a line."""
    for line in bad[:-1]:
        print(one_line(line), file=sys.stderr)
    if bad:
        raise UserError(bad[-1])


def drawings(names: Sequence[str], folder: Path) -> dict[str, Path]:
    """Return the file that each picture's drawing goes to; pictures of one name are numbered.

    It keeps the picture's suffix: beach.jpg and beach.png are two, in one call or in several. No
    drawing goes to one of the pictures.
    """
    found, taken = {}, {Path(name).expanduser().resolve() for name in names}
    for name in names:
        file, number = readable(Path(name).name), 1
        while (path := folder / f"{file}{f'-{number}' * (number > 1)}.png").resolve() in taken:
            number += 1
        taken.add(path.resolve())
        found[name] = path
    return found


def answer(name: str, image: Image.Image, eyes: Resemblance, path: Path) -> None:
    """Print what a picture shows, and draw it to a PNG file.

    Raises UserError for a file that cannot be written.
    """
    found = eyes.look(image)
    print(f"{name}: {plain(found)}")
    figure = draw(image, found, eyes.bundle)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole(path) as file:
            figure.savefig(file, dpi=110)
    except OSError as error:
        wanted = f"{error.strerror}; a folder is wanted"
        raise UserError(f"--output {path.parent}: {wanted}") from error
    finally:
        plt.close(figure)
    print(f"  drawn: {path}")


def plain(found: Answer) -> str:
    """Return the answer's sentence with readable names of breeds."""
    name = found.breeds[0][0]
    return found.sentence().replace(name, breed(name))


def draw(image: Image.Image, found: Answer, bundle: Bundle) -> Figure:
    """Draw a picture with its faces, the three breeds and the three most similar training dogs."""
    figure = plt.figure(figsize=(10, 4.2), layout="constrained")
    grid = figure.add_gridspec(2, 6)
    _picture(figure.add_subplot(grid[:, :3]), image, found)
    _bars(figure.add_subplot(grid[0, 3:]), found)
    for place, (index, name, gap) in enumerate(found.nearest):
        axis = figure.add_subplot(grid[1, 3 + place])
        axis.imshow(bundle.thumbnails[index].permute(1, 2, 0).numpy())
        axis.set_axis_off()
        axis.set_title(f"{breed(name)}\ndistance {gap:.2f}", fontsize=7)
    figure.suptitle(plain(found), fontsize=10)
    return figure


def _picture(axis: Axes, image: Image.Image, found: Answer) -> None:
    small = image.copy()
    small.thumbnail((DRAWN, DRAWN))  # matplotlib takes 16 bytes and more a pixel
    axis.imshow(np.asarray(small))
    axis.set_axis_off()
    axis.autoscale(enable=False)
    for x0, y0, x1, y1 in found.faces.boxes * (small.width / image.width):
        box = Rectangle((x0, y0), x1 - x0, y1 - y0, fill=False, color=ORANGE, linewidth=1.8)
        axis.add_patch(box)


def _bars(axis: Axes, found: Answer) -> None:
    names = [breed(name) for name, _ in found.breeds]
    values = [p for _, p in found.breeds]
    axis.barh(range(len(names)), values, color=BLUE)
    axis.set_yticks(range(len(names)), names, fontsize=8)
    axis.invert_yaxis()
    axis.set_xlim(0, 1)
    axis.tick_params(axis="x", labelsize=7)
    known = len(found.breeds)
    axis.set_title(
        f"the {known} most probable breeds, and the most similar training dogs", fontsize=8
    )
