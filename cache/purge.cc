// See purge.h.
#include "cache/purge.h"

#include <algorithm>

#include "base/text.h"
#include "cache/cache_key.h"
#include "cache/reference.h"

namespace siding {

namespace {

constexpr std::string_view kMark = "://";

std::string in_ticks(std::string_view text) { return "`" + std::string(text) + "`"; }

std::string such_as(Purge::Kind kind) {
  return kind == Purge::Kind::prefix ? ", such as http://example.org/catalogue/"
                                     : ", such as http://example.org/catalogue/7?page=2";
}

/// A URL in its parts; the target always has a path.
struct Parts {
  std::string_view scheme;
  std::string_view authority;
  std::string target;
};
Parts split(std::string_view url) {
  const size_t mark = url.find(kMark);
  Parts parts{url.substr(0, mark), url.substr(mark + kMark.size()), {}};
  const size_t end = std::min(parts.authority.find_first_of("/?"), parts.authority.size());
  parts.target = parts.authority.substr(end);
  if (!parts.target.starts_with('/')) parts.target.insert(0, "/");
  parts.authority = parts.authority.substr(0, end);
  return parts;
}

std::string_view without_scheme(std::string_view uri) {
  const size_t mark = uri.find(kMark);
  return mark == std::string_view::npos ? uri : uri.substr(mark + kMark.size());
}

/// What no URL holds: empty if there is nothing of that.
std::string odd_bytes(std::string_view text) {
  for (char c : text) {
    auto byte = static_cast<unsigned char>(c);
    if (byte == ' ') {
      return "there is a space in it, which a URL has as %20; where it is itself part of a query, "
             "a "
             "`+` is read as a space and has to be %2B";
    }
    if (byte < 0x20 || byte == 0x7f) return "there is a control character in it";
    if (byte >= 0x80) {
      return "there are letters beyond ASCII in it, which a URL has as %XX, such as "
             "http://example.org/caf%C3%A9";
    }
  }
  return {};
}

std::string url_fault(Purge::Kind kind, std::string_view text) {
  if (text.empty()) return "the URL is missing" + such_as(kind);
  if (std::string fault = odd_bytes(text); !fault.empty()) return "this is no URL: " + fault;
  const size_t mark = text.find(kMark);
  const std::string_view scheme = text.substr(0, mark);
  if (mark == std::string_view::npos ||
      !(equals_ignore_case(scheme, "http") || equals_ignore_case(scheme, "https"))) {
    return in_ticks(text) + " is no whole URL: it begins with http:// or https:// and the host" +
           such_as(kind);
  }
  if (text.find('#') != std::string_view::npos) {
    return in_ticks(text) +
           " has a fragment, which is never part of a request: leave `#` and the rest out";
  }
  const Parts parts = split(text);
  if (!origin_of(parts.scheme, parts.authority)) {
    return in_ticks(parts.authority) + " is no host: a name or an address, and a port if need be" +
           such_as(kind);
  }
  if (text.ends_with('*')) {
    return in_ticks(text) + " ends in `*`: to drop all that begins so, purge the prefix " +
           std::string(text.substr(0, text.size() - 1));
  }
  return {};
}

std::string tag_fault(std::string_view tag) {
  if (tag.empty()) return "the tag is missing, such as product-7 for `Cache-Tag: product-7, shoes`";
  for (char c : tag) {
    auto byte = static_cast<unsigned char>(c);
    if (byte == ',') return in_ticks(tag) + " is more than one tag: purge one after the other";
    if ((byte < 0x20 && c != '\t') || byte == 0x7f) {
      return "the tag is none: there is a control character in it";
    }
  }
  return {};
}

}  // namespace

std::string Purge::to_text() const {
  std::string line(to_string(kind));
  return text.empty() ? line : line + " " + text;
}

std::optional<Purge> Purge::from_text(std::string_view line) {
  const size_t space = line.find(' ');
  const std::optional<Kind> kind = purge_kind(line.substr(0, space));
  if (!kind) return std::nullopt;
  const bool alone = space == std::string_view::npos;
  return parse_purge(*kind, alone ? std::string_view() : line.substr(space + 1)).purge;
}

Purge Purge::under(const CachePolicy& policy) const {
  if (kind != Kind::url) return *this;
  const Parts parts = split(text);
  return {kind, uri_key(parts.scheme, parts.authority, parts.target, policy).value_or(text)};
}

std::optional<Purge::Kind> purge_kind(std::string_view name) {
  for (int i = 0; i < static_cast<int>(Purge::Kind::count_); ++i) {
    const auto kind = static_cast<Purge::Kind>(i);
    if (name == to_string(kind)) return kind;
  }
  return std::nullopt;
}

ParsedPurge parse_purge(Purge::Kind kind, std::string_view text) {
  std::string fault;
  if (kind == Purge::Kind::all) {
    if (!text.empty()) return {std::nullopt, in_ticks(text) + " is too much: all is all"};
    return {Purge{kind, {}}, {}};
  }
  if (kind == Purge::Kind::tag) {
    text = trim_ows(text);
    fault = tag_fault(text);
    if (!fault.empty()) return {std::nullopt, std::move(fault)};
    return {Purge{kind, std::string(text)}, {}};
  }
  fault = url_fault(kind, text);
  if (!fault.empty()) return {std::nullopt, std::move(fault)};
  const Parts parts = split(text);
  std::optional<std::string> uri = uri_key(parts.scheme, parts.authority, parts.target, {});
  if (!uri) return {std::nullopt, in_ticks(text) + " is no URL" + such_as(kind)};
  return {Purge{kind, std::move(*uri)}, {}};
}

bool may_match(const Purge& purge, std::string_view uri) {
  switch (purge.kind) {
    case Purge::Kind::url: return without_scheme(uri) == without_scheme(purge.text);
    case Purge::Kind::prefix: return without_scheme(uri).starts_with(without_scheme(purge.text));
    default: return true;
  }
}

bool matches(const Purge& purge, std::string_view uri, const Entry& entry) {
  if (purge.kind != Purge::Kind::tag) return may_match(purge, uri);
  return std::find(entry.tags.begin(), entry.tags.end(), purge.text) != entry.tags.end();
}

}  // namespace siding
