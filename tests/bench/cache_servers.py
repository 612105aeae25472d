"""The origin and the caches of the cache's bench, and how they are set: as their own manuals advise for
answers of this size, without access log, one worker."""
import os

import measure
import harness

SMALLEST, LARGEST = 1024, 64 * 1024  # of the files that the origin has, one for each 16 bytes up to 32 KiB
FRESH = 'add_header Cache-Control "public, max-age=86400";'
# Its log is how often it was asked: a line a request, written at once.
ORIGIN = """
load_module /usr/lib/nginx/modules/ngx_http_echo_module.so;
daemon off; worker_processes 1; pid {folder}/origin.pid; error_log stderr error; worker_rlimit_nofile {files};
events {{ worker_connections {connections}; }}
http {{ keepalive_requests 100000000; client_body_temp_path {folder}/ob; sendfile on; tcp_nopush on;
  proxy_temp_path {folder}/op; fastcgi_temp_path {folder}/of; uwsgi_temp_path {folder}/ou; scgi_temp_path {folder}/os;
  log_format asked "$request_uri"; access_log {folder}/asked asked; default_type text/plain;
  server {{ listen 127.0.0.1:{port} backlog=4096; root {folder}/files;
    location /hot/ {{ """ + FRESH + """ rewrite /([0-9]+)$ /$1 break; }}
    location /o/ {{ """ + FRESH + """ rewrite /([0-9]+)$ /$1 break; }}
    location /slow/shared {{ """ + FRESH + """ echo_sleep 0.5; echo shared; }}
    location /slow/private {{ add_header Cache-Control private; echo_sleep 0.5; echo private; }} }} }}
"""
NGINX = """
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log stderr error;
events {{ worker_connections 4096; }}
http {{ access_log off; keepalive_requests 100000000; client_body_temp_path {folder}/nb;
  sendfile off; output_buffers 2 128k; open_file_cache max=10000 inactive=60s; open_file_cache_valid 60s;
  proxy_cache_path {memory}/nginx levels=1:2 keys_zone=hot:10m max_size=256m inactive=1h use_temp_path=off;
  proxy_temp_path {folder}/np; fastcgi_temp_path {folder}/nf; uwsgi_temp_path {folder}/nu; scgi_temp_path {folder}/ns;
  upstream origin {{ server 127.0.0.1:{origin}; keepalive 64; }}
  server {{ listen 127.0.0.1:{port} backlog=4096;
    location / {{ proxy_pass http://origin; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_set_header Host $http_host; proxy_cache hot; proxy_cache_lock on; proxy_buffers 8 16k; }} }} }}
"""
VARNISH = """
vcl 4.1;
backend default {{ .host = "127.0.0.1"; .port = "{origin}"; }}
"""


def write(folder, name, text, **values):
    path = os.path.join(folder, name)
    with open(path, "w") as out:
        out.write(text.format(folder=folder, **values))
    return path


class Origin(harness.Process):
    def __init__(self, folder, connections):
        """connections: above 15 of 16 of them nginx closes the idle ones."""
        self.folder, self.port = folder, harness.free_port()
        os.mkdir(os.path.join(folder, "files"))
        for size in [*range(SMALLEST, 32 * 1024 + 1, 16), LARGEST]:
            with open(os.path.join(folder, "files", str(size)), "w") as out:
                out.write("x" * size)
        conf = write(folder, "origin.conf", ORIGIN, port=self.port, connections=connections, files=connections + 100)
        super().__init__("origin", measure.pinned(1, ["nginx", "-c", conf]), folder)
        self.wait_port(self.port)

    def asked(self, prefix):
        """How often for targets that begin so."""
        with open(os.path.join(self.folder, "asked")) as log:
            return sum(line.startswith(prefix) for line in log)


def siding(folder, origin, concurrency, **config):
    ports = harness.Ports()
    process = harness.Siding(folder, ports, {
        "threads": 1, "log": {"access": "off"}, "route": [{"backend": "origin", "cache": True}],
        "backend": {"origin": {"url": "http://127.0.0.1:%d" % origin.port, "concurrency": concurrency}}, **config})
    measure.pin_threads(process.pid, 0)
    return ports.front, process


def nginx(folder, origin, memory):
    port = harness.free_port()
    conf = write(folder, "nginx.conf", NGINX, origin=origin.port, port=port, memory=memory)
    return port, harness.Process("nginx", measure.pinned(0, ["nginx", "-c", conf]), folder).wait_port(port)


def varnish(folder, origin, memory):
    """It gives a thread to each connection that is busy: one pool of them, on one core as the others."""
    port = harness.free_port()
    vcl = write(folder, "varnish.vcl", VARNISH, origin=origin.port)
    argv = ["varnishd", "-F", "-j", "none", "-n", os.path.join(memory, "varnish"), "-a", "127.0.0.1:%d" % port,
            "-f", vcl, "-s", "malloc,256m", "-p", "thread_pools=1"]
    return port, harness.Process("varnish", measure.pinned(0, argv), folder).wait_port(port, 60)
