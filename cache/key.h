// The key of an upstream call: what a prefetched answer and the worker's own call are matched by.
// Invariant: calls that could get different answers never share a key; the spellings that RFC 3986
// 6.2.2 calls equivalent do.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace siding {

/// "UPSTREAM METHOD TARGET" (none of which holds a space), and behind it " BODY" where there is one, as
/// canonical_body() makes it. In the origin-form target, escapes of unreserved characters are decoded
/// and the other ones have upper-case digits; everything else stays byte for byte (the order of
/// parameters, `+` and `%20`, an empty query).
std::string call_key(std::string_view upstream, std::string_view method, std::string_view target,
                     std::string_view body = {});

/// Calls with a longer body are never held back to be compared, so none is made ahead either. It is
/// enough for a search, or for GraphQL.
inline constexpr size_t kMostComparedBody = 64 * 1024;

/// The content of a request in one of its equivalent spellings, by its media type: JSON without white
/// space and with members in the order of their names, forms with each name and value encoded alike;
/// anything else, and what is invalid or ambiguous, byte for byte.
std::string canonical_body(std::string_view content_type, std::string_view body);

/// XXH3 of a key: the same in every build and on every machine.
uint64_t key_hash(std::string_view key);

/// For people: where two keys part, and how both go on from a little before there:
/// `at byte 18: expected "...word=a%20b", actual "...word=a+b"`. Empty if they are equal.
std::string first_difference(std::string_view expected, std::string_view actual);

}  // namespace siding
