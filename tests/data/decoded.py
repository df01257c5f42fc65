"""A picture, and what decoding a file gives: its pixels, or a reason of one line."""

import numpy as np
import pytest

from core.data.decode import UnreadableError, decode

COLOURS = np.random.default_rng(0).integers(0, 256, (6, 9, 3), dtype=np.uint8)  # height 6, width 9


def pixels(path):
    image = decode(path)
    assert image.mode == "RGB"
    return np.asarray(image)


def reason(path):
    with pytest.raises(UnreadableError) as caught:
        decode(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)
