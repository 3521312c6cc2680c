"""What must hold of a state folder whatever happened to the daemon. Each check returns sentences about what is broken; none means that all is well.

`of_store` holds at any moment, also beside a daemon at work. `of_files` and `of_leftovers` hold once the daemon has nothing to do.
Nothing here uses the product's own code: the audit chain, for one, is computed anew.
"""
import hashlib
import json
import sqlite3
from pathlib import Path

REPORT_FILES = ("report.json", "report.html", "report.md", "report.junit.xml", "report.sarif", "verdict.json", "page.json")


class Snapshot:
    """The store at one moment, also while a daemon writes to it."""

    def __init__(self, state):
        self.store = sqlite3.connect(f"file:{state}/defused.db?mode=ro", uri=True, timeout=30, isolation_level=None)
        self.store.execute("BEGIN")

    def __call__(self, query, *values):
        return self.store.execute(query, values).fetchall()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.store.close()


def rows(state, query, *values):
    with Snapshot(state) as read:
        return read(query, *values)


def chained(previous, *fields):
    """Each field as its length in bytes, a colon, its bytes (core/base/sha256.h)."""
    digest = hashlib.sha256()
    for field in (previous, *map(str, fields)):
        raw = field.encode()
        digest.update(str(len(raw)).encode() + b":" + raw)
    return digest.hexdigest()


def of_audit(read):
    broken, previous, last = [], "", 0
    for number, at, who, action, subject, detail, found in read(
            "SELECT id, at, who, action, subject, detail_json, hash FROM audit ORDER BY id"):
        if number != last + 1:
            broken.append(f"audit row {last + 1} is missing")
        if found != chained(previous, number, at, who, action, subject, detail):
            broken.append(f"audit row {number} does not fit the chain")
        previous, last = found, number
    written = read("SELECT seq FROM sqlite_sequence WHERE name = 'audit'")
    if written and written[0][0] != last:
        broken.append(f"the audit log ends at {last}, but {written[0][0]} rows were written")
    return broken


def of_verdicts(read):
    """Exactly one verdict per finished gate, and one more for each time it was decided again; none for any other job."""
    broken = []
    told = {}
    for action, job in read("SELECT action, json_extract(detail_json, '$.job') FROM audit WHERE action IN ('verdict', 'verdict.again')"):
        told.setdefault(job, []).append(action)
    for job, kind, standing, version, count in read(
            "SELECT j.id, j.kind, j.state, j.model || '/' || j.version, count(v.id) "
            "FROM jobs j LEFT JOIN verdicts v ON v.job = j.id GROUP BY j.id"):
        ended = kind == "gate" and standing in ("done", "failed")
        actions = told.get(job, [])
        if ended and (count != len(actions) or actions.count("verdict") != 1):
            broken.append(f"job {job} ({version}, {standing}) has {count} verdicts; the audit log tells of {actions}")
        if not ended and count:
            broken.append(f"job {job} ({version}, {kind}, {standing}) has {count} verdicts")
    for line, data, count, first, last in read(
            "SELECT model, data_digest, count(*), min(position), max(position) FROM judgements GROUP BY model, data_digest"):
        if (first, last) != (1, count):
            broken.append(f"judgements of {line} on {data[:12]} are numbered {first} to {last}, and there are {count}")
    broken += [f"verdict {one} has {n} findings in its rows, {m} in order" for one, n, m in read(
        "SELECT verdict, count(*), max(position) + 1 FROM findings GROUP BY verdict HAVING count(*) <> max(position) + 1")]
    return broken


def of_store(state):
    with Snapshot(state) as read:
        broken = [f"integrity_check: {row[0]}" for row in read("PRAGMA integrity_check") if row[0] != "ok"]
        broken += [f"foreign_key_check: {row}" for row in read("PRAGMA foreign_key_check")]
        return broken + of_audit(read) + of_verdicts(read)


def of_pictures(folder, json_text):
    """Every picture that a document names lies beside it, whole."""
    broken = []
    def look(value):
        if isinstance(value, dict):
            for key, inner in value.items():
                if key in ("picture", "sprite") and isinstance(inner, str) and inner:
                    file = folder / inner
                    raw = file.read_bytes() if file.is_file() else b""
                    if not (raw.startswith(b"\x89PNG") and raw.endswith(b"IEND\xaeB`\x82")):
                        broken.append(f"picture {file} is not whole")
                else:
                    look(inner)
        elif isinstance(value, list):
            for inner in value:
                look(inner)
    look(json.loads(json_text))
    return broken


def of_report(folder, state_of_row):
    broken = [f"{folder / name} is missing or empty" for name in REPORT_FILES
              if not (folder / name).is_file() or not (folder / name).stat().st_size]
    if broken:
        return broken
    text = (folder / "report.json").read_text()
    try:
        said = json.loads(text)["verdict"]["verdict"], json.loads((folder / "verdict.json").read_text())["verdict"]
    except (ValueError, KeyError) as problem:
        return [f"{folder}: {problem!r}"]
    if said != (state_of_row, state_of_row):
        broken.append(f"{folder} says {said}, its row {state_of_row}")
    return broken + of_pictures(folder, text)


def npy_is_whole(file):
    raw = file.read_bytes() if file.is_file() else b""
    if not raw.startswith(b"\x93NUMPY"):
        return False
    header = raw[10:10 + int.from_bytes(raw[8:10], "little")].decode()
    shape = eval(header, {"__builtins__": {}})["shape"]
    size = 4 if "<f4" in header or "<i4" in header else 1
    for extent in shape:
        size *= extent
    return len(raw) == 10 + len(header) + size


def of_rows_without_files(state):
    """Holds at any moment: what a committed row refers to was on disk before it."""
    broken = []
    for report, standing in rows(state, "SELECT report, state FROM verdicts"):
        broken += of_report(state / report, standing)
    for region, frozen in rows(state, "SELECT id, frozen FROM regions"):
        if frozen and not npy_is_whole(state / frozen):
            broken.append(f"the frozen test {frozen} of {region} is not whole")
        if not (state / "regions" / f"{region}.probe").is_file():
            broken.append(f"region {region} has no probe digest")
    for job, in rows(state, "SELECT id FROM jobs WHERE kind = 'correction' AND state = 'done'"):
        if not (state / "corrections" / str(job) / "correction.json").is_file():
            broken.append(f"correction {job} left nothing")
    return broken


def names(folder):
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def of_files_without_rows(state):
    broken = []
    known = {state / report for report, in rows(state, "SELECT report FROM verdicts")}
    found = {path.parent for path in (state / "reports").rglob("report.json")}
    found |= {path for path in (state / "reports").glob("*/*/*")}
    broken += [f"report {path} belongs to no verdict" for path in sorted(found - known)]
    tests = {Path(frozen).name for frozen, in rows(state, "SELECT frozen FROM regions") if frozen}
    ids = {f"{one}.probe" for one, in rows(state, "SELECT id FROM regions")}
    # Every sighting's test stays, since the store may go back to an earlier one: <region>-<job>.npy of a job that ended.
    ended = {str(one) for one, in rows(state, "SELECT id FROM jobs WHERE state IN ('done', 'failed')")}
    for name in names(state / "regions"):
        sighting = name.endswith(".npy") and name.rsplit("-", 1)[1][:-4] in ended and name.rsplit("-", 1)[0] + ".probe" in ids
        if name not in tests and name not in ids and not sighting:
            broken.append(f"regions/{name} belongs to no region")
    done = {str(one) for one, in rows(state, "SELECT id FROM jobs WHERE kind = 'correction' AND state = 'done'")}
    broken += [f"corrections/{name} belongs to no finished correction" for name in names(state / "corrections") if name not in done]
    versions = {f"{model}/{version}.json" for model, version in rows(state, "SELECT model, version FROM versions WHERE current = 1")}
    for path in (state / "verdicts").rglob("*.json"):
        if str(path.relative_to(state / "verdicts")) not in versions:
            broken.append(f"{path} is about no known version")
    return broken


def of_leftovers(state):
    """What an interrupted job or write leaves is gone once all is quiet. `cache` keeps scratch of dead workers for ten minutes."""
    broken = [f"{path} was left half-written" for root in ("reports", "verdicts", "regions", "corrections", "jobs")
              for path in (state / root).rglob("*") if path.name.startswith("tmp-") or path.name.endswith(".tmp")]
    broken += [f"{path} was left half-written" for path in state.glob("tmp-*")]
    kept = {str(job) for job, in rows(state, "SELECT job FROM verdicts v WHERE id = (SELECT max(id) FROM verdicts w WHERE w.model = v.model "
                                             "AND w.digest = v.digest)")}
    jobs = {str(job): standing for job, standing in rows(state, "SELECT id, state FROM jobs")}
    for name in names(state / "jobs"):
        folder = state / "jobs" / name
        if name.split(".")[0] not in jobs:
            broken.append(f"jobs/{name} belongs to no job")
        if not folder.is_dir() or jobs.get(name) in ("queued", "running"):
            continue
        allowed = {"job.json", "worker.log"} | ({"result"} if name in kept and jobs.get(name) == "done" else set())
        broken += [f"jobs/{name}/{inner} was left behind ({jobs.get(name)})" for inner in names(folder) if inner not in allowed]
    broken += [f"job {job} is still {standing}" for job, standing in jobs.items() if standing in ("queued", "running")]
    return broken


def at_rest(state):
    return of_store(state) + of_rows_without_files(state) + of_files_without_rows(state) + of_leftovers(state)


def stray_workers(state):
    """Processes that work on a job of this state folder."""
    found = []
    for words in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            text = words.read_bytes().split(b"\0")
        except OSError:
            continue
        if b"--job" in text and any(word.startswith(str(state / "jobs").encode()) for word in text):
            found.append(int(words.parent.name))
    return found
