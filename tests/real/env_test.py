"""The lines that `siding env` prints, used as they are: each application's call then goes through egress.
The upstream has a name that only siding can resolve, so an answer shows which way the call went."""
import os
import re
import shutil
import socket
import struct
import subprocess
import unittest
from urllib.parse import quote

import harness
import load
from clients_test import OneAddress

SECRET = "s3cr:t@/+ %41"
REQUESTS = "import requests, sys; print(requests.get(sys.argv[1]).text)"
DIRECT = ["http://169.254.169.254/latest", "http://169.254.170.2/v2", "http://[fd00:ec2::254]/latest",
          "http://metadata.google.internal/computeMetadata/v1"]
PHP_CURL = """<?php
$c = curl_init($_GET['url']);
curl_setopt($c, CURLOPT_RETURNTRANSFER, true);
echo curl_exec($c);"""
PHP_STREAMS = "<?php echo file_get_contents($_GET['url']);"


class FastCgi:
    """Asks PHP-FPM to run a script, as a web server does."""

    def __init__(self, path):
        self.path = path

    @staticmethod
    def record(kind, content):
        return struct.pack(">BBHHBB", 1, kind, 1, len(content), 0, 0) + content

    @staticmethod
    def pair(name, value):
        return struct.pack(">BI", len(name), len(value) | 1 << 31) + name.encode() + value.encode()

    def get(self, script, query):
        fields = {"SCRIPT_FILENAME": script, "REQUEST_METHOD": "GET", "QUERY_STRING": query}
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(10)
            connection.connect(self.path)
            connection.sendall(self.record(1, struct.pack(">HB5x", 1, 0)) + self.record(
                4, b"".join(self.pair(n, v) for n, v in fields.items())) + self.record(4, b"") + self.record(5, b""))
            stream, out = connection.makefile("rb"), b""
            while True:
                _, kind, _, length, padding, _ = struct.unpack(">BBHHBB", stream.read(8))
                content = stream.read(length + padding)[:length]
                if kind == 3:
                    return out.decode().partition("\r\n\r\n")[2]
                out += content


class EnvTest(harness.Case):
    def start(self, secret=None):
        names = OneAddress()
        self.addCleanup(names.close)
        self.music = self.upstream(1)
        url = "http://music.test:%d" % self.music.port
        self.url = url + "/s?word=%s"
        self.calls = 0
        self.proxy = self.siding(
            egress={"secret": secret} if secret else {}, dns={"servers": ["127.0.0.1:%d" % names.port]},
            backend={"shop": {"url": "http://127.0.0.1:%d" % self.ports.backend, "concurrency": 1}},
            upstream={"music": {"url": url, "loopback": True}}, route=[{"backend": "shop"}])

    def lines(self, application, secret=None):
        """What is printed, with the one word replaced that it says to replace."""
        text = subprocess.run([harness.BINARY, "env", self.proxy.file, "--for", application], check=True,
                              capture_output=True, text=True, timeout=10).stdout
        self.assertNotIn(SECRET, text)
        return text.replace("app:SECRET@", "app:%s@" % quote(secret, safe="")) if secret else text

    def run_under(self, lines, *program):
        """A program in a shell that has read the lines, and in nothing else's environment."""
        file = os.path.join(self.folder, "env.sh")
        with open(file, "w") as out:
            out.write(lines)
        done = subprocess.run(["sh", "-c", '. "$0"; exec "$@"', file, *program], capture_output=True, text=True,
                              timeout=20, env=harness.clean_environment())
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def assert_called(self, answer, word):
        self.assertIn('"word": "%s"' % word, answer)
        self.calls += 1
        self.assertEqual(self.proxy.metrics().sum("siding_egress_calls_total", result="forwarded"), self.calls)

    def test_python(self):
        for secret in (None, SECRET):
            self.start(secret)
            lines = self.lines("python", secret)
            self.assert_called(self.run_under(lines, load.PYTHON, "-c", REQUESTS, self.url % "py"), "py")
            for url in DIRECT:
                shown = self.run_under(lines, load.PYTHON, "-c", "import requests.utils as u, sys; "
                                       "print(u.get_environ_proxies(sys.argv[1]))", url)
                self.assertEqual(shown, "{}\n", "%s would go through siding" % url)
            self.end(self.proxy)

    def test_ruby(self):
        for secret in (None, SECRET):
            self.start(secret)
            program = "require 'net/http'; puts Net::HTTP.get(URI(ARGV[0]))"
            self.assert_called(self.run_under(self.lines("ruby", secret), "ruby", "-e", program, self.url % "rb"), "rb")
            self.end(self.proxy)

    def test_base_url(self):
        """The way of node, tried with a client that is told of no proxy."""
        self.start()
        program = 'exec curl -sS --noproxy "*" "$MUSIC_URL/s?word=node"'
        self.assert_called(self.run_under(self.lines("node"), "sh", "-c", program), "node")

    def test_kubernetes(self):
        self.start()
        pairs = re.findall(r'^  - name: (\w+)\n    value: "(.*)"$', self.lines("k8s"), re.MULTILINE)
        self.assertEqual([name for name, _ in pairs], ["http_proxy", "no_proxy"])
        exports = "".join("export %s='%s'\n" % pair for pair in pairs)
        self.assert_called(self.run_under(exports, load.PYTHON, "-c", REQUESTS, self.url % "k8s"), "k8s")

    def test_php_fpm(self):
        for secret in (None, SECRET):
            self.start(secret)
            fpm = self.php_fpm(self.lines("php-fpm", secret), secret)
            for name, text in (("curl", PHP_CURL), ("streams", PHP_STREAMS)):
                script = os.path.join(self.folder, name + ".php")
                with open(script, "w") as out:
                    out.write(text)
                self.assert_called(fpm.get(script, "url=" + quote(self.url % name, safe="")), name)
            self.end(self.proxy)

    def php_fpm(self, lines, secret):
        """A pool whose file holds the lines. The file that they name lies in the test's folder."""
        prepend = os.path.join(self.folder, "siding.php")
        code = re.search(r"^; In /etc/php/siding.php:\n((?:;   .*\n)+)", lines, re.MULTILINE)[1]
        code = re.sub(r"^;(?: #)?  ", "", code, flags=re.MULTILINE)
        with open(prepend, "w") as out:
            out.write(code.replace("app:SECRET", "app:" + (secret or "")))
        path = os.path.join(self.folder, "fpm-%d.sock" % self.ports.front)
        file = os.path.join(self.folder, "fpm.conf")
        with open(file, "w") as out:
            out.write("[global]\nerror_log = /dev/stderr\ndaemonize = no\n[www]\nlisten = %s\nuser = %d\ngroup = %d\n"
                      "pm = static\npm.max_children = 1\n%s\n"
                      % (path, os.getuid(), os.getgid(), lines.replace("/etc/php/siding.php", prepend)))
        if os.path.exists(path):
            os.unlink(path)
        binary = shutil.which("php-fpm8.2", path=os.environ.get("PATH", "") + ":/usr/sbin")
        process = self.keep(harness.Process("php-fpm", [binary, "--fpm-config", file, "--allow-to-run-as-root"],
                                            self.folder))
        harness.until(lambda: process.check_alive() and os.path.exists(path), 15, "PHP-FPM listens")
        return FastCgi(path)


if __name__ == "__main__":
    unittest.main()
