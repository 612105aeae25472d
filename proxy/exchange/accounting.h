// The record of one exchange while it is being written, shared by the exchange and by the work that
// may outlive it (an abandoned worker call). The last owner's destructor reports it, so that a
// cancelled exchange is logged like any other.
#pragma once

#include <memory>

#include "proxy/loop/loop.h"
#include "proxy/observe/observer.h"

namespace siding {

class Accounting {
 public:
  Accounting(Observer& observer, Loop& loop) : observer_(observer), loop_(loop) {}
  Accounting(const Accounting&) = delete;
  Accounting& operator=(const Accounting&) = delete;
  ~Accounting() { observer_.finished(loop_, std::move(record)); }

  ExchangeRecord record;

 private:
  Observer& observer_;
  Loop& loop_;
};

using AccountingRef = std::shared_ptr<Accounting>;

}  // namespace siding
