"""What the rows of `./dev bench gate` say: rates with intervals, rivals brought to our rate of false blocks, targets met or not.

Pure: rows (one dictionary per pair, as gate-bench writes them) in, one JSON-ready dictionary out; gate_page.py and gate_plots.py show it.
A column that gave no answer for a pair is left out of that column's counts and listed, never counted as a pass.
"""
import json
import math

from gate_intervals import clopper_pearson, mean_interval, median, sign_test, upper_limit

BANDS = ("0.5-2", "0.2-0.5", "0.05-0.2")       # planted mass, per cent of the test images
PLANTED = ("logic", "training")
CELLS = (*BANDS, "beyond", "reopened")          # what a column is compared on
OURS = ("gate", "regions", "known_regions")
PART = ("part_", "space_", "shape_", "alone_")  # one space or shape of ours by itself
DETECTION = {"0.5-2": 0.95, "0.2-0.5": 0.85, "0.05-0.2": 0.50}
FALSE_BLOCKS, FALSE_BLOCKS_LIMIT, ENOUGH_NULLS = 0.05, 0.10, 60
BEYOND, REOPENED, REOPENED_MASS = 0.60, 0.95, 0.001
PRECISION, RECALL, FALSE_SHOWN, MNIST_SECONDS = 0.8, 0.5, 0.10, 180
GRID = (0.5, 0.6, 0.7, 0.8, 0.9)


# ---- rows

def read_rows(paths):
    """Rows by pair, and remarks. A run that was killed may leave half a line; what replaced it comes later in the file."""
    rows, remarks = {}, []
    for path in paths:
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
                row["pair"], row["source"], row["kind"], row["columns"].items()
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                remarks.append(f"{path.name}:{number} is not a row ({type(error).__name__}) and was left out")
                continue
            if (row.get("mass") or 0) > 0.2:
                raise ValueError(f"{path.name}:{number}: mass {row['mass']} is not a share of the test images")
            rows[row["pair"]] = row
    return list(rows.values()), remarks


def band_of(row):
    """A pair planted by training is drawn without a band: its mass says where it belongs."""
    if row.get("band") or row["kind"] not in PLANTED:
        return row.get("band")
    mass = 100 * (row.get("mass") or 0)
    return BANDS[0] if mass >= 0.5 else BANDS[1] if mass >= 0.2 else BANDS[2] if mass >= 0.05 else None


def of_cell(rows, cell):
    if cell in BANDS:
        return [r for r in rows if r["kind"] in PLANTED and band_of(r) == cell]
    return [r for r in rows if r["kind"] == cell]


def answer(row, column):
    """None where the column did not judge the pair."""
    found = row["columns"].get(column)
    return found if isinstance(found, dict) and isinstance(found.get("blocked"), bool) else None


def answers(rows, column):
    return [(row, found) for row in rows if (found := answer(row, column)) is not None]


def is_asked(row, column):
    """Excluded pairs are judged by nobody, and only a reopened bug has frozen images."""
    return "_" not in row["kind"] and (column != "known_regions" or row["kind"] == "reopened")


def columns_of(rows):
    names = dict.fromkeys(name for row in rows for name in row["columns"])
    ours = [name for name in OURS if name in names]
    parts = sorted(name for name in names if name.startswith(PART))
    return ours + parts + [name for name in names if name not in ours and name not in parts]


def is_rival(column):
    return column not in OURS and not column.startswith(PART)


def chosen(columns, asked):
    """Those of `columns` that a list as gate-bench takes it means: names, and parts, rivals or all for many."""
    asked = set(asked.split(","))
    return [c for c in columns if "all" in asked or c in asked or ("parts" in asked and c.startswith(PART)) or ("rivals" in asked and is_rival(c))]


def sources_of(rows):
    known = ("synthetic", "digits", "mnist")
    return sorted({row["source"] for row in rows}, key=lambda s: (known.index(s) if s in known else len(known), s))


# ---- counts

def rate(k, n):
    low, high = clopper_pearson(k, n) if n else (0.0, 1.0)
    return {"k": k, "n": n, "rate": k / n if n else None, "low": low, "high": high}


def blocked(rows, column):
    judged = answers(rows, column)
    return rate(sum(found["blocked"] for _, found in judged), len(judged))


def score_of(found):
    """Of ours the margin: a bound of 0.5 is nothing where all flips are counted and much where clear ones are; over its limit it is on one scale."""
    score = found.get("margin", found.get("score"))
    return score if isinstance(score, (int, float)) and not math.isnan(score) else -math.inf


def calibrate(scores, allowed_rate):
    """The smallest threshold with at most that share of `scores` strictly above it; None without scores."""
    if not scores:
        return None
    allowed = math.floor(allowed_rate * len(scores) + 1e-9)
    return -math.inf if allowed >= len(scores) else sorted(scores, reverse=True)[allowed]


def finite(value):
    """JSON has no infinity."""
    return value if value is not None and math.isfinite(value) else None


def thresholds_at(nulls, column, sources, rate_of_source):
    """Per source, since the scores of most columns are not on one scale over the sources."""
    return {source: calibrate([score_of(found) for row, found in answers(nulls, column) if row["source"] == source],
                              rate_of_source[source])
            for source in sources if rate_of_source.get(source) is not None}


def detected_at(rows, column, thresholds):
    """Of the rows whose source has a threshold: pair -> detected."""
    return {row["pair"]: score_of(found) > thresholds[row["source"]] for row, found in answers(rows, column)
            if thresholds.get(row["source"]) is not None}


# ---- rivals beside the gate

def compare_cell(rows, column, thresholds):
    """One column in one cell: at its own rule, and at our rate of false blocks over the pairs that both judged."""
    cell = {"own": blocked(rows, column)}
    if column == "gate":
        return {**cell, "same": cell["own"], "beats": False}
    theirs = detected_at(rows, column, thresholds)
    gate = {row["pair"]: found["blocked"] for row, found in answers(rows, "gate") if row["pair"] in theirs}
    pairs = list(gate)
    same = rate(sum(theirs[p] for p in pairs), len(pairs))
    only_theirs = sum(theirs[p] and not gate[p] for p in pairs)
    only_gate = sum(gate[p] and not theirs[p] for p in pairs)
    return {**cell, "same": same, "gate": rate(sum(gate.values()), len(pairs)), "only_column": only_theirs, "only_gate": only_gate,
            "p": sign_test(only_theirs, only_gate), "beats": only_theirs > only_gate}


def compare_columns(rows, columns, sources):
    nulls = of_cell(rows, "null")
    ours = {source: blocked([r for r in nulls if r["source"] == source], "gate")["rate"] for source in sources}
    result = {}
    for column in columns:
        thresholds = thresholds_at(nulls, column, sources, ours)
        entry = {"rival": is_rival(column), "sources": {}}
        for source in (*sources, "pooled"):
            mine = [r for r in rows if source in ("pooled", r["source"])]
            entry["sources"][source] = {
                "threshold": finite(thresholds.get(source)), "false_blocks": blocked(of_cell(mine, "null"), column),
                "cells": {cell: compare_cell(of_cell(mine, cell), column, thresholds) for cell in CELLS}}
        result[column] = entry
    return result


def beaten_cells(comparison):
    """Every cell in which another column finds more than the gate at the gate's rate of false blocks."""
    return [{"column": column, "rival": entry["rival"], "source": source, "cell": cell, **found}
            for column, entry in comparison.items() for source, of_source in entry["sources"].items()
            for cell, found in of_source["cells"].items() if found["beats"]]


# ---- the table

def line(figure, target, found, holds, note="", unit="%"):
    return {"figure": figure, "target": target, **found, "holds": holds if found.get("n") else None, "note": note, "unit": unit}


def false_block_line(rows, where):
    found = blocked(of_cell(rows, "null"), "gate")
    limit = upper_limit(found["k"], found["n"]) if found["n"] else 1.0
    enough = found["n"] >= ENOUGH_NULLS
    holds = found["n"] > 0 and enough and found["rate"] <= FALSE_BLOCKS and limit <= FALSE_BLOCKS_LIMIT
    note = f"upper 95 % limit {100 * limit:.1f} %" + ("" if enough else f"; {found['n']} pairs are too few to show it")
    return {**line(f"false blocks on honest retrains, {where}", "≤ 5 %, upper limit ≤ 10 %, ≥ 60 pairs", found, holds, note),
            "upper_limit": limit}


def rate_line(figure, target, rows, column="gate", note=""):
    found = blocked(rows, column)
    if target is None:
        return line(figure, "shown", found, found["n"] > 0, note)
    return line(figure, f"≥ {100 * target:.0f} %", found, found["n"] > 0 and found["rate"] >= target, note)


def region_line(rows, key, target, words="of the blocking region"):
    found = [a for _, a in answers(of_cell(rows, BANDS[0]), "gate") if a["blocked"]]
    values = [a[key] for a in found if isinstance(a.get(key), (int, float))]
    low, high = mean_interval(values)
    mean = sum(values) / len(values) if values else None
    note = f"mean of {len(values)} detected pairs" + (f"; {len(found) - len(values)} blocked without a region"
                                                       if len(found) > len(values) else "")
    return line(f"{key.split('_')[0]} {words}, mass ≥ 0.5 %", f"≥ {target}" if target else "shown",
                {"n": len(values), "rate": mean, "low": low, "high": high}, bool(values) and mean >= (target or 0), note)


def false_shown_line(rows):
    """Regions of one pair are not independent, so the interval is on the narrow side."""
    judged = answers([r for r in rows if r["kind"] in ("null", *PLANTED, "beyond", "reopened")], "gate")
    found = rate(sum(a.get("false_shown") or 0 for _, a in judged), sum(a.get("shown") or 0 for _, a in judged))
    return line("shown regions that are no bug", "≤ 10 %", found, found["n"] > 0 and found["rate"] <= FALSE_SHOWN,
                "of all regions shown, null pairs included; a bug needs half of its members planted")


def generated_line(rows, where):
    found = [a for _, a in answers(rows, "gate") if a["blocked"]]
    return line(f"found by generated images alone, {where}", "shown",
                rate(sum(a.get("evidence") == "generated" for a in found), len(found)), True, "of the detected pairs")


def rivals_line(comparison):
    rivals = {name: entry for name, entry in comparison.items() if entry["rival"]}
    cells = [(found, cell) for entry in rivals.values() for source in entry["sources"].values()
             for cell, found in source["cells"].items() if cell in (*BANDS, "beyond") and found["same"]["n"]]
    beaten = sum(found["beats"] for found, _ in cells)
    ties = sum(found["only_column"] == found["only_gate"] for found, _ in cells)
    return line("cells in which a rival beats the gate at its rate of false blocks", "0", rate(beaten, len(cells)), beaten == 0,
                f"{len(rivals)} rivals; {ties} ties; see section 2")


def seconds_line(rows):
    seconds = [a["seconds"] for _, a in answers([r for r in rows if r["source"] == "mnist"], "gate") if "seconds" in a]
    middle = median(seconds)
    return line("seconds of an MNIST gate (median)", f"≤ {MNIST_SECONDS} s",
                {"n": len(seconds), "rate": middle, "low": min(seconds, default=None), "high": max(seconds, default=None)},
                bool(seconds) and middle <= MNIST_SECONDS, "range in place of an interval; `./dev bench speed --only gate` times the whole command", "s")


def must_show(rows, sources, comparison):
    lines = [false_block_line([r for r in rows if r["source"] == s], s) for s in sources]
    lines.append(false_block_line(rows, "pooled"))
    for band, target in DETECTION.items():
        of_band = of_cell(rows, band)
        lines.append(rate_line(f"detection, {band} %, pooled", target, of_band))
        lines += [rate_line(f"detection, {band} %, {s}", target, [r for r in of_band if r["source"] == s]) for s in sources]
    lines.append(rate_line("detection, beyond the test split, pooled", BEYOND, of_cell(rows, "beyond")))
    lines += [rate_line(f"detection, beyond, {s}", BEYOND, [r for r in of_cell(rows, "beyond") if r["source"] == s])
              for s in sources]
    again = [r for r in of_cell(rows, "reopened") if (r.get("mass") or 0) >= REOPENED_MASS]
    search = blocked(again, "regions")
    lines.append(rate_line("reopened known bug, ≥ 0.1 %", REOPENED, again, "known_regions",
                           f"a fresh search finds {search['k']} of {search['n']}; never frozen, so not counted: "
                           f"{len(of_cell(rows, 'reopened_unknown'))}"))
    for sure, words in ((True, "its region confirmed before"), (False, "its region only suspected, as a person may confirm it")):
        of_kind = [r for r in again if (answer(r, "known_regions") or {}).get("confirmed") is sure]
        lines.append(rate_line(f"reopened known bug, {words}", None, of_kind, "known_regions"))
    lines += [region_line(rows, "precision", PRECISION), region_line(rows, "recall", RECALL),
              region_line(rows, "recall_all", None, "of all blocking regions together"), false_shown_line(rows),
              generated_line([r for band in BANDS for r in of_cell(rows, band)], "planted in the test split"),
              generated_line(of_cell(rows, "beyond"), "beyond the test split"), rivals_line(comparison)]
    if "mnist" in sources:
        lines.append(seconds_line(rows))
    return lines


# ---- the rest

def slices_of(row, found):
    """Precision and recall of each slice shown as a regression, where the row keeps them; else of the one the column would block on."""
    if isinstance(found.get("worst"), list):
        return [s for s in found["worst"] if s.get("status") in ("new", "worse")]
    if not found["blocked"]:
        return []
    if row["kind"] == "null":
        return [{}] if found.get("shown") else []
    return [found] if isinstance(found.get("precision"), (int, float)) else []


def discovery(rows, column):
    """Per precision threshold: share of planted pairs in which a shown slice of at least that precision hits a bug (at any recall, and at
    half or more), and the share of shown slices, null pairs included, that hit none that well."""
    judged = answers([r for r in rows if r["kind"] in ("null", *PLANTED)], column)
    slices = [(row, s) for row, found in judged for s in slices_of(row, found)]
    planted = sum(row["kind"] in PLANTED for row, _ in judged)
    points = []
    for level in GRID:
        good = [(row, s) for row, s in slices if row["kind"] != "null" and (s.get("precision") or 0) >= level]
        hit = {row["pair"] for row, s in good}
        half = {row["pair"] for row, s in good if (s.get("recall") or 0) >= 0.5}
        points.append({"precision": level, "found": rate(len(hit), planted), "found_half": rate(len(half), planted),
                       "false": rate(len(slices) - len(good), len(slices))})
    per_slice = any(isinstance(found.get("worst"), list) for _, found in judged)
    return {"per_slice": per_slice, "points": points} if slices else None


def mean_of(rows, column, key):
    values = [found[key] for _, found in answers(rows, column) if isinstance(found.get(key), (int, float))]
    return {"n": len(values), "mean": sum(values) / len(values), "interval": mean_interval(values)} if values else None


def tally(names):
    names = list(names)
    return {name: names.count(name) for name in sorted(set(names))}


def by_check(rows):
    """Which of the gate's checks block: null pairs and planted ones, and where a check is the only one."""
    result = {}
    for row, found in answers(rows, "gate"):
        where = "null" if row["kind"] == "null" else "planted"
        checks = found.get("checks") or []
        for check in checks:
            counts = result.setdefault(check, {"null": 0, "null_alone": 0, "planted": 0, "planted_alone": 0})
            counts[where] += 1
            counts[where + "_alone"] += len(checks) == 1
    return dict(sorted(result.items()))


def circumstances(rows, sources, columns):
    result = {}
    for source in sources:
        mine = [r for r in rows if r["source"] == source]
        planted = [r for r in mine if r["kind"] in (*PLANTED, "beyond") and r.get("accuracy")]
        result[source] = {
            "pairs": {kind: sum(r["kind"] == kind for r in mine) for kind in sorted({r["kind"] for r in mine})},
            "excluded": sum(r["kind"] == "training_excluded" for r in mine),
            "not_less_accurate": rate(sum(r["accuracy"]["candidate"] >= r["accuracy"]["incumbent"] for r in planted), len(planted)),
            "seconds": {c: median([a["seconds"] for _, a in answers(mine, c) if "seconds" in a]) for c in columns},
            "no_answer": {c: missing for c in columns if (missing := sum(is_asked(r, c) and answer(r, c) is None for r in mine))},
            "verdicts": {what: tally(found.get("verdict", "?") for _, found in answers([r for r in mine if r["kind"] in kinds], "gate"))
                         for what, kinds in (("null", ("null",)), ("planted", (*PLANTED, "beyond", "reopened")))}}
    return result


def retrained(row):
    """final-4-width: the candidate's way of being another honest model is the last word of its name."""
    return str(row.get("base") or row.get("recipe")).rsplit("-", 1)[-1]


def by_what(rows, key):
    """Detection by the gate, per attribute or recipe of the planted bug: where to look next."""
    groups = {}
    for row in rows:
        if row["kind"] in (*PLANTED, "beyond"):
            for name in key(row):
                groups.setdefault(name, []).append(row)
    return {name: blocked(group, "gate") for name, group in sorted(groups.items())}


def operating_curve(rows, column, sources, rates):
    """Detection per cell as the threshold on the score moves; each source at the same rate of false blocks."""
    nulls = of_cell(rows, "null")
    curve = []
    for allowed in rates:
        thresholds = thresholds_at(nulls, column, sources, dict.fromkeys(sources, allowed))
        point = {"allowed": allowed}
        for cell in ("null", *CELLS):
            found = detected_at(of_cell(rows, cell), column, thresholds)
            point[cell] = sum(found.values()) / len(found) if found else None
        curve.append(point)
    return curve


def summarise(rows, columns=None, asked=()):
    """Everything that the page, the plots and table.json show. A source that was asked for and has no rows is not met, not forgotten."""
    columns = [c for c in columns_of(rows) if columns is None or c in columns or c in OURS]
    sources = sources_of(rows)
    comparison = compare_columns(rows, columns, sources)
    lines = must_show(rows, sources, comparison)
    absent = [f"everything on {source}: no pairs" for source in asked if source not in sources]
    return {
        "pairs": len(rows), "pools": sorted({r.get("pool", "?") for r in rows}), "sources": sources, "columns": columns,
        "must_show": lines, "not_met": [e["figure"] for e in lines if e["target"] != "shown" and e["holds"] is not True] + absent,
        "comparison": comparison, "beaten": beaten_cells(comparison), "circumstances": circumstances(rows, sources, columns),
        "discovery": {c: found for c in columns if (found := discovery(rows, c))},
        "stability": {c: found for c in columns if (found := mean_of(rows, c, "stability"))},
        "stability_blocked": {c: found for c in columns if (found := mean_of(rows, c, "stability_blocked"))},
        "precision_at_10": {c: found for c in columns if (found := mean_of(rows, c, "precision_at_10"))},
        "by_check": by_check(rows),
        "by_kind": by_what(rows, lambda r: [" ".join(filter(None, (r["kind"], band_of(r))))]),
        "by_recipe": by_what(rows, lambda r: [r["recipe"]] if isinstance(r.get("recipe"), str) and r["kind"] == "training" else []),
        "by_attribute": by_what(rows, lambda r: {b["attribute"] for b in r.get("bugs") or [] if "attribute" in b}),
        "null_recipes": {name: blocked([r for r in of_cell(rows, "null") if retrained(r) == name], "gate")
                         for name in sorted({retrained(r) for r in of_cell(rows, "null")})},
        "false_blocked": [r["pair"] for r, a in answers(of_cell(rows, "null"), "gate") if a["blocked"]],
        "missed": [r["pair"] for cell in CELLS for r, a in answers(of_cell(rows, cell), "gate") if not a["blocked"]],
        "curves": {c: operating_curve(rows, c, sources, [i / 100 for i in range(0, 31)]) for c in columns},
    }
