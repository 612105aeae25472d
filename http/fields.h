// Header and trailer fields: an ordered list of name and value (RFC 9110 section 5), stored as views
// into refcounted blocks, so that parsing a head costs one block and copying it costs none.
// Invariant: every view stays valid as long as any Fields that shares the storage lives.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/buffer.h"

namespace siding {

struct Field {
  std::string_view name;
  std::string_view value;  ///< without surrounding white space
};

/// Fields in the order in which they came. Names compare without regard to case. Copying shares the
/// text. Belongs to one thread.
class Fields {
 public:
  /// Appends a field whose text is copied into this object's storage; a literal name is not.
  void add(std::string_view name, std::string_view value);
  template <size_t N>
  void add(const char (&name)[N], std::string_view value) {
    add_view({name, N - 1}, intern(value));
  }
  /// Appends a field whose text lives in a block that was handed to keep(), or is a literal.
  void add_view(std::string_view name, std::string_view value) { list_.push_back({name, value}); }
  /// Keeps `block` alive as long as this object and its copies.
  void keep(BlockRef block);

  /// Removes all fields of that name and appends one.
  void set(std::string_view name, std::string_view value);
  template <size_t N>
  void set(const char (&name)[N], std::string_view value) {
    remove({name, N - 1});
    add(name, value);
  }
  /// Removes all fields of that name; returns how many there were.
  size_t remove(std::string_view name);
  /// Removes the fields for which `pred(field)` is true.
  template <class P>
  void remove_if(P pred) {
    std::erase_if(list_, pred);
  }

  /// The first field of that name.
  const Field* find(std::string_view name) const;
  bool has(std::string_view name) const { return find(name) != nullptr; }
  std::optional<std::string_view> get(std::string_view name) const {
    const Field* f = find(name);
    return f == nullptr ? std::nullopt : std::optional<std::string_view>(f->value);
  }
  size_t count(std::string_view name) const;
  /// All values of that name, joined by ", " as RFC 9110 5.3 allows ("; " for Cookie).
  std::string joined(std::string_view name) const;
  /// Whether a list-valued field holds the token (ASCII case-insensitive).
  bool has_token(std::string_view name, std::string_view token) const;

  /// Copies text into this object's storage and returns the lasting view.
  std::string_view intern(std::string_view text) { return intern({text}); }
  /// The same for a text in parts, which are joined.
  std::string_view intern(std::initializer_list<std::string_view> parts);

  auto begin() const { return list_.begin(); }
  auto end() const { return list_.end(); }
  size_t size() const { return list_.size(); }
  bool empty() const { return list_.empty(); }
  std::span<const Field> view() const { return list_; }
  const Field& operator[](size_t i) const { return list_[i]; }
  void reserve(size_t n) { list_.reserve(n); }
  void clear();

  /// Heap bytes held, for budgets.
  size_t footprint() const;

 private:
  PooledVector<Field> list_;
  BlockRef storage_;             // what the parser handed over
  PooledVector<BlockRef> more_;  // arena for added text
  size_t used_ = 0;              // of more_.back()
};

}  // namespace siding
