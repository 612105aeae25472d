"""What every file keeps to: a length, an opening comment, no sleeps in tests, no open ends."""
import io
import re
import tokenize

from tree import Finding

THINK_AGAIN, SPLIT = 400, 600
COLUMNS = 110                                  # comments; clang-format keeps code within 100
OPENING = re.compile(r"(?://|/\*)[^\w\n]*\w+[^\w\n]+\w+")
SLEEPS = ("sleep", "sleep_for", "sleep_until", "usleep", "nanosleep")
SHELL_SLEEP = re.compile(r"(?:^|[;&|({]|\b(?:do|then|else)\b)\s*sleep\s")
# Put together from parts, so that this file passes its own rule.
OPEN_END = re.compile(r"\b(?:TO" "DO|FIX" "ME|X" r"XX)\b")
FUZZ_TARGET = re.compile(r"tests/fuzz/(\w+)_fuzz\.cc")
FUZZ_INPUT = re.compile(r"tests/fuzz/corpus/(\w+)/[^/]+")
MACHINE_PATH = re.compile(r"(?<![\w.~$}/-])/(?:%s)/" % "|".join(("home", "root", "work", "farm", "Users")))


def check_length(tree):
    for path in tree.ending(".cc", ".h", ".py"):
        count = len(tree.text(path).splitlines())
        if count > THINK_AGAIN:
            yield Finding(path, count, "length", "%d lines: %s" % (
                count, "split it" if count > SPLIT else "think again"), count <= SPLIT)


def check_columns(tree):
    for path in tree.cpp:
        for number, line in enumerate(tree.lines(path), 1):
            if len(line) > COLUMNS:
                yield Finding(path, number, "columns", "%d columns, %d are allowed" % (len(line), COLUMNS))


def check_opening(tree):
    for path in tree.cpp:
        if not OPENING.match(tree.text(path)):
            yield Finding(path, 1, "opening", "begin with a comment that says the file's job")
        if path.endswith(".h") and not any(
                t.kind == "directive" and t.text.split() == ["#pragma", "once"] for t in tree.tokens(path)):
            yield Finding(path, 1, "pragma", "a header says #pragma once")


def python_words(text):
    try:
        return [(token.string, token.start[0]) for token in tokenize.generate_tokens(io.StringIO(text).readline)]
    except (tokenize.TokenError, SyntaxError):
        return []                              # whoever runs the file will be told


def sleeps(tree, path):
    """The lines of a file that sleep."""
    if path.endswith(".sh"):
        return [n for n, line in enumerate(tree.lines(path), 1) if SHELL_SLEEP.search(line.split(" #")[0])]
    words = (python_words(tree.text(path)) if path.endswith(".py")
             else [(t.text, t.line) for t in tree.code(path)])
    return [line for (word, line), (after, _) in zip(words, words[1:]) if word in SLEEPS and after == "("]


def check_sleeps(tree):
    for path in tree.ending(".cc", ".h", ".py", ".sh"):
        if not path.startswith("tests/") or path.startswith("tests/bench/"):
            continue
        for line in sleeps(tree, path):
            if not tree.allowed(path, line, "sleep"):
                yield Finding(path, line, "sleep", "wait for the event itself, or use the manual clock"
                              " (else: `allow-sleep: reason`)")


def check_words(tree):
    for path in tree.paths:
        for number, line in enumerate(tree.lines(path), 1):
            if OPEN_END.search(line):
                yield Finding(path, number, "open-end", "finish it, or write an issue")
            if MACHINE_PATH.search(line) and not tree.allowed(path, number, "path"):
                yield Finding(path, number, "path", "a path of one machine (else: `allow-path: reason`)")


def check_python_tests(tree):
    for path in tree.ending("_test.py"):
        if path.startswith("tests/") and "unittest.main()" not in tree.text(path):
            yield Finding(path, 1, "python-main", "without unittest.main() no test of it runs")


def check_fuzz_corpora(tree):
    """A fuzz target begins with what people wrote: it has a corpus, and a corpus has a target."""
    targets = {m[1]: p for p in tree.paths for m in [FUZZ_TARGET.fullmatch(p)] if m}
    corpora = {}
    for path in tree.paths:
        found = FUZZ_INPUT.fullmatch(path)
        if found:
            corpora.setdefault(found[1], path)
    for name in sorted(targets.keys() - corpora.keys()):
        yield Finding(targets[name], 1, "fuzz-corpus", "no input in tests/fuzz/corpus/%s/" % name)
    for name in sorted(corpora.keys() - targets.keys()):
        yield Finding(corpora[name], 1, "fuzz-corpus", "there is no tests/fuzz/%s_fuzz.cc" % name)


def check(tree):
    for rule in (check_length, check_columns, check_opening, check_sleeps, check_words,
                 check_python_tests, check_fuzz_corpora):
        yield from rule(tree)
