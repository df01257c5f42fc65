"""What the lesson on skin cancer claims, and what tests it."""

from reports.skin import rivals, sights  # they register their claims, in this order
from reports.skin.lesson import lesson

__all__ = ["lesson", "rivals", "sights"]
