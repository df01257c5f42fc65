"""Worlds in which the lesson's claims hold, and worlds in which they do not."""

import re

import numpy as np
import pytest

from core.models.strategies import STRATEGIES
from core.trials import Record, Shared, Trial
from reports.judge import exhibits, judge
from reports.lessons import NotTestedError
from reports.transfer.claims import COURSE, FOUR, complete, over_cells
from reports.transfer.exhibits import recommend

SEEDS, IMAGES = 10, {"similar": 500, "different": 250}
SHARED = Shared(
    {f"image@{task}": tuple(f"{task}/{i}" for i in range(n)) for task, n in IMAGES.items()},
    {},
    {"arm": tuple(STRATEGIES), "size": ("small", "large"), "task": ("similar", "different")},
)
COUNTS = {f"{size}, {task}: test": [IMAGES[task] // 2] * 2 for size, task in COURSE}
T2 = dict(zip(COURSE, ("T2a", "T2b", "T2c", "T2d"), strict=True))


def trials(share, seeds=SEEDS, noise=0.01):
    """Trials whose accuracy is share(size, task, arm); a few images of each seed differ."""
    made = {}
    for (size, task), arm in ((cell, arm) for cell in COURSE for arm in STRATEGIES):
        n = IMAGES[task]
        for seed in range(seeds):
            hits = np.arange(n) < round(share(size, task, arm) * n)
            hits ^= np.random.default_rng(seed).random(n) < noise
            arrays = {"correct": ((f"image@{task}",), hits.astype(np.uint8))}
            metrics = {"test/accuracy": hits.mean(), "test/loss": 1.0, "trained/lr": 0.003}
            if arm == "head":
                deep = 0.9 if task == "similar" else 0.5
                arrays["probes"] = (("stage",), np.array([0.7, 0.8, deep]))
                metrics |= {"train/per_class": 10.0 if size == "small" else 100.0}
            factors = (("size", size), ("task", task))
            made[Trial(arm, seed, factors)] = Record(metrics, arrays)
    return made


@pytest.fixture
def world(invent):
    def make(share, counts=COUNTS, settings=None, **options):
        found = trials(share, **options)
        return invent("transfer_regimes", found, SHARED, settings=settings, counts=counts)

    return make


def as_the_course_says(size, task, arm):
    return 0.9 if arm == COURSE[size, task] else 0.6


def scratch_is_best(size, task, arm):
    return 0.9 if arm == "scratch" else 0.6


def verdicts(study):
    return {name: entry.verdict for name, entry in judge(study).items()}


def test_a_world_as_the_course_describes_it_supports_its_table(world):
    entries = judge(world(as_the_course_says))
    for cell, name in T2.items():
        entry = entries[name]
        assert entry.verdict == "supported"
        others = [arm for arm in FOUR if arm != COURSE[cell]]
        assert list(entry.decision.parts) == [f"{COURSE[cell]} - {other}" for other in others]
        for part in entry.decision.parts.values():
            assert part.estimate.value == pytest.approx(0.3, abs=0.02)
            assert (part.estimate.n_seeds, part.estimate.n_images) == (SEEDS, IMAGES[cell[1]])
    assert entries["T3"].verdict == "supported"


def test_cells_are_judged_apart(world):
    found = verdicts(world(scratch_is_best))
    assert {name: found[name] for name in T2.values()} == {
        "T2a": "refuted",
        "T2b": "refuted",
        "T2c": "refuted",
        "T2d": "supported",
    }


@pytest.mark.parametrize(
    ("behind", "verdict"), [(0.0, "supported"), (0.06, "refuted"), (0.02, "undecided")]
)
def test_two_points_behind_are_allowed_and_no_more(world, behind, verdict):
    def share(size, task, arm):
        return 0.9 - behind * (arm == "head")

    found = verdicts(world(share))
    assert (found["T2a"], found["T3"]) == (verdict, verdict)
    assert found["T2c"] == "supported"


@pytest.mark.parametrize(
    ("gains", "verdict"),
    [
        ({"fine-tune": 0.9, "statistics": 0.75}, "supported"),
        ({"fine-tune": 0.9, "statistics": 0.5}, "refuted"),
        ({"fine-tune": 0.5, "statistics": 0.75}, "refuted"),
        ({"fine-tune": 0.9, "statistics": 0.6}, "undecided"),
    ],
)
def test_t5_asks_for_a_gain_and_for_a_part_of_it(world, gains, verdict):
    entry = judge(world(lambda size, task, arm: gains.get(arm, 0.6)))["T5"]
    assert entry.verdict == verdict
    parts = {name: part.estimate.value for name, part in entry.decision.parts.items()}
    assert parts == pytest.approx(
        {
            "fine-tune - scratch": gains["fine-tune"] - 0.6,
            "mean and variance - scratch": gains["statistics"] - 0.6,
        },
        abs=0.02,
    )
    assert entry.decision.comment.count("10 seeds") == 5  # the share of the gain, and four cells


def test_t5_pools_the_cells_and_does_not_ask_for_each(world):
    """In one cell scale gives nothing, in three a lot."""

    def share(size, task, arm):
        alone = (size, task) == ("large", "different")
        return {"fine-tune": 0.9, "statistics": 0.6 if alone else 0.8}.get(arm, 0.6)

    entry = judge(world(share))["T5"]
    assert entry.verdict == "supported"
    part = entry.decision.parts["mean and variance - scratch"].estimate
    assert part.value == pytest.approx(0.15, abs=0.01)
    share = re.search(r"Mean and variance give (\d+)", entry.decision.comment)
    assert int(share[1]) == pytest.approx(50, abs=3)  # 15 of 30 points


def test_both_tasks_count_alike_whatever_their_images(world):
    study = world(lambda size, task, arm: 0.8 if task == "similar" else 0.4, noise=0)
    pooled = over_cells(study["correct"].sel(arm="scratch"))
    assert set(pooled.dims) == {"seed", "image"}
    assert pooled.sizes["image"] == sum(IMAGES.values())
    assert pooled.mean("image").values == pytest.approx([0.6] * SEEDS)


def test_seeds_that_lack_a_cell_do_not_count_and_two_are_needed(invent):
    made = trials(as_the_course_says, seeds=3)
    lost = Trial("cut", 2, (("size", "large"), ("task", "different")))
    study = invent(
        "transfer_regimes", {t: r for t, r in made.items() if t != lost}, SHARED, counts=COUNTS
    )
    assert complete(study)["seed"].values.tolist() == [0, 1]
    assert judge(study)["T2a"].lacking == "1 of the seeds lack a cell."  # no look at 3 seeds
    assert exhibits(study)["accuracies"].frame()["seeds"].eq(2).all()
    few = {t: r for t, r in made.items() if t.seed == 0 or t.levels["size"] == "small"}
    broken = invent("transfer_regimes", few, SHARED)
    with pytest.raises(NotTestedError, match="1 seeds have all four cells"):
        complete(broken)
    half = {t: r for t, r in made.items() if t.levels["size"] == "small"}
    for broken_off in (broken, invent("transfer_regimes", half, SHARED)):
        entries = judge(broken_off)
        assert {entry.verdict for entry in entries.values()} == {"not tested"}
        assert "all four cells" in entries["T2a"].lacking
        assert exhibits(broken_off) == {}


def test_t3_is_as_published_with_vgg16_only(world):
    found = judge(world(as_the_course_says, settings={"network": "cnn"}))["T3"]
    assert not found.as_published
    assert found.departures == ("network cnn, not vgg16",)
    own = judge(world(as_the_course_says))["T2a"]  # a table without data or network
    assert (own.same_data, own.departures, own.as_published) == (True, (), False)


def test_the_tables_show_known_numbers(world):
    made = exhibits(world(as_the_course_says, noise=0))
    assert list(made) == ["accuracies", "ranking", "depth", "gains", "advice"]
    frame = made["accuracies"].frame()
    assert len(frame) == 4 * len(STRATEGIES)
    chosen = frame[frame["course"] == "recommended"]
    assert dict(zip(chosen["cell"], chosen["arm"], strict=True)) == {
        ", ".join(cell): arm for cell, arm in COURSE.items()
    }
    assert chosen["accuracy"].tolist() == pytest.approx([0.9] * 4)
    assert set(frame["learning rate"]) == {"0.003"}
    assert "50.0 %" in made["accuracies"].caption
    regret = made["ranking"].frame().set_index(["cell", "arm"])["regret"]
    assert regret["small, similar", "head"] == pytest.approx(-0.3)
    assert regret["small, similar", "cut"] == pytest.approx(0.3)
    depth = made["depth"].frame()
    assert depth[depth["cell"] == "small, similar"]["stages kept"].tolist() == [1, 2, 3]
    assert depth["accuracy"].iloc[-1] == pytest.approx(0.9)
    gains = made["gains"].frame()
    assert len(gains) == 4 * 4
    assert gains["difference"].iloc[0] == pytest.approx(0)
    advice = made["advice"].frame().set_index("cell")
    assert advice["advised"].to_dict() == {
        ", ".join(cell): f"{arm} x {SEEDS}" for cell, arm in COURSE.items()
    }
    assert (advice["advice right"] == 1).all()
    assert "in 40 of 40 cases" in made["advice"].caption
    for name in ("accuracies", "depth"):
        assert made[name].plot().axes


def test_rates_and_divergence_are_shown_where_seeds_differ(invent):
    made = trials(as_the_course_says, seeds=3)
    trial = Trial("scratch", 1, (("size", "small"), ("task", "similar")))
    made[trial].metrics.update({"trained/lr": 0.0001, "test/loss": np.nan})
    frame = exhibits(invent("transfer_regimes", made, SHARED, counts=COUNTS))["accuracies"].frame()
    row = frame[(frame["cell"] == "small, similar") & (frame["arm"] == "scratch")].iloc[0]
    assert (row["learning rate"], row["diverged"]) == ("1.00e-04 or 0.003", 1)
    assert frame["diverged"].sum() == 1


@pytest.mark.parametrize(
    ("probes", "per_class", "cell"),
    [
        ((0.5, 0.6, 0.7), 10, ("small", "similar")),
        ((0.7, 0.9, 0.6), 10, ("small", "different")),
        ((0.5, 0.6, 0.5), 50, ("large", "similar")),
        ((0.7, 0.6, 0.6), 500, ("large", "different")),
    ],
)
def test_the_advice_is_the_courses_for_what_was_measured(probes, per_class, cell):
    assert recommend(probes, per_class) == COURSE[cell]
