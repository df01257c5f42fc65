"""Oxford-IIIT Pet, 37 breeds of cats and dogs, as torchvision downloads it.

Source: Parkhi et al., Cats and Dogs, CVPR 2012.
"""

from pathlib import Path

from core.data.download import attempt
from core.data.layout import Entry
from core.errors import UserError, reason

FOLDER = "oxford-iiit-pet"
SOURCE = "Oxford-IIIT Pet (torchvision.datasets.OxfordIIITPet), 37 breeds of cats and dogs"
SIDES = {"trainval": "train", "test": "test"}


def entries(data_root: Path) -> list[Entry]:
    """List the images of the set below `data_root`, downloaded to it if they are missing.

    The test side is the set's own. Raises UserError where the set can neither be found nor
    downloaded.
    """
    from torchvision.datasets import OxfordIIITPet

    try:
        OxfordIIITPet(data_root)
    except RuntimeError:  # torchvision's word for "not there"
        try:
            attempt(lambda: OxfordIIITPet(data_root, download=True))
        except Exception as error:
            raise UserError(
                f"--data-root {data_root}: {FOLDER} is not there and cannot be downloaded "
                f"({reason(error)}); set --data-root or DATA_ROOT to the folder that holds it, or "
                "give --data folder:PATH with one sub-folder per breed"
            ) from error
    root = data_root / FOLDER
    listed = []
    for part, side in SIDES.items():
        for line in (root / "annotations" / f"{part}.txt").read_text().splitlines():
            name = line.split()[0]
            listed.append(Entry(root / "images" / f"{name}.jpg", name.rpartition("_")[0], side))
    return listed
