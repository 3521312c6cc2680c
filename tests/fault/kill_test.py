"""kill -9 of the worker and of the daemon at every station: the same verdict, nothing lost, nothing doubled."""
import json
import os
import shutil
import sqlite3
import stat
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))
from harness import BIN, Gate, until  # noqa: E402
from tiny import TINY, available, configuration, make_models  # noqa: E402

STATIONS = ("data", "load", "contract", "evaluate", "evaluate_incumbent", "generator", "probes", "answers", "answers_incumbent",
            "regions", "known_regions", "pictures", "done")


def comparable(report):
    report = {key: value for key, value in report.items() if key != "run"}
    return json.dumps(report)


class Kill(Gate):
    """In the small world, where a gate takes a moment: 26 of them run here."""

    warm = False

    def setUp(self):
        make_models()
        super().setUp()
        tools = self.root / "tools"
        tools.mkdir()
        shutil.copy(Path(__file__).with_name("killing_worker.py"), tools / "worker")
        (tools / "worker").chmod(stat.S_IRWXU)
        os.symlink(BIN / "defuse-worker", tools / "real-worker")
        self.environment = {"DEFUSED_WORKER": str(tools / "worker")}

    def configure(self):
        self.config.write_text(configuration(self.state, self.registry, ("digits",), readiness="auto"))

    def strike(self, station, whom):
        (self.state / "strike.json").write_text(json.dumps({"station": station, "kill": whom}))

    def rows(self, query):
        with sqlite3.connect(f"file:{self.state}/defused.db?mode=ro", uri=True) as store:
            return store.execute(query).fetchall()

    def no_row_lost_or_doubled(self, versions):
        for table in ("verdicts", "jobs"):
            counts = dict(self.rows(f"SELECT version, COUNT(*) FROM {table} GROUP BY version"))
            self.assertEqual(counts, {str(v): 1 for v in versions}, table)
        self.assertEqual(self.rows("SELECT COUNT(*) FROM jobs WHERE state NOT IN ('done','failed','cancelled')"), [(0,)])
        doubled = self.rows("SELECT region, digest, COUNT(*) FROM region_scores GROUP BY region, digest HAVING COUNT(*) > 1")
        self.assertEqual(doubled, [])

    def judge_under_fire(self, whom):
        self.with_incumbent(TINY / "models" / "incumbent.pt")
        self.stop()
        before = self.root / "before"
        shutil.copytree(self.state, before)
        self.start()
        self.release(2, TINY / "models" / "planted.pt")
        self.judged(2)
        undisturbed = comparable(self.report(2))
        self.stop()

        for station in STATIONS:
            with self.subTest(station=station, killed=whom):
                shutil.rmtree(self.state)
                shutil.copytree(before, self.state)
                (self.registry / "digits" / "2").rename(self.root / "two")
                self.start()
                self.strike(station, whom)
                (self.root / "two").rename(self.registry / "digits" / "2")
                if whom == "daemon":
                    until(lambda: self.daemon.poll() is not None, f"the daemon to be killed at {station}")
                    self.daemon = None
                    self.start()
                self.assertEqual(self.judged(2)["verdict"], "fail")
                self.assertFalse((self.state / "strike.json").exists(), "the blow must have fallen")
                self.assertEqual(comparable(self.report(2)), undisturbed)
                self.no_row_lost_or_doubled((1, 2))
                self.stop()

    def test_the_worker_is_killed_at_every_station(self):
        self.judge_under_fire("worker")

    def test_the_daemon_is_killed_at_every_station(self):
        self.judge_under_fire("daemon")


if __name__ == "__main__":
    if reason := available():
        print("SKIPPED:", reason)
        sys.exit(77)
    unittest.main(verbosity=2)
