"""What real HTTP clients put on the wire, through siding's egress listener: each gets its answer,
and each one's call is the one that siding had prefetched, down to the quoting of odd words."""
import http.server
import json
import socket
import struct
import subprocess
import threading
import unittest
from urllib.parse import parse_qs, quote, urlsplit

import harness
import load

WORDS = ["plain", "é", "你", "50%", "[x]", "a b", "a+b", "a&b", "a%26b"]
CONCATENATED = [w for w in WORDS if w != "a&b"]  # pasted into a URL, & is syntax

# name: (filter of the template, program; it is given the base URL and the word, and prints the body)
CLIENTS = {
    "requests-concatenated": ("requote", [load.PYTHON, "-c", """
import sys, requests
print(requests.get(sys.argv[1] + "/s?word=" + sys.argv[2]).text)"""]),
    "requests-params": ("form", [load.PYTHON, "-c", """
import sys, requests
print(requests.get(sys.argv[1] + "/s", params={"word": sys.argv[2]}).text)"""]),
    "urllib": ("form", [load.PYTHON, "-c", """
import sys, urllib.request, urllib.parse
url = sys.argv[1] + "/s?" + urllib.parse.urlencode({"word": sys.argv[2]})
print(urllib.request.urlopen(url).read().decode())"""]),
    "curl": ("form", ["sh", "-c", 'exec curl -sS -G --data-urlencode "word=$2" "$1/s"', "sh"]),
    "php-curl": ("form", ["php", "-r", "[, $base, $q] = $argv; " """
$c = curl_init($base . '/s?word=' . urlencode($q));
curl_setopt($c, CURLOPT_RETURNTRANSFER, true);
echo curl_exec($c);""", "--"]),
    "php-streams": ("", ["php", "-d", "default_socket_timeout=5", "-r", "[, $base, $q] = $argv; " """
stream_context_set_default(['http' => [
    'proxy' => str_replace('http:', 'tcp:', getenv('http_proxy')), 'request_fulluri' => true]]);
echo file_get_contents($base . '/s?word=' . rawurlencode($q));""", "--"]),
    # Ruby exempts 127.x from http_proxy, so it is told its proxy in so many words.
    "ruby": ("form", ["ruby", "-e", """
require "net/http"
uri, proxy = URI(ARGV[0] + "/s?" + URI.encode_www_form(word: ARGV[1])), URI(ENV["http_proxy"])
puts Net::HTTP.new(uri.host, uri.port, proxy.host, proxy.port).request_get(uri.request_uri).body"""]),
}
SESSION = """
import json, sys, requests
session = requests.Session()
answers = [session.get(base + "/s?word=" + sys.argv[1]).json() for base in sys.argv[2:]]
pools = next(iter(session.get_adapter("http://").proxy_manager.values())).pools
opened = sum(pools[key].num_connections for key in pools.keys())
print(json.dumps({"answers": answers, "connections": opened}))"""


class Worker(http.server.BaseHTTPRequestHandler):
    """A blocking worker that lets a real client make its call: /CLIENT/?q=WORD."""

    def do_GET(self):
        parts = urlsplit(self.path)
        word = parse_qs(parts.query)["q"][0]
        _, program = CLIENTS[parts.path.strip("/")]
        done = subprocess.run(program + [self.server.base, word], capture_output=True, timeout=15,
                              env=harness.clean_environment(http_proxy=self.server.proxy))
        body = done.stdout if done.returncode == 0 else json.dumps({"error": done.stderr.decode()}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words):
        pass


class OneAddress:
    """A DNS server for which every name is 127.0.0.1, and no name has an IPv6 address."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.port = harness.free_port()
        self.socket.bind(("127.0.0.1", self.port))
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while True:
            query, asker = self.socket.recvfrom(512)
            if not query:
                self.socket.close()
                return
            question = query[12:query.index(b"\0", 12) + 5]
            answers = question[-4:-2] == b"\0\1"  # a question of type A
            record = b"\xc0\x0c\0\1\0\1" + struct.pack(">IH", 60, 4) + b"\x7f\0\0\1"
            head = query[:2] + b"\x81\x80\0\1" + struct.pack(">HHH", answers, 0, 0)
            self.socket.sendto(head + question + (record if answers else b""), asker)

    def close(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as waker:
            waker.sendto(b"", ("127.0.0.1", self.port))
        self.thread.join()


class ClientsTest(harness.Case):
    def setUp(self):
        super().setUp()
        self.music, self.video = self.upstream(5), self.upstream(5)
        worker = http.server.HTTPServer(("127.0.0.1", self.ports.backend), Worker)
        worker.base, worker.proxy = self.music.url, self.ports.proxy
        threading.Thread(target=worker.serve_forever, args=(0.02,), daemon=True).start()
        self.addCleanup(worker.server_close)
        self.addCleanup(worker.shutdown)
        routes = [{"path": "/%s/" % name, "backend": "worker",
                   "prefetch": ["music:/s?word={query.q%s}" % ("|" + filter if filter else "")]}
                  for name, (filter, _) in CLIENTS.items()]
        self.proxy = self.siding(
            backend={"worker": {"url": "http://127.0.0.1:%d" % self.ports.backend, "concurrency": 1}},
            upstream={"music": {"url": self.music.url}, "video": {"url": self.video.url}},
            route=routes + [{"backend": "worker"}])

    def used(self):
        return self.proxy.metrics().prefetch("used")

    def each_word_matches(self, name, words=WORDS):
        """The first call is the dry match; from then on one upstream call a word, all of them used."""
        self.check([self.get("/%s/?q=warm" % name)], lambda i, body: body["word"] == "warm")
        self.music.reset()
        before = self.used()
        results = self.send([load.get("/%s/?q=%s" % (name, quote(w, safe=""))) for w in words], 2)
        concatenated = CLIENTS[name][0] == "requote"
        arrives = {"a+b": "a b", "a%26b": "a&b"} if concatenated else {}
        self.check(results, lambda i, body: body.get("word") == arrives.get(words[i], words[i]))
        self.assertEqual((self.music.stats()["calls"], self.used() - before), (len(words), len(words)),
                         [self.music.calls(), self.proxy.metrics().missed_reasons()])

    def test_requests_with_a_concatenated_url(self):
        self.each_word_matches("requests-concatenated", CONCATENATED)

    def test_requests_with_params(self):
        self.each_word_matches("requests-params")

    def test_urllib(self):
        self.each_word_matches("urllib")

    def test_curl(self):
        self.each_word_matches("curl")

    def test_php_curl(self):
        self.each_word_matches("php-curl")

    def test_php_streams_read_to_the_end(self):
        self.each_word_matches("php-streams")

    def test_ruby(self):
        self.each_word_matches("ruby")

    def test_ruby_with_http_proxy_and_a_name(self):
        """It leaves a name to its proxy; siding asks its own resolver for the address."""
        resolver = OneAddress()
        self.addCleanup(resolver.close)
        self.proxy.kill()
        base = "http://music.example:%d" % self.music.port
        self.siding(dns={"servers": ["127.0.0.1:%d" % resolver.port]}, upstream={"named": {"url": base, "loopback": True}},
                    backend={"worker": {"url": "http://127.0.0.1:%d" % self.ports.backend, "concurrency": 1}},
                    route=[{"backend": "worker"}])
        out = self.client(["ruby", "-r", "net/http", "-e", "puts Net::HTTP.get(URI(ARGV[0]))"],
                          base + "/s?word=named")
        self.assertEqual(json.loads(out)["word"], "named")
        self.assertEqual(self.music.calls()[0][1]["host"], base[len("http://"):])

    def client(self, program, *arguments):
        done = subprocess.run(program + list(arguments), capture_output=True, text=True, timeout=15,
                              env=harness.clean_environment(http_proxy=self.ports.proxy))
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def test_session_keeps_one_connection_for_all_hosts(self):
        """Egress routes each request, not each connection."""
        urls = [self.music.url, self.video.url] * 3
        seen = json.loads(self.client([load.PYTHON, "-c", SESSION], "x", *urls))
        self.assertEqual(seen["connections"], 1)
        self.assertEqual([a["word"] for a in seen["answers"]], ["x"] * 6)
        self.assertEqual((self.music.stats()["calls"], self.video.stats()["calls"]), (3, 3))

    def test_curl_keeps_its_connection(self):
        out = self.client(["curl", "-sS", "-w", " %{num_connects}\n"], self.music.url + "/s?word=1",
                          self.video.url + "/s?word=2")
        self.assertEqual([line.split()[-1] for line in out.splitlines()], ["1", "0"])

    def egress(self, *requests):
        return load.run(("127.0.0.1", self.ports.egress), list(requests), timeout=5)

    def test_forms_of_the_target(self):
        """Absolute, by a path prefix, and by the Host field of an upstream."""
        host = self.music.url[len("http://"):]
        results = self.egress(load.get(self.music.url + "/s?word=absolute", host=host),
                              load.get("/music/s?word=prefix", host="127.0.0.1:%d" % self.ports.egress),
                              load.get("/s?word=host", host=host))
        self.check(results, lambda i, body: body["word"] == ("absolute", "prefix", "host")[i])
        self.assertEqual({fields["host"] for _, fields in self.music.calls()}, {host})

    def test_unlisted_host_on_loopback_is_passed_on(self):
        other = self.upstream(0)
        self.check(self.egress(load.get(other.url + "/s?word=other", host=other.url[7:])))
        self.assertEqual(other.stats()["calls"], 1)

    def test_refused_connection_is_the_librarys_own_error(self):
        """No invented answer: the connection closes, and requests raises ConnectionError."""
        url = "http://127.0.0.1:%d/s?word=x" % harness.free_port()
        out = self.client([load.PYTHON, "-c", """
import sys, requests
try:
    print(requests.get(sys.argv[1], timeout=5).status_code)
except requests.ConnectionError:
    print("ConnectionError")"""], url)
        self.assertEqual(out.strip(), "ConnectionError")


if __name__ == "__main__":
    unittest.main()
