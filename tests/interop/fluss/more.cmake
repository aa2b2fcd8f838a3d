# DDL answers, and random types through every format (more.sh).
foreach(judge ddl types)
    add_test(NAME interop.fluss.${judge} COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/more.sh $<TARGET_FILE:fluss_server_main> ${judge})
    set_tests_properties(interop.fluss.${judge} PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 300 LABELS interop)
endforeach()
