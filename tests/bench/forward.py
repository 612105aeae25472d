"""CPU that a request costs as a plain reverse proxy: siding beside nginx and HAProxy.

    SIDING_BINARY=... python3 forward.py [--rounds 5] [--seconds 2] [--connections 32]

One fast origin (nginx, a body of 100 bytes, kept connections). Each proxy has one worker or thread and
no access log, and is pinned to core 0; the origin and wrk are pinned to core 1. The proxies take turns
in every round. CPU is user + system of the proxy's whole process tree, divided by wrk's requests.
"""
import argparse
import os
import shutil
import sys
import tempfile

import measure
import harness

ORIGIN = """
daemon off; worker_processes 1; pid {folder}/origin.pid; error_log stderr error;
events {{ worker_connections 4096; }}
http {{ access_log off; keepalive_requests 100000000; client_body_temp_path {folder}/ob;
  proxy_temp_path {folder}/op; fastcgi_temp_path {folder}/of; uwsgi_temp_path {folder}/ou; scgi_temp_path {folder}/os;
  server {{ listen 127.0.0.1:{origin} backlog=4096; location / {{ default_type text/plain; return 200 "{body}"; }} }} }}
"""
NGINX = """
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log stderr error;
events {{ worker_connections 4096; }}
http {{ access_log off; keepalive_requests 100000000; client_body_temp_path {folder}/nb;
  proxy_temp_path {folder}/np; fastcgi_temp_path {folder}/nf; uwsgi_temp_path {folder}/nu; scgi_temp_path {folder}/ns;
  upstream origin {{ server 127.0.0.1:{origin}; keepalive 256; keepalive_requests 100000000; }}
  server {{ listen 127.0.0.1:{port} backlog=4096;
    location / {{ proxy_pass http://origin; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_set_header Host $http_host; proxy_set_header X-Forwarded-For $remote_addr; }} }} }}
"""
HAPROXY = """
global
  nbthread 1
  maxconn 4096
defaults
  mode http
  option forwardfor
  http-reuse always
  timeout connect 5s
  timeout client 60s
  timeout server 60s
frontend front
  bind 127.0.0.1:{port} backlog 4096
  default_backend origin
backend origin
  server origin 127.0.0.1:{origin} pool-max-conn 256
"""


def write(folder, name, text, **values):
    path = os.path.join(folder, name)
    with open(path, "w") as out:
        out.write(text.format(folder=folder, **values))
    return path


def start_siding(folder, ports, connections):
    config = {"threads": 1, "log": {"access": "off"}, "route": [{"backend": "origin"}],
              "backend": {"origin": {"url": "http://127.0.0.1:%d" % ports.backend, "concurrency": connections}}}
    process = harness.Siding(folder, ports, config)
    measure.pin_threads(process.pid, 0)
    return process


def start(folder, connections):
    """[(name, port, process)] of the proxies, and the origin."""
    origin = harness.free_port()
    conf = write(folder, "origin.conf", ORIGIN, origin=origin, body="x" * 100)
    servers = [harness.Process("origin", measure.pinned(1, ["nginx", "-c", conf]), folder).wait_port(origin)]
    proxies = []
    for name, text, argv in (("nginx", NGINX, ["nginx", "-c"]), ("haproxy", HAPROXY, ["haproxy", "-db", "-f"])):
        port = harness.free_port()
        conf = write(folder, name + ".conf", text, origin=origin, port=port)
        process = harness.Process(name, measure.pinned(0, argv + [conf]), folder).wait_port(port)
        proxies.append((name, port, process))
    if harness.BINARY:
        ports = harness.Ports()
        ports.backend = origin
        proxies.append(("siding", ports.front, start_siding(folder, ports, connections)))
    else:
        measure.say("SIDING_BINARY names no program: nginx and HAProxy alone\n")
    return proxies, servers


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=2)
    parser.add_argument("--connections", type=int, default=32)
    options = parser.parse_args()
    if os.cpu_count() < 2:
        parser.error("this bench needs two cores: one for the proxy, one for the load")
    folder = tempfile.mkdtemp(prefix="siding-bench-")
    os.chmod(folder, 0o755)  # nginx started by root changes its user
    measure.say_machine()
    processes = []
    try:
        proxies, processes = start(folder, options.connections)
        processes = processes + [process for _, _, process in proxies]
        rows = [(name, "http://127.0.0.1:%d/hello" % port, process) for name, port, process in proxies]
        turns = measure.Turns(rows, options.rounds, options.seconds, options.connections)
        costs, rates, failures = turns.costs, turns.rates, turns.failures
        reference = measure.middle(costs["nginx"])
        measure.table(["%d connections, %d rounds" % (options.connections, options.rounds), "us CPU/request",
                       "of nginx", "least", "most", "requests/s", "failed", "RSS MiB"],
                      [[name, "%.1f" % measure.middle(costs[name]), "%.2f" % (measure.middle(costs[name]) / reference),
                        "%.1f" % min(costs[name]), "%.1f" % max(costs[name]), "%.0f" % measure.middle(rates[name]),
                        sum(failures[name]), "%.1f" % (sum(map(measure.rss_kib, process.tree())) / 1024)]
                       for name, _, process in proxies])
        if "siding" in costs:
            measure.target("siding, CPU a request / nginx", measure.middle(costs["siding"]) / reference, 1.0)
            measure.target("siding, failed", sum(failures["siding"]), 0)
    finally:
        for process in processes:
            process.kill()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
