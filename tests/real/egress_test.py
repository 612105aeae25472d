"""What frees a worker outranks new work: a worker's own calls succeed while clients fill every limit,
while siding drains, while it calls itself, and while one upstream hangs."""
import collections
import json
import signal
import socket
import unittest

import backends
import harness
import load

PARKED = 50


class EgressTest(harness.Case):
    def start(self, ms=20, processes=1, music=None, route=None, self_url="", **config):
        self.music = self.upstream(ms)
        self.keep(backends.uwsgi_http_socket(
            self.folder, self.ports.backend, processes=processes, proxy=self.ports.proxy,
            music=self.music.url, SELF_URL=self_url))
        self.proxy = self.siding(
            backend={"shop": {"url": "http://127.0.0.1:%d" % self.ports.backend, "concurrency": processes}},
            upstream={"music": {"url": self.music.url, **(music or {})}},
            route=[*(route or ()), {"backend": "shop"}], **config)
        self.check([self.get("/plain/")])

    def test_connections_filled_by_parked_clients(self):
        """The last place at the front is taken by a parked request; its worker's call still goes out."""
        self.start(limits={"max_connections": PARKED})
        parked = self.load([load.get("/search/?q=w%d" % i) for i in range(PARKED)], timeout=20)
        harness.until(lambda: self.proxy.metrics().queued() >= PARKED - 10, what="the clients are parked")
        more = [socket.create_connection(self.ports.address) for _ in range(20)]
        try:
            self.check(parked.results(), lambda i, body: body["result"]["word"] == "w%d" % i)
        finally:
            for connection in more:
                connection.close()
        self.assertEqual(self.music.stats()["calls"], PARKED)

    def test_bodies_filled_by_parked_clients(self):
        """Who finds no room for his body is told so before a worker is asked; the others are served."""
        self.start(limits={"memory": "16MiB", "spill": "1MiB"})
        body = b"x" * (1 << 20)
        requests = [load.post("/post-search/?q=w%d&id=w%d" % (i, i), body) for i in range(PARKED)]
        results = self.load(requests, timeout=20).results()
        served = [i for i, r in enumerate(results) if r.status == 200]
        refused = [i for i, r in enumerate(results) if r.status == 503]
        self.assertEqual(len(served) + len(refused), PARKED,
                         collections.Counter((r.status, r.error) for r in results))
        self.assertTrue(served and refused, "the budget was not filled: %d served" % len(served))
        for i in served:
            answer = json.loads(results[i].body)
            self.assertEqual((answer["length"], answer["result"]["word"]), (len(body), "w%d" % i))
        self.assertEqual(len(backends.executions(self.folder)), len(served))
        self.assertEqual(self.music.stats()["calls"], len(served))

    def test_drain_with_fifty_queued(self):
        """SIGTERM: the egress listener closes last, so each queued view makes its call."""
        self.start()
        self.music.set(hang=1)
        clients = PARKED + 2  # one is inside, and one at the door
        queued = self.load([load.get("/search/?q=w%d" % i) for i in range(clients)], timeout=20)
        harness.until(lambda: self.proxy.metrics().queued() >= PARKED, what="fifty are queued")
        self.proxy.signal(signal.SIGTERM)
        harness.until(lambda: not harness.listening(self.ports.front), what="it drains")
        self.assertEqual(self.music.stats()["calls"], 1)
        self.music.set(hang=0)
        self.check(queued.results(), lambda i, body: body["result"]["word"] == "w%d" % i)
        self.assertEqual(self.proxy.wait(10), 0)
        self.assertEqual(self.music.stats()["calls"], clients)

    def test_backend_that_calls_itself(self):
        """Its only worker waits for the answer: 508 while it is inside, without a place in the queue."""
        self.start(self_url=self.ports.url)
        before = self.proxy.metrics()
        answer = json.loads(self.get("/self/", timeout=5).body)
        self.assertEqual(answer["status"], 508)
        self.check([self.get("/plain/")])

        def more(name, **labels):
            return self.proxy.metrics().sum(name, **labels) - before.sum(name, **labels)
        harness.until(lambda: more("siding_exchanges_total") == 3, what="all three are counted")
        self.assertEqual(more("siding_exchanges_total", outcome="self_call"), 1)
        self.assertEqual(more("siding_backend_attempts_total"), 2, "the refused one met a worker")

    def test_backend_that_calls_itself_with_a_free_worker(self):
        self.start(self_url=self.ports.url, processes=2)
        self.assertEqual(json.loads(self.get("/self/", timeout=5).body)["status"], 200)

    def test_self_calls_of_every_worker(self):
        """Two workers, many callers of themselves: each gets an answer, 200 or 508, and none waits."""
        self.start(self_url=self.ports.url, processes=2)
        results = self.load([load.get("/self/")] * 40, timeout=20).results()
        self.check(results, lambda i, body: body["status"] in (200, 508))

    def test_other_routes_while_an_upstream_hangs(self):
        """Twenty requests wait for a dead upstream in siding; the worker serves everybody else."""
        search = {"path": "/search/", "backend": "shop", "prefetch": ["music:/s?word={query.q|requote}"]}
        self.start(music={"timeout": "2s"}, route=[search])
        self.check([self.get("/search/?q=warm")])
        self.music.reset()
        self.music.set(hang=1)
        hung = self.load([load.get("/search/?q=w%d" % i) for i in range(20)], timeout=20)
        harness.until(lambda: self.music.stats()["inside"] == 20, what="all prefetches hang")
        self.check(self.send([load.get("/plain/?n=%d" % i) for i in range(20)], timeout=5),
                   lambda i, body: body["plain"] == str(i))
        stats = self.music.stats()
        self.assertEqual((stats["inside"], stats["left"]), (20, 0), "the other routes waited for the hung ones")
        # Then each view is handed the failure, raises its own error, and makes no second call.
        self.assertEqual([r.status for r in hung.results()], [500] * 20)
        self.assertEqual(self.music.stats()["calls"], 20)


if __name__ == "__main__":
    unittest.main()
