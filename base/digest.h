// SHA-256 (FIPS 180-4), for texts that strangers choose: no two of them have the same digest.
#pragma once

#include <string>
#include <string_view>

namespace siding {

/// 64 hexadecimal digits; empty if the library has none to give.
std::string sha256(std::string_view text);

}  // namespace siding
