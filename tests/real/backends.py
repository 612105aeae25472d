"""The blocking services that siding is put in front of: the example application under uWSGI and
gunicorn, as Debian packages them. Each waits until it listens and calls through `proxy`, if given."""
import os

from harness import PYTHON, Process, TOP

EXAMPLE = os.path.join(TOP, "docker", "example")
UWSGI = ["uwsgi", "--plugins", "http,python3"]


def environment(folder, proxy=None, music=None, **extra):
    """What the application is told: a database and a trace file of this run, the upstream, the proxy."""
    values = {"DATABASE": database(folder), "EXECUTIONS": executions_file(folder),
              "PYTHONDONTWRITEBYTECODE": "1", **extra}
    if music:
        values["MUSIC_URL"] = music
    if proxy:
        values.update(http_proxy=proxy, no_proxy="")
    return values


def database(folder):
    return os.path.join(folder, "example.sqlite3")


def executions_file(folder):
    return os.path.join(folder, "executions")


def executions(folder):
    """What the views recorded: a line "METHOD id" for each time that one ran."""
    try:
        with open(executions_file(folder)) as lines:
            return lines.read().split("\n")[:-1]
    except FileNotFoundError:
        return []


def migrate(folder):
    """Makes the table that /row-search/ reads."""
    process = Process("migrate", [PYTHON, "-m", "django", "migrate", "--run-syncdb", "--settings", "app.settings"],
                      folder, cwd=EXAMPLE, **environment(folder))
    code = process.wait(30)
    process.kill()
    if code:
        raise AssertionError("migrate failed:\n" + process.log())


def server(name, argv, folder, port, module_folder=EXAMPLE, **values):
    return Process(name, argv, folder, cwd=module_folder, **environment(folder, **values)).wait_port(port)


def uwsgi_router(folder, port, *options, module="app.wsgi", processes=1, plugins="", **values):
    """The line of the talk: uWSGI's http router in front of its worker."""
    argv = ["uwsgi", "--plugins", "http,python3" + plugins, "--http", "127.0.0.1:%d" % port,
            "--module", module, "--processes", str(processes), "--disable-logging", *options]
    return server("uwsgi", argv, folder, port, **values)


def uwsgi_http_socket(folder, port, *options, module="app.wsgi", processes=1, **values):
    """The worker speaks HTTP itself."""
    argv = UWSGI + ["--http-socket", "127.0.0.1:%d" % port, "--module", module,
                    "--processes", str(processes), "--disable-logging", *options]
    return server("uwsgi", argv, folder, port, **values)


def gunicorn(folder, port, *options, module="app.wsgi", **values):
    """gunicorn's sync worker, unless the options say otherwise."""
    argv = ["gunicorn", "--bind", "127.0.0.1:%d" % port, "--no-sendfile", "--worker-tmp-dir", "/dev/shm",
            "--timeout", "120", *options, module + ":application"]
    return server("gunicorn", argv, folder, port, **values)


def gunicorn_gthread(folder, port, threads, *options, **values):
    return gunicorn(folder, port, "--worker-class", "gthread", "--threads", str(threads), *options, **values)
