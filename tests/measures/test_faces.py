"""What is kept of detected faces, and what of it is right."""

import numpy as np
import pytest

from core.data.pictures import NONE, Gallery, Picture
from core.detection.degrade import KINDS, degrade
from core.detection.faces import Faces
from core.measures import faces as measured

FACE, OTHER = (10, 10, 30, 30), (40, 40, 60, 60)


def faces(*corners, scores=None):
    boxes = np.array(corners, np.float32).reshape(-1, 4)
    return Faces(boxes, np.array(scores or [1.0] * len(boxes), np.float32), None, 0.01)


def picture(name, face, boxes=None, ignored=NONE, side=60, value=0):
    marked = None if boxes is None else np.array(boxes, np.float32).reshape(-1, 4)
    return Picture(name, lambda: np.full((side, side, 3), value, np.uint8), face, marked, ignored)


def gallery(name, pictures):
    return Gallery(name, f"the folder {name}", tuple(pictures), "f", (60, 60))


class Bright:
    """Finds a face where the mean is 100 or more; counts what it is shown."""

    def __init__(self):
        self.shown = []

    def detect(self, images):
        self.shown.append(len(images))
        return [faces(FACE) if image.mean() >= 100 else faces() for image in images]


def test_boxes_are_judged_one_to_one_and_ignored_places_count_for_nothing():
    marked = picture("a", True, [FACE], np.array([OTHER], np.float32))
    judged = measured.judge(faces(FACE, (11, 11, 31, 31), OTHER), marked)
    assert judged.face_found.tolist() == [True]
    assert sorted(judged.box_right.tolist()) == [-1, 0, 1]
    assert measured.judge(faces(), marked).face_found.tolist() == [False]
    with pytest.raises(ValueError, match="not marked"):
        measured.judge(faces(), picture("b", True))


def test_metrics_are_shares_of_the_right_pictures():
    marked = [picture("a", True, [FACE, OTHER]), picture("b", True, [FACE])]
    plain = [picture("c", False, []), picture("d", False, [])]
    found = [faces(FACE, (0, 0, 5, 5)), faces(), faces(FACE, OTHER), faces()]
    assert measured.metrics(found, gallery("x", marked + plain)) == {
        "faces/detected": 0.5,
        "faces/recall": pytest.approx(1 / 3),
        "faces/precision": 0.5,
        "others/fired": 0.5,
        "others/alarms": 1.0,
    }
    alone = measured.metrics([faces()], gallery("y", [picture("a", False)]))
    assert set(alone) == {"others/fired", "others/alarms"}


def test_pictures_are_looked_at_one_at_a_time_and_laid_out_by_picture_and_face():
    pictures = [
        picture("a", True, [FACE], value=200),
        picture("b", True, value=200),
        picture("c", False),
    ]
    detector = Bright()
    record = measured.as_they_are(detector, gallery("x", pictures))
    assert detector.shown == [1] * 4  # the first one twice: it pays for what is lazy
    dims = {name: dims for name, (dims, _) in record.arrays.items()}
    values = {name: values for name, (_, values) in record.arrays.items()}
    assert dims["counts"] == dims["seconds/picture"] == ("image@x",)
    assert dims["face_found"] == ("marked@x",)
    assert values["counts"].tolist() == [1, 1, 0]
    assert values["face_found"].tolist() == [1]
    assert values["box_right"].tolist() == [1, -1]  # b's faces are not marked
    assert values["boxes"].tolist() == [list(FACE)] * 2
    assert "seconds" not in {*values, *record.metrics}  # that is the trial's own


def test_labels_tell_sets_apart_and_faces_know_their_picture():
    sets = [
        gallery("x", [picture("a", True, [FACE, OTHER]), picture("b", False)]),
        gallery("y", [picture("a", True)]),
    ]
    shared = measured.shared(sets, ["x"], 5, 0)
    assert shared.coords["image@x"] == ("x/a", "x/b")
    assert shared.coords["image@y"] == ("y/a",)
    assert shared.coords["marked@x"] == ("x/a#0", "x/a#1")
    assert shared.coords["others"] == ("x",)
    assert shared.coords["image@x, harder"] == ("x/a",)
    assert shared.arrays["face@x"][1].tolist() == [1, 0]
    assert shared.arrays["marked_box@x"][1].tolist() == [list(FACE), list(OTHER)]
    assert shared.order["arm"][:2] == ("haar-alt", "mtcnn")


def test_made_harder_means_the_same_pictures_level_by_level():
    pictures = [picture(f"{value}", True, value=value) for value in (60, 120, 240)]
    pictures.append(picture("none", False, value=255))
    own = gallery("x", pictures)
    record = measured.made_harder(Bright(), own, "brightness", 50, 0)
    dims, hits = record.arrays["harder"]
    assert dims == ("level@brightness", "image@x, harder")
    expected = [
        [degrade(p.load(), "brightness", level, 0, i).mean() >= 100 for i, p in enumerate(pictures)]
        for level in KINDS["brightness"].levels
    ]
    assert hits.tolist() == np.array(expected)[:, :3].astype(int).tolist()
    assert record.curves == {"faces/detected_by_level": hits.mean(1).tolist()}
    fewer = measured.made_harder(Bright(), own, "brightness", 2, 0)
    kept = measured.shared([own], [], 2, 0).coords["image@x, harder"]
    chosen = [[p.name for p in pictures].index(name.removeprefix("x/")) for name in kept]
    assert fewer.arrays["harder"][1].tolist() == hits[:, chosen].tolist()


def test_the_worst_misses_surest_alarms_and_least_sure_hits_are_kept_in_small():
    n = 3 * measured.SHOWN
    pictures = [picture(f"alarm {i}", False, value=i) for i in range(n)]
    found = [faces(FACE, scores=[(i * 7 % n) / n + 0.01]) for i in range(n)]
    pictures += [picture(f"hit {i}", True, value=100 + i) for i in range(n)]
    found += [faces(FACE, scores=[(i * 5 % n) / n + 0.01]) for i in range(n)]
    pictures += [picture("missed", True, value=250), picture("quiet", False, value=251)]
    found += [faces(), faces()]
    arrays = measured.record(found, gallery("x", pictures)).arrays
    shown = arrays["shown"][1]
    scores = np.array([each.scores[0] for each in found[: 2 * n]])
    sure = set(np.argsort(-scores[:n])[: measured.SHOWN])
    unsure = set(n + np.argsort(scores[n:])[: measured.SHOWN])
    assert set(shown) == sure | unsure | {2 * n}
    assert arrays["picture"][1][:, 0, 0, 0].tolist() == [
        int(pictures[i].load()[0, 0, 0]) for i in shown
    ]
    assert arrays["extent"][1].tolist() == [[60, 60]] * len(shown)


def test_large_pictures_are_shrunk_and_small_ones_are_not():
    own = gallery("x", [picture("big", True, side=400), picture("small", True, side=100)])
    arrays = measured.record([faces(), faces()], own).arrays
    assert arrays["shrink"][1].tolist() == [0.4, 1]
    assert arrays["extent"][1].tolist() == [[160, 160], [100, 100]]
    assert arrays["picture"][1][1, 100:].min() == 255  # white beside it
