"""A backend that is killed under load and comes back: whoever waits is answered afterwards, and what
had been sent is sent again only if that is harmless."""
import collections
import unittest

import backends
import harness
import load

REQUESTS = 300


class RestartTest(harness.Case):
    def start_siding(self, concurrency=1):
        self.siding(threads=2, route=[{"backend": "shop"}],
                    backend={"shop": {"url": "http://127.0.0.1:%d" % self.ports.backend,
                                      "concurrency": concurrency}})

    def request(self, i):
        target = "/slow/?ms=5&id=%d" % i
        return load.post(target, b"once") if i % 2 else load.get(target)

    def killed_under_load(self, backend, *options, concurrency=1):
        first = self.keep(backend(self.folder, self.ports.backend, *options))
        self.start_siding(concurrency)
        clients = self.load([self.request(i) for i in range(REQUESTS)], 60, timeout=20)
        harness.until(lambda: len(backends.executions(self.folder)) >= 50, 10, "a part is done")
        first.kill()
        before = len(backends.executions(self.folder))
        self.assertLess(before, REQUESTS, "it was killed too late to matter")
        self.keep(backend(self.folder, self.ports.backend, *options))
        results = clients.results()

        failed = {i: r.status for i, r in enumerate(results) if r.status != 200}
        inside = {i: status for i, status in failed.items() if i % 2 and status == 502}
        self.assertEqual(failed, inside, "only a POST that had been sent may fail, with 502")
        self.assertLessEqual(len(inside), concurrency + 1)
        executed = collections.Counter(backends.executions(self.folder))
        for i in range(1, REQUESTS, 2):
            self.assertLessEqual(executed["POST %d" % i], 1, "executed twice: %d" % i)
            self.assertTrue(executed["POST %d" % i] == 1 or i in inside)

    def test_gunicorn_killed_under_load(self):
        self.killed_under_load(backends.gunicorn)

    def test_gunicorn_threads_killed_under_load(self):
        self.killed_under_load(backends.gunicorn_gthread, 4, concurrency=4)

    def test_uwsgi_router_killed_under_load(self):
        self.killed_under_load(backends.uwsgi_router)

    def test_clients_come_before_the_backend(self):
        self.start_siding()
        clients = self.load([self.request(i) for i in range(40)], timeout=20)
        self.keep(backends.uwsgi_router(self.folder, self.ports.backend))
        self.check(clients.results(), lambda i, body: body["id"] == str(i))
        executed = collections.Counter(backends.executions(self.folder))
        self.assertEqual((len(executed), max(executed.values())), (40, 1))


if __name__ == "__main__":
    unittest.main()
