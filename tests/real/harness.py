"""Starts and stops what a test against real programs needs, and reads what siding says of itself.

Every program gets a log file, is waited for by polling with a deadline, and is ended by its own
id. Nothing here knows Django; backends.py does. The names of siding's metrics stand in `Metrics`
alone.
"""
import atexit
import ctypes
import json
import os
import random
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request

import load

PYTHON = load.PYTHON
HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
BINARY = os.environ.get("SIDING_BINARY", "")


def pause(seconds):
    """Between two looks at a condition; never instead of looking."""
    select.select([], [], [], seconds)


def until(condition, seconds=5, what="", every=0.01):
    """Polls until the condition holds and returns its value; fails after the deadline."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError("not within %g s: %s (last: %r)" % (seconds, what, value))
        pause(every)


given = set()


def free_port():
    """A port below the ephemeral range, so that no outgoing connection takes it meanwhile."""
    while True:
        port = random.randrange(20000, 32000)
        if port in given:
            continue
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        given.add(port)
        return port


def clean_environment(**extra):
    """This environment without any proxy setting, and with what is given."""
    environment = {n: v for n, v in os.environ.items()
                   if n.lower() not in ("http_proxy", "https_proxy", "no_proxy", "all_proxy")}
    environment.update(extra)
    return environment


def die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


class Process:
    """A program in a process group of its own, with its output in a file."""
    alive = []

    def __init__(self, name, argv, folder, cwd=None, **environment):
        self.name, self.argv = name, argv
        self.path = os.path.join(folder, "%s-%d.log" % (name, len(os.listdir(folder))))
        with open(self.path, "wb") as log:
            self.process = subprocess.Popen(
                argv, cwd=cwd, env=clean_environment(**environment), stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, start_new_session=True, preexec_fn=die_with_parent)
        self.pid = self.process.pid
        Process.alive.append(self)

    def log(self):
        with open(self.path, "rb") as log:
            return log.read().decode("utf-8", "replace")

    def check_alive(self):
        if self.process.poll() is not None:
            raise AssertionError("%s ended with %s:\n%s"
                                 % (self.name, self.process.returncode, self.log()[-3000:]))
        return True

    def wait_port(self, port, seconds=15):
        """Looks for a listening socket without connecting: an idle connection can hang a sync worker."""
        until(lambda: self.check_alive() and listening(port), seconds, "%s listens on %d" % (self.name, port))
        return self

    def wait_url(self, url, seconds=15):
        def answers():
            self.check_alive()
            try:
                return fetch(url, timeout=2)[0] == 200
            except OSError:
                return False
        until(answers, seconds, "%s answers %s" % (self.name, url))
        return self

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self, seconds=10):
        """The exit code."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError("%s did not end within %g s" % (self.name, seconds)) from None

    def kill(self):
        """Ends the whole group at once, by its id."""
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        if self in Process.alive:
            Process.alive.remove(self)

    def tree(self):
        """The ids of this process and all its descendants."""
        parents = {}
        for entry in os.listdir("/proc"):
            if entry.isdigit():
                try:
                    with open("/proc/%s/stat" % entry) as stat:
                        parents[int(entry)] = int(stat.read().rpartition(")")[2].split()[1])
                except OSError:
                    pass
        found = [self.pid]
        for pid in found:
            found += [child for child, parent in parents.items() if parent == pid]
        return found


@atexit.register
def kill_all():
    for process in list(Process.alive):
        process.kill()


signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))


def listening(port):
    with open("/proc/net/tcp") as table:
        return any(line.split()[1].endswith(":%04X" % port) and line.split()[3] == "0A"
                   for line in table)


def fetch(url, timeout=10, data=None, headers=None):
    """(status, body) of a plain request that no proxy setting diverts."""
    request = urllib.request.Request(url, data=data, headers=headers or {})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=timeout) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


class SlowUpstream(Process):
    """upstream.py on a port of its own, and its control paths."""

    def __init__(self, folder, ms=500, port=None, address="127.0.0.1"):
        self.port = port or free_port()
        self.url = "http://%s:%d" % (address, self.port)
        super().__init__("upstream", [PYTHON, os.path.join(HERE, "upstream.py"), str(self.port), str(ms), address],
                         folder)
        self.wait_port(self.port)

    def control(self, what):
        return json.loads(fetch(self.url + "/__" + what)[1])

    def stats(self):
        return self.control("stats")

    def calls(self):
        return self.control("calls")

    def reset(self):
        self.control("reset")

    def set(self, **values):
        self.control("set?" + "&".join("%s=%s" % pair for pair in values.items()))


def toml(table, path=()):
    """Writes nested dictionaries and lists as TOML; a list of dictionaries is an array of tables."""
    def value(v):
        if isinstance(v, bool):
            return "true" if v else "false"
        if isinstance(v, dict):
            return "{ " + ", ".join("%s = %s" % (key(k), value(x)) for k, x in v.items()) + " }"
        if isinstance(v, list):
            return "[" + ", ".join(value(x) for x in v) + "]"
        return json.dumps(v, ensure_ascii=False)

    def key(k):
        return k if k.replace("-", "").replace("_", "").isalnum() else json.dumps(k)

    def is_table(v):
        return isinstance(v, dict) or isinstance(v, list) and v and isinstance(v[0], dict)

    lines = ["%s = %s" % (key(k), value(v)) for k, v in table.items() if not is_table(v)]
    for k, v in table.items():
        name = ".".join(path + (key(k),))
        if isinstance(v, dict):
            lines += ["", "[%s]" % name, toml(v, path + (key(k),))]
        elif is_table(v):
            for entry in v:
                lines += ["", "[[%s]]" % name, toml(entry, path + (key(k),))]
    return "\n".join(lines)


class Metrics:
    """One reading of /metrics. The methods know siding's names; nothing else does."""

    def __init__(self, text):
        self.samples = []
        for line in text.splitlines():
            if line and not line.startswith("#"):
                series, _, number = line.rpartition(" ")
                name, _, labels = series.partition("{")
                pairs = (p.partition("=") for p in labels.rstrip("}").split('",') if p)
                self.samples.append((name, {k.strip(): v.strip('"') for k, _, v in pairs}, float(number)))

    def sum(self, name, **labels):
        return sum(number for n, has, number in self.samples
                   if n == name and all(has.get(k) == v for k, v in labels.items()))

    def prefetch(self, result, **labels):
        """result: used, unused, missed, skipped."""
        return self.sum("siding_prefetch_total", result=result, **labels)

    def missed_reasons(self):
        """{reason: count} of the prefetches that met no call."""
        return {labels.get("reason", ""): number for name, labels, number in self.samples
                if name == "siding_prefetch_total" and labels.get("result") == "missed" and number}

    def outcome(self, word):
        return self.sum("siding_exchanges_total", outcome=word)

    def queued(self):
        return self.sum("siding_queue_depth")

    def frame_bytes(self):
        return self.sum("siding_coroutine_frame_bytes")

    def shed(self, reason):
        return self.sum("siding_shed_total", reason=reason)


class Siding(Process):
    """The binary under test, with a configuration in the design's spelling.

    The ports for the listeners are chosen first (`Ports`), because the backend needs to know them.
    """

    def __init__(self, folder, ports, config, binary=None):
        self.ports = ports
        whole = {"listen": ["127.0.0.1:%d" % ports.front],
                 "egress": {"listen": ["127.0.0.1:%d" % ports.egress]},
                 "health": {"listen": "127.0.0.1:%d" % ports.health},
                 "admin": {"listen": "unix:" + os.path.join(folder, "admin.sock")}}
        for name, given_value in config.items():
            if isinstance(given_value, dict) and name in whole:
                whole[name].update(given_value)
            else:
                whole[name] = given_value
        self.file = os.path.join(folder, "siding-%d.toml" % ports.front)
        with open(self.file, "w") as out:
            out.write(toml(whole) + "\n")
        super().__init__("siding", [binary or BINARY, "run", self.file], folder)
        self.wait_url("http://127.0.0.1:%d/readyz" % ports.health)

    def metrics(self):
        return Metrics(fetch("http://127.0.0.1:%d/metrics" % self.ports.health)[1].decode())


class Ports:
    def __init__(self):
        self.front, self.egress, self.health, self.backend = (free_port() for _ in range(4))
        self.address = ("127.0.0.1", self.front)
        self.proxy = "http://127.0.0.1:%d" % self.egress
        self.url = "http://127.0.0.1:%d" % self.front


class Case(unittest.TestCase):
    """Gives each test a folder, ports, an upstream, and ends and shows everything it started."""

    def setUp(self):
        if not BINARY:
            self.fail("SIDING_BINARY names no program")
        self.folder = tempfile.mkdtemp(prefix="siding-real-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.ports = Ports()
        self.programs = []

    def keep(self, process):
        """Has a program ended with the test, and its log shown if the test fails."""
        self.programs.append(process)
        self.addCleanup(self.end, process)
        return process

    def end(self, process):
        process.kill()
        process.tail = process.log()[-2500:]

    def upstream(self, ms=500):
        return self.keep(SlowUpstream(self.folder, ms))

    def siding(self, **config):
        return self.keep(Siding(self.folder, self.ports, config))

    def run(self, result=None):
        before = len(result.failures) + len(result.errors)
        super().run(result)
        if len(result.failures) + len(result.errors) > before:
            for process in getattr(self, "programs", ()):
                print("--- %s: %s\n%s" % (self.id(), " ".join(process.argv), getattr(process, "tail", "")),
                      file=sys.stderr)

    def get(self, target, timeout=20):
        """One GET through siding; a load.Result."""
        return self.send([load.get(target)], timeout=timeout)[0]

    def send(self, requests, concurrency=None, **options):
        return load.run(self.ports.address, requests, concurrency, **options)

    def load(self, requests, concurrency=None, **options):
        """The same from a process of its own; call results() on it."""
        started = load.Load(self.ports.address, requests, concurrency, **options)
        self.addCleanup(started.stop)
        return started

    def burst(self, n, target_of, check, **options):
        """n connections at once from another process; check(i, parsed body) for each answer."""
        results = self.load([load.get(target_of(i)) for i in range(n)], timeout=20, **options).results()
        self.check(results, check)
        return results

    def check(self, results, check=lambda i, body: True):
        bad = [(i, r.status, r.error, r.body[:200]) for i, r in enumerate(results)
               if r.error or r.status != 200 or not check(i, json.loads(r.body))]
        self.assertFalse(bad, "%d of %d answers are wrong: %r" % (len(bad), len(results), bad[:5]))
