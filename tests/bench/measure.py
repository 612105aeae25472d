"""What the benches share: reading /proc of the programs they started, and printing a table."""
import os
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "real"))

TICK = os.sysconf("SC_CLK_TCK")


def raise_open_files():
    """To the hard limit; returns it."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def cpu_seconds(pids):
    """User + system time of all threads of these processes."""
    ticks = 0
    for pid in pids:
        try:
            with open("/proc/%d/stat" % pid) as stat:
                fields = stat.read().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        except OSError:
            pass
    return ticks / TICK


def status(pid):
    """The fields of /proc/PID/status; empty when the process is gone."""
    try:
        with open("/proc/%d/status" % pid) as lines:
            return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}
    except OSError:
        return {}


def rss_kib(pid, peak=False):
    return int(status(pid).get("VmHWM" if peak else "VmRSS", "0").split()[0])


def largest_kib(pids, count):
    """The peak RSS of the largest processes among these, in all."""
    return sum(sorted((rss_kib(pid, peak=True) for pid in pids), reverse=True)[:count])


def open_files(pid, path):
    """How many descriptors of a process are open on one file."""
    count, folder = 0, "/proc/%d/fd" % pid
    try:
        for descriptor in os.listdir(folder):
            try:
                count += os.readlink(os.path.join(folder, descriptor)) == path
            except OSError:
                pass
    except OSError:
        pass
    return count


class Watch:
    """While it is entered, keeps the most that a process tree has used: threads and RSS of its largest
    `workers` processes, and descriptors open on a database file."""

    def __init__(self, process, database, workers=1):
        self.process, self.database, self.workers = process, os.path.realpath(database), workers
        self.threads = self.rss = self.connections = 0
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()

    def run(self):
        while True:
            pids = self.process.tree()
            largest = sorted(pids, key=rss_kib, reverse=True)[:self.workers]
            self.rss = max(self.rss, sum(rss_kib(pid) for pid in largest))
            self.threads = max(self.threads, sum(int(status(pid).get("Threads", "0")) for pid in largest))
            self.connections = max(self.connections, sum(open_files(pid, self.database) for pid in pids))
            if self.over.wait(0.1):
                return


class Bed:
    """A folder and programs, which end together: what the servers of the real tests expect of a test."""

    def __init__(self):
        self.folder, self.programs = tempfile.mkdtemp(prefix="siding-bench-"), []

    def keep(self, process):
        self.programs.append(process)
        return process

    def end(self):
        for process in reversed(self.programs):
            process.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


def table(columns, rows):
    """Prints rows of values under their columns, the first to the left, numbers to the right."""
    text = [[str(value) for value in row] for row in [columns, *rows]]
    widths = [max(len(row[i]) for row in text) for i in range(len(columns))]
    for number, row in enumerate(text):
        cells = [row[0].ljust(widths[0])] + [v.rjust(w) for v, w in zip(row[1:], widths[1:])]
        print("  ".join(cells).rstrip())
        if number == 0:
            print("  ".join("-" * w for w in widths))
    sys.stdout.flush()


def middle(values):
    """The median; None of nothing."""
    return statistics.median(values) if values else None


def say(text):
    print(text, flush=True)


def say_machine():
    """How many cores there are, and whether others use them: then seconds say little."""
    load = os.getloadavg()[0]
    say("%d cores, load %.1f before the run%s\n" % (os.cpu_count(), load,
                                                    ": others work on this machine" if load > 0.7 else ""))


def target(text, value, limit, unit="", at_least=False):
    """One line: what is asked, what was measured, whether it is met."""
    if value is None:
        say("  not run  %s" % text)
        return
    met = value >= limit if at_least else value <= limit
    say("  %s  %s: %.4g%s (%s %.4g%s)" % ("met    " if met else "MISSED ", text, value, unit,
                                         "at least" if at_least else "at most", limit, unit))


def pinned(core, argv):
    return ["taskset", "-c", str(core), *argv]


def pin_threads(pid, core):
    """What is pinned from its beginning may decide on fewer threads."""
    for task in os.listdir("/proc/%d/task" % pid):
        os.sched_setaffinity(int(task), {core})


def wrk(url, seconds, connections):
    """(requests, failed) of one run of wrk, pinned to core 1."""
    out = subprocess.run(pinned(1, ["wrk", "-t1", "-c%d" % connections, "-d%ds" % seconds, url]),
                         capture_output=True, text=True).stdout
    requests = re.search(r"(\d+) requests in", out)
    errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", out)
    other = re.search(r"Non-2xx or 3xx responses: (\d+)", out)
    failed = sum(map(int, errors.groups())) if errors else 0
    return int(requests[1]), failed + (int(other[1]) if other else 0)


class Turns:
    """Servers that take turns under wrk, so that what the machine does meanwhile meets all of them. For
    each name a list by round: us of CPU a request, of the whole process tree; requests/s; failed."""

    def __init__(self, rows, rounds, seconds, connections):
        """rows: [(name, url, process)]"""
        self.costs, self.rates, self.failures = ({name: [] for name, _, _ in rows} for _ in range(3))
        for _, url, _ in rows:
            wrk(url, 1, connections)  # opens the connections behind it
        for _ in range(rounds):
            for name, url, process in rows:
                pids = process.tree()
                before = cpu_seconds(pids)
                requests, failed = wrk(url, seconds, connections)
                self.costs[name].append((cpu_seconds(pids) - before) * 1e6 / max(requests, 1))
                self.rates[name].append(requests / seconds)
                self.failures[name].append(failed)
