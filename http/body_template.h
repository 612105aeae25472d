// The body of an upstream call: JSON or a form whose texts are templates.
// Invariants: a value of the request is one JSON string (or number, where the template says so) or one
// form value, whatever it holds: it never changes the structure. What is filled is UTF-8.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/template.h"

namespace siding {

class BodyTemplate {
 public:
  enum class Kind { none, json, form };

  BodyTemplate() = default;
  explicit BodyTemplate(Kind kind) : kind_(kind) {}

  /// In the order of the text: what stands there for certain ...
  void add_literal(std::string_view text);
  /// ... and values, which are encoded (parsed for TemplatePlace::body_value).
  void add_value(Template value);

  Kind kind() const { return kind_; }
  bool empty() const { return kind_ == Kind::none; }
  /// For Content-Type.
  std::string_view media_type() const;
  /// The filled text, or nullopt where a value is absent or does not fit.
  std::optional<std::string> fill(const TemplateValues& values) const;
  /// The value for which fill() returns nullopt, as written; else empty.
  std::string missing(const TemplateValues& values) const;
  std::vector<const Template*> templates() const;

 private:
  struct Part {
    std::string literal;  // before the value
    std::optional<Template> value;
  };
  Kind kind_ = Kind::none;
  std::vector<Part> parts_;
};

}  // namespace siding
