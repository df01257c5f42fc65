"""What tyro refuses, in one line. tyro prints boxes, and has no other public way to say it."""

import ast
import re
from collections.abc import Sequence

RULE = re.compile(r"[╭╰].*|[ │─-]*[─-]{3,}[ │─-]*")
SIMILAR = re.compile(r"(Perhaps you meant|Arguments similar to (.*)):")
TYPES = {"INT": "a whole number", "FLOAT": "a number"}
REFUSED = re.compile(r"(?:base 10|to float|arguments|instantiated from):? (\[.*?\]|'.*?'|\".*?\")")
"""how Python and tyro quote a value that is not of its type"""


def one_line(box: str) -> str:
    """Return what a box of tyro's says: option, value, what is wanted.

    Rules part it: what is wrong; similar options, or the option's own help; where to find help.
    Of what is not known here, all text is kept.
    """
    wrong, *others = _parts(box) or [[]]
    text, hints, usage = " ".join(" ".join(wrong).split()), [], ""
    for header, *rows in others:
        if similar := SIMILAR.fullmatch(header):
            about = f" for {similar[2]}" if similar[2] else ""
            hints.append(f"perhaps you meant {_options(rows)}{about}")
        elif header == "Argument helptext:":
            usage = rows[0].strip()
        elif not header.startswith("For full helptext"):
            hints.append(" ".join([header, *map(str.strip, rows)]))
    if match := re.fullmatch(r"Unrecognized options: ?(.*)", text):
        return "; ".join(
            [f"{match[1] or '(blank)'}: no such option", *(sorted(hints) or ["see --help"])]
        )
    if match := re.fullmatch(r"Error parsing (\S+?): (.*)", text):
        text = _type(match[1], match[2], usage)
    elif match := re.fullmatch(r"invalid choice '(.*)' for argument '(.*)'\. .*? \((.*)\)\.", text):
        text = f"{match[2]} {match[1]}: {_choices(match[3])} is wanted"
    elif match := re.match(r"Missing value for argument '(.*)'", text):
        text = f"{match[1]}: a value is wanted"
    elif text.startswith("Missing from"):
        missing = [row.strip() for row in wrong if re.match(r" {4}\S", row)]
        text = f"{', '.join(missing)}: wanted and not given"
    return "; ".join([text, *hints])


def _parts(box: str) -> list[list[str]]:
    """Return the rows between rules, without frames and the title, of boxes in ASCII too."""
    parts: list[list[str]] = [[]]
    for line in box.splitlines():
        if RULE.fullmatch(line):
            parts.append([])
        else:
            parts[-1].append(re.sub(r"^(│| ) | *│$", "", line).rstrip())
    return [part for part in parts[1:] if any(part)]


def _options(rows: Sequence[str]) -> str:
    """Name the options among indented rows; what explains them is indented further."""
    named = [re.match(r" {4}(-\S+)", row) for row in rows]
    return " or ".join(option[1].rstrip(",") for option in named if option)


def _type(option: str, message: str, usage: str) -> str:
    """Say which value was given and which type is wanted; usage: option and metavar."""
    given = REFUSED.search(message)
    metavar = usage.partition(" ")[2].replace("{None}|", "")
    wanted = TYPES.get(metavar) or metavar
    several = re.fullmatch(r"\[(\w+) \[\w+ \.\.\.\]\]", metavar)
    if several:
        wanted = TYPES.get(several[1], several[1]).removeprefix("a ") + "s"
    elif metavar.startswith("{"):
        wanted = _choices(metavar)
    try:
        value = ast.literal_eval(given[1] if given else "")
    except (SyntaxError, ValueError):  # a value with brackets or quotes, or another release's words
        return f"{option}: {message}" + (f"; {wanted} is wanted" if wanted else "")
    value = value if isinstance(value, str) else " ".join(value)
    return f"{option} {value}: {wanted} {'are' if several else 'is'} wanted"


def _choices(listed: str) -> str:
    """Return choices as words, sorted: tyro has some of them as a set.

    None is what an option has that is not given.
    """
    names = {*re.findall(r"[^{}(),' ]+", listed)} - {"None"}
    return f"one of {', '.join(sorted(names))}"
