// See body_template.h.
#include "http/body_template.h"

#include "http/json_string.h"
#include "http/media_type.h"
#include "http/uri.h"

namespace siding {

void BodyTemplate::add_literal(std::string_view text) {
  if (parts_.empty() || parts_.back().value) parts_.emplace_back();
  parts_.back().literal += text;
}

void BodyTemplate::add_value(Template value) {
  if (parts_.empty() || parts_.back().value) parts_.emplace_back();
  parts_.back().value = std::move(value);
}

std::string_view BodyTemplate::media_type() const {
  return kind_ == Kind::form ? kFormType : kJsonType;
}

std::optional<std::string> BodyTemplate::fill(const TemplateValues& values) const {
  std::string out;
  for (const Part& part : parts_) {
    out += part.literal;
    if (!part.value) continue;
    std::optional<std::string> text = part.value->fill(values);
    if (!text) return std::nullopt;
    if (kind_ == Kind::form) {
      out += form_encode(*text);
    } else if (part.value->is_number()) {
      out += *text;
    } else {
      append_json(out, *text);
    }
  }
  return out;
}

std::string BodyTemplate::missing(const TemplateValues& values) const {
  for (const Part& part : parts_) {
    std::string name = part.value ? part.value->missing(values) : "";
    if (!name.empty()) return name;
  }
  return {};
}

std::vector<const Template*> BodyTemplate::templates() const {
  std::vector<const Template*> out;
  for (const Part& part : parts_) {
    if (part.value) out.push_back(&*part.value);
  }
  return out;
}

}  // namespace siding
