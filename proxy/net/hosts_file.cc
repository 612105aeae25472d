// See hosts_file.h.
#include "proxy/net/hosts_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <optional>

#include "base/text.h"

namespace siding {

namespace {
constexpr size_t kMaxFile = 4 << 20;
constexpr size_t kMaxFound = 64;

// The next word of `line`, which loses it; empty at the end.
std::string_view next_word(std::string_view& line) {
  constexpr std::string_view kSpace = " \t\r";
  size_t begin = line.find_first_not_of(kSpace);
  line.remove_prefix(begin == std::string_view::npos ? line.size() : begin);
  std::string_view word = line.substr(0, line.find_first_of(kSpace));
  line.remove_prefix(word.size());
  return word;
}

// An address with its names, of which one may be the one that is looked for.
void read_line(std::string_view line, std::string_view name, std::vector<SocketAddress>& found) {
  line = line.substr(0, line.find('#'));
  std::string_view ip = next_word(line);
  for (std::string_view word = next_word(line); !word.empty(); word = next_word(line)) {
    if (!equals_ignore_case(word, name)) continue;
    std::optional<SocketAddress> address = SocketAddress::parse(ip, 0);
    if (address && found.size() < kMaxFound) found.push_back(*address);
    return;
  }
}
}  // namespace

std::vector<SocketAddress> find_in_hosts(std::string_view text, std::string_view name) {
  std::vector<SocketAddress> found;
  while (!text.empty()) {
    size_t end = text.find('\n');
    read_line(text.substr(0, end), name, found);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return found;
}

std::vector<SocketAddress> find_in_hosts_file(const std::string& path, std::string_view name) {
  // O_NONBLOCK: should the path be a pipe, opening it must not wait for a writer.
  int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return {};
  std::string text;
  char part[16 * 1024];
  while (text.size() < kMaxFile) {
    ssize_t n = read(fd, part, sizeof(part));
    if (n <= 0) break;
    text.append(part, static_cast<size_t>(n));
  }
  close(fd);
  return find_in_hosts(text, name);
}

}  // namespace siding
