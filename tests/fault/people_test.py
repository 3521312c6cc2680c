"""People's words: waivers that do not cover, have run out or were never meant for this, and promotions that skip the gate."""
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from cases import BIN, MADE, Case, Cases, line, until  # noqa: E402
from harness import main  # noqa: E402

CASES = (
    Case("control: a live waiver", "its only violation is waived for some days", "pass", "covered by a waiver"),
    Case("no waiver", "labels.txt in another order, and nobody waived it", "fail", "another order"),
    Case("a waiver for another model", "the same finding, waived for letters", "fail", "another order"),
    Case("a waiver for another version", "the same finding, waived for version 3", "fail", "another order"),
    Case("a waiver for another finding", "the overall accuracy is waived", "fail", "another order"),
    Case("a waiver withdrawn", "the version passed because of a waiver, which is then removed", "fail", "another order"),
    Case("a waiver for an error", "the error of a truncated file is waived", "error", "not a whole"),
    Case("a waiver without end", "expires in the year 2099", "refused", "90|longer|expires"),
    Case("a waiver that has expired already", "expires yesterday", "refused", "past|expire"),
    Case("an expired waiver", "the clock passes the waiver's end", "fail", "expired"),
    Case("a clock set back after a waiver expired", "the clock jumps back to a time when the waiver was valid", "fail", "expired|another order"),
    Case("promoting what failed", "promote without --force", "refused", "verdict is fail"),
    Case("promoting what was never judged", "promote of a version that is not there", "refused", "no version"),
    Case("promoting by a waiver that expired", "promote of a version whose waiver ran out", "refused", "fail|no longer in force"),
)


class People(Cases):
    cases = CASES

    def day(self, days):
        return subprocess.run(["date", "-u", "-d", f"{days:+d} days", "+%Y-%m-%d"], capture_output=True, text=True).stdout.strip()

    def waive(self, finding, version, model="digits", expires=None):
        status, _, body = self.http("/v1/waivers", "POST", {
            "model": model, "finding": finding, "versions": [str(version)], "reason": "known", "ticket": "DIG-7", "approved_by": "ann",
            "expires": expires or self.day(5)}, self.token)
        return status, body

    def not_allowed(self, name, status, body):
        self.met_with(name, "refused" if 400 <= status < 500 else str(status), str(body))

    def test_waivers(self):
        shim = BIN / "clock_shim.so"
        clock = self.root / "clock"
        clock.write_text("0")
        self.environment = {"LD_PRELOAD": str(shim), "CLOCK_SHIM": str(clock)}
        self.configure_lines(line(), line("letters"), more="")
        self.start()
        self.promoted()
        good, odd = (MADE / "models" / "good.pt").read_bytes(), list("0123546789")
        for version in range(2, 9):
            self.put(version, good + b"\0" * version, labels=odd)
        self.put(9, "truncated.pt")
        for version in range(2, 10):
            self.answered(version)
        finding = "contract/labels"
        self.seen("no waiver", 2)
        self.not_allowed("a waiver without end", *self.waive(finding, 2, expires="2099-01-01"))
        self.not_allowed("a waiver that has expired already", *self.waive(finding, 2, expires=self.day(-1)))
        for what, version in ((finding, 3), (finding, 6), (finding, 7)):
            self.assertIn(self.waive(what, version)[0], (200, 201))
        self.assertIn(self.waive(finding, 4, model="letters")[0], (200, 201))
        self.assertIn(self.waive("accuracy/overall", 5)[0], (200, 201))
        self.assertIn(self.waive("contract/load", 9)[0], (200, 201))
        for version in (3, 6, 7):
            until(lambda: self.gate(version) == 200, f"the waiver of {version} to count", 60)
        self.seen("control: a live waiver", 3)
        self.seen("a waiver for another model", 4)
        self.seen("a waiver for another version", 2)
        self.seen("a waiver for another finding", 5)
        self.seen("a waiver for an error", 9)
        waiver = next(w["id"] for w in self.http("/v1/waivers?model=digits")[2]["waivers"] if "6" in w["versions"])
        self.assertIn(self.http(f"/v1/waivers/{waiver}", "DELETE", {"reason": "no longer"}, self.token)[0], (200, 204))
        until(lambda: self.gate(6) == 412, "the withdrawal to count", 60)
        self.settled(6)
        self.seen("a waiver withdrawn", 6)

        clock.write_text(str(6 * 86400))
        until(lambda: self.gate(7) == 412, "the waiver to run out", 60)
        self.settled(7)
        self.seen("an expired waiver", 7)
        self.refused("promoting by a waiver that expired", self.ctl("promote", "digits", 7, "--reason", "please"))
        clock.write_text("-3600")
        until(lambda: self.http("/livez")[0] == 200, "the daemon to live on")
        self.seen("a clock set back after a waiver expired", 7)
        self.refused("promoting what failed", self.ctl("promote", "digits", 2, "--reason", "please"))
        self.refused("promoting what was never judged", self.ctl("promote", "digits", 77, "--reason", "please"))

    def settled(self, version):
        """Until the verdict was made anew, and its document with it."""
        until(lambda: self.http(f"/v1/models/digits/versions/{version}/verdict")[2]["decided"] == "fail", f"{version} to be judged again", 90)


if __name__ == "__main__":
    main()
