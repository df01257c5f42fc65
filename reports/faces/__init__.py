"""The lesson on face detectors: what they found, exhibits, verdicts D1 and D2."""
