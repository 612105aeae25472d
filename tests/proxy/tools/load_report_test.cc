// Percentiles, numbers as people read them, and the table.
#include "proxy/tools/load_report.h"

#include <gtest/gtest.h>

#include <numeric>

namespace siding {
namespace {

using namespace std::chrono_literals;

LoadSample sample(LoadSample::End end, Duration latency = 0ms) {
  LoadSample s;
  s.end = end;
  s.latency = latency;
  return s;
}

TEST(LoadReport, PercentileIsTheNearestRank) {
  std::vector<Duration> values(100);
  std::iota(values.begin(), values.end(), Duration(1));  // 1 to 100
  std::reverse(values.begin(), values.end());
  EXPECT_EQ(percentile(values, 50), Duration(50));
  EXPECT_EQ(percentile(values, 99), Duration(99));
  EXPECT_EQ(percentile(values, 100), Duration(100));
  EXPECT_EQ(percentile(values, 0), Duration(1));
  EXPECT_EQ(percentile({Duration(7)}, 50), Duration(7));
  EXPECT_EQ(percentile({Duration(1), Duration(2), Duration(3)}, 50), Duration(2));
  EXPECT_EQ(percentile({Duration(1), Duration(2)}, 99), Duration(2));
  EXPECT_EQ(percentile({}, 50), Duration::zero());
}

TEST(LoadReport, ShowsAboutThreeDigits) {
  EXPECT_EQ(show_seconds(540ms), "0.54 s");
  EXPECT_EQ(show_seconds(20021ms), "20.0 s");
  EXPECT_EQ(show_seconds(125s), "125 s");
  EXPECT_EQ(show_duration(521400us), "521 ms");
  EXPECT_EQ(show_duration(9340us), "9.3 ms");
  EXPECT_EQ(show_duration(10s), "10.0 s");
  EXPECT_EQ(show_rate(1.994), "1.99");
  EXPECT_EQ(show_rate(74.07), "74.1");
  EXPECT_EQ(show_rate(1847.2), "1847");
}

TEST(LoadReport, SummaryCountsErrorsByReasonAndMeasuresGoodAnswersOnly) {
  LoadResult result;
  result.took = 2s;
  result.most_at_once = 6;
  result.samples = {
      sample(LoadSample::End::ok, 100ms),        sample(LoadSample::End::ok, 300ms),
      sample(LoadSample::End::wrong_answer, 9s), sample(LoadSample::End::failed, 9s),
      sample(LoadSample::End::failed, 9s),       sample(LoadSample::End::bad_status, 9s)};
  result.samples[3].failure = Failure::timeout;
  result.samples[4].failure = Failure::timeout;
  result.samples[5].status = 503;

  const LoadSummary s = summarise(result);
  EXPECT_EQ(s.requests, 6u);
  EXPECT_EQ(s.ok, 2u);
  EXPECT_EQ(s.error_count(), 4u);
  EXPECT_DOUBLE_EQ(s.per_second, 1.0);
  EXPECT_EQ(s.p50, 100ms);
  EXPECT_EQ(s.p99, 300ms);
  const std::vector<std::pair<std::string, size_t>> errors{
      {"timeout", 2}, {"status 503", 1}, {"wrong answer", 1}};
  EXPECT_EQ(s.errors, errors);
}

TEST(LoadReport, TableHasAColumnPerWay) {
  LoadColumn direct{"direct", {}, {{"upstream: calls", "40"}}};
  direct.summary.requests = direct.summary.ok = 40;
  direct.summary.took = 20'020ms;
  direct.summary.per_second = 1.998;
  direct.summary.p50 = 10s;
  direct.summary.p99 = 20s;
  direct.summary.most_at_once = 40;
  LoadColumn siding{"with siding", {}, {{"upstream: calls", "38"}}};
  siding.summary.requests = 40;
  siding.summary.ok = 37;
  siding.summary.took = 545ms;
  siding.summary.per_second = 67.9;
  siding.summary.p50 = 521ms;
  siding.summary.p99 = 541ms;
  siding.summary.most_at_once = 40;
  siding.summary.errors = {{"status 503", 2}, {"timeout", 1}};

  EXPECT_EQ(format_table(compare_runs({direct, siding})),
            "                        direct                   with siding\n"
            "  time for all          20.0 s                        0.55 s\n"
            "  requests/s              2.00                          67.9\n"
            "  answered after, p50   10.0 s                        521 ms\n"
            "  answered after, p99   20.0 s                        541 ms\n"
            "  clients at once           40                            40\n"
            "  errors                     0   3 (2 status 503, 1 timeout)\n"
            "  upstream: calls           40                            38\n");
}

TEST(LoadReport, ARunWithoutAnswersHasNoPercentiles) {
  LoadResult result;
  result.took = 1s;
  result.samples = {sample(LoadSample::End::failed)};
  result.samples[0].failure = Failure::refused;
  const TableRows rows = compare_runs({{"direct", summarise(result), {}}});
  EXPECT_EQ(rows[3][1], "-");
  EXPECT_EQ(rows[4][1], "-");
  EXPECT_EQ(rows[6][1], "1 (refused)");
}

TEST(LoadReport, SpeedUpComparesGoodAnswersASecond) {
  LoadSummary slow, fast, dead;
  slow.per_second = 2;
  fast.per_second = 74;
  EXPECT_DOUBLE_EQ(speed_up(slow, fast), 37.0);
  EXPECT_DOUBLE_EQ(speed_up(dead, fast), 0.0);
  EXPECT_DOUBLE_EQ(speed_up(slow, dead), 0.0);
}

}  // namespace
}  // namespace siding
