// The printed configuration and the example: both hold every option, and load to the same again.
#include <fstream>
#include <iterator>

#include "config/node.h"
#include "tests/config/loading.h"

namespace siding::config_test {
namespace {

std::string example() {
  std::ifstream file(SIDING_SOURCE_DIR "/config/siding.example.toml");
  EXPECT_TRUE(file.good());
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// As a file, with the secrets out: what it prints is what it loads.
void expect_round_trip(const std::string& text) {
  const std::string printed = print_config(good(text));
  EXPECT_EQ(print_config(good(printed)), printed);
}

TEST(ConfigPrint, LoadsToTheSame) {
  expect_round_trip(kSmall);
  expect_round_trip(kFull + "prefetch = [\"music:/a?x={query.q|trim}\", \"music:/b?y=$$\"]\n");
  expect_round_trip(example());
  expect_round_trip(
      "listen = [\"[::]:8080\", \"unix:/run/a b.sock\"]\nthreads = 3\n"
      "trusted_proxies = [\"private\", \"any\"]\n"
      "[egress]\nlisten = \"0.0.0.0:1\"\nsecret = \"x\"\n"
      "[backend.a]\nurl = \"unix:/run/\\\"q\\\"\"\nconcurrency = 8\nbacklog = 0\n"
      "queue = { bytes = \"10MB\", timeout = \"1500ms\" }\ndown = \"fail\"\nkeep_alive = false\n"
      "[upstream.u]\nurl = \"http://[::1]:90/v1\"\n"
      "headers = { X-Key = \"k\", Accept = \"a/b\", \"X.Odd\" = \"o\" }\n"
      "ignore_headers = [\"X-Trace\"]\n"
      "[[route]]\nbackend = \"a\"\nhost = \"[::1]\"\nmethod = [\"GET\"]\n"
      "header = { X-Beta = \"*\" }\ndeadline = \"2s\"\npriority = -3\nqueue = false\n"
      "path = \"/u/{id}/{rest...}\"\n"
      "[route.prefetch]\nmode = \"observe\"\nwait = \"0s\"\nwhen = [\"query.q\", \"header.a\"]\n"
      "[route.prefetch.calls.x]\ncall = \"u:/{path.id}\"\n"
      "headers = { X-Id = \"{path.id}\", X-Fixed = \"1\", Accept = \"c/d\" }\n"
      "[[route]]\nbackend = \"a\"\n"
      "[limits]\nmemory = \"64MiB\"\nspill_dir = \"/var/tmp\"\n"
      "[dns]\nservers = [\"::1\", \"10.0.0.1:54\"]\nsearch = [\"a.b\"]\n"
      "[log]\naccess = \"json\"\nlevel = \"debug\"\n"
      "[admin]\nlisten = \"[::1]:9\"\nring = 7\n");
}

TEST(ConfigPrint, ShowsNoSecret) {
  const std::string printed =
      print_config(good(kListen + kEgress + "secret = \"geheim1\"\n" + kShop + kMusic +
                        "headers = { X-Key = \"geheim2\", Accept = \"a/b\" }\n" + kRoute +
                        "[route.prefetch.calls.a]\ncall = \"music:/s\"\n"
                        "headers = { Authorization = \"geheim3\", X-Id = \"{query.q}\" }\n"));
  EXPECT_EQ(printed.find("geheim"), std::string::npos) << printed;
  EXPECT_NE(printed.find("X-Key = \"(secret)\", Accept = \"a/b\""), std::string::npos) << printed;
  EXPECT_NE(printed.find("X-Id = \"{query.q}\""), std::string::npos) << printed;
  EXPECT_TRUE(load(printed).ok());
}

TEST(ConfigPrint, ShowsNoVariableInABody) {
  const std::string call =
      "call = \"music:/s\"\nsafe = true\nbody = { json = { key = \"${KEY}\", q = "
      "\"{query.q}\", deep = [\"a ${KEY}\"] } }\n";
  const std::string printed = print_config(
      good(kListen + kEgress + kShop + kMusic + kRoute + "[route.prefetch.calls.a]\n" + call,
           {{"KEY", "geheim"}}));
  EXPECT_EQ(printed.find("geheim"), std::string::npos) << printed;
  EXPECT_NE(printed.find("{ key = \"(secret)\", q = \"{query.q}\", deep = [\"(secret)\"] }"),
            std::string::npos)
      << printed;
  EXPECT_TRUE(load(printed).ok());
}

// Only values are expanded.
TEST(ConfigPrint, LeavesTheDollarsOfKeysAlone) {
  const std::string text =
      kListen + kEgress + kShop + kMusic + kRoute +
      "[route.prefetch.calls.a]\ncall = \"music:/s\"\nsafe = true\n"
      "headers = { \"X-$a\" = \"b\" }\nbody = { json = { \"$a b\" = { \"${c}\" = \"$$d\" } } }\n";
  expect_round_trip(text);
  const std::string printed = print_config(good(text));
  EXPECT_NE(printed.find("{ \"$a b\" = { \"${c}\" = \"$$d\" } }"), std::string::npos) << printed;
  EXPECT_NE(printed.find("{ \"X-$a\" = "), std::string::npos) << printed;
}

// Printing goes through the same list of options as loading, so together these two say that the
// example has every key that the loader knows, and every key at its default.
void collect_keys(const Node& node, const std::string& path, std::vector<std::string>& out) {
  for (const Node& child : node.children) {
    const std::string child_path = child.key.empty() ? path : path + "." + child.key;
    out.push_back(child_path);
    collect_keys(child, child_path, out);
  }
}

TEST(ConfigExample, HasEveryKey) {
  auto keys = [](std::string text) {
    Faults faults;
    std::vector<std::string> out;
    collect_keys(read_toml({"t.toml", std::move(text)}, 0, faults), "", out);
    return std::set<std::string>(out.begin(),
                                 out.end());  // of two routes one has what the other has not
  };
  EXPECT_EQ(keys(example()), keys(print_config(good(example()))));
  EXPECT_GT(keys(example()).size(), 80u);
}

TEST(ConfigExample, HasEveryDefault) {
  const Config bare = good(kListen + kEgress + kShop + kMusic + kRoute + "path = \"/search/\"\n" +
                           "prefetch = [\"music:/s?word={query.q}\"]\n" +
                           "[[route]]\npath = \"/suggest\"\n[route.fanout.music]\n" +
                           "call = \"music:/s?word={query.q}\"\n");
  EXPECT_EQ(print_config(good(example())), print_config(bare));
}

}  // namespace
}  // namespace siding::config_test
