// See json_string.h.
#include "http/json_string.h"

#include "http/utf8.h"

namespace siding {

namespace {
// Printable ASCII that means itself.
size_t plain_run(std::string_view text) {
  size_t n = 0;
  while (n < text.size() && text[n] >= ' ' && text[n] <= '~' && text[n] != '"' && text[n] != '\\') {
    ++n;
  }
  return n;
}
}  // namespace

void append_json(std::string& out, std::string_view text) {
  constexpr char kHex[] = "0123456789abcdef";
  out += '"';
  while (!text.empty()) {
    // Most text is a run that needs nothing.
    size_t length = plain_run(text);
    const char c = text.front();
    if (length > 0) {
      out += text.substr(0, length);
    } else if (length = utf8_length(text); length == 0) {
      out += "\\ufffd";
      length = 1;
    } else if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (length == 1) {  // a control
      const auto byte = static_cast<unsigned char>(c);
      out += {'\\', 'u', '0', '0', kHex[byte >> 4], kHex[byte & 15]};
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(length);
  }
  out += '"';
}

}  // namespace siding
