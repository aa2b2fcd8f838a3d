# What `cmake --install` lays down: the program, its plugins, the door, the sdk, a CMake package and sluice.pc.
include(GNUInstallDirs)
