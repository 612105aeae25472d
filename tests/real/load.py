"""A client load generator: raw requests over many sockets, one epoll loop, little CPU.

As a module: `run(address, requests, concurrency)` in this process, or `Load(...)` in a process of
its own, whose `results()` are collected later. A request is bytes, or (bytes, source address).
Each goes over a connection of its own unless keep is true. A result is a `Result`.
"""
import collections
import heapq
import os
import pickle
import resource
import select
import socket
import subprocess
import sys
import time

Result = collections.namedtuple("Result", "status head body seconds error")
PYTHON = "/usr/bin/python3"
READ = select.EPOLLIN
WRITE = select.EPOLLOUT


def get(target, host="siding.test", fields=(), close=True):
    """The bytes of a GET as a plain client writes it."""
    lines = ["GET " + target + " HTTP/1.1", "Host: " + host, "Accept: */*"]
    lines += [name + ": " + value for name, value in fields]
    lines += ["Connection: close"] if close else []
    return "\r\n".join(lines + ["", ""]).encode("latin-1")


def post(target, body, host="siding.test", fields=(), close=True):
    lines = ["POST " + target + " HTTP/1.1", "Host: " + host, "Content-Length: " + str(len(body))]
    lines += [name + ": " + value for name, value in fields]
    lines += ["Connection: close"] if close else []
    return "\r\n".join(lines + ["", ""]).encode("latin-1") + body


class Slot:
    """One connection at a time, and the request that is on it."""

    def __init__(self, run):
        self.run, self.socket = run, None

    def start(self, index, request, source):
        self.index, self.out, self.input = index, request, b""
        self.began, self.head, self.length = time.monotonic(), None, None
        if self.socket is None:
            self.fresh = True
            self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            self.socket.setblocking(False)
            if source:
                self.socket.bind((source, 0))
            self.socket.connect_ex(self.run.address)
            self.run.slots[self.socket.fileno()] = self
            self.run.epoll.register(self.socket, WRITE)
        else:
            self.fresh = False
            self.writable()

    def event(self, bits):
        try:
            if self.out and bits & (WRITE | select.EPOLLERR | select.EPOLLHUP):
                self.writable()
            elif bits & (READ | select.EPOLLHUP | select.EPOLLERR):
                self.readable()
        except OSError as error:
            self.done(error=type(error).__name__)

    def writable(self):
        sent = self.socket.send(self.out)
        self.out = self.out[sent:]
        self.run.epoll.modify(self.socket, READ | (WRITE if self.out else 0))

    def readable(self):
        data = self.socket.recv(65536)
        self.input += data
        if self.head is None and b"\r\n\r\n" in self.input:
            self.head, _, self.input = self.input.partition(b"\r\n\r\n")
            if self.head[9:10] == b"1":  # interim
                self.head = None
                return
            fields = self.head.lower()
            self.chunked = b"\r\ntransfer-encoding: chunked" in fields
            at = fields.find(b"\r\ncontent-length:")
            if at >= 0:
                self.length = int(fields[at + 17:].split(b"\r\n", 1)[0])
            self.closes = b"\r\nconnection: close" in fields or fields.startswith(b"http/1.0")
        if self.head is not None and self.whole():
            self.done()
        elif not data:
            plain = self.head is not None and self.length is None and not self.chunked
            self.closes = True
            self.done(error=None if plain else "closed")

    def whole(self):
        if self.chunked:
            return self.input.endswith(b"0\r\n\r\n")
        return self.length is not None and len(self.input) >= self.length

    def done(self, error=None):
        status, body = 0, self.input
        if self.head is not None:
            status = int(self.head[9:12])
            if self.chunked and not error:
                body = unchunk(body)
        reuse = self.run.keep and not error and not self.closes
        if not reuse:
            self.run.slots.pop(self.socket.fileno(), None)
            self.socket.close()
            self.socket = None
        head = (self.head or b"").decode("latin-1")
        seconds = time.monotonic() - self.began
        self.run.finish(self, Result(status, head, body, seconds, error))


def unchunk(data):
    body = b""
    while data:
        size, _, data = data.partition(b"\r\n")
        size = int(size.split(b";")[0], 16)
        body, data = body + data[:size], data[size + 2:]
        if not size:
            break
    return body


class Run:
    def __init__(self, address, requests, concurrency, keep, timeout):
        self.address, self.requests, self.keep, self.timeout = address, requests, keep, timeout
        self.results = [None] * len(requests)
        self.next, self.left = 0, len(requests)
        self.epoll, self.slots, self.deadlines = select.epoll(), {}, []
        self.idle = [Slot(self) for _ in range(min(concurrency, len(requests)))]

    def fill(self):
        while self.idle and self.next < len(self.requests):
            slot, index = self.idle.pop(), self.next
            request = self.requests[index]
            source = None
            if isinstance(request, tuple):
                request, source = request
            self.next += 1
            heapq.heappush(self.deadlines, (time.monotonic() + self.timeout, index, id(slot), slot))
            try:
                slot.start(index, request, source)
            except OSError as error:
                slot.done(error=type(error).__name__)

    def finish(self, slot, result):
        self.results[slot.index] = result
        self.left -= 1
        self.idle.append(slot)

    def expire(self):
        now = time.monotonic()
        while self.deadlines and self.deadlines[0][0] < now:
            _, index, _, slot = heapq.heappop(self.deadlines)
            if self.results[index] is None:
                slot.done(error="timeout")

    def go(self):
        while self.left:
            self.fill()
            for descriptor, bits in self.epoll.poll(0.5):
                slot = self.slots.get(descriptor)
                if slot:
                    slot.event(bits)
            self.expire()
        for slot in list(self.slots.values()):
            slot.socket.close()
        return self.results


def run(address, requests, concurrency=None, keep=False, timeout=60):
    """Sends every request, `concurrency` at a time (default: all at once); results in order."""
    return Run(address, requests, concurrency or len(requests), keep, timeout).go()


class Load:
    """The same in a process of its own, so that the caller can watch meanwhile."""

    def __init__(self, address, requests, concurrency=None, keep=False, timeout=60):
        self.process = subprocess.Popen([PYTHON, os.path.abspath(__file__)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        pickle.dump((address, requests, concurrency, keep, timeout), self.process.stdin)
        self.process.stdin.close()

    def results(self):
        """Waits for the end; what the whole run took is left in `seconds` and `cpu`."""
        try:
            self.seconds, self.cpu, results = pickle.load(self.process.stdout)
        finally:
            self.stop()
        return [Result(*fields) for fields in results]

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


def main():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    address, requests, concurrency, keep, timeout = pickle.load(sys.stdin.buffer)
    began = time.monotonic()
    results = [tuple(r) for r in run(address, requests, concurrency, keep, timeout)]
    seconds = time.monotonic() - began
    usage = resource.getrusage(resource.RUSAGE_SELF)
    answer = (seconds, usage.ru_utime + usage.ru_stime, results)
    pickle.dump(answer, sys.stdout.buffer)


if __name__ == "__main__":
    main()
