// UTF-8 (RFC 3629). Invariant: what is accepted has one reading only: no overlong forms, no
// surrogates, nothing above U+10FFFF.
#pragma once

#include <cstddef>
#include <string_view>

namespace siding {

bool is_utf8(std::string_view text);
/// The length of the well-formed sequence at the front of `text`, which is not empty; 0: there is none.
size_t utf8_length(std::string_view text);

}  // namespace siding
