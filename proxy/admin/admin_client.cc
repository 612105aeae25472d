// See admin_client.h.
#include "proxy/admin/admin_client.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>

#include "base/text.h"
#include "http/uri.h"
#include "proxy/net/address.h"

namespace siding {

namespace {

constexpr size_t kMaxAnswer = 64 << 20;

std::optional<SocketAddress> parse_admin(std::string_view text) {
  constexpr std::string_view kUnix = "unix:";
  if (text.starts_with(kUnix)) return SocketAddress::unix_socket(text.substr(kUnix.size()));
  size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  if (host == "localhost") host = "127.0.0.1";
  std::optional<uint64_t> port = parse_u64(text.substr(colon + 1));
  if (!port.has_value() || *port == 0 || *port > 65535) return std::nullopt;
  return SocketAddress::parse(host, static_cast<uint16_t>(*port));
}

// What Ring::find() can find, and what needs no encoding in a target.
bool is_request_id(std::string_view id) {
  if (id.empty() || id.size() > 128) return false;
  for (char c : id) {
    if (!is_digit(c) && !is_alpha(c) && c != '.' && c != '_' && c != '-') return false;
  }
  return true;
}

// A blocking conversation under one deadline; errno tells why it failed.
class AdminConnection {
 public:
  explicit AdminConnection(Duration timeout) : deadline_(after(clock_.now(), timeout)) {}
  ~AdminConnection() {
    if (fd_ >= 0) close(fd_);
  }
  AdminConnection(const AdminConnection&) = delete;
  AdminConnection& operator=(const AdminConnection&) = delete;

  bool connect(const SocketAddress& address) {
    fd_ = socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd_ < 0) return false;
    if (::connect(fd_, address.raw(), address.length()) == 0) return true;
    // A unix socket says EAGAIN when its accept queue is full, and there is nothing to wait for.
    if (errno != EINPROGRESS || !wait(POLLOUT)) return false;
    int error = 0;
    socklen_t length = sizeof(error);
    getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &length);
    errno = error;
    return error == 0;
  }
  bool send_all(std::string_view text) {
    while (!text.empty()) {
      ssize_t n = send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
      if (n >= 0) {
        text.remove_prefix(static_cast<size_t>(n));
      } else if (errno != EAGAIN || !wait(POLLOUT)) {
        return false;
      }
    }
    return true;
  }
  /// Until the other side closes.
  bool receive_all(std::string& out) {
    char part[16 * 1024];
    while (out.size() <= kMaxAnswer) {
      ssize_t n = recv(fd_, part, sizeof(part), 0);
      if (n == 0) return true;
      if (n > 0) {
        out.append(part, static_cast<size_t>(n));
      } else if (errno != EAGAIN || !wait(POLLIN)) {
        return false;
      }
    }
    errno = EMSGSIZE;
    return false;
  }

 private:
  bool wait(short what) {
    pollfd p{fd_, what, 0};
    int64_t left = to_ms(deadline_ - clock_.now()) + 1;
    int n = left > 0 ? poll(&p, 1, static_cast<int>(left)) : 0;
    if (n == 0) errno = ETIMEDOUT;
    return n > 0 || (n < 0 && errno == EINTR);
  }

  SystemClock clock_;
  const TimePoint deadline_;
  int fd_ = -1;
};

AdminAnswer admin_failure(const std::string& text) { return {false, text + "\n"}; }

AdminAnswer parse_answer(const std::string& raw, const std::string& address,
                         std::string_view door) {
  size_t end = raw.find("\r\n\r\n");
  bool http = raw.starts_with("HTTP/1.") && raw.size() > 12 && end != std::string::npos;
  std::optional<uint64_t> status;
  if (http) status = parse_u64(std::string_view(raw).substr(9, 3));
  if (!status.has_value()) {
    return admin_failure("what listens on " + address + " is not siding's " + std::string(door) +
                         " door");
  }
  std::string_view head = std::string_view(raw).substr(0, end);
  std::string body = raw.substr(end + 4);
  // A body shorter than announced was cut off on its way.
  while (!head.empty()) {
    std::string_view field = head.substr(0, head.find("\r\n"));
    head.remove_prefix(std::min(head.size(), field.size() + 2));
    size_t colon = field.find(':');
    if (!equals_ignore_case(field.substr(0, colon), "content-length")) continue;
    std::optional<uint64_t> length = parse_u64(trim_ows(field.substr(colon + 1)));
    if (length.has_value() && body.size() < *length) {
      return admin_failure("the answer of " + address + " broke off");
    }
  }
  return {*status == 200, std::move(body)};
}

struct AdminRequest {
  const std::string& address;
  std::string_view method;
  std::string target;
  bool json = false;
  Duration timeout;
  std::string_view door;  ///< for messages
};

AdminAnswer ask_admin(const AdminRequest& q) {
  const std::string door(q.door);
  std::optional<SocketAddress> address = parse_admin(q.address);
  if (!address.has_value()) {
    return admin_failure("\"" + q.address +
                         "\" is no address: write unix:/PATH or IP:PORT, as in " + door +
                         " listen");
  }
  std::string request =
      std::string(q.method) + " " + q.target +
      " HTTP/1.1\r\nHost: localhost\r\nAccept: " + (q.json ? "application/json" : "text/plain") +
      "\r\n" + (q.method == "POST" ? "Content-Length: 0\r\n" : "") + "Connection: close\r\n\r\n";
  AdminConnection connection(q.timeout);
  std::string raw;
  if (!connection.connect(*address)) {
    return admin_failure("cannot connect to the " + door + " door on " + q.address + ": " +
                         std::strerror(errno) + "; is siding running, with this " + door +
                         " listen?");
  }
  // It may answer before it has read all: an answer counts more than a failed send.
  bool sent = connection.send_all(request);
  if ((!connection.receive_all(raw) || !sent) && raw.empty()) {
    return admin_failure("no answer from " + q.address + ": " + std::strerror(errno));
  }
  return parse_answer(raw, q.address, q.door);
}

}  // namespace

AdminAnswer ask_health(const HealthQuestion& q) {
  const std::string target = q.live ? "/healthz" : "/readyz";
  return ask_admin({q.address, "GET", target, false, q.timeout, "[health]"});
}

AdminAnswer ask_explain(const ExplainQuestion& q) {
  if (!is_request_id(q.what)) {
    return admin_failure("\"" + q.what + "\" is neither last, slow, failed nor a request id");
  }
  std::string target = "/explain/" + q.what;
  if (q.count > 0) target += "?n=" + std::to_string(q.count);
  return ask_admin({q.address, "GET", std::move(target), q.json, q.timeout, "[admin]"});
}

AdminAnswer ask_purge(const PurgeQuestion& q) {
  const std::string value = q.purge.kind == Purge::Kind::all ? "1" : form_encode(q.purge.text);
  std::string target = "/cache/purge?" + std::string(to_string(q.purge.kind)) + "=" + value;
  return ask_admin({q.address, "POST", std::move(target), q.json, q.timeout, "[admin]"});
}

}  // namespace siding
