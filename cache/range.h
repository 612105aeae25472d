// A range of a stored, whole response (RFC 9110 section 14, 13.1.5).
// Invariant: only one range in bytes is ever answered in part; what is malformed, of another unit, or
// more than one range gets the whole response, as RFC 9110 14.2 allows.
#pragma once

#include <cstdint>
#include <string>

#include "http/message.h"

namespace siding {

struct RangeDecision {
  enum class Kind : uint8_t {
    whole,          ///< 200, as it is stored
    part,           ///< 206, `first` to `last`
    unsatisfiable,  ///< 416: begins behind the end
  };
  Kind kind = Kind::whole;
  uint64_t first = 0;
  uint64_t last = 0;  ///< the last byte of the range itself
  uint64_t size() const { return last - first + 1; }
};
/// For a GET without, or after, conditions that make it a 304. `length`: bytes of the stored body.
RangeDecision range_of(const RequestHead& request, const ResponseHead& stored, uint64_t length);

/// The value of Content-Range: "bytes 0-1/11", or "bytes */11" for 416.
std::string content_range(const RangeDecision& range, uint64_t length);
/// Makes a stored 200 the head of the 206 or 416: status, Content-Range, Content-Length; the 416 has
/// an empty content.
void apply_range(ResponseHead& head, const RangeDecision& range, uint64_t length);

}  // namespace siding
