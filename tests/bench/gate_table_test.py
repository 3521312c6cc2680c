"""The pure parts of `./dev bench gate`: intervals against published values, calibration and the table on rows made by hand."""
import json
import sys
import tempfile
import unittest
import xml.dom.minidom
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from gate_intervals import beta_quantile, clopper_pearson, incomplete_beta, median, sign_test, upper_limit, wilson
from gate_page import page
from gate_plots import all_plots
from gate_table import answer, band_of, calibrate, chosen, columns_of, discovery, is_rival, operating_curve, read_rows, score_of, summarise


def row(kind, number, gate, rival, *, source="digits", band=None, mass=0.004, **gate_more):
    """`gate`: does it block; `rival`: its score, blocked above 1."""
    return {"pair": f"{source}/final/{kind}/{band}/{number:04}", "source": source, "pool": "final", "kind": kind, "band": band,
            "recipe": "other_seed", "bugs": [] if kind == "null" else [{"class": 3, "attribute": "slant", "mass": mass}],
            "mass": 0 if kind == "null" else mass, "accuracy": {"incumbent": 0.95, "candidate": 0.96}, "flips": {"negative": 3, "positive": 4},
            "columns": {"gate": {"score": 0.3 if gate else 0.0, "blocked": gate, "seconds": 2.0, **gate_more},
                        "regions": {"score": 0.2, "blocked": gate}, "known_regions": {"score": 0.0, "blocked": kind == "reopened"},
                        "mcnemar": {"score": rival, "blocked": rival > 1, "seconds": 0.1}}, "seconds": 3.0}


def benchmark(nulls=66):
    rows = [row("null", i, i == 0, i / nulls) for i in range(nulls)]                        # one false block; scores 0 … just below 1
    rows += [row("logic", i, i < 19, 2.0 if i < 10 else 0.5, band="0.5-2", mass=0.01, precision=0.9, recall=0.6, shown=1, false_shown=0,
                 evidence="real") for i in range(20)]
    rows += [row("logic", i, i < 5, 2.0 if i < 10 else 0.5, band="0.2-0.5") for i in range(20)]
    rows += [row("beyond", i, i < 2, 0.0, evidence="generated", shown=2, false_shown=1) for i in range(4)]
    rows += [row("reopened", i, False, 0.0, mass=0.002) for i in range(3)]
    rows += [row("training_excluded", 0, False, 0.0)]
    return rows


def figure(summary, name):
    return next(entry for entry in summary["must_show"] if entry["figure"] == name)


class Intervals(unittest.TestCase):
    def test_incomplete_beta_is_the_binomial_tail(self):
        # I_x(k, n - k + 1) = P(Bin(n, x) >= k)
        self.assertAlmostEqual(incomplete_beta(3, 3, 0.5), 0.5, places=12)
        self.assertAlmostEqual(incomplete_beta(1, 4, 0.3), 1 - 0.7**4, places=12)
        self.assertAlmostEqual(incomplete_beta(4, 1, 0.9), 0.9**4, places=12)

    def test_quantile_inverts_the_incomplete_beta(self):
        for p, a, b in ((0.025, 3, 18), (0.5, 1, 1), (0.975, 40, 0.5 + 27)):
            self.assertAlmostEqual(incomplete_beta(a, b, beta_quantile(p, a, b)), p, places=10)

    def test_nothing_among_66_has_the_closed_form_limit(self):
        self.assertAlmostEqual(upper_limit(0, 66), 1 - 0.05 ** (1 / 66), places=10)      # 4.4 %
        self.assertAlmostEqual(clopper_pearson(0, 66)[1], 1 - 0.025 ** (1 / 66), places=10)
        self.assertEqual(clopper_pearson(0, 66)[0], 0.0)

    def test_clopper_pearson_matches_newcombe_1998_table_1(self):
        for k, n, low, high in ((81, 263, 0.2527, 0.3676), (15, 148, 0.0578, 0.1617), (0, 20, 0.0, 0.1684), (1, 29, 0.0009, 0.1776)):
            self.assertAlmostEqual(clopper_pearson(k, n)[0], low, places=4)
            self.assertAlmostEqual(clopper_pearson(k, n)[1], high, places=4)

    def test_wilson_matches_newcombe_1998_table_1(self):
        for k, n, low, high in ((81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)):
            self.assertAlmostEqual(wilson(k, n)[0], low, places=4)
            self.assertAlmostEqual(wilson(k, n)[1], high, places=4)

    def test_all_of_all_and_none_of_none_know_nothing_more(self):
        self.assertEqual(upper_limit(5, 5), 1.0)
        self.assertEqual(upper_limit(0, 0), 1.0)
        self.assertEqual(wilson(0, 0), (0.0, 1.0))

    def test_sign_test_is_exact(self):
        self.assertAlmostEqual(sign_test(0, 5), 2 / 32)
        self.assertEqual(sign_test(0, 0), 1.0)
        self.assertEqual(sign_test(4, 4), 1.0)

    def test_median_of_even_and_odd_and_none(self):
        self.assertEqual((median([3, 1, 2]), median([4, 1]), median([])), (2, 2.5, None))


class Calibration(unittest.TestCase):
    def test_threshold_lets_exactly_the_allowed_share_through(self):
        self.assertEqual(calibrate([0.1, 0.4, 0.2, 0.3], 0.25), 0.3)   # one above
        self.assertEqual(calibrate([0.1, 0.4, 0.2, 0.3], 0.49), 0.3)   # still one: two would be half
        self.assertEqual(calibrate([0.1, 0.4, 0.2, 0.3], 0), 0.4)

    def test_ties_are_not_above(self):
        threshold = calibrate([0, 0, 0, 1, 1, 1], 1 / 6)
        self.assertEqual(threshold, 1)
        self.assertEqual(sum(score > threshold for score in [0, 0, 0, 1, 1, 1]), 0)

    def test_rate_is_not_lost_to_rounding(self):
        for n in range(1, 200):
            for k in (0, 1, n // 3, n - 1):
                scores = list(range(n))
                self.assertEqual(sum(score > calibrate(scores, k / n) for score in scores), k)

    def test_without_null_pairs_there_is_no_threshold(self):
        self.assertIsNone(calibrate([], 0.05))

    def test_operating_curve_rises_with_the_allowed_rate(self):
        curve = operating_curve(benchmark(), "mcnemar", ["digits"], [0, 0.1, 0.3, 0.6])
        found = [point["0.5-2"] for point in curve]
        self.assertEqual(found, sorted(found))
        self.assertEqual((found[0], found[-1]), (0.5, 1.0))
        for point in curve:
            self.assertLessEqual(point["null"], point["allowed"])


class Table(unittest.TestCase):
    def test_false_blocks_hold_on_66_pairs_with_one(self):
        entry = figure(summarise(benchmark()), "false blocks on honest retrains, digits")
        self.assertEqual((entry["k"], entry["n"], entry["holds"]), (1, 66, True))
        self.assertAlmostEqual(entry["upper_limit"], 0.0699, places=3)

    def test_few_null_pairs_never_show_that_false_blocks_are_rare(self):
        entry = figure(summarise(benchmark(nulls=12)), "false blocks on honest retrains, digits")
        self.assertIs(entry["holds"], False)
        self.assertIn("too few", entry["note"])

    def test_detection_is_counted_per_band(self):
        summary = summarise(benchmark())
        large, middle = (figure(summary, f"detection, {band} %, pooled") for band in ("0.5-2", "0.2-0.5"))
        self.assertEqual((large["k"], large["n"], large["holds"]), (19, 20, True))
        self.assertEqual((middle["k"], middle["n"], middle["holds"]), (5, 20, False))

    def test_what_was_not_measured_is_not_met(self):
        summary = summarise(benchmark(), asked=["digits", "mnist"])
        self.assertIsNone(figure(summary, "detection, 0.05-0.2 %, pooled")["holds"])
        self.assertIn("detection, 0.05-0.2 %, pooled", summary["not_met"])
        self.assertIn("everything on mnist: no pairs", summary["not_met"])
        self.assertTrue(summarise([])["not_met"])

    def test_reopened_bugs_are_judged_by_the_frozen_regions(self):
        entry = figure(summarise(benchmark()), "reopened known bug, ≥ 0.1 %")
        self.assertEqual((entry["k"], entry["n"]), (3, 3))
        self.assertIn("a fresh search finds 0 of 3", entry["note"])

    def test_reopened_bugs_are_told_apart_by_whether_the_search_had_confirmed_them(self):
        rows = benchmark()
        for number, sure in enumerate((True, True, False)):
            known = next(r for r in rows if r["kind"] == "reopened" and r["pair"].endswith(f"{number:04}"))["columns"]["known_regions"]
            known.update(confirmed=sure, blocked=sure)
        summary = summarise(rows, None, ["digits"])
        before, suspected = (next(e for e in summary["must_show"] if e["figure"].startswith("reopened") and words in e["figure"])
                             for words in ("confirmed before", "only suspected"))
        self.assertEqual((before["k"], before["n"], suspected["k"], suspected["n"]), (2, 2, 0, 1))
        self.assertEqual((before["target"], suspected["target"]), ("shown", "shown"))
        self.assertFalse(figure(summary, "reopened known bug, ≥ 0.1 %")["holds"])

    def test_rival_is_flagged_exactly_where_it_finds_more_at_our_false_blocks(self):
        summary = summarise(benchmark())
        cell = summary["comparison"]["mcnemar"]["sources"]["digits"]["cells"]
        # One null pair may be blocked: threshold 64/66, so the scores of 2 pass and those of 0.5 do not.
        self.assertEqual((cell["0.5-2"]["same"]["k"], cell["0.5-2"]["beats"]), (10, False))
        self.assertEqual((cell["0.2-0.5"]["same"]["k"], cell["0.2-0.5"]["gate"]["k"], cell["0.2-0.5"]["beats"]), (10, 5, True))
        flagged = {(f["column"], f["source"], f["cell"]) for f in summary["beaten"] if f["rival"]}
        self.assertEqual(flagged, {("mcnemar", "digits", "0.2-0.5"), ("mcnemar", "pooled", "0.2-0.5")})
        self.assertIs(figure(summary, "cells in which a rival beats the gate at its rate of false blocks")["holds"], False)

    def test_each_source_has_its_own_threshold(self):
        rows = benchmark() + [row("null", i, False, 100.0 + i, source="mnist") for i in range(10)]
        rows += [row("logic", 0, True, 50.0, source="mnist", band="0.5-2")]
        sources = summarise(rows)["comparison"]["mcnemar"]["sources"]
        self.assertEqual(sources["mnist"]["threshold"], 109.0)
        self.assertEqual(sources["mnist"]["cells"]["0.5-2"]["same"]["k"], 0)
        self.assertEqual(sources["pooled"]["cells"]["0.5-2"]["same"]["k"], 10)

    def test_regions_evidence_and_false_discoveries(self):
        summary = summarise(benchmark())
        self.assertAlmostEqual(figure(summary, "precision of the blocking region, mass ≥ 0.5 %")["rate"], 0.9)
        self.assertEqual(figure(summary, "precision of the blocking region, mass ≥ 0.5 %")["n"], 19)
        shown = figure(summary, "shown regions that are no bug")
        self.assertEqual((shown["k"], shown["n"], shown["holds"]), (4, 28, False))
        self.assertEqual(figure(summary, "found by generated images alone, beyond the test split")["k"], 2)

    def test_excluded_pairs_count_nowhere_but_in_their_own_number(self):
        summary = summarise(benchmark())
        self.assertEqual(summary["circumstances"]["digits"]["excluded"], 1)
        self.assertEqual(sum(found["n"] for found in summary["by_kind"].values()), 44)

    def test_a_column_without_an_answer_is_listed_and_not_counted(self):
        rows = benchmark()
        rows[0]["columns"]["mcnemar"] = {"error": "too few images"}
        self.assertIsNone(answer(rows[0], "mcnemar"))
        summary = summarise(rows)
        self.assertEqual(summary["comparison"]["mcnemar"]["sources"]["digits"]["false_blocks"]["n"], 65)
        self.assertEqual(summary["circumstances"]["digits"]["no_answer"], {"mcnemar": 1})

    def test_discovery_needs_the_precision_of_the_grid(self):
        points = {point["precision"]: point for point in discovery(benchmark(), "gate")["points"]}
        self.assertEqual((points[0.9]["found"]["k"], points[0.9]["found_half"]["k"], points[0.9]["found"]["n"]), (19, 19, 40))
        regions = [{"status": "new", "precision": 0.75, "recall": 0.2}, {"status": "worse", "precision": 0.1, "recall": 0.1},
                   {"status": "suspected", "precision": 1, "recall": 1}]       # was not shown as a regression
        rows = [row("logic", 0, True, 0.0, band="0.5-2", worst=regions)]
        points = {point["precision"]: point for point in discovery(rows, "gate")["points"]}
        self.assertEqual([points[level]["found"]["k"] for level in (0.7, 0.8)], [1, 0])
        self.assertEqual([points[level]["false"]["k"] for level in (0.7, 0.8)], [1, 2])
        self.assertEqual(points[0.7]["found_half"]["k"], 0)

    def test_pairs_planted_by_training_are_banded_by_their_mass(self):
        rows = [row("training", i, True, 0.0, mass=mass) for i, mass in enumerate((0.03, 0.005, 0.0049, 0.002, 0.0005, 0.0004))]
        self.assertEqual([band_of(r) for r in rows], ["0.5-2", "0.5-2", "0.2-0.5", "0.2-0.5", "0.05-0.2", None])

    def test_verdicts_and_checks_are_tallied(self):
        rows = [row("null", 0, True, 0.0, verdict="fail", checks=["accuracy"]), row("null", 1, False, 0.0, verdict="inconclusive", checks=[]),
                row("logic", 0, True, 0.0, band="0.5-2", verdict="fail", checks=["accuracy", "misclassification_regions"])]
        summary = summarise(rows)
        self.assertEqual(summary["circumstances"]["digits"]["verdicts"]["null"], {"fail": 1, "inconclusive": 1})
        self.assertEqual(summary["by_check"]["accuracy"], {"null": 1, "null_alone": 1, "planted": 1, "planted_alone": 0})

    def test_gate_comes_first_and_its_parts_are_no_rivals(self):
        rows = [{"columns": {"top_loss": {}, "space_codes": {}, "gate": {}}}]
        self.assertEqual(columns_of(rows), ["gate", "space_codes", "top_loss"])
        self.assertEqual([is_rival(c) for c in columns_of(rows)], [False, False, True])

    def test_a_list_of_columns_means_what_gate_bench_takes_it_for(self):
        columns = ["gate", "regions", "alone_real", "shape_balls", "space_codes", "top_loss"]
        self.assertEqual(chosen(columns, "all"), columns)
        self.assertEqual(chosen(columns, "gate,parts"), ["gate", "alone_real", "shape_balls", "space_codes"])
        self.assertEqual(chosen(columns, "rivals,shape_balls"), ["shape_balls", "top_loss"])

    def test_parts_are_compared_on_the_margin_over_their_limit(self):
        # By the bare bound the honest pair (all flips, limit 0.7) would outdo the planted one (clear flips, limit 0.05).
        rows = [row("null", 0, False, 0.0), row("logic", 0, True, 0.0, band="0.5-2")]
        rows[0]["columns"]["shape_balls"] = {"score": 0.6, "margin": -0.33, "blocked": False}
        rows[1]["columns"]["shape_balls"] = {"score": 0.3, "margin": 0.26, "blocked": True}
        self.assertEqual(score_of(rows[0]["columns"]["shape_balls"]), -0.33)
        entry = summarise(rows)["comparison"]["shape_balls"]
        self.assertFalse(entry["rival"])
        self.assertEqual(entry["sources"]["digits"]["cells"]["0.5-2"]["same"]["k"], 1)

    def test_precision_at_ten_and_stability_are_means_of_the_rows_that_have_them(self):
        rows = [row("logic", i, True, 0.0, band="0.5-2", precision_at_10=at, stability=same, stability_blocked=again)
                for i, (at, same, again) in enumerate([(1.0, 0.5, 1.0), (0.8, None, 0.1), (None, None, None)])]
        rows.append(row("null", 0, False, 0.0, precision_at_10=None))
        summary = summarise(rows)
        self.assertEqual((summary["precision_at_10"]["gate"]["n"], summary["stability"]["gate"]["n"]), (2, 1))
        self.assertAlmostEqual(summary["precision_at_10"]["gate"]["mean"], 0.9)
        self.assertAlmostEqual(summary["stability_blocked"]["gate"]["mean"], 0.55)
        text = page(summary)
        self.assertIn("Precision at 10", text)
        self.assertIn("| gate | 0.55 |", text)


class Files(unittest.TestCase):
    def read(self, text):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "digits-final.jsonl"
            path.write_text(text)
            return read_rows([path])

    def test_half_a_line_is_left_out_and_said(self):
        good = json.dumps(row("null", 1, False, 0.1))
        rows, remarks = self.read(good + "\n" + good[:50] + "\n[1]\n{}\n")
        self.assertEqual(len(rows), 1)
        self.assertEqual(len(remarks), 3)
        self.assertIn("digits-final.jsonl:2", remarks[0])

    def test_a_pair_judged_twice_counts_once(self):
        first, second = row("null", 1, False, 0.1), row("null", 1, True, 0.1)
        rows, _ = self.read("\n".join(map(json.dumps, (first, second))))
        self.assertEqual([r["columns"]["gate"]["blocked"] for r in rows], [True])

    def test_a_mass_in_per_cent_is_refused(self):
        with self.assertRaisesRegex(ValueError, "not a share"):
            self.read(json.dumps(row("logic", 1, True, 0.1, band="0.2-0.5", mass=0.34)))

    def test_page_plots_and_json_of_any_rows_are_whole(self):
        for rows in (benchmark(), benchmark()[:1], [row("beyond", 0, True, 0.0)], []):
            summary = summarise(rows)
            json.dumps(summary, allow_nan=False)
            text = page(summary, ["a remark"])
            self.assertEqual(text.count("## Not met"), 1)
            self.assertLess(text.index("## 1."), text.index("## Not met"))
            for name, svg in all_plots(rows, summary).items():
                self.assertEqual(xml.dom.minidom.parseString(svg).documentElement.tagName, "svg", name)


if __name__ == "__main__":
    unittest.main()
