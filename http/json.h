// One JSON text: whether it is valid, and what stands where in it (RFC 8259, RFC 6901). The one place
// that knows the JSON library.
// Invariant: parsed once, never changed; at most kMaxDepth deep. Views lead into the text that was
// given, which outlives them.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace siding {

/// What RFC 8259 leaves to readers is refused: whole numbers beyond 64 bits, lone surrogates.
class JsonText {
 public:
  static constexpr size_t kMaxDepth = 64;

  /// `text` outlives it.
  explicit JsonText(std::string_view text);
  ~JsonText();
  JsonText(JsonText&&) noexcept;
  JsonText& operator=(JsonText&&) noexcept;

  bool valid() const { return valid_; }
  /// Strings, booleans, and numbers as Python and Ruby print them (integers as written, 1.50 as
  /// "1.5"); null, objects, arrays and what is not there are no values. Of equal member names the last
  /// one counts.
  std::optional<std::string> scalar(std::string_view pointer) const;
  /// The same for every spelling of the same text: no white space, members in the order of their names,
  /// no needless escapes. nullopt if it is not valid, a name stands twice in one object, or a number is
  /// so exact that a double would make it one with another.
  std::optional<std::string> canonical() const;
  /// The items of an array as they are written; nullopt if there is none.
  std::optional<std::vector<std::string_view>> items(std::string_view pointer) const;

 private:
  struct Parsed;
  std::unique_ptr<Parsed> parsed_;
  std::string_view text_;
  bool valid_ = false;
};

/// The names on the way of a JSON pointer, which is "" or begins with a slash; ~1 and ~0 are read.
std::vector<std::string> pointer_tokens(std::string_view pointer);

}  // namespace siding
