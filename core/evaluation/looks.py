"""Verdicts that may be asked for again: more seeds, another look, the same promise.

Looks are a function of the stored seeds: with S seeds, every grid point up to S is a look at the
first so many. A look may spend a share of the error that grows with the square root of the seeds;
the shares add up to 1, so by the union bound P(any false verdict at any look) <= alpha, whatever
the looks share. That needs no independent increments, and so holds for every test here.
"""

from collections.abc import Mapping
from dataclasses import replace

from core.evaluation.decisions import Decision, judge, withhold
from core.evaluation.spending import shares
from core.evaluation.verdicts import all_of

STEPS = (1, 2, 4, 8)
"""looks, in multiples of the seeds that a study runs by default; the last is the cap"""


def grid_from(n_seeds: int) -> tuple[int, ...]:
    """Return the seeds at which a claim may be asked for. n_seeds: those of a study by default."""
    return tuple(n_seeds * step for step in STEPS)


def looks_at(grid: tuple[int, ...], n: int) -> list[int]:
    """Return the looks that n seeds allow; before the first, and without a grid, n itself."""
    return [look for look in grid if look <= n] or [n]


def over_looks(looks: Mapping[int, Decision], grid: tuple[int, ...]) -> Decision:
    """Judge a claim at every look so far; a verdict stays whatever later looks say.

    looks: seeds -> the decision on the first so many, for each grid point that is reached; before
    the first, one decision on the seeds at hand, which then has no verdict. grid: ascending seeds,
    the last the cap. Parts spend their own shares. Raises ValueError without a look, and for one
    off the grid.
    """
    reached = {n: look for n, look in sorted(looks.items()) if n in grid}
    early = not reached and len(looks) == 1 and next(iter(looks)) < grid[0]
    if (len(reached) < len(looks) and not early) or not looks:
        raise ValueError(f"looks: at {sorted(looks)} seeds, wanted one or more of {list(grid)}")
    if early:
        return replace(withhold(next(iter(looks.values())), "no look"), grid=grid)
    last = reached[max(reached)]
    if last.is_arithmetic or last.withheld:
        return replace(last, grid=grid)
    if last.parts:
        parts = {
            name: over_looks({n: look.parts[name] for n, look in reached.items()}, grid)
            for name in last.parts
        }
        return replace(all_of(parts), grid=grid, comment=last.comment)
    spent = shares(grid)
    whole = replace(
        last,
        p_supported=min(1.0, min(look.p_supported / spent[n] for n, look in reached.items())),
        p_refuted=min(1.0, min(look.p_refuted / spent[n] for n, look in reached.items())),
        looks=reached,
        grid=grid,
    )
    return judge(whole)
