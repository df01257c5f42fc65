"""A notebook in a file: stored trials as a labelled dataset, its verdicts, its tables.

Run it after `python experiments/init_schemes.py`:  python docs/notebook.py
"""

# %% The trials of a study, as an xarray Dataset with dimensions arm, seed, scale, image, ...
import reports

study = reports.load("init_schemes", data="drawn-digits")
print(study["correct"].sizes)

# %% Numbers by name: the accuracy of every scheme on the course's network, mean over seeds.
accuracy = study["test/accuracy"].sel(scale="course").mean("seed")
print(accuracy.to_series().sort_values(ascending=False).head())

# %% A difference of two arms, paired by seed and image, with its interval.
from reports.scores import paired  # noqa: E402

hits = study["correct"].sel(scale="course")
gap = paired(hits.sel(arm="uniform-rule"), hits.sel(arm="uniform-0-1"))
print(f"{gap.value:+.3f} ({gap.low:+.3f} to {gap.high:+.3f}), {gap.n_seeds} seeds")

# %% What the study says on the lesson's claims, judged now.
for name, decision in reports.verdicts(study).items():
    print(name, decision.verdict if decision else "not tested")

# %% Every figure has a table; `plot()` draws it.
print(reports.exhibits(study)["accuracy"].frame().head())
