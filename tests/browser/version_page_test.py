"""The page of a version in Chromium: its map by pointer and by keyboard, what it shows without scripts, on a phone and in the dark."""
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from pages import PageTest  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))
from harness import main, until  # noqa: E402

PAGE = "/models/digits/versions/3"


class VersionPage(PageTest):
    def find(self, css):
        return self.driver.find_elements(By.CSS_SELECTOR, css)

    def words(self):
        return self.driver.execute_script("return document.querySelector('.map .words').textContent")

    def test_the_page_says_everything_and_asks_nobody_else(self):
        self.open(PAGE)
        self.names_are_there(PAGE)
        text = self.text()
        for heading in ("Checks", "Findings", "Where answers moved", "Images it breaks", "Bug regions", "The map"):
            self.assertIn(heading, text)
        self.assertGreater(len(self.find(".bar .limit")), 0)
        self.assertGreater(len(self.find(".confusion td.worse1, .confusion td.worse2, .confusion td.worse3")), 0)
        self.assertGreater(len(self.find(".points .p")), 200)
        self.assertGreater(len(self.find(".points .flip")), 0)
        self.assertGreater(len(self.find(".points .ring")), 0)
        for picture in self.find(".pictures img"):
            self.driver.execute_script("arguments[0].loading = 'eager'", picture)
        until(lambda: self.driver.execute_script(
            "return [...document.querySelectorAll('.pictures img')].every((i) => i.complete && i.naturalWidth > 0)"), "all pictures", 30)
        self.shoot("version-page")
        self.nothing_amiss(PAGE)

    def test_the_pointer_and_the_keyboard_show_the_image_of_a_point(self):
        self.open(PAGE)
        self.assertEqual(self.words(), "")
        spot = self.driver.execute_script("""
            const mark = document.querySelector('.points .flip');
            mark.scrollIntoView({block: 'center'});
            const box = mark.getBoundingClientRect();
            return [box.x + box.width / 2, box.y + box.height / 2];""")
        self.driver.execute_cdp_cmd("Input.dispatchMouseEvent", {"type": "mouseMoved", "x": spot[0], "y": spot[1]})
        until(self.words, "words on the point", 10)
        self.assertIn("read as", self.words())
        until(lambda: self.find(".picture image"), "its picture", 10)
        tile = self.driver.execute_script("return document.querySelector('.picture').getAttribute('viewBox')")
        self.assertEqual(tile.split()[2:], ["20", "20"])

        self.open(PAGE)
        drawing = self.find(".points")[0]
        for _ in range(400):
            if self.driver.switch_to.active_element == drawing:
                break
            self.driver.switch_to.active_element.send_keys(Keys.TAB)
        self.assertEqual(self.driver.switch_to.active_element, drawing, "the map cannot be reached by tab")
        first = self.words()
        self.assertTrue(first, "focus shows a point")
        seen = {first}
        for key in (Keys.ARROW_LEFT, Keys.ARROW_UP, Keys.ARROW_RIGHT, Keys.ARROW_DOWN, Keys.PAGE_DOWN):
            drawing.send_keys(key)
            seen.add(self.words())
        self.assertGreater(len(seen), 2)
        self.assertEqual(len(self.find(".picture image")), 1)
        self.nothing_amiss("the map by keyboard")

    def test_both_projections_can_be_had(self):
        self.open(PAGE)
        self.assertEqual(self.find("nav [aria-current=page]")[0].text, "t-SNE")
        before = self.driver.execute_script("return document.querySelector('.points .p').getAttribute('x')")
        self.driver.get(self.url + PAGE + "?map=pca#map")
        self.assertEqual(self.find("nav [aria-current=page]")[0].text, "PCA")
        self.assertNotEqual(before, self.driver.execute_script("return document.querySelector('.points .p').getAttribute('x')"))
        self.shoot("version-page-pca")
        self.nothing_amiss("PCA")

    def test_it_can_be_read_without_scripts(self):
        self.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
        self.addCleanup(self.driver.execute_cdp_cmd, "Emulation.setScriptExecutionDisabled", {"value": False})
        self.driver.get(self.url + PAGE)
        self.assertIn("The map in figures", self.find("main")[0].text)
        self.assertGreater(len(self.find(".points .p")), 200)

    def test_the_region_page_says_whether_the_bug_is_new(self):
        self.open(f"/regions/{self.region}")
        self.assertIn("Is it new?", self.text())
        self.assertIn("training image", self.text())
        for picture in self.find(".pictures img"):
            self.driver.execute_script("arguments[0].loading = 'eager'", picture)
        until(lambda: self.driver.execute_script(
            "return [...document.querySelectorAll('.pictures img')].every((i) => i.complete && i.naturalWidth > 0)"), "all pictures", 30)
        self.names_are_there("region")
        self.shoot("region-new")
        self.nothing_amiss("region")


if __name__ == "__main__":
    main()
