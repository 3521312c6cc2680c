"""Names and words that somebody hostile may choose, brought in wherever a name or a word is taken, and looked for wherever one is
shown. Nothing may come out as anything but text: no element, no line of a log, no row of a table, no file, no command of a terminal."""
import csv
import datetime
import html.parser
import io
import json
import os
import re
import shutil
import socket
import sqlite3
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))
from harness import Gate, main, until  # noqa: E402

HOSTILE = [
    '"><x-evil onmouseover="alert(1)">',
    "<script>alert('evil')</script>",
    "'; DROP TABLE verdicts; --",
    "{{evil}} {{{evil}}} {{>words_part}} {{#models}}",
    "a | b ` c [evil](javascript:alert(1)) ![evil](http://evil.example/x.png) # evil",
    "=cmd|' /C calc'!A0",
    "+1+1", "-2+3", "@SUM(1)",
    "../../../evil", "..%2f..%2fevil", "/etc/evil",
    "turned \u202egnp.exe\u202c, zero\u200bwidth, combining Z\u0351\u036b\u0343, \U0001f600, ünïcode",
    "evil\n2026-01-01 00:00:00.000 info forged by evil\r\ndata: evil",
    "\x1b[2J\x1b[31mevil\x07\u009b31m\x7f",
    "not for XML: \x01\x0b\ufffe\uffff]]>&evil;<![CDATA[",
    "evil \x00 after a NUL",
    "evil " * 390,
]
CLASSES = [text for text in HOSTILE if "\n" not in text and "\x00" not in text and len(text) < 200][:10]
TERMINAL = re.compile("[\x00-\x09\x0b-\x1f\x7f\x80-\x9f\u202a-\u202e\u2066-\u2069]")
LOG_LINE = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} (info|warning|warn|error|debug|critical) ")
SERIES = re.compile(r'^(#.*|[a-z_]+(\{([a-z_]+="([^"\\\n]|\\.)*",?)*\})? \S+)$')


class Page(html.parser.HTMLParser):
    """Collects what is not text."""

    def __init__(self, text):
        super().__init__()
        self.wrong = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        if "evil" in tag or tag in ("iframe", "object", "embed", "base"):
            self.wrong.append(tag)
        if tag == "form" and dict(attributes).keys() & {"action", "formaction", "target"}:
            self.wrong.append("a form that goes somewhere")
        for name, value in attributes:
            value = value or ""
            if name.startswith("on") or "evil" in name:
                self.wrong.append(f"{tag} {name}")
            if name in ("href", "src") and not re.match(r"^(/|#|\?|data:image/png|[A-Za-z0-9._-]+\.(png|html|json|md)|$)", value):
                self.wrong.append(f"{tag} {name}={value}")
        if tag == "script" and not dict(attributes).get("src", "").startswith("/assets/"):
            self.wrong.append("a script of its own")


class HostileNames(Gate):
    def configure_classes(self):
        names = ", ".join(json.dumps(name) for name in CLASSES)
        self.configure(extra=f"    classes: [{names}]\n")

    def hostile_folders(self):
        """Versions and models whose folders are named by whoever can write to the registry."""
        made = 0
        for number, text in enumerate(HOSTILE):
            name = text.replace("/", "\u2215").replace("\x00", "")[:80]
            for parent in (self.registry, self.registry / "digits"):
                try:
                    (parent / name).mkdir()
                    (parent / name / "model.pt").write_bytes(b"evil")
                    made += 1
                except OSError:
                    continue
        os.mkdir(os.fsencode(self.registry / "digits") + b"/evil-\xff\xfe")
        return made

    def act(self, method, path, body):
        return self.http(path, method=method, body=body, token=self.token)

    def setUp(self):
        super().setUp()
        self.configure_classes()
        self.outside = self.root / "outside"
        self.outside.mkdir()

    def test_hostile_words_stay_words(self):
        self.with_incumbent()
        self.assertGreater(self.hostile_folders(), 10)
        self.release(2, "planted.pt", labels=CLASSES)
        self.release(3, "planted.pt", labels=[f"<x-evil>{i}\x1b[31m|`\u202e" for i in range(10)])
        self.judged(2)
        self.judged(3)
        regions = [row["region"] if "region" in row else row["id"] for row in self.http("/v1/models/digits/regions")[2]["regions"]]
        taken = self.bring_in(regions)
        self.assertGreater(taken, 20)
        until(lambda: "warn" in (self.root / "daemon.log").read_text(), "the registry's names to be told")

        for look in (self.look_at_pages, self.look_at_reports, self.look_at_json, self.look_at_events_and_metrics,
                     self.look_at_the_terminal, self.look_at_log_files_and_store):
            with self.subTest(look.__name__):
                look(regions)

    def bring_in(self, regions):
        """Every word a person may give; each is taken whole or refused, never an error of ours."""
        taken = 0
        for text in HOSTILE:
            asks = [
                ("POST", "/v1/models/digits/versions/2/promote", {"reason": text, "override": True}),
                ("POST", "/v1/models/digits/rollback", {"reason": text}),
                ("POST", "/v1/waivers", {"model": "digits", "finding": text, "reason": text, "ticket": text, "approved_by": text,
                                         "expires": "2099-01-01"}),
                ("POST", "/v1/waivers", {"model": text, "finding": "x", "reason": "x", "ticket": "x", "expires": "x"}),
                ("PUT", f"/v1/regions/{regions[0] if regions else 'r-000000000000'}/label", {"label": "confirmed", "note": text}),
                ("PUT", f"/v1/regions/{regions[0] if regions else 'r-000000000000'}/label", {"label": text}),
                ("POST", "/v1/models/digits/versions/2/correct", {text: 1}),
            ]
            for method, path, body in asks:
                if "expires" in body and body["expires"] == "2099-01-01":
                    body["expires"] = self.in_a_month()
                status, _, answer = self.act(method, path, body)
                self.assertIn(status, (200, 201, 204, 400, 404, 409), (method, path, body, answer))
                taken += status < 300
            for path in ("/models/{}", "/v1/models/{}", "/v1/models/digits/versions/{}/gate", "/v1/regions/{}", "/v1/waivers?model={}",
                         "/assets/{}.js", "/v1/models/digits/versions/2/{}.png"):
                quoted = urllib.parse.quote(text.encode()[:1500], safe="")
                status, headers, _ = self.http(path.format(quoted))
                self.assertIn(status, (400, 404, 414), path.format(quoted))
                self.assertIn("json", headers["Content-Type"])
            named = self.ctl("token", "create", text.replace("\x00", "") or "x", "--config", self.config)
            self.assertEqual(named.returncode, 2, "names of tokens are plain")
        for raw in (b'{"reason": "\xff\xfe"}', b'{"reason": "\xed\xa0\x80"}', b'{"reason": "\\ud800"}', b'{"reason": ' + b'"' * 3,
                    b"[" * 30000, b'{"reason":"a","reason":"b","x":' + b"9" * 400 + b"}"):
            request = urllib.request.Request(self.url + "/v1/models/digits/rollback", data=raw, method="POST",
                                             headers={"Content-Type": "application/json", "Authorization": "Bearer " + self.token})
            try:
                status = urllib.request.urlopen(request, timeout=30).status
            except urllib.error.HTTPError as refused:
                status = refused.code
            self.assertEqual(status, 400, raw[:60])
        return taken

    def in_a_month(self):
        return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=30)).strftime("%Y-%m-%dT%H:%M:%SZ")

    def page(self, path):
        status, headers, body = self.http(path)
        self.assertEqual(status, 200, path)
        text = body.decode("utf-8")     # or it is no UTF-8
        self.assertEqual(Page(text).wrong, [], path)
        self.assertNotIn("\x1b", text, path)
        return text

    def look_at_pages(self, regions):
        pages = ["/", "/models/digits", "/models/digits/regions", "/models/digits/queue", "/queue", "/jobs", "/waivers", "/waivers/new",
                 "/audit", "/models/digits/versions/1", "/models/digits/versions/2", "/models/digits/versions/3"]
        text = ""
        for path in pages + [f"/regions/{region}" for region in regions[:3]]:
            with self.subTest(path):
                text += self.page(path)
        self.assertIn("&lt;x-evil", text, "what was brought in is shown, as text")

    def look_at_reports(self, _):
        for version in (2, 3):
            self.page(f"/v1/models/digits/versions/{version}/report?format=html")
            report = self.report(version)
            self.assertIn(report["verdict"]["verdict"] if "verdict" in report["verdict"] else "fail", ("fail", "error", "inconclusive"))
            self.assertIn("runs", self.report(version, "sarif"))
            junit = self.report(version, "junit")
            checked = subprocess.run(["xmllint", "--noout", "-"], input=junit, capture_output=True) if shutil.which("xmllint") else None
            if checked:
                self.assertEqual(checked.returncode, 0, checked.stderr)
            markdown = self.report(version, "markdown").decode()
            outside_code = re.sub(r"`[^`\n]*`", "", markdown)
            self.assertNotRegex(outside_code, r"(?<!\\)<(x-evil|script)")
            self.assertNotRegex(outside_code, r"(?<!\\)\[evil(?<!\\)\]\(")
            self.assertNotRegex(markdown, TERMINAL)

    def look_at_json(self, regions):
        audit = self.http("/v1/audit?limit=1000")[2]["rows"]
        said = json.dumps(audit, ensure_ascii=False)
        self.assertIn("x-evil", said)
        waivers = self.http("/v1/waivers")[2]["waivers"]
        for text in HOSTILE[:10]:
            self.assertIn(text, [waiver["reason"] for waiver in waivers], "kept as it was given")
        for path in ("/v1/models", "/v1/models/digits", "/v1/models/digits/versions", "/v1/jobs", "/v1/models/digits/versions/3/verdict",
                     *(f"/v1/regions/{region}" for region in regions[:2])):
            status, _, body = self.http(path)
            self.assertEqual((status, type(body)), (200, dict), path)

    def look_at_events_and_metrics(self, _):
        host, port = self.url.split("//")[1].rsplit(":", 1)
        with socket.create_connection((host, int(port)), timeout=30) as line:
            line.sendall(b"GET /v1/events?after=0 HTTP/1.1\r\nHost: localhost\r\nLast-Event-ID: 0\r\n\r\n")
            stream = b""
            while stream.count(b"\n\n") < 3:
                stream += line.recv(65536)
        body = stream.split(b"\r\n\r\n", 1)[1].decode()
        body = body[:body.rindex("\n\n")]
        for row in body.split("\n"):
            self.assertRegex(row, r"^(id: \d+|event: [a-z]+|data: \{.*\}|:.*|)$")
        for row in self.http("/metrics")[2].decode().splitlines():
            self.assertRegex(row, SERIES)

    def look_at_the_terminal(self, regions):
        for words in (["status"], ["models"], ["versions", "digits"], ["verdict", "digits", 3], ["verdict", "digits", 2],
                      ["regions", "digits"], ["token", "list", "--config", self.config]):
            done = self.ctl(*words)
            self.assertNotRegex(done.stdout, TERMINAL, words)
            self.assertNotRegex(done.stderr, TERMINAL, words)
        file = self.outside / "labels.csv"
        self.ctl("labels", "export", "digits", "--file", file, check=True)
        for row in csv.reader(io.StringIO(file.read_bytes().decode())):
            for cell in row:
                self.assertFalse(cell[:1] in ("=", "+", "-", "@", "\t", "\r") and not re.fullmatch(r"-?\d+(\.\d+)?", cell), row)

    def look_at_log_files_and_store(self, _):
        log = (self.root / "daemon.log").read_bytes().decode("utf-8")
        for row in log.splitlines():
            self.assertRegex(row, LOG_LINE)
            self.assertNotRegex(row, "^.{24}(info|warn) forged")
        self.assertNotRegex(log.replace("\n", ""), TERMINAL)
        self.assertEqual({path.name for path in self.root.iterdir()},
                         {"registry", "state", "defused.yaml", "daemon.log", "outside"} | ({"model.pt"} & set(os.listdir(self.root))))
        self.assertEqual([path for path in (self.state / "verdicts").rglob("*") if "evil" in path.name], [])
        with sqlite3.connect(f"file:{self.state}/defused.db?mode=ro", uri=True) as store:
            self.assertEqual(store.execute("PRAGMA integrity_check").fetchall(), [("ok",)])
            self.assertGreaterEqual(store.execute("SELECT COUNT(*) FROM verdicts").fetchone()[0], 2)
        self.stop()
        self.start()      # which reads the audit's chain again
        self.assertEqual(self.http("/livez")[0], 200)


if __name__ == "__main__":
    main()
