"""./dev demo where there is no apt-get, but Docker. There is no Docker here either: one that notes what it is told stands
for it, so this shows what is asked of it, and what becomes of its answers."""
import os
import shutil
import subprocess
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TOOLS = ["bash", "cat", "dirname", "env", "nproc", "readlink"]
DOCKER = """#!/usr/bin/env bash
printf '%s\\n' "$*" >> "$NOTES"
[[ "$*" != *"$FAILS"* ]]
"""


class DemoByComposeTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="siding-real-")
        self.addCleanup(shutil.rmtree, self.folder)
        for tool in TOOLS:
            os.symlink(shutil.which(tool), os.path.join(self.folder, tool))
        docker = os.path.join(self.folder, "docker")
        with open(docker, "w") as file:
            file.write(DOCKER)
        os.chmod(docker, 0o755)

    def demo(self, fails="nothing of it"):
        notes = os.path.join(self.folder, "notes")
        done = subprocess.run([os.path.join(ROOT, "dev"), "demo"], capture_output=True, text=True,
                              env={"PATH": self.folder, "NOTES": notes, "FAILS": fails})
        with open(notes) as file:
            return done, [line.split() for line in file]

    def test_starts_races_and_ends(self):
        done, asked = self.demo()
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("no apt-get", done.stdout)
        compose = ["compose", "-f", "docker/compose.yaml"]
        self.assertEqual([words[:4] for words in asked],
                         [["compose", "version"]] + [compose + [step] for step in ("up", "exec", "down")])
        self.assertEqual(asked[1][4:], ["--build", "--wait"])
        race = asked[2][4:]
        self.assertEqual(race[:4], ["-T", "siding", "siding", "try"])
        self.assertEqual(race[-2:], ["--through", "http://127.0.0.1:8080"])

    def test_what_fails_is_told_and_nothing_is_left(self):
        for fails, steps in (("up", ["up", "down"]), ("exec", ["up", "exec", "down"])):
            with self.subTest(fails):
                done, asked = self.demo(fails)
                self.assertEqual(done.returncode, 1)
                self.assertEqual([words[3] for words in asked if len(words) > 3], steps)
                os.unlink(os.path.join(self.folder, "notes"))

    def test_without_docker_it_says_what_it_needs(self):
        done, asked = self.demo("version")
        self.assertEqual(done.returncode, 1)
        self.assertEqual(len(asked), 1)
        self.assertIn("docker run", done.stderr)


if __name__ == "__main__":
    unittest.main()
