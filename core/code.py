"""Which sources the numbers of a study depend on, and their hash.

The hash follows the imports of the experiment's script through this repository. What cannot
change a number does not count: comments, docstrings, layout, messages and checks of options, the
modules that only keep, show or name things, and all of `reports`.
"""

import ast
import functools
from hashlib import sha256
from pathlib import Path

from core.provenance import ROOT

SILENT = (
    *("archive", "cli", "code", "dataset", "engines", "errors", "files", "fleet", "job"),
    *("manifest", "outbox", "provenance", "reading", "store", "study", "torchrun", "tracking"),
)
"""modules of core that no number depends on"""


@functools.cache
def code_hash(script: Path) -> str:
    """Hash what trains and measures (sha256, 16 hex digits); read once, as a study begins."""
    digest = sha256()
    for path in sources(script):
        name = path.relative_to(ROOT) if path.is_relative_to(ROOT) else path.name
        digest.update(f"{name}\0{essence(path.read_text(encoding='utf-8'))}\0".encode())
    return digest.hexdigest()[:16]


def sources(script: Path, packages: tuple[str, ...] = ("core", "experiments")) -> list[Path]:
    """List the script and every counted module of these packages that it can import, sorted."""
    waiting, known = [script.resolve()], set()
    while waiting:
        path = waiting.pop()
        if path not in known:
            known.add(path)
            waiting.extend(_imported(path, packages))
    return sorted(known)


@functools.cache
def _imported(path: Path, packages: tuple[str, ...]) -> tuple[Path, ...]:
    """List the counted modules that a module imports, anywhere in it."""
    names = set()
    for node in ast.walk(_essence(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return tuple(file for name in names for file in _files(name, packages))


def _files(name: str, packages: tuple[str, ...]) -> list[Path]:
    """Return the file of a module `core.a.b`, and those of the packages above it."""
    parts = name.split(".")
    if parts[0] not in packages or (parts[0] == "core" and parts[1:2] and parts[1] in SILENT):
        return []
    above = [ROOT.joinpath(*parts[:n], "__init__.py") for n in range(1, len(parts) + 1)]
    candidates = (*above, ROOT.joinpath(*parts).with_suffix(".py"))
    return [file for file in candidates if file.is_file()]


@functools.cache
def essence(text: str) -> str:
    """Return what of a source can change a number, as text that is equal where nothing can."""
    return ast.dump(_essence(text))


def _essence(text: str) -> ast.AST:
    tree: ast.AST = _Essence().visit(ast.parse(text))
    return tree


class _Essence(ast.NodeTransformer):
    """Drops docstrings, prints, checks of options, errors' messages."""

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        """Drop a text, `print(...)` and `check(...)` that stand alone."""
        value = node.value
        is_text = isinstance(value, ast.Constant) and isinstance(value.value, str)
        says = isinstance(value, ast.Call) and ast.unparse(value.func) in ("print", "check")
        return None if is_text or says else self.generic_visit(node)

    def visit_Raise(self, node: ast.Raise) -> ast.AST:
        """Keep that there is an error, not its message."""
        return ast.Raise()

    def visit_If(self, node: ast.If) -> ast.AST | None:
        """Drop imports for type checkers, and how a script is started."""
        test = ast.unparse(node.test)
        if test.endswith("TYPE_CHECKING") or test.startswith("__name__ =="):
            return None
        return self.generic_visit(node)
