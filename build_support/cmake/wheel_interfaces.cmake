# What a build against the ROS packages from PyPI needs beyond one against a ROS installation.
# On a ROS installation neither of these changes anything.

# With no workspace sourced, look for the type supports where ament_cmake is.
function(use_prefix_of_ament_cmake)
  if("$ENV{AMENT_PREFIX_PATH}" STREQUAL "")
    get_filename_component(_prefix "${ament_cmake_DIR}/../../.." ABSOLUTE)
    set(ENV{AMENT_PREFIX_PATH} "${_prefix}")
  endif()
endfunction()

# Interface packages from PyPI export the Python and NumPy include directories of the machine that
# built them. Drop those that do not exist here.
function(drop_missing_include_directories)
  get_property(_targets DIRECTORY PROPERTY IMPORTED_TARGETS)
  foreach(_target IN LISTS _targets)
    if(NOT _target MATCHES "__rosidl_generator_py$")
      continue()
    endif()
    get_target_property(_directories ${_target} INTERFACE_INCLUDE_DIRECTORIES)
    if(NOT _directories)
      continue()
    endif()
    set(_kept)
    foreach(_directory IN LISTS _directories)
      if(NOT IS_ABSOLUTE "${_directory}" OR EXISTS "${_directory}")
        list(APPEND _kept "${_directory}")
      endif()
    endforeach()
    set_target_properties(${_target} PROPERTIES INTERFACE_INCLUDE_DIRECTORIES "${_kept}")
  endforeach()
endfunction()
