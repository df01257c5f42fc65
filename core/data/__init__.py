"""Sources, decoding, duplicate groups, splits and batches of images."""
