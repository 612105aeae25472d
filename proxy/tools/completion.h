// Scripts that make a shell complete the command line of siding.
// Invariant: pure. They know the commands from cli.cc alone, so nothing has to be kept in step by hand.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace siding {

/// What a command takes, as its --help lists it.
struct CommandWords {
  struct Option {
    std::string name;  ///< "--backend", or "-n" where there is no long one
    std::string about;
    bool takes_value = false;
    std::vector<std::string> values{};  ///< the only ones that it takes, if they are few
  };
  std::string name;
  std::string about;
  std::vector<Option> options;
  std::vector<std::string> words{};  ///< that it takes besides files
};

/// Shells for which there is one: "bash", "fish", "zsh".
const std::vector<std::string>& completion_shells();

/// The script for one of these.
std::string completion_script(std::string_view shell, const std::vector<CommandWords>& commands);

}  // namespace siding
