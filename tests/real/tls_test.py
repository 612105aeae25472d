"""https upstreams behind a real nginx: whom siding trusts, whom it does not, and that the worker which
speaks plain http to siding is told why. And Django's calls, prefetched over verified TLS."""
import json
import os
import shutil
import unittest

import backends
import certificates
import harness
import load


class Nginx:
    """One nginx with a server for each certificate, all in front of one upstream."""

    def __init__(self, case, music, folder):
        self.case, self.music, self.folder, self.servers = case, music, folder, []

    def add(self, certificate, key, more="ssl_protocols TLSv1.2 TLSv1.3;", tls=True, http2=False):
        """A server with this certificate; gives its port."""
        port = harness.free_port()
        self.servers.append("""
  server {
    listen 127.0.0.1:%d%s;
    ssl_certificate %s;
    ssl_certificate_key %s;
    %s
    location / { proxy_pass http://music; proxy_http_version 1.1; proxy_set_header Connection ""; }
  }""" % (port, (" ssl" if tls else "") + (" http2" if http2 else ""), certificate, key, more))
        return port

    def start(self):
        file = os.path.join(self.folder, "nginx.conf")
        with open(file, "w") as out:
            out.write("""
daemon off;
user root;
worker_processes 1;
pid %(folder)s/nginx.pid;
error_log stderr warn;
events { worker_connections 1024; }
http {
  log_format tls "$server_port $ssl_session_reused $ssl_protocol $ssl_server_name $connection $server_protocol";
  access_log %(folder)s/tls.log tls;
  ssl_session_cache shared:s:1m;
  client_body_temp_path %(folder)s/nginx-body;
  proxy_temp_path %(folder)s/nginx-proxy;
  fastcgi_temp_path %(folder)s/nginx-fastcgi;
  uwsgi_temp_path %(folder)s/nginx-uwsgi;
  scgi_temp_path %(folder)s/nginx-scgi;
  upstream music { server 127.0.0.1:%(music)d; keepalive 64; }
%(servers)s
}
""" % {"folder": self.folder, "music": self.music.port, "servers": "".join(self.servers)})
        nginx = shutil.which("nginx") or "/usr/sbin/nginx"
        self.process = self.case.keep(harness.Process(
            "nginx", [nginx, "-c", file, "-p", self.folder, "-e", "stderr"], self.folder))
        return self

    def wait(self, *ports):
        for port in ports:
            self.process.wait_port(port)

    def requests(self):
        """What each request saw: port, session reused or not, protocol, SNI, connection, HTTP."""
        with open(os.path.join(self.folder, "tls.log")) as log:
            return [line.split() for line in log.read().splitlines()]


class TlsTest(harness.Case):
    def setUp(self):
        super().setUp()
        self.music = self.upstream(20)
        self.authority = certificates.Authority(self.folder)
        self.nginx = Nginx(self, self.music, self.folder)

    def issue(self, name, subject="DNS:localhost", **options):
        return self.authority.issue(name, subject, **options)

    def serve(self, upstreams, **config):
        """upstreams: {name: (port, tls table, with the host if it is not localhost)}; by base URL."""
        self.nginx.start().wait(*(port for port, _ in upstreams.values()))
        self.proxy = self.siding(
            backend={"shop": {"url": "http://127.0.0.1:%d" % self.ports.backend, "concurrency": 1}},
            threads=1,
            upstream={name: {"url": "https://%s:%d" % (tls.pop("host", "localhost"), port), "tls": tls}
                      for name, (port, tls) in upstreams.items()},
            route=[{"backend": "shop"}], **config)

    def call(self, name, target="/s?word=a"):
        """The worker's call by base URL: (status, body)."""
        status, body = harness.fetch("%s/%s%s" % (self.ports.proxy, name, target))
        return status, body.decode()

    def test_whom_siding_trusts(self):
        """Good; expired; another's name; signed by itself, and the same with it as authority; an authority
        that nobody named. Who is not accepted gets no request, and the worker is told the reason."""
        own = certificates.self_signed(self.folder, "own", "DNS:localhost")
        known = {"ca_file": self.authority.file}
        self.serve({
            "good": (self.nginx.add(*self.issue("good")), known),
            "expired": (self.nginx.add(*self.issue("expired", expired=True)), known),
            "stranger": (self.nginx.add(*self.issue("stranger", "DNS:elsewhere.test")), known),
            "own": (self.nginx.add(*own), known),
            "trusted": (self.nginx.add(*own), {"ca_file": own[0]}),
            "unknown": (self.nginx.add(*self.issue("unknown")), {}),
            "renamed": (self.nginx.add(*self.issue("renamed", "DNS:elsewhere.test")),
                        {"ca_file": self.authority.file, "server_name": "elsewhere.test"})})
        for name in "good", "trusted", "renamed":
            status, body = self.call(name)
            self.assertEqual((status, json.loads(body)["word"]), (200, "a"), name)
        self.assertEqual([line[3] for line in self.nginx.requests()], ["localhost", "localhost", "elsewhere.test"])
        calls = self.music.stats()["calls"]
        for name, reason in (("expired", "certificate has expired"), ("stranger", "hostname mismatch"),
                             ("own", "self-signed certificate"), ("unknown", "unable to get local issuer")):
            status, body = self.call(name)
            self.assertEqual(status, 502, name)
            self.assertIn(reason, body, name)
            self.assertIn("upstream_tls", body, name)
        self.assertEqual(self.music.stats()["calls"], calls)
        metrics = self.proxy.metrics()
        self.assertEqual(metrics.sum("siding_connect_failures_total", reason="tls_certificate"), 4)
        self.assertEqual(metrics.sum("siding_tls_handshakes_total"), 3)

    def test_a_port_without_tls(self):
        """And a server that knows only what is too old."""
        old = self.nginx.add(*self.issue("old"), "ssl_protocols TLSv1.1; ssl_ciphers ALL:@SECLEVEL=0;")
        clear = self.nginx.add(*self.issue("clear"), tls=False)
        self.serve({"old": (old, {"ca_file": self.authority.file}),
                    "clear": (clear, {"ca_file": self.authority.file})})
        for name in "old", "clear":
            status, body = self.call(name)
            self.assertEqual((status, "TLS with localhost" in body), (502, True), body)

    def test_a_certificate_of_our_own(self):
        ask = "ssl_verify_client on; ssl_client_certificate %s;" % self.authority.file
        certificate, key = self.issue("client", "DNS:siding.test")
        port = self.nginx.add(*self.issue("good", "DNS:localhost,IP:127.0.0.1"), ask)
        self.serve({"with": (port, {"ca_file": self.authority.file, "certificate": certificate, "key": key}),
                    "without": (port, {"ca_file": self.authority.file, "host": "127.0.0.1"})})
        self.assertEqual(self.call("with")[0], 200)
        status, body = self.call("without")
        self.assertEqual((status, "No required SSL certificate" in body), (400, True), body)

    def test_connections_are_kept_and_sessions_resumed(self):
        """The tickets of TLS 1.3 come after the answer, on a kept connection: it stays. nginx closes it
        after three requests; the next one resumes."""
        for name, protocol in ("new", "TLSv1.3"), ("old", "TLSv1.2"):
            port = self.nginx.add(*self.issue(name), "keepalive_requests 3; ssl_protocols %s;" % protocol)
            setattr(self, name, port)
        known = {"ca_file": self.authority.file}
        self.serve({"new": (self.new, known), "old": (self.old, known)})
        for name, port, protocol in ("new", self.new, "TLSv1.3"), ("old", self.old, "TLSv1.2"):
            for _ in range(9):
                self.assertEqual(self.call(name)[0], 200)
            seen = [line for line in self.nginx.requests() if line[0] == str(port)]
            self.assertEqual({line[2] for line in seen}, {protocol})
            connections = {}
            for _, reused, _, _, connection, _ in seen:
                connections.setdefault(connection, []).append(reused)
            self.assertEqual([uses for uses in connections.values()], [["."] * 3, ["r"] * 3, ["r"] * 3], name)
        self.assertEqual(self.proxy.metrics().sum("siding_tls_handshakes_total", resumed="yes"), 4)

    def test_new_files_are_read(self):
        """The authority is replaced, as a mounted ConfigMap is; nothing is restarted."""
        other = certificates.Authority(self.folder, "other")
        trusted = os.path.join(self.folder, "trusted.pem")
        shutil.copy(other.file, trusted)
        self.serve({"music": (self.nginx.add(*self.issue("good")), {"ca_file": trusted})})
        self.assertEqual(self.call("music")[0], 502)
        shutil.copy(self.authority.file, trusted + ".new")
        os.replace(trusted + ".new", trusted)
        harness.until(lambda: self.call("music")[0] == 200, seconds=15, what="the new authority is trusted",
                      every=0.2)
        # And back: also connections that are kept and in use end with the trust under which they were made.
        shutil.copy(other.file, trusted + ".new")
        os.replace(trusted + ".new", trusted)
        harness.until(lambda: self.call("music")[0] == 502, seconds=15, what="it is not trusted any more", every=0.2)

    def test_large_bodies_both_ways(self):
        """Many records in one read; more than one write."""
        port = self.nginx.add(*self.issue("good"), "client_max_body_size 0; location /big { alias %s/; }" % self.folder)
        with open(os.path.join(self.folder, "big"), "wb") as out:
            out.write(os.urandom(1 << 20) * 12)
        self.serve({"music": (port, {"ca_file": self.authority.file})})
        with open(os.path.join(self.folder, "big"), "rb") as file:
            content = file.read()
        status, body = harness.fetch(self.ports.proxy + "/music/bigbig", timeout=20)
        self.assertEqual((status, body == content), (200, True))
        status, body = harness.fetch(self.ports.proxy + "/music/s?word=up", data=content, timeout=20)
        self.assertEqual((status, json.loads(body)["word"]), (200, "up"))

    def test_http2_by_alpn(self):
        """Forty calls at once over one connection of HTTP/2, where the upstream offers that; bodies both ways."""
        known = {"ca_file": self.authority.file}
        pair = self.issue("good")
        port = self.nginx.add(*pair, http2=True, more="client_max_body_size 0;")
        plain = self.nginx.add(*pair)
        self.serve({"music": (port, dict(known)), "old": (plain, dict(known))})
        targets = ["/music/s?word=%d" % i for i in range(40)]
        results = load.run(("127.0.0.1", self.ports.egress), [load.get(t) for t in targets], concurrency=40)
        self.assertEqual([json.loads(r.body)["word"] for r in results], [str(i) for i in range(40)])
        content = os.urandom(1 << 20)
        status, body = harness.fetch(self.ports.proxy + "/music/s?word=up", data=content, timeout=20)
        self.assertEqual((status, json.loads(body)["word"]), (200, "up"))
        self.assertEqual(self.call("old")[0], 200)
        seen = [r for r in self.nginx.requests() if r[0] == str(port)]
        self.assertEqual(({r[5] for r in seen}, len({r[4] for r in seen})), ({"HTTP/2.0"}, 1))
        self.assertEqual([r[5] for r in self.nginx.requests() if r[0] == str(plain)], ["HTTP/1.1"])
        self.assertEqual(self.proxy.metrics().sum("siding_http2_connections", upstream="music"), 1)

    def test_faults_of_the_configuration(self):
        """All at once, each with its place."""
        certificate, key = self.issue("client", "DNS:siding.test")
        other = self.issue("other", "DNS:other.test")[1]
        broken = os.path.join(self.folder, "broken.pem")
        with open(broken, "w") as out:
            out.write("-----BEGIN CERTIFICATE-----\nnothing\n")
        file = os.path.join(self.folder, "bad.toml")
        with open(file, "w") as out:
            out.write(harness.toml({
                "listen": ["127.0.0.1:1"], "backend": {"b": {"url": "http://127.0.0.1:2", "concurrency": 1}},
                "route": [{"backend": "b"}],
                "upstream": {
                    "absent": {"url": "https://a.test", "tls": {"ca_file": "/nowhere/ca.pem"}},
                    "broken": {"url": "https://b.test", "tls": {"ca_file": broken}},
                    "half": {"url": "https://c.test",
                             "tls": {"ca_file": self.authority.file, "certificate": certificate}},
                    "wrong": {"url": "https://d.test",
                              "tls": {"ca_file": self.authority.file, "certificate": certificate, "key": other}},
                    "clear": {"url": "http://e.test", "tls": {"ca_file": self.authority.file}}}}))
        check = self.keep(harness.Process("check", [harness.BINARY, "check", file], self.folder))
        self.assertEqual(check.wait(10), 2)
        said = check.log()
        for fault in ("cannot read `/nowhere/ca.pem`: No such file", "holds no certificate of an authority",
                      "`key` is missing", "is not the key of", "`tls` is for https"):
            self.assertEqual(said.count(fault), 1, "%s in\n%s" % (fault, said))

    def test_django_by_base_url(self):
        """The settings of an unchanged worker name http://127.0.0.1:EGRESS/music; its calls are prefetched
        over verified TLS, a hundred at once, one call each."""
        self.nginx.add(*self.issue("good"))
        self.start_django(music=self.ports.proxy + "/music")
        self.burst_is_prefetched()

    def test_django_by_http_proxy(self):
        """The application asks for http://localhost:PORT through http_proxy; its [upstream] is https."""
        port = self.nginx.add(*self.issue("good"))
        self.start_django(music="http://localhost:%d" % port, proxy=self.ports.proxy)
        self.burst_is_prefetched()

    def start_django(self, **environment):
        port = int(self.nginx.servers[0].split("127.0.0.1:")[1].split()[0])
        self.nginx.start().wait(port)
        self.keep(backends.uwsgi_router(self.folder, self.ports.backend, **environment))
        self.proxy = self.siding(
            backend={"shop": {"url": "http://127.0.0.1:%d" % self.ports.backend, "concurrency": 1}},
            upstream={"music": {"url": "https://localhost:%d" % port, "tls": {"ca_file": self.authority.file}}},
            route=[{"path": "/search/", "backend": "shop", "prefetch": ["music:/s?word={query.q|requote}"]},
                   {"backend": "shop"}])

    def burst_is_prefetched(self):
        self.check([self.get("/search/?q=warm")])
        self.music.reset()
        before = self.proxy.metrics()
        self.burst(100, lambda i: "/search/?q=word-%d" % i,
                   lambda i, body: body["q"] == body["result"]["word"] == "word-%d" % i)
        stats = self.music.stats()
        self.assertEqual((stats["calls"], stats["distinct"], stats["repeated"]), (100, 100, {}))
        after = self.proxy.metrics()
        self.assertEqual(after.prefetch("used") - before.prefetch("used"), 100)
        self.assertGreaterEqual(after.sum("siding_tls_handshakes_total"), 1)
        self.assertEqual({line[2] for line in self.nginx.requests()}, {"TLSv1.3"})


if __name__ == "__main__":
    unittest.main()
