"""Clients of HTTP/1 that are slow on purpose, heads that are too large, and more connections than there is
room for. Who does nothing makes room for who waits; others are served all the time."""
import os
import select
import socket
import unittest

import abuse
import h2_frames
import harness

CLIENTS = 200
ROOM = 40


class SlowTest(abuse.Case):
    def connect(self, n=1, receive_buffer=None):
        clients = []
        for _ in range(n):
            client = socket.socket()
            self.addCleanup(client.close)
            if receive_buffer:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
            client.connect(self.ports.address)
            clients.append(client)
        return clients

    def drip(self, clients, every=0.1):
        """A byte on each, again and again, until siding has ended them all; what it said to each."""
        said = {client: b"" for client in clients}
        open_ = set(clients)

        def all_ended():
            while True:
                ready = select.select(list(open_), [], [], 0)[0] if open_ else []
                if not ready:
                    break
                for client in ready:
                    try:
                        data = client.recv(65536)
                    except OSError:
                        data = b""
                    said[client] += data
                    if not data:
                        open_.discard(client)
            for client in open_:
                try:
                    client.send(b"x")
                except OSError:
                    pass
            return not open_
        harness.until(all_ended, 10, "siding ends them", every)
        return list(said.values())

    def test_slow_heads(self):
        """The time of a head is absolute: a byte now and then does not put it off."""
        with self.attack("slowloris, 200 heads") as attack:
            clients = self.connect(CLIENTS)
            for client in clients:
                client.send(b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ")
            said = self.drip(clients)
            attack.ended("408 and closed: %d" % sum(b" 408 " in text for text in said))
            self.assertTrue(all(text.startswith(b"HTTP/1.1 408 ") for text in said), said[:3])
        self.assertEqual(self.proxy.metrics().outcome("head_timeout"), CLIENTS)

    def test_slow_bodies(self):
        with self.attack("200 slow bodies") as attack:
            clients = self.connect(CLIENTS)
            for client in clients:
                client.send(b"POST /s?word=slow HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n")
            said = self.drip(clients)
            attack.ended("408 and closed: %d" % sum(b" 408 " in text for text in said))
            self.assertTrue(all(text.startswith(b"HTTP/1.1 408 ") for text in said), said[:3])
        self.assertFalse([target for target, _ in self.origin.calls() if "slow" in target])

    def test_slow_reads(self):
        """What they do not take lies in memory and files, within bounds, and the workers are free."""
        readers = 12  # with more than the kernel takes off our hands for each
        with self.attack("12 answers of 8 MiB, never read") as attack:
            clients = self.connect(readers, receive_buffer=4096)
            for client in clients:
                client.send(b"GET /s?bytes=8388608 HTTP/1.1\r\nHost: x\r\n\r\n")
            harness.until(lambda: self.reason("read_stall") == readers, 20, "they are ended")
            attack.ended("reset (read_stall): %d" % readers)
        metrics = self.proxy.metrics()
        self.assertEqual(metrics.sum("siding_body_memory_bytes"), 0)
        self.assertEqual(metrics.sum("siding_body_spill_bytes"), 0)

    def test_header_bomb(self):
        with self.attack("heads of 8 MB") as attack:
            clients = self.connect(20)
            for client in clients:
                client.send(b"GET / HTTP/1.1\r\nHost: x\r\n")
                client.setblocking(False)
            said = self.drip_fields(clients)
            attack.ended("431 and closed: %d" % said)
            self.assertEqual(said, 20)
        self.assertEqual(self.proxy.metrics().outcome("head_too_large"), 20)

    def drip_fields(self, clients):
        """As fast as it goes; how many were told 431."""
        told, line = 0, b"X-Field: " + b"y" * 1000 + b"\r\n"
        for client in clients:
            for _ in range(8000):
                try:
                    client.send(line)
                except BlockingIOError:
                    select.select([client], [client], [], 5)
                except OSError:
                    break  # it went on for too long: the answer is there all the same
                if select.select([client], [], [], 0)[0]:
                    break
            try:
                told += client.recv(100).startswith(b"HTTP/1.1 431 ")
            except OSError:
                pass
        return told

    # ---- more connections than there is room for

    def test_a_flood_of_connections(self):
        """At max_connections the longest idle go, and new ones come in; those at work stay."""
        self.start(limits={"max_connections": ROOM})
        with self.attack("300 idle connections, room for 40") as attack:
            waiting = self.connect(300)
            ended = lambda: self.proxy.metrics().sum("siding_connections_displaced_total", listener="front")
            self.assertEqual(self.get("/s?word=new", timeout=10).status, 200)
            attack.ended("let in beside them; idle ones ended: %d" % ended())
            harness.until(lambda: ended() >= 300 - ROOM, 10, "room is made for all who came")
            for client in waiting:
                client.close()
        self.assertEqual(self.get("/s?word=after").status, 200)

    def test_idle_connections_of_http2_make_room(self):
        """They are told, by GOAWAY without an error."""
        self.start(limits={"max_connections": ROOM})
        clients = [self.client() for _ in range(ROOM - 1)]
        busy = self.client()
        for client in clients:
            self.assertTrue(client.get("/s?word=x"))
        self.origin.set(hang=1)
        busy.send(h2_frames.request(1, "/s?word=busy"))
        harness.until(lambda: self.proxy.metrics().sum("siding_backend_inside") == 1, what="one is at work")
        slow, = self.connect()
        slow.send(b"GET /s?word=new HTTP/1.1\r\nHost: x\r\n\r\n")
        harness.until(lambda: self.origin.stats()["inside"] == 2, what="the new one has its place")
        self.origin.set(hang=0)
        slow.settimeout(10)
        self.assertTrue(slow.recv(100).startswith(b"HTTP/1.1 200 "))
        busy.wait(lambda: 1 in busy.ended)
        self.assertEqual(busy.heads[1], b"\x88")
        for client in clients:
            client.read(0.01)
        gone = [client for client in clients if client.closed or client.goaway is not None]
        self.assertEqual([client.goaway for client in gone], [h2_frames.NO_ERROR])

    def test_few_descriptors(self):
        """64 of them, and 200 clients that do nothing: no spinning while full, and served when they leave."""
        limited = os.path.join(self.folder, "limited")
        with open(limited, "w") as script:
            script.write('#!/bin/sh\nulimit -n 64 && exec "%s" "$@"\n' % harness.BINARY)
        os.chmod(limited, 0o755)
        self.proxy = self.keep(harness.Siding(self.folder, self.ports, {
            "threads": 1, "route": [{"backend": "shop"}], "limits": {"head_timeout": "20s"},
            "backend": {"shop": {"url": self.origin.url, "concurrency": 1}}, "log": {"access": "off"}}, limited))
        # They have begun a request, so nobody makes room: it is full as long as they stay.
        with self.attack("64 descriptors, 200 clients at work", honest=False) as attack:
            clients = self.connect(CLIENTS)
            for client in clients:
                client.send(b"GET / HTTP/1.1\r\n")
            harness.until(lambda: self.proxy.metrics().sum("siding_listener_pauses_total", listener="front"),
                          what="it is full")
            idle = self.rest(self.proxy.pid)
            attack.ended("%.0f %% CPU while full" % (100 * idle))
            self.assertLess(idle, abuse.MOST_IDLE_CPU)
            for client in clients:
                client.close()
            harness.until(lambda: self.get("/s?word=x").status == 200, 5, "served again")
        # And if they do nothing, those who ask are let in.
        with self.attack("64 descriptors, 200 idle clients", honest=False) as attack:
            clients = self.connect(CLIENTS)
            self.assertEqual(self.get("/s?word=beside", timeout=10).status, 200)
            idle = self.rest(self.proxy.pid)
            attack.ended("served beside them, %.0f %% CPU" % (100 * idle))
            for client in clients:
                client.close()
            self.assertEqual(self.get("/s?word=after", timeout=1).status, 200)


if __name__ == "__main__":
    unittest.main()
