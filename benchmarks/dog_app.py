"""Dog app: one picture, from file to drawing, after the networks are loaded."""

import contextlib
import functools
import io
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.dog_breeds import NETWORK, folder_of
from benchmarks.results import Row
from benchmarks.timing import Times, timed
from core.config import DeviceConfig, TrainConfig
from core.data.config import DataConfig
from core.data.named import NamedPictures
from core.data.sources import load
from core.detection.mtcnn import MTCNN
from core.detection.resemblance import Resemblance
from core.device import pick
from core.models import backbones
from core.training import heads
from experiments.dog_app import answer

N = 200


def main(repeats: int, full: bool) -> Iterator[Row]:
    """Measure the time a picture takes, as the median over many."""
    device, backbone = pick(DeviceConfig()), backbones.load(NETWORK, "random")
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        folder_of(place / "set", N)
        splits = load(DataConfig(data=f"folder:{place / 'set'}"), backbone.preparation)
        head = heads.train(backbone.trunk().freeze(), splits, TrainConfig(epochs=1), device)
        eyes = Resemblance(backbone, head, MTCNN(device.torch), device)
        paths = sorted((place / "set").rglob("*.jpg"))[:: 4 if full else 20]

        def one(path: Path) -> None:
            with contextlib.redirect_stdout(io.StringIO()):
                answer(NamedPictures([str(path)], "IMAGE"), eyes, place)

        one(paths[0])  # the first call takes longer
        times = [timed(functools.partial(one, path)).median for path in paths]
    yield Row("`dog_app`, a picture", Times(times), goal="1 s")
