// See load_report.h.
#include "proxy/tools/load_report.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstdio>
#include <map>

namespace siding {
namespace {

double in_seconds(Duration d) { return std::chrono::duration<double>(d).count(); }

std::string with_digits(double value, int digits, const char* unit) {
  char text[64];
  std::snprintf(text, sizeof(text), "%.*f%s", digits, value, unit);
  return text;
}

// About three digits: what lies beyond is noise.
int digits_for(double value) { return value >= 100 ? 0 : value >= 10 ? 1 : 2; }

std::string error_cell(const LoadSummary& summary) {
  const std::string count = std::to_string(summary.error_count());
  if (summary.errors.empty()) return count;
  if (summary.errors.size() == 1) return count + " (" + summary.errors[0].first + ")";
  // One cell names at most three kinds: a run that fails in more ways has other problems.
  std::string kinds;
  for (size_t i = 0; i < std::min<size_t>(summary.errors.size(), 3); ++i) {
    const auto& [reason, times] = summary.errors[i];
    kinds += (i == 0 ? "" : ", ") + std::to_string(times) + " " + reason;
  }
  return count + " (" + kinds + ")";
}

}  // namespace

LoadSummary summarise(const LoadResult& result) {
  LoadSummary out;
  out.requests = result.samples.size();
  out.took = result.took;
  out.most_at_once = result.most_at_once;
  std::vector<Duration> latencies;
  std::map<std::string, size_t> errors;
  for (const LoadSample& sample : result.samples) {
    if (sample.ok()) {
      ++out.ok;
      latencies.push_back(sample.latency);
    } else {
      ++errors[sample.reason()];
    }
  }
  if (out.took > Duration::zero()) {
    out.per_second = static_cast<double>(out.ok) / in_seconds(out.took);
  }
  out.p50 = percentile(latencies, 50);
  out.p99 = percentile(latencies, 99);
  out.errors.assign(errors.begin(), errors.end());
  std::stable_sort(out.errors.begin(), out.errors.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  return out;
}

Duration percentile(std::vector<Duration> values, double percent) {
  if (values.empty()) return Duration::zero();
  const double rank = std::ceil(percent / 100 * static_cast<double>(values.size()));
  const size_t at = std::clamp<size_t>(static_cast<size_t>(rank), 1, values.size()) - 1;
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(at), values.end());
  return values[at];
}

std::string show_seconds(Duration d) {
  const double s = in_seconds(d);
  return with_digits(s, digits_for(s), " s");
}

std::string show_duration(Duration d) {
  const double ms = in_seconds(d) * 1000;
  if (ms >= 1000) return show_seconds(d);
  return with_digits(ms, ms >= 10 ? 0 : 1, " ms");
}

std::string show_rate(double per_second) {
  return with_digits(per_second, digits_for(per_second), "");
}

std::string format_table(const TableRows& rows) {
  std::vector<size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string out;
  for (const auto& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) {
      const std::string padding(widths[i] - row[i].size(), ' ');
      out += i == 0 ? "  " + row[i] + padding : "   " + padding + row[i];
    }
    out.erase(out.find_last_not_of(' ') + 1);
    out += '\n';
  }
  return out;
}

TableRows compare_runs(const std::vector<LoadColumn>& columns) {
  TableRows rows{{""},
                 {"time for all"},
                 {"requests/s"},
                 {"answered after, p50"},
                 {"answered after, p99"},
                 {"clients at once"},
                 {"errors"}};
  for (const LoadColumn& column : columns) {
    const LoadSummary& s = column.summary;
    const std::string cells[] = {column.head,
                                 show_seconds(s.took),
                                 show_rate(s.per_second),
                                 s.ok > 0 ? show_duration(s.p50) : "-",
                                 s.ok > 0 ? show_duration(s.p99) : "-",
                                 std::to_string(s.most_at_once),
                                 error_cell(s)};
    for (size_t i = 0; i < rows.size(); ++i) rows[i].push_back(cells[i]);
  }
  for (size_t i = 0; !columns.empty() && i < columns[0].counted.size(); ++i) {
    std::vector<std::string> row{columns[0].counted[i].first};
    for (const LoadColumn& column : columns) {
      assert(column.counted[i].first == row[0]);
      row.push_back(column.counted[i].second);
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

double speed_up(const LoadSummary& base, const LoadSummary& better) {
  return base.per_second > 0 ? better.per_second / base.per_second : 0;
}

}  // namespace siding
