"""The shape of the tree, held by a test: every folder is a room with one library, no arrow runs up or in a circle, every test file is
listed, every check is complete. `structure_test.py --arrows` prints the arrows, folder by folder, and what each library links."""
import re
import sys
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

# Lowest floor first: a folder may include from itself and from folders above it in this list, and from no other.
FLOORS = (
    "core/base", "core/settings", "core/stats", "core/numerics", "core/registry", "core/cache", "core/data",
    "core/engine", "core/torch", "core/mixture", "core/generator",
    "core/evidence", "core/evaluate", "core/regions", "core/slices", "core/compare", "core/map",
    "core/verdict", "core/wire", "core/repair", "core/gate", "core/tuning", "core/store",
    "config", "checks", "reports",
    "daemon/state", "daemon/process", "daemon/api", "daemon/dashboard", "daemon/http", "daemon/client", "daemon/local",
    "daemon/live", "daemon/jobs", "daemon/watch", "daemon/actions",
    "daemon/worker", "daemon/ctl", "daemon",
)
# What the floors alone would allow, but what would bring a program more than it needs.
FORBIDDEN = {
    "config": {"core/torch"},
    "reports": {"config", "checks"},
    "daemon/client": {"daemon/api", "daemon/http", "daemon/state", "daemon/process", "config", "reports"},
    "daemon/ctl": {"daemon/process", "daemon/api", "daemon/http", "daemon/dashboard", "daemon/live", "daemon/jobs", "daemon/watch", "daemon/actions", "daemon", "daemon/worker"},
    "daemon/worker": {"daemon/api", "daemon/http", "daemon/dashboard", "daemon/state", "daemon/process", "reports", "core/store"},
}
# Rooms that only defuse-worker may link: a model runs there, and nowhere else.
TORCH = {"core/torch", "core/mixture", "core/generator", "core/evaluate", "core/gate", "core/tuning"}
TORCH_FREE = {"daemon", "daemon/ctl", "daemon/client", "daemon/api", "daemon/dashboard", "daemon/http", "daemon/state", "daemon/process", "daemon/local",
              "daemon/live", "daemon/jobs", "daemon/watch", "daemon/actions", "config", "reports", "checks"}
TOP = ("core", "config", "checks", "reports", "daemon")
CHECKS = ("contract", "accuracy", "negative_flips", "known_regions", "misclassification_regions", "spotlight")


def sources(folder):
    """Of this folder itself, not of those in it."""
    return sorted(path for path in (ROOT / folder).iterdir() if path.suffix in (".h", ".cc"))


def all_sources(*tops):
    return sorted(path for top in tops for path in (ROOT / top).rglob("*") if path.suffix in (".h", ".cc"))


def folder_of(path):
    return str(path.relative_to(ROOT).parent)


def uses_of(path):
    """The folders a file includes from."""
    return {str(Path(used).parent) for used in re.findall(r'^#include "([^"]+)"', path.read_text(), re.MULTILINE)
            if not used.startswith("embedded/")}  # files that cmake/embed.cmake turned into headers


def arrows():
    found = {}
    for folder in FLOORS:
        for path in sources(folder):
            for used in uses_of(path) - {folder}:
                found.setdefault((folder, used), []).append(path.name)
    return found


def library_of(folder):
    return {"daemon": "daemon_core"}.get(folder, folder.replace("/", "_"))


def links():
    """Library -> the rooms its CMakeLists.txt says it uses."""
    told = {}
    for folder in FLOORS:
        text = (ROOT / folder / "CMakeLists.txt").read_text()
        room = re.search(r"defuse_room\((\w+)(.*?)\)", text, re.DOTALL)
        uses = re.search(r"\bUSES\s+([\w\s]+?)(?=\s+(?:LINKS|SHOWS)\b|$)", room[2]) if room else None
        told[room[1] if room else folder] = set(uses[1].split()) if uses else set()
    return told


class Structure(unittest.TestCase):
    def test_every_folder_of_sources_is_a_room(self):
        self.assertEqual({folder_of(path) for path in all_sources(*TOP)}, set(FLOORS))

    def test_no_arrow_runs_up(self):
        for (folder, used), files in arrows().items():
            self.assertIn(used, FLOORS, f"{folder}/{files[0]} includes from {used}/, which is no room")
            self.assertLess(FLOORS.index(used), FLOORS.index(folder), f"{folder}/{files[0]} includes from {used}/, a floor above")
            self.assertNotIn(used, FORBIDDEN.get(folder, ()), f"{folder}/{files[0]} includes from {used}/")

    def test_each_library_names_what_it_uses(self):
        told = links()
        for folder in FLOORS:
            used = {library_of(b) for (a, b) in arrows() if a == folder}
            if (ROOT / folder / "main.cc").exists():  # whose includes are those of the program, not of the room
                used = {library_of(b) for path in sources(folder) if path.name != "main.cc" for b in uses_of(path) - {folder}}
            self.assertEqual(told[library_of(folder)], used, f"{folder}/CMakeLists.txt: USES")

    def test_only_the_worker_links_torch(self):
        told, rooms = links(), {library_of(folder): folder for folder in FLOORS}

        def reached(library, seen):
            for used in told.get(library, ()):
                if used not in seen:
                    seen.add(used)
                    reached(used, seen)
            return seen
        for folder in TORCH_FREE:
            torch = {rooms[library] for library in reached(library_of(folder), set())} & TORCH
            self.assertFalse(torch, f"{folder} would link Torch, by way of {torch}")

    def test_torch_comes_through_one_header_only(self):
        for path in all_sources(*TOP, "tests"):
            text = path.read_text()
            if path.parent != ROOT / "core/torch":   # whose files may need the compiler's own headers, too
                self.assertFalse(re.search(r"#include <(torch|ATen|c10)/", text), f"{path.relative_to(ROOT)} includes Torch")
            if "core/torch/torch.h" in text and path.suffix == ".h":
                self.assertIn(folder_of(path), TORCH, f"{path.relative_to(ROOT)} hands Torch on to others")

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
        for folder in FLOORS:
            listed = (ROOT / folder / "CMakeLists.txt").read_text()
            for path in (ROOT / folder).glob("*.cc"):
                self.assertRegex(listed, rf"[ (]{re.escape(path.name)}\b", f"{path.relative_to(ROOT)} is not in its folder's CMakeLists.txt")

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


def print_arrows():
    found = arrows()
    for folder in FLOORS:
        down = sorted((used for (by, used) in found if by == folder), key=FLOORS.index)
        print(f"{folder:18} -> {' '.join(down) or '-'}")
    up = [(a, b) for a, b in found if b not in FLOORS or FLOORS.index(b) >= FLOORS.index(a)]
    print(f"{len(found)} arrows between {len(FLOORS)} folders; {len(up)} run up or in a circle")


if __name__ == "__main__":
    if "--arrows" in sys.argv:
        print_arrows()
        sys.exit()
    sys.argv[0] = "structure_test"
    unittest.main(verbosity=1)
