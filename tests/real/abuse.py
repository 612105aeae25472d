"""What the tests of abuse share: siding with short limits, an honest client beside the attacker, and what
the attack cost: memory and processor time of the siding process, as the kernel counts them.

    with self.attack("PING flood") as attack:
        ...
        attack.ended("GOAWAY 11", after=501)

At the end of the block the honest client was served all the time, memory has grown by less than 32 MiB,
and siding rests. The figures are printed, a line an attack.
"""
import contextlib
import http.client
import os
import shutil
import sys
import tempfile
import threading
import time

import h2_frames
import harness

MOST_GROWTH = 32 << 20
MOST_IDLE_CPU = 0.05
PATIENCE = 10  # s that an honest answer may take: whoever is starved waits longer
LOOK = 0.3     # s over which the processor time of a process at rest is taken
TICK = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGESIZE")
# Sanitizers keep what was freed, and more than that.
SANITIZED = any(name in harness.BINARY for name in ("asan", "tsan"))


def cpu_seconds(pid):
    with open("/proc/%d/stat" % pid) as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def memory(pid):
    """Resident bytes."""
    with open("/proc/%d/statm" % pid) as statm:
        return int(statm.read().split()[1]) * PAGE


def unread(client):
    """Bytes that lie with the kernel, for siding to read, on this connection."""
    try:
        here = "%04X" % client.getsockname()[1]
        there = "%04X" % client.getpeername()[1]
    except OSError:
        return 0
    with open("/proc/net/tcp") as table:
        for line in table:
            words = line.split()
            if words[1].endswith(":" + there) and words[2].endswith(":" + here):
                return int(words[4].split(":")[1], 16)
    return 0


class Honest(threading.Thread):
    """Asks by HTTP/1.1 and HTTP/2 in turns, on kept connections, until told to stop."""

    def __init__(self, address):
        super().__init__(daemon=True)
        self.address, self.stopping = address, threading.Event()
        self.served, self.slowest, self.fault = [0, 0], 0, None

    def run(self):
        old = http.client.HTTPConnection(*self.address, timeout=PATIENCE)
        new = h2_frames.Connection(self.address)
        try:
            while not self.stopping.wait(0.005):
                for which, ask in enumerate((lambda: self.ask(old), lambda: new.get("/s?word=honest", PATIENCE))):
                    began = time.monotonic()
                    if not ask():
                        self.fault = "an honest request of HTTP/%d after %s" % (which + 1, self.served)
                        return
                    self.served[which] += 1
                    self.slowest = max(self.slowest, time.monotonic() - began)
        except OSError as error:
            self.fault = repr(error)
        finally:
            old.close()
            new.close()

    @staticmethod
    def ask(connection):
        connection.request("GET", "/s?word=honest")
        answer = connection.getresponse()
        answer.read()
        return answer.status == 200

    def stop(self):
        self.stopping.set()
        if self.ident:
            self.join()


class Attack:
    """How one went."""

    def __init__(self, name):
        self.name, self.how = name, "tolerated"

    def ended(self, how, after=None):
        self.how = how if after is None else "%s after %d" % (how, after)


class Case(harness.Case):
    LIMITS = {"head_timeout": "1s", "body_timeout": "1s", "send_timeout": "1s", "idle_timeout": "20s",
              "memory": "16MiB"}
    SHARED = False  # one siding for all tests of the class that do not start one of their own
    shared = None

    def setUp(self):
        super().setUp()
        self.proxy = self.before = None
        if not self.SHARED:
            self.origin = self.upstream(ms=0)
            return
        kind = type(self)
        if kind.shared is None:
            folder = tempfile.mkdtemp(prefix="siding-real-")
            kind.addClassCleanup(shutil.rmtree, folder, ignore_errors=True)
            origin = harness.SlowUpstream(folder, 0)
            kind.addClassCleanup(origin.kill)
            proxy = harness.Siding(folder, self.ports, self.config(origin))
            kind.addClassCleanup(proxy.kill)
            kind.shared = origin, proxy

    def use_shared(self):
        self.origin, self.proxy = self.shared
        self.ports = self.proxy.ports
        self.origin.reset()
        self.programs.append(self.proxy)
        self.addCleanup(lambda: setattr(self.proxy, "tail", self.proxy.log()[-2500:]))

    def config(self, origin, limits=None, concurrency=8):
        return {"threads": 1, "limits": {**self.LIMITS, **(limits or {})}, "route": [{"backend": "shop"}],
                "backend": {"shop": {"url": origin.url, "concurrency": concurrency}}, "log": {"access": "off"}}

    def start(self, **options):
        """A siding and an origin for this test alone."""
        if self.SHARED:
            self.ports = harness.Ports()
            self.origin = self.upstream(ms=0)
        self.proxy = self.siding(**self.config(self.origin, **options))
        return self.proxy

    def client(self, opening=None, receive_buffer=None):
        client = h2_frames.Connection(self.ports.address, opening, receive_buffer)
        self.addCleanup(client.close)
        return client

    def reason(self, word=None):
        """How many connections were ended for it during the attack; without a word: for anything."""
        labels = {"reason": word} if word else {}
        name = "siding_connections_ended_total"
        return self.proxy.metrics().sum(name, **labels) - self.before.sum(name, **labels)

    @contextlib.contextmanager
    def attack(self, name, honest=True):
        """`honest`: whether there is such a client beside it."""
        if self.proxy is None:
            (self.use_shared if self.SHARED else self.start)()
        self.before = self.proxy.metrics()
        attack, pid = Attack(name), self.proxy.pid
        beside = Honest(self.ports.address)
        if honest:
            beside.start()
            harness.until(lambda: beside.fault or min(beside.served) > 5, PATIENCE, "the honest client is served")
        before, worked = memory(pid), cpu_seconds(pid)
        most = [before]
        watch = threading.Thread(target=self.watch, args=(pid, most, beside.stopping), daemon=True)
        watch.start()
        served = list(beside.served)
        try:
            yield attack
            if honest:
                harness.until(lambda: beside.fault or all(n > s for n, s in zip(beside.served, served)), PATIENCE,
                              "the honest client is served beside %s" % name)
        finally:
            beside.stop()
            watch.join()
        worked = cpu_seconds(pid) - worked
        idle = self.rest(pid)
        growth = max(most) - before
        served = sum(beside.served) - sum(served)
        print("%-44s %-34s +%.1f MiB, %.2f s CPU, then %.0f %%; honest: %d served, slowest %.0f ms"
              % (name, attack.how, growth / 2**20, worked, 100 * idle, served, 1000 * beside.slowest),
              file=sys.stderr)
        self.assertIsNone(beside.fault)
        self.proxy.check_alive()
        self.assertLess(idle, MOST_IDLE_CPU, "%s: siding works on" % name)
        if not SANITIZED:
            self.assertLess(growth, MOST_GROWTH, name)

    @staticmethod
    def watch(pid, most, stopping):
        while not stopping.wait(0.02):
            most.append(memory(pid))

    @staticmethod
    def rest(pid):
        """The share of a processor that it takes, within a second after now at the least."""
        end, least = time.monotonic() + 1, 1
        while least >= MOST_IDLE_CPU and time.monotonic() < end:
            began, worked = time.monotonic(), cpu_seconds(pid)
            harness.pause(LOOK)  # an interval to measure over
            least = min(least, (cpu_seconds(pid) - worked) / (time.monotonic() - began))
        return least

    def flood(self, client, make, most=10_000, batch=50, reading=True):
        """Sends make(n) for n = 0, 1, ... until siding ends it; how many it took, to a batch.
        After each batch siding has all of it, so that a slow machine makes no other number.
        `reading`: else what comes is never read, and the end is told by the metric."""
        sent = 0
        over = client.over if reading else lambda: client.closed or self.reason() > 0
        while sent < most and not over():
            client.send(b"".join(make(n) for n in range(sent, sent + batch)), reading=reading)
            sent += batch
            harness.until(lambda: client.closed or unread(client.socket) == 0, 10, "siding reads the flood",
                          0.001)
            while reading and client.read(0):
                pass
        if reading:
            client.wait(client.over, 0.2)
        return sent

    def calmed(self, attack, client, sent, most, reason):
        """It was ended by GOAWAY 11, in time, and the reason is counted."""
        attack.ended("GOAWAY %s (%s)" % (client.goaway, reason), sent)
        self.assertEqual(client.goaway, h2_frames.ENHANCE_YOUR_CALM)
        self.assertLessEqual(sent, most)
        client.close()
        self.assertEqual(self.reason(reason), 1)
