"""The library: data, models, training, evaluation, tracking. Knows no experiment, no report."""
