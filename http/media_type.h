// What a Content-Type says (RFC 9110 8.3.1).
#pragma once

#include <string_view>

namespace siding {

inline constexpr std::string_view kJsonType = "application/json";
inline constexpr std::string_view kFormType = "application/x-www-form-urlencoded";

/// Without its parameters.
std::string_view media_type(std::string_view content_type);
/// application/json, or +json of RFC 6839.
bool says_json(std::string_view content_type);
bool says_form(std::string_view content_type);

}  // namespace siding
