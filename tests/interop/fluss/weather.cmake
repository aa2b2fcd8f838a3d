# Fluss's own client on our server, in bad weather and under kill -9.
add_test(NAME interop.fluss.weather COMMAND python3 ${CMAKE_CURRENT_SOURCE_DIR}/weather.py $<TARGET_FILE:fluss_server_main> $<TARGET_FILE:fault_proxy>)
set_tests_properties(interop.fluss.weather PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 400 LABELS interop)
