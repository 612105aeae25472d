// Templates of calls, with values that an attacker chose.
// Properties: what is parsed can be filled with anything, and is or says which value is missing. Whatever
// the value, a target has the path segments, the parameters and the host that it has with the value "x";
// a header value has no line end; in a body the value is one JSON string or one form value, read back as
// it was.
// Input: one byte for the place, a line with the template, then the value.
// libFuzzer: -max_len=512 -dict=tests/fuzz/template.dict
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "http/body_template.h"
#include "http/json.h"
#include "http/template.h"
#include "http/uri.h"
#include "http/utf8.h"
#include "tests/fuzz/fuzz.h"

namespace siding::fuzz {
namespace {

/// Says the same wherever it is asked; absent for names that begin with "no".
class Values final : public TemplateValues {
 public:
  explicit Values(std::string_view value) : value_(value) {}
  using Text = std::optional<std::string>;
  Text query(std::string_view name) const override { return of(name); }
  Text path(std::string_view name) const override { return of(name); }
  Text header(std::string_view name) const override { return of(name); }
  Text cookie(std::string_view name) const override { return of(name); }
  Text form(std::string_view name) const override { return of(name); }
  Text json(std::string_view pointer) const override { return of(pointer); }
  Text client_ip() const override { return of(""); }
  Text leg(std::string_view name, std::string_view) const override { return of(name); }

 private:
  Text of(std::string_view name) const {
    return name.starts_with("no") ? std::nullopt : Text(value_);
  }
  std::string value_;
};

size_t count(std::string_view text, char c) {
  return static_cast<size_t>(std::count(text.begin(), text.end(), c));
}

/// What other readers would take it apart by.
struct Shape {
  explicit Shape(std::string_view target) {
    const size_t mark = std::min(target.find('?'), target.size());
    const std::string_view path = target.substr(0, mark);
    const std::string_view query = target.substr(std::min(mark + 1, target.size()));
    segments = count(path, '/');
    path_parameters = count(path, ';');
    has_query = mark < target.size();
    separators = count(query, '&') * 1000 + count(query, ';');
    for_each_parameter(query, [this](std::string_view, std::string_view) { ++parameters; });
    has_host = target.starts_with("//");
    dots = has_dot_segment(percent_decode(path));
    odd_bytes = count(target, '\\') * 1000 + count(target, '#');
    bad = normalise_path(path).bad;
  }
  bool operator==(const Shape&) const = default;

  size_t segments, path_parameters, separators, odd_bytes;
  size_t parameters = 0;
  bool has_query, has_host, dots, bad;
};

void check_target(const Template& parsed, const std::string& filled) {
  for (char c : filled) assert(c > ' ' && c < 0x7f);
  const std::optional<std::string> plain = parsed.fill(Values("x"));
  if (!plain) return;  // a name that has no value is refused with any
  const Shape mine(filled);
  const Shape other(*plain);
  // Of "?{query.q}" the parameter itself is the value, and an empty one is none.
  assert(mine.parameters <= other.parameters);
  Shape rest = mine;
  rest.parameters = other.parameters;
  // A backslash or a fragment is nothing that a value brings.
  assert(rest == other);
}

void check_body(std::string_view value) {
  static const Template kText = *Template::parse("{query.v}", TemplatePlace::body_value).value;
  static const auto kBodies = [] {
    BodyTemplate json(BodyTemplate::Kind::json);
    json.add_literal("{\"a\":1,\"v\":");
    json.add_value(kText);
    json.add_literal(",\"b\":[]}");
    BodyTemplate form(BodyTemplate::Kind::form);
    form.add_literal("a=1&v=");
    form.add_value(kText);
    form.add_literal("&b=");
    return std::pair(std::move(json), std::move(form));
  }();
  const Values values(value);
  const std::optional<std::string> json = kBodies.first.fill(values);
  const std::optional<std::string> form = kBodies.second.fill(values);
  assert(json.has_value() == is_utf8(value) && form.has_value() == json.has_value());
  if (!json) return;
  const JsonText text(*json);
  assert(text.valid() && text.scalar("/v") == value && text.scalar("/a") == "1");
  size_t parameters = 0;
  for_each_parameter(*form, [&](std::string_view name, std::string_view given) {
    if (parameters++ == 1) assert(name == "v" && form_decode(given) == value);
  });
  assert(parameters == 3);
}

void run(Input in) {
  const TemplatePlace places[] = {TemplatePlace::target, TemplatePlace::header_value,
                                  TemplatePlace::body_value};
  const TemplatePlace place = places[in.below(3)];
  const std::string_view text = in.line();
  const Template::Parsed parsed = Template::parse(text, place);
  assert(parsed.value.has_value() != parsed.error.has_value());
  if (place == TemplatePlace::body_value) check_body(in.rest());
  if (parsed.error) {
    assert(parsed.error->offset <= text.size() && !parsed.error->message.empty());
    return;
  }
  assert(parsed.value->text() == text);
  const Values values(in.rest());
  const std::optional<std::string> filled = parsed.value->fill(values);
  assert(filled.has_value() == parsed.value->missing(values).empty());
  if (!filled) return;
  if (place == TemplatePlace::target) check_target(*parsed.value, *filled);
  if (place == TemplatePlace::header_value) {
    // A tab is no line end, but stands in no value that was let through either.
    assert(!has_control(*filled));
  }
  if (place == TemplatePlace::body_value && parsed.value->is_number()) {
    // Without quotes, hence never more than a number.
    assert(filled->find_first_of("\"{}[],: \t\r\n") == std::string::npos);
    const std::string list = "[" + *filled + "]";
    // RFC 8259 section 6 lets readers refuse what is beyond 64 bits or beyond a double; ours does.
    const bool large = filled->size() > 15 || filled->find_first_of("eE") != std::string::npos;
    assert(JsonText(list).valid() || large);
  }
}

}  // namespace
}  // namespace siding::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  siding::fuzz::run({data, size});
  return 0;
}
