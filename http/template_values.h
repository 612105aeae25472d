// The values that one request offers to templates (RFC 6265 for cookies, RFC 6901 for pointers).
// Invariant: everything is parsed at the first question about it, so that a request without
// templates costs nothing; what it was made from must outlive it. Belongs to one thread.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "http/json.h"
#include "http/message.h"
#include "http/path_pattern.h"
#include "http/template.h"

namespace siding {

class RequestValues : public TemplateValues {
 public:
  /// `body` is the whole request body in one piece, or nullopt where it is not in memory; then
  /// {form.} and {json.} have no values.
  RequestValues(const RequestHead& head, const PathCaptures& captures, std::string_view client_ip,
                std::optional<std::string_view> body = std::nullopt);
  ~RequestValues() override;

  std::optional<std::string> query(std::string_view name) const override;
  std::optional<std::string> path(std::string_view name) const override;
  /// All lines of the field, joined by ", ".
  std::optional<std::string> header(std::string_view name) const override;
  /// The last cookie of that name, as Django takes it. Quotes around the value are removed; one
  /// with backslash escapes inside has no value.
  std::optional<std::string> cookie(std::string_view name) const override;
  /// Of an application/x-www-form-urlencoded body only.
  std::optional<std::string> form(std::string_view name) const override;
  /// Of a body of any media type that is one valid JSON text of at most kMaxJson bytes, nested at
  /// most JsonText::kMaxDepth deep. Of equal member names the last one counts. Strings, booleans, and
  /// numbers as Python and Ruby print them (integers as written, 1.50 as "1.5"); null, objects and
  /// arrays are no values.
  std::optional<std::string> json(std::string_view pointer) const override;
  std::optional<std::string> client_ip() const override;
  /// A request has none.
  std::optional<std::string> leg(std::string_view, std::string_view) const override {
    return std::nullopt;
  }

  static constexpr size_t kMaxJson = 1 << 20;

 private:
  const RequestHead& head_;
  const PathCaptures& captures_;
  std::string_view client_ip_;
  std::optional<std::string_view> body_;
  mutable std::unique_ptr<JsonText> json_;
};

}  // namespace siding
