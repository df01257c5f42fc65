"""What options may be: ranges beside their types, and texts that can be paths."""

import dataclasses
import os
from pathlib import Path
from typing import Annotated

import pytest
import tyro
from annotated_types import Interval

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
from core.errors import UserError, one_line, reason


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
    "folder:~nobody-of-that-name": "there is no such home folder; a folder is wanted",
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


def test_a_reason_is_one_line_that_ends_with_a_word():
    assert reason(OSError("no\n  such host")) == "no such host"
    assert reason(OSError("word " * 50)) == "word " * 31 + "..."
    assert reason(EOFError()) == "EOFError"


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
