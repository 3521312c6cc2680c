"""The list of cases itself: enough of them, each named once, no green but the controls', and the page for users says the same."""
import importlib
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from cases import FILES, PAGE, VERDICTS, page  # noqa: E402


class Table(unittest.TestCase):
    def test_the_cases(self):
        names = []
        for kind in FILES:
            cases = importlib.import_module(f"{kind}_test").CASES
            names += [case.name for case in cases]
            if kind != "protocol":
                self.assertTrue(any(case.name.startswith("control") for case in cases), f"{kind} has no control")
            for case in cases:
                self.assertEqual(case.expected == "pass", case.name.startswith("control"), case.name)
                self.assertIn(case.expected, (*VERDICTS, "not judged", "unknown", "refused"), case.name)
        self.assertEqual(len(names), len(set(names)))
        self.assertGreaterEqual(len(names), 60)

    def test_the_page_is_that_of_the_cases(self):
        self.assertEqual(PAGE.read_text(encoding="utf-8"), page()[0], "run tests/fault/cases.py --write")


if __name__ == "__main__":
    unittest.main(verbosity=2)
