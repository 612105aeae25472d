// Whatever a file holds, loading it ends with faults or with a configuration that prints and loads.
#include <fstream>
#include <iterator>
#include <random>

#include "tests/config/loading.h"

namespace siding::config_test {
namespace {

TEST(ConfigJunk, RandomChangesOfTheExample) {
  std::ifstream file(SIDING_SOURCE_DIR "/config/siding.example.toml");
  const std::string original{std::istreambuf_iterator<char>(file),
                             std::istreambuf_iterator<char>()};
  ASSERT_FALSE(original.empty());
  const std::string alphabet = "[]{}\"'=.,:#$\\/-_ \n\r\tax019\x7F\xC3\xA9";
  std::mt19937 random(20240229);  // always the same story
  auto below = [&](size_t n) { return std::uniform_int_distribution<size_t>(0, n - 1)(random); };
  int loaded_well = 0;
  for (int round = 0; round < 2000; ++round) {
    std::string text = original;
    for (size_t changes = 1 + below(4); changes > 0 && !text.empty(); --changes) {
      const size_t at = below(text.size());
      switch (below(4)) {
        case 0: text[at] = alphabet[below(alphabet.size())]; break;
        case 1: text.erase(at, 1 + below(20)); break;
        case 2: text.insert(at, 1, alphabet[below(alphabet.size())]); break;
        case 3: text.insert(at, text.substr(below(text.size()), below(40))); break;
      }
    }
    const LoadedConfig loaded = load(text);
    EXPECT_EQ(loaded.ok(), loaded.config != nullptr);
    if (!loaded.ok()) {
      EXPECT_FALSE(loaded.diagnostics.empty()) << text;
      continue;
    }
    ++loaded_well;
    const std::string printed = print_config(*loaded.config);
    EXPECT_EQ(print_config(good(printed)), printed) << text;
  }
  EXPECT_GT(loaded_well, 10);  // changes of comments and the like do no harm
}

TEST(ConfigJunk, DeepNestingEnds) {
  std::string keys = "a";
  for (int i = 0; i < 200'000; ++i) keys += ".a";
  EXPECT_TRUE(one_fault(keys + " = 1\n" + kSmall, "t.toml:1:1: no configuration"));
  EXPECT_FALSE(load("a = " + std::string(100'000, '[')).ok());
}

TEST(ConfigJunk, OddTexts) {
  for (const char* text : {"",
                           "\n",
                           "=",
                           "[",
                           "[[",
                           "]",
                           "a",
                           "a.b.c = {}",
                           "route = []",
                           "route = [1]",
                           "backend = []",
                           "backend = 1",
                           "upstream = \"x\"",
                           "egress = []",
                           "listen = [[[]]]",
                           "[[backend]]",
                           "[[egress]]",
                           "route = [{ prefetch = { calls = [1, {}] } }]",
                           "route = [{ prefetch = [[], {}, { call = [] }] }]",
                           "[backend.a]\nqueue = []",
                           "[route.prefetch.calls.a]",
                           "[upstream.a.headers.b.c]",
                           "trusted_proxies = {}"}) {
    EXPECT_FALSE(load(text).ok()) << text;
  }
}

}  // namespace
}  // namespace siding::config_test
