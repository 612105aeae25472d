// See config_source.h.
#include "proxy/tools/config_source.h"

#include <algorithm>
#include <cstdio>

#include "base/text.h"

namespace siding {
namespace {

ConfigRef complain(LoadedConfig loaded) {
  for (const Diagnostic& d : loaded.diagnostics) std::fprintf(stderr, "%s\n", d.text().c_str());
  if (loaded.ok()) return loaded.config;
  const auto errors = std::count_if(loaded.diagnostics.begin(), loaded.diagnostics.end(),
                                    [](const Diagnostic& d) { return !d.warning; });
  std::fprintf(stderr, "siding: %zu error%s in the configuration\n", static_cast<size_t>(errors),
               errors == 1 ? "" : "s");
  return nullptr;
}

}  // namespace

ConfigRef load_or_complain(const std::vector<std::string>& files) {
  return complain(load_config_files(files, process_environment()));
}

ConfigRef load_flags_or_complain(const std::string& toml) {
  LoadedConfig loaded = load_config({{"flags", toml}}, process_environment());
  for (Diagnostic& d : loaded.diagnostics) d.place = flag_of_place(d.place, toml);
  return complain(std::move(loaded));
}

std::string flag_of_place(std::string_view place, std::string_view toml) {
  const size_t colon = place.find(':');
  if (colon == std::string_view::npos) return std::string(place);
  const std::string_view rest = place.substr(colon + 1);
  uint64_t line = std::max<uint64_t>(1, parse_u64(rest.substr(0, rest.find(':'))).value_or(1));
  while (--line > 0 && toml.find('\n') != std::string_view::npos) {
    toml.remove_prefix(toml.find('\n') + 1);
  }
  const std::string_view key = toml.substr(0, std::min(toml.find_first_of(" =\n"), toml.size()));
  return key == "url" ? "--backend" : "--" + std::string(key);
}

}  // namespace siding
