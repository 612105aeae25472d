// See entry.h.
#include "cache/entry.h"

#include <algorithm>

namespace siding {

namespace {
// What malloc adds to a block, and a shared_ptr to its object.
constexpr uint64_t kAllocation = 16;
constexpr uint64_t kControl = 32;

uint64_t footprint_of(const std::string& text) {
  // Short texts lie in the object itself.
  return text.capacity() > 15 ? text.capacity() + 1 + kAllocation : 0;
}
}  // namespace

uint64_t Entry::footprint() const {
  uint64_t total = sizeof(Entry) + kControl + kAllocation;
  total += head.fields.footprint() + 3 * kAllocation;
  total += body.footprint() + (body.slice_count() + 1) * (kAllocation + sizeof(Slice));
  total += footprint_of(variant.content) + footprint_of(vary_key);
  for (const auto* names : {&vary.names, &tags}) {
    for (const std::string& name : *names) total += sizeof(std::string) + footprint_of(name);
  }
  return total;
}

ResponseHead compact(const ResponseHead& head) {
  size_t size = head.reason.size();
  for (const Field& f : head.fields) size += f.name.size() + f.value.size();
  BlockRef block = BlockRef::make(size);
  char* at = block->data();
  auto put = [&at](std::string_view text) {
    std::string_view there(at, text.size());
    at = std::copy(text.begin(), text.end(), at);
    return there;
  };
  ResponseHead out;
  out.status = head.status;
  out.minor_version = head.minor_version;
  out.reason = put(head.reason);
  out.fields.reserve(head.fields.size());
  for (const Field& f : head.fields) {
    std::string_view name = put(f.name);
    out.fields.add_view(name, put(f.value));
  }
  out.fields.keep(std::move(block));
  return out;
}

Buffer compact(Buffer body) {
  constexpr size_t kWaste = 32;  // bytes that one may lie unused for
  constexpr size_t kPiece =
      256 * 1024;  // large enough to be sent well, small enough to be found room for
  if (body.footprint() <= body.size() + body.size() / kWaste) return body;
  Buffer out;
  while (!body.empty()) {
    Buffer piece = body.take(std::min(body.size(), kPiece));
    BlockRef block = BlockRef::make(piece.size());
    const size_t size = piece.size();
    size_t at = 0;
    for (size_t i = 0; i < piece.slice_count(); ++i) {
      std::string_view bytes = piece.slice(i).view();
      std::copy(bytes.begin(), bytes.end(), block->data() + at);
      at += bytes.size();
    }
    out.append(Slice(std::move(block), 0, size));
  }
  return out;
}

}  // namespace siding
