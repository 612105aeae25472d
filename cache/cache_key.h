// The primary key of a stored response: URI and, for QUERY, content (RFC 9111 section 2, RFC 10008).
// Invariant: nothing that is not in the key can change the answer, but for what Vary nominates. So
// whatever cannot be put into it without guessing has no key and is not cached.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "cache/policy.h"
#include "http/forwarded.h"
#include "http/message.h"

namespace siding {

/// Answers to GET (and HEAD) have an empty `content`. To invalidate a URI is to drop all of its keys.
struct CacheKey {
  /// "https://example.org/a/b?q=1": see uri_key(). Holds no space.
  std::string uri;
  /// For QUERY: the digest and what tells how to read the content. Then what a trusted proxy's fields claim
  /// beside the origin (AskedOrigin::claims).
  std::string content;
  bool operator==(const CacheKey&) const = default;
  /// Both in one; different keys have different texts.
  std::string text() const { return content.empty() ? uri : uri + " QUERY " + content; }
};

/// Origin in lower case without the scheme's own port, and the target: in the path, escapes of
/// unreserved characters are decoded and others have upper-case digits; the query stays byte for byte,
/// but for the parameters that the route ignores. Parameters are compared by their decoded names, as
/// applications see them. nullopt if the authority or the target is none to build a key from.
std::optional<std::string> uri_key(std::string_view scheme, std::string_view authority,
                                   std::string_view target, const CachePolicy& policy);

/// The key under which a request is looked up, and its answer stored; nullopt for one that may not be
/// looked up. A POST whose answer may_store() allows is stored as the GET of the same URI: use
/// uri_key(). `content_digest` is for QUERY alone: a cryptographic digest of the whole content in
/// printable ASCII, because clients choose the content; without it a QUERY has no key.
std::optional<CacheKey> cache_key(const RequestHead& request, const CachePolicy& policy,
                                  std::string_view content_digest = {});
/// The same for who asked `origin`, whatever the request itself says.
std::optional<CacheKey> cache_key(const RequestHead& request, const AskedOrigin& origin,
                                  const CachePolicy& policy, std::string_view content_digest);

}  // namespace siding
