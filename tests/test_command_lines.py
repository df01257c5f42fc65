"""Command lines, drawn at random and of every script: parsed, or refused in one line."""

import dataclasses
import importlib
import os
import pkgutil
import random
import subprocess
import sys
from typing import get_args

import pytest
from annotated_types import Interval

import benchmarks
import experiments
import reports
from core import cli, provenance
from core.errors import UserError

PACKAGES = (experiments, reports, benchmarks)


def configs():
    """Return every dataclass of options that a command line can fill, by its place."""
    found = {}
    for package in PACKAGES:
        for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            if package is not benchmarks or module.name.endswith("__main__"):
                members = vars(importlib.import_module(module.name))
                for name in ("Config", "Score"):
                    if dataclasses.is_dataclass(members.get(name)):
                        found[f"{module.name}.{name}"] = members[name]
    return found


def options(config):
    """Yield every field of a dataclass of options and of those in it."""
    for field in dataclasses.fields(config):
        if dataclasses.is_dataclass(field.type):
            yield from options(field.type)
        else:
            yield field


def parts(hint):
    """Yield the parts of an annotation."""
    yield hint
    for part in get_args(hint):
        yield from parts(part)


def test_every_number_among_the_options_has_a_range():
    every = configs()
    assert len(every) >= 14
    assert "experiments.skin_lesions.Score" in every
    for place, config in every.items():
        for field in options(config):
            found = [*parts(field.type)]
            if {int, float} & {part for part in found if isinstance(part, type)}:
                assert any(isinstance(part, Interval) for part in found), f"{place}.{field.name}"


VALUES = [
    *("0", "1", "2", "3", "-1", "7", "100", "1000000000", "99999999999999999999999", "9" * 5000),
    *("0.5", "-0.0", "1e-9", "1e400", "nan", "-inf", "inf", "0x10", "1_0", "\u0663", "1,5", ""),
    *("true", "None", "none", "auto", "cpu", "cuda:99", "random", "imagenet", "digits", "adam"),
    *("folder:", "folder:/etc/passwd", "folder:~nobody-of-that-name", "lesions:ink", "2024-02-30"),
    *("0001-01-01", "~nobody-of-that-name", "/dev/null", "/dev/stdin", "a" * 300, "a/" * 3000),
    *("caf\udce9", "\ud800", "\x1b[31mred", "a\nb", "a\tb", "a\0b", "\u202eabc", "\u2500\u2502"),
    *("https://me:secret@host/x", "$(id)", "'", '"', "[1]", "{}", "--", "-", "-x", "=", "W3", "."),
    *("zeros", "linear", "mtcnn", "vgg16", "cnn", "mlp", "blur", "reports", "--no-", "--seeds="),
]


def line(config, generator):
    """Draw a command line: options of the dataclass and others, with values of all kinds."""
    names = [f"--{field.name.replace('_', '-')}" for field in options(config)]
    words = []
    for _ in range(generator.choice([1, 1, 1, 2, 3, 4])):
        name = generator.choice(
            [*names, *names, *names, "--nonsense", "", "--tyro-print-completion"]
        )
        if generator.random() < 0.1:  # a slip
            cut = generator.randrange(len(name) + 1)
            name = name[:cut] + generator.choice("-aex\u0301") + name[cut + 1 :]
        values = generator.choices(VALUES, k=generator.choice([0, 1, 1, 1, 2, 5]))
        if generator.random() < 0.4:  # what fits some options
            values = generator.choices(["2", "3", "4", "5", "0.5"], k=1)
        joined = generator.random() < 0.2 and values
        words += [f"{name}={values[0]}", *values[1:]] if joined else [name, *values]
    return [word for word in words if word]


def test_no_option_of_weights_asks_for_a_folder(special):
    every = {place: config for place, config in configs().items() if place.endswith(".Config")}
    having = [c for c in every.values() if "weights" in {field.name for field in options(c)}]
    assert len(having) == 7
    for config in having:
        for value, why in ((special / "pipe", ""), ("a" * 300, " File name too long;")):
            with pytest.raises(UserError) as refused:
                cli.parse(config, "What it does.", ["--weights", str(value)])
            shown = str(refused.value)
            assert shown.startswith(f"--weights {str(value)[:80]}")
            assert shown.endswith(f":{why} a name or a file is wanted")


@pytest.mark.slow
def test_two_thousand_command_lines_are_parsed_or_refused_in_one_line(monkeypatch, capsys, special):
    monkeypatch.chdir(special)
    generator, every = random.Random(17), configs()
    parsed = refused = 0
    for number in range(2000):
        config = list(every.values())[number % len(every)]
        words = line(config, generator)
        if {"-h", "--help"} & {*words}:
            continue
        try:
            found = cli.parse(config, "What it does.", words)
        except UserError as error:
            shown, refused = str(error), refused + 1
            assert shown, words
            assert shown.isprintable(), words
            assert "secret" not in shown, words
            assert len(shown) < 5000, words
        except SystemExit as end:  # shell completion
            assert not end.code, words  # noqa: PT017
        else:
            assert isinstance(found, config), words
            parsed += 1
        assert capsys.readouterr().err == "", words
    assert parsed > 100
    assert refused > 1000


LIGHT = """
import importlib, sys
for name in {names}:
    importlib.import_module(name)
print(*{heavy} & set(sys.modules))
"""


def test_help_loads_nothing_heavy():
    names = sorted({place.rpartition(".")[0] for place in configs()})
    heavy = {
        "torch",
        "mlflow",
        "numpy",
        "pandas",
        "pydantic",
        "sklearn",
        "matplotlib",
        "sqlalchemy",
    }
    ended = subprocess.run(
        [sys.executable, "-c", LIGHT.format(names=names, heavy=heavy)],
        cwd=provenance.ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert ended.stdout.split() == []


SCRIPTS = [
    *(["-m", "reports", *command] for command in ([], ["replicate"], ["rerun", "a"], ["readme"])),
    *(["-m", "benchmarks", *command] for command in ([], ["kills"], ["writers"])),
    ["experiments/skin_lesions.py", "score", "a.csv", "--truth", "b.csv"],
    *([f"experiments/{module.name}.py"] for module in pkgutil.iter_modules(experiments.__path__)),
]


@pytest.mark.parametrize("script", SCRIPTS, ids=" ".join)
def test_every_command_refuses_in_one_line(script, tmp_path):
    ended = subprocess.run(
        [sys.executable, *script, "--nonsense", "3"],
        cwd=provenance.ROOT,
        env={**os.environ, "MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path}/mlflow.db"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (2, "")
    assert len(ended.stderr.splitlines()) == 1
    assert "--nonsense" in ended.stderr
    assert not any(tmp_path.iterdir())
