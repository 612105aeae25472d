// Which stored answer of a URI suits a request: the fields that Vary nominates, as a second key
// (RFC 9111 4.1).
// Invariant: equal keys mean that the nominated fields of both requests have the same meaning by their
// own specifications; no value can be written so that it passes for other fields or values.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cache/policy.h"
#include "http/fields.h"

namespace siding {

struct Vary {
  bool star = false;               ///< nothing ever matches
  std::vector<std::string> names;  ///< lower case, sorted, each once
  std::string language;            ///< Content-Language, in lower case, if it is one
  bool operator==(const Vary&) const = default;
};
/// All Vary lines of a response, and its language.
Vary read_vary(const Fields& response);

/// What the request says in the nominated fields. Lines are combined and white space around commas is
/// dropped; in Accept-Encoding and Accept-Language also case, order, and weights of 1. An absent field
/// is another thing than an empty one.
std::string vary_key(const Vary& vary, const Fields& request, const CachePolicy& policy);

/// Whether a response, stored with this Vary and vary_key(), suits the request: all nominated fields
/// match, but for Accept-Language where the response is in the very language that it prefers to all
/// others.
bool vary_matches(const Vary& vary, std::string_view stored_key, const Fields& request,
                  const CachePolicy& policy);

}  // namespace siding
