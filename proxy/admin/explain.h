// The [admin] door: what became of an exchange, for people and for programs.
//   GET /explain/last[?n=10]  /explain/slow[?n=10]  /explain/failed[?n=10]  /explain/REQUEST-ID
// Text, or JSON where Accept asks for application/json.
// Invariants: it only reads. Over TCP the Host must be a loopback literal or localhost, so that no
// web page can reach it by a name of its own that resolves to 127.0.0.1.
#pragma once

#include <string_view>
#include <vector>

#include "proxy/downstream/stream.h"
#include "proxy/observe/ring.h"

namespace siding {

class ExplainDoor final : public Handler {
 public:
  explicit ExplainDoor(const Ring& ring) : ring_(ring) {}

  Task<> handle(Stream& stream) override;

 private:
  void answer(Stream& stream) const;

  const Ring& ring_;
};

/// Whether an authority is localhost or a loopback literal, with or without a port.
bool is_loopback_authority(std::string_view authority);

}  // namespace siding
