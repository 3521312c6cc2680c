"""A correction as the daemon's job: ordered over HTTP, killed in the middle, carried out once, fetched into the registry, judged."""
import hashlib
import json
import os
import signal
import sqlite3

from harness import Gate, main, until

ORDER = {"lambdas": [0.3, 3], "steps": 250}


class Correction(Gate):
    def job(self, number):
        return self.http(f"/v1/jobs/{number}")[2]

    def planted(self):
        self.with_incumbent()
        self.release(2, "planted.pt")
        self.assertEqual(self.judged(2)["verdict"], "fail")

    def order(self, body):
        return self.http("/v1/models/digits/versions/2/correct", "POST", body, self.token)

    def at_work(self, number):
        """Tuning, which lasts: a blow in the middle of it."""
        job = self.job(number)
        self.assertNotIn(job["state"], ("done", "failed", "cancelled"), job)
        return job["state"] == "running" and job["station"] == "tuning"

    def test_what_a_version_failed_by_is_mended_by_the_daemon(self):
        self.planted()
        verdict = self.http("/v1/models/digits/versions/2/verdict")[2]
        # Long enough to be struck while it is at it.
        status, headers, ordered = self.order({**ORDER, "steps": 400})
        self.assertEqual((status, ordered["kind"]), (202, "correction"), ordered)
        number = ordered["job"]
        self.assertEqual(headers["Location"], f"/v1/jobs/{number}")
        until(lambda: self.at_work(number), "the correction to be at work")
        self.assertEqual(self.http(f"/v1/jobs/{number}/correction")[0], 503)
        self.stop(signal.SIGKILL)
        self.start()

        version = self.registry / "digits" / "3"
        done = self.ctl("correct", "--job", number, "--out", version)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("chosen", done.stdout)
        job = self.job(number)
        self.assertEqual((job["state"], job["kind"]), ("done", "correction"))
        self.assertGreaterEqual(job["attempt"], 2)
        with sqlite3.connect(f"file:{self.state}/defused.db?mode=ro", uri=True) as store:
            self.assertEqual(store.execute("SELECT COUNT(*) FROM jobs WHERE kind = 'correction'").fetchone(), (1,))
            ends = store.execute("SELECT COUNT(*) FROM audit WHERE action = 'job.done' AND subject = 'digits/2'").fetchone()
            self.assertEqual(ends, (1,), "it ends once")
        self.assertEqual(self.http("/v1/models/digits/versions/2/verdict")[2], verdict, "a correction judges nothing")

        found = self.http(f"/v1/jobs/{number}/correction")[2]
        result = found["result"]
        score = result["runs"][result["chosen"]]["score"]
        self.assertGreaterEqual(score["regions"], 0.95)
        self.assertLessEqual(result["before"]["test"] - score["test"], 0.003)
        self.assertEqual(hashlib.sha256((version / "model.pt").read_bytes()).hexdigest(), found["sha256"])
        manifest = json.loads((version / "manifest.json").read_text())
        self.assertEqual(manifest["corrected_from"]["version"], "2")
        self.assertEqual(sorted(p.name for p in version.iterdir()), ["manifest.json", "model.pt"])
        self.assertTrue(self.http(f"/v1/jobs/{number}/correction.svg")[2].startswith(b"<svg"))

        # As without a daemon: tuned models may break something else, and the gate is there to say so.
        self.judged(3)
        repaired = self.report(3)
        checks = {c["check"]: c["state"] for c in repaired["verdict"]["checks"]}
        self.assertEqual((checks["accuracy"], checks["known_regions"]), ("pass", "pass"), repaired["verdict"]["reason"])
        self.assertFalse([r for r in repaired["regions"] if (r["label"], r["predicted_as"], r["status"]) == (7, 1, "new")])

    def test_people_decide_what_is_mended_and_may_change_their_mind(self):
        self.planted()
        regions = [r["id"] for r in self.report(2)["regions"] if r["status"] in ("new", "worse")]
        for region in regions:
            self.ctl("label", region, "unrealistic", check=True)
        self.assertEqual(self.order(ORDER)[0], 409)
        self.assertEqual(self.order({"regions": ["r-000000000000"]})[0], 404)
        self.assertEqual(self.order({"lambda": [1]})[0], 400)
        self.ctl("label", regions[0], "confirmed", check=True)
        number = self.order({"lambdas": [1], "steps": 100_000})[2]["job"]
        until(lambda: self.at_work(number), "the correction to be at work")
        self.ctl("cancel", number, check=True)
        self.assertEqual(self.job(number)["state"], "cancelled")
        self.assertEqual(self.ctl("correct", "--job", number).returncode, 4)
        self.assertFalse((self.state / "corrections" / str(number)).exists())


if __name__ == "__main__":
    os.environ.setdefault("PYTHONDONTWRITEBYTECODE", "1")
    main()
