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

#include "http/h1_body.h"
#include "http/h1_head.h"
#include "http/message.h"

namespace siding {

/// What heads of either kind have in common. One at a time: the blocks of a connection do not interleave.
/// Keeps its memory for the next one.
class H2HeadReader {
 public:
  const ParseFault& fault() const { return fault_; }

 protected:
  struct Mark {
    uint32_t at = 0;
    uint32_t size = 0;
  };
  struct FieldMark {
    Mark name;
    Mark value;
  };
  explicit H2HeadReader(const HeadLimits& limits) : limits_(limits) {}
  void begin_head();
  bool within_limits(std::string_view name, std::string_view value);
  static std::string_view check(std::string_view name, std::string_view value);
  Mark keep(std::string_view text);
  void keep_field(std::string_view name, std::string_view value);
  std::string_view text_of(Mark mark) const {
    return std::string_view(text_).substr(mark.at, mark.size);
  }
  void fail(ParseFault fault);

  const HeadLimits& limits_;
  std::string text_;
  std::vector<FieldMark> fields_;

 private:
  size_t count_ = 0;
  size_t bytes_ = 0;
  ParseFault fault_;
};

class H2RequestReader : public H2HeadReader {
 public:
  /// `limits` outlives it.
  explicit H2RequestReader(const HeadLimits& limits) : H2HeadReader(limits) {}

  /// Forgets what there was.
  void begin();
  /// Pseudo fields too. After a fault nothing more is kept.
  void add(std::string_view name, std::string_view value);
  /// After the last field. `scheme`, `minor_version`: as for HTTP/1; the scheme is the listener's to say.
  /// A fault: see fault().
  RequestHead take();
  /// The method, also of a request with a fault: an answer to HEAD has no body.
  std::string_view method() const { return text_of(method_); }
  /// `:protocol` of an extended CONNECT (RFC 8441); empty: none.
  std::string_view protocol() const { return text_of(protocol_); }

 private:
  void add_pseudo(std::string_view name, std::string_view value);

  std::string cookie_;  // crumbs, joined (RFC 9113 8.2.3)
  Mark method_;
  Mark path_;
  Mark authority_;
  Mark protocol_;
};

class H2ResponseReader : public H2HeadReader {
 public:
  /// `limits` outlives it.
  explicit H2ResponseReader(const HeadLimits& limits) : H2HeadReader(limits) {}

  /// As those of H2RequestReader.
  void begin();
  void add(std::string_view name, std::string_view value);
  ResponseHead take();

  /// How the body of such a head ends, in terms of HTTP/1. `ended`: nothing comes behind it.
  static Framing framing_of(std::string_view method, const ResponseHead& head, bool ended);

 private:
  int status_ = 0;
};

/// Trailers: what may be passed on (trailer_allowed()) of fields that come one by one.
/// False: it is dropped.
bool add_h2_trailer(Fields& trailers, std::string_view name, std::string_view value);

/// Whether a field of an answer may stand in HTTP/2: not those of one connection, nor the length, which
/// the framing tells (RFC 9113 8.2.2).
bool h2_field_allowed(std::string_view name);
/// The same for a request's, of which Host is a pseudo field there, and TE the sender's own to say.
bool h2_request_field_allowed(std::string_view name);

}  // namespace siding
