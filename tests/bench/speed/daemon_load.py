"""Asks a server at a fixed rate, whatever it answers: an open loop. Prints one JSON object with latencies in milliseconds.

  daemon_load.py HOST:PORT RATE SECONDS PATH...

A request's time counts from when it was due, not from when it could be sent, so a server that stalls pays for every request that came due
meanwhile (wrk, a closed loop, would wait with it and count one). Connections are kept alive, as many as wrk would be given. `sent_late` is
how late requests were sent although a connection was free: the part of the latency that is this program's own (it shares the cores).
"""
import json
import selectors
import socket
import sys
import time
from collections import deque

CONNECTIONS = 16
PATIENCE = 30.0   # seconds after the last request was due


class Connection:
    def __init__(self, address, selector):
        self.address, self.selector = address, selector
        self.socket = None
        self.due = None
        self.buffer = b""

    def open(self):
        self.socket = socket.create_connection(self.address, timeout=10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.selector.register(self.socket, selectors.EVENT_READ, self)

    def close(self):
        if self.socket is not None:
            self.selector.unregister(self.socket)
            self.socket.close()
            self.socket = None

    def ask(self, request, due):
        if self.socket is None:
            self.open()
        self.due, self.request, self.buffer = due, request, b""
        self.socket.sendall(request)

    def take(self):
        """The status once an answer is whole, None before; asks again on a new connection if the server had closed this idle one."""
        try:
            chunk = self.socket.recv(65536)
        except ConnectionResetError:
            chunk = b""
        if not chunk:
            idle = self.due is None or not self.buffer
            self.close()
            if self.due is not None and idle:
                self.ask(self.request, self.due)
            elif self.due is not None:
                return 0
            return None
        self.buffer += chunk
        head, found, body = self.buffer.partition(b"\r\n\r\n")
        if not found:
            return None
        lines = head.decode("latin-1").lower().split("\r\n")
        length = next(int(line.split(":")[1]) for line in lines if line.startswith("content-length:"))
        if len(body) < length:
            return None
        if "connection: close" in lines:
            self.close()
        return int(lines[0].split()[1])


def load(address, rate, seconds, paths):
    selector = selectors.DefaultSelector()
    requests = [f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode() for path in paths]
    free = [Connection(address, selector) for _ in range(CONNECTIONS)]
    for connection in free:
        connection.open()
    free = deque(free)
    waiting = deque()
    latencies, late, statuses = [], [], {}
    total = int(rate * seconds)
    start = time.perf_counter() + 0.05
    issued = 0
    while len(latencies) < total:
        now = time.perf_counter()
        while issued < total and start + issued / rate <= now:
            waiting.append((requests[issued % len(requests)], start + issued / rate))
            issued += 1
            if free:
                late.append(now - (start + (issued - 1) / rate))
        while waiting and free:
            request, due = waiting.popleft()
            free.popleft().ask(request, due)
        if now > start + seconds + PATIENCE:
            sys.exit(f"{total - len(latencies)} of {total} requests had no answer {PATIENCE:g} s after the last was due")
        pause = start + issued / rate - time.perf_counter() if issued < total else 1.0
        # Sleeping in select is good to some 60 us here; spinning would take a core from the server.
        for key, _ in selector.select(max(pause, 0)):
            connection = key.data
            status = connection.take()
            if status is None:
                continue
            latencies.append(time.perf_counter() - connection.due)
            statuses[status] = statuses.get(status, 0) + 1
            connection.due = None
            free.append(connection)
    took = time.perf_counter() - start
    latencies.sort()
    late.sort()
    at = lambda values, share: 1000 * values[min(len(values) - 1, int(share * len(values)))] if values else None
    return {"requests": total, "rate": total / took, "p50": at(latencies, 0.5), "p99": at(latencies, 0.99), "max": 1000 * latencies[-1],
            "sent_late_p99": at(late, 0.99), "statuses": statuses}


if __name__ == "__main__":
    host, _, port = sys.argv[1].rpartition(":")
    print(json.dumps(load((host, int(port)), float(sys.argv[2]), float(sys.argv[3]), sys.argv[4:])))
