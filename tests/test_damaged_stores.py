"""Damaged stores and odd options, a few of those that `python -m benchmarks` draws."""

import os

import pytest

from benchmarks import options, stores

N = int(os.environ.get("N", "20"))
"""how many are drawn"""


@pytest.mark.slow
def test_what_is_damaged_is_named_and_everything_else_is_shown(capsys):
    stores.main(stores.Config(n=N))
    assert f"{N} stores damaged" in capsys.readouterr().out


@pytest.mark.slow
def test_odd_options_are_refused_in_one_line(capsys):
    options.main(options.Config(n=N))
    assert "refused" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("status", "said", "errors", "wrong"),
    [
        (0, "", "", ""),
        (2, "device: cpu", "--width x: a whole number is wanted\n", ""),
        (143, "", "\ninterrupted: what is finished is kept\n", ""),
        (2, "", "one\ntwo\n", "2 lines"),
        (2, "", "", "0 lines"),
        (1, "", "Traceback (most recent call last):\n...\nKeyError: 3\n", "KeyError: 3"),
        (0, "Traceback (most recent call last):\nKeyError: 3", "", "KeyError: 3"),
        (-9, "", "", "status -9"),
    ],
)
def test_how_a_script_may_end(status, said, errors, wrong):
    found = options.fault(status, said, errors)
    assert found.startswith(wrong)
    assert bool(found) == bool(wrong)


def test_options_are_drawn_as_the_help_lists_them():
    text = """
│ -h, --help           show this help message and exit │
│ --arms [STR [STR ...]]                               │
│                      weights to begin with           │
│ --frozen, --no-frozen                                │
│ --keep {last,best}   weights to keep                 │
│ --size {None}|INT    side in pixels                  │
"""
    found = dict(options.OPTION.findall(text))
    assert found == {
        "--arms": "[STR",
        "--frozen": "│",
        "--keep": "{last,best}",
        "--size": "{None}|INT",
    }
