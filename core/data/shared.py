"""What all trials on one data set share: the names and true labels of the test images."""

from collections.abc import Mapping, Sequence

from core.data.images import Splits
from core.trials import Array, Shared


def shared(
    splits: Splits,
    order: Mapping[str, Sequence[str]],
    coords: Mapping[str, Sequence[str]] | None = None,
    arrays: Mapping[str, Array] | None = None,
) -> Shared:
    """Label the dimensions `image`, `class` and `predicted`; `label` (image) is the true class.

    order: `arm` and factors -> their levels as tables list them. coords, arrays: more of both.
    """
    classes, labels = splits.card.classes, splits.test.labels.cpu().numpy()
    names = splits.test.names
    return Shared(
        {
            "image": names,
            "class": classes,
            "predicted": classes,
            **{name: tuple(values) for name, values in (coords or {}).items()},
        },
        {"label": (("image",), labels), **(arrays or {})},
        {name: tuple(levels) for name, levels in order.items()},
    )
