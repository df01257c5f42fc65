"""Verdicts on style transfer follow from numbers whose truth is known."""

import numpy as np
import pytest
import xarray as xr

from core.trials import Record, Shared, Trial
from reports.judge import exhibits, judge
from reports.style.claims import PAIR, PUBLISHED, slope
from reports.style.exhibits import curves, rows

LAYERS = [f"layer {k}" for k in range(1, 6)]
BETAS = {f"beta {beta:g}": beta for beta in (10.0, 100.0, 1000.0, 10000.0, 100000.0)}
VGG = {"vgg19": "IMAGENET1K_V1 vgg19-dcbb9e9d.pth"}
SMALL = (("row", "column", "channel"), np.full((4, 6, 3), 0.5, np.float16))


def pair(content, style):
    return ("content", f"c{content}"), ("style", f"s{style}")


def paint(growth=0.5, control=-0.4, contents=8, styles=None, seeds=1, noise=0.05, draw=0):
    """Trials: log2 length grows by `growth` a layer, log10 gap by `control` a decade of beta.

    styles: every content meets so many; None: each content has its own.
    """
    random, found = np.random.default_rng(draw), {}
    for seed in range(seeds):
        for arm in (*LAYERS, *BETAS):
            for content in range(contents):
                for style in range(styles) if styles else (content,):
                    length = gap = lost = 1.0
                    if arm in LAYERS:
                        length = 2 ** (growth * LAYERS.index(arm) + noise * random.normal())
                    else:
                        decade = np.log10(BETAS[arm])
                        gap = 10 ** (control * decade + noise * random.normal())
                        lost = 10 ** (-control * decade + noise * random.normal())
                    metrics = {
                        "artefact/length": length,
                        "artefact/length_smooth": 2 * length,
                        "shares/style": gap,
                        "shares/content": lost,
                    }
                    names = pair(content, style)
                    losses = {"loss/total": [3.0, 2.0, 1.0], "loss/style_1": [1.0, 0.5, 0.2]}
                    record = Record(metrics, {"picture": SMALL}, losses)
                    found[Trial(arm, seed, names)] = record
    return found


@pytest.fixture
def study(invent):
    def make(known=None, name="pictures, mobilenet_v2 (x.pth)", weights=None, **world):
        known = paint(**world) if known is None else known
        names = {kind: {trial.levels[kind] for trial in known} for kind in ("content", "style")}
        originals = [f"{kind} {each}" for kind, all_ in names.items() for each in sorted(all_)]
        pictures = np.stack([SMALL[1]] * len(originals))
        shared = Shared(
            {"original": tuple(originals)},
            {"originals": (("original", *SMALL[0]), pictures)},
            {"arm": (*LAYERS, *BETAS, "normalised", "published")},
        )
        made = invent("style_transfer", known, shared, name=name)
        made.attrs["facts"]["weights"] = weights or {"mobilenet_v2": "f" * 64}
        return made

    return make


def published(decades=1.385, steps=2000):
    """A picture painted in the course's mode: its loss before each update, and after the last."""
    losses = np.ones(steps + 1)
    if steps >= 400:
        losses[399] = 10**decades
    names = (("content", "octopus.jpg"), ("style", "hockney.jpg"))
    metrics = {"artefact/length": 1.0, "shares/style": 0.1, "shares/content": 0.5}
    record = Record(metrics, {"picture": SMALL}, {"loss/total": losses.tolist()})
    return {Trial("published", 0, names): record}


def test_known_trends_are_found(study):
    entries = judge(study())
    assert entries["S2"].verdict == "refuted"  # deeper layers made larger artefacts
    assert entries["S3"].verdict == "supported"
    (fall,) = entries["S2"].decision.parts.values()
    assert fall.estimate.value == pytest.approx(-0.5, abs=0.03)
    assert (fall.estimate.n_seeds, fall.estimate.n_images) == (1, 8)
    parts = [part.estimate.value for part in entries["S3"].decision.parts.values()]
    assert parts == pytest.approx([0.4, 0.4], abs=0.03)
    comment = entries["S2"].decision.comment
    assert "Median length by layer, the earliest first: 1.0" in comment.replace("0.98", "1.0")
    assert "the fall is -0.5" in comment


def test_opposite_trends_are_found(study):
    entries = judge(study(growth=-0.5, control=0.4))
    assert (entries["S2"].verdict, entries["S3"].verdict) == ("supported", "refuted")


def test_no_trend_is_undecided(study):
    entries = judge(study(growth=0, control=0, noise=0.4, draw=1))
    assert entries["S2"].verdict == entries["S3"].verdict == "undecided"


def test_one_half_of_s3_is_not_enough(study):
    known = paint()
    for trial, record in known.items():
        if trial.arm in BETAS:
            record.metrics["shares/content"] = record.metrics["shares/style"]  # less is lost
    assert judge(study(known))["S3"].verdict == "refuted"


def test_verdicts_say_that_they_are_exploratory_and_never_count_as_published(study):
    entries = judge(study())
    for name in ("S2", "S3"):
        comment = entries[name].decision.comment
        assert comment.startswith(
            "Exploratory: 8 contents, each with a style; one network, mobilenet_v2."
        )
        assert not entries[name].as_published
    random = judge(study(weights={"vgg19": "random"}, seeds=3))["S2"].decision.comment
    assert "one network, vgg19 with random weights" in random


def test_pairs_that_share_a_content_are_not_counted_twice(study):
    """The unit is the content: its styles are averaged, and 4 contents give no verdict."""
    world = paint(contents=6, styles=3, noise=0.3)
    entries = judge(study(world))
    (fall,) = entries["S2"].decision.parts.values()
    assert fall.estimate.n_images == 6
    lengths = np.array(
        [
            [[world[Trial(arm, 0, pair(c, s))].metrics["artefact/length"] for s in range(3)]
             for c in range(6)]
            for arm in LAYERS
        ]
    )  # fmt: skip
    slopes = np.polyfit(np.arange(5), np.log2(lengths).reshape(5, 18), 1)[0].reshape(6, 3)
    assert fall.estimate.value == pytest.approx(-slopes.mean())
    assert fall.estimate.se == pytest.approx(slopes.mean(1).std(ddof=1) / np.sqrt(6))
    assert "6 contents, each as 3 styles, whose mean counts" in entries["S2"].decision.comment
    few = judge(study(contents=4, styles=5))["S2"]
    assert few.verdict == "undecided"
    assert [part.withheld for part in few.decision.parts.values()] == ["few images"]


def test_what_is_missing_is_said(study):
    known = paint()
    bare = Trial("layer 1", 0, (("content", "c0"), ("style", "s0")))
    known[bare].metrics["artefact/length"] = np.nan
    assert "1 are without" in judge(study(known))["S2"].lacking
    shallow = {trial: record for trial, record in paint().items() if trial.arm not in LAYERS[2:]}
    assert "3 or more resolutions" in judge(study(shallow))["S2"].lacking
    assert judge(study(published()))["S3"].lacking


@pytest.mark.parametrize(
    ("decades", "verdict"),
    [(1.385, "supported"), (1.6, "supported"), (1.0, "refuted"), (1.75, "refuted")],
)
def test_the_published_pair_and_network_is_arithmetic(study, decades, verdict):
    entry = judge(study(published(decades), name=PAIR, weights=VGG))["S1"]
    assert entry.verdict == verdict
    assert entry.decision.is_arithmetic
    assert entry.decision.estimate.value == pytest.approx(decades)
    assert entry.decision.target == pytest.approx(1.385, abs=1e-3)
    assert entry.same_data


def test_the_published_fall_is_read_before_the_update(study):
    """The notebook prints at step 400 the loss after 399 updates."""
    known = published()
    ((trial, record),) = known.items()
    losses = np.full(2001, 1.0)
    losses[399], losses[1999] = PUBLISHED[400], PUBLISHED[2000]
    known = {trial: Record(record.metrics, record.arrays, {"loss/total": losses.tolist()})}
    decision = judge(study(known, name=PAIR, weights=VGG))["S1"].decision
    assert decision.estimate.value == pytest.approx(decision.target)


@pytest.mark.parametrize(
    ("world", "said"),
    [
        ({"known": published(), "name": "octopus.jpg as hockney.jpg, vgg19 (random)"}, "VGG19"),
        ({"known": published(), "name": "a.jpg as b.jpg, vgg19 (imagenet)"}, "published pair"),
        ({"known": published(steps=1999), "name": PAIR}, "`--steps 2000` or more"),
        ({}, "the arm published"),
    ],
)
def test_any_other_pair_network_or_length_does_not_test_s1(study, world, said):
    entry = judge(study(**world))["S1"]
    assert entry.verdict == "not tested"
    assert said in entry.lacking


def test_slopes_are_least_squares():
    x, y = np.arange(5.0), np.random.default_rng(0).normal(size=(5, 2, 3))
    wanted = np.polyfit(x, y.reshape(5, 6), 1)[0].reshape(2, 3)
    labels = {"arm": LAYERS}
    found = slope(
        xr.DataArray(x, labels), xr.DataArray(y, {**labels, "seed": [0, 1], "content": [0, 1, 2]})
    )
    np.testing.assert_allclose(found, wanted)


def test_tables_list_every_picture_and_the_mean_over_contents(study):
    found = study(contents=6, styles=2, noise=0)
    frame = rows(found, ["layer 3"])
    assert len(frame) == 12
    assert frame["artefact length"].tolist() == pytest.approx([2.0] * 12)
    assert frame[["content", "style"]].iloc[1].tolist() == ["c0", "s1"]
    made = exhibits(found)
    assert list(made) == ["arms", "layers", "artefacts", "betas", "control"]
    table = made["arms"].frame().set_index("arm")
    assert table.loc["layer 3", "artefact length"] == pytest.approx(2.0)
    assert table.loc["layer 3", ["seeds", "contents"]].tolist() == [1, 6]
    cells = made["layers"].figure.args[0]
    assert len({row for row, _ in cells}) == 8  # pairs
    assert [column for row, column in cells if row == "c0 as s0"] == ["content", "style", *LAYERS]
    assert cells["c0 as s0", "layer 2"].shape == (4, 6, 3)
    assert sorted(set(made["control"].frame()["beta"])) == sorted(BETAS.values())


def test_a_picture_has_its_curves(study):
    known = published()
    made = exhibits(study(known, name=PAIR))
    assert list(made) == ["pictures", "losses", "published-loss"]
    frame = curves(study(known), ["published"], points=5)
    assert frame["step"].tolist() == [0, 500, 1000, 1500, 2000]
    assert set(frame["loss"]) == {"total"}
    fall = made["published-loss"].figure.args
    assert fall[1] == 400
    assert fall[2][2000] == pytest.approx(PUBLISHED[2000] / PUBLISHED[400])
    short = exhibits(study(published(steps=100)))
    assert list(short) == ["pictures", "losses"]
