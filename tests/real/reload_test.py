"""A configuration that is replaced, and a binary that is replaced, under load: nobody is refused, reset or answered
by half of each; what cannot be loaded changes nothing."""
import os
import pty
import shutil
import signal
import socket
import threading
import time
import unittest

import harness
import load

AT_ONCE = 64
RELOADS = 1000
BATCH = 2000  # requests of one process of the load


class Clients(threading.Thread):
    """64 connections that ask all the time, until they are told to stop."""

    def __init__(self, address, requests, keep=True):
        super().__init__(daemon=True)
        self.address, self.requests, self.keep = address, requests, keep
        self.results, self.stopping = [], threading.Event()

    def run(self):
        while not self.stopping.is_set():
            batch = load.Load(self.address, self.requests, AT_ONCE, keep=self.keep, timeout=20)
            self.results += batch.results()

    def stop(self):
        self.stopping.set()
        self.join()

    def failed(self):
        return [(r.status, r.error, r.body[:80]) for r in self.results if r.error or r.status != 200]


class Said:
    """What siding writes, from where it was read last."""

    def __init__(self, process):
        self.process, self.at = process, 0

    def next(self, words):
        """Waits for a line that has one of them, and returns it."""
        found = []

        def look():
            with open(self.process.path, "rb") as file:
                file.seek(self.at)
                for line in file:
                    if not line.endswith(b"\n"):
                        break
                    self.at += len(line)
                    if any(word in line.decode() for word in words):
                        found.append(line.decode().strip())
                        return True
            return False
        harness.until(look, 20, "siding says one of %r" % (words,), every=0.001)
        return found[0]


DONE, REFUSED = "configuration is in force", "stays in force"


def descriptors(process):
    return len(os.listdir("/proc/%d/fd" % process.pid))


def busy(process):
    """Seconds of CPU."""
    with open("/proc/%d/stat" % process.pid) as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident(process):
    with open("/proc/%d/status" % process.pid) as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) / 1024


class ReloadTest(harness.Case):
    def start(self, **config):
        self.origin = self.upstream(ms=1)
        self.other = self.upstream(ms=1)
        self.base = {"threads": 2, "log": {"access": "off"}, "health": {"listen": "127.0.0.1:%d" % self.ports.health},
                     "backend": {"shop": {"url": self.origin.url, "concurrency": AT_ONCE}},
                     "route": [{"backend": "shop"}], **config}
        proxy = self.siding(**self.base)
        self.said = Said(proxy)
        with open(proxy.file) as file:
            self.good = file.read()
        return proxy

    def write(self, name, text):
        """As an editor does that is careful: nobody sees half of it."""
        with open(name + ".new", "w") as file:
            file.write(text)
        os.replace(name + ".new", name)

    def reload(self, proxy, text):
        self.write(proxy.file, text)
        proxy.signal(signal.SIGHUP)
        return self.said.next([DONE, REFUSED])

    def quiet(self, proxy):
        """Descriptors, once no connection is left over."""
        counts = []

        def settled():
            counts.append(descriptors(proxy))
            return len(counts) > 20 and len(set(counts[-20:])) == 1
        harness.until(settled, 30, "descriptors settle", every=0.1)
        return counts[-1]

    def test_a_thousand_under_load(self):
        proxy = self.start()
        more = harness.free_port()
        listen = 'listen = ["127.0.0.1:%d"' % self.ports.front
        self.assertIn(listen, self.good)
        other = self.good.replace(listen, listen + ', "127.0.0.1:%d"' % more)
        other = other.replace(self.origin.url, self.other.url).replace("concurrency = 64", "concurrency = 40")
        other += '\n[upstream.music]\nurl = "%s"\nwarm = 1\n' % self.origin.url
        files = [other, other + "\nthreads = 3", self.good, self.good.replace("concurrency", "concurency")]
        wanted = [DONE, REFUSED] * 2
        clients = Clients(self.ports.address, [load.get("/s?word=%d" % i, close=False) for i in range(BATCH)])
        clients.start()

        def many(count):
            for i in range(count):
                self.assertIn(wanted[i % 4], self.reload(proxy, files[i % 4]))
        many(100)  # what grows once has grown
        clients.stop()
        before = self.quiet(proxy), resident(proxy)
        clients = Clients(self.ports.address, clients.requests)
        clients.start()
        began = time.monotonic()
        many(2 * RELOADS)
        took = time.monotonic() - began
        clients.stop()
        after = self.quiet(proxy), resident(proxy)
        print("%d reloads and as many bad files in %.1f s; %d requests on %d connections, %d failed; descriptors "
              "%d -> %d, RSS %.1f -> %.1f MiB" % (RELOADS, took, len(clients.results), AT_ONCE, len(clients.failed()),
                                                 before[0], after[0], before[1], after[1]))
        self.assertEqual(clients.failed(), [])
        self.assertGreater(len(clients.results), BATCH)
        self.assertEqual(after[0], before[0])
        self.assertLess(after[1], before[1] + 4)
        metrics = proxy.metrics()
        self.assertEqual(metrics.sum("siding_reloads_total", result="done"), 50 + RELOADS)
        self.assertEqual(metrics.sum("siding_reloads_total", result="refused"), 50 + RELOADS)
        self.assertEqual(metrics.sum("siding_configurations"), 1)
        self.assertGreater(self.other.stats()["calls"], 0)

    def metric(self, name):
        return harness.Metrics(harness.fetch("http://127.0.0.1:%d/metrics" % self.ports.health)[1].decode()).sum(name)

    def test_a_config_map(self):
        """A folder as Kubernetes mounts it: a link to a link, which is swapped."""
        mounted = os.path.join(self.folder, "etc")
        os.mkdir(mounted)
        proxy_port = harness.free_port()

        def version(name, listen):
            os.mkdir(os.path.join(mounted, name))
            with open(os.path.join(mounted, name, "siding.toml"), "w") as file:
                file.write('listen = "127.0.0.1:%d"\n[health]\nlisten = "127.0.0.1:%d"\n[backend.shop]\n'
                           'url = "http://127.0.0.1:1"\nconcurrency = 1\n[[route]]\nbackend = "shop"\n'
                           % (listen, self.ports.health))
            os.symlink(name, os.path.join(mounted, "..tmp"))
            os.rename(os.path.join(mounted, "..tmp"), os.path.join(mounted, "..data"))
        version("..1", self.ports.front)
        os.symlink("..data/siding.toml", os.path.join(mounted, "siding.toml"))
        proxy = self.keep(harness.Process("siding", [harness.BINARY, "run", mounted], self.folder))
        proxy.wait_url("http://127.0.0.1:%d/readyz" % self.ports.health)
        said = Said(proxy)
        version("..2", proxy_port)
        shutil.rmtree(os.path.join(mounted, "..1"))
        self.assertIn("its files have changed", said.next([DONE, REFUSED]))
        socket.create_connection(("127.0.0.1", proxy_port)).close()
        with self.assertRaises(ConnectionRefusedError):
            socket.create_connection(self.ports.address)
        os.unlink(os.path.join(mounted, "..data"))  # as if the volume were gone
        self.assertIn("cannot be read", said.next(["reload: "]))
        said.next([REFUSED])
        self.assertEqual(self.metric("siding_reload_refused"), 1)
        socket.create_connection(("127.0.0.1", proxy_port)).close()

    def supervised(self):
        """siding, and the socket at which its supervisor hears of it."""
        path = os.path.join(self.folder, "notify")
        told = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(told.close)
        told.bind(path)
        told.settimeout(20)
        os.environ["NOTIFY_SOCKET"] = path
        self.addCleanup(os.environ.pop, "NOTIFY_SOCKET", None)
        return self.start(), told

    def test_a_supervisor_is_told(self):
        proxy, told = self.supervised()
        self.assertIn("READY=1", told.recv(1000).decode().splitlines())
        proxy.signal(signal.SIGHUP)
        lines = told.recv(1000).decode().splitlines()
        self.assertIn("RELOADING=1", lines)
        self.assertTrue(any(line.startswith("MONOTONIC_USEC=") for line in lines))
        self.assertIn("READY=1", told.recv(1000).decode().splitlines())

    def test_files_are_not_watched_where_nobody_wants_it(self):
        proxy = self.start()
        proxy.kill()
        proxy = self.keep(harness.Process("siding", [harness.BINARY, "run", "--no-watch", proxy.file], self.folder))
        proxy.wait_url("http://127.0.0.1:%d/readyz" % self.ports.health)
        self.write(proxy.argv[-1], "backend = 3\n")
        harness.pause(3)  # they would be looked at every second
        self.assertEqual(self.metric("siding_reload_refused"), 0)
        proxy.signal(signal.SIGHUP)
        said = Said(proxy)
        said.next([REFUSED])
        self.assertEqual(self.metric("siding_reload_refused"), 1)
        proxy.signal(signal.SIGHUP)
        said.next([REFUSED])  # who asks again is told again

    def successor(self, proxy):
        """The process that takes over, once it does."""
        line = self.said.next(["serves; this one ends"])
        pid = int(line.split("process ")[1].split()[0])

        def end():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.addCleanup(end)
        return pid

    def upgraded_under_load(self, keep):
        proxy = self.start()
        clients = Clients(self.ports.address,
                          [load.get("/s?word=%d" % i, close=not keep) for i in range(BATCH)], keep)
        clients.start()
        harness.until(lambda: self.origin.stats()["calls"] > 500, 20, "the load goes")
        proxy.signal(signal.SIGUSR2)
        pid = self.successor(proxy)
        self.assertEqual(proxy.wait(20), 0)
        after = self.origin.stats()["calls"]
        harness.until(lambda: self.origin.stats()["calls"] > after + 500, 20, "the load goes on")
        # The successor has a successor of its own.
        os.kill(pid, signal.SIGUSR2)
        last = self.successor(proxy)
        self.assertNotEqual(last, pid)
        after = self.origin.stats()["calls"]
        harness.until(lambda: self.origin.stats()["calls"] > after + 500, 20, "the load goes on")
        clients.stop()
        print("two upgrades, keep-alive %s: %d requests, %d failed" % (keep, len(clients.results),
                                                                      len(clients.failed())))
        self.assertEqual(clients.failed(), [])
        self.assertEqual(harness.fetch("http://127.0.0.1:%d/readyz" % self.ports.health)[0], 200)

    def test_the_binary_under_load(self):
        self.upgraded_under_load(keep=False)

    def test_the_binary_under_load_with_kept_connections(self):
        self.upgraded_under_load(keep=True)

    def test_a_successor_that_cannot(self):
        proxy = self.start()
        self.write(proxy.file, "backend = 3\n")
        self.said.next([REFUSED])
        proxy.signal(signal.SIGUSR2)
        self.assertIn("exit code 2", self.said.next(["does not take over"]))
        self.assertEqual(self.get("/s?word=1").status, 200)
        self.write(proxy.file, self.good)
        self.said.next([DONE])
        proxy.signal(signal.SIGUSR2)
        self.successor(proxy)
        self.assertEqual(proxy.wait(20), 0)
        self.assertEqual(self.get("/s?word=1").status, 200)

    def test_a_stop_while_a_successor_starts(self):
        """Both end, and the one that waits does not spin."""
        proxy = self.start()
        blocked = os.path.join(self.folder, "blocked.toml")
        proxy.kill()
        self.write(blocked, self.good)
        proxy = self.keep(harness.Process("siding", [harness.BINARY, "run", "--no-watch", blocked], self.folder))
        proxy.wait_url("http://127.0.0.1:%d/readyz" % self.ports.health)
        self.origin.set(ms=2000)
        inside = self.load([load.get("/s?word=x")])
        harness.until(lambda: self.origin.stats()["inside"] == 1, 10, "it is inside")
        os.unlink(blocked)
        os.mkfifo(blocked)  # the successor waits for its configuration
        proxy.signal(signal.SIGUSR2)
        said = Said(proxy)
        successor = int(said.next(["is to take over"]).split("process ")[1].split()[0])
        before = busy(proxy)
        proxy.signal(signal.SIGTERM)
        harness.pause(1)
        self.assertLess(busy(proxy) - before, 0.3)
        self.assertEqual([r.status for r in inside.results()], [200])
        self.assertEqual(proxy.wait(20), 0)
        harness.until(lambda: not os.path.exists("/proc/%d" % successor), 10, "the successor ends too")

    def test_nothing_is_loaded_in_a_drain(self):
        proxy = self.start(health={"listen": "127.0.0.1:%d" % self.ports.health, "may_drain": True})
        self.assertEqual(harness.fetch("http://127.0.0.1:%d/wait-for-drain" % self.ports.health)[0], 200)
        for number in (signal.SIGUSR2, signal.SIGHUP):
            proxy.signal(number)
            self.said.next(["nothing is loaded any more"])
        proxy.signal(signal.SIGTERM)
        self.assertEqual(proxy.wait(20), 0)

    def of_a_terminal(self, ignore):
        """siding as the leader of a terminal's session; the terminal's other end, and its process."""
        file = os.path.join(self.folder, "terminal.toml")
        self.write(file, 'listen = "127.0.0.1:%d"\n[health]\nlisten = "127.0.0.1:%d"\n[backend.shop]\n'
                         'url = "http://127.0.0.1:1"\nconcurrency = 1\n[[route]]\nbackend = "shop"\n'
                   % (self.ports.front, self.ports.health))
        pid, terminal = pty.fork()
        if pid == 0:
            if ignore:
                signal.signal(signal.SIGHUP, signal.SIG_IGN)
            os.execv(harness.BINARY, [harness.BINARY, "run", file])
        self.addCleanup(lambda: os.path.exists("/proc/%d" % pid) and os.kill(pid, signal.SIGKILL))

        def ready():
            try:
                return harness.fetch("http://127.0.0.1:%d/readyz" % self.ports.health)[0] == 200
            except OSError:
                return False
        harness.until(ready, 10, "it serves")
        os.close(terminal)
        return pid

    def test_a_terminal_that_is_closed_ends_it(self):
        pid = self.of_a_terminal(ignore=False)
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 0)

    def test_a_terminal_that_is_closed_is_nothing_to_who_was_started_by_nohup(self):
        pid = self.of_a_terminal(ignore=True)
        os.kill(pid, signal.SIGHUP)  # told after the other, and loads the file
        harness.until(lambda: self.metric('siding_reloads_total') == 1, 10, "it was heard")
        os.kill(pid, signal.SIGTERM)
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 0)

    def test_a_supervisor_learns_of_the_successor(self):
        proxy, told = self.supervised()
        proxy.signal(signal.SIGUSR2)
        pid = self.successor(proxy)
        lines = []
        while "MAINPID=%d" % pid not in lines:
            lines = told.recv(1000).decode().splitlines()
        self.assertEqual(proxy.wait(20), 0)


if __name__ == "__main__":
    unittest.main()
