// What siding itself answers.
#include "proxy/downstream/local_reply.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/harness/fake_stream.h"

namespace siding {
namespace {

TEST(LocalReply, NamesTheReasonThreeTimes) {
  FakeStream stream;
  send_local_reply(stream, Outcome::queue_full, "too many requests wait for shop", "4f1c", 7);
  EXPECT_EQ(stream.response.status, 503);
  EXPECT_EQ(stream.field("retry-after"), "7");
  EXPECT_EQ(stream.field("proxy-status"),
            "siding; error=connection_limit_reached; details=\"queue_full\"");
  EXPECT_EQ(stream.field("content-type"), "text/plain; charset=utf-8");
  EXPECT_EQ(stream.response_body,
            "503 Service Unavailable\nqueue_full: too many requests wait for shop\nrequest 4f1c\n");
  EXPECT_TRUE(stream.whole());
}

TEST(LocalReply, IsJsonForPrograms) {
  FakeStream stream;
  stream.head.fields.add("Accept", "application/json, text/plain, */*");
  send_local_reply(stream, Outcome::deadline, "a \"quoted\" detail", "id");
  EXPECT_EQ(stream.field("content-type"), "application/json");
  auto body = nlohmann::json::parse(stream.response_body);
  EXPECT_EQ(body["status"], 504);
  EXPECT_EQ(body["error"], "deadline");
  EXPECT_EQ(body["detail"], "a \"quoted\" detail");
  EXPECT_EQ(body["request"], "id");
}

TEST(LocalReply, WhoPrefersJson) {
  auto prefers = [](std::string_view accept) {
    Fields fields;
    fields.add("Accept", accept);
    return prefers_json(fields);
  };
  EXPECT_TRUE(prefers("application/json"));
  EXPECT_TRUE(prefers("Application/JSON;q=0.9, */*"));
  EXPECT_TRUE(prefers("application/problem+json"));
  EXPECT_FALSE(prefers("*/*"));
  EXPECT_FALSE(prefers(""));
  EXPECT_FALSE(prefers("text/html,application/xhtml+xml,application/json;q=0.9,*/*;q=0.8"));
  EXPECT_FALSE(prefers_json(Fields()));
}

TEST(LocalReply, EveryOutcomeHasItsErrorType) {
  for (size_t i = 1; i < static_cast<size_t>(Outcome::count_); ++i) {
    EXPECT_FALSE(error_type(static_cast<Outcome>(i)).empty()) << to_string(static_cast<Outcome>(i));
  }
}

}  // namespace
}  // namespace siding
