"""Studies whose truth is known, and how often the engine errs on them: `benchmarks.verdicts`."""
