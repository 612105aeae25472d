// The record of one exchange while it is being written, shared by the exchange and by the work that
// may outlive it (an abandoned worker call). The last owner's destructor reports it, so that a
// cancelled exchange is logged like any other.
#pragma once

#include <functional>
#include <memory>

#include "proxy/loop/loop.h"
#include "proxy/observe/observer.h"

namespace siding {

class Accounting {
 public:
  Accounting(Observer& observer, Loop& loop) : observer_(observer), loop_(loop) {}
  Accounting(const Accounting&) = delete;
  Accounting& operator=(const Accounting&) = delete;
  ~Accounting() {
    if (to) {
      observer_.fetched(loop_, record);
      to(std::move(record));
    } else {
      observer_.finished(loop_, std::move(record));
    }
  }

  ExchangeRecord record;
  /// Of a fetch for the cache: who gets the record, for the requests that it was made for.
  std::function<void(ExchangeRecord)> to;

 private:
  Observer& observer_;
  Loop& loop_;
};

using AccountingRef = std::shared_ptr<Accounting>;

}  // namespace siding
