// From TOML text to a checked Config: finds every fault in one go and names its place and remedy.
// Invariant: never throws; a Config is returned only if there is no error.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"

namespace siding {

/// One fault or warning: "siding.toml:12:3: unknown key `quue`; did you mean `queue`?"
struct Diagnostic {
  std::string place;    ///< "file:line:column", or a file, or a flag
  std::string message;  ///< the reason and the remedy
  bool warning = false;
  std::string text() const { return place + ": " + (warning ? "warning: " : "") + message; }
};

struct LoadedConfig {
  ConfigRef config;  ///< null if there is any error
  std::vector<Diagnostic> diagnostics;
  bool ok() const { return config != nullptr; }
};

/// Source text with the name that messages show.
struct ConfigSource {
  std::string name;
  std::string text;
};

/// Looks up an environment variable; injected for tests.
using Environment = std::function<std::optional<std::string>(std::string_view)>;
Environment process_environment();

/// Reads files and folders (`*.toml` in name order, without hidden ones). Several files are one
/// configuration: tables are merged, lists of tables ([[route]]) appended, the same key twice is an
/// error.
LoadedConfig load_config_files(const std::vector<std::string>& paths, const Environment& env);
/// The files that load_config_files() would read now, in that order.
std::vector<std::string> config_files(const std::vector<std::string>& paths);
LoadedConfig load_config(const std::vector<ConfigSource>& sources, const Environment& env);

/// The effective configuration as TOML, every default included; secrets are shown as "(secret)".
std::string print_config(const Config& config);

/// The TOML that `siding run --backend URL --concurrency N [--listen ADDRESS]` stands for.
std::string config_from_flags(std::string_view backend_url, std::string_view concurrency,
                              std::string_view listen = "0.0.0.0:8080");

/// Values as the file writes them: "500ms", "30s", "5m"; "64KiB", "1GiB", "10MB". nullopt = not one.
std::optional<Duration> parse_duration(std::string_view text);
std::optional<uint64_t> parse_size(std::string_view text);
std::string format_duration(Duration d);
std::string format_size(uint64_t bytes);

}  // namespace siding
