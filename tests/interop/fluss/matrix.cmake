# Our own client as a driver of the matrix (matrix.py, drivers/PROTOCOL.md).
add_executable(fluss_our_driver drivers/our_driver.c drivers/values.c)
target_link_libraries(fluss_our_driver PRIVATE sluice_flags sluice_door slu_fluss_client slu_fluss_record slu_base dep::jansson)
# What our writer sends is what Java's sends, byte for byte.
add_test(NAME interop.fluss.same_bytes COMMAND ${CMAKE_SOURCE_DIR}/tests/support/venv.sh run ${CMAKE_CURRENT_SOURCE_DIR}/same_bytes.py ${CMAKE_BINARY_DIR})
set_tests_properties(interop.fluss.same_bytes PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 600 LABELS interop)
# The oldest published client.
add_test(NAME interop.fluss.oldest COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/oldest.sh ${CMAKE_BINARY_DIR})
set_tests_properties(interop.fluss.oldest PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 300 LABELS interop)
