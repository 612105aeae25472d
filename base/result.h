// Result<T>: a value or an Error, for the data plane, where exceptions are not used.
// Invariant: exactly one of value and error is present.
#pragma once

#include <cassert>
#include <string>
#include <utility>
#include <variant>

#include "base/outcome.h"

namespace siding {

/// Why an operation failed. `retryable` means that the other side cannot have acted on it.
struct Error {
  Failure kind = Failure::internal;
  Side side = Side::local;
  bool retryable = false;
  std::string detail;  ///< for logs and `explain`, never sent to a client

  Error() = default;
  explicit Error(Failure k, Side s = Side::local, bool retry = false, std::string text = {})
      : kind(k), side(s), retryable(retry), detail(std::move(text)) {}
};

template <class T = void>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  T& value() {
    assert(ok());
    return *std::get_if<0>(&state_);
  }
  const T& value() const {
    assert(ok());
    return *std::get_if<0>(&state_);
  }
  T& operator*() { return value(); }
  const T& operator*() const { return value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  Error& error() {
    assert(!ok());
    return *std::get_if<1>(&state_);
  }
  const Error& error() const {
    assert(!ok());
    return *std::get_if<1>(&state_);
  }

 private:
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)), ok_(false) {}

  bool ok() const { return ok_; }
  explicit operator bool() const { return ok_; }
  Error& error() {
    assert(!ok_);
    return error_;
  }
  const Error& error() const {
    assert(!ok_);
    return error_;
  }

 private:
  Error error_;
  bool ok_ = true;
};

}  // namespace siding
