"""The report of a real study: what it holds, and how it behaves in a browser."""

import base64
import html
import io
import json
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from core.errors import UserError
from core.provenance import ROOT
from core.tracking import Store
from experiments.init_schemes import SMOKE
from reports import page, studies
from reports.__main__ import Config, main
from reports.verdicts import claims

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("chrome")
CHECK = """<script>addEventListener("load", () => {
  const frame = document.querySelector("iframe"), inner = frame.contentWindow;
  const page = inner.document.documentElement, images = [...inner.document.images];
  const seen = {wide: page.scrollWidth - page.clientWidth,
    images: images.length, broken: images.filter(i => !i.naturalWidth).length,
    nameless: images.filter(i => !i.alt).length};
  document.body.textContent = JSON.stringify(seen);
})</script>"""


@pytest.fixture(scope="module")
def text(studied, tmp_path_factory):
    out = tmp_path_factory.mktemp("report") / "index.html"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{studied}/mlflow.db")
        main(Config(out=out))
    return out.read_text()


def test_the_page_is_self_contained(text):
    addresses = re.findall(r"""(?:src|href)=["']([^"']*)""", text)
    assert all(each.startswith(("data:", "#")) for each in addresses)
    anchors = {each[1:] for each in addresses if each.startswith("#")}
    assert anchors <= set(re.findall(r'id="([^"]+)"', text))
    assert text.count("data:image/png") == 7


def test_the_page_has_every_claim_and_its_provenance(text):
    for name, claim in claims().items():
        assert page.code(claim.statement) in text, name
    assert "359 images" in text
    assert "2 seeds" in text
    assert "Run it again" in text
    assert "load_digits" in text


def test_json_is_the_study_unrounded(study_store, tmp_path):
    main(Config(format="json", out=tmp_path / "r.json"))
    made = json.loads((tmp_path / "r.json").read_text())
    assert set(made) == {"schema", "written", "ledger", "studies", "left_out"}
    assert made["schema"] == page.SCHEMA
    assert [line["claim"] for line in made["ledger"]] == list(claims())
    (study,) = made["studies"]
    assert study["config"]["seeds"] == SMOKE.seeds
    lines = {line["claim"]: line for line in made["ledger"]}
    (entry,) = lines["W6"]["entries"]
    (row,) = [row for row in study["verdicts"] if row["claim"] == "W6"]
    assert entry["parts"] == row["parts"]
    assert entry["run"] == study["run"]
    assert lines["W6"]["verdict"] == row["verdict"]


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
    assert len(schemes) == 2 * len(SMOKE.schemes)


def test_an_incomplete_study_is_left_out_and_counted(study_store, store):
    # `store` is the later fixture: an empty store, on which an unfinished study is begun.
    one = Store()
    tags = {"role": "study", "study": "init_schemes", "data": "digits"}
    one.end(one.create(one.experiment("init_schemes"), "broken off", tags), "KILLED")
    shelf = studies.collect(one)
    assert (shelf.studies, shelf.left_out) == ([], {"KILLED": 1})
    with pytest.raises(UserError, match="1 are not complete"):
        main(Config())


def test_filters_and_bad_options(study_store, tmp_path):
    with pytest.raises(UserError, match="no complete study"):
        main(Config(study=("autoencoders",)))
    with pytest.raises(UserError, match="no complete study"):
        main(Config(since="2999-01-01"))
    for since in ("tomorrow", "0001-01-01", "20240101", "2024-02-30", "2024-01-01T00:00", ""):
        with pytest.raises(UserError, match=f"--since {since}: a day of 1970 or later, YYYY-MM-DD"):
            Config(since=since)
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="--out"):
        main(Config(out=tmp_path / "file" / "index.html"))


def test_text_is_escaped_and_backticks_are_code():
    assert page.code("run `a <b>` & go") == "run <code>a &lt;b&gt;</code> &amp; go"


def test_photographs_are_embedded_with_losses_and_charts_are_not(tmp_path):
    def embedded(pixels, kind):
        Image.fromarray(pixels).save(tmp_path / "a.png")
        start = f"data:image/{kind};base64,"
        text = page.address(tmp_path / "a.png")
        assert text.startswith(start)
        data = base64.b64decode(text.removeprefix(start))
        return data, np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(float)

    y, x = np.mgrid[:500, :500] / 20
    scene = np.stack([np.sin(x + y), np.sin(x * y / 9), np.cos(y)], -1) * 90 + 128
    scene += np.random.default_rng(0).normal(0, 3, scene.shape)
    data, seen = embedded(scene.clip(0, 255).astype(np.uint8), "webp")
    assert len(data) < (tmp_path / "a.png").stat().st_size / 4
    assert np.abs(seen - scene).mean() < 5
    data, seen = embedded(np.full((400, 400, 3), 7, np.uint8), "png")
    assert data == (tmp_path / "a.png").read_bytes()


def test_an_interval_is_drawn_to_scale_with_its_margins():
    part = {"value": 0.0, "low": -1.0, "high": 1.0, "margin": 0.5, "target": 0.0}
    same, more = ({**part, "test": test} for test in ("equivalent", "superior"))
    (first, second) = page.forest({"parts": [same, more]}, width=216)
    assert (first["low"], first["value"], first["high"]) == (8.0, 108.0, 208.0)
    assert first["marks"] == [58.0, 158.0]
    assert second["marks"] == [158.0]
    (flat,) = page.forest({"parts": [{**more, "low": 0.0, "high": 0.0, "margin": 0.0}]})
    assert flat["low"] == flat["value"] == flat["high"] == flat["marks"][0]


@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
def test_a_phone_shows_the_page_whole(text, tmp_path):
    inner = html.escape(text, quote=True)
    frame = f'<iframe width="390" height="844" srcdoc="{inner}"></iframe>'
    (tmp_path / "phone.html").write_text(f"<body>{frame}{CHECK}</body>")
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"]
    command += ["--disable-background-networking", "--disable-sync", "--enable-logging=stderr"]
    command += [f"--user-data-dir={tmp_path}/profile", "--dump-dom", f"{tmp_path}/phone.html"]
    found = subprocess.run(command, capture_output=True, text=True, timeout=120)
    seen = json.loads(re.search(r"\{.*\}", found.stdout).group())
    assert seen == {"wide": 0, "images": 7, "broken": 0, "nameless": 0}
    assert "CONSOLE" not in found.stderr


def test_the_command_line_answers_at_once():
    code = "import sys; sys.argv = ['reports', '--help']; import runpy\n"
    code += "try: runpy.run_module('reports', run_name='__main__')\nexcept SystemExit: pass\n"
    code += "print([name for name in ('torch', 'mlflow', 'pandas') if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert "--format" in found.stdout
    assert found.stdout.rstrip().endswith("[]")
