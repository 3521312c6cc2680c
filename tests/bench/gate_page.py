"""The summary of gate_table.py as one Markdown page. Pure."""
from gate_table import BANDS, CELLS, GRID

TITLES = {**{band: f"{band} %" for band in BANDS}, "beyond": "beyond", "reopened": "reopened"}

MEANS = (
    ("precision_at_10", "Precision at 10: share of the planted among the ten deepest members of the blocking region (of one of generated images: among"
     " their images inside). A rival's slice names its members in no order of depth; the first ten by seed stand for it"),
    ("stability_blocked", "Stability: share of bootstraps of the seed images that block too (copies of an image count as images, so this is on the high side)"),
    ("stability", "Stability: shared seeds of the blocking regions of two bootstraps, of all in either (Jaccard, among the seeds that both hold)"))


def percent(value):
    return "–" if value is None else f"{100 * value:.1f} %".replace(".0 %", " %")


def counted(found):
    if not found["n"]:
        return "–"
    return f"{found['k']}/{found['n']} = {percent(found['rate'])} [{100 * found['low']:.0f}–{100 * found['high']:.0f}]"


def table(heads, rows):
    return ["", "| " + " | ".join(heads) + " |", "|" + "---|" * len(heads), *("| " + " | ".join(row) + " |" for row in rows), ""]


def must_show(summary):
    def show(entry):
        if not entry["n"]:
            return "not measured", ""
        if entry["unit"] == "s":
            return f"{entry['rate']:.1f} s ({entry['n']} pairs)", f"{entry['low']:.1f}–{entry['high']:.1f}"
        count = f"{entry['k']}/{entry['n']} = " if "k" in entry else ""
        return count + percent(entry["rate"]), f"{100 * entry['low']:.1f}–{100 * entry['high']:.1f} %"
    holds = {True: "yes", False: "**no**", None: "**not measured**"}
    rows = [[e["figure"], e["target"], *show(e), "" if e["target"] == "shown" else holds[e["holds"]], e["note"]]
            for e in summary["must_show"]]
    return ["## 1. Must show", "", "Rates with exact (Clopper–Pearson) two-sided 95 % intervals; the upper limit of false blocks is one-sided. A rate"
            " holds by its measured value.", *table(["figure", "target", "measured", "95 % interval", "holds", "note"], rows)]


def cell_text(column, cell):
    own, same = cell["own"], cell["same"]
    if not own["n"]:
        return "–"
    if column == "gate":
        return f"**{counted(own)}**"
    mark = " ▲" if cell["beats"] else ""
    return f"{percent(own['rate'])} → {counted(same)}{mark}"


def comparison(summary):
    out = ["## 2. Every column beside the gate", "", "Each cell: detection at the column's own rule → detection at the same rate of false blocks as the"
           " gate's own in that source. The threshold for that is the smallest with no more of the source's null pairs strictly above it than the"
           " gate blocks; it is set on the very null pairs of this table, which favours the other columns. ▲: finds more than the gate there."
           " *Italic*: parts of the gate."]
    for source in (*summary["sources"], "pooled"):
        rows = []
        for column in summary["columns"]:
            entry = summary["comparison"][column]
            found = entry["sources"][source]
            name = f"**{column}**" if column == "gate" else column if entry["rival"] else f"*{column}*"
            rows.append([name, counted(found["false_blocks"]), *(cell_text(column, found["cells"][cell]) for cell in CELLS)])
        out += ["", f"### {source}", *table(["column", "false blocks, own rule", *(TITLES[c] for c in CELLS)], rows)]
    if not summary["beaten"]:
        return out + ["No column finds more than the gate in any cell."]
    rows = [[f["column"], "rival" if f["rival"] else "part", f["source"], TITLES[f["cell"]], counted(f["same"]), counted(f["gate"]),
             f"{f['only_column']} / {f['only_gate']}", f"{f['p']:.2g}"] for f in summary["beaten"]]
    return out + ["Where another column finds more (p: two-sided sign test on the pairs that only one of the two finds):",
                  *table(["column", "what", "source", "cell", "it", "gate", "only it / only gate", "p"], rows)]


def circumstances(summary):
    rows = [[source, ", ".join(f"{k} {n}" for k, n in c["pairs"].items()), str(c["excluded"]), counted(c["not_less_accurate"]),
             "–" if c["seconds"].get("gate") is None else f"{c['seconds']['gate']:.2f}",
             ", ".join(f"{name} {n}" for name, n in c["no_answer"].items()) or "none"]
            for source, c in summary["circumstances"].items()]
    out = ["## 3. The pairs", *table(["source", "pairs", "excluded: training did not plant it", "planted candidates not less accurate",
                                      "median seconds per gate", "no answer"], rows)]
    verdicts = [[source, what, ", ".join(f"{name} {n}" for name, n in found.items()) or "–"]
                for source, c in summary["circumstances"].items() for what, found in c["verdicts"].items()]
    out += ["The gate's verdicts (only *fail* counts as blocked; *inconclusive* is no promotion either):",
            *table(["source", "pairs", "verdicts"], verdicts)]
    if summary["by_check"]:
        out += ["Which check blocks (alone):", *table(["check", "null pairs", "planted pairs"], [
            [check, f"{n['null']} ({n['null_alone']})", f"{n['planted']} ({n['planted_alone']})"] for check, n in summary["by_check"].items()])]
    seconds = [[column, *("–" if (s := summary["circumstances"][source]["seconds"].get(column)) is None else f"{s:.3f}"
                          for source in summary["sources"])] for column in summary["columns"]]
    out += ["Median seconds of each column:", *table(["column", *summary["sources"]], seconds)]
    for title, key, what in (("kind and band", "by_kind", "detected"), ("training recipe", "by_recipe", "detected"),
                             ("attribute", "by_attribute", "detected"), ("kind of retrain", "null_recipes", "falsely blocked")):
        if summary[key]:
            out += [f"The gate per {title}:", *table([title, what], [[name, counted(found)] for name, found in summary[key].items()])]
    return out


def discovery(summary):
    out = ["## 4. Discovery and false discovery over a grid of precision", "", "Share of planted pairs in which a slice of at least that precision hits"
           " a bug / of these with recall ≥ 0.5 / share of slices (null pairs included) that hit none that well. *One*: the rows keep only the"
           " slice the column would block on; else up to five shown ones."]
    rows = []
    for column, found in summary["discovery"].items():
        points = [f"{percent(p['found']['rate'])} / {percent(p['found_half']['rate'])} / {percent(p['false']['rate'])}" for p in found["points"]]
        rows.append([column, "all" if found["per_slice"] else "one", *points])
    out += table(["column", "slices", *(f"≥ {level}" for level in GRID)], rows) if rows else ["", "No column named a slice.", ""]
    for key, title in MEANS:
        if summary[key]:
            out += [f"{title}:", *table(["column", "mean", "95 % interval", "pairs"], [
                [c, f"{f['mean']:.2f}", "{:.2f}–{:.2f}".format(*f["interval"]), str(f["n"])] for c, f in summary[key].items()])]
    return out


def listed(title, names, most=60):
    more = f"; and {len(names) - most} more in table.json" if len(names) > most else ""
    return ["", f"{title} ({len(names)}): " + (", ".join(f"`{name}`" for name in names[:most]) + more if names else "none") + "."]


def page(summary, remarks=(), title="The gate on planted regressions"):
    head = [f"# {title}", "", f"{summary['pairs']} pairs, pool {' and '.join(summary['pools']) or '–'}, sources"
            f" {', '.join(summary['sources']) or 'none'}. Plots beside this page: `power.svg`, `false_blocks.svg`, `operating.svg`."]
    notes = ["", *(f"- {remark}" for remark in remarks)] if remarks else []
    end = ["## Not met", "", *(f"- {figure}" for figure in summary["not_met"])] if summary["not_met"] else \
        ["## Not met", "", "Every target is met."]
    return "\n".join([*head, *notes, "", *must_show(summary), *comparison(summary), "", *circumstances(summary), *discovery(summary),
                      "## 5. Pairs to look at", *listed("Honest retrains blocked", summary["false_blocked"]),
                      *listed("Planted and missed", summary["missed"]), "", *end]) + "\n"
