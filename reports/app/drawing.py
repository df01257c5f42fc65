"""The app's answers: a line and a drawing for each picture."""

from typing import TYPE_CHECKING

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray
from PIL import Image

from reports.figures import BLUE, ORANGE
from reports.words import breed

if TYPE_CHECKING:
    from core.detection.resemblance import Answer

DRAWN = 1440  # pixels of a drawn picture's longer side


def plain(answer: "Answer") -> str:
    """Return the answer's sentence with readable names of breeds."""
    name = answer.breeds[0][0]
    return answer.sentence().replace(name, breed(name))


def draw(image: Image.Image, answer: "Answer", dogs: NDArray[np.uint8]) -> Figure:
    """Draw a picture with its faces, the three breeds and the three most similar training dogs.

    dogs: uint8 (n, 3, side, side), the training images in small.
    """
    figure = plt.figure(figsize=(10, 4.2))
    grid = figure.add_gridspec(2, 6)
    _picture(figure.add_subplot(grid[:, :3]), image, answer)
    _bars(figure.add_subplot(grid[0, 3:]), answer)
    for place, (index, name, gap) in enumerate(answer.nearest):
        axis = figure.add_subplot(grid[1, 3 + place])
        axis.imshow(dogs[index].transpose(1, 2, 0))
        axis.set_axis_off()
        axis.set_title(f"{breed(name)}\ndistance {gap:.2f}", fontsize=7)
    figure.suptitle(plain(answer), fontsize=10)
    return figure


def _picture(axis: Axes, image: Image.Image, answer: "Answer") -> None:
    small = image.copy()
    small.thumbnail((DRAWN, DRAWN))  # matplotlib takes 16 bytes and more a pixel
    axis.imshow(np.asarray(small))
    axis.set_axis_off()
    axis.autoscale(enable=False)
    for x0, y0, x1, y1 in answer.faces.boxes * (small.width / image.width):
        box = Rectangle((x0, y0), x1 - x0, y1 - y0, fill=False, color=ORANGE, linewidth=1.8)
        axis.add_patch(box)


def _bars(axis: Axes, answer: "Answer") -> None:
    names = [breed(name) for name, _ in answer.breeds]
    values = [p for _, p in answer.breeds]
    axis.barh(range(len(names)), values, color=BLUE)
    axis.set_yticks(range(len(names)), names, fontsize=8)
    axis.invert_yaxis()
    axis.set_xlim(0, 1)
    axis.tick_params(axis="x", labelsize=7)
    title = f"the {len(names)} most probable breeds, and the most similar training dogs"
    axis.set_title(title, fontsize=8)
