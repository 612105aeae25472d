// The commands of `siding`: what each is asked for, and the exit code with which it ends. cli.h makes
// these out of the command line, main.cc runs them.
// Invariant: 0 = well, 1 = what was asked for did not work out, 2 = a bad configuration or command
// line, 128 + n = ended by signal n before there was a result. They return; only main() exits.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"
#include "cache/purge.h"
#include "proxy/tools/env.h"

namespace siding {

inline constexpr int kExitOk = 0;
inline constexpr int kExitFailed = 1;
inline constexpr int kExitBadInput = 2;

/// Nothing to run: help, the version, or what is wrong with the command line, which goes to stderr.
struct ShowText {
  std::string text;
  int exit_code = kExitOk;
};
int run_command(const ShowText& show);

struct RunOptions {
  std::vector<std::string> files;
  std::string backend;      ///< instead of files
  std::string concurrency;  ///< with `backend`; as written, the loader judges it
  std::string listen;       ///< with `backend`; empty = the default
  bool print_config = false;
  bool watch = true;  ///< a changed file is loaded by itself
};
int run_command(const RunOptions& options);

struct CheckOptions {
  std::vector<std::string> files;
};
int run_command(const CheckOptions& options);

struct DemoOptions {
  uint32_t requests = 40;
  uint32_t upstream_ms = 500;
  bool keep = false;
};
int run_command(const DemoOptions& options);

struct TryOptions {
  std::string url;
  std::string through;  ///< siding's address as a URL; empty = directly only
  std::string expect;   ///< text that each answer must hold; {n} is the request's number
  uint32_t requests = 100;
  uint32_t concurrency = 0;  ///< at once; filled in by the command line
  uint32_t timeout_s = 120;  ///< of each of the two runs
};
int run_command(const TryOptions& options);

struct EnvOptions {
  std::vector<std::string> files;
  Application application = Application::python;
};
int run_command(const EnvOptions& options);

struct ExplainOptions {
  std::string what = "last";
  std::string admin;  ///< address; else that of the configuration in `files`
  std::vector<std::string> files;
  uint32_t count = 0;
  bool json = false;
};
int run_command(const ExplainOptions& options);

struct HealthOptions {
  std::string address;  ///< of the [health] door; else that of the configuration in `files`
  std::vector<std::string> files;
  bool live = false;
};
int run_command(const HealthOptions& options);

struct PurgeOptions {
  Purge purge;
  std::string admin;  ///< address; else that of the configuration in `files`
  std::vector<std::string> files;
  bool json = false;
};
int run_command(const PurgeOptions& options);

}  // namespace siding
