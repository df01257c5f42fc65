"""What runs a network to measure it, by subject."""
