"""siding's cache: a hit beside nginx's and Varnish's, 8,000 who ask for a cold key, memory and hit ratio.

    SIDING_BINARY=... python3 cache.py [--rounds 5] [--seconds 2] [--connections 32] [--clients 8000]

Hits: each cache has one worker and is pinned to core 0, the origin and wrk are pinned to core 1, and they
take turns. Cold keys: the clients are connected before all of them ask at once; the origin takes 500 ms.
Memory: a Zipf load over ten times the budget, the trace of `policies`, which also says what LRU, S3-FIFO
and W-TinyLFU would have made of it.
"""
import argparse
import os
import shutil
import subprocess
import sys
import tempfile

import burst
import cache_servers
import measure
import harness

HERE = os.path.dirname(os.path.abspath(__file__))
BUDGET = 64  # MiB


def hits(folder, memory, origin, options):
    """Requests that the origin got beyond one for each key and cache."""
    rows = [("siding", *cache_servers.siding(folder, origin, 32)),
            ("nginx", *cache_servers.nginx(folder, origin, memory)),
            ("varnish", *cache_servers.varnish(folder, origin, memory))]
    extra = 0
    try:
        for size in (cache_servers.SMALLEST, cache_servers.LARGEST):
            urls = [(name, "http://127.0.0.1:%d/hot/%s/%d" % (port, name, size), process)
                    for name, port, process in rows]
            turns = measure.Turns(urls, options.rounds, options.seconds, options.connections)
            cost, rate = ({name: measure.middle(of[name]) for name in of} for of in (turns.costs, turns.rates))
            asked = {name: origin.asked("/hot/%s/%d" % (name, size)) for name in cost}
            extra += sum(asked.values()) - len(asked)
            measure.table(["a hit of %d KiB" % (size // 1024), "us CPU/request", "least", "most", "siding's is",
                           "requests/s", "siding's are", "failed", "origin asked"],
                          [[name, "%.1f" % cost[name], "%.1f" % min(turns.costs[name]),
                            "%.1f" % max(turns.costs[name]), "%.2f" % (cost["siding"] / cost[name]),
                            "%.0f" % rate[name], "%.2f" % (rate["siding"] / rate[name]),
                            sum(turns.failures[name]), asked[name]] for name in cost])
            for name in ("nginx", "varnish"):
                measure.target("CPU of a hit of %d KiB / %s's" % (size // 1024, name), cost["siding"] / cost[name], 1)
            print()
    finally:
        for _, _, process in rows:
            process.kill()
    return extra


def cold(folder, origin, clients):
    port, process = cache_servers.siding(folder, origin, clients, limits={"max_connections": clients + 100})
    try:
        rows, bad = [], 0
        for name, where, target, body in (
                ("without siding", origin.port, "/slow/private/direct", b"private"),
                ("to be shared, cold", port, "/slow/shared", b"shared"),
                ("private, cold", port, "/slow/private", b"private"),
                ("private, known to be so", port, "/slow/private", b"private"),
                ("another, cold, connections kept", port, "/slow/private/other", b"private")):
            before = origin.asked(target)
            result = burst.burst(where, target, clients, body)
            asked = origin.asked(target) - before
            rows.append([name, "%.2f" % result.middle, "%.2f" % result.seconds, result.bad, asked])
            bad += result.bad
            if name == "to be shared, cold":
                shared = asked
        measure.table(["%d clients at once, origin 500 ms" % clients, "s, the middle one", "s, all", "failed",
                       "origin asked"], rows)
        measure.target("a cold key, requests of the origin", shared, 1)
        measure.target("failed", bad, 0)
        print()
    finally:
        process.kill()


def send(port, path):
    """The targets of a file, in their order, over 16 connections."""
    argv = ["wrk", "-t1", "-c16", "-d600s", "-s", os.path.join(HERE, "cache_trace.lua"), "http://127.0.0.1:%d" % port,
            "--", path]
    subprocess.run(measure.pinned(1, argv), stdout=subprocess.DEVNULL, check=True)


def memory_and_ratio(folder, origin):
    policies = os.path.join(os.path.dirname(harness.BINARY), "bench", "policies")
    text = subprocess.run([policies, "--budget", str(BUDGET), "--write", folder], check=True, capture_output=True,
                          text=True).stdout
    ratios = {words[0]: float(words[1]) for words in map(str.split, text.splitlines()) if len(words) == 2}
    port, process = cache_servers.siding(folder, origin, 32, cache={"memory": "%dMiB" % BUDGET})
    try:
        start = measure.rss_kib(process.pid)
        send(port, folder + "/warm")
        before = origin.asked("/o/")
        send(port, folder + "/trace")
        asked = origin.asked("/o/") - before
        with open(folder + "/trace") as trace:
            siding = 1 - asked / sum(1 for _ in trace)
        peak = measure.rss_kib(process.pid, peak=True)
        metrics = process.metrics()
        # What was under way when wrk had sent the last one is gone with it.
        failed = metrics.sum("siding_exchanges_total") - metrics.outcome("ok") - metrics.outcome("client_gone")
    finally:
        process.kill()
    budget = BUDGET * 1024
    print(text.splitlines()[0])
    measure.table(["hits of all requests", "%"], [[name, "%.2f" % (100 * ratio)] for name, ratio in
                                                  [("siding, measured", siding), *ratios.items()]])
    measure.table(["memory", "MiB", "of the budget"], [
        [name, "%.1f" % (kib / 1024), "%.2f" % (kib / budget)] for name, kib in (
            ("RSS at start", start), ("RSS, peak", peak), ("grown by", peak - start))])
    best = max(ratio for name, ratio in ratios.items() if name != "store")
    measure.target("the best one's hits above siding's", 100 * (best - siding), 2, " points")
    measure.target("whole RSS / budget", peak / budget, 1.25)
    measure.target("failed", failed, 0)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=2)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--clients", type=int, default=8000)
    parser.add_argument("--only", choices=["hits", "cold", "memory"])
    options = parser.parse_args()
    if not harness.BINARY:
        parser.error("SIDING_BINARY names no program")
    if os.cpu_count() < 2:
        parser.error("this bench needs two cores: one for the cache, one for the load")
    files = measure.raise_open_files()
    clients = min(options.clients, (files - 500) // 2)
    folder, memory = (tempfile.mkdtemp(prefix="siding-bench-", dir=where) for where in (None, "/dev/shm"))
    for path in (folder, memory):
        os.chmod(path, 0o777)  # nginx started by root changes its user
    measure.say_machine()
    try:
        origin = cache_servers.Origin(folder, 2 * clients)
        try:
            if options.only in (None, "hits"):
                measure.target("requests of the origin beyond one a key", hits(folder, memory, origin, options), 0)
            if options.only in (None, "cold"):
                cold(folder, origin, clients)
            if options.only in (None, "memory"):
                memory_and_ratio(folder, origin)
        finally:
            origin.kill()
    finally:
        for path in (folder, memory):
            shutil.rmtree(path, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
