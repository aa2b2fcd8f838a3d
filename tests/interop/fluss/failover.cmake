# Our client on a real cluster whose tablet servers die under its load.
add_executable(fluss_failover_load failover_load.c)
target_include_directories(fluss_failover_load PRIVATE ${CMAKE_SOURCE_DIR}/tests)
target_link_libraries(fluss_failover_load PRIVATE sluice_flags sluice_sdk dep::cmocka slu_fault_proxy slu_fluss_client slu_fluss_record slu_fluss_server slu_base)
add_test(NAME interop.fluss.failover COMMAND python3 ${CMAKE_CURRENT_SOURCE_DIR}/failover.py $<TARGET_FILE:fluss_failover_load>
    "delay=10:10 split=10 repeat=10 cutup=400000 cutdown=200000")
set_tests_properties(interop.fluss.failover PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 400 LABELS interop RUN_SERIAL ON)
