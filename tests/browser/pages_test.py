"""The dashboard in Chromium: every page, a label given by keyboard alone and what it makes of the verdict, nothing on the console, nothing
asked of another host. Screenshots of each page, wide, narrow and dark, go to <build>/screenshots for people to look at.
"""
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from pages import PageTest, every_page  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))
from harness import main, until  # noqa: E402


class Pages(PageTest):
    def test_every_page_stands(self):
        for name, path in every_page(self):
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
