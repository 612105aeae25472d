// A stored response, and how it is found again.
// Invariant: immutable once it is shared; any thread may read it, and its bytes are never copied for
// a reader.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/buffer.h"
#include "cache/freshness.h"
#include "cache/vary.h"
#include "http/message.h"

namespace siding {

/// What tells the answers of one URI apart.
struct VariantKey {
  uint64_t owner = 0;   ///< key_hash of whose policy it is under: a route, an upstream
  std::string content;  ///< of QUERY: its digest; else empty
  bool operator==(const VariantKey&) const = default;
};

struct Entry {
  VariantKey variant;
  Vary vary;
  std::string vary_key;  ///< of the request that it answered
  ResponseHead head;     ///< the fields of fields_to_store()
  Buffer body;           ///< whole
  Freshness freshness;
  std::vector<std::string> tags;  ///< Cache-Tag: to be purged by

  /// Bytes that it holds, with all that belongs to it.
  uint64_t footprint() const;
};
using EntryRef = std::shared_ptr<const Entry>;

/// The same head with all its text in one block of just that size.
ResponseHead compact(const ResponseHead& head);
/// Puts a body into blocks of its own size, unless it lies well: blocks that were made for reading hold
/// more than the bytes.
Buffer compact(Buffer body);

}  // namespace siding
