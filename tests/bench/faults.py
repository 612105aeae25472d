"""How long clients wait when something is wrong: shed, down, too late, restarted, drained.

    SIDING_BINARY=... python3 faults.py

Real uWSGI with the example application, one sync worker, and siding in front of it. Seconds are those
of the client; each row is made anew.
"""
import json
import shutil
import signal
import socket
import sys
import tempfile
import time

import measure
import backends
import harness
import load

QUEUED = 50
SLOW_CLIENTS = 1000
VIEW_MS = 2000


class World:
    """One siding with one backend, in a folder of its own; ends both."""

    def __init__(self, backend=True, upstream=False, route=None, self_url=False, **settings):
        self.folder = tempfile.mkdtemp(prefix="siding-bench-")
        self.ports, self.processes, self.music = harness.Ports(), [], None
        config = {"route": [{"backend": "shop", **(route or {})}],
                  "backend": {"shop": {"url": "http://127.0.0.1:%d" % self.ports.backend, "concurrency": 1,
                                       **settings}}}
        values = {"SELF_URL": self.ports.url} if self_url else {}
        if upstream or self_url:
            values["proxy"] = self.ports.proxy
        if upstream:
            self.music = self.keep(harness.SlowUpstream(self.folder, 20))
            values["music"] = self.music.url
            config["upstream"] = {"music": {"url": self.music.url}}
        self.values = values
        if backend:
            self.start_backend()
        self.siding = self.keep(harness.Siding(self.folder, self.ports, config))

    def keep(self, process):
        self.processes.append(process)
        return process

    def start_backend(self):
        self.backend = self.keep(backends.uwsgi_http_socket(self.folder, self.ports.backend, **self.values))

    def load(self, targets):
        return load.Load(self.ports.address, [load.get(t) for t in targets], timeout=60)

    def get(self, target):
        """(status, milliseconds) of one request."""
        began = time.monotonic()
        result = load.run(self.ports.address, [load.get(target)], timeout=60)[0]
        return result, (time.monotonic() - began) * 1000

    def wait_queued(self, n):
        harness.until(lambda: self.siding.metrics().queued() >= n, 20, "%d are queued" % n)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in reversed(self.processes):
            process.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


def self_call():
    with World(self_url=True) as world:
        world.get("/plain/")
        result, _ = world.get("/self/")
        answer = json.loads(result.body)
        return answer["status"], answer["ms"]


def queue_full():
    with World(queue={"size": 1}, backlog=0) as world:
        busy = world.load(["/slow/?ms=%d&id=%d" % (VIEW_MS, i) for i in range(2)])
        world.wait_queued(1)
        result, ms = world.get("/plain/")
        busy.stop()
        return result.status, ms


def refused():
    with World(backend=False, down="fail") as world:
        result, ms = world.get("/plain/")
        return result.status, ms


def deadline():
    with World(route={"deadline": "200ms"}) as world:
        world.get("/plain/")
        result, ms = world.get("/slow/?ms=%d&id=late" % VIEW_MS)
        return result.status, ms - 200


def restarted():
    """From the moment at which the new backend listens to the answer of one who waited for it."""
    with World() as world:
        world.get("/plain/")
        world.backend.kill()
        waiting = world.load(["/plain/?n=1"])
        harness.until(lambda: world.siding.metrics().sum("siding_backend_down") == 1, 10, "it is found down")
        world.start_backend()
        began = time.monotonic()
        status = waiting.results()[0].status
        return status, (time.monotonic() - began) * 1000


def drained():
    """SIGTERM with fifty queued, each of which needs a call through egress: answers, exit code, time."""
    with World(upstream=True) as world:
        waiting = world.load(["/search/?q=w%d" % i for i in range(QUEUED)])
        world.wait_queued(QUEUED - 2)
        began = time.monotonic()
        world.siding.signal(signal.SIGTERM)
        code = world.siding.wait(60)
        ms = (time.monotonic() - began) * 1000
        return sum(r.status == 200 for r in waiting.results()), code, ms


def slow_clients():
    """KiB that each client costs which has sent a byte of its head."""
    with World() as world:
        world.get("/plain/")
        before = measure.rss_kib(world.siding.pid)
        clients = []
        for _ in range(SLOW_CLIENTS):
            client = socket.create_connection(world.ports.address)
            client.sendall(b"G")
            clients.append(client)
        result, ms = world.get("/plain/")
        kib = (measure.rss_kib(world.siding.pid) - before) / SLOW_CLIENTS
        for client in clients:
            client.close()
        return result.status, ms, kib


def main():
    if not harness.BINARY:
        sys.exit("SIDING_BINARY names no program")
    hard = measure.raise_open_files()
    assert hard > 2 * SLOW_CLIENTS, "the limit of open files is too low: %d" % hard
    measure.say_machine()
    rows = []

    def row(what, answer, ms):
        rows.append([what, answer, "%.1f" % ms])
        return ms

    status, ms = self_call()
    self_ms = row("the backend calls itself, its one worker waits", status, ms)
    row("the queue is full", *queue_full())
    row("the backend refuses, down = \"fail\"", *refused())
    row("a deadline of 200 ms, a view of 2 s: later than 200 ms by", *deadline())
    row("the backend is back: until one who waited is answered", *restarted())
    answered, code, ms = drained()
    row("SIGTERM with %d queued: until the end, exit code %d" % (QUEUED, code), "%d answers" % answered, ms)
    status, ms, kib = slow_clients()
    row("a request beside %d clients with half a head" % SLOW_CLIENTS, status, ms)
    measure.table(["fault", "answer", "ms"], rows)
    measure.say("  each of the %d clients with half a head costs %.2f KiB" % (SLOW_CLIENTS, kib))
    measure.target("508 self_call after", self_ms, 100, " ms")
    measure.target("answers in the drain", answered, QUEUED, at_least=True)


if __name__ == "__main__":
    sys.exit(main())
