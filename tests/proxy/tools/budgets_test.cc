// The budgets that `siding check` prints, and the lines of `siding run` at its start.
#include "proxy/tools/budgets.h"

#include <gtest/gtest.h>

#include "config/load.h"
#include "proxy/tools/config_source.h"
#include "proxy/tools/startup_lines.h"

namespace siding {
namespace {

constexpr const char* kFile = R"(
listen = ["127.0.0.1:8080"]
[egress]
listen = ["127.0.0.1:8081"]
secret = "hush"
[backend.shop]
url = "http://127.0.0.1:8000"
concurrency = 2
[upstream.music]
url = "http://api.music.example"
[[route]]
backend = "shop"
[limits]
max_connections = 1000
spill = "512MiB"
)";

ConfigRef loaded(const std::string& text) {
  const LoadedConfig result =
      load_config({{"t.toml", text}}, [](std::string_view) { return std::nullopt; });
  for (const Diagnostic& d : result.diagnostics) ADD_FAILURE() << d.text();
  return result.config;
}

TEST(Budgets, SayWhatTheMachineGives) {
  const ConfigRef config = loaded(kFile);
  const uint64_t needed = descriptors_needed(*config);
  EXPECT_EQ(
      budget_comments(*config, {1536ull << 20, 2, 20'000}),
      "\n# What this amounts to here:\n"
      "# memory       1.5 GiB for buffered bodies (80 % of the cgroup's limit or the machine's "
      "memory), then files of 512 MiB in all\n"
      "# pins         64 MiB of prefetched answers\n"
      "# queue        10000 requests and 2 GiB of bodies before shop\n"
      "# threads      2\n"
      "# descriptors  " +
          std::to_string(needed) + " at most, RLIMIT_NOFILE allows 20000\n");
}

TEST(Budgets, TooFewDescriptorsComeWithTheRemedy) {
  const ConfigRef config = loaded(kFile);
  const uint64_t needed = descriptors_needed(*config);
  auto line_for = [&](uint64_t descriptors) {
    const std::string text = budget_comments(*config, {1 << 30, 1, descriptors});
    return text.substr(text.find("# descriptors"));
  };
  const std::string raise = std::to_string(needed) + "), or ";
  EXPECT_EQ(line_for(needed - 300),
            "# descriptors  " + std::to_string(needed) + " at most, RLIMIT_NOFILE allows " +
                std::to_string(needed - 300) +
                ": TOO FEW\n#              raise it (ulimit -Hn, LimitNOFILE=" + raise +
                "lower [limits] max_connections to 700\n");
  // What it says is enough.
  Config lower = *config;
  lower.limits.max_connections = 700;
  EXPECT_EQ(descriptors_needed(lower), needed - 300);
  const std::string text = line_for(1024);
  EXPECT_TRUE(text.ends_with(raise +
                             "lower [egress] max_connections and each `concurrency`: "
                             "without clients they need " +
                             std::to_string(needed - 1000) + "\n"))
      << text;
}

TEST(Budgets, AFolderThatTakesNoFilesIsToldOf) {
  const std::string text = std::string(kFile) + "spill_dir = \"/no/such\"\n";
  const Machine machine = read_machine(*loaded(text));
  EXPECT_EQ(machine.spill_fault, "spill file in /no/such: No such file or directory");
  EXPECT_NE(
      budget_comments(*loaded(text), machine)
          .find("then files of 512 MiB in all\n#              BUT NO FILES: spill file in "
                "/no/such: No such file or directory\n#              make the folder writable"),
      std::string::npos);
  const std::string none = std::string(kFile).replace(std::string(kFile).find("512MiB"), 6, "0B");
  EXPECT_EQ(read_machine(*loaded(none + "spill_dir = \"/no/such\"\n")).spill_fault, "");
}

TEST(Budgets, TheOutputOfCheckLoadsAgain) {
  const ConfigRef config = loaded(kFile);
  std::string text =
      print_config(*config) + budget_comments(*config, {1 << 30, 1, 1024, "spill file in /x: no"});
  EXPECT_EQ(text.find("hush"), std::string::npos);
  loaded(text);
}

TEST(Budgets, TheMachineIsRead) {
  const Machine machine = read_machine(*loaded(kFile));
  EXPECT_GT(machine.memory, 0u);
  EXPECT_GT(machine.descriptors, 0u);
  EXPECT_GE(machine.threads, 1u);
  EXPECT_EQ(machine.spill_fault, "");
}

TEST(StartupLines, SayWhoListensWhereAndWhatStandsBehind) {
  const ConfigRef config = loaded(kFile);
  const SocketAddress front = *SocketAddress::parse("127.0.0.1", 8080);
  ListeningOn listening;
  listening.front = {front, front};  // two threads
  listening.egress = {*SocketAddress::parse("127.0.0.1", 8081)};
  const std::vector<std::string> lines{
      "listening on 127.0.0.1:8080",
      "egress on 127.0.0.1:8081, for the backend's own calls (`siding env` says how)",
      "backend shop at http://127.0.0.1:8000, concurrency 2, at most 10000 queued for 30s",
      "upstream music at http://api.music.example, at most 256 calls at once"};
  EXPECT_EQ(startup_lines(*config, listening), lines);
}

TEST(ConfigSource, AFaultOfAFlagNamesTheFlag) {
  const std::string toml = config_from_flags("foo", "x", "8080");
  const LoadedConfig result =
      load_config({{"flags", toml}}, [](std::string_view) { return std::nullopt; });
  std::vector<std::string> flags;
  for (const Diagnostic& d : result.diagnostics) flags.push_back(flag_of_place(d.place, toml));
  EXPECT_EQ(flags, (std::vector<std::string>{"--listen", "--backend", "--concurrency"}));
}

}  // namespace
}  // namespace siding
