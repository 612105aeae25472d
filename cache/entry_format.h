// Stored responses as bytes, for a store outside of the process.
// Invariants: whatever bytes are read, nothing else than an entry that write_entry() made comes of them
// (a checksum of all of them, a version, the key that it is for); another version is no entry.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "cache/entry.h"

namespace siding {

/// What stands before the body, and the body, which is shared and not copied.
struct EntryBytes {
  std::string head;
  Buffer body;
};
EntryBytes write_entry(std::string_view uri, const Entry& entry);
/// nullopt for bytes that are none, were cut or changed, are of another version, or of another key.
/// The body is copied out of `bytes`.
std::optional<Entry> read_entry(std::string_view bytes, std::string_view uri,
                                const VariantKey& variant);

/// What stands in an entry's place where a URI has variants: by which fields to look for them.
std::string write_vary(std::string_view uri, const Vary& vary);
std::optional<Vary> read_vary_bytes(std::string_view bytes, std::string_view uri);

}  // namespace siding
