"""Every page of the dashboard against axe-core's rules for WCAG 2.1, levels A and AA, in light and dark, wide and narrow: contrast, names of
controls, headings, tables, focus. The report goes to <build>/screenshots/accessibility.md. axe-core comes from npm, pinned by package-lock.json; where
npm cannot give it, the test is skipped, saying so.
"""
import shutil
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from chromium import browser, colours  # noqa: E402
from pages import PageTest, SHOTS, every_page  # noqa: E402

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))
from harness import BUILD, main, until  # noqa: E402

HERE = Path(__file__).resolve().parent
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]
VIEWS = (("light", 1280), ("dark", 1280), ("light", 390))


def axe():
    """Its text, or why there is none."""
    folder = BUILD / "npm"
    script = folder / "node_modules/axe-core/axe.min.js"
    if not script.exists():
        if shutil.which("npm") is None:
            return None, "npm is not installed"
        folder.mkdir(exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / name, folder)
        done = subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=folder, capture_output=True, text=True)
        if done.returncode != 0:
            return None, "npm cannot give axe-core: " + done.stderr.strip()[-300:]
    return script.read_text(encoding="utf-8"), ""


class Accessibility(PageTest):
    def test_no_page_breaks_a_rule(self):
        lines = ["# Accessibility of the dashboard", "", f"axe-core {self.version()}, rules {', '.join(RULES)}.", "",
                 "| page | view | rules held | broken | to be looked at by a person |", "|---|---|---|---|---|"]
        broken = []
        for name, path in [*every_page(self), ("correction", self.corrected())]:
            for scheme, width in VIEWS:
                self.driver.set_window_size(width, 900)
                colours(self.driver, scheme)
                self.open(path)
                found = self.ask()
                lines.append(f"| {name} | {scheme}, {width} px | {len(found['passes'])} | {len(found['violations'])} | "
                             f"{', '.join(sorted(one['id'] for one in found['incomplete'])) or 'nothing'} |")
                broken += [f"{name} ({scheme}, {width} px): {one['id']}: {one['help']}: {node['html'][:160]} {node['failureSummary'][:200]}"
                           for one in found["violations"] for node in one["nodes"][:3]]
                self.assertGreater(len(found["passes"]), 10, f"{path}: too few rules met anything")
        SHOTS.mkdir(exist_ok=True)
        (SHOTS / "accessibility.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
        print("\n".join(lines))
        self.assertEqual(broken, [], "\n".join(broken))

    def corrected(self):
        """The page of a small correction that has ended."""
        job = self.http("/v1/models/digits/versions/3/correct", "POST", {"lambdas": [1], "steps": 20}, self.token)[2]["job"]
        until(lambda: self.http(f"/v1/jobs/{job}")[2]["state"] == "done", "a correction")
        return f"/corrections/{job}"

    def version(self):
        self.open("/")
        self.driver.execute_script(AXE)
        return self.driver.execute_script("return axe.version")

    def ask(self):
        self.driver.execute_script(AXE)
        return self.driver.execute_async_script(
            "const done = arguments[arguments.length - 1];"
            "axe.run(document, { runOnly: { type: 'tag', values: arguments[0] }, resultTypes: ['violations', 'incomplete', 'passes'] }).then(done);", RULES)


if __name__ == "__main__":
    AXE, problem = axe()
    if AXE is None:
        print("SKIPPED: " + problem)
        sys.exit(77)
    main()
