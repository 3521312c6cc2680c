"""The daemon's memory: a database that is damaged, locked or of another time, and files beside it that are not its own."""
import json
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from cases import BIN, MADE, Case, Cases, line, until  # noqa: E402
from harness import main  # noqa: E402

CASES = (
    Case("control: a restart", "the daemon is stopped and started; the verdicts stay the same", "pass", "May be promoted"),
    Case("database truncated", "defused.db is cut to a third", "refused", r"defused\.db"),
    Case("database of garbage", "defused.db contains text", "refused", r"defused\.db"),
    Case("database of another program", "a SQLite file with other tables", "refused", r"defused\.db"),
    Case("database from a newer version", "a migration that this version does not know was applied", "refused", "newer|migration"),
    Case("database changed by hand", "a migration that was applied is not the one that this version holds", "refused", "migration"),
    Case("database locked at the start", "another process holds it exclusively", "refused", "locked"),
    Case("two daemons on one state", "a second daemon is started on the state folder", "refused", "another defused"),
    Case("state folder that is a file", "state_dir names a file", "refused", r"kept\.db: Not a directory"),
    Case("database locked during work", "another process holds the write lock while a version arrives", "not judged", "."),
    Case("database free again", "the same version once the lock is gone", "fail", "class order"),
    Case("verdict file forged between two runs", "while the daemon is down, the file of a version that failed is made to say pass", "fail",
         "class order"),
    Case("verdict file of a version that is gone", "the version is removed while the daemon is down", "unknown", "deleted|no version"),
    Case("a result swapped before a restart", "the daemon is killed while a worker runs, and the result of a pass is put into its job", "error",
         "it is of job"),
    Case("the reports are lost", "the folder of reports is removed under a version that failed", "fail", "class order"),
)


class Store(Cases):
    cases = CASES

    def cannot_start(self, name):
        self.refused(name, subprocess.run([BIN / "defused", "--config", self.config], capture_output=True, text=True, timeout=60))

    def test_databases_that_are_not_the_daemons(self):
        self.configure_lines()
        self.start()
        self.refused("two daemons on one state",
                     subprocess.run([BIN / "defused", "--config", self.config], capture_output=True, text=True, timeout=60))
        self.promoted()
        self.put(2, "good.pt")
        self.answered(2)
        self.stop()
        database = self.state / "defused.db"
        kept = self.root / "kept.db"
        shutil.copy(database, kept)
        whole = kept.read_bytes()

        def damaged(name, bytes_=None, sql=None):
            for file in self.state.glob("defused.db*"):
                file.unlink()
            database.write_bytes(whole if bytes_ is None else bytes_)
            if sql:
                with sqlite3.connect(database) as store:
                    store.execute(sql)
                store.close()
            self.cannot_start(name)

        damaged("database truncated", whole[:len(whole) // 3])
        damaged("database of garbage", b"this is no database\n" * 1000)
        damaged("database of another program", b"", "CREATE TABLE recipes(name TEXT)")
        damaged("database from a newer version", sql="INSERT INTO schema_migration SELECT 9999, name, sha256, applied_at FROM schema_migration LIMIT 1")
        damaged("database changed by hand", sql="UPDATE schema_migration SET sha256 = 'ab'")
        for file in self.state.glob("defused.db*"):
            file.unlink()
        database.write_bytes(whole)
        holder = sqlite3.connect(database, isolation_level=None)
        holder.execute("PRAGMA locking_mode = EXCLUSIVE")
        holder.execute("BEGIN EXCLUSIVE")
        self.cannot_start("database locked at the start")
        holder.close()
        text = self.config.read_text()
        self.config.write_text(text.replace(str(self.state), str(kept)))
        self.cannot_start("state folder that is a file")
        self.config.write_text(text)
        self.start()
        self.seen("control: a restart", 2)

    def test_a_state_that_others_touch(self):
        self.configure_lines(retries=0)
        self.stand_in("changing_worker.py")
        bad = (MADE / "hostile" / "permuted.pt").read_bytes()
        self.start()
        self.promoted()
        self.put(2, bad)
        self.put(3, "good.pt")
        self.answered(2)
        self.answered(3)

        holder = sqlite3.connect(self.state / "defused.db", isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        self.put(4, bad + b"\0")
        log = self.root / "daemon.log"
        until(lambda: "locked" in log.read_text(), "the lock to be met", 60)
        self.locked("database locked during work", 4)
        holder.execute("ROLLBACK")
        holder.close()
        self.seen("database free again", 4)

        # A worker that is held at its first station, so that the daemon can be killed while it runs.
        (self.state / "change.json").write_text(json.dumps({"digits": ["load", f"touch {self.root}/held; sleep 600"]}))
        self.put(5, bad + b"\0\0")
        until(lambda: (self.root / "held").exists(), "the worker to run")
        job = self.http("/v1/models/digits/versions/5/gate")[2]["job"]["id"]
        passed = self.http("/v1/models/digits/versions/3/gate")[2]["job"]["id"]
        import signal
        self.stop(signal.SIGKILL)
        (self.state / "change.json").unlink()
        until(lambda: not self.alive(job), "the worker to go with its daemon", 30)
        shutil.copytree(self.state / "jobs" / str(passed) / "result", self.state / "jobs" / str(job) / "result")
        file = self.state / "verdicts" / "digits" / "2.json"
        file.write_text(file.read_text().replace('"fail"', '"pass"').replace("false", "true"))
        shutil.rmtree(self.registry / "digits" / "3")
        self.start()
        self.seen("verdict file forged between two runs", 2)
        until(lambda: self.gate(3) != 200, "the deletion to be seen")
        self.seen("verdict file of a version that is gone", 3)
        self.seen("a result swapped before a restart", 5)
        shutil.rmtree(self.state / "reports")
        self.seen("the reports are lost", 2)

    def alive(self, job):
        words = subprocess.run(["ps", "ax", "-o", "args="], capture_output=True, text=True).stdout
        return f"--job {self.state}/jobs/{job}" in words

    def locked(self, name, version):
        """What cannot be stored is not known yet: any answer but a verdict will do."""
        status, _, body = self.http(f"/v1/models/digits/versions/{version}/gate")
        waited = self.ctl("wait", "digits", version, "--timeout", "1s").returncode
        file = self.state / "verdicts" / "digits" / f"{version}.json"
        self.assertFalse(file.exists() and json.loads(file.read_text())["verdict"])
        self.met_with(name, "not judged" if status in (404, 503) and waited != 0 else str(status), body.get("reason") or body.get("detail"))


if __name__ == "__main__":
    main()
