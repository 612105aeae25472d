# siding_library(FOLDER [USES folder...] [EXTERNAL target...])
#
# Makes the static library siding_<last part of FOLDER> of FOLDER/*.cc. The sources are globbed on
# purpose: the layout says where a file belongs, so a new file needs no edit here, and people who
# add files at the same time have no list to merge. CONFIGURE_DEPENDS lets each build look for new
# files by itself. A folder that has no .cc (yet) is a library of headers only.
function(siding_library folder)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "USES;EXTERNAL")
  get_filename_component(name ${folder} NAME)
  set(uses ${arg_USES})
  list(TRANSFORM uses REPLACE ".*/" "")
  list(TRANSFORM uses PREPEND "siding_")

  file(GLOB sources CONFIGURE_DEPENDS ${folder}/*.cc)
  if(sources)
    add_library(siding_${name} STATIC ${sources})
    target_link_libraries(siding_${name} PUBLIC ${uses} PRIVATE ${arg_EXTERNAL})
  else()
    add_library(siding_${name} INTERFACE)
    target_link_libraries(siding_${name} INTERFACE ${uses})
  endif()
endfunction()
