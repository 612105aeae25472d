"""10,000 dispatches over kept connections, half of them POST: none lost, none executed twice.
uWSGI's http router closes kept connections without a word, gunicorn's gthread keeps them for 2 s."""
import collections
import json
import os
import unittest

import backends
import harness
import load

REQUESTS = int(os.environ.get("DELIVERY_REQUESTS", "10000"))


class DeliveryTest(harness.Case):
    def deliver(self, backend, *options, threads=1, concurrency=1, count=REQUESTS):
        self.keep(backend(self.folder, self.ports.backend, *options, module="counting_wsgi",
                          module_folder=harness.HERE))
        self.siding(threads=threads, log={"access": "off"},
                    backend={"shop": {"url": "http://127.0.0.1:%d" % self.ports.backend, "concurrency": concurrency}},
                    route=[{"backend": "shop"}])

        def request(i):
            if i % 2:
                return load.post("/post/?id=%d" % i, b"x" * (i % 3000), close=False)
            return load.get("/get/?id=%d" % i, close=False)

        results = self.load([request(i) for i in range(count)], 32, keep=True, timeout=20).results()
        length = lambda i: i % 3000 if i % 2 else 0
        bad = [(i, r.status, r.error) for i, r in enumerate(results) if r.error or r.status != 200
               or json.loads(r.body) != {"id": str(i), "length": length(i)}]
        self.assertFalse(bad, "%d of %d lost or wrong: %r" % (len(bad), count, bad[:5]))
        executed = collections.Counter(backends.executions(self.folder))
        twice = {line: n for line, n in executed.items() if n > 1}
        self.assertEqual((len(executed), twice), (count, {}))

    def test_uwsgi_router(self):
        self.deliver(backends.uwsgi_router)

    def test_uwsgi_router_two_threads_two_processes(self):
        self.deliver(backends.uwsgi_router, "--processes", "2", threads=2, concurrency=2)

    def test_uwsgi_router_with_its_own_keep_alive(self):
        self.deliver(backends.uwsgi_router, "--http-keepalive=1", count=REQUESTS // 4)

    def test_gunicorn_gthread(self):
        self.deliver(backends.gunicorn_gthread, 2, concurrency=2)

    def test_gunicorn_gthread_two_threads(self):
        self.deliver(backends.gunicorn_gthread, 2, threads=2, concurrency=2)

    def test_gunicorn_sync(self):
        """It closes each connection."""
        self.deliver(backends.gunicorn, threads=2, count=REQUESTS // 4)


if __name__ == "__main__":
    unittest.main()
