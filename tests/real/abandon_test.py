"""Clients that leave, or run into a deadline, while a worker is busy for them. A blocking worker does
not notice: its place must stay taken until it is done, and nobody may pile up at its door."""
import collections
import socket
import struct
import subprocess
import threading
import unittest

import backends
import harness
import load

LEAVERS = 50
VIEW_MS = 2000
OPEN = ("ESTAB", "SYN-SENT", "CLOSE-WAIT")


class Door(threading.Thread):
    """Watches a backend's port with ss: connections that siding holds open, and the accept queue.

    Between its last byte and its next accept a worker has nobody inside, so for that moment one more
    may stand in the queue for each worker; what counts is what as many looks in a row have seen. And
    ss lists sockets one by one: it sees one that closes meanwhile and its successor as well, so two looks
    must agree on what is open. A view lasts for many looks.
    """

    def __init__(self, port, workers):
        super().__init__(daemon=True)
        self.port, self.most_open, self.most_waiting, self.looks = port, 0, 0, 0
        self.waited = collections.deque(maxlen=workers + 1)
        self.opened = 0
        self.over = threading.Event()

    def look(self):
        """(connections open, connections in the accept queue) now."""
        rows = subprocess.run(["ss", "-tanH", "( sport = :%d or dport = :%d )" % (self.port, self.port)],
                              capture_output=True, text=True).stdout.splitlines()
        rows = [row.split() for row in rows]
        opened = sum(state in OPEN and peer.endswith(":%d" % self.port) for state, _, _, _, peer, *_ in rows)
        return opened, max((int(row[1]) for row in rows if row[0] == "LISTEN"), default=0)

    def run(self):
        while not self.over.wait(0.02):
            opened, waiting = self.look()
            self.most_open = max(self.most_open, min(opened, self.opened))
            self.opened = opened
            self.waited.append(waiting)
            if len(self.waited) == self.waited.maxlen:
                self.most_waiting = max(self.most_waiting, min(self.waited))
            self.looks += 1


class AbandonTest(harness.Case):
    def start(self, backend, *options, concurrency, deadline=None, **values):
        self.concurrency = concurrency
        self.keep(backend(self.folder, self.ports.backend, *options, **values))
        slow = {"path": "/slow/", "backend": "shop"}
        if deadline:
            slow["deadline"] = deadline
        self.siding(threads=2, route=[slow, {"backend": "shop"}],
                    backend={"shop": {"url": "http://127.0.0.1:%d" % self.ports.backend,
                                      "concurrency": concurrency, "backlog": 1}})
        self.check([self.get("/plain/")])
        self.door = Door(self.ports.backend, concurrency)
        self.door.start()
        self.addCleanup(self.door.over.set)

    def executed(self):
        return [line.split()[1] for line in backends.executions(self.folder)]

    def client(self, name, ms):
        connection = socket.create_connection(self.ports.address)
        self.addCleanup(connection.close)
        connection.sendall(load.get("/slow/?ms=%d&id=%s" % (ms, name)))
        return connection

    def leave(self, connection, abruptly=True):
        if abruptly:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()

    def door_was_kept(self, backlog=1):
        self.door.over.set()
        self.door.join()
        self.assertGreater(self.door.looks, 5)
        self.assertLessEqual(self.door.most_open, self.concurrency + backlog)
        self.assertLessEqual(self.door.most_waiting, backlog)

    def each_leaves_when_inside(self, ms):
        """Every client goes as soon as its view runs, every second one with a reset."""
        clients = {"c%d" % i: self.client("c%d" % i, ms) for i in range(LEAVERS)}
        seen = set()

        def next_inside():
            for name in set(self.executed()) - seen:
                seen.add(name)
                self.leave(clients[name], abruptly=int(name[1:]) % 2 == 0)
            return len(seen) == LEAVERS
        harness.until(next_inside, 30, "all %d clients have been inside" % LEAVERS)
        self.check([self.get("/slow/?ms=0&id=live", timeout=5)])
        self.door_was_kept()
        counts = collections.Counter(self.executed())
        self.assertEqual((len(counts), max(counts.values())), (LEAVERS + 1, 1))

    def test_inside_one_worker_with_its_own_accept_queue(self):
        self.start(backends.uwsgi_http_socket, concurrency=1)
        self.each_leaves_when_inside(ms=50)

    def test_inside_ten_workers_with_one_accept_queue(self):
        self.start(backends.uwsgi_http_socket, concurrency=10, processes=10)
        self.each_leaves_when_inside(VIEW_MS)

    def test_inside_ten_threads(self):
        self.start(backends.gunicorn_gthread, 10, concurrency=10)
        self.each_leaves_when_inside(VIEW_MS)

    def test_inside_behind_a_router(self):
        """The router accepts everything: only siding can bound what stands behind it."""
        self.start(backends.uwsgi_router, concurrency=1)
        self.each_leaves_when_inside(ms=50)

    def test_next_live_client_is_served_first(self):
        """Fifty leave together; whoever had not got in never gets in, and the next client is next."""
        self.start(backends.uwsgi_http_socket, concurrency=1)
        clients = [self.client("c%d" % i, VIEW_MS) for i in range(LEAVERS)]
        harness.until(self.executed, what="one is inside")
        for i, connection in enumerate(clients):
            self.leave(connection, abruptly=i % 2 == 0)
        self.check([self.get("/slow/?ms=0&id=live")])
        executed = self.executed()
        self.assertLessEqual(executed.index("live"), 2, executed)
        self.check([self.get("/slow/?ms=0&id=after", timeout=5)])
        self.assertEqual(self.executed()[-2:], ["live", "after"])
        self.door_was_kept()

    def test_deadline_while_inside(self):
        """Rounds of ten clients whose view outlives their deadline: 504 each, places kept."""
        self.start(backends.uwsgi_http_socket, processes=10, concurrency=10, deadline="200ms")
        for i in range(LEAVERS // 10):
            harness.until(lambda: self.door.look() == (0, 0), 20, "the workers are free again")
            requests = [load.get("/slow/?ms=%d&id=r%d-%d" % (VIEW_MS, i, n)) for n in range(10)]
            self.assertEqual([r.status for r in self.send(requests, timeout=5)], [504] * 10)
        self.check([self.get("/plain/", timeout=5)])
        self.assertEqual(len(set(self.executed())), LEAVERS)
        self.door_was_kept()

    def test_deadline_of_fifty_at_once(self):
        """One is inside, one at the door; the others end in the queue and never run."""
        self.start(backends.uwsgi_http_socket, concurrency=1, deadline="200ms")
        requests = [load.get("/slow/?ms=%d&id=c%d" % (VIEW_MS, i)) for i in range(LEAVERS)]
        statuses = collections.Counter(r.status for r in self.send(requests, timeout=5))
        self.assertEqual(statuses[503] + statuses[504], LEAVERS, statuses)
        self.check([self.get("/plain/", timeout=10)])
        self.assertLessEqual(len(self.executed()), 2)
        self.door_was_kept()


if __name__ == "__main__":
    unittest.main()
