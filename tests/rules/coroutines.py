"""Which statements may hold a co_await. g++ 12 destroys temporaries of the other forms twice.

A statement with co_await holds one co_await, no ?:, no lambda, no brace initialiser; a lambda that
is a coroutine captures nothing, since its captures die with the lambda and not with the frame.
Statement here means full-expression: the condition of an if or while, a switch, each part of a
for header count by themselves.
"""
from tree import Finding

COROUTINE = ("co_await", "co_return", "co_yield")
OPENERS = {"(": ")", "[": "]", "{": "}"}
BEFORE_LAMBDA = COROUTINE + ("return", "case", "else", "do", "throw")  # other words: a subscript
BEFORE_BODY = ("const", "noexcept", "override", "final", "mutable", "try", "else", "do",
               ";", "}", ":", "&", "&&", "")
TYPES = ("class", "struct", "union", "enum", "namespace", "extern")


class Structure:
    """What the brackets of a file's tokens are."""

    def __init__(self, tokens):
        self.tokens = tokens
        self.words = [t.text if t.kind != "string" else '""' for t in tokens]
        self.match, self.around = self.pair()
        self.bodies = {}                       # first brace of a lambda -> its introducer
        for i, word in enumerate(self.words):
            if word == "[" and self.is_lambda(i):
                body = self.lambda_body(i)
                if body is not None:
                    self.bodies[body] = i
        self.introducers = set(self.bodies.values())
        self.blocks = set()                    # braces of statements and bodies, not initialisers
        for i, word in enumerate(self.words):
            if word == "{" and (i in self.bodies or self.is_block(i)):
                self.blocks.add(i)

    def word(self, i):
        return self.words[i] if 0 <= i < len(self.words) else ""

    def pair(self):
        match, around, stack = {}, {}, []
        for i, word in enumerate(self.words):
            if word in OPENERS:
                around[i] = stack[-1] if stack else None
                stack.append(i)
            elif stack and word == OPENERS[self.words[stack[-1]]]:
                match[i] = stack.pop()
                match[match[i]] = i
        for i in stack:                        # unbalanced, by macros: up to the end
            match[i] = len(self.words)
        return match, around

    def is_lambda(self, i):
        before = self.tokens[i - 1] if i else None
        if self.word(i + 1) == "[" or self.word(i - 1) == "[":     # an attribute
            return False
        if before is None:
            return True
        if before.kind == "word":
            return before.text in BEFORE_LAMBDA
        if before.text in ("&", "&&") and self.word(i - 2) == "auto":  # a structured binding
            return False
        return before.kind == "sign" and before.text not in (")", "]", ">")

    def lambda_body(self, i):
        """The brace that opens the body of the lambda whose introducer is at i."""
        i, angles = self.match[i] + 1, 0
        while i < len(self.words):
            word = self.words[i]
            if word == "{":
                return i
            angles += (word == "<") - (word == ">")
            if word in (";", ")", "]", "}") or (word == "," and angles <= 0):
                return None
            i = self.match[i] + 1 if word in OPENERS else i + 1
        return None

    def is_block(self, i):
        before = self.word(i - 1)
        if before == ")":
            return self.word(self.match.get(i - 1, 0) - 1) != "decltype"
        if before in BEFORE_BODY:
            return True
        if before == "{":
            return i - 1 in self.blocks
        head, j = [], i - 1                    # back to where this declaration begins
        while j >= 0 and self.words[j] not in (";", "{", "}"):
            if self.words[j] in (")", "]"):
                head.append("()")
                j = self.match.get(j, 0)
            else:
                head.append(self.words[j])
            j -= 1
        head.reverse()
        if "->" in head and head[head.index("->") - 1] in ("()", "const", "noexcept", "override"):
            return "=" not in head
        return any(t in head for t in TYPES) and "=" not in head and "()" not in head

    def is_header(self, i):
        """Whether the parenthesis at i opens the header of a control statement."""
        before = self.word(i - 1)
        if before == "constexpr":
            before = self.word(i - 2)
        return self.words[i] == "(" and before in ("if", "while", "for", "switch", "catch")

    def statement(self, i):
        """The full-expression around token i, as a range."""
        first = i - 1
        while first >= 0:
            word, opener = self.words[first], self.match.get(first, first)
            if word in (";", "else", "do") or (word == "{" and first in self.blocks):
                break
            if self.is_header(first) or (word == ")" and self.is_header(opener)):
                break
            if word == "}" and opener in self.blocks and opener not in self.bodies:
                break
            first = (opener if word in (")", "]", "}") else first) - 1
        first += 1
        if self.word(first) in ("case", "default"):
            while first < i and self.words[first] != ":":
                first += 1
        last = i + 1
        while last < len(self.words):
            word, opener = self.words[last], self.match.get(last, last)
            if word == ";" or (word == ")" and self.is_header(opener)):
                break
            if word == "}" and opener in self.blocks:
                break
            last = (opener if word in OPENERS else last) + 1
        return first, last

    def own(self, first, last):
        """The indices from first to last but for the inside of lambda bodies."""
        i = first
        while i < min(last, len(self.words)):
            yield i
            i = self.match[i] if i in self.bodies else i + 1


def faults(tokens):
    """(line, what) of every statement and lambda that breaks the rules."""
    s = Structure(tokens)
    statements = {s.statement(i) for i, word in enumerate(s.words)
                  if word == "co_await" and s.word(i - 1) != "operator"}
    for first, last in sorted(statements):
        own = list(s.own(first, last))
        words = [s.words[i] for i in own]
        awaits = [i for i in own if s.words[i] == "co_await"]
        line = s.tokens[awaits[0]].line
        if len(awaits) > 1:
            yield line, "%d co_await in one statement" % len(awaits)
        if "?" in words:
            yield line, "?: in a statement with co_await"
        if any(i in s.introducers for i in own):
            yield line, "a lambda in a statement with co_await"
        if any(s.words[i] == "{" and i not in s.bodies for i in own):
            yield line, "a brace initialiser in a statement with co_await"
    for body, introducer in s.bodies.items():
        inside = s.own(body + 1, s.match[body])
        if s.match[introducer] > introducer + 1 and any(s.words[i] in COROUTINE for i in inside):
            yield s.tokens[introducer].line, "a lambda that is a coroutine has captures"


def check(tree):
    for path in tree.cpp:
        for line, what in faults(tree.code(path)):
            yield Finding(path, line, "co_await", what + ": await or build into a local first")
