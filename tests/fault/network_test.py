"""The daemon's network face under attack: clients that take every place and never ask, while a pipeline wants its answer; shapes of
requests that other servers were fooled by; a certificate that is renewed under way. Talks to 127.0.0.1 only and is bounded everywhere."""
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import unittest
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))
from harness import Gate, main, until  # noqa: E402

CLIENTS = 600        # more than the daemon has places
HOLD = 30            # seconds after which a client that hears nothing gives up; reached only when something hangs
HEAD = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n"


class Line(Gate):
    """Bytes to and from the daemon as they are."""

    warm = False

    def place(self):
        host, port = self.url.split("//")[1].rsplit(":", 1)
        return host, int(port)

    def connect(self):
        return socket.create_connection(self.place(), timeout=HOLD)

    def raw(self, data):
        """What comes back until the other side closes; empty if it closed without a word."""
        with self.connect() as line:
            answer = b""
            try:
                line.sendall(data)
                while piece := line.recv(65536):
                    answer += piece
            except ConnectionError:
                pass
            return answer

    def held(self, beginnings, count=CLIENTS):
        lines = []
        self.addCleanup(lambda: [line.close() for line in lines])
        for number in range(count):
            line = self.connect()
            lines.append(line)
            try:
                line.sendall(beginnings[number % len(beginnings)])
            except ConnectionError:
                pass     # its place was given to another already
        return lines


class Network(Line):
    def test_clients_that_hold_every_place_keep_no_pipeline_waiting(self):
        self.start()
        attacks = {
            "silence": [b""],
            "half a line": [b"GET /li"],
            "half a head": [HEAD + b"X-A: b"],
            "half a body": [b"POST /v1/waivers HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{"],
            "answered and idle": [HEAD + b"\r\n"],
            "all of these": [b"", b"G", HEAD + b"X", HEAD + b"\r\n"],
        }
        for what, beginnings in attacks.items():
            with self.subTest(what):
                lines = self.held(beginnings)
                for _ in range(5):
                    self.assertEqual(self.http("/livez")[0], 200)
                    self.assertEqual(self.gate(1), 404, "nobody knows it, and that is said")
                for line in lines:
                    line.close()
        log = (self.root / "daemon.log").read_text()
        self.assertIn("make room", log, "whoever runs it is told")
        self.assertLess(log.count("make room"), 20, "and not for every connection")

    def test_a_burst_beyond_the_places_is_answered_to_the_last(self):
        """A daemon that was held up for a moment finds more who ask in earnest than it has places."""
        self.start()
        self.daemon.send_signal(signal.SIGSTOP)
        lines = self.held([HEAD + b"\r\n", HEAD + b"Connection: close\r\n\r\n"])
        self.daemon.send_signal(signal.SIGCONT)
        for line in lines:
            self.assertEqual(line.recv(12, socket.MSG_WAITALL), b"HTTP/1.1 200")

    def test_readers_that_take_nothing_keep_no_pipeline_waiting(self):
        self.start()
        many = (b"GET /v1/openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n") * 60
        lines = []
        self.addCleanup(lambda: [line.close() for line in lines])
        for _ in range(40):
            line = socket.socket()
            line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            line.settimeout(HOLD)
            line.connect(self.place())
            line.sendall(many)
            lines.append(line)
        for _ in range(5):
            self.assertEqual(self.http("/livez")[0], 200)
            self.assertEqual(self.gate(1), 404)

    def test_requests_that_mean_two_things_are_answered_once(self):
        self.start()
        inner = HEAD + b"\r\n"
        post = b"POST /v1/models/digits/versions/1/gate HTTP/1.1\r\nHost: localhost\r\n"
        for what, data in {
            "two lengths": post + b"Content-Length: 0\r\nContent-Length: %d\r\n\r\n" % len(inner) + inner,
            "length and chunks": post + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + inner,
            "a coding in disguise": post + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" + inner,
            "a folded header": HEAD + b"X: a\r\n b\r\n\r\n" + inner,
            "a NUL": HEAD + b"X: a\x00b\r\n\r\n" + inner,
            "bare newlines": b"GET /livez HTTP/1.1\nHost: localhost\n\n" + inner,
            "an absolute address": b"GET http://localhost/livez HTTP/1.1\r\nHost: localhost\r\n\r\n" + inner,
            "HTTP/0.9": b"GET /livez\r\n",
            "a long method": b"A" * 5000 + b" / HTTP/1.1\r\n\r\n",
            "a long address": b"GET /" + b"a" * 20000 + b" HTTP/1.1\r\n\r\n",
            "many headers": HEAD + b"X: y\r\n" * 100 + b"\r\n",
            "large headers": HEAD + b"X: " + b"y" * 40000 + b"\r\n\r\n",
            "a large body": post + b"Content-Length: 99999999\r\n\r\n",
            "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        }.items():
            with self.subTest(what):
                answer = self.raw(data)
                self.assertRegex(answer[:12].decode(), r"^HTTP/1\.1 (400|413|414|431|501)$")
                self.assertEqual(answer.count(b"HTTP/1.1 "), 1, answer)
                for header in (b"X-Content-Type-Options: nosniff", b"Content-Security-Policy: default-src 'none'", b"X-Frame-Options: DENY"):
                    self.assertIn(header, answer)
                self.assertNotIn(b"Server:", answer)
        self.assertEqual(self.http("/livez")[0], 200)

    def test_a_stop_does_not_wait_for_clients_that_say_nothing(self):
        self.start()
        self.held([b"", HEAD, b"GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n"], 30)
        self.daemon.send_signal(signal.SIGTERM)
        self.assertEqual(self.daemon.wait(timeout=HOLD), 0)
        self.daemon = None


@unittest.skipUnless(shutil.which("openssl"), "openssl makes the certificates")
class Tls(Line):
    def certificate(self, name, days="90"):
        folder = self.root / name
        folder.mkdir()
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", days,
                        "-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", folder / "key.pem", "-out",
                        folder / "chain.pem"], check=True, capture_output=True)
        return folder

    def install(self, folder):
        """As ACME tools do: each file is replaced whole, one after the other."""
        for name in ("chain.pem", "key.pem"):
            shutil.copy(folder / name, self.root / ("new-" + name))
            (self.root / ("new-" + name)).rename(self.root / name)

    def start_tls(self):
        warnings.simplefilter("ignore", DeprecationWarning)    # TLS 1.1, which is asked for on purpose
        self.install(self.certificate("first"))
        text = self.config.read_text().replace(
            'listen: "127.0.0.1:0"', f'listen: "127.0.0.1:0", certificate: {self.root}/chain.pem, key: {self.root}/key.pem')
        self.config.write_text(text)
        self.start()

    def line(self, trusted, **more):
        context = ssl.create_default_context(cafile=trusted / "chain.pem")
        context.set_ciphers("ALL:@SECLEVEL=0")    # this client would speak anything
        for name, value in more.items():
            setattr(context, name, value)
        return context.wrap_socket(self.connect(), server_hostname="127.0.0.1")

    def ask(self, line, path="/livez", keep=True):
        line.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: {'keep-alive' if keep else 'close'}\r\n\r\n".encode())
        answer = b""
        while not self.is_whole(answer, keep):
            piece = line.recv(65536)
            if not piece:
                break
            answer += piece
        return answer.decode()

    @staticmethod
    def is_whole(answer, keep):
        """Of a connection that stays open: all of the body that was promised, however many pieces it comes in."""
        head, end, body = answer.partition(b"\r\n\r\n")
        if not end or not keep:
            return False
        length = re.search(rb"(?i)content-length: (\d+)", head)
        return len(body) >= int(length.group(1))

    def serves(self, folder):
        try:
            with self.line(folder) as line:
                return self.ask(line).startswith("HTTP/1.1 200")
        except ssl.SSLError:
            return False

    def readiness(self, folder):
        with self.line(folder) as line:
            return self.ask(line, "/readyz?verbose", keep=False)

    def test_a_certificate_is_renewed_under_way_and_a_bad_one_is_not_taken(self):
        self.start_tls()
        first = self.root / "first"
        kept = self.line(first)
        self.addCleanup(kept.close)
        answer = self.ask(kept)
        self.assertIn("Strict-Transport-Security: max-age=31536000", answer)
        self.assertEqual(kept.version(), "TLSv1.3")
        self.assertIn("[+] certificate ok", self.readiness(first))
        with self.line(first) as line:
            self.assertIn("defused_certificate_expiry_timestamp_seconds 1", self.ask(line, "/metrics", keep=False))

        (self.root / "key.pem").write_text("half a key")
        until(lambda: "[-] certificate: the new one is not used" in self.readiness(first), "the bad key to be told")
        self.assertTrue(self.serves(first))

        second = self.certificate("second", days="7")
        self.install(second)
        until(lambda: self.serves(second), "the renewed certificate to be used")
        self.assertFalse(self.serves(first))
        self.assertTrue(self.ask(kept).startswith("HTTP/1.1 200"), "a connection under way goes on with its own")
        until(lambda: "it expires at" in self.readiness(second), "the short life to be told")

        third = self.certificate("third")
        self.install(third)
        self.daemon.send_signal(signal.SIGHUP)
        until(lambda: self.serves(third), "the reload to bring the third")
        log = (self.root / "daemon.log").read_text()
        self.assertEqual(log.count("the new one is not used"), 1, "once for each problem")

    def test_old_protocols_and_half_open_handshakes(self):
        self.start_tls()
        first = self.root / "first"
        with self.assertRaises((ssl.SSLError, ConnectionError)):
            self.line(first, minimum_version=ssl.TLSVersion.TLSv1_1, maximum_version=ssl.TLSVersion.TLSv1_1)
        with self.line(first, maximum_version=ssl.TLSVersion.TLSv1_2) as line:
            self.assertRegex(line.cipher()[0], "ECDHE.*(GCM|CHACHA20)")
        context = ssl.create_default_context(cafile=first / "chain.pem")
        context.set_alpn_protocols(["h2", "http/1.1"])
        with context.wrap_socket(self.connect(), server_hostname="127.0.0.1") as line:
            self.assertEqual(line.selected_alpn_protocol(), "http/1.1")
        self.held([b"", b"\x16\x03\x01\x02", b"GET /livez HTTP/1.1\r\n\r\n"])
        for _ in range(5):
            self.assertTrue(self.serves(first))


if __name__ == "__main__":
    main()
