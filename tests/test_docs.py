"""Every link of the documentation leads somewhere, and the site lists every page."""

import re
import tomllib

import pytest

from core.provenance import ROOT

PAGES = sorted((ROOT / "docs").rglob("*.md"))
LINK = re.compile(r"\]\(([^)#\s]+)[^)]*\)")


@pytest.mark.parametrize("page", [ROOT / "README.md", *PAGES], ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    links = [link for link in LINK.findall(page.read_text("utf-8")) if "://" not in link]
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_the_site_lists_every_page_once():
    site = tomllib.loads((ROOT / "zensical.toml").read_text("utf-8"))["project"]
    listed = [page for entry in site["nav"] for page in _pages(entry)]
    assert sorted(listed) == [str(page.relative_to(ROOT / "docs")) for page in PAGES]


def _pages(entry):
    if isinstance(entry, str):
        return [entry]
    parts = entry.values() if isinstance(entry, dict) else entry
    return [page for part in parts for page in _pages(part)]
