"""The study of skin lesions, from the command line to what is kept and judged."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.metrics import roc_auc_score

import reports
from core.config import TrainConfig
from core.data import lesions
from core.data.config import DataConfig
from core.data.sources import load
from core.errors import UserError
from core.evaluation.odds import log_odds
from core.store import Store
from experiments import skin_lesions
from experiments.skin_lesions import DRAWN, NOT_A_DEVICE, SMOKE, Config, Score, main, score
from reports.judge import judge
from reports.skin.rivals import TEST_IMAGES

SCRIPT = Path(skin_lesions.__file__)
IMAGES = {"val_image": 159, "image": 159, "class": 3}


@pytest.fixture(scope="module")
def smoke(tmp_path_factory, empty_store):
    """Run the smoke study in a store of its own, in which the module's tests go on."""
    folder = tmp_path_factory.mktemp("skin")
    (folder / "mlflow.db").write_bytes(empty_store.read_bytes())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mlflow.tracking._tracking_service.utils._tracking_uri", None)
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/mlflow.db")
        config = replace(SMOKE, data=replace(SMOKE.data, data_root=folder))
        main(config)
        yield config


def kept():
    """Return trial -> id of its run."""
    runs = Store().runs("tags.role = 'trial'")
    return {run.tags["trial"]: run.id for run in runs}


def test_what_is_kept_has_its_names_and_dimensions(smoke):
    study = reports.load("skin_lesions", data="lesions")
    assert study["arm"].values.tolist() == ["random", "pretrained"]
    assert study["seed"].values.tolist() == [0, 1]
    assert {name: study.sizes[name] for name in IMAGES} == IMAGES
    dims = {name: array.dims[2:] for name, array in study.items() if array.dims[:1] == ("arm",)}
    assert dims["val_logits"] == ("val_image", "class")
    assert dims["test_logits"] == dims["inked"] == dims["ruled"] == ("image", "class")
    assert dims["turned"] == ("turn", "image", "class")
    assert dims["seen"] == ("view", "probe", "class")
    assert dims["leak"] == ("split", "probe")
    assert dims["near"] == ("space", "shown", "neighbour")
    for name in ("points", "near", "leak", "agreement", "maps"):  # asked of seed 0 alone
        if name in study:
            assert np.isfinite(study[name].sel(seed=0)).all()
            assert np.isnan(study[name].sel(seed=1)).all()
    splits = load(smoke.data)
    assert study["image"].values.tolist() == list(splits.test.names)
    assert study["label"].values.tolist() == splits.test.labels.tolist()
    assert study["val_label"].values.tolist() == splits.val.labels.tolist()
    assert not set(study["val_image"].values) & set(study["image"].values)
    hits = study["test_logits"].values.argmax(-1) == study["label"].values
    assert (study["correct"].values == hits).all()
    assert study["test/accuracy"].values == pytest.approx(hits.mean(-1))


def test_a_study_of_drawn_lesions_says_so_and_judges_what_it_can(smoke):
    study = reports.load("skin_lesions")
    assert study.attrs["card"]["warnings"][:2] == [NOT_A_DEVICE, DRAWN]
    entries = judge(study)
    assert list(entries) == [f"M{index}" for index in range(1, 10)]
    for name in ("M1", "M2", "M4", "M6"):  # what drawn lesions and no files cannot tell
        assert entries[name].verdict == "not tested"
        assert "wanted" in entries[name].lacking
    for name in ("M3", "M5", "M7", "M8", "M9"):
        (part,) = entries[name].decision.parts.values()
        assert part.estimate.low <= part.estimate.value <= part.estimate.high
        assert not entries[name].same_data
    (run,) = Store().runs("tags.role = 'study'")
    folder = Path(Store().run(run.id).artifacts, "report")
    assert NOT_A_DEVICE in (folder / "study.json").read_text()
    assert json.loads((folder / "study.json").read_text())["data"]["synthetic"]
    drawn = {"roc", "precision-recall", "net-benefit", "reliability", "confusion", "tsne"}
    assert all((folder / f"{name}.png").stat().st_size > 9000 for name in drawn)
    assert not (folder / "doctors.csv").exists()
    points = pd.read_csv(folder / "operating-points.csv")
    assert points["TP of"].str.endswith("of 39").sum() == 2


def test_with_the_boards_600_test_images_in_a_folder_the_study_asks_the_board(tmp_path, store):
    """One is a copy of a training image, which leaves training: the board's images stay whole."""
    random, root = np.random.default_rng(0), tmp_path / "isic2017"
    for side, counts in {"train": dict.fromkeys(TEST_IMAGES, 20), "test": TEST_IMAGES}.items():
        for name, n in counts.items():
            folder = root / side / name
            folder.mkdir(parents=True)
            for i in range(n):
                pixels = random.integers(0, 256, (16, 16, 3), np.uint8)
                Image.fromarray(pixels).save(folder / f"{i}.png")
    copied = (root / side / name / "0.png" for side in ("train", "test"))
    shutil.copy(*copied)
    data = DataConfig(data="isic2017", data_root=tmp_path, size=16)
    main(replace(SMOKE, seeds=3, arms=("random",), explained=0, data=data))
    study = reports.load("skin_lesions")
    assert study.attrs["card"]["counts"]["test"] == list(TEST_IMAGES.values())
    assert sum(study.attrs["card"]["counts"]["train"]) < 60
    entry = judge(study)["M2"]
    assert entry.same_data
    areas = {name: each.estimate.value for name, each in entry.decision.parts.items()}
    truth = study["label"].values == study["class"].values.tolist().index("melanoma")
    scores = log_odds(study["test_logits"].sel(arm="random").values, 0)
    wanted = np.mean([roc_auc_score(truth, each) for each in scores])
    assert areas["melanoma"] == pytest.approx(wanted, abs=1e-9)
    assert list(areas) == ["melanoma", "keratosis", "mean"]
    assert "Among the 23 entries: melanoma rank" in entry.decision.comment


def test_other_thresholds_train_nothing_and_judge_anew(smoke):
    before, first = kept(), reports.exhibits(reports.load("skin_lesions"))
    main(replace(smoke, threshold="youden", prevalence=0.3, target_sensitivity=0.5))
    assert kept() == before
    study = reports.load("skin_lesions")
    assert study.attrs["facts"]["config"]["prevalence"] == 0.3
    assert "prevalence" not in study.attrs["facts"]["settings"]
    second = reports.exhibits(study)
    assert "30 %" in second["operating-points"].caption
    one, other = (each["operating-points"].frame() for each in (first, second))
    assert not np.allclose(one["sensitivity"], other["sensitivity"])
    main(smoke)
    again = reports.exhibits(reports.load("skin_lesions"))["operating-points"].frame()
    pd.testing.assert_frame_equal(again, one)


def test_more_seeds_and_arms_train_what_is_missing(smoke):
    before = kept()
    main(replace(smoke, seeds=3, arms=("pretrained", "shuffled")))
    after = kept()
    assert before.items() <= after.items()
    more = {"pretrained/2", "shuffled/0", "shuffled/1", "shuffled/2"}
    assert set(after) - set(before) == more
    study = reports.load("skin_lesions")
    assert int(study["trained"].sum()) == 8
    assert not study["trained"].sel(arm="random", seed=2)


@pytest.fixture
def photographs(tmp_path):
    """Lay lesions out as ISIC 2017 lies in DATA_ROOT: images, masks, the course's two files."""
    root, drawn = tmp_path / "isic2017", lesions.draw(120, 3, 16, twice=0)
    (root / "scoring").mkdir(parents=True)
    (tmp_path / "masks").mkdir()
    for index, (pixels, label) in enumerate(zip(drawn.pixels, drawn.labels, strict=True)):
        folder = root / "train" / lesions.CLASSES[label]
        folder.mkdir(parents=True, exist_ok=True)
        name = f"ISIC_{index:04}"
        Image.fromarray(pixels.permute(1, 2, 0).numpy()).save(folder / f"{name}.png")
        mask = drawn.masks[index].numpy().astype(np.uint8) * 255
        Image.fromarray(mask).save(tmp_path / "masks" / f"{name}_segmentation.png")
    rows = [f"x/ISIC_{i},{i % 2},{int(i % 3 == 0)}" for i in range(12)]
    for name in ("ground_truth.csv", "sample_predictions.csv"):
        (root / "scoring" / name).write_text("\n".join(["Id,task_1,task_2", *rows]))
    return tmp_path


def test_photographs_masks_readers_and_the_courses_files_are_kept(store, photographs):
    config = replace(
        SMOKE,
        arms=("random",),
        explained=0,
        data=DataConfig(data="isic2017", data_root=photographs),
    )
    splits = load(config.data)
    calls = photographs / "calls.csv"
    rows = [f"Dr A,{Path(name).stem},{index % 2}" for index, name in enumerate(splits.test.names)]
    calls.write_text("\n".join(["reader,image,call", *rows]))
    main(replace(config, masks=photographs / "masks", readers=calls))
    study = reports.load("skin_lesions", data="isic2017")
    assert study["submission"].values.tolist() == [[1.0, 1.0, 1.0]] * 2
    assert study["probe"].values.tolist() == study["image"].values.tolist()
    assert study["calls"].values[0].tolist() == [index % 2 for index in range(len(splits.test))]
    entries = judge(study)
    assert entries["M1"].verdict == "refuted"  # these files are not the course's
    assert entries["M6"].decision.estimate.n_images == len(splits.test)
    made = reports.exhibits(study)
    assert made["own-readers"].frame()["images"].tolist() == [len(splits.test)]
    assert "AUC, lesion hidden" in made["shortcuts"].frame()
    assert study.attrs["card"]["warnings"][0] == NOT_A_DEVICE
    assert DRAWN not in study.attrs["card"]["warnings"]
    changed = photographs / "masks" / f"{Path(splits.test.names[0]).stem}_segmentation.png"
    Image.fromarray(np.zeros((16, 16), np.uint8)).save(changed)
    main(replace(config, masks=photographs / "masks", readers=calls))  # another mask: anew
    keys = {run.tags["study_key"] for run in Store().runs("tags.role = 'study'")}
    assert len(keys) == 2


# What a trial is trained with.


# The command line.


def test_help_names_the_options_and_is_quick():
    done = subprocess.run(
        [sys.executable, SCRIPT, "--help"], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0
    for option in ("--arms", "--imbalance", "--prevalence", "--masks", "Not a medical device"):
        assert option in done.stdout


def test_a_submission_is_scored_from_the_command_line(tmp_path):
    truth = ["Id,task_1,task_2", *(f"i{i},{i % 2},{i // 2 % 2}" for i in range(12))]
    (tmp_path / "truth.csv").write_text("\n".join(truth))
    (tmp_path / "few.csv").write_text("\n".join(truth[:-2]))
    command = [sys.executable, SCRIPT, "score"]
    rest = ["--truth", tmp_path / "truth.csv"]
    good = subprocess.run(
        [*command, tmp_path / "truth.csv", *rest], capture_output=True, text=True, timeout=60
    )
    assert good.returncode == 0
    assert "AUC melanoma  1.000000" in good.stdout
    bad = subprocess.run(
        [*command, tmp_path / "few.csv", *rest], capture_output=True, text=True, timeout=60
    )
    assert bad.returncode == 2
    assert bad.stderr.strip() == ("predictions: 2 images missing: i10 i11; each once is wanted")


def test_score_prints_what_the_scorer_found(tmp_path, capsys):
    path = tmp_path / "t.csv"
    path.write_text("Id,task_1,task_2\na,1,0\nb,1,0\nc,0,1\nd,0,1\n")
    score(Score(predictions=path, truth=path))
    assert "melanoma at 0.5: TP 2, FN 0, FP 0, TN 2" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seeds": 1}, "--seeds 1: 2 to 10,000 is wanted"),
        ({"arms": ("random", "wise")}, "--arms wise: one or more of random,"),
        ({"network": "resnet18"}, "--weights digits: digits for the cnn"),
        ({"prevalence": 0.0}, "--prevalence 0.0: a number above 0 and below 1 is wanted"),
        ({"train": TrainConfig(batch_size=1)}, "--batch-size 1: 2 or more is wanted"),
        ({"masks": Path("m")}, "--masks m: --data of photographs"),
    ],
)
def test_options_that_make_no_sense_are_refused(options, message):
    with pytest.raises(UserError, match=message):
        Config(**options)
