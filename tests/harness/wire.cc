// See wire.h.
#include "tests/harness/wire.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <ostream>

#include "base/text.h"

namespace siding::test {

namespace {
constexpr int kPatientMs = std::chrono::milliseconds(kPatient).count();

bool wait_for(int fd, short events) {
  pollfd p{fd, events, 0};
  while (true) {
    int n = poll(&p, 1, kPatientMs);
    if (n > 0) return true;
    if (n == 0 || errno != EINTR) return false;
  }
}

sockaddr_in local(uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}
}  // namespace

// ---- Message

int Message::status() const {
  return start.starts_with("HTTP/1.") && start.size() > 11 ? std::atoi(start.c_str() + 9) : 0;
}
std::string Message::method() const { return start.substr(0, start.find(' ')); }
std::string Message::target() const {
  size_t from = start.find(' ') + 1;
  return start.substr(from, start.find(' ', from) - from);
}

size_t Message::count(std::string_view name) const {
  return static_cast<size_t>(std::count_if(fields.begin(), fields.end(), [&](const auto& f) {
    return equals_ignore_case(f.first, name);
  }));
}

std::string Message::field(std::string_view name) const {
  std::string out;
  bool first = true;
  for (const auto& [n, value] : fields) {
    if (!equals_ignore_case(n, name)) continue;
    if (!std::exchange(first, false)) out += ", ";
    out += value;
  }
  return out;
}

std::ostream& operator<<(std::ostream& out, const Message& m) {
  return out << "[" << m.head << m.body.substr(0, 500) << "] fault=" << m.fault;
}

// ---- Wire

bool Wire::send(std::string_view bytes) {
  if (fd_ < 0) return false;
  while (!bytes.empty()) {
    ssize_t n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n > 0) {
      bytes.remove_prefix(static_cast<size_t>(n));
    } else if (errno == EAGAIN) {
      if (!wait_for(fd_, POLLOUT)) return false;
    } else if (errno != EINTR) {
      return false;
    }
  }
  return true;
}

size_t Wire::send_some(std::string_view bytes) {
  size_t sent = 0;
  while (sent < bytes.size()) {
    std::string_view rest = bytes.substr(sent);
    ssize_t n = ::send(fd_, rest.data(), rest.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n <= 0) break;
    sent += static_cast<size_t>(n);
  }
  return sent;
}

bool Wire::fill(std::string* fault) {
  char bytes[64 * 1024];
  if (fd_ < 0) {
    *fault = "refused";
    return false;
  }
  while (true) {
    if (!wait_for(fd_, POLLIN)) {
      *fault = "timeout";
      return false;
    }
    ssize_t n = recv(fd_, bytes, sizeof(bytes), MSG_DONTWAIT);
    if (n > 0) {
      input_.append(bytes, static_cast<size_t>(n));
      return true;
    }
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    *fault = n == 0 ? "closed" : "reset";
    return false;
  }
}

bool Wire::read_line(std::string* line, std::string* fault) {
  size_t end = 0;
  while ((end = input_.find("\r\n")) == std::string::npos) {
    if (!fill(fault)) return false;
  }
  *line = input_.substr(0, end);
  input_.erase(0, end + 2);
  return true;
}

void Wire::read_fields(Message& message, std::string* raw,
                       std::vector<std::pair<std::string, std::string>>* fields) {
  std::string line;
  while (read_line(&line, &message.fault)) {
    *raw += line + "\r\n";
    if (line.empty()) return;
    size_t colon = line.find(':');
    if (colon == std::string::npos) {
      message.fault = "malformed";
      return;
    }
    fields->emplace_back(line.substr(0, colon), trim_ows(std::string_view(line).substr(colon + 1)));
  }
}

void Wire::read_head(Message& message) {
  if (!read_line(&message.start, &message.fault)) return;
  message.head = message.start + "\r\n";
  read_fields(message, &message.head, &message.fields);
}

void Wire::read_length(Message& message, size_t size) {
  while (input_.size() < size) {
    if (!fill(&message.fault)) break;
  }
  message.raw_body = message.body = input_.substr(0, size);
  input_.erase(0, message.body.size());
}

void Wire::read_chunks(Message& message) {
  std::string line;
  while (read_line(&line, &message.fault)) {
    message.raw_body += line + "\r\n";
    size_t size = std::strtoul(line.c_str(), nullptr, 16);
    if (size == 0) {
      read_fields(message, &message.raw_body, &message.trailers);
      return;
    }
    while (input_.size() < size + 2) {
      if (!fill(&message.fault)) return;
    }
    message.body += input_.substr(0, size);
    message.raw_body += input_.substr(0, size + 2);
    input_.erase(0, size + 2);
  }
}

Message Wire::read_request_head() {
  Message message;
  read_head(message);
  return message;
}

void Wire::read_request_body(Message& m) {
  if (m.has("transfer-encoding")) {
    read_chunks(m);
  } else if (m.has("content-length")) {
    read_length(m, std::strtoul(m.field("content-length").c_str(), nullptr, 10));
  }
}

Message Wire::read_request() {
  Message m = read_request_head();
  if (m.whole()) read_request_body(m);
  return m;
}

Message Wire::read_response(bool no_body) {
  Message m;
  read_head(m);
  int status = m.status();
  if (!m.whole() || no_body || status < 200 || status == 204 || status == 304) return m;
  if (m.has("transfer-encoding") || m.has("content-length")) {
    read_request_body(m);
    return m;
  }
  while (fill(&m.fault)) {
  }
  if (m.fault == "closed") m.fault.clear();
  m.raw_body = m.body = std::exchange(input_, {});
  return m;
}

std::string Wire::read_bytes(size_t size) {
  std::string fault;
  while (input_.size() < size && fill(&fault)) {
  }
  std::string out = input_.substr(0, size);
  input_.erase(0, out.size());
  return out;
}

std::string Wire::read_to_end() {
  std::string fault;
  while (fill(&fault)) {
  }
  return fault;
}

bool Wire::readable_now() {
  pollfd p{fd_, POLLIN, 0};
  return !input_.empty() || poll(&p, 1, 0) > 0;
}

void Wire::half_close() { shutdown(fd_, SHUT_WR); }

void Wire::close() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

void Wire::reset() {
  linger on{1, 0};
  setsockopt(fd_, SOL_SOCKET, SO_LINGER, &on, sizeof(on));
  close();
}

Wire connect_local(uint16_t port) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  sockaddr_in address = local(port);
  if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
    ::close(fd);
    fd = -1;
  }
  return Wire(fd);
}

int bind_local(uint16_t port, const char* ip) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  sockaddr_in address = local(port);
  inet_pton(AF_INET, ip, &address.sin_addr);
  if (bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) std::abort();
  return fd;
}

uint16_t local_port(int fd) {
  sockaddr_in address{};
  socklen_t length = sizeof(address);
  getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length);
  return ntohs(address.sin_port);
}

}  // namespace siding::test
