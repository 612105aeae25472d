// The one place that ends the process: runs the command of the command line and exits with its code.
#include <string>
#include <variant>
#include <vector>

#include "proxy/tools/cli.h"

#ifndef SIDING_VERSION
#define SIDING_VERSION "(unversioned)"
#endif

int main(int argc, char** argv) {
  const siding::Command command = siding::parse_command_line(
      std::vector<std::string>(argv + (argc > 0), argv + argc), SIDING_VERSION);
  return std::visit([](const auto& options) { return siding::run_command(options); }, command);
}
