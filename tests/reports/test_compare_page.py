"""The page of a comparison: self-contained, whole on a phone, odd names as they are."""

import io
import re

import pandas as pd
import pytest

from core import cli
from reports import compare
from tests.reports.browser import CHROMIUM, on_a_phone


def rendered(planted, tmp_path, kind, *options):
    out = tmp_path / f"found.{kind}"
    arguments = [*options, "--uri", str(planted), "--format", kind, "--out", str(out)]
    compare.main(cli.parse(compare.Config, "", arguments))
    return out.read_text()


def test_the_page_is_self_contained_and_draws_every_run(planted, tmp_path):
    text = rendered(planted, tmp_path, "html", "epochs", "--metric", "val_accuracy")
    addresses = re.findall(r"""(?:src|href)=["']([^"']*)""", text)
    links = [each for each in addresses if each.startswith("http://127.0.0.1:5000/#/experiments/")]
    assert len(links) == 10
    assert set(addresses) == {"data:,", *links}
    assert text.count('<circle class="run"') == 10
    assert text.count('<polyline class="run"') == 10
    assert text.count('<polyline class="mean"') == text.count("<polygon") == 2
    assert "mlflow ui --backend-store-uri sqlite:///" in text


def test_odd_names_are_shown_as_they_are(planted, tmp_path):
    text = rendered(planted, tmp_path, "html", "odd names/ü & <b>")
    assert "<script>" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "<h1>odd names/ü &amp; &lt;b&gt;: loss compared</h1>" in text
    lines = rendered(planted, tmp_path, "md", "odd names/ü & <b>").splitlines()
    table = [line for line in lines if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in table} == {6}
    table = pd.read_csv(io.StringIO(rendered(planted, tmp_path, "csv", "odd names/ü & <b>")))
    arms = ["<script>alert(1)</script>", "a|b `c` $x_1$", '""', "x y"]
    assert table["arm"].tolist() == [*arms, *arms[1:]]
    assert table["kind"].tolist() == ["arm"] * 4 + ["difference"] * 3


@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
def test_a_phone_shows_the_page_whole(planted, tmp_path):
    text = rendered(planted, tmp_path, "html", "odd names/ü & <b>")
    assert on_a_phone(text, tmp_path) == {"wide": 0, "images": 0, "broken": 0, "nameless": 0}
