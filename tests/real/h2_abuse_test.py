"""Floods over one HTTP/2 connection: what is cheap for a client and costs us more. Each ends with GOAWAY and
the reason, soon, while others are served. The names are those of the advisories, where there is one."""
import unittest

import abuse
import harness
import h2_frames
from h2_frames import field, frame, request, reset, window_update


class FloodTest(abuse.Case):
    SHARED = True

    def calls(self):
        """Of others than the honest client."""
        stats = [target for target, _ in self.origin.calls()]
        return len([target for target in stats if "honest" not in target])

    # ---- streams that are opened and come to nothing

    def test_rapid_reset(self):
        """CVE-2023-44487. What is reset in the same read never was a request."""
        with self.attack("rapid reset") as attack:
            client = self.client()
            sent = self.flood(client, lambda n: request(2 * n + 1) + reset(2 * n + 1), batch=20)
            self.calmed(attack, client, sent, 1000, "resets")
        # A batch may be cut by a read: then one stream of it is seen before its reset.
        self.assertLess(self.calls(), sent / 20 * 2)

    def test_what_is_reset_in_the_same_read_is_no_request(self):
        self.use_shared()
        client = self.client()
        for _ in range(20):
            stream = client.stream()
            client.send(request(stream, "/s?word=x") + reset(stream))
        self.assertTrue(client.get("/s?word=honest"))
        self.assertEqual(self.calls(), 0)

    def test_made_you_reset_by_window_update_of_zero(self):
        """CVE-2025-8671: here we are the one that resets."""
        with self.attack("MadeYouReset: WINDOW_UPDATE 0") as attack:
            client = self.client()
            sent = self.flood(client, lambda n: request(2 * n + 1) + window_update(2 * n + 1, 0))
            attack.ended("GOAWAY %s" % client.goaway, sent)
            self.assertIn(client.goaway, (h2_frames.PROTOCOL_ERROR, h2_frames.ENHANCE_YOUR_CALM))
            self.assertLessEqual(sent, 1000)

    def test_made_you_reset_by_window_overflow(self):
        self.start(concurrency=2)
        self.origin.set(hang=1)
        with self.attack("MadeYouReset: window overflow", honest=False) as attack:
            client = self.client()
            sent = self.flood(client, lambda n: request(2 * n + 1, "/s?word=x") +
                              window_update(2 * n + 1, 0x7fffffff), batch=20)
            self.calmed(attack, client, sent, 1000, "stream_faults")
        # What had gone to the backend keeps its place there: more cannot have.
        harness.until(lambda: self.proxy.metrics().queued() == 0, what="the queue is left")
        self.assertLessEqual(self.origin.stats()["inside"], 3)
        self.origin.set(hang=0)

    def test_made_you_reset_by_malformed_fields(self):
        with self.attack("MadeYouReset: malformed HEADERS") as attack:
            client = self.client()
            sent = self.flood(client, lambda n: request(2 * n + 1, fields=field("Upper", "case")))
            self.calmed(attack, client, sent, 1000, "stream_faults")
        self.assertEqual(self.calls(), 0)

    def test_faults_whose_resets_are_never_read(self):
        """The frames that we owe it pile up with us, not with it."""
        with self.attack("MadeYouReset, RST never read") as attack:
            client = self.client(receive_buffer=4096)
            sent = self.flood(client, lambda n: request(2 * n + 1, fields=field("Upper", "case")),
                              reading=False)
            attack.ended("ended", sent)
            self.assertLessEqual(sent, 128 + 1000)
            # As long as its RST is not sent, a stream counts: which bound is met first depends on the buffers.
            self.assertEqual(self.reason("refused_streams") + self.reason("stream_faults"), 1)

    def test_resets_are_owed_to_a_client_that_reads_nothing(self):
        """First its answers fill all that is between, so that what we owe can only wait in memory."""
        with self.attack("the same, behind answers never read") as attack:
            client = self.client(h2_frames.settings(window=1 << 30) + window_update(0, 1 << 30), 4096)
            for _ in range(20):
                client.send(request(client.stream(), "/s?bytes=500000"))
            harness.until(lambda: self.origin.stats()["answered"] > 20, what="the answers are here")
            first = client.next_stream
            sent = self.flood(client, lambda n: request(2 * n + first, fields=field("Upper", "case")), 100_000,
                              reading=False)
            attack.ended("refused_streams", sent)
            self.assertLessEqual(sent, 128 + 1000)
            self.assertEqual(self.reason("refused_streams"), 1)

    def test_streams_beyond_the_limit(self):
        self.start(concurrency=1)
        self.origin.set(hang=1)
        with self.attack("streams beyond the limit", honest=False) as attack:
            client = self.client()
            sent = self.flood(client, lambda n: request(2 * n + 1, "/s?word=x"))
            refused = sum(code == h2_frames.REFUSED_STREAM for code in client.resets.values())
            self.calmed(attack, client, sent, 128 + 1000, "refused_streams")
            self.assertGreater(refused, 100)
        self.origin.set(hang=0)

    # ---- frames

    def flooded(self, name, make, reason, most=1000, batch=50, opening=None):
        with self.attack(name) as attack:
            client = self.client(opening)
            client.send(request(client.stream(), "/s?word=x"))
            sent = self.flood(client, make, batch=batch)
            self.calmed(attack, client, sent, most, reason)

    def test_pings(self):
        self.flooded("PING flood", h2_frames.ping, "pings")

    def test_settings(self):
        self.flooded("SETTINGS flood", lambda n: h2_frames.settings(table=4096), "settings")

    def test_settings_of_thousands(self):
        """The library takes 32 entries in a frame."""
        self.flooded("SETTINGS of 2000 entries",
                     lambda n: frame(h2_frames.SETTINGS, 0, 0, b"\0\1\0\0\x10\0" * 2000), "settings", batch=5)

    def test_pings_whose_answers_are_never_read(self):
        with self.attack("PINGs, answers never read") as attack:
            client = self.client(receive_buffer=4096)
            sent = self.flood(client, h2_frames.ping, reading=False)
            attack.ended("pings", sent)
            self.assertLessEqual(sent, 1000)
            self.assertEqual(self.reason("pings"), 1)

    def test_empty_data(self):
        self.start(limits={"body_timeout": "20s"})
        for name, make in (("empty DATA", lambda n: frame(h2_frames.DATA, 0, 1)),
                           ("DATA of padding alone", lambda n: frame(h2_frames.DATA, h2_frames.PADDED, 1, b"\0"))):
            with self.attack(name) as attack:
                client = self.client()
                client.send(request(1, "/s?word=x", flags=h2_frames.END_HEADERS, method=h2_frames.METHOD_POST))
                sent = self.flood(client, make)
                self.calmed(attack, client, sent, 1000, "empty_data")

    def test_empty_data_of_a_stream_that_is_over(self):
        """RFC 9113 5.1: an error, or ignored, and counted then."""
        with self.attack("empty DATA, stream over") as attack:
            client = self.client()
            client.send(request(1, "/s?word=x", flags=h2_frames.END_HEADERS, method=h2_frames.METHOD_POST) + reset(1))
            sent = self.flood(client, lambda n: frame(h2_frames.DATA, 0, 1))
            attack.ended("GOAWAY %s" % client.goaway, sent)
            self.assertIn(client.goaway, (h2_frames.STREAM_CLOSED, h2_frames.ENHANCE_YOUR_CALM))
            self.assertLessEqual(sent, 1000)

    def test_priority(self):
        self.flooded("PRIORITY", lambda n: frame(h2_frames.PRIORITY, 0, 2 * n + 3, b"\0\0\0\0\x10"), "priorities")

    def test_priority_update(self):
        """Of a client that uses them (RFC 9218), and of one that does not."""
        for name, opening in (("PRIORITY_UPDATE", h2_frames.settings(no_priorities=1)),
                              ("PRIORITY_UPDATE, RFC 7540", None)):
            self.flooded(name, lambda n: frame(h2_frames.PRIORITY_UPDATE, 0, 0, b"\0\0\0\3u=1"), "priorities",
                         opening=opening)

    def test_window_updates(self):
        self.flooded("WINDOW_UPDATE", lambda n: window_update(0, 1), "window_updates")

    def test_unknown_frames(self):
        self.flooded("unknown frames", lambda n: frame(0xbe, 0, 0, b"?"), "unknown_frames")

    # ---- blocks of fields

    def test_continuation_flood(self):
        """CVE-2024-27316, CVE-2024-28182."""
        with self.attack("CONTINUATION flood") as attack:
            client = self.client()
            client.send(request(1, flags=h2_frames.END_STREAM))
            piece = field("x", "y" * 1000)
            sent = self.flood(client, lambda n: frame(h2_frames.CONTINUATION, 0, 1, piece), batch=1)
            attack.ended("closed, GOAWAY %s" % client.goaway, sent)
            self.assertLessEqual(sent, 50)
            self.assertEqual(self.reason("header_stall"), 1)

    def test_empty_continuations(self):
        with self.attack("empty CONTINUATION") as attack:
            client = self.client()
            client.send(request(1, flags=h2_frames.END_STREAM))
            sent = self.flood(client, lambda n: frame(h2_frames.CONTINUATION, 0, 1), batch=1, most=2000)
            attack.ended("closed, GOAWAY %s" % client.goaway, sent)
            self.assertLessEqual(sent, 1000)
            self.assertEqual(self.reason("header_stall"), 1)

    def bomb(self, stream, references, entry=b"x" * 4000):
        """Its block is a byte for each 4 KB that it means."""
        return h2_frames.large_block(
            stream, h2_frames.block(fields=h2_frames.remembered("x-bomb", entry)) + h2_frames.LAST * references)

    def test_hpack_bomb(self):
        """One entry of 4 KB, named 16,000 times: 64 MB of fields in a block of 20 KB."""
        with self.attack("HPACK bomb, 16000 x 4 KB") as attack:
            client = self.client()
            sent = self.flood(client, lambda n: self.bomb(2 * n + 1, 16_000), batch=1, most=200)
            self.calmed(attack, client, sent, 1, "header_bomb")
        self.assertEqual(self.calls(), 0)

    def test_hpack_bomb_of_trailers(self):
        with self.attack("the same in trailers") as attack:
            client = self.client()
            client.send(request(1, "/s?word=x", flags=h2_frames.END_HEADERS, method=h2_frames.METHOD_POST))
            client.send(h2_frames.large_block(1, h2_frames.remembered("x-bomb", b"x" * 4000) +
                                              h2_frames.LAST * 16_000))
            client.wait(client.over)
            self.calmed(attack, client, 1, 1, "header_bomb")
        self.assertEqual(self.calls(), 0)

    def test_small_bombs(self):
        """Each is beyond the limit of a head, but not by far: it is answered, and the connection ends soon."""
        with self.attack("HPACK bombs, 200 x 4 KB") as attack:
            client = self.client()
            sent = self.flood(client, lambda n: self.bomb(2 * n + 1, 200), batch=1, most=200)
            self.calmed(attack, client, sent, 100, "header_bomb")
            self.assertGreater(len(client.heads), 20)
            self.assertNotIn(b"\x88", client.heads.values())
        self.assertEqual(self.calls(), 0)

    def test_cookie_bomb(self):
        """Crumbs of a cookie are fields, though they become one."""
        with self.attack("6000 cookies") as attack:
            client = self.client()
            crumbs = h2_frames.remembered("cookie", "a=b") + h2_frames.LAST * 6000
            sent = self.flood(client, lambda n: h2_frames.large_block(2 * n + 1, h2_frames.block(fields=crumbs)),
                              batch=1, most=200)
            self.calmed(attack, client, sent, 1, "header_bomb")
        self.assertEqual(self.calls(), 0)

    def test_http2_bomb(self):
        """CVE-2026-49975, CVE-2026-47774: bombs whose answers are held with a window of 0."""
        with self.attack("HTTP/2 bomb: window 0, 100 streams") as attack:
            client = self.client(h2_frames.settings(window=0))
            sent = self.flood(client, lambda n: self.bomb(2 * n + 1, 200), batch=1, most=100)
            self.calmed(attack, client, sent, 100, "header_bomb")


if __name__ == "__main__":
    unittest.main()
