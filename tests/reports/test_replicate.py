"""Replicating runs each study once, with the user's paths, and tells what failed."""

import shlex
import tomllib
from dataclasses import replace
from math import inf
from pathlib import Path

import pytest
import tyro

from core import provenance
from core.errors import UserError
from reports import replicate

PLAN = tomllib.loads(Path(replicate.__file__).with_name("plan.toml").read_text())
COMMANDS = {name: [entry["run"] for entry in entries] for name, entries in PLAN.items()}
PUBLISHED = [entry["published"] for entry in PLAN["real"] if "published" in entry]


@pytest.fixture
def commands(monkeypatch):
    """Collect what would be run; an element of `fails` ends with status 2."""
    seen, fails = [], []

    def pretend(command, data_root):
        seen.append(command)
        return 2 if any(word in command for word in fails) else 0

    monkeypatch.setattr(replicate, "run", pretend)
    return seen, fails


def commands_of(config, budget=inf):
    return [step.command for step in replicate.planned(config, budget)]


def status_of(config):
    with pytest.raises(SystemExit) as stop:
        replicate.main(config)
    return stop.value.code


def test_bad_options_are_refused(tmp_path):
    with pytest.raises(UserError, match="claims W9: one or more of W1, W2"):
        replicate.Config(names=("W1", "W9"))
    with pytest.raises(
        UserError, match=r"claims \(none\): either claims or --all or --budget is wanted"
    ):
        replicate.Config()
    with pytest.raises(UserError, match="claims W1: either claims or --all"):
        replicate.Config(names=("W1",), everything=True)
    with pytest.raises(UserError, match=r"--weights .*nowhere: imagenet or a file is wanted"):
        replicate.Config(names=("W1",), weights=str(tmp_path / "nowhere"))
    (tmp_path / "w.pth").touch()
    with pytest.raises(UserError, match="--all or --budget, whose studies"):
        replicate.Config(names=("W1",), weights=str(tmp_path / "w.pth"))


def test_each_command_is_run_once_and_the_verdict_printed(study_store, commands, capsys):
    assert status_of(replicate.Config(names=("W6", "W3"))) == 0
    assert commands[0] == ["python experiments/init_schemes.py --data fashion-mnist"]
    shown = capsys.readouterr().out
    assert "W6: The gap between good and bad weights" in shown
    assert "ours on digits; not the published data; 1 of 2 epochs; batch size 32, not 100" in shown
    assert "2 seeds, 359 images" in shown


def test_every_command_trains_on_the_workers_that_are_named(study_store, commands):
    assert status_of(replicate.Config(names=("W3",), on="loky:2")) == 0
    assert commands[0] == [f"{step.command} --on loky:2" for step in replicate.asked(["W3"])]
    with pytest.raises(UserError, match="--on loky: loky:N"):
        replicate.Config(names=("W3",), on="loky")


def test_the_plan_is_filled_with_the_users_paths(tmp_path, monkeypatch):
    root, weights = tmp_path / "my data", tmp_path / "w.pth"
    root.mkdir()
    weights.touch()
    config = replicate.Config(everything=True, data_root=root, weights=str(weights))
    made = [shlex.split(command) for command in commands_of(config)]
    assert len(made) == len(PLAN["real"])
    words = {word for command in made for word in command}
    assert {str(weights), f"folder:{root}/stanford-dogs-20"} <= words
    assert not any("DATA_ROOT" in word or "WEIGHTS" in word for word in words)
    monkeypatch.delenv("DATA_ROOT", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()  # made by a download, perhaps; nobody named it
    assert commands_of(replace(config, data_root=None)) == COMMANDS["embedded"]
    monkeypatch.setenv("DATA_ROOT", "data")
    assert len(commands_of(replace(config, data_root=None))) == len(PLAN["real"])
    with pytest.raises(UserError, match=r"--data-root \S+nowhere: a folder is wanted"):
        replace(config, data_root=tmp_path / "nowhere")
    assert all(
        "imagenet" in c or "WEIGHTS" not in p
        for c, p in zip(
            commands_of(replace(config, weights="imagenet")), COMMANDS["real"], strict=True
        )
    )


@pytest.mark.parametrize("command", [*COMMANDS["embedded"], *COMMANDS["real"], *PUBLISHED])
def test_the_plan_holds_what_the_experiments_accept(command, tmp_path, monkeypatch):
    import importlib

    monkeypatch.setenv("DATA_ROOT", str(tmp_path))
    _, script, *arguments = shlex.split(command)
    experiment = importlib.import_module(f"experiments.{Path(script).stem}")
    flat = (tyro.conf.OmitArgPrefixes, tyro.conf.OmitSubcommandPrefixes)
    tyro.cli(experiment.Config, args=arguments, config=flat)


def test_every_lesson_is_in_both_plans():
    from reports.lessons import claims

    run = {Path(shlex.split(command)[1]).stem for command in COMMANDS["real"]}
    assert run == {claim.study for claim in claims().values()}
    assert {Path(shlex.split(command)[1]).stem for command in COMMANDS["embedded"]} < run


def test_a_study_that_fails_stops_no_other_and_is_named(
    study_store, commands, capsys, tmp_path, monkeypatch
):
    monkeypatch.delenv("DATA_ROOT", raising=False)
    seen, fails = commands
    fails.append("autoencoders")
    config = replicate.Config(everything=True)
    assert status_of(config) == 1
    assert seen == COMMANDS["embedded"]
    captured = capsys.readouterr()
    assert captured.err == "failed, see above: python experiments/autoencoders.py\n"
    assert "A1a: " in captured.out
    assert "not tested here: python experiments/" in captured.out


def test_an_interrupt_ends_it(study_store, monkeypatch):
    seen = []
    monkeypatch.setattr(replicate, "run", lambda *given: seen.append(given) or 130)
    assert status_of(replicate.Config(names=("W3", "A1a"))) == 130
    assert len(seen) == 1


def test_a_command_gets_the_root_of_the_data_and_its_status_comes_back(tmp_path, monkeypatch):
    script = tmp_path / "show.py"
    script.write_text(
        "import os, sys; print(os.environ['DATA_ROOT'], file=open('seen', 'w')); "
        "sys.exit(int(sys.argv[1]))"
    )
    monkeypatch.setattr(provenance, "ROOT", tmp_path)
    assert replicate.run("python show.py 3", tmp_path / "data") == 3
    assert (tmp_path / "seen").read_text().strip() == str(tmp_path / "data")


def test_a_budget_runs_what_fits_and_the_published_protocol_where_it_fits(tmp_path):
    config = replicate.Config(everything=True, data_root=tmp_path)
    short = 60 * sum(entry["minutes"] for entry in PLAN["real"])
    (both,) = [entry for entry in PLAN["real"] if "published" in entry]
    published = both["published"]
    long = short + 60 * (both["published_minutes"] - both["minutes"])
    assert commands_of(config)[-1] == commands_of(config, short)[-1] == both["run"]
    assert len(commands_of(config, short)) == len(PLAN["real"])
    assert commands_of(config, long - 60)[-1] == both["run"]
    assert commands_of(config, long)[-1] == published
    assert len(commands_of(config, long)) == len(PLAN["real"])
    few = [entry["run"].split()[1] for entry in PLAN["real"] if entry["minutes"] <= 1]
    assert [command.split()[1] for command in commands_of(config, 60)] == few[:1]


def test_the_plan_is_printed_first_and_looks_come_after_it(
    study_store, commands, capsys, monkeypatch
):
    monkeypatch.delenv("DATA_ROOT", raising=False)
    seen, asked = commands[0], []

    def on_looks(store, runs):
        asked.extend(runs.done)
        assert 0 < runs.left < 7200

    monkeypatch.setattr("reports.spending.on_looks", on_looks)
    assert status_of(replicate.Config(budget="2h")) == 0
    assert seen == asked == COMMANDS["embedded"]
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("plan for 2 h")
    assert lines[1] == "     1 min  python experiments/init_schemes.py"
    minutes = 120 - sum(entry["minutes"] for entry in PLAN["embedded"])
    assert f"  {replicate.span(60 * minutes)} are left for more seeds" in lines[7]
    assert lines[9].startswith("[1/6] python experiments/init_schemes.py")


def test_what_no_longer_fits_is_left_out(study_store, monkeypatch, capsys):
    monkeypatch.delenv("DATA_ROOT", raising=False)
    now = [0.0]
    monkeypatch.setattr(replicate.time, "monotonic", lambda: now[0])

    def slow(command, data_root):
        now[0] += 11 * 60 - 30
        return 0

    monkeypatch.setattr(replicate, "run", slow)
    monkeypatch.setattr("reports.spending.on_looks", lambda store, runs: None)
    assert status_of(replicate.Config(budget="11m")) == 0
    out = capsys.readouterr().out
    assert out.count("  took 630 s") == 1
    assert "left out, 30 s are left: python experiments/autoencoders.py" in out
