"""The lesson on autoencoders, claims A1 to A5."""
