"""Each rule of ./dev lint: a planted violation is caught, and good code passes."""
import os
import re
import subprocess
import tempfile
import unittest

import coroutines
import files
import layers
import lint
from tree import Tree, tokenize

CMAKE = """
siding_library(base)
siding_library(http USES base)
siding_library(config USES http EXTERNAL PkgConfig::tomlplusplus)
siding_library(proxy/loop
  USES config EXTERNAL PkgConfig::libevent_core)
siding_library(proxy/net USES proxy/loop)
siding_library(proxy/observe USES proxy/loop)
"""
HEADER = "// What this file does.\n#pragma once\n"
SOURCE = "// What this file does.\n"


class Case(unittest.TestCase):
    def tree(self, contents):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        subprocess.run(["git", "init", "-q", folder.name], check=True)
        for path, text in {"CMakeLists.txt": CMAKE, **contents}.items():
            full = os.path.join(folder.name, path)
            os.makedirs(os.path.dirname(full), exist_ok=True)
            with open(full, "w") as f:
                f.write(text)
        return Tree(folder.name)

    def found(self, check, contents):
        """(path, line, rule) of what a rule finds."""
        return [(f.path, f.line, f.rule) for f in check(self.tree(contents)) if not f.warning]

    def catches(self, check, path, line, rule, contents):
        self.assertEqual(self.found(check, contents), [(path, line, rule)])

    def passes(self, check, contents):
        self.assertEqual(self.found(check, contents), [])


class Tokens(unittest.TestCase):
    def words(self, text):
        return [t.text for t in tokenize(text) if t.kind not in ("comment", "directive")]

    def test_strings_and_comments_hold_no_code(self):
        self.assertEqual(self.words('a /* b; */ "c\\"; d" // e\n \'"\' R"x(f)" ; )x" g'),
                         ["a", '"c\\"; d"', "'\"'", 'R"x(f)" ; )x"', "g"])

    def test_digit_separators_are_no_characters(self):
        self.assertEqual(self.words("10'000 + 0x1F'FFu - 1.5e-3"), ["10'000", "+", "0x1F'FFu", "-", "1.5e-3"])

    def test_lines(self):
        tokens = list(tokenize('#define A \\\n  b\nc\n/* \n */ d R"(\n\n)" e'))
        self.assertEqual([(t.text, t.line) for t in tokens if t.kind == "word"], [("c", 3), ("d", 5), ("e", 7)])


class CoroutineRules(unittest.TestCase):
    """The forms that were tried on g++ 12.2. Some of those that are refused happen to work there:
    the rule is the simplest one that leaves out all that do not."""

    def faults(self, statement):
        code = "Task<size_t> t() {\n  co_await before();\n  %s\n  co_return 1;\n}\n" % statement
        return [what for _, what in coroutines.faults(
            [t for t in tokenize(code) if t.kind not in ("comment", "directive")])]

    def refused(self, what, *statements):
        for statement in statements:
            with self.subTest(statement):
                self.assertTrue(any(what in fault for fault in self.faults(statement)), self.faults(statement))

    def accepted(self, *statements):
        for statement in statements:
            with self.subTest(statement):
                self.assertEqual(self.faults(statement), [])

    def test_lambda(self):
        self.refused(
            "a lambda in",
            "co_return co_await fn([k] { return k.s.size(); });",
            "co_return co_await tfn([k = std::move(k)] { return k.s.size(); });",
            "auto n = co_await fn([] { return 1; });",
            "if (co_await fn([&](int x) noexcept -> std::pair<int, int> { return {x, x}; })) {}",
            "auto n = co_await fn(1,\n    [x](auto y) mutable { return x + y; });")

    def test_brace_initialiser(self):
        self.refused(
            "brace initialiser",
            "co_await Yield{};",
            "co_return co_await byref(Tr{});",
            'co_return co_await agg({.a = Tr{"z"}});',
            "co_return co_await f({1, 2, 3});",
            "Opt o{co_await mk(), 1};",
            "co_return Opt{co_await mk(), 2};",
            "co_return {co_await mk(), 2};",
            "if (auto p = co_await mkup(); p && (co_await byref(Tr{})) > 0) n = p->s.size();",
            "while ((co_await byval(Tr{})) > 0 && i < 3) ++i;",
            "co_return co_await l(\n    Tr\n    {});",
            'co_return co_await g(std::string(60, \'x\') + "y", Tr{Tr().s + "q"});')

    def test_conditional(self):
        self.refused(
            "?:",
            "Tr r = b ? co_await mk() : Tr();",
            "auto r = (co_await p()) ? T(1) : T(2);",
            "co_await f(b ? 1 : 2);")

    def test_two_in_one(self):
        self.refused(
            "2 co_await",
            "co_return (co_await mk()).s.size() + (co_await mk()).s.size();",
            "if ((co_await a()) && (co_await b())) return;",
            "co_await f(co_await g());",
            "Opt o(co_await mk(), 1, co_await mk());")

    def test_capturing_coroutine_lambda(self):
        self.refused(
            "has captures",
            "auto f = [&k](Tr z) -> Task<size_t> { co_return k.s.size(); };",
            "auto f = [this] { co_await a(); };",
            "spawn([=]() -> Task<> {\n if (x) { co_await a(); } }());")

    def test_good_statements(self):
        self.accepted(
            "auto [a, b] = co_await mkpair();",
            "const auto& [a, b] = co_await mkpair();",
            "for (char c : (co_await mk()).s) n += c != 0;",
            "v.push_back(co_await mk()); v.emplace_back((co_await mk()).s);",
            "if (auto p = co_await mkup(); p && (co_await byref(k)) > 0) n = p->s.size();",
            "if (co_await a()) { co_await b(); } else co_await c();",
            "if constexpr (x) co_await a();",
            "do { co_await a(); } while (co_await more());",
            "for (co_await a(); i < 3; co_await b()) x[i] = co_await c();",
            "switch ((co_await mk()).s.size()) { case 0: co_await a(); break; default: n = co_await b(k); }",
            "auto h = std::make_unique<Tr>(co_await mk());",
            "auto r = co_await t22(std::string(60, 'x') + \"y {}?\", std::move(b), std::make_unique<Tr>());",
            "while (co_await step(std::move(buffer), buffers[i])) ++i;",
            "try { co_await a(); } catch (int) { b = {1, 2}; }",
            "Opt o{1, {2, 3}}; co_await agg(std::move(o)); n = b ? 1 : 2;",
            "EXPECT_EQ(co_await f(), 3) << \"why? {}\";",
            "co_await a(); /* {b ? c : d} */ // co_await\n co_await b();")

    def test_good_coroutine_lambda(self):
        self.accepted(
            "auto l = [](Tr t) -> Task<size_t> { co_await a(); co_return t.s.size(); };",
            "spawn([](Loop& loop, std::map<int, int> m) -> Task<> { co_await loop.turn(); }(loop, {}));",
            "auto f = [x] { return [](int y) -> Task<> { co_await g(y); }(x); };")

    def test_functions_and_types_are_no_initialisers(self):
        for code in ("auto f() -> Task<int> { co_await a(); }",
                     "Task<> A::f() const { co_await a(); }",
                     "struct A : B<C> { Task<> f() && noexcept { co_await a(); } int x{1}; };",
                     "A::A() : x_{1}, y_(2) { spawn(); } Task<> A::g() { co_await a(); }",
                     "namespace a::b { enum class E : int { x }; Task<> f() { { co_await a(); } } }",
                     "template <class T> Task<T> f(T t) { co_return co_await a(); }",
                     "Awaiter operator co_await() && noexcept { return Awaiter{*this}; }"):
            with self.subTest(code):
                self.assertEqual(list(coroutines.faults(list(tokenize(code)))), [])

    def test_line(self):
        code = "// x\nTask<> f() {\n  int a =\n      b ?\n      co_await c() : 1;\n}\n"
        tokens = [t for t in tokenize(code) if t.kind != "comment"]
        self.assertEqual(list(coroutines.faults(tokens)), [(5, "?: in a statement with co_await")])


class LayerRules(Case):
    def test_down_is_good(self):
        self.passes(layers.check, {
            "base/a.h": HEADER,
            "http/b.h": HEADER + '#include "base/a.h"\n',
            "proxy/net/c.cc": SOURCE + '#include "base/a.h"\n#include "http/b.h"\n// #include "x.h"\n',
            "proxy/main.cc": SOURCE + '#include "http/b.h"\n',
            "tests/harness/h.h": HEADER,
            "tests/base/a_test.cc": SOURCE + '#include "http/b.h"\n#include "tests/harness/h.h"\n'})

    def test_up_and_sideways_are_not(self):
        for path, header in (("base/x.h", "http/y.h"), ("config/x.h", "proxy/loop/y.h"),
                             ("proxy/net/x.h", "proxy/observe/y.h"), ("base/x.h", "tests/harness/y.h")):
            self.catches(layers.check, path, 4, "layers", {
                path: HEADER + '\n#include "%s"\n' % header, header: HEADER})

    def test_folder_without_a_place(self):
        self.catches(layers.check, "proxy/new/a.h", 1, "layers", {"proxy/new/a.h": HEADER})

    def test_includes_are_relative_to_the_root(self):
        self.catches(layers.check, "base/a.cc", 2, "layers", {
            "base/a.cc": SOURCE + '#include "b.h"\n', "base/b.h": HEADER})

    def test_cycle(self):
        self.catches(layers.check, "base/a.h", 1, "layers", {
            "base/a.h": HEADER + '#include "base/b.h"\n',
            "base/b.h": HEADER + '#include "base/c.h"\n',
            "base/c.h": HEADER + '#include "base/a.h"\n'})

    def test_heavy_headers(self):
        toml = "#include <toml++/toml.h>\n"
        self.passes(layers.check, {"config/load.cc": SOURCE + toml, "tests/base/a_test.cc": SOURCE + toml})
        self.catches(layers.check, "http/a.cc", 2, "heavy", {"http/a.cc": SOURCE + toml})
        self.catches(layers.check, "config/a.h", 3, "heavy", {"config/a.h": HEADER + toml})
        self.catches(layers.check, "config/b.cc", 2, "heavy", {
            "config/a.cc": SOURCE + toml, "config/b.cc": SOURCE + toml})
        self.catches(layers.check, "proxy/observe/a.cc", 2, "heavy", {
            "proxy/observe/a.cc": SOURCE + "#include <event2/event.h>\n"})
        self.catches(layers.check, "proxy/loop/a.cc", 2, "heavy", {
            "proxy/loop/a.cc": SOURCE + "#include <ares.h>\n"})

    def test_the_layers_of_this_repository(self):
        with open(os.path.join(lint.ROOT, "CMakeLists.txt")) as f:
            below = layers.layers(f.read())
        self.assertEqual(below["base"], set())
        self.assertEqual(below["cache"], {"base", "http"})
        self.assertEqual(below["proxy/net"],
                         {"base", "http", "config", "cache", "proxy/loop", "proxy/observe"})
        self.assertNotIn("proxy/downstream", below["proxy/upstream"])
        self.assertEqual(len(below["proxy/tools"]), len(below) - 1)


class FileRules(Case):
    def test_length(self):
        long = SOURCE + "\n" * 600
        self.catches(files.check, "base/a.cc", 601, "length", {"base/a.cc": long})
        self.catches(files.check, "tests/a.py", 601, "length", {"tests/a.py": "\n" * 601})
        tree = self.tree({"base/a.cc": long[:-200]})
        self.assertEqual([(f.rule, f.warning) for f in files.check(tree)], [("length", True)])

    def test_columns(self):
        self.catches(files.check, "base/a.cc", 2, "columns", {"base/a.cc": SOURCE + "// " + "x" * 110 + "\n"})

    def test_opening_comment(self):
        self.catches(files.check, "base/a.cc", 1, "opening", {"base/a.cc": "#include <x>\n"})
        self.catches(files.check, "base/a.cc", 1, "opening", {"base/a.cc": "// Buffer.\n#include <x>\n"})
        self.passes(files.check, {"base/a.cc": "// See a.h.\n", "base/a.h": "/* The job\n of it. */\n#pragma  once\n"})

    def test_pragma_once(self):
        self.catches(files.check, "base/a.h", 1, "pragma", {"base/a.h": SOURCE + "// #pragma once\n"})

    def test_sleeps(self):
        sleep = "void f() { std::this_thread::sleep_for(x); }\n"
        self.catches(files.check, "tests/base/a_test.cc", 2, "sleep", {"tests/base/a_test.cc": SOURCE + sleep})
        self.catches(files.check, "tests/a.py", 2, "sleep", {"tests/a.py": "import time\ntime.sleep(1)\n"})
        self.catches(files.check, "tests/a.sh", 1, "sleep", {"tests/a.sh": "while ! ready; do sleep 1; done\n"})
        self.passes(files.check, {
            "tests/bench/a.cc": SOURCE + sleep,
            "proxy/tools/demo.cc": SOURCE + sleep,
            "tests/base/a_test.cc": SOURCE + '// never sleep_for\nf("usleep(1)");\n',
            "tests/base/b_test.cc": SOURCE + "// allow-sleep: the kernel tells nobody\n" + sleep,
            "tests/a.py": '"""time.sleep(1)"""\n# time.sleep(1)\n'})

    def test_open_ends(self):
        for word in ("TO" + "DO", "FIX" + "ME"):
            self.catches(files.check, "README.md", 2, "open-end", {"README.md": "x\n%s: y\n" % word})
        self.passes(files.check, {"a.sh": "mktemp -d x.XXXXXX\n"})

    def test_paths_of_one_machine(self):
        for folder in ("work", "home", "root"):
            self.catches(files.check, "a.md", 1, "path", {"a.md": "see /%s/me/x\n" % folder})
        self.passes(files.check, {"a.md": "GET http://x/%s/1 a/%s/b\n" % ("work", "home"),
                                  "b.md": "allow-path: a URL\nGET /%s/1\n" % "work"})

    def test_python_tests_run(self):
        self.catches(files.check, "tests/a_test.py", 1, "python-main", {"tests/a_test.py": "import unittest\n"})

    def test_fuzz_targets_have_a_corpus(self):
        target = "tests/fuzz/a_b_fuzz.cc"
        self.passes(files.check, {target: SOURCE, "tests/fuzz/corpus/a_b/get": "GET"})
        self.catches(files.check, target, 1, "fuzz-corpus", {target: SOURCE})
        self.catches(files.check, "tests/fuzz/corpus/b/1", 1, "fuzz-corpus", {"tests/fuzz/corpus/b/1": "x"})

    def test_ignored_and_binary_files_are_left_alone(self):
        self.passes(files.check, {".gitignore": "build/\n", "build/a.cc": "int x;\n",
                                  "a.bin": "\0 /" + "work/x"})

    def test_without_git(self):
        with tempfile.TemporaryDirectory() as folder:
            os.makedirs(os.path.join(folder, "build"))
            for name in ("a.cc", "build/b.cc"):
                with open(os.path.join(folder, name), "w") as f:
                    f.write("int x;\n")
            self.assertEqual(Tree(folder).cpp, ["a.cc"])


class WholeLint(Case):
    def test_format(self):
        with open(os.path.join(lint.ROOT, ".clang-format")) as f:
            style = f.read()
        good = SOURCE + "int f(int* p) { return *p; }\n"
        self.passes(lint.check_format, {".clang-format": style, "base/a.cc": good})
        self.catches(lint.check_format, "base/a.cc", 2, "format", {
            ".clang-format": style, "base/a.cc": good.replace("int* p", "int *p")})

    def test_shell(self):
        self.passes(lint.check_shell, {"dev": "#!/usr/bin/env bash\nif true; then echo; fi\n"})
        self.catches(lint.check_shell, "dev", 1, "shell", {"dev": "#!/usr/bin/env bash\nif true; then\n"})

    def test_every_rule_is_part_of_lint(self):
        rules = {f.rule for f in lint.lint(self.tree({
            ".clang-format": "BasedOnStyle: Google\n",
            "base/a.h": "#include <ares.h>\n#include \"http/b.h\"\nTask<> f() { co_await Yield{ }; }\n",
            "http/b.h": HEADER, "tests/fuzz/a_fuzz.cc": SOURCE, "tests/a_test.py": "sleep(1)  # TO" "DO /" "work/x\n",
            "x.py": "\n" * 601, "c.sh": "#!/bin/sh\n(\n", "http/c.cc": SOURCE + "// " + "x" * 200 + "\n"}))}
        known = set()
        for module in (coroutines, files, layers, lint):
            with open(module.__file__) as f:
                known |= set(re.findall(r'Finding\([\w\[\], .]*?, "([\w-]+)"', f.read()))
        self.assertEqual(rules, known)
        self.assertGreater(len(known), 10)


if __name__ == "__main__":
    unittest.main()
