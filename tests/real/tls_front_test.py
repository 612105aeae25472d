"""TLS for clients and PROXY headers, with clients that others wrote: openssl, curl, urllib, requests, and raw
sockets. What becomes of each kind of handshake is in tests/proxy/downstream/arrival_test.cc."""
import base64
import http.client
import http.server
import json
import os
import signal
import socket
import ssl
import struct
import subprocess
import threading
import unittest
import urllib.request

import certificates
import harness
import requests


class Echo(http.server.ThreadingHTTPServer):
    """A backend that answers with what it was sent."""
    daemon_threads = True
    request_queue_size = 128

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            body = json.dumps({k.lower(): v for k, v in self.headers.items()}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Echo.Handler)
        self.port = self.server_address[1]
        threading.Thread(target=self.serve_forever, daemon=True).start()


class TlsFrontTest(harness.Case):
    def setUp(self):
        super().setUp()
        self.echo = Echo()
        self.addCleanup(self.echo.server_close)
        self.addCleanup(self.echo.shutdown)
        self.authority = certificates.Authority(self.folder)

    def pair(self, name, subject="DNS:localhost", **options):
        certificate, key = self.authority.issue(name, subject, **options)
        return {"certificate": certificate, "key": key}

    def serve(self, *listeners, **config):
        """Each listener: the table, but for its address. Gives their ports."""
        ports = [harness.free_port() for _ in listeners]
        listen = [dict(table, address="127.0.0.1:%d" % port) for port, table in zip(ports, listeners)]
        self.proxy = self.siding(
            listen=listen, backend={"echo": {"url": "http://127.0.0.1:%d" % self.echo.port, "concurrency": 4}},
            route=[{"backend": "echo"}], **config)
        return ports

    def context(self, **own):
        context = ssl.create_default_context(cafile=self.authority.file)
        if own:
            context.load_cert_chain(own["certificate"], own["key"])
        return context

    def curl(self, url, *more, fails=False):
        """What the backend saw; or curl's exit code and what it said."""
        done = subprocess.run(("curl", "-sS", "--noproxy", "*", "--max-time", "20", "--cacert", self.authority.file, url)
                              + more, capture_output=True, text=True)
        if fails:
            return done.returncode, done.stderr + done.stdout
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def s_client(self, port, *more, send="GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"):
        """All that openssl says; it ends with the connection."""
        return subprocess.run(("openssl", "s_client", "-connect", "127.0.0.1:%d" % port, "-CAfile", self.authority.file,
                               "-ign_eof") + more, input=send, capture_output=True, text=True, timeout=20).stdout

    def results(self, name="siding_client_handshakes_total"):
        return {labels["result"]: int(n) for metric, labels, n in self.proxy.metrics().samples if metric == name and n}

    def test_clients(self):
        port, clear = self.serve({"tls": self.pair("good")}, {})
        url = "https://localhost:%d/" % port
        for version in "1.2", "1.3":
            for protocol, name in ("--http1.1", "http/1.1"), ("--http2", "h2"):
                how = ("--tlsv" + version, "--tls-max", version, protocol)
                seen = self.curl(url, *how)
                self.assertEqual(seen["x-forwarded-proto"], "https")
                self.assertIn("proto=https", seen["forwarded"])
                self.assertIn("server accepted %s\n" % name, self.curl(url, "-v", *how, fails=True)[1])
        with urllib.request.urlopen(url, context=self.context()) as answer:
            self.assertEqual(json.load(answer)["x-forwarded-proto"], "https")
        with requests.Session() as session:
            session.verify, session.trust_env = self.authority.file, False
            for _ in range(3):
                self.assertEqual(session.get(url).json()["host"], "localhost:%d" % port)
        self.assertEqual(self.curl("http://localhost:%d/" % clear)["x-forwarded-proto"], "http")
        self.assertEqual(self.results(), {"full": 10})
        self.assertGreater(self.proxy.metrics().sum("siding_certificate_expires_seconds"), 86400)

    def test_what_is_refused(self):
        port, = self.serve({"tls": self.pair("good")})
        old = ("-cipher", "ALL:@SECLEVEL=0")
        self.assertIn("Cipher is (NONE)", self.s_client(port, "-tls1_1", *old))
        self.assertIn("Cipher is (NONE)", self.s_client(port, "-tls1", *old))
        for weak in "ECDHE-ECDSA-AES128-SHA256", "AES128-GCM-SHA256", "DHE-RSA-AES128-GCM-SHA256":
            self.assertIn("Cipher is (NONE)", self.s_client(port, "-tls1_2", "-cipher", weak), weak)
        self.assertIn("Cipher is (NONE)", self.s_client(port, "-alpn", "h9"))
        self.assertEqual(self.results(), {"version": 2, "no_common": 3, "no_protocol": 1})
        code, said = self.curl("http://localhost:%d/" % port, "-i", fails=True)
        self.assertEqual((code, "400 Bad Request" in said, "https://" in said), (0, True, True), said)
        whole = self.s_client(port, "-tls1_2")
        self.assertIn("Compression: NONE", whole)
        self.assertIn("HTTP/1.1 200 OK", whole)
        # "R" alone in a line asks for a renegotiation; without -ign_eof it is a command.
        done = subprocess.run(["openssl", "s_client", "-connect", "127.0.0.1:%d" % port, "-tls1_2"], input="R\n",
                              capture_output=True, text=True, timeout=20)
        self.assertIn("no renegotiation", done.stderr)

    def test_sessions_are_resumed(self):
        """Whichever thread takes the next connection."""
        port, = self.serve({"tls": self.pair("good")}, threads=4)
        for version in "-tls1_2", "-tls1_3":
            before = self.results()
            session = os.path.join(self.folder, "session" + version)
            self.assertIn("\nNew, ", self.s_client(port, version, "-sess_out", session))
            for _ in range(8):
                said = self.s_client(port, version, "-sess_in", session, "-sess_out", session)
                self.assertIn("\nReused, ", said)
                self.assertIn("HTTP/1.1 200 OK", said)
            after = self.results()
            self.assertEqual([after.get(k, 0) - before.get(k, 0) for k in ("full", "resumed")], [1, 8])

    def test_certificates_by_name(self):
        first = self.pair("first", "DNS:localhost,DNS:a.test")
        more = [self.pair("wild", "DNS:*.b.test"), self.pair("exact", "DNS:c.b.test")]
        port, = self.serve({"tls": dict(first, more=more)})
        for host in "a.test", "x.b.test", "c.b.test":
            self.curl("https://%s:%d/" % (host, port), "--connect-to", "::127.0.0.1:")  # curl verifies the name
        code, said = self.curl("https://b.test:%d/" % port, "--connect-to", "::127.0.0.1:", fails=True)
        self.assertEqual(code, 60, said)
        for name, shown in ("c.b.test", "exact"), ("x.b.test", "wild"), ("unknown.test", "first"):
            self.assertIn("subject=CN = %s\n" % shown, self.s_client(port, "-servername", name))

    def test_certificates_of_clients(self):
        server, client = self.pair("good"), self.pair("ann", "DNS:ann.test")
        stranger = dict(zip(("certificate", "key"), certificates.self_signed(self.folder, "eve", "DNS:eve.test")))
        ask = dict(server, client_ca=self.authority.file)
        required, optional, clear = self.serve({"tls": ask}, {"tls": dict(ask, client="optional")}, {})
        with open(client["certificate"]) as file:
            der = ssl.PEM_cert_to_DER_cert(file.read())
        forged = ("-H", "Client-Cert: :Zm9yZ2Vk:", "-H", "X-Client-Subject: CN=admin", "-H", "Client-Cert-Chain: :Zg==:")
        as_ann = ("--cert", client["certificate"], "--key", client["key"])
        for version, protocol in ("1.2", "--http1.1"), ("1.3", "--http2"):
            limit = ("--tlsv" + version, "--tls-max", version, protocol)
            for port in required, optional:
                seen = self.curl("https://localhost:%d/" % port, *as_ann, *forged, *limit)
                self.assertEqual(seen["client-cert"], ":%s:" % base64.b64encode(der).decode())
                self.assertEqual(seen["x-client-subject"], "CN=ann")
                self.assertNotIn("client-cert-chain", seen)
                code, said = self.curl("https://localhost:%d/" % port, "--cert", stranger["certificate"], "--key",
                                       stranger["key"], *limit, fails=True)
                self.assertNotEqual(code, 0, said)
            self.assertNotEqual(self.curl("https://localhost:%d/" % required, *limit, fails=True)[0], 0)
        for url in "https://localhost:%d/" % optional, "http://localhost:%d/" % clear:
            seen = self.curl(url, *forged)
            self.assertFalse({"client-cert", "x-client-subject", "client-cert-chain"} & set(seen), url)
        self.assertEqual(self.results(), {"full": 5, "no_certificate": 2, "bad_certificate": 4})

    def test_files_are_replaced_under_load(self):
        """No request fails, new connections see the new certificate, and sessions go on."""
        old, new = self.pair("old"), self.pair("new")
        live = {kind: os.path.join(self.folder, "live." + kind) for kind in old}
        self.put(live, old)
        port, = self.serve({"tls": live}, threads=2)
        session = os.path.join(self.folder, "session")
        self.assertIn("subject=CN = old\n", self.s_client(port, "-sess_out", session))
        stop, failures, served = threading.Event(), [], []

        def client(keep):
            connection = None
            while not stop.is_set():
                try:
                    if connection is None or not keep:
                        connection = http.client.HTTPSConnection("localhost", port, context=self.context(), timeout=20)
                    connection.request("GET", "/")
                    answer = connection.getresponse()
                    answer.read()
                    served.append(answer.status)
                    if not keep:
                        connection.close()
                except OSError as error:
                    failures.append(error)
            connection.close()

        clients = [threading.Thread(target=client, args=(keep,)) for keep in (True, True, False, False)]
        for thread in clients:
            thread.start()
        self.put(live, new)
        try:
            harness.until(lambda: "subject=CN = new\n" in self.s_client(port), seconds=20, what="the new one is shown",
                          every=0.2)
            before = len(served)
            harness.until(lambda: len(served) > before + 50 or failures, seconds=20, what="requests go on")
        finally:
            stop.set()
            for thread in clients:
                thread.join()
        self.assertEqual(failures, [])
        self.assertEqual(set(served), {200})
        self.assertIn("\nReused, ", self.s_client(port, "-sess_in", session))

    def put(self, live, pair):
        for kind, file in live.items():
            with open(pair[kind]) as source, open(file + ".new", "w") as out:
                out.write(source.read())
            os.replace(file + ".new", file)

    def test_files_that_cannot_be_used(self):
        good, other = self.pair("good"), self.pair("other")
        live = {kind: os.path.join(self.folder, "live." + kind) for kind in good}
        self.put(live, good)
        port, = self.serve({"tls": live})
        self.put(live, {"certificate": good["certificate"], "key": other["key"]})
        harness.until(lambda: self.proxy.metrics().sum("siding_client_tls_read_failures_total"), seconds=20,
                      what="it is noticed", every=0.2)
        self.assertIn("subject=CN = good\n", self.s_client(port))
        self.assertEqual(self.proxy.log().count("what was read before stays in use"), 1)

    def test_staples(self):
        good = self.pair("good")
        other = self.pair("other", "DNS:other.test")
        port, = self.serve({"tls": dict(good, ocsp=self.authority.staple("good"), more=[other])})
        self.assertIn("OCSP Response Status: successful", self.s_client(port, "-status"))
        self.assertIn("OCSP response: no response sent", self.s_client(port, "-status", "-servername", "other.test"))
        self.assertNotIn("OCSP", self.s_client(port))
        said = self.check_says({"tls": dict(other, ocsp=self.authority.path("good.ocsp"))})
        self.assertIn("good.ocsp` is not about", said)

    def check_says(self, *listeners, **config):
        file = os.path.join(self.folder, "bad.toml")
        with open(file, "w") as out:
            out.write(harness.toml({
                "listen": [dict(table, address="127.0.0.1:%d" % (i + 1)) for i, table in enumerate(listeners)],
                "backend": {"b": {"url": "http://127.0.0.1:2", "concurrency": 1}}, "route": [{"backend": "b"}], **config}))
        check = self.keep(harness.Process("check", [harness.BINARY, "check", file], self.folder))
        self.assertEqual(check.wait(10), 2, check.log())
        return check.log()

    def test_faults_of_the_configuration(self):
        """All at once, each with its place."""
        good, other, old = self.pair("good"), self.pair("other"), self.pair("old", expired=True)
        said = self.check_says(
            {"tls": {"certificate": "/nowhere/tls.crt", "key": good["key"]}},
            {"tls": {"certificate": good["certificate"], "key": other["key"]}},
            {"tls": {"certificate": good["certificate"]}}, {"tls": dict(good, client="optional")},
            {"tls": dict(good, client_ca=good["key"])}, {"tls": old}, {"proxy_protocol": True})
        for fault in ("cannot read `/nowhere/tls.crt`: No such file", "is not the key of", "missing `key`",
                      "with `client_ca`", "holds no certificate of an authority", "has expired",
                      "nobody may send a PROXY header"):
            self.assertEqual(said.count(fault), 1, "%s in\n%s" % (fault, said))

    def ask(self, port, header, tls=None):
        """What the backend saw of a request behind this PROXY header; None: the connection was closed."""
        connection = socket.create_connection(("127.0.0.1", port), timeout=20)
        try:
            connection.sendall(header)
            if tls:
                connection = tls.wrap_socket(connection, server_hostname="localhost", do_handshake_on_connect=False)
                connection.do_handshake()
            connection.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            with connection.makefile("rb") as answer:
                head, _, body = answer.read().partition(b"\r\n\r\n")
            return json.loads(body) if head else None
        except (ConnectionError, ssl.SSLError):
            return None
        finally:
            connection.close()

    def test_proxy_headers(self):
        def binary(command, family, rest):
            return b"\r\n\r\n\0\r\nQUIT\n" + struct.pack(">BBH", command, family, len(rest)) + rest

        four = socket.inet_aton("192.0.2.7") + socket.inet_aton("10.0.0.1") + struct.pack(">HH", 40000, 443)
        six = (socket.inet_pton(socket.AF_INET6, "2001:db8::7") + socket.inet_pton(socket.AF_INET6, "2001:db8::1")
               + struct.pack(">HH", 40000, 443))
        clear, secure = self.serve({"proxy_protocol": True}, {"proxy_protocol": True, "tls": self.pair("good")},
                                   trusted_proxies=["127.0.0.1/32"])
        for port, tls, scheme in (clear, None, "http"), (secure, self.context(), "https"):
            for header, address in ((b"PROXY TCP4 192.0.2.7 10.0.0.1 40000 443\r\n", "192.0.2.7"),
                                    (b"PROXY TCP6 2001:db8::7 2001:db8::1 40000 443\r\n", "2001:db8::7"),
                                    (b"PROXY UNKNOWN\r\n", "127.0.0.1"),
                                    (binary(0x21, 0x11, four), "192.0.2.7"), (binary(0x21, 0x21, six), "2001:db8::7"),
                                    (binary(0x21, 0x11, four + b"\x04\0\x03abc"), "192.0.2.7"),
                                    (binary(0x20, 0, b""), "127.0.0.1")):
                seen = self.ask(port, header, tls)
                self.assertEqual((seen["x-forwarded-for"], seen["x-forwarded-proto"]), (address, scheme), header)
            self.assertIsNone(self.ask(port, b"", tls))
            self.assertIsNone(self.ask(port, binary(0x21, 0x11, four[:-1]), tls))
        self.assertEqual(self.curl("https://localhost:%d/" % secure, "--haproxy-protocol")["x-forwarded-for"], "127.0.0.1")
        # Bytes that come one by one, from a client that says it is somebody else's proxy.
        connection = socket.create_connection(("127.0.0.1", clear), timeout=20)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in binary(0x21, 0x11, four) + (b"GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 6.6.6.6\r\n"
                                                b"Connection: close\r\n\r\n"):
            connection.sendall(bytes([byte]))
        with connection.makefile("rb") as answer:
            seen = json.loads(answer.read().partition(b"\r\n\r\n")[2])
        connection.close()
        self.assertEqual(seen["x-forwarded-for"], "192.0.2.7")
        self.assertEqual(self.results("siding_proxy_headers_total"), {"taken": 12, "local": 4, "malformed": 4})

    def test_proxy_headers_by_a_unix_socket(self):
        path = os.path.join(self.folder, "front.sock")
        self.proxy = self.siding(
            listen=[{"address": "unix:" + path, "proxy_protocol": True}], route=[{"backend": "echo"}],
            backend={"echo": {"url": "http://127.0.0.1:%d" % self.echo.port, "concurrency": 1}})
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(path)
            connection.sendall(b"PROXY TCP4 192.0.2.7 10.0.0.1 40000 443\r\nGET / HTTP/1.1\r\nHost: a\r\n"
                               b"Connection: close\r\n\r\n")
            with connection.makefile("rb") as answer:
                self.assertEqual(json.loads(answer.read().partition(b"\r\n\r\n")[2])["x-forwarded-for"], "192.0.2.7")

    def test_proxy_headers_of_strangers(self):
        port, = self.serve({"proxy_protocol": True}, trusted_proxies=["10.0.0.0/8"])
        for _ in range(3):
            self.assertIsNone(self.ask(port, b"PROXY TCP4 192.0.2.7 10.0.0.1 40000 443\r\n"))
        self.assertEqual(self.results("siding_proxy_headers_total"), {"untrusted": 3})
        self.assertEqual(self.proxy.log().count('trusted_proxies = ["127.0.0.1"]'), 1)

    def test_drain(self):
        """An idle connection ends at once; one that is about to begin has a moment."""
        port, = self.serve({"tls": self.pair("good")})
        silent = socket.create_connection(("127.0.0.1", port), timeout=20)
        self.addCleanup(silent.close)
        idle = http.client.HTTPSConnection("localhost", port, context=self.context(), timeout=20)
        self.addCleanup(idle.close)
        idle.request("GET", "/")
        self.assertEqual(json.loads(idle.getresponse().read())["x-forwarded-proto"], "https")
        self.proxy.signal(signal.SIGTERM)
        self.assertEqual(idle.sock.recv(65536), b"", "an end that TLS announces, or this would raise")
        self.assertEqual(silent.recv(65536), b"")
        self.assertEqual(self.proxy.wait(10), 0)


if __name__ == "__main__":
    unittest.main()
