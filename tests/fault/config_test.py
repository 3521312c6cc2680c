"""Configurations that say less than they seem to, or nothing that this version understands."""
import signal
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from cases import BIN, MADE, Case, Cases, line, until  # noqa: E402
from harness import main  # noqa: E402

CASES = (
    Case("control: a configuration that is good", "the configuration is checked, and a gate is run with it", "pass", "May be promoted"),
    Case("unknown check", "a check that does not exist is set to block", "refused", "acuracy.*did you mean 'accuracy'"),
    Case("unknown key in a check", "max_dorp for max_drop", "refused", "max_dorp.*did you mean 'max_drop'"),
    Case("an empty configuration", "the file has no bytes", "refused", "api_version|empty"),
    Case("a newer configuration", "api_version: defused/v2", "refused", "defused/v2|defused/v1"),
    Case("a configuration that cannot be read", "the file is not there", "refused", "No such file"),
    Case("half a configuration", "the file ends in the middle of a word", "refused", r"yaml:\d+|digits"),
    Case("a limit without sense", "max_drop: 200%", "refused", "max_drop"),
    Case("no model", "an empty map of models", "refused", "models"),
    Case("an unknown mode", "mode: blokc", "refused", "blokc"),
    Case("a key twice", "accuracy stands twice, the second time switched off", "refused", "accuracy"),
    Case("every check off", "no check may run at all", "error", "no check gave a result|nothing is known"),
    Case("every check only warns", "all modes are warn, and the model is wrong", "inconclusive", "no blocking check"),
    Case("every check in the shadow", "all modes are shadow, and the model is wrong", "inconclusive", "no blocking check"),
    Case("a worker that is not there", "$DEFUSED_WORKER names nothing", "error", "DEFUSED_WORKER"),
    Case("a report that cannot be written", "the folder for the report lies below a file", "error", "report"),
    Case("a model that the file does not name", "evaluate for letters", "refused", "has no model letters"),
    Case("a candidate that is not there", "evaluate names no file", "refused", "candidate"),
    Case("an incumbent that is not there", "evaluate names an incumbent that was deleted", "refused", "incumbent"),
    Case("evaluate without an incumbent", "no --incumbent", "inconclusive", "no incumbent"),
    Case("reload with an unknown check", "a running daemon gets a file with a misspelt check; the old, strict file stays in force", "fail", "class order"),
    Case("a model removed by a reload", "the line of a version that passed is no longer configured", "unknown", "no longer watched"),
)


class Config(Cases):
    cases = CASES

    def check(self, name, text):
        file = self.root / "bad.yaml"
        if text is None:
            file.unlink(missing_ok=True)
        else:
            file.write_text(text)
        by_ctl = self.ctl("config", "check", file)
        for done in (subprocess.run([BIN / "defused", "--config", file, "--check-config"], capture_output=True, text=True),
                     subprocess.run([BIN / "defused", "--config", file], capture_output=True, text=True, timeout=30)):
            with self.subTest(name):
                self.assertEqual(done.returncode, by_ctl.returncode, done.stderr)
        self.refused(name, by_ctl)

    def test_files_that_are_refused(self):
        self.configure_lines()
        good = self.config.read_text()
        self.check("unknown check", good.replace("accuracy:", "acuracy:"))
        self.check("unknown key in a check", good.replace("max_drop", "max_dorp"))
        self.check("an empty configuration", "")
        self.check("a newer configuration", good.replace("defused/v1", "defused/v2"))
        self.check("a configuration that cannot be read", None)
        self.check("half a configuration", good[:good.index("accuracy") + 5])
        self.check("a limit without sense", good.replace("max_drop: 1%", "max_drop: 200%"))
        self.check("no model", good[:good.index("models:")] + "models: {}\n")
        self.check("an unknown mode", good.replace("mode: block", "mode: blokc"))
        self.check("a key twice", good + "      accuracy: { mode: off }\n")

    def test_gates_that_nobody_is_in_charge_of(self):
        self.configure_lines()
        good, models = self.config.read_text(), MADE / "models"
        bad = MADE / "hostile" / "constant.pt"
        self.evaluated("control: a configuration that is good", models / "good.pt")
        checks = ("contract", "accuracy", "negative_flips", "known_regions", "misclassification_regions", "spotlight")
        for name, mode in (("every check off", "off"), ("every check only warns", "warn"), ("every check in the shadow", "shadow")):
            modes = "".join(f"      {check}: {{ mode: {mode if check not in checks[4:] else 'off'} }}\n" for check in checks)
            self.config.write_text(good[:good.index("      accuracy")] + modes)
            self.evaluated(name, bad)
        self.config.write_text(good)
        self.evaluated("a worker that is not there", models / "good.pt", environment={"DEFUSED_WORKER": "/nowhere/worker"})
        self.evaluated("a model that the file does not name", models / "good.pt", model="letters")
        self.evaluated("a candidate that is not there", self.root / "nothing.pt")
        self.evaluated("an incumbent that is not there", models / "good.pt", incumbent=self.root / "nothing.pt")
        self.evaluated("evaluate without an incumbent", models / "good.pt", incumbent=None)
        (self.root / "report-file").write_text("")
        with self.subTest("a report that cannot be written"):
            done = self.ctl("evaluate", "--config", self.config, "--model", "digits", "--candidate", models / "good.pt", "--incumbent",
                            models / "incumbent.pt", "--report", self.root / "report-file" / "out")
            self.met_with("a report that cannot be written", {4: "error"}.get(done.returncode, str(done.returncode)), done.stderr)

    def test_reloads_that_would_weaken_the_gate(self):
        self.configure_lines(line(), line("letters", more="    bootstrap: allow\n"))
        self.start()
        self.promoted()
        self.put(1, "good.pt", model="letters")
        self.assertEqual(self.answered(1, "letters")["verdict"], "pass")
        good = self.config.read_text()
        self.config.write_text(good.replace("contract:", "contrac:").replace("      accuracy", "      contrac: { mode: off }\n      accuracy"))
        self.daemon.send_signal(signal.SIGHUP)
        until(lambda: "did you mean 'contract'" in (self.root / "daemon.log").read_text(), "the reload to be refused", 30)
        self.put(2, MADE / "hostile" / "permuted.pt")
        self.seen("reload with an unknown check", 2)
        self.config.write_text(good[:good.index("  letters:")])
        self.daemon.send_signal(signal.SIGHUP)
        until(lambda: self.http("/v1/models/letters/versions/1/gate")[0] != 200, "the reload to count", 30)
        self.seen("a model removed by a reload", 1, model="letters")


if __name__ == "__main__":
    main()
