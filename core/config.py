"""Options shared by the experiments. No heavy import: `--help` must answer at once.

A range stands in an option's annotation, `seeds: Annotated[int, Interval(ge=2, le=10_000)]`, and
`check_options` holds every dataclass of options to them.
"""

import os
import re
import stat
from collections.abc import Collection, Iterator
from dataclasses import dataclass, fields, replace
from math import inf
from operator import ge, gt, le, lt
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args

import tyro
from annotated_types import Interval

from core.errors import UserError, without_password

T = TypeVar("T")
UNSAID = tyro.conf.arg(help_behavior_hint="")
"""for an option whose default is not worth a word in `--help`"""
Settled = Annotated[T | None, UNSAID]
"""an option that is settled later where it is not given; its docstring says how"""
Seeds = Annotated[int, Interval(ge=2, le=10_000)]
"""paired repetitions; single runs do not compare"""
Seed = Annotated[int, Interval(ge=0, le=2**32 - 1)]
"""of a random generator, as scikit-learn takes it"""
Steps = Annotated[int, Interval(ge=1, le=1_000_000)]
"""of training: epochs, updates, images a step"""
Positive = Annotated[float, Interval(gt=0, lt=inf)]
Weight = Annotated[float, Interval(ge=0, lt=inf)]
Share = Annotated[float, Interval(gt=0, lt=1)]
FILE, FOLDER, EITHER = "a file", "a folder", "a file or a folder"
ANYTHING = "anything"
"""of a text that is looked at where it is used, as one of many that need not be right"""
NameOrFile = Annotated[str, "a name or a file"]
"""of weights: known ones, or a state dict"""
FilePath = Annotated[Path, FILE]
FolderPath = Annotated[Path, FOLDER]
"""what must be of that kind if it is there; any other Path may be either"""


def check(field: str, value: object, holds: bool, wanted: str) -> None:
    """Raise a UserError that names field, value and the values wanted unless `holds`.

    field: an option's name; in capitals where its place tells it.
    """
    if not holds:
        seen = value if str(value).strip() else "(blank)"
        raise UserError(f"{_name(field)} {seen}: {wanted} is wanted")


def check_names(field: str, names: Collection[str], known: Collection[str] = ()) -> None:
    """Raise a UserError unless there are names, each once, and all of them known if any are."""
    unknown = [name for name in names if known and name not in known]
    check(field, " ".join(unknown), not unknown, f"one or more of {', '.join(known)}")
    distinct = 0 < len(names) == len(set(names))
    check(field, " ".join(names) or "(none)", distinct, "one or more names, none of them twice,")


def check_options(config: Any) -> None:
    """Hold the options of a dataclass to its annotations, and all texts to what paths can be.

    A path that begins with ~ is replaced, which no shell does in `--out=~/page.html`. Raises
    UserError with the option, the value seen and what is wanted.
    """
    for option in fields(config):
        rules = [*_metadata(option.type)]
        name = option.name.upper() if tyro.conf.Positional in rules else option.name
        bounds = next((rule for rule in rules if isinstance(rule, Interval)), None)
        kind = next((rule for rule in rules if isinstance(rule, str)), EITHER)
        given = getattr(config, option.name)
        for value in given if isinstance(given, tuple) else (given,):
            if isinstance(value, (str, Path)) and kind != ANYTHING:
                check_path(name, value, kind)
            elif bounds is not None and value is not None:
                check(name, value, _is_within(value, bounds), _words(bounds))
        at_home = tuple(map(_at_home, given)) if isinstance(given, tuple) else _at_home(given)
        object.__setattr__(config, option.name, at_home)


def has_positional(config: type) -> bool:
    """Tell whether a dataclass of options takes words that stand for themselves."""
    return any(tyro.conf.Positional in _metadata(option.type) for option in fields(config))


def check_path(field: str, value: str | Path, kind: str = EITHER) -> None:
    """Raise a UserError where a text cannot be a path, or is the path of something else.

    It need not be there. What is neither a file nor a folder, a pipe or a device, is never wanted:
    files are read more than once and replaced whole. value: of `folder:PATH`, PATH is looked at.
    """
    text = str(value)
    utf8 = text.isascii() or text.encode(errors="replace").decode() == text
    check(field, ascii(text), utf8 and "\0" not in text, "a text in UTF-8")  # no store holds others
    check(field, text, without_password(text) == text, "a value without user and password")
    kind = FOLDER if text.startswith("folder:") else kind
    try:
        mode = os.stat(Path(text.removeprefix("folder:")).expanduser()).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return
    except (OSError, RuntimeError) as error:  # too long, a loop; a home of nobody
        reason = getattr(error, "strerror", "there is no such home folder")
        raise UserError(f"{_name(field)} {text}: {reason}; {kind} is wanted") from error
    file, folder = stat.S_ISREG(mode), stat.S_ISDIR(mode)
    check(field, text, (file and kind != FOLDER) or (folder and kind != FILE), kind)


def _at_home(value: Any) -> Any:
    return value.expanduser() if isinstance(value, Path) else value


def _name(field: str) -> str:
    return field if field.isupper() else f"--{field.replace('_', '-')}"


def _metadata(hint: Any) -> Iterator[Any]:
    """Yield what stands beside the types of an annotation, wherever it stands."""
    yield from getattr(hint, "__metadata__", ())
    for part in get_args(hint):
        yield from _metadata(part)


def _is_within(value: float, bounds: Any) -> bool:
    limits = ((ge, bounds.ge), (gt, bounds.gt), (le, bounds.le), (lt, bounds.lt))
    return all(limit is None or holds(value, limit) for holds, limit in limits)


def _words(bounds: Any) -> str:
    """Say a range: 2 to 10,000; a number above 0; a number above 0 and below 1."""
    if bounds.ge is not None and bounds.le is not None:
        return f"{bounds.ge:,} to {bounds.le:,}"
    limits = {"of {:g} or more": bounds.ge, "above {:g}": bounds.gt}
    limits |= {"up to {:g}": bounds.le, "below {:g}": bounds.lt}
    said = (text.format(n) for text, n in limits.items() if n is not None and n != inf)
    return f"a number {' and '.join(said)}"


@dataclass(frozen=True, kw_only=True)
class DeviceConfig:
    """Where and how exactly to compute."""

    device: str = "auto"
    """cpu, cuda, cuda:1, mps, or auto: the accelerator if there is one"""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """bfloat16 runs matrix products under autocast; auto: bfloat16 on CUDA, float32 elsewhere"""
    deterministic: bool = False
    """refuse kernels whose result varies from run to run (slower on CUDA)"""

    def __post_init__(self) -> None:
        check_options(self)
        valid = re.fullmatch(r"auto|cpu|mps|cuda(:[0-9]{1,3})?", self.device) is not None
        check("device", self.device, valid, "auto, cpu, cuda, cuda:N or mps")


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """How to train; what is not given follows from the size of the training set."""

    epochs: Settled[Steps] = None
    """passes over the training data (default: the course's 2; 15 below 5,000 images)"""
    batch_size: Settled[Steps] = None
    """images a step (default: the course's 100; 32 below 20,000 images)"""
    lr: Positive = 1e-3
    """learning rate"""
    optimizer: Literal["adam", "sgd"] = "adam"
    """adam, or sgd without momentum"""
    schedule: Literal["constant", "cosine"] = "constant"
    """learning rate over the steps; cosine falls to zero at the last"""
    keep: Literal["last", "best"] = "last"
    """weights to keep: of the last epoch, or of the epoch with the lowest validation loss"""
    patience: Annotated[int, Interval(ge=0, le=1_000_000)] = 0
    """epochs without a lower validation loss after which to stop, with --keep best; 0: never"""

    def __post_init__(self) -> None:
        check_options(self)
        fits = self.patience == 0 or self.keep == "best"
        check("patience", self.patience, fits, "0, or more with --keep best,")

    def resolve(self, n: int) -> "TrainConfig":
        """Return the config with epochs and batch size settled for `n` training images."""
        return replace(
            self,
            epochs=self.epochs or (15 if n < 5_000 else 2),
            batch_size=min(self.batch_size or (32 if n < 20_000 else 100), n),
        )
