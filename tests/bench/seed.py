"""The table of the main job: one Django view that waits 500 ms for another service, under the servers
that people use, and under one sync worker behind siding. All rows in one run, on one machine.

    SIDING_BINARY=... python3 seed.py [--rows sync,gevent100,...] [--quick]

Every row is warmed up with one request. Then: a burst of 100 distinct queries, 100 connections at once;
ab -c 100 -n 100 (it sends its first request alone, so 1.00 s is its floor); a burst on a view that reads
a row first, while threads, RSS and open database files are counted; and /plain/ while the upstream hangs
with 100 requests waiting. Then -c 1000 -n 5000, distinct queries, for the rows that are meant for it.
"""
import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

import measure
import backends
import harness
import load

UPSTREAM_MS = 500
HERE = os.path.dirname(os.path.abspath(__file__))
BIG_CONCURRENCY, BIG_REQUESTS = 1000, 5000
UPSTREAM_CONCURRENCY = 1024
SOMAXCONN = int(open("/proc/sys/net/core/somaxconn").read())


def target_of(path, i, tag):
    return "%s?q=%s-%d" % (path, tag, i)


class Row:
    """One way to serve the view. `start` begins it; `address` is where its clients connect."""
    n, workers, big = 100, 1, False

    def __init__(self, name, text, start, **options):
        self.name, self.text, self.begin = name, text, start
        self.__dict__.update(options)

    def start(self):
        self.folder = tempfile.mkdtemp(prefix="siding-bench-")
        self.ports, self.proxy = harness.Ports(), None
        self.address = ("127.0.0.1", self.ports.backend)
        backends.migrate(self.folder)
        self.upstream = harness.SlowUpstream(self.folder, UPSTREAM_MS)
        self.server = self.begin(self)

    def stop(self):
        for process in (self.proxy, self.server, self.upstream):
            if process:
                process.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def warm_up(self, path):
        """One request, which for siding is the dry match that turns the template on."""
        result = load.run(self.address, [load.get(path + "?q=warm")], timeout=30)[0]
        if result.status != 200:
            raise RuntimeError("%s: warm-up was answered %r" % (self.name, result))
        self.upstream.reset()
        self.before = self.proxy.metrics() if self.proxy else None

    def burst(self, path, tag, n, concurrency=None):
        """(seconds, failed): an answer to another query, or none, is a failure."""
        requests = [load.get(target_of(path, i, tag)) for i in range(n)]
        running = load.Load(self.address, requests, concurrency, timeout=120)
        results = running.results()
        failed = 0
        for i, result in enumerate(results):
            word = "%s-%d" % (tag, i)
            try:
                body = json.loads(result.body)
                failed += not (result.status == 200 and body["q"] == body["result"]["word"] == word)
            except (ValueError, KeyError, TypeError):
                failed += 1
        return running.seconds, failed

    def missed(self):
        return self.proxy.metrics().prefetch("missed") - self.before.prefetch("missed") if self.proxy else None


def uwsgi(*options, plugins="", **values):
    return lambda row: backends.uwsgi_router(row.folder, row.ports.backend, *options, plugins=plugins,
                                             music=row.upstream.url, **values)


def uwsgi_gevent(count, listen):
    return uwsgi("--gevent", str(count), "--gevent-monkey-patch", "--listen", str(listen), plugins=",gevent_python3")


def gthread(count):
    return lambda row: backends.gunicorn_gthread(row.folder, row.ports.backend, count, music=row.upstream.url)


def tornado(row):
    argv = [harness.PYTHON, "-c", "import tornado_app; tornado_app.serve(%d, 100)" % row.ports.backend]
    return backends.server("tornado", argv, row.folder, row.ports.backend, module_folder=HERE,
                           music=row.upstream.url)


def behind_siding(processes):
    def start(row):
        server = backends.uwsgi_router(row.folder, row.ports.backend, processes=processes, music=row.upstream.url,
                                       proxy=row.ports.proxy)
        prefetch = ["music:/s?word={query.q|requote}"]
        row.proxy = harness.Siding(row.folder, row.ports, {
            "log": {"access": "off"},
            "backend": {"shop": {"url": "http://127.0.0.1:%d" % row.ports.backend, "concurrency": processes}},
            "upstream": {"music": {"url": row.upstream.url, "concurrency": UPSTREAM_CONCURRENCY}},
            "route": [{"path": "/search/", "backend": "shop", "prefetch": prefetch},
                      {"path": "/row-search/", "backend": "shop", "prefetch": prefetch}, {"backend": "shop"}]})
        row.address = row.ports.address
        return server
    return start


ROWS = [
    Row("sync", "uWSGI sync, 1 process", uwsgi(), n=20),
    Row("gevent100", "uWSGI --gevent 100", uwsgi_gevent(100, 100), big=True),
    Row("gevent1000", "uWSGI --gevent 1000", uwsgi_gevent(1000, min(1024, SOMAXCONN)), big=True),
    Row("gthread100", "gunicorn gthread 100", gthread(100)),
    Row("gthread1000", "gunicorn gthread 1000", gthread(1000)),
    Row("tornado", "Tornado, 100 clients", tornado),
    Row("siding", "siding + uWSGI sync, 1 process", behind_siding(1), big=True),
    Row("siding2", "siding + uWSGI sync, 2 processes", behind_siding(2), big=True, workers=2),
]


def ab(row, n):
    """(seconds, failed) by ApacheBench; the same query a hundred times."""
    out = subprocess.run(["ab", "-q", "-s", "60", "-c", str(n), "-n", str(n),
                          "http://127.0.0.1:%d/search/?q=python" % row.address[1]],
                         capture_output=True, text=True, timeout=200).stdout
    seconds = re.search(r"Time taken for tests: +([\d.]+)", out)
    failed = sum(int(m) for m in re.findall(r"(?:Failed requests|Non-2xx responses): +(\d+)", out))
    return (float(seconds[1]), failed) if seconds else (None, n)


def serves_others(row):
    """Whether /plain/ is answered within a second while 100 requests wait for a hung upstream."""
    row.upstream.set(hang=1)
    row.upstream.reset()
    hung = load.Load(row.address, [load.get(target_of("/search/", i, "hung")) for i in range(100)], timeout=60)
    try:
        harness.until(lambda: row.upstream.stats()["inside"] >= 1, 5, "a request waits for the upstream")
        last = -1
        while last != row.upstream.stats()["inside"]:  # until no more get through
            last = row.upstream.stats()["inside"]
            harness.pause(0.3)
        return load.run(row.address, [load.get("/plain/")], timeout=1)[0].status == 200
    finally:
        hung.stop()


def measure_row(row, repeats):
    """Everything but the big run, as a dictionary."""
    row.start()
    try:
        row.warm_up("/search/")
        bursts, seen = [], []
        for i in range(repeats if row.n == 100 else 1):
            row.upstream.reset()
            bursts.append(row.burst("/search/", "burst%d" % i, row.n))
            seen.append(row.upstream.stats())
        missed = row.missed()
        abs_ = [ab(row, 100) for _ in range(repeats)] if row.n == 100 else []
        row.warm_up("/row-search/")
        with measure.Watch(row.server, backends.database(row.folder), row.workers) as watch:
            _, row_failed = row.burst("/row-search/", "row", min(row.n, 100) if row.n == 100 else 4)
        return {"seconds": measure.middle([s for s, _ in bursts]) * 100 / row.n,
                "ab": measure.middle([s for s, _ in abs_ if s is not None]),
                "failed": sum(f for _, f in bursts + abs_) + row_failed,
                "calls": sorted({s["calls"] for s in seen}), "most": min(s["most"] for s in seen),
                "repeated": sum(len(s["repeated"]) for s in seen), "missed": missed,
                "threads": watch.threads, "rss": watch.rss / 1024, "connections": watch.connections,
                "others": serves_others(row)}
    finally:
        row.stop()


def measure_big(row, n):
    row.start()
    try:
        row.warm_up("/search/")
        workers = row.server.tree()
        worker_cpu, before = measure.cpu_seconds(workers), row.proxy and measure.cpu_seconds([row.proxy.pid])
        seconds, failed = row.burst("/search/", "big", n, BIG_CONCURRENCY)
        stats = row.upstream.stats()
        result = {"seconds": seconds, "failed": failed, "calls": stats["calls"], "most": stats["most"],
                  "repeated": len(stats["repeated"]), "missed": row.missed(),
                  "worker_cpu": (measure.cpu_seconds(workers) - worker_cpu) * 1000 / n,
                  "worker_rss": measure.largest_kib(workers, row.workers) / 1024}
        if row.proxy:
            result["rss"] = measure.rss_kib(row.proxy.pid, peak=True) / 1024
            result["cpu"] = (measure.cpu_seconds([row.proxy.pid]) - before) * 1000 / n
        return result
    finally:
        row.stop()


def show(value, form="%.2f"):
    return "-" if value is None else form % value


def print_small(results):
    measure.table(
        ["100 clients, upstream %d ms" % UPSTREAM_MS, "burst s", "ab s", "failed", "upstream calls", "at once",
         "threads", "RSS MiB", "db open", "others served"],
        [[row.text + (" (n=%d, x%d)" % (row.n, 100 // row.n) if row.n != 100 else ""),
          show(r["seconds"]), show(r["ab"]), r["failed"], "/".join(map(str, r["calls"])), r["most"], r["threads"], show(r["rss"], "%.0f"),
          r["connections"], "yes" if r["others"] else "NO"] for row, r in results])
    measure.say("threads, RSS, db open: of the worker process(es), the most at once, in a view that reads a row first")
    measure.say("others served: /plain/ within 1 s while the upstream hangs with 100 requests waiting for it\n")


def print_big(results, n):
    measure.table(
        ["-c %d -n %d, distinct" % (BIG_CONCURRENCY, n), "s", "req/s", "failed", "upstream calls", "at once", "missed",
         "worker ms/req", "worker MiB", "siding ms/req", "siding MiB"],
        [[row.text, show(r["seconds"], "%.1f"), show(n / r["seconds"], "%.0f"), r["failed"], r["calls"], r["most"],
          show(r["missed"], "%d"), show(r["worker_cpu"]), show(r["worker_rss"], "%.0f"), show(r.get("cpu"), "%.3f"),
          show(r.get("rss"), "%.1f")] for row, r in results])
    measure.say("siding's [upstream.music] concurrency is set to %d here (default 256)\n" % UPSTREAM_CONCURRENCY)


def best(results, names, key="seconds"):
    values = [r[key] for row, r in results if row.name in names and r[key] is not None]
    return min(values) if values else None


def ratio(value, other):
    return value / other if value is not None and other else None


def print_targets(small, big):
    gevents = ("gevent100", "gevent1000")
    measure.say("Targets (ratios are to the better gevent row of this run):")
    for row, r in small:
        if row.proxy is None:
            continue
        measure.target(row.text + ", burst / gevent", ratio(r["seconds"], best(small, gevents)), 1.10)
        measure.target(row.text + ", ab / gevent", ratio(r["ab"], best(small, gevents, "ab")), 1.10)
        measure.target(row.text + ", failed", r["failed"], 0)
        wrong = sum(abs(calls - 100) for calls in r["calls"]) + r["repeated"]
        measure.target(row.text + ", upstream calls missing, too many or made twice", wrong, 0)
        measure.target(row.text + ", upstream calls at once", r["most"], 95, at_least=True)
        measure.target(row.text + ", missed", r["missed"], 0)
    for row, r in big:
        if row.proxy is None:
            continue
        measure.target(row.text + ", the big run / gevent", ratio(r["seconds"], best(big, gevents)), 0.70)
        measure.target(row.text + ", failed", r["failed"], 0)
        measure.target(row.text + ", missed", r["missed"], 0)
        measure.target(row.text + ", siding RSS", r["rss"], 24, " MiB")
        measure.target(row.text + ", siding CPU a request", r["cpu"], 0.3, " ms")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--rows", help="comma-separated: " + ",".join(row.name for row in ROWS))
    parser.add_argument("--repeat", type=int, default=3, help="bursts and ab runs a row; the middle one counts")
    parser.add_argument("--quick", action="store_true", help="one repeat, 2000 requests, big run without gevent 100")
    parser.add_argument("--no-big", action="store_true", help="only the runs with 100 clients")
    parser.add_argument("--only-big", action="store_true", help="only -c 1000 -n 5000")
    options = parser.parse_args()
    names = options.rows.split(",") if options.rows else [row.name for row in ROWS]
    unknown = set(names) - {row.name for row in ROWS}
    if unknown:
        parser.error("no such row: " + ", ".join(sorted(unknown)))
    rows = [row for row in ROWS if row.name in names]
    if not harness.BINARY:
        measure.say("SIDING_BINARY names no program: the rows with siding are left out\n")
        rows = [row for row in rows if not row.name.startswith("siding")]
    measure.raise_open_files()
    measure.say_machine()
    repeats, n = (1, 2000) if options.quick else (options.repeat, BIG_REQUESTS)

    small, big = [], []
    for row in rows if not options.only_big else ():
        measure.say("... " + row.text)
        small.append((row, measure_row(row, repeats)))
    if small:
        print_small(small)
    for row in rows if not options.no_big else ():
        if row.big and not (options.quick and row.name == "gevent100"):
            measure.say("... %s, %d requests" % (row.text, n))
            big.append((row, measure_big(row, n)))
    if big:
        print_big(big, n)
    if any(row.proxy for row, _ in small + big):
        print_targets(small, big)


if __name__ == "__main__":
    sys.exit(main())
