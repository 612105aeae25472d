// See demo_backend.h.
#include "proxy/tools/demo_backend.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>

#include "http/h1_body.h"
#include "http/uri.h"
#include "proxy/tools/demo_words.h"

namespace siding {
namespace {

constexpr int kBacklog = 2048;  // gunicorn's

bool send_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return true;
}

// Appends what comes next; false at the end of the stream and on errors.
bool receive_more(int fd, std::string& into) {
  char bytes[16 * 1024];
  const ssize_t n = recv(fd, bytes, sizeof(bytes), 0);
  if (n > 0) into.append(bytes, static_cast<size_t>(n));
  return n > 0;
}

// A client that connects and says nothing keeps the only worker waiting, but not for ever.
void give_up_after(int fd, int seconds) {
  const timeval limit{seconds, 0};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
}

}  // namespace

// A socket that the destructor of the backend can interrupt; closed at the end of the scope.
class DemoBackend::OpenSocket {
 public:
  OpenSocket(DemoBackend& backend, int fd)
      : backend_(backend), fd_(fd), usable_(backend.adopt(fd)) {}
  ~OpenSocket() { backend_.release(fd_); }
  OpenSocket(const OpenSocket&) = delete;
  OpenSocket& operator=(const OpenSocket&) = delete;
  bool usable() const { return usable_; }

 private:
  DemoBackend& backend_;
  const int fd_;
  const bool usable_;
};

DemoBackend::DemoBackend(const SocketAddress& upstream)
    : upstream_(upstream), listener_(kBacklog, true) {}

DemoBackend::~DemoBackend() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    for (int fd : open_) shutdown(fd, SHUT_RDWR);
  }
  listener_.shut();
  if (worker_.joinable()) worker_.join();
}

void DemoBackend::start(std::optional<SocketAddress> http_proxy) {
  http_proxy_ = std::move(http_proxy);
  worker_ = std::thread([this] { serve(); });
}

DemoBackend::Counts DemoBackend::counts() const {
  std::lock_guard lock(mutex_);
  return counts_;
}

void DemoBackend::reset_counts() {
  std::lock_guard lock(mutex_);
  counts_ = {};
}

bool DemoBackend::adopt(int fd) {
  std::lock_guard lock(mutex_);
  open_.push_back(fd);
  return !stopping_ && fd >= 0;
}

void DemoBackend::release(int fd) {
  std::lock_guard lock(mutex_);
  std::erase(open_, fd);
  if (fd >= 0) close(fd);
}

void DemoBackend::serve() {
  for (;;) {
    const int fd = accept4(listener_.fd(), nullptr, nullptr, SOCK_CLOEXEC);
    {
      std::lock_guard lock(mutex_);
      if (stopping_) {
        if (fd >= 0) close(fd);
        return;
      }
    }
    if (fd >= 0) serve_one(fd);
  }
}

void DemoBackend::serve_one(int fd) {
  OpenSocket client(*this, fd);
  if (!client.usable()) return;
  give_up_after(fd, 10);
  RequestHeadParser parser(limits_);
  std::string in;
  do {
    if (!receive_more(fd, in)) return;
  } while (parser.feed(in) == ParseStatus::incomplete);

  {
    std::lock_guard lock(mutex_);
    ++counts_.requests;
    counts_.most_at_once = std::max(counts_.most_at_once, ++inside_);
  }
  Answer page{400, "bad request\n"};
  if (parser.feed(in) == ParseStatus::done) page = page_for(parser.take());
  {
    std::lock_guard lock(mutex_);
    --inside_;
  }
  send_all(fd, "HTTP/1.1 " + std::to_string(page.status) + " " +
                   std::string(reason_phrase(page.status)) +
                   "\r\nContent-Type: application/json\r\nContent-Length: " +
                   std::to_string(page.body.size()) + "\r\nConnection: close\r\n\r\n" + page.body);
}

// The view: what people write without a thought, and what makes them need siding.
DemoBackend::Answer DemoBackend::page_for(const RequestHead& head) {
  if (head.path() != "/search/") return {404, "try /search/?q=love\n"};
  const std::string word = last_parameter(head.query(), "q").value_or("");
  std::string target = "/s?word=";
  percent_encode(word, kUnreserved, target);
  const Answer song = call(target);
  if (song.status != 200)
    return {502, "the upstream answered " + std::to_string(song.status) + "\n"};
  return {200, demo_page(word, song.body)};
}

// requests.get(): a connection of its own, and wait.
DemoBackend::Answer DemoBackend::call(std::string_view target) {
  const SocketAddress& address = http_proxy_ ? *http_proxy_ : upstream_;
  const int fd = socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0);
  OpenSocket connection(*this, fd);
  if (!connection.usable()) return {};
  if (connect(fd, address.raw(), address.length()) != 0) return {};
  const std::string host = upstream_.text();
  if (!send_all(fd, "GET " + (http_proxy_ ? "http://" + host : "") + std::string(target) +
                        " HTTP/1.1\r\nHost: " + host +
                        "\r\nUser-Agent: demo-app\r\nAccept-Encoding: identity\r\n"
                        "Accept: */*\r\nConnection: close\r\n\r\n")) {
    return {};
  }
  ResponseHeadParser parser(limits_);
  std::string in;
  do {
    if (!receive_more(fd, in)) return {};
  } while (parser.feed(in) == ParseStatus::incomplete);
  if (parser.feed(in) != ParseStatus::done) return {};
  in.erase(0, parser.consumed());
  const ResponseHead head = parser.take();
  const Framing framing = response_framing("GET", head);
  if (!framing.ok()) return {};
  BodyDecoder decoder(framing.body);
  Buffer body;
  decoder.feed(Slice::copy_of(in), body);
  while (!decoder.ended() && !decoder.failed()) {
    in.clear();
    if (receive_more(fd, in)) {
      decoder.feed(Slice::copy_of(in), body);
    } else if (!decoder.finish_on_close()) {
      return {};
    }
  }
  return {decoder.ended() ? head.status : 0, body.str()};
}

}  // namespace siding
