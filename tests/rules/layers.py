"""Who may include whom: the siding_library() calls in CMakeLists.txt say it, once for the linker and
once for this rule. And where the heavy headers of third parties may stand."""
import os
import re

from tree import Finding

INCLUDE = re.compile(r'\s*#\s*include\s*(?:"([^"]+)"|<([^>]+)>)')
LIBRARY = re.compile(r"^siding_library\(([^)]*)\)", re.MULTILINE)

# Header prefix -> where it may stand, and whether in one .cc only (each costs seconds to compile,
# or hides a library that should be easy to replace). Tests are free to use what they need.
HEAVY = {
    "toml++/": (("config/",), True),
    "CLI/": (("proxy/tools/cli.cc",), True),
    "spdlog/": (("proxy/observe/log.cc",), True),
    "prometheus/": (("proxy/observe/", "proxy/admin/"), True),
    "hiredis/": (("proxy/upstream/redis_reply.cc",), False),
    "nghttp2/": (("proxy/net/h2_", "proxy/downstream/h2_", "proxy/upstream/h2_"), False),
    "simdjson": (("http/", "proxy/exchange/"), True),
    "ares": (("proxy/net/",), False),
    "openssl/": (
        ("base/digest.cc", "config/certificates.cc", "proxy/net/tls.cc", "proxy/net/tls_client.cc",
         "proxy/net/tls_context.cc", "proxy/net/tls_server.cc", "proxy/net/tls_server_context.cc",
         "proxy/net/tls_tickets.cc"),
        False,
    ),
    "event2/": (("proxy/loop/", "proxy/net/"), False),
    "nlohmann/": ((), False),
    "gtest/": ((), False),
}


def layers(cmake):
    """folder -> all folders below it, from the text of CMakeLists.txt."""
    below = {}
    for call in LIBRARY.findall(cmake):
        folder, *rest = call.split()
        uses = rest[rest.index("USES") + 1:] if "USES" in rest else []
        if "EXTERNAL" in uses:
            uses = uses[:uses.index("EXTERNAL")]
        below[folder] = set(uses).union(*(below[used] for used in uses))
    return below


def includes(tree, path):
    """(line, header, whether in quotes) of a file."""
    for token in tree.tokens(path):
        found = INCLUDE.match(token.text) if token.kind == "directive" else None
        if found:
            yield token.line, found[1] or found[2], bool(found[1])


def check_direction(tree):
    below = layers(tree.text("CMakeLists.txt"))
    for path in tree.cpp:
        folder = os.path.dirname(path)
        test, main = path.startswith("tests/"), path == "proxy/main.cc"
        if not test and not main and folder not in below:
            yield Finding(path, 1, "layers", "%s/ is no siding_library() of CMakeLists.txt" % folder)
            continue
        for line, header, quoted in includes(tree, path):
            if not quoted:
                continue
            other = os.path.dirname(header)
            if not os.path.exists(os.path.join(tree.root, header)):
                yield Finding(path, line, "layers", "no %s; includes are relative to the root" % header)
            elif other.startswith("tests") and not test:
                yield Finding(path, line, "layers", "only tests include from tests/")
            elif not test and not main and other != folder and other not in below[folder]:
                yield Finding(path, line, "layers", "%s/ may not include from %s/, only from: %s" % (
                    folder, other, " ".join(sorted(below[folder])) or "itself"))


def check_cycles(tree):
    graph = {p: [h for _, h, quoted in includes(tree, p) if quoted] for p in tree.cpp}
    done, way = set(), []

    def visit(path):
        if path in way:
            circle = way[way.index(path):] + [path]
            return [Finding(circle[0], 1, "layers", "an include cycle: " + " -> ".join(circle))]
        if path in done:
            return []
        done.add(path)
        way.append(path)
        found = [f for header in graph.get(path, ()) for f in visit(header)]
        way.pop()
        return found

    for path in tree.cpp:
        yield from visit(path)


def check_heavy(tree):
    for prefix, (places, once) in HEAVY.items():
        holders = []
        for path in tree.cpp:
            lines = [n for n, h, _ in includes(tree, path) if h.startswith(prefix)]
            if not lines or path.startswith("tests/"):
                continue
            if not path.startswith(places):
                yield Finding(path, lines[0], "heavy", "<%s...> belongs to %s" % (
                    prefix, " or ".join(places) or "tests/"))
            elif once and path.endswith(".h"):
                yield Finding(path, lines[0], "heavy", "<%s...> belongs into a .cc" % prefix)
            elif once and holders:
                yield Finding(path, lines[0], "heavy", "<%s...> stands in %s already" % (prefix, holders[0]))
            holders.append(path)


def check(tree):
    yield from check_direction(tree)
    yield from check_cycles(tree)
    yield from check_heavy(tree)
