// The intrusive list: order, leaving by destruction, splicing, and all of it against std::list.
#include "base/list.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <list>
#include <memory>
#include <random>
#include <vector>

namespace siding {
namespace {

struct Item : Link<> {
  explicit Item(int v) : value(v) {}
  int value;
};

std::vector<int> values_of(List<Item>& list) {
  std::vector<int> out;
  for (Item* i = list.front(); i != nullptr; i = list.next(*i)) out.push_back(i->value);
  return out;
}
std::vector<int> values_backwards(List<Item>& list) {
  std::vector<int> out;
  for (Item* i = list.back(); i != nullptr; i = list.prev(*i)) out.push_back(i->value);
  std::reverse(out.begin(), out.end());
  return out;
}

TEST(List, AnEmptyOneHasNoEnds) {
  List<Item> list;
  EXPECT_TRUE(list.empty());
  EXPECT_EQ(list.front(), nullptr);
  EXPECT_EQ(list.back(), nullptr);
  EXPECT_EQ(list.pop_front(), nullptr);
  list.clear();
  List<Item> other;
  list.append_all(other);
  EXPECT_TRUE(list.empty());
}

TEST(List, ANodeLeavesWhenItIsDestroyed) {
  List<Item> list;
  Item a(1);
  auto b = std::make_unique<Item>(2);
  Item c(3);
  list.push_back(a);
  list.push_back(*b);
  list.push_back(c);
  EXPECT_TRUE(b->linked());
  b.reset();
  EXPECT_EQ(values_of(list), (std::vector<int>{1, 3}));
  EXPECT_EQ(values_backwards(list), (std::vector<int>{1, 3}));
}

TEST(List, UnlinkingTwiceIsHarmless) {
  List<Item> list;
  Item a(1);
  a.unlink();
  list.push_back(a);
  a.unlink();
  a.unlink();
  EXPECT_FALSE(a.linked());
  EXPECT_TRUE(list.empty());
  list.push_front(a);
  EXPECT_EQ(list.front(), &a);
}

TEST(List, ADestroyedListLeavesItsNodesUnlinked) {
  Item a(1);
  Item b(2);
  {
    List<Item> list;
    list.push_back(a);
    list.push_back(b);
  }
  EXPECT_FALSE(a.linked());
  EXPECT_FALSE(b.linked());
  List<Item> list;
  list.push_back(b);
  list.push_back(a);
  EXPECT_EQ(values_of(list), (std::vector<int>{2, 1}));
}

TEST(List, InsertsBeforeANode) {
  List<Item> list;
  Item a(1);
  Item b(2);
  Item c(3);
  list.push_back(c);
  list.insert_before(c, a);
  list.insert_before(c, b);
  EXPECT_EQ(values_of(list), (std::vector<int>{1, 2, 3}));
  EXPECT_EQ(list.prev(a), nullptr);
  EXPECT_EQ(list.next(c), nullptr);
}

TEST(List, AppendAllKeepsTheOrderAndEmptiesTheOther) {
  List<Item> list;
  List<Item> other;
  Item a(1);
  Item b(2);
  Item c(3);
  list.push_back(a);
  other.push_back(b);
  other.push_back(c);
  list.append_all(other);
  EXPECT_TRUE(other.empty());
  EXPECT_EQ(values_of(list), (std::vector<int>{1, 2, 3}));
  EXPECT_EQ(values_backwards(list), (std::vector<int>{1, 2, 3}));
  list.append_all(other);
  EXPECT_EQ(values_of(list).size(), 3u);
}

struct Left;
struct Right;
struct Both : Link<Left>, Link<Right> {};

TEST(List, TagsLetANodeStandInSeveral) {
  List<Both, Left> left;
  List<Both, Right> right;
  Both node;
  left.push_back(node);
  right.push_back(node);
  static_cast<Link<Left>&>(node).unlink();
  EXPECT_TRUE(left.empty());
  EXPECT_EQ(right.front(), &node);
}

TEST(List, BehavesLikeStdList) {
  for (unsigned seed = 0; seed < 20; ++seed) {
    std::mt19937 random(seed);
    List<Item> lists[2];
    std::list<int> models[2];
    std::vector<std::unique_ptr<Item>> alive;
    for (int i = 0; i < 500; ++i) {
      size_t which = random() % 2;
      switch (random() % 6) {
        case 0:
        case 1:
          alive.push_back(std::make_unique<Item>(i));
          lists[which].push_back(*alive.back());
          models[which].push_back(i);
          break;
        case 2:
          alive.push_back(std::make_unique<Item>(i));
          lists[which].push_front(*alive.back());
          models[which].push_front(i);
          break;
        case 3:
          if (Item* front = lists[which].pop_front()) {
            EXPECT_EQ(front->value, models[which].front());
            models[which].pop_front();
          }
          break;
        case 4:
          if (!alive.empty()) {
            size_t victim = random() % alive.size();
            for (auto& model : models) model.remove(alive[victim]->value);
            alive.erase(alive.begin() + static_cast<ptrdiff_t>(victim));
          }
          break;
        default:
          lists[which].append_all(lists[1 - which]);
          models[which].splice(models[which].end(), models[1 - which]);
      }
    }
    for (size_t l = 0; l < 2; ++l) {
      std::vector<int> want(models[l].begin(), models[l].end());
      EXPECT_EQ(values_of(lists[l]), want);
      EXPECT_EQ(values_backwards(lists[l]), want);
    }
  }
}

}  // namespace
}  // namespace siding
