"""A key follows the code that numbers depend on, and nothing else."""

import re

import pytest

from core import code
from core.code import essence, sources
from core.provenance import ROOT

SCRIPTS = sorted((ROOT / "experiments").glob("[a-z]*.py"))
SAME = '''
"""Other words."""
import os  # a comment


def f(x):
    """Another docstring."""
    if x < 0:
        raise ValueError(f"x: {x}, another message")
    print("another line")
    check("x", x, x < 9, "below 9")
    return   x+1


if __name__ == "__main__":
    start(f)
'''
BASE = """
import os
def f(x):
    if x < 0:
        raise ValueError("message")
    print("line")
    check("x", x, x < 10, "below 10")
    return x + 1
"""


def test_words_do_not_count():
    assert essence(BASE) == essence(SAME)


@pytest.mark.parametrize(
    "change",
    [("x + 1", "x - 1"), ("x < 0", "x <= 0"), ("import os", "import sys"), ("def f", "def g")],
)
def test_what_can_change_a_number_counts(change):
    assert essence(BASE) != essence(BASE.replace(*change))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_a_study_depends_on_no_test_no_caption_and_no_store(script):
    names = {str(path.relative_to(ROOT)) for path in sources(script)}
    assert f"experiments/{script.name}" in names
    assert any(name.startswith("core/") for name in names)
    judging = ("intervals", "components", "comparisons", "power", "verdicts", "ranking")
    forbidden = {f"core/evaluation/{name}.py" for name in judging} | {
        "core/store.py",
        "core/study.py",
    }
    assert not names & forbidden
    assert not any(name.startswith("reports/") for name in names)


def test_what_keeps_or_reads_trials_does_not_count():
    keepers = {
        path.stem
        for path in (ROOT / "core").rglob("*.py")
        if re.search(r"from core\.(archive|outbox|store|tracking) import", path.read_text())
    }
    assert {"study", "reading", "manifest"} <= keepers <= set(code.SILENT)


def test_mlflow_has_two_doors():
    """`core.tracking` settles what MLflow reads as it is imported, and `core.store` comes after."""
    rooms = (
        path
        for name in ("core", "reports", "experiments", "benchmarks")
        for path in (ROOT / name).rglob("*.py")
    )
    doors = {
        str(path.relative_to(ROOT))
        for path in rooms
        if re.search(r"^\s*(import|from) mlflow", path.read_text(), re.MULTILINE)
    }
    assert doors == {"core/store.py", "core/tracking.py"}


def test_imports_are_followed_wherever_they_stand():
    names = {str(p.relative_to(ROOT)) for p in sources(ROOT / "experiments/init_schemes.py")}
    assert {
        "core/measures/initialisation.py",  # within a function
        "core/training/replicas.py",
        "core/training/stacked.py",  # imported by what is imported
        "core/data/__init__.py",
    } <= names


def test_the_hash_follows_an_imported_module(tmp_path, monkeypatch):
    (tmp_path / "core").mkdir()
    (tmp_path / "experiments").mkdir()
    script, module = tmp_path / "experiments/x.py", tmp_path / "core/thing.py"
    script.write_text("def train():\n    from core.thing import f\n    return f()\n")
    module.write_text("def f():\n    return 1\n")
    (tmp_path / "core/other.py").write_text("")
    monkeypatch.setattr(code, "ROOT", tmp_path)

    def hashed():
        code.code_hash.cache_clear()
        code._imported.cache_clear()
        return code.code_hash(script)

    before = hashed()
    module.write_text('def f():\n    "Say one."\n    return 1  # one\n')
    (tmp_path / "core/other.py").write_text("x = 1\n")
    assert hashed() == before
    module.write_text("def f():\n    return 2\n")
    assert hashed() != before
    code.code_hash.cache_clear()
    code._imported.cache_clear()
