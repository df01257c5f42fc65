"""Pages in a real browser, where one is at hand."""

import html
import json
import re
import shutil
import subprocess

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("chrome")
CHECK = """<script>addEventListener("load", async () => {
  const inner = document.querySelector("iframe").contentWindow, html = inner.document, seen = {};
  const all = query => [...html.querySelectorAll(query)];
  STEPS
  const page = html.documentElement, images = all("img");
  seen.wide = page.scrollWidth - page.clientWidth;
  seen.images = images.length;
  seen.broken = images.filter(image => !image.naturalWidth).length;
  seen.nameless = images.filter(image => !image.alt).length;
  document.body.textContent = JSON.stringify(seen);
})</script>"""


def on_a_phone(text, folder, steps=""):
    """Show a page 390 pixels wide, do some steps, and return what is seen; it may not complain."""
    inner = html.escape(text, quote=True)
    frame = f'<iframe width="390" height="844" srcdoc="{inner}"></iframe>'
    (folder / "phone.html").write_text(f"<body>{frame}{CHECK.replace('STEPS', steps)}</body>")
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"]
    command += ["--disable-background-networking", "--disable-sync", "--enable-logging=stderr"]
    command += ["--virtual-time-budget=20000", f"--user-data-dir={folder}/profile"]
    command += ["--dump-dom", f"{folder}/phone.html"]
    found = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert "CONSOLE" not in found.stderr
    return json.loads(re.search(r"<body>(\{.*\})</body>", found.stdout).group(1))
