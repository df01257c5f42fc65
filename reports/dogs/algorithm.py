"""The whole algorithm, end to end: what it takes pictures for, and what that says on claim D7."""

import numpy as np
import pandas as pd
from core.results import Exhibit, Result
from numpy.typing import NDArray
from tqdm import tqdm

from core.data.cases import Cases
from core.detection.resemblance import KINDS, ORDERS, Answer, Resemblance
from core.evaluation.intervals import wilson
from core.evaluation.verdicts import superior
from reports.dogs import figures
from reports.tables import Results, columns
from reports.verdicts import Finding, claims

SHOWN = 24


def look(cases: Cases, eyes: Resemblance) -> list[Result]:
    """Show every picture to the algorithm once; return a result for each of ORDERS."""
    answers = [eyes.look(case.picture()) for case in tqdm(cases.cases, "looking", disable=None)]
    return [measure(cases, answers, order, eyes.bundle.classes) for order in ORDERS]


def measure(cases: Cases, answers: list[Answer], order: str, classes: tuple[str, ...]) -> Result:
    """Score the answers. A dog counts as right if its breed is, too."""
    predicted = np.array([KINDS.index(each.kind(order)) for each in answers])
    breeds = np.array([case.breed for case in cases.cases])
    named = np.array([classes.index(each.breeds[0][0]) for each in answers])
    right = predicted == cases.kinds
    whole = right & ((breeds < 0) | (breeds == named))
    alone = cases.kinds == KINDS.index("dog")
    metrics = {
        "test/kind": float(right.mean()),
        "test/accuracy": float(whole.mean()),
        "test/breed": float((breeds == named)[alone].mean()),
    }
    arrays = {
        "predicted": predicted,
        "correct": whole.astype(np.uint8),
        "dog": np.array([each.dog for each in answers]),
        "faces": np.array([len(each.faces) for each in answers]),
    }
    return Result(metrics, arrays)


def findings(results: Results, cases: Cases) -> dict[str, Finding]:
    """Test D7 on the course's own order and the kinds of pictures that it knows of."""
    own = next(result for trial, result in results.items() if trial.arm == "dog-first")
    known = cases.kinds != KINDS.index("both")
    wrong = own.arrays["correct"][known] == 0
    share = wilson(int(wrong.sum()), len(wrong))
    parts = "; ".join(_line(own, cases, kind) for kind in KINDS)
    return {
        "D7": Finding(
            decision=superior(share, claims()["D7"].margin),
            names=("pictures answered wrong, dog first",),
            unit="percent",
            comment=f"Right, breed included: {parts}. Pictures of both do not count in the "
            "verdict: the course's order never says both.",
        )
    }


def _line(result: Result, cases: Cases, kind: str) -> str:
    own = result.arrays["correct"][cases.kinds == KINDS.index(kind)]
    share = wilson(int(own.sum()), len(own))
    return f"{kind} {share.value:.1%} ({share.low:.1%} to {share.high:.1%}, n = {len(own)})"


def summary(results: Results) -> dict[str, object]:
    """Return what else the page prints."""
    return {
        "question": "Dog or human, and which breed: how good is the whole algorithm?",
        "trials": {"complete": len(results), "diverged": []},
    }


def confusion(predicted: NDArray[np.int64], kinds: NDArray[np.int64]) -> pd.DataFrame:
    """Count what each kind of picture is taken for, with shares and Wilson's interval."""
    rows = []
    for true, name in enumerate(KINDS):
        own = predicted[kinds == true]
        for taken, other in enumerate(KINDS):
            k = int((own == taken).sum())
            share = columns("share", wilson(k, len(own)))
            rows.append({"shows": name, "taken for": other, "count": k, "of": len(own), **share})
    return pd.DataFrame(rows)


def exhibits(results: Results, cases: Cases) -> list[Exhibit]:
    """Draw the 4-way tables of every order, the whole's accuracy, and the mistakes."""
    tables = [
        confusion(result.arrays["predicted"], cases.kinds).assign(order=trial.arm)
        for trial, result in results.items()
    ]
    frame = pd.concat(tables, ignore_index=True)
    frame = frame[["order", *(name for name in frame.columns if name != "order")]]
    rows = []
    for trial, result in results.items():
        for kind in KINDS:
            own = result.arrays["correct"][cases.kinds == KINDS.index(kind)]
            share = columns("right", wilson(int(own.sum()), len(own)))
            rows.append({"order": trial.arm, "shows": kind, **share, "pictures": len(own)})
    right = dict.fromkeys(("right", "right_low", "right_high"), "percent")
    shares = dict.fromkeys(("share", "share_low", "share_high"), "percent")
    return [
        Exhibit(
            "whole",
            "Pictures answered right, for a dog its breed too, by the order of the two detectors; "
            "Wilson's 95 % interval.",
            pd.DataFrame(rows),
            units=right,
        ),
        Exhibit(
            "four-ways",
            "What each kind of picture is taken for, counts and shares of the kind, Wilson's 95 % "
            "interval. Orders: both says so; dog-first stops at a dog, face-first at a face.",
            frame,
            figures.four_ways(frame),
            shares,
        ),
        *_mistakes(results, cases),
    ]


def _mistakes(results: Results, cases: Cases) -> list[Exhibit]:
    own = next(result for trial, result in results.items() if trial.arm == "both")
    predicted = own.arrays["predicted"]
    wrong = np.flatnonzero(predicted != cases.kinds)
    if not len(wrong):
        return []
    frame = pd.DataFrame(
        {
            "shows": [KINDS[cases.kinds[i]] for i in wrong],
            "taken for": [KINDS[predicted[i]] for i in wrong],
            "probability of a dog": own.arrays["dog"][wrong],
            "faces": own.arrays["faces"][wrong],
        }
    )
    # Not only the first kind: every (len / SHOWN)-th.
    shown = np.linspace(0, len(wrong) - 1, min(SHOWN, len(wrong))).round().astype(int)
    pictures = [cases.cases[wrong[i]].picture() for i in shown]
    caption = (
        f"Pictures taken for another kind, {len(wrong)} of {len(predicted)} when both is an "
        f"answer; {len(shown)} of them are shown."
    )
    figure = figures.answers(frame.iloc[shown], pictures)
    return [Exhibit("mistakes", caption, frame, figure, {"probability of a dog": "percent"})]
