"""The dog project: detectors (D3, D4), breeds and transfer (T1, D5, D6)."""

SCRATCH = "scratch"
"""the arm of the course's CNN; the others are called by their backbone"""


def drifting(backbone: str) -> str:
    """Return the arm of a backbone whose batch norm is left to drift."""
    return f"{backbone}, drifting"
