"""The dashboard in Chromium: every page, a label given by keyboard alone and what it makes of the verdict, nothing on the console, nothing
asked of another host. Screenshots of each page, wide, narrow and dark, go to <build>/screenshots for people to look at.
"""
import json
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))
try:
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys
except ImportError:
    print("SKIPPED: python3-selenium is not installed")
    sys.exit(77)
if not Path("/usr/bin/chromedriver").exists():
    print("SKIPPED: chromium-driver is not installed")
    sys.exit(77)

from harness import BUILD, Gate, main, until  # noqa: E402

SHOTS = BUILD / "screenshots"


def browser():
    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for word in ("--headless=new", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking"):
        options.add_argument(word)
    if os.geteuid() == 0:
        options.add_argument("--no-sandbox")  # Chromium refuses to run as root with it
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)
    driver.set_page_load_timeout(60)
    return driver


class PageTest(Gate):
    """A daemon with a failed version 3, a browser, and what every page must bear."""

    def setUp(self):
        super().setUp()
        SHOTS.mkdir(exist_ok=True)
        self.with_incumbent()
        self.release(3, "planted.pt")
        self.assertEqual(self.judged(3)["verdict"], "fail")
        self.driver = browser()
        self.addCleanup(self.driver.quit)
        regions = [r for r in self.report(3)["regions"] if r["status"] == "new"]
        self.region = regions[0]["id"]

    def open(self, path):
        self.driver.get(self.url + path)
        self.assertNotIn("{{", self.driver.page_source)

    def text(self):
        # In one go: a page that is being loaded anew has no element to hold on to.
        return self.driver.execute_script("const main = document.querySelector('main'); return main ? main.innerText : '';")

    def nothing_amiss(self, path):
        """No word on the console, no request to another host since the last time it was asked."""
        said = [entry for entry in self.driver.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]
        self.assertEqual(said, [], path)
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                asked = message["params"]["request"]["url"]
                self.assertTrue(asked.startswith((self.url, "data:", "chrome:", "about:")), f"{path} asks {asked}")

    def names_are_there(self, path):
        """What a person who cannot see the page is told: a title, one heading of the first order, names of controls, texts for pictures."""
        self.assertTrue(self.driver.title)
        self.assertEqual(len(self.driver.find_elements(By.TAG_NAME, "h1")), 1, path)
        self.assertEqual(self.driver.find_element(By.TAG_NAME, "html").get_attribute("lang"), "en")
        for picture in self.driver.find_elements(By.TAG_NAME, "img"):
            self.assertIsNotNone(picture.get_attribute("alt"), path)
        for control in self.driver.find_elements(By.CSS_SELECTOR, "input, button, a"):
            self.assertTrue(control.accessible_name.strip(), f"{path}: a control without a name: {control.get_attribute('outerHTML')[:200]}")

    def shoot(self, name):
        for kind, width, scheme in (("wide", 1280, "light"), ("narrow", 390, "light"), ("dark", 1280, "dark")):
            self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]})
            self.driver.set_window_size(width, 900)
            self.driver.save_screenshot(str(SHOTS / f"{name}-{kind}.png"))
            if kind == "narrow":
                wider = self.driver.execute_script("return document.documentElement.scrollWidth - document.documentElement.clientWidth")
                self.assertLessEqual(wider, 0, f"{name} scrolls sideways on a phone")
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
        self.driver.set_window_size(1280, 900)


class Pages(PageTest):
    def test_every_page_stands(self):
        pages = {"home": "/", "model": "/models/digits", "version": "/models/digits/versions/3", "regions": "/models/digits/regions",
                 "regions-unlabelled": "/models/digits/regions?show=unlabelled&sort=newest", "region": f"/regions/{self.region}",
                 "audit": "/audit"}
        for name, path in pages.items():
            with self.subTest(page=name):
                self.open(path)
                self.names_are_there(path)
                self.shoot(name)
                self.nothing_amiss(path)
        self.open("/models/digits/regions")
        self.driver.find_element(By.CSS_SELECTOR, f"a[href='/regions/{self.region}']").click()
        self.assertIn(self.region, self.text())
        self.assertGreater(len(self.driver.find_elements(By.CSS_SELECTOR, ".pictures img")), 0)

    def finding_of_region(self):
        verdict = self.http("/v1/models/digits/versions/3/verdict")[2]
        return [f for f in verdict["findings"] if f["region"] == self.region and f["decision"] == "violation"]

    def test_a_label_given_by_keyboard_changes_the_verdict(self):
        self.assertTrue(self.finding_of_region(), "the planted region blocks")
        self.open(f"/regions/{self.region}")
        self.choose_by_keyboard("ambiguous")
        until(lambda: "ambiguous" in self.text(), "the page to show the label", 30)
        self.assertEqual(self.http(f"/v1/regions/{self.region}")[2]["human_label"], "ambiguous")
        until(lambda: not self.finding_of_region(), "the verdict to be decided again", 60)
        self.open("/audit")
        self.assertIn("label", self.text())
        self.open(f"/regions/{self.region}")
        self.choose_by_keyboard("")
        until(lambda: self.finding_of_region(), "the verdict to be as it was", 60)
        self.nothing_amiss("labelling")

    def test_a_wrong_token_is_told_to_the_person(self):
        self.token, right = "nonsense", self.token
        self.open(f"/regions/{self.region}")
        self.choose_by_keyboard("confirmed")
        status = self.driver.find_element(By.TAG_NAME, "output")
        until(lambda: status.text.strip() not in ("", "…"), "an answer", 30)
        self.assertIsNone(self.http(f"/v1/regions/{self.region}", token=right)[2]["human_label"])

    def choose_by_keyboard(self, label):
        """Tab to the answers, choose one, tab on to the token and the button: no mouse."""
        def focused():
            return self.driver.switch_to.active_element
        for _ in range(60):
            if focused().get_attribute("name") == "label":
                break
            focused().send_keys(Keys.TAB)
        self.assertEqual(focused().get_attribute("name"), "label", "the answers cannot be reached by tab")
        focused().send_keys(Keys.SPACE)
        for _ in range(5):
            if focused().get_attribute("value") == label and focused().get_attribute("name") == "label":
                break
            focused().send_keys(Keys.ARROW_DOWN)
        self.assertEqual(focused().get_attribute("value"), label)
        for _ in range(6):
            focused().send_keys(Keys.TAB)
            if focused().get_attribute("name") == "token":
                break
        focused().send_keys(Keys.CONTROL, "a", Keys.NULL, self.token, Keys.ENTER)


if __name__ == "__main__":
    main()
