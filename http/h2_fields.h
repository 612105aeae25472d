// The fields of a message as libnghttp2 takes them, `Nv` being its nghttp2_nv: it copies them, and lowers
// the names.
// Invariant: no value can end a line for whoever writes it as HTTP/1 later (a CR, LF or NUL in it is
// written as SP); what is added must outlive the list.
#pragma once

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <list>
#include <string>
#include <string_view>

#include "base/small_pool.h"
#include "http/fields.h"
#include "http/h1_syntax.h"
#include "http/h2_head.h"

namespace siding {

template <class Nv>
class H2FieldList {
 public:
  /// `most`: about so many will be added beside those of the framing.
  explicit H2FieldList(size_t most) { list_.reserve(most + 6); }

  void add(std::string_view name, std::string_view value) {
    if (h1::find_control(value, 0) != value.size()) {
      std::string& clean = cleaned_.emplace_back(value);
      std::replace_if(clean.begin(), clean.end(), h1::is_control, ' ');
      value = clean;
    }
    list_.push_back({bytes(name), bytes(value), name.size(), value.size(), 0});
  }
  void add_status(int status) {
    std::to_chars(status_, status_ + sizeof(status_), status);
    add(":status", {status_, sizeof(status_)});
  }
  void add_length(uint64_t length) {
    const char* end = std::to_chars(length_, length_ + sizeof(length_), length).ptr;
    add("content-length", {length_, static_cast<size_t>(end - length_)});
  }
  /// But for those that have no place in HTTP/2.
  void add_allowed(const Fields& fields) {
    for (const Field& f : fields) {
      if (h2_field_allowed(f.name)) add(f.name, f.value);
    }
  }
  const Nv* data() const { return list_.data(); }
  size_t size() const { return list_.size(); }

 private:
  static uint8_t* bytes(std::string_view text) {
    return reinterpret_cast<uint8_t*>(const_cast<char*>(text.data()));
  }
  PooledVector<Nv> list_;
  std::list<std::string> cleaned_;
  char status_[3];
  char length_[20];
};

}  // namespace siding
