"""siding and a supervisor such as systemd: it is told that siding listens, and that it stops (sd_notify); sockets
that it hands over are used (sd_listen_fds)."""
import fcntl
import os
import signal
import socket
import subprocess
import unittest

import harness
import load


class SupervisorTest(harness.Case):
    def start(self, address, name):
        self.told = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(self.told.close)
        self.told.bind(address)
        self.told.settimeout(20)
        os.environ["NOTIFY_SOCKET"] = name
        self.addCleanup(os.environ.pop, "NOTIFY_SOCKET", None)
        return self.siding(backend={"shop": {"url": "http://127.0.0.1:1", "concurrency": 1}},
                           route=[{"backend": "shop"}])

    def lines(self):
        return self.told.recv(1000).decode().splitlines()

    def test_ready_and_stopping(self):
        path = os.path.join(self.folder, "notify")
        proxy = self.start(path, path)
        self.assertIn("READY=1", self.lines())
        os.kill(proxy.pid, signal.SIGTERM)
        self.assertIn("STOPPING=1", self.lines())

    def test_a_socket_without_a_file(self):
        name = "siding-test-%d" % os.getpid()
        self.start("\0" + name, "@" + name)
        self.assertIn("READY=1", self.lines())

    def handed_over(self, sockets, **config):
        """siding with these as its first descriptors, which this process keeps open, too."""
        proxy = harness.free_port()
        file = os.path.join(self.folder, "handed.toml")
        whole = {"backend": {"shop": {"url": "http://127.0.0.1:%d" % proxy, "concurrency": 1, "down": "fail"}},
                 "route": [{"backend": "shop"}], **config}
        with open(file, "w") as out:
            out.write(harness.toml(whole) + "\n")
        script = ("import os, sys\nfor i, fd in enumerate(map(int, sys.argv[2].split(','))):\n os.dup2(fd, 3 + i)\n"
                  "os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(i + 1))\n"
                  "os.execv(sys.argv[1], [sys.argv[1], 'run', sys.argv[3]])\n")
        numbers = []
        for s in sockets:  # above those that they become
            numbers.append(fcntl.fcntl(s.fileno(), fcntl.F_DUPFD, 50))
        process = subprocess.Popen([harness.PYTHON, "-c", script, harness.BINARY, ",".join(map(str, numbers)), file],
                                   pass_fds=numbers, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        for number in numbers:
            os.close(number)
        return process

    def listening(self, port=0):
        s = socket.socket()
        self.addCleanup(s.close)
        s.bind(("127.0.0.1", port))
        s.listen(100)
        return s

    def test_a_socket_that_is_handed_over(self):
        """A client that comes before siding has started waits in the kernel's queue, whatever the number of threads."""
        ours, other = self.listening(), self.listening()
        port = ours.getsockname()[1]
        early = socket.create_connection(("127.0.0.1", port))
        self.addCleanup(early.close)
        early.sendall(load.get("/"))
        early.settimeout(20)
        process = self.handed_over([ours, other], listen=["127.0.0.1:%d" % port], threads=2)
        self.assertTrue(early.recv(100).startswith(b"HTTP/1.1 503"))
        results = load.run(("127.0.0.1", port), [load.get("/")] * 50)
        self.assertEqual({r.status for r in results}, {503})
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(20), 0)
        said = process.stderr.read()
        self.assertIn("that no `listen` names, and that are closed: 127.0.0.1:%d" % other.getsockname()[1], said)
        # The next one goes on with the same socket: nobody was refused in between.
        late = socket.create_connection(("127.0.0.1", port))
        self.addCleanup(late.close)
        late.sendall(load.get("/"))
        late.settimeout(20)
        self.handed_over([ours], listen=["127.0.0.1:%d" % port])
        self.assertTrue(late.recv(100).startswith(b"HTTP/1.1 503"))


if __name__ == "__main__":
    unittest.main()
