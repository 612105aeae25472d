// Where a configuration comes from: environment variables, several files, folders, flags.
#include "tests/config/loading.h"
#include "tests/harness/folder.h"

namespace siding::config_test {
namespace {

using test::Folder;

LoadedConfig load_paths(const std::vector<std::string>& paths) {
  return load_config_files(paths, environment({}));
}

std::string backend_with_url(const std::string& url) {
  return kListen + "[backend.shop]\nurl = \"" + url + "\"\nconcurrency = 1\n" + kRoute;
}

std::string url_of(const std::string& written, const Variables& variables) {
  return good(backend_with_url(written), variables).backends.at(0).url.text;
}

TEST(ConfigSources, VariablesAreExpandedInStrings) {
  EXPECT_EQ(url_of("http://${HOST}:${PORT}", {{"HOST", "app"}, {"PORT", "80"}}), "http://app:80");
  EXPECT_EQ(url_of("http://${HOST:-app}", {}), "http://app");
  EXPECT_EQ(url_of("http://${HOST:-app}", {{"HOST", ""}}), "http://app");
  EXPECT_EQ(url_of("http://${HOST:-app}", {{"HOST", "other"}}), "http://other");
  EXPECT_EQ(url_of("${URL}", {{"URL", "http://a"}}), "http://a");
}

TEST(ConfigSources, DollarsAreLiteralWhenDoubledOrAlone) {
  auto secret = [](const std::string& text, const Variables& variables = {}) {
    return good(kSmall + kEgress + "secret = \"" + text + "\"\n", variables).egress->secret;
  };
  EXPECT_EQ(secret("a$$b"), "a$b");
  EXPECT_EQ(secret("$${A}"), "${A}");
  EXPECT_EQ(secret("a$b$"), "a$b$");
  EXPECT_EQ(secret("${A}", {{"A", "$${B}"}}), "$${B}");  // a value is not expanded again
  EXPECT_EQ(secret("${A:-}"), "");
}

TEST(ConfigSources, VariablesMayGiveNumbersAndFlags) {
  const std::string text = kListen +
                           "[backend.shop]\nurl = \"http://a\"\nconcurrency = \"${WORKERS:-2}\"\n"
                           "keep_alive = \"${KEEP:-true}\"\n" +
                           kRoute;
  EXPECT_EQ(good(text).backends[0].concurrency, 2u);
  EXPECT_EQ(good(text, {{"WORKERS", "7"}}).backends[0].concurrency, 7u);
  EXPECT_FALSE(good(text, {{"KEEP", "false"}}).backends[0].keep_alive);
  EXPECT_FALSE(load(text, {{"WORKERS", "many"}}).ok());
}

TEST(ConfigSources, FaultsOfVariables) {
  // One message each: nobody judges the value that was not there.
  EXPECT_TRUE(one_fault(backend_with_url("http://${HOST}"),
                        "t.toml:3:15: the environment variable `HOST` is not set"));
  EXPECT_TRUE(one_fault(backend_with_url("${HOST"), "t.toml:3:8: `${` without `}`"));
  EXPECT_TRUE(one_fault(backend_with_url("${}"), "t.toml:3:8: `` is not the name of"));
  EXPECT_TRUE(one_fault(backend_with_url("${query.q}"), "t.toml:3:8: `query.q` is not the name"));
  EXPECT_TRUE(one_fault("listen = [\"${A}\"]\n" + kShop + kRoute, "t.toml:1:12: the environment"));
}

TEST(ConfigSources, SeveralFilesAreOne) {
  const std::vector<ConfigSource> sources{
      {"a.toml", kListen + kShop + kRoute + "path = \"/a\"\n"},
      {"b.toml",
       "[backend.shop]\nqueue.size = 5\n[backend.other]\nurl = \"http://b\"\n"
       "concurrency = 2\n[[route]]\nbackend = \"other\"\n"}};
  const LoadedConfig loaded = load_config(sources, environment({}));
  ASSERT_TRUE(loaded.ok()) << said(loaded);
  EXPECT_EQ(loaded.config->backend("shop")->queue.size, 5u);
  ASSERT_EQ(loaded.config->routes.size(), 2u);
  EXPECT_EQ(loaded.config->routes[1].place, "b.toml:6:1");
}

TEST(ConfigSources, TheSameKeyTwiceIsAFault) {
  const LoadedConfig loaded = load_config(
      {{"a.toml", kSmall}, {"b.toml", "[backend.shop]\nconcurrency = 2\n"}}, environment({}));
  EXPECT_EQ(said(loaded),
            "b.toml:2:1: `concurrency` was already given at a.toml:4:1; keep one of the two\n");
}

TEST(ConfigSources, FoldersAreReadInNameOrder) {
  Folder folder;
  folder.write("20-routes.toml", kRoute);
  folder.write("10-base.toml", kListen + kShop + kRoute + "path = \"/first\"\n");
  folder.write("README.md", "not TOML");
  const LoadedConfig loaded = load_paths({folder.path()});
  ASSERT_TRUE(loaded.ok()) << said(loaded);
  ASSERT_EQ(loaded.config->routes.size(), 2u);
  EXPECT_EQ(loaded.config->routes[0].path.text(), "/first");
  EXPECT_EQ(loaded.config->routes[1].place, folder.path() + "/20-routes.toml:1:1");
}

TEST(ConfigSources, HiddenFilesOfFoldersDoNotCount) {
  Folder folder;
  folder.write("a.toml", kSmall);
  folder.write(".#a.toml", "what an editor leaves");
  EXPECT_TRUE(load_paths({folder.path()}).ok());
}

TEST(ConfigSources, AFileThatIsNamedTwiceIsOneFault) {
  Folder folder;
  const std::string file = folder.write("a.toml", kSmall);
  EXPECT_EQ(said(load_paths({file, folder.path() + "/../" + file.substr(file.find("siding"))})),
            folder.path() + "/../" + file.substr(file.find("siding")) +
                ": this file is named twice; keep one\n");
  EXPECT_EQ(said(load_paths({folder.path(), file})),
            file + ": this file is named twice; keep one\n");
}

TEST(ConfigSources, WhatCannotBeRead) {
  Folder folder;
  EXPECT_EQ(said(load_paths({folder.path(), "/no/such.toml"})),
            folder.path() +
                ": the folder holds no *.toml file\n"
                "/no/such.toml: cannot be read: No such file or directory\n");
  const std::string large = folder.write("large.toml", std::string(2 << 20, '#'));
  EXPECT_EQ(said(load_paths({large})), large + ": cannot be read: it is larger than 1MiB\n");
  std::filesystem::create_directory(folder.path("b.toml"));
  EXPECT_EQ(said(load_paths({folder.path("b.toml") + "/x"})),
            folder.path("b.toml") + "/x: cannot be read: No such file or directory\n");
  EXPECT_EQ(said(load_paths({""})), "\"\": cannot be read: No such file or directory\n");
  EXPECT_FALSE(load_paths({}).ok());
  EXPECT_FALSE(load_config({}, environment({})).ok());
}

TEST(ConfigSources, SecretsOfFiles) {
  Folder folder;
  const std::string key = folder.write("key", "geheim\n");
  const Config config = good(kSmall + kEgress + "secret = { file = \"" + key + "\" }\n" + kMusic +
                             "headers = { X-Api-Key = { file = \"" + key + "\" } }\n");
  EXPECT_EQ(config.egress->secret, "geheim");
  EXPECT_EQ(config.egress->secret_file, key);
  EXPECT_EQ(config.upstreams[0].headers[0].second.value, "geheim");
  EXPECT_EQ(config.upstreams[0].headers[0].second.file, key);
  const std::string empty = folder.write("empty", "\n");
  EXPECT_TRUE(one_fault(kSmall + kEgress + "secret = { file = \"" + empty + "\" }\n", "t.toml:9:"));
}

TEST(ConfigSources, FlagsAreAFileToo) {
  const Config config = good(config_from_flags("http://127.0.0.1:8000", "4"));
  EXPECT_EQ(config.listen[0].text(), "0.0.0.0:8080");
  EXPECT_EQ(config.backends[0].concurrency, 4u);
  EXPECT_EQ(config.routes[0].backend, "app");
  good(config_from_flags("http://a", "1", "[::1]:0"));
  EXPECT_TRUE(one_fault(config_from_flags("a\"\n$", "1"), "t.toml:4:7: "));
  EXPECT_TRUE(
      one_fault(config_from_flags("http://a", "x"), "t.toml:5:15: expected a whole number"));
}

}  // namespace
}  // namespace siding::config_test
