"""The lesson on dog detectors, claims D3 and D4."""
