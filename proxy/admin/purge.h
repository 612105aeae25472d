// Purging the cache, behind the [admin] door:
//   POST /cache/purge?url=URL | ?prefix=URL | ?tag=TAG | ?all=1
// Answers how many entries were dropped in this process, as text, or JSON where Accept asks for it.
// Invariant: 200 says that all is gone that was stored before, here and with those whom `others` tells.
#pragma once

#include <string_view>

#include "base/result.h"
#include "proxy/downstream/stream.h"
#include "proxy/exchange/caches.h"

namespace siding {

/// Tells other replicas what was purged here.
class PurgeTeller {
 public:
  virtual ~PurgeTeller() = default;
  /// On the loop of the [admin] door, before it is purged here, so that nothing comes back from what is
  /// shared. A failure is answered 503.
  virtual Task<Result<>> tell(const Purge& purge) = 0;
};

class PurgeDoor {
 public:
  static constexpr std::string_view kPath = "/cache/purge";
  PurgeDoor(Caches& caches, PurgeTeller* others) : caches_(caches), others_(others) {}

  Task<> answer(Stream& stream);

 private:
  Caches& caches_;
  PurgeTeller* const others_;  // null: there are none
};

}  // namespace siding
