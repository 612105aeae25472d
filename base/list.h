// Intrusive doubly linked lists: membership costs no allocation and a node leaves its list when it
// is destroyed, which is what makes "destroying a waiter cancels the wait" safe.
// Invariant: a node is in at most one list per Tag. Not thread-safe; the owner of the list locks.
#pragma once

#include <cassert>
#include <cstddef>

namespace siding {

/// Base of everything that can stand in a List<T, Tag>. Neither copied nor moved: its neighbours
/// point at it.
template <class Tag = void>
class Link {
 public:
  Link() = default;
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;
  ~Link() { unlink(); }

  bool linked() const { return next_ != this; }

  /// Leaves whatever list it is in; harmless when in none.
  void unlink() {
    prev_->next_ = next_;
    next_->prev_ = prev_;
    prev_ = next_ = this;
  }

 private:
  template <class T, class U>
  friend class List;

  void insert_before(Link& pos) {
    assert(!linked());
    prev_ = pos.prev_;
    next_ = &pos;
    pos.prev_->next_ = this;
    pos.prev_ = this;
  }

  Link* prev_ = this;
  Link* next_ = this;
};

/// A list of T, which derives from Link<Tag>. It owns none of its nodes; destroying the list leaves
/// them unlinked.
template <class T, class Tag = void>
class List {
 public:
  List() = default;
  List(const List&) = delete;
  List& operator=(const List&) = delete;
  ~List() { clear(); }

  bool empty() const { return !head_.linked(); }

  void push_back(T& node) { as_link(node).insert_before(head_); }
  void push_front(T& node) { as_link(node).insert_before(*head_.next_); }
  /// Puts `node` right before `pos`, which must be in this list.
  void insert_before(T& pos, T& node) { as_link(node).insert_before(as_link(pos)); }

  T* front() { return empty() ? nullptr : as_node(head_.next_); }
  T* back() { return empty() ? nullptr : as_node(head_.prev_); }
  /// The neighbours of a node of this list; nullptr at the ends.
  T* next(T& node) {
    Link<Tag>* n = as_link(node).next_;
    return n == &head_ ? nullptr : as_node(n);
  }
  T* prev(T& node) {
    Link<Tag>* p = as_link(node).prev_;
    return p == &head_ ? nullptr : as_node(p);
  }

  T* pop_front() {
    T* node = front();
    if (node != nullptr) as_link(*node).unlink();
    return node;
  }

  /// Moves all nodes of `other` to the end of this list.
  void append_all(List& other) {
    if (other.empty()) return;
    Link<Tag>* first = other.head_.next_;
    Link<Tag>* last = other.head_.prev_;
    other.head_.prev_ = other.head_.next_ = &other.head_;
    first->prev_ = head_.prev_;
    head_.prev_->next_ = first;
    last->next_ = &head_;
    head_.prev_ = last;
  }

  void clear() {
    while (!empty()) head_.next_->unlink();
  }

 private:
  static Link<Tag>& as_link(T& node) { return static_cast<Link<Tag>&>(node); }
  static T* as_node(Link<Tag>* link) { return static_cast<T*>(link); }

  Link<Tag> head_;
};

}  // namespace siding
