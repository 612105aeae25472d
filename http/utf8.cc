// See utf8.h.
#include "http/utf8.h"

#include <cstddef>
#include <cstdint>

namespace siding {

bool is_utf8(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    auto lead = static_cast<uint8_t>(text[i++]);
    if (lead < 0x80) continue;
    // Table 3-7 of Unicode: the lead byte tells the length and the range of the second byte.
    size_t more = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;
    uint8_t low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    uint8_t high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    if (lead < 0xc2 || lead > 0xf4 || text.size() - i < more) return false;
    for (; more > 0; --more, low = 0x80, high = 0xbf) {
      auto next = static_cast<uint8_t>(text[i++]);
      if (next < low || next > high) return false;
    }
  }
  return true;
}

}  // namespace siding
