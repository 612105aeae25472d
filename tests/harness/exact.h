// Bytes that end where their allocation ends: AddressSanitizer sees who reads on.
#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>

namespace siding::test {

/// A copy without a spare byte at its end.
class Exact {
 public:
  explicit Exact(std::string_view text) : bytes_(new char[text.size()]), size_(text.size()) {
    if (size_ > 0) std::memcpy(bytes_.get(), text.data(), size_);
  }
  std::string_view view() const { return {bytes_.get(), size_}; }

 private:
  std::unique_ptr<char[]> bytes_;
  size_t size_;
};

}  // namespace siding::test
