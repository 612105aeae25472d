"""A thousand clients that send a byte a second: they cost no worker, and nobody waits for them."""
import resource
import socket
import unittest

import backends
import harness
import load

CLIENTS = 1000
SECONDS = 5
FAST = 20  # requests each second


class SlowClientsTest(harness.Case):
    def setUp(self):
        super().setUp()
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        self.keep(backends.uwsgi_http_socket(self.folder, self.ports.backend))
        self.proxy = self.siding(threads=2, route=[{"backend": "shop"}],
                                 backend={"shop": {"url": "http://127.0.0.1:%d" % self.ports.backend,
                                                   "concurrency": 1}})

    def trickle(self, slow, at_once=b""):
        """Sends `slow` byte by byte over each connection, one a second, while others are served."""
        clients = []
        for _ in range(CLIENTS):
            client = socket.create_connection(self.ports.address)
            self.addCleanup(client.close)
            client.sendall(at_once)
            clients.append(client)
        for second in range(SECONDS):
            for client in clients:
                client.sendall(slow[second:second + 1])
            fast = ["/slow/?ms=1&id=fast-%d-%d" % (second, n) for n in range(FAST)]
            self.check(self.send([load.get(target) for target in fast], timeout=10))
            harness.pause(1)  # the pace of the clients, not a wait for anything
        self.only_the_fast_ran()

    def only_the_fast_ran(self):
        ran = backends.executions(self.folder)
        self.assertEqual(len(ran), SECONDS * FAST)
        self.assertTrue(all("fast-" in line for line in ran), ran)

    def test_heads(self):
        self.trickle(b"GET /slow/?id=slow HTTP/1.1\r\n")

    def test_bodies(self):
        """Their heads are whole, their bodies are not: they stand in no queue either."""
        self.trickle(b"x" * SECONDS, at_once=b"POST /slow/?id=slow HTTP/1.1\r\nHost: x\r\nContent-Length: 60\r\n\r\n")
        self.assertEqual(self.proxy.metrics().queued(), 0)


if __name__ == "__main__":
    unittest.main()
