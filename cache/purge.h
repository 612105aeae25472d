// What is to be dropped from the cache: the answers of one URL, of all URLs that begin alike, those with
// a tag, or all.
// Invariants: pure; what parse_purge() gives is in one form, so that equal purges have equal texts; a URL
// is meant under http and https alike, because something in front may take the TLS off.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "cache/entry.h"
#include "cache/policy.h"

namespace siding {

struct Purge {
  enum class Kind : uint8_t {
    url,     ///< all that is stored for it: every variant, every owner, every content of QUERY
    prefix,  ///< of URLs, character by character
    tag,     ///< a member of Cache-Tag
    all,
    count_
  };
  Kind kind = Kind::all;
  std::string text;  ///< a URL as uri_key() makes it, or a tag; empty for all
  bool operator==(const Purge&) const = default;

  /// One line, "url http://example.org/a" or "all", for other processes. They read it by from_text(),
  /// which gives nullopt for what is none.
  std::string to_text() const;
  static std::optional<Purge> from_text(std::string_view line);

  /// How a cache knows a URL in which some parameters do not count.
  Purge under(const CachePolicy& policy) const;
};

constexpr std::string_view to_string(Purge::Kind kind) {
  constexpr std::string_view names[] = {"url", "prefix", "tag", "all"};
  static_assert(std::size(names) == static_cast<size_t>(Purge::Kind::count_));
  return names[static_cast<size_t>(kind)];
}
std::optional<Purge::Kind> purge_kind(std::string_view name);

/// A purge, or what is wrong with its text, and how it is written.
struct ParsedPurge {
  std::optional<Purge> purge;
  std::string fault;
};
ParsedPurge parse_purge(Purge::Kind kind, std::string_view text);

/// `uri`: the key of a stored answer, by uri_key().
bool matches(const Purge& purge, std::string_view uri, const Entry& entry);
/// The same for an answer that has not come: tags are not known before.
bool may_match(const Purge& purge, std::string_view uri);

}  // namespace siding
