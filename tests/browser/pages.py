"""What the tests of pages share: a real daemon with three versions, the third with a planted bug, and a browser that looks at it."""
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from chromium import browser, colours  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))
from harness import BUILD, Gate  # noqa: E402

SHOTS = BUILD / "screenshots"


def every_page(test):
    """Name and path of each page, of the world that PageTest makes."""
    return [("home", "/"), ("model", "/models/digits"), ("version", "/models/digits/versions/3"), ("regions", "/models/digits/regions"),
            ("regions-unlabelled", "/models/digits/regions?show=unlabelled&sort=newest"), ("region", f"/regions/{test.region}"),
            ("queue", "/queue"), ("queue-model", "/models/digits/queue"), ("queue-second", "/queue?show=second"), ("waivers", "/waivers"),
            ("waiver-new", f"/waivers/new?model=digits&finding={test.region}"), ("jobs", "/jobs"), ("audit", "/audit")]


class PageTest(Gate):
    """One world for all tests of a class, which leave it as they found it; a browser for each."""

    @classmethod
    def setUpClass(cls):
        world = Gate("judged")  # any method's name: it runs none
        cls.addClassCleanup(world.doCleanups)
        Gate.setUp(world)
        world.with_incumbent()
        world.release(3, "planted.pt")
        world.assertEqual(world.judged(3)["verdict"], "fail")
        world.region = next(one["id"] for one in world.report(3)["regions"] if one["status"] == "new")
        cls.world = world
        SHOTS.mkdir(exist_ok=True)

    def setUp(self):
        for name in ("root", "registry", "state", "data", "config", "daemon", "token", "environment", "url", "region"):
            setattr(self, name, getattr(self.world, name))
        self.driver = browser()
        self.addCleanup(self.driver.quit)

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
        # What is folded away has no name until it is opened.
        self.driver.execute_script("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        for control in self.driver.find_elements(By.CSS_SELECTOR, "input, button, a"):
            self.assertTrue(control.accessible_name.strip(), f"{path}: a control without a name: {control.get_attribute('outerHTML')[:200]}")

    def shoot(self, name):
        for kind, width, scheme in (("wide", 1280, "light"), ("narrow", 390, "light"), ("dark", 1280, "dark")):
            colours(self.driver, scheme)
            self.driver.set_window_size(width, 900)
            self.driver.save_screenshot(str(SHOTS / f"{name}-{kind}.png"))
            if kind == "narrow":
                wider = self.driver.execute_script("return document.documentElement.scrollWidth - document.documentElement.clientWidth")
                self.assertLessEqual(wider, 0, f"{name} scrolls sideways on a phone")
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
        self.driver.set_window_size(1280, 900)

