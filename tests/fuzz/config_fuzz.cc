// Configurations: TOML, environment variables, all values and what has to agree among them.
// Properties: any text ends in faults, each with its place, or in a configuration; one that is accepted
// prints as a text that loads and prints the same, and shows no secret.
// Input: the text. Inputs that name a device are left out: reading it might never end.
// libFuzzer: -max_len=768 -dict=tests/fuzz/config.dict
#include <cstdlib>
#include <string>

#include "config/load.h"
#include "tests/fuzz/fuzz.h"

namespace siding::fuzz {
namespace {

constexpr std::string_view kSecret = "geheim";

std::optional<std::string> variable(std::string_view name) {
  if (name == "KEY") return std::string(kSecret);
  if (name == "N") return "3";
  if (name == "HOST") return "a.example";
  if (name == "YES") return "true";
  if (name == "EMPTY") return "";
  return std::nullopt;
}

LoadedConfig load(std::string text) { return load_config({{"f.toml", std::move(text)}}, variable); }

bool names_a_device(std::string_view text) {
  for (std::string_view folder : {"/dev", "/proc", "/sys", "/run"}) {
    if (text.find(folder) != std::string_view::npos) return true;
  }
  return false;
}

void run(Input in) {
  if (names_a_device(in.rest())) return;
  const LoadedConfig loaded = load(std::string(in.rest()));
  bool error = false;
  for (const Diagnostic& d : loaded.diagnostics) {
    assert(d.place.starts_with("f.toml") && !d.message.empty());
    error = error || !d.warning;
  }
  assert(loaded.ok() != error);
  if (!loaded.ok()) return;
  const std::string printed = print_config(*loaded.config);
  const LoadedConfig again = load(printed);
  if (!again.ok()) {
    for (const Diagnostic& d : again.diagnostics) std::fprintf(stderr, "%s\n", d.text().c_str());
    std::fprintf(stderr, "%s\n", printed.c_str());
  }
  assert(again.ok() && print_config(*again.config) == printed);
}

}  // namespace
}  // namespace siding::fuzz

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  // Authorities that are read in microseconds, for all that speaks TLS.
  return setenv("SSL_CERT_FILE", SIDING_SOURCE_DIR "/tests/fuzz/authority.pem", 1);
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  siding::fuzz::run({data, size});
  return 0;
}
