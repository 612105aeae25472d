// What a load run has shown, as numbers and as a table with one column per way.
// Invariant: pure; percentiles are of the answers that came (nearest rank), never of errors.
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "proxy/tools/load_client.h"

namespace siding {

struct LoadSummary {
  size_t requests = 0;
  size_t ok = 0;
  Duration took{};
  double per_second = 0;  ///< answers that were ok
  Duration p50{};
  Duration p99{};
  size_t most_at_once = 0;
  std::vector<std::pair<std::string, size_t>>
      errors;  ///< reason and count, the most frequent first

  size_t error_count() const { return requests - ok; }
};

LoadSummary summarise(const LoadResult& result);

/// The smallest value that at least `percent` of the values do not exceed; zero if there is none.
Duration percentile(std::vector<Duration> values, double percent);

/// "0.54 s", "20.0 s".
std::string show_seconds(Duration d);
/// The same from a second on, below "521 ms", "9.3 ms", "0.2 ms".
std::string show_duration(Duration d);
/// "1847", "74.1", "1.99": about three digits.
std::string show_rate(double per_second);

/// Rows of cells: the first column is flush left, the others flush right, each as wide as need be.
using TableRows = std::vector<std::vector<std::string>>;
std::string format_table(const TableRows& rows);

/// One column of the table that compares ways: its head, its run, and what else was counted there
/// ("upstream: calls" -> "40"), the same names in the same order in each column.
struct LoadColumn {
  std::string head;
  LoadSummary summary;
  std::vector<std::pair<std::string, std::string>> counted;
};
TableRows compare_runs(const std::vector<LoadColumn>& columns);

/// How many times as many good answers a second `better` gave; 0 if `base` gave none.
double speed_up(const LoadSummary& base, const LoadSummary& better);

}  // namespace siding
