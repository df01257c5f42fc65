"""From logits to numbers with intervals, and from numbers to verdicts."""
