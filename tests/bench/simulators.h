// Three well-known rules for who stays in a cache, on objects of different sizes: plain, and with their
// authors' parameters. Each answers for one request after the other whether it would have been a hit.
// Invariant: the bytes held never exceed the budget.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <list>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace siding::bench {

struct Request {
  uint32_t id;
  uint32_t bytes;
};

/// A queue of objects that knows its bytes: front is next to leave.
struct Queue {
  std::list<Request> list;
  uint64_t bytes = 0;
  void push(Request r) {
    list.push_back(r);
    bytes += r.bytes;
  }
  Request pop() {
    Request r = list.front();
    list.pop_front();
    bytes -= r.bytes;
    return r;
  }
  /// One that stands in `from` becomes the last here.
  void pull(Queue& from, std::list<Request>::iterator at) {
    from.bytes -= at->bytes;
    bytes += at->bytes;
    list.splice(list.end(), from.list, at);
  }
};

class Lru {
 public:
  explicit Lru(uint64_t budget) : budget_(budget) {}
  bool ask(Request r) {
    auto found = at_.find(r.id);
    if (found != at_.end()) {
      queue_.pull(queue_, found->second);
      return true;
    }
    if (r.bytes > budget_) return false;
    while (queue_.bytes + r.bytes > budget_) at_.erase(queue_.pop().id);
    queue_.push(r);
    at_[r.id] = --queue_.list.end();
    return false;
  }

 private:
  uint64_t budget_;
  Queue queue_;
  std::unordered_map<uint32_t, std::list<Request>::iterator> at_;
};

/// Yang et al., SOSP 2023: small queue 10 %, ghosts as many bytes as the main queue has, promotion with
/// the second hit.
class S3Fifo {
 public:
  explicit S3Fifo(uint64_t budget) : budget_(budget) {}
  bool ask(Request r) {
    auto found = hits_.find(r.id);
    if (found != hits_.end()) {
      found->second = std::min(found->second + 1, 3);
      return true;
    }
    if (r.bytes > budget_) return false;
    while (small_.bytes + main_.bytes + r.bytes > budget_) evict();
    hits_[r.id] = 0;
    (is_ghost_.erase(r.id) > 0 ? main_ : small_).push(r);
    return false;
  }

 private:
  void evict() {
    if (small_.bytes * 10 > budget_ || main_.list.empty()) {
      Request r = small_.pop();
      if (hits_[r.id] > 1) {
        hits_[r.id] = 0;
        main_.push(r);
        return;
      }
      hits_.erase(r.id);
      ghosts_.push(r);
      is_ghost_.insert(r.id);
      while (ghosts_.bytes > budget_ / 10 * 9) is_ghost_.erase(ghosts_.pop().id);
    } else {
      Request r = main_.pop();
      if (hits_[r.id]-- > 0) {
        main_.push(r);
      } else {
        hits_.erase(r.id);
      }
    }
  }

  uint64_t budget_;
  Queue small_, main_, ghosts_;
  std::unordered_map<uint32_t, int> hits_;
  std::unordered_set<uint32_t> is_ghost_;
};

/// How often each was asked for of late: four rows of counters up to 15, all halved after ten times as
/// many requests as there are objects.
class Sketch {
 public:
  explicit Sketch(uint64_t objects) : period_(objects * 10) {
    uint64_t width = 1;
    while (width < objects) width *= 2;
    for (auto& row : rows_) row.resize(width);
  }
  void add(uint32_t id) {
    for (size_t i = 0; i < rows_.size(); ++i) {
      uint8_t& c = rows_[i][at(id, i)];
      if (c < 15) ++c;
    }
    if (++added_ < period_) return;
    added_ /= 2;
    for (auto& row : rows_) {
      for (uint8_t& c : row) c /= 2;
    }
  }
  int estimate(uint32_t id) const {
    int least = 15;
    for (size_t i = 0; i < rows_.size(); ++i) least = std::min<int>(least, rows_[i][at(id, i)]);
    return least;
  }

 private:
  size_t at(uint32_t id, size_t row) const {
    uint64_t x = (id + 1) * (0x9e3779b97f4a7c15u + 2 * row * 0xbf58476d1ce4e5b9u);
    x ^= x >> 29;
    x *= 0x94d049bb133111ebu;
    return (x >> 32) & (rows_[0].size() - 1);
  }
  std::array<std::vector<uint8_t>, 4> rows_;
  uint64_t period_;
  uint64_t added_ = 0;
};

/// Einziger et al., 2017, as Caffeine does it: a window of 1 %, then an LRU in two segments (protected:
/// 80 %), into which the sketch lets only what is asked for more often than who would have to leave.
class WTinyLfu {
 public:
  WTinyLfu(uint64_t budget, uint64_t objects)
      : budget_(budget),
        most_{budget / 100, budget, (budget - budget / 100) / 5 * 4},
        sketch_(objects) {}
  bool ask(Request r) {
    sketch_.add(r.id);
    auto found = places_.find(r.id);
    if (found != places_.end()) {
      hit(found->second);
      return true;
    }
    if (r.bytes > budget_) return false;
    queues_[kWindow].push(r);
    places_[r.id] = {kWindow, --queues_[kWindow].list.end()};
    while (queues_[kWindow].bytes > most_[kWindow]) admit(queues_[kWindow].list.begin());
    return false;
  }

 private:
  enum Where : uint8_t { kWindow, kProbation, kProtected };
  using At = std::list<Request>::iterator;
  struct Place {
    Where where;
    At at;
  };
  void move(Place& place, Where to) {
    queues_[to].pull(queues_[place.where], place.at);
    place.where = to;
  }
  void hit(Place& place) {
    if (place.where != kProbation) return move(place, place.where);
    move(place, kProtected);
    while (queues_[kProtected].bytes > most_[kProtected]) {
      move(places_.at(queues_[kProtected].list.front().id), kProbation);
    }
  }
  void drop(Where where, At at) {
    places_.erase(at->id);
    queues_[where].bytes -= at->bytes;
    queues_[where].list.erase(at);
  }
  /// From the window, past as many as it takes; or out.
  void admit(At candidate) {
    while (queues_[kWindow].bytes + queues_[kProbation].bytes + queues_[kProtected].bytes >
           budget_) {
      const Where from = queues_[kProbation].list.empty() ? kProtected : kProbation;
      if (queues_[from].list.empty()) return drop(kWindow, candidate);
      const At victim = queues_[from].list.begin();
      if (sketch_.estimate(candidate->id) <= sketch_.estimate(victim->id)) {
        return drop(kWindow, candidate);
      }
      drop(from, victim);
    }
    move(places_.at(candidate->id), kProbation);
  }

  uint64_t budget_;
  std::array<uint64_t, 3> most_;
  std::array<Queue, 3> queues_;
  std::unordered_map<uint32_t, Place> places_;
  Sketch sketch_;
};

}  // namespace siding::bench
