"""Pictures of the dashboard of a running daemon (DEFUSED_URL). Not a test; what the pages must do is tested beside it.

  screenshots.py FOLDER              those of docs/dashboard.md, of the demo's daemon: `./dev screenshots`
  screenshots.py FOLDER NAME=PATH …  these pages
"""
import json
import os
import sys
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from chromium import browser, colours  # noqa: E402

URL = os.environ["DEFUSED_URL"]


def ask(path):
    with urllib.request.urlopen(URL + path, timeout=30) as answer:
        return json.load(answer)


def pages():
    """Name of the file, the page, and how much of it is shown."""
    if sys.argv[2:]:
        yield from ((*word.split("=", 1), 1000) for word in sys.argv[2:])
        return
    regions = ask("/v1/models/digits/regions")["regions"]
    planted = max((one for one in regions if one["first_version"] == "3"), key=lambda one: one["status"] == "new")
    corrections = [job["id"] for job in ask("/v1/jobs")["jobs"] if job.get("kind") == "correction"]
    yield "home", "/", 700
    yield "releases", "/models/digits", 900
    yield "regions", "/models/digits/regions", 800
    yield "version", "/models/digits/versions/3", 2600
    yield "region", f"/regions/{planted['id']}", 1500
    yield "queue", "/queue?show=second", 900
    for job in corrections[:1]:
        yield "correction", f"/corrections/{job}", 1300


def main():
    out = Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    driver = browser()
    try:
        colours(driver, "light")
        for name, path, height in pages():
            driver.set_window_size(1100, height)
            driver.get(URL + path)
            if not driver.title or "404" in driver.title:
                sys.exit(f"{path} is no page")
            driver.save_screenshot(str(out / f"{name}.png"))
            print(f"{out / name}.png  {path}")
    finally:
        driver.quit()


if __name__ == "__main__":
    main()
