"""Tables and figures of the study of autoencoders."""

from collections.abc import Iterator
from functools import partial

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from core import dataset
from reports import tables, words
from reports.autoencoders import figures
from reports.autoencoders.claims import PUBLISHED, course, lesson
from reports.figures import plane
from reports.lessons import Exhibit
from reports.scores import mean

MEASURES = ("mse", "psnr", "ssim", "checkerboard")
WHOLE = "95 % intervals over seeds and images"


def networks_of(study: xr.Dataset, seed: int | None = None) -> list[str]:
    """List the networks that are trained, at the course's code size and noise; with this seed."""
    if "parameters" not in study:
        return []
    counts = course(study, "parameters")
    known = counts.max("seed") if seed is None else counts.sel(seed=seed)
    return known.dropna("arm")["arm"].values.tolist()


def has(study: xr.Dataset, *arms: str) -> bool:
    """Tell whether the study has these arms."""
    return set(arms) <= set(study["arm"].values.tolist())


def _noise(study: xr.Dataset) -> str:
    """Return the noise that the lesson's denoising network undoes, as a number in words."""
    return f"{float(course(study, 'test/noise').sel(arm='denoising').mean()):g}"


@lesson.exhibit
def networks(study: xr.Dataset) -> Exhibit | None:
    """Return what was measured of every network."""
    arms = networks_of(study)
    if not arms:
        return None
    scores = {name: course(study, name).sel(arm=arms) for name in MEASURES}
    scores["probe accuracy"] = course(study, "correct").sel(arm=arms)
    dead = {"dead": course(study, "code/dead").sel(arm=arms)}
    table = tables.arms(scores, dead, {**lesson.bounds, "dead": (0, 1)})
    for place, (title, name) in enumerate((("code", "code/size"), ("parameters", "parameters")), 1):
        counts = course(study, name).mean("seed").sel(arm=table["arm"].values)
        table.insert(place, title, counts.values.astype(int))
    more = ""
    if "denoising" in arms:
        more += f" Denoising is given images with noise {_noise(study)}."
    if has(study, "original"):
        board = mean(course(study, "checkerboard").sel(arm="original"))
        more += f" The originals' index is {words.estimate(board, 'dB')}."
    return Exhibit(
        caption=f"Every network on the test images, {WHOLE}: squared error a pixel, PSNR and "
        "checkerboard index in dB, SSIM (1,000 images at most), accuracy of a linear classifier "
        f"on the code, code units that never fire.{more}",
        table=table,
        units={"probe accuracy": "percent", "dead": "percent"},
    )


@lesson.exhibit
def baselines(study: xr.Dataset) -> Exhibit | None:
    """Return what needs no network, on the same images and noise."""
    others = (*networks_of(study), "original")
    bare = [arm for arm in study["arm"].values.tolist() if arm not in others]
    if not bare:
        return None
    scores = {name: course(study, name).sel(arm=bare) for name in ("mse", "psnr", "ssim")}
    table = tables.arms(scores, bounds=lesson.bounds).drop(columns="seeds")
    for place, (title, name) in enumerate((("noise", "test/noise"), ("code", "code/size")), 1):
        counts = course(study, name).sel(arm=table["arm"].values, seed=0)
        table.insert(place, title, counts.values)
    return Exhibit(
        caption="What needs no network, fitted on the training images alone, on the same test "
        "images and noise; 95 % intervals over images. A code is the number of principal "
        "components: as many as the code of the linear network has numbers (pca-linear), of the "
        "convolutional ones (pca), of the one that denoises (pca-deep), or what is best on noisy "
        "validation images (pca-noise).",
        table=table,
    )


@lesson.exhibit
def course_losses(study: xr.Dataset) -> Exhibit | None:
    """Return training losses beside the printed ones."""
    if not networks_of(study):
        return None
    rows, data = [], study.attrs["card"]["name"]
    for arm in networks_of(study):
        losses = course(study, "train/loss").sel(arm=arm).dropna("seed", how="all")
        curve, known = losses.dropna("epoch"), PUBLISHED.get(arm, {})
        last = int(curve["epoch"].max())
        for epoch in sorted({*(e for e in known if e <= last), last}):
            ours = tables.columns("ours", tables.finite_mean(curve.sel(epoch=epoch)))
            row = {"arm": arm, "epoch": epoch, **ours, "seeds": curve.sizes["seed"]}
            rows.append(row | {"published on MNIST": known.get(epoch, np.nan)})
    same = "the published data" if data == lesson.data else "other data than the published"
    n_images = sum(study.attrs["card"]["counts"]["train"])
    return Exhibit(
        deep=True,
        caption=f"Training loss, mean over an epoch of {n_images:,} images, on {data} ({same}), "
        "95 % intervals over seeds, beside the course's printed loss divided by 20, one run each "
        "on 60,000 images: it divided by batches of 20 instead of images.",
        table=pd.DataFrame(rows),
    )


@lesson.exhibit
def reconstructions(study: xr.Dataset) -> Exhibit | None:
    """Return the first test images, their codes and what became of them."""
    arms = [arm for arm in networks_of(study, seed=0) if arm != "denoising"]
    if not arms or not has(study, "original"):
        return None
    shown = {arm: _first(study, "pictures", arm) for arm in arms}
    codes = {arm: _first(study, "codes", arm) for arm in arms}
    return Exhibit(
        photographic=True,
        caption="Test images, and of each network, seed 0, the reconstruction and the code (each "
        "on its own scale, as a square).",
        table=_listed(study, arms),
        figure=partial(figures.pictures, _first(study, "pictures", "original"), shown, codes),
    )


@lesson.exhibit
def denoised(study: xr.Dataset) -> Exhibit | None:
    """Return noisy images and what a line and the network make of them."""
    arms = ["original", "noisy", "least-squares", "denoising"]
    if not has(study, *arms) or "denoising" not in networks_of(study, seed=0):
        return None
    return Exhibit(
        photographic=True,
        caption=f"Test images with noise {_noise(study)}, undone by a line and by the network, "
        "seed 0.",
        table=_listed(study, arms[1:]),
        figure=partial(figures.rows, {arm: _first(study, "pictures", arm) for arm in arms}),
    )


def _first(study: xr.Dataset, name: str, arm: str) -> NDArray[np.generic]:
    """Return what seed 0 of an arm keeps, without the places that only other arms fill."""
    values = course(study, name).sel(arm=arm, seed=0)
    return values.dropna(values.dims[-1], how="all").values


def _listed(study: xr.Dataset, arms: list[str]) -> pd.DataFrame:
    """List the squared errors of the pictures that are shown: arm, image, squared error."""
    images = study["shown"].values.tolist()
    errors = course(study, "mse").sel(seed=0, arm=arms, image=images).transpose("arm", "image")
    frame = pd.DataFrame(errors.values, arms, images).rename_axis("arm").reset_index()
    return frame.melt("arm", var_name="image", value_name="squared error")


@lesson.exhibit
def spectra(study: xr.Dataset) -> Exhibit | None:
    """Return the power of images by frequency."""
    arms = [a for a in networks_of(study) if a.startswith(("transposed", "upsampling"))]
    if not has(study, "original"):
        return None
    power, width = course(study, "spectrum").mean("seed"), study.attrs["card"]["shape"][-1]
    rows = [
        (arm, step / width, float(value))
        for arm in ("original", *arms)
        for step, value in enumerate(power.sel(arm=arm).values)
        if step
    ]
    frame = pd.DataFrame(rows, columns=["arm", "frequency", "power"])
    return Exhibit(
        deep=True,
        caption="Power by horizontal frequency in cycles a pixel, mean over test images, rows and "
        "seeds. A checkerboard is a rise at 0.5, two pixels a cycle.",
        table=frame,
        figure=partial(figures.spectra, frame),
    )


@lesson.exhibit
def codes(study: xr.Dataset) -> Exhibit | None:
    """Return the codes of test images in a plane."""
    classes, arms = study.attrs["card"]["classes"], networks_of(study, seed=0)
    if not arms:
        return None
    labels = study["label"].sel(image=study["first"].values).values.astype(int)
    truth = [classes[label] for label in labels]
    places = {arm: course(study, "plane").sel(arm=arm, seed=0).values for arm in arms}
    parts = [{"arm": a, "x": at[:, 0], "y": at[:, 1], "class": truth} for a, at in places.items()]
    frame = pd.concat(map(pd.DataFrame, parts), ignore_index=True)
    return Exhibit(
        deep=True,
        caption="Codes of test images in the plane of their two largest principal components, "
        "seed 0.",
        table=frame,
        figure=partial(plane, frame, classes),
    )


@lesson.exhibit
def rate_distortion(study: xr.Dataset) -> Exhibit | None:
    """Return PSNR by code size."""
    kinds = {"transposed": "convolutional", "linear-code": "linear", "pca": "PCA"}
    if not has(study, *kinds):
        return None
    rows = [
        {"kind": kinds[arm], "code": int(code), **psnr}
        for arm in kinds
        for code, psnr in _by(study, "psnr", arm, "code/size")
    ]
    frame = pd.DataFrame(rows).sort_values(["kind", "code"], ignore_index=True)
    return Exhibit(
        caption=f"PSNR in dB by the numbers in the code; {WHOLE}, of PCA over images.",
        table=frame,
        figure=partial(figures.rates, frame),
    )


@lesson.exhibit
def noise_levels(study: xr.Dataset) -> Exhibit | None:
    """Return PSNR by the noise trained on and tested on."""
    if not has(study, "denoising", "least-squares"):
        return None
    rows = []
    for arm in ("clean", "denoising", "least-squares"):
        for level in study["level"].values.tolist() if has(study, arm) else ():
            for noise, psnr in _by(study.sel(level=level), "levels", arm, "test/noise"):
                name = "least squares" if arm == "least-squares" else f"{noise:g}"
                place = (arm == "least-squares", noise)
                rows.append({"place": place, "trained": name, "tested": float(level), **psnr})
    rows.sort(key=lambda row: (row["place"], row["tested"]))
    frame = pd.DataFrame(rows).drop(columns="place")
    return Exhibit(
        deep=True,
        caption="PSNR in dB by the noise trained on (down) and tested on (across), 1,000 images at "
        f"most, {WHOLE} in the table; last row: linear least squares, fitted anew at each level "
        "of the test.",
        table=frame,
        figure=partial(figures.levels, frame),
    )


def _by(
    study: xr.Dataset, name: str, arm: str, along: str
) -> Iterator[tuple[float, dict[str, float]]]:
    """Yield each variant of an arm that was trained: the value of `along`, and its mean score."""
    for variant in study["variant"].values.tolist():
        scores = study[name].sel(arm=arm, variant=variant)
        if scores["trained"].any():
            place = float(study[along].sel(arm=arm, variant=variant).max())
            sizes = dict(zip(("seeds", "images"), dataset.table(scores).shape, strict=True))
            yield place, {**tables.columns("psnr", mean(scores, lesson.bounds["psnr"])), **sizes}
