// Digests against the examples of FIPS 180-4.
#include "base/digest.h"

#include <gtest/gtest.h>

namespace siding {
namespace {

TEST(Digest, Sha256) {
  EXPECT_EQ(sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256(std::string_view("a\0b", 3)).size(), 64u);
  EXPECT_NE(sha256(std::string_view("a\0b", 3)), sha256("a"));
}

}  // namespace
}  // namespace siding
