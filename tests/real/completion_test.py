"""`siding completion SHELL`, asked by the real shells."""
import os
import pathlib
import pty
import re
import select
import subprocess
import tempfile
import time
import unittest

import harness


def script(shell):
    done = subprocess.run([harness.BINARY, "completion", shell], text=True, capture_output=True, check=True)
    return done.stdout


class CompletionTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        pathlib.Path(self.folder.name, "shop.toml").write_text("")

    def write(self, shell):
        file = pathlib.Path(self.folder.name, "_siding." + shell)
        file.write_text(script(shell))
        return str(file)

    def bash(self, *words):
        """What bash offers for the last of these words."""
        code = ('source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _siding; '
                'printf "%s\\n" "${COMPREPLY[@]}"')
        done = subprocess.run(["bash", "-c", code, "bash", self.write("bash"), *words], text=True,
                              capture_output=True, check=True, cwd=self.folder.name)
        self.assertEqual(done.stderr, "")
        return done.stdout.split()

    def fish(self, line):
        done = subprocess.run(["fish", "--no-config", "-c", "source $argv[1]; complete -C $argv[2]", self.write("fish"),
                               line], text=True, capture_output=True, check=True, cwd=self.folder.name)
        self.assertEqual(done.stderr, "")
        return [offer.split("\t")[0] for offer in done.stdout.splitlines()]

    def zsh(self, line, wanted):
        """Types the line and a tab into an interactive zsh, and waits until it shows what is wanted."""
        pid, terminal = pty.fork()
        if pid == 0:
            os.chdir(self.folder.name)
            os.environ.update(TERM="dumb", PS1="> ", HOME=self.folder.name)
            os.execvp("zsh", ["zsh", "-f", "-i"])
        seen = ""
        try:
            setup = "autoload -Uz compinit; compinit -u -D; source %s; print RE''ADY\n" % self.write("zsh")
            os.write(terminal, setup.encode())
            typed = False
            end = time.monotonic() + 20
            while time.monotonic() < end:
                if select.select([terminal], [], [], 0.2)[0]:
                    seen += os.read(terminal, 4096).decode("utf-8", "replace")
                if "READY" in seen and not typed:
                    typed, seen = True, ""
                    os.write(terminal, line.encode() + b"\t")
                if typed and re.search(wanted, seen):
                    return
            self.fail("zsh showed: %r" % seen)
        finally:
            os.kill(pid, 9)
            os.waitpid(pid, 0)
            os.close(terminal)

    def test_bash(self):
        self.assertEqual(self.bash("siding", "e"), ["env", "explain"])
        self.assertIn("completion", self.bash("siding", ""))
        self.assertEqual(self.bash("siding", "run", "--conc"), ["--concurrency"])
        self.assertEqual(self.bash("siding", "env", "--for", "r"), ["ruby"])
        self.assertEqual(self.bash("siding", "explain", "s"), ["slow", "shop.toml"])
        self.assertEqual(self.bash("siding", "check", "sh"), ["shop.toml"])
        self.assertEqual(self.bash("siding", "purge", "--tag", ""), [])

    def test_fish(self):
        self.assertEqual(self.fish("siding e"), ["env", "explain"])
        self.assertEqual(self.fish("siding run --conc"), ["--concurrency"])
        self.assertEqual(self.fish("siding env --for r"), ["ruby"])
        self.assertIn("slow", self.fish("siding explain s"))
        self.assertEqual(self.fish("siding check sh"), ["shop.toml"])

    def test_zsh(self):
        self.zsh("siding expl", r"siding explain")
        self.zsh("siding run --conc", r"--concurrency")
        self.zsh("siding env --for rub", r"--for ruby")
        self.zsh("siding check sh", r"shop\.toml")

    def test_another_shell_is_a_fault(self):
        done = subprocess.run([harness.BINARY, "completion", "tcsh"], text=True, capture_output=True)
        self.assertEqual(done.returncode, 2)
        self.assertIn("bash", done.stderr)


if __name__ == "__main__":
    unittest.main()
