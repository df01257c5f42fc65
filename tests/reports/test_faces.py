"""What was found is judged, tabulated and compared as a plain count would."""

import numpy as np
import pytest
from scipy import stats

import reports
from core.data.pictures import NONE, Gallery, Picture
from core.detection import registry
from core.detection.config import CLEAN
from core.detection.faces import Faces
from core.measures import faces as measured
from core.trials import Record, Trial
from reports.faces import exhibits as made
from reports.faces import figures
from reports.faces import outcomes as out
from reports.faces.sheets import side_by_side
from reports.judge import judge


def faces(*corners, score=1.0):
    boxes = np.array(corners, np.float32).reshape(-1, 4)
    return Faces(boxes, np.full(len(boxes), score, np.float32), None, 0.01)


def picture(name, face, boxes=None, ignored=NONE):
    marked = None if boxes is None else np.array(boxes, np.float32).reshape(-1, 4)
    return Picture(name, lambda: np.zeros((60, 60, 3), np.uint8), face, marked, ignored)


def gallery(name, pictures):
    return Gallery(name, f"the folder {name}", tuple(pictures), "f", (60, 60))


FACE, OTHER = (10, 10, 30, 30), (40, 40, 60, 60)


@pytest.fixture
def study(invent):
    """Return a maker of studies: set -> detector -> found faces of its pictures."""

    def make(galleries, found, others=(), more=None):
        shared = measured.shared(galleries, others, 2, 0)
        trials = {
            Trial(detector, 0, (("set", each.name), ("step", CLEAN))): measured.record(
                found[each.name][detector], each
            )
            for each in galleries
            for detector in found[each.name]
        }
        return invent("face_detectors", {**trials, **(more or {})}, shared)

    return make


@pytest.fixture
def two(study):
    """Return a maker of studies of hits: set -> (mtcnn, haar, face)."""

    def make(others=(), **sets):
        galleries, found = [], {}
        for name, (mtcnn, haar, face) in sets.items():
            galleries.append(gallery(name, [picture(f"{i}", face) for i in range(len(mtcnn))]))
            found[name] = {
                detector: [faces(FACE) if hit else faces() for hit in hits]
                for detector, hits in (("haar-alt", haar), ("mtcnn", mtcnn))
            }
        return study(galleries, found, others)

    return make


def test_faces_survive_the_store(study):
    points = np.arange(20, dtype=np.float32).reshape(2, 5, 2)
    boxes = np.arange(8, dtype=np.float32).reshape(2, 4)
    found = [Faces(boxes, np.array([0.9, 0.8], np.float32), points, 0.5), faces(), faces(FACE)]
    own = gallery("x", [picture("a", True), picture("b", True), picture("c", False)])
    other = gallery("y", [picture("a", True), picture("b", False)])
    known = {"x": {"mtcnn": found}, "y": {"mtcnn": [faces(OTHER), faces()]}}
    first, second = out.outcomes(study([own, other], known))
    assert (first.set, first.names, second.names) == ("x", ["a", "b", "c"], ["a", "b"])
    for before, after, scores in zip(found, first.boxes, first.scores, strict=True):
        assert np.array_equal(before.boxes, after)
        assert len(scores) == len(before)
    assert first.seconds.tolist() == [0.5, 0.01, 0.01]
    assert np.array_equal(first.landmarks[0], points)
    assert np.isnan(first.landmarks[2]).all()
    assert second.counts.tolist() == [1, 0]
    assert second.face.tolist() == [True, False]


def test_verdicts_follow_exact_mcnemar(two):
    mtcnn, haar = [True] * 50, [True] * 40 + [False] * 10
    dogs = ([True] * 9 + [False] * 41, [False] * 50, False)
    judged = judge(two(("dogs",), lfw=(mtcnn, haar, True), dogs=dogs))
    assert judged["D1"].verdict == "supported"
    assert judged["D1"].decision.p_supported == pytest.approx(2 * 0.5**10)  # Holm over the lesson
    assert judged["D2"].verdict == "supported"
    assert judged["D2"].decision.p_supported == pytest.approx(0.5**9)
    told = "of 50: haar-alt 40, mtcnn 50; mtcnn alone 10, haar-alt alone 0"
    assert told in judged["D1"].decision.comment
    assert judge(two(lfw=([True], [False], True)))["D1"].verdict == "not tested"  # one picture
    worse = judge(two(lfw=(haar, mtcnn, True)))
    assert worse["D1"].verdict == "refuted"
    assert worse["D2"].verdict == "not tested"
    assert "--others folder:PATH" in worse["D2"].lacking
    fewer = judge(two(("dogs",), dogs=(dogs[1], dogs[0], False)))
    assert fewer["D2"].verdict == "refuted"
    assert fewer["D1"].verdict == "not tested"
    assert "--people folder:PATH" in fewer["D1"].lacking
    alike = judge(two(("dogs",), dogs=(dogs[0], dogs[0], False)))
    assert alike["D2"].verdict == "undecided"


def test_d1_needs_every_set(two):
    ahead, behind = [True] * 20, [True] * 8 + [False] * 12
    assert judge(two(a=(ahead, behind, True), b=(ahead, ahead, True)))["D1"].verdict == "undecided"
    assert judge(two(a=(ahead, behind, True), b=(behind, ahead, True)))["D1"].verdict == "refuted"
    one = judge(two(a=(ahead, behind, True), b=(ahead, behind, True)))["D1"]
    assert one.verdict == "supported"
    assert len(one.decision.parts) == 2


@pytest.mark.parametrize(("alone", "spare"), [(6, 0), (7, 0), (8, 1), (12, 5), (40, 33)])
def test_d2_tells_how_many_people_it_could_bear(two, alone, spare):
    """Of 7 that all go one way p is .0078, below .0125; of 6 it is .0156."""
    entry = judge(two(("dogs",), dogs=([True] * alone + [False] * 9, [False] * (alone + 9), False)))
    comment = entry["D2"].decision.comment
    assert (f"Up to {spare} of the pictures on which mtcnn alone fires" in comment) == (spare > 0)
    assert "the sheet of false alarms" in comment.lower()


def test_2_of_100_cannot_be_significant(two):
    entry = judge(two(lfw=([True] * 100, [False] * 2 + [True] * 98, True)))["D1"]
    assert entry.verdict == "undecided"
    assert entry.decision.p_supported == 0.5
    row = made.compare(np.ones(100, bool), np.arange(100) >= 2)
    assert (row["only a"], row["only b"], row["least p"]) == (2, 0, 0.5)
    few = made.compare(np.ones(3, bool), np.arange(3) > 0)
    assert few["needed"] == "n/a"  # five are the least for a verdict, not what would decide


def test_marked_faces_are_the_unit_where_there_are_any_and_dogs_where_they_are_named(study):
    boxes = gallery("boxes", [picture("a", True, [FACE, OTHER]), picture("b", True, [FACE])])
    animals = [
        gallery(n, [picture(f"{i}", False) for i in range(6)]) for n in ("cats-dogs/dog", "cats")
    ]
    found = {
        "boxes": {
            "haar-alt": [faces(FACE), faces(OTHER)],
            "mtcnn": [faces(FACE, OTHER), faces(FACE)],
        },
        "cats-dogs/dog": {"mtcnn": [faces(FACE)] * 6, "haar-alt": [faces()] * 6},
        "cats": {"mtcnn": [faces()] * 6, "haar-alt": [faces(FACE)] * 6},
    }
    judged = judge(study([boxes, *animals], found, ("cats-dogs/dog", "cats")))
    assert list(judged["D1"].decision.parts) == ["faces of boxes found (IoU 0.5)"]
    assert judged["D1"].decision.estimate.value == pytest.approx(2 / 3)
    assert list(judged["D2"].decision.parts) == ["pictures of cats-dogs/dog with a false alarm"]
    alone = judge(study([boxes], {"boxes": {"haar-alt": found["boxes"]["haar-alt"]}}))
    assert "the arm mtcnn" in alone["D1"].lacking
    swapped = {
        name: {"mtcnn": seen["haar-alt"], "haar-alt": seen["mtcnn"]} for name, seen in found.items()
    }
    judged = judge(study([boxes, *animals], swapped, ("cats-dogs/dog", "cats")))
    assert judged["D2"].decision.estimate.value == -1  # on cats it is 1


def test_a_new_detector_is_one_entry_in_the_register(study, monkeypatch):
    """Tables, comparisons, colours, the comments of D1 and D2 have it, and no verdict changes."""
    monkeypatch.setitem(registry.DETECTORS, "new", lambda *_: None)
    pictures = [picture(f"{i}", i < 8) for i in range(16)]
    hits = {"haar-alt": 2, "mtcnn": 8, "new": 5}
    found = {
        "set": {
            name: [faces(FACE) if i % 8 < n else faces() for i in range(16)]
            for name, n in hits.items()
        }
    }
    made_ = study([gallery("set", pictures)], found, ("set",))
    assert made_["arm"].values.tolist() == ["haar-alt", "mtcnn", "new"]
    judged = judge(made_)
    assert "of 8: haar-alt 2, mtcnn 8, new 5; mtcnn alone 6" in judged["D1"].decision.comment
    assert "of 8: haar-alt 2, mtcnn 8, new 5; mtcnn alone 6" in judged["D2"].decision.comment
    assert len(judged["D1"].decision.parts) == 1
    pairs = reports.exhibits(made_)["comparisons"].frame()
    assert len(pairs) == 2 * 3
    colours = [figures.colour_of(name) for name in hits]
    assert len(set(colours)) == 3
    assert "black" not in colours
    assert figures.colour_of("of another version") == "black"


def test_tables_hold_counts_with_wilson_and_holm(two):
    hits = [True] * 8 + [False] * 2
    shown = reports.exhibits(two(set=(hits, [False] * 10, True)))
    frame = shown["rates"].frame()
    row = frame[frame["detector"] == "mtcnn"].iloc[0]
    expected = stats.binomtest(8, 10).proportion_ci(method="wilson")
    assert row["share with a find"] == 0.8
    assert row["share with a find_low"] == pytest.approx(expected.low)
    assert row["share with a find_high"] == pytest.approx(expected.high)
    compared = shown["comparisons"].frame()
    assert compared["p"].tolist() == [pytest.approx(2 * 0.5**8)]
    assert compared["p holm"].tolist() == compared["p"].tolist()


def test_every_exhibit_is_made_and_curves_keep_their_levels(study):
    pictures = [picture("a", True, [FACE]), picture("b", True, [FACE]), picture("c", False, [])]
    own = gallery("set", pictures)
    found = {"set": {arm: [faces(FACE), faces(), faces(OTHER)] for arm in ("haar-alt", "mtcnn")}}
    hits = np.array([[1, 1], [1, 0], [0, 0], [0, 0], [0, 0]], np.uint8)
    harder = Record({}, {"harder": (("level@blur", "image@set, harder"), hits)})
    more = {Trial(arm, 0, (("set", "set"), ("step", "blur"))): harder for arm in found["set"]}
    shown = reports.exhibits(study([own], found, more=more))
    assert list(shown) == [
        *("rates", "boxes", "steps", "comparisons", "speed"),
        *("misses", "false-alarms", "hits"),
    ]
    for exhibit in shown.values():
        assert len(exhibit.frame()) > 0
        if exhibit.figure:
            exhibit.plot()
    steps = shown["steps"].frame()
    mine = steps[steps["detector"] == "mtcnn"]
    assert mine["level"].tolist() == [0, 2, 4, 6, 9]
    assert mine["detected"].tolist() == [1, 0.5, 0, 0, 0]
    assert shown["misses"].frame()["file"].tolist() == ["b", "b"]
    alarms = shown["false-alarms"].frame()
    assert alarms[["left", "top", "width", "height"]].iloc[0].tolist() == [40, 40, 20, 20]


def test_small_pictures_and_what_was_found_shrink_alike(study):
    large = Picture(
        "big",
        lambda: np.full((400, 320, 3), 7, np.uint8),
        True,
        np.array([[0, 0, 40, 40]], np.float32),
    )
    (outcome,) = out.outcomes(
        study([gallery("x", [large])], {"x": {"mtcnn": [faces((0, 0, 40, 40))]}})
    )
    seen = outcome.picture(0)
    assert seen.pixels.shape == (160, 128, 3)
    assert (seen.pixels == 7).all()
    assert seen.boxes.tolist() == seen.marked.tolist() == [[0, 0, 16, 16]]


def test_finds_on_one_picture_are_drawn_side_by_side():
    image = np.zeros((20, 30, 3), np.uint8)
    figure = side_by_side("photos/a$b$.jpg", image, {"mtcnn": faces(FACE), "haar-alt": faces()})
    assert [axis.get_title() for axis in figure.axes] == ["mtcnn: 1 face", "haar-alt: 0 faces"]
    assert [len(axis.patches) for axis in figure.axes] == [1, 0]
    assert figure.get_suptitle() == "a$b$.jpg"
    tall = side_by_side("a", np.zeros((900, 9, 3), np.uint8), {"mtcnn": faces()})
    assert tall.get_size_inches()[1] < 11
