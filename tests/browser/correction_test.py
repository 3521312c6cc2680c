"""A failed version is repaired from its page, by keyboard alone; the page of the correction tells how far it is and then what it repaired."""
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from pages import PageTest  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))
from harness import main, until  # noqa: E402


class Repairs(PageTest):
    def press_mend_it(self, token):
        def focused():
            return self.driver.switch_to.active_element
        self.open("/models/digits/versions/3")
        field = "form[data-order='/v1/models/digits/versions/3/correct'] input"
        self.assertEqual(len(self.driver.find_elements(By.CSS_SELECTOR, field)), 1)
        for _ in range(200):
            if focused().get_attribute("name") == "token":
                break
            focused().send_keys(Keys.TAB)
        self.assertEqual(focused().get_attribute("name"), "token", "the form cannot be reached by tab")
        focused().send_keys(Keys.CONTROL, "a", Keys.NULL, token, Keys.TAB)
        self.assertEqual(focused().text, "Repair it")
        focused().send_keys(Keys.ENTER)

    def test_a_version_is_mended_by_keyboard(self):
        self.open("/models/digits/versions/3")
        self.names_are_there("version")
        self.press_mend_it("nonsense")
        until(lambda: "not known" in self.text(), "the refusal to be told", 30)
        self.driver.get_log("browser")  # Chromium notes the 401 that was to come
        self.press_mend_it(self.token)
        until(lambda: "/corrections/" in self.driver.current_url, "the correction's page", 30)
        self.assertIn("Correction of digits 3", self.text())
        self.shoot("correction-open")
        # The form asks for the whole sweep; what a page shows of an end is seen of a shorter one as well.
        number = self.driver.current_url.rsplit("/", 1)[1]
        self.ctl("cancel", number, check=True)
        until(lambda: "cancelled" in self.text(), "the page to show the end by itself", 60)
        short = {"lambdas": [0.3, 3], "steps": 100}
        path = f"/corrections/{self.http('/v1/models/digits/versions/3/correct', 'POST', short, self.token)[2]['job']}"
        self.open(path)
        until(lambda: "Every run" in self.text(), "the page to show what was repaired", 400)
        self.names_are_there(path)
        self.assertIn(self.region, self.text())
        self.assertIn("defusectl correct --job", self.text())
        drawn = self.driver.execute_script("const p = document.querySelector('img.sweep'); return p.complete && p.naturalWidth > 0;")
        self.assertTrue(drawn, "the picture of the sweep")
        self.shoot("correction")
        self.nothing_amiss(path)
        self.open("/models/digits/versions/3")
        self.driver.find_element(By.CSS_SELECTOR, f"a[href='{path}']").click()
        self.assertIn("Before and after", self.text())


if __name__ == "__main__":
    main()
