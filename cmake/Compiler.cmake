# How everything of siding is compiled. Tried with g++ 12 and clang 14; newer ones should do.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()

# Includes are always relative to the root: "base/list.h", "proxy/loop/task.h".
include_directories(${PROJECT_SOURCE_DIR})
# __FILE__ likewise, so that assertions print no paths of the machine that built it.
add_compile_options(-fmacro-prefix-map=${PROJECT_SOURCE_DIR}/=)

set(CMAKE_CXX_FLAGS_RELEASE
  "-O2 -g -fno-plt -fstack-protector-strong -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2")
# Asserts stay on in every build: a broken invariant must stop, not go on with somebody's request.
add_compile_options(-UNDEBUG)
add_compile_definitions($<$<NOT:$<CONFIG:Release>>:_GLIBCXX_ASSERTIONS>)

add_compile_options(
  -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Wimplicit-fallthrough
  -Wcast-qual -Wformat=2 -Wvla -Werror)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # A coroutine's frame comes from its promise's operator new; once that is inlined and operator
  # delete is not, g++ takes them for strangers (PR 109224). AddressSanitizer knows better.
  # And an empty std::optional is to it one that may be read (PR 80635); clang looks for these too.
  add_compile_options(-Wduplicated-cond -Wno-mismatched-new-delete -Wno-maybe-uninitialized)
  if(CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
    # PR 105329 and 105651: std::string's operator+ and replace() are "restrict" violations.
    add_compile_options(-Wno-restrict)
  endif()
else()
  # gtest's macros leave out a variadic argument, which every supported compiler accepts.
  add_compile_options(-Wno-gnu-zero-variadic-macro-arguments)
endif()

if(SIDING_SANITIZE)
  add_compile_options(
    -fsanitize=${SIDING_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${SIDING_SANITIZE})
endif()

# One translation unit per library (tests: per folder) takes a fifth of the time to compile from
# scratch. It asks that names in anonymous namespaces differ within a folder.
if(SIDING_UNITY)
  set(CMAKE_UNITY_BUILD ON)
  set(CMAKE_UNITY_BUILD_BATCH_SIZE 0)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # An anonymous namespace of an included file looks to g++ like one of a header.
    add_compile_options(-Wno-subobject-linkage)
  endif()
endif()
