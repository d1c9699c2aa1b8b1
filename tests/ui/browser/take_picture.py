"""Take the README's picture from the running app.

python tests/ui/browser/take_picture.py notebooks/images/app.png [--dark]
"""

import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

from diffuse_ui.app import App, free_port, serve

EVENT = "box(x, [2, 2.4], [0.6, 0.85]) and max[3.5, 4.5](x) < 0"


def main(path, *options):
    apps = []

    def make():
        apps.append(App("lorenz63", event=EVENT, num_samples=512))
        return apps[-1].page()

    port = free_port()
    server = serve(make, port=port, threaded=True)
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=shutil.which("chromium"), args=["--headless", "--no-sandbox", "--disable-gpu"]
            )
            dark = "--dark" in options
            page = browser.new_page(
                viewport={"width": 1500, "height": 1200},
                device_scale_factor=1.5,
                color_scheme="dark" if dark else "light",
            )
            page.goto(f"http://127.0.0.1:{port}/")
            page.wait_for_timeout(6000)
            page.get_by_role("button", name="Run", exact=True).click()
            page.wait_for_timeout(2500)
            page.screenshot(path=Path(path).with_suffix(".guided.png")) if "--stages" in options else None
            apps[-1].store.wait(300)
            page.wait_for_timeout(2500)
            page.screenshot(path=path)
            browser.close()
    finally:
        server.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
