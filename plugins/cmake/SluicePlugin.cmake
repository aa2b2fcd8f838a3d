# sluice_add_plugin(NAME SOURCES x.c [KNOWS room ...] [USES lib ...]): one module NAME.so that `sluice plugins list` finds.
#
# Used inside this tree and, installed with the CMake package, by strangers: there it links sluice::door and sluice::sdk. Exactly one
# symbol, slu_plugin_entry, is visible; everything else, static libraries included, stays hidden inside the module.
set(SLUICE_PLUGIN_DIR ${CMAKE_CURRENT_LIST_DIR})

function(sluice_add_plugin NAME)
    cmake_parse_arguments(PLUGIN "" "" "SOURCES;KNOWS;USES" ${ARGN})
    add_library(plugin_${NAME} MODULE ${PLUGIN_SOURCES})
    set_target_properties(plugin_${NAME} PROPERTIES PREFIX "" OUTPUT_NAME ${NAME} C_VISIBILITY_PRESET hidden
        POSITION_INDEPENDENT_CODE ON)
    target_link_options(plugin_${NAME} PRIVATE -Wl,--exclude-libs,ALL -Wl,--version-script=${SLUICE_PLUGIN_DIR}/plugin.map
        -Wl,--gc-sections)
    if(TARGET sluice_flags)
        # The program finds its plugins beside itself, in plugins/.
        set_target_properties(plugin_${NAME} PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/plugins)
        target_link_libraries(plugin_${NAME} PRIVATE sluice_flags sluice_door sluice_sdk ${PLUGIN_USES})
        foreach(KNOWN IN LISTS PLUGIN_KNOWS)
            target_link_libraries(plugin_${NAME} PRIVATE slu_${KNOWN})
        endforeach()
        set_property(GLOBAL APPEND PROPERTY SLUICE_PLUGINS plugin_${NAME})
    else()
        target_compile_features(plugin_${NAME} PRIVATE c_std_17)
        target_link_libraries(plugin_${NAME} PRIVATE sluice::door sluice::sdk ${PLUGIN_USES})
    endif()
endfunction()

# sluice_add_plugin_test(NAME PLUGIN module SOURCES x_test.c [USES lib ...]): a test program that finds the module's file in the macro
# PLUGIN_FILE and runs the plugin in the sdk's harness.
function(sluice_add_plugin_test NAME)
    cmake_parse_arguments(TEST "" "PLUGIN" "SOURCES;USES" ${ARGN})
    string(REPLACE "." "_" TARGET test_${NAME})
    add_executable(${TARGET} ${TEST_SOURCES})
    target_compile_definitions(${TARGET} PRIVATE PLUGIN_FILE="$<TARGET_FILE:plugin_${TEST_PLUGIN}>")
    add_dependencies(${TARGET} plugin_${TEST_PLUGIN})
    if(TARGET sluice_flags)
        target_include_directories(${TARGET} PRIVATE ${CMAKE_SOURCE_DIR}/tests)
        target_link_libraries(${TARGET} PRIVATE sluice_flags sluice_door sluice_sdk ${TEST_USES} ${CMAKE_DL_LIBS})
    else()
        target_compile_features(${TARGET} PRIVATE c_std_17)
        target_link_libraries(${TARGET} PRIVATE sluice::door sluice::sdk ${TEST_USES} ${CMAKE_DL_LIBS})
    endif()
    add_test(NAME ${NAME} COMMAND ${TARGET})
    set_tests_properties(${NAME} PROPERTIES TIMEOUT 60)
endfunction()
