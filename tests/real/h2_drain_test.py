"""A drain under load, as clients of HTTP/2 see it: every stream at or below the last GOAWAY's id is answered."""
import signal
import threading
import time
import unittest

import h2_frames
import harness

CONNECTIONS = 20
AT_ONCE = 20
FIRST_GOAWAY = 0x7fffffff  # of the first GOAWAY: whatever is under way will be taken


class Client(threading.Thread):
    """Keeps so many streams open until it is told which one was the last."""

    def __init__(self, address):
        super().__init__(daemon=True)
        self.connection = h2_frames.Connection(address)
        self.sent = []

    def run(self):
        c = self.connection
        end = time.monotonic() + 30
        while not c.closed and time.monotonic() < end:
            open_streams = len(self.sent) - len(c.ended) - len(c.resets)
            if c.last in (None, FIRST_GOAWAY):
                for _ in range(AT_ONCE - open_streams):
                    stream = c.stream()
                    self.sent.append(stream)
                    c.send(h2_frames.request(stream, "/s?word=%d" % stream), reading=True)
            c.read(0.05)
        c.close()

    def answered(self, stream):
        return stream in self.connection.ended and self.connection.heads.get(stream) == b"\x88"


class DrainTest(harness.Case):
    def test_what_was_taken_is_answered(self):
        origin = self.upstream(ms=30)
        siding = self.siding(threads=2, route=[{"backend": "shop"}], drain_timeout="20s", log={"access": "off"},
                             backend={"shop": {"url": origin.url, "concurrency": 64}})
        clients = [Client(self.ports.address) for _ in range(CONNECTIONS)]
        for client in clients:
            client.start()
        harness.until(lambda: sum(len(c.connection.ended) for c in clients) > 500, 20, "the load goes")
        siding.signal(signal.SIGTERM)
        for client in clients:
            client.join()
        self.assertEqual(siding.wait(20), 0)
        taken = 0
        for client in clients:
            self.assertNotIn(client.connection.last, (None, FIRST_GOAWAY), "each is told")
            self.assertEqual(client.connection.goaway, h2_frames.NO_ERROR)
            mine = [stream for stream in client.sent if stream <= client.connection.last]
            lost = [stream for stream in mine if not client.answered(stream)]
            self.assertEqual(lost, [], "of %d" % len(mine))
            taken += len(mine)
        sent = sum(len(c.sent) for c in clients)
        print("drain: %d of %d streams on %d connections were taken, and answered" % (taken, sent, CONNECTIONS))
        self.assertGreater(taken, 500)


if __name__ == "__main__":
    unittest.main()
