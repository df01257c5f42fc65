"""What the study says: verdicts on made-up networks, doctors as data, probes that hide and leak."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from core.data.card import Card
from core.data.images import InMemory, Splits
from core.data.lesions import CLASSES
from core.errors import UserError
from core.results import Result, Trial
from reports.skin import findings, probes, tasks
from reports.skin.readers import against, beside, own, published

N = 240
LABELS = torch.from_numpy(np.repeat([0, 1, 2], [60, 140, 40]))


def splits(name="lesions", *, synthetic=True):
    images = InMemory(torch.zeros(N, 3, 4, 4, dtype=torch.uint8), labels=LABELS)
    card = Card(
        name=name,
        source="made up",
        fingerprint="0",
        classes=CLASSES,
        shape=(3, 4, 4),
        counts={side: [60, 140, 40] for side in ("train", "val", "test")},
        split="none",
        synthetic=synthetic,
    )
    return Splits(images, images, images, card)


def network(seed, skill, ink=0.0, turn=0.0):
    """Return the arrays of a network that sees the class with some skill, and what fools it."""
    random = np.random.default_rng(seed)
    image = np.random.default_rng(99).normal(size=(N, 3))

    def answer(shift=0.0, noise=0.0, skill=skill):
        logits = image + skill * np.eye(3)[LABELS.numpy()]
        logits = logits + 0.3 * random.normal(size=logits.shape)
        logits[:, 0] += shift + noise * random.normal(size=N)
        return logits.astype(np.float32)

    hits = (random.random(150) < 0.9).astype(np.uint8)
    return Result(
        {"test/auc_melanoma": 0.5},
        {
            "val_logits": answer(),
            "test_logits": (logits := answer()),
            "correct": (logits.argmax(1) == LABELS.numpy()).astype(np.uint8),
            "turned": np.stack([answer(noise=turn) for _ in range(3)]),
            "inked": logits + np.array([ink, 0, 0], dtype=np.float32),
            "ruled": logits,
            "shown": np.linspace(0, N - 1, 150).astype(np.int64),
            "hits_plane": hits,
            "hits_full": hits,
            "preserved": np.array([0.5]),
            "leak": np.array([0.9, 0.7]) + 0.01 * random.normal(size=2),
            "seen_lesion": answer(skill=3),
            "seen_rest": answer(skill=0),
            "probe_labels": LABELS.numpy(),
        },
    )


def study(**arms):
    return {Trial(arm, s): network(s, **options) for s in range(5) for arm, options in arms.items()}


def judged(results, data, folder):
    rule = tasks.Operation(rule="sensitivity", target=0.9, miss_cost=10, prevalence=0.05)
    found = findings.findings(results, tasks.read(results, data, rule), data, folder)
    return {name: each.decision and each.decision.verdict for name, each in found.items()}, found


def test_claims_are_supported_where_they_are_true(tmp_path):
    results = study(random={"skill": 0.5}, pretrained={"skill": 2.5, "ink": 2.0, "turn": 3.0})
    verdicts, found = judged(results, splits(), tmp_path)
    true = dict.fromkeys(("M3", "M5", "M6", "M7", "M8", "M9"), "supported")
    assert verdicts == {**true, "M1": None, "M2": None, "M4": None}
    assert "Photographs" in found["M4"].lacking


def test_claims_are_refuted_where_they_are_false(tmp_path):
    results = study(random={"skill": 2.5}, pretrained={"skill": 0.0, "ink": -2.0})
    verdicts, found = judged(results, splits("isic2017", synthetic=False), tmp_path)
    assert {verdicts[name] for name in ("M3", "M4", "M7")} == {"refuted"}, verdicts
    assert verdicts["M6"] is None
    assert "Masks" in found["M6"].lacking
    assert "rank" in found["M2"].comment
    assert "other images" in found["M4"].comment


def test_an_arm_left_out_is_named(tmp_path):
    _, found = judged(study(random={"skill": 1}), splits(), tmp_path)
    assert found["M3"].lacking == "This study left out an arm: `--arms random pretrained`."


@pytest.mark.real_data
def test_the_scorer_is_equivalent(real_data):
    found = findings._scorer(real_data("isic2017/scoring"), splits(synthetic=False).card)
    assert found.decision.verdict == "supported"
    assert found.decision.estimate.value < 1e-6


def test_log_odds_are_those_of_the_softmax():
    logits = torch.randn(4, 7, 3, generator=torch.Generator().manual_seed(0))
    p = logits.double().softmax(-1)[..., 1]
    assert tasks.log_odds(logits.numpy(), 1) == pytest.approx((p / (1 - p)).log().numpy())


def test_published_readers_are_shares_with_a_citation():
    readers = published()
    assert len(readers) == len({reader.name for reader in readers}) >= 8
    for reader in readers:
        assert 0 < reader.sensitivity < 1
        assert 0 < reader.specificity < 1
        assert any(char.isdigit() for char in reader.citation)
    assert sum(reader.dermoscopic for reader in readers) == 3


def test_our_specificity_stands_beside_the_readers_of_the_same_task():
    labels = np.arange(100) < 40
    scores = np.stack([np.where(labels, 1.0, 0.0)] * 2)
    frame = beside({"net": scores}, labels, published())
    near = np.array([reader.dermoscopic for reader in published()])
    assert (frame.loc[near, "net, specificity there"] == 1).all()
    assert frame.loc[~near, "net, specificity there"].isna().all()


def test_own_readers_are_read_and_checked(tmp_path):
    path = tmp_path / "readers.csv"
    path.write_text("reader,sensitivity,specificity\nDr A,0.8,0.7\n")
    (reader,) = own(path, splits(), "melanoma")
    assert (reader.name, reader.sensitivity, reader.specificity) == ("Dr A", 0.8, 0.7)
    path.write_text("reader,sensitivity,specificity\nDr A,80,0.7\n")
    with pytest.raises(UserError, match="Dr A, sensitivity 80"):
        own(path, splits(), "melanoma")
    path.write_text("reader,sensitivity\nDr A,0.8\n")
    with pytest.raises(UserError, match="specificity is wanted"):
        own(path, splits(), "melanoma")


def test_readers_of_the_same_images_are_compared_in_pairs(tmp_path):
    path, names = tmp_path / "calls.csv", tuple(f"test/c/ISIC_{i}.jpg" for i in range(N))
    data = splits("isic2017", synthetic=False)
    data = replace(data, test=replace(data.test, names=names))
    # 5 of 60 melanomas missed, 10 of 180 others called; shuffled, one suffix left on.
    said = [int(i < 55 or 60 <= i < 70) for i in range(N)]
    order = np.random.default_rng(0).permutation(N).tolist()
    rows = [f"Dr B,ISIC_{i}{'.jpg' * (i == 3)},{said[i]}" for i in order]
    path.write_text("\n".join(["reader,image,call", *rows]))
    (reader,) = own(path, data, "melanoma")
    assert reader.sensitivity == pytest.approx(55 / 60)
    assert reader.specificity == pytest.approx(170 / 180)
    perfect = np.tile(LABELS.numpy() == 0, (3, 1))
    (row,) = against(perfect, LABELS.numpy() == 0, [reader]).to_dict("records")
    assert row["sensitivity, ours - theirs"] == pytest.approx(5 / 60)
    assert row["specificity, ours - theirs"] == pytest.approx(10 / 180)
    assert row["sensitivity, ours - theirs_low"] > 0
    path.write_text("reader,image,call\nDr B,ISIC_9999,1\n")
    with pytest.raises(UserError, match="Dr B, ISIC_9999: one of our test images"):
        own(path, data, "melanoma")
    path.write_text("reader,image,call\nDr B,ISIC_1,1\nDr B,ISIC_1,0\n")
    with pytest.raises(UserError, match="ISIC_1: once"):
        own(path, data, "melanoma")
    path.write_text("reader,image,call\nDr B,ISIC_1,2\n")
    with pytest.raises(UserError, match="call 2: 0 or 1"):
        own(path, data, "melanoma")


def test_hiding_leaves_what_it_should():
    seen = {}

    def look(images):
        seen[len(seen)] = images.pixels.float()
        return torch.zeros(len(images), 3)

    probes.hidden(look, 24)
    probe = probes._fresh(24)
    lesion, rest = seen[0], seen[1]
    inside = probe.masks[:, None].expand(-1, 3, -1, -1)
    whole = probe.pixels.float()
    assert (lesion - whole)[inside].abs().max() == 0
    corner = [(~image).all() for image in probe.masks[:, :1, :1]]
    assert (rest - whole)[:, :, 0, 0][torch.tensor(corner)].abs().max() == 0
    spread = [
        float(image[:, mask].std(1).max()) for image, mask in zip(rest, probe.masks, strict=True)
    ]
    assert max(spread) == 0  # one colour where the lesion was
    flat = [
        float(image[:, ~mask].std(1).max()) for image, mask in zip(lesion, probe.masks, strict=True)
    ]
    assert max(flat) == 0


def test_the_plane_shows_every_class_of_a_sorted_test_part():
    data = splits(synthetic=False).test
    found = probes.plane(lambda images: torch.randn(len(images), 5), data, 0)
    shares = np.bincount(LABELS.numpy()[found["shown"]]) / 150
    assert shares == pytest.approx([60 / N, 140 / N, 40 / N], abs=0.01)
    assert len(set(found["shown"].tolist())) == len(found["points"]) == 150


def test_copies_on_both_sides_help_a_head_that_remembers():
    random = torch.randn(N, 300, generator=torch.Generator().manual_seed(0))
    data = splits(synthetic=False).test
    pixels = torch.randint(
        0, 255, (N, 3, 4, 4), dtype=torch.uint8, generator=torch.Generator().manual_seed(1)
    )

    def remember(images):  # features that tell images apart and say nothing of the class
        return random + 0.01 * torch.randn(N, 300)

    areas = probes.leak(remember, replace(data, pixels=pixels), 0, 0, drawn=False)["leak"]
    assert areas[0] > 0.95
    assert areas[1] < 0.75
