"""The main road: versions dropped into a registry, verdicts over HTTP, command line and files."""
import csv
import json
import os
import signal
import subprocess
import xml.etree.ElementTree as xml

from harness import BIN, Gate, MADE, main, until


def without_run(report):
    """A report less the one object that may differ between two runs of the same inputs."""
    return {key: value for key, value in report.items() if key != "run"}


class MainRoad(Gate):
    def test_good_planted_and_truncated_models_get_three_verdicts(self):
        self.with_incumbent()
        self.assertEqual(self.gate(1), 200 if self.http("/v1/models/digits/versions/1/verdict")[2]["ok"] else 409)
        for version, model in ((2, "good.pt"), (3, "planted.pt"), (4, "truncated.pt")):
            self.release(version, model)

        good = self.judged(2)
        self.assertEqual(good["verdict"], "pass", json.dumps(good, indent=1))
        self.assertTrue(good["ok"])
        self.assertEqual(self.gate(2), 200)
        self.assertEqual(self.ctl("wait", "digits", 2).returncode, 0)

        planted = self.judged(3)
        self.assertEqual(planted["verdict"], "fail", json.dumps(planted, indent=1))
        self.assertEqual(self.gate(3), 412)
        self.assertEqual(self.ctl("wait", "digits", 3).returncode, 1)
        self.planted_region_is_named(self.report(3))
        self.forms_are_sound(3)

        truncated = self.judged(4)
        self.assertEqual(truncated["verdict"], "error")
        self.assertFalse(truncated["ok"])
        self.assertIn("model.pt", truncated["reason"])
        self.assertEqual(self.gate(4), 422)
        self.assertEqual(self.ctl("wait", "digits", 4).returncode, 4)
        self.assertEqual(self.gate(5), 404)

        written = json.loads((self.state / "verdicts" / "digits" / "3.json").read_text())
        self.assertEqual(written["verdict"], "fail")
        self.assertEqual(self.http("/v1/audit")[0], 200)

    def planted_region_is_named(self, report):
        """7s that lean to the right are read as 1: the report must say so, with pictures, and not by accuracy alone."""
        regions = [r for r in report["regions"] if r["status"] in ("new", "worse")]
        self.assertTrue(any(r["label"] == 7 and r["predicted_as"] == 1 for r in regions),
                        [(r["label"], r["predicted_as"], r["status"]) for r in report["regions"]])
        planted = next(r for r in regions if r["label"] == 7 and r["predicted_as"] == 1)
        self.assertGreaterEqual(len([s for s in planted["samples"] if s["picture"]]), 4)
        status, headers, picture = self.http(f"/v1/regions/{planted['id']}/samples/0.png")
        self.assertEqual(status, 200)
        self.assertTrue(picture.startswith(b"\x89PNG"))
        self.assertGreaterEqual(report["accuracy"]["candidate"], report["accuracy"]["incumbent"],
                                "an accuracy gate would have caught this one, so it proves nothing")

    def forms_are_sound(self, version):
        page = self.report(version, "html")
        self.assertLess(len(page), 2_000_000)
        self.assertNotIn(b"http://", page.replace(b"http://www.w3.org", b""))   # self-contained
        self.assertNotIn(b"<script", page)
        text = self.report(version, "markdown").decode()
        self.assertLess(len(text), 60_000)
        self.assertIn("fail", "\n".join(text.splitlines()[:5]).lower())
        suites = xml.fromstring(self.report(version, "junit"))
        self.assertTrue(list(suites.iter("failure")))
        self.assertEqual(self.report(version, "sarif")["version"], "2.1.0")

    def test_the_same_inputs_give_the_same_report_and_the_same_verdict_without_a_daemon(self):
        reports = []
        for _ in range(2):
            self.setUp()
            self.with_incumbent()
            self.release(3, "planted.pt")
            self.judged(3)
            reports.append(without_run(self.report(3)))
            self.stop()
        self.assertEqual(json.dumps(reports[0]), json.dumps(reports[1]))

        out = self.root / "report"
        done = self.ctl("evaluate", "--config", self.config, "--model", "digits", "--candidate",
                        MADE / "models" / "planted.pt", "--incumbent", MADE / "models" / "incumbent.pt", "--report", out,
                        "--cache", self.state / "cache")
        self.assertEqual(done.returncode, 1, done.stderr)
        alone = json.loads((out / "report.json").read_text())
        self.assertEqual(alone["verdict"]["verdict"], "fail")
        self.assertTrue((out / "report.html").stat().st_size > 1000)
        done = self.ctl("evaluate", "--config", self.config, "--model", "digits", "--candidate",
                        MADE / "models" / "truncated.pt", "--incumbent", MADE / "models" / "incumbent.pt", "--report", out,
                        "--cache", self.state / "cache")
        self.assertEqual(done.returncode, 4, done.stderr)

    def test_a_fixed_bug_that_comes_back_is_known(self):
        self.with_incumbent()
        self.release(2, "planted.pt")
        first = self.judged(2)
        self.assertEqual(first["verdict"], "fail")
        self.release(3, "good.pt")
        self.assertEqual(self.judged(3)["verdict"], "pass")
        self.release(4, "planted_again.pt")
        returned = self.judged(4)
        self.assertEqual(returned["verdict"], "fail")
        checks = {c["check"]: c["state"] for c in self.report(4)["verdict"]["checks"]}
        self.assertEqual(checks["known_regions"], "fail", checks)
        ids = [{r["id"] for r in self.report(v)["regions"] if r["status"] in ("new", "worse")} for v in (2, 4)]
        self.assertTrue(ids[0] & ids[1], f"the same bug keeps its id: {ids}")

    def test_what_a_version_failed_by_is_mended(self):
        self.with_incumbent()
        self.release(2, "planted.pt")
        self.assertEqual(self.judged(2)["verdict"], "fail")
        gate, out = self.root / "gate", self.root / "repaired"
        gate.mkdir()
        (gate / "report.json").write_text(json.dumps(self.report(2)))
        versions = self.registry / "digits"
        words = ["correct", "--config", self.config, "--model", "digits", "--incumbent", versions / "1", "--gate", gate, "--cache",
                 self.state / "cache", "--out", out, "--lambda", "0.3,3", "--steps", "250"]
        done = self.ctl(*words, "--candidate", versions / "2")
        self.assertEqual(done.returncode, 0, done.stderr)
        result = json.loads((out / "correction.json").read_text())
        score = result["runs"][result["chosen"]]["score"]
        self.assertGreaterEqual(score["regions"], 0.95)
        self.assertLessEqual(result["before"]["test"] - score["test"], 0.003)
        self.assertIn("(chosen)", (out / "correction.md").read_text())
        xml.parse(out / "sweep.svg")
        manifest = json.loads((out / "manifest.json").read_text())
        self.assertEqual(manifest["corrected_from"]["version"], "2")
        out.rename(versions / "3")
        self.judged(3)
        # Of the whole verdict only what was repaired is asked for: tuned models may break something else, and the gate is there to say so.
        repaired = self.report(3)
        checks = {c["check"]: c["state"] for c in repaired["verdict"]["checks"]}
        self.assertEqual((checks["accuracy"], checks["known_regions"]), ("pass", "pass"), repaired["verdict"]["reason"])
        self.assertFalse([r for r in repaired["regions"] if (r["label"], r["predicted_as"], r["status"]) == (7, 1, "new")])

        for more, says in ((["--candidate", versions / "1"], "another file"),
                           (["--candidate", versions / "2", "--region", "r-000000000000"], "no region"),
                           (["--candidate", versions / "2", "--lambda", "3,1"], "lambdas"),
                           (["--candidate", self.root / "nowhere"], "nowhere")):
            done = self.ctl(*words, *more)
            self.assertIn(done.returncode, (2, 4), more)
            self.assertIn(says, done.stderr, more)
            self.assertFalse((out / "model.pt").exists(), more)

    def labels_travel(self):
        """Out as CSV and JSON, and back with what a labelling service wrote into them."""
        sheet = self.root / "labels.csv"
        self.ctl("labels", "export", "digits", "--file", sheet, check=True)
        with sheet.open(newline="") as exported:
            rows = list(csv.DictReader(exported))
        self.assertEqual(len(rows), len(self.http("/v1/models/digits/regions?limit=1000")[2]["regions"]))
        rows[0]["label"], rows[0]["note"] = "class:3", 'says "so", the service'
        with sheet.open("w", newline="") as out:
            writer = csv.DictWriter(out, rows[0].keys())
            writer.writeheader()
            writer.writerows(rows)
        self.assertIn("1 labels were taken", self.ctl("labels", "import", sheet, check=True).stdout)
        region = self.http("/v1/regions/" + rows[0]["region"])[2]
        self.assertEqual(region["human_label"], "class:3")
        self.assertEqual(region["votes"]["words"][0]["note"], 'says "so", the service')
        listed = json.loads(self.ctl("labels", "export", "digits", "--format", "json", check=True).stdout)["labels"]
        self.assertEqual([row["label"] for row in listed if row["region"] == rows[0]["region"]], ["class:3"])
        back = self.root / "back.json"
        back.write_text(json.dumps({"labels": [{"region": rows[0]["region"], "label": "none"}]}))
        self.ctl("labels", "import", back, check=True)
        self.assertIsNone(self.http("/v1/regions/" + rows[0]["region"])[2]["human_label"])
        back.write_text("region,label\nr-000000000000,confirmed\n")
        self.assertEqual(self.ctl("labels", "import", back).returncode, 2, "no JSON")

    def test_people_promote_roll_back_waive_and_label(self):
        self.with_incumbent()
        self.release(2, "good.pt")
        self.release(3, "planted.pt")
        self.judged(2)
        self.judged(3)
        path = "/v1/models/digits/versions/"
        self.assertEqual(self.http(path + "2/promote", "POST", {"reason": "better"})[0], 401)
        self.assertEqual(self.http(path + "3/promote", "POST", {"reason": "x"}, self.token)[0], 409)
        self.assertEqual(self.http(path + "2/promote", "POST", {"reason": "better"}, self.token)[0], 200)
        # Judged against version 1, and 2 is in production now: an answer for another question is no pass.
        self.assertIn(self.gate(3), (409, 412))
        self.assertEqual(self.ctl("rollback", "digits", "--reason", "try it").returncode, 0)
        self.assertEqual(self.http("/v1/models/digits")[2]["incumbent"]["version"], "1")

        self.labels_travel()
        violations = [f["id"] for f in self.http(path + "3/gate")[2]["findings"]]
        self.assertTrue(violations)
        for finding in violations:
            status, _, body = self.http("/v1/waivers", "POST", {
                "model": "digits", "finding": finding, "versions": ["3"], "reason": "known labelling mistake",
                "ticket": "DIG-7", "approved_by": "ann", "expires": "2099-01-01"}, self.token)
            self.assertEqual(status, 422 if status == 422 else 400, body)   # longer than any waiver may run
        for finding in violations:
            expires = until(lambda: subprocess.run(["date", "-u", "-d", "+5 days", "+%Y-%m-%d"], capture_output=True,
                                                   text=True).stdout.strip(), "the date")
            status, _, body = self.http("/v1/waivers", "POST", {
                "model": "digits", "finding": finding, "versions": ["3"], "reason": "known labelling mistake",
                "ticket": "DIG-7", "approved_by": "ann", "expires": expires}, self.token)
            self.assertIn(status, (200, 201), body)
        until(lambda: self.gate(3) != 412, "the waivers to count", 20)
        actions = [row["action"] for row in self.http("/v1/audit")[2]["rows"]]
        for action in ("promote", "rollback", "waive"):
            self.assertTrue(any(action in done for done in actions), actions)

    def test_reload_keeps_the_old_configuration_when_the_new_one_is_bad(self):
        self.start()
        good = self.config.read_text()
        self.config.write_text(good.replace("max_drop", "max_dorp"))
        self.assertEqual(subprocess.run([BIN / "defused", "--config", self.config, "--check-config"],
                                        capture_output=True).returncode, 2)
        self.daemon.send_signal(signal.SIGHUP)
        log = self.root / "daemon.log"
        until(lambda: "max_dorp" in log.read_text(), "the daemon to refuse it", 20)
        self.assertIn("did you mean 'max_drop'", log.read_text())
        self.assertIsNone(self.daemon.poll())
        self.assertEqual(self.http("/livez")[0], 200)


if __name__ == "__main__":
    os.environ.setdefault("PYTHONDONTWRITEBYTECODE", "1")
    main()
