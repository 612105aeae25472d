// Text for logs and `explain`: times, words and JSON strings, safe for a terminal and for a parser
// whatever bytes a client sent.
// Invariant: everything here appends; no locale, no allocation besides the target string's growth.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace siding {

/// "2026-11-23T21:40:00.123Z".
void append_time(std::string& out, WallTime t);
/// Milliseconds with one decimal: "0.4", "1023.0". Negative durations are 0.
void append_ms(std::string& out, Duration d);
void append_number(std::string& out, uint64_t n);

/// One word of a text line: "-" for an empty one; in double quotes if it holds a space or anything
/// that would end the word. Bytes other than printable ASCII become \xHH.
void append_word(std::string& out, std::string_view text);
/// Like append_word() without the quotes: for prose, where only control bytes are dangerous.
void append_plain(std::string& out, std::string_view text);

/// `text` cut to `max` bytes, with "..." in the place of what is missing; never inside a UTF-8
/// sequence.
std::string bounded(std::string_view text, size_t max);

}  // namespace siding
