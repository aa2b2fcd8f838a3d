# What `cmake --install` lays down: the program, its plugins, the door, the sdk, a CMake package and sluice.pc. Nothing in it names the
# prefix: the tree may be moved.
include(GNUInstallDirs)

get_property(SLUICE_PLUGIN_TARGETS GLOBAL PROPERTY SLUICE_PLUGINS)
install(TARGETS sluice RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
if(SLUICE_PLUGIN_TARGETS)
    install(TARGETS ${SLUICE_PLUGIN_TARGETS} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/sluice/plugins)
endif()
install(DIRECTORY ${CMAKE_SOURCE_DIR}/plugins/include/ ${CMAKE_SOURCE_DIR}/plugins/sdk/include/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
    FILES_MATCHING PATTERN "*.h")
install(TARGETS sluice_sdk ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY ${CMAKE_SOURCE_DIR}/jobs/ DESTINATION ${CMAKE_INSTALL_DATADIR}/sluice/jobs FILES_MATCHING PATTERN "*.yaml")
install(FILES ${CMAKE_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/sluice)

set(SLUICE_CMAKE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/sluice)
file(RELATIVE_PATH SLUICE_CMAKE_TO_PREFIX /${SLUICE_CMAKE_DIR} /)
include(CMakePackageConfigHelpers)
configure_file(${CMAKE_SOURCE_DIR}/cmake/sluiceConfig.cmake.in ${CMAKE_BINARY_DIR}/sluiceConfig.cmake @ONLY)
write_basic_package_version_file(${CMAKE_BINARY_DIR}/sluiceConfigVersion.cmake COMPATIBILITY SameMajorVersion)
install(FILES ${CMAKE_BINARY_DIR}/sluiceConfig.cmake ${CMAKE_BINARY_DIR}/sluiceConfigVersion.cmake
    ${CMAKE_SOURCE_DIR}/plugins/cmake/SluicePlugin.cmake ${CMAKE_SOURCE_DIR}/plugins/cmake/plugin.map DESTINATION ${SLUICE_CMAKE_DIR})

file(RELATIVE_PATH SLUICE_PC_TO_PREFIX /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
configure_file(${CMAKE_SOURCE_DIR}/cmake/sluice.pc.in ${CMAKE_BINARY_DIR}/sluice.pc @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/sluice.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
