// The effective configuration as TOML (see load.h).
#include "base/text.h"
#include "config/load.h"
#include "config/printer.h"
#include "config/sections.h"

namespace siding {

std::string print_config(const Config& config) {
  Config copy = config;  // a visitor may write; this one does not
  Printer printer;
  options(printer, copy);
  return printer.text();
}

std::string config_from_flags(std::string_view backend_url, std::string_view concurrency,
                              std::string_view listen) {
  // Whatever is no number goes into quotes, so that the loader names the fault.
  const bool number = parse_u64(concurrency).has_value();
  return "listen = [" + toml_string(listen) +
         "]\n\n[backend.app]\nurl = " + toml_string(backend_url) +
         "\nconcurrency = " + (number ? std::string(concurrency) : toml_string(concurrency)) +
         "\n\n[[route]]\nbackend = \"app\"\n";
}

}  // namespace siding
