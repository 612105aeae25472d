// What siding learns, per template, from the worker's own calls: the fields that its library sends
// with every call, so that a prefetch gets the same answer. And whether the template has matched.
// Invariants: credentials, what belongs to one request, and what the client sent itself are never
// learned; a field seen with two values is varying and never learned again; thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "http/fields.h"
#include "proxy/exchange/pins.h"

namespace siding {

/// `address`: the key by which the queue tells clients apart.
ClientMarks client_marks(const RequestHead& head, uint64_t address);

class LearnedFields {
 public:
  /// Adds the learned fields to a prefetch's, where they are not set yet.
  void apply(Fields& prefetch) const;
  /// Whether a worker's own call was matched in full: what `auto` waits for.
  bool matched() const;
  /// A worker's call with the key of `offer` came. Returns the first field that is not known, which
  /// keeps the template from matching; empty if it matches. `certain`: it is known that the call was
  /// made for that very request; else it teaches nothing about its client.
  std::string learn(const Fields& call, const PinOffer& offer, bool certain);
  /// Why it does not match yet, as last seen: "field:x-api-key not known".
  std::string obstacle() const;

 private:
  struct Seen {
    std::string name;  // as the library writes it
    std::string value;
    std::set<uint64_t> addresses;    // of the clients whose calls carried it
    std::set<uint64_t> credentials;  // likewise: one user may have many addresses
    bool known = false;
    bool varying = false;
  };
  void apply_locked(Fields& prefetch) const;

  mutable std::mutex mutex_;
  std::map<std::string, Seen> seen_;  // by lower-case name; bounded
  bool matched_ = false;
  std::string obstacle_;
};

}  // namespace siding
