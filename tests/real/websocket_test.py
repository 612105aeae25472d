"""WebSocket through siding, with a browser (Chromium) and a server (python3-websockets) that others wrote; and as
many idle tunnels as a chat may have."""
import json
import os
import resource
import select
import socket
import struct
import unittest

import certificates
import harness

SPARE = 3500  # descriptors for all else: siding keeps those of workers' calls and doors free
TUNNELS = min(8000, (resource.getrlimit(resource.RLIMIT_NOFILE)[1] - SPARE) // 2)
ASK = (b"GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
       b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")


def message(text):
    """A masked frame of a client (RFC 6455 5.2)."""
    mask = b"mask"
    return b"\x81" + bytes([0x80 | len(text)]) + mask + bytes(c ^ mask[i % 4] for i, c in enumerate(text))


class WebSocketTest(harness.Case):
    def setUp(self):
        super().setUp()
        self.server = self.keep(harness.Process(
            "websockets", [harness.PYTHON, os.path.join(harness.HERE, "websocket_server.py"), str(self.ports.backend)],
            self.folder))
        self.server.wait_port(self.ports.backend)

    def serve(self, **config):
        return self.siding(backend={"chat": {"url": "http://127.0.0.1:%d" % self.ports.backend, "concurrency": 4}},
                           route=[{"path": "/ws", "backend": "chat", "queue": False}, {"backend": "chat"}], **config)

    def seen(self):
        return json.loads(harness.fetch("http://127.0.0.1:%d/seen" % self.ports.backend)[1])

    def browse(self, url):
        """What a page reports that a browser has opened."""
        browser = self.keep(harness.Process(
            "chromium", ["chromium-headless-shell", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                         "--ignore-certificate-errors", "--no-proxy-server", "--user-data-dir=" + self.folder + "/browser",
                         "--remote-debugging-port=0", url], self.folder, HOME=self.folder))
        harness.until(lambda: browser.check_alive() and self.seen()["reports"], 60, "the page reports")
        return self.seen()["reports"]

    def test_a_browser_by_http1(self):
        proxy = self.serve()
        at = "localhost:%d" % self.ports.front
        self.assertEqual(self.browse("http://%s/page?to=ws://%s/ws" % (at, at)), ["well"])
        seen = self.seen()
        self.assertEqual(seen["via"], ["1.1 siding"] * 8)
        harness.until(lambda: proxy.metrics().sum("siding_tunnels") == 0, 10, "all are closed")
        self.assertEqual(proxy.metrics().sum("siding_tunnels_total"), 8)

    def test_a_browser_by_http2(self):
        """By ALPN; its sockets are streams of the connection that the page came by (RFC 8441)."""
        certificate, key = certificates.Authority(self.folder).issue("front", "DNS:localhost")
        port = harness.free_port()
        proxy = self.serve(listen=[{"address": "127.0.0.1:%d" % port,
                                    "tls": {"certificate": certificate, "key": key}}])
        at = "localhost:%d" % port
        self.assertEqual(self.browse("https://%s/page?to=wss://%s/ws" % (at, at)), ["well"])
        self.assertEqual(self.seen()["via"], ["2 siding"] * 8)
        harness.until(lambda: proxy.metrics().sum("siding_tunnels") == 0, 10, "all are closed")

    def test_as_many_idle_ones_as_a_chat_has(self):
        proxy = self.serve(threads=2, limits={"max_connections": TUNNELS + 100})
        before = self.rss(proxy)
        sockets = []
        self.addCleanup(lambda: [s.close() for s in sockets])
        for begin in range(0, TUNNELS, 100):
            batch = [socket.create_connection(self.ports.address) for _ in range(100)]
            sockets += batch
            for s in batch:
                s.sendall(ASK)
            for s in batch:
                head = self.read(s, b"\r\n\r\n")
                self.assertTrue(head.startswith(b"HTTP/1.1 101 "), head)
        self.assertEqual(self.seen()["open"], TUNNELS)
        self.assertEqual(proxy.metrics().sum("siding_tunnels"), TUNNELS)
        grown = self.rss(proxy) - before
        ticks = self.cpu(proxy)
        self.assertEqual(select.select(sockets[:500], [], [], 2)[0], [], "nobody says anything")
        idle = self.cpu(proxy) - ticks
        for i, s in enumerate(sockets):
            s.sendall(message(b"%d" % i))
        for i, s in enumerate(sockets):
            self.assertEqual(self.read(s, b"%d" % i), b"\x81" + struct.pack("B", len(b"%d" % i)) + b"%d" % i)
        print("%d idle tunnels: %.1f KiB each, %.2f s of CPU in 2 s" % (TUNNELS, grown / TUNNELS / 1024, idle))
        self.assertLess(grown / TUNNELS, 16 * 1024)
        self.assertLess(idle, 0.1)
        for s in sockets:
            s.close()
        harness.until(lambda: proxy.metrics().sum("siding_tunnels") == 0, 20, "all are closed")
        self.assertEqual(self.seen()["open"], 0)

    def read(self, s, end):
        got = b""
        s.settimeout(20)
        while end not in got:
            more = s.recv(4096)
            self.assertTrue(more, "closed after %r" % got)
            got += more
        return got

    def rss(self, process):
        with open("/proc/%d/statm" % process.pid) as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def cpu(self, process):
        with open("/proc/%d/stat" % process.pid) as stat:
            fields = stat.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    unittest.main()
