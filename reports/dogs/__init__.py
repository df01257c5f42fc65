"""The dog project: detectors (D3, D4), breeds and transfer (T1, D5, D6)."""
