// Message heads as HTTP/2 carries them (RFC 9113 section 8), from and to the form that all of siding
// uses. Knows no frames: whoever decodes a block of fields hands them in one by one.
// Invariants: what is let through means the same when HTTP/1.1 says it (no CR, LF, NUL, no field of one
// connection, one host, RFC 9113 8.2 and 10.3); what is held is bounded by the same limits as a head of
// HTTP/1, each crumb of a cookie counted as a field.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "http/h1_head.h"
#include "http/message.h"

namespace siding {

/// One at a time: the blocks of a connection do not interleave. Keeps its memory for the next one.
class H2RequestReader {
 public:
  /// `limits` outlives it.
  explicit H2RequestReader(const HeadLimits& limits) : limits_(limits) {}

  /// Forgets what there was.
  void begin();
  /// Pseudo fields too. After a fault nothing more is kept.
  void add(std::string_view name, std::string_view value);
  /// After the last field. `scheme`, `minor_version`: as for HTTP/1; the scheme is the listener's to say.
  /// A fault: see fault().
  RequestHead take();
  const ParseFault& fault() const { return fault_; }
  /// The method, also of a request with a fault: an answer to HEAD has no body.
  std::string_view method() const { return text_of(method_); }
  /// `:protocol` of an extended CONNECT (RFC 8441); empty: none.
  std::string_view protocol() const { return text_of(protocol_); }

 private:
  struct Mark {
    uint32_t at = 0;
    uint32_t size = 0;
  };
  struct FieldMark {
    Mark name;
    Mark value;
  };
  Mark keep(std::string_view text);
  std::string_view text_of(Mark mark) const {
    return std::string_view(text_).substr(mark.at, mark.size);
  }
  void add_pseudo(std::string_view name, std::string_view value);
  void fail(ParseFault fault);
  std::string_view check(std::string_view name, std::string_view value) const;

  const HeadLimits& limits_;
  std::string text_;
  std::vector<FieldMark> fields_;
  std::string cookie_;  // crumbs, joined (RFC 9113 8.2.3)
  Mark method_;
  Mark path_;
  Mark authority_;
  Mark protocol_;
  size_t count_ = 0;
  size_t bytes_ = 0;
  ParseFault fault_;
};

/// Trailers: what may be passed on (trailer_allowed()) of fields that come one by one.
/// False: it is dropped.
bool add_h2_trailer(Fields& trailers, std::string_view name, std::string_view value);

/// Whether a field of an answer may stand in HTTP/2: not those of one connection, nor the length, which
/// the framing tells (RFC 9113 8.2.2).
bool h2_field_allowed(std::string_view name);

}  // namespace siding
