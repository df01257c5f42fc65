"""What names and values mean: seeds, folds, budgets, data, numbers; which way is better."""

import re
from typing import Literal

import pandas as pd

Role = Literal["seed", "repeat", "fold", "split", ""]

ROLES: dict[str, Role] = {
    "seed": "seed",
    "seeds": "seed",
    "rng": "seed",
    "repeat": "repeat",
    "repetition": "repeat",
    "replicate": "repeat",
    "rep": "repeat",
    "fold": "fold",
    "split": "split",
}
COUNTERS = {"id", "idx", "index", "number", "no", "num"}
LOWER = frozenset(
    "loss error err errors mse mae rmse mape nll bce perplexity ppl wer cer ter fid kid time "  # noqa: SIM905
    "seconds latency ece brier regret cost divergence kl hausdorff eer".split()
)
HIGHER = frozenset(
    "acc accuracy f1 auc auroc auprc precision recall score r2 iou miou dice map ap bleu rouge "  # noqa: SIM905
    "psnr ssim reward return returns kappa mcc sensitivity specificity top1 top5 correct hits "
    "likelihood elbo ndcg mrr jaccard".split()
)
BOOKKEEPING = re.compile(r"system/.*|n|(.*[/_ ])?(epoch|step|lr.*|learning.rate)")
"""metrics that nobody compares arms by"""
BUDGETS = re.compile(
    r"(.*[_./ -])?(max|n|num|total)?[_ -]?(train|training)?[_ -]?"
    r"(epochs?|steps?|iters?|iterations?)",
    re.IGNORECASE,
)
NO_BUDGETS = re.compile(
    r"every|warm|eval|log|save|val|accum|check|decay|(?<![a-z])per(?![a-z])", re.IGNORECASE
)
DATA = re.compile(
    r"(.*[_./ -])?data[_ -]?(set)?s?"
    r"([_./ -]?(name|id|digest|hash|fingerprint|version|sha\d*|md5))?",
    re.IGNORECASE,
)
MACHINE = frozenset(
    "host hostname device devices gpu gpus user dir directory path file folder checkpoint ckpt "  # noqa: SIM905
    "logdir timestamp date uuid workers port url".split()
)


def words(name: str) -> list[str]:
    """Split a name at separators and at capitals: `valTop1_acc` -> val, top1, acc."""
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)
    return re.split(r"[^a-z0-9]+", apart.lower().strip())


def role(name: str) -> Role:
    """Say what a param repeats a training by; empty if it is none of those."""
    parts = words(name)
    while len(parts) > 1 and parts[-1] in COUNTERS:
        parts.pop()
    if parts[-2:] == ["random", "state"] or parts[-1] == "randomstate":
        return "seed"
    return ROLES.get(parts[-1], "")


def is_higher_better(metric: str) -> bool | None:
    """Tell which way a metric is better; None where its name does not say."""
    parts = {*words(metric), *re.split(r"[^a-z0-9]+", metric.lower())}  # mIoU too
    if not parts & (LOWER | HIGHER):
        return None
    return (not parts & LOWER) != bool(parts & {"neg", "negative"})


def is_budget(name: str) -> bool:
    """Tell whether a param says how long a run trains."""
    return bool(BUDGETS.fullmatch(name)) and not NO_BUDGETS.search(name)


def is_data(name: str) -> bool:
    """Tell whether a param or tag identifies the data."""
    return bool(DATA.fullmatch(name))


def is_machine(name: str) -> bool:
    """Tell whether a param only says where a run ran and what it wrote."""
    return bool(set(words(name)) & MACHINE)


def is_bookkeeping(metric: str) -> bool:
    """Tell whether a metric only says how far or how fast a run is."""
    return bool(BOOKKEEPING.fullmatch(metric.lower()))


def are_shares(values: pd.Series) -> bool:
    """Tell whether values are parts of one, as a `test_split` of 0.2 is: they number nothing."""
    return bool(pd.to_numeric(values, errors="coerce").between(0, 1, inclusive="neither").any())


def is_numeric(values: pd.Series) -> bool:
    """Tell whether all values are numbers."""
    return bool(pd.to_numeric(values, errors="coerce").notna().all())
