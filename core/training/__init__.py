"""One model (fit), many replicas at once (fit_many), prediction, checkpoints, schedules."""
