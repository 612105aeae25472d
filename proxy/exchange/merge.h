// How the answers of a fan-out's legs become one: pure, on whole bodies.
// Invariant: what is JSON is spliced byte for byte, never written anew; the order is that of the legs.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/buffer.h"
#include "config/config.h"
#include "http/json.h"

namespace siding {

/// The answer of one leg; one that failed has no body.
struct LegAnswer {
  std::string_view name;
  const Slice* body = nullptr;  ///< empty is null
  std::string_view content_type{};
  bool is_json = false;
  const JsonText* json = nullptr;  ///< of a body that is JSON, for merge_concat()
};

/// One object, a member a leg: JSON as it is, other text as a string, what is no UTF-8 as
/// {"type": ..., "base64": ...}, what failed or is empty as null.
Buffer merge_object(const std::vector<LegAnswer>& legs);
/// The items of all arrays, at the same place in an object, or bare. A leg without an array there has
/// none.
Buffer merge_concat(const MergeConfig& merge, const std::vector<LegAnswer>& legs);

}  // namespace siding
