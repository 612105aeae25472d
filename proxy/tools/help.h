// The texts of `siding --help` and `siding --version`.
#pragma once

#include <string>
#include <string_view>

namespace siding {

std::string help_text();
std::string version_text(std::string_view version);

}  // namespace siding
