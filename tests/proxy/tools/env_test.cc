// `siding env`: a golden file per kind of application, golden/env-*.txt beside this test. To renew
// them after a change of the texts, run this test with SIDING_WRITE_GOLDEN=1 and read the difference.
#include "proxy/tools/env.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>

#include "config/load.h"

namespace siding {
namespace {

std::string file_with(const std::string& egress, const std::string& upstreams) {
  return "listen = [\"127.0.0.1:8080\"]\n" + egress +
         "\n[backend.shop]\nurl = \"http://127.0.0.1:8000\"\nconcurrency = 1\n" + upstreams +
         "\n[[route]]\nbackend = \"shop\"\n";
}

const std::string kUsualEgress = "[egress]\nlisten = [\"127.0.0.1:8081\"]\n";
// Reached from elsewhere: with a secret, and closed to what is not listed.
const std::string kLockedEgress = "[egress]\nlisten = [\"[::]:8081\"]\nsecret = \"hush\"\n";
const std::string kTwoUpstreams =
    "[upstream.music]\nurl = \"http://api.music.example/v1/\"\n"
    "[upstream.video-search]\nurl = \"http://127.0.0.1:9000\"\n";

std::optional<std::string> lines(const std::string& toml, Application application) {
  const LoadedConfig loaded =
      load_config({{"t.toml", toml}}, [](std::string_view) { return std::nullopt; });
  for (const Diagnostic& d : loaded.diagnostics) ADD_FAILURE() << d.text();
  if (!loaded.ok()) return std::nullopt;
  return environment_lines(*loaded.config, application);
}

void expect_golden(const std::string& name, const std::optional<std::string>& text) {
  ASSERT_TRUE(text.has_value());
  const std::string path =
      std::string(SIDING_SOURCE_DIR) + "/tests/proxy/tools/golden/env-" + name + ".txt";
  if (std::getenv("SIDING_WRITE_GOLDEN") != nullptr) std::ofstream(path) << *text;
  std::ifstream file(path);
  const std::string golden{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  EXPECT_EQ(*text, golden) << path;
}

class EnvGolden : public testing::TestWithParam<std::string> {};

TEST_P(EnvGolden, Usual) {
  const Application application = *application_named(GetParam());
  expect_golden(GetParam(), lines(file_with(kUsualEgress, kTwoUpstreams), application));
}

TEST_P(EnvGolden, Locked) {
  const Application application = *application_named(GetParam());
  const auto text = lines(file_with(kLockedEgress, kTwoUpstreams), application);
  expect_golden(GetParam() + "-locked", text);
  EXPECT_EQ(text->find("hush"), std::string::npos);
}

TEST_P(EnvGolden, WithoutUpstreamsThereIsNothingToList) {
  const auto text = lines(file_with(kUsualEgress, ""), *application_named(GetParam()));
  ASSERT_TRUE(text.has_value());
  EXPECT_NE(text->find("no [upstream] yet"), std::string::npos) << *text;
  EXPECT_EQ(text->find("->"), std::string::npos) << *text;
}

TEST_P(EnvGolden, AServiceIsListedAsCallsNameIt) {
  const auto text = lines(file_with(kUsualEgress,
                                    "[upstream.search]\n"
                                    "url = \"http://_http._tcp.search.example/v1/\"\n"),
                          *application_named(GetParam()));
  ASSERT_TRUE(text.has_value());
  EXPECT_NE(text->find("http://search.example/v1/...  ->"), std::string::npos) << *text;
}

TEST_P(EnvGolden, NoPlaceIsLeftUnfilledAndNoLineEndsInSpace) {
  for (const std::string& egress : {kUsualEgress, kLockedEgress}) {
    const auto text = lines(file_with(egress, kTwoUpstreams), *application_named(GetParam()));
    ASSERT_TRUE(text.has_value());
    EXPECT_EQ(text->find("{p"), std::string::npos) << *text;
    EXPECT_EQ(text->find(" \n"), std::string::npos) << *text;
    EXPECT_EQ(text->find("\n\n"), std::string::npos) << *text;
  }
}

INSTANTIATE_TEST_SUITE_P(, EnvGolden, testing::ValuesIn(application_names()),
                         [](const auto& tested) {
                           std::string name = tested.param;
                           for (char& c : name) c = c == '-' ? '_' : c;
                           return name;
                         });

TEST(Env, NeedsAnEgressThatAnApplicationCanReach) {
  EXPECT_FALSE(lines(file_with("", ""), Application::python).has_value());
  EXPECT_FALSE(lines(file_with("[egress]\nlisten = [\"unix:/run/s\"]\n", ""), Application::python)
                   .has_value());
}

TEST(Env, NamesAreThoseOfTheCommandLine) {
  EXPECT_EQ(application_named("php-fpm"), Application::php_fpm);
  EXPECT_EQ(application_named("cobol"), std::nullopt);
  EXPECT_EQ(application_names().size(), 6u);
}

}  // namespace
}  // namespace siding
