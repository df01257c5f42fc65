"""The lesson on autoencoders: measures, baselines, exhibits, verdicts A1 to A5."""
