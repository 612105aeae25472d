"""Names of upstreams by real DNS servers, dnsmasq and unbound: what changes, fails, is silent or dies."""
import http.client
import os
import shutil
import signal
import socket
import threading
import time
import unittest

import harness

NAME = "music.test"
SERVICE = "_http._tcp.music.test"
TTL = 1


class Dnsmasq:
    """One dnsmasq; its records are replaced while it runs."""

    def __init__(self, case, *options, local="--local=/test/"):
        self.case, self.port, self.local = case, harness.free_port(), local
        self.hosts = os.path.join(case.folder, "hosts")
        self.options = options

    def start(self, *records):
        """records: "127.0.0.2 music.test"."""
        self.write(records)
        return self.run()

    def run(self):
        program = shutil.which("dnsmasq") or "/usr/sbin/dnsmasq"
        self.process = self.case.keep(harness.Process("dnsmasq", [
            program, "--no-daemon", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--user=root",
            "--addn-hosts=" + self.hosts, self.local, "--local-ttl=%d" % TTL, "--port=%d" % self.port,
            "--listen-address=127.0.0.1", "--bind-interfaces", *self.options], self.case.folder))
        self.process.wait_port(self.port)
        return self

    def write(self, records):
        with open(self.hosts + ".new", "w") as out:
            out.write("\n".join(records) + "\n")
        os.replace(self.hosts + ".new", self.hosts)

    def now(self, *records):
        self.write(records)
        os.kill(self.process.pid, signal.SIGHUP)

    def restart(self, *options):
        """What is no host record is read at the start only."""
        self.process.kill()
        self.options = options
        return self.run()


class Unbound:
    def __init__(self, case, *lines, tail=""):
        self.port = harness.free_port()
        file = os.path.join(case.folder, "unbound.conf")
        with open(file, "w") as out:
            out.write("server:\n  interface: 127.0.0.1@%d\n  do-daemonize: no\n  username: \"\"\n  chroot: \"\"\n"
                      "  pidfile: \"\"\n  use-syslog: no\n  do-not-query-localhost: no\n  module-config: iterator\n"
                      "  local-zone: \"test.\" static\n%s\nremote-control:\n  control-enable: no\n%s"
                      % (self.port, "\n".join("  " + line for line in lines), tail))
        program = shutil.which("unbound") or "/usr/sbin/unbound"
        self.process = case.keep(harness.Process("unbound", [program, "-d", "-p", "-c", file], case.folder))
        self.process.wait_port(self.port)


class BlackHole:
    """A listener on [::1] whose accept queue is full: the kernel drops every further SYN."""

    def __init__(self, port):
        self.sockets = [socket.socket(socket.AF_INET6)]
        self.sockets[0].setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.sockets[0].setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        self.sockets[0].bind(("::1", port))
        self.sockets[0].listen(0)
        while True:
            filler = socket.socket(socket.AF_INET6)
            self.sockets.append(filler)
            filler.settimeout(0.2)
            try:
                filler.connect(("::1", port))
            except OSError:
                return

    def close(self):
        for one in self.sockets:
            one.close()


def connects(address, port):
    with socket.socket() as probe:
        return probe.connect_ex((address, port)) == 0


class DnsTest(harness.Case):
    def serve(self, address, port=None):
        server = self.keep(harness.SlowUpstream(self.folder, 1, port, address))
        # Another one may listen on this port at another address.
        harness.until(lambda: connects(address, server.port), what=server.url + " listens")
        return server

    def start(self, dns_port, port, timeout="200ms", url=None):
        self.proxy = self.siding(
            threads=1, dns={"servers": ["127.0.0.1:%d" % dns_port], "timeout": timeout, "tries": 2},
            backend={"shop": {"url": "http://127.0.0.1:%d" % self.ports.backend, "concurrency": 1}},
            upstream={"music": {"url": url or "http://%s:%d" % (NAME, port), "loopback": True}},
            route=[{"backend": "shop"}])

    def call(self):
        """The worker's call: its status, or how it failed."""
        connection = http.client.HTTPConnection("127.0.0.1", self.ports.egress, timeout=10)
        try:
            connection.request("GET", "/music/s?word=a")
            return connection.getresponse().status
        except (http.client.HTTPException, OSError) as error:
            return type(error).__name__
        finally:
            connection.close()

    def events(self, event):
        return self.proxy.metrics().sum("siding_dns_total", event=event)

    def test_an_address_is_replaced(self):
        """Traffic moves when the time to live has passed; then the old address gets none."""
        dns = Dnsmasq(self).start("127.0.0.2 " + NAME)
        old = self.serve("127.0.0.2")
        new = self.serve("127.0.0.3", old.port)
        self.start(dns.port, old.port)
        self.assertEqual([self.call() for _ in range(5)], [200] * 5)
        self.assertEqual(old.stats()["calls"], 5)
        dns.now("127.0.0.3 " + NAME)
        harness.until(lambda: self.call() == 200 and new.stats()["calls"] > 0, what="the new one gets calls")
        calls = old.stats()["calls"]
        self.assertEqual([self.call() for _ in range(20)], [200] * 20)
        self.assertEqual(old.stats()["calls"], calls)

    def test_the_server_dies_under_load(self):
        """It is killed and stays dead for several times to live: not one call fails."""
        dns = Dnsmasq(self).start("127.0.0.2 " + NAME)
        music = self.serve("127.0.0.2")
        self.start(dns.port, music.port)
        self.assertEqual(self.call(), 200)
        results, over = [], threading.Event()

        def load():
            while not over.is_set():
                results.append(self.call())

        threads = [threading.Thread(target=load) for _ in range(8)]
        for thread in threads:
            thread.start()
        try:
            dns.process.kill()
            harness.until(lambda: self.events("timeout") + self.events("server_failure") >= 3, seconds=20,
                          what="siding has asked in vain three times")
        finally:
            over.set()
            for thread in threads:
                thread.join()
        self.assertEqual(set(results), {200}, "of %d calls" % len(results))
        self.assertGreater(self.events("stale_failed"), 0)

    def test_a_silent_server(self):
        """It takes questions and answers none; then it is there again, with another address."""
        dns = Dnsmasq(self).start("127.0.0.2 " + NAME)
        music = self.serve("127.0.0.2")
        self.start(dns.port, music.port)
        self.assertEqual(self.call(), 200)
        os.kill(dns.process.pid, signal.SIGSTOP)
        try:
            harness.until(lambda: self.call() == 200 and self.events("timeout") >= 1, what="a question was lost")
        finally:
            os.kill(dns.process.pid, signal.SIGCONT)
        other = self.serve("127.0.0.3", music.port)
        dns.now("127.0.0.3 " + NAME)
        harness.until(lambda: self.call() == 200 and other.stats()["calls"] > 0, seconds=15, what="it is asked again")

    def test_a_name_that_is_not_there_yet(self):
        """NXDOMAIN: the worker's connection closes. Once the name is there, it is found."""
        dns = Dnsmasq(self).start("127.0.0.9 other.test")
        music = self.serve("127.0.0.2")
        self.start(dns.port, music.port)
        self.assertEqual(self.call(), "RemoteDisconnected")
        self.assertEqual(self.events("no_such_name"), 1)
        dns.now("127.0.0.2 " + NAME)
        harness.until(lambda: self.call() == 200, what="the name is found", every=0.1)

    def test_a_chain_of_names(self):
        dns = Dnsmasq(self, "--cname=%s,b.test" % NAME, "--cname=b.test,c.test").start("127.0.0.2 c.test")
        music = self.serve("127.0.0.2")
        self.start(dns.port, music.port)
        self.assertEqual(self.call(), 200)

    def calls_reach(self, *wanted):
        """Waits until only these get calls, and all of them; not one call fails meanwhile. The seconds it took."""
        def reached():
            before = [server.stats()["calls"] for server in self.servers]
            self.assertEqual([self.call() for _ in range(6)], [200] * 6)
            after = [server.stats()["calls"] for server in self.servers]
            return {s for s, a, b in zip(self.servers, after, before) if a > b} == set(wanted)
        begin = time.monotonic()
        harness.until(reached, seconds=20, what="calls reach those and no others")
        return time.monotonic() - begin

    def test_the_records_of_a_service(self):
        """Hosts, ports and priorities are replaced. Traffic moves each time, and no call fails."""
        one = self.serve("127.0.0.2")
        two = self.serve("127.0.0.3")
        self.servers = [one, two, self.serve("127.0.0.2"), self.serve("127.0.0.4", one.port)]
        three, moved = self.servers[2:]

        def record(host, server, priority=0):
            return "--srv-host=%s,%s.test,%d,%d,5" % (SERVICE, host, server.port, priority)

        dns = Dnsmasq(self, record("a", one), record("b", two), record("c", three, 9), record("d", one))
        dns.start("127.0.0.2 a.test", "127.0.0.3 b.test", "127.0.0.2 c.test")
        self.start(dns.port, 0, url="http://" + SERVICE)
        took = [self.calls_reach(one, two)]
        self.assertEqual({fields["host"] for _, fields in one.calls()}, {NAME})
        # A pod that moves: the record stays, its host has another address.
        dns.now("127.0.0.4 a.test", "127.0.0.3 b.test", "127.0.0.2 c.test")
        took.append(self.calls_reach(moved, two))
        # One that goes: its host is unknown, its record not yet withdrawn.
        dns.now("127.0.0.3 b.test", "127.0.0.2 c.test")
        took.append(self.calls_reach(two))
        # None of the first priority is left.
        dns.now("127.0.0.2 c.test")
        took.append(self.calls_reach(three))
        # Another port on the same host.
        dns.restart(record("c", one))
        took.append(self.calls_reach(one))
        print("traffic moved within %s s; the time to live is %d s" % (", ".join("%.1f" % t for t in took[1:]), TTL))
        self.assertGreaterEqual(self.events("answer"), 5)

    def test_a_service_without_records(self):
        """It is there later: until then the worker's connection closes."""
        dns = Dnsmasq(self).start("127.0.0.2 a.test")
        music = self.serve("127.0.0.2")
        self.start(dns.port, 0, url="http://" + SERVICE)
        self.assertEqual(self.call(), "RemoteDisconnected")
        self.assertEqual(self.events("no_such_name"), 1)
        dns.restart("--srv-host=%s,a.test,%d" % (SERVICE, music.port))
        harness.until(lambda: self.call() == 200, seconds=15, what="the service is found", every=0.1)

    def test_an_ipv6_black_hole(self):
        """The IPv6 address answers no SYN: the other one is asked a quarter of a second later, and soon first."""
        music = self.serve("127.0.0.2")
        hole = BlackHole(music.port)
        self.addCleanup(hole.close)
        dns = Dnsmasq(self).start("::1 " + NAME, "127.0.0.2 " + NAME)
        self.start(dns.port, music.port)
        self.assertEqual([self.call() for _ in range(20)], [200] * 20)
        self.assertEqual(music.stats()["calls"], 20)
        metrics = self.proxy.metrics()
        self.assertEqual(metrics.sum("siding_endpoint_calls"), 0)

    def test_servfail(self):
        """unbound asks one that refuses: SERVFAIL. The worker's connection closes, and siding backs off."""
        refuser = Dnsmasq(self, local="--no-negcache").start()
        dns = Unbound(self, 'local-zone: "%s." transparent' % NAME,
                      tail='forward-zone:\n  name: "%s."\n  forward-addr: 127.0.0.1@%d\n' % (NAME, refuser.port))
        self.start(dns.port, harness.free_port(), timeout="5s")
        self.assertEqual([self.call() for _ in range(3)], ["RemoteDisconnected"] * 3)
        self.assertEqual(self.events("server_failure"), 1)
        self.assertEqual(self.events("backed_off"), 2)

    def test_a_thousand_addresses(self):
        """The answer does not fit a datagram: it comes by TCP, and is cut to a bound."""
        records = ['local-data: "%s. 5 IN A 127.1.%d.%d"' % (NAME, i // 250, i % 250 + 1) for i in range(1000)]
        dns = Unbound(self, *records)
        music = self.serve("0.0.0.0")
        self.start(dns.port, music.port)
        self.assertEqual([self.call() for _ in range(40)], [200] * 40)
        addresses = {labels["address"] for name, labels, _ in self.proxy.metrics().samples
                     if name == "siding_endpoint_calls"}
        self.assertEqual(len(addresses), 32)


if __name__ == "__main__":
    unittest.main()
