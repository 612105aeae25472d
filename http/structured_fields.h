// Structured fields as far as siding reads and writes them: Dictionaries in, Tokens and Strings out
// (RFC 9651, which replaces RFC 8941).
// Invariant: strict. What breaks the grammar anywhere makes the whole field worthless, as section 4.2
// asks: there is no half-read dictionary.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/fields.h"

namespace siding {

/// A member of a Dictionary. Parameters, and what stands in an inner list, are checked and dropped.
struct SfMember {
  enum class Type : uint8_t {
    boolean,
    integer,
    decimal,
    string,
    token,
    bytes,
    date,
    display,
    list
  };
  std::string_view key;
  Type type = Type::boolean;
  bool boolean = true;  ///< Type::boolean; a key alone is true
  int64_t integer = 0;  ///< Type::integer, up to 15 digits
  std::string_view
      text;  ///< Type::token as it is; Type::string between its quotes, escapes and all
};

/// The Dictionary in all lines of that name; of a key that is there twice only the last. nullopt on any
/// error; no members if there is no such field or it is empty. The views point into `fields`.
std::optional<std::vector<SfMember>> parse_sf_dictionary(const Fields& fields,
                                                         std::string_view name);

/// Appends `text` as a Token if it is one, else as a String; bytes that no String holds become "?".
void append_sf_text(std::string_view text, std::string& out);

}  // namespace siding
