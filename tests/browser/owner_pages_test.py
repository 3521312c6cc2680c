"""The pages of a release owner in Chromium: the queue answered by keyboard alone, a waiver made and taken back and the verdict following,
the page of jobs changing by itself while a version is judged; nothing on the console, nothing asked of another host.
"""
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from pages import PageTest  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))
from harness import main, until  # noqa: E402


class OwnerPages(PageTest):
    def keys(self, *words):
        self.driver.switch_to.active_element.send_keys(*words)

    def with_token(self):
        """As a person has it who gave the token once in this tab."""
        self.open("/queue")
        self.driver.execute_script("sessionStorage.setItem('token', arguments[0])", self.token)

    def left(self):
        found = self.driver.execute_script("const left = document.querySelector('.left'); return left ? left.innerText : '0';")
        return int(found)

    def test_the_queue_is_worked_off_by_keyboard_alone(self):
        self.with_token()
        self.open("/models/digits/queue")
        before = self.left()
        self.assertGreater(before, 0)
        answered = []
        while self.left() > 0 and len(answered) < 2:
            region = self.driver.find_element(By.CSS_SELECTOR, "form.label").get_attribute("data-region")
            self.driver.find_element(By.TAG_NAME, "body").send_keys("3" if not answered else "1")
            self.keys(Keys.ENTER)
            until(lambda: self.left() == before - len(answered) - 1, "the next region", 30)
            answered.append(region)
            self.addCleanup(self.http, f"/v1/regions/{region}/label", "PUT", {"label": ""}, self.token)
        self.assertEqual(self.http(f"/v1/regions/{answered[0]}")[2]["human_label"], "ambiguous")
        if len(answered) > 1:
            self.assertEqual(self.http(f"/v1/regions/{answered[1]}")[2]["human_label"], "confirmed")
        self.open("/models/digits/queue?show=second")
        self.assertEqual(self.left(), len(answered), "one person is no majority of several")
        note = self.driver.find_element(By.NAME, "note")
        note.send_keys("1s")
        self.assertEqual(note.get_attribute("value"), "1s", "keys rest in a field")
        self.assertFalse(self.driver.find_elements(By.CSS_SELECTOR, "[name=label]:checked"))
        at = self.driver.current_url
        self.driver.find_element(By.CSS_SELECTOR, "h1").click()
        self.driver.find_element(By.TAG_NAME, "body").send_keys("s")
        until(lambda: self.driver.current_url != at, "the skip", 30)
        self.assertEqual(self.left(), len(answered), "what is skipped is left")
        self.nothing_amiss("queue")

    def covered(self):
        findings = self.http("/v1/models/digits/versions/3/verdict")[2]["findings"]
        return [f["waiver"] for f in findings if f["region"] == self.region and f["waiver"]]

    def test_a_waiver_is_made_and_taken_back_and_the_verdict_follows(self):
        self.with_token()
        self.assertFalse(self.covered())
        self.open(f"/waivers/new?model=digits&finding={self.region}")
        for name, words in (("reason", "<b>redrawn</b> next week"), ("ticket", "ML-7")):
            self.driver.find_element(By.NAME, name).send_keys(words)
        self.driver.find_element(By.NAME, "ticket").send_keys(Keys.ENTER)
        until(lambda: "<b>redrawn</b>" in self.text(), "the list with the waiver", 30)
        until(self.covered, "the verdict to lean on it", 60)
        self.open("/waivers?state=unused")
        self.assertNotIn("ML-7", self.text())
        self.open(f"/regions/{self.region}")
        self.assertIn("ML-7", self.text())
        self.open("/waivers?state=live")
        self.driver.find_element(By.CSS_SELECTOR, "button[data-waiver]").send_keys(Keys.ENTER)
        until(lambda: "None." in self.text(), "it to be gone", 30)
        until(lambda: not self.covered(), "the verdict to be as it was", 60)
        self.open("/waivers?state=removed")
        self.assertIn("ML-7", self.text())
        self.nothing_amiss("waivers")

    def test_jobs_change_by_themselves(self):
        self.open("/jobs")
        until(lambda: "as things happen" in self.text(), "the stream", 30)
        self.driver.execute_script("window.mark = 'not loaded again'")
        self.release(4, "good.pt")
        until(lambda: "digits 4" in self.text(), "the new job", 60)
        seen = set()

        def done():
            state = self.driver.execute_script(
                "const row = [...document.querySelectorAll('#jobs tr')].find((row) => row.innerText.includes('digits 4'));"
                "return [row.querySelector('.badge').innerText, row.querySelector('progress') !== null];")
            seen.add(tuple(state))
            return state[0] in ("done", "failed")
        until(done, "the job to end", 240)
        self.assertIn(("running", True), seen)
        self.assertNotIn(("done", True), seen, "the bar goes with the work")
        self.assertEqual(self.driver.execute_script("return window.mark"), "not loaded again")
        self.nothing_amiss("jobs")


if __name__ == "__main__":
    main()
