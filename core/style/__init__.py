"""Style transfer: a picture painted with the statistics of another, by optimising its pixels."""
