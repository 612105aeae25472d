"""What a Redis behind the cache costs, well, hung and dead: p99 of misses and hits beside a siding without one.

    SIDING_BINARY=... python3 redis.py [--seconds 8]

Two sidings in front of one origin (5 ms), with and without a Redis; eight clients each in turns; one request in
four is for a path that nobody has asked for yet, so that the Redis is asked.
"""
import argparse
import signal
import sys
import tempfile
import time

import measure
import harness
import load
from redis_test import Redis

CLIENTS = 8


class Bed(measure.Bed):
    number = 0

    def siding(self, origin, **cache):
        folder = tempfile.mkdtemp(dir=self.folder)
        return self.keep(harness.Siding(folder, harness.Ports(), {
            "threads": 1, "log": {"access": "off"}, "cache": dict({"memory": "32MiB"}, **cache),
            "backend": {"shop": {"url": origin.url, "concurrency": 64}},
            "route": [{"backend": "shop", "cache": {"ttl": {"200": "60s"}}}]}))

    def targets(self, n):
        """Three of four were asked for before."""
        out = []
        for _ in range(n):
            self.number += 1
            out.append("/s?word=%d" % (self.number if self.number % 4 == 0 else self.number % 64))
        return out


def turn(bed, sidings, seconds):
    """{siding: (times, failed)}; half a second each, in turns."""
    out = {s: ([], 0) for s in sidings}
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        for siding in sidings:
            results = load.run(siding.ports.address, [load.get(t, close=False) for t in bed.targets(400)], CLIENTS,
                               keep=True, timeout=20)
            times, failed = out[siding]
            times += [r.seconds for r in results if not r.error]
            out[siding] = times, failed + sum(1 for r in results if r.error or r.status != 200)
    return out


def p99(times):
    return sorted(times)[int(len(times) * 0.99)] if times else None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seconds", type=float, default=8)
    seconds = parser.parse_args().seconds
    measure.say_machine()
    bed = Bed()
    try:
        origin = bed.keep(harness.SlowUpstream(bed.folder, 5))
        redis = Redis(bed)
        alone = bed.siding(origin)
        shared = bed.siding(origin, redis={"url": "redis://127.0.0.1:%d" % redis.port})
        harness.until(lambda: shared.metrics().sum("siding_redis_followed") == 1, what="redis is followed")
        rows, failed, worst = [], 0, 0
        faults = {"well": lambda: None, "hung": lambda: redis.process.signal(signal.SIGSTOP),
                  "dead": redis.process.kill, "there again": redis.run}
        for name, fault in faults.items():
            fault()
            done = turn(bed, (alone, shared), seconds)
            ratio = p99(done[shared][0]) / p99(done[alone][0])
            failed += done[shared][1]
            worst = max(worst, ratio)
            rows.append([name, len(done[shared][0]), done[shared][1], "%.1f" % (1000 * p99(done[alone][0])),
                         "%.1f" % (1000 * p99(done[shared][0])), "%.2f" % ratio])
        measure.table(["Redis", "requests", "failed", "p99 without ms", "p99 with ms", "ratio"], rows)
        measure.say("")
        measure.target("failed requests", failed, 0)
        measure.target("p99 with a Redis, whatever it does, to p99 without", worst, 1.5)
    finally:
        bed.end()
    return 0


if __name__ == "__main__":
    sys.exit(main())
