"""Takes the pictures of docs/ from a sample shop that is made for it and thrown away afterwards.

Here: which page becomes which picture. Not here: the pages.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
PICTURES = {
    "holding": "/c/kedai/holding",
    "record": "/c/kedai/records/netshop/order/240001",
}
LOADED = "Everything has arrived"
PATIENCE = 240


def main() -> int:
    """Make all pictures."""
    home = Path(tempfile.mkdtemp(prefix="clearpost-pictures-"))
    notes = home / "notes"
    with notes.open("w") as file:
        shop = subprocess.Popen(
            [Path(sys.executable).parent / "clearpost", "demo", "--port", "0"],
            env={**os.environ, "CLEARPOST_HOME": str(home)},
            stderr=file,
        )
    try:
        told = _wait(notes, shop)
        address = re.search(r"http://\S+", told)
        person = re.search(r"(finance@\S+)\s+(\S+)", told)
        if address is None or person is None:
            return 1
        _take(address[0], person[1], person[2])
    finally:
        shop.terminate()
        shop.wait(timeout=60)
        shutil.rmtree(home, ignore_errors=True)
    return 0


def _wait(notes: Path, shop: subprocess.Popen[bytes]) -> str:
    limit = time.monotonic() + PATIENCE
    while LOADED not in notes.read_text("utf-8"):
        if shop.poll() is not None or time.monotonic() > limit:
            sys.exit(notes.read_text("utf-8"))
        time.sleep(0.2)
    return notes.read_text("utf-8")


def _take(address: str, email: str, password: str) -> None:
    program = next(
        found
        for name in ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
        if (found := shutil.which(name))
    )
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 860})
        page.goto(f"{address}/signin")
        page.fill("input[name=email]", email)
        page.fill("input[name=password]", password)
        page.click("button[type=submit]")
        for name, path in PICTURES.items():
            page.goto(address + path)
            _save(page, name)
        browser.close()


def _save(page: Page, name: str) -> None:
    page.wait_for_load_state("networkidle")
    page.screenshot(path=ROOT / "docs" / f"{name}.png")
    sys.stdout.write(f"docs/{name}.png\n")


if __name__ == "__main__":
    sys.exit(main())
