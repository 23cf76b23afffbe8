# What a build against the ROS packages from PyPI needs beyond one against a ROS installation.
# On a ROS installation neither of these changes anything.

# With no ROS sourced, look for the type supports where ament_cmake is. Workspaces that are sourced
# stay in front.
function(use_prefix_of_ament_cmake)
  get_filename_component(_prefix "${ament_cmake_DIR}/../../.." ABSOLUTE)
  string(REPLACE ":" ";" _prefixes "$ENV{AMENT_PREFIX_PATH}")
  if(NOT _prefix IN_LIST _prefixes)
    list(APPEND _prefixes "${_prefix}")
    string(REPLACE ";" ":" _prefixes "${_prefixes}")
    set(ENV{AMENT_PREFIX_PATH} "${_prefixes}")
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
