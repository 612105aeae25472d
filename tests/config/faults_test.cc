// Faults of the text: all are shown in one go, each with its place and remedy.
#include "tests/config/loading.h"

namespace siding::config_test {
namespace {

TEST(ConfigFaults, FiveDifferentOnesInOneGo) {
  const LoadedConfig loaded = load(
      "listen = [\"0.0.0.0:8080\"]\n"      // 1
      "[backend.shop]\n"                   // 2
      "url = \"http://127.0.0.1:8000\"\n"  // 3
      "concurency = 1\n"                   // 4: unknown key, and so concurrency is missing
      "connect_timeout = 10\n"             // 5: no unit
      "idle_timeout = \"${IDLE}\"\n"       // 6: not set
      "[[route]]\n"                        // 7
      "backend = \"shpo\"\n"               // 8: dangling
      "path = /search/\n");                // 9: not TOML
  EXPECT_FALSE(loaded.ok());
  EXPECT_EQ(
      said(loaded),
      "t.toml:2:1: missing `concurrency` in [backend.shop]: the requests that the service can "
      "serve at once = processes x threads; it has no default because only you know it (one "
      "sync worker: concurrency = 1)\n"
      "t.toml:4:1: unknown key `concurency` in [backend.shop]; did you mean `concurrency`?\n"
      "t.toml:5:19: expected a duration with its unit, such as \"10s\", got the integer 10; "
      "write \"10s\" or \"10ms\"\n"
      "t.toml:6:17: the environment variable `IDLE` is not set; set it or give a default: "
      "`${IDLE:-default}`\n"
      "t.toml:8:11: there is no [backend.shpo]; did you mean `shop`?\n"
      "t.toml:9:8: not TOML: value: could not determine value type; text stands in quotes: "
      "path = \"...\"\n");
}

TEST(ConfigFaults, UnknownKeysAtEveryLevel) {
  EXPECT_TRUE(
      one_fault("lisen = 1\n" + kSmall, "t.toml:1:1: unknown key `lisen`; did you mean `listen`?"));
  EXPECT_TRUE(
      one_fault(kSmall + "[limit]\n", "t.toml:7:2: unknown key `limit`; did you mean `limits`?"));
  EXPECT_TRUE(one_fault(kListen + kShop + "queue = { sise = 1 }\n" + kRoute,
                        "t.toml:5:11: unknown key `sise` in [backend.shop.queue]; did you mean "
                        "`size`?"));
  EXPECT_TRUE(
      one_fault(kFull + "[route.prefetch]\nmod = \"on\"\ncalls.a = \"music:/s\"\n",
                "t.toml:12:1: unknown key `mod` in [route.prefetch]; did you mean `mode`?"));
  EXPECT_TRUE(one_fault(kFull + "[route.prefetch.calls]\na = { call = \"music:/s\", form = {} }\n",
                        "t.toml:12:26: unknown key `form` in [route.prefetch.calls.a]; the keys "
                        "are `call`, `body`, `method`, `safe`, `headers`"));
  EXPECT_TRUE(one_fault("listen = { address = \"0.0.0.0:1\", tsl = {} }\n" + kShop + kRoute,
                        "t.toml:1:35: unknown key `tsl` in [[listen]]; did you mean `tls`?"));
  for (const char* later : {"[tls]\n", "[route.fanout]\n"}) {
    EXPECT_FALSE(load(kSmall + later).ok()) << later;
  }
}

TEST(ConfigFaults, WrongTypesSayWhatIsExpected) {
  auto shop = [](const std::string& line) { return kListen + kShop + line + "\n" + kRoute; };
  EXPECT_TRUE(one_fault(shop("keep_alive = 1"),
                        "t.toml:5:14: expected true or false, got the "
                        "integer 1"));
  EXPECT_TRUE(one_fault(shop("keep_alive = \"true\""),
                        "t.toml:5:14: expected true or false, got the string \"true\"; write it "
                        "without quotes"));
  EXPECT_TRUE(one_fault(shop("backlog = \"1\""),
                        "t.toml:5:11: expected a whole number, got the "
                        "string \"1\"; write 1 without quotes"));
  EXPECT_TRUE(one_fault(shop("backlog = 1.5"),
                        "t.toml:5:11: expected a whole number, got a number "
                        "with a fraction"));
  EXPECT_TRUE(one_fault(shop("abandon = 1979-05-27"),
                        "t.toml:5:11: expected a duration with its "
                        "unit, such as \"10s\", got a date or time"));
  EXPECT_TRUE(one_fault(shop("abandon = \"10 sec\""),
                        "t.toml:5:11: `10 sec` is not a duration: a whole number and one of ms, s, "
                        "m, h, d, such as \"10s\""));
  EXPECT_TRUE(one_fault(shop("queue = { bytes = 64 }"),
                        "t.toml:5:19: expected a size with its unit, such as \"64MiB\", or "
                        "\"auto\", got the integer 64; write \"64B\" or \"64MiB\""));
  EXPECT_TRUE(one_fault(shop("queue = 7"), "t.toml:5:9: expected a table, got the integer 7"));
  EXPECT_TRUE(one_fault(shop("down = \"wiat\""),
                        "t.toml:5:8: `wiat` is not one of `wait`, `fail`; did you mean `wait`?"));
  EXPECT_TRUE(one_fault(shop("down = [\"wait\"]"), "t.toml:5:8: expected a string, got a list"));
  EXPECT_TRUE(one_fault(kListen + kShop + "[route]\nbackend = \"shop\"\n",
                        "t.toml:5:1: expected a list of tables, got a table; write [[route]] in "
                        "double brackets"));
  EXPECT_TRUE(one_fault(kListen + "[backend]\nurl = \"http://a\"\n",
                        "t.toml:3:1: [backend] needs a name of your choice: write [backend.NAME] "
                        "above `url`"));
  EXPECT_TRUE(one_fault("listen = 8080\n" + kShop + kRoute,
                        "t.toml:1:10: an address has a host too: \"0.0.0.0:8080\""));
  EXPECT_TRUE(one_fault(kListen + kShop + kRoute + "prefetch = 7\n",
                        "t.toml:7:12: expected a table, got the integer 7"));
  EXPECT_TRUE(
      one_fault(kFull + "prefetch = [7]\n", "t.toml:11:13: expected a string, got the integer 7"));
}

TEST(ConfigFaults, HttpIsNoProtocolToSwitchTo) {
  auto upgrade = [](const std::string& list) { return kSmall + "upgrade = [" + list + "]\n"; };
  EXPECT_TRUE(one_fault(upgrade("\"websocket\", \"h2c\""),
                        "t.toml:7:25: `h2c` is HTTP itself, which clients speak with siding: no "
                        "Upgrade is needed for it"));
  EXPECT_FALSE(load(upgrade("\"HTTP/2.0\"")).ok());
  EXPECT_FALSE(load(upgrade("\"TLS/1.2\"")).ok());
  EXPECT_FALSE(load(upgrade("\"chat/1\\r\\nX-Evil: 1\"")).ok());
  EXPECT_TRUE(one_fault(kSmall + "cache = true\nupgrade = [\"chat\"]\n",
                        "t.toml:8:11: a route with a cache lets nobody switch"));
  EXPECT_TRUE(one_fault(upgrade("\"web socket\""),
                        "t.toml:7:12: a protocol is a word of an Upgrade field, such as "
                        "\"websocket\""));
  EXPECT_EQ(load(upgrade("\"WebSocket\", \"chat/2\"")).config->routes[0].upgrade,
            (std::vector<std::string>{"websocket", "chat/2"}));
}

TEST(ConfigFaults, AListThatIsATableInItsLastLine) {
  for (const char* end : {"", "\n", "\n\n", "\r\n"}) {
    const LoadedConfig loaded = load("backend = [\"0\"]\n[backend.\"x\"]" + std::string(end));
    EXPECT_FALSE(loaded.ok());
    EXPECT_NE(said(loaded).find("t.toml:2:"), std::string::npos) << said(loaded);
    EXPECT_NE(said(loaded).find("cannot redefine existing array"), std::string::npos)
        << said(loaded);
  }
  const LoadedConfig more = load("backend = [\"0\"]\n[backend.\"x\"]\n# that is all\n");
  EXPECT_NE(said(more).find("(in what begins in line 2)"), std::string::npos) << said(more);
}

TEST(ConfigFaults, RangesAreNamed) {
  EXPECT_TRUE(one_fault("threads = 1000\n" + kSmall,
                        "t.toml:1:11: `1000` is out of range; it goes from 1 to 256, or is "
                        "\"auto\""));
  EXPECT_TRUE(one_fault("threads = 0\n" + kSmall, "t.toml:1:11: `0` is out of range"));
  EXPECT_TRUE(one_fault("drain_timeout = \"25h\"\n" + kSmall,
                        "t.toml:1:17: `25h` is out of range; it goes from 0s to 1d"));
  EXPECT_TRUE(one_fault(kSmall + "[limits]\nmax_head = \"1B\"\n",
                        "t.toml:8:12: `1B` is out of range; it goes from 1KiB to 16MiB"));
  EXPECT_TRUE(one_fault(kSmall + "[limits]\nmax_fields = -9223372036854775808\n",
                        "t.toml:8:14: `-9223372036854775808` is out of range"));
}

TEST(ConfigFaults, TemplatesPointIntoTheString) {
  // The column of "quer".
  EXPECT_TRUE(one_fault(kFull + "prefetch = [\"music:/s?a={quer.q}\"]\n", "t.toml:11:26: "));
  // Characters count, not bytes.
  EXPECT_TRUE(one_fault(kFull + "prefetch = [\"music:/s?b={query.q:\xC3\xA9}&a={quer.q}\"]\n",
                        "t.toml:11:40: "));
  // Where an escape stands before it, only the string can be pointed at.
  EXPECT_TRUE(one_fault(kFull + "prefetch = [\"music:/s\\u003Fa={quer.q}\"]\n", "t.toml:11:13: "));
}

TEST(ConfigFaults, CallsAreExplained) {
  for (const char* call : {"music", "/s?a=1", "http://music.example/s", "music:s", ":"}) {
    EXPECT_TRUE(one_fault(kFull + "prefetch = [\"" + call + "\"]\n",
                          "t.toml:11:13: `" + std::string(call) + "` is not a call"));
  }
}

TEST(ConfigFaults, HeadersAreChecked) {
  auto music = [](const std::string& line) {
    return kListen + kShop + kMusic + line + "\n" + kRoute;
  };
  EXPECT_TRUE(one_fault(music("headers = { Host = \"x\" }"), "t.toml:7:13: `Host`: siding writes"));
  EXPECT_TRUE(
      one_fault(music("headers = { \"a b\" = \"x\" }"), "t.toml:7:13: `a b`: a field name"));
  EXPECT_TRUE(one_fault(music("headers = { A = \"x\\r\\nB: y\" }"), "t.toml:7:17: a field value"));
  EXPECT_TRUE(one_fault(music("headers = { A = \"1\", a = \"2\" }"),
                        "t.toml:7:22: `a` is the same field as `A`"));
  EXPECT_TRUE(one_fault(music("headers = { A = { file = \"/no/such/file\" } }"),
                        "t.toml:7:26: cannot read `/no/such/file`: No such file or directory"));
  EXPECT_NE(said(music("headers = { A = { fiel = \"/x\" } }")).find("did you mean `file`?"),
            std::string::npos);
}

// --- syntax: the library stops at the first fault, we do not ------------------------------------

TEST(ConfigFaults, SyntaxFaultsAreAllShown) {
  EXPECT_EQ(
      said("listen = 0.0.0.0:8080\n"
           "[backend.shop]\n"
           "url = http://127.0.0.1:8000\n"
           "concurrency 1\n"
           "backlog = 1\n"
           "backlog = 2\n"
           "down = \"wait\n"
           "[[route]]\n"
           "backend = \"shop\"\n"),
      "t.toml:1:13: not TOML: floating-point: expected decimal digit or exponent, saw '.'; text "
      "stands in "
      "quotes: listen = \"...\"\n"
      "t.toml:3:7: not TOML: value: could not determine value type; text stands in quotes: "
      "url = \"...\"\n"
      "t.toml:4:13: not TOML: key-value pair: expected '=', saw '1'; a line is written `key = "
      "value`\n"
      "t.toml:6:11: not TOML: key-value pair: cannot redefine existing integer 'backlog'; it "
      "is given twice: keep one\n"
      "t.toml:7:13: not TOML: string: unescaped control characters other than TAB (U+0009) "
      "are explicitly prohibited; a string ends in the line where it begins: is its closing "
      "quote missing?\n");
}

TEST(ConfigFaults, ABrokenStatementTakesNothingElseAlong) {
  // An open list: what follows is good, and what it may have held is not called missing.
  EXPECT_TRUE(one_fault("listen = [\n  \"0.0.0.0:8080\",\n" + kShop + kRoute, "t.toml:"));
  EXPECT_TRUE(one_fault("listen = [foo,\n  \"0.0.0.0:8080\"\n]\n" + kShop + kRoute, "t.toml:1:"));
  EXPECT_TRUE(one_fault(kListen + "[backend.shop\nurl = \"x\"\n" + kRoute, "t.toml:2:14: "));
  EXPECT_TRUE(one_fault(kListen + "x = \"\"\"abc\n" + kShop + kRoute, "t.toml:"));
  EXPECT_TRUE(one_fault(kSmall + kShop, "t.toml:7:"));
  EXPECT_TRUE(one_fault(kSmall + "[route]\nbackend = \"shop\"\n",
                        "t.toml:7:1: not TOML: table header: cannot redefine existing array "
                        "'route' as table; it is a list: write [[route]]"));
}

// What is shown goes to terminals and into the logs of builds.
TEST(ConfigFaults, ShowsNoSecretAndNoControlCharacter) {
  for (const char* line : {"secret = geheim", "secret = 4711", "secret = [\"geheim\"]",
                           "secret = \"geheim\\n\"", "secret = \"\"\"geheim"}) {
    const std::string text = said(kSmall + kEgress + line + "\n");
    EXPECT_NE(text, "");
    EXPECT_EQ(text.find("geheim"), std::string::npos) << text;
    EXPECT_EQ(text.find("4711"), std::string::npos) << text;
  }
  EXPECT_TRUE(one_fault(kSmall + "[log]\nlevel = \"in\\u001b[31m\"\n",
                        "t.toml:8:9: `in\\x1b[31m` is not one of"));
  EXPECT_LT(said(kSmall + "[log]\nlevel = \"" + std::string(500'000, 'x') + "\"\n").size(), 1100u);
}

TEST(ConfigFaults, RemediesOfCarelessTexts) {
  auto limit = [](const std::string& line) { return kSmall + "[limits]\n" + line + "\n"; };
  EXPECT_TRUE(one_fault(limit("max_head = -5"),
                        "t.toml:8:12: expected a size with its unit, such as \"64MiB\", got the "
                        "integer -5; it cannot be negative"));
  EXPECT_TRUE(one_fault(limit("idle_timeout = -5"),
                        "t.toml:8:16: expected a duration with its unit, such as \"10s\", got the "
                        "integer -5; it cannot be negative"));
  EXPECT_TRUE(one_fault(limit("idle_timeout = \"-5s\""), "t.toml:8:16: `-5s` is not a duration"));
  EXPECT_TRUE(one_fault(kSmall + "[log]\nlevel = \"warn\"\n",
                        "t.toml:8:9: `warn` is not one of `debug`, `info`, `warning`, `error`; did "
                        "you mean `warning`?"));
  auto remedy = [](const std::string& text, std::string_view words) {
    EXPECT_NE(said(text).find(words), std::string::npos) << said(text);
  };
  remedy("threads = 99999999999999999999\n" + kSmall, "; no key takes so large a number\n");
  remedy("threads = " + std::string(9000, '1') + "\n" + kSmall,
         "; no key takes so large a number\n");
  remedy("\xFF\xFEl\0i\0" + kSmall, "; save the file as UTF-8\n");
  remedy(kSmall + "# caf\xE9\n", "; save the file as UTF-8\n");
}

TEST(ConfigFaults, WindowsFilesAreGood) {
  good("\xEF\xBB\xBF" + kSmall);  // a byte order mark
  std::string lines;
  for (char c : kSmall) lines += c == '\n' ? std::string("\r\n") : std::string(1, c);
  good(lines);
}

TEST(ConfigFaults, HopelessTextEnds) {
  EXPECT_FALSE(load(std::string(1, '\0')).ok());
  EXPECT_FALSE(load("\xFF\xFE").ok());
  EXPECT_FALSE(load("\"\"\"").ok());
  std::string many;
  for (int i = 0; i < 100; ++i) many += "x\n";
  EXPECT_EQ(load(many).diagnostics.size(), 20u);
}

}  // namespace
}  // namespace siding::config_test
