"""What the machine gives or does not: few descriptors, IPv6."""
import contextlib
import http.client
import http.server
import os
import re
import socket
import threading
import unittest

import harness
import load


class Server(http.server.ThreadingHTTPServer):
    """Answers with what was asked for, at an address of either family."""
    request_queue_size = 128

    def __init__(self, host, port):
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        super().__init__((host, port), Answer)
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    def close(self):
        self.shutdown()
        self.server_close()


class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = ("%s %s" % (self.headers["Host"], self.path)).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words):
        pass


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
        return True
    except OSError:
        return False


class MachineTest(harness.Case):
    def server(self, host, port):
        server = Server(host, port)
        self.addCleanup(server.close)
        return server

    def config(self, **more):
        return {"backend": {"shop": {"url": "http://127.0.0.1:%d" % self.ports.backend, "concurrency": 1}},
                "route": [{"backend": "shop"}], **more}

    def test_clients_leave_descriptors_to_the_workers(self):
        """More clients than descriptors: siding raises its limit, lets in what is left, and still calls out."""
        music = self.server("127.0.0.1", harness.free_port())
        self.server("127.0.0.1", self.ports.backend)
        limited = os.path.join(self.folder, "limited")
        with open(limited, "w") as script:
            script.write('#!/bin/sh\nulimit -S -n 200 && ulimit -H -n 700 && exec "%s" "$@"\n' % harness.BINARY)
        os.chmod(limited, 0o755)
        config = self.config(threads=2, egress={"max_connections": 100},
                             upstream={"music": {"url": "http://127.0.0.1:%d" % music.server_port,
                                                 "concurrency": 16}})
        proxy = self.keep(harness.Siding(self.folder, self.ports, config, limited))
        said = re.search(r"RLIMIT_NOFILE allows 700 descriptors.*only (\d+) clients", proxy.log())
        self.assertTrue(said, proxy.log())
        let_in = int(said[1])
        self.assertTrue(100 < let_in < 300, let_in)
        with contextlib.ExitStack() as clients:
            for _ in range(400):
                clients.enter_context(socket.create_connection(self.ports.address))
            harness.until(lambda: proxy.metrics().sum("siding_connections", listener="front") == let_in,
                          what="siding is full")
            calls = [load.get("http://127.0.0.1:%d/s?%d" % (music.server_port, i)) for i in range(90)]
            results = load.run(("127.0.0.1", self.ports.egress), calls, timeout=20)
        self.assertEqual([(r.status, r.error) for r in results], [(200, None)] * 90)

    def test_a_folder_that_takes_no_files(self):
        """Said at the start; siding serves, with bodies in memory only."""
        self.server("127.0.0.1", self.ports.backend)
        proxy = self.siding(**self.config(limits={"spill_dir": self.folder + "/none"}))
        harness.until(lambda: "spill file in %s/none: No such file or directory; bodies stay in memory only"
                      % self.folder in proxy.log(), what="the warning")
        self.assertEqual(self.get("/a").status, 200)

    def test_ipv6_on_every_side(self):
        """Clients, egress, backend, upstream by IPv6 literals, and `[::]`."""
        config = self.config(listen=["127.0.0.1:%d" % self.ports.front, "[::]:%d" % self.ports.front])
        if not has_ipv6():  # then siding says so, and what to do
            file = os.path.join(self.folder, "v6.toml")
            with open(file, "w") as out:
                out.write(harness.toml(config))
            alone = self.keep(harness.Process("alone", [harness.BINARY, "run", file], self.folder))
            self.assertEqual(alone.wait(), 1)
            self.assertIn("cannot listen on [::]:%d" % self.ports.front, alone.log())
            return
        music = self.server("::1", harness.free_port())
        self.server("::1", self.ports.backend)
        config["backend"]["shop"]["url"] = "http://[::1]:%d" % self.ports.backend
        config["upstream"] = {"music": {"url": "http://[::1]:%d/v1" % music.server_port}}
        config["egress"] = {"listen": ["[::1]:%d" % self.ports.egress]}
        self.siding(**config)
        host = "[::1]:%d" % music.server_port
        for address, target, answer in (
                (("::1", self.ports.front), "/a", None),
                (("127.0.0.1", self.ports.front), "/a", None),
                (("::1", self.ports.egress), "http://%s/v1/s" % host, host + " /v1/s"),
                (("::1", self.ports.egress), "/music/s", host + " /v1/s"),
                (("::1", self.ports.egress), "http://%s/other" % host, host + " /other")):
            with self.subTest(address=address, target=target):
                result = self.fetch(address, target)
                self.assertEqual(result[0], 200, result)
                if answer:
                    self.assertEqual(result[1].decode(), answer)

    @staticmethod
    def fetch(address, target):
        connection = http.client.HTTPConnection(*address, timeout=10)
        try:
            connection.request("GET", target)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()


if __name__ == "__main__":
    unittest.main()
