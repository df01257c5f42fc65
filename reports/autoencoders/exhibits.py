"""Tables of the study of autoencoders, and the figures that show them."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from core.results import Exhibit
from numpy.typing import NDArray
from sklearn.decomposition import PCA

from core.data.images import Splits
from core.evaluation.intervals import mean
from reports import tables
from reports.autoencoders import COURSE_NOISE, figures
from reports.autoencoders.baselines import Baselines
from reports.autoencoders.findings import plain
from reports.autoencoders.measures import LEVELS
from reports.tables import Results

PUBLISHED = {  # arm -> epoch -> the course's training loss / 20
    "linear": {1: 0.03181, 20: 0.01178},
    "transposed": {1: 0.02734, 20: 0.00869, 30: 0.00826},
    "upsampling": {1: 0.01616, 20: 0.00541, 30: 0.00520},
    "denoising": {1: 0.04888, 20: 0.02611},
}
MEASURES = ("mse", "psnr", "ssim", "checkerboard")
PERCENT = {"probe accuracy": "percent", "dead": "percent"}
WHOLE = "95 % intervals over seeds and images"


def exhibits(results: Results, bare: Baselines, splits: Splits) -> list[Exhibit]:
    """Draw the study's tables and figures, as far as its arms allow."""
    base = plain(results)
    found = [
        _networks(base),
        _baselines(bare),
        _course(base, splits.card.name),
        _pictures(base, bare),
        _spectra(base, bare),
        _codes(base, splits),
    ]
    if {"transposed", "linear-code"} <= {trial.arm for trial in base}:
        found.append(_rates(results, bare))
    if "denoising" in {trial.arm for trial in base}:
        found += [_denoised(base, bare), _levels(results, bare)]
    return found


def _networks(base: Results) -> Exhibit:
    arrays = {name: tables.scores(base, name) for name in (*MEASURES, "correct")}
    facts = {name: tables.metric(base, name) for name in ("code/size", "parameters", "code/dead")}
    rows = []
    for arm in arrays["mse"]:
        row: dict[str, object] = {
            "network": arm,
            "code": int(facts["code/size"][arm][0]),
            "parameters": int(facts["parameters"][arm][0]),
        }
        for name in MEASURES:
            row |= tables.columns(name, mean(arrays[name][arm]))
        row |= tables.columns("probe accuracy", mean(arrays["correct"][arm]))
        row |= tables.columns("dead", mean(facts["code/dead"][arm][:, None], bounds=(0, 1)))
        rows.append(row | {"seeds": len(arrays["mse"][arm]), "images": arrays["mse"][arm].shape[1]})
    caption = (
        f"Every network on the test images, {WHOLE}: squared error a pixel, PSNR and checkerboard "
        "index in dB, SSIM (the first 1,000 images), accuracy of a linear classifier on the code, "
        f"code units that never fire. Denoising is given images with noise {COURSE_NOISE:g}."
    )
    return Exhibit("networks", caption, pd.DataFrame(rows), units=PERCENT)


def _baselines(bare: Baselines) -> Exhibit:
    rows = []
    for task, group in (("clean", bare.plain), (f"noise {COURSE_NOISE:g}", bare.denoised)):
        for name, quality in group.items():
            row: dict[str, object] = {"task": task, "baseline": name}
            for measure in MEASURES:
                row |= tables.columns(measure, mean(quality[measure][None]))
            rows.append(row | {"images": len(quality["mse"])})
    caption = (
        "What needs no network, fitted on the training images alone, on the same test images; "
        f"95 % intervals over images. PCA against noise has {bare.components} components."
    )
    return Exhibit("baselines", caption, pd.DataFrame(rows))


def _course(base: Results, data: str) -> Exhibit:
    curves, rows = tables.scores(base, "curve"), []
    for arm, table in curves.items():
        known, last = PUBLISHED.get(arm, {}), table.shape[1]
        for epoch in sorted({*known, last}):
            if epoch <= last:
                ours = tables.columns("ours", mean(table[:, epoch - 1 : epoch]))
                row = {"network": arm, "epoch": epoch, **ours, "seeds": len(table)}
                rows.append(row | {"published on MNIST": known.get(epoch, np.nan)})
    same = "the published data" if data == "mnist" else "other data than the published"
    caption = (
        f"Training loss, the mean over an epoch, on {data} ({same}), 95 % intervals over seeds, "
        "beside the course's printed loss divided by 20, one run each."
    )
    return Exhibit("course-losses", caption, pd.DataFrame(rows))


def _first(base: Results, name: str) -> dict[str, NDArray[np.generic]]:
    """Return an array of every arm's first seed."""
    return {arm: table[0] for arm, table in tables.scores(base, name).items()}


def _pictures(base: Results, bare: Baselines) -> Exhibit:
    shown, codes = _first(base, "shown"), _first(base, "codes")
    plain_ = {arm: images for arm, images in shown.items() if arm != "denoising"}
    errors = _first(base, "mse")
    frame = _listed({arm: errors[arm] for arm in plain_}, len(bare.shown["original"]))
    figure = figures.pictures(bare.shown["original"], plain_, {a: codes[a] for a in plain_})
    caption = (
        "Test images, and of each network, seed 0, the code (each on its own scale, as a square) "
        "and the reconstruction."
    )
    return Exhibit("reconstructions", caption, frame, figure)


def _denoised(base: Results, bare: Baselines) -> Exhibit:
    own, n = _first(base, "shown")["denoising"], len(bare.shown["original"])
    rows = {**bare.shown, "denoising": own}
    errors = {name: bare.denoised[name]["mse"] for name in ("noisy", "least squares")}
    frame = _listed({**errors, "denoising": _first(base, "mse")["denoising"]}, n)
    caption = (
        f"Test images with noise {COURSE_NOISE:g}, undone by a line and by the network, seed 0."
    )
    return Exhibit("denoised", caption, frame, figures.rows(rows))


def _listed(errors: Mapping[str, NDArray[np.generic]], n: int) -> pd.DataFrame:
    rows = [(arm, i, float(values[i])) for arm, values in errors.items() for i in range(n)]
    return pd.DataFrame(rows, columns=["network", "image", "squared error"])


def _spectra(base: Results, bare: Baselines) -> Exhibit:
    arms = {a: s.mean(0) for a, s in tables.scores(base, "spectrum").items()
            if a.startswith(("transposed", "upsampling"))}  # fmt: skip
    rows = []
    for name, power in {"originals": bare.originals["spectrum"], **arms}.items():
        side = power.shape[1]
        for step in range(1, side // 2 + 1):
            rows.append((name, step / side, float(power[:, step].mean())))
    frame = pd.DataFrame(rows, columns=["images", "frequency", "power"])
    caption = (
        "Power by horizontal frequency in cycles a pixel, mean over test images, rows and seeds. A "
        "checkerboard is a rise at 0.5, two pixels a cycle."
    )
    return Exhibit("spectra", caption, frame, figures.spectra(frame))


def _rates(results: Results, bare: Baselines) -> Exhibit:
    found: dict[tuple[str, int], list[NDArray[np.generic]]] = {}
    for trial, result in results.items():
        if trial.arm in ("transposed", "linear-code"):
            arm = {"transposed": "convolutional", "linear-code": "linear"}[trial.arm]
            size = int(result.metrics["code/size"])
            found.setdefault((arm, size), []).append(result.arrays["psnr"])
    for size in sorted({size for _, size in found}):
        found["PCA", size] = [bare.plain[f"PCA-{size}"]["psnr"]]
    rows = [
        {"kind": kind, "code": size, **tables.columns("psnr", mean(np.stack(each))),
         "seeds": len(each), "images": len(each[0])}
        for (kind, size), each in sorted(found.items())
    ]  # fmt: skip
    frame = pd.DataFrame(rows)
    caption = f"PSNR in dB by the numbers in the code; {WHOLE}, of PCA over images."
    return Exhibit("rate-distortion", caption, frame, figures.rates(frame))


def _levels(results: Results, bare: Baselines) -> Exhibit:
    found: dict[float, list[NDArray[np.generic]]] = {}
    for trial, result in results.items():
        if trial.arm in ("denoising", "clean"):
            own = COURSE_NOISE if trial.arm == "denoising" else 0.0
            level = float(dict(trial.params).get("noise", own))
            found.setdefault(level, []).append(result.arrays["levels"])
    named = {f"{level:g}": np.stack(found[level]) for level in sorted(found)}
    named["least squares"] = bare.levels[None]
    rows = []
    for name, table in named.items():
        for index, level in enumerate(LEVELS):
            row = {
                "trained": name,
                "tested": level,
                **tables.columns("psnr", mean(table[:, index])),
            }
            rows.append(row | {"seeds": len(table), "images": table.shape[2]})
    frame = pd.DataFrame(rows)
    caption = (
        f"PSNR in dB by the noise trained on (down) and tested on (across), {WHOLE} in the table; "
        "last row: linear least squares, fitted anew at each level of the test."
    )
    return Exhibit("noise-levels", caption, frame, figures.levels(frame))


def _codes(base: Results, splits: Splits) -> Exhibit:
    labels = splits.test.labels.cpu().numpy()
    parts = []
    for arm, codes in _first(base, "codes").items():
        flat = codes.astype(np.float64)
        places = np.zeros((len(flat), 2))
        if flat.shape[1] > 1 and flat.std() > 0:
            places = PCA(2, svd_solver="full").fit_transform(flat)
        names = [splits.card.classes[label] for label in labels[: len(flat)]]
        parts.append(
            pd.DataFrame({"network": arm, "x": places[:, 0], "y": places[:, 1], "class": names})
        )
    frame = pd.concat(parts, ignore_index=True)
    caption = "Codes of test images in the plane of their two largest principal components, seed 0."
    return Exhibit("codes", caption, frame, figures.codes(frame))
