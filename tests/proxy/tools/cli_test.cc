// The command line: options with their defaults and bounds, and what people get for a slip.
#include "proxy/tools/cli.h"

#include <gtest/gtest.h>

namespace siding {
namespace {

Command parse(const std::vector<std::string>& arguments) {
  return parse_command_line(arguments, "0.1.0");
}

ShowText shown(const std::vector<std::string>& arguments) {
  Command command = parse(arguments);
  const ShowText* text = std::get_if<ShowText>(&command);
  return text == nullptr ? ShowText{"(a command)", -1} : *text;
}

template <class Options>
Options parsed(const std::vector<std::string>& arguments) {
  Command command = parse(arguments);
  if (const ShowText* text = std::get_if<ShowText>(&command)) ADD_FAILURE() << text->text;
  const Options* options = std::get_if<Options>(&command);
  EXPECT_NE(options, nullptr);
  return options == nullptr ? Options{} : *options;
}

TEST(Cli, Run) {
  const RunOptions files = parsed<RunOptions>({"run", "a.toml", "conf.d"});
  EXPECT_EQ(files.files, (std::vector<std::string>{"a.toml", "conf.d"}));
  EXPECT_FALSE(files.print_config);
  const RunOptions flags =
      parsed<RunOptions>({"run", "--backend", "http://127.0.0.1:8000", "--concurrency", "4",
                          "--listen", "[::1]:80", "--print-config"});
  EXPECT_TRUE(flags.files.empty());
  EXPECT_EQ(flags.backend, "http://127.0.0.1:8000");
  EXPECT_EQ(flags.concurrency, "4");
  EXPECT_EQ(flags.listen, "[::1]:80");
  EXPECT_TRUE(flags.print_config);
}

TEST(Cli, RunNeedsFilesOrABackendButNotBoth) {
  for (const auto& arguments : std::vector<std::vector<std::string>>{
           {"run"},
           {"run", "a.toml", "--backend", "http://h", "--concurrency", "1"},
           {"run", "--backend", "http://h"},
           {"run", "--concurrency", "1"},
           {"run", "a.toml", "--listen", "0.0.0.0:80"}}) {
    const ShowText text = shown(arguments);
    EXPECT_EQ(text.exit_code, kExitBadInput);
    EXPECT_TRUE(text.text.starts_with("siding run: ")) << text.text;
    EXPECT_NE(text.text.find("siding run --help says more"), std::string::npos);
  }
}

TEST(Cli, Demo) {
  const DemoOptions defaults = parsed<DemoOptions>({"demo"});
  EXPECT_EQ(defaults.requests, 40u);
  EXPECT_EQ(defaults.upstream_ms, 500u);
  EXPECT_FALSE(defaults.keep);
  const DemoOptions given =
      parsed<DemoOptions>({"demo", "--requests", "100", "--upstream-ms", "50", "--keep"});
  EXPECT_EQ(given.requests, 100u);
  EXPECT_EQ(given.upstream_ms, 50u);
  EXPECT_TRUE(given.keep);
  EXPECT_EQ(shown({"demo", "--requests", "0"}).exit_code, kExitBadInput);
  EXPECT_EQ(shown({"demo", "--requests", "many"}).exit_code, kExitBadInput);
}

TEST(Cli, Try) {
  const TryOptions given = parsed<TryOptions>(
      {"try", "http://h/?q={n}", "-n", "50", "-c", "10", "--through", "http://127.0.0.1:8080"});
  EXPECT_EQ(given.url, "http://h/?q={n}");
  EXPECT_EQ(given.requests, 50u);
  EXPECT_EQ(given.concurrency, 10u);
  EXPECT_EQ(given.through, "http://127.0.0.1:8080");
  EXPECT_EQ(parsed<TryOptions>({"try", "http://h/"}).requests, 100u);
  // Bounded, so that nobody is flooded by a slip.
  EXPECT_EQ(shown({"try", "http://h/", "-n", "10001"}).exit_code, kExitBadInput);
  EXPECT_EQ(shown({"try", "http://h/", "-c", "1001"}).exit_code, kExitBadInput);
  EXPECT_EQ(parsed<TryOptions>({"try", "http://h/", "-n", "5000"}).concurrency, 1000u);
  EXPECT_EQ(shown({"try"}).exit_code, kExitBadInput);
}

TEST(Cli, CheckEnvExplain) {
  EXPECT_EQ(parsed<CheckOptions>({"check", "a.toml"}).files[0], "a.toml");
  EXPECT_EQ(shown({"check"}).exit_code, kExitBadInput);

  const EnvOptions env = parsed<EnvOptions>({"env", "a.toml", "--for", "php-fpm"});
  EXPECT_EQ(env.files[0], "a.toml");
  EXPECT_EQ(env.application, Application::php_fpm);
  const ShowText unknown = shown({"env", "a.toml", "--for", "cobol"});
  EXPECT_EQ(unknown.exit_code, kExitBadInput);
  for (const std::string& name : application_names()) {
    EXPECT_NE(unknown.text.find(name), std::string::npos) << unknown.text;
  }
  EXPECT_EQ(shown({"env", "a.toml"}).exit_code, kExitBadInput);

  const ExplainOptions last = parsed<ExplainOptions>({"explain", "last", "a.toml"});
  EXPECT_EQ(last.what, "last");
  EXPECT_EQ(last.files[0], "a.toml");
  EXPECT_EQ(parsed<ExplainOptions>({"explain", "x1", "--admin", "unix:/s"}).admin, "unix:/s");
  EXPECT_EQ(shown({"explain"}).exit_code, kExitBadInput);
}

TEST(Cli, Health) {
  const HealthOptions file = parsed<HealthOptions>({"health", "a.toml", "--live"});
  EXPECT_EQ(file.files, (std::vector<std::string>{"a.toml"}));
  EXPECT_TRUE(file.live);
  const HealthOptions address = parsed<HealthOptions>({"health", "--address", "127.0.0.1:9090"});
  EXPECT_EQ(address.address, "127.0.0.1:9090");
  EXPECT_FALSE(address.live);
}

TEST(Cli, Purge) {
  const PurgeOptions url =
      parsed<PurgeOptions>({"purge", "HTTP://Example.org:80/a?b=1", "a.toml", "conf.d"});
  EXPECT_EQ(url.purge, (Purge{Purge::Kind::url, "http://example.org/a?b=1"}));
  EXPECT_EQ(url.files, (std::vector<std::string>{"a.toml", "conf.d"}));
  const PurgeOptions prefix =
      parsed<PurgeOptions>({"purge", "--prefix", "http://a/b", "--admin", "unix:/s", "--json"});
  EXPECT_EQ(prefix.purge, (Purge{Purge::Kind::prefix, "http://a/b"}));
  EXPECT_EQ(prefix.admin, "unix:/s");
  EXPECT_TRUE(prefix.json);
  const PurgeOptions tag = parsed<PurgeOptions>({"purge", "--tag", "song-7", "a.toml"});
  EXPECT_EQ(tag.purge, (Purge{Purge::Kind::tag, "song-7"}));
  EXPECT_EQ(tag.files, (std::vector<std::string>{"a.toml"}));
  EXPECT_EQ(parsed<PurgeOptions>({"purge", "--all", "a.toml"}).purge.kind, Purge::Kind::all);
}

TEST(Cli, PurgeSaysWhatIsWrong) {
  auto says = [](const std::vector<std::string>& arguments, std::string_view what) {
    const ShowText text = shown(arguments);
    EXPECT_EQ(text.exit_code, kExitBadInput);
    EXPECT_TRUE(text.text.starts_with("siding purge: ")) << text.text;
    EXPECT_NE(text.text.find(what), std::string::npos) << text.text;
  };
  says({"purge"}, "name a URL, --prefix URL, --tag TAG or --all");
  says({"purge", "siding.toml"}, "`siding.toml` is no whole URL");
  says({"purge", "--tag", "a,b", "a.toml"}, "more than one tag");
  says({"purge", "--tag", "a", "--all"}, "excludes");
  says({"purge", "--tag", "a", "http://a/"}, "one at a time");
  says({"purge", "http://a/", "http://b/"}, "one at a time");
}

TEST(Cli, HelpAndVersionAreNoErrors) {
  const ShowText help = shown({"--help"});
  EXPECT_EQ(help.exit_code, kExitOk);
  for (const char* name : {"run", "check", "demo", "try", "env", "explain", "purge"}) {
    EXPECT_NE(help.text.find("siding " + std::string(name)), std::string::npos);
    const ShowText one = shown({name, "--help"});
    EXPECT_EQ(one.exit_code, kExitOk);
    EXPECT_NE(one.text.find("--help"), std::string::npos) << one.text;
  }
  EXPECT_EQ(shown({"--version"}).exit_code, kExitOk);
  EXPECT_TRUE(shown({"--version"}).text.starts_with("siding 0.1.0\n"));
}

TEST(Cli, NothingAtAllShowsTheHelpAsAnError) {
  EXPECT_EQ(shown({}).exit_code, kExitBadInput);
  EXPECT_EQ(shown({}).text, shown({"--help"}).text);
}

TEST(Cli, ASlipIsNamedWithWhatWasMeant) {
  const ShowText text = shown({"chekc", "a.toml"});
  EXPECT_EQ(text.exit_code, kExitBadInput);
  EXPECT_EQ(text.text,
            "siding: `chekc` is no command; did you mean `check`?\nsiding --help says more.\n");
  EXPECT_EQ(shown({"--chekc"}).exit_code, kExitBadInput);
  EXPECT_EQ(shown({"run", "--bakend", "http://h", "--concurrency", "1"}).exit_code, kExitBadInput);
}

}  // namespace
}  // namespace siding
