"""What the suite "never green by accident" is made of: cases, and one runner that holds each of them to its promise.

A case says what is done, what must come of it and what the message must say. `Cases.seen` asks every way in which an answer leaves the programs
(/gate, `defusectl wait`, the verdict document, the verdict file, JUnit); all must say the expected thing, and none may be green. Each file of cases
also holds a control, a good model that does pass in the same place, so that green was to be had.

    cases.py --write     writes docs/fault-cases.md anew from the cases of all files
"""
import importlib
import json
import os
import re
import shutil
import stat
import subprocess
import sys
import xml.etree.ElementTree as xml
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))
from harness import BIN, DEADLINE, Gate, MADE, until  # noqa: E402

FILES = ("artifact", "model", "data", "incumbent", "store", "machine", "protocol", "config", "people")
PAGE = Path(__file__).resolve().parents[2] / "docs" / "fault-cases.md"
STATUS = {200: "pass", 412: "fail", 409: "inconclusive", 422: "error", 503: "not judged", 404: "unknown"}
EXIT = {0: "pass", 1: "fail", 2: "refused", 3: "inconclusive", 4: "error", 124: "not judged"}
VERDICTS = ("pass", "fail", "inconclusive", "error")


class Case(NamedTuple):
    name: str
    done: str        # to the programs, in a user's words
    expected: str    # a verdict, or: not judged · unknown · refused (a program says no and ends)
    words: str       # a regular expression that the reason must match, in any case


# One model line; several may stand in one file.
LINE = """\
  {name}:
    input: {{ shape: {shape}, scale: 255 }}
    data:
      train: {train}
      test:  {test}
{more}\
    checks:
      accuracy: {{ mode: block, max_drop: 1% }}
      negative_flips: {{ mode: block, max_rate: 4% }}
{checks}"""
NO_SEARCH = """\
      misclassification_regions: { mode: off }
      spotlight: { mode: off }
"""
SEARCH = """\
      misclassification_regions: { mode: block, draws: 4, min_support: 10, min_increase: 20% }
"""


def idx(folder, split):
    return f"{{ idx: {{ images: {folder}/{split}-images-idx3-ubyte, labels: {folder}/{split}-labels-idx1-ubyte }} }}"


def line(name="digits", data=None, train=None, test=None, shape="[1, 20, 20]", more="", checks=NO_SEARCH):
    """A model line. Without a search for regions, unless told otherwise: fewer checks are easier to turn green."""
    data = data or MADE / "data"
    return LINE.format(name=name, shape=shape, train=train or idx(data, "train"), test=test or idx(data, "test"), more=more, checks=checks)


def junit_says(document):
    """The answer that a reader of JUnit takes: of the case named `verdict`, and red if any other case is."""
    suites = xml.fromstring(document)
    verdict = next(c for c in suites.iter("testcase") if c.get("name") == "verdict")
    for tag in ("failure", "error"):
        found = verdict.find(tag)
        if found is not None:
            return {"violation": "fail"}.get(found.get("type"), found.get("type"))
    return "red" if list(suites.iter("failure")) or list(suites.iter("error")) else "pass"


class Cases(Gate):
    cases = ()
    warm = False
    met = None

    @classmethod
    def setUpClass(cls):
        cls.met = set()

    @classmethod
    def tearDownClass(cls):
        kind = cls.__module__ if cls.__module__ != "__main__" else Path(sys.argv[0]).stem
        print(f"CASES | {kind} | {len(cls.met)} of {len(cls.cases)}", file=sys.stderr)
        chosen = any(not word.startswith("-") for word in sys.argv[1:])
        missing = {case.name for case in cls.cases} - cls.met
        if missing and not chosen:
            raise AssertionError(f"cases that were listed and never driven: {sorted(missing)}")

    def configure_lines(self, *lines, timeout="2min", retries=0, more="", settle="100ms", rescan="1s", readiness="auto", memory="4GiB"):
        self.config.write_text(f"""\
api_version: defused/v1
state_dir: {self.state}
registry: {{ path: {self.registry}, readiness: {readiness}, settle: {settle}, rescan: {rescan} }}
http: {{ listen: "127.0.0.1:0" }}
worker: {{ memory: {memory}, timeout: {timeout}, retries: {retries}, backoff: 100ms }}
{more}models:
{''.join(lines or (line(),))}""")

    def stand_in(self, script):
        """Lets the daemon start a script of this folder for its worker; the real one lies beside it."""
        tools = self.root / "tools"
        tools.mkdir()
        shutil.copy(Path(__file__).with_name(script), tools / "worker")
        (tools / "worker").chmod(stat.S_IRWXU)
        os.symlink(BIN / "defuse-worker", tools / "real-worker")
        self.environment = {**self.environment, "DEFUSED_WORKER": str(tools / "worker")}

    # -- the registry
    def put(self, version, artifact, model="digits", labels=None):
        """A version that appears whole; `artifact` is bytes, a path, or the name of a made model."""
        folder = self.registry / model
        folder.mkdir(exist_ok=True)
        hidden = folder / f".incoming-{version}"
        hidden.mkdir()
        if isinstance(artifact, bytes):
            (hidden / "model.pt").write_bytes(artifact)
        else:
            shutil.copy(MADE / "models" / artifact if isinstance(artifact, str) else artifact, hidden / "model.pt")
        if labels:
            (hidden / "labels.txt").write_text("\n".join(labels) + "\n")
        hidden.rename(folder / str(version))

    def answered(self, version, model="digits"):
        """Waits until the gate answers with a verdict."""
        def verdict():
            status, _, body = self.http(f"/v1/models/{model}/versions/{version}/gate")
            return STATUS[status] in VERDICTS and body
        return until(verdict, f"an answer on {model} {version}")

    def promoted(self, version=1, artifact="incumbent.pt", model="digits"):
        self.put(version, artifact, model)
        self.answered(version, model)
        self.ctl("promote", model, version, "--reason", "first of its line", check=True)
        until(lambda: self.http(f"/v1/models/{model}")[2]["incumbent"], "the promotion")

    # -- what came of it
    def case(self, name):
        found = next((c for c in self.cases if c.name == name), None)
        self.assertIsNotNone(found, f"{name} is not in the list of cases")
        return found

    def met_with(self, name, seen, reason, faces=None):
        """Holds what was seen against what the case expects, and prints the table's line."""
        case = self.case(name)
        print(f"CASE {case.name} | {case.expected} | {seen} | {reason}", file=sys.stderr)
        type(self).met.add(case.name)
        if not name.startswith("control"):
            self.assertNotIn("pass", [seen, *(faces or {}).values()], f"{name}: green")
        self.assertEqual(seen, case.expected, f"{name}: {reason}")
        for face, says in (faces or {}).items():
            self.assertEqual(says, case.expected, f"{name}: {face} says {says}: {reason}")
        self.assertTrue(re.search(case.words, reason or "", re.IGNORECASE | re.DOTALL), f"{name}: '{case.words}' is not in: {reason}")

    def seen(self, name, version, model="digits"):
        """Asks every face of the daemon for the version and holds all of them to the case."""
        with self.subTest(name):
            case = self.case(name)
            if case.expected in VERDICTS:
                self.answered(version, model)
            self.met_with(name, *self.faces_of(version, model, case.expected in VERDICTS))

    def faces_of(self, version, model="digits", judged=True):
        base = f"/v1/models/{model}/versions/{version}"
        status, _, gate = self.http(base + "/gate")
        seen, reason = STATUS[status], gate.get("reason") or gate.get("detail")
        faces = {"wait": EXIT[self.ctl("wait", model, version, "--timeout", "30s" if judged else "1s").returncode]}
        file = self.state / "verdicts" / model / f"{version}.json"
        status, _, document = self.http(base + "/verdict")
        if seen in VERDICTS:
            self.assertEqual(gate["verdict"], seen)
            self.assertEqual(gate["ok"], seen == "pass")
            faces["verdict document"] = document["verdict"]
            self.assertEqual(document["ok"], seen == "pass")
            written = until(lambda: file.exists() and json.loads(file.read_text()), f"the verdict file of {model} {version}", 10)
            faces["verdict file"] = written["verdict"]
            self.assertEqual(written["ok"], seen == "pass")
            status, _, report = self.http(base + "/report?format=junit")
            if status == 200:   # what the registry itself refuses was never run, and has no report
                faces["junit"] = junit_says(report)
        else:
            # Waiting is all that can be done with either; a model that is not watched is not waited for.
            faces["wait"] = seen if faces["wait"] in ("not judged", "error" if seen == "unknown" else "") else faces["wait"]
            self.assertFalse(status == 200 and (document["ok"] or document["verdict"]), document)
            self.assertFalse(file.exists() and json.loads(file.read_text())["verdict"], "a verdict file of what has no verdict")
            status, _, report = self.http(base + "/report?format=junit")
            self.assertFalse(status == 200 and junit_says(report) == "pass", "a green report of what has no verdict")
        return seen, reason, faces

    def evaluated(self, name, candidate, incumbent=MADE / "models" / "incumbent.pt", model="digits", config=None, environment=None):
        """The same without a daemon: exit code, verdict document and JUnit of `defusectl evaluate`."""
        with self.subTest(name):
            out = self.root / f"report-{len(self.met)}"
            before = dict(self.environment)
            words = ["evaluate", "--config", config or self.config, "--model", model, "--candidate", candidate, "--report", out]
            if incumbent:
                words += ["--incumbent", incumbent]
            done = self.ctl_with(environment or before, *words)
            seen, reason, faces = EXIT.get(done.returncode, f"exit code {done.returncode}"), done.stdout + done.stderr, {}
            if (out / "verdict.json").exists():
                document = json.loads((out / "verdict.json").read_text())
                reason = document["reason"]
                faces["verdict document"] = document["verdict"]
                self.assertEqual(document["ok"], seen == "pass")
                faces["junit"] = junit_says((out / "report.junit.xml").read_text())
            self.met_with(name, seen, reason.strip(), faces)

    def ctl_with(self, environment, *words):
        return subprocess.run([BIN / "defusectl", *map(str, words)], capture_output=True, text=True, timeout=DEADLINE,
                              env={**os.environ, "NO_COLOR": "1", **environment})

    def refused(self, name, done):
        """A program that says no and ends."""
        with self.subTest(name):
            self.met_with(name, "refused" if done.returncode not in (0, None) else "pass", (done.stdout + done.stderr).strip().splitlines()[-1])


def page():
    """docs/fault-cases.md."""
    words = """# Cases in which the gate must not pass

Each line is a case of `ctest -L fault`. It is applied to the real programs. The answer is then read from `/gate`, `defusectl wait`, the verdict document, the
verdict file and JUnit (or from `defusectl evaluate`), and all of them must agree.

- *expected* is a verdict, or *not judged* (503 and no verdict file), *unknown* (404), or *refused* (the program says why and ends).
- *the reason says* is a regular expression that the reason must match.
- The *controls* are the only cases that may pass. They show that the others could have passed.

`tests/fault/kill_test.py` additionally kills worker and daemon at every station. `tests/fault/cases.py --write` writes this page; a test compares it with the cases.
"""
    total = 0
    for kind in FILES:
        cases = importlib.import_module(f"{kind}_test").CASES
        total += sum(not c.name.startswith("control") for c in cases)
        words += f"\n## {kind.capitalize()}\n\n| case | what is done | expected | the reason says |\n|---|---|---|---|\n"
        for c in cases:
            said = c.words.replace("|", "\\|")
            words += f"| {c.name} | {c.done} | {c.expected} | {f'`{said}`' if said else ''} |\n"
    return words + f"\n{total} cases, controls not counted.\n", total


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent))
    if sys.argv[1:] != ["--write"]:
        sys.exit(__doc__)
    PAGE.write_text(page()[0], encoding="utf-8")
