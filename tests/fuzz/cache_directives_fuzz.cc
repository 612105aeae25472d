// Cache-Control of answers and requests.
// Properties: those of tests/cache/junk_check.h: a second reading finds the same directives, no cut and
// nothing that follows makes a field more permissive, ages are between 0 and for ever.
// Input: the value of the field.
// libFuzzer: -max_len=256 -dict=tests/fuzz/cache.dict
#include "tests/cache/junk_check.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes = siding::fuzz::Input(data, size).rest();
  const char* broken = siding::cache_junk::broken_response_rule(bytes);
  if (broken == nullptr) broken = siding::cache_junk::broken_request_rule(bytes);
  if (broken != nullptr) std::fprintf(stderr, "broken: %s\n", broken);
  assert(broken == nullptr);
  return 0;
}
