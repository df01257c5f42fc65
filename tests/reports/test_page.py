"""The report of a real study: what it holds, and how it behaves in a browser."""

import base64
import io
import json
import re
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from PIL import Image

import reports
from core.errors import UserError
from core.provenance import ROOT
from core.store import Store
from experiments.init_schemes import SMOKE
from reports import judge, ledger, page, pictures, studies
from reports.__main__ import Config, main
from reports.lessons import Exhibit, claims
from tests.reports.browser import CHROMIUM, on_a_phone

FILTER = """const form = html.querySelector("#filter");
const rows = () => all(".ledger tbody tr").filter(row => row.checkVisibility());
const shown = () => rows().map(row => row.id);
const press = (key, target) =>
  target.dispatchEvent(new inner.KeyboardEvent("keydown", {key, bubbles: true}));
const change = target => target.dispatchEvent(new inner.Event("input", {bubbles: true}));
seen.tested = shown();
press("/", html.body);
const search = html.activeElement;
search.value = "pytorch default"; change(search); seen.none = shown();
search.value = "gap weights"; change(search); seen.found = shown();
press("Escape", search); seen.escaped = shown().length;
form.elements.lesson.value = "dog app"; change(form); seen.lesson = shown().length;
form.querySelector("[value='not tested']").click(); seen.untested = shown();
html.querySelector("#claim-W6").hidden || (seen.wrong = true);
inner.location.hash = "claim-W6";
await new Promise(done => setTimeout(done, 200));
seen.followed = shown().includes("claim-W6");
html.querySelector("#unfold").click();
seen.folded = all("details:not([open])").length;
seen.labelless = all("input, select").filter(each => !each.labels.length).length;
seen.small = all("img").filter(each => each.width < Math.min(each.naturalWidth, 600)).length;"""


@pytest.fixture(scope="module")
def text(studied, tmp_path_factory):
    out = tmp_path_factory.mktemp("report") / "index.html"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{studied}/mlflow.db")
        main(Config(out=out))
    return out.read_text()


def test_the_page_is_self_contained(text):
    addresses = re.findall(r"""(?:src|href)=["']([^"']*)""", text)
    links = [each for each in addresses if not each.startswith(("data:", "#"))]
    assert all(each.startswith("http://127.0.0.1:5000/") for each in links)  # its runs
    assert len([each for each in links if "/#/experiments/" in each]) == 2
    anchors = {each[1:] for each in addresses if each.startswith("#")}
    assert anchors <= set(re.findall(r'id="([^"]+)"', text))
    assert text.count("data:image/webp") == 8  # the main figure stands on the first screen, too
    assert len(text) < 2_000_000


def test_the_page_has_every_claim_and_its_provenance(text):
    for name, claim in claims().items():
        assert page.code(claim.statement) in text, name
    assert "359 images" in text
    assert "2 seeds" in text
    assert "Run it again" in text
    assert "load_digits" in text
    assert "depth 2 to 5. All seeds share the training images. <small>" in text


def test_json_is_the_study_unrounded(study_store, tmp_path):
    main(Config(format="json", out=tmp_path / "r.json"))
    made = json.loads((tmp_path / "r.json").read_text())
    assert set(made) == {"schema", "written", "ledger", "studies", "left_out"}
    assert made["schema"] == page.SCHEMA
    assert [line["claim"] for line in made["ledger"]] == list(claims())
    (study,) = made["studies"]
    assert study["provenance"]["settings"]["width"] == SMOKE.width
    assert study["size"] == {"arm": 3, "seed": 2, "scale": 2}
    lines = {line["claim"]: line for line in made["ledger"]}
    (evidence,) = lines["W6"]["evidence"]
    (row,) = [row for row in study["verdicts"] if row["claim"] == "W6"]
    assert evidence["decision"] == row["decision"]
    assert evidence["run"] == study["run"]
    assert lines["W6"]["verdict"] == row["verdict"]
    expected = reports.verdicts(reports.load("init_schemes"))["W6"]
    assert row["decision"]["p_supported"] == expected.p_supported


def test_markdown_has_whole_tables(study_store, tmp_path):
    main(Config(format="md", out=tmp_path / "r.md"))
    lines = (tmp_path / "r.md").read_text().splitlines()
    tables = [i for i, line in enumerate(lines) if line.startswith("|---")]
    assert len(tables) == 3
    for start in tables:
        width = lines[start].count("|")
        assert lines[start - 1].count("|") == width
        assert lines[start + 1].startswith("|")
    schemes = [line for line in lines if re.match(r"\| (zeros|uniform)", line)]
    assert len(schemes) == 2 * len(SMOKE.schemes) + 2  # two of them on the larger network
    assert sum(", larger |" in line for line in schemes) == 2


def test_two_studies_on_one_data_set_both_have_a_section(study_store):
    """The newest once replaced all others of its experiment and data set."""
    shelf = studies.collect(Store())
    twice = studies.Shelf([*shelf.studies, *shelf.studies], [])
    text = page.html(twice, ledger.build(twice.studies))
    assert text.count('class="study"') == 2
    assert text.count("<b>Weight initialisation</b>: 2 studies") == 1
    assert 'id="beside"' not in page.html(shelf, ledger.build(shelf.studies))


def test_the_first_screen_says_what_was_run_and_what_would_decide_it(study_store):
    shelf = studies.collect(Store())
    (study,) = shelf.studies

    def first() -> str:
        text = page.html(shelf, ledger.build(shelf.studies))
        return re.search(r'<section id="latest">(.*?)</section>', text, re.DOTALL)[1]

    assert study.size == "10 trials, 5 arms, 2 seeds"
    badge = '<span class="badge">synthetic data</span></h2>'
    assert badge not in first()
    assert re.findall(r"undecided</span>.* <small>(.*)</small></li>", first()) == [
        "Verdicts begin at 10 seeds; here are 2."
    ]
    study.trials.attrs["card"] = {**study.card, "synthetic": True}
    assert badge in first()
    assert "Intervals of claims are wider" in first()
    for name, entry in study.entries.items():
        study.entries[name] = replace(entry, decision=None)
    assert "No claim was tested." in first()
    assert "Intervals of claims" not in first()


def test_filters_and_bad_options(study_store, tmp_path, capsys):
    with pytest.raises(UserError, match="no study of autoencoders to report"):
        main(Config(study=("autoencoders",)))
    with pytest.raises(
        UserError, match="--study autoencoder: one or more of autoencoders, dog_app"
    ):
        main(Config(study=("autoencoder",)))
    with pytest.raises(UserError, match="no study begun since 2999-01-01 to report"):
        main(Config(since="2999-01-01"))
    for since in ("tomorrow", "0001-01-01", "20240101", "2024-02-30", "2024-01-01T00:00"):
        with pytest.raises(UserError, match=f"--since {since}: a day of 1970 or later, YYYY-MM-DD"):
            Config(since=since)
    capsys.readouterr()
    main(Config(format="md", out=Path("-")))
    assert capsys.readouterr().out.startswith("# Claims of a CNN course")
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="--out"):
        main(Config(out=tmp_path / "file" / "index.html"))


def test_text_is_escaped_and_backticks_are_code():
    assert page.code("run `a <b>` & go") == "run <code>a &lt;b&gt;</code> &amp; go"


def test_photographs_are_embedded_with_losses_and_charts_are_not():
    def embedded(pixels):
        content = io.BytesIO()
        Image.fromarray(pixels).save(content, "png")
        data = pictures.webp(content.getvalue())
        seen = np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(float)
        return content.getvalue(), data, seen

    y, x = np.mgrid[:500, :500] / 20
    scene = np.stack([np.sin(x + y), np.sin(x * y / 9), np.cos(y)], -1) * 90 + 128
    scene += np.random.default_rng(0).normal(0, 3, scene.shape)
    before, data, seen = embedded(scene.clip(0, 255).astype(np.uint8))
    assert len(data) < len(before) / 4
    assert np.abs(seen - scene).mean() < 5
    chart = np.random.default_rng(0).integers(0, 255, (90, 90, 3), np.uint8)
    assert (embedded(chart)[2] == chart).all()


def draw(height, colour="red"):
    drawn.append(height)
    figure = Figure(figsize=(1, height))
    figure.add_subplot().plot([1, 2], color=colour)
    return figure


drawn = []


def test_a_figure_is_drawn_anew_only_when_what_it_shows_changes(tmp_path, monkeypatch):
    monkeypatch.setattr(pictures, "KEPT", tmp_path)
    monkeypatch.setattr(pictures, "_drawing_code", lambda module: "1")
    frame = pd.DataFrame({"x": [1, 2]})

    def shown(height=1, caption="a", frame=frame):
        return pictures.png(Exhibit(caption=caption, table=frame, figure=partial(draw, height)))

    drawn.clear()
    assert shown() == shown(caption="another caption")
    assert drawn == [1]
    assert shown(2) != shown()
    assert drawn == [1, 2]
    monkeypatch.setattr(pictures, "_drawing_code", lambda module: "2")
    shown()
    assert drawn == [1, 2, 1]


def test_a_figure_is_packed_once(tmp_path, monkeypatch):
    monkeypatch.setattr(pictures, "KEPT", tmp_path)
    exhibit = Exhibit(caption="a", table=pd.DataFrame(), figure=partial(draw, 1))
    first, packed = pictures.address(exhibit), pictures.webp(pictures.png(exhibit))
    assert base64.b64decode(first.removeprefix("data:image/webp;base64,")) == packed
    monkeypatch.setattr(pictures, "webp", lambda content: b"packed again")
    assert pictures.address(exhibit) == first


@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
def test_a_phone_shows_the_page_whole_and_its_filter_works(text, tmp_path):
    assert on_a_phone(text, tmp_path, FILTER) == {
        "tested": ["claim-W6"],  # three schemes test no more
        "none": [],
        "found": ["claim-W6"],
        "escaped": 1,
        "lesson": 0,
        "untested": ["claim-D7a", "claim-D7b", "claim-D7c"],
        "followed": True,
        "folded": 0,
        "wide": 0,
        "images": 8,
        "broken": 0,
        "nameless": 0,
        "labelless": 0,
        "small": 0,  # wide figures are panned, as their letters would be too small
    }


def test_figures_for_a_paper_are_vectors_with_text(study_store, tmp_path, monkeypatch):
    monkeypatch.setattr(studies.Study, "exhibits", property(chosen))
    main(Config(out=tmp_path / "r.html", figures=tmp_path / "figures"))
    (folder,) = (tmp_path / "figures").iterdir()
    assert folder.name.startswith("init_schemes-")
    made = sorted(path.name for path in folder.iterdir())
    assert made == ["accuracy.csv", "accuracy.pdf", "accuracy.svg", "schemes.csv"]
    assert ">uniform-rule</text>" in (folder / "accuracy.svg").read_text()
    assert (folder / "accuracy.pdf").read_bytes().startswith(b"%PDF")
    rows = pd.read_csv(folder / "accuracy.csv")
    assert len(rows) == 6
    with pytest.raises(UserError, match=r"--figures .*: a folder that can be written is wanted"):
        main(Config(out=tmp_path / "r.html", figures=tmp_path / "r.html" / "below"))


def chosen(study):
    made = judge.exhibits(study.trials)
    return {name: made[name] for name in ("schemes", "accuracy")}


def test_reports_load_no_torch(study_store, tmp_path):
    """Judging and drawing run no network."""
    out = tmp_path / "r.html"
    code = "import sys; sys.argv = ['reports', '--out', sys.argv[1]]; import runpy\n"
    code += "try: runpy.run_module('reports', run_name='__main__')\nexcept SystemExit: pass\n"
    code += "print([name for name in ('torch', 'torchvision') if name in sys.modules])"
    command = [sys.executable, "-c", code, str(out)]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert out.exists(), found.stderr
    assert found.stdout.rstrip().endswith("[]")


def test_the_command_line_answers_at_once():
    code = "import sys; sys.argv = ['reports', '--help']; import runpy\n"
    code += "try: runpy.run_module('reports', run_name='__main__')\nexcept SystemExit: pass\n"
    code += "print([name for name in ('torch', 'mlflow', 'pandas') if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert "--format" in found.stdout
    assert found.stdout.rstrip().endswith("[]")


def test_a_study_is_loaded_by_its_data_and_its_run(study_store):
    (run,) = Store().runs("tags.role = 'study'")
    assert reports.load("init_schemes", "digits", run.id).attrs["study"] == "init_schemes"
    with pytest.raises(UserError, match=r"^init_schemes, run ab: no such study in the MLflow"):
        reports.load("init_schemes", run="ab")
    with pytest.raises(UserError, match=rf"^init_schemes on mnist, run {run.id}: no such"):
        reports.load("init_schemes", "mnist", run.id)


def test_every_file_that_was_left_out_is_named(studied, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{studied}/mlflow.db")
    shelf = studies.collect(Store())
    broken = [{"path": f"{n}.jpg", "reason": "cut off"} for n in range(475)]
    shelf.studies[0].trials.attrs["card"]["quarantined"] = broken
    text = page.html(shelf, [])
    assert "475 files could not be read and were left out" in text
    assert all(f"<code>{n}.jpg</code>: cut off" in text for n in range(475))
