"""The shape of the tree, held by a test: dependencies run one way, every test file is listed, every check is complete."""
import re
import sys
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MAY_USE = {
    "core": {"core"},
    "config": {"core", "config"},
    "checks": {"core", "checks"},
    "reports": {"core", "reports", "embedded"},   # embedded: files that cmake/embed.cmake turned into headers
    "daemon": {"core", "config", "checks", "reports", "daemon", "embedded"},
}
CHECKS = ("contract", "accuracy", "negative_flips", "known_regions", "misclassification_regions", "spotlight")


def sources(folder):
    return [path for path in (ROOT / folder).rglob("*") if path.suffix in (".h", ".cc")]


class Structure(unittest.TestCase):
    def test_dependencies_run_one_way(self):
        for folder, allowed in MAY_USE.items():
            for path in sources(folder):
                for used in re.findall(r'^#include "(\w+)/', path.read_text(), re.MULTILINE):
                    self.assertIn(used, allowed, f"{path.relative_to(ROOT)} includes from {used}/")

    def test_torch_comes_through_one_header_only(self):
        for folder in (*MAY_USE, "tests"):
            for path in sources(folder):
                text = path.read_text()
                if path.parent != ROOT / "core/ml":   # whose files may need the compiler's own headers, too
                    self.assertFalse(re.search(r"#include <(torch|ATen|c10)/", text), f"{path.relative_to(ROOT)} includes Torch")
                if "core/ml/torch.h" in text and path.suffix == ".h":
                    self.assertEqual(path.parent, ROOT / "core/ml", f"{path.relative_to(ROOT)} hands Torch on to others")

    def test_every_test_file_is_listed(self):
        for path in (ROOT / "tests").rglob("*_test.*"):
            if path.suffix not in (".cc", ".py", ".sh"):
                continue
            folder = path.parent
            lists = ""
            while folder != ROOT:
                if (folder / "CMakeLists.txt").exists():
                    lists += (folder / "CMakeLists.txt").read_text()
                folder = folder.parent
            self.assertTrue(path.name in lists, f"no CMakeLists.txt lists {path.relative_to(ROOT)}, so it never runs")

    def test_every_source_is_built(self):
        for folder in MAY_USE:
            lists = "".join(p.read_text() for p in (ROOT / folder).rglob("CMakeLists.txt"))
            for path in (ROOT / folder).rglob("*.cc"):
                self.assertTrue(path.name in lists, f"{path.relative_to(ROOT)} is in no CMakeLists.txt")

    def test_every_check_is_complete(self):
        page = (ROOT / "checks/README.md").read_text()
        config = (ROOT / "config/defused.yaml").read_text()
        for check in CHECKS:
            for path in (f"checks/{check}.h", f"checks/{check}.cc", f"tests/checks/{check}_test.cc"):
                self.assertTrue((ROOT / path).exists(), f"{path} is missing")
            self.assertTrue(re.search(rf"(?m)^#+ .*{check}", page), f"checks/README.md has no section on {check}")
            self.assertTrue(f"{check}:" in config, f"config/defused.yaml does not explain {check}")
        listed = {p.stem for p in (ROOT / "checks").glob("*.cc")} - {"all_checks", "conclude", "wording"}
        self.assertEqual(listed, set(CHECKS))

    def test_nothing_names_a_path_of_one_machine(self):
        for path in ROOT.rglob("*"):
            if not path.is_file() or {".git", "build"} & set(path.relative_to(ROOT).parts) or path.suffix in (".png", ".db"):
                continue
            text = path.read_text(errors="ignore")
            self.assertIsNone(re.search(r"(?<![\w.])/(?:home|root|Users)/\w", text), path.relative_to(ROOT))


if __name__ == "__main__":
    sys.argv[0] = "structure_test"
    unittest.main(verbosity=1)
