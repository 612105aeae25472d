// The bed of the HTTP/1 connections, with clients that speak HTTP/2.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tests/harness/h2_client.h"
#include "tests/proxy/downstream/h1_bed.h"

namespace siding::test {

struct H2Bed : H1Bed {
  explicit H2Bed(int send_buffer = 0) : H1Bed(send_buffer) {
    options.on_abuse = [this](const SocketAddress&, Abuse kind) { abuses.push_back(kind); };
  }
  ~H2Bed() { h2_clients.clear(); }

  H2Client& h2(H2Client::Options client_options = {}) {
    h2_clients.push_back(std::make_unique<H2Client>(client(), client_options));
    return *h2_clients.back();
  }
  LoopPeer& peer() { return *clients.back(); }

  std::vector<std::unique_ptr<H2Client>> h2_clients;
  std::vector<Abuse> abuses;
};

/// What a client sends first, for tests that write frames by hand: the preface and empty SETTINGS.
inline const std::string kH2Opening =
    std::string("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n") + std::string("\0\0\0\4\0\0\0\0\0", 9);

/// One frame.
inline std::string h2_frame(uint8_t type, uint8_t flags, uint32_t stream,
                            std::string_view payload) {
  std::string out;
  for (int shift : {16, 8, 0}) out += static_cast<char>(payload.size() >> shift & 0xff);
  out += static_cast<char>(type);
  out += static_cast<char>(flags);
  for (int shift : {24, 16, 8, 0}) out += static_cast<char>(stream >> shift & 0xff);
  return out + std::string(payload);
}

}  // namespace siding::test
