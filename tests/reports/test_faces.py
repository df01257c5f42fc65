"""What was found is judged, tabulated and compared as a plain count would."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from core.data.pictures import NONE, Gallery, Picture
from core.detection.faces import Faces
from core.results import Result, Trial
from reports.faces import exhibits as made
from reports.faces import outcomes as out
from reports.faces.findings import findings
from reports.faces.sheets import side_by_side
from reports.tables import columns


def faces(*corners, score=1.0):
    boxes = np.array(corners, np.float32).reshape(-1, 4)
    return Faces(boxes, np.full(len(boxes), score, np.float32), None, 0.01)


def picture(name, face, boxes=None, ignored=NONE):
    marked = None if boxes is None else np.array(boxes, np.float32).reshape(-1, 4)
    return Picture(name, lambda: np.zeros((60, 60, 3), np.uint8), face, marked, ignored)


def gallery(name, pictures):
    return Gallery(name, f"the folder {name}", tuple(pictures), "f", (60, 60))


FACE, OTHER = (10, 10, 30, 30), (40, 40, 60, 60)


def test_faces_survive_packing():
    points = np.arange(20, dtype=np.float32).reshape(2, 5, 2)
    found = [
        Faces(np.ones((2, 4), np.float32), np.array([0.9, 0.8], np.float32), points, 0.5),
        faces(),
        faces(FACE),
    ]
    back = out.unpack(out.pack(found))
    for one, other in zip(found, back, strict=True):
        assert np.array_equal(one.boxes, other.boxes)
        assert np.array_equal(one.scores, other.scores)
        assert one.seconds == other.seconds
    assert np.array_equal(back[0].landmarks, points)
    assert back[2].landmarks is None


def test_boxes_are_judged_one_to_one_and_ignored_places_count_for_nothing():
    marked = picture("a", True, [FACE], np.array([OTHER], np.float32))
    judged = out.judge(faces(FACE, (11, 11, 31, 31), OTHER), marked)
    assert judged.face_found.tolist() == [True]
    assert sorted(judged.box_right.tolist()) == [False, True]
    assert out.judge(faces(), marked).face_found.tolist() == [False]
    with pytest.raises(ValueError, match="not marked"):
        out.judge(faces(), picture("b", True))


def test_metrics_are_shares_of_the_right_pictures():
    own = gallery(
        "x",
        [
            picture("a", True, [FACE, OTHER]),
            picture("b", True, [FACE]),
            picture("c", False, []),
            picture("d", False, []),
        ],
    )
    found = [faces(FACE, (0, 0, 5, 5)), faces(), faces(FACE, OTHER), faces()]
    measured = out.metrics(found, own)
    assert measured.pop("seconds") == pytest.approx(0.01)
    assert measured == {
        "faces/detected": 0.5,
        "faces/recall": pytest.approx(1 / 3),
        "faces/precision": 0.5,
        "others/fired": 0.5,
        "others/alarms": 1.0,
    }
    assert set(out.metrics([faces()], gallery("y", [picture("a", False)]))) == {
        "others/fired",
        "others/alarms",
        "seconds",
    }


def outcome(name, detector, hits, face):
    pictures = [picture(f"{i}", face) for i in range(len(hits))]
    return out.Outcome(
        gallery(name, pictures), detector, [faces(FACE) if hit else faces() for hit in hits]
    )


def two(name, mtcnn, haar, face):
    return [outcome(name, "haar-alt", haar, face), outcome(name, "mtcnn", mtcnn, face)]


def test_verdicts_follow_exact_mcnemar():
    mtcnn, haar = [True] * 50, [True] * 40 + [False] * 10
    dogs_mtcnn, dogs_haar = [True] * 9 + [False] * 41, [False] * 50
    found = [*two("lfw", mtcnn, haar, True), *two("dogs", dogs_mtcnn, dogs_haar, False)]
    judged = findings(found, ["dogs"])
    assert judged["D1"].decision.verdict == "supported"
    assert judged["D1"].decision.p_supported == pytest.approx(0.5**10)
    assert judged["D2"].decision.verdict == "supported"
    assert judged["D2"].decision.p_supported == pytest.approx(0.5**9)
    assert "50 and 40 of 50, differing on 10 and 0" in judged["D1"].comment
    worse = findings([*two("lfw", haar, mtcnn, True)], [])
    assert worse["D1"].decision.verdict == "refuted"
    assert worse["D2"].decision is None
    assert "--others folder:PATH" in worse["D2"].lacking


def test_2_of_100_cannot_be_significant():
    judged = findings(two("lfw", [True] * 100, [False] * 2 + [True] * 98, True), [])["D1"]
    assert judged.decision.verdict == "undecided"
    assert judged.decision.p_supported == 0.25
    row = made._compare(np.ones(100, bool), np.arange(100) >= 2)
    assert (row["only a"], row["only b"], row["least p"]) == (2, 0, 0.5)
    assert int(row["needed"].replace(",", "")) > 100


def test_marked_faces_are_the_unit_where_there_are_any_and_dogs_where_they_are_named():
    pictures = [picture("a", True, [FACE, OTHER]), picture("b", True, [FACE])]
    own = gallery("boxes", pictures)
    found = [
        out.Outcome(own, "haar-alt", [faces(FACE), faces(OTHER)]),
        out.Outcome(own, "mtcnn", [faces(FACE, OTHER), faces(FACE)]),
        *two("cats-dogs/dog", [True] * 6, [False] * 6, False),
        *two("cats", [False] * 6, [True] * 6, False),
    ]
    judged = findings(found, ["cats-dogs/dog", "cats"])
    assert judged["D1"].names == ("faces of boxes found (IoU 0.5)",)
    assert judged["D1"].decision.estimate.value == pytest.approx(2 / 3)
    assert judged["D2"].names == ("pictures of cats-dogs/dog with a false alarm",)
    alone = findings(found[:1], [])
    assert "--detectors mtcnn haar-alt" in alone["D1"].lacking


def test_tables_hold_counts_with_wilson_and_holm():
    hits = [True] * 8 + [False] * 2
    found = two("set", hits, [False] * 10, True)
    frame = made.rates(found)
    row = frame[frame["detector"] == "mtcnn"].iloc[0]
    expected = stats.binomtest(8, 10).proportion_ci(method="wilson")
    assert row["share with a find"] == 0.8
    assert row["share with a find_low"] == pytest.approx(expected.low)
    assert row["share with a find_high"] == pytest.approx(expected.high)
    compared = made._comparisons(found).frame
    assert compared["p"].tolist() == [pytest.approx(2 * 0.5**8)]
    assert compared["p holm"].tolist() == compared["p"].tolist()


def test_every_exhibit_is_made_and_curves_keep_their_levels(tmp_path):
    pictures = [picture("a", True, [FACE]), picture("b", True, [FACE]), picture("c", False, [])]
    own, results = gallery("set", pictures), {}
    for arm in ("haar-alt", "mtcnn"):
        found = [faces(FACE), faces(), faces(OTHER)]
        clean = Trial(arm, 0, (("set", "set"), ("step", out.CLEAN)))
        results[clean] = Result(out.metrics(found, own), out.pack(found))
        blurred = Trial(arm, 0, (("set", "set"), ("step", "blur")))
        hits = np.array([[1, 1], [1, 0], [0, 0], [0, 0], [0, 0]], np.uint8)
        results[blurred] = Result({"faces/harder": 0.3}, {"hits": hits})
    shown = made.exhibits(results, out.outcomes(results, [own]), [own])
    names = [each.name for each in shown]
    assert names == [
        *("rates", "boxes", "steps", "comparisons", "speed"),
        *("misses", "false-alarms", "hits"),
    ]
    for each in shown:
        each.save(tmp_path)
        assert len(pd.read_csv(tmp_path / f"{each.name}.csv")) == len(each.frame) > 0
    steps = made.curves(results, [own])
    mine = steps[steps["detector"] == "mtcnn"]
    assert mine["level"].tolist() == [0, 2, 4, 6, 9]
    assert mine["detected"].tolist() == [1, 0.5, 0, 0, 0]
    assert columns("detected", None)["detected"] is not None
    misses = next(each for each in shown if each.name == "misses").frame
    assert misses["file"].tolist() == ["b", "b"]
    alarms = next(each for each in shown if each.name == "false-alarms").frame
    assert alarms[["left", "top", "width", "height"]].iloc[0].tolist() == [40, 40, 20, 20]


def test_own_pictures_are_drawn_side_by_side():
    images = {"a": np.zeros((20, 30, 3), np.uint8), "b": np.zeros((50, 9, 3), np.uint8)}
    figure = side_by_side(images, {"mtcnn": [faces(FACE), faces()], "haar-alt": [faces()] * 2})
    titles = [axis.get_title() for axis in figure.axes]
    assert titles == [
        *("a\nmtcnn: 1 face", "a\nhaar-alt: 0 faces"),
        *("b\nmtcnn: 0 faces", "b\nhaar-alt: 0 faces"),
    ]
    assert [len(axis.patches) for axis in figure.axes] == [1, 0, 0, 0]
