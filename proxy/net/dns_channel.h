// c-ares on the loop: one question at a time to the servers of a configuration or of resolv.conf. It
// is the transport only (sockets, ids, time-outs, the next server, TCP after truncation); what to ask
// and what to think of it is the Resolver's. ares.h stands in dns_channel.cc alone.
// Invariants: answers are recorded when they come and reported in the loop's next batch; while
// questions are open, the timer is armed for the first of their time-outs or earlier. c-ares has its
// own clock for these: a manual clock does not move them.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "config/config.h"
#include "proxy/loop/loop.h"
#include "proxy/loop/wait.h"
#include "proxy/net/dns_message.h"

struct ares_channeldata;

namespace siding {

class DnsChannel {
 public:
  /// Reads resolv.conf at `resolv_conf` unless the configuration names servers. Gives nullptr and the
  /// reason in `error` if that cannot be done.
  static std::shared_ptr<DnsChannel> make(Loop& loop, const DnsConfig& config,
                                          const std::string& resolv_conf, std::string& error);
  /// To be called in a batch of the loop or outside of it, never in a callback of libevent.
  ~DnsChannel();
  DnsChannel(const DnsChannel&) = delete;
  DnsChannel& operator=(const DnsChannel&) = delete;

  const std::vector<std::string>& search() const { return search_; }
  int ndots() const { return ndots_; }

 private:
  friend class DnsQuery;
  struct Asked;
  struct Socket;

  explicit DnsChannel(Loop& loop);
  bool open(const DnsConfig& config, const std::string& resolv_conf, std::string& error);
  void ask(const std::string& name, DnsType type, Asked* asked);
  void read_refusals();
  void rearm();
  void on_timer();
  static void on_state(void* self, int fd, int readable, int writable);
  static void on_socket(int fd, short what, void* self);
  static void on_answer(void* asked, int status, int timeouts, unsigned char* bytes, int size);

  Loop& loop_;
  ares_channeldata* ares_ = nullptr;
  std::vector<std::string> search_;
  int ndots_ = 1;
  size_t open_ = 0;  // questions
  std::unordered_map<int, std::unique_ptr<Socket>> sockets_;
  MemberTimer<DnsChannel, &DnsChannel::on_timer> timer_{*this};
};

/// One question, asked when constructed. Destroying it forgets it.
class DnsQuery {
 public:
  /// `name` is absolute. `tries`: how often all servers are asked when none answers.
  DnsQuery(std::shared_ptr<DnsChannel> channel, std::string name, DnsType type, uint32_t tries,
           size_t max_kept);
  ~DnsQuery();
  DnsQuery(const DnsQuery&) = delete;
  DnsQuery& operator=(const DnsQuery&) = delete;

  bool done() const { return done_; }
  Signal& ended() { return ended_; }
  /// Of a query that is done.
  DnsReply& reply() { return reply_; }

 private:
  friend class DnsChannel;
  void ask();
  void on_wake();

  std::shared_ptr<DnsChannel> channel_;
  std::string name_;
  DnsType type_;
  uint32_t tries_left_;
  size_t max_kept_;
  DnsChannel::Asked* asked_ = nullptr;  // c-ares holds it too
  DnsReply reply_;
  bool done_ = false;
  Signal ended_;
  MemberWake<DnsQuery, &DnsQuery::on_wake> wake_{*this};
};

}  // namespace siding
