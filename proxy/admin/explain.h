// What became of an exchange, for people and for programs, behind the [admin] door:
//   GET /explain/last[?n=10]  /explain/slow[?n=10]  /explain/failed[?n=10]  /explain/REQUEST-ID
// Text, or JSON where Accept asks for application/json.
// Invariant: it only reads.
#pragma once

#include <string_view>
#include <vector>

#include "proxy/downstream/stream.h"
#include "proxy/observe/ring.h"

namespace siding {

class ExplainDoor {
 public:
  explicit ExplainDoor(const Ring& ring) : ring_(ring) {}

  static bool serves(std::string_view path);
  /// For a path that it serves.
  void answer(Stream& stream) const;

 private:
  const Ring& ring_;
};

}  // namespace siding
