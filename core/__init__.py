"""The library: data, models, training, evaluation and tracking. Knows no experiment and no report."""
