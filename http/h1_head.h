// Parses HTTP/1 request and response heads (RFC 9112 sections 2 to 5, RFC 9110 sections 4.2 and 5).
// Strict on purpose: what two implementations could read in two ways is a fault, never a guess.
// Invariants: the result does not depend on how the bytes were split; a fault is reported with the
// first byte that makes it certain; an accepted head has a valid Host and framing (h1_body.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "base/outcome.h"
#include "http/message.h"

namespace siding {

struct HeadLimits {
  size_t max_head = 96 * 1024;  ///< bytes of the head with its line ends
  size_t max_fields = 100;
  size_t max_target = 16 * 1024;  ///< bytes of a request target
};

/// The reason of a request line that ends in no version of HTTP, or that is the broken preface of HTTP/2:
/// what sends it would not understand an answer.
inline constexpr std::string_view kNotHttp = "not HTTP";

/// Why a message is refused. The text is static.
struct ParseFault {
  Outcome outcome = Outcome::ok;
  std::string_view reason;  ///< "space before colon"; empty if there is no fault

  static ParseFault bad_request(std::string_view reason) { return {Outcome::bad_request, reason}; }
};

enum class ParseStatus : uint8_t { incomplete, done, fault };

/// One parser serves the heads of one connection, one after the other. It holds memory only while a
/// head is being received. `Head` is RequestHead or ResponseHead.
template <class Head>
class HeadParser {
 public:
  /// `limits` must outlive the parser.
  explicit HeadParser(const HeadLimits& limits);
  HeadParser(HeadParser&&) noexcept;
  HeadParser& operator=(HeadParser&&) noexcept;
  ~HeadParser();

  /// `data` are all bytes received since the head began; between calls it only grows, but may move.
  /// Once done or fault, the answer stays the same until take() or reset().
  ParseStatus feed(std::string_view data) { return feed(data, nullptr); }
  /// The same of bytes that are kept alive by their block: a head that fills enough of it is not
  /// copied.
  ParseStatus feed(const Slice& data) { return feed(data.view(), &data.block()); }

  /// After done, until the next feed() or reset(): how many bytes of `data` the head took.
  size_t consumed() const { return consumed_; }
  /// After fault. A response's faults are all Outcome::backend_malformed.
  const ParseFault& fault() const { return fault_; }
  /// After done, once: the head. Its text lies in one block, kept by its `fields`. Leaves the parser
  /// ready for the next head.
  Head take();
  /// Ready for a next head; drops what there was.
  void reset();

 private:
  struct Work;
  ParseStatus feed(std::string_view data, const BlockRef* owner);
  ParseStatus fail(ParseFault fault);

  const HeadLimits* limits_;
  std::unique_ptr<Work> work_;  // from the first byte to take()
  uint32_t consumed_ = 0;
  ParseFault fault_;
};

/// Requests: one CRLF before the request line is skipped. `scheme` is set only by the absolute-form,
/// in which case the Host field is replaced by the target's authority.
using RequestHeadParser = HeadParser<RequestHead>;
using ResponseHeadParser = HeadParser<ResponseHead>;

extern template class HeadParser<RequestHead>;
extern template class HeadParser<ResponseHead>;

}  // namespace siding
