"""The benchmark's plots as hand-written SVG: no plotting library is needed, and a browser shows them. Pure: rows and summary in, text out."""
import math
from html import escape

from gate_intervals import wilson
from gate_table import BANDS, PLANTED, blocked, detected_at, answers, of_cell, thresholds_at

INK, GREY, FAINT = "#1b1b1b", "#666666", "#dddddd"
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7a5195", "#8c6d31", "#b2182b", "#4d9221")  # told apart by most
MASS_EDGES = (0.05, 0.1, 0.2, 0.32, 0.5, 1.0, 2.0)  # per cent


class Drawing:
    def __init__(self, width, height, title, subtitle):
        self.size, self.parts = (width, height), []
        self.text(16, 24, title, size=16, weight="bold")
        self.text(16, 42, subtitle, size=11, fill=GREY)

    def text(self, x, y, words, size=11, anchor="start", fill=INK, weight="normal", turn=""):
        self.parts.append(f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" fill="{fill}" font-weight="{weight}"'
                          f'{turn}>{escape(words)}</text>')

    def line(self, x1, y1, x2, y2, stroke=INK, width=1.0, dash=""):
        self.parts.append(f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{stroke}" stroke-width="{width}"'
                          + (f' stroke-dasharray="{dash}"' if dash else "") + "/>")

    def path(self, points, stroke, width=1.5, dash=""):
        if points:
            self.parts.append('<polyline fill="none" points="' + " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
                              + f'" stroke="{stroke}" stroke-width="{width}"' + (f' stroke-dasharray="{dash}"' if dash else "") + "/>")

    def dot(self, x, y, fill, words, radius=3.5, ring="none"):
        self.parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius}" fill="{fill}" stroke="{ring}" stroke-width="2">'
                          f'<title>{escape(words)}</title></circle>')

    def svg(self):
        width, height = self.size
        return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
                f' font-family="DejaVu Sans, Helvetica, Arial, sans-serif">\n<rect width="{width}" height="{height}" fill="#ffffff"/>\n'
                + "\n".join(self.parts) + "\n</svg>\n")


class Panel:
    """A frame with a percent axis upwards; `across` maps a value to 0…1."""

    def __init__(self, drawing, x, y, width, height, across):
        self.d, self.x, self.y, self.w, self.h, self.across = drawing, x, y, width, height, across

    def at(self, value, share):
        return self.x + self.across(value) * self.w, self.y + (1 - share) * self.h

    def frame(self, ticks, title, y_label=True):
        for share in (0, 0.25, 0.5, 0.75, 1):
            y = self.at(ticks[0][0], share)[1]
            self.d.line(self.x, y, self.x + self.w, y, FAINT)
            if y_label:
                self.d.text(self.x - 6, y + 4, f"{share:.0%}", anchor="end", fill=GREY, size=10)
        for value, words in ticks:
            x = self.at(value, 0)[0]
            self.d.line(x, self.y + self.h, x, self.y + self.h + 4, GREY)
            self.d.text(x, self.y + self.h + 15, words, anchor="middle", fill=GREY, size=10)
        self.d.line(self.x, self.y + self.h, self.x + self.w, self.y + self.h, GREY)
        self.d.text(self.x, self.y - 8, title, weight="bold", size=12)


def power_points(planted, hit):
    """Per bin of mass: middle, rate, Wilson interval, counts. `hit`: pair -> detected."""
    points = []
    for low, high in zip(MASS_EDGES, MASS_EDGES[1:]):
        found = [hit[r["pair"]] for r in planted if r["pair"] in hit and low <= 100 * (r.get("mass") or 0) < (high if high < 2 else 99)]
        if found:
            points.append((math.sqrt(low * high), sum(found) / len(found), *wilson(sum(found), len(found)), sum(found), len(found)))
    return points


def power(rows, summary):
    """One panel per column, the gate in grey behind each: twelve lines in one frame could not be read."""
    columns, across, shape = summary["columns"], 4, (200, 130)
    lines = math.ceil(len(columns) / across)
    d = Drawing(60 + across * (shape[0] + 40), 90 + lines * (shape[1] + 62), "Detection against the planted mass",
                "planted by logic and by training, all sources; threshold of each source so that it blocks no more honest retrains than the"
                " gate; bars: Wilson 95 %; grey: the gate")
    planted = [r for r in rows if r["kind"] in PLANTED]
    nulls = of_cell(rows, "null")
    ours = {s: blocked([r for r in nulls if r["source"] == s], "gate")["rate"] for s in summary["sources"]}
    gate = power_points(planted, {r["pair"]: a["blocked"] for r, a in answers(planted, "gate")})
    span = math.log(MASS_EDGES[-1] / MASS_EDGES[0])
    for i, column in enumerate(columns):
        panel = Panel(d, 56 + i % across * (shape[0] + 40), 82 + i // across * (shape[1] + 62), *shape,
                      lambda mass: math.log(mass / MASS_EDGES[0]) / span)
        panel.frame([(m, f"{m:g}") for m in (0.05, 0.1, 0.2, 0.5, 1, 2)], column, i % across == 0)
        if column == "gate":
            points = gate
        else:
            panel.d.path([panel.at(p[0], p[1]) for p in gate], "#bbbbbb", 2)
            points = power_points(planted, detected_at(planted, column, thresholds_at(nulls, column, summary["sources"], ours)))
        colour = INK if column == "gate" else COLOURS[0] if not summary["comparison"][column]["rival"] else COLOURS[1]
        d.path([panel.at(p[0], p[1]) for p in points], colour, 2)
        for middle, share, low, high, k, n in points:
            d.line(*panel.at(middle, low), *panel.at(middle, high), colour)
            d.dot(*panel.at(middle, share), colour, f"{column}: {k} of {n}")
    d.text(d.size[0] / 2, d.size[1] - 12, "planted mass, % of the test images", anchor="middle", fill=GREY)
    return d.svg()


def false_blocks(rows, summary):
    columns, sources = summary["columns"], (*summary["sources"], "pooled")
    step = 14 * len(sources) + 12
    left, width = 200, 520
    d = Drawing(left + width + 130, 110 + step * len(columns), "Honest retrains blocked, each column at its own rule",
                "bars: exact (Clopper–Pearson) 95 % limits; dashed: target 5 % and its limit 10 %")
    colours = {source: INK if source == "pooled" else COLOURS[i] for i, source in enumerate(sources)}
    bottom = 74 + step * len(columns)
    highest = max((entry["sources"][s]["false_blocks"]["high"] for entry in summary["comparison"].values() for s in sources
                   if entry["sources"][s]["false_blocks"]["n"]), default=1)
    most = next(m for m in (0.2, 0.4, 1.0) if highest <= m or m == 1.0)
    for i in range(5):
        x = left + i / 4 * width
        d.line(x, 66, x, bottom, FAINT)
        d.text(x, bottom + 16, f"{i / 4 * most:.0%}", anchor="middle", fill=GREY, size=10)
    for share in (0.05, 0.10):
        d.line(left + share / most * width, 66, left + share / most * width, bottom, "#b2182b", 1, "4 3")
    for i, source in enumerate(sources):
        d.dot(left + width + 22, 84 + 18 * i, colours[source], source)
        d.text(left + width + 32, 88 + 18 * i, source)
    for i, column in enumerate(columns):
        top = 78 + step * i
        d.text(left - 12, top + 7 * len(sources), column, anchor="end", weight="bold" if column == "gate" else "normal")
        for j, source in enumerate(sources):
            found = summary["comparison"][column]["sources"][source]["false_blocks"]
            if not found["n"]:
                continue
            y = top + 14 * j + 4
            d.line(left + found["low"] / most * width, y, left + found["high"] / most * width, y, colours[source], 1.5)
            d.dot(left + found["rate"] / most * width, y, colours[source], f"{column}, {source}: {found['k']} of {found['n']}")
    return d.svg()


def operating(summary):
    cells = (*BANDS, "beyond")
    shape, most = (330, 210), 0.30
    d = Drawing(2 * (shape[0] + 60) + 230, 100 + 2 * (shape[1] + 62), "Detection against false blocks, as the threshold on the score moves",
                "all sources, each at the same rate of false blocks on its own null pairs; dashed: parts of the gate; black: the gate's region"
                " limit moved, ring: its own rule with every check")
    rivals = [c for c in summary["columns"] if summary["comparison"][c]["rival"]]
    parts = [c for c in summary["columns"] if c != "gate" and c not in rivals]
    style = {c: (COLOURS[i % len(COLOURS)], 1.5, "" if i < len(COLOURS) else "2 2") for i, c in enumerate(rivals)}
    style.update({c: (("#999999", "#777777", "#444444")[i % 3], 1.5, ("6 3", "2 3", "8 2 2 2")[i // 3 % 3]) for i, c in enumerate(parts)})
    style["gate"] = (INK, 3, "")
    order = [*rivals, *parts, *(["gate"] if "gate" in summary["columns"] else [])]
    for i, cell in enumerate(cells):
        panel = Panel(d, 56 + i % 2 * (shape[0] + 60), 84 + i // 2 * (shape[1] + 62), *shape, lambda share: share / most)
        panel.frame([(x / 20, f"{5 * x} %") for x in range(7)], f"{cell} %" if cell in BANDS else "beyond the test split")
        for column in order:
            points = [panel.at(p["allowed"], p[cell]) for p in summary["curves"][column] if p[cell] is not None]
            d.path(points, *style[column])
        if "gate" in order:
            pooled = summary["comparison"]["gate"]["sources"]["pooled"]
            blocks, found = pooled["false_blocks"], pooled["cells"][cell]["own"]
            if found["n"] and blocks["n"] and blocks["rate"] <= most:
                d.dot(*panel.at(blocks["rate"], found["rate"]), "#ffffff", f"gate: {found['k']} of {found['n']}", 5, INK)
        if not any(p[cell] is not None for c in order for p in summary["curves"][c]):
            d.text(panel.x + shape[0] / 2, panel.y + shape[1] / 2, "no pairs", anchor="middle", fill=GREY)
    x = 56 + 2 * (shape[0] + 60)
    for i, column in enumerate(reversed(order)):
        d.line(x, 90 + 20 * i, x + 26, 90 + 20 * i, *style[column])
        d.text(x + 34, 94 + 20 * i, column, weight="bold" if column == "gate" else "normal")
    d.text(56 + shape[0] + 30, d.size[1] - 14, "allowed rate of false blocks on honest retrains", anchor="middle", fill=GREY)
    return d.svg()


def all_plots(rows, summary):
    return {"power.svg": power(rows, summary), "false_blocks.svg": false_blocks(rows, summary), "operating.svg": operating(summary)}
