// See progress.h.
#include "proxy/tools/progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "proxy/tools/load_report.h"

namespace siding {
namespace {

constexpr Duration kPlainEvery = std::chrono::seconds(5);
constexpr size_t kWidestBar = 40;

// What fits into a line of the terminal beside the name and the numbers.
size_t bar_width_for(std::FILE* out, size_t name_width) {
  winsize size{};
  if (ioctl(fileno(out), TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return kWidestBar;
  const size_t beside = name_width + 32;
  return size.ws_col > beside + 10 ? std::min<size_t>(size.ws_col - beside, kWidestBar) : 10;
}

bool dumb_terminal() {
  const char* term = std::getenv("TERM");
  return term == nullptr || std::string_view(term) == "dumb";
}

}  // namespace

std::string progress_bar(const ProgressState& state, size_t name_width, size_t bar_width) {
  const size_t full = state.total == 0 ? bar_width : state.done * bar_width / state.total;
  const std::string count = std::to_string(state.done) + "/" + std::to_string(state.total);
  const std::string time = show_seconds(state.elapsed);
  const auto pad = [](const std::string& text, size_t width) {
    return std::string(width > text.size() ? width - text.size() : 0, ' ');
  };
  return "  " + state.name + pad(state.name, name_width) + "  [" + std::string(full, '#') +
         std::string(bar_width - full, '-') + "]" + pad(count, 10) + count + pad(time, 9) + time +
         (state.ended ? "  done" : "");
}

std::string progress_text(const std::vector<ProgressState>& states, Duration elapsed) {
  std::string out = "  " + show_seconds(elapsed) + ": ";
  for (const ProgressState& state : states) {
    if (&state != &states.front()) out += ", ";
    out += state.name + " " + std::to_string(state.done) + "/" + std::to_string(state.total);
    if (state.ended) out += " (" + show_seconds(state.elapsed) + ")";
  }
  return out;
}

ProgressView::ProgressView(std::FILE* out)
    : ProgressView(out, isatty(fileno(out)) != 0 && !dumb_terminal()) {}

void ProgressView::show(const std::vector<ProgressState>& states, Duration elapsed) {
  if (live_) {
    show_live(states);
  } else {
    show_plain(states, elapsed);
  }
  std::fflush(out_);
}

void ProgressView::show_live(const std::vector<ProgressState>& states) {
  size_t name_width = 0;
  for (const ProgressState& state : states) name_width = std::max(name_width, state.name.size());
  const size_t width = bar_width_for(out_, name_width);
  // Back up to the first bar, then each line anew; in one write, so that nothing flickers.
  std::string text = lines_ == 0 ? "" : "\x1b[" + std::to_string(lines_) + "A";
  for (const ProgressState& state : states) {
    text += "\r" + progress_bar(state, name_width, width) + "\x1b[K\n";
  }
  lines_ = states.size();
  std::fwrite(text.data(), 1, text.size(), out_);
}

void ProgressView::show_plain(const std::vector<ProgressState>& states, Duration elapsed) {
  const auto ended = static_cast<size_t>(
      std::count_if(states.begin(), states.end(), [](const ProgressState& s) { return s.ended; }));
  if (ended == ended_ && elapsed < next_) return;
  if (elapsed >= next_) next_ = elapsed + kPlainEvery;
  ended_ = ended;
  const std::string text = progress_text(states, elapsed) + "\n";
  std::fwrite(text.data(), 1, text.size(), out_);
}

}  // namespace siding
