"""The lesson on weight initialisation: the doctor's numbers, the exhibits, verdicts W1 to W6."""
