// Owns tasks that outlive whoever started them, such as reading the rest of an answer whose client
// has gone. One per loop.
// Invariant: a task is destroyed when it ends, or with the Background.
#pragma once

#include <memory>
#include <utility>

#include "base/list.h"
#include "proxy/loop/task.h"

namespace siding {

class Background {
 public:
  Background() = default;
  Background(const Background&) = delete;
  Background& operator=(const Background&) = delete;
  ~Background() { clear(); }

  /// Ends them all.
  void clear() {
    while (Item* item = items_.front()) delete item;
    size_ = 0;
  }

  /// Takes a task that has not been started and runs it to its end.
  void run(Task<> task) {
    auto item = std::make_unique<Item>(*this, std::move(task));
    item->task.start(&item->ended);
    if (item->task.done()) return;
    items_.push_back(*item.release());
    ++size_;
  }
  /// Tasks now running. Their number is bounded by the permits or leases that they hold.
  size_t size() const { return size_; }

 private:
  struct Item : Link<> {
    Item(Background& o, Task<> t) : owner(o), task(std::move(t)), ended(*this) {}
    void on_end() {
      --owner.size_;
      delete this;
    }
    Background& owner;
    Task<> task;
    MemberWake<Item, &Item::on_end> ended;
  };
  List<Item> items_;
  size_t size_ = 0;
};

}  // namespace siding
