"""What a worker hands in, when it is not the worker that was started: results that are forged, of another job, oversized, or not there.

TorchScript cannot fork, exit, open sockets or write such files, so a native stand-in does it in the worker's place (forging_worker.py).
"""
import json
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from cases import MADE, Case, Cases, until  # noqa: E402
from harness import main  # noqa: E402

UNUSABLE = "result cannot be used"
NOTHING = "ended without a result"
WORDS = {   # case: (word of forging_worker.py, what is done, verdict, reason)
    "control: a faithful copy": ("faithful", "a passing result for this job; the other cases change one thing each", "pass",
                                 "May be promoted"),
    "exits without a result (native)": ("exit", "the worker calls exit(0) at once", "error", NOTHING),
    "exits with a code (native)": ("exit 7", "the worker calls exit(7)", "error", "exit code 7"),
    "says it is done (native)": ("says done", "the last progress line, and no result", "error", NOTHING),
    "says pass (native)": ("says pass", "a verdict on standard output, and no result", "error", NOTHING),
    "an error beside a result": ("error and a result", "an error line, a good result and exit code 1", "error", "the model is broken"),
    "killed by SIGSEGV (native)": ("segv", "the worker crashes", "error", "signal 11"),
    "killed by SIGKILL": ("kill", "as the kernel does when memory runs out", "error", "signal 9"),
    "killed by its sandbox": ("sys", "SIGSYS, as seccomp sends it", "error", "signal 31"),
    "killed after its result": ("killed after its result", "the result is complete, and the worker is killed before it ends", "error", "signal 9"),
    "garbage for a result": ("garbage", "result.json is no JSON", "error", UNUSABLE),
    "an empty result": ("empty", "result.json has no bytes", "error", UNUSABLE),
    "a list for a result": ("array", "result.json is an array", "error", UNUSABLE),
    "a result nested 5,000,000 deep": ("deep", "result.json opens five million brackets", "error", UNUSABLE),
    "an oversized result": ("oversized", "a good result with 300 MB of padding", "error", "cannot be read|cannot be used"),
    "another version of the format": ("schema", "the result says that it is of defused/result/v2", "error", UNUSABLE),
    "a result of another job": ("job", "the result names job 1", "error", "it is of job 1, not"),
    "a result of another model": ("model", "the result names another model", "error", "it is of letters"),
    "a result of another version": ("version", "the result names the incumbent", "error", r"it is of digits/1\b"),
    "a result of other bytes": ("digest", "the result names another digest", "error", "another digest"),
    "compared with another incumbent": ("incumbent", "the result names another incumbent", "error", "another incumbent"),
    "compared with no incumbent": ("no incumbent", "the result says that there was none", "error", "another incumbent"),
    "no checks in the result": ("no checks", "an empty list of checks", "error", "gave no result"),
    "no list of checks": ("checks absent", "the key is missing", "error", "checks"),
    "a check that did not run": ("without accuracy", "one blocking check is missing", "error", "accuracy: this check must run"),
    "the contract left out": ("without contract", "the contract check is missing", "error", "contract: this check must run"),
    "a check twice": ("twice", "a check stands in the list two times", "error", "accuracy twice"),
    "checks that call themselves off": ("modes off", "a violation, in checks whose modes the result sets to off", "fail",
                                       "harm that its check is off for"),
    "states changed to pass": ("states", "a violation stays in a check that says pass", "fail", "harm that a finding still tells of"),
    "waived by itself": ("waived", "a violation that names a waiver that does not exist", "fail", "harm, waived by nobody"),
    "an unknown state": ("state word", "a check says 'passed'", "error", UNUSABLE),
    "a result that compared nothing": ("nothing compared", "every check passes, on no image at all", "error", UNUSABLE),
    "a result whose model never loaded": ("never loaded", "the contract passes, and its facts say that the model did not load", "error", UNUSABLE),
    "a result that contradicts itself": ("accuracy", "its accuracy does not match its comparison", "error", UNUSABLE),
    "a link for a result": ("link", "result/ is a link to another job's", "error", NOTHING),
    "a pipe for a result": ("pipe", "result.json is a pipe that would block its reader", "error", NOTHING),
    "a result that was never renamed": ("half", "the worker ends before it has renamed its result", "error", NOTHING),
    "writes the verdict file itself (native)": ("file", "verdicts/digits/….json says pass, and there is no result", "error", NOTHING),
    "forks and leaves (native)": ("forks", "a child that ignores SIGTERM stays behind, holding standard output open", "error", NOTHING),
    "asks the daemon to promote it (native)": ("socket", "a request to the daemon without a token, and no result", "error", NOTHING),
}
SLOW = {
    "prints 1 GB (native)": ("prints", "1 GB on standard output, without a line end", "error", "time limit|" + NOTHING),
    "sleeps and does not listen (native)": ("deaf", "SIGTERM is ignored", "error", "time limit of 3 s"),
    "stops itself (native)": ("stopped", "SIGSTOP", "error", "time limit of 3 s"),
}
CASES = tuple(Case(name, done, expected, words) for name, (_, done, expected, words) in {**WORDS, **SLOW}.items())


class Protocol(Cases):
    cases = CASES

    def passed_once(self):
        """Versions 1, in production, and 2, whose result is what the others forge."""
        self.stand_in("forging_worker.py")
        self.start()
        self.promoted()
        self.put(2, "good.pt")
        self.assertEqual(self.answered(2)["verdict"], "pass")
        job = self.http("/v1/models/digits/versions/2/gate")[2]["job"]["id"]
        until(lambda: not (self.state / "jobs" / str(job) / "tmp-result").exists(), "the job to be tidied")
        shutil.copytree(self.state / "jobs" / str(job) / "result", self.state / "template")

    def drive(self, cases):
        plan = {str(number): word for number, (word, *_) in enumerate(cases.values(), start=10)}
        (self.state / "plan.json").write_text(json.dumps(plan))
        good = (MADE / "models" / "good.pt").read_bytes()
        for number in range(10, 10 + len(cases)):
            self.put(number, good + b"\0" * number)   # a zip file may be followed by anything: another digest each
        for number, name in enumerate(cases, start=10):
            self.seen(name, number)

    def test_results_that_nobody_measured(self):
        self.configure_lines()
        self.passed_once()
        self.drive(WORDS)
        self.assertFalse(Path(f"/proc/{(self.state / 'child.pid').read_text()}").exists(), "what a worker left behind must be gone")
        self.assertIn(b"401", (self.state / "answer").read_bytes().splitlines()[0])
        self.assertEqual(self.http("/v1/models/digits")[2]["incumbent"]["version"], "1")

    def test_workers_that_do_not_end(self):
        self.configure_lines(timeout="3s", retries=0)
        self.stand_in("forging_worker.py")
        self.start()
        self.drive(SLOW)


if __name__ == "__main__":
    main()
