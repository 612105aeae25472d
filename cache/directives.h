// Cache directives of a message as plain values: Cache-Control (RFC 9111 5.2), Pragma (5.4), and the
// targeted fields that stand in for it (RFC 9213).
// Invariant: in doubt the stricter reading. A directive that forbids counts however badly it is
// written; one that allows counts only if it is well-formed.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "cache/policy.h"
#include "http/fields.h"

namespace siding {

/// Of a response. The views point into its fields.
struct ResponseDirectives {
  bool no_store = false;
  bool no_cache = false;    ///< without field names
  bool is_private = false;  ///< without field names
  bool is_public = false;
  bool must_revalidate = false;
  bool proxy_revalidate = false;
  bool must_understand = false;
  bool immutable = false;  ///< RFC 8246
  /// A well-formed public, must-revalidate or s-maxage: what is asked for with credentials may be
  /// stored for all (RFC 9111 3.5).
  bool for_all = false;
  /// They came from a targeted field: Cache-Control, Expires and Pragma do not count.
  bool targeted = false;
  /// An age that is no number, is negative, or has two different values is 0: stale from the start
  /// (RFC 9111 4.2.1). All of them saturate at kForever.
  std::optional<Seconds> max_age;
  std::optional<Seconds> s_maxage;
  std::optional<Seconds> stale_while_revalidate;  ///< RFC 5861; badly written or twice: the least
  std::optional<Seconds> stale_if_error;
  /// Names in `no-cache="..."` and `private="..."`. Where a name cannot be left out without changing
  /// what the rest means (Content-Type, Vary), or is none, the directive counts as one without names.
  std::vector<std::string_view> no_cache_fields;
  std::vector<std::string_view> private_fields;
};
/// Reads Siding-Cache-Control, else CDN-Cache-Control, else Cache-Control, else Pragma: the first that
/// is there, valid and not empty.
ResponseDirectives response_directives(const Fields& fields);

/// Of a request. What is badly written is as if it were not there.
struct RequestDirectives {
  bool no_cache = false;  ///< also by Pragma, where there is no Cache-Control
  bool no_store = false;
  bool only_if_cached = false;
  std::optional<Seconds> max_age;         ///< of two the least
  std::optional<Seconds> min_fresh;       ///< of two the greatest
  std::optional<Seconds> max_stale;       ///< kForever without a value
  std::optional<Seconds> stale_if_error;  ///< RFC 5861 section 4
};
RequestDirectives request_directives(const Fields& fields);

/// delta-seconds (RFC 9111 1.2.2): digits alone; kForever if it is more than that.
std::optional<Seconds> parse_delta_seconds(std::string_view text);

/// Whether `name` is in the list, without regard to case.
bool names_field(const std::vector<std::string_view>& list, std::string_view name);

}  // namespace siding
