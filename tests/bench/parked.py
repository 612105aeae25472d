"""Memory that a waiting request costs: siding's queue beside HAProxy's.

    SIDING_BINARY=... python3 parked.py [--requests 10000]

The backend takes one request and never answers it; all others wait in the proxy (concurrency = 1,
HAProxy: maxconn 1). RSS before and after, divided by the requests that wait. The number is bounded
by half of the hard limit of open files.
"""
import argparse
import os
import shutil
import socket
import sys
import tempfile

import measure
import harness
import load

HAPROXY = """
global
  nbthread 1
  maxconn {room}
  stats socket {folder}/haproxy.sock level user
defaults
  mode http
  option forwardfor
  timeout connect 5s
  timeout client 10m
  timeout server 10m
  timeout queue 10m
frontend front
  bind 127.0.0.1:{port} backlog 4096
  default_backend hung
backend hung
  server hung 127.0.0.1:{backend} maxconn 1 maxqueue 0
"""
REQUEST = load.get("/hang?word=parked", fields=[
    ("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"),
    ("Accept-Language", "en-GB,en;q=0.5"), ("Accept-Encoding", "gzip, deflate"),
    ("Cookie", "sessionid=0123456789abcdef0123456789abcdef")], close=False)


def start_siding(folder, upstream, count):
    ports = harness.Ports()
    process = harness.Siding(folder, ports, {
        "threads": 1, "log": {"access": "off"}, "limits": {"max_connections": count + 100},
        "backend": {"hung": {"url": upstream.url, "concurrency": 1, "backlog": 0,
                             "queue": {"size": count + 100, "timeout": "10m"}}},
        "route": [{"backend": "hung"}]})
    return process, ports.front, lambda: process.metrics().queued()


def start_haproxy(folder, upstream, count):
    port = harness.free_port()
    conf = os.path.join(folder, "haproxy.conf")
    with open(conf, "w") as out:
        out.write(HAPROXY.format(folder=folder, port=port, backend=upstream.port, room=count + 100))
    process = harness.Process("haproxy", ["haproxy", "-db", "-f", conf], folder).wait_port(port)

    def queued():
        with socket.socket(socket.AF_UNIX) as control:
            control.connect(os.path.join(folder, "haproxy.sock"))
            control.sendall(b"show stat\n")
            lines = b"".join(iter(lambda: control.recv(65536), b"")).decode().splitlines()
        column = lines[0].lstrip("# ").split(",").index("qcur")
        return next(int(line.split(",")[column] or 0) for line in lines if line.startswith("hung,BACKEND"))
    return process, port, queued


def park(name, starter, count):
    """(name, requests that wait, KiB a request, RSS before, after, frame bytes a request or None)."""
    folder = tempfile.mkdtemp(prefix="siding-bench-")
    processes, clients = [], []
    try:
        upstream = harness.SlowUpstream(folder)
        processes.append(upstream)
        process, port, queued = starter(folder, upstream, count)
        processes.append(process)
        frames = lambda: process.metrics().frame_bytes() if isinstance(process, harness.Siding) else 0

        def one_more():
            client = socket.create_connection(("127.0.0.1", port))
            client.sendall(REQUEST)
            clients.append(client)

        one_more()
        harness.until(lambda: upstream.stats()["inside"] == 1, what="one request is inside")
        queued()  # whatever the first reading of a counter allocates is not the queue's
        frames_before, before = frames(), measure.rss_kib(process.pid)
        for _ in range(count):
            one_more()
        harness.until(lambda: queued() >= count, 30, "%d requests wait" % count, every=0.1)
        after = measure.rss_kib(process.pid)
        return name, count, (after - before) / count, before, after, (frames() - frames_before) / count
    finally:
        for client in clients:
            client.close()
        for process in processes:
            process.kill()
        shutil.rmtree(folder, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--requests", type=int, default=10_000)
    options = parser.parse_args()
    # HAProxy refuses to start unless it could open two descriptors for every connection.
    count = min(options.requests, (measure.raise_open_files() - 500) // 2)
    results = [park("haproxy", start_haproxy, count)]
    if harness.BINARY:
        results.append(park("siding", start_siding, count))
    else:
        measure.say("SIDING_BINARY names no program: HAProxy alone\n")
    reference = results[0][2]
    measure.table(["parked", "requests", "KiB/request", "of haproxy", "RSS before KiB", "after",
                   "frame bytes/request"],
                  [[name, n, "%.2f" % cost, "%.2f" % (cost / reference), before, after,
                    "%.0f" % frame if frame else "-"] for name, n, cost, before, after, frame in results])
    if harness.BINARY:
        measure.target("siding, a parked request", results[1][2], 4, " KiB")


if __name__ == "__main__":
    sys.exit(main())
