"""The experiment paints, logs and judges; what it cannot read is one line."""

import contextlib
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from mlflow import MlflowClient
from PIL import Image

import reports
from core.errors import UserError
from core.provenance import ROOT
from core.store import Store
from core.style.config import StyleConfig
from core.style.pictures import read, thumbnail
from core.tracking import StoreError
from core.trials import Trial
from experiments import style_transfer
from experiments.style_transfer import SMOKE, Config, batches, main

QUICK = replace(SMOKE, study=False)
ARMS = {*(f"layer {k}" for k in range(1, 5))}
ARMS |= {f"beta {beta}" for beta in ("1", "10", "100", "1000", "10000")}


def runs(role):
    client = MlflowClient()
    place = client.get_experiment_by_name("style_transfer").experiment_id
    return client.search_runs([place], f"tags.role = '{role}' AND tags.complete = 'true'")


def page(tmp_path):
    (study,) = runs("study")
    path = MlflowClient().download_artifacts(study.info.run_id, "report", str(tmp_path))
    return json.loads(Path(path, "study.json").read_text()), Path(path)


@pytest.fixture(scope="module")
def smoke(tmp_path_factory, empty_store):
    """Run the smoke study once; the tests that use its store leave it as it is."""
    folder = tmp_path_factory.mktemp("style")
    (folder / "mlflow.db").write_bytes(empty_store.read_bytes())
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(None):
        patch.setattr("mlflow.tracking._tracking_service.utils._tracking_uri", None)
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/mlflow.db")
        main(SMOKE)
        yield folder


def test_the_study_paints_every_arm_and_judges_the_claims(smoke, tmp_path):
    trials = runs("trial")
    assert {run.data.params["arm"] for run in trials} == ARMS
    assert len(trials) == 2 * len(ARMS)
    wanted = {"loss/total", "loss/style_4", "final/content", "shares/style", "artefact/length"}
    assert all(wanted <= set(run.data.metrics) for run in trials)
    history = MlflowClient().get_metric_history(trials[0].info.run_id, "loss/total")
    assert [point.step for point in history] == [1, 2, 3, 4]  # before each of 3 updates, and after
    written, folder = page(tmp_path)
    verdicts = {row["claim"]: row for row in written["verdicts"]}
    assert verdicts["S1"]["verdict"] == "not tested"
    assert "--mode published" in reports.lessons.claims()["S1"].command
    (part,) = verdicts["S2"]["decision"]["parts"].values()
    assert part["withheld"] == "few images"
    assert verdicts["S2"]["decision"]["estimate"]["n_images"] == 2
    assert verdicts["S2"]["images"] == "content"
    assert "Exploratory: 2 contents" in verdicts["S3"]["decision"]["comment"]
    assert "random" in written["data"]["warnings"][0]
    names = ["arms", "layers", "artefacts", "betas", "control"]
    assert [exhibit["name"] for exhibit in written["exhibits"]] == names
    assert all((folder / f"{name}.csv").stat().st_size for name in names)


def test_a_trial_keeps_what_judging_and_drawing_need(smoke):
    study = reports.load("style_transfer")
    assert study["arm"].values.tolist() == [
        "layer 1", "layer 2", "layer 3", "layer 4", "beta 1", "beta 10", "beta 100", "beta 1000",
        "beta 10000",
    ]  # fmt: skip
    assert study["content"].values.tolist() == ["astronaut", "coffee"]
    assert study["trained"].sum(["arm", "seed"]).values.tolist() == [[9, 0], [0, 9]]
    seen = study.sel(arm="layer 2", seed=0, content="coffee", style="immunohistochemistry")
    losses = seen["loss/total"].values
    assert losses[-1] == pytest.approx(float(seen["final/total"]))
    assert losses[-1] < losses[0]
    first = study["loss/style_1"].sel(seed=0, content="coffee", style="immunohistochemistry")
    assert first.isel(epoch=0).values == pytest.approx(1, rel=1e-3)  # all of the gap is left
    small = seen["picture"].dropna("row", how="all").dropna("column", how="all")
    assert small.sizes == {"row": 32, "column": 48, "channel": 3}
    original = study["originals"].sel(original="content coffee").values
    known = thumbnail(read("coffee", "").image)
    assert np.array_equal(original[: len(known)], known)


def test_more_pairs_paint_only_what_is_missing(store, monkeypatch):
    monkeypatch.setattr("reports.publish.publish", lambda *_: None)
    painted, paint = [], style_transfer.paint

    def watched(config, pairs, device, job):
        painted.extend(job.trials)
        return paint(config, pairs, device, job)

    main(SMOKE)
    monkeypatch.setattr(style_transfer, "paint", watched)
    main(replace(SMOKE, pairs=3))
    assert {trial.levels["content"] for trial in painted} == {"chelsea"}
    assert len(painted) == len(ARMS)
    assert len({run.data.tags["study_key"] for run in runs("trial")}) == 1


def test_contents_of_one_shape_are_painted_together():
    class Pair:
        def __init__(self, name, shape):
            self.names, self.pixels = (("content", name), ("style", "s")), np.empty(shape)

    pairs = [Pair(f"{k}", (3, 40, 48) if k % 2 else (3, 48, 40)) for k in range(6)]
    found = batches(pairs, 2)
    assert [found[pair.names] for pair in pairs] == [
        ((3, 48, 40), 0), ((3, 40, 48), 0), ((3, 48, 40), 0), ((3, 40, 48), 0),
        ((3, 48, 40), 1), ((3, 40, 48), 1),
    ]  # fmt: skip


def test_a_picture_is_written_though_the_store_is_away(store, tmp_path, monkeypatch):
    """It lies on disk until the store is back; a second call writes it again from there."""

    def away(self, run_id, folder, place=None):
        if place == "study":
            return upload(self, run_id, folder, place)
        raise StoreError("the store is away")

    monkeypatch.setattr("reports.publish.publish", lambda *_: None)
    upload, config = Store.upload, replace(QUICK, out=tmp_path / "out")
    with monkeypatch.context() as patch:
        patch.setattr(Store, "upload", away)
        main(config)
    first = (tmp_path / "out" / "astronaut-as-gravel.png").read_bytes()
    (tmp_path / "out" / "astronaut-as-gravel.png").unlink()
    main(config)
    assert (tmp_path / "out" / "astronaut-as-gravel.png").read_bytes() == first


@pytest.mark.parametrize(("mode", "size"), [("RGBA", (60, 48)), ("L", (48, 70))])
def test_one_picture_is_painted_shown_and_kept(store, tmp_path, mode, size, capsys):
    pixels = np.random.default_rng(0).integers(0, 256, (*size[::-1], 4), np.uint8)
    Image.fromarray(pixels, "RGBA").convert(mode).save(tmp_path / "mine.png")
    main(replace(QUICK, content=str(tmp_path / "mine.png"), out=tmp_path / "out"))
    shown = capsys.readouterr().out
    assert str(tmp_path / "out/mine.png-as-gravel.png") in shown
    with Image.open(tmp_path / "out/mine.png-as-gravel.png") as image:
        assert max(image.size) == 48
        assert image.size[0] < image.size[1] if size[0] < size[1] else image.size == (48, 38)
        last = np.asarray(image)
    with Image.open(tmp_path / "out/mine.png-as-gravel.gif") as image:
        assert 2 <= image.n_frames <= 4  # equal frames are shown as one
    assert "S1" not in shown  # a picture tests no claim
    (trial,) = runs("trial")
    client = MlflowClient()
    assert {"picture.png", "steps.gif"} <= {
        i.path for i in client.list_artifacts(trial.info.run_id)
    }
    path = client.download_artifacts(trial.info.run_id, "picture.png", str(tmp_path))
    np.testing.assert_array_equal(np.asarray(Image.open(path)), last)
    written = page(tmp_path)[0]
    assert [exhibit["name"] for exhibit in written["exhibits"]] == ["pictures", "losses"]
    assert {row["verdict"] for row in written["verdicts"]} == {"not tested"}


def test_a_folder_is_painted_but_for_what_cannot_be_read(store, tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name in ("a.png", "b.png"):
        Image.effect_noise((60, 50), 80).save(folder / name)
    (folder / "broken.png").write_text("no picture")
    latin = folder / os.fsdecode(b"deep/caf\xe9.jpg")  # names no store could hold, nor a text file
    latin.parent.mkdir()
    Image.effect_noise((60, 50), 80).save(latin, format="PNG")
    main(replace(QUICK, content=str(folder), out=tmp_path / "out"))
    assert sorted(p.name for p in (tmp_path / "out").glob("*.png")) == [
        "a.png-as-gravel.png",
        "b.png-as-gravel.png",
        r"deep-caf\xe9.jpg-as-gravel.png",
    ]
    (left_out,) = page(tmp_path)[0]["data"]["quarantined"]
    assert left_out["path"] == "broken.png"


def test_a_killed_study_goes_on_to_the_same_pictures(store, tmp_path, monkeypatch):
    monkeypatch.setattr("reports.publish.publish", lambda *_: None)
    whole = tmp_path / "whole"
    config = replace(QUICK, seeds=2)
    main(replace(config, out=whole))
    for run in runs("trial"):
        MlflowClient().delete_run(run.info.run_id)
    paint, painted = style_transfer.paint, []

    def killed(config, pairs, device, job):
        if painted:
            raise KeyboardInterrupt
        painted.extend(job.trials)
        return paint(config, pairs, device, job)

    again = replace(config, out=tmp_path / "again")
    monkeypatch.setattr(style_transfer, "paint", killed)
    with pytest.raises(KeyboardInterrupt):
        main(again)
    assert [trial.key for trial in painted] == [
        Trial("normalised", 0, (("content", "astronaut"), ("style", "gravel"))).key
    ]
    monkeypatch.setattr(style_transfer, "paint", paint)
    main(again)
    for name in ("astronaut-as-gravel.png", "astronaut-as-gravel-1.png"):
        assert (whole / name).read_bytes() == (tmp_path / "again" / name).read_bytes()


def test_missing_weights_say_what_works_instead(store, monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))

    def offline(*_, **__):
        raise OSError("no network")

    monkeypatch.setattr("core.models.weights.attempt", offline)
    with pytest.raises(UserError) as caught:
        main(replace(QUICK, weights="imagenet"))
    line = str(caught.value)
    assert line.startswith("--weights imagenet: squeezenet1_1's weights are not in")
    assert line.endswith("or use --weights FILE (a state dict) or random")
    assert "\n" not in line
    with pytest.raises(UserError, match="network vgg99: a torchvision classifier"):
        main(replace(QUICK, backbone="vgg99"))


def test_a_rate_that_explodes_is_one_line(store):
    painting = replace(SMOKE.painting, optimizer="adam", mode="published", lr=1e30)
    with pytest.raises(UserError, match=r"--lr 1e\+30: loss .* a smaller rate is wanted"):
        main(replace(QUICK, painting=painting))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"seeds": 0}, "--seeds 0: 1 to 10,000"),
        ({"seeds": 2, "weights": "imagenet"}, "--seeds 2: 1, as these weights"),
        ({"pairs": 1}, "--pairs 1: 2 to 10,000"),
        ({"study": True, "painting": replace(SMOKE.painting, mode="published")}, "--study with"),
    ],
)
def test_bad_options_are_one_line(options, said):
    with pytest.raises(UserError, match=said):
        Config(**options)


def test_help_answers_at_once_and_a_missing_picture_is_status_2(store):
    command = [sys.executable, str(ROOT / "experiments/style_transfer.py")]
    asked = [command[0], "-X", "importtime", command[1], "--help"]
    done = subprocess.run(asked, capture_output=True, text=True, check=True)
    assert "[CONTENT] [STYLE]" in done.stdout
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "tyro" in imported
    assert not imported & {"torch", "numpy", "pandas", "mlflow", "matplotlib", "PIL"}
    missing = ["nothing.png", "--backbone", "squeezenet1_1"]
    done = subprocess.run([*command, *missing], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("CONTENT nothing.png: there is no such file")
    assert len(done.stderr.strip().splitlines()) == 1


def test_the_course_mode_runs_on_vgg19(store):
    """Its weights are random here; names, layers and losses are the course's."""
    painting = StyleConfig(mode="published", size=32, steps=4, lr=0.03)
    main(replace(QUICK, backbone="vgg19", painting=painting, out=store))
    (trial,) = runs("trial")
    metrics = trial.data.metrics
    assert sum(name.startswith("final/style_") for name in metrics) == 5
    weighted = sum(
        weight * metrics[f"final/style_{k + 1}"]
        for k, weight in enumerate((1, 0.75, 0.2, 0.2, 0.2))
    )
    wanted = metrics["final/content"] + 1e6 * weighted
    assert metrics["final/total"] == pytest.approx(wanted, rel=1e-4)
    history = MlflowClient().get_metric_history(trial.info.run_id, "loss/total")
    values = [point.value for point in sorted(history, key=lambda point: point.step)]
    assert len(values) == 5
    assert values[-1] < values[0]
    study = reports.load("style_transfer")
    assert reports.verdicts(study) == {"S1": None, "S2": None, "S3": None}  # 4 of 2,000 steps


@pytest.mark.real_data
def test_the_course_pictures_become_more_like_their_style(store, real_data, tmp_path):
    weights = real_data("../weights/mobilenet_v2_imagenet.pth")
    content, style = (str(real_data(f"style/{name}.jpg")) for name in ("octopus", "hockney"))
    network = {"backbone": "mobilenet_v2", "weights": str(weights)}
    painting = replace(SMOKE.painting, size=96, steps=25)
    own = replace(QUICK, content=content, style=style, painting=painting, out=tmp_path, **network)
    main(own)
    (trial,) = runs("trial")
    assert trial.data.metrics["shares/style"] < 0.15  # 1 at the start
    assert trial.data.metrics["final/total"] < 200  # 1,004 at the start
