"""./dev lint: holds the tree against the rules of CONTRIBUTING.md. ./dev format: applies clang-format.

Prints `path:line: rule: what`, one a line; exits with 1 if there is an error. Warnings pass.
"""
import argparse
import os
import re
import subprocess
import sys

import coroutines
import files
import layers
from tree import Finding, Tree

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
COMPLAINT = re.compile(r"^(.*?):(\d+):\d+: error: code should be clang-formatted", re.MULTILINE)


def clang_format(tree, *options):
    if not tree.cpp:
        return ""
    return subprocess.run(["clang-format", "--style=file", *options, *tree.cpp], cwd=tree.root,
                          capture_output=True, text=True).stderr


def check_format(tree):
    lines = {}
    for path, line in COMPLAINT.findall(clang_format(tree, "--dry-run", "-Werror")):
        lines.setdefault(path, []).append(int(line))
    for path, numbers in lines.items():
        yield Finding(path, numbers[0], "format", "%d places; ./dev format mends them" % len(numbers))


def check_shell(tree):
    for path in tree.paths:
        if re.match(r"#!.*\b(?:ba)?sh\b", tree.text(path)):
            done = subprocess.run(["bash", "-n", path], cwd=tree.root, capture_output=True, text=True)
            if done.returncode:
                yield Finding(path, 1, "shell", done.stderr.strip())


def lint(tree):
    for rules in (check_format, check_shell, layers.check, coroutines.check, files.check):
        yield from rules(tree)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lint", action="store_true", help="the default")
    parser.add_argument("--format", action="store_true")
    arguments = parser.parse_args()
    tree = Tree(ROOT)
    if arguments.format:
        sys.stderr.write(clang_format(tree, "-i"))
        return 0
    findings = sorted(lint(tree))
    for f in findings:
        print("%s:%d: %s%s: %s" % (f.path, f.line, "warning: " if f.warning else "", f.rule, f.text))
    errors = sum(not f.warning for f in findings)
    print("lint: %d files, %d errors, %d warnings" % (len(tree.paths), errors, len(findings) - errors))
    return errors > 0


if __name__ == "__main__":
    sys.exit(main())
