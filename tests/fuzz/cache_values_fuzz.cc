// The other fields that the cache reads: structured ones, Vary with what it nominates, entity tags, dates,
// ages, ranges; and structured texts that siding writes.
// Properties: those of tests/cache/junk_check.h. What is written as a Token or String is read as such.
// Input: one byte for which of them (all four at once would take four times as long), then the value.
// libFuzzer: -max_len=256 -dict=tests/fuzz/cache.dict
#include "tests/cache/junk_check.h"
#include "tests/fuzz/fuzz.h"

namespace siding::fuzz {
namespace {

const char* broken_written_rule(std::string_view bytes) {
  std::string out = "k=";
  append_sf_text(bytes, out);
  Fields fields;
  fields.add("x", out);
  const auto members = parse_sf_dictionary(fields, "x");
  if (!members || members->size() != 1 || members->front().key != "k") return "one member";
  const SfMember::Type type = members->front().type;
  if (type != SfMember::Type::string && type != SfMember::Type::token) return "a text";
  return nullptr;
}

}  // namespace
}  // namespace siding::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr decltype(&siding::cache_junk::broken_vary_rule) kRules[] = {
      siding::cache_junk::broken_structured_rule, siding::cache_junk::broken_vary_rule,
      siding::cache_junk::broken_value_rule, siding::fuzz::broken_written_rule};
  siding::fuzz::Input in(data, size);
  const char* broken = kRules[in.below(std::size(kRules))](in.rest());
  if (broken != nullptr) std::fprintf(stderr, "broken: %s\n", broken);
  assert(broken == nullptr);
  return 0;
}
