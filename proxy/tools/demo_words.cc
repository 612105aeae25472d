// See demo_words.h.
#include "proxy/tools/demo_words.h"

#include <cstdio>

#include "http/uri.h"

namespace siding {
namespace {

std::string json_string(std::string_view text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (static_cast<unsigned char>(c) >= 0x20) {
      out += c;
    } else {
      char escape[8];
      std::snprintf(escape, sizeof(escape), "\\u%04x", static_cast<unsigned>(c));
      out += escape;
    }
  }
  return out + '"';
}

}  // namespace

std::string demo_word(size_t index) { return "word-" + std::to_string(index + 1); }

std::string demo_target(std::string_view word) {
  std::string out = "/search/?q=";
  percent_encode(word, kUnreserved, out);
  return out;
}

std::string demo_song(std::string_view word) {
  return "{\"word\":" + json_string(word) +
         ",\"song\":" + json_string("The " + std::string(word) + " blues") + "}";
}

std::string demo_page(std::string_view word, std::string_view song) {
  return "{\"q\":" + json_string(word) + ",\"result\":" + std::string(song) + "}\n";
}

}  // namespace siding
