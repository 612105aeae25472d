// See dns_channel.h. Traps of c-ares 1.18.1 that are met here: it doubles the time-out with each round
// of the servers (so it gets one try and rounds are counted here); ares_timeout() is linear in the
// open questions (so it is called once per arming of the timer); a SERVFAIL ends as ECONNREFUSED; when
// a server refuses a datagram, the kernel says so at the next call on the socket, and if that sends
// another question, c-ares fails that one and leaves the refused one to its time-out (so errors are
// read before sending: else a dead server on the same host costs a time-out).
#include "proxy/net/dns_channel.h"

#include <ares.h>
#include <event2/event.h>
#include <poll.h>

#include <algorithm>

namespace siding {

namespace {
constexpr int kClassInternet = 1;

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : ",") + word;
  return out;
}
}  // namespace

// What c-ares holds of a question; it cannot take one back.
struct DnsChannel::Asked {
  DnsChannel& channel;
  DnsQuery* owner;  // nullptr once nobody waits for the answer
};

struct DnsChannel::Socket {
  Socket() = default;
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  ~Socket() { set(nullptr); }
  void set(::event* next) {
    if (event != nullptr) event_free(event);
    event = next;
    if (event != nullptr) event_add(event, nullptr);
  }
  ::event* event = nullptr;
};

std::shared_ptr<DnsChannel> DnsChannel::make(Loop& loop, const DnsConfig& config,
                                             const std::string& resolv_conf, std::string& error) {
  std::shared_ptr<DnsChannel> channel(new DnsChannel(loop));
  if (!channel->open(config, resolv_conf, error)) return nullptr;
  return channel;
}

DnsChannel::DnsChannel(Loop& loop) : loop_(loop) {}

bool DnsChannel::open(const DnsConfig& config, const std::string& resolv_conf, std::string& error) {
  static const int library = ares_library_init(ARES_LIB_INIT_ALL);
  std::string path = config.servers.empty() ? resolv_conf : "/dev/null";
  ares_options options{};
  options.flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES;
  options.timeout = static_cast<int>(std::clamp<int64_t>(to_ms(config.timeout), 1, 60'000));
  options.tries = 1;
  options.sock_state_cb = &DnsChannel::on_state;
  options.sock_state_cb_data = this;
  options.resolvconf_path = path.data();
  int status = library;
  if (status == ARES_SUCCESS) {
    status = ares_init_options(&ares_, &options,
                               ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES |
                                   ARES_OPT_SOCK_STATE_CB | ARES_OPT_RESOLVCONF);
  }
  if (status == ARES_SUCCESS && !config.servers.empty()) {
    status = ares_set_servers_ports_csv(ares_, joined(config.servers).c_str());
  }
  if (status != ARES_SUCCESS) {
    error = std::string("cannot set up DNS: ") + ares_strerror(status);
    return false;
  }

  // c-ares has read resolv.conf; the search is ours, since its own gives up at the first SERVFAIL.
  ares_options read{};
  int mask = 0;
  if (ares_save_options(ares_, &read, &mask) == ARES_SUCCESS) {
    ndots_ = read.ndots;
    for (int i = 0; i < read.ndomains; ++i) search_.emplace_back(read.domains[i]);
  }
  ares_destroy_options(&read);
  if (!config.servers.empty()) search_ = config.search;
  return true;
}

DnsChannel::~DnsChannel() {
  // Ends what is still asked through on_answer(), and closes the sockets through on_state().
  if (ares_ != nullptr) ares_destroy(ares_);
}

void DnsChannel::ask(const std::string& name, DnsType type, Asked* asked) {
  read_refusals();
  ++open_;
  ares_query(ares_, name.c_str(), kClassInternet, static_cast<int>(type), &DnsChannel::on_answer,
             asked);
  rearm();
}

void DnsChannel::read_refusals() {
  std::vector<pollfd> ready;
  for (const auto& [fd, socket] : sockets_) ready.push_back({fd, POLLIN, 0});
  if (ready.empty() || poll(ready.data(), ready.size(), 0) <= 0) return;
  for (const pollfd& p : ready) {
    if (p.revents != 0) ares_process_fd(ares_, p.fd, ARES_SOCKET_BAD);
  }
}

void DnsChannel::rearm() {
  if (open_ == 0) {
    loop_.arm(timer_, kNever);
    return;
  }
  // All questions have the same time-out, so one that is asked later never times out earlier.
  if (timer_.linked()) return;
  timeval wait{};
  if (ares_timeout(ares_, nullptr, &wait) == nullptr) return;
  Duration d = std::chrono::seconds(wait.tv_sec) + std::chrono::microseconds(wait.tv_usec);
  loop_.arm(timer_, after(loop_.now(), d));
}

void DnsChannel::on_timer() {
  ares_process_fd(ares_, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
  rearm();
}

void DnsChannel::on_state(void* self, int fd, int readable, int writable) {
  auto& channel = *static_cast<DnsChannel*>(self);
  if (readable == 0 && writable == 0) {
    channel.sockets_.erase(fd);
    return;
  }
  std::unique_ptr<Socket>& socket = channel.sockets_[fd];
  if (!socket) socket = std::make_unique<Socket>();
  auto what = static_cast<short>(EV_PERSIST | (readable != 0 ? EV_READ : 0) |
                                 (writable != 0 ? EV_WRITE : 0));
  socket->set(nullptr);  // first: two events of one descriptor would share what the kernel watches
  socket->set(event_new(channel.loop_.base(), fd, what, &DnsChannel::on_socket, self));
}

void DnsChannel::on_socket(int fd, short what, void* self) {
  auto& channel = *static_cast<DnsChannel*>(self);
  ares_process_fd(channel.ares_, (what & EV_READ) != 0 ? fd : ARES_SOCKET_BAD,
                  (what & EV_WRITE) != 0 ? fd : ARES_SOCKET_BAD);
  channel.rearm();
}

void DnsChannel::on_answer(void* arg, int status, int, unsigned char* bytes, int size) {
  std::unique_ptr<Asked> asked(static_cast<Asked*>(arg));
  --asked->channel.open_;
  DnsQuery* query = asked->owner;
  if (query == nullptr) return;
  query->asked_ = nullptr;
  DnsReply& reply = query->reply_;
  if (status == ARES_SUCCESS) {
    std::span<const uint8_t> message(bytes, static_cast<size_t>(size));
    reply = read_dns_answer(message, query->type_, query->max_kept_);
  } else if (status == ARES_ENOTFOUND || status == ARES_ENODATA) {
    reply.kind = DnsReply::Kind::gone;
    reply.detail = status == ARES_ENOTFOUND ? "no such name" : nothing_of(query->type_);
  } else if (status == ARES_ETIMEOUT) {
    reply.kind = DnsReply::Kind::timeout;
    reply.detail = "no DNS server answered";
  } else {
    reply.kind = DnsReply::Kind::failed;
    reply.detail = status == ARES_ECONNREFUSED
                       ? "SERVFAIL or REFUSED, or no DNS server can be reached"
                       : ares_strerror(status);
  }
  asked->channel.loop_.wake(query->wake_);
}

DnsQuery::DnsQuery(std::shared_ptr<DnsChannel> channel, std::string name, DnsType type,
                   uint32_t tries, size_t max_kept)
    : channel_(std::move(channel)),
      name_(std::move(name)),
      type_(type),
      tries_left_(tries),
      max_kept_(max_kept) {
  name_ += '.';  // absolute for c-ares as well
  ask();
}

DnsQuery::~DnsQuery() {
  if (asked_ != nullptr) asked_->owner = nullptr;
}

void DnsQuery::ask() {
  if (tries_left_ > 0) --tries_left_;
  asked_ = new DnsChannel::Asked{*channel_, this};
  channel_->ask(name_, type_, asked_);  // may set asked_ to nullptr
}

void DnsQuery::on_wake() {
  if (reply_.kind == DnsReply::Kind::timeout && tries_left_ > 0) {
    ask();
    return;
  }
  done_ = true;
  ended_.notify();
}

}  // namespace siding
