"""Headless Chromium on a served page; nothing may leave this machine, nothing may be logged as an error."""

import os
import shutil
from urllib.parse import urlparse

import pytest

playwright_api = pytest.importorskip("playwright.sync_api")

CHROMIUM = (
    os.environ.get("DIFFUSE_UI_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
)
FLAGS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]


@pytest.fixture(scope="module")
def chromium():
    """A browser for one module: as long as Playwright runs, its event loop counts as running in this thread."""
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine; set DIFFUSE_UI_CHROMIUM to one")
    with playwright_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(chromium):
    """A page that fails the test when it logs an error or asks another machine for anything."""
    page = chromium.new_page(viewport={"width": 1280, "height": 800})
    trouble = []
    page.on("console", lambda message: trouble.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: trouble.append(str(error)))
    page.on("request", lambda request: trouble.append(request.url) if is_elsewhere(request.url) else None)
    yield page
    page.close()
    assert trouble == []


def is_elsewhere(url):
    parts = urlparse(url)
    return parts.scheme in ("http", "https", "ws", "wss") and parts.hostname not in ("127.0.0.1", "localhost")
