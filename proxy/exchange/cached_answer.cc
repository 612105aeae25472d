// See cached_answer.h.
#include "proxy/exchange/cached_answer.h"

#include <algorithm>

#include "cache/range.h"
#include "cache/validate.h"

namespace siding {

namespace {

constexpr size_t kSentPiece = 128 * 1024;

void send_not_modified(Stream& stream, const ResponseHead& stored, const CacheStatus& status,
                       std::optional<Duration> age) {
  ResponseHead head;
  head.status = 304;
  head.reason = reason_phrase(304);
  head.fields = not_modified_fields(stored.fields);
  if (age) set_age(head.fields, *age);
  add_cache_status(head.fields, status);
  stream.send_head(std::move(head), BodyFraming::none());
  stream.send_end();
}

Sent cut_off(Stream& stream, Outcome outcome, int status, std::string_view detail) {
  stream.abort();
  return {outcome, status, std::string(detail)};
}

}  // namespace

Task<Sent> send_stored(Stream& stream, const RequestHead& request, EntryRef entry,
                       CacheStatus status, std::optional<Duration> age, TimePoint deadline) {
  if (is_not_modified(request, entry->head, entry->freshness.response_time)) {
    send_not_modified(stream, entry->head, status, age);
    Sent sent{Outcome::ok, 304};
    co_return std::move(sent);
  }
  ResponseHead head = entry->head;
  if (age) set_age(head.fields, *age);
  add_cache_status(head.fields, status);
  Buffer body = entry->body.share();
  const uint64_t length = body.size();
  RangeDecision range = range_of(request, entry->head, length);
  if (range.kind != RangeDecision::Kind::whole) {
    apply_range(head, range, length);
    head.reason = reason_phrase(head.status);
    if (range.kind == RangeDecision::Kind::unsatisfiable) {
      body.clear();
    } else {
      body.consume(range.first);
      body = body.take(range.size());
    }
  }
  const int code = head.status;
  const bool bare = code == 204 || code == 304;
  stream.send_head(std::move(head),
                   bare ? BodyFraming::none() : BodyFraming::of_length(body.size()));
  if (request.method == "HEAD") body.clear();
  while (!body.empty()) {
    stream.send_data(body.take(std::min({body.size(), kSentPiece, stream.high_watermark()})));
    if (stream.unsent() <= stream.high_watermark()) continue;
    bool room = co_await wait_for_room(stream, deadline);
    if (!room) {
      Sent late = cut_off(stream, Outcome::deadline, code, "the client did not take it in time");
      co_return std::move(late);
    }
  }
  stream.send_end();
  Sent sent{Outcome::ok, code};
  co_return std::move(sent);
}

Task<Sent> send_flight(Stream& stream, const RequestHead& request, Flight::Reader& reader,
                       CacheStatus status, std::optional<Duration> age, TimePoint deadline) {
  Flight& flight = reader.flight();
  EntryRef entry = flight.entry();
  // Whom it was fetched for gets all that the origin said; the others, what is for everybody.
  ResponseHead head = flight.head();
  if (!reader.leads() && entry) {
    head = entry->head;
    if (age) set_age(head.fields, *age);
  }
  // Date stands in for Last-Modified in what is stored only (RFC 9111 4.3.2).
  const bool judged =
      entry || request.fields.has("if-none-match") || head.fields.has("last-modified");
  if (judged &&
      is_not_modified(request, head, entry ? entry->freshness.response_time : WallTime())) {
    send_not_modified(stream, head, status, std::nullopt);
    Sent sent{Outcome::ok, 304};
    co_return std::move(sent);
  }
  const int code = head.status;
  add_cache_status(head.fields, status);
  stream.send_head(std::move(head), flight.framing());
  while (true) {
    // Looked at first: what was there when it was whole has been read by then.
    const Flight::State state = reader.state();
    const size_t most = std::min(kSentPiece, stream.high_watermark());
    Result<Buffer> piece = co_await reader.read(most);
    if (!piece || state == Flight::State::torn) {
      Sent torn = cut_off(stream, Outcome::backend_aborted, code, "the answer broke off");
      co_return std::move(torn);
    }
    if (piece->empty()) {
      if (state == Flight::State::whole) break;
      bool moved = co_await Wait(reader.changed(), deadline);
      if (moved) continue;
      Sent late = cut_off(stream, Outcome::deadline, code, "it did not come before the deadline");
      co_return std::move(late);
    }
    stream.send_data(std::move(*piece));
    bool room = co_await wait_for_room(stream, deadline);
    if (!room) {
      Sent late = cut_off(stream, Outcome::deadline, code, "the client did not take it in time");
      co_return std::move(late);
    }
  }
  Fields trailers = reader.take_trailers();
  stream.send_end(&trailers);
  Sent sent{Outcome::ok, code};
  co_return std::move(sent);
}

}  // namespace siding
