"""Make the README's images, docs/images/*.png, of a run of the demo.

    scripts/demo.sh
    python scripts/make_screenshots.py runs/demo-1

A browser without a window photographs the top of both pages; chromium, google-chrome and firefox
are looked for.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / "docs" / "images"
WIDTH, HEIGHT = 1100, 900
COLOURS = 96
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome", "firefox")


def find_browser() -> str:
    """Return the first browser that is installed."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        sys.exit(f"make_screenshots: no browser here; install one of {', '.join(BROWSERS)}")
    return found


def photograph(browser: str, page: Path, image: Path) -> None:
    """Write the top of a page as a PNG of few colors."""
    command = [browser, "--headless", f"--screenshot={image}", f"--window-size={WIDTH},{HEIGHT}"]
    if "firefox" in browser:
        command = [
            browser,
            "--headless",
            "--screenshot",
            str(image),
            f"--window-size={WIDTH},{HEIGHT}",
        ]
    else:
        command += ["--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
    subprocess.run(
        [*command, page.resolve().as_uri()], check=True, capture_output=True, timeout=120
    )
    with Image.open(image) as shot:
        shot.convert("RGB").quantize(COLOURS).save(image, optimize=True)


def main() -> None:
    """Make both images."""
    demo = Path(sys.argv[1])
    browser = find_browser()
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        inspection = Path(folder) / "inspection.html"
        data = Path("data/annotations.json")
        model = ROOT / "configs" / "demo" / "language_model"
        subprocess.run(
            ["inspect-data", str(data), "--language-model", str(model), "--html", str(inspection)],
            cwd=demo,
            check=True,
            capture_output=True,
        )
        for name, made in (("inspection", inspection), ("report", demo / "teacher/report.html")):
            text = made.read_text(encoding="utf-8").replace(f"{demo.resolve()}/", "")
            page = Path(folder) / f"{name}.html"
            page.write_text(text, encoding="utf-8")
            photograph(browser, page, IMAGES / f"{name}.png")
            print(f"docs/images/{name}.png: {(IMAGES / f'{name}.png').stat().st_size} bytes")


if __name__ == "__main__":
    main()
