"""The study of transfer regimes end to end: what it keeps, and that seeds are independent."""

import shutil
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mlflow import MlflowClient
from PIL import Image

import reports
from core.device import pick
from core.errors import UserError
from core.models import features
from core.models.strategies import STRATEGIES
from core.training.transfer import Trained
from core.trials import Trial, programs
from experiments import transfer_regimes
from experiments.transfer_regimes import SMOKE, Config, alike, grid, main, prepare, train
from reports.judge import judge


def trial_runs():
    client = MlflowClient()
    place = client.get_experiment_by_name("transfer_regimes").experiment_id
    return client.search_runs([place], "tags.role = 'trial'")


def test_a_trial_keeps_what_judging_needs_and_is_what_its_seed_alone_gives(store):
    main(SMOKE)
    assert len(trial_runs()) == 4 * len(STRATEGIES) * 2
    for run in trial_runs():
        assert run.data.params["strategy"] in STRATEGIES
        assert run.data.params["size"] in ("small", "large")
        assert run.data.params["lr"] == "0.003"
    study = reports.load("transfer_regimes")
    assert study["correct"].dims == ("arm", "seed", "size", "task", "image")
    assert study["arm"].values.tolist() == list(STRATEGIES)
    assert study["size"].values.tolist() == ["small", "large"]
    assert bool(study["trained"].all())
    for task, n in (("similar", 359), ("different", 80)):
        hits = study["correct"].sel(task=task).dropna("image", how="all")
        assert hits.sizes["image"] == n
        assert all(name.startswith(f"{task}/") for name in hits["image"].values)
        accuracy = study["test/accuracy"].sel(task=task)
        assert np.allclose(hits.mean("image"), accuracy)
    heads = study["probes"].sel(arm="head")
    assert heads.dims == ("seed", "size", "task", "stage")
    assert bool(((heads >= 0) & (heads <= 1)).all())
    assert bool(study["probes"].sel(arm="scratch").isnull().all())
    assert (study["train/per_class"].sel(arm="head", size="small") == 10).all()
    # Each seed has its own network and its own small training set.
    assert len(np.unique(heads.sel(size="small", task="similar"), axis=0)) == 2
    assert len(np.unique(study["train/distance"].sel(arm="head", size="large"))) == 4
    curves = study["train/loss"].sel(arm="cut", seed=1, size="small", task="similar")
    assert int(curves.notnull().sum()) == 1  # 4 steps of 16 images are an epoch of 50
    parameters = study["trained/parameters"].sel(seed=0, size="small", task="different")
    assert parameters.sel(arm="cut") == 2 * (8 * 4 + 1)
    assert parameters.sel(arm="head") == 2 * (32 * 4 + 1)
    assert set(judge(study)) == {"T2a", "T2b", "T2c", "T2d", "T3", "T5"}
    # So that more seeds may be added at any time: whatever else was trained, they are the same.
    config = replace(SMOKE, side=16, lr=3e-3)
    bench, data = prepare(config, pick(SMOKE.device))
    own = [trial for trial in grid(SMOKE) if trial.seed == 1]
    for program in list(programs(own, alike, 1))[:4]:
        job = SimpleNamespace(trials=program, checkpoint=None, epoch=lambda epoch: None)
        for trial, found in zip(program, train(config, bench, data, job), strict=True):
            kept = study["correct"].sel(arm=trial.arm, seed=1, **trial.levels).dropna("image")
            assert found.arrays["correct"][1].tolist() == kept.values.tolist()


def test_programs_are_the_arms_of_a_seed_that_train_the_same_parameters():
    trials = list(grid(replace(SMOKE, seeds=3)))
    assert len(set(trials)) == len(trials) == 3 * 4 * 7
    groups = list(programs(trials, alike, 1))
    assert [[trial.arm for trial in group] for group in groups[:4]] == [
        ["head"],
        ["cut"],
        ["cut-2"],
        ["fine-tune", "scratch", "statistics", "shuffled"],
    ]
    assert all(len({(t.seed, t.factors) for t in group}) == 1 for group in groups)
    # Seed by seed, so that a study that breaks off has whole seeds.
    assert [group[0].seed for group in groups] == [seed for seed in range(3) for _ in range(16)]


def test_the_seeds_images_are_what_is_trained_and_looked_at():
    config, seen = replace(SMOKE, side=16, lr=3e-3), []
    _, data = prepare(config, pick(SMOKE.device))

    class Spy:
        def look(self, images, seed):
            seen.append((images.names, seed))
            return SimpleNamespace(probes=(0.5,), distance=1.0, per_class=10.0)

        def train(self, job, images, task, settings):
            steps = settings.epochs * -(-len(images) // settings.batch_size)
            seen.append((images.names, steps))
            return Trained(torch.zeros(1, len(task.test), task.n_classes), [1], [settings.lr])

    for size in ("small", "large"):
        task = data.find({"size": size, "task": "similar"})
        for seed in (0, 1):
            trial = Trial("head", seed, (("size", size), ("task", "similar")))
            train(config, Spy(), data, SimpleNamespace(trials=(trial,)))
            (images, steps), (looked, network) = seen[-2:]
            assert images == looked == task.train(seed).names
            assert network == seed
            assert steps >= config.steps
    assert seen[0][0] != seen[2][0]
    assert seen[4][0] == seen[6][0]


@pytest.fixture
def folders(tmp_path, monkeypatch):
    monkeypatch.setattr(features, "PLACE", tmp_path / "features")
    for index, (kind, label) in enumerate((k, x) for k in ("near", "far") for x in "ab"):
        (tmp_path / "sets" / kind / label).mkdir(parents=True)
        for number in range(12):
            noise = np.random.default_rng(50 * index + number).integers(0, 256, (9, 9, 3), np.uint8)
            picture = Image.fromarray(noise).resize((40, 40))
            picture.save(tmp_path / "sets" / kind / label / f"{number}.png")
    return tmp_path / "sets"


def test_a_real_trunk_on_folders_which_may_move(store, folders, monkeypatch, capsys):
    config = Config(
        network="resnet18",
        weights="random",
        similar=f"folder:{folders / 'near'}",
        different=f"folder:{folders / 'far'}",
        seeds=2,
        per_class=5,
        side=32,
        steps=1,
        lr=1e-3,
        device=SMOKE.device,
    )
    few = [t for t in grid(config) if t.arm in ("head", "scratch") and t.levels["size"] == "small"]
    monkeypatch.setattr(transfer_regimes, "grid", lambda config: few)
    main(config)
    study = reports.load("transfer_regimes", data="folder:near+folder:far")
    assert int(study["trained"].sum()) == len(few) == 8
    assert "train/distance" not in study
    assert "share one pretrained resnet18" in study.attrs["card"]["warnings"][0]
    assert study.attrs["facts"]["weights"] == {"resnet18": "random"}
    entry = judge(study)["T3"]
    assert (entry.verdict, entry.departures) == ("not tested", ("network resnet18, not vgg16",))
    capsys.readouterr()
    shutil.move(folders, folders.with_name("elsewhere"))
    moved = {
        name: getattr(config, name).replace("/sets/", "/elsewhere/")
        for name in ("similar", "different")
    }
    main(replace(config, **moved))
    assert "8 of 8 trials are in the store: 0 to train" in capsys.readouterr().out


def test_impossible_options_are_refused():
    for bad in ({"seeds": 1}, {"per_class": 4}, {"side": 4}, {"steps": 0}, {"lr": 0.0}):
        with pytest.raises(UserError, match="is wanted"):
            replace(Config(), **bad)
    with pytest.raises(UserError, match=r"--similar \(none\): a data set with --network NAME"):
        Config(network="resnet18")
    with pytest.raises(UserError, match="--different digits: a data set with --network"):
        Config(different="digits")


def test_rates_are_searched_for_only_where_none_is_given(folders):
    config = Config(
        network="resnet18",
        weights="random",
        similar=f"folder:{folders / 'near'}",
        different=f"folder:{folders / 'far'}",
        side=32,
    )
    device = pick(SMOKE.device)
    assert prepare(config, device)[0].rates == (1e-3, 1e-4)
    assert prepare(replace(config, lr=0.5), device)[0].rates == (0.5,)
    assert prepare(SMOKE, device)[0].config.lr == transfer_regimes.LR
