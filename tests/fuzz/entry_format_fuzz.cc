// Entries of the cache as they lie in a Redis, with a checksum that is right although the bytes are junk:
// only so does anything get past it.
// Properties: what is read is written again to bytes that read the same; one changed bit, one byte less or
// more, another URI or another variant is a miss; whatever the times in it, sums do not overflow.
// Input: one byte for what is read, one for what is changed, then what follows the key in an entry.
// libFuzzer: -max_len=1024
#include "cache/entry_format.h"
#include "cache/key.h"
#include "cache/reuse.h"
#include "tests/fuzz/fuzz.h"

namespace siding::fuzz {
namespace {

constexpr std::string_view kUri = "http://a/b";
const VariantKey kVariant{42, "c"};

std::string number(uint64_t n) {
  std::string out;
  for (int i = 0; i < 8; ++i) out += static_cast<char>(n >> (8 * i) & 0xff);
  return out;
}
std::string text(std::string_view t) { return number(t.size()).append(t); }
std::string sealed(std::string_view magic, const std::string& content) {
  std::string out(magic);
  return out.append(number(key_hash(content))).append(content);
}

std::string bytes_of(const Entry& entry) {
  EntryBytes bytes = write_entry(kUri, entry);
  return bytes.head + bytes.body.str();
}

/// What somebody does with one that was found.
void use(const Entry& entry) {
  RequestHead request;
  request.method = "GET";
  request.fields.add("Cache-Control", "max-stale, min-fresh=5");
  CachePolicy policy;
  policy.enabled = true;
  for (int64_t at : {int64_t{0}, int64_t{1'700'000'000}, INT64_MAX / 1'000'000'000}) {
    may_reuse(request, entry.freshness, policy, WallTime(Seconds(at)));
  }
  vary_matches(entry.vary, entry.vary_key, request.fields, policy);
  assert(entry.footprint() > 0);
}

void check_entry(const std::string& bytes, size_t change) {
  const Exact exact(bytes);
  const std::optional<Entry> entry = read_entry(exact.view(), kUri, kVariant);
  if (!entry) return;
  const std::string written = bytes_of(*entry);
  const std::optional<Entry> again = read_entry(written, kUri, kVariant);
  assert(again && bytes_of(*again) == written && again->variant == kVariant);
  assert(entry->head.status >= 200 && entry->head.status <= 599);
  use(*entry);

  std::string changed = bytes;
  char& one = changed[change * 37 % bytes.size()];
  one = static_cast<char>(one ^ (1 << change % 8));
  assert(!read_entry(changed, kUri, kVariant));
  assert(!read_entry(std::string_view(bytes).substr(0, bytes.size() - 1), kUri, kVariant));
  assert(!read_entry(bytes + "x", kUri, kVariant));
  assert(!read_entry(bytes, "http://a/c", kVariant));
  assert(!read_entry(bytes, kUri, {43, "c"}) && !read_entry(bytes, kUri, {42, ""}));
}

void run(Input in) {
  const size_t what = in.below(3);
  const size_t change = in.byte();
  const std::string rest(in.rest());
  if (what == 0) {
    check_entry(sealed("sidingE1", text(kUri) + number(42) + text("c") + rest), change);
  } else if (what == 1) {
    const std::string bytes = sealed("sidingV1", text(kUri) + rest);
    const std::optional<Vary> vary = read_vary_bytes(bytes, kUri);
    if (!vary) return;
    const std::string written = write_vary(kUri, *vary);
    assert(read_vary_bytes(written, kUri) == *vary && !read_vary_bytes(written, "http://a/c"));
  } else {
    // As it comes: its checksum is wrong.
    assert(!read_entry(rest, kUri, kVariant) && !read_vary_bytes(rest, kUri));
  }
}

}  // namespace
}  // namespace siding::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  siding::fuzz::run({data, size});
  return 0;
}
