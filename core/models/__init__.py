"""The networks, and how their weights begin."""
