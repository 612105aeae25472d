"""A WSGI application of almost no cost: leaves a line "METHOD id" in $EXECUTIONS and echoes the
body's length. For tests that are about the server around it, not about the application."""
import os

LOG = os.open(os.environ["EXECUTIONS"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)


def application(environ, start_response):
    length = len(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)))
    name = environ["QUERY_STRING"].rpartition("id=")[2]
    os.write(LOG, ("%s %s\n" % (environ["REQUEST_METHOD"], name)).encode())
    body = b'{"id": "%s", "length": %d}' % (name.encode(), length)
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]
