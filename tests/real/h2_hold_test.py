"""Clients of HTTP/2 that hold what is ours: answers that are not taken, blocks of fields and bodies that do
not end, places in a queue. Each is bounded in time and memory, and what a stream held goes with it."""
import unittest

import abuse
import harness
import h2_frames
from h2_frames import frame, request, reset

STREAMS = 100
SIZE = 512 * 1024


class HoldTest(abuse.Case):
    def test_a_window_of_zero_and_a_hundred_answers(self):
        """What is not taken in send_timeout is reset; until then it lies in a file, beyond [limits] memory."""
        with self.attack("window 0, 100 answers of 512 KiB") as attack:
            client = self.client(h2_frames.settings(window=0))
            client.send(b"".join(request(client.stream(), "/s?bytes=%d" % SIZE) for _ in range(STREAMS)))
            client.wait(lambda: len(client.resets) == STREAMS or client.over(), 10)
            attack.ended("RST 8 of %d streams, GOAWAY %s" % (len(client.resets), client.goaway))
            self.assertEqual(set(client.resets.values()), {h2_frames.CANCEL})
            self.assertEqual(len(client.resets), STREAMS)
        self.assertEqual(self.proxy.metrics().sum("siding_body_memory_bytes"), 0)
        self.assertEqual(self.proxy.metrics().sum("siding_body_spill_bytes"), 0)

    def test_answers_that_nobody_reads(self):
        """Windows wide open, the socket not read."""
        with self.attack("100 answers of 512 KiB, never read") as attack:
            client = self.client(h2_frames.settings(window=1 << 30) + h2_frames.window_update(0, 1 << 30), 4096)
            client.send(b"".join(request(client.stream(), "/s?bytes=%d" % SIZE) for _ in range(STREAMS)))
            harness.until(lambda: self.reason("read_stall") == 1, 10, "the connection is ended")
            attack.ended("closed")
        self.assertEqual(self.proxy.metrics().sum("siding_body_memory_bytes"), 0)
        self.assertEqual(self.proxy.metrics().sum("siding_body_spill_bytes"), 0)

    def test_a_trickle_of_window(self):
        """A byte of window now and then does not put the end off: who takes less than 1 KiB stalls."""
        with self.attack("window 0, a byte each 50 ms") as attack:
            client = self.client(h2_frames.settings(window=0))
            client.send(request(1, "/s?bytes=%d" % SIZE))
            client.wait(lambda: 1 in client.heads)
            while not client.over() and 1 not in client.resets:
                client.send(h2_frames.window_update(1, 1))
                client.read(0)
                harness.pause(0.05)  # the pace of the attack, not a wait for anything
            attack.ended("RST %s, bytes taken" % client.resets.get(1), client.body.get(1, 0))
            self.assertEqual(client.resets.get(1), h2_frames.CANCEL)
            self.assertLess(client.body[1], 1024)

    def test_a_flood_of_small_windows(self):
        """The same as fast as it goes: an answer in frames of a byte."""
        with self.attack("window 0, a byte at a time, fast") as attack:
            client = self.client(h2_frames.settings(window=0))
            client.send(request(1, "/s?bytes=%d" % SIZE))
            client.wait(lambda: 1 in client.heads)
            sent = self.flood(client, lambda n: h2_frames.window_update(1, 1), batch=20)
            self.calmed(attack, client, sent, 1000, "window_updates")

    def test_a_block_that_does_not_end(self):
        with self.attack("HEADERS without END_HEADERS, silence") as attack:
            client = self.client()
            client.send(request(1, flags=h2_frames.END_STREAM))
            client.wait(client.over)
            attack.ended("GOAWAY %s" % client.goaway)
            self.assertEqual(client.goaway, h2_frames.ENHANCE_YOUR_CALM)
            self.assertEqual(self.reason("header_stall"), 1)

    def test_a_frame_that_does_not_end(self):
        """The head of a frame of HEADERS, and its payload byte by byte."""
        with self.attack("HEADERS byte by byte") as attack:
            client, left = self.client(), request(1, fields=h2_frames.field("x", "y" * 200))
            client.send(left[:9])
            left = left[9:]
            while not client.over() and left:
                client.send(left[:1])
                left = left[1:]
                client.read(0.1)
            attack.ended("GOAWAY %s" % client.goaway)
            self.assertEqual(self.reason("header_stall"), 1)

    def test_a_preface_and_no_more(self):
        with self.attack("200 prefaces, silence") as attack:
            clients = [self.client() for _ in range(200)]
            for client in clients:
                client.wait(lambda: client.closed)
            attack.ended("closed")
            self.assertTrue(all(client.closed for client in clients))

    def test_bodies_that_do_not_come(self):
        with self.attack("100 bodies that do not come") as attack:
            client = self.client()
            client.send(b"".join(request(client.stream(), "/s?word=x", flags=h2_frames.END_HEADERS,
                                         method=h2_frames.METHOD_POST) for _ in range(STREAMS)))
            client.wait(lambda: len(client.heads) == STREAMS)
            attack.ended("answered 408: %d" % len(client.heads))
            self.assertEqual(len(client.heads), STREAMS)
        self.assertEqual(self.proxy.metrics().outcome("body_timeout"), STREAMS)

    def test_bodies_by_the_byte(self):
        """A window's worth of each body at once, then a byte a while: memory is bounded, and so is time."""
        self.start(limits={"memory": "8MiB"})
        with self.attack("100 bodies, 10 KB at once, then bytes") as attack:
            client = self.client()
            streams = [client.stream() for _ in range(STREAMS)]
            for stream in streams:
                client.send(request(stream, "/s?word=x", flags=h2_frames.END_HEADERS,
                                    method=h2_frames.METHOD_POST) +
                            frame(h2_frames.DATA, 0, stream, b"x" * 10_000))
            while len(client.heads) < STREAMS and not client.over():
                for stream in streams:
                    if stream not in client.heads:
                        client.send(frame(h2_frames.DATA, 0, stream, b"x"))
                client.read(0.1)
            attack.ended("answered 408: %d, GOAWAY %s" % (len(client.heads), client.goaway))
            self.assertEqual(len(client.heads), STREAMS)

    def test_a_reset_leaves_the_queue(self):
        """Of forty streams one is at the worker and one at its door; the others wait, and go with their resets."""
        self.start(concurrency=1)
        self.origin.set(hang=1)
        client = self.client()
        streams = [client.stream() for _ in range(40)]
        client.send(b"".join(request(stream, "/s?word=%d" % stream) for stream in streams))
        harness.until(lambda: self.proxy.metrics().queued() == 38, what="38 wait")
        client.send(b"".join(reset(stream) for stream in streams))
        harness.until(lambda: self.proxy.metrics().queued() == 0, what="the queue is left")
        self.origin.set(hang=0)
        harness.until(lambda: self.proxy.metrics().sum("siding_backend_inside") == 0, what="the worker is free")
        self.assertEqual(self.origin.stats()["calls"], 2)
        self.assertTrue(client.get("/s?word=after"))


if __name__ == "__main__":
    unittest.main()
