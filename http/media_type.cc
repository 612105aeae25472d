// See media_type.h.
#include "http/media_type.h"

#include "base/text.h"

namespace siding {

std::string_view media_type(std::string_view content_type) {
  return trim_ows(content_type.substr(0, content_type.find(';')));
}

bool says_json(std::string_view content_type) {
  const std::string type = lower(media_type(content_type));
  return type == kJsonType || type == "text/json" || type.ends_with("+json");
}

bool says_form(std::string_view content_type) {
  return equals_ignore_case(media_type(content_type), kFormType);
}

}  // namespace siding
