// JSON and form texts: what a call with a body is compared by, and what templates take out of a request.
// Properties: the canonical spelling is valid, means the same and is its own canonical spelling; so is that
// of a form. A pointer finds what stands there in both. Bodies, cookies and queries of any bytes have
// values or none, and each is UTF-8 or refused by who fills it in.
// Input: a line with a pointer or a name, then the text.
// libFuzzer: -max_len=512 -dict=tests/fuzz/json.dict
#include <optional>
#include <string>

#include "cache/key.h"
#include "http/json.h"
#include "http/media_type.h"
#include "http/template_values.h"
#include "http/uri.h"
#include "tests/fuzz/fuzz.h"

namespace siding::fuzz {
namespace {

void check_json(std::string_view pointer, std::string_view bytes) {
  const Exact exact(bytes);
  const JsonText text(exact.view());
  const std::optional<std::string> canonical = text.canonical();
  const std::optional<std::string> scalar = text.scalar(pointer);
  const auto items = text.items(pointer);
  assert(text.valid() || (!canonical && !scalar && !items));
  for (std::string_view item : items.value_or(std::vector<std::string_view>())) {
    assert(item.data() >= exact.view().data());
    assert(item.data() + item.size() <= exact.view().data() + exact.view().size());
    assert(JsonText(item).valid());
  }
  assert(canonical_body(kJsonType, bytes) == canonical.value_or(std::string(bytes)));
  if (!canonical) return;
  const JsonText again(*canonical);
  // A few numbers are printed with more digits than are compared: on both sides, so they still match.
  const std::optional<std::string> twice = again.canonical();
  assert(again.valid() && (!twice || twice == canonical));
  assert(again.scalar(pointer) == scalar);
}

void check_form(std::string_view name, std::string_view bytes) {
  const std::string canonical = canonical_body(kFormType, bytes);
  assert(canonical_body(kFormType, canonical) == canonical);
  assert(last_parameter(canonical, name) == last_parameter(bytes, name));
}

void check_request(std::string_view name, std::string_view pointer, std::string_view bytes) {
  RequestHead head;
  head.target = bytes;
  head.fields.add("Cookie", bytes);
  head.fields.add("Content-Type", kFormType);
  const PathCaptures captures{{"id", std::string(bytes)}};
  const RequestValues values(head, captures, "::1", bytes);
  assert(values.form(name) == last_parameter(bytes, name));
  assert(values.query(name) == last_parameter(head.query(), name));
  if (const auto cookie = values.cookie(name)) assert(cookie->size() <= bytes.size());
  assert(values.json(pointer) == JsonText(bytes).scalar(pointer));
}

void run(Input in) {
  const std::string_view name = in.line();
  // A template's pointer was looked at before.
  const std::string_view pointer = name.starts_with('/') ? name : "";
  check_json(pointer, in.rest());
  check_form(name, in.rest());
  check_request(name, pointer, in.rest());
}

}  // namespace
}  // namespace siding::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  siding::fuzz::run({data, size});
  return 0;
}
