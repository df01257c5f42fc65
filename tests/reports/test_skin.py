"""Worlds in which the claims on skin hold, worlds in which they do not, and their tables."""

from collections import Counter

import numpy as np
import pandas as pd
import pytest
from scipy import special
from sklearn.neighbors import NearestNeighbors

from core.data.images import InMemory, Splits
from core.errors import UserError
from core.evaluation.calibration import calibration_error, temperature
from core.evaluation.odds import log_odds
from core.measures.skin_probes import COORDS
from core.trials import Record, Shared, Trial
from reports.judge import judge
from reports.lessons import lesson_of
from reports.skin import exhibits, looks, scoring, tasks
from reports.skin.claims import EXPECTED, TEST_IMAGES, lesson
from reports.skin.readers import against, beside, own, packed, published, stored

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


@pytest.fixture
def study(invent):
    """Return a maker of studies: keywords are arms with what `record` takes of them."""

    def make(shared=None, trials=None, settings=None, config=None, seeds=5, data=(), **arms):
        card = {"classes": list(CLASSES), "name": "isic2017"}
        card["counts"] = {side: list(COUNTS) for side in ("train", "val", "test")}
        known = trials or {
            Trial(arm, seed): record(seed, **options)
            for seed in range(seeds)
            for arm, options in arms.items()
        }
        wanted = {**SETTINGS, **(settings or {})}
        made = invent(
            "skin_lesions", known, shared or labels(), settings=wanted, **{**card, **dict(data)}
        )
        made.attrs["facts"]["config"] = {**CONFIG, **(config or {})}
        return made

    return make


def verdicts(found):
    return {name: entry.verdict for name, entry in judge(found).items()}


def part(found, claim):
    """Return the estimate of a claim's only part."""
    (decision,) = judge(found)[claim].decision.parts.values()
    return decision.estimate


def test_claims_are_supported_where_they_are_true(study):
    true = study(random={"skill": 0.5}, pretrained={"skill": 3.5, "ink": 3.5, "turn": 1.8})
    found = verdicts(true)
    held = ("M3", "M4", "M5", "M6", "M7", "M8")
    assert {name: found[name] for name in held} == dict.fromkeys(held, "supported")
    assert found["M1"] == found["M2"] == "not tested"
    assert 0.065 < part(true, "M9").value < 0.22


def test_claims_are_refuted_where_they_are_false(study):
    false = study(
        random={"skill": 2.5},
        pretrained={"skill": -1.0, "ink": -2.0, "turn": 3.0, "lesion": -1.5, "copies": -0.5},
    )
    found = verdicts(false)
    wrong = ("M3", "M4", "M6", "M7", "M8", "M9")
    assert {name: found[name] for name in wrong} == dict.fromkeys(wrong, "refuted")
    assert part(false, "M9").value > 0.22


def test_what_makes_no_difference_is_undecided(study):
    none = {"skill": 1.0, "copies": 0.0, "lesion": 0.0, "cluster": 0.0, "turn": 0.8}
    found = verdicts(study(random=none, pretrained=none))
    even = ("M3", "M5", "M6", "M7", "M8")
    assert {name: found[name] for name in even} == dict.fromkeys(even, "undecided")


def test_no_verdict_stands_beside_an_interval_that_denies_it(study):
    marks = {"M3": 0, "M4": -0.05, "M5": 0, "M6": 0, "M7": 0, "M8": 0}
    for skill in (-1.0, 0.7, 1.5, 3.5):
        entries = judge(
            study(random={"skill": 0.7}, pretrained={"skill": skill, "ink": 0.3 * skill})
        )
        for name, mark in marks.items():
            (decision,) = entries[name].decision.parts.values()
            low, high = decision.estimate.low, decision.estimate.high
            says = "supported" if low > mark else "refuted" if high < mark else "undecided"
            assert entries[name].verdict == says, name


def test_m1_is_arithmetic_outside_the_family(study):
    def scored(areas):
        return labels(submission=(("rows", "category"), np.array(areas)))

    right, wrong = (
        judge(study(scored([EXPECTED, last]), pretrained={}))
        for last in (EXPECTED, (0.525986, 0.606111, 0.566052))
    )
    assert right["M1"].verdict == "supported"
    assert right["M1"].decision.is_arithmetic
    assert wrong["M1"].verdict == "refuted"
    assert right["M5"].decision.p_supported == wrong["M5"].decision.p_supported
    assert right["M5"].decision.p_supported < 8e-4  # 1e-4, the least of 9,999 shuffles, times 7
    assert "ground_truth.csv" in judge(study(pretrained={}))["M1"].lacking


def test_m2_wants_the_600_test_images_and_then_asks_the_board(study, monkeypatch):
    few = judge(study(pretrained={}))["M2"]
    assert few.verdict == "not tested"
    assert "117 melanoma, 393 nevus, 90 seborrheic_keratosis" in few.lacking
    monkeypatch.setattr("reports.skin.claims.TEST_IMAGES", dict(zip(CLASSES, COUNTS, strict=True)))

    def entered(melanoma, keratosis):
        trials = {Trial("pretrained", seed): record(seed) for seed in range(5)}
        for seed, kept in enumerate(trials.values()):
            kept.metrics["test/auc_melanoma"] = melanoma + 0.001 * seed
            kept.metrics["test/auc_keratosis"] = keratosis + 0.001 * seed
        return judge(study(trials=trials))["M2"]

    best = entered(0.90, 0.98)
    assert best.verdict == "supported"
    shown = {name: each.estimate.value for name, each in best.decision.parts.items()}
    assert shown == pytest.approx({"melanoma": 0.902, "keratosis": 0.982, "mean": 0.942})
    assert "melanoma rank 1 to 1; keratosis rank 1 to 1" in best.decision.comment
    assert entered(0.90, 0.93).verdict == "refuted"
    assert entered(0.874 - 0.002, 0.98).verdict == "undecided"
    assert sum(TEST_IMAGES.values()) == 600


def test_m3_tells_its_budget_and_its_controls(study):
    arms = {"random": {"skill": 0.5}, "pretrained": {}, "shuffled": {"skill": 1.0}}
    comment = judge(study(**arms))["M3"].decision.comment
    assert f"6 epochs at most, {6 * 8} steps" in comment  # 240 images in batches of 32
    assert "pretrained - shuffled +" in comment
    alone = judge(study(random={}))
    assert alone["M3"].lacking == "This study has no arm pretrained."
    assert alone["M5"].verdict == "supported"  # the claims on one network take the arm there is


def test_m4_counts_the_readers_own_chance(study):
    found = part(study(pretrained={"skill": 1.5}), "M4")
    theirs = 0.112**2 / 8 + 0.59 * 0.41 / 50
    assert found.components.readers == pytest.approx(0.112**2)
    assert found.se > np.sqrt(theirs)
    near = study(pretrained={"skill": 1.5})
    assert 0.59 < found.value + 0.59 < 0.9
    assert verdicts(near)["M4"] == "undecided"  # eight readers and 50 images settle little
    (decision,) = lesson.claims["M4"].decide(near).parts.values()
    assert decision.margin == -0.05  # as good as they are, but for 5 points
    drawn = judge(study(pretrained={}, data={"synthetic": True}))["M4"]
    assert "Photographs" in drawn.lacking


def test_m6_is_not_tested_on_drawn_lesions_and_without_outlines(study):
    drawn = study(pretrained={}, data={"synthetic": True})
    entry = judge(drawn)["M6"]
    assert entry.verdict == "not tested"
    assert "by construction" in entry.lacking
    assert "AUC, lesion hidden" in looks.shortcuts(drawn).frame()  # the table stays
    trials = {Trial("pretrained", seed): record(seed) for seed in range(3)}
    for kept in trials.values():
        del kept.arrays["seen"]
    photographs = study(trials=trials)
    assert "Outlines" in judge(photographs)["M6"].lacking
    assert "AUC, lesion hidden" not in looks.shortcuts(photographs).frame()


def test_m7_counts_nevi_alone(study):
    """Ink that turns every keratosis into a melanoma, and every nevus out of one."""
    trials = {Trial("pretrained", seed): record(seed, skill=1.0) for seed in range(5)}
    for kept in trials.values():
        logits = kept.arrays["test_logits"][1].copy()
        logits[LABELS == 2, 0] += 9
        logits[LABELS == 1, 0] -= 9
        kept.arrays["inked"] = (DIMS, logits)
    marked = study(trials=trials)
    task = tasks.melanoma(marked)
    called = task.called(marked["test_logits"]).sel(arm="pretrained").values
    before = called[:, LABELS == 1].mean()
    assert part(marked, "M7").value == pytest.approx(-before)
    assert part(marked, "M7").n_images == 140
    assert verdicts(marked)["M7"] == "refuted"
    row = looks.shortcuts(marked).frame().iloc[0]
    assert row["by ink"] == pytest.approx(-before)
    assert row["false positives on nevi"] == pytest.approx(before)
    others = study(pretrained={}, data={"classes": ["melanoma", "mole", "seborrheic_keratosis"]})
    renamed = others.assign_coords({"class": ["melanoma", "mole", "seborrheic_keratosis"]})
    assert "nevus" in judge(renamed)["M7"].lacking


def test_m8_and_m5_rest_on_images_and_not_on_seeds(study):
    few, many = (study(pretrained={}, seeds=n) for n in (3, 6))
    for claim, images in (("M8", N), ("M5", len(SHOWN))):
        one, other = (lesson.claims[claim].decide(each).estimate for each in (few, many))
        assert (one.n_seeds, one.n_images) == (1, images)
        assert (one.value, one.low, one.high) == (other.value, other.low, other.high)


def flipping(study, share):
    """Return a study in which a share of the calls change when the image is turned around."""
    base = study(pretrained={})
    task, trials = tasks.melanoma(base), {}
    called = task.called(base["test_logits"]).sel(arm="pretrained").values
    away = np.random.default_rng(0).permutation(N) < share * N
    for seed in range(5):
        kept = record(seed)
        logits = kept.arrays["test_logits"][1]
        other = logits.copy()
        other[:, 0] = np.where(away, 90 - 180 * called[seed], logits[:, 0])
        kept.arrays["turned"] = (("turn", *DIMS), np.stack([logits, other, logits]))
        trials[Trial("pretrained", seed)] = kept
    return study(trials=trials)


@pytest.mark.parametrize(
    ("share", "verdict"),
    [(0.0, "refuted"), (0.14, "supported"), (0.2, "undecided"), (0.395, "refuted")],
)
def test_m9_is_a_range(study, share, verdict):
    """39.5 % lies above 6.5 to 22 %; of 240 images 14 % can be told to be inside, 20 % cannot."""
    entry = judge(flipping(study, share))["M9"]
    (decision,) = entry.decision.parts.values()
    assert decision.estimate.value == pytest.approx(share, abs=0.003)
    bounds = decision.target - decision.margin, decision.target + decision.margin
    assert bounds == pytest.approx((0.065, 0.22))
    assert entry.verdict == verdict


def test_claims_without_a_melanoma_say_so(study):
    classes = ["mole", "nevus", "seborrheic_keratosis"]
    other = study(pretrained={}, random={}).assign_coords({"class": classes})
    for name in ("M3", "M4", "M5", "M7", "M8", "M9"):
        entry = judge(other)[name]
        assert name == "M5" or "named melanoma" in entry.lacking
    for draw in lesson_of("skin_lesions").exhibits.values():
        draw(other)  # what has no place is left out


# Thresholds, prevalences, remedies: what stored logits are judged by.


def moved(**options):
    """Validation logits of melanoma stand two above the test images' own."""
    trials = {Trial("pretrained", seed): record(seed, skill=2.0) for seed in range(3)}
    for kept in trials.values():
        logits = kept.arrays["test_logits"][1].copy()
        logits[:, 0] += 2
        kept.arrays["val_logits"] = (("val_image", "class"), logits)
    return trials


def test_thresholds_are_chosen_on_validation_images(study):
    shifted = study(trials=moved())
    task = tasks.melanoma(shifted)
    for seed in range(3):
        val = log_odds(shifted["val_logits"].sel(arm="pretrained", seed=seed).values, 0)
        reached = (val[LABELS == 0] >= task.chosen("pretrained")[seed]).mean()
        assert reached == pytest.approx(54 / 60)  # of 60, 54 are the first 90 %
    row = exhibits.operating_points(shifted).frame().set_index("task").loc["melanoma"]
    called = task.scores("pretrained") >= task.chosen("pretrained")[:, None]
    assert row["sensitivity"] == pytest.approx(called[:, LABELS == 0].mean())
    assert row["sensitivity"] < 0.85  # chosen on the test images it would be .9
    assert row["TP of"] == f"{called[:, LABELS == 0].sum(1).mean():.1f} of 60"


def test_another_rule_judges_the_same_logits_anew(study):
    one, other = (
        study(trials=moved(), config={"threshold": rule}) for rule in ("sensitivity", "youden")
    )
    assert (one["test_logits"] == other["test_logits"]).all()
    chosen = [tasks.melanoma(each).chosen("pretrained") for each in (one, other)]
    assert not np.array_equal(*chosen)
    assert "sensitivity + specificity" in exhibits.operating_points(other).caption
    dear, cheap = (
        study(trials=moved(), config={"threshold": "cost", "miss_cost": cost})
        for cost in (100.0, 3.0)
    )
    assert "worth 3 false alarms" in exhibits.operating_points(cheap).caption
    lower, higher = (tasks.melanoma(each).chosen("pretrained") for each in (dear, cheap))
    assert (lower < higher).all()  # who fears a miss calls more


def test_predictive_values_are_those_at_the_prevalence(study):
    shares = {}
    for prevalence in (0.05, 0.3):
        frame = exhibits.operating_points(
            study(pretrained={}, config={"prevalence": prevalence})
        ).frame()
        row = frame.set_index("task").loc["melanoma"]
        right, wrong = row["sensitivity"] * prevalence, (1 - row["specificity"]) * (1 - prevalence)
        assert row["ppv"] == pytest.approx(right / (right + wrong))
        shares[prevalence] = row["ppv"]
    assert shares[0.05] < shares[0.3]


@pytest.mark.parametrize("prevalence", [0.05, 0.2])
def test_net_benefit_is_that_at_the_prevalence(study, prevalence):
    found = study(pretrained={"skill": 1.5}, config={"prevalence": prevalence}, seeds=2)
    shown = exhibits.net_benefit(found)
    frame = shown.frame()[shown.frame()["task"] == "melanoma"]
    p = tasks.probabilities(found, 0)["pretrained"]
    there = special.expit(special.logit(p) + special.logit(prevalence) - special.logit(60 / 240))
    for _, row in frame.iloc[[3, 20]].iterrows():
        cut = row["threshold probability"]
        called = there >= cut
        sensitivity, alarms = called[:, LABELS == 0].mean(), called[:, LABELS != 0].mean()
        price = cut / (1 - cut) * (1 - prevalence)
        assert row["net benefit"] == pytest.approx(prevalence * sensitivity - price * alarms)
        assert row["call all"] == pytest.approx(prevalence - price)
    assert frame["threshold probability"].max() == pytest.approx(min(0.5, 6 * prevalence))
    sure = exhibits.net_benefit(study(pretrained={"skill": 40.0}, seeds=2)).frame()
    assert sure["net benefit"].to_numpy() == pytest.approx(0.05)  # a true call for each case


def test_probabilities_are_moved_from_what_was_trained_on(study):
    share = {}
    for remedy in ("none", "focal", "weights", "sampling"):
        made = study(pretrained={}, settings={"imbalance": remedy})
        share[remedy] = exhibits._trained_share(made, 0)
    assert share == {"none": 0.25, "focal": 0.25, "weights": 1 / 3, "sampling": 1 / 3}


def test_temperatures_are_fitted_on_validation_and_then_used(study):
    """Validation images in another order, their logits three times too sure."""
    trials = {Trial("pretrained", seed): record(seed) for seed in range(2)}
    for kept in trials.values():
        logits = kept.arrays["test_logits"][1]
        kept.arrays["val_logits"] = (("val_image", "class"), 3 * logits[::-1])
    found = study(labels(val_label=(("val_image",), LABELS[::-1].copy())), trials)
    fitted = [temperature(3 * kept.arrays["test_logits"][1], LABELS) for kept in trials.values()]
    frame = exhibits.calibration(found).frame()
    assert frame["temperature"].to_numpy() == pytest.approx(np.mean(fitted))
    raw = np.stack([kept.arrays["test_logits"][1] for kept in trials.values()]).astype(float)
    t = np.array(fitted)[:, None, None]
    for name, scaled in (("as trained", raw), ("temperature", raw / t)):
        row = frame[(frame["task"] == "melanoma") & (frame["probabilities"] == name)].iloc[0]
        p = special.softmax(scaled, -1)[..., 0]
        assert row["ECE"] == pytest.approx(calibration_error(p, LABELS == 0).value)
    bins = exhibits.reliability(found).frame()
    assert bins.groupby("scaled")["n"].sum().tolist() == [2 * N, 2 * N]  # two tasks, seed 0


def test_an_area_of_an_arm_counts_its_images(study):
    """MLflow's arms and the terminal show what the tables do, not the seeds' spread alone."""
    found = study(pretrained={}).sel(arm="pretrained")
    shown = lesson.estimates["test/auc_melanoma"](found)
    expected = exhibits.arms(study(pretrained={})).frame().iloc[0]
    assert shown.value == pytest.approx(expected["AUC melanoma"])
    assert shown.low == pytest.approx(expected["AUC melanoma_low"])
    assert (shown.n_seeds, shown.n_images) == (5, N)


def test_a_class_with_one_test_image_has_no_task(study):
    lonely = study(pretrained={}, random={})
    lonely["label"] = ("image", np.where(np.arange(N) == 0, 0, 1))
    assert tasks.tasks(lonely) == {}
    assert "two or more test images" in judge(lonely)["M3"].lacking
    assert tasks.area(lonely.sel(arm="random"), "melanoma") is None
    assert len(exhibits.arms(lonely).frame()) == 2


def test_tables_hold_what_was_stored(study):
    found = study(random={"skill": 0.5}, pretrained={})
    made = {name: draw(found) for name, draw in lesson_of("skin_lesions").exhibits.items()}
    arms = made["arms"].frame().set_index("arm")
    assert arms.index.tolist() == ["random", "pretrained"]
    assert arms.loc["pretrained", "accuracy"] == pytest.approx(
        float(found["correct"].sel(arm="pretrained").mean())
    )
    assert (arms["seeds"] == 5).all()
    assert len(made["area-differences"].frame()) == 2
    counts = made["confusion"].frame()
    assert counts["count"].sum() == 2 * 5 * N
    trust = made["tsne-trust"].frame().set_index("arm")
    near = found["near"].sel(arm="pretrained", seed=0, space="plane").values.astype(int)
    votes = [Counter(sorted(LABELS[SHOWN][row])).most_common(1)[0][0] for row in near]
    expected = np.mean(np.array(votes) == LABELS[SHOWN])
    assert trust.loc["pretrained", "10-NN accuracy, plane"] == pytest.approx(expected)
    assert trust.loc["pretrained", "10-NN accuracy, full"] < expected - 0.2
    assert (trust["neighbours kept"] < 0.3).all()
    points = made["tsne"].frame()
    assert points["class"].value_counts().to_dict() == dict.fromkeys(CLASSES, 80)
    assert made["explanations"] is made["own-readers"] is None
    for name, each in made.items():
        if each is not None:
            assert each.caption.endswith("."), name
            assert len(each.frame()) > 0


def test_explanations_are_those_of_seed_0(study):
    trials = {Trial("pretrained", seed): record(seed) for seed in range(3)}
    curves = np.stack([np.linspace(1, 0, 11), np.linspace(1, 0.5, 11)])
    trials[Trial("pretrained", 0)].arrays.update(
        agreement=(("explained",), np.array([0.1, 0.2, 0.3])),
        deletion=(("order", "explained", "step"), np.tile(curves[:, None], (1, 3, 1))),
        maps=(("picture", "row", "column"), np.ones((2, 4, 5), np.float16)),
    )
    shared = labels(
        pictures=(("picture", "row", "column", "channel"), np.zeros((2, 4, 5, 3), np.uint8))
    )
    shared.coords.update(explained=("e0", "e1", "e2"), picture=("e0", "e1"))
    found = study(shared, trials)
    row = looks.explanations(found).frame().iloc[0]
    assert row["agreement with a randomised network"] == pytest.approx(0.2)
    assert row["area under deletion, by the map"] == pytest.approx(0.5)
    assert row["at random"] == pytest.approx(0.75)
    assert row["difference"] == pytest.approx(0.25)
    assert row["images"] == 3
    curve = looks.deletion(found).frame()
    assert curve[(curve["order"] == "at random")]["probability"].iloc[-1] == pytest.approx(0.5)
    maps = looks.attributions(found)
    assert maps.frame()["test image"].tolist() == ["e0", "e1"]
    assert "4 x 5 pixels" in maps.caption


# Readers.


def test_published_readers_are_shares_with_a_citation():
    readers = published()
    assert len(readers) == len({reader.name for reader in readers}) >= 8
    for reader in readers:
        assert 0 < reader.sensitivity < 1
        assert 0 < reader.specificity < 1
        assert any(char.isdigit() for char in reader.citation)
    assert sum(reader.dermoscopic for reader in readers) == 3


def test_our_specificity_stands_beside_the_readers_of_the_same_task():
    truth = np.arange(100) < 40
    scores = np.stack([np.where(truth, 1.0, 0.0)] * 2)
    frame = beside({"net": scores}, truth, published())
    near = np.array([reader.dermoscopic for reader in published()])
    assert (frame.loc[near, "net, specificity there"] == 1).all()
    assert frame.loc[~near, "net, specificity there"].isna().all()


@pytest.fixture
def splits():
    import torch

    from core.data.card import Card

    names = tuple(f"test/c/ISIC_{i}.jpg" for i in range(N))
    images = InMemory(
        torch.zeros(N, 3, 4, 4, dtype=torch.uint8), labels=torch.from_numpy(LABELS), names=names
    )
    card = Card(
        name="isic2017",
        source="made up",
        fingerprint="0",
        classes=CLASSES,
        shape=(3, 4, 4),
        counts={side: list(COUNTS) for side in ("train", "val", "test")},
        split="none",
    )
    return Splits(images, images, images, card)


def test_own_readers_are_read_and_checked(tmp_path, splits):
    path = tmp_path / "readers.csv"
    path.write_text("reader,sensitivity,specificity\nDr A,0.8,0.7\n")
    (reader,) = own(path, splits, "melanoma")
    assert (reader.name, reader.sensitivity, reader.specificity) == ("Dr A", 0.8, 0.7)
    path.write_text("reader,sensitivity,specificity\nDr A,80,0.7\n")
    with pytest.raises(UserError, match="Dr A, sensitivity 80"):
        own(path, splits, "melanoma")
    path.write_text("reader,sensitivity\nDr A,0.8\n")
    with pytest.raises(UserError, match="specificity is wanted"):
        own(path, splits, "melanoma")


def test_readers_of_the_same_images_are_compared_in_pairs(tmp_path, splits, study):
    path = tmp_path / "calls.csv"
    # 5 of 60 melanomas missed, 10 of 180 others called; shuffled, one suffix left on; 20 unseen.
    said = [int(i < 55 or 60 <= i < 70) for i in range(N)]
    order = [i for i in np.random.default_rng(0).permutation(N).tolist() if i < N - 20]
    rows = [f"Dr B,ISIC_{i}{'.jpg' * (i == 3)},{said[i]}" for i in order]
    path.write_text("\n".join(["reader,image,call", *rows]))
    (reader,) = own(path, splits, "melanoma")
    assert reader.sensitivity == pytest.approx(55 / 60)
    assert reader.specificity == pytest.approx(150 / 160)
    perfect = np.tile(LABELS == 0, (3, 1))
    (row,) = against(perfect, LABELS == 0, [reader]).to_dict("records")
    assert row["sensitivity, ours - theirs"] == pytest.approx(5 / 60)
    assert row["specificity, ours - theirs"] == pytest.approx(10 / 160)
    assert row["sensitivity, ours - theirs_low"] > 0
    coords, arrays = packed((reader,), N)
    shared = labels(**arrays)
    shared.coords.update(coords)
    kept = study(shared, pretrained={"skill": 40.0})
    assert stored(kept) == (reader,)
    (shown,) = exhibits.own_readers(kept).frame().to_dict("records")
    assert shown["images"] == N - 20
    task = tasks.melanoma(kept)
    ours = (task.scores("pretrained") >= task.chosen("pretrained")[:, None])[:, :60].mean()
    assert shown["sensitivity, ours - theirs"] == pytest.approx(ours - 55 / 60)
    assert shown["specificity, ours - theirs"] == pytest.approx(10 / 160)
    assert "Dr B: 1" in exhibits.doctors(kept).frame()["readers"].tolist()
    path.write_text("reader,image,call\nDr B,ISIC_9999,1\n")
    with pytest.raises(UserError, match="Dr B, ISIC_9999: one of our test images"):
        own(path, splits, "melanoma")
    path.write_text("reader,image,call\nDr B,ISIC_1,1\nDr B,ISIC_1,0\n")
    with pytest.raises(UserError, match="ISIC_1: once"):
        own(path, splits, "melanoma")
    path.write_text("reader,image,call\nDr B,ISIC_1,2\n")
    with pytest.raises(UserError, match="call 2: 0 or 1"):
        own(path, splits, "melanoma")


def test_readers_of_one_name_are_kept_apart(study):
    twice = (published()[0], published()[0])
    coords, arrays = packed(twice, N)
    shared = labels(**arrays)
    shared.coords.update(coords)
    kept = stored(study(shared, pretrained={}))
    assert [reader.name for reader in kept] == ["Marchetti 2018", "Marchetti 2018 (2)"]
    assert [reader.sensitivity for reader in kept] == [0.82, 0.82]


def test_every_claim_has_its_test_as_a_sentence():
    assert list(lesson.claims) == [f"M{index}" for index in range(1, 10)]
    for claim in lesson.claims.values():
        assert len(claim.decided_by) > 40
        assert claim.command.startswith("python experiments/skin_lesions.py --data isic2017")


@pytest.mark.real_data
def test_the_courses_own_submission_is_stored_as_published(real_data):
    dims, areas = scoring.course(real_data("isic2017/scoring"))["submission"]
    assert dims == ("rows", "category")
    assert areas == pytest.approx(np.array([EXPECTED, EXPECTED]), abs=1e-6)


def test_without_the_courses_files_nothing_is_scored(tmp_path):
    assert scoring.course(tmp_path) == {}
    pd.DataFrame({"Id": ["a"]}).to_csv(tmp_path / "ground_truth.csv")
    assert scoring.course(tmp_path) == {}
