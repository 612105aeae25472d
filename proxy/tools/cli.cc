// See cli.h. The only file that includes CLI11.
#include "proxy/tools/cli.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <optional>

#include "config/faults.h"
#include "proxy/tools/completion.h"
#include "proxy/tools/help.h"

namespace siding {
namespace {

constexpr uint32_t kMostAtOnce = 1000;  // connections that `try` opens
const std::vector<std::string> kCommands{"run",     "check", "demo",   "try",       "env",
                                         "explain", "purge", "health", "completion"};

void add_files(CLI::App& command, std::vector<std::string>& files, bool required) {
  command.add_option("FILE", files, "Configuration files, and folders of *.toml")
      ->required(required)
      ->type_name("");
}

CLI::Option* add_count(CLI::App& command, const std::string& flags, uint32_t& value,
                       const std::string& what, uint32_t min, uint32_t max) {
  return command.add_option(flags, value, what)
      ->check(CLI::Range(min, max).description(std::to_string(min) + " to " + std::to_string(max)))
      ->capture_default_str()
      ->type_name("");
}

// All commands with the options that they fill.
class CommandLine {
 public:
  CommandLine();
  Command parse(const std::vector<std::string>& arguments, std::string_view version);

 private:
  void add_run();
  void add_check();
  void add_demo();
  void add_try();
  void add_env();
  void add_explain();
  void add_purge();
  void add_health();
  void add_completion();
  std::vector<CommandWords> words() const;
  Command chosen() const;
  Command chosen_purge() const;
  std::string fault_text(const CLI::ParseError& error,
                         const std::vector<std::string>& arguments) const;

  CLI::App app_{"", "siding"};
  bool version_ = false;
  RunOptions run_;
  CheckOptions check_;
  DemoOptions demo_;
  TryOptions try_;
  EnvOptions env_;
  std::string application_;
  ExplainOptions explain_;
  PurgeOptions purge_;
  std::vector<std::string> purge_names_;  // a URL, where no option names what; then files
  std::string prefix_;
  std::string tag_;
  bool all_ = false;
  HealthOptions health_;
  std::string shell_;
};

CommandLine::CommandLine() {
  app_.require_subcommand(0, 1);
  app_.add_flag("--version,-V", version_);
  add_run();
  add_check();
  add_demo();
  add_try();
  add_env();
  add_explain();
  add_purge();
  add_health();
  add_completion();
}

void CommandLine::add_run() {
  CLI::App& c = *app_.add_subcommand(
      "run",
      "Serve, until SIGTERM drains it. SIGHUP loads the configuration again, SIGUSR2 the binary.");
  add_files(c, run_.files, false);
  CLI::Option* backend =
      c.add_option("--backend", run_.backend, "The service to stand in front of, without a file")
          ->type_name("URL");
  CLI::Option* concurrency = c.add_option("--concurrency", run_.concurrency,
                                          "Requests that it can serve at once: processes x threads")
                                 ->type_name("N");
  backend->needs(concurrency);
  concurrency->needs(backend);
  c.add_option("--listen", run_.listen, "Where clients come in, with --backend [0.0.0.0:8080]")
      ->type_name("ADDRESS")
      ->needs(backend);
  c.add_flag(
      "!--no-watch", run_.watch,
      "Load changed files on SIGHUP only, not by themselves a second after they were changed");
  c.add_flag("--print-config", run_.print_config, "Print the TOML instead of serving");
  c.footer("siding run --backend http://127.0.0.1:8000 --concurrency 4 --listen 127.0.0.1:8080");
}

void CommandLine::add_check() {
  CLI::App& c = *app_.add_subcommand(
      "check", "Show all faults of a configuration; else what it means, with every default.");
  add_files(c, check_.files, true);
}

void CommandLine::add_demo() {
  CLI::App& c = *app_.add_subcommand(
      "demo", "A race: one blocking worker alone, and the same worker behind siding.");
  add_count(c, "--requests,-n", demo_.requests, "Clients that ask at once", 1, 1000);
  add_count(c, "--upstream-ms", demo_.upstream_ms, "What one call of the worker takes", 1, 5000);
  c.add_flag("--keep", demo_.keep, "Stay up afterwards, and print what to try");
}

void CommandLine::add_try() {
  CLI::App& c = *app_.add_subcommand(
      "try", "Load a URL of your own, directly and through siding, and compare.");
  c.add_option("URL", try_.url, "{n} in it stands for the request's number")
      ->required()
      ->type_name("");
  add_count(c, "-n,--requests", try_.requests, "Requests each way", 1, 10'000);
  add_count(c, "-c,--concurrency", try_.concurrency, "At once", 1, kMostAtOnce)
      ->default_str("all, at most 1000");
  c.add_option("--through", try_.through, "Then through siding, at this address")->type_name("URL");
  c.add_option("--expect", try_.expect, "Text that each answer must hold; may have {n}")
      ->type_name("TEXT");
  add_count(c, "--timeout", try_.timeout_s, "Seconds for each way", 1, 3600);
  c.footer(
      "siding try 'http://127.0.0.1:8000/search/?q={n}' -n 100 --through http://127.0.0.1:8080");
}

void CommandLine::add_env() {
  CLI::App& c = *app_.add_subcommand(
      "env",
      "Print what the application's environment needs, so that its calls go through siding.");
  add_files(c, env_.files, true);
  c.add_option("--for", application_, "What the application is written in, or runs on")
      ->required()
      ->check(CLI::IsMember(application_names()))
      ->type_name("");
}

void CommandLine::add_explain() {
  CLI::App& c = *app_.add_subcommand("explain", "Ask a running siding what became of a request.");
  c.add_option("WHAT", explain_.what, "last, slow, failed, or a request's id")
      ->required()
      ->type_name("");
  add_files(c, explain_.files, false);
  c.add_option("--admin", explain_.admin, "Its [admin] listen, instead of FILE")
      ->type_name("ADDRESS");
  add_count(c, "-n,--count", explain_.count, "Requests to show", 1, 1000)
      ->default_str("its own choice");
  c.add_flag("--json", explain_.json, "For programs");
}

void CommandLine::add_purge() {
  CLI::App& c = *app_.add_subcommand(
      "purge", "Have a running siding drop answers from its cache, and say how many.");
  c.add_option(
       "WHAT", purge_names_,
       "A URL: all that is stored for it, under http and https. Not with the options that say "
       "what instead. Then configuration files, and folders of *.toml")
      ->type_name("");
  CLI::Option* prefix =
      c.add_option("--prefix", prefix_, "Instead of a URL: all that begin so")->type_name("URL");
  CLI::Option* tag = c.add_option("--tag", tag_, "Instead: all whose Cache-Tag field names this")
                         ->type_name("TAG");
  CLI::Option* all = c.add_flag("--all", all_, "Instead: everything");
  prefix->excludes(tag)->excludes(all);
  tag->excludes(all);
  c.add_option("--admin", purge_.admin, "Its [admin] listen, instead of FILE")
      ->type_name("ADDRESS");
  c.add_flag("--json", purge_.json, "For programs");
  c.footer("siding purge http://example.org/catalogue/7 siding.toml");
}

void CommandLine::add_health() {
  CLI::App& c = *app_.add_subcommand(
      "health",
      "Whether a running siding is ready, by its exit code: for the health checks of containers.");
  add_files(c, health_.files, false);
  c.add_option("--address", health_.address, "Its [health] listen, instead of FILE")
      ->type_name("ADDRESS");
  c.add_flag("--live", health_.live, "Whether it lives: also while it drains");
  c.footer("siding health siding.toml");
}

void CommandLine::add_completion() {
  CLI::App& c = *app_.add_subcommand(
      "completion", "Print a script that makes a shell complete the command line of siding.");
  c.add_option("SHELL", shell_, "bash, fish or zsh")
      ->required()
      ->check(CLI::IsMember(completion_shells()))
      ->type_name("");
  c.footer("source <(siding completion bash)");
}

/// Read off what was added above.
std::vector<CommandWords> CommandLine::words() const {
  std::vector<CommandWords> all;
  for (const std::string& name : kCommands) {
    const CLI::App& c = *app_.get_subcommand(name);
    CommandWords& words = all.emplace_back();
    words.name = name;
    words.about = c.get_description();
    for (const CLI::Option* o : c.get_options()) {
      if (o->get_positional()) continue;
      const auto& longs = o->get_lnames();
      words.options.push_back(
          {.name = longs.empty() ? "-" + o->get_snames().front() : "--" + longs.front(),
           .about = o->get_description(),
           .takes_value = o->get_items_expected_max() > 0});
      if (words.options.back().name == "--for") words.options.back().values = application_names();
    }
    if (name == "explain") words.words = {"last", "slow", "failed"};
    if (name == "completion") words.words = completion_shells();
  }
  return all;
}

Command CommandLine::chosen_purge() const {
  const CLI::App& c = *app_.get_subcommand("purge");
  PurgeOptions options = purge_;
  options.files = purge_names_;
  ParsedPurge parsed;
  if (c.count("--prefix") > 0) {
    parsed = parse_purge(Purge::Kind::prefix, prefix_);
  } else if (c.count("--tag") > 0) {
    parsed = parse_purge(Purge::Kind::tag, tag_);
  } else if (all_) {
    parsed = parse_purge(Purge::Kind::all, {});
  } else if (purge_names_.empty()) {
    parsed.fault = "name a URL, --prefix URL, --tag TAG or --all";
  } else {
    parsed = parse_purge(Purge::Kind::url, purge_names_.front());
    options.files.erase(options.files.begin());
  }
  for (const std::string& file : options.files) {
    if (file.find("://") != std::string::npos) {
      return ShowText{"siding purge: `" + file + "` is one thing more to purge: one at a time\n",
                      kExitBadInput};
    }
  }
  if (!parsed.purge) {
    return ShowText{"siding purge: " + parsed.fault + "\nsiding purge --help says more.\n",
                    kExitBadInput};
  }
  options.purge = std::move(*parsed.purge);
  return options;
}

Command CommandLine::chosen() const {
  if (app_.got_subcommand("run")) return run_;
  if (app_.got_subcommand("check")) return check_;
  if (app_.got_subcommand("demo")) return demo_;
  if (app_.got_subcommand("try")) {
    TryOptions t = try_;
    if (t.concurrency == 0) t.concurrency = std::min(t.requests, kMostAtOnce);
    return t;
  }
  if (app_.got_subcommand("explain")) return explain_;
  if (app_.got_subcommand("purge")) return chosen_purge();
  if (app_.got_subcommand("health")) return health_;
  if (app_.got_subcommand("completion")) {
    return ShowText{completion_script(shell_, words()), kExitOk};
  }
  EnvOptions env = env_;
  env.application = *application_named(application_);
  return env;
}

std::string CommandLine::fault_text(const CLI::ParseError& error,
                                    const std::vector<std::string>& arguments) const {
  const auto chosen = app_.get_subcommands();
  std::string text = "siding" + (chosen.empty() ? "" : " " + chosen[0]->get_name()) + ": ";
  const bool unknown = chosen.empty() && !arguments[0].starts_with("-");
  text += unknown ? "`" + arguments[0] + "` is no command" +
                        suggestion(arguments[0], kCommands, "the commands")
                  : std::string(error.what());
  return text + "\n" +
         (chosen.empty() ? "siding --help" : "siding " + chosen[0]->get_name() + " --help") +
         " says more.\n";
}

Command CommandLine::parse(const std::vector<std::string>& arguments, std::string_view version) {
  // CLI11 reports by exceptions; none leaves this function.
  try {
    app_.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
  } catch (const CLI::CallForHelp&) {
    const auto chosen = app_.get_subcommands();
    return ShowText{chosen.empty() ? help_text() : chosen[0]->help("siding"), kExitOk};
  } catch (const CLI::ParseError& error) {
    return ShowText{fault_text(error, arguments), kExitBadInput};
  }
  if (version_) return ShowText{version_text(version), kExitOk};
  if (app_.get_subcommands().empty()) return ShowText{help_text(), kExitBadInput};
  if (app_.got_subcommand("run")) {
    if (run_.files.empty() == run_.backend.empty()) {
      return ShowText{
          "siding run: name configuration files, or --backend and --concurrency\n"
          "siding run --help says more.\n",
          kExitBadInput};
    }
  }
  return chosen();
}

}  // namespace

Command parse_command_line(const std::vector<std::string>& arguments, std::string_view version) {
  return CommandLine().parse(arguments, version);
}

}  // namespace siding
