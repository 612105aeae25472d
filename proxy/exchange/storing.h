// Answers on their way into the store: what is kept of one, and an answer that is kept while it passes.
// Invariant: only what came whole is stored.
#pragma once

#include <memory>
#include <string>

#include "cache/entry.h"
#include "cache/storable.h"
#include "proxy/exchange/caches.h"

namespace siding {

/// What is kept of `response`, without its body, for a request as the client sent it.
std::shared_ptr<Entry> make_entry(const RequestHead& request, const ResponseHead& response,
                                  const VariantKey& variant, const CachePolicy& policy,
                                  ResponseTimes times);
/// `old` with what a 304, or an answer to HEAD, says anew.
std::shared_ptr<Entry> renew_entry(const Entry& old, const RequestHead& request,
                                   const ResponseHead& newer, const CachePolicy& policy,
                                   ResponseTimes times);
/// Nobody should wait for another's fetch of it, for a while: the answer itself is why it is not stored,
/// and it is not a failure of the moment.
bool passes_by_nature(StoreReason reason, const ResponseHead& response);
/// A failure that the next request may not meet: of the origin, or of a leg of a fan-out.
bool is_momentary(const ResponseHead& response);

/// How long it is remembered that the answers of a URI are not for everybody.
inline constexpr Duration kPassFor = std::chrono::seconds(10);

/// Keeps an answer that goes to its client by another way.
class StoreWriter {
 public:
  StoreWriter(Caches& caches, Budget& memory, const CacheOwner& owner, StorePlace place)
      : caches_(caches), owner_(owner), place_(std::move(place)), held_(memory) {}

  /// Why it is not stored, or `stored`; remembers it if that lies in the answer.
  StoreReason begin(const RequestHead& request, const ResponseHead& response, ResponseTimes times,
                    TimePoint now);
  bool storing() const { return entry_ != nullptr; }
  const Entry* entry() const { return entry_.get(); }
  void append(const Buffer& piece);
  /// It is whole.
  void finish();

 private:
  Caches& caches_;
  const CacheOwner& owner_;
  StorePlace place_;
  Reservation held_;
  std::shared_ptr<Entry> entry_;
};

}  // namespace siding
