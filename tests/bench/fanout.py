"""Three calls at once and one answer out of theirs: siding's fan-out beside an aiohttp and a Tornado
handler that do the same.

    SIDING_BINARY=... python3 fanout.py [--rounds 3] [--requests 3000] [--connections 64]

First what the slowest leg adds: legs of 100, 200 and 300 ms, one request at a time. Then 1,000 of these
requests at once on one thread. Then CPU and rate with legs that answer at once (nginx, pinned to core 1
with the load; who answers is pinned to core 0), in turns.
"""
import argparse
import json
import os
import shutil
import sys
import tempfile
import time

import measure
import harness
import load

LEGS = {"a": 100, "b": 200, "c": 300}
ORIGIN = """
daemon off; worker_processes 1; pid {folder}/origin.pid; error_log stderr error;
events {{ worker_connections 8192; }}
http {{ access_log off; keepalive_requests 100000000; client_body_temp_path {folder}/ob;
  proxy_temp_path {folder}/op; fastcgi_temp_path {folder}/of; uwsgi_temp_path {folder}/ou; scgi_temp_path {folder}/os;
  server {{ listen 127.0.0.1:{origin} backlog=4096;
    location / {{ default_type application/json; return 200 '{{"id":1,"items":["one","two","three"]}}'; }} }} }}
"""
HERE = os.path.dirname(os.path.abspath(__file__))


def siding(folder, urls, calls):
    """On one thread; urls: of upstreams, calls: of legs, both by name."""
    ports = harness.Ports()
    process = harness.Siding(folder, ports, {
        "threads": 1, "log": {"access": "off"},
        "upstream": {name: {"url": url, "concurrency": 4096} for name, url in urls.items()},
        "route": [{"path": "/suggest", "deadline": "5s",
                   "fanout": {leg: {"call": call} for leg, call in calls.items()}}]})
    return process, ports.front


def slowest_leg(folder, rounds=20):
    """(milliseconds above the slowest leg: the middle and the most, failed of 1,000 at once, seconds)."""
    upstreams = {name: harness.SlowUpstream(folder, ms) for name, ms in LEGS.items()}
    process, port = siding(folder, {name: upstream.url for name, upstream in upstreams.items()},
                           {name: name + ":/s?word={query.q}" for name in LEGS})
    address = ("127.0.0.1", port)
    try:
        # The upstreams' own delay is measured, not believed.
        own, over = [], []
        for i in range(rounds):
            began = time.monotonic()
            status, body = harness.fetch("http://127.0.0.1:%d/suggest?q=w%d" % (port, i))
            took = time.monotonic() - began
            if status != 200 or json.loads(body)["c"]["word"] != "w%d" % i:
                raise RuntimeError("%d %r" % (status, body))
            began = time.monotonic()
            harness.fetch(upstreams["c"].url + "/s?word=x")
            own.append(time.monotonic() - began)
            over.append(took * 1000)
        middle_own = measure.middle(own) * 1000
        over = [ms - middle_own for ms in over]
        running = load.Load(address, [load.get("/suggest?q=n%d" % i) for i in range(1000)], timeout=60)
        failed = 0
        for i, result in enumerate(running.results()):
            try:
                body = json.loads(result.body)
                good = result.status == 200 and all(body[leg]["word"] == "n%d" % i for leg in LEGS)
            except (ValueError, KeyError, TypeError):
                good = False
            failed += not good
        return measure.middle(over), max(over), failed, running.seconds
    finally:
        for p in (process, *upstreams.values()):
            p.kill()


def race(folder, options):
    origin = harness.free_port()
    conf = os.path.join(folder, "origin.conf")
    with open(conf, "w") as out:
        out.write(ORIGIN.format(folder=folder, origin=origin))
    url = "http://127.0.0.1:%d" % origin
    running = [harness.Process("origin", measure.pinned(1, ["nginx", "-c", conf]), folder).wait_port(origin)]
    try:
        rows = []
        for name in ("aiohttp", "tornado"):
            port = harness.free_port()
            argv = measure.pinned(0, [harness.PYTHON, os.path.join(HERE, "fanout_apps.py"), name, str(port), url])
            rows.append((name, port, harness.Process(name, argv, folder).wait_port(port)))
        process, port = siding(folder, {"one": url}, {leg: "one:/%s?word={query.q}" % leg for leg in LEGS})
        measure.pin_threads(process.pid, 0)
        rows.append(("siding", port, process))
        running += [p for _, _, p in rows]
        targets = [(name, "http://127.0.0.1:%d/suggest?q=x" % port, process) for name, port, process in rows]
        turns = measure.Turns(targets, options.rounds, options.seconds, options.connections)
        costs, rates, failures = turns.costs, turns.rates, turns.failures
        cost, rate = ({name: measure.middle(values[name]) for name in values} for values in (costs, rates))
        measure.table(["%d connections, 3 legs, %d rounds" % (options.connections, options.rounds), "us CPU/request",
                       "of aiohttp", "requests/s", "of aiohttp", "failed"],
                      [[name, "%.0f" % cost[name], "%.3f" % (cost[name] / cost["aiohttp"]), "%.0f" % rate[name],
                        "%.1f" % (rate[name] / rate["aiohttp"]), sum(failures[name])] for name, _, _ in rows])
        measure.target("siding, failed", sum(failures["siding"]), 0)
    finally:
        for process in running:
            process.kill()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--connections", type=int, default=64)
    options = parser.parse_args()
    if not harness.BINARY:
        parser.error("SIDING_BINARY names no program")
    if os.cpu_count() < 2:
        parser.error("this bench needs two cores: one for who answers, one for the load")
    measure.raise_open_files()
    folder = tempfile.mkdtemp(prefix="siding-bench-")
    os.chmod(folder, 0o755)  # nginx started by root changes its user
    measure.say_machine()
    try:
        middle, most, failed, seconds = slowest_leg(folder)
        measure.table(["legs of 100, 200 and 300 ms", "ms above the slowest leg", "most"],
                      [["one at a time, 20 requests", "%.1f" % middle, "%.1f" % most]])
        measure.table(["1,000 at once on one thread", "s", "failed"], [["siding", "%.2f" % seconds, failed]])
        race(folder, options)
        measure.target("above the slowest leg", middle, 5, " ms")
        measure.target("1,000 at once, failed", failed, 0)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
