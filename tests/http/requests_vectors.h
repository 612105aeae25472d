// What python-requests 2.28.1 with urllib3 1.26.12 puts on the wire (a local server saw the same as
// path_url says, direct and by http_proxy). A null is a value that a template refuses: see
// http/template.h. Made once, value by value, with
//   requests.Request("GET", url).prepare().path_url
// for "http://h/s?word=" + q, for "http://h/u/" + q, and for "http://h/s" with params={"word": q}.
#pragma once

namespace siding {

struct RequestsVector {
  const char* value;
  const char* query;   // {query.q|requote}
  const char* path;    // {query.q|requote} in a path
  const char* params;  // {query.q|form}
};

// clang-format off
inline constexpr RequestsVector kRequestsVectors[] = {
    {"python", "/s?word=python", "/u/python", "/s?word=python"},
    {"a b", "/s?word=a%20b", "/u/a%20b", "/s?word=a+b"},
    {"a+b", "/s?word=a+b", "/u/a+b", "/s?word=a%2Bb"},
    {"\303\251", "/s?word=%C3%A9", "/u/%C3%A9", "/s?word=%C3%A9"},
    {"\344\275\240", "/s?word=%E4%BD%A0", "/u/%E4%BD%A0", "/s?word=%E4%BD%A0"},
    {"\360\237\230\200", "/s?word=%F0%9F%98%80", "/u/%F0%9F%98%80", "/s?word=%F0%9F%98%80"},
    {"\303\261and\303\272", "/s?word=%C3%B1and%C3%BA",
     "/u/%C3%B1and%C3%BA", "/s?word=%C3%B1and%C3%BA"},
    {"50%", "/s?word=50%25", "/u/50%25", "/s?word=50%25"},
    {"100%25", "/s?word=100%25", "/u/100%25", "/s?word=100%2525"},
    {"%", "/s?word=%25", "/u/%25", "/s?word=%25"},
    {"%%", "/s?word=%25%25", "/u/%25%25", "/s?word=%25%25"},
    {"%4", "/s?word=%254", "/u/%254", "/s?word=%254"},
    {"%41", "/s?word=A", "/u/A", "/s?word=%2541"},
    {"%zz", "/s?word=%25zz", "/u/%25zz", "/s?word=%25zz"},
    {"%e9", "/s?word=%E9", "/u/%E9", "/s?word=%25e9"},
    {"%C3%A9", "/s?word=%C3%A9", "/u/%C3%A9", "/s?word=%25C3%25A9"},
    {"a%26b", "/s?word=a%26b", "/u/a%26b", "/s?word=a%2526b"},
    {"a%20b", "/s?word=a%20b", "/u/a%20b", "/s?word=a%2520b"},
    {"%2e%", "/s?word=%252E%25", "/u/%252E%25", "/s?word=%252e%25"},
    {"%e9*%zz", "/s?word=%25E9*%25zz", "/u/%25E9*%25zz", "/s?word=%25e9%2A%25zz"},
    {"%%41", "/s?word=%25%2541", "/u/%25%2541", "/s?word=%25%2541"},
    {"%2F", "/s?word=%2F", "/u/%2F", "/s?word=%252F"},
    {"a/b", "/s?word=a/b", nullptr, "/s?word=a%2Fb"},
    {"a?b", "/s?word=a?b", nullptr, "/s?word=a%3Fb"},
    {"a=b", "/s?word=a=b", "/u/a=b", "/s?word=a%3Db"},
    {"a&b", nullptr, "/u/a&b", "/s?word=a%26b"},
    {"a#b", nullptr, nullptr, "/s?word=a%23b"},
    {"a;b", nullptr, nullptr, "/s?word=a%3Bb"},
    {"a&admin=1", nullptr, "/u/a&admin=1", "/s?word=a%26admin%3D1"},
    {"\"quoted\"", "/s?word=%22quoted%22", "/u/%22quoted%22", "/s?word=%22quoted%22"},
    {"it's", "/s?word=it's", "/u/it's", "/s?word=it%27s"},
    {"`tick`", "/s?word=%60tick%60", "/u/%60tick%60", "/s?word=%60tick%60"},
    {"[1]", "/s?word=%5B1%5D", "/u/%5B1%5D", "/s?word=%5B1%5D"},
    {"{x}", "/s?word=%7Bx%7D", "/u/%7Bx%7D", "/s?word=%7Bx%7D"},
    {"<b>", "/s?word=%3Cb%3E", "/u/%3Cb%3E", "/s?word=%3Cb%3E"},
    {"a|b", "/s?word=a%7Cb", "/u/a%7Cb", "/s?word=a%7Cb"},
    {"a\\b", "/s?word=a%5Cb", "/u/a%5Cb", "/s?word=a%5Cb"},
    {"a^b", "/s?word=a%5Eb", "/u/a%5Eb", "/s?word=a%5Eb"},
    {"~u", "/s?word=~u", "/u/~u", "/s?word=~u"},
    {"x*y", "/s?word=x*y", "/u/x*y", "/s?word=x%2Ay"},
    {"(a)", "/s?word=(a)", "/u/(a)", "/s?word=%28a%29"},
    {"!$'*,", "/s?word=!$'*,", "/u/!$'*,", "/s?word=%21%24%27%2A%2C"},
    {"a:b@c", "/s?word=a:b@c", "/u/a:b@c", "/s?word=a%3Ab%40c"},
    {"a,b", "/s?word=a,b", "/u/a,b", "/s?word=a%2Cb"},
    {"tab\011here", "/s?word=tab%09here", nullptr, "/s?word=tab%09here"},
    {"nl\012x", "/s?word=nl%0Ax", nullptr, "/s?word=nl%0Ax"},
    {"\177", "/s?word=%7F", nullptr, "/s?word=%7F"},
    {"\342\200\250", "/s?word=%E2%80%A8", "/u/%E2%80%A8", "/s?word=%E2%80%A8"},
    {".", "/s?word=.", nullptr, "/s?word=."},
    {"..", "/s?word=..", nullptr, "/s?word=.."},
    {"%2e%2e", "/s?word=..", nullptr, "/s?word=%252e%252e"},
    {"..;", nullptr, nullptr, "/s?word=..%3B"},
    {".x", "/s?word=.x", "/u/.x", "/s?word=.x"},
    {"-_.~", "/s?word=-_.~", "/u/-_.~", "/s?word=-_.~"},
    {" lead", "/s?word=%20lead", "/u/%20lead", "/s?word=+lead"},
    {"trail ", "/s?word=trail%20", "/u/trail%20", "/s?word=trail+"},
    {"a%2Fb", "/s?word=a%2Fb", "/u/a%2Fb", "/s?word=a%252Fb"},
    {"http://evil/", "/s?word=http://evil/", nullptr, "/s?word=http%3A%2F%2Fevil%2F"},
    {"//evil", "/s?word=//evil", nullptr, "/s?word=%2F%2Fevil"},
    {"@evil", "/s?word=@evil", "/u/@evil", "/s?word=%40evil"},
    {"a b%", "/s?word=a%20b%25", "/u/a%20b%25", "/s?word=a+b%25"},
    {"\303\251%20", "/s?word=%C3%A9%20", "/u/%C3%A9%20", "/s?word=%C3%A9%2520"},
    {"%C3%A", "/s?word=%25C3%25A", "/u/%25C3%25A", "/s?word=%25C3%25A"},
    {"+", "/s?word=+", "/u/+", "/s?word=%2B"},
    {"%2B", "/s?word=%2B", "/u/%2B", "/s?word=%252B"},
    {"rock & roll", nullptr, "/u/rock%20&%20roll", "/s?word=rock+%26+roll"},
    {"C++ & C#", nullptr, nullptr, "/s?word=C%2B%2B+%26+C%23"},
    {"na\303\257ve caf\303\251", "/s?word=na%C3%AFve%20caf%C3%A9",
     "/u/na%C3%AFve%20caf%C3%A9", "/s?word=na%C3%AFve+caf%C3%A9"},
    {"a%00b", "/s?word=a%00b", nullptr, "/s?word=a%2500b"},
    {"\001", "/s?word=%01", nullptr, "/s?word=%01"},
};
// clang-format on

}  // namespace siding
