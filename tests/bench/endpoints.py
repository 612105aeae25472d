"""What a fault among an upstream's addresses, or of its DNS server, costs: one of three addresses takes no
connection any more, and the DNS server is killed under load.

    SIDING_BINARY=... python3 endpoints.py [--dead-seconds 60]

Three upstreams (20 ms) behind one name, by dnsmasq with a time to live of one second; a fan-out of one leg;
eight clients. A black hole is a listener whose accept queue is full: the kernel drops each SYN.
"""
import argparse
import json
import socket
import sys
import time

import measure
import harness
import load
from dns_test import Dnsmasq, NAME

IPS = ("127.0.0.2", "127.0.0.3", "127.0.0.4")
CLIENTS, CONNECT_TIMEOUT = 8, 2.0


class BlackHole:
    def __init__(self, ip, port):
        self.sockets = [socket.socket()]
        self.sockets[0].setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.sockets[0].bind((ip, port))
        self.sockets[0].listen(0)
        for _ in range(8):
            self.sockets.append(socket.socket())
            self.sockets[-1].setblocking(False)
            self.sockets[-1].connect_ex((ip, port))


def run_for(address, seconds):
    """[(seconds since the beginning, seconds that it took, good)]"""
    began, out, number = time.monotonic(), [], 0
    while time.monotonic() - began < seconds:
        words = ["w%d" % (number + i) for i in range(CLIENTS * 10)]
        number += len(words)
        at = time.monotonic() - began
        for word, result in zip(words, load.run(address, [load.get("/all?q=" + w) for w in words], CLIENTS,
                                                timeout=10)):
            try:
                good = result.status == 200 and json.loads(result.body)["song"]["word"] == word
            except (ValueError, KeyError, TypeError):
                good = False
            out.append((at, result.seconds, good))
    return out


def p99(samples):
    times = sorted(seconds for _, seconds, _ in samples)
    return times[min(len(times) - 1, len(times) * 99 // 100)] * 1000


def failed(samples):
    return sum(not good for _, _, good in samples)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--dead-seconds", type=int, default=60)
    options = parser.parse_args()
    if not harness.BINARY:
        parser.error("SIDING_BINARY names no program")
    measure.say_machine()
    bed = measure.Bed()
    hole = None
    try:
        servers = [bed.keep(harness.SlowUpstream(bed.folder, 20, address=IPS[0]))]
        port = servers[0].port
        servers += [bed.keep(harness.SlowUpstream(bed.folder, 20, port, ip)) for ip in IPS[1:]]
        dns = Dnsmasq(bed).start(*("%s %s" % (ip, NAME) for ip in IPS))
        ports = harness.Ports()
        bed.keep(harness.Siding(bed.folder, ports, {
            "threads": 1, "log": {"access": "off"}, "dns": {"servers": ["127.0.0.1:%d" % dns.port]},
            "upstream": {"music": {"url": "http://%s:%d" % (NAME, port), "loopback": True,
                                   "connect_timeout": "%gs" % CONNECT_TIMEOUT}},
            "route": [{"path": "/all", "fanout": {"song": {"call": "music:/s?word={query.q}"}}}]}))
        run_for(ports.address, 1)
        healthy = run_for(ports.address, 5)
        servers[2].kill()
        hole = BlackHole(IPS[2], port)
        faulty = run_for(ports.address, 12)
        first, later = [s for s in faulty if s[0] < 2], [s for s in faulty if s[0] >= 2]
        dns.process.kill()
        dead = run_for(ports.address, options.dead_seconds)
        measure.table(["8 clients, three addresses, 20 ms", "requests", "failed", "p99 ms", "most ms"],
                      [[name, len(s), failed(s), "%.1f" % p99(s), "%.1f" % (max(x[1] for x in s) * 1000)]
                       for name, s in (("healthy", healthy), ("one black-holed: the first 2 s", first),
                                       ("from then on", later),
                                       ("the DNS server dead for %d s" % options.dead_seconds, dead))])
        measure.target("p99 of the first 2 s", p99(first), CONNECT_TIMEOUT * 1000, " ms")
        measure.target("p99 from then on / healthy", p99(later) / p99(healthy), 2)
        measure.target("failed with one black-holed", failed(faulty), 0)
        measure.target("failed while the DNS server is dead", failed(dead), 0)
    finally:
        bed.end()
        del hole


if __name__ == "__main__":
    sys.exit(main())
