"""The files that the rules look at, and C++ cut into tokens."""
import collections
import functools
import os
import re
import subprocess

Finding = collections.namedtuple("Finding", "path line rule text warning", defaults=(False,))
Token = collections.namedtuple("Token", "kind text line")

TOKEN = re.compile(r"""
    (?P<comment> //(?:\\\n|[^\n])* | /\*.*?\*/ )
  | (?P<directive> ^[ \t]*\#(?:\\\n|[^\n])* )
  | (?P<string> (?:u8|[uUL])?R"(?P<fence>[^()\\\s]{0,16})\(.*?\)(?P=fence)"
              | (?:u8|[uUL])?"(?:[^"\\\n]|\\.)*" | (?:u8|[uUL])?'(?:[^'\\\n]|\\.)+' )
  | (?P<number> \.?\d(?:[eEpP][+-]|'?[\w.])* )
  | (?P<word> [A-Za-z_]\w* )
  | (?P<sign> ::|->|&&|\|\||\S )
""", re.VERBOSE | re.DOTALL | re.MULTILINE)


def tokenize(text):
    """All tokens of C++ source, comments and preprocessor lines among them."""
    line, end = 1, 0
    for found in TOKEN.finditer(text):
        line += text.count("\n", end, found.start())
        end = found.start()
        yield Token(found.lastgroup if found.lastgroup != "fence" else "string", found.group(), line)


class Tree:
    """A folder's files: those that git tracks or would, or all of them where there is no git."""

    def __init__(self, root):
        self.root = root
        listed = subprocess.run(
            ["git", "-c", "safe.directory=*", "-C", root, "ls-files", "-z", "-co", "--exclude-standard"],
            capture_output=True, text=True)
        names = listed.stdout.split("\0") if listed.returncode == 0 else self.walk()
        self.paths = sorted(n for n in set(names) if n and os.path.isfile(os.path.join(root, n)))
        self.cpp = self.ending(".cc", ".h")

    def walk(self):
        for folder, folders, names in os.walk(self.root):
            folders[:] = [f for f in folders if f not in ("build", ".git")]
            for name in names:
                yield os.path.relpath(os.path.join(folder, name), self.root)

    def ending(self, *ends):
        return [p for p in self.paths if p.endswith(ends)]

    @functools.lru_cache(maxsize=None)
    def text(self, path):
        """The text of a file; nothing for one that is not text."""
        with open(os.path.join(self.root, path), "rb") as f:
            data = f.read()
        return "" if b"\0" in data else data.decode("utf-8", "replace")

    @functools.lru_cache(maxsize=None)
    def lines(self, path):
        return self.text(path).split("\n")

    @functools.lru_cache(maxsize=None)
    def tokens(self, path):
        return list(tokenize(self.text(path)))

    def code(self, path):
        """The tokens that the compiler sees."""
        return [t for t in self.tokens(path) if t.kind not in ("comment", "directive")]

    def allowed(self, path, line, rule):
        """Whether the line, or the one above it, says `allow-RULE: reason`."""
        return any("allow-%s: " % rule in text for text in self.lines(path)[max(line - 2, 0):line])
