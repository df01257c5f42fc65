"""Tables of skin: thresholds, prevalences, remedies, all by which stored logits are judged."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from scipy import special

from core.evaluation.calibration import calibration_error, temperature
from core.evaluation.odds import log_odds
from core.evaluation.thresholds import choose_threshold
from core.trials import Trial
from reports.judge import judge
from reports.lessons import lesson_of
from reports.skin import exhibits, looks, operation, tasks
from reports.skin.claims import lesson
from tests.reports.skin.lesions import (
    CLASSES,
    LABELS,
    SHOWN,
    N,
    labels,
    record,
)


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
    row = operation.operating_points(shifted).frame().set_index("task").loc["melanoma"]
    called = task.scores("pretrained") >= task.chosen("pretrained")[:, None]
    assert row["sensitivity"] == pytest.approx(called[:, LABELS == 0].mean())
    assert row["sensitivity"] < 0.85  # chosen on the test images it would be .9
    assert row["TP of"] == f"{called[:, LABELS == 0].sum(1).mean():.1f} of 60"
    assert row["FP of"] == f"{called[:, LABELS != 0].sum(1).mean():.1f} of 180"


def test_a_cost_is_weighed_at_the_prevalence_and_a_tie_is_called(study):
    found = study(trials=moved(), config={"threshold": "cost", "prevalence": 0.02})
    task, labels = tasks.melanoma(found), found["val_label"].values == 0
    for seed, chosen in enumerate(task.chosen("pretrained")):
        odds = tasks.odds(found["val_logits"], 0).sel(arm="pretrained", seed=seed).values
        assert chosen == choose_threshold(odds, labels, "cost", miss_cost=10.0, prevalence=0.02)
        assert chosen != choose_threshold(odds, labels, "cost", miss_cost=10.0)
    tied = replace(task, thresholds=task.odds.isel(image=7, drop=True))
    assert (tied.called(found["test_logits"]).isel(image=7).sel(arm="pretrained") == 1).all()


def test_one_melanoma_among_the_validation_images_will_do(study):
    found = study(pretrained={}, seeds=2)
    one = (np.arange(N) > 0).astype(int)
    assert "melanoma" in tasks.tasks(found.assign(val_label=("val_image", one)))
    assert "melanoma" not in tasks.tasks(found.assign(val_label=("val_image", 0 * one + 1)))


def test_an_image_that_scores_the_threshold_is_counted_as_called(study):
    trials = moved()
    for kept in trials.values():
        kept.arrays["val_logits"] = (("val_image", "class"), kept.arrays["test_logits"][1])
    row = operation.operating_points(study(trials=trials)).frame().set_index("task").loc["melanoma"]
    assert row["TP of"] == "54.0 of 60"  # the 54th sets the threshold


def test_another_rule_judges_the_same_logits_anew(study):
    one, other = (
        study(trials=moved(), config={"threshold": rule}) for rule in ("sensitivity", "youden")
    )
    assert (one["test_logits"] == other["test_logits"]).all()
    chosen = [tasks.melanoma(each).chosen("pretrained") for each in (one, other)]
    assert not np.array_equal(*chosen)
    assert "sensitivity + specificity" in operation.operating_points(other).caption
    dear, cheap = (
        study(trials=moved(), config={"threshold": "cost", "miss_cost": cost})
        for cost in (100.0, 3.0)
    )
    assert "worth 3 false alarms" in operation.operating_points(cheap).caption
    lower, higher = (tasks.melanoma(each).chosen("pretrained") for each in (dear, cheap))
    assert (lower < higher).all()  # who fears a miss calls more


def test_predictive_values_are_those_at_the_prevalence(study):
    shares = {}
    for prevalence in (0.05, 0.3):
        frame = operation.operating_points(
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
    shown = operation.net_benefit(found)
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
    sure = operation.net_benefit(study(pretrained={"skill": 40.0}, seeds=2)).frame()
    assert sure["net benefit"].to_numpy() == pytest.approx(0.05)  # a true call for each case


def test_probabilities_are_moved_from_what_was_trained_on(study):
    share = {}
    for remedy in ("none", "focal", "weights", "sampling"):
        made = study(pretrained={}, settings={"imbalance": remedy})
        share[remedy] = operation._trained_share(made, 0)
    assert share == {"none": 0.25, "focal": 0.25, "weights": 1 / 3, "sampling": 1 / 3}


def test_temperatures_are_fitted_on_validation_and_then_used(study):
    """Validation images in another order, their logits three times too sure."""
    trials = {Trial("pretrained", seed): record(seed) for seed in range(2)}
    for kept in trials.values():
        logits = kept.arrays["test_logits"][1]
        kept.arrays["val_logits"] = (("val_image", "class"), 3 * logits[::-1])
    found = study(labels(val_label=(("val_image",), LABELS[::-1].copy())), trials)
    fitted = [temperature(3 * kept.arrays["test_logits"][1], LABELS) for kept in trials.values()]
    frame = operation.calibration(found).frame()
    assert frame["temperature"].to_numpy() == pytest.approx(np.mean(fitted))
    raw = np.stack([kept.arrays["test_logits"][1] for kept in trials.values()]).astype(float)
    t = np.array(fitted)[:, None, None]
    for name, scaled in (("as trained", raw), ("temperature", raw / t)):
        row = frame[(frame["task"] == "melanoma") & (frame["probabilities"] == name)].iloc[0]
        p = special.softmax(scaled, -1)[..., 0]
        assert row["ECE"] == pytest.approx(calibration_error(p, LABELS == 0).value)
    bins = operation.reliability(found).frame()
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
