"""Many clients that are connected already and all ask in the same moment."""
import collections
import select
import socket
import time

# Of all clients: answers with the right body, the others, seconds to the last and to the middle answer.
Burst = collections.namedtuple("Burst", "good bad seconds middle")


def connect(port, count):
    """A hundred at a time: a listener's queue has an end."""
    clients = []
    while len(clients) < count:
        for _ in range(min(100, count - len(clients))):
            clients.append(socket.create_connection(("127.0.0.1", port)))
        time.sleep(0.002)
    for client in clients:
        client.setblocking(False)
    return clients


def whole(data):
    head, mark, body = data.partition(b"\r\n\r\n")
    if not mark:
        return False
    if b"chunked" in head:
        return body.endswith(b"0\r\n\r\n")
    length = head.lower().partition(b"content-length:")[2].partition(b"\r")[0]
    return len(body) >= int(length or 0)


def burst(port, target, count, body, timeout=60):
    clients = connect(port, count)
    epoll, data = select.epoll(), {}
    for client in clients:
        epoll.register(client.fileno(), select.EPOLLIN)
        data[client.fileno()] = b""
    by_number = {client.fileno(): client for client in clients}
    request = ("GET %s HTTP/1.1\r\nHost: bench.test\r\n\r\n" % target).encode()
    began, good, times = time.monotonic(), 0, []
    for client in clients:
        client.send(request)
    while by_number and time.monotonic() - began < timeout:
        for number, _ in epoll.poll(1, 1024):
            try:
                piece = by_number[number].recv(65536)
            except OSError:
                piece = b""
            data[number] += piece
            if piece and not whole(data[number]):
                continue
            good += data[number].startswith(b"HTTP/1.1 200 ") and body in data[number]
            times.append(time.monotonic() - began)
            epoll.unregister(number)
            by_number.pop(number)
    for client in clients:
        client.close()
    times.sort()
    return Burst(good, count - good, times[-1] if times else timeout, times[len(times) // 2] if times else timeout)
