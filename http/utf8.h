// UTF-8 (RFC 3629). Invariant: what is_utf8() accepts has one reading only: no overlong forms, no
// surrogates, nothing above U+10FFFF.
#pragma once

#include <string_view>

namespace siding {

bool is_utf8(std::string_view text);

}  // namespace siding
