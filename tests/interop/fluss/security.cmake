# Logins and rights, as on a real cluster.
add_test(NAME interop.fluss.security COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/security.sh $<TARGET_FILE:fluss_server_main>
    ${CMAKE_SOURCE_DIR}/tests/golden/fluss/security.txt)
set_tests_properties(interop.fluss.security PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 300 LABELS interop)
