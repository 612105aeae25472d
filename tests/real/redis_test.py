"""The store that replicas share: a real Redis, shared by two sidings, that dies, hangs and is full of junk."""
import http.server
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
import unittest
import urllib.request

import certificates
import harness


class Redis:
    def __init__(self, case, *options, port=None):
        self.case, self.port, self.options = case, port or harness.free_port(), options
        self.folder = os.path.join(case.folder, "redis-%d" % self.port)
        os.makedirs(self.folder, exist_ok=True)
        self.run()

    def run(self):
        program = shutil.which("redis-server") or "/usr/bin/redis-server"
        self.process = self.case.keep(harness.Process("redis", [
            program, "--bind", "127.0.0.1", "--port", str(self.port), "--save", "", "--appendonly", "no",
            "--dir", self.folder, *self.options], self.case.folder))
        self.process.wait_port(self.port)

    def command(self, *words):
        """The raw answer to one command."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as connection:
            out = b"*%d\r\n" % len(words)
            for word in words:
                data = word if isinstance(word, bytes) else str(word).encode()
                out += b"$%d\r\n%s\r\n" % (len(data), data)
            connection.sendall(out)
            return connection.recv(1 << 20)

    def keys(self, pattern="*"):
        return [line for line in self.command("KEYS", pattern).split(b"\r\n") if line.startswith(b"siding")]


class Origin:
    """Answers every path with its own text after `delay`, fresh for a minute; counts by path."""

    def __init__(self, case):
        self.lock, self.calls, self.delay, self.vary = threading.Lock(), [], 0, None
        origin = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                with origin.lock:
                    origin.calls.append((self.command, self.path))
                time.sleep(origin.delay)  # allow-sleep: the work that it does
                text = self.path + (" in " + self.headers["Accept-Language"] if origin.vary else "")
                self.send_response(200)
                self.send_header("Cache-Control", "max-age=60")
                self.send_header("Cache-Tag", "songs")
                if origin.vary:
                    self.send_header("Vary", origin.vary)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text.encode())

            def do_POST(self):
                self.rfile.read(int(self.headers["Content-Length"]))
                self.do_GET()

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            request_queue_size = 1024

            def handle_error(self, *_):
                """A client that left."""

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = "http://127.0.0.1:%d" % self.server.server_address[1]
        thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        thread.start()
        case.addCleanup(self.server.server_close)
        case.addCleanup(self.server.shutdown)

    def count(self, path=None):
        with self.lock:
            return sum(1 for _, p in self.calls if path in (None, p))


class RedisTest(harness.Case):
    def setUp(self):
        super().setUp()
        self.origin = Origin(self)

    def replica(self, redis, **keys):
        """One more siding in front of the same origin."""
        ports = harness.Ports()
        url = redis if isinstance(redis, str) else "redis://127.0.0.1:%d" % redis.port
        folder = os.path.join(self.folder, str(ports.front))
        os.makedirs(folder)
        siding = self.keep(harness.Siding(folder, ports, {
            "threads": 2, "cache": {"memory": "16MiB", "redis": dict({"url": url}, **keys)},
            "backend": {"shop": {"url": self.origin.url, "concurrency": 64}},
            "route": [{"backend": "shop", "cache": True}]}))
        return siding

    def up(self, *replicas):
        for one in replicas:
            harness.until(lambda: one.metrics().sum("siding_redis_connections") == 3, what="redis is reached")
            harness.until(lambda: one.metrics().sum("siding_redis_followed") == 1, what="purges are known")

    def ask(self, siding, path, **headers):
        status, body, head = self.fetch(siding, path, headers)
        self.assertEqual(status, 200)
        return body, head.get("cache-status", "")

    def fetch(self, siding, path, headers=None, data=None):
        request = urllib.request.Request("http://127.0.0.1:%d%s" % (siding.ports.front, path), data=data,
                                         headers=dict({"Host": "shop.test"}, **(headers or {})))
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.read().decode(), {k.lower(): v for k, v in answer.headers.items()}

    def stored(self, redis, n):
        harness.until(lambda: len(redis.keys("siding:u:*")) >= n, what="%d are stored" % n)

    def test_two_replicas_share_what_one_fetched(self):
        redis = Redis(self)
        a, b = self.replica(redis), self.replica(redis)
        self.up(a, b)
        self.assertRegex(self.ask(a, "/s")[1], r"^siding; fwd=uri-miss; ttl=(60|59); stored$")
        self.stored(redis, 1)
        body, status = self.ask(b, "/s")
        self.assertEqual(body, "/s")
        self.assertRegex(status, r"^siding; hit; ttl=(60|59); detail=redis$")
        self.assertRegex(self.ask(b, "/s")[1], r"^siding; hit; ttl=\d+$", "now in memory")
        self.assertEqual(self.origin.count("/s"), 1)
        self.fetch(a, "/s", data=b"x")
        harness.until(lambda: not redis.keys("siding:u:*"), what="a POST makes it invalid there too")

    def test_variants_are_found_by_their_fields(self):
        redis = Redis(self)
        self.origin.vary = "Accept-Language"
        a, b = self.replica(redis), self.replica(redis)
        self.up(a, b)
        for language in ("de", "en"):
            self.ask(a, "/s", **{"Accept-Language": language})
        self.stored(redis, 1)
        harness.until(lambda: redis.command("HLEN", redis.keys("siding:u:*")[0]) == b":3\r\n")
        for language in ("de", "en"):
            body, status = self.ask(b, "/s", **{"Accept-Language": language})
            self.assertEqual(body, "/s in " + language)
            self.assertIn("detail=redis", status)
        self.assertEqual(self.origin.count(), 2)

    def test_replicas_wait_for_one_fetch(self):
        redis = Redis(self)
        a, b = self.replica(redis), self.replica(redis)
        self.up(a, b)
        self.origin.delay = 0.4
        bodies = []
        threads = [threading.Thread(target=lambda s=s: bodies.append(self.ask(s, "/s")[0]))
                   for s in (a, b) for _ in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(bodies, ["/s"] * 20)
        self.assertEqual(self.origin.count("/s"), 1)
        harness.until(lambda: not redis.keys("siding:l:*"), what="the lease is given back")

    def test_who_holds_the_lease_dies(self):
        redis = Redis(self)
        a, b = self.replica(redis, lease="700ms"), self.replica(redis, lease="700ms")
        self.up(a, b)
        self.origin.delay = 0.3
        first = threading.Thread(target=lambda: self.assertRaises(OSError, self.ask, a, "/s"))
        first.start()
        harness.until(lambda: self.origin.count("/s") == 1, what="a fetches")
        a.kill()
        first.join()
        self.assertEqual(self.ask(b, "/s")[0], "/s")
        self.assertEqual(self.origin.count("/s"), 2)

    def purge(self, siding, query):
        """The status and text of the door's answer."""
        with socket.socket(socket.AF_UNIX) as door:
            door.connect(os.path.join(os.path.dirname(siding.file), "admin.sock"))
            door.sendall(b"POST /cache/purge?%s HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n"
                         b"Connection: close\r\n\r\n" % query.encode())
            answer = b"".join(iter(lambda: door.recv(65536), b""))
        return int(answer.split()[1]), answer.split(b"\r\n\r\n", 1)[1].decode()

    def test_a_purge_reaches_all(self):
        redis = Redis(self)
        a, b = self.replica(redis), self.replica(redis)
        self.up(a, b)
        for n, query in enumerate(("url=http://shop.test/s0", "prefix=http://shop.test/s", "all=1")):
            path = "/s%d" % n
            self.ask(a, path)
            self.stored(redis, n + 1)
            self.assertIn("hit", self.ask(b, path)[1])
            self.assertEqual(self.purge(b, query)[0], 200)
            harness.until(lambda: "hit" not in self.ask(a, path)[1], what="a knows of " + query)
            self.assertEqual(self.origin.count(path), 2)
            # What was fetched within the clocks' difference counts as purged in the Redis.
            harness.pause(2.2)
        c = self.replica(redis)
        self.up(c)
        self.ask(a, "/new")
        self.stored(redis, 1)
        self.assertIn("detail=redis", self.ask(c, "/new")[1])
        redis.process.kill()
        harness.until(lambda: c.metrics().sum("siding_redis_connections") == 0, what="c misses it")
        status, text = self.purge(c, "url=http://shop.test/new")
        self.assertEqual(status, 503, text)
        self.assertIn("fwd=uri-miss", self.ask(c, "/new")[1], "here it is purged")

    def test_purges_that_were_missed_count_as_purges_of_all(self):
        redis = Redis(self)
        a, b = self.replica(redis), self.replica(redis)
        self.up(a, b)
        self.assertEqual(self.purge(a, "url=http://shop.test/first")[0], 200)
        harness.until(lambda: b.metrics().sum("siding_cache_purges_total") == 1, what="b heard of it")
        self.ask(b, "/s")
        self.assertIn("hit", self.ask(b, "/s")[1])
        b.signal(signal.SIGSTOP)
        redis.command("CLIENT", "KILL", "TYPE", "normal")
        for path in ("/s", "/last"):
            harness.until(lambda: self.purge(a, "url=http://shop.test" + path)[0] == 200, what="a is back")
        redis.command("XTRIM", "siding:purges", "MAXLEN", "1")
        b.signal(signal.SIGCONT)
        harness.until(lambda: "purges may have been missed" in b.log(), what="b sees the gap")
        self.up(b)
        self.assertNotIn("hit", self.ask(b, "/s")[1])
        redis.process.kill()
        redis.run()  # with nothing in it
        self.up(a, b)
        self.assertIn("hit", self.ask(b, "/s")[1], "a server that begins anew purges nothing")

    def test_what_was_purged_while_it_was_fetched_is_not_shared(self):
        siding = self.replica(Redis(self))
        self.up(siding)
        for tag, stored in (("songs", 0), ("others", 1)):
            path = "/" + tag
            self.origin.delay = 1
            asks = threading.Thread(target=self.ask, args=(siding, path))
            asks.start()
            harness.until(lambda: self.origin.count(path) == 1, what="it is fetched")
            subprocess.run([harness.BINARY, "purge", "--tag", tag, siding.file], check=True, capture_output=True)
            asks.join()
            harness.until(lambda: siding.metrics().sum("siding_cache_fetches") == 0, what="the fetch ended")
            self.assertEqual(siding.metrics().sum("siding_cache_shared_stored_total"), stored, tag)

    def test_it_dies_hangs_and_is_full_of_junk_under_load(self):
        redis = Redis(self)
        siding = self.replica(redis)
        self.up(siding)
        results, over = [], threading.Event()

        def load(worker):
            n = 0
            while not over.is_set():
                n += 1
                try:
                    path = "/%d" % (n % 50 if worker % 2 else worker * 100000 + n)
                    results.append(self.ask(siding, path)[0] == path)
                except (OSError, AssertionError) as error:
                    results.append(error)

        def more(n):
            at = len(results)
            harness.until(lambda: len(results) >= at + n, seconds=30, what="%d more answers" % n)

        threads = [threading.Thread(target=load, args=(i,)) for i in range(6)]
        for thread in threads:
            thread.start()
        try:
            more(200)
            redis.process.kill()
            more(200)
            redis.run()
            self.up(siding)
            more(200)
            redis.process.signal(signal.SIGSTOP)
            harness.until(lambda: siding.metrics().sum("siding_redis_connections") <= 1, what="it is late")
            more(200)
            redis.process.signal(signal.SIGCONT)
            self.up(siding)
            for key in redis.keys("siding:u:*"):
                redis.command("DEL", key)
                redis.command("SET", key, "junk")
            more(200)
        finally:
            over.set()
            for thread in threads:
                thread.join()
        bad = [r for r in results if r is not True]
        self.assertFalse(bad, "%d of %d: %r" % (len(bad), len(results), bad[:3]))
        self.assertGreater(siding.metrics().sum("siding_redis_failures_total"), 0)

    def test_what_is_no_entry_is_a_miss(self):
        redis = Redis(self)
        a, b = self.replica(redis), self.replica(redis)
        self.up(a, b)
        self.ask(a, "/s")
        self.stored(redis, 1)
        key = redis.keys("siding:u:*")[0]
        field = redis.command("HKEYS", key).split(b"\r\n")[2]
        value = redis.command("HGET", key, field).split(b"\r\n", 1)[1][:-2]
        for junk in (b"", b"junk", value[:-1], value + b"x", value.replace(b"sidingE1", b"sidingE0")):
            redis.command("HSET", key, field, junk)
            self.ask(b, "/s")
            self.assertGreater(self.origin.count("/s"), 1)
            self.fetch(b, "/s", data=b"x")  # out of its memory
        redis.command("DEL", key)
        redis.command("SET", key, "of another type")
        self.assertEqual(self.ask(b, "/s")[0], "/s")

    def test_a_password(self):
        redis = Redis(self, "--requirepass", "hush")
        good = self.replica(redis, password="hush")
        self.up(good)
        bad = self.replica(redis, password="wrong")
        self.assertEqual(self.ask(bad, "/s")[0], "/s")
        harness.until(lambda: "AUTH" in bad.log(), what="it is told")
        self.assertNotIn("hush", good.log() + bad.log())

    def test_tls(self):
        authority = certificates.Authority(self.folder)
        certificate, key = authority.issue("localhost", "DNS:localhost")
        port = harness.free_port()
        Redis(self, "--tls-port", str(port), "--tls-cert-file", certificate, "--tls-key-file", key,
              "--tls-ca-cert-file", authority.file, "--tls-auth-clients", "no")
        a = self.replica("rediss://localhost:%d" % port, ca_file=authority.file)
        self.up(a)
        b = self.replica("rediss://localhost:%d" % port)
        harness.until(lambda: "certificate" in b.log(), what="an unknown authority is told")
        self.assertEqual(self.ask(b, "/s")[0], "/s")


if __name__ == "__main__":
    unittest.main()
