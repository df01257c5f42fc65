"""What the lesson on weight initialisation claims, and what tests it."""

import itertools

import numpy as np
import xarray as xr

from core.data.card import baseline
from core.evaluation.intervals import Estimate
from core.evaluation.verdicts import Decision, all_of, equivalent, superior
from reports import words
from reports.lessons import Lesson, NotTestedError
from reports.scores import mean, paired

lesson = Lesson(
    title="weight initialisation",
    question="Which initial weights keep a network trainable?",
    study="init_schemes",
    data="fashion-mnist",
    options="--data fashion-mnist",
    protocol={"network": "mlp", "epochs": 2, "batch_size": 100, "lr": 1e-3, "dropout": 0.2},
    source="DLv2 notebook weight-initialization, outputs of 2018-11",
    seeds=10,
    shared="All seeds share the training images.",
    columns=("test/accuracy", "test/loss"),
    scores={"test/accuracy": "correct", "test/accuracy_dropout": "correct_dropout"},
)


def on_course_network(study: xr.Dataset, name: str = "correct") -> xr.DataArray:
    """Return the hits of the trials on the course's own network, (arm, seed, image)."""
    return study[name].sel(scale="course")


@lesson.claim(
    "W1",
    "Constant weights (all zeros, all ones) leave the network at chance.",
    published="9.675 % validation accuracy with zeros and ones; last batch loss 2.305 and 478.7",
    margin=0.01,
    unit="percent",
    arms=("zeros", "ones"),
)
def constants(study: xr.Dataset, margin: float) -> Decision:
    """Accuracy of both arms within 1 point of the largest class's share, which is chance."""
    hits, ranks = on_course_network(study), on_course_network(study, "trained/rank")
    chance, arms = baseline(study.attrs["card"]), ("zeros", "ones")
    shown = "; ".join(f"{arm} {_span(ranks.sel(arm=arm).values)}" for arm in arms)
    return all_of(
        {arm: equivalent(mean(hits.sel(arm=arm)), margin, target=chance) for arm in arms},
        comment=f"Chance is {words.number(chance, 'percent')}. Lowest rank of a hidden weight "
        f"matrix after training: {shown} (1 or less: all its units are still equal; more: dropout "
        "broke the tie).",
    )


def _span(values: np.ndarray) -> str:
    low, high = int(np.nanmin(values)), int(np.nanmax(values))
    return f"{low}" if low == high else f"{low} to {high}"


@lesson.claim(
    "W2",
    "Uniform weights in [0, 1) learn, but badly.",
    published="33.933 % against 9.675 % (zeros) and 84.833 % (rule)",
    margin=0.10,
    arms=("zeros", "uniform-0-1", "uniform-rule"),
)
def learns_badly(study: xr.Dataset, margin: float) -> Decision:
    """Better than zeros, and more than 10 points worse than the rule (paired by seed)."""
    hits = on_course_network(study)
    uniform, zeros, rule = (hits.sel(arm=arm) for arm in ("uniform-0-1", "zeros", "uniform-rule"))
    return all_of(
        {
            "U[0, 1) - zeros": superior(paired(uniform, zeros)),
            "rule - U[0, 1)": superior(paired(rule, uniform), margin),
        }
    )


@lesson.claim(
    "W3",
    "The rule U(-1/sqrt(n), 1/sqrt(n)) beats U[0, 1) and U[-0.5, 0.5).",
    published="84.833 % against 33.933 % and 74.875 %, recorded with dropout left on",
    arms=("uniform-rule", "uniform-0-1", "uniform-centred"),
)
def rule_beats_both(study: xr.Dataset, margin: float) -> Decision:
    """Better than both (paired by seed), dropout off at test."""
    others = {"uniform-0-1": "rule - U[0, 1)", "uniform-centred": "rule - U[-0.5, 0.5)"}

    def lead(name: str, other: str) -> Estimate:
        hits = on_course_network(study, name)
        return paired(hits.sel(arm="uniform-rule"), hits.sel(arm=other))

    left_on = "; ".join(
        f"{name} {words.estimate(lead('correct_dropout', arm), 'points')}"
        for arm, name in others.items()
    )
    return all_of(
        {name: superior(lead("correct", arm), margin) for arm, name in others.items()},
        comment=f"With dropout left on at test, as the course recorded it: {left_on}.",
    )


@lesson.claim(
    "W4",
    "Normal weights do better than uniform ones.",
    published="85.233 % (normal) against 84.833 % and 85.442 % (uniform, two runs)",
    arms=("uniform-rule", "normal-rule", "normal-matched"),
)
def normal_beats_uniform(study: xr.Dataset, margin: float) -> Decision:
    """Better than the uniform rule both as published, N(0, 1/sqrt(n)), and at equal variance.

    Paired by seed; any lead counts, of whatever size.
    """
    hits = on_course_network(study)
    rule = hits.sel(arm="uniform-rule")
    arms = {
        "N(0, y) as published - rule": "normal-rule",
        "N(0, y/sqrt(3)), equal variance - rule": "normal-matched",
    }
    return all_of(
        {name: superior(paired(hits.sel(arm=arm), rule), margin) for name, arm in arms.items()},
        comment="y = 1/sqrt(n). U(-y, y) has the standard deviation y/sqrt(3), N(0, y) has y: the "
        "published comparison changes scale and shape at once. Of practical size would be half a "
        "point.",
    )


@lesson.claim(
    "W5",
    "PyTorch's default initialisation does as well as the rule.",
    published="84.458 % against 84.833 % and 85.442 %",
    margin=0.005,
    arms=("uniform-rule", "default"),
)
def default_is_the_rule(study: xr.Dataset, margin: float) -> Decision:
    """Accuracies within half a point (two one-sided tests, paired by seed)."""
    hits = on_course_network(study)
    decision = equivalent(paired(hits.sel(arm="default"), hits.sel(arm="uniform-rule")), margin)
    first = study.sel(arm="default", scale="course").isel(seed=0)
    distance, p, n = (
        float(first[f"initial/{name}"]) for name in ("rule_distance", "rule_p", "weights")
    )
    return all_of(
        {"default - rule": decision},
        comment="The default's weights against the law of the rule, seed 0: Kolmogorov-Smirnov "
        f"distance {distance:.4f}, p = {p:.2f}, n = {n:,.0f}. Its biases follow the same law; the "
        "rule's are zero.",
    )


@lesson.claim(
    "W6",
    "The gap between good and bad weights grows with the size of the network.",
    published="prose only",
    arms=("uniform-rule", "uniform-centred"),
)
def gap_grows(study: xr.Dataset, margin: float) -> Decision:
    """The gap rule - U[-0.5, 0.5) is greater with 5 hidden layers than with the course's 2.

    Paired by seed; one step in size, depth 2 to 5.
    """
    trained = study["trained"].any("seed")
    for scale, arm in itertools.product(("course", "larger"), ("uniform-rule", "uniform-centred")):
        if scale not in study["scale"] or not trained.sel(scale=scale, arm=arm):
            raise NotTestedError(f"This study lacks {arm} on the {scale} network.")
    good, bad = (
        study["correct"].sel(arm=arm).astype(float) for arm in ("uniform-rule", "uniform-centred")
    )
    gap = good - bad
    change = paired(gap.sel(scale="larger"), gap.sel(scale="course"))
    gaps = {
        size: paired(good.sel(scale=size), bad.sel(scale=size)) for size in ("larger", "course")
    }
    shown = "; ".join(
        f"{size} network {words.estimate(estimate, 'points')}" for size, estimate in gaps.items()
    )
    return all_of(
        {"gap on the larger network - gap on the course's": superior(change, margin)},
        comment=f"The gap is rule - U[-0.5, 0.5): {shown}.",
    )
