// Structured concurrency: a Group owns child tasks that run at the same time; destroying it cancels
// them all. Gather is `all()`, first-of is `any()`.
// Invariant: children never outlive their Group.
#pragma once

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include "proxy/loop/task.h"
#include "proxy/loop/wait.h"

namespace siding {

class Group {
 public:
  Group() = default;
  Group(const Group&) = delete;
  Group& operator=(const Group&) = delete;

  /// Starts a child: it runs up to its first suspension before this returns.
  void start(Task<> task) {
    children_.push_back(std::make_unique<Child>(*this, std::move(task)));
    Child& child = *children_.back();
    ++running_;
    child.task.start(&child.ended);
    if (child.task.done()) child.on_end();
  }
  size_t size() const { return children_.size(); }
  size_t running() const { return running_; }
  /// Notified each time a child ends.
  Signal& changed() { return changed_; }

  /// True once all have ended, false if the deadline comes first.
  Task<bool> all(TimePoint deadline = kNever) { return until(0, deadline); }
  /// True once at least one of those that run now has ended.
  Task<bool> any(TimePoint deadline = kNever) {
    return until(running_ == 0 ? 0 : running_ - 1, deadline);
  }

 private:
  struct Child {
    Child(Group& g, Task<> t) : group(g), task(std::move(t)), ended(*this) {}
    void on_end() {
      --group.running_;
      group.changed_.notify();
    }
    Group& group;
    Task<> task;
    MemberWake<Child, &Child::on_end> ended;
  };

  Task<bool> until(size_t at_most, TimePoint deadline) {
    while (running_ > at_most) {
      bool notified = co_await Wait(changed_, deadline);
      if (!notified) break;
    }
    co_return running_ <= at_most;
  }

  std::vector<std::unique_ptr<Child>> children_;
  size_t running_ = 0;
  Signal changed_;
};

}  // namespace siding
