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
INSIDE = 2  # concurrency and backlog, one each


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

    def park(self):
        """Fifty in the queue, and as many more as the worker and its door hold; its call hangs."""
        self.music.set(hang=1)
        parked = self.load([load.get("/search/?q=w%d" % i) for i in range(PARKED + INSIDE)], timeout=20)
        harness.until(lambda: self.proxy.metrics().queued() == PARKED, what="fifty are queued")
        harness.until(lambda: self.music.stats()["inside"] == 1, what="the worker's call hangs")
        return parked

    def all_are_answered(self, parked):
        self.check(parked.results(), lambda i, body: body["result"]["word"] == "w%d" % i)
        self.assertEqual(self.music.stats()["calls"], PARKED + INSIDE)

    def test_connections_filled_by_parked_clients(self):
        """Every place at the front is taken, and taken again when one leaves; the calls still go out."""
        self.start(limits={"max_connections": PARKED + INSIDE})
        parked = self.park()
        more = [socket.create_connection(self.ports.address) for _ in range(20)]
        try:
            self.music.set(hang=0)
            self.all_are_answered(parked)
        finally:
            for connection in more:
                connection.close()

    def test_bodies_filled_by_parked_clients(self):
        """Who finds no room for his body is told so before a worker is asked; the others are served,
        though not one of them leaves the full budget before the first call has gone out."""
        self.start(limits={"memory": "16MiB", "spill": "1MiB"})
        self.music.set(hang=1)
        body = b"x" * (1 << 20)
        requests = [load.post("/post-search/?q=w%d&id=w%d" % (i, i), body) for i in range(PARKED)]
        clients = self.load(requests, timeout=20)
        harness.until(lambda: self.proxy.metrics().outcome("no_buffer"), what="the budget is full")
        harness.until(lambda: self.music.stats()["inside"] == 1, what="the worker's call hangs")
        self.music.set(hang=0)
        results = clients.results()
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
        queued = self.park()
        self.proxy.signal(signal.SIGTERM)
        harness.until(lambda: not harness.listening(self.ports.front), what="the drain has begun")
        self.music.set(hang=0)
        self.all_are_answered(queued)
        self.assertEqual(self.proxy.wait(10), 0)

    def test_backend_that_calls_itself(self):
        """Its only worker waits for the answer: 508, instead of a wait for itself. The queue would have
        ended it with 503 after queue.timeout; it never stands there."""
        self.start(self_url=self.ports.url)
        answer = json.loads(self.get("/self/", timeout=5).body)
        self.assertEqual(answer["status"], 508)
        harness.until(lambda: self.proxy.metrics().outcome("ok") == 2, what="the first and the view are counted")
        metrics = self.proxy.metrics()
        self.assertEqual(metrics.outcome("self_call"), 1)
        self.check([self.get("/plain/")])

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
