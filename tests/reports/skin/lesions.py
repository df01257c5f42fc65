"""Invented networks that look at lesions, and what they share."""

import numpy as np
from sklearn.neighbors import NearestNeighbors

from core.measures.skin_probes import COORDS
from core.trials import Record, Shared
from reports.skin import scoring

CLASSES = ("melanoma", "nevus", "seborrheic_keratosis")
COUNTS = (60, 140, 40)
N = sum(COUNTS)
LABELS = np.repeat([0, 1, 2], COUNTS)
SHOWN = np.concatenate([np.arange(start, start + 40) for start in (0, 60, 200)])
DIMS = ("image", "class")
SETTINGS = {"frozen": False, "imbalance": "none", "train": {"epochs": 6, "batch_size": 32}}
CONFIG = {
    "threshold": "sensitivity",
    "target_sensitivity": 0.9,
    "miss_cost": 10.0,
    "prevalence": 0.05,
}


def record(seed, skill=2.0, ink=0.0, turn=0.0, copies=0.3, lesion=3.0, cluster=2.5, ruler=0.0):
    """Return a network that sees the class with some skill, and what fools it.

    ink: logits of melanoma, added to nevi alone.
    """
    random, image = np.random.default_rng(seed), np.random.default_rng(99).normal(size=(N, 3))

    def answer(skill=skill, noise=0.0):
        logits = image + skill * np.eye(3)[LABELS] + 0.3 * random.normal(size=(N, 3))
        logits[:, 0] += noise * random.normal(size=N)
        return logits.astype(np.float32)

    logits, nevi = answer(), (LABELS == 1)[:, None]
    arrays = {
        "val_logits": (("val_image", "class"), answer()),
        "test_logits": (DIMS, logits),
        "correct": (("image",), (logits.argmax(1) == LABELS).astype(np.uint8)),
        "confusion": (("class", "predicted"), np.diag(COUNTS)),
        "turned": (("turn", *DIMS), np.stack([answer(noise=turn) for _ in range(3)])),
        "inked": (DIMS, (logits + nevi * [ink, 0, 0]).astype(np.float32)),
        "ruled": (DIMS, (logits + nevi * [ruler, 0, 0]).astype(np.float32)),
        "seen": (("view", "probe", "class"), np.stack([answer(lesion), answer(0)])),
    }
    if seed == 0:
        points = random.normal(size=(len(SHOWN), 2)) + cluster * np.eye(3)[LABELS[SHOWN]][:, :2]
        full = random.normal(size=(len(SHOWN), 2))
        near = [NearestNeighbors(n_neighbors=10).fit(x).kneighbors()[1] for x in (points, full)]
        scores = random.normal(size=N) + (LABELS == 0)
        better = scores + copies * 4 * (LABELS == 0)
        arrays |= {
            "points": (("shown", "axis"), points),
            "near": (("space", "shown", "neighbour"), np.stack(near)),
            "leak": (("split", "probe"), np.stack([better, scores])),
        }
    return Record({"test/auc_melanoma": 0.5, "test/accuracy": 0.5}, arrays)


def labels(**more):
    names = tuple(f"test/c/ISIC_{i}.jpg" for i in range(N))
    coords = {"image": names, "class": CLASSES, "predicted": CLASSES, **COORDS}
    coords |= {"val_image": tuple(f"v{i}" for i in range(N)), "probe": names}
    coords |= {"shown": tuple(names[i] for i in SHOWN), **scoring.COORDS}
    arrays = {
        "label": (("image",), LABELS),
        "val_label": (("val_image",), LABELS),
        "probe_label": (("probe",), LABELS),
    }
    return Shared(coords, arrays | more, {"arm": ("random", "pretrained")})
