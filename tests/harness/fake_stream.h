// A Stream in memory: hands a request to a handler and keeps what the handler answers, as a
// connection would (no body for HEAD, nothing after the end).
// Invariant: belongs to the test's thread; a handler that waits needs a Loop on it.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/downstream/stream.h"

namespace siding {

class FakeStream final : public Stream {
 public:
  explicit FakeStream(std::string_view method = "GET", std::string_view target = "/",
                      std::string_view host = "localhost")
      : peer_(*SocketAddress::parse("127.0.0.1", 40000)) {
    head.method = head.fields.intern(method);
    head.target = head.fields.intern(target);
    head.authority = head.fields.intern(host);
    head.fields.add("Host", host);
    body_ended = true;
  }

  void set_peer(SocketAddress peer) { peer_ = peer; }
  /// A request body, or a part of it, has come.
  void receive(std::string_view bytes, bool last) {
    body.append_copy(bytes);
    body_ended = last;
    body_changed.notify();
  }
  /// The client takes `n` bytes of the response.
  void take(size_t n) {
    taken_ += n;
    sent.notify();
  }

  // What the handler did.
  std::vector<ResponseHead> interims;
  ResponseHead response;
  BodyFraming response_framing;
  std::string response_body;
  std::optional<Fields> response_trailers;
  bool aborted = false;
  size_t window = 0;

  std::string_view field(std::string_view name) const {
    return response.fields.get(name).value_or(std::string_view());
  }
  /// Whether the body is as long as its head says.
  bool whole() const {
    bool no_body = head.method == "HEAD" || response.status == 204 || response.status == 304;
    return finished && !aborted &&
           (no_body ? response_body.empty()
                    : response_framing.kind != BodyFraming::Kind::length ||
                          response_framing.length == response_body.size());
  }

  const SocketAddress& peer() const override { return peer_; }
  void grant(size_t bytes) override { window = bytes; }
  void send_interim(const ResponseHead& interim) override {
    if (!head_sent) interims.push_back(interim);
  }
  void send_head(ResponseHead h, BodyFraming f) override {
    if (head_sent) return;
    head_sent = true;
    response = std::move(h);
    response_framing = f;
  }
  void open_tunnel(ResponseHead h) override {
    tunnel = true;
    send_head(std::move(h), BodyFraming::until_close());
  }
  void send_data(Buffer data) override {
    if (head_sent && !finished && head.method != "HEAD") response_body += data.str();
  }
  void send_end(const Fields* fields) override {
    if (finished) return;
    finished = true;
    if (fields != nullptr) response_trailers = *fields;
  }
  void abort() override {
    if (finished) return;
    finished = true;
    aborted = true;
  }
  size_t unsent() const override {
    return response_body.size() - std::min(taken_, response_body.size());
  }
  uint64_t bytes_sent() const override { return response_body.size() - unsent(); }

 private:
  SocketAddress peer_;
  size_t taken_ = 0;
};

}  // namespace siding
