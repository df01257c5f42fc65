"""What options may be: ranges beside their types, and texts that can be paths."""

import dataclasses
import importlib
import os
import pkgutil
import random
import socket
import subprocess
import sys
from pathlib import Path
from typing import Annotated, get_args

import pytest
import tyro
from annotated_types import Interval

import benchmarks
import experiments
import reports
from core import cli, provenance
from core.config import (
    ANYTHING,
    FilePath,
    FolderPath,
    Positive,
    Seeds,
    Settled,
    Share,
    Weight,
    check_names,
    check_options,
)
from core.errors import UserError, one_line

PACKAGES = (experiments, reports, benchmarks)


@dataclasses.dataclass(frozen=True)
class Options:
    """Everything an option can be."""

    names: Annotated[tuple[str, ...], tyro.conf.Positional] = ()
    seeds: Seeds = 5
    depth: Settled[Annotated[int, Interval(ge=1, le=100)]] = None
    dropout: Annotated[float, Interval(ge=0, lt=1)] = 0.0
    levels: tuple[Annotated[float, Interval(gt=0, le=100)], ...] = ()
    rate: Positive = 1.0
    weight: Settled[Weight] = None
    share: Share = 0.5
    free: int = 0
    is_on: bool = False
    text: str = ""
    any_path: Path = Path("nowhere")
    file: FilePath = Path("nowhere")
    folder: Settled[FolderPath] = None
    pictures: Annotated[tuple[str, ...], ANYTHING] = ()

    def __post_init__(self) -> None:
        check_options(self)


OUT_OF_RANGE = {
    "--seeds 1: 2 to 10,000 is wanted": {"seeds": 1},
    "--seeds 10001: 2 to 10,000 is wanted": {"seeds": 10_001},
    "--depth 0: 1 to 100 is wanted": {"depth": 0},
    "--dropout 1.0: a number of 0 or more and below 1 is wanted": {"dropout": 1.0},
    "--dropout nan: a number of 0 or more and below 1 is wanted": {"dropout": float("nan")},
    "--levels 0.0: a number above 0 and up to 100 is wanted": {"levels": (1.0, 0.0)},
    "--rate inf: a number above 0 is wanted": {"rate": float("inf")},
    "--weight -1.0: a number of 0 or more is wanted": {"weight": -1.0},
    "--share 1.0: a number above 0 and below 1 is wanted": {"share": 1.0},
}


@pytest.mark.parametrize("message", OUT_OF_RANGE)
def test_what_is_out_of_range_is_refused_with_the_range(message):
    with pytest.raises(UserError) as refused:
        Options(**OUT_OF_RANGE[message])
    assert str(refused.value) == message


def test_the_ends_of_a_range_belong_to_it_as_said():
    Options(seeds=2, depth=100, dropout=0.0, levels=(100.0,), weight=0.0, rate=1e300)
    Options(seeds=10_000, depth=None, share=1e-9, free=-(10**30), is_on=True)


@pytest.fixture
def special(tmp_path):
    """Make one file of every kind; returns their folder."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "link").symlink_to("pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(tmp_path / "socket"))
    return tmp_path


@pytest.mark.parametrize("name", ["pipe", "link", "socket", "/dev/null", "/dev/zero"])
@pytest.mark.parametrize("option", ["text", "any_path", "file", "folder", "names"])
def test_pipes_and_devices_are_never_wanted(special, name, option):
    kind = {"file": "a file", "folder": "a folder"}.get(option, "a file or a folder")
    shown = "NAMES" if option == "names" else f"--{option.replace('_', '-')}"
    path = special / name
    given = (str(path),) if option == "names" else str(path) if option == "text" else path
    with pytest.raises(UserError) as refused:
        Options(**{option: given})
    assert str(refused.value) == f"{shown} {path}: {kind} is wanted"
    Options(pictures=(str(path),))  # one of many, which says so where it is read


def test_files_and_folders_are_told_apart(special):
    file, folder, nowhere = special / "file", special / "folder", special / "file" / "nowhere"
    for fine in (file, folder, nowhere, "~/nowhere", f"folder:{folder}"):
        Options(text=str(fine), any_path=Path(fine))
    for fine in (file, nowhere):
        Options(file=fine)
    for fine in (folder, nowhere):
        Options(folder=fine)
    with pytest.raises(UserError, match=rf"^--file {folder}: a file is wanted$"):
        Options(file=folder)
    with pytest.raises(UserError, match=rf"^--folder {file}: a folder is wanted$"):
        Options(folder=file)


IMPOSSIBLE = {
    "~nobody-of-that-name/x": "there is no such home folder; a file or a folder is wanted",
    "folder:~nobody-of-that-name": "there is no such home folder; a file or a folder is wanted",
    "loop": "Too many levels of symbolic links; a file or a folder is wanted",
    "a" * 256: "File name too long; a file or a folder is wanted",
    "a/" * 3000: "File name too long; a file or a folder is wanted",
    "nul\0": "a text in UTF-8 is wanted",
    os.fsdecode(b"caf\xe9"): "a text in UTF-8 is wanted",
    "\ud800": "a text in UTF-8 is wanted",
    "https://me:secret@host/x": "a value without user and password is wanted",
}


@pytest.mark.parametrize("value", IMPOSSIBLE)
@pytest.mark.parametrize("kind", [str, Path])
def test_what_can_be_no_path_is_one_line(special, monkeypatch, value, kind):
    monkeypatch.chdir(special)
    with pytest.raises(UserError) as refused:
        Options(**{"text" if kind is str else "any_path": kind(value)})
    shown = str(refused.value)
    assert shown.endswith(f": {IMPOSSIBLE[value]}")
    assert shown.isprintable()
    assert "secret" not in shown
    assert len(shown) < 300


def test_a_home_is_found_where_no_shell_does_it(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    given = Options(file=Path("~/a"), folder=Path("~"), any_path=Path("b/~"), text="~/c")
    assert (given.file, given.folder, given.any_path) == (tmp_path / "a", tmp_path, Path("b/~"))
    assert given.text == "~/c"  # which may be no path


def test_names_are_known_and_given_once():
    check_names("arms", ["a", "b"], ["a", "b", "c"])
    check_names("layers", ["whatever"])
    for names, wanted in (
        (["a", "x", "y"], "--arms x y: one or more of a, b is wanted"),
        (["a", "a"], "--arms a a: one or more names, none of them twice, is wanted"),
        ([" "], "--arms (blank): one or more of a, b is wanted"),
        ([], "--arms (none): one or more names, none of them twice, is wanted"),
    ):
        with pytest.raises(UserError) as refused:
            check_names("arms", names, ["a", "b"])
        assert str(refused.value) == wanted


def test_what_is_shown_hides_passwords_and_steers_no_terminal():
    assert one_line("a\n  b\x1b[2J\0\udce9 caf\u00e9") == r"a b\x1b[2J\x00\udce9 caf\u00e9".replace(
        r"\u00e9", "\u00e9"
    )
    for address in ("http://me:pw@host/", "postgresql+psycopg2://me:p@w/x@host/db"):
        shown = one_line(f"request to {address} failed: me at '{address}'")
        assert "pw" not in shown
        assert "p@w" not in shown
        assert shown.count("://***@host/") == 2
    assert one_line("host/db?user=me&password=pw&ssl=1") == "host/db?user=me&password=***&ssl=1"
    for harmless in ("folder:a//b", "me@host", "https://a.b/c", "token ring", "a: b@c"):
        assert one_line(harmless) == harmless


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


@pytest.mark.slow
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
